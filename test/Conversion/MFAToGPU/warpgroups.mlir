// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// Four warps of producers behind the consumers, of which a thread each starts
// loads. A warp's lanes take the number of their warpgroup from the first.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: known_block_size = array<i32: 512, 1, 1>
// CHECK: %[[THREAD:.*]] = gpu.thread_id  x
// CHECK: %[[OWN:.*]] = arith.divui %[[THREAD]], %c128
// CHECK: %[[OWN_I32:.*]] = arith.index_castui %[[OWN]]
// CHECK: %[[CONSUMER:.*]], %{{.*}} = gpu.shuffle idx %[[OWN_I32]], %c0_i32, %c32_i32
// CHECK: %[[IS_FIRST:.*]] = arith.cmpi eq, %[[THREAD]], %c0
// CHECK: %[[IS_PRODUCER:.*]] = arith.cmpi uge, %[[THREAD]], %c384
// CHECK: scf.if %[[IS_PRODUCER]]
// CHECK:   nvvm.setmaxregister decrease 32
// CHECK:   arith.cmpi eq, %[[THREAD]], %c384
// CHECK:   arith.cmpi eq, %[[THREAD]], %c416
// CHECK:   arith.cmpi eq, %[[THREAD]], %c448
// CHECK: else
// CHECK:   nvvm.setmaxregister increase 160
// Three take turns: each waits at a barrier of its own, where the one before it
// arrives, and the last lets the first begin. Of the last turns the first one's
// is not passed on to it again.
// CHECK:   %[[AFTER:.*]] = arith.addi %{{.*}}, %c1
// CHECK:   %[[NEXT:.*]] = arith.remui %[[AFTER]], %c3
// CHECK:   %[[OWN_TURN:.*]] = arith.addi %[[CONSUMER]], %c4_i32
// CHECK:   %[[NEXT_I32:.*]] = arith.index_castui %[[NEXT]]
// CHECK:   %[[NEXT_TURN:.*]] = arith.addi %[[NEXT_I32]], %c4_i32
// CHECK:   %[[IS_LAST:.*]] = arith.cmpi eq, %[[NEXT]], %c0
// CHECK:   scf.if %[[IS_LAST]]
// CHECK-NEXT: nvvm.barrier.arrive id = %[[NEXT_TURN]] number_of_threads = %c256_i32
// CHECK:   nvvm.barrier id = %[[OWN_TURN]] number_of_threads = %c256_i32
// CHECK:   mfa_gpu.warpgroup_mma
// CHECK:   nvvm.barrier.arrive id = %[[NEXT_TURN]]
// CHECK:   scf.for
// CHECK:     nvvm.barrier id = %[[OWN_TURN]]
// CHECK:     mfa_gpu.warpgroup_wait 0
// CHECK-NEXT: nvvm.barrier.arrive id = %[[NEXT_TURN]]
// CHECK:   nvvm.barrier id = %[[OWN_TURN]]
// CHECK:   mfa_gpu.warpgroup_mma
// CHECK:   %[[IS_AWAITED:.*]] = arith.cmpi ne, %[[NEXT]], %c0
// CHECK:   scf.if %[[IS_AWAITED]]
// CHECK-NEXT: nvvm.barrier.arrive id = %[[NEXT_TURN]]
func.func @three(%q: memref<1x768x4x64xf16>, %o: memref<1x768x4x64xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x768x4x64xf16>, memref<1x768x4x64xf16>, memref<1x768x4x64xf16>)
      outs(%o : memref<1x768x4x64xf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 192, tile_keys = 64, warps = 12, stages = 2, ping_pong = true>)
  return
}

// -----

// One consumer: as many registers as a thread can have, and no turns.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-NOT: nvvm.setmaxregister
// CHECK-NOT: nvvm.barrier.arrive
// CHECK: gpu.return
func.func @one(%q: memref<1x768x4x64xf16>, %o: memref<1x768x4x64xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x768x4x64xf16>, memref<1x768x4x64xf16>, memref<1x768x4x64xf16>)
      outs(%o : memref<1x768x4x64xf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 64, tile_keys = 64, warps = 4, stages = 2>)
  return
}
