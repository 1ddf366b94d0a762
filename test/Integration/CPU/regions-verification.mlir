// Indices of captured arrays are checked where the region is evaluated, by the
// checks of the op that reads; the number of sinks, and the sizes of arrays that are
// read at positions, are checked once.

// RUN: mfa-opt %s --generate-runtime-verification --mfa-tile-attention=rows=2 \
// RUN:   --mfa-decompose-attention --scf-forall-to-for \
// RUN:   --convert-linalg-to-loops --expand-strided-metadata --lower-affine \
// RUN:   --arith-expand --convert-scf-to-cf --convert-to-llvm \
// RUN:   --reconcile-unrealized-casts -o %t

// DEFINE: %{run} = stdbuf -o0 mlir-runner %t --entry-point-result=void \
// DEFINE:   --shared-libs=%llvm_tools/../lib/libmlir_c_runner_utils.so -e

// RUN: %{run} good | FileCheck %s --check-prefix=GOOD
// RUN: not --crash %{run} short_array 2>&1 | FileCheck %s --check-prefix=ARRAY
// RUN: not --crash %{run} short_reversed 2>&1 | FileCheck %s --check-prefix=REVERSED
// RUN: not --crash %{run} bad_sinks 2>&1 | FileCheck %s --check-prefix=SINKS

// GOOD: 7
// ARRAY: expected dimension 0 of captured array 0 to have all indices at which regions read it
// REVERSED: memref.load
// REVERSED: out-of-bounds access
// SINKS: expected dimension 0 of 'sinks' (heads) to equal dimension 2 of 'query'

!array = memref<1x4x2x8xf32>

func.func private @printF32(f32)

// The last row of four reads the last of the numbers.
func.func @attend(%num_ids: index, %num_sinks: index) {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %x = arith.constant 7.0 : f32
  %one = arith.constant 1 : i32
  %ninf = arith.constant 0xFF800000 : f32
  %q = memref.alloc() : !array
  %o = memref.alloc() : !array
  %ids = memref.alloc(%num_ids) : memref<?xi32>
  %sinks = memref.alloc(%num_sinks) : memref<?xf32>
  linalg.fill ins(%x : f32) outs(%q : !array)
  linalg.fill ins(%one : i32) outs(%ids : memref<?xi32>)
  linalg.fill ins(%ninf : f32) outs(%sinks : memref<?xf32>)
  mfa.masked_attention ins(%q, %q, %q : !array, !array, !array)
    sinks(%sinks : memref<?xf32>) captures(%ids : memref<?xi32>) outs(%o : !array)
    keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index, %a: memref<?xi32>):
      %id = memref.load %a[%i] : memref<?xi32>
      %zero = arith.constant 0 : i32
      %c = arith.cmpi ne, %id, %zero : i32
      mfa.yield %c : i1
    }
  %y = memref.load %o[%c0, %c3, %c0, %c0] : !array
  call @printF32(%y) : (f32) -> ()
  return
}

// The first row of four reads the last of the numbers.
func.func @attend_reversed(%num_ids: index) {
  %x = arith.constant 7.0 : f32
  %one = arith.constant 1 : i32
  %q = memref.alloc() : !array
  %o = memref.alloc() : !array
  %ids = memref.alloc(%num_ids) : memref<?xi32>
  linalg.fill ins(%x : f32) outs(%q : !array)
  linalg.fill ins(%one : i32) outs(%ids : memref<?xi32>)
  mfa.masked_attention ins(%q, %q, %q : !array, !array, !array)
    captures(%ids : memref<?xi32>) outs(%o : !array)
    keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index, %a: memref<?xi32>):
      %last = arith.constant 3 : index
      %place = arith.subi %last, %i : index
      %id = memref.load %a[%place] : memref<?xi32>
      %zero = arith.constant 0 : i32
      %c = arith.cmpi ne, %id, %zero : i32
      mfa.yield %c : i1
    }
  return
}

func.func @good() {
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  call @attend(%c4, %c2) : (index, index) -> ()
  return
}

func.func @short_array() {
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  call @attend(%c3, %c2) : (index, index) -> ()
  return
}

func.func @short_reversed() {
  %c3 = arith.constant 3 : index
  call @attend_reversed(%c3) : (index) -> ()
  return
}

func.func @bad_sinks() {
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  call @attend(%c4, %c1) : (index, index) -> ()
  return
}
