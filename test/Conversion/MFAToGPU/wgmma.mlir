// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// What the hardware can copy is known where the program runs; the other kernel
// takes everything.
// CHECK-LABEL: func.func @masked
// CHECK: %[[QUERY_MAP:.*]], %[[V0:.*]] = mfa_gpu.encode_tensor_map %arg0 box [1, 128, 1, 64]
// CHECK: mfa_gpu.encode_tensor_map %arg1 box [1, 64, 1, 64]
// CHECK: mfa_gpu.encode_tensor_map %arg2 box [1, 64, 1, 64]
// CHECK: mfa_gpu.encode_tensor_map %arg4 box [1, 64, 1, 64]
// CHECK: scf.if
// CHECK: mfa_gpu.encode_tensor_map %arg3 box [1, 128, 64]
// CHECK: gpu.launch_func @{{.*}}::@masked_attention blocks in {{.*}} threads in (%c384
// CHECK: else
// CHECK: gpu.launch_func @{{.*}}::@masked_attention_0 {{.*}} threads in (%c128

// CHECK: gpu.func @masked_attention(
// CHECK: nvgpu.mbarrier.init
// CHECK: nvvm.fence.mbarrier.init
// CHECK: gpu.barrier
// One producer loads the query.
// CHECK: nvvm.setmaxregister decrease 24
// CHECK: scf.if
// CHECK-NOT: try_wait
// CHECK: nvgpu.mbarrier.arrive.expect_tx
// CHECK-COUNT-2: mfa_gpu.tensor_load %{{.*}} : memref<128x64x
// CHECK: }
// Others the tiles of the key, of the value, and of the mask.
// CHECK: scf.if
// CHECK: scf.for
// CHECK: nvgpu.mbarrier.try_wait.parity
// CHECK-COUNT-2: mfa_gpu.tensor_load {{.*}} : memref<64x64x
// CHECK: }
// CHECK: scf.if
// CHECK: scf.for
// CHECK: nvgpu.mbarrier.try_wait.parity
// CHECK-COUNT-2: mfa_gpu.tensor_load {{.*}} : memref<64x64x
// CHECK: }
// CHECK: scf.if
// CHECK: scf.for
// CHECK: nvgpu.mbarrier.try_wait.parity
// CHECK: mfa_gpu.tensor_load {{.*}} : memref<128x64x
// CHECK: }

// The consumers: the first step by its own maximum.
// CHECK: nvvm.setmaxregister increase 240
// CHECK: mfa_gpu.warpgroup_mma {{.*}} {transpose_rhs}
// CHECK: mfa_gpu.warpgroup_wait 0
// CHECK: mfa_gpu.reduce max
// CHECK: math.exp2
// The others: both products, then weights by the maximum so far, as one map from
// products and mask, if all rows have one that will do.
// CHECK: scf.for {{.*}} iter_args(%[[O:.*]] = %{{.*}}, %[[P:.*]] = %{{.*}}, %[[M:.*]] = %{{.*}}, %[[L:.*]] = %{{.*}}, %[[HAS_BASES:.*]] = %{{.*}})
// CHECK:   nvgpu.mbarrier.try_wait.parity
// CHECK:   %[[NEXT:.*]] = mfa_gpu.warpgroup_mma %[[P]], %{{.*}}, %[[O]]
// CHECK:   nvgpu.mbarrier.try_wait.parity
// CHECK:   %[[S:.*]] = mfa_gpu.warpgroup_mma {{.*}} {transpose_rhs}
// CHECK:   nvgpu.mbarrier.try_wait.parity
// CHECK:   %[[DONE:.*]]:2 = mfa_gpu.warpgroup_wait 0, %[[NEXT]], %[[S]]
// CHECK-COUNT-2: nvgpu.mbarrier.arrive
// CHECK:   %[[EARLY:.*]]:3 = scf.if %[[HAS_BASES]]
// CHECK:     %[[MASK:.*]] = mfa_gpu.load {{.*}} : memref<1x128x64x
// CHECK-NOT: mfa_gpu.reduce max
// CHECK:     mfa_gpu.map %[[M]]
// CHECK:     mfa_gpu.map %[[DONE]]#1, %{{.*}}, %{{.*}} :
// CHECK-COUNT-2: math.fma
// CHECK:     math.exp2
// CHECK:     mfa_gpu.reduce add {{.*}} partial
// CHECK:     arith.cmpf ugt, %{{.*}}, %{{.*}}
// CHECK:     mfa_gpu.any
// CHECK:     mfa_gpu.convert {{.*}} #operand>
// CHECK:   else
// CHECK:     scf.yield %[[P]], %[[L]], %false
// Else by their own: the output is rescaled where a maximum grew.
// CHECK:   scf.if %[[EARLY]]#2
// CHECK:     scf.yield %[[DONE]]#0, %[[EARLY]]#0, %[[M]], %[[EARLY]]#1, %[[HAS_BASES]]
// CHECK:   else
// CHECK:     mfa_gpu.reduce max
// CHECK:     arith.cmpf ugt, %{{.*}}, %cst{{.*}} : f32
// CHECK:     %[[GREW:.*]] = mfa_gpu.any
// CHECK:     scf.if %[[GREW]]
// CHECK:       mfa_gpu.map %[[DONE]]#0
// CHECK:     else
// CHECK:       scf.yield %[[DONE]]#0
// CHECK:     math.exp2
// CHECK:     mfa_gpu.reduce add {{.*}} partial
// CHECK:     mfa_gpu.convert {{.*}} #operand>
// CHECK: mfa_gpu.warpgroup_mma
// CHECK: mfa_gpu.warpgroup_wait 0
// CHECK: mfa_gpu.store {{.*}} to memref<128x128xbf16, strided
func.func @masked(%q: memref<1x512x4x128xbf16>, %k: memref<1x512x2x128xbf16>, %v: memref<1x512x2x128xbf16>, %m: memref<1x512x512xbf16>, %o: memref<1x512x4x128xbf16>) {
  mfa.masked_attention ins(%q, %k, %v : memref<1x512x4x128xbf16>, memref<1x512x2x128xbf16>, memref<1x512x2x128xbf16>)
      mask(%m : memref<1x512x512xbf16>) outs(%o : memref<1x512x4x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
  return
}

// -----

// Consumers take turns to start their products, until their scores are there:
// the first begins.
// CHECK-LABEL: func.func @ping_pong
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.if
// CHECK-NEXT: nvvm.barrier.arrive
// CHECK: nvvm.barrier id = %[[OWN:.*]] number_of_threads
// CHECK: mfa_gpu.warpgroup_mma {{.*}} {transpose_rhs}
// CHECK: mfa_gpu.warpgroup_wait 0
// CHECK: nvvm.barrier.arrive id = %[[NEXT:.*]] number_of_threads
// CHECK: scf.for
// CHECK:   nvvm.barrier id = %[[OWN]] number_of_threads
// CHECK:   mfa_gpu.warpgroup_mma
// CHECK:   mfa_gpu.warpgroup_mma {{.*}} {transpose_rhs}
// CHECK:   mfa_gpu.warpgroup_wait 0
// CHECK:   nvvm.barrier.arrive id = %[[NEXT]] number_of_threads
// CHECK:   scf.yield
// CHECK: nvvm.barrier id = %[[OWN]] number_of_threads
// CHECK: mfa_gpu.warpgroup_mma
// CHECK: scf.if
// CHECK-NEXT: nvvm.barrier.arrive
func.func @ping_pong(%q: memref<1x512x4x128xbf16>, %o: memref<1x512x4x128xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>)
      outs(%o : memref<1x512x4x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, ping_pong = true>)
  return
}

// -----

// A turn that ends early: with the last quarter of the scores still going.
// CHECK-LABEL: func.func @early_turns
// CHECK: nvvm.setmaxregister increase
// CHECK: mfa_gpu.warpgroup_mma {{.*}} {split = 96 : i64, transpose_rhs}
// CHECK: mfa_gpu.warpgroup_wait 1
// CHECK: nvvm.barrier.arrive
// CHECK: mfa_gpu.warpgroup_wait 0
// CHECK: scf.for
// CHECK:   %[[O:.*]] = mfa_gpu.warpgroup_mma
// CHECK:   %[[S:.*]] = mfa_gpu.warpgroup_mma {{.*}} {split = 96 : i64, transpose_rhs}
// CHECK:   mfa_gpu.warpgroup_wait 1, %[[O]] :
// CHECK:   nvvm.barrier.arrive
// CHECK:   mfa_gpu.warpgroup_wait 0, %[[S]] :
func.func @early_turns(%q: memref<1x512x4x128xbf16>, %o: memref<1x512x4x128xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>)
      outs(%o : memref<1x512x4x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, ping_pong = true, early_turns = true>)
  return
}

// -----

// A head of 16 elements is a single step, of which none is early.
// CHECK-LABEL: func.func @early_turns_of_one_step
// CHECK: nvvm.setmaxregister increase
// CHECK-NOT: split =
func.func @early_turns_of_one_step(%q: memref<1x512x4x16xbf16>, %o: memref<1x512x4x16xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x16xbf16>, memref<1x512x4x16xbf16>, memref<1x512x4x16xbf16>)
      outs(%o : memref<1x512x4x16xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, ping_pong = true, early_turns = true>)
  return
}

// -----

// Padding is looked at as words, 64 keys in the 32 lanes of a warp. A tile whose
// mask is zero goes without it, and one without any key has weights of zero, but
// for scores that are no numbers.
// CHECK-LABEL: func.func @padding
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.for
// CHECK:   %[[WORD:.*]] = memref.load %{{.*}} : memref<1x32xi32,
// CHECK:   %[[EXCLUDED:.*]] = arith.xori %[[WORD]], %c-8323200_i32
// CHECK:   %[[NUMBERS:.*]] = arith.andi %[[WORD]], %c2147450879_i32
// CHECK:   arith.cmpi ne, %[[NUMBERS]], %c0_i32
// CHECK:   %[[CHANGES:.*]] = nvvm.vote.sync any
// CHECK:   arith.cmpi ne, %[[EXCLUDED]], %c0_i32
// CHECK:   %[[LEAVES:.*]] = nvvm.vote.sync any
// CHECK:   %[[DONE:.*]]:2 = mfa_gpu.warpgroup_wait 0
// CHECK:   scf.if %[[CHANGES]]
// CHECK:     scf.if %[[LEAVES]]
// CHECK:       mfa_gpu.load
// CHECK:       mfa_gpu.map %[[DONE]]#1, %{{.*}}, %{{.*}} :
// CHECK-COUNT-2: math.fma
// CHECK:       math.exp2
// CHECK:     else
// CHECK-NOT:   math.exp2
// CHECK:       mfa_gpu.reduce add %[[DONE]]#1
// CHECK:   else
// CHECK-NOT: mfa_gpu.load
// CHECK:     mfa_gpu.map %[[DONE]]#1, %{{[^,]*}} :
// CHECK-COUNT-1: math.fma
// CHECK-NEXT: math.exp2
func.func @padding(%q: memref<1x512x4x128xbf16>, %m: memref<1x1x512xbf16>, %o: memref<1x512x4x128xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>)
      mask(%m : memref<1x1x512xbf16>) outs(%o : memref<1x512x4x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
  return
}

// -----

// A block for each multiprocessor, with tiles of rows in steps of the grid. The
// rings go on from step to step of all of them, and the query waits for its
// place, where the output does not have one of its own.
// CHECK-LABEL: func.func @persistent
// CHECK: %[[COUNT:.*]] = mfa_gpu.multiprocessors
// CHECK: %[[GRID:.*]] = arith.minui %[[COUNT]], %c12
// CHECK: gpu.launch_func {{.*}} blocks in (%[[GRID]], %c1
// CHECK: gpu.func @masked_attention(
// CHECK: nvvm.setmaxregister decrease
// CHECK: scf.while (%{{.*}} = %{{.*}}, %{{.*}} = %c0_i32, %{{.*}} = %c0_i32)
// CHECK:   arith.cmpi ult, %{{.*}}, %c12_i32
// CHECK: ^bb0(%{{.*}}: i32, %{{.*}}: i32, %[[INDEX:.*]]: i32)
// CHECK:   %[[PLACE:.*]] = arith.remui %[[INDEX]], %c2_i32
// CHECK:   %[[STAGE:.*]] = arith.index_castui %[[PLACE]]
// CHECK:   %[[ODD:.*]] = arith.trunci
// CHECK:   %[[BEFORE:.*]] = arith.xori %[[ODD]], %true
// CHECK:   nvgpu.mbarrier.try_wait.parity %{{.*}}[%[[STAGE]]], %[[BEFORE]]
// CHECK:   nvgpu.mbarrier.arrive.expect_tx %[[QUERY:.*]][%[[STAGE]]], %c24576
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.while
// CHECK: ^bb0(%[[TILE:.*]]: i32, %[[FIRST:.*]]: i32, %[[ROUND:.*]]: i32)
// CHECK:   %[[END:.*]] = arith.addi %[[FIRST]], %c8_i32
// CHECK:   nvgpu.mbarrier.try_wait.parity %[[QUERY]][
// CHECK:   scf.for %{{.*}} to %[[END]]
// The output of the tile before has been read.
// CHECK:   nvvm.cp.async.bulk.wait_group 0
// CHECK:   mfa_gpu.store
// CHECK:   mfa_gpu.tensor_store
// CHECK-NOT: wait_group
// CHECK:   %[[NEXT:.*]] = arith.addi %[[TILE]], %{{.*}}
// CHECK:   scf.yield %[[NEXT]], %[[END]]
// CHECK: loop_annotation =
// CHECK: nvvm.cp.async.bulk.wait_group 0
// CHECK: gpu.return
func.func @persistent(%q: memref<1x512x4x64xbf16>, %o: memref<1x512x4x64xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x64xbf16>, memref<1x512x4x64xbf16>, memref<1x512x4x64xbf16>)
      outs(%o : memref<1x512x4x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 192, tile_keys = 64, warps = 12, stages = 2, persistent = true>)
  return
}

// -----

// The same with no room for the output.
// CHECK-LABEL: func.func @persistent_without_room
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.while
// CHECK-NOT: mfa_gpu.tensor_store
// CHECK: mfa_gpu.store {{.*}} to memref<128x128xbf16, strided
// CHECK-NOT: mfa_gpu.tensor_store
// CHECK: gpu.return
func.func @persistent_without_room(%q: memref<1x512x4x128xbf16>, %m: memref<1x512x512xbf16>, %o: memref<1x512x4x128xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>)
      mask(%m : memref<1x512x512xbf16>) outs(%o : memref<1x512x4x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 128, warps = 8, stages = 2, persistent = true>)
  return
}

// -----

// Three tiles of 192 rows would leave a third of the last one's rows past the
// last query, where four of 128 leave none: known here, and asked at the launch
// where a size is not.
// CHECK-LABEL: func.func @small_tiles
// CHECK: mfa_gpu.encode_tensor_map {{.*}} box [1, 128, 1, 64]
// CHECK: gpu.launch_func {{.*}} threads in (%c384, %c1, %c1)
// CHECK-NOT: threads in (%c512
// CHECK: gpu.module
func.func @small_tiles(%q: memref<64x512x4x64xbf16>, %o: memref<64x512x4x64xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<64x512x4x64xbf16>, memref<64x512x4x64xbf16>, memref<64x512x4x64xbf16>)
      outs(%o : memref<64x512x4x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 192, small_tile_rows = 128, tile_keys = 128, warps = 12, stages = 2, persistent = true>)
  return
}

// -----

// CHECK-LABEL: func.func @large_tiles
// CHECK: mfa_gpu.encode_tensor_map {{.*}} box [1, 192, 1, 64]
// CHECK: gpu.launch_func {{.*}} threads in (%c512, %c1, %c1)
// CHECK-NOT: threads in (%c384
// CHECK: gpu.module
func.func @large_tiles(%q: memref<64x576x4x64xbf16>, %o: memref<64x576x4x64xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<64x576x4x64xbf16>, memref<64x576x4x64xbf16>, memref<64x576x4x64xbf16>)
      outs(%o : memref<64x576x4x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 192, small_tile_rows = 128, tile_keys = 128, warps = 12, stages = 2, persistent = true>)
  return
}

// -----

// CHECK-LABEL: func.func @maybe_small_tiles
// CHECK: %[[QUERIES:.*]] = memref.dim %{{.*}}, %c1
// CHECK: %[[PLACES:.*]] = mfa_gpu.multiprocessors
// CHECK: %[[LARGE:.*]] = arith.ceildivui %[[QUERIES]], %c192
// CHECK: %[[LARGE_TILES:.*]] = arith.muli %[[LARGE]], %c256
// CHECK: %[[LARGE_ROUNDS:.*]] = arith.ceildivui %[[LARGE_TILES]], %[[PLACES]]
// CHECK: %[[LARGE_COST:.*]] = arith.muli %[[LARGE_ROUNDS]], %c3072
// CHECK: %[[SMALL:.*]] = arith.ceildivui %[[QUERIES]], %c128
// CHECK: %[[SMALL_TILES:.*]] = arith.muli %[[SMALL]], %c256
// CHECK: %[[SMALL_ROUNDS:.*]] = arith.ceildivui %[[SMALL_TILES]], %[[PLACES]]
// CHECK: %[[SMALL_COST:.*]] = arith.muli %[[SMALL_ROUNDS]], %c2176
// CHECK: %[[ARE_LARGE:.*]] = arith.cmpi ule, %[[LARGE_COST]], %[[SMALL_COST]]
// CHECK: scf.if %[[ARE_LARGE]]
// CHECK:   gpu.launch_func @[[LARGE_KERNEL:.*]] blocks {{.*}} threads in (%c512, %c1, %c1)
// CHECK: else
// CHECK:   gpu.launch_func @[[SMALL_KERNEL:.*]] blocks {{.*}} threads in (%c384, %c1, %c1)
// CHECK: return
func.func @maybe_small_tiles(%q: memref<64x?x4x64xbf16>, %o: memref<64x?x4x64xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<64x?x4x64xbf16>, memref<64x?x4x64xbf16>, memref<64x?x4x64xbf16>)
      outs(%o : memref<64x?x4x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 192, small_tile_rows = 128, tile_keys = 128, warps = 12, stages = 2, persistent = true>)
  return
}

// -----

// A counter of rows has no rounds: tiles are as many as multiprocessors at least.
// CHECK-LABEL: func.func @counted_small_tiles
// CHECK: %[[LARGE:.*]] = arith.ceildivui %{{.*}}, %c192
// CHECK: arith.maxui
// CHECK: %[[SMALL:.*]] = arith.ceildivui %{{.*}}, %c128
// CHECK: arith.maxui
// CHECK: arith.cmpi ule
// CHECK: scf.if
func.func @counted_small_tiles(%q: memref<64x?x4x64xbf16>, %o: memref<64x?x4x64xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<64x?x4x64xbf16>, memref<64x?x4x64xbf16>, memref<64x?x4x64xbf16>)
      outs(%o : memref<64x?x4x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 192, small_tile_rows = 128, tile_keys = 128, warps = 12, stages = 2, persistent = true, row_counter = true>)
      keep {
      ^bb0(%batch: index, %head: index, %query: index, %key: index):
        %keep = arith.cmpi ule, %key, %query : index
        mfa.yield %keep : i1
      }
  return
}

// -----

// A list is made for tiles of one size.
// CHECK-LABEL: func.func @listed_small_tiles
// CHECK-NOT: threads in (%c384
// CHECK: gpu.launch_func {{.*}}::@masked_attention blocks {{.*}} threads in (%c512, %c1, %c1)
// CHECK-NOT: threads in (%c384
// CHECK: gpu.module
func.func @listed_small_tiles(%q: memref<64x?x4x64xbf16>, %m: memref<1x?x?xbf16>, %o: memref<64x?x4x64xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<64x?x4x64xbf16>, memref<64x?x4x64xbf16>, memref<64x?x4x64xbf16>)
      mask(%m : memref<1x?x?xbf16>) outs(%o : memref<64x?x4x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 192, small_tile_rows = 128, tile_keys = 112, warps = 12, stages = 2, persistent = true, tiles = list>)
  return
}

// -----

// Heads in runs of 3, the last of which has one.
// CHECK-LABEL: func.func @adjacent_heads
// CHECK: gpu.func
// CHECK: %[[IN_BATCH:.*]] = arith.remui %[[NUMBER:.*]], %c16_i32
// CHECK-DAG: %[[GROUP:.*]] = arith.divui %[[IN_BATCH]], %c12_i32
// CHECK-DAG: %[[IN_GROUP:.*]] = arith.remui %[[IN_BATCH]], %c12_i32
// CHECK: %[[FIRST:.*]] = arith.muli %[[GROUP]], %c3_i32
// CHECK: %[[LEFT:.*]] = arith.subi %c4_i32, %[[FIRST]]
// CHECK: %[[HEADS:.*]] = arith.minui %[[LEFT]], %c3_i32
// CHECK-DAG: arith.divui %[[IN_GROUP]], %[[HEADS]]
// CHECK-DAG: %[[PLACE:.*]] = arith.remui %[[IN_GROUP]], %[[HEADS]]
// CHECK: %[[HEAD_NUMBER:.*]] = arith.addi %[[FIRST]], %[[PLACE]]
// CHECK: %[[HEAD:.*]] = arith.index_castui %[[HEAD_NUMBER]]
// CHECK: mfa_gpu.tensor_load {{.*}}[%{{.*}}, %{{.*}}, %[[HEAD]], %c0]
func.func @adjacent_heads(%q: memref<2x512x4x128xbf16>, %o: memref<2x512x4x128xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x128xbf16>, memref<2x512x4x128xbf16>, memref<2x512x4x128xbf16>)
      outs(%o : memref<2x512x4x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, adjacent_heads = 3>)
  return
}

// -----

// Where a mask's stride is 0, its map has one index.
// CHECK-LABEL: func.func @broadcast
// CHECK: gpu.func {{.*}}, %[[MASK:.*]]: memref<2x512x512xbf16, strided<[?, 512, 1]>>, %{{.*}}: memref<2x512x4x128xbf16>, %{{.*}}
// CHECK: memref.extract_strided_metadata %[[MASK]]
// CHECK: %[[IS_ONE:.*]] = arith.cmpi eq, %{{.*}}, %c0
// CHECK: %[[BATCH:.*]] = arith.select %[[IS_ONE]], %c0, %{{.*}}
// CHECK: mfa_gpu.tensor_load {{.*}}[%[[BATCH]], %{{.*}}, %{{.*}}]
func.func @broadcast(%q: memref<2x512x4x128xbf16>, %m: memref<2x512x512xbf16, strided<[?, 512, 1]>>, %o: memref<2x512x4x128xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x128xbf16>, memref<2x512x4x128xbf16>, memref<2x512x4x128xbf16>)
      mask(%m : memref<2x512x512xbf16, strided<[?, 512, 1]>>) outs(%o : memref<2x512x4x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
  return
}
