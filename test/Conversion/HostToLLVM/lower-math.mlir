// RUN: mfa-opt %s --mfa-lower-math --split-input-file | FileCheck %s

// CHECK-DAG: func.func private @acoshf(f32) -> f32
// CHECK-DAG: func.func private @asinhf(f32) -> f32
// CHECK-DAG: func.func private @atanhf(f32) -> f32
// CHECK-DAG: func.func private @cbrtf(f32) -> f32
// CHECK-DAG: func.func private @erff(f32) -> f32
// CHECK-DAG: func.func private @erfcf(f32) -> f32
// CHECK-DAG: func.func private @expm1f(f32) -> f32
// CHECK-DAG: func.func private @log1pf(f32) -> f32
// CHECK-DAG: func.func private @erf(f64) -> f64
// CHECK-LABEL: func.func @libm
// CHECK-COUNT-9: call @
// CHECK-NOT: math.
func.func @libm(%x: f32, %y: f64) -> (f32, f32, f32, f32, f32, f32, f32, f32, f64) {
  %0 = math.acosh %x : f32
  %1 = math.asinh %x : f32
  %2 = math.atanh %x : f32
  %3 = math.cbrt %x : f32
  %4 = math.erf %x : f32
  %5 = math.erfc %x : f32
  %6 = math.expm1 %x : f32
  %7 = math.log1p %x : f32
  %8 = math.erf %y : f64
  return %0, %1, %2, %3, %4, %5, %6, %7, %8 : f32, f32, f32, f32, f32, f32, f32, f32, f64
}

// -----

// CHECK-LABEL: func.func @other_types
// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK: call @erff
// CHECK: arith.truncf %{{.*}} : f32 to f16
// CHECK: call @erff
// CHECK: call @erff
func.func @other_types(%x: f16, %v: vector<2xf32>) -> (f16, vector<2xf32>) {
  %0 = math.erf %x : f16
  %1 = math.erf %v : vector<2xf32>
  return %0, %1 : f16, vector<2xf32>
}

// -----

// CHECK-LABEL: func.func @without_functions
// CHECK-SAME: %{{.*}}: f16, %[[Y:.*]]: f32, %[[LOW:.*]]: f32, %[[HIGH:.*]]: f32
// CHECK: %[[INF:.*]] = arith.constant 0x7C00 : f16
// CHECK: arith.cmpf oeq, %{{.*}}, %[[INF]] : f16
// CHECK: arith.cmpf olt
// CHECK: %[[LEAST:.*]] = arith.constant 6.103520e-05 : f16
// CHECK: arith.cmpf oge, %{{.*}}, %[[LEAST]]
// CHECK: %[[RAISED:.*]] = arith.maximumf %[[Y]], %[[LOW]]
// CHECK: arith.minimumf %[[RAISED]], %[[HIGH]]
// CHECK-NOT: call
func.func @without_functions(%x: f16, %y: f32, %low: f32, %high: f32) -> (i1, i1, f32) {
  %0 = math.isinf %x : f16
  %1 = math.isnormal %x : f16
  %2 = math.clampf %y to [%low, %high] : f32
  return %0, %1, %2 : i1, i1, f32
}

// -----

// With intrinsics, and in kernels.
// CHECK-LABEL: func.func @stays
// CHECK: math.exp
// CHECK: math.tanh
// CHECK: gpu.func @kernel
// CHECK: math.erf
func.func @stays(%x: f32) -> (f32, f32) {
  %0 = math.exp %x : f32
  %1 = math.tanh %x : f32
  return %0, %1 : f32, f32
}
gpu.module @kernels {
  gpu.func @kernel(%a: f32, %to: memref<f32>) kernel {
    %0 = math.erf %a : f32
    memref.store %0, %to[] : memref<f32>
    gpu.return
  }
}
