// Each stage of the lowering is what its name says.

// RUN: mfa-run %s --entry main --emit mfa --target cuda --chip sm_80 \
// RUN:   | FileCheck %s --check-prefix=MFA
// RUN: mfa-run %s --entry main --emit linalg --target cpu \
// RUN:   | FileCheck %s --check-prefix=LINALG
// RUN: mfa-run %s --entry main --emit gpu --target cuda --chip sm_80 \
// RUN:   | FileCheck %s --check-prefix=GPU
// RUN: mfa-run %s --entry main --emit nvvm --target cuda --chip sm_80 \
// RUN:   | FileCheck %s --check-prefix=NVVM
// RUN: mfa-run %s --entry main --emit nvvm --target sim --chip sm_80 \
// RUN:   | FileCheck %s --check-prefix=NVVM
// RUN: mfa-run %s --entry main --emit llvm --target cuda --chip sm_80 \
// RUN:   | FileCheck %s --check-prefix=LLVM
// RUN: mfa-run %s --entry main --emit ptx --target cuda --chip sm_80 \
// RUN:   | FileCheck %s --check-prefix=PTX

// MFA: mfa.masked_attention

// LINALG-NOT: mfa.masked_attention
// LINALG: linalg.generic

// GPU-NOT: mfa.masked_attention
// GPU: gpu.launch_func
// GPU: gpu.module
// GPU: mfa_gpu.mma
// GPU-NOT: nvvm.mma.sync

// NVVM-NOT: mfa_gpu.
// NVVM: gpu.launch_func
// NVVM-NOT: mfa_gpu.
// NVVM: gpu.module
// NVVM-NOT: mfa_gpu.
// NVVM: nvvm.mma.sync
// NVVM-NOT: mfa_gpu.

// LLVM-NOT: func.func
// LLVM: gpu.binary
// LLVM-NOT: func.func

// PTX: .version
// PTX: .target sm_80
// PTX: .entry
// PTX: mma.sync
func.func @main(%query: tensor<1x32x2x64xf16>, %key: tensor<1x48x1x64xf16>,
                %value: tensor<1x48x1x64xf16>) -> tensor<1x32x2x64xf16> {
  %init = tensor.empty() : tensor<1x32x2x64xf16>
  %output = mfa.masked_attention
      ins(%query, %key, %value : tensor<1x32x2x64xf16>, tensor<1x48x1x64xf16>,
          tensor<1x48x1x64xf16>)
      outs(%init : tensor<1x32x2x64xf16>) -> tensor<1x32x2x64xf16>
  return %output : tensor<1x32x2x64xf16>
}
