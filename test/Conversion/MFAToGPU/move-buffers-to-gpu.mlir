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

func.func @exp(%arg: memref<4xf32>) {
  // expected-error @below {{expected buffers to be used by kernels only, but got an access on the host: they are in GPU memory}}
  linalg.exp ins(%arg : memref<4xf32>) outs(%arg : memref<4xf32>)
  return
}

// -----

// Left for a kernel.
// CHECK-LABEL: func.func @fill
// CHECK: linalg.fill
func.func @fill(%arg: memref<4xf32>, %value: f32) {
  linalg.fill ins(%value : f32) outs(%arg : memref<4xf32>)
  return
}

// -----

// Left for a kernel, as is one to a part of a buffer: the driver's copy would
// begin where the whole buffer does.
// CHECK-LABEL: func.func @strided_copy
// CHECK-COUNT-2: memref.copy
// CHECK-NOT: gpu.memcpy
func.func @strided_copy(%arg: memref<4x4xf32, strided<[8, 1]>>, %to: memref<4x4xf32>,
                        %part: memref<4x4xf32, strided<[4, 1], offset: 64>>) {
  memref.copy %arg, %to : memref<4x4xf32, strided<[8, 1]>> to memref<4x4xf32>
  memref.copy %to, %part : memref<4x4xf32> to memref<4x4xf32, strided<[4, 1], offset: 64>>
  return
}

// -----

// CHECK-LABEL: func.func @clone(
// CHECK-SAME: %[[ARG:.*]]: memref<?x4xf32, strided<[?, ?], offset: ?>>
// CHECK: %[[BUFFER:.*]], %{{.*}} = gpu.alloc async {{.*}} : memref<?x4xf32>
// CHECK: memref.copy %[[ARG]], %[[BUFFER]]
// CHECK: memref.cast %[[BUFFER]] : memref<?x4xf32> to memref<?x4xf32, strided<[?, ?], offset: ?>>
func.func @clone(%arg: memref<?x4xf32, strided<[?, ?], offset: ?>>)
    -> memref<?x4xf32, strided<[?, ?], offset: ?>> {
  %0 = bufferization.clone %arg : memref<?x4xf32, strided<[?, ?], offset: ?>>
         to memref<?x4xf32, strided<[?, ?], offset: ?>>
  return %0 : memref<?x4xf32, strided<[?, ?], offset: ?>>
}

// -----

func.func @strided_clone(%arg: memref<4x4xf32, strided<[8, 1]>>) -> memref<4x4xf32, strided<[8, 1]>> {
  // expected-error @below {{expected a type that a buffer without gaps may have}}
  %0 = bufferization.clone %arg : memref<4x4xf32, strided<[8, 1]>> to memref<4x4xf32, strided<[8, 1]>>
  return %0 : memref<4x4xf32, strided<[8, 1]>>
}

// -----

// Two buffers that may be one are freed once, and not where one of them is kept.
// CHECK-LABEL: func.func @dealloc(
// CHECK-SAME: %[[A:.*]]: memref<4xf32>, %[[B:.*]]: memref<4xf32>, %[[KEPT:.*]]: memref<4xf32>, %[[OWNS_A:.*]]: i1, %[[OWNS_B:.*]]: i1
// CHECK-DAG: %[[A_ADDRESS:.*]] = memref.extract_aligned_pointer_as_index %[[A]]
// CHECK-DAG: %[[B_ADDRESS:.*]] = memref.extract_aligned_pointer_as_index %[[B]]
// CHECK-DAG: %[[KEPT_ADDRESS:.*]] = memref.extract_aligned_pointer_as_index %[[KEPT]]
// CHECK-DAG: %[[IS_A:.*]] = arith.cmpi eq, %[[A_ADDRESS]], %[[KEPT_ADDRESS]]
// CHECK-DAG: %[[FROM_A:.*]] = arith.andi %[[OWNS_A]], %[[IS_A]]
// CHECK-DAG: %[[IS_B:.*]] = arith.cmpi eq, %[[B_ADDRESS]], %[[KEPT_ADDRESS]]
// CHECK-DAG: %[[FROM_B:.*]] = arith.andi %[[OWNS_B]], %[[IS_B]]
// CHECK-DAG: %[[OWNS:.*]] = arith.ori %{{.*}}, %[[FROM_B]]
// CHECK: scf.if
// CHECK: gpu.dealloc async {{.*}} %[[A]]
// CHECK: arith.cmpi ne, %[[B_ADDRESS]], %[[A_ADDRESS]]
// CHECK: scf.if
// CHECK: gpu.dealloc async {{.*}} %[[B]]
// CHECK: return %[[OWNS]]
func.func @dealloc(%a: memref<4xf32>, %b: memref<4xf32>, %kept: memref<4xf32>,
                   %owns_a: i1, %owns_b: i1) -> i1 {
  %0 = bufferization.dealloc (%a, %b : memref<4xf32>, memref<4xf32>) if (%owns_a, %owns_b)
         retain (%kept : memref<4xf32>)
  return %0 : i1
}

// -----

// A constant has a copy on the GPU; the host reads its own.
memref.global "private" constant @table : memref<4xf32> = dense<[0.0, 1.0, 2.0, 3.0]>
// CHECK-LABEL: func.func @constant(
// CHECK: %[[HOST:.*]] = memref.get_global @table
// CHECK: %[[COPY:.*]], %{{.*}} = gpu.alloc async {{.*}} : memref<4xf32>
// CHECK: gpu.memcpy async {{.*}} %[[COPY]], %[[HOST]]
// CHECK: %[[LOADED:.*]] = memref.get_global @table
// CHECK: memref.load %[[LOADED]]
// CHECK: gpu.memcpy async {{.*}} %{{.*}}, %[[COPY]]
// CHECK: gpu.dealloc async {{.*}} %[[COPY]]
// CHECK: return
func.func @constant(%to: memref<4xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %table = memref.get_global @table : memref<4xf32>
  %0 = memref.load %table[%c0] : memref<4xf32>
  memref.copy %table, %to : memref<4xf32> to memref<4xf32>
  return %0 : f32
}

// -----

memref.global "private" @variable : memref<4xf32> = uninitialized
func.func @uses_variable(%to: memref<4xf32>) {
  // expected-error @below {{expected a constant, which is copied to the GPU, but got a variable of the host}}
  %0 = memref.get_global @variable : memref<4xf32>
  memref.copy %0, %to : memref<4xf32> to memref<4xf32>
  return
}
