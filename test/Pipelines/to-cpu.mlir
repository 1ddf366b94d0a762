// RUN: mfa-opt %s --mfa-to-cpu | FileCheck %s --check-prefixes=CHECK,PARALLEL
// RUN: mfa-opt %s --mfa-to-cpu=parallel=false | FileCheck %s --check-prefixes=CHECK,SEQUENTIAL
// RUN: mfa-opt %s --mfa-to-cpu="vectors=false tile-rows=16 parallel=false" --mlir-print-ir-after=mfa-tile-attention \
// RUN:   -o %t 2>&1 | FileCheck %s --check-prefix=TILES

// Nothing but the llvm dialect is left, and a wrapper that takes descriptors.

// CHECK-NOT: unrealized_conversion_cast
// PARALLEL: llvm.func @mfaParallelFor(i64, !llvm.ptr, !llvm.ptr)
// SEQUENTIAL-NOT: @mfaParallelFor
// CHECK: llvm.func @tensors_parallel(%{{.*}}: i64, %{{.*}}: !llvm.ptr)
// CHECK-LABEL: llvm.func @tensors(
// PARALLEL: llvm.call @mfaParallelFor(
// SEQUENTIAL: llvm.call @tensors_parallel(
// CHECK-LABEL: llvm.func @_mlir_ciface_tensors(
// CHECK-NOT: {{(linalg|memref|scf|arith|math|func|mfa|cf|affine)\.}}

// TILES: scf.forall {{.*}} step (1, 1, 16)
func.func @tensors(%q: tensor<2x40x2x8xbf16>, %k: tensor<2x?x1x8xbf16>,
                   %v: tensor<2x?x1x8xbf16>, %m: tensor<1x40x?xf16>)
    -> tensor<2x40x2x8xbf16> {
  %init = tensor.empty() : tensor<2x40x2x8xbf16>
  %0 = mfa.masked_attention
      ins(%q, %k, %v : tensor<2x40x2x8xbf16>, tensor<2x?x1x8xbf16>, tensor<2x?x1x8xbf16>)
      mask(%m : tensor<1x40x?xf16>)
      outs(%init : tensor<2x40x2x8xbf16>) -> tensor<2x40x2x8xbf16>
  return %0 : tensor<2x40x2x8xbf16>
}

// Sizes that are not known are compared at run time.

// CHECK-LABEL: llvm.func @buffers(
// CHECK: llvm.icmp "eq"
// CHECK: llvm.cond_br
// CHECK: llvm.call @mfaReportError(
// CHECK: llvm.unreachable
// CHECK-LABEL: llvm.func @_mlir_ciface_buffers(
func.func @buffers(%q: memref<?x?x?x8xf32, strided<[?, ?, ?, 1], offset: ?>>,
                   %k: memref<?x?x?x8xf32, strided<[?, ?, ?, 1], offset: ?>>,
                   %v: memref<?x?x?x16xf32>, %o: memref<?x?x4x16xf32>,
                   %l: memref<?x?x?xf32>) {
  mfa.masked_attention
      ins(%q, %k, %v : memref<?x?x?x8xf32, strided<[?, ?, ?, 1], offset: ?>>,
                       memref<?x?x?x8xf32, strided<[?, ?, ?, 1], offset: ?>>,
                       memref<?x?x?x16xf32>)
      outs(%o : memref<?x?x4x16xf32>) lse(%l : memref<?x?x?xf32>)
  return
}
