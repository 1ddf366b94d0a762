// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// The sums of all lanes, by which the output is divided; 0 for a row without a
// key. Both the output and the log-sum-exp are those of the rows.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-DAG: %[[LOWEST:.*]] = arith.constant 0xFF800000 : f32
// CHECK: %[[DONE:.*]]:3 = scf.for
// CHECK: %[[L:.*]] = mfa_gpu.all_reduce add %[[DONE]]#2
// CHECK: %[[INVERSE:.*]] = mfa_gpu.map %[[L]]
// CHECK:   arith.divf %{{.*}}, %{{.*}} fastmath<afn>
// CHECK: %[[DIVIDED:.*]] = mfa_gpu.map %[[DONE]]#0, %[[INVERSE]], %[[L]]
// CHECK:   ^bb0(%[[O:.*]]: f32, %[[FACTOR:.*]]: f32, %[[SUM:.*]]: f32)
// CHECK:   %[[SCALED:.*]] = arith.mulf %[[O]], %[[FACTOR]]
// CHECK:   %[[IS_EMPTY:.*]] = arith.cmpf oeq, %[[SUM]], %[[ZERO]]
// CHECK:   arith.select %[[IS_EMPTY]], %[[ZERO]], %[[SCALED]]
// CHECK: %[[ROUNDED:.*]] = mfa_gpu.convert %[[DIVIDED]] : {{.*}} to <64x32xf16, #accumulator>
// CHECK: mfa_gpu.store %[[ROUNDED]]
// CHECK: %[[LSE:.*]] = mfa_gpu.map %[[DONE]]#1, %[[L]]
// CHECK:   ^bb0(%[[MAX:.*]]: f32, %[[SUM:.*]]: f32)
// CHECK:   %[[LOG:.*]] = math.log2 %[[SUM]]
// CHECK:   %[[ADDED:.*]] = math.fma %[[LOG]], %{{.*}}, %[[MAX]]
// CHECK:   %[[IS_EMPTY:.*]] = arith.cmpf oeq, %[[SUM]], %[[ZERO]]
// CHECK:   arith.select %[[IS_EMPTY]], %[[LOWEST]], %[[ADDED]]
// CHECK: memref.subview {{.*}} : memref<2x2x64xf32> to memref<64xf32
// CHECK: mfa_gpu.store %[[LSE]]
func.func @whole(%q: memref<2x64x2x32xf16>, %o: memref<2x64x2x32xf16>, %l: memref<2x2x64xf32>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      outs(%o : memref<2x64x2x32xf16>) lse(%l : memref<2x2x64xf32>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 1>)
  return
}

// -----

// A block that has but some of the keys stores what it has, in f32, with
// maximum and sum of weights behind each row.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[PARTIAL:[a-z0-9]*]]: memref<?x1x128x4x66xf32>)
// CHECK: %[[Y:.*]] = gpu.block_id  y
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[DONE:.*]]:5 = scf.for
// CHECK: %[[LAST:.*]] = mfa_gpu.warpgroup_mma %[[DONE]]#1, %{{.*}}, %[[DONE]]#0
// CHECK: %[[O:.*]] = mfa_gpu.warpgroup_wait 0, %[[LAST]]
// CHECK: %[[L:.*]] = mfa_gpu.all_reduce add %[[DONE]]#3
// CHECK-NOT: arith.divf
// CHECK: memref.subview %[[PARTIAL]][%[[Y]], 0, 0, %[[HEAD:.*]], 0] [1, 1, 128, 1, 64]
// CHECK: mfa_gpu.store %[[O]]
// CHECK: memref.subview %[[PARTIAL]][%[[Y]], 0, 0, %[[HEAD]], 64] [1, 1, 128, 1, 1]
// CHECK: mfa_gpu.store %[[DONE]]#2
// CHECK: memref.subview %[[PARTIAL]][%[[Y]], 0, 0, %[[HEAD]], 65] [1, 1, 128, 1, 1]
// CHECK: mfa_gpu.store %[[L]]
// CHECK-NOT: mfa_gpu.tensor_store
// CHECK: gpu.return
func.func @partial(%q: memref<1x128x4x64xbf16>, %k: memref<1x512x4x64xbf16>, %o: memref<1x128x4x64xbf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<1x128x4x64xbf16>, memref<1x512x4x64xbf16>, memref<1x512x4x64xbf16>)
      outs(%o : memref<1x128x4x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, splits_keys = true>)
  return
}
