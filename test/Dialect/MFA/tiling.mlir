// Tiles of batch, heads and query rows through the transform dialect.

// RUN: mfa-opt %s --split-input-file --transform-interpreter --cse \
// RUN:   --mlir-print-local-scope | FileCheck %s

!q = tensor<4x128x16x64xf16>
!k = tensor<4x96x4x64xf16>

// One batch, one group of 4 heads and 32 rows. The mask of rank 3 is sliced by
// batch and row, and never by key.
// CHECK-LABEL: func.func @whole_groups
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<4x128x16x64xf16>, %[[K:[a-z0-9]+]]: tensor<4x96x4x64xf16>, %[[V:[a-z0-9]+]]: tensor<4x96x4x32xf16>, %[[M:[a-z0-9]+]]: tensor<4x128x96xf16>
// CHECK: scf.forall (%[[B:.*]], %[[I:.*]], %[[J:.*]]) in (4, 4, 4) shared_outs(%[[O:.*]] = %{{.*}}, %[[L:.*]] = %{{.*}})
// CHECK-DAG: %[[H:.*]] = affine.apply affine_map<(d0) -> (d0 * 4)>(%[[I]])
// CHECK-DAG: %[[R:.*]] = affine.apply affine_map<(d0) -> (d0 * 32)>(%[[J]])
// CHECK-DAG: %[[G:.*]] = affine.apply affine_map<()[s0] -> (s0 floordiv 4)>()[%[[H]]]
// CHECK-DAG: %[[QT:.*]] = tensor.extract_slice %[[Q]][%[[B]], %[[R]], %[[H]], 0] [1, 32, 4, 64] [1, 1, 1, 1]
// CHECK-DAG: %[[KT:.*]] = tensor.extract_slice %[[K]][%[[B]], 0, %[[G]], 0] [1, 96, 1, 64] [1, 1, 1, 1]
// CHECK-DAG: %[[VT:.*]] = tensor.extract_slice %[[V]][%[[B]], 0, %[[G]], 0] [1, 96, 1, 32] [1, 1, 1, 1]
// CHECK-DAG: %[[MT:.*]] = tensor.extract_slice %[[M]][%[[B]], %[[R]], 0] [1, 32, 96] [1, 1, 1]
// CHECK-DAG: %[[OT:.*]] = tensor.extract_slice %[[O]][%[[B]], %[[R]], %[[H]], 0] [1, 32, 4, 32] [1, 1, 1, 1]
// CHECK-DAG: %[[LT:.*]] = tensor.extract_slice %[[L]][%[[B]], %[[H]], %[[R]]] [1, 4, 32] [1, 1, 1]
// CHECK: %[[T:.*]]:2 = mfa.masked_attention ins(%[[QT]], %[[KT]], %[[VT]] : {{.*}}) mask(%[[MT]] : {{.*}}) outs(%[[OT]] : {{.*}}) lse(%[[LT]] : {{.*}}) schedule(
// CHECK: tensor.parallel_insert_slice %[[T]]#0 into %[[O]][%[[B]], %[[R]], %[[H]], 0] [1, 32, 4, 32]
// CHECK: tensor.parallel_insert_slice %[[T]]#1 into %[[L]][%[[B]], %[[H]], %[[R]]] [1, 4, 32]
func.func @whole_groups(%q: !q, %k: !k, %v: tensor<4x96x4x32xf16>,
                        %m: tensor<4x128x96xf16>, %o: tensor<4x128x16x32xf16>,
                        %l: tensor<4x16x128xf32>)
    -> (tensor<4x128x16x32xf16>, tensor<4x16x128xf32>) {
  %0:2 = mfa.masked_attention
           ins(%q, %k, %v : !q, !k, tensor<4x96x4x32xf16>)
           mask(%m : tensor<4x128x96xf16>)
           outs(%o : tensor<4x128x16x32xf16>) lse(%l : tensor<4x16x128xf32>)
           schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64,
                                  tile_keys = 64, warps = 4, stages = 1>)
           -> tensor<4x128x16x32xf16>, tensor<4x16x128xf32>
  return %0#0, %0#1 : tensor<4x128x16x32xf16>, tensor<4x16x128xf32>
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

!q = tensor<4x128x16x64xf16>
!k = tensor<4x96x4x64xf16>

// Two heads are half a group; they read one key and value head. Of the mask
// only the heads are sliced: the rest broadcasts. 128 rows in steps of 48 leave
// a tile of 32.
// CHECK-LABEL: func.func @part_of_group
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<4x128x16x64xf16>, %[[K:[a-z0-9]+]]: tensor<4x96x4x64xf16>, %[[M:[a-z0-9]+]]: tensor<1x16x1x96xi1>
// CHECK: scf.for %[[H:[a-z0-9]+]] =
// CHECK: scf.for %[[R:[a-z0-9]+]] =
// CHECK-DAG: %[[ROWS:.*]] = affine.min affine_map<(d0) -> (-d0 + 128, 48)>(%[[R]])
// CHECK-DAG: %[[G:.*]] = affine.apply affine_map<()[s0] -> (s0 floordiv 4)>()[%[[H]]]
// CHECK-DAG: tensor.extract_slice %[[Q]][0, %[[R]], %[[H]], 0] [4, %[[ROWS]], 2, 64]
// CHECK-DAG: tensor.extract_slice %[[K]][0, 0, %[[G]], 0] [4, 96, 1, 64]
// CHECK-DAG: tensor.extract_slice %[[M]][0, %[[H]], 0, 0] [1, 2, 1, 96]
// CHECK: mfa.masked_attention ins({{.*}} : tensor<4x?x2x64xf16>, tensor<4x96x1x64xf16>, tensor<4x96x1x64xf16>) mask({{.*}} : tensor<1x2x1x96xi1>)
func.func @part_of_group(%q: !q, %k: !k, %m: tensor<1x16x1x96xi1>, %o: !q)
    -> !q {
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%m : tensor<1x16x1x96xi1>) outs(%o : !q) -> !q
  return %0 : !q
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(
      %root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mfa.masked_attention"]} in %root
            : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %op tile_sizes [0, 2, 48]
      : (!transform.any_op)
      -> (!transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

!q = tensor<4x128x24x64xf16>
!k = tensor<4x96x6x64xf16>

// Steps of 16 heads, the last one of 8: whole groups throughout.
// CHECK-LABEL: func.func @last_groups
// CHECK: scf.for %[[H:[a-z0-9]+]] =
// CHECK-DAG: %[[N:.*]] = affine.min affine_map<(d0) -> (-d0 + 24, 16)>(%[[H]])
// CHECK-DAG: %[[G:.*]] = affine.apply affine_map<()[s0] -> (s0 floordiv 4)>()[%[[H]]]
// CHECK-DAG: %[[GN:.*]] = affine.apply affine_map<()[s0] -> (s0 floordiv 4)>()[%[[N]]]
// CHECK: tensor.extract_slice %{{.*}}[0, 0, %[[G]], 0] [4, 96, %[[GN]], 64]
// CHECK: mfa.masked_attention ins({{.*}} : tensor<4x128x?x64xf16>, tensor<4x96x?x64xf16>, tensor<4x96x?x64xf16>)
func.func @last_groups(%q: !q, %k: !k, %o: !q) -> !q {
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k) outs(%o : !q) -> !q
  return %0 : !q
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(
      %root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mfa.masked_attention"]} in %root
            : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %op tile_sizes [0, 16, 0]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

!q = tensor<4x128x16x64xf16>
!k = tensor<4x96x4x64xf16>

// The heads divided among 8 threads: 2 each, half a group.
// CHECK-LABEL: func.func @threads
// CHECK: scf.forall (%[[T:.*]]) in (8)
// CHECK-DAG: %[[H:.*]] = affine.apply affine_map<(d0) -> (d0 * 2)>(%[[T]])
// CHECK-DAG: %[[G:.*]] = affine.apply affine_map<(d0) -> (d0 floordiv 2)>(%[[T]])
// CHECK-DAG: tensor.extract_slice %{{.*}}[0, 0, %[[H]], 0] [4, 128, 2, 64]
// CHECK-DAG: tensor.extract_slice %{{.*}}[0, 0, %[[G]], 0] [4, 96, 1, 64]
func.func @threads(%q: !q, %k: !k, %o: !q) -> !q {
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k) outs(%o : !q) -> !q
  return %0 : !q
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(
      %root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mfa.masked_attention"]} in %root
            : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_forall %op num_threads [0, 8]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

!dynamic = tensor<?x?x?x64xf16>

// With dynamic heads, one head at a time: the group's size is divided at run
// time. A dynamic mask is sliced along every dimension of the domain.
// CHECK-LABEL: func.func @dynamic_heads
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x?x?x64xf16>, %[[K:[a-z0-9]+]]: tensor<?x?x?x64xf16>, %[[M:[a-z0-9]+]]: tensor<?x?x?x?xf32>
// CHECK-DAG: %[[C2:.*]] = arith.constant 2 : index
// CHECK-DAG: %[[HEADS:.*]] = tensor.dim %[[Q]], %[[C2]]
// CHECK: scf.for %[[B:[a-z0-9]+]] =
// CHECK: scf.for %[[H:[a-z0-9]+]] =
// CHECK-DAG: %[[KV_HEADS:.*]] = tensor.dim %[[K]], %[[C2]]
// CHECK-DAG: %[[GROUP:.*]] = arith.divui %[[HEADS]], %[[KV_HEADS]]
// CHECK-DAG: %[[G:.*]] = arith.divui %[[H]], %[[GROUP]]
// CHECK: tensor.extract_slice %[[K]][%[[B]], 0, %[[G]], 0] [1, %{{.*}}, 1, 64]
// CHECK: tensor.extract_slice %[[M]][%[[B]], %[[H]], 0, 0] [1, 1, %{{.*}}, %{{.*}}]
func.func @dynamic_heads(%q: !dynamic, %k: !dynamic, %m: tensor<?x?x?x?xf32>,
                         %o: !dynamic) -> !dynamic {
  %0 = mfa.masked_attention ins(%q, %k, %k : !dynamic, !dynamic, !dynamic)
         mask(%m : tensor<?x?x?x?xf32>) outs(%o : !dynamic) -> !dynamic
  return %0 : !dynamic
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(
      %root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mfa.masked_attention"]} in %root
            : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %op tile_sizes [1, 1, 0]
      : (!transform.any_op)
      -> (!transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

!dynamic = tensor<?x?x?x64xf16>

// All heads, dynamic: key and value keep theirs.
// CHECK-LABEL: func.func @all_dynamic_heads
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x?x?x64xf16>, %[[K:[a-z0-9]+]]: tensor<?x?x?x64xf16>
// CHECK-DAG: %[[C2:.*]] = arith.constant 2 : index
// CHECK: scf.for
// CHECK-DAG: %[[KV_HEADS:.*]] = tensor.dim %[[K]], %[[C2]]
// CHECK: tensor.extract_slice %[[K]][0, 0, 0, 0] [%{{.*}}, %{{.*}}, %[[KV_HEADS]], 64]
func.func @all_dynamic_heads(%q: !dynamic, %k: !dynamic, %o: !dynamic)
    -> !dynamic {
  %0 = mfa.masked_attention ins(%q, %k, %k : !dynamic, !dynamic, !dynamic)
         outs(%o : !dynamic) -> !dynamic
  return %0 : !dynamic
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(
      %root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mfa.masked_attention"]} in %root
            : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %op tile_sizes [0, 0, 32]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

!q = memref<4x128x16x64xf16>
!k = memref<4x96x16x64xf16>

// Buffers become views.
// CHECK-LABEL: func.func @buffers
// CHECK: scf.for
// CHECK-COUNT-4: memref.subview
// CHECK: mfa.masked_attention ins({{.*}}strided{{.*}}) outs({{.*}} : memref<1x128x16x64xf16, strided<[131072, 1024, 64, 1], offset: ?>>) lse({{.*}})
func.func @buffers(%q: !q, %k: !k, %o: !q, %l: memref<4x16x128xf32>) {
  mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
    outs(%o : !q) lse(%l : memref<4x16x128xf32>)
  return
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(
      %root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mfa.masked_attention"]} in %root
            : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %op tile_sizes [1, 0, 0]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

!q = tensor<4x128x16x64xf16>

// Fused into the loop of its consumer, with the producer of its query fused in
// turn.
// CHECK-LABEL: func.func @fused
// CHECK: scf.for
// CHECK: %[[SCALED:.*]] = linalg.generic {{.*}} outs({{.*}} : tensor<1x32x16x64xf16>)
// CHECK: %[[T:.*]] = mfa.masked_attention ins(%[[SCALED]], %{{.*}}, %{{.*}} : tensor<1x32x16x64xf16>, tensor<1x128x16x64xf16>, tensor<1x128x16x64xf16>)
// CHECK: linalg.exp ins(%[[T]] : tensor<1x32x16x64xf16>)
func.func @fused(%x: !q, %k: !q, %init: !q, %o: !q, %r: !q) -> !q {
  %q = linalg.generic {
         indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>,
                          affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>],
         iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
         ins(%x : !q) outs(%init : !q) {
  ^bb0(%in: f16, %out: f16):
    %n = arith.negf %in : f16
    linalg.yield %n : f16
  } -> !q
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !q, !q) outs(%o : !q) -> !q
  %1 = linalg.exp ins(%0 : !q) outs(%r : !q) -> !q
  return %1 : !q
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(
      %root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["linalg.exp"]} in %root
            : (!transform.any_op) -> !transform.any_op
    transform.structured.fuse %op tile_sizes [1, 32]
      : (!transform.any_op)
      -> (!transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

!q = tensor<4x128x16x64xf16>

// A consumer tiled within D asks for parts of rows: it is tiled, the attention
// is not.
// CHECK-LABEL: func.func @parts_of_rows
// CHECK: mfa.masked_attention {{.*}} -> tensor<4x128x16x64xf16>
// CHECK: scf.for
// CHECK: linalg.exp
func.func @parts_of_rows(%q: !q, %o: !q, %r: !q) -> !q {
  %0 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q) outs(%o : !q) -> !q
  %1 = linalg.exp ins(%0 : !q) outs(%r : !q) -> !q
  return %1 : !q
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(
      %root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["linalg.exp"]} in %root
            : (!transform.any_op) -> !transform.any_op
    transform.structured.fuse %op tile_sizes [0, 0, 0, 32]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
