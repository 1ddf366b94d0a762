// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// A tile of rows for each block: all heads, then the next rows, then the batch.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-NOT: scf.while
// CHECK: %[[QUERIES:.*]] = memref.dim %{{.*}}, %c1 : memref<3x?x6x32xf16>
// CHECK: %[[TILES:.*]] = arith.ceildivui %[[QUERIES]], %c64
// CHECK: %[[BLOCK:.*]] = gpu.block_id  x
// CHECK: %[[NUMBER:.*]] = arith.index_castui %[[BLOCK]]
// CHECK: %[[TILES_I32:.*]] = arith.index_castui %[[TILES]]
// CHECK: %[[OF_BATCH:.*]] = arith.muli %[[TILES_I32]], %c6_i32
// CHECK-DAG: %[[BATCH:.*]] = arith.divui %[[NUMBER]], %[[OF_BATCH]]
// CHECK-DAG: %[[REST:.*]] = arith.remui %[[NUMBER]], %[[OF_BATCH]]
// CHECK-DAG: %[[ROW:.*]] = arith.divui %[[REST]], %c6_i32
// CHECK-DAG: %[[HEAD:.*]] = arith.remui %[[REST]], %c6_i32
// CHECK: arith.divui %[[HEAD]], %c3_i32
// CHECK: %[[ROW_INDEX:.*]] = arith.index_castui %[[ROW]]
// CHECK: arith.muli %[[ROW_INDEX]], %c64
// CHECK: scf.for
func.func @grid(%q: memref<3x?x6x32xf16>, %k: memref<3x64x2x32xf16>, %o: memref<3x?x6x32xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<3x?x6x32xf16>, memref<3x64x2x32xf16>, memref<3x64x2x32xf16>)
      outs(%o : memref<3x?x6x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 1>)
  return
}

// -----

// Two heads, then their next rows, then the next two; the last run has one. Of
// a batch of one there is nothing to divide.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: %[[NUMBER:.*]] = arith.index_castui %{{.*}} : index to i32
// CHECK-DAG: %[[SERIES:.*]] = arith.divui %[[NUMBER]], %c8_i32
// CHECK-DAG: %[[REST:.*]] = arith.remui %[[NUMBER]], %c8_i32
// CHECK: %[[FIRST:.*]] = arith.muli %[[SERIES]], %c2_i32
// CHECK: %[[LEFT:.*]] = arith.subi %c5_i32, %[[FIRST]]
// CHECK: %[[HEADS:.*]] = arith.minui %[[LEFT]], %c2_i32
// CHECK-DAG: arith.divui %[[REST]], %[[HEADS]]
// CHECK-DAG: %[[IN_SERIES:.*]] = arith.remui %[[REST]], %[[HEADS]]
// CHECK: arith.addi %[[FIRST]], %[[IN_SERIES]]
func.func @runs(%q: memref<1x256x5x32xf16>, %o: memref<1x256x5x32xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x256x5x32xf16>, memref<1x256x5x32xf16>, memref<1x256x5x32xf16>)
      outs(%o : memref<1x256x5x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 1, adjacent_heads = 2>)
  return
}

// -----

// A persistent block: from its own number in steps of the grid, in each of its
// roles. (Three warpgroups of consumers have no room for a pipeline of rounds.)
// Nothing is moved out of these loops. A consumer asks for the place of
// its rows when it stores them, and passes its turn on behind the last.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: nvvm.setmaxregister decrease
// CHECK-COUNT-3: scf.while
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[BLOCK:.*]] = gpu.block_id  x
// CHECK: %[[FIRST:.*]] = arith.index_castui %[[BLOCK]]
// CHECK: scf.while (%{{.*}} = %[[FIRST]], %{{.*}} = %c0_i32, %{{.*}} = %c0_i32)
// CHECK:   arith.cmpi ult, %{{.*}}, %c12_i32
// CHECK: ^bb0(%[[NUMBER:[a-z0-9]*]]: i32, %{{.*}}: i32, %[[INDEX:[a-z0-9]*]]: i32)
// CHECK-NOT: arith.divui %[[NUMBER]]
// CHECK:   scf.for
// CHECK:   %[[WIDTH:.*]] = gpu.grid_dim  x
// CHECK:   %[[STEP:.*]] = arith.index_castui %[[WIDTH]]
// CHECK:   %[[NEXT:.*]] = arith.addi %[[NUMBER]], %[[STEP]]
// CHECK:   %[[IS_NOT_LAST:.*]] = arith.cmpi ult, %[[NEXT]], %c12_i32
// CHECK:   %[[IS_AWAITED:.*]] = arith.ori %{{.*}}, %[[IS_NOT_LAST]]
// CHECK:   scf.if %[[IS_AWAITED]]
// CHECK-NEXT: nvvm.barrier.arrive
// CHECK:   arith.divui %[[NUMBER]], %c4_i32
// CHECK:   mfa_gpu.tensor_store
// CHECK:   %[[NEXT_INDEX:.*]] = arith.addi %[[INDEX]], %c1_i32
// CHECK:   scf.yield %[[NEXT]], %{{.*}}, %[[NEXT_INDEX]]
// CHECK: } attributes {loop_annotation = {{.*}}}
// CHECK: gpu.return
func.func @persistent(%q: memref<1x512x4x64xbf16>, %o: memref<1x512x4x64xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x64xbf16>, memref<1x512x4x64xbf16>, memref<1x512x4x64xbf16>)
      outs(%o : memref<1x512x4x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 192, tile_keys = 64, warps = 12, stages = 2, persistent = true, ping_pong = true>)
  return
}

// -----

// Rounds as a pipeline: the last weights of one are multiplied with their value in
// the turn in which the first scores of the next are, before it is stored. The query
// has two tiles, which are there in turns.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[BLOCK:.*]] = gpu.block_id  x
// CHECK: %[[FIRST:.*]] = arith.index_castui %[[BLOCK]]
// CHECK: mfa_gpu.warpgroup_mma {{.*}} {transpose_rhs}
// CHECK: scf.for %{{.*}} = %c1_i32 to %c8_i32
// CHECK: %[[SECOND:.*]] = arith.addi %[[FIRST]], %{{.*}}
// CHECK: scf.while (%{{.*}} = %c8_i32, %{{.*}} = %c0_i32, %{{.*}} = %[[FIRST]], %{{.*}} = %[[SECOND]],
// CHECK:   arith.cmpi ult, %{{.*}}, %c16_i32
// CHECK: ^bb0(%[[END:[a-z0-9]*]]: i32, %[[INDEX:[a-z0-9]*]]: i32, %[[DONE:[a-z0-9]*]]: i32, %[[NEXT:[a-z0-9]*]]: i32,
// CHECK:   %[[NEXT_INDEX:.*]] = arith.addi %[[INDEX]], %c1_i32
// CHECK:   arith.remui %[[NEXT_INDEX]], %c2_i32
// CHECK:   %[[OUTPUT:.*]] = mfa_gpu.warpgroup_mma
// CHECK:   %[[SCORES:.*]] = mfa_gpu.warpgroup_mma {{.*}} {transpose_rhs}
// CHECK:   mfa_gpu.warpgroup_wait 0, %[[OUTPUT]], %[[SCORES]]
// CHECK:   arith.divui %[[DONE]], %c4_i32
// CHECK:   mfa_gpu.tensor_store
// CHECK:   %[[NEXT_END:.*]] = arith.addi %[[END]], %c8_i32
// CHECK:   scf.for %{{.*}} to %[[NEXT_END]]
// CHECK:   scf.yield %[[NEXT_END]], %[[NEXT_INDEX]], %[[NEXT]],
// CHECK: } attributes {loop_annotation = {{.*}}}
// CHECK: mfa_gpu.warpgroup_mma
// CHECK: mfa_gpu.tensor_store
// CHECK: gpu.return
func.func @pipelined(%q: memref<1x512x4x64xbf16>, %o: memref<1x512x4x64xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x64xbf16>, memref<1x512x4x64xbf16>, memref<1x512x4x64xbf16>)
      outs(%o : memref<1x512x4x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, persistent = true, ping_pong = true>)
  return
}

// -----

// A counter, zero before the launch, and again when the last number has been drawn: who
// loads keys asks for the next number when it has started the last load of a round; who
// loads queries draws it, and tells it with the place of the tile; all others hear it, and
// so do the consumers, whose last turn depends on it. Keys and values of two heads have 16 MiB, so that no more than two are side by
// side; a number past the last has the place of that.
// CHECK-LABEL: func.func @counter
// CHECK: %[[COUNTER:.*]] = mfa_gpu.acquire_row_counter : memref<1xi32>
// CHECK: gpu.launch_func @{{.*}}args({{.*}}%[[COUNTER]] : memref<1xi32>)
// CHECK: mfa_gpu.release_row_counter %[[COUNTER]]
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: workgroup(%[[NUMBER:.*]] : memref<4xi32, #gpu.address_space<workgroup>>)
// CHECK: nvgpu.mbarrier.init %[[HEARD:.*]][%c0], %c14
// CHECK: nvvm.fence.mbarrier.init
// CHECK: nvvm.setmaxregister decrease
// CHECK: scf.while
// CHECK: ^bb0(%{{[a-z0-9]*}}: i32, %[[INDEX:[a-z0-9]*]]: i32,
// CHECK:   mfa_gpu.tensor_load
// CHECK:   %[[ODD:.*]] = arith.trunci %[[INDEX]]
// CHECK:   nvgpu.mbarrier.try_wait.parity %[[ASKED:.*]][%c0], %[[ODD]]
// CHECK:   %[[BEFORE:.*]] = arith.xori %[[ODD]], %true
// CHECK:   nvgpu.mbarrier.try_wait.parity %[[HEARD]][%c0], %[[BEFORE]]
// CHECK:   %[[DRAWN:.*]] = memref.atomic_rmw addi %c1_i32, %{{.*}}[%c0] : (i32, memref<1xi32>) -> i32
// CHECK:   %[[LAST:.*]] = arith.cmpi eq, %[[DRAWN]], %c5471_i32
// CHECK:   scf.if %[[LAST]]
// CHECK:     memref.atomic_rmw assign %c0_i32, %{{.*}}[%c0] : (i32, memref<1xi32>) -> i32
// CHECK:   %[[NEXT:.*]] = arith.addi %[[DRAWN]]
// CHECK:   %[[INSIDE:.*]] = arith.minui %[[NEXT]], %c5471_i32
// CHECK:   %[[REST:.*]] = arith.remui %[[INSIDE]], %c2736_i32
// CHECK:   arith.divui %[[REST]], %c342_i32
// CHECK:   %[[PLACE_HEAD:.*]] = arith.addi
// CHECK:   memref.store %[[NEXT]], %[[NUMBER]][%c0]
// CHECK:   memref.store %{{.*}}, %[[NUMBER]][%c1]
// CHECK:   memref.store %[[PLACE_HEAD]], %[[NUMBER]][%c2]
// CHECK:   memref.store %{{.*}}, %[[NUMBER]][%c3]
// CHECK:   nvgpu.mbarrier.arrive %[[TOLD:.*]][%c0]
// CHECK:   scf.yield %[[NEXT]],
// CHECK: scf.while
// CHECK:   scf.for
// CHECK:     mfa_gpu.tensor_load
// CHECK:   nvgpu.mbarrier.arrive %[[ASKED]][%c0]
// CHECK:   nvgpu.mbarrier.try_wait.parity %[[TOLD]][%c0]
// CHECK-COUNT-3: memref.load %[[NUMBER]]
// CHECK:   nvgpu.mbarrier.arrive %[[HEARD]][%c0]
// CHECK: scf.while
// CHECK:   nvgpu.mbarrier.try_wait.parity %[[TOLD]][%c0]
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.while
// CHECK: ^bb0(%{{[a-z0-9]*}}: i32, %[[INDEX:[a-z0-9]*]]: i32,
// CHECK:   scf.for
// CHECK:   %[[ODD:.*]] = arith.trunci %[[INDEX]]
// CHECK:   nvgpu.mbarrier.try_wait.parity %[[TOLD]][%c0], %[[ODD]]
// CHECK:   %[[HEARD_ROWS:.*]]:4 = scf.if %{{.*}} -> (i32, i32, i32, i32)
// CHECK:     %[[READ:.*]] = memref.load %[[NUMBER]][%c0]
// CHECK:     nvgpu.mbarrier.arrive %[[HEARD]][%c0]
// CHECK:     scf.yield %[[READ]],
// CHECK:   %[[NEXT:.*]], %{{.*}} = gpu.shuffle idx %[[HEARD_ROWS]]#0, %c0_i32
// CHECK-COUNT-3: gpu.shuffle idx
// CHECK:   arith.cmpi ult, %[[NEXT]], %c5472_i32
// CHECK-NOT: %[[TOLD]]
// CHECK-NOT: arith.divui
// CHECK:   scf.yield %[[NEXT]],
func.func @counter(%q: memref<2x32768x16x64xbf16>, %o: memref<2x32768x16x64xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x32768x16x64xbf16>, memref<2x32768x16x64xbf16>, memref<2x32768x16x64xbf16>)
      outs(%o : memref<2x32768x16x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 192, tile_keys = 64, warps = 12, stages = 2, persistent = true, row_counter = true, adjacent_heads = 8, ping_pong = true>)
  return
}

// -----

// With the list of a rule rows further on may be as short as any: the first quarter of
// the rows of all 32 heads comes last, behind runs of eight heads with their last rows
// first. A number past the last has the place of that.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: %[[DRAWN:.*]] = memref.atomic_rmw addi
// CHECK: %[[NUMBER:.*]] = arith.addi %[[DRAWN]]
// CHECK: %[[INSIDE:.*]] = arith.minui %[[NUMBER]], %c2047_i32
// CHECK: %[[IS_FIRST:.*]] = arith.cmpi uge, %[[INSIDE]], %c1536_i32
// CHECK: %[[BEHIND:.*]] = arith.subi %[[INSIDE]], %c1536_i32
// CHECK: %[[IN_PART:.*]] = arith.select %[[IS_FIRST]], %[[BEHIND]], %[[INSIDE]]
// CHECK-DAG: %[[TILES:.*]] = arith.select %[[IS_FIRST]], %c16_i32, %c48_i32
// CHECK-DAG: %[[HEADS:.*]] = arith.select %[[IS_FIRST]], %c32_i32, %c8_i32
// CHECK: %[[ROWS_OF_ONE:.*]] = arith.muli %[[TILES]], %[[HEADS]]
// CHECK-DAG: arith.remui %[[IN_PART]], %[[ROWS_OF_ONE]]
// CHECK-DAG: arith.divui %[[IN_PART]], %[[ROWS_OF_ONE]]
// CHECK: %[[END:.*]] = arith.select %[[IS_FIRST]], %c16_i32, %c64_i32
// CHECK: %[[LAST:.*]] = arith.subi %[[END]], %c1_i32
// CHECK: arith.subi %[[LAST]]
func.func @listed_rule(%q: memref<2x8192x16x64xbf16>, %ids: memref<2x8192xi32>, %o: memref<2x8192x16x64xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x8192x16x64xbf16>, memref<2x8192x16x64xbf16>, memref<2x8192x16x64xbf16>)
      captures(%ids : memref<2x8192xi32>) outs(%o : memref<2x8192x16x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 128, warps = 8, stages = 2, persistent = true, row_counter = true, adjacent_heads = 8, ping_pong = true, tiles = list>)
      keep {
  ^bb0(%b: index, %h: index, %i: index, %j: index, %id: memref<2x8192xi32>):
    %0 = memref.load %id[%b, %i] : memref<2x8192xi32>
    %1 = memref.load %id[%b, %j] : memref<2x8192xi32>
    %2 = arith.cmpi eq, %0, %1 : i32
    mfa.yield %2 : i1
  }
  return
}

// -----

// That of a mask may have all keys in any row: runs of eight heads, and in each the last
// rows first.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: memref.atomic_rmw addi
// CHECK: scf.while
// CHECK: ^bb0(%[[NUMBER:[a-z0-9]*]]: i32,
// CHECK: %[[INSIDE:.*]] = arith.minui %[[NUMBER]], %c8191_i32
// CHECK: %[[IN_BATCH:.*]] = arith.remui %[[INSIDE]], %c4096_i32
// CHECK: %[[IN_ONE:.*]] = arith.remui %[[IN_BATCH]], %c2048_i32
// CHECK-NOT: arith.select
// CHECK: %[[BEFORE:.*]] = arith.divui %[[IN_ONE]]
// CHECK: arith.subi %c255_i32, %[[BEFORE]]
func.func @listed_mask(%q: memref<2x32768x16x64xbf16>, %m: memref<2x1x32768x32768xi1>, %o: memref<2x32768x16x64xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x32768x16x64xbf16>, memref<2x32768x16x64xbf16>, memref<2x32768x16x64xbf16>)
      mask(%m : memref<2x1x32768x32768xi1>) outs(%o : memref<2x32768x16x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 128, warps = 8, stages = 2, persistent = true, row_counter = true, adjacent_heads = 8, ping_pong = true, tiles = list>)
  return
}
