// RUN: mfa-opt %s --mfa-serialize-kernels --verify-diagnostics

// MLIR would crash where it translates it.
gpu.module @kernels [#nvvm.target<chip = "sm_80">] {
  llvm.mlir.global internal @count() {addr_space = 3 : i32} : i32
  %one = llvm.mlir.constant(1 : i32) : i32
  %count = llvm.mlir.addressof @count : !llvm.ptr<3>
  // expected-error@+1 {{'llvm.store' op expected in a function: what is outside of functions is not run}}
  llvm.store %one, %count : i32, !llvm.ptr<3>
  llvm.func @kernel() attributes {gpu.kernel, nvvm.kernel} {
    llvm.return
  }
}
