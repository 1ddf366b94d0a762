// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// A step by its own maximum: the old one stays while it has grown by no more
// than 8 ln 2, and the output is rescaled where a row's has. Weights are
// relative to a base, which is 0 for a row without a key, and rows whose
// maximum is huge are moved first.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-DAG: %[[LIMIT:.*]] = arith.constant 5.54517746 : f32
// CHECK-DAG: %[[LOWEST:.*]] = arith.constant 0xFF800000 : f32
// CHECK-DAG: %[[LARGEST:.*]] = arith.constant 0x4C800000 : f32
// CHECK: scf.for {{.*}} iter_args(%[[O:.*]] = %{{.*}}, %[[M:.*]] = %{{.*}}, %[[L:.*]] = %{{.*}})
// CHECK:   %[[MAX:.*]] = mfa_gpu.reduce max %[[T:.*]], %[[M]]
// CHECK:   %[[GREW:.*]] = mfa_gpu.map %[[MAX]], %[[M]]
// CHECK:     arith.cmpf ugt, %{{.*}}, %[[LIMIT]]
// CHECK:   %[[NEW:.*]] = mfa_gpu.map %[[GREW]], %[[MAX]], %[[M]]
// CHECK:     arith.select
// CHECK:   %[[BASE:.*]] = mfa_gpu.map %[[NEW]]
// CHECK:     arith.cmpf oeq, %{{.*}}, %[[LOWEST]]
// CHECK:   mfa_gpu.map %[[BASE]]
// CHECK:     arith.cmpf ugt, %{{.*}}, %[[LARGEST]]
// CHECK:   %[[ANY_HUGE:.*]] = mfa_gpu.any
// CHECK:   %[[MOVED:.*]]:3 = scf.if %[[ANY_HUGE]]
// CHECK:     arith.subf
// CHECK:   else
// CHECK:     scf.yield %[[T]], %[[M]], %[[BASE]]
// CHECK:   %[[EXPONENT:.*]] = mfa_gpu.map %[[MOVED]]#2
// CHECK:   %[[CORRECTION:.*]] = mfa_gpu.map %[[GREW]], %[[MOVED]]#1, %[[EXPONENT]]
// CHECK:     math.exp2
// CHECK:   %[[P:.*]] = mfa_gpu.map %[[MOVED]]#0, %[[EXPONENT]]
// CHECK:     math.fma
// CHECK-NEXT: math.exp2
// CHECK:   %[[SCALED_SUM:.*]] = mfa_gpu.map %[[L]], %[[CORRECTION]]
// CHECK:   %[[SUM:.*]] = mfa_gpu.reduce add %[[P]], %[[SCALED_SUM]] partial
// CHECK:   %[[ANY:.*]] = mfa_gpu.any %[[GREW]]
// CHECK:   %[[RESCALED:.*]] = scf.if %[[ANY]]
// CHECK:     mfa_gpu.map %[[O]], %[[CORRECTION]]
// CHECK:   else
// CHECK:     scf.yield %[[O]]
// CHECK:   %[[FACTOR:.*]] = mfa_gpu.convert %[[P]] : <{{.*}}xf32, #accumulator> to <{{.*}}xf16, #operand>
// CHECK:   %[[NEXT:.*]] = mfa_gpu.mma %[[FACTOR]], %{{.*}}, %[[RESCALED]]
// CHECK:   scf.yield %[[NEXT]], %[[NEW]], %[[SUM]]
func.func @own_max(%q: memref<2x64x2x32xf16>, %m: memref<2x64x64xf16>, %o: memref<2x64x2x32xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      mask(%m : memref<2x64x64xf16>) outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 1>)
  return
}

// -----

// Weights of f32 have no bits to spare: any growth counts.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: %[[MAX:.*]] = mfa_gpu.reduce max
// CHECK: mfa_gpu.map
// CHECK: arith.cmpf ugt, %{{.*}}, %[[ZERO]]
// CHECK: mfa_gpu.convert {{.*}} to <{{.*}}xf32, #operand>
func.func @of_f32(%q: memref<2x64x2x32xf32>, %m: memref<2x64x64xf32>, %o: memref<2x64x2x32xf32>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf32>, memref<2x64x2x32xf32>, memref<2x64x2x32xf32>)
      mask(%m : memref<2x64x64xf32>) outs(%o : memref<2x64x2x32xf32>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 1>)
  return
}

// -----

// A step by the maximum so far: its weights are good where no lane's part of a
// row's sum is large, and its maximum leaves the output alone. After a step by
// its own maximum it is asked whether that will do as a base; with a scale that
// is not known, whether the factor is finite as well.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-DAG: %[[MOST:.*]] = arith.constant 6.10351563E-5 : f32
// CHECK-DAG: %[[LARGEST:.*]] = arith.constant 0x4C800000 : f32
// CHECK-DAG: %[[FINITE:.*]] = arith.constant 3.40282347E+38 : f32
// CHECK: %[[FACTOR:.*]] = arith.mulf %{{.*}}, %{{.*}} : f32
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.for {{.*}} iter_args(%[[O:.*]] = %{{.*}}, %[[P:.*]] = %{{.*}}, %[[M:.*]] = %{{.*}}, %[[L:.*]] = %{{.*}}, %[[HAS_BASES:.*]] = %{{.*}})
// CHECK:   %[[EARLY:.*]]:3 = scf.if %[[HAS_BASES]]
// CHECK:     %[[OWN_SUM:.*]] = mfa_gpu.reduce add %[[TRIED:.*]], %{{.*}} partial
// CHECK:     mfa_gpu.map %[[OWN_SUM]]
// CHECK:       arith.cmpf ugt, %{{.*}}, %[[MOST]]
// CHECK:     %[[ANY:.*]] = mfa_gpu.any
// CHECK:     %[[GOOD:.*]] = arith.xori %[[ANY]], %true
// CHECK:     %[[SUM:.*]] = mfa_gpu.map %[[OWN_SUM]], %[[L]]
// CHECK:       arith.addf
// CHECK:     scf.yield %{{.*}}, %[[SUM]], %[[GOOD]]
// CHECK:   scf.if %[[EARLY]]#2
// CHECK:   else
// CHECK:     %[[MAX:.*]] = mfa_gpu.reduce max
// CHECK:     %[[NEW:.*]] = mfa_gpu.map %{{.*}}, %[[MAX]], %[[M]]
// CHECK:     mfa_gpu.map %[[NEW]] : {{.*}} to !mfa_gpu.tile<128xi1
// CHECK:       arith.cmpf ugt, %{{.*}}, %[[LARGEST]]
// CHECK:     %[[ANY_HUGE:.*]] = mfa_gpu.any
// CHECK:     %[[SMALL:.*]] = arith.xori %[[ANY_HUGE]], %true
// CHECK:     %[[BASES:.*]] = arith.andi %[[SMALL]]
// CHECK:     scf.yield %{{.*}}, %{{.*}}, %[[NEW]], %{{.*}}, %[[BASES]]
func.func @old_max(%q: memref<1x512x4x128xbf16>, %s: f32, %o: memref<1x512x4x128xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>)
      scale(%s : f32) outs(%o : memref<1x512x4x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
  return
}
