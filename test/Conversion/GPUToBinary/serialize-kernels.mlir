// RUN: mfa-opt %s --mfa-serialize-kernels | FileCheck %s
// RUN: mfa-opt %s --mfa-serialize-kernels --mlir-disable-threading | FileCheck %s
// RUN: mfa-opt %s --mfa-serialize-kernels=format=llvm | FileCheck %s --check-prefix=LLVM
// RUN: not mfa-opt %s --mfa-serialize-kernels=format=elf 2>&1 | FileCheck %s --check-prefix=FORMAT

// Every module becomes a binary in its place. Local symbols differ; others are
// what they were.
// CHECK: gpu.binary @first {{.*}} assembly =
// CHECK-SAME: .visible .entry first_kernel()
// CHECK-SAME: .shared .align 4 .b8 counter_0[64]
// CHECK-NEXT: func.func private @between
// CHECK-NEXT: gpu.binary @second {{.*}} assembly =
// CHECK-SAME: .visible .global .align 4 .u32 table = 7
// CHECK-SAME: .visible .entry second_kernel()
// CHECK-SAME: .shared .align 4 .b8 counter[64]
// CHECK-NOT: gpu.module

// LLVM: gpu.binary @first {{.*}} offload =
// LLVM: gpu.binary @second

// FORMAT: error: mfa-serialize-kernels: expected 'format' to be isa, bin, fatbin or llvm, but got 'elf'
gpu.module @first [#nvvm.target<chip = "sm_80">] {
  llvm.mlir.global internal @counter() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<16 x i32>
  llvm.func @first_kernel() attributes {gpu.kernel, nvvm.kernel} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %counter = llvm.mlir.addressof @counter : !llvm.ptr<3>
    llvm.store volatile %one, %counter : i32, !llvm.ptr<3>
    llvm.return
  }
}
func.func private @between()
gpu.module @second [#nvvm.target<chip = "sm_80">] {
  llvm.mlir.global internal @counter() {addr_space = 3 : i32, alignment = 4 : i64} : !llvm.array<16 x i32>
  llvm.mlir.global external @table(7 : i32) {addr_space = 1 : i32} : i32
  llvm.func @second_kernel() attributes {gpu.kernel, nvvm.kernel} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %counter = llvm.mlir.addressof @counter : !llvm.ptr<3>
    llvm.store volatile %one, %counter : i32, !llvm.ptr<3>
    llvm.return
  }
}
