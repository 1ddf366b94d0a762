// RUN: mfa-opt %s --mfa-select-schedule=chip=sm_90a | FileCheck %s
// RUN: mfa-opt %s --mfa-select-schedule=chip=sm_90 | FileCheck %s --check-prefix=OTHER

// Only one chip has the products of warpgroups.
// OTHER-NOT: kind = wgmma

// CHECK-LABEL: @dense
// CHECK: schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 128, warps = 8, stages = 2, ping_pong = true, persistent = true, adjacent_heads = 8>)
func.func @dense(%q: memref<2x512x4x128xf16>, %m: memref<2x512x512xf16>, %o: memref<2x512x4x128xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x128xf16>, memref<2x512x4x128xf16>, memref<2x512x4x128xf16>)
      mask(%m : memref<2x512x512xf16>) outs(%o : memref<2x512x4x128xf16>)
  return
}

// Fewer keys where a mask of f32 takes the memory.
// CHECK-LABEL: @f32_mask
// CHECK: schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 96, warps = 8, stages = 2, ping_pong = true, persistent = true, adjacent_heads = 8>)
func.func @f32_mask(%q: memref<2x512x4x128xf16>, %m: memref<2x512x512xf32>, %o: memref<2x512x4x128xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x128xf16>, memref<2x512x4x128xf16>, memref<2x512x4x128xf16>)
      mask(%m : memref<2x512x512xf32>) outs(%o : memref<2x512x4x128xf16>)
  return
}

// A vector of keys takes little.
// CHECK-LABEL: @padding
// CHECK: schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 128, warps = 8, stages = 2, ping_pong = true, persistent = true, adjacent_heads = 1, early_turns = true>)
func.func @padding(%q: memref<2x512x4x128xf16>, %m: memref<2x1x512xf16>, %o: memref<2x512x4x128xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x128xf16>, memref<2x512x4x128xf16>, memref<2x512x4x128xf16>)
      mask(%m : memref<2x1x512xf16>) outs(%o : memref<2x512x4x128xf16>)
  return
}

// What only the running program knows is left to it.
// CHECK-LABEL: @dynamic
// CHECK: kind = wgmma
func.func @dynamic(%q: memref<?x?x?x64xf16, strided<[?, ?, ?, 1], offset: ?>>, %o: memref<?x?x?x64xf16, strided<[?, ?, ?, 1], offset: ?>>) {
  mfa.masked_attention ins(%q, %q, %q : memref<?x?x?x64xf16, strided<[?, ?, ?, 1], offset: ?>>, memref<?x?x?x64xf16, strided<[?, ?, ?, 1], offset: ?>>, memref<?x?x?x64xf16, strided<[?, ?, ?, 1], offset: ?>>)
      outs(%o : memref<?x?x?x64xf16, strided<[?, ?, ?, 1], offset: ?>>)
  return
}

// One mask for the whole batch, seen as one for each of it.
// CHECK-LABEL: @expanded_mask
// CHECK: kind = wgmma
func.func @expanded_mask(%q: memref<2x512x4x128xf16>, %m: memref<2x512x512xf16, strided<[0, 512, 1]>>, %o: memref<2x512x4x128xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x128xf16>, memref<2x512x4x128xf16>, memref<2x512x4x128xf16>)
      mask(%m : memref<2x512x512xf16, strided<[0, 512, 1]>>) outs(%o : memref<2x512x4x128xf16>)
  return
}

// A row for all queries, seen as one for each, has no tile of several rows: it is copied.
// CHECK-LABEL: @expanded_row
// CHECK: kind = wgmma
func.func @expanded_row(%q: memref<2x512x4x128xf16>, %m: memref<2x512x512xf16, strided<[512, 0, 1]>>, %o: memref<2x512x4x128xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x128xf16>, memref<2x512x4x128xf16>, memref<2x512x4x128xf16>)
      mask(%m : memref<2x512x512xf16, strided<[512, 0, 1]>>) outs(%o : memref<2x512x4x128xf16>)
  return
}

// So is one whose rows no tensor map takes.
// CHECK-LABEL: @odd_mask
// CHECK: kind = wgmma
func.func @odd_mask(%q: memref<2x511x4x128xf16>, %m: memref<2x511x511xf16>, %o: memref<2x511x4x128xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x511x4x128xf16>, memref<2x511x4x128xf16>, memref<2x511x4x128xf16>)
      mask(%m : memref<2x511x511xf16>) outs(%o : memref<2x511x4x128xf16>)
  return
}

// Fewer rows than a warpgroup has, also with such a mask, and f32.
// CHECK-LABEL: @odd_mask_of_few_rows
// CHECK: kind = mma_sync
func.func @odd_mask_of_few_rows(%q: memref<2x16x4x128xf16>, %k: memref<2x1023x4x128xf16>, %m: memref<2x16x1023xf16>, %o: memref<2x16x4x128xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<2x16x4x128xf16>, memref<2x1023x4x128xf16>, memref<2x1023x4x128xf16>)
      mask(%m : memref<2x16x1023xf16>) outs(%o : memref<2x16x4x128xf16>)
  return
}

// CHECK-LABEL: @few_rows
// CHECK: kind = mma_sync
func.func @few_rows(%q: memref<2x16x4x128xf16>, %k: memref<2x500x4x128xf16>, %o: memref<2x16x4x128xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<2x16x4x128xf16>, memref<2x500x4x128xf16>, memref<2x500x4x128xf16>)
      outs(%o : memref<2x16x4x128xf16>)
  return
}

// CHECK-LABEL: @f32
// CHECK: kind = mma_sync
func.func @f32(%q: memref<2x512x4x128xf32>, %o: memref<2x512x4x128xf32>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x128xf32>, memref<2x512x4x128xf32>, memref<2x512x4x128xf32>)
      outs(%o : memref<2x512x4x128xf32>)
  return
}

// Rules have rows of their own in the table, with and without a mask. Rows
// further on visit more keys: a counter hands them out, but not where each of 132
// multiprocessors has one tile of them at most.
// CHECK-LABEL: @rule
// CHECK: schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 128, warps = 8, stages = 3, ping_pong = true, persistent = true>)
// CHECK: schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 128, warps = 8, stages = 2, ping_pong = true, persistent = true, adjacent_heads = 8>)
func.func @rule(%q: memref<2x512x4x64xf16>, %m: memref<2x512x512xf16>, %o: memref<2x512x4x64xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x64xf16>, memref<2x512x4x64xf16>, memref<2x512x4x64xf16>)
      outs(%o : memref<2x512x4x64xf16>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %c = arith.cmpi sle, %n, %i : index
        mfa.yield %c : i1
      }
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x64xf16>, memref<2x512x4x64xf16>, memref<2x512x4x64xf16>)
      mask(%m : memref<2x512x512xf16>) outs(%o : memref<2x512x4x64xf16>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %c = arith.cmpi sle, %n, %i : index
        mfa.yield %c : i1
      }
  return
}

// CHECK-LABEL: @many_rows
// CHECK: schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 80, warps = 8, stages = 2, ping_pong = true, persistent = true, row_counter = true, adjacent_heads = 8, early_turns = true>)
// CHECK: schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 128, warps = 8, stages = 2, ping_pong = true, persistent = true, row_counter = true, adjacent_heads = 8, early_turns = true>)
func.func @many_rows(%large: memref<2x4096x4x256xf16>, %q: memref<2x?x4x128xf16>, %o: memref<2x4096x4x256xf16>, %p: memref<2x?x4x128xf16>) {
  mfa.masked_attention ins(%large, %large, %large : memref<2x4096x4x256xf16>, memref<2x4096x4x256xf16>, memref<2x4096x4x256xf16>)
      outs(%o : memref<2x4096x4x256xf16>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %c = arith.cmpi sle, %n, %i : index
        mfa.yield %c : i1
      }
  mfa.masked_attention ins(%q, %q, %q : memref<2x?x4x128xf16>, memref<2x?x4x128xf16>, memref<2x?x4x128xf16>)
      outs(%p : memref<2x?x4x128xf16>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %c = arith.cmpi sle, %n, %i : index
        mfa.yield %c : i1
      }
  return
}

// In a window all rows visit as many keys. How many a list names nobody knows, and a
// counter hands rows out.
// CHECK-LABEL: @even
// CHECK: persistent = true, adjacent_heads = 1,
// CHECK-LABEL: @listed
// CHECK: persistent = true, row_counter = true, adjacent_heads = 8, early_turns = true, tiles = list>
func.func @even(%q: memref<2x512x4x128xf16>, %o: memref<2x512x4x128xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x512x4x128xf16>, memref<2x512x4x128xf16>, memref<2x512x4x128xf16>)
      outs(%o : memref<2x512x4x128xf16>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %size = arith.constant 100 : index
        %d = arith.subi %i, %n : index
        %near = arith.cmpi slt, %d, %size : index
        %past = arith.cmpi sle, %n, %i : index
        %c = arith.andi %near, %past : i1
        mfa.yield %c : i1
      }
  return
}
func.func @listed(%q: memref<2x?x4x128xf16>, %ids: memref<512xi32>, %o: memref<2x?x4x128xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x?x4x128xf16>, memref<2x?x4x128xf16>, memref<2x?x4x128xf16>)
      captures(%ids : memref<512xi32>) outs(%o : memref<2x?x4x128xf16>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %table: memref<512xi32>):
        %of_row = memref.load %table[%i] : memref<512xi32>
        %of_key = memref.load %table[%n] : memref<512xi32>
        %c = arith.cmpi eq, %of_row, %of_key : i32
        mfa.yield %c : i1
      }
  return
}
