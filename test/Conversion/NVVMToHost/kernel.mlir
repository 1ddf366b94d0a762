// RUN: mfa-opt %s --mfa-simulate-gpu | FileCheck %s
// RUN: mfa-opt %s --mfa-simulate-gpu=checks=false | FileCheck %s --check-prefix=FAST

module attributes {gpu.container_module} {
  gpu.module @m [#nvvm.target<chip = "sm_86">] {
    llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<100 x f32>
    llvm.mlir.global external @dynamic() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<0 x i8>

    llvm.func @k(%p: !llvm.ptr<1>, %n: i64) attributes {gpu.kernel, nvvm.kernel} {
      nvvm.griddepcontrol launch_dependents
      nvvm.griddepcontrol wait
      %x = llvm.call @helper(%n) : (i64) -> i32
      nvvm.barrier0
      llvm.store %x, %p : i32, !llvm.ptr<1>
      %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
      %dynamic = llvm.mlir.addressof @dynamic : !llvm.ptr<3>
      nvvm.cp.async.shared.global %dynamic, %p, 16, cache = cg, %x : !llvm.ptr<3>, !llvm.ptr<1>, i32
      %y = llvm.load %tile : !llvm.ptr<3> -> vector<4xf32>
      %generic = llvm.addrspacecast %tile : !llvm.ptr<3> to !llvm.ptr
      llvm.store %y, %generic {alignment = 4 : i64} : vector<4xf32>, !llvm.ptr
      llvm.return
    }
    llvm.func @helper(%n: i64) -> i32 {
      %x = nvvm.read.ptx.sreg.tid.y : i32
      llvm.return %x : i32
    }
  }

  func.func @host(%m: memref<?x8xf32>, %n: index, %shared: i32) {
    %p = llvm.mlir.zero : !llvm.ptr<1>
    %l = llvm.mlir.constant(3 : i64) : i64
    gpu.launch_func @m::@k blocks in (%n, %n, %n) threads in (%n, %n, %n)
        dynamic_shared_memory_size %shared args(%p : !llvm.ptr<1>, %l : i64)
    return
  }
}

// CHECK-NOT: gpu.container_module
// CHECK-DAG: llvm.func @mfaSimLaunch(!llvm.ptr, i64, i64, i64, i64, i64, i64, i32, !llvm.ptr, !llvm.ptr, i64)
// CHECK-DAG: llvm.func @mfaSimAccess(!llvm.ptr, i64, i64, i32, i32) -> !llvm.ptr

// CHECK-LABEL: llvm.func internal @m_k(
// CHECK-SAME:      %[[STATE:.*]]: !llvm.ptr, %[[P:.*]]: !llvm.ptr<1>, %[[N:.*]]: i64)
// CHECK-NOT:     nvvm.
// CHECK:         %[[X:.*]] = llvm.call @m_helper(%[[STATE]], %[[N]])
// CHECK:         llvm.call @mfaSimBarrier(%[[STATE]],
// A store of 4 bytes to global memory, aligned to 4: 1 | 4 | 4 << 8.
// CHECK:         %[[BYTES:.*]] = llvm.mlir.constant(4 : i64)
// CHECK:         %[[A:.*]] = llvm.ptrtoint %[[P]]
// CHECK:         %[[FLAGS:.*]] = llvm.mlir.constant(1029 : i32)
// CHECK:         %[[HOST:.*]] = llvm.call @mfaSimAccess(%[[STATE]], %[[A]], %[[BYTES]], %[[FLAGS]],
// CHECK:         llvm.store %[[X]], %[[HOST]] : i32, !llvm.ptr
// The tile lies at the start of what a block may use, dynamic memory behind
// its 400 bytes and aligned to 128.
// CHECK:         llvm.mlir.constant(1024 : i64)
// CHECK:         %[[TILE:.*]] = llvm.inttoptr
// CHECK:         llvm.mlir.constant(1536 : i64)
// CHECK:         llvm.call @mfaSimCopyAsync(%[[STATE]], %{{.*}}, %{{.*}}, %{{.*}}, %[[X]],
// CHECK:         %[[WINDOW:.*]] = llvm.load %[[STATE]] : !llvm.ptr -> i64
// CHECK:         llvm.add %{{.*}}, %[[WINDOW]]
// The vector is stored with the alignment of a float: 0 | 4 | 4 << 8.
// CHECK:         llvm.mlir.constant(1028 : i32)
// CHECK:         llvm.return

// CHECK-LABEL: llvm.func internal @m_helper(
// CHECK-SAME:      %[[STATE:.*]]: !llvm.ptr, %{{.*}}: i64) -> i32
// CHECK:         %[[ADDRESS:.*]] = llvm.getelementptr %[[STATE]][12]
// CHECK:         llvm.load %[[ADDRESS]]

// CHECK:       llvm.mlir.global internal constant @m_sites("
// CHECK:       llvm.mlir.global internal constant @m_k_name("k\00")
// CHECK-LABEL: llvm.func internal @m_k_entry(
// CHECK-SAME:      %[[STATE:.*]]: !llvm.ptr, %[[ARGS:.*]]: !llvm.ptr)
// CHECK:         llvm.call @m_k(%[[STATE]], %{{.*}}, %{{.*}})
// Static shared memory, and the limit of the chip.
// CHECK-LABEL: llvm.mlir.global internal constant @m_k_info()
// CHECK:         llvm.mlir.constant(512 : i32)
// CHECK:         llvm.mlir.constant(101376 : i32)

// CHECK-LABEL: func.func @host(
// CHECK-SAME:      %[[SHARED:[^:]*]]: i32)
// CHECK-NOT:     gpu.launch_func
// CHECK:         %[[INFO:.*]] = llvm.mlir.addressof @m_k_info
// CHECK:         llvm.call @mfaSimLaunch(%[[INFO]], {{.*}}, %[[SHARED]],

// FAST-LABEL: llvm.func internal @m_k(
// FAST-NOT:     mfaSimAccess
// FAST:         llvm.return
