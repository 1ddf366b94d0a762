// RUN: mfa-opt %s --mfa-tile-attention --canonicalize | FileCheck %s --check-prefixes=CHECK,ROWS64
// RUN: mfa-opt %s --mfa-tile-attention=rows=32 --canonicalize | FileCheck %s --check-prefixes=CHECK,ROWS32

// CHECK-LABEL: func.func @buffers(
// ROWS64: scf.forall (%[[B:.*]], %[[H:.*]], %[[R:.*]]) = (0, 0, 0) to (2, 8, 128) step (1, 1, 64) {
// ROWS32: scf.forall (%[[B:.*]], %[[H:.*]], %[[R:.*]]) = (0, 0, 0) to (2, 8, 128) step (1, 1, 32) {
// CHECK: %[[GROUP:.*]] = affine.apply {{.*}}[%[[H]]]
// ROWS64: memref.subview %{{.*}}[%[[B]], %[[R]], %[[H]], 0] [1, 64, 1, 64] [1, 1, 1, 1]
// ROWS32: memref.subview %{{.*}}[%[[B]], %[[R]], %[[H]], 0] [1, 32, 1, 64] [1, 1, 1, 1]
// CHECK: memref.subview %{{.*}}[%[[B]], 0, %[[GROUP]], 0] [1, 96, 1, 64] [1, 1, 1, 1]
// CHECK: mfa.masked_attention
// CHECK-NOT: mfa.masked_attention
func.func @buffers(%q: memref<2x128x8x64xf32>, %k: memref<2x96x2x64xf32>,
                   %v: memref<2x96x2x64xf32>, %o: memref<2x128x8x64xf32>) {
  mfa.masked_attention
      ins(%q, %k, %v : memref<2x128x8x64xf32>, memref<2x96x2x64xf32>,
                       memref<2x96x2x64xf32>)
      outs(%o : memref<2x128x8x64xf32>)
  return
}

// A tile is one head, also where the heads are dynamic.

// CHECK-LABEL: func.func @dynamic(
// CHECK: %[[TILES:.*]] = scf.forall
// CHECK: %[[TILE:.*]] = mfa.masked_attention
// CHECK-SAME: tensor<1x?x1x8xf16>, tensor<1x?x1x8xf16>, tensor<1x?x1x8xf16>
// CHECK: scf.forall.in_parallel
// CHECK-NEXT: tensor.parallel_insert_slice %[[TILE]]
// CHECK: return %[[TILES]]
func.func @dynamic(%q: tensor<?x?x?x8xf16>, %k: tensor<?x?x?x8xf16>,
                   %v: tensor<?x?x?x8xf16>, %o: tensor<?x?x?x8xf16>)
    -> tensor<?x?x?x8xf16> {
  %0 = mfa.masked_attention
      ins(%q, %k, %v : tensor<?x?x?x8xf16>, tensor<?x?x?x8xf16>, tensor<?x?x?x8xf16>)
      outs(%o : tensor<?x?x?x8xf16>) -> tensor<?x?x?x8xf16>
  return %0 : tensor<?x?x?x8xf16>
}

// Without keys there is nothing to split: each row is 0.

// CHECK-LABEL: func.func @no_keys(
// CHECK-NOT: scf.forall
// CHECK: return
func.func @no_keys(%q: memref<2x128x8x64xf32>, %k: memref<2x0x2x64xf32>,
                   %o: memref<2x128x8x64xf32>) {
  mfa.masked_attention
      ins(%q, %k, %k : memref<2x128x8x64xf32>, memref<2x0x2x64xf32>,
                       memref<2x0x2x64xf32>)
      outs(%o : memref<2x128x8x64xf32>)
  return
}
