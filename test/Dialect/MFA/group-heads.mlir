// RUN: mfa-opt %s --mfa-group-heads-as-queries --split-input-file | FileCheck %s

// Query head 4 * a + g is query g of head a; no element is moved.
// CHECK-LABEL: func.func @grouped
// CHECK-SAME: (%[[Q:.*]]: memref<2x1x8x64xf16>, %[[K:.*]]: memref<2x96x2x64xf16>, %[[V:.*]]: memref<2x96x2x32xf16>, %[[O:.*]]: memref<2x1x8x32xf16>, %[[L:.*]]: memref<2x8x1xf32>)
// CHECK: %[[ROW:.*]] = memref.collapse_shape %[[Q]] {{\[}}[0, 1], [2], [3]{{\]}} : memref<2x1x8x64xf16> into memref<2x8x64xf16>
// CHECK: %[[SPLIT:.*]] = memref.expand_shape %[[ROW]] {{\[}}[0], [1, 2], [3]{{\]}} output_shape [2, 2, 4, 64]
// CHECK: %[[QUERY:.*]] = memref.transpose %[[SPLIT]] (d0, d1, d2, d3) -> (d0, d2, d1, d3)
// CHECK: %[[OUTPUT:.*]] = memref.transpose
// CHECK: memref.collapse_shape %[[L]] {{\[}}[0], [1, 2]{{\]}}
// CHECK: %[[LSE:.*]] = memref.expand_shape {{.*}} into memref<2x2x4xf32>
// CHECK: mfa.masked_attention ins(%[[QUERY]], %[[K]], %[[V]] : memref<2x4x2x64xf16, strided<[512, 64, 256, 1]>>, memref<2x96x2x64xf16>, memref<2x96x2x32xf16>)
// CHECK-SAME: outs(%[[OUTPUT]] : memref<2x4x2x32xf16, strided<[256, 32, 128, 1]>>)
// CHECK-SAME: lse(%[[LSE]] : memref<2x2x4xf32>)
func.func @grouped(%q: memref<2x1x8x64xf16>, %k: memref<2x96x2x64xf16>, %v: memref<2x96x2x32xf16>, %o: memref<2x1x8x32xf16>, %l: memref<2x8x1xf32>) {
  mfa.masked_attention ins(%q, %k, %v : memref<2x1x8x64xf16>, memref<2x96x2x64xf16>, memref<2x96x2x32xf16>)
      outs(%o : memref<2x1x8x32xf16>) lse(%l : memref<2x8x1xf32>)
  return
}

// -----

// Batch, key length and strides may be dynamic. A mask over heads is grouped
// too, one without stays.
// CHECK-LABEL: func.func @masks
// CHECK-SAME: %[[BY_KEY:[a-z0-9]*]]: memref<?x1x1x?xf16>, %[[BY_HEAD:[a-z0-9]*]]: memref<1x6x1x?xi1, strided<[?, ?, ?, 1]>>
// CHECK: mfa.masked_attention ins({{.*}} : memref<?x3x2x64xf16, strided<[?, ?, ?, 1], offset: ?>>, {{.*}}) mask(%[[BY_KEY]] :
// CHECK: memref.collapse_shape %[[BY_HEAD]] {{\[}}[0], [1, 2], [3]{{\]}}
// CHECK: %[[MASK:.*]] = memref.expand_shape {{.*}} into memref<1x2x3x?xi1, strided<[?, ?, ?, 1]>>
// CHECK: mfa.masked_attention {{.*}} mask(%[[MASK]] :
!matrix = memref<?x1x6x64xf16, strided<[?, ?, ?, 1], offset: ?>>
func.func @masks(%q: !matrix, %k: memref<?x?x2x64xf16>, %by_key: memref<?x1x1x?xf16>, %by_head: memref<1x6x1x?xi1, strided<[?, ?, ?, 1]>>, %o: !matrix) {
  mfa.masked_attention ins(%q, %k, %k : !matrix, memref<?x?x2x64xf16>, memref<?x?x2x64xf16>)
      mask(%by_key : memref<?x1x1x?xf16>) outs(%o : !matrix)
  mfa.masked_attention ins(%q, %k, %k : !matrix, memref<?x?x2x64xf16>, memref<?x?x2x64xf16>)
      mask(%by_head : memref<1x6x1x?xi1, strided<[?, ?, ?, 1]>>) outs(%o : !matrix)
  return
}

// -----

// Several queries, no groups, groups of unknown size, a length that another
// operand alone knows, and tensors stay.
// CHECK-LABEL: func.func @queries
// CHECK-NOT: memref.expand_shape
func.func @queries(%q: memref<2x2x8x64xf16>, %k: memref<2x96x2x64xf16>, %o: memref<2x2x8x64xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<2x2x8x64xf16>, memref<2x96x2x64xf16>, memref<2x96x2x64xf16>)
      outs(%o : memref<2x2x8x64xf16>)
  return
}
func.func @no_groups(%q: memref<2x1x2x64xf16>, %k: memref<2x96x2x64xf16>, %o: memref<2x1x2x64xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<2x1x2x64xf16>, memref<2x96x2x64xf16>, memref<2x96x2x64xf16>)
      outs(%o : memref<2x1x2x64xf16>)
  return
}
func.func @unknown(%q: memref<2x1x?x64xf16>, %k: memref<2x96x?x64xf16>, %o: memref<2x1x?x64xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<2x1x?x64xf16>, memref<2x96x?x64xf16>, memref<2x96x?x64xf16>)
      outs(%o : memref<2x1x?x64xf16>)
  return
}
func.func @dynamic_output(%q: memref<2x1x8x64xf16>, %k: memref<2x96x2x64xf16>, %o: memref<2x?x8x64xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<2x1x8x64xf16>, memref<2x96x2x64xf16>, memref<2x96x2x64xf16>)
      outs(%o : memref<2x?x8x64xf16>)
  return
}
func.func @tensors(%q: tensor<2x1x8x64xf16>, %k: tensor<2x96x2x64xf16>) -> tensor<2x1x8x64xf16> {
  %0 = mfa.masked_attention ins(%q, %k, %k : tensor<2x1x8x64xf16>, tensor<2x96x2x64xf16>, tensor<2x96x2x64xf16>)
      outs(%q : tensor<2x1x8x64xf16>) -> tensor<2x1x8x64xf16>
  return %0 : tensor<2x1x8x64xf16>
}

// -----

// Regions see the head and the query of before: head 4 * a + g, query 0.
// CHECK-LABEL: func.func @regions
// CHECK: mfa.masked_attention {{.*}} captures(
// CHECK: score
// CHECK-NEXT: ^bb0(%s: f32, %b: index, %h: index, %q: index, %k: index, %[[SLOPES:.*]]: memref<8xf32>):
// CHECK-DAG: %[[SIZE:.*]] = arith.constant 4 : index
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[FIRST:.*]] = arith.muli %h, %[[SIZE]] : index
// CHECK-DAG: %[[HEAD:.*]] = arith.addi %[[FIRST]], %q : index
// CHECK: memref.load %[[SLOPES]][%[[HEAD]]]
// CHECK: keep
// CHECK: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK: arith.cmpi sle, %k, %[[ZERO]] : index
func.func @regions(%q: memref<2x1x8x64xf16>, %k: memref<2x96x2x64xf16>, %o: memref<2x1x8x64xf16>, %slopes: memref<8xf32>) {
  mfa.masked_attention ins(%q, %k, %k : memref<2x1x8x64xf16>, memref<2x96x2x64xf16>, memref<2x96x2x64xf16>)
      captures(%slopes : memref<8xf32>)
      outs(%o : memref<2x1x8x64xf16>)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %t: memref<8xf32>):
        %slope = memref.load %t[%h] : memref<8xf32>
        %x = arith.addf %s, %slope : f32
        mfa.yield %x : f32
      }
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %t: memref<8xf32>):
        %c = arith.cmpi sle, %n, %i : index
        mfa.yield %c : i1
      }
  return
}

// -----

// The sink of head 4 * a + g is that of query g of head a.
// CHECK-LABEL: func.func @sinks
// CHECK-SAME: %[[S:[a-z0-9]+]]: memref<8xf32, strided<[?]>>, %[[T:[a-z0-9]+]]: memref<8x1xf32>)
// CHECK: %[[S2:.*]] = memref.expand_shape %[[S]] {{\[}}[0, 1]{{\]}} output_shape [2, 4]
// CHECK: mfa.masked_attention {{.*}} sinks(%[[S2]] : memref<2x4xf32, strided<[?, ?]>>)
// CHECK: %[[T1:.*]] = memref.collapse_shape %[[T]] {{\[}}[0, 1]{{\]}} : memref<8x1xf32> into memref<8xf32>
// CHECK: %[[T2:.*]] = memref.expand_shape %[[T1]] {{\[}}[0, 1]{{\]}} output_shape [2, 4]
// CHECK: mfa.masked_attention {{.*}} sinks(%[[T2]] : memref<2x4xf32>)
func.func @sinks(%q: memref<2x1x8x64xf16>, %k: memref<2x96x2x64xf16>, %o: memref<2x1x8x64xf16>, %s: memref<8xf32, strided<[?]>>, %t: memref<8x1xf32>) {
  mfa.masked_attention ins(%q, %k, %k : memref<2x1x8x64xf16>, memref<2x96x2x64xf16>, memref<2x96x2x64xf16>)
      sinks(%s : memref<8xf32, strided<[?]>>) outs(%o : memref<2x1x8x64xf16>)
  mfa.masked_attention ins(%q, %k, %k : memref<2x1x8x64xf16>, memref<2x96x2x64xf16>, memref<2x96x2x64xf16>)
      sinks(%t : memref<8x1xf32>) outs(%o : memref<2x1x8x64xf16>)
  return
}
