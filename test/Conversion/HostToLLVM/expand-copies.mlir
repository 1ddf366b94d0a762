// RUN: mfa-opt %s --mfa-expand-copies | FileCheck %s

// CHECK-LABEL: func.func @strided
// CHECK-COUNT-3: linalg.copy
// CHECK-NOT: memref.copy
func.func @strided(%a: memref<4x8xf32, strided<[16, 1]>>, %b: memref<4x8xf32>,
                   %c: memref<?x?xi1, strided<[?, ?], offset: ?>>,
                   %d: memref<?x?xi1>) {
  memref.copy %a, %b : memref<4x8xf32, strided<[16, 1]>> to memref<4x8xf32>
  memref.copy %b, %a : memref<4x8xf32> to memref<4x8xf32, strided<[16, 1]>>
  memref.copy %c, %d : memref<?x?xi1, strided<[?, ?], offset: ?>> to memref<?x?xi1>
  return
}

// One range of bytes, or of a rank that is not known.
// CHECK-LABEL: func.func @others
// CHECK-COUNT-3: memref.copy
// CHECK-NOT: linalg.copy
func.func @others(%a: memref<4x?xf32>, %b: memref<4x?xf32>,
                  %c: memref<4x8xf32, strided<[8, 1], offset: 32>>,
                  %d: memref<4x8xf32>, %u: memref<*xf32>) {
  memref.copy %a, %b : memref<4x?xf32> to memref<4x?xf32>
  memref.copy %c, %d : memref<4x8xf32, strided<[8, 1], offset: 32>> to memref<4x8xf32>
  memref.copy %u, %u : memref<*xf32> to memref<*xf32>
  return
}
