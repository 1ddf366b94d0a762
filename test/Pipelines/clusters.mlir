// A kernel with a cluster of blocks, as PTX and to its launch.
//
// RUN: mfa-run %s --target cuda --chip sm_90a --emit ptx | FileCheck %s --check-prefix=PTX
// RUN: env LD_LIBRARY_PATH=%mfa_lib/fake-cuda MFA_FAKE_CUDA_MAJOR=9 mfa-run %s --entry main --target cuda --out %t.npy 2>&1 | FileCheck %s --check-prefix=LAUNCH

// PTX: .visible .entry kernel(
// PTX: .reqnctapercluster 2, 1, 1
// PTX: fence.mbarrier_init.release.cluster;
// PTX: barrier.cluster.arrive.relaxed.aligned;
// PTX: barrier.cluster.wait.aligned;
// PTX: mov.u32 {{.*}}, %cluster_ctarank;
// PTX: cp.async.bulk.tensor.2d.shared::cluster.global{{.*}}.mbarrier::complete_tx::bytes.multicast::cluster
// PTX: mapa.shared::cluster
// PTX: mbarrier.arrive.release.cluster.shared::cluster.b64 _,
// PTX: barrier.cluster.arrive.aligned;
// PTX: barrier.cluster.wait.aligned;

// LAUNCH: fake: launch (4, 1, 1) x (32, 1, 1), {{.*}} attribute 4: clusters of (2, 1, 1)
#shared = #gpu.address_space<workgroup>
!barriers = !nvgpu.mbarrier.group<memorySpace = #shared>

module attributes {gpu.container_module} {
  gpu.module @kernels [#nvvm.target<chip = "sm_90a", features = "+ptx80">] {
    gpu.func @kernel(%map : !llvm.array<16 x i64>)
        workgroup(%tile : memref<8x32xf32, #shared> {llvm.align = 1024 : i64}) kernel
        attributes {known_block_size = array<i32: 32, 1, 1>, known_cluster_size = array<i32: 2, 1, 1>} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %both = arith.constant 3 : i16
      %zero = arith.constant 0 : i32
      %one = arith.constant 1 : i32
      // A variable for the map, which the argument itself becomes.
      %mapPtr = llvm.alloca %one x !llvm.array<16 x i64> {alignment = 64 : i64} : (i32) -> !llvm.ptr
      llvm.store %map, %mapPtr : !llvm.array<16 x i64>, !llvm.ptr
      %tileIndex = memref.extract_aligned_pointer_as_index %tile : memref<8x32xf32, #shared> -> index
      %tileInt = arith.index_cast %tileIndex : index to i64
      %tilePtr = llvm.inttoptr %tileInt : i64 to !llvm.ptr<3>
      %remoteTile = llvm.addrspacecast %tilePtr : !llvm.ptr<3> to !llvm.ptr<7>
      %barriers = nvgpu.mbarrier.create -> !barriers
      nvgpu.mbarrier.init %barriers[%c0], %c1 : !barriers
      nvvm.fence.mbarrier.init
      nvvm.cluster.arrive.relaxed {aligned}
      nvvm.cluster.wait {aligned}
      %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
      %barrierInt = nvgpu.mbarrier.get %barriers[%c0] : !barriers -> i64
      %barrier = llvm.inttoptr %barrierInt : i64 to !llvm.ptr<3>
      nvvm.cp.async.bulk.tensor.shared.cluster.global %remoteTile, %mapPtr, %barrier, box[%zero, %zero] multicast_mask = %both : !llvm.ptr<7>, !llvm.ptr
      %remote = nvvm.mapa %barrier, %rank : !llvm.ptr<3> -> !llvm.ptr<7>
      nvvm.mbarrier.arrive %remote {scope = #nvvm.mem_scope<cluster>} : !llvm.ptr<7>
      nvvm.cluster.arrive {aligned}
      nvvm.cluster.wait {aligned}
      gpu.return
    }
  }
  func.func @main() -> tensor<1xf32> {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c4 = arith.constant 4 : index
    %c32 = arith.constant 32 : index
    %map = llvm.mlir.zero : !llvm.array<16 x i64>
    gpu.launch_func @kernels::@kernel clusters in (%c2, %c1, %c1) blocks in (%c4, %c1, %c1) threads in (%c32, %c1, %c1)
      args(%map : !llvm.array<16 x i64>)
    %zero = arith.constant dense<0.0> : tensor<1xf32>
    return %zero : tensor<1xf32>
  }
}
