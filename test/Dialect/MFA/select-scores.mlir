// The table tells scores apart by what is done for each pair: of these rows the
// tiles have 16 keys without a score, 32 of a short one and 48 of a long one.

// RUN: %python %S/Inputs/schedule-tables.py %S/../../../lib/Dialect/MFA/Transforms/Schedules.json %t
// RUN: mfa-opt %s --mfa-select-schedule="chip=sm_90a schedules=%t/scores.json" | FileCheck %s
// RUN: mfa-opt %s --mfa-to-nvvm="chip=sm_90a schedules=%t/scores.json format=llvm" -o /dev/null

!a = memref<8x2048x16x64xbf16>

// CHECK-LABEL: @none
// CHECK: tile_keys = 16,
func.func @none(%q: !a, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a)
  return
}

// CHECK-LABEL: @scaled
// CHECK: tile_keys = 32,
func.func @scaled(%q: !a, %x: f32, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%x : f32) outs(%o : !a)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %factor: f32):
        %r = arith.mulf %s, %factor : f32
        mfa.yield %r : f32
      }
  return
}

// CHECK-LABEL: @softcap
// CHECK: tile_keys = 32,
func.func @softcap(%q: !a, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index):
        %limit = arith.constant 3.0e+01 : f32
        %x = arith.divf %s, %limit : f32
        %t = math.tanh %x : f32
        %r = arith.mulf %t, %limit : f32
        mfa.yield %r : f32
      }
  return
}

// As many operations as a short score has. The slope is read once for all pairs of a
// head: it does not count, nor does what is computed from it.
// CHECK-LABEL: @four
// CHECK: tile_keys = 32,
func.func @four(%q: !a, %slopes: memref<16xf32>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%slopes : memref<16xf32>) outs(%o : !a)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %of: memref<16xf32>):
        %slope = memref.load %of[%h] : memref<16xf32>
        %square = arith.mulf %slope, %slope : f32
        %cube = arith.mulf %square, %slope : f32
        %x = arith.mulf %s, %cube : f32
        %t = math.tanh %x : f32
        %c = arith.mulf %t, %slope : f32
        %r = arith.addf %c, %square : f32
        mfa.yield %r : f32
      }
  return
}

// One operation more.
// CHECK-LABEL: @alibi
// CHECK: tile_keys = 48,
func.func @alibi(%q: !a, %slopes: memref<16xf32>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%slopes : memref<16xf32>) outs(%o : !a)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %of: memref<16xf32>):
        %slope = memref.load %of[%h] : memref<16xf32>
        %d = arith.subi %n, %i : index
        %e = arith.index_cast %d : index to i32
        %f = arith.sitofp %e : i32 to f32
        %p = arith.mulf %f, %slope : f32
        %r = arith.addf %s, %p : f32
        mfa.yield %r : f32
      }
  return
}

// CHECK-LABEL: @softcap_alibi
// CHECK: tile_keys = 48,
func.func @softcap_alibi(%q: !a, %slopes: memref<16xf32>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%slopes : memref<16xf32>) outs(%o : !a)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %of: memref<16xf32>):
        %limit = arith.constant 3.0e+01 : f32
        %x = arith.divf %s, %limit : f32
        %t = math.tanh %x : f32
        %c = arith.mulf %t, %limit : f32
        %slope = memref.load %of[%h] : memref<16xf32>
        %d = arith.subi %n, %i : index
        %e = arith.index_cast %d : index to i32
        %f = arith.sitofp %e : i32 to f32
        %p = arith.mulf %f, %slope : f32
        %r = arith.addf %c, %p : f32
        mfa.yield %r : f32
      }
  return
}

// A read by the query alone, by few operations.
// CHECK-LABEL: @read_by_query
// CHECK: tile_keys = 48,
func.func @read_by_query(%q: !a, %biases: memref<2048xf32>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%biases : memref<2048xf32>) outs(%o : !a)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %of: memref<2048xf32>):
        %bias = memref.load %of[%i] : memref<2048xf32>
        %r = arith.addf %s, %bias : f32
        mfa.yield %r : f32
      }
  return
}

// CHECK-LABEL: @read_by_distance
// CHECK: tile_keys = 48,
func.func @read_by_distance(%q: !a, %biases: memref<16x4096xf32>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%biases : memref<16x4096xf32>) outs(%o : !a)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %of: memref<16x4096xf32>):
        %c2048 = arith.constant 2048 : index
        %d = arith.subi %n, %i : index
        %e = arith.addi %d, %c2048 : index
        %bias = memref.load %of[%h, %e] : memref<16x4096xf32>
        %r = arith.addf %s, %bias : f32
        mfa.yield %r : f32
      }
  return
}
