// A mask that is a sum, or a conjunction, of an array and of what is computed from
// positions is that array and a region.

// RUN: mfa-opt %s --canonicalize --split-input-file | FileCheck %s

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>
!m = tensor<2x16x32xf16>

// Of ops on whole arrays, either way around, with dimensions that were added.
// CHECK-LABEL: func.func @sum
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<16x32xf16>)
// CHECK-DAG: %[[M:.*]] = tensor.expand_shape %[[A]] {{.*}} into tensor<1x16x32xf16>
// CHECK: mfa.masked_attention {{.*}} mask(%[[M]] : tensor<1x16x32xf16>) outs({{[^)]*}}) score
// CHECK-NEXT: ^bb0(%[[S:.*]]: f32, %b: index, %h: index, %q: index, %k: index):
// CHECK: %[[C:.*]] = arith.cmpi sle, %k, %q
// CHECK: %[[X:.*]] = arith.select %[[C]], %{{.*}}, %{{.*}} : f16
// CHECK: %[[Y:.*]] = arith.extf %[[X]] : f16 to f32
// CHECK: %[[Z:.*]] = arith.addf %[[S]], %[[Y]] : f32
// CHECK-NEXT: mfa.yield %[[Z]]
func.func @sum(%q: !q, %k: !k, %o: !q, %a: tensor<16x32xf16>) -> !q {
  %zero = arith.constant 0.0 : f16
  %low = arith.constant 0xFC00 : f16
  %e = tensor.empty() : tensor<16x32xf16>
  %c = linalg.generic {
      indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel"]} outs(%e : tensor<16x32xf16>) {
  ^bb0(%old: f16):
    %i = linalg.index 0 : index
    %n = linalg.index 1 : index
    %p = arith.cmpi sle, %n, %i : index
    %x = arith.select %p, %zero, %low : f16
    linalg.yield %x : f16
  } -> tensor<16x32xf16>
  %sum = arith.addf %c, %a : tensor<16x32xf16>
  %mask = tensor.expand_shape %sum [[0, 1], [2]] output_shape [1, 16, 32]
            : tensor<16x32xf16> into tensor<1x16x32xf16>
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%mask : tensor<1x16x32xf16>) outs(%o : !q) -> !q
  return %0 : !q
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>
!m = tensor<2x16x32xf32>

// In the body of a generic, of an array that is the same for all batches; the region
// score that there is sees the sum.
// CHECK-LABEL: func.func @body
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<16x32xf32>)
// CHECK-NOT: linalg.generic
// CHECK: %[[M:.*]] = tensor.expand_shape %[[A]] {{.*}} into tensor<1x16x32xf32>
// CHECK: mfa.masked_attention {{.*}} mask(%[[M]] : tensor<1x16x32xf32>) outs({{[^)]*}}) score
// CHECK-NEXT: ^bb0(%[[S:.*]]: f32, %b: index, %h: index, %q: index, %k: index):
// CHECK: %[[C:.*]] = arith.cmpi sle, %k, %q
// CHECK: %[[X:.*]] = arith.select %[[C]]
// CHECK: %[[Z:.*]] = arith.addf %[[S]], %[[X]] : f32
// CHECK: %[[T:.*]] = math.tanh %[[Z]]
// CHECK-NEXT: mfa.yield %[[T]]
func.func @body(%q: !q, %k: !k, %o: !q, %a: tensor<16x32xf32>) -> !q {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : !m
  %mask = linalg.generic {
      indexing_maps = [affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%a : tensor<16x32xf32>) outs(%e : !m) {
  ^bb0(%x: f32, %old: f32):
    %i = linalg.index 1 : index
    %n = linalg.index 2 : index
    %p = arith.cmpi sle, %n, %i : index
    %y = arith.select %p, %zero, %low : f32
    %z = arith.addf %x, %y : f32
    linalg.yield %z : f32
  } -> !m
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%mask : !m) outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index):
           %t = math.tanh %s : f32
           mfa.yield %t : f32
         } -> !q
  return %0 : !q
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>
!m = tensor<2x16x32xi1>

// Conditions: what is computed is kept or not.
// CHECK-LABEL: func.func @both
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<2x16x32xi1>, %[[L:[a-z0-9]+]]: tensor<2xi32>)
// CHECK-NOT: linalg.generic
// CHECK: mfa.masked_attention {{.*}} mask(%[[A]] : tensor<2x16x32xi1>) captures(%[[L]] : tensor<2xi32>) outs({{[^)]*}}) keep
// CHECK-NEXT: ^bb0(%b: index, %h: index, %q: index, %k: index, %[[LENGTHS:.*]]: tensor<2xi32>):
// CHECK-DAG: tensor.extract %[[LENGTHS]][%b]
// CHECK: mfa.yield
func.func @both(%q: !q, %k: !k, %o: !q, %a: !m, %l: tensor<2xi32>) -> !q {
  %e = tensor.empty() : !m
  %mask = linalg.generic {
      indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%a, %l : !m, tensor<2xi32>) outs(%e : !m) {
  ^bb0(%x: i1, %length: i32, %old: i1):
    %n = linalg.index 2 : index
    %m = arith.index_cast %n : index to i32
    %p = arith.cmpi slt, %m, %length : i32
    %z = arith.andi %p, %x : i1
    linalg.yield %z : i1
  } -> !m
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%mask : !m) outs(%o : !q) -> !q
  return %0 : !q
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>
!m = tensor<2x16x32xf32>

// A sum of other numbers would be rounded in another order, and a selection hides
// what a sum does not.
// CHECK-LABEL: func.func @not_exact
// CHECK-COUNT-2: linalg.generic
// CHECK-NOT: score
// CHECK-NOT: keep
// CHECK: return
func.func @not_exact(%q: !q, %k: !k, %o: !q, %a: !m) -> (!q, !q) {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %finite = arith.constant -1.0e4 : f32
  %e = tensor.empty() : !m
  %sum = linalg.generic {
      indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%a : !m) outs(%e : !m) {
  ^bb0(%x: f32, %old: f32):
    %i = linalg.index 1 : index
    %n = linalg.index 2 : index
    %p = arith.cmpi sle, %n, %i : index
    %y = arith.select %p, %zero, %finite : f32
    %z = arith.addf %x, %y : f32
    linalg.yield %z : f32
  } -> !m
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%sum : !m) outs(%o : !q) -> !q
  %chosen = linalg.generic {
      indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%a : !m) outs(%e : !m) {
  ^bb0(%x: f32, %old: f32):
    %i = linalg.index 1 : index
    %n = linalg.index 2 : index
    %p = arith.cmpi sle, %n, %i : index
    %z = arith.select %p, %x, %low : f32
    linalg.yield %z : f32
  } -> !m
  %1 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%chosen : !m) outs(%o : !q) -> !q
  return %0, %1 : !q, !q
}
