// RUN: %sim_lower %s | %sim_run | FileCheck %s

// Each thread of a 2x1x1 grid of 33x2x1 blocks records its place.
func.func @main() {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c5 = arith.constant 5 : index
  %c33 = arith.constant 33 : index
  %c66 = arith.constant 66 : index
  %c132 = arith.constant 132 : index
  %out = memref.alloc() : memref<132x6xi32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c2, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c33, %ny = %c2, %nz = %c1) {
    %row = arith.muli %ty, %nx : index
    %thread = arith.addi %row, %tx : index
    %base = arith.muli %bx, %c66 : index
    %i = arith.addi %base, %thread : index
    %lane = nvvm.read.ptx.sreg.laneid : i32
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %ge = nvvm.read.ptx.sreg.lanemask.ge : i32
    %lt = nvvm.read.ptx.sreg.lanemask.lt : i32
    %all = arith.addi %ge, %lt : i32
    %size = nvvm.read.ptx.sreg.warpsize : i32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k2 = arith.constant 2 : index
    %k3 = arith.constant 3 : index
    %k4 = arith.constant 4 : index
    %k5 = arith.constant 5 : index
    %x = arith.index_cast %tx : index to i32
    %y = arith.index_cast %ty : index to i32
    memref.store %x, %out[%i, %k0] : memref<132x6xi32>
    memref.store %y, %out[%i, %k1] : memref<132x6xi32>
    memref.store %lane, %out[%i, %k2] : memref<132x6xi32>
    memref.store %warp, %out[%i, %k3] : memref<132x6xi32>
    memref.store %all, %out[%i, %k4] : memref<132x6xi32>
    memref.store %size, %out[%i, %k5] : memref<132x6xi32>
    gpu.terminator
  }
  // CHECK:      [0, 0, 0, 0, -1, 32],
  // CHECK-NEXT: [1, 0, 1, 0, -1, 32],
  // CHECK:      [32, 0, 0, 1, -1, 32],
  // CHECK-NEXT: [0, 1, 1, 1, -1, 32],
  // CHECK:      [32, 1, 1, 2, -1, 32],
  // CHECK-NEXT: [0, 0, 0, 0, -1, 32],
  // CHECK:      [32, 1, 1, 2, -1, 32]]
  %cast = memref.cast %out : memref<132x6xi32> to memref<*xi32>
  call @printMemrefI32(%cast) : (memref<*xi32>) -> ()
  memref.dealloc %out : memref<132x6xi32>
  return
}
func.func private @printMemrefI32(memref<*xi32>) attributes {llvm.emit_c_interface}
