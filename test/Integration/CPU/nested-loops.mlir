// Attention in a loop that runs in parallel: its own loop is one after another, and
// takes the stack of one tile, not of all.

// RUN: mfa-opt %s --mfa-to-cpu | %run_main | FileCheck %s
// RUN: mfa-opt %s --mfa-to-cpu=parallel=false | %run_main | FileCheck %s

!array = memref<1x4x600x8xf32>

func.func private @printMemrefF32(memref<*xf32>)

func.func @main() {
  %one = arith.constant 1.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %x = memref.alloc() : !array
  linalg.fill ins(%one : f32) outs(%x : !array)
  %outs = memref.alloc() : memref<2x4x600x8xf32>
  scf.parallel (%i) = (%c0) to (%c2) step (%c1) {
    %o = memref.subview %outs[%i, 0, 0, 0] [1, 4, 600, 8] [1, 1, 1, 1]
        : memref<2x4x600x8xf32>
        to memref<1x4x600x8xf32, strided<[19200, 4800, 8, 1], offset: ?>>
    mfa.masked_attention ins(%x, %x, %x : !array, !array, !array)
      outs(%o : memref<1x4x600x8xf32, strided<[19200, 4800, 8, 1], offset: ?>>)
  }
  // CHECK: [1]
  %end = memref.subview %outs[1, 3, 599, 7] [1, 1, 1, 1] [1, 1, 1, 1]
      : memref<2x4x600x8xf32> to memref<1xf32, strided<[1], offset: 38399>>
  %u = memref.cast %end
      : memref<1xf32, strided<[1], offset: 38399>> to memref<*xf32>
  call @printMemrefF32(%u) : (memref<*xf32>) -> ()
  return
}
