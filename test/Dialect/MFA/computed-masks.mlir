// Masks that are computed in front of the op move into its regions.

// RUN: mfa-opt %s --canonicalize --split-input-file | FileCheck %s

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

// A boolean mask of indices, added batch dimension included, is a rule.
// CHECK-LABEL: func.func @causal
// CHECK-NOT: linalg.generic
// CHECK: mfa.masked_attention ins({{[^)]*}}) outs({{[^)]*}}) keep
// CHECK-NEXT: ^bb0(%b: index, %h: index, %q: index, %k: index):
// CHECK-NEXT: %[[C:.*]] = arith.cmpi sle, %k, %q : index
// CHECK-NEXT: mfa.yield %[[C]]
func.func @causal(%q: !q, %k: !k, %o: !q) -> !q {
  %e = tensor.empty() : tensor<16x32xi1>
  %m = linalg.generic {
      indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel"]} outs(%e : tensor<16x32xi1>) {
  ^bb0(%old: i1):
    %i = linalg.index 0 : index
    %n = linalg.index 1 : index
    %c = arith.cmpi sle, %n, %i : index
    linalg.yield %c : i1
  } -> tensor<16x32xi1>
  %mask = tensor.expand_shape %m [[0, 1], [2]] output_shape [1, 16, 32]
            : tensor<16x32xi1> into tensor<1x16x32xi1>
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%mask : tensor<1x16x32xi1>) outs(%o : !q) -> !q
  return %0 : !q
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

// Documents: arrays of numbers, broadcast and compared by ops on whole tensors,
// and with what is kept already.
// CHECK-LABEL: func.func @documents
// CHECK-SAME: %[[IDQ:[a-z0-9]+]]: tensor<2x16xi32>, %[[IDK:[a-z0-9]+]]: tensor<2x32xi32>
// CHECK: mfa.masked_attention {{.*}} captures(%[[IDQ]], %[[IDK]] : tensor<2x16xi32>, tensor<2x32xi32>) outs({{[^)]*}}) keep
// CHECK-NEXT: ^bb0(%b: index, %h: index, %q: index, %k: index, %[[A:.*]]: tensor<2x16xi32>, %[[B:.*]]: tensor<2x32xi32>):
// CHECK-DAG: %[[CAUSAL:.*]] = arith.cmpi sle, %k, %q
// CHECK-DAG: %[[X:.*]] = tensor.extract %[[A]][%b, %q]
// CHECK-DAG: %[[Y:.*]] = tensor.extract %[[B]][%b, %k]
// CHECK-DAG: %[[SAME:.*]] = arith.cmpi eq, %[[X]], %[[Y]] : i32
// CHECK: %[[BOTH:.*]] = arith.andi %[[CAUSAL]], %[[SAME]]
// CHECK-NEXT: mfa.yield %[[BOTH]]
func.func @documents(%q: !q, %k: !k, %o: !q, %idq: tensor<2x16xi32>,
                     %idk: tensor<2x32xi32>) -> !q {
  %e = tensor.empty() : tensor<2x16x32xi32>
  %bq = linalg.broadcast ins(%idq : tensor<2x16xi32>)
          outs(%e : tensor<2x16x32xi32>) dimensions = [2]
  %bk = linalg.broadcast ins(%idk : tensor<2x32xi32>)
          outs(%e : tensor<2x16x32xi32>) dimensions = [1]
  %mask = arith.cmpi eq, %bq, %bk : tensor<2x16x32xi32>
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%mask : tensor<2x16x32xi1>) outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           %c = arith.cmpi sle, %n, %i : index
           mfa.yield %c : i1
         } -> !q
  return %0 : !q
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

// A mask of numbers is added in front of the score, to what it computes from.
// Values from outside are captured.
// CHECK-LABEL: func.func @additive
// CHECK-SAME: %[[W:[a-z0-9]+]]: index
// CHECK: mfa.masked_attention {{.*}} captures(%[[W]] : index) outs({{[^)]*}}) score
// CHECK-NEXT: ^bb0(%s: f32, %b: index, %h: index, %q: index, %k: index, %[[V:.*]]: index):
// CHECK-DAG: %[[D:.*]] = arith.subi %q, %k
// CHECK-DAG: %[[NEAR:.*]] = arith.cmpi slt, %[[D]], %[[V]]
// CHECK-DAG: %[[F:.*]] = arith.select %[[NEAR]], %{{.*}}, %{{.*}} : f16
// CHECK-DAG: %[[X:.*]] = arith.extf %[[F]] : f16 to f32
// CHECK: %[[SUM:.*]] = arith.addf %s, %[[X]]
// CHECK: %[[TANH:.*]] = math.tanh %[[SUM]]
// CHECK: mfa.yield %[[TANH]]
func.func @additive(%q: !q, %k: !k, %o: !q, %w: index) -> !q {
  %zero = arith.constant 0.0 : f16
  %ninf = arith.constant 0xFC00 : f16
  %mask = tensor.generate {
  ^bb0(%u: index, %h: index, %i: index, %n: index):
    %d = arith.subi %i, %n : index
    %near = arith.cmpi slt, %d, %w : index
    %x = arith.select %near, %zero, %ninf : f16
    tensor.yield %x : f16
  } : tensor<1x4x16x32xf16>
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%mask : tensor<1x4x16x32xf16>) outs(%o : !q)
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

// The score sees what a boolean mask does, so that it stays in front of it.
// CHECK-LABEL: func.func @boolean_before_score
// CHECK-NOT: keep
// CHECK: score
// CHECK: %[[C:.*]] = arith.cmpi sle, %k, %q
// CHECK: %[[M:.*]] = arith.select %[[C]], %{{.*}}, %{{.*}} : f32
// CHECK: %[[SUM:.*]] = arith.addf %s, %[[M]]
// CHECK: math.tanh %[[SUM]]
// CHECK-NOT: keep
func.func @boolean_before_score(%q: !q, %k: !k, %o: !q) -> !q {
  %mask = tensor.generate {
  ^bb0(%u: index, %i: index, %n: index):
    %c = arith.cmpi sle, %n, %i : index
    tensor.yield %c : i1
  } : tensor<1x16x32xi1>
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%mask : tensor<1x16x32xi1>) outs(%o : !q)
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

// Stay: an array as large as the mask; a small array that is only converted; a
// transposition of a loop; an op that regions do not have.
// CHECK-LABEL: func.func @stay
// CHECK-COUNT-4: mask(
// CHECK-NOT: keep
func.func @stay(%q: !q, %k: !k, %o: !q, %large: tensor<2x16x32xi32>,
                %small: tensor<2x1x32xi32>, %zero: tensor<2x16x32xi32>,
                %zeros: tensor<2x1x32xi32>) -> (!q, !q, !q, !q) {
  %m0 = arith.cmpi ne, %large, %zero : tensor<2x16x32xi32>
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%m0 : tensor<2x16x32xi1>) outs(%o : !q) -> !q
  %m1 = arith.cmpi ne, %small, %zeros : tensor<2x1x32xi32>
  %1 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%m1 : tensor<2x1x32xi1>) outs(%o : !q) -> !q
  %e = tensor.empty() : tensor<1x16x32xi1>
  %m2 = linalg.generic {
      indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2, d1)>],
      iterator_types = ["parallel", "parallel", "parallel"]}
      outs(%e : tensor<1x16x32xi1>) {
  ^bb0(%old: i1):
    %i = linalg.index 1 : index
    %n = linalg.index 2 : index
    %c = arith.cmpi sle, %n, %i : index
    linalg.yield %c : i1
  } -> tensor<1x16x32xi1>
  %2 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%m2 : tensor<1x16x32xi1>) outs(%o : !q) -> !q
  %m3 = tensor.generate {
  ^bb0(%u: index, %i: index, %n: index):
    %c = func.call @f(%i, %n) : (index, index) -> i1
    tensor.yield %c : i1
  } : tensor<1x16x32xi1>
  %3 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%m3 : tensor<1x16x32xi1>) outs(%o : !q) -> !q
  return %0, %1, %2, %3 : !q, !q, !q, !q
}
func.func private @f(index, index) -> i1
