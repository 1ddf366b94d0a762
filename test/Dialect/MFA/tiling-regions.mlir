// The regions of a tile see the positions in the arrays of the whole op: offsets
// are captured, once for both regions, unless they are constants or nothing asks
// for the position. Captured arrays stay whole, sinks are sliced by head.

// RUN: mfa-opt %s --split-input-file --transform-interpreter --cse \
// RUN:   --mlir-print-local-scope | FileCheck %s

!q = tensor<4x128x16x64xf16>
!k = tensor<4x96x4x64xf16>

// CHECK-LABEL: func.func @offsets
// CHECK-SAME: %[[IDS:[a-z0-9]+]]: tensor<4x128xi32>, %[[SINKS:[a-z0-9]+]]: tensor<16xf32>
// CHECK: scf.forall (%[[B:.*]], %[[I:.*]], %[[J:.*]]) in (4, 4, 4)
// CHECK-DAG: %[[H:.*]] = affine.apply affine_map<(d0) -> (d0 * 4)>(%[[I]])
// CHECK-DAG: %[[R:.*]] = affine.apply affine_map<(d0) -> (d0 * 32)>(%[[J]])
// CHECK-DAG: %[[ST:.*]] = tensor.extract_slice %[[SINKS]][%[[H]]] [4] [1]
// CHECK: mfa.masked_attention {{.*}} sinks(%[[ST]] : tensor<4xf32>) captures(%[[IDS]], %[[B]], %[[R]] : tensor<4x128xi32>, index, index)
// CHECK: score
// CHECK-NEXT: ^bb0(%s: f32, %b: index, %h: index, %q: index, %k: index, %{{.*}}: tensor<4x128xi32>, %{{.*}}: index, %[[OFFSET:.*]]: index):
// CHECK-NEXT: %[[ROW:.*]] = arith.addi %q, %[[OFFSET]] : index
// CHECK-NEXT: arith.subi %k, %[[ROW]]
// CHECK: keep
// CHECK-NEXT: ^bb0(%b: index, %h: index, %q: index, %k: index, %[[T:.*]]: tensor<4x128xi32>, %[[BATCH:.*]]: index, %[[OFFSET:.*]]: index):
// CHECK-DAG: %[[BB:.*]] = arith.addi %b, %[[BATCH]] : index
// CHECK-DAG: %[[ROW:.*]] = arith.addi %q, %[[OFFSET]] : index
// CHECK: tensor.extract %[[T]][%[[BB]], %[[ROW]]]
func.func @offsets(%q: !q, %k: !k, %ids: tensor<4x128xi32>,
                   %sinks: tensor<16xf32>, %o: !q) -> !q {
  %0 = mfa.masked_attention
         ins(%q, %k, %k : !q, !k, !k) sinks(%sinks : tensor<16xf32>)
         captures(%ids : tensor<4x128xi32>) outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %t: tensor<4x128xi32>):
           %d = arith.subi %n, %i : index
           %e = arith.index_cast %d : index to i32
           %f = arith.sitofp %e : i32 to f32
           %x = arith.addf %s, %f : f32
           mfa.yield %x : f32
         }
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index, %t: tensor<4x128xi32>):
           %id = tensor.extract %t[%b, %i] : tensor<4x128xi32>
           %last = arith.index_cast %id : i32 to index
           %c = arith.cmpi slt, %n, %last : index
           mfa.yield %c : i1
         } -> !q
  return %0 : !q
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(
      %root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mfa.masked_attention"]} in %root
            : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_forall %op tile_sizes [1, 4, 32]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Two levels: each adds its offset.
// CHECK-LABEL: func.func @twice
// CHECK: scf.forall (%[[I:.*]]) in (2)
// CHECK: %[[R:[a-z0-9]+]] = affine.apply affine_map<(d0) -> (d0 * 64)>(%[[I]])
// CHECK: scf.for %[[J:[a-z0-9]+]] =
// CHECK: mfa.masked_attention {{.*}} captures(%[[R]], %[[J]] : index, index)
// CHECK: ^bb0(%b: index, %h: index, %q: index, %k: index, %[[OUTER:.*]]: index, %[[INNER:.*]]: index):
// CHECK-NEXT: %[[X:.*]] = arith.addi %q, %[[INNER]] : index
// CHECK-NEXT: %[[Y:.*]] = arith.addi %[[X]], %[[OUTER]] : index
// CHECK-NEXT: arith.cmpi sle, %k, %[[Y]] : index
func.func @twice(%q: tensor<1x128x1x64xf16>, %o: tensor<1x128x1x64xf16>)
    -> tensor<1x128x1x64xf16> {
  %0 = mfa.masked_attention
         ins(%q, %q, %q : tensor<1x128x1x64xf16>, tensor<1x128x1x64xf16>,
                          tensor<1x128x1x64xf16>)
         outs(%o : tensor<1x128x1x64xf16>)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           %c = arith.cmpi sle, %n, %i : index
           mfa.yield %c : i1
         } -> tensor<1x128x1x64xf16>
  return %0 : tensor<1x128x1x64xf16>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(
      %root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mfa.masked_attention"]} in %root
            : (!transform.any_op) -> !transform.any_op
    %tile, %loop = transform.structured.tile_using_forall %op tile_sizes [0, 0, 64]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    %inner, %inner_loop = transform.structured.tile_using_for %tile tile_sizes [0, 0, 16]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

!q = tensor<4x128x16x64xf16>
!k = tensor<4x96x4x64xf16>

// Sinks of rows are sliced by head and query.
// CHECK-LABEL: func.func @sinks_of_rows
// CHECK-SAME: %[[SINKS:[a-z0-9]+]]: tensor<16x128xf32>
// CHECK: scf.forall (%[[B:.*]], %[[I:.*]], %[[J:.*]]) in (4, 4, 4)
// CHECK-DAG: %[[H:.*]] = affine.apply affine_map<(d0) -> (d0 * 4)>(%[[I]])
// CHECK-DAG: %[[R:.*]] = affine.apply affine_map<(d0) -> (d0 * 32)>(%[[J]])
// CHECK-DAG: %[[ST:.*]] = tensor.extract_slice %[[SINKS]][%[[H]], %[[R]]] [4, 32] [1, 1]
// CHECK: mfa.masked_attention {{.*}} sinks(%[[ST]] : tensor<4x32xf32>)
func.func @sinks_of_rows(%q: !q, %k: !k, %sinks: tensor<16x128xf32>, %o: !q) -> !q {
  %0 = mfa.masked_attention
         ins(%q, %k, %k : !q, !k, !k) sinks(%sinks : tensor<16x128xf32>)
         outs(%o : !q) -> !q
  return %0 : !q
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(
      %root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mfa.masked_attention"]} in %root
            : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_forall %op tile_sizes [1, 4, 32]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
