// torch-mlir's op of attention, of a dialect that is not registered. (Programs that
// torch-mlir made with it are in test/Integration/Programs.)

// RUN: mfa-opt %s --split-input-file --allow-unregistered-dialect --verify-diagnostics --mfa-raise-report
// RUN: mfa-opt %s --split-input-file --allow-unregistered-dialect --mfa-raise-report 2> /dev/null | FileCheck %s --check-prefix=KEPT --implicit-check-not=mfa.masked_attention --implicit-check-not=linalg
// RUN: mfa-opt %s --split-input-file --allow-unregistered-dialect --mfa-raise-attention --canonicalize | FileCheck %s

// The scale is 1/sqrt(D). The destination is not read, and what made it is gone.

// KEPT-LABEL: @plain
// KEPT: "tm_tensor.attention"(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) <{operandSegmentSizes = array<i32: 3, 1>}>
// CHECK-LABEL: @plain
// CHECK-SAME: (%[[Q:.*]]: tensor<8x6x16xf32>, %[[K:.*]]: tensor<8x10x16xf32>, %[[V:.*]]: tensor<8x10x24xf32>)
// CHECK-NOT: tm_tensor
// CHECK-NOT: arith
// CHECK: mfa.masked_attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<8x6x1x16xf32>, tensor<8x10x1x16xf32>, tensor<8x10x1x24xf32>) outs(%{{.*}} : tensor<8x6x1x24xf32>) -> tensor<8x6x1x24xf32>
// CHECK-NOT: linalg
func.func @plain(%q: tensor<8x6x16xf32>, %k: tensor<8x10x16xf32>, %v: tensor<8x10x24xf32>) -> tensor<8x6x24xf32> {
  %c = arith.constant 7.0 : f32
  %init = tensor.splat %c : tensor<8x6x24xf32>
  // expected-remark @+1 {{attention of f32: 1 heads on 1 of the key, scale 0.25}}
  %o = "tm_tensor.attention"(%q, %k, %v, %init) <{operandSegmentSizes = array<i32: 3, 1>}> : (tensor<8x6x16xf32>, tensor<8x10x16xf32>, tensor<8x10x24xf32>, tensor<8x6x24xf32>) -> tensor<8x6x24xf32>
  return %o : tensor<8x6x24xf32>
}

// -----

// A mask of booleans says which keys are kept; rows without keys are 0, so that there
// is no NaN to be restored.

// CHECK-LABEL: @boolean
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<2x4x6x10xi1>
// CHECK: %[[S:.*]] = arith.constant 5.000000e-01 : f32
// CHECK: mfa.masked_attention ins({{.*}} : tensor<2x6x4x16xbf16>, {{.*}}) mask(%{{.*}} : tensor<2x4x6x10xi1>) scale(%[[S]] : f32)
// CHECK-SAME: outs(%{{.*}} : tensor<2x6x4x16xbf16>) -> tensor<2x6x4x16xbf16>
// CHECK-NOT: lse
func.func @boolean(%q: tensor<2x4x6x16xbf16>, %k: tensor<2x4x10x16xbf16>, %v: tensor<2x4x10x16xbf16>, %m: tensor<2x4x6x10xi1>) -> tensor<2x4x6x16xbf16> {
  %init = tensor.empty() : tensor<2x4x6x16xbf16>
  // expected-remark @+1 {{attention of bf16: 4 heads on 4 of the key, scale 0.5, mask of i1}}
  %o = "tm_tensor.attention"(%q, %k, %v, %m, %init) {operandSegmentSizes = array<i32: 4, 1>, scale = 5.0e-01 : f64} : (tensor<2x4x6x16xbf16>, tensor<2x4x10x16xbf16>, tensor<2x4x10x16xbf16>, tensor<2x4x6x10xi1>, tensor<2x4x6x16xbf16>) -> tensor<2x4x6x16xbf16>
  return %o : tensor<2x4x6x16xbf16>
}

// -----

// What is not raised stays as it is.

// KEPT-LABEL: @head_size
// KEPT: "tm_tensor.attention"
// CHECK-LABEL: @head_size
// CHECK-NOT: linalg
// CHECK: %[[O:.*]] = "tm_tensor.attention"(
// CHECK-NEXT: return %[[O]]
func.func @head_size(%q: tensor<8x6x12xf32>, %k: tensor<8x10x12xf32>, %v: tensor<8x10x12xf32>, %init: tensor<8x6x12xf32>) -> tensor<8x6x12xf32> {
  // expected-remark @+1 {{softmax is not raised: expected the head size of query and key to be a multiple of 8 from 8 to 256, but got 12}}
  %o = "tm_tensor.attention"(%q, %k, %v, %init) <{operandSegmentSizes = array<i32: 3, 1>}> : (tensor<8x6x12xf32>, tensor<8x10x12xf32>, tensor<8x10x12xf32>, tensor<8x6x12xf32>) -> tensor<8x6x12xf32>
  return %o : tensor<8x6x12xf32>
}

// -----

// CHECK-LABEL: @dynamic_head_size
// CHECK: "tm_tensor.attention"
func.func @dynamic_head_size(%q: tensor<8x6x?xf32>, %k: tensor<8x10x?xf32>, %v: tensor<8x10x16xf32>, %init: tensor<8x6x16xf32>) -> tensor<8x6x16xf32> {
  // expected-remark @+1 {{attention is not raised: the head size of query and key is dynamic}}
  %o = "tm_tensor.attention"(%q, %k, %v, %init) : (tensor<8x6x?xf32>, tensor<8x10x?xf32>, tensor<8x10x16xf32>, tensor<8x6x16xf32>) -> tensor<8x6x16xf32>
  return %o : tensor<8x6x16xf32>
}

// -----

// CHECK-LABEL: @attribute
// CHECK: "tm_tensor.attention"
func.func @attribute(%q: tensor<8x6x16xf32>) -> tensor<8x6x16xf32> {
  // expected-remark @+1 {{attention is not raised: its attribute 'is_causal' is not known}}
  %o = "tm_tensor.attention"(%q, %q, %q, %q) <{is_causal = true, operandSegmentSizes = array<i32: 3, 1>}> : (tensor<8x6x16xf32>, tensor<8x6x16xf32>, tensor<8x6x16xf32>, tensor<8x6x16xf32>) -> tensor<8x6x16xf32>
  return %o : tensor<8x6x16xf32>
}

// -----

// CHECK-LABEL: @scale
// CHECK: "tm_tensor.attention"
func.func @scale(%q: tensor<8x6x16xf32>) -> tensor<8x6x16xf32> {
  // expected-remark @+1 {{attention is not raised: expected a float as its scale}}
  %o = "tm_tensor.attention"(%q, %q, %q, %q) {scale = 1 : i64} : (tensor<8x6x16xf32>, tensor<8x6x16xf32>, tensor<8x6x16xf32>, tensor<8x6x16xf32>) -> tensor<8x6x16xf32>
  return %o : tensor<8x6x16xf32>
}

// -----

// CHECK-LABEL: @segments
// CHECK: "tm_tensor.attention"
func.func @segments(%q: tensor<8x6x6xf32>) -> tensor<8x6x6xf32> {
  // expected-remark @+1 {{attention is not raised: expected one destination}}
  %o = "tm_tensor.attention"(%q, %q, %q, %q, %q) <{operandSegmentSizes = array<i32: 3, 2>}> : (tensor<8x6x6xf32>, tensor<8x6x6xf32>, tensor<8x6x6xf32>, tensor<8x6x6xf32>, tensor<8x6x6xf32>) -> tensor<8x6x6xf32>
  return %o : tensor<8x6x6xf32>
}

// -----

// CHECK-LABEL: @operands
// CHECK: "tm_tensor.attention"
func.func @operands(%q: tensor<8x6x16xf32>) -> tensor<8x6x16xf32> {
  // expected-remark @+1 {{attention is not raised: expected query, key, value, a mask or none, a destination, and one result}}
  %o = "tm_tensor.attention"(%q, %q, %q) : (tensor<8x6x16xf32>, tensor<8x6x16xf32>, tensor<8x6x16xf32>) -> tensor<8x6x16xf32>
  return %o : tensor<8x6x16xf32>
}

// -----

// CHECK-LABEL: @buffers
// CHECK: "tm_tensor.attention"
func.func @buffers(%q: memref<8x6x16xf32>) {
  // expected-remark @+1 {{attention is not raised: expected query, key, value, a mask or none, a destination, and one result}}
  "tm_tensor.attention"(%q, %q, %q, %q) : (memref<8x6x16xf32>, memref<8x6x16xf32>, memref<8x6x16xf32>, memref<8x6x16xf32>) -> ()
  return
}

// -----

// CHECK-LABEL: @unranked
// CHECK: "tm_tensor.attention"
func.func @unranked(%q: tensor<*xf32>) -> tensor<*xf32> {
  // expected-remark @+1 {{attention is not raised: expected operands that are ranked tensors}}
  %o = "tm_tensor.attention"(%q, %q, %q, %q) : (tensor<*xf32>, tensor<*xf32>, tensor<*xf32>, tensor<*xf32>) -> tensor<*xf32>
  return %o : tensor<*xf32>
}

// -----

// CHECK-LABEL: @matrices
// CHECK: "tm_tensor.attention"
func.func @matrices(%q: tensor<6x16xf32>) -> tensor<6x16xf32> {
  // expected-remark @+1 {{attention is not raised: expected operands [batch, sequence, dimension]}}
  %o = "tm_tensor.attention"(%q, %q, %q, %q) : (tensor<6x16xf32>, tensor<6x16xf32>, tensor<6x16xf32>, tensor<6x16xf32>) -> tensor<6x16xf32>
  return %o : tensor<6x16xf32>
}

// -----

// CHECK-LABEL: @ranks
// CHECK: "tm_tensor.attention"
func.func @ranks(%q: tensor<8x6x16xf32>, %m: tensor<6x6xi1>) -> tensor<8x6x16xf32> {
  // expected-remark @+1 {{attention is not raised: its operands differ in rank}}
  %o = "tm_tensor.attention"(%q, %q, %q, %m, %q) : (tensor<8x6x16xf32>, tensor<8x6x16xf32>, tensor<8x6x16xf32>, tensor<6x6xi1>, tensor<8x6x16xf32>) -> tensor<8x6x16xf32>
  return %o : tensor<8x6x16xf32>
}

// -----

// CHECK-LABEL: @result
// CHECK: "tm_tensor.attention"
func.func @result(%q: tensor<8x6x16xf32>) -> tensor<?x6x16xf32> {
  // expected-remark @+1 {{attention is not raised: its result has another type than its destination}}
  %o = "tm_tensor.attention"(%q, %q, %q, %q) : (tensor<8x6x16xf32>, tensor<8x6x16xf32>, tensor<8x6x16xf32>, tensor<8x6x16xf32>) -> tensor<?x6x16xf32>
  return %o : tensor<?x6x16xf32>
}

// -----

// CHECK-LABEL: @element
// CHECK: "tm_tensor.attention"
func.func @element(%q: tensor<8x6x16xf64>) -> tensor<8x6x16xf64> {
  // expected-remark @+1 {{attention is not raised: expected operands of f16, bf16 or f32}}
  %o = "tm_tensor.attention"(%q, %q, %q, %q) : (tensor<8x6x16xf64>, tensor<8x6x16xf64>, tensor<8x6x16xf64>, tensor<8x6x16xf64>) -> tensor<8x6x16xf64>
  return %o : tensor<8x6x16xf64>
}

// -----

// CHECK-LABEL: @elements
// CHECK: "tm_tensor.attention"
func.func @elements(%q: tensor<8x6x16xf32>, %k: tensor<8x6x16xf16>) -> tensor<8x6x16xf32> {
  // expected-remark @+1 {{attention is not raised: query, key, value and result differ in their types}}
  %o = "tm_tensor.attention"(%q, %k, %q, %q) : (tensor<8x6x16xf32>, tensor<8x6x16xf16>, tensor<8x6x16xf32>, tensor<8x6x16xf32>) -> tensor<8x6x16xf32>
  return %o : tensor<8x6x16xf32>
}

// -----

// CHECK-LABEL: @mask
// CHECK: "tm_tensor.attention"
func.func @mask(%q: tensor<8x6x16xf32>, %m: tensor<8x6x6xi8>) -> tensor<8x6x16xf32> {
  // expected-remark @+1 {{attention is not raised: expected a mask of i1, f16, bf16 or f32, but got i8}}
  %o = "tm_tensor.attention"(%q, %q, %q, %m, %q) : (tensor<8x6x16xf32>, tensor<8x6x16xf32>, tensor<8x6x16xf32>, tensor<8x6x6xi8>, tensor<8x6x16xf32>) -> tensor<8x6x16xf32>
  return %o : tensor<8x6x16xf32>
}

// -----

// A mask for all heads is not repeated by the op.

// CHECK-LABEL: @sizes
// CHECK: "tm_tensor.attention"
func.func @sizes(%q: tensor<8x6x16xf32>, %m: tensor<1x6x6xi1>) -> tensor<8x6x16xf32> {
  // expected-remark @+1 {{attention is not raised: its operands differ in sizes that should be the same}}
  %o = "tm_tensor.attention"(%q, %q, %q, %m, %q) : (tensor<8x6x16xf32>, tensor<8x6x16xf32>, tensor<8x6x16xf32>, tensor<1x6x6xi1>, tensor<8x6x16xf32>) -> tensor<8x6x16xf32>
  return %o : tensor<8x6x16xf32>
}
