// RUN: mfa-opt %s --mfa-drop-unused-kernel-arguments | FileCheck %s
// RUN: mfa-opt %s --mfa-drop-unused-kernel-arguments --gpu-to-llvm --reconcile-unrealized-casts | FileCheck %s --check-prefix=LLVM

module attributes {gpu.container_module} {
  gpu.module @kernels {
    // What is left keeps its order and its attributes.
    //
    // CHECK: llvm.func @some(
    // CHECK-SAME: %[[ALIGNED:[^ ]*]]: !llvm.ptr,
    // CHECK-SAME: %[[COLUMNS:[^ ]*]]: i64,
    // CHECK-SAME: %[[MAP:[^ ]*]]: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<16 x i64>, nvvm.grid_constant})
    // CHECK-SAME: gpu.kernel
    // CHECK: llvm.store %[[COLUMNS]], %[[ALIGNED]]
    // CHECK: llvm.load %[[MAP]]
    llvm.func @some(%allocated: !llvm.ptr, %aligned: !llvm.ptr, %offset: i64,
        %rows: i64, %columns: i64, %rowStride: i64, %columnStride: i64, %scale: f32,
        %map: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<16 x i64>, nvvm.grid_constant})
        attributes {gpu.kernel, nvvm.kernel} {
      llvm.store %columns, %aligned : i64, !llvm.ptr
      %word = llvm.load %map : !llvm.ptr -> i64
      llvm.store %word, %aligned : i64, !llvm.ptr
      llvm.return
    }

    // A memref that is used whole stays one at the launch.
    //
    // CHECK: llvm.func @whole(%{{[^ ]*}}: !llvm.ptr, %{{[^ ]*}}: !llvm.ptr, %{{[^ ]*}}: i64) attributes
    llvm.func @whole(%allocated: !llvm.ptr, %aligned: !llvm.ptr, %offset: i64, %none: f32)
        attributes {gpu.kernel, nvvm.kernel} {
      %begin = llvm.ptrtoint %allocated : !llvm.ptr to i64
      %sum = llvm.add %begin, %offset : i64
      llvm.store %sum, %aligned : i64, !llvm.ptr
      llvm.return
    }

    // CHECK: llvm.func @none() attributes
    llvm.func @none(%count: i64) attributes {gpu.kernel, nvvm.kernel} {
      llvm.return
    }

    // Who launches it is not known.
    //
    // CHECK: llvm.func @of_others(%{{[^ ]*}}: i64) attributes
    llvm.func @of_others(%count: i64) attributes {gpu.kernel, nvvm.kernel} {
      llvm.return
    }

    // Of another calling convention.
    //
    // CHECK: llvm.func @bare(%{{[^ ]*}}: !llvm.ptr) attributes
    llvm.func @bare(%array: !llvm.ptr) attributes {gpu.kernel, nvvm.kernel} {
      llvm.return
    }

    // CHECK: llvm.func @unranked(%{{[^ ]*}}: i64, %{{[^ ]*}}: !llvm.ptr) attributes
    llvm.func @unranked(%rank: i64, %array: !llvm.ptr) attributes {gpu.kernel, nvvm.kernel} {
      llvm.return
    }
  }

  // CHECK-LABEL: func.func @launches(
  // CHECK-SAME: %[[ARRAY:[^ ]*]]: memref<2x?xi64>, %[[NUMBER:[^ ]*]]: memref<i64>
  // LLVM-LABEL: llvm.func @launches
  func.func @launches(%array: memref<2x?xi64>, %number: memref<i64>, %any: memref<*xi64>,
                      %scale: f32, %map: !llvm.array<16 x i64>, %count: index) {
    %one = arith.constant 1 : index
    // CHECK: %[[DESCRIPTOR:.*]] = builtin.unrealized_conversion_cast %[[ARRAY]]
    // CHECK-NEXT: %[[POINTER:.*]] = llvm.extractvalue %[[DESCRIPTOR]][1]
    // CHECK-NEXT: %[[SIZE:.*]] = llvm.extractvalue %[[DESCRIPTOR]][3, 1]
    // CHECK-NEXT: gpu.launch_func @kernels::@some
    // CHECK-SAME: args(%[[POINTER]] : !llvm.ptr, %[[SIZE]] : i64, %{{.*}} : !llvm.array<16 x i64>)
    // LLVM: gpu.launch_func @kernels::@some
    // LLVM-SAME: args(%{{.*}} : !llvm.ptr, %{{.*}} : i64, %{{.*}} : !llvm.array<16 x i64>)
    gpu.launch_func @kernels::@some blocks in (%one, %one, %one) threads in (%one, %one, %one)
        args(%array : memref<2x?xi64>, %scale : f32, %map : !llvm.array<16 x i64>)
    // Each launch of a kernel, whatever else it says.
    //
    // CHECK: gpu.launch_func async @kernels::@some clusters in
    // CHECK-SAME: dynamic_shared_memory_size
    // CHECK-SAME: args(%{{.*}} : !llvm.ptr, %{{.*}} : i64, %{{.*}} : !llvm.array<16 x i64>)
    %bytes = arith.constant 1024 : i32
    %launched = gpu.launch_func async @kernels::@some clusters in (%one, %one, %one)
        blocks in (%one, %one, %one) threads in (%one, %one, %one)
        dynamic_shared_memory_size %bytes
        args(%array : memref<2x?xi64>, %scale : f32, %map : !llvm.array<16 x i64>)
    gpu.wait [%launched]
    // CHECK: gpu.launch_func @kernels::@whole
    // CHECK-SAME: args(%[[NUMBER]] : memref<i64>)
    gpu.launch_func @kernels::@whole blocks in (%one, %one, %one) threads in (%one, %one, %one)
        args(%number : memref<i64>, %scale : f32)
    // CHECK: gpu.launch_func @kernels::@none
    // CHECK-NOT: args(
    gpu.launch_func @kernels::@none blocks in (%one, %one, %one) threads in (%one, %one, %one)
        args(%count : index)
    // CHECK: gpu.launch_func @kernels::@bare
    // CHECK-SAME: args(%[[ARRAY]] : memref<2x?xi64>)
    gpu.launch_func @kernels::@bare blocks in (%one, %one, %one) threads in (%one, %one, %one)
        args(%array : memref<2x?xi64>)
    // CHECK: gpu.launch_func @kernels::@unranked
    // CHECK-SAME: args(%{{.*}} : memref<*xi64>)
    gpu.launch_func @kernels::@unranked blocks in (%one, %one, %one) threads in (%one, %one, %one)
        args(%any : memref<*xi64>)
    return
  }
}
