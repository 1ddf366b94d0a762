// Every pass and pipeline of the project runs alone, on a module that has
// nothing for it.

// RUN: mfa-opt %s --convert-mfa-gpu-to-nvvm | FileCheck %s
// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90 | FileCheck %s
// RUN: mfa-opt %s --mfa-decompose-attention | FileCheck %s
// RUN: mfa-opt %s --mfa-select-schedule=chip=sm_90 | FileCheck %s
// RUN: mfa-opt %s --mfa-to-cpu | FileCheck %s
// RUN: mfa-opt %s --mfa-to-nvvm=chip=sm_90 | FileCheck %s

// CHECK: module
// CHECK-NOT: {{[a-z]+\.[a-z]+}}
module {
}
