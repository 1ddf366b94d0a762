// RUN: mfa-opt %s --mfa-simulate-gpu --split-input-file | FileCheck %s

// Addresses in the shared memory of the cluster have one more than the rank of
// the block above 32 bits, and the state has the special registers.
// CHECK-LABEL: llvm.func internal @m_k(
// CHECK-SAME:      %[[STATE:.*]]: !llvm.ptr, %[[P:.*]]: !llvm.ptr<3>, %[[MAP:.*]]: !llvm.ptr, %[[MASK:.*]]: i16)
// CHECK:         llvm.getelementptr %[[STATE]][112]
// CHECK:         %[[RANK:.*]] = llvm.load
// CHECK:         llvm.call @mfaSimClusterArrive(%[[STATE]],
// CHECK:         llvm.call @mfaSimClusterWait(%[[STATE]],
// CHECK:         %[[OFFSET:.*]] = llvm.ptrtoint %[[P]]
// CHECK:         %[[WIDE:.*]] = llvm.zext %[[RANK]]
// CHECK:         %[[NEXT:.*]] = llvm.add %[[WIDE]],
// CHECK:         llvm.mlir.constant(32 : i64)
// CHECK:         %[[UPPER:.*]] = llvm.shl %[[NEXT]],
// CHECK:         %[[ADDRESS:.*]] = llvm.or %[[OFFSET]], %[[UPPER]]
// CHECK:         %[[REMOTE:.*]] = llvm.inttoptr %[[ADDRESS]] : i64 to !llvm.ptr<7>
// CHECK:         %[[MAPPED:.*]] = llvm.ptrtoint %[[REMOTE]]
// CHECK:         llvm.call @mfaSimMBarrierArriveCluster(%[[STATE]], %[[MAPPED]],
// CHECK:         %[[BLOCKS:.*]] = llvm.zext %[[MASK]] : i16 to i32
// CHECK:         llvm.call @mfaSimTensorLoadMulticast(%[[STATE]], {{.*}}, %[[BLOCKS]],

// The extents of the cluster end the description of the kernel.
// CHECK-LABEL: llvm.mlir.global internal constant @m_k_info()
// CHECK:         llvm.mlir.constant(2 : i32)
// CHECK-NEXT:    llvm.mlir.constant(1 : i32)
// CHECK-NEXT:    llvm.mlir.constant(1 : i32)

// CHECK-LABEL: func.func @host(
// CHECK:         llvm.call @mfaSimLaunchCluster(
module attributes {gpu.container_module} {
  gpu.module @m {
    llvm.func @k(%p: !llvm.ptr<3>, %map: !llvm.ptr, %mask: i16)
        attributes {gpu.kernel, nvvm.kernel, nvvm.cluster_dim = array<i32: 2, 1, 1>} {
      %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
      nvvm.cluster.arrive {aligned}
      nvvm.cluster.wait {aligned}
      %remote = nvvm.mapa %p, %rank : !llvm.ptr<3> -> !llvm.ptr<7>
      nvvm.mbarrier.arrive %remote {scope = #nvvm.mem_scope<cluster>} : !llvm.ptr<7>
      nvvm.cp.async.bulk.tensor.shared.cluster.global %remote, %map, %p, box[%rank] multicast_mask = %mask : !llvm.ptr<7>, !llvm.ptr
      llvm.return
    }
  }
  func.func @host(%p: !llvm.ptr<3>, %map: !llvm.ptr, %mask: i16) {
    %one = arith.constant 1 : index
    %two = arith.constant 2 : index
    gpu.launch_func @m::@k clusters in (%two, %one, %one) blocks in (%two, %one, %one) threads in (%one, %one, %one)
      args(%p : !llvm.ptr<3>, %map : !llvm.ptr, %mask : i16)
    return
  }
}
