// RUN: mfa-opt %s --pass-pipeline='builtin.module(gpu.module(convert-mfa-gpu-to-nvvm,canonicalize,cse))' --split-input-file | FileCheck %s

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#shared = #gpu.address_space<workgroup>

// Both factors by descriptor, the right one transposed, in four steps of 16
// elements, of which the first starts from zero; the results exist after the
// wait.
// CHECK-LABEL: gpu.func @scores
// CHECK-NOT: llvm.inline_asm
// CHECK: nvvm.wgmma.fence.aligned
// CHECK: nvvm.wgmma.mma_async {{.*}}, <m = 64, n = 32, k = 16>, D[<f32>, <zero>], A[<bf16>, <one>, <row>], B[<bf16>, <one>, <col>]
// CHECK-COUNT-3: nvvm.wgmma.mma_async {{.*}} D[<f32>, <one>]
// CHECK-NOT: nvvm.wgmma.mma_async
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: nvvm.wgmma.wait.group.sync.aligned 0
// CHECK: llvm.inline_asm has_side_effects asm_dialect = att "", "{{(=f,){16}0,1,.*}},15"
gpu.module @kernels {
  gpu.func @scores(%query: memref<1x64x64xbf16, #shared>, %key: memref<1x32x64xbf16, #shared>, %out: memref<1x64x32xf32, #shared>) kernel {
    %s = mfa_gpu.warpgroup_mma %query, %key {transpose_rhs}
      : memref<1x64x64xbf16, #shared>, memref<1x32x64xbf16, #shared>
      to !mfa_gpu.tile<64x32xf32, #accumulator>
    %done = mfa_gpu.warpgroup_wait 0, %s : !mfa_gpu.tile<64x32xf32, #accumulator>
    mfa_gpu.store %done to %out : <64x32xf32, #accumulator> to memref<1x64x32xf32, #shared>
    gpu.return
  }
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 8>
#operand = #mfa_gpu.fragment<operand, warps = 8>
#shared = #gpu.address_space<workgroup>

// A split product is two groups, of which the later may still be going.
// CHECK-LABEL: gpu.func @split
// CHECK-COUNT-3: nvvm.wgmma.mma_async
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: nvvm.wgmma.mma_async
// CHECK: nvvm.wgmma.commit.group.sync.aligned
// CHECK: nvvm.wgmma.wait.group.sync.aligned 1
// CHECK: nvvm.wgmma.wait.group.sync.aligned 0
gpu.module @kernels {
  gpu.func @split(%query: memref<1x128x64xbf16, #shared>, %key: memref<1x32x64xbf16, #shared>, %out: memref<1x128x32xf32, #shared>) kernel {
    %s = mfa_gpu.warpgroup_mma %query, %key {transpose_rhs, split = 48}
      : memref<1x128x64xbf16, #shared>, memref<1x32x64xbf16, #shared>
      to !mfa_gpu.tile<128x32xf32, #accumulator>
    mfa_gpu.warpgroup_wait 1
    %done = mfa_gpu.warpgroup_wait 0, %s : !mfa_gpu.tile<128x32xf32, #accumulator>
    mfa_gpu.store %done to %out : <128x32xf32, #accumulator> to memref<1x128x32xf32, #shared>
    gpu.return
  }
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 8>
#operand = #mfa_gpu.fragment<operand, warps = 8>
#shared = #gpu.address_space<workgroup>

// The left factor in registers is pinned, with the sums, before the fence. The
// value tile is read with its columns contiguous (the last immediate), its 64
// rows in four steps.
// CHECK-LABEL: gpu.func @output
// CHECK: llvm.inline_asm has_side_effects asm_dialect = att "", "{{(=f,){64}(=r,){16}0,1}}
// CHECK: nvvm.wgmma.fence.aligned
// CHECK-COUNT-4: wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {$0, {{.*}}}, {$128, $129, $130, $131}, $132, p, 1, 1, 1;
// CHECK-NOT: wgmma.mma_async
// CHECK: nvvm.wgmma.commit.group.sync.aligned
gpu.module @kernels {
  gpu.func @output(%value: memref<2x64x64xf16, #shared>, %x: f32) kernel {
    %0 = mfa_gpu.splat %x : <128x64xf32, #accumulator>
    %weights = mfa_gpu.convert %0 : <128x64xf32, #accumulator> to <128x64xf16, #operand>
    %1 = mfa_gpu.splat %x : <128x128xf32, #accumulator>
    %2 = mfa_gpu.warpgroup_mma %weights, %value, %1
      : !mfa_gpu.tile<128x64xf16, #operand>, memref<2x64x64xf16, #shared>,
        !mfa_gpu.tile<128x128xf32, #accumulator>
      to !mfa_gpu.tile<128x128xf32, #accumulator>
    %3 = mfa_gpu.warpgroup_wait 1, %2 : !mfa_gpu.tile<128x128xf32, #accumulator>
    gpu.return
  }
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 8>
#shared = #gpu.address_space<workgroup>

// Chunks of 16 bytes are permuted in a row: 64 columns take four xors for the
// two panels together, and eight loads.
// CHECK-LABEL: gpu.func @mask
// CHECK-COUNT-8: nvvm.ldmatrix
// CHECK-NOT: nvvm.ldmatrix
gpu.module @kernels {
  gpu.func @mask(%mask: memref<2x128x64xbf16, #shared>, %out: memref<2x128x64xbf16, #shared>) kernel {
    %0 = mfa_gpu.load %mask : memref<2x128x64xbf16, #shared> to <128x128xbf16, #accumulator>
    mfa_gpu.store %0 to %out : <128x128xbf16, #accumulator> to memref<2x128x64xbf16, #shared>
    gpu.return
  }
}
