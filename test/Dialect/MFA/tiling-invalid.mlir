// Tiles of heads that the op cannot express.

// RUN: not mfa-opt %s --split-input-file --transform-interpreter 2>&1 \
// RUN:   | FileCheck %s

!q = tensor<4x128x16x64xf16>
!k = tensor<4x96x4x64xf16>

// A tile of 6 heads is one group of 4 and half of the next.
func.func @across_groups(%q: !q, %k: !k, %o: !q) -> !q {
  // CHECK: error: 'mfa.masked_attention' op expected a tile of whole groups of 4 heads or of an equal part of one group, aligned to its size
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k) outs(%o : !q) -> !q
  return %0 : !q
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(
      %root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mfa.masked_attention"]} in %root
            : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %op tile_sizes [0, 6, 0]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

!q = tensor<4x128x16x64xf16>
!k = tensor<4x96x4x64xf16>

// Tiles of 3 heads fit a group of 4, but the second one crosses its end.
func.func @not_a_divisor(%q: !q, %k: !k, %o: !q) -> !q {
  // CHECK: error: 'mfa.masked_attention' op expected a tile of whole groups of 4 heads or of an equal part of one group, aligned to its size
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k) outs(%o : !q) -> !q
  return %0 : !q
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(
      %root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mfa.masked_attention"]} in %root
            : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %op tile_sizes [0, 3, 0]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

!q = tensor<4x128x?x64xf16>

func.func @dynamic_heads(%q: !q, %o: !q) -> !q {
  // CHECK: error: 'mfa.masked_attention' op expected a tile of one head or of all heads where the heads of 'query' or 'key' are dynamic
  %0 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q) outs(%o : !q) -> !q
  return %0 : !q
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(
      %root: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["mfa.masked_attention"]} in %root
            : (!transform.any_op) -> !transform.any_op
    transform.structured.tile_using_for %op tile_sizes [0, 4, 0]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
