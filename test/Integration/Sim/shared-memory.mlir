// Kernels seeded with one defect each, between correct ones of the same kind
// (clean-*.mlir): what they do to shared memory is reported, or not.
//
// RUN: split-file %s %t
// RUN: for f in %t/clean*.mlir; do %sim_lower $f | %sim_run 2>&1 | count 0 || exit 1; done
// RUN: for f in %t/bad-*.mlir; do %sim_lower $f | not %sim_run 2>&1 | FileCheck $f || exit 1; done

//--- clean.mlir

func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    memref.store %v, %s[%tx] : memref<256xf32, #gpu.address_space<workgroup>>
    nvvm.barrier0
    %x = memref.load %s[%other] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<64xf32>
    gpu.terminator
  }
  return
}

//--- clean-copy.mlir

func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    %copy = nvgpu.device_async_copy %in[%chunk], %s[%chunk], 4 : memref<256xf32> to memref<256xf32, #gpu.address_space<workgroup>>
    %group = nvgpu.device_async_create_group %copy
    nvgpu.device_async_wait %group {numGroups = 0 : i32}
    nvvm.barrier0
    %x = memref.load %s[%otherChunk] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<64xf32>
    gpu.terminator
  }
  return
}

//--- clean-own-copy.mlir

func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    %copy = nvgpu.device_async_copy %in[%chunk], %s[%chunk], 4 : memref<256xf32> to memref<256xf32, #gpu.address_space<workgroup>>
    %group = nvgpu.device_async_create_group %copy
    nvgpu.device_async_wait %group {numGroups = 0 : i32}
    %x = memref.load %s[%chunk] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<64xf32>
    gpu.terminator
  }
  return
}

//--- bad-removed-barrier.mlir

// CHECK: mfa-sim: {{data race|uninitialized shared memory}}: read of 4 bytes at shared memory offset
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    memref.store %v, %s[%tx] : memref<256xf32, #gpu.address_space<workgroup>>
    %x = memref.load %s[%other] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<64xf32>
    gpu.terminator
  }
  return
}

//--- bad-removed-barrier-second.mlir

// CHECK: mfa-sim: data race: read of 4 bytes at shared memory offset
// CHECK-NEXT: thread ({{[0-9]+}}, 0, 0) wrote: llvm.store at
// CHECK: kernel main_kernel, block (0, 0, 0), thread (
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    memref.store %v, %s[%tx] : memref<256xf32, #gpu.address_space<workgroup>>
    nvvm.barrier0
    memref.store %v, %s[%tx] : memref<256xf32, #gpu.address_space<workgroup>>
    %x = memref.load %s[%other] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<64xf32>
    gpu.terminator
  }
  return
}

//--- bad-write-after-read.mlir

// CHECK: mfa-sim: data race: write to 4 bytes at shared memory offset {{[0-9]+}}, not ordered with a read
// CHECK-NEXT: thread ({{[0-9]+}}, 0, 0) read: llvm.load at
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    memref.store %v, %s[%tx] : memref<256xf32, #gpu.address_space<workgroup>>
    nvvm.barrier0
    %x = memref.load %s[%other] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<64xf32>
    memref.store %v, %s[%tx] : memref<256xf32, #gpu.address_space<workgroup>>
    gpu.terminator
  }
  return
}

//--- bad-write-after-write.mlir

// CHECK: mfa-sim: data race: write to 4 bytes at shared memory offset 0, not ordered with a write
// CHECK-NEXT: thread ({{[0-9]+}}, 0, 0) wrote: llvm.store at
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    memref.store %v, %s[%k0] : memref<256xf32, #gpu.address_space<workgroup>>
    gpu.terminator
  }
  return
}

//--- bad-never-written.mlir

// CHECK: mfa-sim: uninitialized shared memory: read of 4 bytes at shared memory offset {{[0-9]+}}, some of which were never written
// CHECK: kernel main_kernel, block (0, 0, 0), thread (
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    nvvm.barrier0
    %x = memref.load %s[%other] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<64xf32>
    gpu.terminator
  }
  return
}

//--- bad-missing-wait.mlir

// CHECK: mfa-sim: access to bytes in flight: read of 4 bytes at shared memory offset {{[0-9]+}}, which a copy may still be filling
// CHECK-NEXT: thread ({{[0-9]+}}, 0, 0) started the copy: nvvm.cp.async.shared.global at
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    %copy = nvgpu.device_async_copy %in[%chunk], %s[%chunk], 4 : memref<256xf32> to memref<256xf32, #gpu.address_space<workgroup>>
    %group = nvgpu.device_async_create_group %copy
    nvvm.barrier0
    %x = memref.load %s[%otherChunk] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<64xf32>
    gpu.terminator
  }
  return
}

//--- bad-wrong-wait-count.mlir

// CHECK: mfa-sim: access to bytes in flight: read of 4 bytes
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    %copy = nvgpu.device_async_copy %in[%chunk], %s[%chunk], 4 : memref<256xf32> to memref<256xf32, #gpu.address_space<workgroup>>
    %group = nvgpu.device_async_create_group %copy
    nvgpu.device_async_wait %group {numGroups = 1 : i32}
    nvvm.barrier0
    %x = memref.load %s[%otherChunk] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<64xf32>
    gpu.terminator
  }
  return
}

//--- bad-missing-commit.mlir

// CHECK: mfa-sim: access to bytes in flight: read of 4 bytes
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    %copy = nvgpu.device_async_copy %in[%chunk], %s[%chunk], 4 : memref<256xf32> to memref<256xf32, #gpu.address_space<workgroup>>
    nvvm.cp.async.wait.group 0
    nvvm.barrier0
    %x = memref.load %s[%otherChunk] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<64xf32>
    gpu.terminator
  }
  return
}

//--- bad-copy-without-barrier.mlir

// CHECK: mfa-sim: {{data race|access to bytes in flight}}: read of 4 bytes at shared memory offset
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    %copy = nvgpu.device_async_copy %in[%chunk], %s[%chunk], 4 : memref<256xf32> to memref<256xf32, #gpu.address_space<workgroup>>
    %group = nvgpu.device_async_create_group %copy
    nvgpu.device_async_wait %group {numGroups = 0 : i32}
    %x = memref.load %s[%otherChunk] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<64xf32>
    gpu.terminator
  }
  return
}

//--- bad-copy-over-read.mlir

// CHECK: mfa-sim: data race: write to 16 bytes at shared memory offset {{[0-9]+}}, not ordered with a read
// CHECK-NEXT: thread ({{[0-9]+}}, 0, 0) read: llvm.load at
// CHECK: nvvm.cp.async.shared.global at
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    memref.store %v, %s[%chunk] : memref<256xf32, #gpu.address_space<workgroup>>
    nvvm.barrier0
    %x = memref.load %s[%otherChunk] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<64xf32>
    %copy = nvgpu.device_async_copy %in[%chunk], %s[%chunk], 4 : memref<256xf32> to memref<256xf32, #gpu.address_space<workgroup>>
    %group = nvgpu.device_async_create_group %copy
    nvgpu.device_async_wait %group {numGroups = 0 : i32}
    gpu.terminator
  }
  return
}

//--- bad-copy-over-copy.mlir

// CHECK: mfa-sim: access to bytes in flight: write to 16 bytes at shared memory offset {{[0-9]+}}, which a copy may still be filling
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    %copy = nvgpu.device_async_copy %in[%chunk], %s[%chunk], 4 : memref<256xf32> to memref<256xf32, #gpu.address_space<workgroup>>
    %copy2 = nvgpu.device_async_copy %in[%chunk], %s[%chunk], 4 : memref<256xf32> to memref<256xf32, #gpu.address_space<workgroup>>
    %group = nvgpu.device_async_create_group %copy, %copy2
    nvgpu.device_async_wait %group {numGroups = 0 : i32}
    gpu.terminator
  }
  return
}

//--- bad-misaligned-copy.mlir

// CHECK: mfa-sim: misaligned access: write to 16 bytes at shared memory offset 4, which is not a multiple of 16
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    %off = arith.addi %tx, %k1 : index
    %copy = nvgpu.device_async_copy %in[%k0], %s[%off], 4 : memref<256xf32> to memref<256xf32, #gpu.address_space<workgroup>>
    gpu.terminator
  }
  return
}

//--- bad-missing-warp-sync.mlir

// CHECK: mfa-sim: data race: write to 4 bytes at shared memory offset {{[0-9]+}}, not ordered with a read
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    %all = arith.constant -1 : i32
    %k31 = arith.constant 31 : index
    %k32 = arith.constant 32 : index
    memref.store %v, %s[%tx] : memref<256xf32, #gpu.address_space<workgroup>>
    nvvm.bar.warp.sync %all : i32
    %flip = arith.xori %tx, %k1 : index
    %x = memref.load %s[%flip] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %s[%tx] : memref<256xf32, #gpu.address_space<workgroup>>
    gpu.terminator
  }
  return
}

//--- clean-warp-sync.mlir

func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    %all = arith.constant -1 : i32
    memref.store %v, %s[%tx] : memref<256xf32, #gpu.address_space<workgroup>>
    nvvm.bar.warp.sync %all : i32
    %flip = arith.xori %tx, %k1 : index
    %x = memref.load %s[%flip] : memref<256xf32, #gpu.address_space<workgroup>>
    nvvm.bar.warp.sync %all : i32
    memref.store %x, %s[%tx] : memref<256xf32, #gpu.address_space<workgroup>>
    gpu.terminator
  }
  return
}

//--- bad-other-warp.mlir

// CHECK: mfa-sim: {{data race|uninitialized shared memory}}: read of 4 bytes
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    %all = arith.constant -1 : i32
    memref.store %v, %s[%tx] : memref<256xf32, #gpu.address_space<workgroup>>
    nvvm.bar.warp.sync %all : i32
    %x = memref.load %s[%other] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<64xf32>
    gpu.terminator
  }
  return
}

//--- clean-atomics.mlir

func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    %i = arith.constant 1.0 : f32
    %first = arith.cmpi eq, %tx, %k0 : index
    scf.if %first {
      memref.store %v, %s[%k0] : memref<256xf32, #gpu.address_space<workgroup>>
    }
    nvvm.barrier0
    %old = memref.atomic_rmw addf %i, %s[%k0] : (f32, memref<256xf32, #gpu.address_space<workgroup>>) -> f32
    nvvm.barrier0
    %x = memref.load %s[%k0] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<64xf32>
    gpu.terminator
  }
  return
}

//--- bad-racing-with-atomic.mlir

// CHECK: mfa-sim: data race: 
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    %i = arith.constant 1.0 : f32
    memref.store %v, %s[%tx] : memref<256xf32, #gpu.address_space<workgroup>>
    nvvm.barrier0
    %old = memref.atomic_rmw addf %i, %s[%k0] : (f32, memref<256xf32, #gpu.address_space<workgroup>>) -> f32
    %x = memref.load %s[%k0] : memref<256xf32, #gpu.address_space<workgroup>>
    memref.store %x, %out[%tx] : memref<64xf32>
    gpu.terminator
  }
  return
}

//--- clean-arrive.mlir

func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %count = arith.constant 64 : i32
    %producer = arith.cmpi eq, %warp, %zero : i32
    scf.if %producer {
      memref.store %v, %s[%tx] : memref<256xf32, #gpu.address_space<workgroup>>
      nvvm.barrier.arrive id = %one number_of_threads = %count
    } else {
      nvvm.barrier id = %one number_of_threads = %count
      %x = memref.load %s[%other] : memref<256xf32, #gpu.address_space<workgroup>>
      memref.store %x, %out[%tx] : memref<64xf32>
    }
    gpu.terminator
  }
  return
}

//--- bad-arrive-too-early.mlir

// CHECK: mfa-sim: data race: read of 4 bytes
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %in = memref.alloc() : memref<256xf32>
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<256xf32, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k63 = arith.constant 63 : index
    %other = arith.subi %k63, %tx : index
    %chunk = arith.muli %tx, %k4 : index
    %otherChunk = arith.muli %other, %k4 : index
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %count = arith.constant 64 : i32
    %producer = arith.cmpi eq, %warp, %zero : i32
    scf.if %producer {
      nvvm.barrier.arrive id = %one number_of_threads = %count
      memref.store %v, %s[%tx] : memref<256xf32, #gpu.address_space<workgroup>>
    } else {
      nvvm.barrier id = %one number_of_threads = %count
      %x = memref.load %s[%other] : memref<256xf32, #gpu.address_space<workgroup>>
      memref.store %x, %out[%tx] : memref<64xf32>
    }
    gpu.terminator
  }
  return
}
