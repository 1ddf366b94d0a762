// RUN: mfa-opt %s --mfa-outline-parallel-loops | FileCheck %s
// RUN: mfa-opt %s --mfa-outline-parallel-loops=threads=false | FileCheck %s --check-prefix=ONE

// Without threads: one call after another.

// ONE-NOT: @mfaParallelFor
// ONE: func.func private @two_loops_parallel(%{{.*}}: index, %{{.*}}: !llvm.ptr)
// ONE-LABEL: func.func @two_loops(
// ONE: scf.for %[[I:.*]] = %{{.*}} to
// ONE-NEXT: func.call @two_loops_parallel(%[[I]], %{{.*}}) : (index, !llvm.ptr) -> ()

// CHECK: func.func private @mfaParallelFor(index, (index, !llvm.ptr) -> (), !llvm.ptr)

// Constants are repeated in the body; what else it uses is in the context.

// CHECK-LABEL: func.func private @two_loops_parallel(
// CHECK-SAME: %[[INDEX:.*]]: index, %[[CONTEXT:.*]]: !llvm.ptr)
// CHECK: %[[LOADED:.*]] = llvm.load %[[CONTEXT]]
// CHECK: %[[FIRST:.*]] = arith.constant 1 : index
// CHECK: %[[STEP:.*]] = arith.constant 3 : index
// CHECK: %[[POSITION:.*]]:2 = affine.delinearize_index %[[INDEX]] into
// CHECK-DAG: %[[I:.*]] = arith.addi %[[POSITION]]#0, %[[FIRST]] : index
// CHECK-DAG: %[[J:.*]] = arith.muli %[[POSITION]]#1, %[[STEP]] : index
// CHECK: scf.parallel
// CHECK: memref.store %{{.*}}, %{{.*}}[%[[I]], %[[J]]]
// CHECK: return

// CHECK-LABEL: func.func @two_loops(
// CHECK-SAME: %[[A:.*]]: memref<?x?xf32, strided<[?, ?], offset: ?>>, %[[N:.*]]: index, %[[M:.*]]: index
// CHECK: %[[FRAME:.*]] = llvm.alloca
// CHECK: %[[ROWS:.*]] = arith.subi %[[N]]
// CHECK: %[[NUMROWS:.*]] = arith.maxsi %[[ROWS]]
// CHECK: %[[COLUMNS:.*]] = arith.ceildivsi %[[M]]
// CHECK: %[[NUMCOLUMNS:.*]] = arith.maxsi %[[COLUMNS]]
// CHECK: %[[COUNT:.*]] = arith.muli %[[NUMROWS]], %[[NUMCOLUMNS]] : index
// CHECK: %[[BODY:.*]] = constant @two_loops_parallel : (index, !llvm.ptr) -> ()
// CHECK: llvm.store %{{.*}}, %[[FRAME]]
// CHECK: call @mfaParallelFor(%[[COUNT]], %[[BODY]], %[[FRAME]])
// CHECK-NOT: scf.parallel
func.func @two_loops(%a: memref<?x?xf32, strided<[?, ?], offset: ?>>,
                     %n: index, %m: index, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  scf.parallel (%i, %j) = (%c1, %c0) to (%n, %m) step (%c1, %c3) {
    scf.parallel (%k) = (%c1) to (%n) step (%c1) {
      memref.store %x, %a[%i, %j] : memref<?x?xf32, strided<[?, ?], offset: ?>>
    }
  }
  return
}

// A loop with a reduction stays.

// CHECK-LABEL: func.func @reduction(
// CHECK: scf.parallel
// CHECK-NOT: mfaParallelFor
func.func @reduction(%n: index, %x: f32) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %sum = scf.parallel (%i) = (%c0) to (%n) step (%c1) init (%x) -> f32 {
    scf.reduce(%x : f32) {
    ^bb0(%lhs: f32, %rhs: f32):
      %0 = arith.addf %lhs, %rhs : f32
      scf.reduce.return %0 : f32
    }
  }
  return %sum : f32
}

// In front of a loop with tile registers, and of no other, the system is asked for them.

// ONE-LABEL: func.func @tile_registers(
// ONE: call @mfaUseTileRegisters() : () -> ()
// ONE: scf.for

// CHECK-LABEL: func.func private @tile_registers_parallel_0(
// CHECK: amx.tile_zero
// CHECK-LABEL: func.func @tile_registers(
// CHECK-NOT: mfaUseTileRegisters
// CHECK: call @mfaParallelFor(
// CHECK: call @mfaUseTileRegisters() : () -> ()
// CHECK: call @mfaParallelFor(
func.func @tile_registers(%a: memref<16x16xf32>, %n: index, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    memref.store %x, %a[%i, %c0] : memref<16x16xf32>
  }
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    %zero = amx.tile_zero : !amx.tile<16x16xf32>
    amx.tile_store %a[%c0, %c0], %zero : memref<16x16xf32>, !amx.tile<16x16xf32>
  }
  return
}
