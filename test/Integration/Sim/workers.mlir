// Blocks on several threads of the host: more than there are of those, launched
// one grid after another, and faults that all of them report.
//
// RUN: split-file %s %t
// RUN: %sim_lower %t/clean.mlir | %sim_run 2>&1 | FileCheck %t/clean.mlir
// RUN: %sim_lower %t/bad.mlir | not %sim_run 2>&1 | FileCheck %t/bad.mlir

//--- clean.mlir

#shared = #gpu.address_space<workgroup>

// Each thread of block b writes b + its number to shared memory, and adds what
// its neighbour wrote to an element of its own, three launches in turn.
func.func @main() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c48 = arith.constant 48 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0 : i32
  %sums = memref.alloc() : memref<48x64xi32>
  scf.for %i = %c0 to %c48 step %c1 {
    scf.for %j = %c0 to %c64 step %c1 {
      memref.store %zero, %sums[%i, %j] : memref<48x64xi32>
    }
  }
  scf.for %launch = %c0 to %c3 step %c1 {
    gpu.launch blocks(%bx, %by, %bz) in (%gx = %c48, %gy = %c1, %gz = %c1)
               threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
               workgroup(%s : memref<64xi32, #shared>) {
      %k1 = arith.constant 1 : index
      %k64 = arith.constant 64 : index
      %own = arith.addi %bx, %tx : index
      %value = arith.index_cast %own : index to i32
      memref.store %value, %s[%tx] : memref<64xi32, #shared>
      gpu.barrier
      %next = arith.addi %tx, %k1 : index
      %neighbour = arith.remui %next, %k64 : index
      %other = memref.load %s[%neighbour] : memref<64xi32, #shared>
      %old = memref.load %sums[%bx, %tx] : memref<48x64xi32>
      %new = arith.addi %old, %other : i32
      memref.store %new, %sums[%bx, %tx] : memref<48x64xi32>
      gpu.terminator
    }
  }
  %total = scf.for %i = %c0 to %c48 step %c1 iter_args(%outer = %zero) -> i32 {
    %row = scf.for %j = %c0 to %c64 step %c1 iter_args(%inner = %outer) -> i32 {
      %v = memref.load %sums[%i, %j] : memref<48x64xi32>
      %sum = arith.addi %inner, %v : i32
      scf.yield %sum : i32
    }
    scf.yield %row : i32
  }
  // 3 * (64 * (0 + ... + 47) + 48 * (0 + ... + 63))
  // CHECK-NOT: WARNING
  // CHECK: 506880
  %wide = arith.extsi %total : i32 to i64
  call @printI64(%wide) : (i64) -> ()
  call @printNewline() : () -> ()
  memref.dealloc %sums : memref<48x64xi32>
  return
}
func.func private @printI64(i64)
func.func private @printNewline()

//--- bad.mlir

#shared = #gpu.address_space<workgroup>

// CHECK: mfa-sim: uninitialized shared memory
// CHECK-NOT: mfa-sim:
func.func @main() {
  %c1 = arith.constant 1 : index
  %c48 = arith.constant 48 : index
  %c64 = arith.constant 64 : index
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c48, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<64xf32, #shared>) {
    %k0 = arith.constant 0 : index
    %x = memref.load %s[%tx] : memref<64xf32, #shared>
    %first = arith.cmpi eq, %bx, %k0 : index
    scf.if %first {
      memref.store %x, %out[%tx] : memref<64xf32>
    }
    gpu.terminator
  }
  memref.dealloc %out : memref<64xf32>
  return
}
