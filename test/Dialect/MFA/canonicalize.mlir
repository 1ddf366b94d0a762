// RUN: mfa-opt %s --canonicalize --split-input-file | FileCheck %s

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

// A mask of 0 goes away, whichever zero it is and however it is made.
// CHECK-LABEL: func.func @zero_mask
// CHECK-COUNT-4: ins({{[^)]*}}) outs(
// CHECK-NOT: mask(
func.func @zero_mask(%q: !q, %k: !k, %init: tensor<2x16x32xf32>)
    -> (!q, !q, !q, !q) {
  %zero = arith.constant dense<0.0> : tensor<2x16x32xf16>
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%zero : tensor<2x16x32xf16>) outs(%q : !q) -> !q
  %negative = arith.constant dense<-0.0> : tensor<1x1x32xbf16>
  %1 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%negative : tensor<1x1x32xbf16>) outs(%q : !q) -> !q
  %scalar = arith.constant 0.0 : f32
  %fill = linalg.fill ins(%scalar : f32)
            outs(%init : tensor<2x16x32xf32>) -> tensor<2x16x32xf32>
  %2 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%fill : tensor<2x16x32xf32>) outs(%q : !q) -> !q
  %splat = tensor.splat %scalar : tensor<2x16x32xf32>
  %3 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%splat : tensor<2x16x32xf32>) outs(%q : !q) -> !q
  return %0, %1, %2, %3 : !q, !q, !q, !q
}

// CHECK-LABEL: func.func @true_mask
// CHECK: ins({{[^)]*}}) scale(%{{.*}} : f32) outs(
func.func @true_mask(%q: !q, %k: !k, %s: f32) -> !q {
  %true = arith.constant dense<true> : tensor<2x4x16x32xi1>
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%true : tensor<2x4x16x32xi1>) scale(%s : f32)
         outs(%q : !q) -> !q
  return %0 : !q
}

// Other constants stay: false masks everything, and a shift of all scores
// changes the log-sum-exp.
// CHECK-LABEL: func.func @other_masks
// CHECK-COUNT-3: mask(
func.func @other_masks(%q: !q, %k: !k) -> (!q, !q, !q) {
  %false = arith.constant dense<false> : tensor<2x16x32xi1>
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%false : tensor<2x16x32xi1>) outs(%q : !q) -> !q
  %one = arith.constant dense<1.0> : tensor<2x16x32xf32>
  %1 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%one : tensor<2x16x32xf32>) outs(%q : !q) -> !q
  %mixed = arith.constant dense<[[[0.0, 1.0]]]> : tensor<1x1x2xf32>
  %cast = tensor.cast %mixed : tensor<1x1x2xf32> to tensor<1x1x?xf32>
  %kk = tensor.extract_slice %k[0, 0, 0, 0] [2, 2, 2, 8] [1, 1, 1, 1]
          : !k to tensor<2x2x2x8xf16>
  %2 = mfa.masked_attention
         ins(%q, %kk, %kk : !q, tensor<2x2x2x8xf16>, tensor<2x2x2x8xf16>)
         mask(%cast : tensor<1x1x?xf32>) outs(%q : !q) -> !q
  return %0, %1, %2 : !q, !q, !q
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

// CHECK-LABEL: func.func @broadcast_over_heads
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x16x32xf32>
// CHECK: %[[M:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0, 1], [2], [3]] output_shape [2, 1, 16, 32]
// CHECK: mask(%[[M]] : tensor<2x1x16x32xf32>)
func.func @broadcast_over_heads(%q: !q, %k: !k, %x: tensor<2x16x32xf32>,
                                %init: tensor<2x4x16x32xf32>) -> !q {
  %m = linalg.broadcast ins(%x : tensor<2x16x32xf32>)
         outs(%init : tensor<2x4x16x32xf32>) dimensions = [1]
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%m : tensor<2x4x16x32xf32>) outs(%q : !q) -> !q
  return %0 : !q
}

// A mask of rank 3 keeps its rank, and sizes of the input may be dynamic.
// CHECK-LABEL: func.func @broadcast_padding
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x?xi1>
// CHECK: %[[M:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0, 1], [2]]
// CHECK: mask(%[[M]] : tensor<2x1x?xi1>)
func.func @broadcast_padding(%q: !q, %k: tensor<2x?x2x8xf16>,
                             %x: tensor<2x?xi1>,
                             %init: tensor<2x16x?xi1>) -> !q {
  %m = linalg.broadcast ins(%x : tensor<2x?xi1>)
         outs(%init : tensor<2x16x?xi1>) dimensions = [1]
  %0 = mfa.masked_attention
         ins(%q, %k, %k : !q, tensor<2x?x2x8xf16>, tensor<2x?x2x8xf16>)
         mask(%m : tensor<2x16x?xi1>) outs(%q : !q) -> !q
  return %0 : !q
}

// CHECK-LABEL: func.func @broadcast_scalar
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<f32>
// CHECK: %[[M:.*]] = tensor.expand_shape %[[X]] [] output_shape [1, 1, 1]
// CHECK: mask(%[[M]] : tensor<1x1x1xf32>)
func.func @broadcast_scalar(%q: !q, %k: !k, %x: tensor<f32>,
                            %init: tensor<2x16x32xf32>) -> !q {
  %m = linalg.broadcast ins(%x : tensor<f32>)
         outs(%init : tensor<2x16x32xf32>) dimensions = [0, 1, 2]
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%m : tensor<2x16x32xf32>) outs(%q : !q) -> !q
  return %0 : !q
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

// CHECK-LABEL: func.func @generic_missing_dims
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<16x32xf32>
// CHECK: %[[M:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0, 1, 2], [3]] output_shape [1, 1, 16, 32]
// CHECK: mask(%[[M]] : tensor<1x1x16x32xf32>)
func.func @generic_missing_dims(%q: !q, %k: !k, %x: tensor<16x32xf32>,
                                %init: tensor<2x4x16x32xf32>) -> !q {
  %m = linalg.generic {
         indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d2, d3)>,
                          affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>],
         iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
         ins(%x : tensor<16x32xf32>) outs(%init : tensor<2x4x16x32xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<2x4x16x32xf32>
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%m : tensor<2x4x16x32xf32>) outs(%q : !q) -> !q
  return %0 : !q
}

// CHECK-LABEL: func.func @generic_unit_dims
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x1x1x32xi1>
// CHECK-NOT: linalg.generic
// CHECK: mask(%[[X]] : tensor<2x1x1x32xi1>)
func.func @generic_unit_dims(%q: !q, %k: !k, %x: tensor<2x1x1x32xi1>,
                             %init: tensor<2x4x16x32xi1>) -> !q {
  %m = linalg.generic {
         indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, 0, 0, d3)>,
                          affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>],
         iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
         ins(%x : tensor<2x1x1x32xi1>) outs(%init : tensor<2x4x16x32xi1>) {
  ^bb0(%in: i1, %out: i1):
    linalg.yield %in : i1
  } -> tensor<2x4x16x32xi1>
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%m : tensor<2x4x16x32xi1>) outs(%q : !q) -> !q
  return %0 : !q
}

// A size of 1 that only the result shows does not become dynamic, which would
// have to be the full size.
// CHECK-LABEL: func.func @generic_hidden_unit_dim
// CHECK: tensor.cast %{{.*}} : tensor<?x32xi1> to tensor<1x32xi1>
// CHECK: mask({{.*}} : tensor<1x1x32xi1>)
func.func @generic_hidden_unit_dim(%q: !q, %k: !k, %x: tensor<?x32xi1>,
                                   %init: tensor<2x1x32xi1>) -> !q {
  %m = linalg.generic {
         indexing_maps = [affine_map<(d0, d1, d2) -> (d1, d2)>,
                          affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
         iterator_types = ["parallel", "parallel", "parallel"]}
         ins(%x : tensor<?x32xi1>) outs(%init : tensor<2x1x32xi1>) {
  ^bb0(%in: i1, %out: i1):
    linalg.yield %in : i1
  } -> tensor<2x1x32xi1>
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         mask(%m : tensor<2x1x32xi1>) outs(%q : !q) -> !q
  return %0 : !q
}

// What is not a broadcast stays: a transposition, a body that computes, row 0
// of several, sizes of 1 that would have to move.
// CHECK-LABEL: func.func @generic_not_broadcast
// CHECK-COUNT-4: linalg.generic
func.func @generic_not_broadcast(
    %q: tensor<2x16x4x8xf16>, %x: tensor<16x16xf32>, %y: tensor<16x1x16xf32>,
    %init: tensor<2x16x16xf32>) -> (!q, !q, !q, !q) {
  %m0 = linalg.generic {
          indexing_maps = [affine_map<(d0, d1, d2) -> (d2, d1)>,
                           affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
          iterator_types = ["parallel", "parallel", "parallel"]}
          ins(%x : tensor<16x16xf32>) outs(%init : tensor<2x16x16xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<2x16x16xf32>
  %0 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q)
         mask(%m0 : tensor<2x16x16xf32>) outs(%q : !q) -> !q
  %m1 = linalg.generic {
          indexing_maps = [affine_map<(d0, d1, d2) -> (d1, d2)>,
                           affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
          iterator_types = ["parallel", "parallel", "parallel"]}
          ins(%x : tensor<16x16xf32>) outs(%init : tensor<2x16x16xf32>) {
  ^bb0(%in: f32, %out: f32):
    %n = arith.negf %in : f32
    linalg.yield %n : f32
  } -> tensor<2x16x16xf32>
  %1 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q)
         mask(%m1 : tensor<2x16x16xf32>) outs(%q : !q) -> !q
  %m2 = linalg.generic {
          indexing_maps = [affine_map<(d0, d1, d2) -> (0, d2)>,
                           affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
          iterator_types = ["parallel", "parallel", "parallel"]}
          ins(%x : tensor<16x16xf32>) outs(%init : tensor<2x16x16xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<2x16x16xf32>
  %2 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q)
         mask(%m2 : tensor<2x16x16xf32>) outs(%q : !q) -> !q
  %m3 = linalg.generic {
          indexing_maps = [affine_map<(d0, d1, d2) -> (d1, 0, d2)>,
                           affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
          iterator_types = ["parallel", "parallel", "parallel"]}
          ins(%y : tensor<16x1x16xf32>) outs(%init : tensor<2x16x16xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<2x16x16xf32>
  %3 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q)
         mask(%m3 : tensor<2x16x16xf32>) outs(%q : !q) -> !q
  return %0, %1, %2, %3 : !q, !q, !q, !q
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>
!dynamic = tensor<?x?x?x8xf16>

// Sizes that casts hide are used, and the results are cast back.
// CHECK-LABEL: func.func @tensor_casts
// CHECK: %[[R:.*]]:2 = mfa.masked_attention
// CHECK-SAME: ins({{.*}} : tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
// CHECK-SAME: mask({{.*}} : tensor<1x16x32xf16>)
// CHECK-SAME: -> (tensor<2x16x4x8xf16>, tensor<2x4x16xf32>)
// CHECK-DAG: tensor.cast %[[R]]#0 : tensor<2x16x4x8xf16> to tensor<?x?x?x8xf16>
// CHECK-DAG: tensor.cast %[[R]]#1 : tensor<2x4x16xf32> to tensor<?x?x?xf32>
func.func @tensor_casts(%q: !q, %k: !k, %m: tensor<1x16x32xf16>, %o: !q,
                        %l: tensor<2x4x16xf32>)
    -> (!dynamic, tensor<?x?x?xf32>) {
  %q_cast = tensor.cast %q : !q to !dynamic
  %k_cast = tensor.cast %k : !k to !dynamic
  %m_cast = tensor.cast %m : tensor<1x16x32xf16> to tensor<1x?x?xf16>
  %o_cast = tensor.cast %o : !q to !dynamic
  %l_cast = tensor.cast %l : tensor<2x4x16xf32> to tensor<?x?x?xf32>
  %0:2 = mfa.masked_attention
           ins(%q_cast, %k_cast, %k_cast : !dynamic, !dynamic, !dynamic)
           mask(%m_cast : tensor<1x?x?xf16>)
           outs(%o_cast : !dynamic) lse(%l_cast : tensor<?x?x?xf32>)
           -> !dynamic, tensor<?x?x?xf32>
  return %0#0, %0#1 : !dynamic, tensor<?x?x?xf32>
}

// CHECK-LABEL: func.func @memref_casts
// CHECK-NOT: memref.cast %{{.*}} : memref<2x16x4x8xf16>
// CHECK: mfa.masked_attention ins({{.*}} : memref<2x16x4x8xf16>, memref<2x32x2x8xf16>, memref<2x32x2x8xf16>) outs({{.*}} : memref<2x16x4x8xf16>)
func.func @memref_casts(%q: memref<2x16x4x8xf16>, %k: memref<2x32x2x8xf16>,
                        %o: memref<2x16x4x8xf16>) {
  %q_cast = memref.cast %q : memref<2x16x4x8xf16>
              to memref<?x16x4x8xf16, strided<[?, ?, ?, ?], offset: ?>>
  %k_cast = memref.cast %k : memref<2x32x2x8xf16> to memref<2x?x2x8xf16>
  %o_cast = memref.cast %o : memref<2x16x4x8xf16> to memref<?x?x?x8xf16>
  mfa.masked_attention
    ins(%q_cast, %k_cast, %k_cast :
        memref<?x16x4x8xf16, strided<[?, ?, ?, ?], offset: ?>>,
        memref<2x?x2x8xf16>, memref<2x?x2x8xf16>)
    outs(%o_cast : memref<?x?x?x8xf16>)
  return
}

// A cast that tells sizes rather than hiding them stays.
// CHECK-LABEL: func.func @telling_cast
// CHECK: memref.cast
// CHECK: mfa.masked_attention ins({{.*}} : memref<2x16x4x8xf16>,
func.func @telling_cast(%q: memref<?x?x?x8xf16>, %o: memref<2x16x4x8xf16>) {
  %q_cast = memref.cast %q : memref<?x?x?x8xf16> to memref<2x16x4x8xf16>
  mfa.masked_attention
    ins(%q_cast, %q_cast, %q_cast : memref<2x16x4x8xf16>,
        memref<2x16x4x8xf16>, memref<2x16x4x8xf16>)
    outs(%o : memref<2x16x4x8xf16>)
  return
}

// -----

!q = tensor<2x16x4x8xf16>

// What is in a destination is not read.
// CHECK-LABEL: func.func @filled_destination
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x16x4x8xf16>, %[[O:[a-z0-9]+]]: tensor<2x16x4x8xf16>
// CHECK-NOT: linalg.fill
// CHECK: outs(%[[O]] : tensor<2x16x4x8xf16>)
func.func @filled_destination(%q: !q, %o: !q) -> !q {
  %zero = arith.constant 0.0 : f16
  %fill = linalg.fill ins(%zero : f16) outs(%o : !q) -> !q
  %0 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q) outs(%fill : !q) -> !q
  return %0 : !q
}

// CHECK-LABEL: func.func @constant_destination
// CHECK-DAG: %[[O:.*]] = tensor.empty() : tensor<2x16x4x8xf16>
// CHECK-DAG: %[[L:.*]] = tensor.empty() : tensor<2x4x16xf32>
// CHECK: outs(%[[O]] : tensor<2x16x4x8xf16>) lse(%[[L]] : tensor<2x4x16xf32>)
func.func @constant_destination(%q: !q) -> (!q, tensor<2x4x16xf32>) {
  %zero = arith.constant dense<0.0> : !q
  %lse_zero = arith.constant dense<0.0> : tensor<2x4x16xf32>
  %0:2 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q)
           outs(%zero : !q) lse(%lse_zero : tensor<2x4x16xf32>)
           -> !q, tensor<2x4x16xf32>
  return %0#0, %0#1 : !q, tensor<2x4x16xf32>
}

// The mask's fill is content that is read.
// CHECK-LABEL: func.func @read_operands_stay
// CHECK: linalg.fill
// CHECK: mfa.masked_attention
func.func @read_operands_stay(%q: !q, %init: tensor<2x16x16xf32>, %x: f32,
                              %o: !q) -> !q {
  %fill = linalg.fill ins(%x : f32) outs(%init : tensor<2x16x16xf32>)
            -> tensor<2x16x16xf32>
  %0 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q)
         mask(%fill : tensor<2x16x16xf32>) outs(%o : !q) -> !q
  return %0 : !q
}

// CHECK-LABEL: func.func @unused_lse
// CHECK: %[[R:.*]] = mfa.masked_attention {name = "kept"} ins({{[^)]*}}) scale({{[^)]*}}) outs({{[^)]*}}) schedule({{[^)]*}}) -> tensor<2x16x4x8xf16>
// CHECK: return %[[R]]
func.func @unused_lse(%q: !q, %s: f32, %o: !q, %l: tensor<2x4x16xf32>) -> !q {
  %0:2 = mfa.masked_attention {name = "kept"} ins(%q, %q, %q : !q, !q, !q)
           scale(%s : f32) outs(%o : !q) lse(%l : tensor<2x4x16xf32>)
           schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64,
                                  tile_keys = 64, warps = 4, stages = 1>)
           -> !q, tensor<2x4x16xf32>
  return %0#0 : !q
}

// On tensors the op is pure; on buffers it writes.
// CHECK-LABEL: func.func @dead
// CHECK-NOT: mfa.masked_attention {{.*}} tensor
// CHECK: mfa.masked_attention {{.*}} memref
func.func @dead(%q: !q, %x: memref<2x16x4x8xf16>, %o: memref<2x16x4x8xf16>) {
  %0 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q) outs(%q : !q) -> !q
  mfa.masked_attention
    ins(%x, %x, %x : memref<2x16x4x8xf16>, memref<2x16x4x8xf16>,
                     memref<2x16x4x8xf16>)
    outs(%o : memref<2x16x4x8xf16>)
  return
}
