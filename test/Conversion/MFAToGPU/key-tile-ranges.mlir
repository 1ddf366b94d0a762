// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

!a = memref<1x?x2x64xf16>

// A causal rule: rows from the last on, and of these the tiles up to the diagonal,
// which comes first and is the only one that is tested.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: %[[NUM:.*]] = arith.ceildivui %{{.*}}, %c32
// CHECK: %[[LAST_ROWS:.*]] = arith.subi %{{.*}}, %c1_i32
// CHECK: arith.subi %[[LAST_ROWS]], %{{.*}} : i32
// CHECK: %[[DIAGONAL:.*]] = arith.muli %{{.*}}, %c2 overflow<nsw>
// CHECK: %[[BEHIND:.*]] = arith.addi %[[DIAGONAL]], %c2
// CHECK: arith.minsi %[[NUM]], %[[BEHIND]]
// CHECK: arith.maxsi %[[DIAGONAL]], %c0
// CHECK: %[[ARE_ALL:.*]] = arith.cmpi sge, %[[TESTED:[0-9a-z]*]], %[[COUNT:[0-9a-z]*]] : index
// CHECK: %[[DOWN:.*]] = arith.select %[[ARE_ALL]], %[[COUNT]]
// CHECK: scf.for %[[STEP:[a-z0-9]*]] = %c0 to %[[COUNT]] step %c1
// CHECK:   %[[S:.*]] = mfa_gpu.mma {{.*}} {transpose_rhs}
// CHECK:   %[[NEEDS_TEST:.*]] = arith.cmpi ult, %[[STEP]], %[[TESTED]]
// CHECK:   %[[IS_DOWN:.*]] = arith.cmpi ult, %[[STEP]], %[[DOWN]]
// CHECK:   arith.select %[[IS_DOWN]]
// CHECK:   scf.if %[[NEEDS_TEST]]
// CHECK:     %[[HIGH:.*]] = mfa_gpu.map
// CHECK:     mfa_gpu.map %[[S]], %[[HIGH]] coordinates
// CHECK:       arith.cmpf ole
// CHECK:   else
// CHECK:     scf.yield %[[S]]
func.func @causal(%q: !a, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %c = arith.cmpi sle, %n, %i : index
        mfa.yield %c : i1
      }
  return
}

// -----

!a = memref<1x1024x2x64xf16>

// A window whose size is known at run time, by a persistent wgmma kernel: rows
// keep their order, as each has as many keys. Tested steps leave products out, and
// weigh the rest as others do.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[SIZE:[a-z0-9]*]]: i32
// CHECK: nvvm.setmaxregister increase
// CHECK: arith.index_cast %[[SIZE]] : i32 to index
// CHECK: scf.while
// CHECK: mfa_gpu.warpgroup_mma
// CHECK: mfa_gpu.map %{{.*}} coordinates
// CHECK: scf.for %[[STEP:[a-z0-9]*]] =
// CHECK:   mfa_gpu.warpgroup_mma
// CHECK:   %[[NUMBER:.*]] = arith.subi %[[STEP]], %{{.*}} : i32
// CHECK:   %[[NEEDS_TEST:.*]] = arith.cmpi ult, %[[NUMBER]], %[[TESTED:[0-9a-z]*]] : i32
// CHECK:   %[[KEPT:.*]] = scf.if %[[NEEDS_TEST]]
// CHECK:     mfa_gpu.map %{{.*}} coordinates
// CHECK:   scf.if %{{.*}} -> (
// CHECK:     mfa_gpu.map %[[KEPT]]
// CHECK:     math.exp2
// CHECK:   scf.if %{{.*}}#2
// CHECK-NOT: coordinates
// CHECK:     mfa_gpu.reduce max %[[KEPT]]
func.func @window(%q: !a, %size: i32, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%size : i32) outs(%o : !a)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 128, warps = 8, stages = 2, ping_pong = true, persistent = true>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %w: i32):
        %s = arith.index_cast %w : i32 to index
        %d = arith.subi %i, %n : index
        %near = arith.cmpi slt, %d, %s : index
        %past = arith.cmpi sle, %n, %i : index
        %c = arith.andi %near, %past : i1
        mfa.yield %c : i1
      }
  return
}

// -----

!a = memref<1x1024x2x256xf16>

// The same beside the output tile of a wide head: tested steps take no maximum of the
// steps before.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[SIZE:[a-z0-9]*]]: i32
// CHECK: nvvm.setmaxregister increase
// CHECK: arith.index_cast %[[SIZE]] : i32 to index
// CHECK: scf.while
// CHECK: mfa_gpu.warpgroup_mma
// CHECK: mfa_gpu.map %{{.*}} coordinates
// CHECK: scf.for %[[STEP:[a-z0-9]*]] =
// CHECK:   mfa_gpu.warpgroup_mma
// CHECK:   %[[NUMBER:.*]] = arith.subi %[[STEP]], %{{.*}} : i32
// CHECK:   %[[NEEDS_TEST:.*]] = arith.cmpi ult, %[[NUMBER]], %[[TESTED:[0-9a-z]*]] : i32
// CHECK:   %[[NEEDS_NONE:.*]] = arith.cmpi uge, %[[NUMBER]], %[[TESTED]] : i32
// CHECK:   %[[MAY_TRY:.*]] = arith.andi %{{.*}}, %[[NEEDS_NONE]]
// CHECK:   scf.if %[[MAY_TRY]]
// CHECK:     math.exp2
// CHECK:   scf.if %{{.*}}#2
// CHECK:     scf.if %[[NEEDS_TEST]]
// CHECK:       mfa_gpu.map %{{.*}} coordinates
func.func @wide_window(%q: !a, %size: i32, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%size : i32) outs(%o : !a)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, ping_pong = true, persistent = true>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %w: i32):
        %s = arith.index_cast %w : i32 to index
        %d = arith.subi %i, %n : index
        %near = arith.cmpi slt, %d, %s : index
        %past = arith.cmpi sle, %n, %i : index
        %c = arith.andi %near, %past : i1
        mfa.yield %c : i1
      }
  return
}
