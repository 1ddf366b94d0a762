// mbarriers between a producing and a consuming warp: correct kernels
// (clean-*.mlir) and ones with a defect.
//
// RUN: split-file %s %t
// RUN: for f in %t/clean*.mlir; do %sim_lower $f | %sim_run 2>&1 | count 0 || exit 1; done
// RUN: for f in %t/bad-*.mlir; do %sim_lower $f | not %sim_run 2>&1 | FileCheck $f || exit 1; done

//--- clean-ring.mlir

func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>,
                       %b : memref<2xi64, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %ticks = arith.constant 100 : i32
    %count = arith.constant 32 : i32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k32 = arith.constant 32 : index
    %address = memref.extract_aligned_pointer_as_index %b : memref<2xi64, #gpu.address_space<workgroup>> -> index
    %word = arith.index_cast %address : index to i64
    %eight = arith.constant 8 : i64
    %next = arith.addi %word, %eight : i64
    %full = llvm.inttoptr %word : i64 to !llvm.ptr<3>
    %empty = llvm.inttoptr %next : i64 to !llvm.ptr<3>
    %lane = arith.remui %tx, %k32 : index
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %producer = arith.cmpi eq, %warp, %zero : i32
    %first = arith.cmpi eq, %tx, %k0 : index
    scf.if %first {
      nvvm.mbarrier.init %full, %count : !llvm.ptr<3>, i32
      nvvm.mbarrier.init %empty, %count : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
    }
    nvvm.barrier0
    scf.for %i = %k0 to %k4 step %k1 {
      %n = arith.index_cast %i : index to i32
      %parity = arith.andi %n, %one : i32
      %other = arith.xori %parity, %one : i32
      scf.if %producer {
        nvvm.mbarrier.try_wait.parity %empty, %other, %ticks : !llvm.ptr<3>, i32, i32
        memref.store %v, %s[%lane] : memref<32xf32, #gpu.address_space<workgroup>>
        nvvm.mbarrier.arrive %full : !llvm.ptr<3>
      } else {
        nvvm.mbarrier.try_wait.parity %full, %parity, %ticks : !llvm.ptr<3>, i32, i32
        %l1 = arith.addi %lane, %k1 : index
        %l2 = arith.remui %l1, %k32 : index
        %x = memref.load %s[%l2] : memref<32xf32, #gpu.address_space<workgroup>>
        memref.store %x, %out[%lane] : memref<64xf32>
        nvvm.mbarrier.arrive %empty : !llvm.ptr<3>
      }
    }
    gpu.terminator
  }
  return
}

//--- clean-spin.mlir

func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>,
                       %b : memref<2xi64, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %ticks = arith.constant 100 : i32
    %count = arith.constant 32 : i32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k32 = arith.constant 32 : index
    %address = memref.extract_aligned_pointer_as_index %b : memref<2xi64, #gpu.address_space<workgroup>> -> index
    %word = arith.index_cast %address : index to i64
    %eight = arith.constant 8 : i64
    %next = arith.addi %word, %eight : i64
    %full = llvm.inttoptr %word : i64 to !llvm.ptr<3>
    %empty = llvm.inttoptr %next : i64 to !llvm.ptr<3>
    %lane = arith.remui %tx, %k32 : index
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %producer = arith.cmpi eq, %warp, %zero : i32
    %first = arith.cmpi eq, %tx, %k0 : index
    scf.if %first {
      nvvm.mbarrier.init %full, %count : !llvm.ptr<3>, i32
      nvvm.mbarrier.init %empty, %count : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
    }
    nvvm.barrier0
    scf.if %producer {
      memref.store %v, %s[%lane] : memref<32xf32, #gpu.address_space<workgroup>>
      nvvm.mbarrier.arrive %full : !llvm.ptr<3>
    } else {
      scf.while : () -> () {
        %done = nvvm.mbarrier.test.wait %full, %zero : !llvm.ptr<3>, i32 -> i1
        %true = arith.constant true
        %again = arith.xori %done, %true : i1
        scf.condition(%again)
      } do {
        scf.yield
      }
      %x = memref.load %s[%lane] : memref<32xf32, #gpu.address_space<workgroup>>
      memref.store %x, %out[%lane] : memref<64xf32>
    }
    gpu.terminator
  }
  return
}

//--- clean-transactions.mlir

func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>,
                       %b : memref<2xi64, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %ticks = arith.constant 100 : i32
    %count = arith.constant 32 : i32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k32 = arith.constant 32 : index
    %address = memref.extract_aligned_pointer_as_index %b : memref<2xi64, #gpu.address_space<workgroup>> -> index
    %word = arith.index_cast %address : index to i64
    %eight = arith.constant 8 : i64
    %next = arith.addi %word, %eight : i64
    %full = llvm.inttoptr %word : i64 to !llvm.ptr<3>
    %empty = llvm.inttoptr %next : i64 to !llvm.ptr<3>
    %lane = arith.remui %tx, %k32 : index
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %producer = arith.cmpi eq, %warp, %zero : i32
    %first = arith.cmpi eq, %tx, %k0 : index
    scf.if %first {
      nvvm.mbarrier.init %full, %count : !llvm.ptr<3>, i32
      nvvm.mbarrier.init %empty, %count : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
    }
    nvvm.barrier0
    scf.if %producer {
      memref.store %v, %s[%lane] : memref<32xf32, #gpu.address_space<workgroup>>
      %phase = nvvm.mbarrier.arrive.expect_tx %full, %count : !llvm.ptr<3>, i32 -> i64
      nvvm.mbarrier.complete_tx %full, %count : !llvm.ptr<3>, i32
    } else {
      nvvm.mbarrier.try_wait.parity %full, %zero, %ticks : !llvm.ptr<3>, i32, i32
      %x = memref.load %s[%lane] : memref<32xf32, #gpu.address_space<workgroup>>
      memref.store %x, %out[%lane] : memref<64xf32>
    }
    gpu.terminator
  }
  return
}

//--- bad-swapped-phase.mlir

// CHECK: mfa-sim: deadlock: no thread of the block can go on
// CHECK-NEXT: mbarrier at shared memory offset {{[0-9]+}}: phase 0 lacks 32 of 32 arrivals and 0 bytes
// CHECK: lanes 0 to 31 of warp 0 wait at nvvm.mbarrier.try_wait.parity at
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>,
                       %b : memref<2xi64, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %ticks = arith.constant 100 : i32
    %count = arith.constant 32 : i32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k32 = arith.constant 32 : index
    %address = memref.extract_aligned_pointer_as_index %b : memref<2xi64, #gpu.address_space<workgroup>> -> index
    %word = arith.index_cast %address : index to i64
    %eight = arith.constant 8 : i64
    %next = arith.addi %word, %eight : i64
    %full = llvm.inttoptr %word : i64 to !llvm.ptr<3>
    %empty = llvm.inttoptr %next : i64 to !llvm.ptr<3>
    %lane = arith.remui %tx, %k32 : index
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %producer = arith.cmpi eq, %warp, %zero : i32
    %first = arith.cmpi eq, %tx, %k0 : index
    scf.if %first {
      nvvm.mbarrier.init %full, %count : !llvm.ptr<3>, i32
      nvvm.mbarrier.init %empty, %count : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
    }
    nvvm.barrier0
    scf.for %i = %k0 to %k4 step %k1 {
      %n = arith.index_cast %i : index to i32
      %parity = arith.andi %n, %one : i32
      %other = arith.xori %parity, %one : i32
      scf.if %producer {
        nvvm.mbarrier.try_wait.parity %empty, %parity, %ticks : !llvm.ptr<3>, i32, i32
        memref.store %v, %s[%lane] : memref<32xf32, #gpu.address_space<workgroup>>
        nvvm.mbarrier.arrive %full : !llvm.ptr<3>
      } else {
        nvvm.mbarrier.try_wait.parity %full, %parity, %ticks : !llvm.ptr<3>, i32, i32
        %l1 = arith.addi %lane, %k1 : index
        %l2 = arith.remui %l1, %k32 : index
        %x = memref.load %s[%l2] : memref<32xf32, #gpu.address_space<workgroup>>
        memref.store %x, %out[%lane] : memref<64xf32>
        nvvm.mbarrier.arrive %empty : !llvm.ptr<3>
      }
    }
    gpu.terminator
  }
  return
}

//--- bad-wrong-phase-wait.mlir

// CHECK: mfa-sim: {{data race|uninitialized shared memory}}: read of 4 bytes
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>,
                       %b : memref<2xi64, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %ticks = arith.constant 100 : i32
    %count = arith.constant 32 : i32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k32 = arith.constant 32 : index
    %address = memref.extract_aligned_pointer_as_index %b : memref<2xi64, #gpu.address_space<workgroup>> -> index
    %word = arith.index_cast %address : index to i64
    %eight = arith.constant 8 : i64
    %next = arith.addi %word, %eight : i64
    %full = llvm.inttoptr %word : i64 to !llvm.ptr<3>
    %empty = llvm.inttoptr %next : i64 to !llvm.ptr<3>
    %lane = arith.remui %tx, %k32 : index
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %producer = arith.cmpi eq, %warp, %zero : i32
    %first = arith.cmpi eq, %tx, %k0 : index
    scf.if %first {
      nvvm.mbarrier.init %full, %count : !llvm.ptr<3>, i32
      nvvm.mbarrier.init %empty, %count : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
    }
    nvvm.barrier0
    scf.for %i = %k0 to %k4 step %k1 {
      %n = arith.index_cast %i : index to i32
      %parity = arith.andi %n, %one : i32
      %other = arith.xori %parity, %one : i32
      scf.if %producer {
        nvvm.mbarrier.try_wait.parity %empty, %other, %ticks : !llvm.ptr<3>, i32, i32
        memref.store %v, %s[%lane] : memref<32xf32, #gpu.address_space<workgroup>>
        nvvm.mbarrier.arrive %full : !llvm.ptr<3>
      } else {
        nvvm.mbarrier.try_wait.parity %full, %other, %ticks : !llvm.ptr<3>, i32, i32
        %l1 = arith.addi %lane, %k1 : index
        %l2 = arith.remui %l1, %k32 : index
        %x = memref.load %s[%l2] : memref<32xf32, #gpu.address_space<workgroup>>
        memref.store %x, %out[%lane] : memref<64xf32>
        nvvm.mbarrier.arrive %empty : !llvm.ptr<3>
      }
    }
    gpu.terminator
  }
  return
}

//--- bad-missing-empty-wait.mlir

// CHECK: mfa-sim: {{phase overrun: 1 arrivals at the mbarrier|data race: write to 4 bytes|deadlock: }}
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>,
                       %b : memref<2xi64, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %ticks = arith.constant 100 : i32
    %count = arith.constant 32 : i32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k32 = arith.constant 32 : index
    %address = memref.extract_aligned_pointer_as_index %b : memref<2xi64, #gpu.address_space<workgroup>> -> index
    %word = arith.index_cast %address : index to i64
    %eight = arith.constant 8 : i64
    %next = arith.addi %word, %eight : i64
    %full = llvm.inttoptr %word : i64 to !llvm.ptr<3>
    %empty = llvm.inttoptr %next : i64 to !llvm.ptr<3>
    %lane = arith.remui %tx, %k32 : index
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %producer = arith.cmpi eq, %warp, %zero : i32
    %first = arith.cmpi eq, %tx, %k0 : index
    scf.if %first {
      nvvm.mbarrier.init %full, %count : !llvm.ptr<3>, i32
      nvvm.mbarrier.init %empty, %count : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
    }
    nvvm.barrier0
    scf.for %i = %k0 to %k4 step %k1 {
      %n = arith.index_cast %i : index to i32
      %parity = arith.andi %n, %one : i32
      %other = arith.xori %parity, %one : i32
      scf.if %producer {
        memref.store %v, %s[%lane] : memref<32xf32, #gpu.address_space<workgroup>>
        nvvm.mbarrier.arrive %full : !llvm.ptr<3>
      } else {
        nvvm.mbarrier.try_wait.parity %full, %parity, %ticks : !llvm.ptr<3>, i32, i32
        %l1 = arith.addi %lane, %k1 : index
        %l2 = arith.remui %l1, %k32 : index
        %x = memref.load %s[%l2] : memref<32xf32, #gpu.address_space<workgroup>>
        memref.store %x, %out[%lane] : memref<64xf32>
        nvvm.mbarrier.arrive %empty : !llvm.ptr<3>
      }
    }
    gpu.terminator
  }
  return
}

//--- bad-missing-arrival.mlir

// CHECK: mfa-sim: deadlock:
// CHECK-NEXT: mbarrier at shared memory offset {{[0-9]+}}: phase 0 lacks 1 of 32 arrivals and 0 bytes
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>,
                       %b : memref<2xi64, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %ticks = arith.constant 100 : i32
    %count = arith.constant 32 : i32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k32 = arith.constant 32 : index
    %address = memref.extract_aligned_pointer_as_index %b : memref<2xi64, #gpu.address_space<workgroup>> -> index
    %word = arith.index_cast %address : index to i64
    %eight = arith.constant 8 : i64
    %next = arith.addi %word, %eight : i64
    %full = llvm.inttoptr %word : i64 to !llvm.ptr<3>
    %empty = llvm.inttoptr %next : i64 to !llvm.ptr<3>
    %lane = arith.remui %tx, %k32 : index
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %producer = arith.cmpi eq, %warp, %zero : i32
    %first = arith.cmpi eq, %tx, %k0 : index
    scf.if %first {
      nvvm.mbarrier.init %full, %count : !llvm.ptr<3>, i32
      nvvm.mbarrier.init %empty, %count : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
    }
    nvvm.barrier0
    scf.for %i = %k0 to %k4 step %k1 {
      %n = arith.index_cast %i : index to i32
      %parity = arith.andi %n, %one : i32
      %other = arith.xori %parity, %one : i32
      scf.if %producer {
        nvvm.mbarrier.try_wait.parity %empty, %other, %ticks : !llvm.ptr<3>, i32, i32
        memref.store %v, %s[%lane] : memref<32xf32, #gpu.address_space<workgroup>>
        %isLast = arith.cmpi ne, %lane, %k4 : index
        scf.if %isLast {
          nvvm.mbarrier.arrive %full : !llvm.ptr<3>
        }
      } else {
        nvvm.mbarrier.try_wait.parity %full, %parity, %ticks : !llvm.ptr<3>, i32, i32
        %l1 = arith.addi %lane, %k1 : index
        %l2 = arith.remui %l1, %k32 : index
        %x = memref.load %s[%l2] : memref<32xf32, #gpu.address_space<workgroup>>
        memref.store %x, %out[%lane] : memref<64xf32>
        nvvm.mbarrier.arrive %empty : !llvm.ptr<3>
      }
    }
    gpu.terminator
  }
  return
}

//--- bad-missing-bytes.mlir

// CHECK: mfa-sim: deadlock:
// CHECK-NEXT: mbarrier at shared memory offset {{[0-9]+}}: phase 0 lacks 0 of 32 arrivals and 1024 bytes
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>,
                       %b : memref<2xi64, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %ticks = arith.constant 100 : i32
    %count = arith.constant 32 : i32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k32 = arith.constant 32 : index
    %address = memref.extract_aligned_pointer_as_index %b : memref<2xi64, #gpu.address_space<workgroup>> -> index
    %word = arith.index_cast %address : index to i64
    %eight = arith.constant 8 : i64
    %next = arith.addi %word, %eight : i64
    %full = llvm.inttoptr %word : i64 to !llvm.ptr<3>
    %empty = llvm.inttoptr %next : i64 to !llvm.ptr<3>
    %lane = arith.remui %tx, %k32 : index
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %producer = arith.cmpi eq, %warp, %zero : i32
    %first = arith.cmpi eq, %tx, %k0 : index
    scf.if %first {
      nvvm.mbarrier.init %full, %count : !llvm.ptr<3>, i32
      nvvm.mbarrier.init %empty, %count : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
    }
    nvvm.barrier0
    scf.if %producer {
      %phase = nvvm.mbarrier.arrive.expect_tx %full, %count : !llvm.ptr<3>, i32 -> i64
    } else {
      nvvm.mbarrier.try_wait.parity %full, %zero, %ticks : !llvm.ptr<3>, i32, i32
    }
    gpu.terminator
  }
  return
}

//--- bad-overrun.mlir

// CHECK: mfa-sim: phase overrun: 33 arrivals at the mbarrier at shared memory offset {{[0-9]+}}, but its phase 0 expects 32, of which 32 are pending
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>,
                       %b : memref<2xi64, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %ticks = arith.constant 100 : i32
    %count = arith.constant 32 : i32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k32 = arith.constant 32 : index
    %address = memref.extract_aligned_pointer_as_index %b : memref<2xi64, #gpu.address_space<workgroup>> -> index
    %word = arith.index_cast %address : index to i64
    %eight = arith.constant 8 : i64
    %next = arith.addi %word, %eight : i64
    %full = llvm.inttoptr %word : i64 to !llvm.ptr<3>
    %empty = llvm.inttoptr %next : i64 to !llvm.ptr<3>
    %lane = arith.remui %tx, %k32 : index
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %producer = arith.cmpi eq, %warp, %zero : i32
    %first = arith.cmpi eq, %tx, %k0 : index
    scf.if %first {
      nvvm.mbarrier.init %full, %count : !llvm.ptr<3>, i32
      nvvm.mbarrier.init %empty, %count : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
    }
    nvvm.barrier0
    %many = arith.constant 33 : i32
    nvvm.mbarrier.arrive %full, %many : !llvm.ptr<3>
    gpu.terminator
  }
  return
}

//--- bad-not-initialized.mlir

// CHECK: mfa-sim: invalid operand: there is no initialized mbarrier at shared memory offset
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>,
                       %b : memref<2xi64, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %ticks = arith.constant 100 : i32
    %count = arith.constant 32 : i32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k32 = arith.constant 32 : index
    %address = memref.extract_aligned_pointer_as_index %b : memref<2xi64, #gpu.address_space<workgroup>> -> index
    %word = arith.index_cast %address : index to i64
    %eight = arith.constant 8 : i64
    %next = arith.addi %word, %eight : i64
    %full = llvm.inttoptr %word : i64 to !llvm.ptr<3>
    %empty = llvm.inttoptr %next : i64 to !llvm.ptr<3>
    %lane = arith.remui %tx, %k32 : index
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %producer = arith.cmpi eq, %warp, %zero : i32
    %first = arith.cmpi eq, %tx, %k0 : index
    nvvm.mbarrier.arrive %full : !llvm.ptr<3>
    gpu.terminator
  }
  return
}

//--- bad-init-race.mlir

// CHECK: mfa-sim: {{data race|invalid operand}}
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>,
                       %b : memref<2xi64, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %ticks = arith.constant 100 : i32
    %count = arith.constant 32 : i32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k32 = arith.constant 32 : index
    %address = memref.extract_aligned_pointer_as_index %b : memref<2xi64, #gpu.address_space<workgroup>> -> index
    %word = arith.index_cast %address : index to i64
    %eight = arith.constant 8 : i64
    %next = arith.addi %word, %eight : i64
    %full = llvm.inttoptr %word : i64 to !llvm.ptr<3>
    %empty = llvm.inttoptr %next : i64 to !llvm.ptr<3>
    %lane = arith.remui %tx, %k32 : index
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %producer = arith.cmpi eq, %warp, %zero : i32
    %first = arith.cmpi eq, %tx, %k0 : index
    scf.if %first {
      nvvm.mbarrier.init %full, %count : !llvm.ptr<3>, i32
      nvvm.mbarrier.init %empty, %count : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
    }
    scf.for %i = %k0 to %k4 step %k1 {
      %n = arith.index_cast %i : index to i32
      %parity = arith.andi %n, %one : i32
      %other = arith.xori %parity, %one : i32
      scf.if %producer {
        nvvm.mbarrier.try_wait.parity %empty, %other, %ticks : !llvm.ptr<3>, i32, i32
        memref.store %v, %s[%lane] : memref<32xf32, #gpu.address_space<workgroup>>
        nvvm.mbarrier.arrive %full : !llvm.ptr<3>
      } else {
        nvvm.mbarrier.try_wait.parity %full, %parity, %ticks : !llvm.ptr<3>, i32, i32
        %l1 = arith.addi %lane, %k1 : index
        %l2 = arith.remui %l1, %k32 : index
        %x = memref.load %s[%l2] : memref<32xf32, #gpu.address_space<workgroup>>
        memref.store %x, %out[%lane] : memref<64xf32>
        nvvm.mbarrier.arrive %empty : !llvm.ptr<3>
      }
    }
    gpu.terminator
  }
  return
}

//--- bad-released-too-early.mlir

// CHECK: mfa-sim: data race:
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>,
                       %b : memref<2xi64, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %ticks = arith.constant 100 : i32
    %count = arith.constant 32 : i32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k32 = arith.constant 32 : index
    %address = memref.extract_aligned_pointer_as_index %b : memref<2xi64, #gpu.address_space<workgroup>> -> index
    %word = arith.index_cast %address : index to i64
    %eight = arith.constant 8 : i64
    %next = arith.addi %word, %eight : i64
    %full = llvm.inttoptr %word : i64 to !llvm.ptr<3>
    %empty = llvm.inttoptr %next : i64 to !llvm.ptr<3>
    %lane = arith.remui %tx, %k32 : index
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %producer = arith.cmpi eq, %warp, %zero : i32
    %first = arith.cmpi eq, %tx, %k0 : index
    scf.if %first {
      nvvm.mbarrier.init %full, %count : !llvm.ptr<3>, i32
      nvvm.mbarrier.init %empty, %count : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
    }
    nvvm.barrier0
    scf.for %i = %k0 to %k4 step %k1 {
      %n = arith.index_cast %i : index to i32
      %parity = arith.andi %n, %one : i32
      %other = arith.xori %parity, %one : i32
      scf.if %producer {
        nvvm.mbarrier.try_wait.parity %empty, %other, %ticks : !llvm.ptr<3>, i32, i32
        memref.store %v, %s[%lane] : memref<32xf32, #gpu.address_space<workgroup>>
        nvvm.mbarrier.arrive %full : !llvm.ptr<3>
      } else {
        nvvm.mbarrier.try_wait.parity %full, %parity, %ticks : !llvm.ptr<3>, i32, i32
        nvvm.mbarrier.arrive %empty : !llvm.ptr<3>
        %l1 = arith.addi %lane, %k1 : index
        %l2 = arith.remui %l1, %k32 : index
        %x = memref.load %s[%l2] : memref<32xf32, #gpu.address_space<workgroup>>
        memref.store %x, %out[%lane] : memref<64xf32>
      }
    }
    gpu.terminator
  }
  return
}

//--- bad-idle.mlir

// CHECK: mfa-sim: deadlock: threads test mbarriers again and again, but no other thread of the block can go on
func.func @main() {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %out = memref.alloc() : memref<64xf32>
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c64, %ny = %c1, %nz = %c1)
             workgroup(%s : memref<32xf32, #gpu.address_space<workgroup>>,
                       %b : memref<2xi64, #gpu.address_space<workgroup>>) {
    %v = arith.constant 1.0 : f32
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %ticks = arith.constant 100 : i32
    %count = arith.constant 32 : i32
    %k0 = arith.constant 0 : index
    %k1 = arith.constant 1 : index
    %k4 = arith.constant 4 : index
    %k32 = arith.constant 32 : index
    %address = memref.extract_aligned_pointer_as_index %b : memref<2xi64, #gpu.address_space<workgroup>> -> index
    %word = arith.index_cast %address : index to i64
    %eight = arith.constant 8 : i64
    %next = arith.addi %word, %eight : i64
    %full = llvm.inttoptr %word : i64 to !llvm.ptr<3>
    %empty = llvm.inttoptr %next : i64 to !llvm.ptr<3>
    %lane = arith.remui %tx, %k32 : index
    %warp = nvvm.read.ptx.sreg.warpid : i32
    %producer = arith.cmpi eq, %warp, %zero : i32
    %first = arith.cmpi eq, %tx, %k0 : index
    scf.if %first {
      nvvm.mbarrier.init %full, %count : !llvm.ptr<3>, i32
      nvvm.mbarrier.init %empty, %count : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
    }
    nvvm.barrier0
    scf.while : () -> () {
      %done = nvvm.mbarrier.test.wait %full, %zero : !llvm.ptr<3>, i32 -> i1
      %true = arith.constant true
      %again = arith.xori %done, %true : i1
      scf.condition(%again)
    } do {
      scf.yield
    }
    gpu.terminator
  }
  return
}

//--- bad-alone.mlir

// The only thread that is left tests again and again.
// CHECK: mfa-sim: deadlock: threads test mbarriers again and again, but no other thread of the block can go on
func.func @main() {
  %c1 = arith.constant 1 : index
  gpu.launch blocks(%bx, %by, %bz) in (%gx = %c1, %gy = %c1, %gz = %c1)
             threads(%tx, %ty, %tz) in (%nx = %c1, %ny = %c1, %nz = %c1)
             workgroup(%b : memref<1xi64, #gpu.address_space<workgroup>>) {
    %zero = arith.constant 0 : i32
    %two = arith.constant 2 : i32
    %address = memref.extract_aligned_pointer_as_index %b : memref<1xi64, #gpu.address_space<workgroup>> -> index
    %word = arith.index_cast %address : index to i64
    %full = llvm.inttoptr %word : i64 to !llvm.ptr<3>
    nvvm.mbarrier.init %full, %two : !llvm.ptr<3>, i32
    scf.while : () -> () {
      %done = nvvm.mbarrier.test.wait %full, %zero : !llvm.ptr<3>, i32 -> i1
      %true = arith.constant true
      %again = arith.xori %done, %true : i1
      scf.condition(%again)
    } do {
      scf.yield
    }
    gpu.terminator
  }
  return
}
