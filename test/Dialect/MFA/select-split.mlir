// RUN: mfa-opt %s --mfa-select-schedule=chip=sm_90a | FileCheck %s
// RUN: mfa-opt %s --mfa-select-schedule=chip=sm_80 | FileCheck %s --check-prefix=SM80

// Few queries: one warpgroup, and as much of keys and values in flight as fits.
// CHECK-LABEL: @few_queries
// CHECK: schedule(#mfa.schedule<kind = wgmma, tile_rows = 64, tile_keys = 32, warps = 4, stages = 4, splits_keys = true>)
// SM80-LABEL: @few_queries
// SM80: schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, {{.*}}, splits_keys = true>)
func.func @few_queries(%q: memref<1x4x8x128xbf16>, %k: memref<1x8192x8x128xbf16>, %m: memref<1x1x1x8192xi1>, %o: memref<1x4x8x128xbf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<1x4x8x128xbf16>, memref<1x8192x8x128xbf16>, memref<1x8192x8x128xbf16>)
      mask(%m : memref<1x1x1x8192xi1>) outs(%o : memref<1x4x8x128xbf16>)
  return
}

// Less of wider heads fits, of narrower ones more.
// CHECK-LABEL: @wide
// CHECK: tile_rows = 64, tile_keys = 64, warps = 4, stages = 3, splits_keys = true>)
func.func @wide(%q: memref<1x4x8x256xf16>, %k: memref<1x8192x8x256xf16>, %o: memref<1x4x8x256xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<1x4x8x256xf16>, memref<1x8192x8x256xf16>, memref<1x8192x8x256xf16>)
      outs(%o : memref<1x4x8x256xf16>)
  return
}

// CHECK-LABEL: @narrow
// CHECK: tile_rows = 64, {{.*}} splits_keys = true
func.func @narrow(%q: memref<1x4x8x64xf16>, %k: memref<1x8192x8x64xf16>, %o: memref<1x4x8x64xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<1x4x8x64xf16>, memref<1x8192x8x64xf16>, memref<1x8192x8x64xf16>)
      outs(%o : memref<1x4x8x64xf16>)
  return
}

// Sizes that the running program alone knows may leave multiprocessors idle.
// CHECK-LABEL: @dynamic
// CHECK: kind = wgmma, tile_rows = 64, {{.*}} splits_keys = true
// SM80-LABEL: @dynamic
// SM80: splits_keys = true>)
func.func @dynamic(%q: memref<?x1x8x64xf16>, %k: memref<?x?x8x64xf16>, %o: memref<?x1x8x64xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<?x1x8x64xf16>, memref<?x?x8x64xf16>, memref<?x?x8x64xf16>)
      outs(%o : memref<?x1x8x64xf16>)
  return
}

// One round of blocks that leaves almost no multiprocessor idle.
// CHECK-LABEL: @full_grid
// CHECK-NOT: splits_keys
// CHECK: kind = wgmma, tile_rows = 64,
// CHECK-NOT: splits_keys
// CHECK: return
func.func @full_grid(%q: memref<16x4x8x64xf16>, %k: memref<16x8192x8x64xf16>, %o: memref<16x4x8x64xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<16x4x8x64xf16>, memref<16x8192x8x64xf16>, memref<16x8192x8x64xf16>)
      outs(%o : memref<16x4x8x64xf16>)
  return
}

// Many queries, but few tiles of them; then enough.
// CHECK-LABEL: @few_tiles
// CHECK: kind = wgmma, tile_rows = 192, {{.*}} splits_keys = true, adjacent_heads = 1>)
func.func @few_tiles(%q: memref<1x384x8x64xf16>, %k: memref<1x8192x8x64xf16>, %o: memref<1x384x8x64xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<1x384x8x64xf16>, memref<1x8192x8x64xf16>, memref<1x8192x8x64xf16>)
      outs(%o : memref<1x384x8x64xf16>)
  return
}

// CHECK-LABEL: @enough_tiles
// CHECK-NOT: splits_keys
// CHECK: return
func.func @enough_tiles(%q: memref<8x384x8x64xf16>, %k: memref<8x8192x8x64xf16>, %o: memref<8x384x8x64xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<8x384x8x64xf16>, memref<8x8192x8x64xf16>, memref<8x8192x8x64xf16>)
      outs(%o : memref<8x384x8x64xf16>)
  return
}

// Too few keys for several blocks, and queries of unknown number.
// CHECK-LABEL: @few_keys
// CHECK: kind = mma_sync
// CHECK-NOT: splits_keys
// CHECK: return
func.func @few_keys(%q: memref<1x4x8x64xf16>, %k: memref<1x500x8x64xf16>, %o: memref<1x4x8x64xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<1x4x8x64xf16>, memref<1x500x8x64xf16>, memref<1x500x8x64xf16>)
      outs(%o : memref<1x4x8x64xf16>)
  return
}

// CHECK-LABEL: @unknown_queries
// CHECK-NOT: splits_keys
// CHECK: return
func.func @unknown_queries(%q: memref<1x?x8x64xf16>, %k: memref<1x8192x8x64xf16>, %o: memref<1x?x8x64xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<1x?x8x64xf16>, memref<1x8192x8x64xf16>, memref<1x8192x8x64xf16>)
      outs(%o : memref<1x?x8x64xf16>)
  return
}
