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

// -----

// CHECK-DAG: llvm.func @mfaGetPreparation() -> i64
// CHECK-DAG: llvm.func @mfaGetKeptTileList(i64, i64, i64, i64) -> !llvm.ptr
// CHECK-DAG: llvm.func @mfaIsKeptTileListFilled() -> i64
// CHECK-NOT: mfaGetMultiprocessorCount
// CHECK-LABEL: func.func @lists
// CHECK-SAME: (%[[N:[a-z0-9]*]]: index, %[[ROWS:[a-z0-9]*]]: index
// CHECK: %[[BITS:.*]] = llvm.call @mfaGetPreparation() : () -> i64
// CHECK: arith.andi %[[BITS]], %c1_i64
// CHECK: %[[ONLY:.*]] = arith.cmpi ne
// CHECK: arith.andi %[[BITS]], %c2_i64
// CHECK: %[[FINITE:.*]] = arith.cmpi ne
// CHECK: %[[SIZE:.*]] = arith.index_cast %[[N]] : index to i64
// CHECK: %[[POINTER:.*]] = llvm.call @mfaGetKeptTileList(%[[BYTES:.*]], %{{.*}}, %{{.*}}, %{{.*}}) : (i64, i64, i64, i64) -> !llvm.ptr
// CHECK: llvm.call @mfaIsKeptTileListFilled() : () -> i64
// CHECK: %[[ADDRESS:.*]] = llvm.ptrtoint %[[POINTER]] : !llvm.ptr to i64
// CHECK: %[[KEPT:.*]] = arith.cmpi ne, %[[ADDRESS]]
// CHECK: %[[LIST:.*]] = builtin.unrealized_conversion_cast %{{.*}} : !llvm.struct<{{.*}}> to memref<1x?x8x35xi32>
// CHECK: %[[FILLED:.*]] = arith.cmpi ne
// CHECK: return %[[ONLY]], %[[FINITE]], %[[LIST]], %[[KEPT]], %[[FILLED]]
func.func @lists(%n: index, %rows: index) -> (i1, i1, memref<1x?x8x35xi32>, i1, i1) {
  %only, %finite = mfa_gpu.preparation
  %list, %kept, %filled =
      mfa_gpu.kept_tile_list rows %rows keys %n parts %n sizes(%n) : memref<1x?x8x35xi32>
  return %only, %finite, %list, %kept, %filled : i1, i1, memref<1x?x8x35xi32>, i1, i1
}

// -----

// CHECK-DAG: llvm.func @mfaAcquireRowCounter() -> !llvm.ptr
// CHECK-DAG: llvm.func @mfaReleaseRowCounter(!llvm.ptr)
// CHECK-LABEL: func.func @counter
// CHECK: %[[POINTER:.*]] = llvm.call @mfaAcquireRowCounter() : () -> !llvm.ptr
// CHECK: %[[COUNTER:.*]] = builtin.unrealized_conversion_cast %{{.*}} : !llvm.struct<{{.*}}> to memref<1xi32>
// CHECK: memref.load %[[COUNTER]]
// CHECK: %[[ADDRESS:.*]] = memref.extract_aligned_pointer_as_index %[[COUNTER]]
// CHECK: %[[NUMBER:.*]] = arith.index_cast %[[ADDRESS]] : index to i64
// CHECK: %[[SAME:.*]] = llvm.inttoptr %[[NUMBER]] : i64 to !llvm.ptr
// CHECK: llvm.call @mfaReleaseRowCounter(%[[SAME]])
func.func @counter(%i: index) -> i32 {
  %counter = mfa_gpu.acquire_row_counter : memref<1xi32>
  %n = memref.load %counter[%i] : memref<1xi32>
  mfa_gpu.release_row_counter %counter : memref<1xi32>
  return %n : i32
}

// -----

// CHECK: llvm.func @mfaOverlapLaunch()
// CHECK-LABEL: func.func @overlap
// CHECK: llvm.call @mfaOverlapLaunch() : () -> ()
// CHECK-NEXT: return
func.func @overlap() {
  mfa_gpu.overlap_launch
  return
}
