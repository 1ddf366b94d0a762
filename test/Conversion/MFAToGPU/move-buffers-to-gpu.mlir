// RUN: mfa-opt %s --pass-pipeline="builtin.module(func.func(mfa-move-buffers-to-gpu))" --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @moved(
// CHECK-SAME: %[[ARG:.*]]: memref<4x?xf32>, %[[SIZE:.*]]: index
// CHECK: %[[T0:.*]] = gpu.wait async
// CHECK: %[[BUFFER:.*]], %[[T1:.*]] = gpu.alloc async [%[[T0]]] (%[[SIZE]]) : memref<4x?xf32>
// CHECK: gpu.wait [%[[T1]]]
// CHECK: %[[T2:.*]] = gpu.wait async
// CHECK: %[[T3:.*]] = gpu.memcpy async [%[[T2]]] %[[BUFFER]], %[[ARG]]
// CHECK: gpu.wait [%[[T3]]]
// CHECK: gpu.dealloc async
// CHECK-NOT: memref.{{alloc|copy|dealloc}}
func.func @moved(%arg: memref<4x?xf32>, %size: index) {
  %buffer = memref.alloc(%size) : memref<4x?xf32>
  memref.copy %arg, %buffer : memref<4x?xf32> to memref<4x?xf32>
  memref.dealloc %buffer : memref<4x?xf32>
  return
}

// -----

func.func @load(%arg: memref<4xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  // expected-error @below {{expected buffers to be used by kernels only, but got an access on the host: they are in GPU memory}}
  %0 = memref.load %arg[%c0] : memref<4xf32>
  return %0 : f32
}

// -----

func.func @fill(%arg: memref<4xf32>, %value: f32) {
  // expected-error @below {{expected buffers to be used by kernels only, but got an access on the host: they are in GPU memory}}
  linalg.fill ins(%value : f32) outs(%arg : memref<4xf32>)
  return
}

// -----

func.func @strided_copy(%arg: memref<4x4xf32, strided<[8, 1]>>, %to: memref<4x4xf32>) {
  // expected-error @below {{expected contiguous buffers, which the GPU copies as a whole, but got 'memref<4x4xf32, strided<[8, 1]>>'}}
  memref.copy %arg, %to : memref<4x4xf32, strided<[8, 1]>> to memref<4x4xf32>
  return
}
