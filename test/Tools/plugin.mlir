// The plugin gives another mlir-opt the dialects, passes and pipelines.

// DEFINE: %{load} = --load-dialect-plugin=%mfa_lib/MFAPlugin.so \
// DEFINE:           --load-pass-plugin=%mfa_lib/MFAPlugin.so

// RUN: %llvm_tools/mlir-opt %{load} --show-dialects | FileCheck %s --check-prefix=DIALECTS
// RUN: %llvm_tools/mlir-opt %{load} %s \
// RUN:   --pass-pipeline="builtin.module(mfa-select-schedule{chip=sm_90})" \
// RUN:   | FileCheck %s --check-prefix=SCHEDULE
// RUN: %llvm_tools/mlir-opt %{load} %s --pass-pipeline="builtin.module( \
// RUN:   one-shot-bufferize{bufferize-function-boundaries}, mfa-to-cpu)" \
// RUN:   | FileCheck %s --check-prefix=CPU
// RUN: not %llvm_tools/mlir-opt %s 2>&1 | FileCheck %s --check-prefix=WITHOUT

// DIALECTS: Available Dialects: {{.*}},mfa,mfa_gpu,

// SCHEDULE: mfa.masked_attention {{.*}} schedule(#mfa.schedule<

// CPU: llvm.func @main
// CPU-NOT: mfa.

// WITHOUT: Dialect `mfa' not found for custom op 'mfa.masked_attention'
func.func @main(%q: tensor<2x16x4x8xf16>, %o: tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16> {
  %0 = mfa.masked_attention
         ins(%q, %q, %q : tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>,
                          tensor<2x16x4x8xf16>)
         outs(%o : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  return %0 : tensor<2x16x4x8xf16>
}
