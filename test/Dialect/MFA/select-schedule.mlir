// RUN: mfa-opt %s --mfa-select-schedule=chip=sm_90 --split-input-file | FileCheck %s --check-prefixes=CHECK,SM90
// RUN: mfa-opt %s --mfa-select-schedule=chip=sm_86 --split-input-file | FileCheck %s --check-prefixes=CHECK,SM86
// RUN: mfa-opt %s --mfa-select-schedule="chip=sm_90 f32-product=tf32" --split-input-file | FileCheck %s --check-prefix=TF32
// RUN: not mfa-opt %s --mfa-select-schedule=chip=sm_75 2>&1 | FileCheck %s --check-prefix=CHIP

// CHIP: error: mfa-select-schedule: expected 'chip' to be one of sm_80, {{.*}}sm_121a, but got 'sm_75'

// Tiles go by head size and shrink until they fit the chip: sm_86 has less than
// half of the shared memory of sm_90.
// CHECK-LABEL: @wide
// SM90: schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4, stages = 1>)
// SM86: schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 48, warps = 4, stages = 1>)
func.func @wide(%q: memref<2x512x4x256xf16>, %m: memref<2x512x512xf16>, %o: memref<2x512x4x256xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x256xf16>, memref<2x512x4x256xf16>, memref<2x512x4x256xf16>)
      mask(%m : memref<2x512x512xf16>) outs(%o : memref<2x512x4x256xf16>)
  return
}

// -----

// The larger of D and Dv counts, and a tile has no more rows than there are.
// CHECK-LABEL: @few_rows
// CHECK: tile_rows = 64,
func.func @few_rows(%q: memref<2x3x4x64xf16>, %k: memref<2x512x4x64xf16>, %v: memref<2x512x4x128xf16>, %o: memref<2x3x4x128xf16>) {
  mfa.masked_attention ins(%q, %k, %v : memref<2x3x4x64xf16>, memref<2x512x4x64xf16>, memref<2x512x4x128xf16>)
      outs(%o : memref<2x3x4x128xf16>)
  return
}

// -----

// A schedule that is there is kept.
// CHECK-LABEL: @kept
// CHECK: tile_rows = 16, tile_keys = 16, warps = 1, stages = 2
func.func @kept(%q: memref<2x512x4x64xf16>, %o: memref<2x512x4x64xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x64xf16>, memref<2x512x4x64xf16>, memref<2x512x4x64xf16>)
      outs(%o : memref<2x512x4x64xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 16, tile_keys = 16, warps = 1, stages = 2>)
  return
}

// -----

// TF32-LABEL: @f32
// TF32: f32_product = tf32>
func.func @f32(%q: memref<2x512x4x64xf32>, %o: memref<2x512x4x64xf32>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x64xf32>, memref<2x512x4x64xf32>, memref<2x512x4x64xf32>)
      outs(%o : memref<2x512x4x64xf32>)
  return
}

// -----

// A mask that is wider than the operands wants more warps with fewer rows.
// CHECK-LABEL: @f32_mask
// SM90: schedule(#mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64, warps = 8, stages = 1>)
// SM86: schedule(#mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 48, warps = 8, stages = 1>)
func.func @f32_mask(%q: memref<2x512x4x128xf16>, %m: memref<2x512x512xf32>, %o: memref<2x512x4x128xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x128xf16>, memref<2x512x4x128xf16>, memref<2x512x4x128xf16>)
      mask(%m : memref<2x512x512xf32>) outs(%o : memref<2x512x4x128xf16>)
  return
}

// -----

// CHECK-LABEL: @boolean_mask
// CHECK: tile_rows = 128, tile_keys = 32, warps = 4, stages = 2>
// CHECK: tile_rows = 128, tile_keys = {{48|64}}, warps = 8, stages = 1>
func.func @boolean_mask(%q: memref<2x512x4x128xf16>, %r: memref<2x512x4x120xf16>, %m: memref<2x512x512xi1>, %o: memref<2x512x4x128xf16>, %p: memref<2x512x4x120xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x128xf16>, memref<2x512x4x128xf16>, memref<2x512x4x128xf16>)
      mask(%m : memref<2x512x512xi1>) outs(%o : memref<2x512x4x128xf16>)
  mfa.masked_attention ins(%r, %r, %r : memref<2x512x4x120xf16>, memref<2x512x4x120xf16>, memref<2x512x4x120xf16>)
      mask(%m : memref<2x512x512xi1>) outs(%p : memref<2x512x4x120xf16>)
  return
}
