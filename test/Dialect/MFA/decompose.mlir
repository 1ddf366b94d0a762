// RUN: mfa-opt %s --mfa-decompose-attention --canonicalize --cse --split-input-file | FileCheck %s

// Grouped heads: the query and the output are split in key heads and heads of a
// group; key and value are indexed by the key head alone. The i1 mask of rank 3
// broadcasts over batch and heads.

// CHECK-DAG: #[[QUERY:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d1, d2, d5)>
// CHECK-DAG: #[[KEY:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d4, d1, d5)>
// CHECK-DAG: #[[SCORE:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3, d4)>
// CHECK-DAG: #[[MASK:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (0, d3, d4)>
// CHECK-DAG: #[[ID:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[PRODUCT:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3, d5)>
// CHECK-DAG: #[[OUTPUT:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d3, d1, d2, d4)>

// CHECK-LABEL: func.func @grouped(
// CHECK-SAME: %[[Q:.*]]: tensor<2x7x4x8xbf16>, %[[K:.*]]: tensor<2x9x2x8xbf16>, %[[V:.*]]: tensor<2x9x2x16xbf16>, %[[M:.*]]: tensor<1x7x9xi1>, %[[O:.*]]: tensor<2x7x4x16xbf16>, %[[L:.*]]: tensor<2x4x7xf32>
// CHECK-DAG: %[[NINF:.*]] = arith.constant 0xFF800000 : f32
// CHECK-DAG: %[[SCALE:.*]] = arith.constant 0.353553385 : f32
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-DAG: %[[Q5:.*]] = tensor.expand_shape %[[Q]] {{\[\[}}0], [1], [2, 3], [4]] output_shape [2, 7, 2, 2, 8]
// CHECK-DAG: %[[O5:.*]] = tensor.expand_shape %[[O]] {{\[\[}}0], [1], [2, 3], [4]] output_shape [2, 7, 2, 2, 16]
// CHECK-DAG: %[[L4:.*]] = tensor.expand_shape %[[L]] {{\[\[}}0], [1, 2], [3]] output_shape [2, 2, 2, 7]

// Scores: f32 accumulation, free to be reordered.
// CHECK: %[[INIT:.*]] = linalg.fill ins(%[[ZERO]] : f32) outs({{.*}} : tensor<2x2x2x7x9xf32>)
// CHECK: %[[SCORES:.*]] = linalg.generic
// CHECK-SAME: indexing_maps = [#[[QUERY]], #[[KEY]], #[[SCORE]]]
// CHECK-SAME: iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction"]
// CHECK-SAME: ins(%[[Q5]], %[[K]] :
// CHECK-SAME: outs(%[[INIT]] :
// CHECK-COUNT-2: arith.extf {{.*}} : bf16 to f32
// CHECK: arith.mulf {{.*}} fastmath<reassoc,contract> : f32
// CHECK: arith.addf {{.*}} fastmath<reassoc,contract> : f32

// Scale, then mask.
// CHECK: %[[MASKED:.*]] = linalg.generic {indexing_maps = [#[[MASK]], #[[ID]]]
// CHECK-SAME: ins(%[[M]] : tensor<1x7x9xi1>) outs(%[[SCORES]] :
// CHECK: %[[SCALED:.*]] = arith.mulf %{{.*}}, %[[SCALE]] : f32
// CHECK: %[[BIAS:.*]] = arith.select %{{.*}}, %[[ZERO]], %[[NINF]] : f32
// CHECK: arith.addf %[[SCALED]], %[[BIAS]] : f32

// The largest score; maximumf passes a NaN on.
// CHECK: %[[MAXINIT:.*]] = linalg.fill ins(%[[NINF]] : f32)
// CHECK: %[[MAX:.*]] = linalg.generic {indexing_maps = [#[[ID]], #[[ROW]]]
// CHECK-SAME: ins(%[[MASKED]] :
// CHECK-SAME: outs(%[[MAXINIT]] :
// CHECK: arith.maximumf

// Weights, with base 0 where the largest score is -inf.
// CHECK: %[[WEIGHTS:.*]] = linalg.generic {indexing_maps = [#[[ROW]], #[[ID]]]
// CHECK-SAME: ins(%[[MAX]] :
// CHECK-SAME: outs(%[[MASKED]] :
// CHECK: ^bb0(%[[M0:.*]]: f32, %[[S0:.*]]: f32):
// CHECK: %[[EMPTY:.*]] = arith.cmpf oeq, %[[M0]], %[[NINF]] : f32
// CHECK: %[[BASE:.*]] = arith.select %[[EMPTY]], %[[ZERO]], %[[M0]] : f32
// CHECK: %[[DIFF:.*]] = arith.subf %[[S0]], %[[BASE]] : f32
// CHECK: math.exp %[[DIFF]] : f32

// CHECK: %[[SUM:.*]] = linalg.generic {indexing_maps = [#[[ID]], #[[ROW]]]
// CHECK-SAME: ins(%[[WEIGHTS]] :
// CHECK: arith.addf %{{.*}}, %{{.*}} : f32

// Each weight's share of the sum, with the weights rounded to bf16.
// CHECK: %[[SHARES:.*]] = linalg.generic {indexing_maps = [#[[ROW]], #[[ID]]]
// CHECK-SAME: ins(%[[SUM]] :
// CHECK-SAME: outs(%[[WEIGHTS]] :
// CHECK: ^bb0(%[[L0:.*]]: f32, %[[W0:.*]]: f32):
// CHECK: %[[ROUNDED:.*]] = arith.truncf %[[W0]] : f32 to bf16
// CHECK: %[[WIDE:.*]] = arith.extf %[[ROUNDED]] : bf16 to f32
// CHECK: arith.divf %[[WIDE]], %[[L0]] : f32

// CHECK: %[[PRODUCTS:.*]] = linalg.generic
// CHECK-SAME: indexing_maps = [#[[SCORE]], #[[KEY]], #[[PRODUCT]]]
// CHECK-SAME: iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "parallel"]
// CHECK-SAME: ins(%[[SHARES]], %[[V]] :
// CHECK: ^bb0(%{{.*}}: f32, %[[V0:.*]]: bf16, %{{.*}}: f32):
// CHECK: arith.extf %[[V0]] : bf16 to f32

// Output: 0 in fully masked rows, by selection.
// CHECK: %[[OUT:.*]] = linalg.generic {indexing_maps = [#[[ID]], #[[ROW]], #[[OUTPUT]]]
// CHECK-SAME: ins(%[[PRODUCTS]], %[[MAX]] :
// CHECK-SAME: outs(%[[O5]] :
// CHECK: ^bb0(%[[P0:.*]]: f32, %[[M1:.*]]: f32,
// CHECK: %[[EMPTY:.*]] = arith.cmpf oeq, %[[M1]], %[[NINF]] : f32
// CHECK: %[[RESULT:.*]] = arith.select %[[EMPTY]], %[[ZERO]], %[[P0]] : f32
// CHECK: arith.truncf %[[RESULT]] : f32 to bf16

// CHECK: %[[LSE:.*]] = linalg.generic
// CHECK-SAME: ins(%[[SUM]], %[[MAX]] :
// CHECK-SAME: outs(%[[L4]] :
// CHECK: math.log

// CHECK-DAG: %[[R0:.*]] = tensor.collapse_shape %[[OUT]] {{\[\[}}0], [1], [2, 3], [4]]
// CHECK-DAG: %[[R1:.*]] = tensor.collapse_shape %[[LSE]] {{\[\[}}0], [1, 2], [3]]
// CHECK: return %[[R0]], %[[R1]]
func.func @grouped(%q: tensor<2x7x4x8xbf16>, %k: tensor<2x9x2x8xbf16>,
                   %v: tensor<2x9x2x16xbf16>, %m: tensor<1x7x9xi1>,
                   %o: tensor<2x7x4x16xbf16>, %l: tensor<2x4x7xf32>)
    -> (tensor<2x7x4x16xbf16>, tensor<2x4x7xf32>) {
  %0:2 = mfa.masked_attention
      ins(%q, %k, %v : tensor<2x7x4x8xbf16>, tensor<2x9x2x8xbf16>, tensor<2x9x2x16xbf16>)
      mask(%m : tensor<1x7x9xi1>)
      outs(%o : tensor<2x7x4x16xbf16>) lse(%l : tensor<2x4x7xf32>)
      -> (tensor<2x7x4x16xbf16>, tensor<2x4x7xf32>)
  return %0#0, %0#1 : tensor<2x7x4x16xbf16>, tensor<2x4x7xf32>
}

// -----

// Equal heads stay one dimension. In f32 nothing is rounded; the scale is the
// operand; the mask of rank 4 broadcasts over query rows.

// CHECK-DAG: #[[MASK:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, 0, d3)>
// CHECK-LABEL: func.func @equal_heads(
// CHECK-SAME: %[[S:[a-z0-9]+]]: f32
// CHECK-NOT: expand_shape
// CHECK-NOT: truncf
// CHECK: linalg.generic {indexing_maps = [#[[MASK]], #{{.*}}]
// CHECK-SAME: ins(%{{.*}} : tensor<2x4x1x9xf16>)
// CHECK: %[[SCALED:.*]] = arith.mulf %{{.*}}, %[[S]] : f32
// CHECK: %[[BIAS:.*]] = arith.extf %{{.*}} : f16 to f32
// CHECK: arith.addf %[[SCALED]], %[[BIAS]] : f32
// CHECK-NOT: truncf
// CHECK: return
func.func @equal_heads(%q: tensor<2x7x4x8xf32>, %k: tensor<2x9x4x8xf32>,
                       %v: tensor<2x9x4x8xf32>, %m: tensor<2x4x1x9xf16>,
                       %s: f32, %o: tensor<2x7x4x8xf32>) -> tensor<2x7x4x8xf32> {
  %0 = mfa.masked_attention
      ins(%q, %k, %v : tensor<2x7x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x8xf32>)
      mask(%m : tensor<2x4x1x9xf16>) scale(%s : f32)
      outs(%o : tensor<2x7x4x8xf32>) -> tensor<2x7x4x8xf32>
  return %0 : tensor<2x7x4x8xf32>
}

// -----

// Dynamic heads: the group is known at run time. A dimension that is static in
// one operand only is cast.

// CHECK-LABEL: func.func @dynamic(
// CHECK-SAME: %[[Q:.*]]: tensor<?x?x?x8xf32>, %[[K:.*]]: tensor<?x?x?x8xf32>
// CHECK-DAG: %[[KH:.*]] = tensor.dim %[[K]], %c2
// CHECK-DAG: %[[QH:.*]] = tensor.dim %[[Q]], %c2
// CHECK: %[[G:.*]] = arith.divui %[[QH]], %[[KH]] : index
// CHECK: tensor.expand_shape %[[Q]] {{\[\[}}0], [1], [2, 3], [4]] output_shape [%{{.*}}, %{{.*}}, %[[KH]], %[[G]], 8]
// CHECK: %[[LCAST:.*]] = tensor.cast %{{.*}} : tensor<?x4x?xf32> to tensor<?x?x?xf32>
// CHECK: tensor.expand_shape %[[LCAST]] {{\[\[}}0], [1, 2], [3]]
// CHECK: tensor.expand_shape %{{.*}} {{\[\[}}0], [1, 2], [3], [4]] {{.*}} : tensor<?x?x1x?xf16> into tensor<?x?x?x1x?xf16>
// CHECK: tensor.empty({{.*}}) : tensor<?x?x?x?x?xf32>
func.func @dynamic(%q: tensor<?x?x?x8xf32>, %k: tensor<?x?x?x8xf32>,
                   %v: tensor<?x?x?x16xf32>, %m: tensor<?x?x1x?xf16>,
                   %o: tensor<?x?x?x16xf32>, %l: tensor<?x4x?xf32>)
    -> (tensor<?x?x?x16xf32>, tensor<?x4x?xf32>) {
  %0:2 = mfa.masked_attention
      ins(%q, %k, %v : tensor<?x?x?x8xf32>, tensor<?x?x?x8xf32>, tensor<?x?x?x16xf32>)
      mask(%m : tensor<?x?x1x?xf16>)
      outs(%o : tensor<?x?x?x16xf32>) lse(%l : tensor<?x4x?xf32>)
      -> (tensor<?x?x?x16xf32>, tensor<?x4x?xf32>)
  return %0#0, %0#1 : tensor<?x?x?x16xf32>, tensor<?x4x?xf32>
}

// -----

// Strided buffers are the operands of the linalg ops as they are; what is
// allocated is freed.

// CHECK-LABEL: func.func @buffers(
// CHECK-SAME: %[[Q:.*]]: memref<1x?x2x8xf32, strided<[?, ?, ?, 1], offset: ?>>, %[[K:.*]]: memref<1x?x2x8xf32, strided<[0, ?, ?, 1]>>, %[[V:.*]]: memref<1x?x2x8xf32>, %[[O:.*]]: memref<1x?x2x8xf32, strided<[?, ?, ?, 1], offset: ?>>
// CHECK: %[[SCORES:.*]] = memref.alloc(%{{.*}}, %{{.*}}) : memref<1x2x?x?xf32>
// CHECK: linalg.generic {{.*}} ins(%[[Q]], %[[K]] : {{.*}}) outs(%[[SCORES]] :
// CHECK: linalg.generic {{.*}} ins(%[[SCORES]], %[[V]] :
// CHECK: linalg.generic {{.*}} outs(%[[O]] :
// CHECK-COUNT-4: memref.dealloc
// CHECK-NEXT: return
func.func @buffers(%q: memref<1x?x2x8xf32, strided<[?, ?, ?, 1], offset: ?>>,
                   %k: memref<1x?x2x8xf32, strided<[0, ?, ?, 1]>>,
                   %v: memref<1x?x2x8xf32>,
                   %o: memref<1x?x2x8xf32, strided<[?, ?, ?, 1], offset: ?>>) {
  mfa.masked_attention
      ins(%q, %k, %v : memref<1x?x2x8xf32, strided<[?, ?, ?, 1], offset: ?>>,
                       memref<1x?x2x8xf32, strided<[0, ?, ?, 1]>>,
                       memref<1x?x2x8xf32>)
      outs(%o : memref<1x?x2x8xf32, strided<[?, ?, ?, 1], offset: ?>>)
  return
}

// -----

// Both parts of the heads are dynamic: the view is made of strides.

// CHECK-LABEL: func.func @dynamic_buffers(
// CHECK-SAME: %[[Q:.*]]: memref<1x1x?x8xf32>, %[[K:.*]]: memref<1x?x?x8xf32>
// CHECK-DAG: %[[KH:.*]] = memref.dim %[[K]], %c2
// CHECK-DAG: %[[QH:.*]] = memref.dim %[[Q]], %c2
// CHECK: %[[G:.*]] = arith.divui %[[QH]], %[[KH]] : index
// CHECK: %[[GSTRIDE:.*]] = arith.muli %[[G]], %c8 : index
// CHECK: memref.reinterpret_cast %[[Q]] to offset: [0], sizes: [1, 1, %[[KH]], %[[G]], 8]
// CHECK-SAME: strides: [%{{.*}}, %{{.*}}, %[[GSTRIDE]], 8, 1]
func.func @dynamic_buffers(%q: memref<1x1x?x8xf32>, %k: memref<1x?x?x8xf32>,
                           %o: memref<1x1x?x8xf32>) {
  mfa.masked_attention
      ins(%q, %k, %k : memref<1x1x?x8xf32>, memref<1x?x?x8xf32>, memref<1x?x?x8xf32>)
      outs(%o : memref<1x1x?x8xf32>)
  return
}

// -----

// Score, then keep, in the body that scales and adds the mask. The head is the
// query head: key head * 2 + head of the group. Sinks take part in the largest
// score that weights are relative to, in the sum and in the log-sum-exp; whether
// a row is empty is a matter of its keys alone.

// CHECK-DAG: #[[SINK:.*]] = affine_map<(d0, d1, d2, d3) -> (d1, d2)>
// CHECK-LABEL: func.func @regions(
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<4xf32>, %[[SLOPES:[a-z0-9]+]]: tensor<4xf32>, %[[W:[a-z0-9]+]]: index
// CHECK-DAG: %[[NINF:.*]] = arith.constant 0xFF800000 : f32
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-DAG: %[[TWO:.*]] = arith.constant 2 : index
// CHECK-DAG: %[[SINKS:.*]] = tensor.expand_shape %[[S]] {{\[\[}}0, 1]] output_shape [2, 2]
// CHECK: arith.mulf {{.*}} fastmath<reassoc,contract>
// CHECK: %[[SCORES:.*]] = linalg.generic
// CHECK: %[[SCALED:.*]] = arith.mulf
// CHECK: %[[KH:.*]] = linalg.index 1
// CHECK: %[[FIRST:.*]] = arith.muli %[[KH]], %[[TWO]]
// CHECK: %[[G:.*]] = linalg.index 2
// CHECK: %[[H:.*]] = arith.addi %[[FIRST]], %[[G]]
// CHECK: %[[I:.*]] = linalg.index 3
// CHECK: %[[N:.*]] = linalg.index 4
// CHECK: %[[SLOPE:.*]] = tensor.extract %[[SLOPES]][%[[H]]]
// CHECK: %[[CHANGED:.*]] = arith.mulf %[[SCALED]], %[[SLOPE]]
// CHECK: %[[DIFF:.*]] = arith.subi %[[I]], %[[N]]
// CHECK: %[[KEPT:.*]] = arith.cmpi slt, %[[DIFF]], %[[W]]
// CHECK: %[[KEEP:.*]] = arith.select %[[KEPT]], %[[CHANGED]], %[[NINF]]
// CHECK: linalg.yield %[[KEEP]]
// CHECK: %[[MAX:.*]] = linalg.generic
// CHECK-SAME: ins(%[[SCORES]] :
// CHECK: arith.maximumf
// CHECK: %[[TOP:.*]] = linalg.generic
// CHECK-SAME: #[[SINK]]
// CHECK-SAME: ins(%[[MAX]], %[[SINKS]] :
// CHECK: arith.maximumf
// CHECK: linalg.generic {{.*}} ins(%[[TOP]] : {{.*}}) outs(%[[SCORES]] :
// CHECK: math.exp
// CHECK: %[[FIRSTSUM:.*]] = linalg.generic
// CHECK-SAME: ins(%[[TOP]], %[[SINKS]] :
// CHECK: math.exp
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}} outs(%[[FIRSTSUM]] :
// CHECK: linalg.generic {{.*}} ins(%[[SUM]] :
// CHECK: arith.divf
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[MAX]] :
// CHECK: linalg.generic {{.*}} ins(%[[SUM]], %[[TOP]] :
// CHECK: math.log
func.func @regions(%q: tensor<2x7x4x8xf32>, %k: tensor<2x9x2x8xf32>,
                   %o: tensor<2x7x4x8xf32>, %l: tensor<2x4x7xf32>,
                   %s: tensor<4xf32>, %slopes: tensor<4xf32>, %w: index)
    -> (tensor<2x7x4x8xf32>, tensor<2x4x7xf32>) {
  %0:2 = mfa.masked_attention
      ins(%q, %k, %k : tensor<2x7x4x8xf32>, tensor<2x9x2x8xf32>, tensor<2x9x2x8xf32>)
      sinks(%s : tensor<4xf32>)
      captures(%slopes, %w : tensor<4xf32>, index)
      outs(%o : tensor<2x7x4x8xf32>) lse(%l : tensor<2x4x7xf32>)
      score {
      ^bb0(%x: f32, %b: index, %h: index, %i: index, %n: index, %t: tensor<4xf32>, %v: index):
        %slope = tensor.extract %t[%h] : tensor<4xf32>
        %y = arith.mulf %x, %slope : f32
        mfa.yield %y : f32
      }
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %t: tensor<4xf32>, %v: index):
        %d = arith.subi %i, %n : index
        %c = arith.cmpi slt, %d, %v : index
        mfa.yield %c : i1
      }
      -> (tensor<2x7x4x8xf32>, tensor<2x4x7xf32>)
  return %0#0, %0#1 : tensor<2x7x4x8xf32>, tensor<2x4x7xf32>
}
