// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// What the hardware can copy is known where the program runs; the other kernel
// takes everything.
// CHECK-LABEL: func.func @masked
// CHECK: %[[QUERY_MAP:.*]], %[[V0:.*]] = mfa_gpu.encode_tensor_map %arg0 box [1, 128, 1, 64]
// CHECK: mfa_gpu.encode_tensor_map %arg1 box [1, 64, 1, 64]
// CHECK: mfa_gpu.encode_tensor_map %arg2 box [1, 64, 1, 64]
// CHECK: mfa_gpu.encode_tensor_map %arg4 box [1, 64, 1, 64]
// CHECK: mfa_gpu.encode_tensor_map %arg3 box [1, 128, 64]
// CHECK: scf.if
// CHECK: gpu.launch_func @mfa_kernels::@masked_attention blocks in {{.*}} threads in (%c384
// CHECK: else
// CHECK: gpu.launch_func @mfa_kernels_0::@masked_attention_0 {{.*}} threads in (%c128

// CHECK: gpu.func @masked_attention(
// CHECK: nvgpu.mbarrier.init
// CHECK: nvvm.fence.mbarrier.init
// CHECK: gpu.barrier
// The producer: the query, then a key and a mask tile a step ahead of the value
// tile.
// CHECK: nvvm.setmaxregister decrease 24
// CHECK: nvgpu.mbarrier.arrive.expect_tx
// CHECK-COUNT-2: mfa_gpu.tensor_load %{{.*}} : memref<128x64x
// CHECK: nvgpu.mbarrier.try_wait.parity
// CHECK: scf.for
// CHECK-COUNT-2: mfa_gpu.tensor_load {{.*}} : memref<64x64x
// CHECK: mfa_gpu.tensor_load {{.*}} : memref<128x64x
// CHECK-COUNT-2: mfa_gpu.tensor_load {{.*}} : memref<64x64x
// CHECK: }

// The consumers: the last step's product with the value runs while the softmax
// of this one is computed.
// CHECK: nvvm.setmaxregister increase 240
// CHECK: mfa_gpu.warpgroup_mma {{.*}} {transpose_rhs}
// CHECK: mfa_gpu.warpgroup_wait 0
// CHECK: scf.for {{.*}} iter_args(%[[O:.*]] = %{{.*}}, %[[P:.*]] = %{{.*}}, %[[M:.*]] = %{{.*}}, %[[L:.*]] = %{{.*}})
// CHECK:   nvgpu.mbarrier.try_wait.parity
// CHECK:   %[[S:.*]] = mfa_gpu.warpgroup_mma {{.*}} {transpose_rhs}
// CHECK:   %[[NEXT:.*]] = mfa_gpu.warpgroup_mma %[[P]], %{{.*}}, %[[O]]
// CHECK:   mfa_gpu.load {{.*}} : memref<1x128x64x
// CHECK:   nvgpu.mbarrier.arrive
// CHECK:   %[[SCORES:.*]] = mfa_gpu.warpgroup_wait 1, %[[S]]
// CHECK:   nvgpu.mbarrier.arrive
// CHECK:   mfa_gpu.map %[[SCORES]]
// CHECK:   mfa_gpu.reduce max
// CHECK:   math.exp2
// CHECK:   mfa_gpu.reduce add {{.*}} partial
// CHECK:   %[[DONE:.*]] = mfa_gpu.warpgroup_wait 0, %[[NEXT]]
// Where no row maximum grew by much, the output stays as it is.
// CHECK:   %[[GREW:.*]] = mfa_gpu.any
// CHECK:   scf.if %[[GREW]]
// CHECK:     mfa_gpu.map %[[DONE]]
// CHECK:   else
// CHECK:     scf.yield %[[DONE]]
// CHECK:   mfa_gpu.convert {{.*}} #operand>
// CHECK: mfa_gpu.warpgroup_mma
// CHECK: mfa_gpu.warpgroup_wait 0
// CHECK: nvvm.barrier id
// CHECK: mfa_gpu.store
// CHECK: nvvm.fence.proxy
// CHECK: nvvm.barrier id
// CHECK-COUNT-2: mfa_gpu.tensor_store
// CHECK: nvvm.cp.async.bulk.wait_group 0
func.func @masked(%q: memref<1x512x4x128xbf16>, %k: memref<1x512x2x128xbf16>, %v: memref<1x512x2x128xbf16>, %m: memref<1x512x512xbf16>, %o: memref<1x512x4x128xbf16>) {
  mfa.masked_attention ins(%q, %k, %v : memref<1x512x4x128xbf16>, memref<1x512x2x128xbf16>, memref<1x512x2x128xbf16>)
      mask(%m : memref<1x512x512xbf16>) outs(%o : memref<1x512x4x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
  return
}

// -----

// Consumers take turns to start their products: the first begins.
// CHECK-LABEL: func.func @ping_pong
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.if
// CHECK-NEXT: nvvm.barrier.arrive
// CHECK: nvvm.barrier id = %[[OWN:.*]] number_of_threads
// CHECK: mfa_gpu.warpgroup_mma {{.*}} {transpose_rhs}
// CHECK: nvvm.barrier.arrive id = %[[NEXT:.*]] number_of_threads
// CHECK: scf.for
// CHECK:   nvvm.barrier id = %[[OWN]] number_of_threads
// CHECK:   mfa_gpu.warpgroup_mma {{.*}} {transpose_rhs}
// CHECK:   mfa_gpu.warpgroup_mma
// CHECK:   nvvm.barrier.arrive id = %[[NEXT]] number_of_threads
// CHECK:   mfa_gpu.warpgroup_wait 1
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

// Padding: a tile of keys whose mask is zero goes without it.
// CHECK-LABEL: func.func @padding
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.for
// CHECK:   %[[MASK:.*]] = mfa_gpu.load
// CHECK:   %[[MASKED:.*]] = mfa_gpu.any %[[MASK]]
// CHECK:   %[[S:.*]] = mfa_gpu.warpgroup_wait 1
// CHECK:   scf.if %[[MASKED]]
// CHECK:     mfa_gpu.load
// CHECK:     math.fma
// CHECK:     math.exp2
// CHECK:     scf.yield
// CHECK:   else
// CHECK-NOT: mfa_gpu.load
// CHECK:     mfa_gpu.reduce max %[[S]]
// CHECK:     math.exp2
// CHECK:     scf.yield
func.func @padding(%q: memref<1x512x4x128xbf16>, %m: memref<1x1x512xbf16>, %o: memref<1x512x4x128xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>)
      mask(%m : memref<1x1x512xbf16>) outs(%o : memref<1x512x4x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
  return
}
