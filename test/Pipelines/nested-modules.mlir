// RUN: mfa-opt %s --mfa-to-cpu | FileCheck %s --check-prefixes=CHECK,CPU
// RUN: mfa-opt %s --mfa-to-nvvm=chip=sm_90a | FileCheck %s --check-prefixes=CHECK,NVVM
// RUN: mfa-opt %s --mfa-to-sim=chip=sm_80 | FileCheck %s --check-prefixes=CHECK,SIM
// RUN: mfa-opt %s --mfa-to-sim --dump-pass-pipeline -o %t 2>&1 | FileCheck %s --check-prefix=DUMP

// Each module has its own kernels and the declarations of the functions that its
// host code calls. Two functions with the same kernel share one.

// CHECK-LABEL: module @first
// CPU: llvm.func @mfaParallelFor(
// CPU: llvm.func @attend(
// CPU: llvm.func @again(
// NVVM: llvm.func @mgpuTensorMapEncodeTiled(
// NVVM: llvm.func @attend(
// NVVM: gpu.launch_func {{.*}}@mfa_kernels_1::@masked_attention_0
// NVVM: llvm.func @again(
// NVVM: gpu.launch_func {{.*}}@mfa_kernels_1::@masked_attention_0
// SIM: llvm.func @mfaSimLaunch(
// CHECK-LABEL: module @second
// CPU: llvm.func @mfaParallelFor(
// CPU: llvm.func @attend(
// NVVM: llvm.func @mgpuTensorMapEncodeTiled(
// NVVM: llvm.func @attend(
// NVVM: gpu.launch_func {{.*}}@mfa_kernels_1::@masked_attention_0
// NVVM: gpu.binary @mfa_kernels_1
// NVVM: llvm.func @mgpuStreamCreate(
// NVVM: }
// NVVM: gpu.binary @mfa_kernels_1
// NVVM: llvm.func @mgpuStreamCreate(
// SIM: llvm.func @mfaSimLaunch(
// CHECK-NOT: {{ (func|mfa|memref|scf)\.}}

// DUMP: mfa-nested-modules{pipelines={{.*}}builtin.module(
// DUMP: one-shot-bufferize
// DUMP: mfa-simulate-gpu

!q = tensor<1x64x2x64xf16>
!k = tensor<1x?x2x64xf16>
module @outer {
  module @first {
    func.func @attend(%q: !q, %k: !k, %v: !k) -> !q {
      %e = tensor.empty() : !q
      %0 = mfa.masked_attention ins(%q, %k, %v : !q, !k, !k) outs(%e : !q) -> !q
      return %0 : !q
    }
    func.func @again(%q: !q, %k: !k, %v: !k) -> !q {
      %e = tensor.empty() : !q
      %0 = mfa.masked_attention ins(%q, %k, %v : !q, !k, !k) outs(%e : !q) -> !q
      return %0 : !q
    }
    module @second {
      func.func @attend(%q: !q, %k: !k, %v: !k) -> !q {
        %e = tensor.empty() : !q
        %0 = mfa.masked_attention ins(%q, %k, %v : !q, !k, !k) outs(%e : !q) -> !q
        return %0 : !q
      }
    }
  }
}
