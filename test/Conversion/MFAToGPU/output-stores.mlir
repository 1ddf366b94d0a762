// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// Without room for a persistent block's output, or in a block with but one tile,
// from registers. No tensor map of it is passed, though it has one: rows start
// every 16 bytes.
// CHECK-LABEL: func.func @from_registers(
// CHECK-COUNT-4: mfa_gpu.encode_tensor_map
// CHECK: gpu.launch_func
// CHECK: gpu.func @masked_attention
// CHECK-COUNT-3: %{{[a-z0-9]*}}: !llvm.array<16 x i64>
// CHECK-NOT: !llvm.array
// CHECK-SAME: kernel
// CHECK: nvvm.setmaxregister increase
// CHECK: mfa_gpu.all_reduce
// CHECK: %[[ROWS:.*]] = memref.subview %{{.*}} : memref<1x512x4x128xbf16> to memref<128x128xbf16,
// CHECK-NOT: nvvm.barrier
// CHECK: mfa_gpu.store %{{.*}} to %[[ROWS]] : <128x128xbf16, #accumulator>
// CHECK-NOT: tensor_store
// CHECK: gpu.return
func.func @from_registers(%q: memref<1x512x4x128xbf16>, %o: memref<1x512x4x128xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>)
      outs(%o : memref<1x512x4x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
  return
}

// -----

// In a place of its own, which a persistent block has room for: the tile before
// must have been read, and the last one when the block ends.
// CHECK-LABEL: func.func @own_place(
// CHECK: gpu.func @masked_attention(
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.while
// CHECK:   mfa_gpu.all_reduce
// CHECK:   scf.if
// CHECK-NEXT: nvvm.cp.async.bulk.wait_group 0 {read}
// CHECK-NEXT: }
// CHECK-NEXT: nvvm.barrier id
// CHECK:   mfa_gpu.tensor_store
// CHECK-NEXT: nvvm.cp.async.bulk.commit.group
// CHECK-NEXT: }
// CHECK-NOT: nvgpu.mbarrier.arrive
// CHECK:   scf.yield
// CHECK: nvvm.cp.async.bulk.wait_group 0 {read}
// CHECK: gpu.return
func.func @own_place(%q: memref<1x512x4x64xbf16>, %o: memref<1x512x4x64xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x64xbf16>, memref<1x512x4x64xbf16>, memref<1x512x4x64xbf16>)
      outs(%o : memref<1x512x4x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, persistent = true>)
  return
}
