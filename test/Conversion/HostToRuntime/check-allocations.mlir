// RUN: mfa-opt %s --mfa-check-allocations | FileCheck %s

// CHECK-LABEL: func.func @dynamic(
// CHECK-SAME: %[[N:.*]]: index, %[[M:.*]]: index
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1 : index
// 16 elements of 4 bytes.
// CHECK-DAG: %[[BYTES:.*]] = arith.constant 64 : index
// CHECK: %[[SIZE:.*]] = arith.maxui %[[N]], %[[ONE]]
// CHECK: %[[LOW:.*]], %[[HIGH:.*]] = arith.mului_extended %[[BYTES]], %[[SIZE]]
// CHECK: %[[FITS:.*]] = arith.cmpi eq, %[[HIGH]], %[[ZERO]]
// CHECK: %[[SIZE2:.*]] = arith.maxui %[[M]], %[[ONE]]
// CHECK: %[[LOW2:.*]], %[[HIGH2:.*]] = arith.mului_extended %[[LOW]], %[[SIZE2]]
// CHECK: %[[FITS2:.*]] = arith.cmpi eq, %[[HIGH2]], %[[ZERO]]
// CHECK: %[[BOTH:.*]] = arith.andi %[[FITS]], %[[FITS2]]
// CHECK: %[[POSITIVE:.*]] = arith.cmpi sge, %[[LOW2]], %[[ZERO]]
// CHECK: %[[VALID:.*]] = arith.andi %[[BOTH]], %[[POSITIVE]]
// CHECK: cf.assert %[[VALID]], "expected memref<?x16x?xf32> to have sizes of 0 or more that take at most 9223372036854775807 bytes (model.mlir:3:7)"
// CHECK: memref.alloc(%[[N]], %[[M]])
func.func @dynamic(%n: index, %m: index) {
  %0 = memref.alloc(%n, %m) : memref<?x16x?xf32> loc("model.mlir":3:7)
  return
}

// CHECK-LABEL: func.func @others(
// CHECK: cf.assert
// CHECK: memref.alloca
// CHECK: scf.if
// CHECK: cf.assert
// CHECK: gpu.alloc
func.func @others(%n: index, %c: i1) {
  %0 = memref.alloca(%n) : memref<?xi1>
  scf.if %c {
    %1 = gpu.alloc (%n) : memref<?xcomplex<f64>>
  }
  return
}

// CHECK-LABEL: func.func @static(
// CHECK-NOT: cf.assert
// CHECK: memref.alloc() : memref<4x0x8xf16>
// CHECK: %[[FALSE:.*]] = arith.constant false
// CHECK-NEXT: cf.assert %[[FALSE]]
// CHECK-NEXT: memref.alloc() : memref<4611686018427387904x2xi8>
func.func @static() {
  %0 = memref.alloc() : memref<4x0x8xf16>
  %1 = memref.alloc() : memref<4611686018427387904x2xi8>
  return
}

// CHECK-LABEL: gpu.module @kernels
// CHECK-NOT: cf.assert
gpu.module @kernels {
  func.func @f(%n: index) {
    %0 = memref.alloca(%n) : memref<?xf32>
    return
  }
}
