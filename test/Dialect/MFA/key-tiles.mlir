// Which tiles of keys the regions leave, in closed form.

// RUN: mfa-opt %s --mfa-analyze-key-tiles="rows=128 keys=64" --mlir-print-local-scope --split-input-file | FileCheck %s

!a = tensor<2x?x4x64xf16>

// CHECK-LABEL: func.func @causal(
// CHECK: rows = 128, keys = 64, visit = [affine_set<(d0, d1, d2, d3)[s0, s1] : (d2 * 2 - d3 + 1 >= 0, d3 * -64 + s0 - 1 >= 0)>], test = [affine_set<(d0, d1, d2, d3)[s0, s1] : (d2 * -2 + d3 >= 0, d2 * -128 + s1 - 2 >= 0)>]>}
func.func @causal(%x: !a) -> !a {
  %0 = mfa.masked_attention ins(%x, %x, %x : !a, !a, !a) outs(%x : !a)
         keep {
         ^bb0(%b: index, %h: index, %q: index, %k: index):
           %c = arith.cmpi sle, %k, %q : index
           mfa.yield %c : i1
         } -> !a
  return %0 : !a
}

// -----

!a = tensor<2x?x4x64xf16>

// CHECK-LABEL: func.func @window(
// CHECK: rows = 128, keys = 64, symbols = [0, -1], visit = [affine_set<(d0, d1, d2, d3)[s0, s1, s2] : (d2 * 2 - d3 + 1 >= 0, d3 * -64 + s0 - 1 >= 0, d2 * -128 + d3 * 64 + s2 + 62 >= 0, d2 * -128 + s1 + s2 - 2 >= 0, s2 - 1 >= 0)>],
// CHECK-SAME: test = [affine_set<(d0, d1, d2, d3)[s0, s1, s2] : (d2 * 128 - d3 * 64 - s2 + 127 >= 0, d3 * -64 + s0 - s2 - 1 >= 0)>, affine_set<(d0, d1, d2, d3)[s0, s1, s2] : (d2 * -2 + d3 >= 0, d2 * -128 + s1 - 2 >= 0)>]>}
func.func @window(%x: !a, %size: index) -> !a {
  %0 = mfa.masked_attention ins(%x, %x, %x : !a, !a, !a) captures(%size : index) outs(%x : !a)
         keep {
         ^bb0(%b: index, %h: index, %q: index, %k: index, %w: index):
           %d = arith.subi %q, %k : index
           %near = arith.cmpi slt, %d, %w : index
           %past = arith.cmpi sle, %k, %q : index
           %c = arith.andi %near, %past : i1
           mfa.yield %c : i1
         } -> !a
  return %0 : !a
}

// -----

!a = tensor<2x1024x4x64xf16>

// CHECK-LABEL: func.func @prefix(
// CHECK: visit = [affine_set<(d0, d1, d2, d3)[s0, s1] : (d2 * 2 - d3 + 1 >= 0, -d2 + 7 >= 0)>], test = [affine_set<(d0, d1, d2, d3)[s0, s1] : (d2 * -2 + d3 >= 0, d3 - 1 >= 0, -d2 + 7 >= 0, -d3 + 15 >= 0)>]>}
func.func @prefix(%x: !a) -> !a {
  %0 = mfa.masked_attention ins(%x, %x, %x : !a, !a, !a) outs(%x : !a)
         keep {
         ^bb0(%b: index, %h: index, %q: index, %k: index):
           %n = arith.constant 100 : index
           %past = arith.cmpi sle, %k, %q : index
           %first = arith.cmpi slt, %k, %n : index
           %c = arith.ori %past, %first : i1
           mfa.yield %c : i1
         } -> !a
  return %0 : !a
}

// -----

!a = tensor<2x1024x4x64xf16>

// An element of an array may be any number.
// CHECK-LABEL: func.func @padding(
// CHECK: visit = [affine_set<(d0, d1, d2, d3)[s0, s1] : (-d3 + 15 >= 0, -d2 + 7 >= 0)>], test = [affine_set<(d0, d1, d2, d3)[s0, s1] : (-d3 + 15 >= 0, -d2 + 7 >= 0)>]>}
func.func @padding(%x: !a, %lengths: tensor<2xindex>) -> !a {
  %0 = mfa.masked_attention ins(%x, %x, %x : !a, !a, !a) captures(%lengths : tensor<2xindex>) outs(%x : !a)
         keep {
         ^bb0(%b: index, %h: index, %q: index, %k: index, %l: tensor<2xindex>):
           %n = tensor.extract %l[%b] : tensor<2xindex>
           %c = arith.cmpi slt, %k, %n : index
           mfa.yield %c : i1
         } -> !a
  return %0 : !a
}

// -----

!a = tensor<2x1024x4x64xf16>

// CHECK-LABEL: func.func @documents_causal(
// CHECK: visit = [affine_set<(d0, d1, d2, d3)[s0, s1] : (d2 * 2 - d3 + 1 >= 0, -d2 + 7 >= 0)>], test = [affine_set<(d0, d1, d2, d3)[s0, s1] : (-d3 + 15 >= 0, -d2 + 7 >= 0)>]>}
func.func @documents_causal(%x: !a, %ids: tensor<2x1024xi32>) -> !a {
  %0 = mfa.masked_attention ins(%x, %x, %x : !a, !a, !a) captures(%ids : tensor<2x1024xi32>) outs(%x : !a)
         keep {
         ^bb0(%b: index, %h: index, %q: index, %k: index, %i: tensor<2x1024xi32>):
           %idq = tensor.extract %i[%b, %q] : tensor<2x1024xi32>
           %idk = tensor.extract %i[%b, %k] : tensor<2x1024xi32>
           %same = arith.cmpi eq, %idq, %idk : i32
           %past = arith.cmpi sle, %k, %q : index
           %c = arith.andi %same, %past : i1
           mfa.yield %c : i1
         } -> !a
  return %0 : !a
}

// -----

!a = tensor<2x1024x4x64xf16>

// CHECK-LABEL: func.func @dilated_blocks(
// CHECK: visit = [affine_set<(d0, d1, d2, d3)[s0, s1] : (d3 - ((d3 + 3) floordiv 4) * 4 >= 0, -((d3 + 3) floordiv 4) + 3 >= 0, -d3 + ((d3 + 3) floordiv 4) * 4 >= 0, (d3 + 3) floordiv 4 >= 0, -d2 + 7 >= 0)>],
// CHECK-SAME: test = [affine_set<(d0, d1, d2, d3)[s0, s1] : (-d3 + 15 >= 0, -d2 + 7 >= 0, d3 mod 4 - 1 >= 0, -d3 + (d3 floordiv 4) * 4 + 3 >= 0)>]>}
func.func @dilated_blocks(%x: !a) -> !a {
  %0 = mfa.masked_attention ins(%x, %x, %x : !a, !a, !a) outs(%x : !a)
         keep {
         ^bb0(%b: index, %h: index, %q: index, %k: index):
           %size = arith.constant 64 : index
           %step = arith.constant 4 : index
           %zero = arith.constant 0 : index
           %block = arith.divui %k, %size : index
           %rest = arith.remui %block, %step : index
           %c = arith.cmpi eq, %rest, %zero : index
           mfa.yield %c : i1
         } -> !a
  return %0 : !a
}

// -----

!a = tensor<2x1024x4x64xf16>

// CHECK-LABEL: func.func @score(
// CHECK: symbols = [0, 0], visit = [affine_set<(d0, d1, d2, d3)[s0, s1, s2] : (-d3 + 15 >= 0, d3 * -64 + s2 - 1 >= 0, -d2 + 7 >= 0)>],
// CHECK-SAME: test = [affine_set<(d0, d1, d2, d3)[s0, s1, s2] : (d3 * 64 - s2 + 63 >= 0, -d3 + 15 >= 0, -d2 + 7 >= 0)>]>}
func.func @score(%x: !a, %table: tensor<?xf32>) -> !a {
  %0 = mfa.masked_attention ins(%x, %x, %x : !a, !a, !a) captures(%table : tensor<?xf32>) outs(%x : !a)
         score {
         ^bb0(%s: f32, %b: index, %h: index, %q: index, %k: index, %t: tensor<?xf32>):
           %none = arith.constant 0xFF800000 : f32
           %zero = arith.constant 0 : index
           %n = tensor.dim %t, %zero : tensor<?xf32>
           %c = arith.cmpi slt, %k, %n : index
           %r = arith.select %c, %s, %none : f32
           mfa.yield %r : f32
         } -> !a
  return %0 : !a
}

// -----

!a = tensor<2x1024x4x64xf16>

// An attribute that is there already is kept; ops without regions have none.
// CHECK-LABEL: func.func @kept(
// CHECK: mfa.masked_attention {mfa.key_tiles = #mfa.key_tiles<rows = 16, keys = 16, visit = [], test = []>}
// CHECK-NOT: key_tiles
// CHECK: return
func.func @kept(%x: !a) -> (!a, !a) {
  %0 = mfa.masked_attention
         {mfa.key_tiles = #mfa.key_tiles<rows = 16, keys = 16, visit = [], test = []>}
         ins(%x, %x, %x : !a, !a, !a) outs(%x : !a)
         keep {
         ^bb0(%b: index, %h: index, %q: index, %k: index):
           %c = arith.cmpi sle, %k, %q : index
           mfa.yield %c : i1
         } -> !a
  %1 = mfa.masked_attention ins(%x, %x, %x : !a, !a, !a) outs(%x : !a) -> !a
  return %0, %1 : !a, !a
}
