// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// One stage: the value arrives under the product of query and key, the next key
// and mask under the rest. Each group is waited for with all threads.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: mfa_gpu.copy_async %{{.*}} to %[[QUERY:[a-z0-9_]*]] :
// CHECK: mfa_gpu.copy_async %{{.*}} to %[[KEY:[a-z0-9_]*]] :
// CHECK: mfa_gpu.copy_async %{{.*}} to %[[MASK:[a-z0-9_]*]] :
// CHECK-NOT: mfa_gpu.copy_async
// CHECK: nvvm.cp.async.commit.group
// CHECK: scf.for
// CHECK:   nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
// CHECK:   mfa_gpu.copy_async %{{.*}} to %[[VALUE:[a-z0-9_]*]] :
// CHECK-NEXT: nvvm.cp.async.commit.group
// CHECK:   mfa_gpu.mma %[[QUERY]], %[[KEY]]
// CHECK:   mfa_gpu.load %[[MASK]]
// CHECK:   nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
// CHECK:   scf.if
// CHECK:     mfa_gpu.copy_async %{{.*}} to %[[KEY]]
// CHECK:     mfa_gpu.copy_async %{{.*}} to %[[MASK]]
// CHECK:   }
// CHECK-NEXT: nvvm.cp.async.commit.group
// CHECK-NOT: gpu.barrier
// CHECK:   mfa_gpu.mma %{{.*}}, %[[VALUE]]
// CHECK: nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
// CHECK: mfa_gpu.store %{{.*}} to %[[OUTPUT:[a-z0-9_]*]]
// CHECK-NEXT: gpu.barrier
// CHECK: mfa_gpu.copy %[[OUTPUT]]
func.func @one_stage(%q: memref<2x64x2x32xf16>, %m: memref<2x64x64xf16>, %o: memref<2x64x2x32xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      mask(%m : memref<2x64x64xf16>) outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 1>)
  return
}

// -----

// Two stages: all tiles of the next step, in the stage that this one does not
// have, under all of this one. No key, no copy.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: %[[HAS_KEYS:.*]] = arith.cmpi ugt, %{{.*}}, %c0
// CHECK: scf.if %[[HAS_KEYS]]
// CHECK-COUNT-3: mfa_gpu.copy_async
// CHECK: }
// CHECK-NEXT: nvvm.cp.async.commit.group
// CHECK: scf.for %[[STEP:[a-z0-9]*]] =
// CHECK:   nvvm.cp.async.wait.group 0
// CHECK-NEXT: gpu.barrier
// CHECK:   scf.if
// CHECK:     %[[NEXT_STAGE:.*]] = arith.remui %{{.*}}, %c2
// CHECK-COUNT-3: mfa_gpu.copy_async
// CHECK:   }
// CHECK-NEXT: nvvm.cp.async.commit.group
// CHECK:   %[[STAGE:.*]] = arith.remui %[[STEP]], %c2
// CHECK:   %[[KEY:.*]] = memref.subview %{{.*}}[%[[STAGE]], 0, 0] [1, 32, 32]
// CHECK:   mfa_gpu.mma %{{.*}}, %[[KEY]]
// CHECK-NOT: gpu.barrier
// CHECK-NOT: mfa_gpu.copy_async
// CHECK:   %[[VALUE:.*]] = memref.subview %{{.*}}[%[[STAGE]], 0, 0] [1, 32, 32]
// CHECK:   mfa_gpu.mma %{{.*}}, %[[VALUE]]
func.func @two_stages(%q: memref<2x64x2x32xf16>, %k: memref<2x?x2x32xf16>, %m: memref<2x64x?xf16>, %o: memref<2x64x2x32xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<2x64x2x32xf16>, memref<2x?x2x32xf16>, memref<2x?x2x32xf16>)
      mask(%m : memref<2x64x?xf16>) outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2>)
  return
}
