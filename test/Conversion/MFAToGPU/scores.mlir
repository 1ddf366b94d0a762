// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// A positive scale that is known, and no mask: scores stay products up to the
// exponent, and the scale comes to the maximum of a row alone.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: %[[S:.*]] = mfa_gpu.mma {{.*}} {transpose_rhs}
// CHECK-NOT: mfa_gpu.map
// CHECK: %[[MAX:.*]] = mfa_gpu.reduce max %[[S]]
// CHECK-NEXT: mfa_gpu.map %[[MAX]]
// CHECK: arith.mulf %{{.*}}, %[[SCALE:cst.*]] : f32
func.func @late_scale(%q: memref<2x64x2x32xf16>, %o: memref<2x64x2x32xf16>) {
  %s = arith.constant 0.5 : f32
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      scale(%s : f32) outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 1>)
  return
}

// -----

// With one that is negative, or not known, the largest product need not be the
// largest score.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: %[[NEGATIVE:.*]] = arith.constant -5.000000e-01 : f32
// CHECK: %[[S:.*]] = mfa_gpu.mma {{.*}} {transpose_rhs}
// CHECK: %[[T:.*]] = mfa_gpu.map %[[S]] :
// CHECK:   arith.mulf %{{.*}}, %[[NEGATIVE]]
// CHECK: mfa_gpu.reduce max %[[T]]
// CHECK-LABEL: gpu.func @masked_attention_0(
// CHECK-SAME: %[[SCALE:[a-z0-9]*]]: f32
// CHECK: %[[S:.*]] = mfa_gpu.mma {{.*}} {transpose_rhs}
// CHECK: %[[T:.*]] = mfa_gpu.map %[[S]] :
// CHECK:   arith.mulf %{{.*}}, %[[SCALE]]
// CHECK: mfa_gpu.reduce max %[[T]]
func.func @early_scale(%q: memref<2x64x2x32xf16>, %r: f32, %o: memref<2x64x2x32xf16>) {
  %s = arith.constant -0.5 : f32
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      scale(%s : f32) outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 1>)
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      scale(%r : f32) outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 1>)
  return
}

// -----

// A mask of truth values is -inf or 0 in one map with the scale.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: %[[S:.*]] = mfa_gpu.mma {{.*}} {transpose_rhs}
// CHECK: %[[M:.*]] = mfa_gpu.load {{.*}} to <64x32xi1, #accumulator>
// CHECK: %[[T:.*]] = mfa_gpu.map %[[S]], %[[M]]
// CHECK:   %[[ADDED:.*]] = arith.select %{{.*}}, %{{.*}}, %{{.*}} : f32
// CHECK:   math.fma %{{.*}}, %{{.*}}, %[[ADDED]]
// CHECK: mfa_gpu.reduce max %[[T]]
func.func @boolean(%q: memref<2x64x2x32xf16>, %m: memref<2x64x64xi1>, %o: memref<2x64x2x32xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      mask(%m : memref<2x64x64xi1>) outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 1>)
  return
}

// -----

// What is the same for all keys is loaded once for the rows, ahead of the loop.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: %[[LOADED:.*]] = mfa_gpu.load {{.*}} to <64xbf16, #row>
// CHECK: %[[ROWS:.*]] = mfa_gpu.map %[[LOADED]]
// CHECK:   arith.extf
// CHECK: scf.for
// CHECK-NOT: mfa_gpu.load
// CHECK:   %[[S:.*]] = mfa_gpu.mma {{.*}} {transpose_rhs}
// CHECK:   mfa_gpu.map %[[S]], %[[ROWS]]
// CHECK:     math.fma
func.func @of_rows(%q: memref<2x64x2x32xf16>, %m: memref<2x64x1xbf16>, %o: memref<2x64x2x32xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      mask(%m : memref<2x64x1xbf16>) outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 1>)
  return
}

// -----

// Exponents relative to a maximum: all of a row first (base, and mask of the
// row), then one fused step for each score. Rows of a persistent block bring
// their part of the mask along.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.while
// CHECK: %[[LOADED:.*]] = mfa_gpu.load {{.*}} to <128xf16, #row>
// CHECK: %[[ROWS:.*]] = mfa_gpu.map %[[LOADED]]
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %[[M:.*]] = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}})
// CHECK:   %[[DONE:.*]]:2 = mfa_gpu.warpgroup_wait 0
// CHECK:   %[[SHIFT:.*]] = mfa_gpu.map %[[M]], %[[ROWS]]
// CHECK:     math.fma
// CHECK:     arith.negf
// CHECK:     math.fma
// CHECK:   mfa_gpu.map %[[DONE]]#1, %[[SHIFT]] :
// CHECK-COUNT-1: math.fma
// CHECK-NEXT: math.exp2
func.func @exponents_of_rows(%q: memref<1x512x4x128xbf16>, %m: memref<1x512x1xf16>, %o: memref<1x512x4x128xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>)
      mask(%m : memref<1x512x1xf16>) outs(%o : memref<1x512x4x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, persistent = true>)
  return
}

// -----

// One number for the block; a run-time scale times log2 e, once for all rows.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[SCALE:[a-z0-9]*]]: f32
// CHECK: %[[FACTOR:.*]] = arith.mulf %[[SCALE]], %{{.*}} : f32
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[NUMBER:.*]] = memref.load {{.*}} : memref<1x1xf32
// CHECK: scf.for
// CHECK:   %[[DONE:.*]]:2 = mfa_gpu.warpgroup_wait 0
// CHECK:   %[[SHIFT:.*]] = mfa_gpu.map %{{.*}} :
// CHECK:     math.fma %[[NUMBER]]
// CHECK:   mfa_gpu.map %[[DONE]]#1, %[[SHIFT]] :
// CHECK:     math.fma %{{.*}}, %[[FACTOR]]
// CHECK-NEXT: math.exp2
func.func @exponents_of_number(%q: memref<1x512x4x128xbf16>, %m: memref<1x1x1xf32>, %s: f32, %o: memref<1x512x4x128xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>, memref<1x512x4x128xbf16>)
      mask(%m : memref<1x1x1xf32>) scale(%s : f32) outs(%o : memref<1x512x4x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
  return
}

// -----

// Keys past the last are left out by a test of its own, column by column: in
// kernels that compute the last tile first, of that alone.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[S:.*]] = mfa_gpu.warpgroup_wait 0
// CHECK: %[[KEPT:.*]] = mfa_gpu.map %[[S]] coordinates
// CHECK:   ^bb0(%[[SCORE:.*]]: f32, %{{.*}}: i32, %[[COLUMN:.*]]: i32)
// CHECK:   %[[IS_KEY:.*]] = arith.cmpi ult, %[[COLUMN]], %c36_i32
// CHECK:   arith.select %[[IS_KEY]], %[[SCORE]], %{{.*}} : f32
// CHECK: mfa_gpu.reduce max %[[KEPT]]
// CHECK: scf.for
// CHECK-NOT: coordinates
// CHECK: gpu.func @masked_attention_0(
func.func @tail(%q: memref<1x512x4x128xbf16>, %k: memref<1x164x4x128xbf16>, %o: memref<1x512x4x128xbf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<1x512x4x128xbf16>, memref<1x164x4x128xbf16>, memref<1x164x4x128xbf16>)
      outs(%o : memref<1x512x4x128xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
  return
}
