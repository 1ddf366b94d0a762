// RUN: mfa-opt %s --mfa-simulate-gpu | FileCheck %s

// A program without a loop gets those of a memset, whose dialect comes with the pass.
// CHECK-LABEL: func.func @fill(
// CHECK-SAME: %[[TO:.*]]: memref<4x?xf32>, %[[VALUE:.*]]: f32
// CHECK: %[[SIZE:.*]] = memref.dim %[[TO]]
// CHECK: scf.for %[[I:.*]] = %{{.*}} to %c4
// CHECK: scf.for %[[J:.*]] = %{{.*}} to %[[SIZE]]
// CHECK: memref.store %[[VALUE]], %[[TO]][%[[I]], %[[J]]]
func.func @fill(%to: memref<4x?xf32>, %value: f32) {
  gpu.memset %to, %value : memref<4x?xf32>, f32
  return
}
