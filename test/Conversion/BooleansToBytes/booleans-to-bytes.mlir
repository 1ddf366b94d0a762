// RUN: mfa-opt %s --mfa-booleans-to-bytes | FileCheck %s

// CHECK-LABEL: llvm.func @load
// CHECK-SAME: (%[[ADDRESS:.*]]: !llvm.ptr)
llvm.func @load(%address: !llvm.ptr) -> i1 {
  // CHECK: %[[BYTE:.*]] = llvm.load volatile %[[ADDRESS]] {alignment = 1 : i64} : !llvm.ptr -> i8
  // CHECK: %[[ZERO:.*]] = llvm.mlir.constant(0 : i8)
  // CHECK: %[[TRUE:.*]] = llvm.icmp "ne" %[[BYTE]], %[[ZERO]] : i8
  // CHECK: llvm.return %[[TRUE]] : i1
  %0 = llvm.load volatile %address {alignment = 1 : i64} : !llvm.ptr -> i1
  llvm.return %0 : i1
}

// CHECK-LABEL: llvm.func @store
// CHECK-SAME: (%[[VALUE:.*]]: i1, %[[ADDRESS:.*]]: !llvm.ptr)
llvm.func @store(%value: i1, %address: !llvm.ptr) {
  // CHECK: %[[BYTE:.*]] = llvm.zext %[[VALUE]] : i1 to i8
  // CHECK: llvm.store %[[BYTE]], %[[ADDRESS]] {alignment = 1 : i64} : i8, !llvm.ptr
  llvm.store %value, %address {alignment = 1 : i64} : i1, !llvm.ptr
  llvm.return
}

// In kernels too.
gpu.module @kernels {
  // CHECK-LABEL: llvm.func @kernel
  llvm.func @kernel(%source: !llvm.ptr<1>, %destination: !llvm.ptr<3>)
      attributes {gpu.kernel, nvvm.kernel} {
    // CHECK: llvm.load %{{.*}} : !llvm.ptr<1> -> i8
    // CHECK: llvm.store %{{.*}} : i8, !llvm.ptr<3>
    %0 = llvm.load %source : !llvm.ptr<1> -> i1
    llvm.store %0, %destination : i1, !llvm.ptr<3>
    llvm.return
  }
}

// Other integers, and vectors of booleans, which are packed bits.
// CHECK-LABEL: llvm.func @others
llvm.func @others(%address: !llvm.ptr) -> i8 {
  // CHECK: llvm.load %{{.*}} : !llvm.ptr -> vector<8xi1>
  // CHECK: llvm.store %{{.*}} : vector<8xi1>, !llvm.ptr
  // CHECK: llvm.load %{{.*}} : !llvm.ptr -> i8
  // CHECK-NOT: llvm.icmp
  %0 = llvm.load %address : !llvm.ptr -> vector<8xi1>
  llvm.store %0, %address : vector<8xi1>, !llvm.ptr
  %1 = llvm.load %address : !llvm.ptr -> i8
  llvm.return %1 : i8
}
