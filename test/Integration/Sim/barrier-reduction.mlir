// RUN: %sim_lower %s | %sim_run | FileCheck %s

// 96 threads count, and tell of all and any, at a barrier: of a predicate that
// holds for 40 of them, of one that holds for all, and of one that holds for
// none.
func.func @main() {
  %c1 = arith.constant 1 : index
  %c96 = arith.constant 96 : index
  %out = memref.alloc() : memref<96x6xi32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c96, %ny = %c1, %nz = %c1) {
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k2 = arith.constant 2 : index
    %k3 = arith.constant 3 : index
    %k4 = arith.constant 4 : index
    %k5 = arith.constant 5 : index
    %c0 = arith.constant 0 : i32
    %seven = arith.constant 7 : i32
    %c40 = arith.constant 40 : i32
    %x = arith.index_cast %tx : index to i32
    %is_low = arith.cmpi ult, %x, %c40 : i32
    %low = arith.extui %is_low : i1 to i32
    %0 = nvvm.barrier #nvvm.reduction<popc> %low -> i32
    memref.store %0, %out[%tx, %k0] : memref<96x6xi32>
    %1 = nvvm.barrier #nvvm.reduction<and> %low -> i32
    memref.store %1, %out[%tx, %k1] : memref<96x6xi32>
    %2 = nvvm.barrier #nvvm.reduction<or> %low -> i32
    memref.store %2, %out[%tx, %k2] : memref<96x6xi32>
    // Any number but 0 holds.
    %3 = nvvm.barrier #nvvm.reduction<and> %seven -> i32
    memref.store %3, %out[%tx, %k3] : memref<96x6xi32>
    %4 = nvvm.barrier #nvvm.reduction<or> %c0 -> i32
    memref.store %4, %out[%tx, %k4] : memref<96x6xi32>
    %5 = nvvm.barrier #nvvm.reduction<popc> %c0 -> i32
    memref.store %5, %out[%tx, %k5] : memref<96x6xi32>
    gpu.terminator
  }
  // CHECK-COUNT-96: [40, 0, 1, 1, 0, 0]
  %cast = memref.cast %out : memref<96x6xi32> to memref<*xi32>
  call @printMemrefI32(%cast) : (memref<*xi32>) -> ()
  memref.dealloc %out : memref<96x6xi32>
  return
}
func.func private @printMemrefI32(memref<*xi32>)
