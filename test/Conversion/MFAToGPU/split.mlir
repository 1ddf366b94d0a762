// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// As many ranges of keys as fill the multiprocessors, of two tiles or more. One
// range: blocks that store the output themselves. More: one buffer for their
// sums, each row with maximum and sum of weights behind it, and two kernels on
// one stream.
// CHECK-LABEL: func.func @split
// CHECK-SAME: (%[[Q:[a-z0-9]*]]: memref<?x4x8x64xbf16>, %[[K:[a-z0-9]*]]: memref<?x?x8x64xbf16>
// CHECK: %[[BATCH:.*]] = memref.dim %[[Q]]
// CHECK: %[[BLOCKS:.*]] = arith.muli %[[BATCH]], %c8
// CHECK: scf.if
// CHECK:   %[[COUNT:.*]] = mfa_gpu.multiprocessors
// CHECK:   %[[PLACES:.*]] = arith.muli %[[COUNT]], %c2
// CHECK:   %[[ONE_ROUND:.*]] = arith.divui %[[PLACES]], %[[BLOCKS]]
// CHECK:   %[[SEVERAL:.*]] = arith.divui %{{.*}}, %[[BLOCKS]]
// CHECK:   %[[WANTED:.*]] = arith.select %{{.*}}, %[[ONE_ROUND]], %[[SEVERAL]]
// CHECK:   %[[KEYS:.*]] = memref.dim %[[K]], %c1
// CHECK:   %[[MOST:.*]] = arith.divui %[[KEYS]], %c64
// CHECK:   %[[FEWER:.*]] = arith.minui %[[WANTED]], %[[MOST]]
// CHECK:   %[[SPLITS:.*]] = arith.maxui %[[FEWER]], %c1
// CHECK:   %[[IS_WHOLE:.*]] = arith.cmpi eq, %[[SPLITS]], %c1
// CHECK:   scf.if %[[IS_WHOLE]]
// CHECK:     gpu.launch_func @mfa_kernels_1::@masked_attention_0 blocks in (%[[BLOCKS]], %c1, %c1)
// CHECK:   else
// CHECK:     %[[T0:.*]] = gpu.wait async
// CHECK:     %[[PARTIAL:.*]], %[[T1:.*]] = gpu.alloc async [%[[T0]]] (%[[SPLITS]], %{{.*}}) : memref<?x?x4x8x34xf32>
// CHECK:     %[[T2:.*]] = gpu.launch_func async [%[[T1]]] @mfa_kernels::@masked_attention blocks in (%[[BLOCKS]], %[[SPLITS]], %c1) {{.*}}, %[[PARTIAL]] : memref<?x?x4x8x34xf32>)
// CHECK:     mfa_gpu.overlap_launch
// CHECK-NEXT: %[[T3:.*]] = gpu.launch_func async [%[[T2]]] @mfa_kernels_0::@masked_attention_combine {{.*}} threads in (%c32
// CHECK:     %[[T4:.*]] = gpu.dealloc async [%[[T3]]] %[[PARTIAL]]
// CHECK:     gpu.wait [%[[T4]]]

// Range y of the tiles, counted from 0 in the loop.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[SUMS:[a-z0-9]*]]: memref<?x?x4x8x34xf32>) kernel
// CHECK: %[[TILES:.*]] = arith.ceildivui
// CHECK: %[[Y:.*]] = gpu.block_id  y
// CHECK: %[[HEIGHT:.*]] = gpu.grid_dim  y
// CHECK: %[[BEFORE:.*]] = arith.muli %[[Y]], %[[TILES]]
// CHECK: %[[FIRST:.*]] = arith.divui %[[BEFORE]], %[[HEIGHT]]
// CHECK: %[[END:.*]] = arith.divui %{{.*}}, %[[HEIGHT]]
// CHECK: %[[NUMBER:.*]] = arith.subi %[[END]], %[[FIRST]]
// CHECK: %[[SUM:.*]]:3 = scf.for %[[TILE:.*]] = %c0 to %[[NUMBER]]
// CHECK:   arith.addi %[[FIRST]], %[[TILE]]
// CHECK: %[[L:.*]] = mfa_gpu.all_reduce add %[[SUM]]#2
// CHECK: memref.subview %[[SUMS]][%[[Y]], %{{.*}}, 0, %{{.*}}, 0] [1, 1, 4, 1, 32]
// CHECK: mfa_gpu.store %[[SUM]]#0
// CHECK: memref.subview %[[SUMS]][%[[Y]], %{{.*}}, 0, %{{.*}}, 32] [1, 1, 4, 1, 1]
// CHECK: mfa_gpu.store %[[SUM]]#1
// CHECK: memref.subview %[[SUMS]][%[[Y]], %{{.*}}, 0, %{{.*}}, 33] [1, 1, 4, 1, 1]
// CHECK: mfa_gpu.store %[[L]]
// CHECK-NOT: mfa_gpu.copy
// CHECK: gpu.return

// The largest maximum, then the sums relative to it.
// CHECK-LABEL: gpu.func @masked_attention_combine
// CHECK: %[[MAX:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (f32)
// CHECK: %[[TOTAL:.*]]:2 = scf.for {{.*}} -> (f32, f32)
// CHECK:   %[[WEIGHT:.*]] = math.exp2
// CHECK:   math.fma %[[WEIGHT]]
// CHECK:   math.fma %[[WEIGHT]]
// CHECK: arith.divf %[[TOTAL]]#0, %[[TOTAL]]#1
// CHECK: arith.truncf
// CHECK: memref.store
// CHECK: math.log2 %[[TOTAL]]#1
// CHECK: memref.store

// CHECK-LABEL: gpu.func @masked_attention_0(
// CHECK-NOT: gpu.block_id  y
// CHECK: gpu.return
func.func @split(%q: memref<?x4x8x64xbf16>, %k: memref<?x?x8x64xbf16>, %v: memref<?x?x8x32xbf16>, %o: memref<?x4x8x32xbf16>, %l: memref<?x8x4xf32>) {
  mfa.masked_attention ins(%q, %k, %v : memref<?x4x8x64xbf16>, memref<?x?x8x64xbf16>, memref<?x?x8x32xbf16>)
      outs(%o : memref<?x4x8x32xbf16>) lse(%l : memref<?x8x4xf32>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2, splits_keys = true>)
  return
}

// -----

// The kernel for what has no tensor map splits too, and both have one that
// combines. One consumer takes no registers from the producer. A range of keys
// needs no tensor map of the output.
// CHECK-LABEL: func.func @warpgroups
// CHECK-COUNT-4: mfa_gpu.encode_tensor_map
// CHECK-NOT: mfa_gpu.encode_tensor_map
// CHECK: scf.if
// CHECK: scf.if
// CHECK: gpu.launch_func @mfa_kernels_1::@masked_attention_0 blocks
// CHECK: else
// CHECK: gpu.launch_func {{.*}} @mfa_kernels::@masked_attention blocks
// CHECK: gpu.launch_func {{.*}} @mfa_kernels_0::@masked_attention_combine blocks
// CHECK: else
// CHECK: scf.if
// CHECK: gpu.launch_func @mfa_kernels_3::@masked_attention_2 blocks
// CHECK: else
// CHECK: gpu.launch_func {{.*}} @mfa_kernels_2::@masked_attention_1 blocks
// CHECK: gpu.launch_func {{.*}} @mfa_kernels_0::@masked_attention_combine blocks
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-NOT: nvvm.setmaxregister
// CHECK-NOT: mfa_gpu.tensor_store
// CHECK: mfa_gpu.store {{.*}} : <64x128xf32, #accumulator> to memref<?x128xf32,
// CHECK: gpu.return
// CHECK-LABEL: gpu.func @masked_attention_0(
// CHECK: mfa_gpu.store {{.*}} : <64x128xbf16, #accumulator> to memref<?x128xbf16,
// CHECK: gpu.return
func.func @warpgroups(%q: memref<1x4x8x128xbf16>, %k: memref<1x8192x8x128xbf16>, %o: memref<1x4x8x128xbf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<1x4x8x128xbf16>, memref<1x8192x8x128xbf16>, memref<1x8192x8x128xbf16>)
      outs(%o : memref<1x4x8x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 64, tile_keys = 128, warps = 4, stages = 3, splits_keys = true>)
  return
}
