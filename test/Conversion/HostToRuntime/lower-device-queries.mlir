// RUN: mfa-opt %s --mfa-lower-device-queries --split-input-file | FileCheck %s

// CHECK: llvm.func @mfaGetMultiprocessorCount() -> i64
// CHECK-LABEL: func.func @count
// CHECK: %[[CALL:.*]] = llvm.call @mfaGetMultiprocessorCount() : () -> i64
// CHECK: %[[COUNT:.*]] = arith.index_cast %[[CALL]] : i64 to index
// CHECK: return %[[COUNT]]
func.func @count() -> index {
  %count = mfa_gpu.multiprocessors
  return %count : index
}

// -----

// CHECK-LABEL: func.func @asks_nothing
// CHECK-NOT: mfaGetMultiprocessorCount
func.func @asks_nothing() {
  return
}
