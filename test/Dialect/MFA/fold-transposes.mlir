// RUN: mfa-opt %s --mfa-fold-transposes --split-input-file | FileCheck %s

!bhsd = memref<2x4x16x8xf32>
!bshd = memref<2x16x4x8xf32>

// Copies from BHSD storage and to it are views.
// CHECK-LABEL: func.func @bhsd
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<2x4x16x8xf32>, %[[K:[a-z0-9]+]]: memref<2x4x16x8xf32>
// CHECK-NOT: linalg.transpose
// CHECK-DAG: %[[QV:.*]] = memref.transpose %[[Q]] (d0, d1, d2, d3) -> (d0, d2, d1, d3) : memref<2x4x16x8xf32> to memref<2x16x4x8xf32, strided<[512, 8, 128, 1]>>
// CHECK-DAG: %[[KV:.*]] = memref.transpose %[[K]]
// CHECK-DAG: %[[O:.*]] = memref.alloc() : memref<2x4x16x8xf32>
// CHECK: %[[OV:.*]] = memref.transpose %[[O]] (d0, d1, d2, d3) -> (d0, d2, d1, d3)
// CHECK: mfa.masked_attention ins(%[[QV]], %[[KV]], %[[KV]] : {{.*}}) outs(%[[OV]]
// CHECK-NEXT: return %[[O]]
func.func @bhsd(%q: !bhsd, %k: !bhsd) -> !bhsd {
  %qt = memref.alloc() : !bshd
  linalg.transpose ins(%q : !bhsd) outs(%qt : !bshd) permutation = [0, 2, 1, 3]
  %kt = memref.alloc() : !bshd
  linalg.transpose ins(%k : !bhsd) outs(%kt : !bshd) permutation = [0, 2, 1, 3]
  %o = memref.alloc() : !bshd
  mfa.masked_attention ins(%qt, %kt, %kt : !bshd, !bshd, !bshd) outs(%o : !bshd)
  %r = memref.alloc() : !bhsd
  linalg.transpose ins(%o : !bshd) outs(%r : !bhsd) permutation = [0, 2, 1, 3]
  return %r : !bhsd
}

// -----

!bhsd = memref<2x4x16x8xf32>
!bshd = memref<2x16x4x8xf32>

// Assertions in between write nothing. The inverse of a rotation of dimensions is
// another one.
// CHECK-LABEL: func.func @rotated
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<16x2x4x8xf32>
// CHECK-NOT: linalg.transpose
// CHECK: %[[V:.*]] = memref.transpose %[[Q]] (d0, d1, d2, d3) -> (d1, d0, d2, d3)
// CHECK: memref.transpose %{{.*}} (d0, d1, d2, d3) -> (d2, d0, d1, d3) : memref<16x4x2x8xf32> to memref<2x16x4x8xf32
// CHECK: mfa.masked_attention
func.func @rotated(%q: memref<16x2x4x8xf32>, %c: i1) -> memref<16x4x2x8xf32> {
  %qt = memref.alloc() : !bshd
  linalg.transpose ins(%q : memref<16x2x4x8xf32>) outs(%qt : !bshd) permutation = [1, 0, 2, 3]
  scf.if %c {
    cf.assert %c, "checked"
  }
  %o = memref.alloc() : !bshd
  mfa.masked_attention ins(%qt, %qt, %qt : !bshd, !bshd, !bshd) outs(%o : !bshd)
  %r = memref.alloc() : memref<16x4x2x8xf32>
  linalg.transpose ins(%o : !bshd) outs(%r : memref<16x4x2x8xf32>) permutation = [1, 2, 0, 3]
  return %r : memref<16x4x2x8xf32>
}

// -----

!bhsd = memref<2x4x16x8xf32>
!bshd = memref<2x16x4x8xf32>

// Stay: the source is written after the copy; the copy is; the last dimension is
// another one; an op of unknown effects.
// CHECK-LABEL: func.func @stay
// CHECK-COUNT-4: linalg.transpose
// CHECK-NOT: memref.transpose
func.func @stay(%q: !bhsd, %d: memref<8x4x16x2xf32>, %o: !bshd, %x: f32) {
  %c0 = arith.constant 0 : index
  %a = memref.alloc() : !bshd
  linalg.transpose ins(%q : !bhsd) outs(%a : !bshd) permutation = [0, 2, 1, 3]
  memref.store %x, %q[%c0, %c0, %c0, %c0] : !bhsd
  mfa.masked_attention ins(%a, %a, %a : !bshd, !bshd, !bshd) outs(%o : !bshd)
  %b = memref.alloc() : !bshd
  linalg.transpose ins(%q : !bhsd) outs(%b : !bshd) permutation = [0, 2, 1, 3]
  memref.store %x, %b[%c0, %c0, %c0, %c0] : !bshd
  mfa.masked_attention ins(%b, %b, %b : !bshd, !bshd, !bshd) outs(%o : !bshd)
  %c = memref.alloc() : !bshd
  linalg.transpose ins(%d : memref<8x4x16x2xf32>) outs(%c : !bshd) permutation = [3, 2, 1, 0]
  mfa.masked_attention ins(%c, %c, %c : !bshd, !bshd, !bshd) outs(%o : !bshd)
  %e = memref.alloc() : !bshd
  linalg.transpose ins(%q : !bhsd) outs(%e : !bshd) permutation = [0, 2, 1, 3]
  func.call @unknown() : () -> ()
  mfa.masked_attention ins(%e, %e, %e : !bshd, !bshd, !bshd) outs(%o : !bshd)
  return
}
func.func private @unknown()

// -----

!bhsd = memref<2x4x16x8xf32>
!bshd = memref<2x16x4x8xf32>

// The output stays where it is if an input is written before it is copied, or if
// it is used besides; and if the target is an input.
// CHECK-LABEL: func.func @output_stays
// CHECK-COUNT-3: linalg.transpose
func.func @output_stays(%q: !bshd, %r: !bhsd, %x: f32) -> !bshd {
  %c0 = arith.constant 0 : index
  %a = memref.alloc() : !bshd
  mfa.masked_attention ins(%q, %q, %q : !bshd, !bshd, !bshd) outs(%a : !bshd)
  memref.store %x, %q[%c0, %c0, %c0, %c0] : !bshd
  %ra = memref.alloc() : !bhsd
  linalg.transpose ins(%a : !bshd) outs(%ra : !bhsd) permutation = [0, 2, 1, 3]
  %b = memref.alloc() : !bshd
  mfa.masked_attention ins(%q, %q, %q : !bshd, !bshd, !bshd) outs(%b : !bshd)
  linalg.transpose ins(%b : !bshd) outs(%ra : !bhsd) permutation = [0, 2, 1, 3]
  %c = memref.alloc() : !bshd
  mfa.masked_attention ins(%q, %q, %q : !bshd, !bshd, !bshd) outs(%c : !bshd)
  linalg.transpose ins(%c : !bshd) outs(%r : !bhsd) permutation = [0, 2, 1, 3]
  return %b : !bshd
}
