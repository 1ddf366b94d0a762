// The shared library serves the stock mlir-runner: launches, clusters, memory,
// events and host registration as gpu-to-llvm writes them.
//
// RUN: mlir-opt %s --gpu-to-llvm --convert-func-to-llvm --convert-arith-to-llvm \
// RUN:     --reconcile-unrealized-casts --gpu-module-to-binary=format=isa \
// RUN: | %mfa_loader LD_LIBRARY_PATH=%mfa_lib/fake-cuda MFA_FAKE_CUDA_MAJOR=9 mlir-runner \
// RUN:     --entry-point-result=void --shared-libs=%mfa_lib/libmfa_cuda_runtime.so 2>&1 \
// RUN: | FileCheck %s

module attributes {gpu.container_module} {
  gpu.module @kernels [#nvvm.target<chip = "sm_90">] {
    llvm.func @kernel(%n: i64) attributes {gpu.kernel, nvvm.kernel} {
      llvm.return
    }
  }

  func.func private @mfaOverlapLaunch()

  func.func @main() {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c0 = arith.constant 0 : index
    %small = arith.constant 49152 : i32
    %large = arith.constant 49153 : i32
    %n = arith.constant 7 : i64
    %zero = arith.constant 0.0 : f32
    %host = memref.alloca() : memref<6xf32>
    %unranked = memref.cast %host : memref<6xf32> to memref<*xf32>

    // CHECK: fake: register 24 bytes
    gpu.host_register %unranked : memref<*xf32>

    // A module is loaded when a kernel of it is launched.
    // CHECK: fake: create stream, flags 1
    // CHECK: fake: allocate 24 bytes, stream 0x50
    // CHECK: fake: load module, PTX
    // CHECK: fake: set attribute 8 to 49152
    // CHECK: fake: launch (1, 2, 1) x (1, 1, 2), 49152 bytes, stream 0x50
    // CHECK-NEXT: fake: free, stream 0x50
    // CHECK-NEXT: fake: synchronize stream 0x50
    // CHECK-NEXT: fake: destroy stream 0x50
    %t0 = gpu.wait async
    %device, %t1 = gpu.alloc async [%t0] () : memref<6xf32>
    %t2 = gpu.memset async [%t1] %device, %zero : memref<6xf32>, f32
    %t3 = gpu.memcpy async [%t2] %host, %device : memref<6xf32>, memref<6xf32>
    %t4 = gpu.launch_func async [%t3] @kernels::@kernel
        blocks in (%c1, %c2, %c1) threads in (%c1, %c1, %c2)
        dynamic_shared_memory_size %small args(%n : i64)
    %t5 = gpu.dealloc async [%t4] %device : memref<6xf32>
    gpu.wait [%t5]

    // CHECK: fake: set attribute 8 to 49153
    // CHECK-NEXT: fake: launch (2, 1, 1) x (1, 1, 1), 49153 bytes, {{.*}} attribute 4: clusters of (2, 1, 1)
    gpu.launch_func @kernels::@kernel clusters in (%c2, %c1, %c1)
        blocks in (%c2, %c1, %c1) threads in (%c1, %c1, %c1)
        dynamic_shared_memory_size %large args(%n : i64)

    // Launches with clusters never overlap, and take what asked for that.
    // CHECK: fake: launch (1, 1, 1) x (1, 1, 1), 49152 bytes, stream {{[x0-9a-f]+}}, context {{[x0-9a-f]+$}}
    // CHECK: fake: launch (2, 1, 1) {{.*}} clusters of (2, 1, 1)
    // CHECK: fake: launch (1, 1, 1) x (1, 1, 1), 49152 bytes, stream {{[x0-9a-f]+}}, context {{[x0-9a-f]+$}}
    // CHECK: fake: launch (1, 1, 1) x (1, 1, 1), 49152 bytes, {{.*}}overlapping
    %t6 = gpu.wait async
    %t7 = gpu.launch_func async [%t6] @kernels::@kernel blocks in (%c1, %c1, %c1)
        threads in (%c1, %c1, %c1) dynamic_shared_memory_size %small args(%n : i64)
    func.call @mfaOverlapLaunch() : () -> ()
    %t8 = gpu.launch_func async [%t7] @kernels::@kernel clusters in (%c2, %c1, %c1)
        blocks in (%c2, %c1, %c1) threads in (%c1, %c1, %c1)
        dynamic_shared_memory_size %large args(%n : i64)
    %t9 = gpu.launch_func async [%t8] @kernels::@kernel blocks in (%c1, %c1, %c1)
        threads in (%c1, %c1, %c1) dynamic_shared_memory_size %small args(%n : i64)
    func.call @mfaOverlapLaunch() : () -> ()
    %t10 = gpu.launch_func async [%t9] @kernels::@kernel blocks in (%c1, %c1, %c1)
        threads in (%c1, %c1, %c1) dynamic_shared_memory_size %small args(%n : i64)
    gpu.wait [%t10]

    // A grid without blocks is not launched.
    // CHECK-NOT: fake: launch
    gpu.launch_func @kernels::@kernel blocks in (%c0, %c1, %c1)
        threads in (%c1, %c1, %c1) args(%n : i64)

    // CHECK: fake: unregister
    gpu.host_unregister %unranked : memref<*xf32>
    // CHECK: fake: unload module
    return
  }
}
