// RUN: %sim_lower %s | %sim_run | FileCheck %s

// Shuffles, votes, reductions and the election of a lane; a column each.
func.func @main() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %out = memref.alloc() : memref<32x12xi32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c32, %ny = %c1, %nz = %c1) {
    %lane = nvvm.read.ptx.sreg.laneid : i32
    %all = arith.constant -1 : i32
    %one = arith.constant 1 : i32
    %three = arith.constant 3 : i32
    %clamp = arith.constant 31 : i32
    %up = arith.constant 0 : i32
    %seg8 = arith.constant 0x181f : i32
    %v0 = nvvm.shfl.sync bfly %all, %lane, %one, %clamp : i32 -> i32
    %v1 = nvvm.shfl.sync up %all, %lane, %three, %up : i32 -> i32
    %v2 = nvvm.shfl.sync down %all, %lane, %three, %clamp : i32 -> i32
    %v3 = nvvm.shfl.sync idx %all, %lane, %three, %clamp : i32 -> i32
    // Segments of eight lanes.
    %v4 = nvvm.shfl.sync idx %all, %lane, %three, %seg8 : i32 -> i32
    %odd = arith.trunci %lane : i32 to i1
    %v5 = nvvm.vote.sync ballot %all, %odd -> i32
    %any = nvvm.vote.sync any %all, %odd -> i1
    %every = nvvm.vote.sync all %all, %odd -> i1
    %v6 = arith.extui %any : i1 to i32
    %v7 = arith.extui %every : i1 to i32
    %v8 = nvvm.redux.sync add %lane, %all : i32 -> i32
    %v9 = nvvm.redux.sync max %lane, %all : i32 -> i32
    %leader = nvvm.elect.sync -> i1
    %v10 = arith.extui %leader : i1 to i32
    // Half a warp on its own.
    %low = arith.constant 0xffff : i32
    %c16 = arith.constant 16 : i32
    %isLow = arith.cmpi ult, %lane, %c16 : i32
    %v11 = scf.if %isLow -> i32 {
      %sum = nvvm.redux.sync add %lane, %low : i32 -> i32
      scf.yield %sum : i32
    } else {
      scf.yield %lane : i32
    }
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k2 = arith.constant 2 : index
    %k3 = arith.constant 3 : index
    %k4 = arith.constant 4 : index
    %k5 = arith.constant 5 : index
    %k6 = arith.constant 6 : index
    %k7 = arith.constant 7 : index
    %k8 = arith.constant 8 : index
    %k9 = arith.constant 9 : index
    %k10 = arith.constant 10 : index
    %k11 = arith.constant 11 : index
    memref.store %v0, %out[%tx, %k0] : memref<32x12xi32>
    memref.store %v1, %out[%tx, %k1] : memref<32x12xi32>
    memref.store %v2, %out[%tx, %k2] : memref<32x12xi32>
    memref.store %v3, %out[%tx, %k3] : memref<32x12xi32>
    memref.store %v4, %out[%tx, %k4] : memref<32x12xi32>
    memref.store %v5, %out[%tx, %k5] : memref<32x12xi32>
    memref.store %v6, %out[%tx, %k6] : memref<32x12xi32>
    memref.store %v7, %out[%tx, %k7] : memref<32x12xi32>
    memref.store %v8, %out[%tx, %k8] : memref<32x12xi32>
    memref.store %v9, %out[%tx, %k9] : memref<32x12xi32>
    memref.store %v10, %out[%tx, %k10] : memref<32x12xi32>
    memref.store %v11, %out[%tx, %k11] : memref<32x12xi32>
    gpu.terminator
  }
  // CHECK:      [1, 0, 3, 3, 3, -1431655766, 1, 0, 496, 31, 1, 120],
  // CHECK-NEXT: [0, 1, 4, 3, 3, -1431655766, 1, 0, 496, 31, 0, 120],
  // CHECK-NEXT: [3, 2, 5, 3, 3, -1431655766, 1, 0, 496, 31, 0, 120],
  // CHECK-NEXT: [2, 0, 6, 3, 3, -1431655766, 1, 0, 496, 31, 0, 120],
  // CHECK:      [17, 13, 19, 3, 19, -1431655766, 1, 0, 496, 31, 0, 16],
  // CHECK:      [30, 28, 31, 3, 27, -1431655766, 1, 0, 496, 31, 0, 31]]
  %cast = memref.cast %out : memref<32x12xi32> to memref<*xi32>
  call @printMemrefI32(%cast) : (memref<*xi32>) -> ()
  memref.dealloc %out : memref<32x12xi32>
  return
}
func.func private @printMemrefI32(memref<*xi32>) attributes {llvm.emit_c_interface}
