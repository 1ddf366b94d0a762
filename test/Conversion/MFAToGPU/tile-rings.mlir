// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// Each ring has a barrier for each stage that is full and one that is empty,
// which all consumer warps say; the query, filled once, is never empty.
// Producers wait for the stage to be empty in the round before, consumers for
// it to be full in this.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: %[[QUERY_FULL:.*]] = nvgpu.mbarrier.create -> <{{[^,]*}}>
// CHECK: %[[KEY_FULL:.*]] = nvgpu.mbarrier.create -> <{{.*}} num_barriers = 3>
// CHECK: %[[KEY_EMPTY:.*]] = nvgpu.mbarrier.create -> <{{.*}} num_barriers = 3>
// CHECK: %[[VALUE_FULL:.*]] = nvgpu.mbarrier.create -> <{{.*}} num_barriers = 3>
// CHECK: %[[VALUE_EMPTY:.*]] = nvgpu.mbarrier.create -> <{{.*}} num_barriers = 3>
// CHECK: %[[MASK_FULL:.*]] = nvgpu.mbarrier.create -> <{{.*}} num_barriers = 3>
// CHECK: %[[MASK_EMPTY:.*]] = nvgpu.mbarrier.create -> <{{.*}} num_barriers = 3>
// CHECK: scf.if
// CHECK:   nvgpu.mbarrier.init %[[QUERY_FULL]][%c0], %c1
// CHECK:   nvgpu.mbarrier.init %[[KEY_FULL]][%c0], %c1
// CHECK:   nvgpu.mbarrier.init %[[KEY_EMPTY]][%c2], %c8
// CHECK:   nvgpu.mbarrier.init %[[MASK_EMPTY]][%c2], %c8
// CHECK:   nvvm.fence.mbarrier.init
// CHECK: gpu.barrier
// CHECK: nvvm.setmaxregister decrease
// CHECK: nvgpu.mbarrier.arrive.expect_tx %[[QUERY_FULL]][%c0], %c16384
// CHECK: scf.for %[[STEP:[a-z0-9]*]] =
// CHECK:   %[[ROUND:.*]] = arith.divui %[[STEP]], %c3_i32
// CHECK:   %[[NUMBER:.*]] = arith.remui %[[STEP]], %c3_i32
// CHECK:   %[[STAGE:.*]] = arith.index_castui %[[NUMBER]]
// CHECK:   %[[PARITY:.*]] = arith.trunci %[[ROUND]] : i32 to i1
// CHECK:   %[[BEFORE:.*]] = arith.xori %[[PARITY]], %true
// CHECK:   nvgpu.mbarrier.try_wait.parity %[[KEY_EMPTY]][%[[STAGE]]], %[[BEFORE]]
// CHECK:   nvgpu.mbarrier.arrive.expect_tx %[[KEY_FULL]][%[[STAGE]]], %c8192
// CHECK:   mfa_gpu.tensor_load {{.*}}, %[[KEY_FULL]][%[[STAGE]]]
// CHECK: scf.for
// CHECK:   mfa_gpu.tensor_load {{.*}}, %[[VALUE_FULL]]
// CHECK: scf.for
// CHECK:   mfa_gpu.tensor_load {{.*}}, %[[MASK_FULL]]
// CHECK: nvvm.setmaxregister increase
// CHECK: nvgpu.mbarrier.try_wait.parity %[[QUERY_FULL]][%c0], %false
// CHECK: scf.for %[[STEP:[a-z0-9]*]] =
// CHECK:   nvgpu.mbarrier.try_wait.parity %[[VALUE_FULL]]
// CHECK:   %[[ROUND:.*]] = arith.divui %[[STEP]], %c3_i32
// CHECK:   %[[NUMBER:.*]] = arith.remui %[[STEP]], %c3_i32
// CHECK:   %[[STAGE:.*]] = arith.index_castui %[[NUMBER]]
// CHECK:   %[[PARITY:.*]] = arith.trunci %[[ROUND]] : i32 to i1
// CHECK:   nvgpu.mbarrier.try_wait.parity %[[KEY_FULL]][%[[STAGE]]], %[[PARITY]]
// CHECK:   nvgpu.mbarrier.try_wait.parity %[[MASK_FULL]][%[[STAGE]]], %[[PARITY]]
// CHECK:   mfa_gpu.warpgroup_wait 0
// CHECK:   nvvm.bar.warp.sync
// CHECK-NEXT: scf.if
// CHECK-NEXT: nvgpu.mbarrier.arrive %[[VALUE_EMPTY]]
// CHECK:   nvgpu.mbarrier.arrive %[[KEY_EMPTY]][%[[STAGE]]]
// CHECK:   nvgpu.mbarrier.arrive %[[MASK_EMPTY]][%[[STAGE]]]
func.func @rings(%q: memref<1x512x4x64xbf16>, %m: memref<1x512x512xbf16>, %o: memref<1x512x4x64xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x64xbf16>, memref<1x512x4x64xbf16>, memref<1x512x4x64xbf16>)
      mask(%m : memref<1x512x512xbf16>) outs(%o : memref<1x512x4x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 3>)
  return
}

// -----

// A mask of truth values for each key is a row of bytes in each stage.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: nvvm.setmaxregister decrease
// CHECK: mfa_gpu.tensor_load {{.*}} : memref<1x64xi1, {{.*}}workgroup>>
func.func @key_vector(%q: memref<2x512x4x64xbf16>, %m: memref<2x1x1x512xi1>, %o: memref<2x512x4x64xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x64xbf16>, memref<2x512x4x64xbf16>, memref<2x512x4x64xbf16>)
      mask(%m : memref<2x1x1x512xi1>) outs(%o : memref<2x512x4x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
  return
}
