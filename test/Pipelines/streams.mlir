// Of the two ways to compute an op each waits for its own stream: one that came to
// the wait as an argument of a block would be taken for an event.
// RUN: mfa-opt %s --mfa-to-nvvm=chip=sm_90a | FileCheck %s
// CHECK-LABEL: llvm.func @attend
// CHECK-NOT: mgpuEvent
// CHECK: %[[FIRST:.*]] = llvm.call @mgpuStreamCreate()
// CHECK-NOT: mgpuEvent
// CHECK: llvm.call @mgpuStreamSynchronize(%[[FIRST]])
// CHECK-NOT: mgpuEvent
// CHECK: %[[SECOND:.*]] = llvm.call @mgpuStreamCreate()
// CHECK-NOT: mgpuEvent
// CHECK: llvm.call @mgpuStreamSynchronize(%[[SECOND]])
// CHECK-NOT: mgpuEvent

!array = memref<?x?x?x64xbf16, strided<[?, ?, ?, 1], offset: ?>>

func.func @attend(%q: !array, %k: !array, %v: !array, %o: !array,
                  %ids: memref<?x?xi32>) {
  mfa.masked_attention ins(%q, %k, %v : !array, !array, !array)
      captures(%ids : memref<?x?xi32>) outs(%o : !array) keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index, %d: memref<?x?xi32>):
      %x = memref.load %d[%b, %i] : memref<?x?xi32>
      %y = memref.load %d[%b, %n] : memref<?x?xi32>
      %c = arith.cmpi eq, %x, %y : i32
      mfa.yield %c : i1
    }
  return
}
