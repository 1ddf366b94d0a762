// RUN: mfa-opt %s --mfa-decompose-linalg --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @softmax
// CHECK-NOT: linalg.softmax
// CHECK: linalg.generic
// CHECK: arith.maxnumf
// CHECK: linalg.generic
// CHECK: math.exp
// CHECK: linalg.generic
// CHECK: arith.addf
// CHECK: linalg.generic
// CHECK: arith.divf
func.func @softmax(%x: tensor<4x?xf32>, %o: tensor<4x?xf32>) -> tensor<4x?xf32> {
  %0 = linalg.softmax dimension(1) ins(%x : tensor<4x?xf32>)
         outs(%o : tensor<4x?xf32>) -> tensor<4x?xf32>
  return %0 : tensor<4x?xf32>
}

// -----

// CHECK-LABEL: func.func @pack
// CHECK-NOT: linalg.{{(pack|unpack)}}
// CHECK: tensor.pad
// CHECK: linalg.transpose
// CHECK: linalg.transpose
// CHECK: tensor.extract_slice
func.func @pack(%x: tensor<5x6xf32>, %packed: tensor<2x3x4x2xf32>,
                %o: tensor<5x6xf32>) -> tensor<5x6xf32> {
  %zero = arith.constant 0.0 : f32
  %0 = linalg.pack %x padding_value(%zero : f32) inner_dims_pos = [0, 1]
         inner_tiles = [4, 2] into %packed
         : tensor<5x6xf32> -> tensor<2x3x4x2xf32>
  %1 = linalg.unpack %0 inner_dims_pos = [0, 1] inner_tiles = [4, 2] into %o
         : tensor<2x3x4x2xf32> -> tensor<5x6xf32>
  return %1 : tensor<5x6xf32>
}

// -----

// On buffers there is nothing to decompose to.
// CHECK-LABEL: func.func @buffers
// CHECK: linalg.softmax
func.func @buffers(%x: memref<4x8xf32>, %o: memref<4x8xf32>) {
  linalg.softmax dimension(1) ins(%x : memref<4x8xf32>) outs(%o : memref<4x8xf32>)
  return
}
