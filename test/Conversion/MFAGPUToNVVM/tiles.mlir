// RUN: mfa-opt %s --pass-pipeline="builtin.module(gpu.module(convert-mfa-gpu-to-nvvm,canonicalize,cse))" --split-input-file | FileCheck %s

#accumulator = #mfa_gpu.fragment<accumulator, warps = 1>
#operand = #mfa_gpu.fragment<operand, warps = 1>
#row = #mfa_gpu.fragment<row, warps = 1>

// A tile is its registers: 16x16 f32 are 8 in each of 32 lanes, a row tile 2.
// CHECK-LABEL: gpu.func @map(
// CHECK-COUNT-8: arith.mulf
// CHECK-NOT: arith.mulf
gpu.module @kernels {
  gpu.func @map(%a: f32, %b: f32, %out: memref<16x16xf32, #gpu.address_space<workgroup>>) kernel attributes {known_block_size = array<i32: 32, 1, 1>} {
    %0 = mfa_gpu.load %out : memref<16x16xf32, #gpu.address_space<workgroup>> to <16x16xf32, #accumulator>
    %1 = mfa_gpu.splat %b : <16xf32, #row>
    %2 = mfa_gpu.map %0, %1 : !mfa_gpu.tile<16x16xf32, #accumulator>, !mfa_gpu.tile<16xf32, #row> to !mfa_gpu.tile<16x16xf32, #accumulator> {
    ^bb0(%x: f32, %y: f32):
      %3 = arith.mulf %x, %y : f32
      mfa_gpu.yield %3 : f32
    }
    mfa_gpu.store %2 to %out : <16x16xf32, #accumulator> to memref<16x16xf32, #gpu.address_space<workgroup>>
    gpu.return
  }
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 1>
#operand = #mfa_gpu.fragment<operand, warps = 1>
#row = #mfa_gpu.fragment<row, warps = 1>

// A row is reduced over the lane's columns and over four neighbouring lanes; a
// partial reduction leaves the lanes to all_reduce.
// CHECK-LABEL: gpu.func @reduce
// CHECK-COUNT-4: nvvm.shfl.sync bfly
// CHECK-NOT: nvvm.shfl
// CHECK-LABEL: gpu.func @partial
// CHECK: arith.addf
// CHECK-NOT: nvvm.shfl
// CHECK: gpu.return
gpu.module @kernels {
  gpu.func @reduce(%in: memref<16x16xf32, #gpu.address_space<workgroup>>, %init: f32, %out: memref<16xf32>) kernel {
    %0 = mfa_gpu.load %in : memref<16x16xf32, #gpu.address_space<workgroup>> to <16x16xf32, #accumulator>
    %1 = mfa_gpu.splat %init : <16xf32, #row>
    %2 = mfa_gpu.reduce max %0, %1 : <16x16xf32, #accumulator>, <16xf32, #row>
    mfa_gpu.store %2 to %out : <16xf32, #row> to memref<16xf32>
    gpu.return
  }
  gpu.func @partial(%in: memref<16x16xf32, #gpu.address_space<workgroup>>, %init: f32, %out: memref<16xf32>) kernel {
    %0 = mfa_gpu.load %in : memref<16x16xf32, #gpu.address_space<workgroup>> to <16x16xf32, #accumulator>
    %1 = mfa_gpu.splat %init : <16xf32, #row>
    %2 = mfa_gpu.reduce add %0, %1 partial : <16x16xf32, #accumulator>, <16xf32, #row>
    mfa_gpu.store %2 to %out : <16xf32, #row> to memref<16xf32>
    gpu.return
  }
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 1>
#operand = #mfa_gpu.fragment<operand, warps = 1>

// 16x16x16 in bf16 is two products of m16n8k16. Both factors of the first come
// through ldmatrix; the left factor of the second is in registers already, and
// its right factor is transposed by ldmatrix.
// CHECK-LABEL: gpu.func @mma
// CHECK-COUNT-2: nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<row>
// CHECK-COUNT-2: nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 16>
// CHECK-COUNT-4: nvvm.convert.f32x2.to.bf16x2
// CHECK: nvvm.ldmatrix {{.*}} layout = #nvvm.mma_layout<col>
// CHECK-COUNT-2: nvvm.mma.sync
// CHECK-NOT: {{nvvm.ldmatrix|nvvm.mma.sync|nvvm.shfl}}
gpu.module @kernels {
  gpu.func @mma(%a: memref<16x16xbf16, #gpu.address_space<workgroup>>, %out: memref<16x16xf32, #gpu.address_space<workgroup>>) kernel {
    %zero = arith.constant 0.0 : f32
    %0 = mfa_gpu.splat %zero : <16x16xf32, #accumulator>
    %1 = mfa_gpu.mma %a, %a, %0 {transpose_rhs} : memref<16x16xbf16, #gpu.address_space<workgroup>>, memref<16x16xbf16, #gpu.address_space<workgroup>>, <16x16xf32, #accumulator>
    %2 = mfa_gpu.convert %1 : <16x16xf32, #accumulator> to <16x16xbf16, #operand>
    %3 = mfa_gpu.mma %2, %a, %0 : !mfa_gpu.tile<16x16xbf16, #operand>, memref<16x16xbf16, #gpu.address_space<workgroup>>, <16x16xf32, #accumulator>
    mfa_gpu.store %3 to %out : <16x16xf32, #accumulator> to memref<16x16xf32, #gpu.address_space<workgroup>>
    gpu.return
  }
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 1>

// To global memory: of two rows and two groups of columns, each pair where its
// row exists and its columns do.
// CHECK-LABEL: gpu.func @store_to_global
// CHECK-SAME: %[[OUT:[a-z0-9]*]]: memref<?x8xf32, strided<[?, 1], offset: ?>>
// CHECK: memref.extract_strided_metadata %[[OUT]]
// CHECK: scf.if
// CHECK:   llvm.store {{.*}} {alignment = 8 : i64} : vector<2xf32>, !llvm.ptr<1>
// CHECK-NEXT: }
// CHECK: scf.if
// CHECK:   llvm.store {{.*}} {alignment = 8 : i64} : vector<2xf32>, !llvm.ptr<1>
// CHECK-NEXT: }
// CHECK-NOT: llvm.store
// CHECK: gpu.return
gpu.module @stores {
  gpu.func @store_to_global(%x: f32, %out: memref<?x8xf32, strided<[?, 1], offset: ?>>) kernel {
    %0 = mfa_gpu.splat %x : <16x16xf32, #accumulator>
    mfa_gpu.store %0 to %out : <16x16xf32, #accumulator> to memref<?x8xf32, strided<[?, 1], offset: ?>>
    gpu.return
  }
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 1>

// Of 16 bits, lanes exchange 32 columns for 16 bytes each; the last 8 are stored
// in pairs.
// CHECK-LABEL: gpu.func @store_16_bits_to_global
// CHECK-COUNT-4: nvvm.shfl.sync bfly
// CHECK:     scf.if
// CHECK:       llvm.store {{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK:       llvm.store {{.*}} {alignment = 4 : i64} : i32, !llvm.ptr<1>
// CHECK-NOT: llvm.store
// CHECK-COUNT-4: nvvm.shfl.sync bfly
// CHECK:     scf.if
// CHECK-NOT: nvvm.shfl
// CHECK: gpu.return
gpu.module @stores {
  gpu.func @store_16_bits_to_global(%x: bf16, %out: memref<?x40xbf16, strided<[?, 1], offset: ?>>) kernel {
    %0 = mfa_gpu.splat %x : <16x48xbf16, #accumulator>
    mfa_gpu.store %0 to %out : <16x48xbf16, #accumulator> to memref<?x40xbf16, strided<[?, 1], offset: ?>>
    gpu.return
  }
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 1>

// Each factor of f32 is split in two; three products of tf32, the sum in f32.
// CHECK-LABEL: gpu.func @f32_split
// CHECK: arith.subf
// CHECK-COUNT-3: nvvm.mma.sync {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 8>
// CHECK: arith.addf
gpu.module @kernels {
  gpu.func @f32_split(%a: memref<16x8xf32, #gpu.address_space<workgroup>>, %out: memref<16x16xf32, #gpu.address_space<workgroup>>) kernel {
    %zero = arith.constant 0.0 : f32
    %0 = mfa_gpu.splat %zero : <16x16xf32, #accumulator>
    %1 = mfa_gpu.mma %a, %a, %0 {transpose_rhs, f32_split} : memref<16x8xf32, #gpu.address_space<workgroup>>, memref<16x8xf32, #gpu.address_space<workgroup>>, <16x16xf32, #accumulator>
    mfa_gpu.store %1 to %out : <16x16xf32, #accumulator> to memref<16x16xf32, #gpu.address_space<workgroup>>
    gpu.return
  }
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 1>
#operand = #mfa_gpu.fragment<operand, warps = 1>

// As they are: a loop over eight summed elements at a time, each lane its own
// elements of the accumulator. Of a factor in registers it gets the others from
// the lanes of its row, and the next columns take the place of these.
// CHECK-LABEL: gpu.func @f32_plain
// CHECK-NOT: nvvm.mma
// CHECK: scf.for {{.*}} -> (f32, f32, f32, f32, f32, f32, f32, f32)
// CHECK-NOT: nvvm.shfl
// CHECK: llvm.load {{.*}} -> vector<4xf32>
// CHECK: llvm.intr.fma
// CHECK: scf.yield
// CHECK: scf.for {{.*}} iter_args({{.*}}, %[[P0:[a-z0-9]*]] = %{{[a-z0-9#]*}}, %[[P1:[a-z0-9]*]] = %{{[a-z0-9#]*}}, %[[P2:[a-z0-9]*]] = %{{[a-z0-9#]*}}, %[[P3:[a-z0-9]*]] = %{{[a-z0-9#]*}}, %[[N0:[a-z0-9]*]] = %{{[a-z0-9#]*}}, %[[N1:[a-z0-9]*]] = %{{[a-z0-9#]*}}, %[[N2:[a-z0-9]*]] = %{{[a-z0-9#]*}}, %[[N3:[a-z0-9]*]] = %{{[a-z0-9#]*}}) ->
// CHECK: nvvm.shfl.sync idx {{.*}}, %[[P0]],
// CHECK: nvvm.shfl.sync idx {{.*}}, %[[P1]],
// CHECK: nvvm.shfl.sync idx {{.*}}, %[[P2]],
// CHECK: llvm.load {{.*}} -> vector<2xf32>
// CHECK: scf.yield {{.*}}, %[[N0]], %[[N1]], %[[N2]], %[[N3]], %[[P0]], %[[P1]], %[[P2]], %[[P3]] :
gpu.module @kernels {
  gpu.func @f32_plain(%a: memref<16x16xf32, #gpu.address_space<workgroup>>, %out: memref<16x16xf32, #gpu.address_space<workgroup>>, %p: f32) kernel {
    %0 = mfa_gpu.splat %p : <16x16xf32, #accumulator>
    %1 = mfa_gpu.mma %a, %a, %0 {transpose_rhs, f32_plain} : memref<16x16xf32, #gpu.address_space<workgroup>>, memref<16x16xf32, #gpu.address_space<workgroup>>, <16x16xf32, #accumulator>
    %2 = mfa_gpu.convert %1 : <16x16xf32, #accumulator> to <16x16xf32, #operand>
    %3 = mfa_gpu.mma %2, %a, %1 {f32_plain} : !mfa_gpu.tile<16x16xf32, #operand>, memref<16x16xf32, #gpu.address_space<workgroup>>, <16x16xf32, #accumulator>
    mfa_gpu.store %3 to %out : <16x16xf32, #accumulator> to memref<16x16xf32, #gpu.address_space<workgroup>>
    gpu.return
  }
}

// -----

// Whole chunks by cp.async where rows are aligned, which is known at run time
// only; else one element after another. A stride that is odd leaves the second
// way alone.
// CHECK-LABEL: gpu.func @copy
// CHECK: %[[ALIGNED:.*]] = arith.cmpi eq
// CHECK: scf.if %[[ALIGNED]]
// CHECK:   nvvm.cp.async.shared.global
// CHECK: else
// CHECK:   scf.for
// CHECK:     llvm.load
// CHECK:     llvm.store
// CHECK-LABEL: gpu.func @odd
// CHECK-NOT: nvvm.cp.async
// CHECK: scf.for
gpu.module @kernels {
  gpu.func @copy(%a: memref<?x32xf16, strided<[?, 1], offset: ?>>, %out: memref<16x32xf16, #gpu.address_space<workgroup>>) kernel attributes {known_block_size = array<i32: 32, 1, 1>} {
    mfa_gpu.copy_async %a to %out : memref<?x32xf16, strided<[?, 1], offset: ?>> to memref<16x32xf16, #gpu.address_space<workgroup>>
    gpu.return
  }
  gpu.func @odd(%a: memref<?x32xf16, strided<[33, 1], offset: ?>>, %out: memref<16x32xf16, #gpu.address_space<workgroup>>) kernel attributes {known_block_size = array<i32: 32, 1, 1>} {
    mfa_gpu.copy_async %a to %out : memref<?x32xf16, strided<[33, 1], offset: ?>> to memref<16x32xf16, #gpu.address_space<workgroup>>
    gpu.return
  }
  // Rows so far apart that the op of addresses has no constant for them.
  // CHECK-LABEL: gpu.func @far
  // CHECK-DAG: %[[BYTES:.*]] = arith.constant 1073741824 : i64
  // CHECK: llvm.getelementptr %{{.*}}[%[[BYTES]]]
  gpu.func @far(%a: memref<16x32xf16, strided<[67108864, 1], offset: ?>>, %out: memref<16x32xf16, #gpu.address_space<workgroup>>) kernel attributes {known_block_size = array<i32: 32, 1, 1>} {
    mfa_gpu.copy_async %a to %out : memref<16x32xf16, strided<[67108864, 1], offset: ?>> to memref<16x32xf16, #gpu.address_space<workgroup>>
    gpu.return
  }
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 1>
#row = #mfa_gpu.fragment<row, warps = 1>

// Of a column as a float, what the lane's first column gives is computed once, and a
// number is left for each element.
// CHECK-LABEL: gpu.func @columns
// CHECK-SAME: %[[FACTOR:[a-z0-9]*]]: f32
// CHECK: %[[FIRST:.*]] = arith.sitofp %{{.*}} : i32 to f32
// CHECK: %[[ROW:.*]] = llvm.call_intrinsic "llvm.fma.f32"(%[[FIRST]], %[[FACTOR]], %{{.*}})
// CHECK: llvm.call_intrinsic "llvm.fma.f32"(%{{.*}}, %[[FACTOR]], %[[ROW]])
// CHECK: %[[BOUND:.*]] = arith.subf %{{.*}}, %[[FIRST]] : f32
// CHECK: arith.cmpf ole, %{{.*}}, %[[BOUND]] : f32
// CHECK-NOT: arith.sitofp
// CHECK: gpu.return
gpu.module @kernels {
  gpu.func @columns(%factor: f32, %bound: f32, %out: memref<16x8xf32, #gpu.address_space<workgroup>>) kernel {
    %zero = arith.constant 0.0 : f32
    %0 = mfa_gpu.splat %bound : <16xf32, #row>
    %1 = mfa_gpu.map %0 coordinates : !mfa_gpu.tile<16xf32, #row> to !mfa_gpu.tile<16x8xf32, #accumulator> {
    ^bb0(%x: f32, %row: i32, %col: i32):
      %column = arith.sitofp %col : i32 to f32
      %sum = math.fma %column, %factor, %x : f32
      %near = arith.cmpf ole, %column, %x : f32
      %y = arith.select %near, %sum, %zero : f32
      mfa_gpu.yield %y : f32
    }
    mfa_gpu.store %1 to %out : <16x8xf32, #accumulator> to memref<16x8xf32, #gpu.address_space<workgroup>>
    gpu.return
  }
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 1>

// Of 32 columns, 4 groups of 8, with 3 of 8 polynomials the third one is none of the
// special function unit's: its exponent comes in as an integer.
// CHECK-LABEL: gpu.func @exp2
// CHECK-COUNT-8: llvm.nvvm.ex2.approx
// CHECK-NOT: ex2.approx
// CHECK-COUNT-4: arith.shli
// CHECK-NOT: arith.shli
// CHECK-COUNT-4: llvm.nvvm.ex2.approx
// CHECK-NOT: ex2.approx
// CHECK: gpu.return
gpu.module @stores {
  gpu.func @exp2(%x: memref<16x32xf32, #gpu.address_space<workgroup>>, %out: memref<?x32xf32, strided<[?, 1], offset: ?>>) kernel {
    %0 = mfa_gpu.load %x : memref<16x32xf32, #gpu.address_space<workgroup>> to <16x32xf32, #accumulator>
    %1 = mfa_gpu.exp2 %0 polynomials 3 : <16x32xf32, #accumulator>
    mfa_gpu.store %1 to %out : <16x32xf32, #accumulator> to memref<?x32xf32, strided<[?, 1], offset: ?>>
    gpu.return
  }
}
