// Each program has one fault, which is reported with its place.
//
// RUN: split-file %s %t
// RUN: for f in %t/*.mlir; do %sim_lower $f | not %sim_run 2>&1 | FileCheck $f || exit 1; done

//--- global-out-of-bounds.mlir

// CHECK: mfa-sim: out-of-bounds access: write to 4 bytes at global address 0x{{[0-9a-f]+}}, 0 bytes after the end of the nearest buffer, which has 128 bytes
// CHECK-NEXT: kernel main_kernel, block (0, 0, 0), thread (32, 0, 0)
// CHECK-NEXT: llvm.store at {{.*}}global-out-of-bounds.mlir:[[#@LINE+8]]:5
func.func @main() {
  %c1 = arith.constant 1 : index
  %c33 = arith.constant 33 : index
  %out = memref.alloc() : memref<32xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c33, %ny = %c1, %nz = %c1) {
    %v = arith.constant 1.0 : f32
    memref.store %v, %out[%tx] : memref<32xf32>
    gpu.terminator
  }
  return
}

//--- shared-out-of-bounds.mlir

// CHECK: mfa-sim: out-of-bounds access: read of 4 bytes at shared memory offset -4, but the block has 128 bytes
// CHECK-NEXT: kernel main_kernel, block (0, 0, 0), thread (0, 0, 0)
// CHECK-NEXT: llvm.load at
func.func @main() {
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %out = memref.alloc() : memref<32xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c32, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    memref.store %v, %s[%tx] : memref<32xf32, #gpu.address_space<workgroup>>
    nvvm.barrier0
    %k1 = arith.constant 1 : index
    %left = arith.subi %tx, %k1 : index
    %x = memref.load %s[%left] : memref<32xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<32xf32>
    gpu.terminator
  }
  return
}

//--- misaligned.mlir

// CHECK: mfa-sim: misaligned access: write to 8 bytes at shared memory offset 4, which is not a multiple of 8
// CHECK-NEXT: kernel main_kernel, block (0, 0, 0), thread (1, 0, 0)
func.func @main() {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c2, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>) {
    %i = memref.extract_aligned_pointer_as_index %s : memref<32xf32, #gpu.address_space<workgroup>> -> index
    %c4 = arith.constant 4 : index
    %o = arith.muli %tx, %c4 : index
    %a = arith.addi %i, %o : index
    %n = arith.index_cast %a : index to i64
    %p = llvm.inttoptr %n : i64 to !llvm.ptr<3>
    %v = arith.constant 1.0 : f64
    llvm.store %v, %p : f64, !llvm.ptr<3>
    gpu.terminator
  }
  return
}

//--- deadlock.mlir

// CHECK: mfa-sim: deadlock: no thread of the block can go on
// CHECK-NEXT: barrier 1: 32 of 64 threads arrived
// CHECK-NEXT: lanes 0 to 31 of warp 0 wait at nvvm.barrier at
// CHECK-NEXT: barrier 2: 32 of 64 threads arrived
// CHECK-NEXT: lanes 0 to 31 of warp 1 wait at nvvm.barrier at
// CHECK-NEXT: kernel main_kernel, block (0, 0, 0)
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1) {
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %one = arith.constant 1 : i32
    %id = arith.addi %warp, %one : i32
    %count = arith.constant 64 : i32
    nvvm.barrier id = %id number_of_threads = %count
    gpu.terminator
  }
  return
}

//--- divergent-barrier.mlir

// CHECK: mfa-sim: divergent arrival: barrier 0 is reached while lanes 0 to 15 of warp 0 wait there at nvvm.barrier0 at
// CHECK-NEXT: kernel main_kernel, block (0, 0, 0), thread (16, 0, 0)
func.func @main() {
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c32, %ny = %c1, %nz = %c1) {
    %c16 = arith.constant 16 : index
    %low = arith.cmpi ult, %tx, %c16 : index
    scf.if %low {
      nvvm.barrier0
    } else {
      %c0 = arith.constant 0 : i32
      nvvm.barrier id = %c0
    }
    gpu.terminator
  }
  return
}

//--- early-exit.mlir

// CHECK: mfa-sim: divergent arrival: the thread leaves the kernel while lanes 0 to 30 of warp 0 wait for it at barrier 0
// CHECK-NEXT: kernel main_kernel, block (0, 0, 0), thread (31, 0, 0)
// CHECK-NEXT: nvvm.barrier0 at
func.func @main() {
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c32, %ny = %c1, %nz = %c1) {
    %c31 = arith.constant 31 : index
    %low = arith.cmpi ult, %tx, %c31 : index
    scf.if %low {
      nvvm.barrier0
    }
    gpu.terminator
  }
  return
}

//--- missing-lane.mlir

// CHECK: mfa-sim: deadlock: no thread of the block can go on
// CHECK-NEXT: lanes 0 to 15 of warp 0 wait for lanes 16 to 31 of warp 0 at nvvm.redux.sync at
// CHECK-NEXT: lanes 16 to 31 of warp 0 wait for lanes 1 to 15 of warp 0 at nvvm.redux.sync at
func.func @main() {
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c32, %ny = %c1, %nz = %c1) {
    %lane = nvvm.read.ptx.sreg.laneid : i32
    %c16 = arith.constant 16 : index
    %low = arith.cmpi ult, %tx, %c16 : index
    %all = arith.constant 0xffffffff : i32
    %some = arith.constant 0xfffffffe : i32
    %mask = arith.select %low, %all, %some : i32
    scf.if %low {
      %sum = nvvm.redux.sync add %lane, %mask : i32 -> i32
    } else {
      %sum = nvvm.redux.sync max %lane, %mask : i32 -> i32
    }
    gpu.terminator
  }
  return
}

//--- divergent-mma.mlir

// CHECK: mfa-sim: divergent arrival: lane 16 of warp 0 arrives while lanes 0x0000ffff wait at nvvm.redux.sync at
func.func @main() {
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c32, %ny = %c1, %nz = %c1) {
    %lane = nvvm.read.ptx.sreg.laneid : i32
    %c16 = arith.constant 16 : index
    %low = arith.cmpi ult, %tx, %c16 : index
    %all = arith.constant 0xffffffff : i32
    scf.if %low {
      %sum = nvvm.redux.sync add %lane, %all : i32 -> i32
    } else {
      nvvm.bar.warp.sync %all : i32
    }
    gpu.terminator
  }
  return
}

//--- launch.mlir

// CHECK: mfa-sim: invalid launch: expected at most 1024 threads a block but got 2048
// CHECK-NEXT: kernel main_kernel
func.func @main() {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c1024 = arith.constant 1024 : index
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c1024, %ny = %c2, %nz = %c1) {
    nvvm.barrier0
    gpu.terminator
  }
  return
}

//--- empty-grid.mlir

// CHECK: mfa-sim: invalid launch: expected grid dimension y from 1 to 65535 but got 0
func.func @main() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c0, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c1, %ny = %c1, %nz = %c1) {
    nvvm.barrier0
    gpu.terminator
  }
  return
}
