// RUN: mfa-opt %s --mfa-lower-tensor-maps --canonicalize | FileCheck %s

// What the compiler does not know is tested where the program runs; the driver
// counts dimensions from the contiguous one.
// CHECK: llvm.func @mgpuTensorMapEncodeTiled
// CHECK-LABEL: func.func @encode
// CHECK-SAME: (%[[ARRAY:.*]]: memref<?x16x64xbf16, strided<[?, 64, 1]>>)
// CHECK-DAG: %[[RANK:.*]] = arith.constant 3 : i32
// CHECK-DAG: %[[BFLOAT16:.*]] = arith.constant 9 : i32
// CHECK: %[[MAP:.*]] = llvm.alloca %{{.*}} x !llvm.array<16 x i64> {alignment = 64 : i64}
// CHECK: memref.extract_aligned_pointer_as_index %[[ARRAY]]
// CHECK: scf.if %[[VALID:.*]] {
// CHECK:   llvm.call @mgpuTensorMapEncodeTiled(%[[MAP]], %[[BFLOAT16]], %[[RANK]],
// CHECK: %[[LOADED:.*]] = llvm.load %[[MAP]]
// CHECK: return %[[LOADED]], %[[VALID]]
func.func @encode(%array: memref<?x16x64xbf16, strided<[?, 64, 1]>>) -> (!llvm.array<16 x i64>, i1) {
  %map, %is_valid = mfa_gpu.encode_tensor_map %array box [1, 16, 64]
    : memref<?x16x64xbf16, strided<[?, 64, 1]>>
  return %map, %is_valid : !llvm.array<16 x i64>, i1
}

// Rows that start between 16-byte boundaries have no map.
// CHECK-LABEL: func.func @odd_rows
// CHECK-NOT: call
// CHECK: %[[FALSE:.*]] = arith.constant false
// CHECK-NOT: call
// CHECK: return %[[FALSE]]
func.func @odd_rows(%array: memref<2x16x63xbf16>) -> i1 {
  %map, %is_valid = mfa_gpu.encode_tensor_map %array box [1, 16, 64]
    : memref<2x16x63xbf16>
  return %is_valid : i1
}

// Of a dimension of stride 0 one index is encoded, where a box has no more.
// CHECK-LABEL: func.func @broadcast
// CHECK-SAME: (%[[ARRAY:.*]]: memref<4x16x64xbf16, strided<[?, 64, 1]>>)
// CHECK-DAG: %[[FOUR:.*]] = arith.constant 4 : i64
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1 : i64
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0 : i64
// CHECK: memref.extract_aligned_pointer_as_index
// CHECK: %[[STRIDE:.*]] = arith.index_cast %{{.*}}#0
// CHECK: %[[IS_BROADCAST:.*]] = arith.cmpi eq, %[[STRIDE]], %[[ZERO]]
// CHECK: %[[COUNT:.*]] = arith.select %[[IS_BROADCAST]], %[[ONE]], %[[FOUR]]
// CHECK: llvm.store %[[COUNT]]
func.func @broadcast(%array: memref<4x16x64xbf16, strided<[?, 64, 1]>>) -> i1 {
  %map, %is_valid = mfa_gpu.encode_tensor_map %array box [1, 16, 64]
    : memref<4x16x64xbf16, strided<[?, 64, 1]>>
  return %is_valid : i1
}

// Rows that are all one cannot be copied at once.
// CHECK-LABEL: func.func @equal_rows
// CHECK: %[[FALSE:.*]] = arith.constant false
// CHECK-NOT: call
// CHECK: return %[[FALSE]]
func.func @equal_rows(%array: memref<4x16x64xbf16, strided<[64, 0, 1]>>) -> i1 {
  %map, %is_valid = mfa_gpu.encode_tensor_map %array box [1, 16, 64]
    : memref<4x16x64xbf16, strided<[64, 0, 1]>>
  return %is_valid : i1
}

// CHECK-LABEL: gpu.module @kernels
gpu.module @kernels {
  // CHECK: llvm.mlir.global external @dynamic() {addr_space = 3 : i32, alignment = 1024 : i64
  llvm.mlir.global internal @dynamic() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>

  // CHECK: llvm.func @kernel(%[[MAP:.*]]: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<16 x i64>, nvvm.grid_constant}, %{{.*}}: i32)
  // CHECK-NOT: llvm.alloca
  // CHECK: nvvm.cp.async.bulk.tensor.global.shared.cta %[[MAP]]
  llvm.func @kernel(%map: !llvm.array<16 x i64>, %i: i32) attributes {gpu.kernel, nvvm.kernel} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %variable = llvm.alloca %one x !llvm.array<16 x i64> {alignment = 64 : i64} : (i32) -> !llvm.ptr
    llvm.store %map, %variable : !llvm.array<16 x i64>, !llvm.ptr
    %shared = llvm.mlir.addressof @dynamic : !llvm.ptr<3>
    nvvm.cp.async.bulk.tensor.global.shared.cta %variable, %shared, box[%i, %i] : !llvm.ptr, !llvm.ptr<3>
    llvm.return
  }
}

// Without tensor maps shared memory stays where it is.
gpu.module @others {
  // CHECK: llvm.mlir.global external @small() {addr_space = 3 : i32, alignment = 16 : i64
  llvm.mlir.global internal @small() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i8>
}
