// RUN: mfa-opt --help | FileCheck %s

// CHECK: Masked flash attention optimizer driver
// CHECK: General options:
// CHECK: --convert-mfa-gpu-to-nvvm
// CHECK: --convert-mfa-to-gpu
// CHECK: --mfa-decompose-attention
// CHECK: --mfa-select-schedule
// CHECK: --mfa-to-cpu
// CHECK: --mfa-to-nvvm
