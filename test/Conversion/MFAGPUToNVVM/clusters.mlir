// RUN: mfa-opt %s --pass-pipeline='builtin.module(gpu.module(convert-mfa-gpu-to-nvvm,canonicalize,cse))' | FileCheck %s

#shared = #gpu.address_space<workgroup>
!barriers = !nvgpu.mbarrier.group<memorySpace = #shared, num_barriers = 2>

// The mask goes to the copy. An arrival, at another block or the own one, is at
// the address that the barrier has there, and releases to the whole cluster
// unless told otherwise.
// CHECK-LABEL: gpu.func @kernel
// CHECK-SAME: %[[MASK:[^:]*]]: i16, %[[RANK:[^:]*]]: i32
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %{{.*}}, %{{.*}}, box[%{{.*}}, %{{.*}}] multicast_mask = %[[MASK]] : !llvm.ptr<7>, !llvm.ptr
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global
// CHECK-NOT: multicast_mask
// CHECK: %[[REMOTE:.*]] = nvvm.mapa %{{.*}}, %[[RANK]] : !llvm.ptr<3> -> !llvm.ptr<7>
// CHECK: nvvm.mbarrier.arrive %[[REMOTE]] {scope = #nvvm.mem_scope<cluster>} : !llvm.ptr<7>
// CHECK: nvvm.mbarrier.arrive %{{.*}} : !llvm.ptr<7>
gpu.module @kernels {
  gpu.func @kernel(%map: !llvm.array<16 x i64>, %mask: i16, %rank: i32, %i: index,
                   %tile: memref<64x64xbf16, #shared>, %barriers: !barriers) kernel {
    mfa_gpu.tensor_load %map[%i, %i] to %tile, %barriers[%i] multicast %mask
      : memref<64x64xbf16, #shared>, !barriers
    mfa_gpu.tensor_load %map[%i, %i] to %tile, %barriers[%i]
      : memref<64x64xbf16, #shared>, !barriers
    mfa_gpu.remote_arrive %barriers[%i] of %rank : !barriers
    mfa_gpu.remote_arrive %barriers[%i] of %rank {block_scope} : !barriers
    gpu.return
  }
}
