// Schedules of kernels with a list of key tiles.

// RUN: mfa-opt %s --mfa-select-schedule=chip=sm_90a | FileCheck %s --check-prefixes=CHECK,RULES
// RUN: mfa-opt %s --mfa-select-schedule="chip=sm_90a tiles=auto" | FileCheck %s --check-prefixes=CHECK,AUTO
// RUN: mfa-opt %s --mfa-select-schedule="chip=sm_90a tiles=always" | FileCheck %s --check-prefixes=CHECK,ALWAYS

// A list of a mask has a row of its own in the table, with a counter of rows:
// most masks leave other numbers of tiles to other rows.
// CHECK-LABEL: @listed_mask
// RULES-NOT: row_counter
// AUTO: row_counter = true, {{.*}}tiles = auto>
// ALWAYS: row_counter = true, {{.*}}tiles = list>
func.func @listed_mask(%q: memref<2x4096x16x128xf16>, %m: memref<2x4096x4096xi1>, %o: memref<2x4096x16x128xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x4096x16x128xf16>, memref<2x4096x16x128xf16>, memref<2x4096x16x128xf16>)
      mask(%m : memref<2x4096x4096xi1>) outs(%o : memref<2x4096x16x128xf16>)
  return
}

// A rule that reads arrays for the batch alone has a list, but the tiles of a
// causal rule: they are a range, of a length that is not known here.
// CHECK-LABEL: @prefix
// RULES: tile_rows = 192, {{.*}}row_counter = true, {{.*}}tiles = list>
// AUTO: tile_rows = 192, {{.*}}row_counter = true, {{.*}}tiles = list>
// ALWAYS: tile_rows = 192, {{.*}}row_counter = true, {{.*}}tiles = list>
func.func @prefix(%q: memref<?x4096x32x64xf16>, %lengths: memref<?xi32>, %o: memref<?x4096x32x64xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<?x4096x32x64xf16>, memref<?x4096x32x64xf16>, memref<?x4096x32x64xf16>)
      captures(%lengths : memref<?xi32>) outs(%o : memref<?x4096x32x64xf16>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %d: memref<?xi32>):
        %x = memref.load %d[%b] : memref<?xi32>
        %length = arith.index_cast %x : i32 to index
        %c = arith.cmpi slt, %n, %length : index
        %e = arith.cmpi sle, %n, %i : index
        %f = arith.ori %c, %e : i1
        mfa.yield %f : i1
      }
  return
}
