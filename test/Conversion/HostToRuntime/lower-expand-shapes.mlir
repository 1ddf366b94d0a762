// RUN: mfa-opt %s --mfa-lower-expand-shapes | FileCheck %s
// RUN: mfa-opt %s --mfa-lower-expand-shapes --expand-strided-metadata | FileCheck %s --check-prefix=EXPANDED
// RUN: mfa-opt %s --mfa-decompose-attention --mfa-to-cpu | FileCheck %s --check-prefix=CPU

// EXPANDED-NOT: memref.expand_shape
// CPU-NOT: unrealized_conversion_cast

// CHECK-LABEL: func @contiguous
// CHECK-SAME: %[[SOURCE:.*]]: memref<?x8xf16>, %[[H:.*]]: index, %[[G:.*]]: index
// CHECK: %[[BASE:.*]], %{{.*}}, %{{.*}}:2, %{{.*}}:2 = memref.extract_strided_metadata %[[SOURCE]]
// CHECK: %[[STRIDE:.*]] = arith.muli %[[G]], %{{.*}} : index
// CHECK: memref.reinterpret_cast %[[BASE]] to offset: [0], sizes: [%[[H]], %[[G]], 8], strides: [%[[STRIDE]], 8, 1]
// CHECK-SAME: to memref<?x?x8xf16>
func.func @contiguous(%0: memref<?x8xf16>, %h: index, %g: index) -> memref<?x?x8xf16> {
  %1 = memref.expand_shape %0 [[0, 1], [2]] output_shape [%h, %g, 8]
      : memref<?x8xf16> into memref<?x?x8xf16>
  return %1 : memref<?x?x8xf16>
}

// Any strides and offset, three sizes in place of one, next to a group of one
// dynamic size.
// CHECK-LABEL: func @strided
// CHECK: %[[BASE:.*]], %[[OFFSET:.*]], %{{.*}}:2, %[[STRIDES:.*]]:2 = memref.extract_strided_metadata
// CHECK: %[[SECOND:.*]] = arith.muli %[[STRIDES]]#1, %{{.*}} : index
// CHECK: %[[FIRST:.*]] = arith.muli %[[SECOND]], %{{.*}} : index
// CHECK: memref.reinterpret_cast %[[BASE]] to offset: [%[[OFFSET]]]
// CHECK-SAME: strides: [%{{.*}}, %[[STRIDES]]#0, %[[FIRST]], %[[SECOND]], %[[STRIDES]]#1]
func.func @strided(%0: memref<?x?xf32, strided<[?, ?], offset: ?>>, %x: index, %a: index, %b: index,
                   %c: index) -> memref<?x2x?x?x?xf32, strided<[?, ?, ?, ?, ?], offset: ?>> {
  %1 = memref.expand_shape %0 [[0, 1], [2, 3, 4]] output_shape [%x, 2, %a, %b, %c]
      : memref<?x?xf32, strided<[?, ?], offset: ?>>
        into memref<?x2x?x?x?xf32, strided<[?, ?, ?, ?, ?], offset: ?>>
  return %1 : memref<?x2x?x?x?xf32, strided<[?, ?, ?, ?, ?], offset: ?>>
}

// CHECK-LABEL: func @one_dynamic
// CHECK: memref.expand_shape
func.func @one_dynamic(%0: memref<?x8xf16>, %h: index) -> memref<?x2x8xf16> {
  %1 = memref.expand_shape %0 [[0, 1], [2]] output_shape [%h, 2, 8]
      : memref<?x8xf16> into memref<?x2x8xf16>
  return %1 : memref<?x2x8xf16>
}

// What the decomposition leaves where numbers of heads are dynamic.
// CHECK-LABEL: func @dynamic_heads
func.func @dynamic_heads(%q: tensor<?x?x?x8xf16>, %k: tensor<?x?x?x8xf16>,
                         %o: tensor<?x?x?x8xf16>) -> tensor<?x?x?x8xf16> {
  %0 = mfa.masked_attention ins(%q, %k, %k : tensor<?x?x?x8xf16>, tensor<?x?x?x8xf16>, tensor<?x?x?x8xf16>)
         outs(%o : tensor<?x?x?x8xf16>) -> tensor<?x?x?x8xf16>
  return %0 : tensor<?x?x?x8xf16>
}
