// RUN: mfa-opt %s --mfa-emulate-bf16 --split-input-file | FileCheck %s
// RUN: mfa-opt %s --mfa-emulate-bf16 --canonicalize --split-input-file | FileCheck %s --check-prefix=SUM

// Each op rounds: nothing allows to fold the conversions between the two.
// CHECK-LABEL: func.func @sum
// CHECK: arith.addf %{{.*}}, %{{.*}} : f32
// CHECK: arith.truncf %{{[0-9]+}} : f32 to bf16
// CHECK: arith.extf %{{[0-9]+}} : bf16 to f32
// CHECK: arith.mulf %{{.*}}, %{{.*}} : f32
// CHECK: arith.truncf %{{[0-9]+}} : f32 to bf16
// CHECK-NOT: : bf16
// CHECK: return
// SUM-LABEL: func.func @sum
// SUM: arith.addf %{{.*}}, %{{.*}} : f32
// SUM: arith.truncf %{{[0-9]+}} : f32 to bf16
// SUM: arith.extf %{{[0-9]+}} : bf16 to f32
// SUM: arith.mulf %{{.*}}, %{{.*}} : f32
// SUM: arith.truncf %{{[0-9]+}} : f32 to bf16
// SUM-NOT: : bf16
// SUM: return
func.func @sum(%a: bf16, %b: bf16) -> bf16 {
  %0 = arith.addf %a, %b : bf16
  %1 = arith.mulf %0, %b : bf16
  return %1 : bf16
}

// -----

// CHECK-LABEL: func.func @others
// CHECK: math.exp %{{.*}} : f32
// CHECK: arith.cmpf olt, %{{.*}}, %{{.*}} : f32
// CHECK: arith.maximumf %{{.*}}, %{{.*}} : vector<4xf32>
// CHECK: arith.sitofp %{{.*}} : i32 to f32
// CHECK: math.powf %{{.*}}, %{{.*}} : f16
func.func @others(%a: bf16, %v: vector<4xbf16>, %w: vector<4xbf16>, %i: i32, %h: f16)
    -> (bf16, i1, vector<4xbf16>, bf16, f16) {
  %0 = math.exp %a : bf16
  %1 = arith.cmpf olt, %a, %0 : bf16
  %2 = arith.maximumf %v, %w : vector<4xbf16>
  %3 = arith.sitofp %i : i32 to bf16
  %4 = math.powf %h, %h : f16
  return %0, %1, %2, %3, %4 : bf16, i1, vector<4xbf16>, bf16, f16
}

// -----

// GPUs have bf16.
// CHECK-LABEL: gpu.func @kernel
// CHECK: arith.addf %{{.*}} : bf16
gpu.module @kernels {
  gpu.func @kernel(%a: bf16, %to: memref<bf16>) kernel {
    %0 = arith.addf %a, %a : bf16
    memref.store %0, %to[] : memref<bf16>
    gpu.return
  }
}
