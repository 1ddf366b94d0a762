// What products in tile registers give, next to those of f32 in vectors. The instructions
// are functions here, so that the CPU needs none of them. Memory that nothing was copied
// to holds NaN.

// RUN: mfa-opt %s --mfa-to-cpu='cpu=sapphirerapids parallel=false' \
// RUN:   | mlir-translate --mlir-to-llvmir \
// RUN:   | sed -e 's/x86_amx/<256 x i32>/g' -e 's/@llvm.x86.tilezero.internal/@tile_zero/g' \
// RUN:       -e 's/@llvm.x86.tileloadd64.internal/@tile_load/g' \
// RUN:       -e 's/@llvm.x86.tilestored64.internal/@tile_store/g' \
// RUN:       -e 's/@llvm.x86.tdpbf16ps.internal/@tile_multiply/g' \
// RUN:       -e 's/@llvm.x86.avx512bf16.cvtneps2bf16.512/@round_to_bf16/g' > %t.ll
// RUN: lli --extra-module=%S/Inputs/tile-registers.ll %t.ll
// REQUIRES: x86, lli

!query = memref<1x70x2x40xbf16>
!key = memref<1x151x1x40xbf16>
!value = memref<1x151x1x48xbf16>
!output = memref<1x70x2x48xbf16>

#plain = #mfa.schedule<kind = cpu, tile_rows = 4, tile_keys = 64, lanes = 8,
                       register_rows = 4, register_columns = 2>
#wide = #mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, lanes = 16,
                      register_rows = 32, register_columns = 2,
                      dot_products = true, matrix_products = true>
#narrow = #mfa.schedule<kind = cpu, tile_rows = 48, tile_keys = 32, lanes = 16,
                        register_rows = 16, register_columns = 2,
                        dot_products = true, matrix_products = true>

#several = #mfa.schedule<kind = cpu, tile_rows = 28, tile_keys = 48, lanes = 8,
                         register_rows = 7, register_columns = 2>

func.func private @fill_stack()

/// A number from -2 to 2 for each place.
func.func private @number(%place: index, %seed: i32) -> bf16 {
  %c16 = arith.constant 16 : i32
  %factor = arith.constant 1103515245 : i32
  %scale = arith.constant 6.10351563e-05 : f32
  %0 = arith.index_cast %place : index to i32
  %1 = arith.addi %0, %seed : i32
  %2 = arith.muli %1, %factor : i32
  %3 = arith.xori %2, %seed : i32
  %4 = arith.muli %3, %factor : i32
  %5 = arith.shrsi %4, %c16 : i32
  %6 = arith.sitofp %5 : i32 to f32
  %7 = arith.mulf %6, %scale : f32
  %8 = arith.truncf %7 : f32 to bf16
  return %8 : bf16
}

func.func private @fill(%array: memref<?x?xbf16>, %seed: i32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = memref.dim %array, %c0 : memref<?x?xbf16>
  %columns = memref.dim %array, %c1 : memref<?x?xbf16>
  scf.for %i = %c0 to %rows step %c1 {
    scf.for %j = %c0 to %columns step %c1 {
      %row = arith.muli %i, %columns : index
      %place = arith.addi %row, %j : index
      %number = func.call @number(%place, %seed) : (index, i32) -> bf16
      memref.store %number, %array[%i, %j] : memref<?x?xbf16>
    }
  }
  return
}

/// 1 where a number is another than the expected one by more than bf16's weights are
/// rounded, or none.
func.func private @differ(%actual: memref<?x?xbf16>, %expected: memref<?x?xbf16>) -> i32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %no = arith.constant 0 : i32
  %most = arith.constant 0.02 : f32
  %rows = memref.dim %actual, %c0 : memref<?x?xbf16>
  %columns = memref.dim %actual, %c1 : memref<?x?xbf16>
  %result = scf.for %i = %c0 to %rows step %c1 iter_args(%outer = %no) -> i32 {
    %row = scf.for %j = %c0 to %columns step %c1 iter_args(%inner = %outer) -> i32 {
      %0 = memref.load %actual[%i, %j] : memref<?x?xbf16>
      %1 = memref.load %expected[%i, %j] : memref<?x?xbf16>
      %2 = arith.extf %0 : bf16 to f32
      %3 = arith.extf %1 : bf16 to f32
      %4 = arith.subf %2, %3 : f32
      %5 = math.absf %4 : f32
      %6 = arith.cmpf ugt, %5, %most : f32
      %7 = arith.extui %6 : i1 to i32
      %8 = arith.ori %inner, %7 : i32
      scf.yield %8 : i32
    }
    scf.yield %row : i32
  }
  return %result : i32
}

func.func @main() -> i32 {
  %q = memref.alloc() : !query
  %k = memref.alloc() : !key
  %v = memref.alloc() : !value
  %expected = memref.alloc() : !output
  %wide = memref.alloc() : !output
  %narrow = memref.alloc() : !output
  %expected_near = memref.alloc() : !output
  %near_output = memref.alloc() : !output
  %expected_steps = memref.alloc() : !output
  %steps = memref.alloc() : !output

  %q2 = memref.collapse_shape %q [[0, 1, 2], [3]] : !query into memref<140x40xbf16>
  %k2 = memref.collapse_shape %k [[0, 1, 2], [3]] : !key into memref<151x40xbf16>
  %v2 = memref.collapse_shape %v [[0, 1, 2], [3]] : !value into memref<151x48xbf16>
  %q3 = memref.cast %q2 : memref<140x40xbf16> to memref<?x?xbf16>
  %k3 = memref.cast %k2 : memref<151x40xbf16> to memref<?x?xbf16>
  %v3 = memref.cast %v2 : memref<151x48xbf16> to memref<?x?xbf16>
  %s0 = arith.constant 11 : i32
  %s1 = arith.constant 222 : i32
  %s2 = arith.constant 3333 : i32
  call @fill(%q3, %s0) : (memref<?x?xbf16>, i32) -> ()
  call @fill(%k3, %s1) : (memref<?x?xbf16>, i32) -> ()
  call @fill(%v3, %s2) : (memref<?x?xbf16>, i32) -> ()

  mfa.masked_attention ins(%q, %k, %v : !query, !key, !value) outs(%expected : !output)
      schedule(#plain)
  func.call @fill_stack() : () -> ()
  mfa.masked_attention ins(%q, %k, %v : !query, !key, !value) outs(%wide : !output)
      schedule(#wide)
  func.call @fill_stack() : () -> ()
  mfa.masked_attention ins(%q, %k, %v : !query, !key, !value) outs(%narrow : !output)
      schedule(#narrow)
  mfa.masked_attention ins(%q, %k, %v : !query, !key, !value)
      outs(%expected_near : !output) schedule(#plain)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %window = arith.constant 20 : index
        %d = arith.subi %i, %j : index
        %near = arith.cmpi slt, %d, %window : index
        %past = arith.cmpi sle, %j, %i : index
        %c = arith.andi %near, %past : i1
        mfa.yield %c : i1
      }
  func.call @fill_stack() : () -> ()
  mfa.masked_attention ins(%q, %k, %v : !query, !key, !value) outs(%near_output : !output)
      schedule(#wide)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %window = arith.constant 20 : index
        %d = arith.subi %i, %j : index
        %near = arith.cmpi slt, %d, %window : index
        %past = arith.cmpi sle, %j, %i : index
        %c = arith.andi %near, %past : i1
        mfa.yield %c : i1
      }

  // Of a rule that divides, less may be known of a few rows than of a tile of them.
  mfa.masked_attention ins(%q, %k, %v : !query, !key, !value)
      outs(%expected_steps : !output) schedule(#plain)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %step = arith.constant 41 : index
        %zero = arith.constant 0 : index
        %d = arith.subi %i, %j : index
        %rest = arith.remsi %d, %step : index
        %hits = arith.cmpi eq, %rest, %zero : index
        %past = arith.cmpi sle, %j, %i : index
        %c = arith.andi %hits, %past : i1
        mfa.yield %c : i1
      }
  func.call @fill_stack() : () -> ()
  mfa.masked_attention ins(%q, %k, %v : !query, !key, !value)
      outs(%steps : !output) schedule(#several)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %step = arith.constant 41 : index
        %zero = arith.constant 0 : index
        %d = arith.subi %i, %j : index
        %rest = arith.remsi %d, %step : index
        %hits = arith.cmpi eq, %rest, %zero : index
        %past = arith.cmpi sle, %j, %i : index
        %c = arith.andi %hits, %past : i1
        mfa.yield %c : i1
      }

  %expected2 = memref.collapse_shape %expected [[0, 1, 2], [3]] : !output into memref<140x48xbf16>
  %expected3 = memref.cast %expected2 : memref<140x48xbf16> to memref<?x?xbf16>
  %wide2 = memref.collapse_shape %wide [[0, 1, 2], [3]] : !output into memref<140x48xbf16>
  %wide3 = memref.cast %wide2 : memref<140x48xbf16> to memref<?x?xbf16>
  %narrow2 = memref.collapse_shape %narrow [[0, 1, 2], [3]] : !output into memref<140x48xbf16>
  %narrow3 = memref.cast %narrow2 : memref<140x48xbf16> to memref<?x?xbf16>
  %en2 = memref.collapse_shape %expected_near [[0, 1, 2], [3]] : !output into memref<140x48xbf16>
  %en3 = memref.cast %en2 : memref<140x48xbf16> to memref<?x?xbf16>
  %near_output2 = memref.collapse_shape %near_output [[0, 1, 2], [3]] : !output into memref<140x48xbf16>
  %near_output3 = memref.cast %near_output2 : memref<140x48xbf16> to memref<?x?xbf16>
  %es2 = memref.collapse_shape %expected_steps [[0, 1, 2], [3]] : !output into memref<140x48xbf16>
  %es3 = memref.cast %es2 : memref<140x48xbf16> to memref<?x?xbf16>
  %steps2 = memref.collapse_shape %steps [[0, 1, 2], [3]] : !output into memref<140x48xbf16>
  %steps3 = memref.cast %steps2 : memref<140x48xbf16> to memref<?x?xbf16>
  %c1 = arith.constant 1 : i32
  %c3 = arith.constant 3 : i32
  %c2 = arith.constant 2 : i32
  %w = call @differ(%wide3, %expected3) : (memref<?x?xbf16>, memref<?x?xbf16>) -> i32
  %n = call @differ(%narrow3, %expected3) : (memref<?x?xbf16>, memref<?x?xbf16>) -> i32
  %c = call @differ(%near_output3, %en3) : (memref<?x?xbf16>, memref<?x?xbf16>) -> i32
  %s = call @differ(%steps3, %es3) : (memref<?x?xbf16>, memref<?x?xbf16>) -> i32
  %n2 = arith.shli %n, %c1 : i32
  %c4 = arith.shli %c, %c2 : i32
  %0 = arith.ori %w, %n2 : i32
  %s8 = arith.shli %s, %c3 : i32
  %1 = arith.ori %0, %c4 : i32
  %status = arith.ori %1, %s8 : i32
  return %status : i32
}
