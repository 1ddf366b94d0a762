// A table of schedules from a file takes the place of the one that is built in,
// on the pass and on pipelines, and says of what is wrong in it where and why.

// RUN: %python %S/Inputs/schedule-tables.py %S/../../../lib/Dialect/MFA/Transforms/Schedules.json %t
// RUN: mfa-opt %s --mfa-select-schedule="chip=sm_90a schedules=%t/own.json" | FileCheck %s --check-prefix=OWN
// RUN: mfa-opt %s --mfa-select-schedule="chip=sm_90a schedules=%t/builtin.json" > %t/read.mlir
// RUN: mfa-opt %s --mfa-select-schedule=chip=sm_90a | diff - %t/read.mlir
// RUN: mfa-opt %s --mfa-to-sim="chip=sm_90a schedules=%t/own.json" > %t/own.mlir
// RUN: mfa-opt %s --mfa-to-sim=chip=sm_90a > %t/other.mlir
// RUN: not diff -q %t/own.mlir %t/other.mlir
// RUN: %python %S/Inputs/schedule-tables.py --refused %t mfa-opt %s | FileCheck %s --check-prefix=REFUSED --match-full-lines

// The first row that matches counts: for causal rules of large grids, for other
// ops, and for kernels of another kind.
// OWN-LABEL: @causal
// OWN: tile_rows = 128, tile_keys = 64, warps = 8, stages = 3, persistent = true, row_counter = true, adjacent_heads = 2>
func.func @causal(%q: memref<8x2048x16x128xbf16>, %o: memref<8x2048x16x128xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<8x2048x16x128xbf16>, memref<8x2048x16x128xbf16>, memref<8x2048x16x128xbf16>)
      outs(%o : memref<8x2048x16x128xbf16>) keep {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %keep = arith.cmpi sle, %j, %i : index
    mfa.yield %keep : i1
  }
  return
}

// Here each block has one tile of rows anyway, so the row of even rules counts.
// OWN-LABEL: @small_causal
// OWN: tile_rows = 64, tile_keys = 48, warps = 4, stages = 3>
func.func @small_causal(%q: memref<1x512x16x128xbf16>, %o: memref<1x512x16x128xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x16x128xbf16>, memref<1x512x16x128xbf16>, memref<1x512x16x128xbf16>)
      outs(%o : memref<1x512x16x128xbf16>) keep {
  ^bb0(%b: index, %h: index, %i: index, %j: index):
    %keep = arith.cmpi sle, %j, %i : index
    mfa.yield %keep : i1
  }
  return
}

// OWN-LABEL: @unmasked
// OWN: tile_rows = 64, tile_keys = 48, warps = 4, stages = 3>
func.func @unmasked(%q: memref<8x2048x16x128xbf16>, %o: memref<8x2048x16x128xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<8x2048x16x128xbf16>, memref<8x2048x16x128xbf16>, memref<8x2048x16x128xbf16>)
      outs(%o : memref<8x2048x16x128xbf16>)
  return
}

// OWN-LABEL: @f32
// OWN: kind = mma_sync, tile_rows = 32, tile_keys = 16, warps = 2, stages = 1>
func.func @f32(%q: memref<8x2048x16x128xf32>, %o: memref<8x2048x16x128xf32>) {
  mfa.masked_attention ins(%q, %q, %q : memref<8x2048x16x128xf32>, memref<8x2048x16x128xf32>, memref<8x2048x16x128xf32>)
      outs(%o : memref<8x2048x16x128xf32>)
  return
}

// REFUSED: {{.*}}: schedules={{.*}}/missing.json: No such file or directory
// REFUSED-NEXT: text: [1:1, byte=1]: Invalid JSON value
// REFUSED-NEXT: deep: the file: expected an object of rows, but got lists or objects that are in more than 64 others
// REFUSED-NEXT: list: the file: expected an object
// REFUSED-NEXT: no_rows: rows: expected a list of rows
// REFUSED-NEXT: unknown: the file: expected no 'row', but only device, driver, assembler, rows
// REFUSED-NEXT: device: device: expected a text
// REFUSED-NEXT: row: rows[1]: expected an object
// REFUSED-NEXT: row_field: rows[0]: expected no 'dim', but only head_dim, schedule, measured, kernel, elements, queries, mask, mask_elements, rule, score
// REFUSED-NEXT: value: rows[0].rule: expected none, even, uneven, list or mask-list, but got 'causal'
// REFUSED-NEXT: score: rows[0].score: expected none, short or long, but got 'some'
// REFUSED-NEXT: value_type: rows[0].rule: expected none, even, uneven, list or mask-list
// REFUSED-NEXT: no_value: rows[0].rule: expected a value, but got an empty list
// REFUSED-NEXT: no_head_dim: rows[0].head_dim: expected 1 to 256, but got 0
// REFUSED-NEXT: head_dim: rows[0].head_dim: expected 1 to 256, but got 512
// REFUSED-NEXT: integer: rows[0].head_dim: expected an integer
// REFUSED-NEXT: no_schedule: rows[0].schedule: expected an object
// REFUSED-NEXT: parameter: rows[0].schedule: expected no 'kind', but only tile_rows, tile_keys, small_tile_rows, warps, stages, ping_pong, persistent, row_counter, adjacent_heads, early_turns
// REFUSED-NEXT: parameter_type: rows[0].schedule.ping_pong: expected true or false
// REFUSED-NEXT: warps: rows[0].schedule: expected 'warps' of a wgmma schedule to be 4, 8 or 12 (whole warpgroups), but got 5
// REFUSED-NEXT: counter: rows[0].schedule: expected 'row_counter' with 'persistent' (blocks that take more rows), but got it without
// REFUSED-NEXT: small: rows[0].schedule: expected 'small_tile_rows' to be 0 or a multiple of 64 from 64 to below 'tile_rows', 128, but got 128
// REFUSED-NEXT: powers: rows[2].schedule: expected 'tile_rows' and 'warps' of an mma_sync schedule to be powers of two, but got 48 and 3
// REFUSED-NEXT: no_figures: rows[0].measured: expected figures, or null without a measurement
// REFUSED-NEXT: figures: rows[0].measured: expected figures, or null without a measurement
// REFUSED-NEXT: figure: rows[0].measured: expected no 'gflops', but only case, tflops, next, next_tflops, small_case, small_tflops, large_tflops
// REFUSED-NEXT: no_case: rows[0].measured.case: expected a text
// REFUSED-NEXT: no_rate: rows[0].measured.tflops: expected a number
// REFUSED-NEXT: next: rows[0].measured.next: expected a text
// REFUSED-NEXT: next_rate: rows[0].measured.next_tflops: expected a number
// REFUSED-NEXT: small_case: rows[0].measured.small_case: expected a text
// REFUSED-NEXT: small_rate: rows[0].measured.large_tflops: expected a number
// REFUSED-NEXT: small_alone: rows[0].measured.small_case: expected a text
// REFUSED-NEXT: hole: rows: expected a row for every op, but there is none for kernel wgmma, elements 16-bit, queries few, mask scalar, mask_elements i1, rule none, score none, head_dim 256
// REFUSED-NEXT: unused: rows[3]: expected a row that is the first to match an op, but all that it matches have one further up
