// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// In place of the query, with rows as wide: a consumer writes the rows that it
// alone reads, so that its own threads need to wait for each other only. The
// first one stores them, and waits until shared memory was read.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: %[[BYTES:.*]] = gpu.dynamic_shared_memory
// CHECK: nvvm.setmaxregister increase
// CHECK: mfa_gpu.all_reduce
// CHECK: %[[IS_FIRST:.*]] = arith.cmpi eq, %{{.*}}, %c0
// CHECK: %[[OWN:.*]] = arith.addi %{{.*}}, %c2_i32
// CHECK-NOT: wait_group
// CHECK: nvvm.barrier id = %[[OWN]] number_of_threads = %c128_i32
// CHECK: mfa_gpu.store
// CHECK: nvvm.fence.proxy
// CHECK-NEXT: nvvm.barrier id = %[[OWN]] number_of_threads = %c128_i32
// CHECK-NEXT: scf.if %[[IS_FIRST]]
// CHECK:   %[[ROW:.*]] = arith.muli %{{.*}}, %c64
// CHECK:   %[[PLACE:.*]] = arith.addi %{{.*}}, %[[ROW]]
// CHECK:   memref.subview %{{.*}}[%[[ROW]], 0] [64, 64]
// CHECK:   mfa_gpu.tensor_store %{{.*}} to %{{.*}}[%{{.*}}, %[[PLACE]], %{{.*}}, %c0]
// CHECK:   mfa_gpu.tensor_store %{{.*}} to %{{.*}}[%{{.*}}, %[[PLACE]], %{{.*}}, %c64]
// CHECK:   nvvm.cp.async.bulk.commit.group
// CHECK-NEXT: nvvm.cp.async.bulk.wait_group 0 {read}
// CHECK-NEXT: }
// CHECK-NOT: wait_group
// CHECK: gpu.return
func.func @in_place(%q: memref<1x512x4x128xbf16>, %o: memref<1x512x4x128xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>)
      outs(%o : memref<1x512x4x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
  return
}

// -----

// Rows of another width are where other consumers still read: all wait.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: nvvm.setmaxregister increase
// CHECK: mfa_gpu.all_reduce
// CHECK: nvvm.barrier id = %c1_i32 number_of_threads = %c256_i32
// CHECK: mfa_gpu.store
// CHECK: nvvm.barrier id = %{{.*}} number_of_threads = %c128_i32
func.func @other_width(%q: memref<1x512x4x64xbf16>, %v: memref<1x512x4x32xbf16>, %o: memref<1x512x4x32xbf16>) {
  mfa.masked_attention ins(%q, %q, %v : memref<1x512x4x64xbf16>, memref<1x512x4x64xbf16>, memref<1x512x4x32xbf16>)
      outs(%o : memref<1x512x4x32xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
  return
}

// -----

// In a place of its own, which a persistent block has room for: the tile before
// must have been read, and the last one when the block ends.
// CHECK-LABEL: gpu.func @masked_attention(
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
