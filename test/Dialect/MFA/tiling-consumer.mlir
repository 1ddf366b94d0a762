// Masked attention fused into the loop of its producer. The transform op that
// asks for it is one of upstream's test ops, in mlir-opt only.

// RUN: %llvm_tools/mlir-opt %s --load-dialect-plugin=%mfa_lib/MFAPlugin.so \
// RUN:   --transform-interpreter --cse --mlir-print-local-scope | FileCheck %s

!q = tensor<4x128x16x64xf16>

// Fused into the loop of the producer of its query.
// CHECK-LABEL: func.func @fused_consumer
// CHECK: scf.forall
// CHECK: %[[T:.*]] = linalg.exp {{.*}} -> tensor<1x32x16x64xf16>
// CHECK: mfa.masked_attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<1x32x16x64xf16>, tensor<1x128x16x64xf16>, tensor<1x128x16x64xf16>)
// CHECK: scf.forall.in_parallel
func.func @fused_consumer(%x: !q, %k: !q, %init: !q, %o: !q) -> !q {
  %q = linalg.exp ins(%x : !q) outs(%init : !q) -> !q
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !q, !q) outs(%o : !q) -> !q
  return %0 : !q
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(
      %root: !transform.any_op {transform.readonly}) {
    %producer = transform.structured.match ops{["linalg.exp"]} in %root
                  : (!transform.any_op) -> !transform.any_op
    %tiled, %loop = transform.structured.tile_using_forall %producer
                      tile_sizes [1, 32]
      : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    %op = transform.structured.match ops{["mfa.masked_attention"]} in %root
            : (!transform.any_op) -> !transform.any_op
    transform.test.fuse_consumer %op into (%loop)
      : (!transform.any_op, !transform.any_op)
      -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
