// RUN: mfa-opt %s --mfa-launch-copies=chip=sm_90 --split-input-file --verify-diagnostics | FileCheck %s
// RUN: not mfa-opt %s --mfa-launch-copies=chip=sm_1 --split-input-file 2>&1 | FileCheck %s --check-prefix=CHIP
// CHIP: error: mfa-launch-copies: expected 'chip' to be one of sm_80, {{.*}}, but got 'sm_1'

// Copies of the same types share a kernel.
// CHECK: module attributes {gpu.container_module}
// CHECK-LABEL: func.func @strided
// CHECK-SAME: %[[A:.*]]: memref<4x?xf16, strided<[?, 1]>>, %[[B:.*]]: memref<4x?xf16>
// CHECK: scf.if
// CHECK: gpu.launch_func @mfa_kernels::@copy blocks in {{.*}} args(%[[A]] : {{.*}}, %[[B]] : {{.*}})
// CHECK: gpu.launch_func @mfa_kernels::@copy blocks
// CHECK: gpu.launch_func @mfa_kernels_0::@copy_0 blocks in {{.*}} args(%[[B]] : {{.*}}, %[[A]] : {{.*}})
// CHECK-NOT: memref.copy
func.func @strided(%a: memref<4x?xf16, strided<[?, 1]>>, %b: memref<4x?xf16>) {
  memref.copy %a, %b : memref<4x?xf16, strided<[?, 1]>> to memref<4x?xf16>
  memref.copy %a, %b : memref<4x?xf16, strided<[?, 1]>> to memref<4x?xf16>
  memref.copy %b, %a : memref<4x?xf16> to memref<4x?xf16, strided<[?, 1]>>
  return
}
// CHECK: gpu.module @mfa_kernels [#nvvm.target<{{.*}}chip = "sm_90"
// CHECK: gpu.func @copy(%[[FROM:.*]]: memref<4x?xf16, strided<[?, 1]>>, %[[TO:.*]]: memref<4x?xf16>) kernel
// CHECK: %[[INDICES:.*]]:2 = affine.delinearize_index
// CHECK: %[[VALUE:.*]] = memref.load %[[FROM]][%[[INDICES]]#0, %[[INDICES]]#1]
// CHECK: memref.store %[[VALUE]], %[[TO]][%[[INDICES]]#0, %[[INDICES]]#1]
// CHECK: gpu.module @mfa_kernels_0

// -----

// Kernels are put into the module of their launch.
// CHECK-LABEL: module @outer
// CHECK-NOT: gpu.module
// CHECK: module @inner attributes {gpu.container_module}
// CHECK: gpu.launch_func @mfa_kernels::@copy
// CHECK: gpu.module @mfa_kernels
module @outer {
  module @inner {
    func.func @scalar(%a: memref<f32, strided<[], offset: 1>>, %b: memref<f32>) {
      memref.copy %a, %b : memref<f32, strided<[], offset: 1>> to memref<f32>
      return
    }
  }
}

// -----

func.func @unranked(%a: memref<*xf32>, %b: memref<*xf32>) {
  // expected-error @below {{expected ranked buffers with a strided layout, which a kernel can copy, but got 'memref<*xf32>'}}
  memref.copy %a, %b : memref<*xf32> to memref<*xf32>
  return
}

// -----

// CHECK-LABEL: func.func @fill
// CHECK-SAME: %[[A:.*]]: memref<4x?xf16, strided<[?, 1]>>, %[[X:.*]]: f16
// CHECK: gpu.launch_func @mfa_kernels::@fill blocks in {{.*}} args(%[[X]] : f16, %[[A]] : {{.*}})
// CHECK-NOT: linalg.fill
func.func @fill(%a: memref<4x?xf16, strided<[?, 1]>>, %x: f16) {
  linalg.fill ins(%x : f16) outs(%a : memref<4x?xf16, strided<[?, 1]>>)
  return
}
// CHECK: gpu.func @fill(%[[VALUE:.*]]: f16, %[[TO:.*]]: memref<4x?xf16, strided<[?, 1]>>) kernel
// CHECK: %[[INDICES:.*]]:2 = affine.delinearize_index
// CHECK: memref.store %[[VALUE]], %[[TO]][%[[INDICES]]#0, %[[INDICES]]#1]
