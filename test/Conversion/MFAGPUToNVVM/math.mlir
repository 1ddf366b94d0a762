// RUN: mfa-opt %s --pass-pipeline="builtin.module(gpu.module(convert-mfa-gpu-to-nvvm))" | FileCheck %s
// RUN: mfa-opt %s --pass-pipeline="builtin.module(gpu.module(convert-mfa-gpu-to-nvvm,convert-gpu-to-nvvm))" | FileCheck %s --check-prefix=NVVM

// Functions are called by name, which upstream's conversion leaves alone: an op would
// be a call of libdevice to it, or refused.
// CHECK-LABEL: gpu.func @functions
// CHECK: llvm.call_intrinsic "llvm.fabs.f32"(%{{.*}}) : (f32) -> f32
// CHECK: llvm.call_intrinsic "llvm.ceil.f32"
// CHECK: llvm.call_intrinsic "llvm.floor.f32"
// CHECK: llvm.call_intrinsic "llvm.roundeven.f32"
// CHECK: llvm.call_intrinsic "llvm.sqrt.f32"(%{{.*}}) {fastmathFlags = #llvm.fastmath<afn>}
// CHECK: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f32"
// CHECK: llvm.call_intrinsic "llvm.nvvm.lg2.approx.ftz.f"
// CHECK: llvm.call_intrinsic "llvm.trunc.f32"
// CHECK: llvm.call_intrinsic "llvm.tanh.f32"(%{{.*}}) {fastmathFlags = #llvm.fastmath<afn>}
// NVVM-LABEL: llvm.func @functions
// NVVM-COUNT-9: llvm.call_intrinsic
// NVVM-NOT: __nv_
gpu.module @kernels {
  gpu.func @functions(%x: f32, %out: memref<f32>) kernel {
    %0 = math.absf %x : f32
    %1 = math.ceil %0 : f32
    %2 = math.floor %1 : f32
    %3 = math.roundeven %2 : f32
    %4 = math.sqrt %3 : f32
    %5 = math.exp2 %4 : f32
    %6 = math.log2 %5 : f32
    %7 = math.trunc %6 : f32
    %8 = math.tanh %7 : f32
    memref.store %8, %out[] : memref<f32>
    gpu.return
  }
}
