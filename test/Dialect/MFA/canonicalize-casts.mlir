// RUN: mfa-opt %s --canonicalize --split-input-file | FileCheck %s
// RUN: mfa-opt %s --generate-runtime-verification --canonicalize --cse --split-input-file > %t

// Casts that hide sizes with which the op would break a rule. A program that
// verifies stays one that does.

!q = tensor<2x16x4x8xf16>
!k = tensor<3x32x2x8xf16>

// Sizes that conflict: what is undefined there fails instead.
// CHECK-LABEL: func.func @conflict
// CHECK-SAME: %{{.*}}: tensor<2x16x4x8xf16>, %{{.*}}: tensor<3x32x2x8xf16>, %[[O:.*]]: tensor<?x16x4x8xf16>
// CHECK: %[[NO:.*]] = arith.constant false
// CHECK: cf.assert %[[NO]], "'mfa.masked_attention' op expected dimension 0 of 'key' (batch) to be 2 as dimension 0 of 'query', but got 3"
// CHECK-NOT: mfa.masked_attention ins
// CHECK: return %[[O]]
func.func @conflict(%q: !q, %k: !k, %o: tensor<?x16x4x8xf16>) -> tensor<?x16x4x8xf16> {
  %q_cast = tensor.cast %q : !q to tensor<?x16x4x8xf16>
  %k_cast = tensor.cast %k : !k to tensor<?x32x2x8xf16>
  %0 = mfa.masked_attention
         ins(%q_cast, %k_cast, %k_cast : tensor<?x16x4x8xf16>, tensor<?x32x2x8xf16>,
                                         tensor<?x32x2x8xf16>)
         outs(%o : tensor<?x16x4x8xf16>) -> tensor<?x16x4x8xf16>
  return %0 : tensor<?x16x4x8xf16>
}

// -----

// The same with numbers of heads.
// CHECK-LABEL: func.func @heads
// CHECK: cf.assert {{.*}} "'mfa.masked_attention' op expected the heads of 'query' to be a multiple of the heads of 'key', but got 4 and 3"
func.func @heads(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x3x8xf16>)
    -> tensor<2x16x4x8xf16> {
  %k_cast = tensor.cast %k : tensor<2x32x3x8xf16> to tensor<2x32x?x8xf16>
  %0 = mfa.masked_attention
         ins(%q, %k_cast, %k_cast : tensor<2x16x4x8xf16>, tensor<2x32x?x8xf16>,
                                    tensor<2x32x?x8xf16>)
         outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  return %0 : tensor<2x16x4x8xf16>
}

// -----

// And with sizes that only other patterns of the tensor dialect tell.
// CHECK-LABEL: func.func @constant_size
// CHECK: cf.assert {{.*}} "'mfa.masked_attention' op expected dimension 1 of 'output' (query length) to be 16 as dimension 1 of 'query', but got 5"
func.func @constant_size(%q: tensor<2x16x4x8xf16>) -> tensor<2x?x4x8xf16> {
  %c5 = arith.constant 5 : index
  %o = tensor.empty(%c5) : tensor<2x?x4x8xf16>
  %0 = mfa.masked_attention
         ins(%q, %q, %q : tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>)
         outs(%o : tensor<2x?x4x8xf16>) -> tensor<2x?x4x8xf16>
  return %0 : tensor<2x?x4x8xf16>
}

// -----

// A mask of a dynamic size is not broadcast. Where that size is found to be 1, so
// is the batch, which stays a rule for the query.
// CHECK-LABEL: func.func @hidden_broadcast
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x16x4x8xf16>
// CHECK: %[[ONE:.*]] = tensor.cast %[[Q]] : tensor<?x16x4x8xf16> to tensor<1x16x4x8xf16>
// CHECK: mfa.masked_attention ins(%[[ONE]], {{.*}}) mask({{.*}} : tensor<1x16x16xf16>)
func.func @hidden_broadcast(%q: tensor<?x16x4x8xf16>, %m: tensor<1x16x16xf16>)
    -> tensor<?x16x4x8xf16> {
  %m_cast = tensor.cast %m : tensor<1x16x16xf16> to tensor<?x16x16xf16>
  %0 = mfa.masked_attention
         ins(%q, %q, %q : tensor<?x16x4x8xf16>, tensor<?x16x4x8xf16>, tensor<?x16x4x8xf16>)
         mask(%m_cast : tensor<?x16x16xf16>)
         outs(%q : tensor<?x16x4x8xf16>) -> tensor<?x16x4x8xf16>
  return %0 : tensor<?x16x4x8xf16>
}

// -----

// CHECK-LABEL: func.func @hidden_broadcast_of_keys
// CHECK: tensor.cast %{{.*}} : tensor<2x?x4x8xf16> to tensor<2x1x4x8xf16>
// CHECK: mfa.masked_attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<2x16x4x8xf16>, tensor<2x1x4x8xf16>, tensor<2x?x4x8xf16>) mask({{.*}} : tensor<2x16x1xi1>)
func.func @hidden_broadcast_of_keys(%q: tensor<2x16x4x8xf16>, %k: tensor<2x?x4x8xf16>,
                                    %m: tensor<2x16x1xi1>) -> tensor<2x16x4x8xf16> {
  %m_cast = tensor.cast %m : tensor<2x16x1xi1> to tensor<2x16x?xi1>
  %0 = mfa.masked_attention
         ins(%q, %k, %k : tensor<2x16x4x8xf16>, tensor<2x?x4x8xf16>, tensor<2x?x4x8xf16>)
         mask(%m_cast : tensor<2x16x?xi1>)
         outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  return %0 : tensor<2x16x4x8xf16>
}

// -----

// CHECK-LABEL: func.func @hidden_broadcast_conflict
// CHECK: cf.assert {{.*}} "'mfa.masked_attention' op expected dimension 0 of 'mask' (batch) to be 2 as dimension 0 of 'query', or 1 to broadcast, but got 1"
func.func @hidden_broadcast_conflict(%q: tensor<2x16x4x8xf16>, %m: tensor<1x16x16xf16>)
    -> tensor<2x16x4x8xf16> {
  %m_cast = tensor.cast %m : tensor<1x16x16xf16> to tensor<?x16x16xf16>
  %0 = mfa.masked_attention
         ins(%q, %q, %q : tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>)
         mask(%m_cast : tensor<?x16x16xf16>)
         outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  return %0 : tensor<2x16x4x8xf16>
}

// -----

// The same where the mask is a copy, whose sizes linalg tells.
// CHECK-LABEL: func.func @generic_conflict
// CHECK: cf.assert {{.*}} "'mfa.masked_attention' op expected dimension 0 of 'mask' (batch) to be 2 as dimension 0 of 'query', or 1 to broadcast, but got 3"
// CHECK: cf.assert {{.*}} "'mfa.masked_attention' op expected dimension 0 of 'mask' (batch) to be 2 as dimension 0 of 'query', or 1 to broadcast, but got 1"
func.func @generic_conflict(%q: tensor<2x16x4x8xf16>, %x: tensor<3x16x16xf16>,
                            %y: tensor<1x16x16xf16>, %init: tensor<?x16x16xf16>)
    -> (tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>) {
  %m = linalg.generic {
         indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>,
                          affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
         iterator_types = ["parallel", "parallel", "parallel"]}
         ins(%x : tensor<3x16x16xf16>) outs(%init : tensor<?x16x16xf16>) {
  ^bb0(%in: f16, %out: f16):
    linalg.yield %in : f16
  } -> tensor<?x16x16xf16>
  %0 = mfa.masked_attention
         ins(%q, %q, %q : tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>)
         mask(%m : tensor<?x16x16xf16>)
         outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  %n = linalg.generic {
         indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>,
                          affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
         iterator_types = ["parallel", "parallel", "parallel"]}
         ins(%y : tensor<1x16x16xf16>) outs(%init : tensor<?x16x16xf16>) {
  ^bb0(%in: f16, %out: f16):
    linalg.yield %in : f16
  } -> tensor<?x16x16xf16>
  %1 = mfa.masked_attention
         ins(%q, %q, %q : tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>)
         mask(%n : tensor<?x16x16xf16>)
         outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  return %0, %1 : tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>
}

// -----

!q = memref<?x16x4x8xf16, strided<[?, ?, ?, ?], offset: ?>>

// On buffers a cast that would break a rule stays; the others are folded.
// CHECK-LABEL: func.func @buffers
// CHECK-SAME: %[[Q:.*]]: memref<2x16x4x8xf16>, %[[K:.*]]: memref<3x16x4x8xf16>, %[[STEP:.*]]: memref<2x16x4x8xf16, strided<[1024, 64, 16, 2]>>, %[[M:.*]]: memref<1x16x16xf16>
// CHECK-DAG: %[[STEP_CAST:.*]] = memref.cast %[[STEP]]
// CHECK-DAG: %[[K_CAST:.*]] = memref.cast %[[K]]
// CHECK-DAG: %[[M_CAST:.*]] = memref.cast %[[M]]
// CHECK: mfa.masked_attention ins(%[[Q]], %[[K_CAST]], %[[STEP_CAST]] : {{.*}}) mask(%[[M_CAST]] : memref<?x16x16xf16>)
func.func @buffers(%q: memref<2x16x4x8xf16>, %k: memref<3x16x4x8xf16>,
                   %step: memref<2x16x4x8xf16, strided<[1024, 64, 16, 2]>>,
                   %m: memref<1x16x16xf16>, %o: memref<2x16x4x8xf16>) {
  %q_cast = memref.cast %q : memref<2x16x4x8xf16> to !q
  %k_cast = memref.cast %k : memref<3x16x4x8xf16> to !q
  %step_cast = memref.cast %step : memref<2x16x4x8xf16, strided<[1024, 64, 16, 2]>> to !q
  %m_cast = memref.cast %m : memref<1x16x16xf16> to memref<?x16x16xf16>
  mfa.masked_attention ins(%q_cast, %k_cast, %step_cast : !q, !q, !q)
    mask(%m_cast : memref<?x16x16xf16>) outs(%o : memref<2x16x4x8xf16>)
  return
}

// -----

// Two casts of one buffer are not known to be one.
// CHECK-LABEL: func.func @own_buffer
// CHECK: memref.cast
// CHECK: mfa.masked_attention
func.func @own_buffer(%q: memref<2x16x4x8xf16>) {
  %q_cast = memref.cast %q : memref<2x16x4x8xf16> to memref<?x16x4x8xf16>
  mfa.masked_attention
    ins(%q_cast, %q_cast, %q_cast : memref<?x16x4x8xf16>, memref<?x16x4x8xf16>, memref<?x16x4x8xf16>)
    outs(%q : memref<2x16x4x8xf16>)
  return
}
