// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// What a rule keeps of tiles that are tested, as bits that its list has beside them.

!a = memref<2x1024x8x64xbf16>
#list = #mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, persistent = true, row_counter = true, tiles = list>

// Of 16 tiles of keys each has a step, a class, and two words for each of 128 rows.
// CHECK-LABEL: func.func @shared(
// CHECK: %[[LIST:.*]], %{{.*}}, %[[FILLED:.*]] = mfa_gpu.kept_tile_list
// CHECK-SAME: memref<1x1x8x4131xi32>
// A kernel that finds classes has the counter set to 0.
// CHECK: scf.if %[[FILLED]] {
// CHECK-NEXT: gpu.memset async [%{{.*}}] %[[COUNTER:.*]], %c0_i32
// CHECK: gpu.launch_func {{.*}}@masked_attention_tile_classes {{.*}} : memref<1x1x8x4131xi32>, %[[COUNTER]] : memref<1xi32>)
// CHECK: gpu.launch_func {{.*}}@masked_attention_tile_order
// CHECK: gpu.launch_func {{.*}}@masked_attention blocks

// Each warp finds the class of a tile, and the block's warps have the bits of its four
// tiles in turn, each of 32 rows. Each lane has one of them, and the words of its keys,
// of which those behind the last one are no part.
// CHECK-LABEL: gpu.func @masked_attention_tile_classes(
// CHECK-SAME: %[[LIST:[a-z0-9]*]]: memref<1x1x8x4131xi32>, %[[COUNTER:[a-z0-9]*]]: memref<1xi32>
// CHECK: %[[LANE:.*]] = arith.remui %{{.*}}, %c32
// CHECK: scf.if
// CHECK-NEXT: memref.store %c0_i32, %[[COUNTER]][%c0]
// CHECK: scf.while
// CHECK: memref.store %{{.*}}, %[[LIST]]
// CHECK: gpu.barrier
// CHECK: scf.for %{{.*}} = %c0 to %c4 step %c1
// CHECK: %[[CLASS:.*]] = memref.load %[[LIST]]
// CHECK: %[[TESTED:.*]] = arith.cmpi eq, %[[CLASS]], %c4_i32
// CHECK: scf.if %[[TESTED]]
// CHECK: scf.for %[[FIRST_ROW:.*]] = %{{.*}} to %c128 step %c128
// CHECK: %[[KEYS_END:.*]] = arith.minui %{{.*}}, %c1024
// CHECK: %[[ROW:.*]] = arith.addi %[[FIRST_ROW]], %[[LANE]]
// CHECK: scf.for %[[WORD:.*]] = %c0 to %c2 step %c1
// CHECK: %[[OFFSET:.*]] = arith.muli %[[WORD]], %c32
// CHECK: %[[FIRST_KEY:.*]] = arith.addi %{{.*}}, %[[OFFSET]]
// CHECK-NOT: memref.load
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : i32
// CHECK: arith.ori %{{.*}}, %c4_i32
// CHECK: %[[LAST:.*]] = arith.ori %[[OTHERS:.*]], %c-2147483648_i32
// CHECK: %[[BITS:.*]] = arith.select %{{.*}}, %[[LAST]], %[[OTHERS]]
// CHECK: %[[LEFT:.*]] = arith.subi %[[KEYS_END]], %[[FIRST_KEY]]
// CHECK: %[[AT_MOST:.*]] = arith.minsi %[[LEFT]], %c32
// CHECK: arith.maxsi %[[AT_MOST]], %c0
// CHECK: arith.shli %c1_i64
// CHECK: %[[THERE:.*]] = arith.trunci
// CHECK: %[[STORED:.*]] = arith.andi %[[BITS]], %[[THERE]]
// CHECK: memref.store %[[STORED]], %[[LIST]]

// A tile of a row without any is tested, and has no bit.
// CHECK-LABEL: gpu.func @masked_attention_tile_order(
// CHECK: %[[STEPS:.*]] = arith.maxui %[[FOUND:.*]], %{{.*}} : i32
// CHECK: %[[MORE:.*]] = arith.subi %[[STEPS]], %[[FOUND]] : i32
// CHECK: %[[ANY_MORE:.*]] = arith.cmpi ne, %[[MORE]], %c0_i32
// CHECK: scf.if %[[ANY_MORE]]
// CHECK: scf.for %{{.*}} = %{{.*}} to %c256 step %c32
// CHECK: memref.store %c0_i32

// The attention kernel reads them in place of the rule, and divides nothing by 48.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[LIST:[a-z0-9]*]]: memref<1x1x8x4131xi32>
// CHECK-NOT: %c48
// CHECK: mfa_gpu.map
// CHECK: ^bb0(%{{.*}}: f32, %[[ROW:.*]]: i32, %[[COL:.*]]: i32):
// CHECK: arith.shrui %[[COL]], %c5_i32
// CHECK: %[[WORD:.*]] = memref.load %[[LIST]]
// CHECK: %[[OF_LANE:.*]] = arith.andi %[[COL]], %c6_i32
// CHECK: %[[SHIFTED:.*]] = arith.shrui %[[WORD]], %[[OF_LANE]]
// CHECK: %[[REST:.*]] = arith.andi %[[COL]], %c25_i32
// CHECK: %[[BIT:.*]] = arith.shrui %[[SHIFTED]], %[[REST]]
// CHECK: arith.trunci %[[BIT]] : i32 to i1
// CHECK-LABEL: gpu.func @masked_attention
func.func @shared(%q: !a, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a) schedule(#list)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %width = arith.constant 48 : index
        %far = arith.constant 5 : index
        %near = arith.constant -5 : index
        %i_row = arith.divsi %i, %width : index
        %n_row = arith.divsi %n, %width : index
        %rows = arith.subi %i_row, %n_row : index
        %above = arith.cmpi sle, %rows, %far : index
        %below = arith.cmpi sge, %rows, %near : index
        %i_col = arith.remsi %i, %width : index
        %n_col = arith.remsi %n, %width : index
        %cols = arith.subi %i_col, %n_col : index
        %left = arith.cmpi sle, %cols, %far : index
        %right = arith.cmpi sge, %cols, %near : index
        %of_rows = arith.andi %above, %below : i1
        %of_cols = arith.andi %left, %right : i1
        %kept = arith.andi %of_rows, %of_cols : i1
        mfa.yield %kept : i1
      }
  return
}

// -----

!a = memref<?x?x?x64xbf16>
#list = #mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, tiles = list>

// The launch decides, by the heads of all batches that share a bit, and by the size of
// the list, which is no more than that of the queries: a word for two elements.
// CHECK-LABEL: func.func @open(
// CHECK-SAME: %[[Q:[a-z0-9]*]]: memref<?x?x?x64xbf16>
// CHECK: %[[WORDS:.*]] = arith.muli %{{.*}}, %c256
// CHECK: %[[BATCH:.*]] = memref.dim %[[Q]], %c0
// CHECK: %[[HEADS:.*]] = memref.dim %[[Q]], %c2
// CHECK: %[[SHARING:.*]] = arith.muli %[[BATCH]], %[[HEADS]] : index
// CHECK: %[[SHARED:.*]] = arith.cmpi uge, %[[SHARING]], %c8
// CHECK: %[[QUERY_WORDS:.*]] = arith.muli %{{.*}}, %c32
// CHECK: %[[SMALL:.*]] = arith.cmpi ule, %[[WORDS]], %[[QUERY_WORDS]]
// CHECK: %[[WORTH:.*]] = arith.andi %[[SHARED]], %[[SMALL]]
// CHECK: scf.if %[[WORTH]]
// CHECK: gpu.launch_func async {{.*}} @[[CLASSES:.*]]::@masked_attention_tile_classes
// CHECK: else
// CHECK: gpu.launch_func async {{.*}}::@masked_attention_tile_classes
// CHECK-NOT: @[[CLASSES]]::@masked_attention_tile_classes
func.func @open(%q: !a, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a) schedule(#list)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %width = arith.constant 48 : index
        %far = arith.constant 5 : index
        %near = arith.constant -5 : index
        %i_row = arith.divsi %i, %width : index
        %n_row = arith.divsi %n, %width : index
        %rows = arith.subi %i_row, %n_row : index
        %above = arith.cmpi sle, %rows, %far : index
        %below = arith.cmpi sge, %rows, %near : index
        %i_col = arith.remsi %i, %width : index
        %n_col = arith.remsi %n, %width : index
        %cols = arith.subi %i_col, %n_col : index
        %left = arith.cmpi sle, %cols, %far : index
        %right = arith.cmpi sge, %cols, %near : index
        %of_rows = arith.andi %above, %below : i1
        %of_cols = arith.andi %left, %right : i1
        %kept = arith.andi %of_rows, %of_cols : i1
        mfa.yield %kept : i1
      }
  return
}

// -----

!a = memref<2x1024x8x64xbf16>
#list = #mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, tiles = list>

// Not where the rule is short, where it reads an array by the key for fewer than 32
// heads, or where each head has pairs of its own: two batches share those.
// CHECK-LABEL: func.func @short(
// CHECK-NOT: 4131
// CHECK: return
func.func @short(%q: !a, %ids: memref<1024xi32>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%ids : memref<1024xi32>) outs(%o : !a) schedule(#list)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %d: memref<1024xi32>):
        %c3 = arith.constant 3 : index
        %distance = arith.subi %i, %n : index
        %rest = arith.remsi %distance, %c3 : index
        %kept = arith.cmpi eq, %rest, %h : index
        mfa.yield %kept : i1
      }
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%ids : memref<1024xi32>) outs(%o : !a) schedule(#list)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %d: memref<1024xi32>):
        %x = memref.load %d[%n] : memref<1024xi32>
        %c1 = arith.constant 1 : i32
        %c2 = arith.constant 2 : i32
        %c3 = arith.constant 3 : i32
        %c4 = arith.constant 4 : i32
        %c5 = arith.constant 5 : i32
        %1 = arith.xori %x, %c1 : i32
        %2 = arith.shrui %1, %c2 : i32
        %3 = arith.xori %2, %c3 : i32
        %4 = arith.shrui %3, %c4 : i32
        %5 = arith.xori %4, %c5 : i32
        %6 = arith.andi %5, %c3 : i32
        %7 = arith.muli %6, %c3 : i32
        %kept = arith.cmpi ne, %7, %c3 : i32
        mfa.yield %kept : i1
      }
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%ids : memref<1024xi32>) outs(%o : !a) schedule(#list)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %d: memref<1024xi32>):
        %1 = arith.xori %n, %h : index
        %2 = arith.shrui %1, %h : index
        %3 = arith.xori %2, %i : index
        %4 = arith.shrui %3, %h : index
        %5 = arith.xori %4, %h : index
        %6 = arith.andi %5, %i : index
        %7 = arith.muli %6, %i : index
        %kept = arith.cmpi ne, %7, %h : index
        mfa.yield %kept : i1
      }
  return
}

// -----

!a = memref<1x1000x32x64xbf16>
#list = #mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, tiles = list>

// A rule that reads an array by the key, for 32 heads. Bounds are bits in front of a
// key, and of a last tile that is short no key is read that is not there.
// CHECK-LABEL: func.func @documents(
// CHECK: gpu.func @masked_attention_tile_classes(
// CHECK-SAME: %[[IDS:[a-z0-9]*]]: memref<1000xi32>, %{{.*}}: memref<1x1x8x4131xi32>
// Whatever bounds are, they are brought among the keys before anything is added.
// CHECK: gpu.barrier
// CHECK: %[[LOW:.*]] = arith.maxsi %{{.*}}, %c0
// CHECK: %[[HIGH:.*]] = arith.minsi %{{.*}}, %{{.*}} : index
// CHECK: %[[END:.*]] = arith.addi %[[HIGH]], %c1
// CHECK: scf.for %{{.*}} = %c0 to %c2 step %c1
// CHECK: %[[PAST:.*]] = arith.addi %[[FIRST:.*]], %c31
// CHECK: %[[SHORT:.*]] = arith.cmpi ugt, %[[PAST]], %[[LAST_KEY:.*]] : index
// CHECK: scf.if %[[SHORT]] -> (i32)
// CHECK: arith.minui %[[FIRST]], %[[LAST_KEY]]
// CHECK: else
// CHECK-NOT: arith.minui
// CHECK: memref.load %[[IDS]][%[[FIRST]]]
// CHECK: arith.subi %[[END]], %[[FIRST]]
// CHECK: arith.shli %c1_i64
// CHECK: arith.andi
// CHECK: arith.shli %c1_i64
// CHECK: %[[BEFORE:.*]] = arith.trunci
// CHECK: arith.xori %[[BEFORE]], %c-1_i32
// CHECK: arith.andi
// CHECK: memref.store
func.func @documents(%q: !a, %ids: memref<1000xi32>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%ids : memref<1000xi32>) outs(%o : !a) schedule(#list)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %d: memref<1000xi32>):
        %x = memref.load %d[%i] : memref<1000xi32>
        %y = memref.load %d[%n] : memref<1000xi32>
        %same = arith.cmpi eq, %x, %y : i32
        %causal = arith.cmpi sle, %n, %i : index
        %c100 = arith.constant 100 : index
        %distance = arith.subi %i, %n : index
        %near = arith.cmpi sle, %distance, %c100 : index
        %both = arith.andi %same, %causal : i1
        %kept = arith.andi %both, %near : i1
        mfa.yield %kept : i1
      }
  return
}

// -----

!a = memref<?x?x?x64xbf16>
#wide = #mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, tiles = list>
#narrow = #mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 32, warps = 8, stages = 2, tiles = list>

// Lists of open sizes do not tell how many words a tile has: tiles of another size are
// put in order by another kernel.
// CHECK-LABEL: func.func @two(
// CHECK: scf.if
// CHECK: gpu.launch_func async {{.*}} @[[ORDER:.*]]::@masked_attention_tile_order
// CHECK-NOT: @[[ORDER]]::@masked_attention_tile_order
// CHECK: return
func.func @two(%q: !a, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a) schedule(#wide)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %width = arith.constant 48 : index
        %far = arith.constant 5 : index
        %near = arith.constant -5 : index
        %i_row = arith.divsi %i, %width : index
        %n_row = arith.divsi %n, %width : index
        %rows = arith.subi %i_row, %n_row : index
        %above = arith.cmpi sle, %rows, %far : index
        %below = arith.cmpi sge, %rows, %near : index
        %i_col = arith.remsi %i, %width : index
        %n_col = arith.remsi %n, %width : index
        %cols = arith.subi %i_col, %n_col : index
        %left = arith.cmpi sle, %cols, %far : index
        %right = arith.cmpi sge, %cols, %near : index
        %of_rows = arith.andi %above, %below : i1
        %of_cols = arith.andi %left, %right : i1
        %kept = arith.andi %of_rows, %of_cols : i1
        mfa.yield %kept : i1
      }
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a) schedule(#narrow)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %width = arith.constant 48 : index
        %far = arith.constant 5 : index
        %near = arith.constant -5 : index
        %i_row = arith.divsi %i, %width : index
        %n_row = arith.divsi %n, %width : index
        %rows = arith.subi %i_row, %n_row : index
        %above = arith.cmpi sle, %rows, %far : index
        %below = arith.cmpi sge, %rows, %near : index
        %i_col = arith.remsi %i, %width : index
        %n_col = arith.remsi %n, %width : index
        %cols = arith.subi %i_col, %n_col : index
        %left = arith.cmpi sle, %cols, %far : index
        %right = arith.cmpi sge, %cols, %near : index
        %of_rows = arith.andi %above, %below : i1
        %of_cols = arith.andi %left, %right : i1
        %kept = arith.andi %of_rows, %of_cols : i1
        mfa.yield %kept : i1
      }
  return
}
