// RUN: mfa-opt %s --mfa-to-nvvm=chip=sm_90 | FileCheck %s
// RUN: mfa-opt %s --mfa-to-nvvm="chip=sm_90 format=llvm" | FileCheck %s --check-prefix=LLVM
// RUN: not mfa-opt %s --mfa-to-nvvm=chip=sm_10 2>&1 | FileCheck %s --check-prefix=CHIP

// Tensors in, and nothing but llvm ops, a launch and the kernel as PTX out. No
// function is called from the kernel and it needs no libdevice.
// CHECK: llvm.func @attention
// CHECK: gpu.launch_func @mfa_kernels::@masked_attention
// CHECK: gpu.binary @mfa_kernels
// CHECK-SAME: .target sm_90
// CHECK-SAME: cp.async.cg.shared.global
// CHECK-SAME: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// CHECK-SAME: ex2.approx.ftz.f32
// CHECK-NOT: __nv_
// CHECK-NOT: unrealized_conversion_cast

// LLVM: gpu.binary @mfa_kernels [#gpu.object<#nvvm.target<{{.*}}>, {{.*}}offload

// CHIP: error: mfa-to-nvvm: expected 'chip' to be one of sm_80, {{.*}}, but got 'sm_10'
func.func @attention(%q: tensor<2x64x4x64xbf16>, %m: tensor<1x1x1x64xbf16>) -> tensor<2x64x4x64xbf16> {
  %init = tensor.empty() : tensor<2x64x4x64xbf16>
  %0 = mfa.masked_attention ins(%q, %q, %q : tensor<2x64x4x64xbf16>, tensor<2x64x4x64xbf16>, tensor<2x64x4x64xbf16>)
      mask(%m : tensor<1x1x1x64xbf16>) outs(%init : tensor<2x64x4x64xbf16>) -> tensor<2x64x4x64xbf16>
  return %0 : tensor<2x64x4x64xbf16>
}
