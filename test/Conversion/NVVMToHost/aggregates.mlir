// RUN: mfa-opt %s --mfa-simulate-gpu | FileCheck %s

// Accumulators go from one product to the next, and to what computes with them,
// without a struct around them: a kernel has chains of a hundred insertions for
// each product, for which LLVM's time grows with the square of their length.
// CHECK-LABEL: llvm.func internal @m_k(
// CHECK-SAME:      %[[STATE:.*]]: !llvm.ptr, %[[A:.*]]: i64, %[[B:.*]]: i64, %[[X:.*]]: f32, %{{.*}}: !llvm.ptr
// CHECK-NOT:     llvm.insertvalue
// CHECK-NOT:     llvm.extractvalue
// CHECK:         llvm.store %[[X]],
// CHECK-NOT:     llvm.insertvalue
// CHECK-NOT:     llvm.extractvalue
// CHECK:         llvm.call @mfaSimProduct(%[[STATE]], %[[A]], %[[B]],
// CHECK-NOT:     llvm.insertvalue
// CHECK-NOT:     llvm.extractvalue
// CHECK-COUNT-4: llvm.load {{.*}} -> f32
// CHECK-NOT:     llvm.insertvalue
// CHECK-NOT:     llvm.extractvalue
// CHECK:         llvm.call @mfaSimProduct(%[[STATE]], %[[A]], %[[B]],
// CHECK:         %[[SLOT:.*]] = llvm.getelementptr %[[STATE]][136]
// CHECK-NEXT:    %[[LAST:.*]] = llvm.load %[[SLOT]]
// CHECK-NOT:     llvm.insertvalue
// CHECK-NOT:     llvm.extractvalue
// CHECK:         llvm.call @mfaSimAccumulator(%[[STATE]], %[[LAST]],
// CHECK-NOT:     llvm.insertvalue
// CHECK-NOT:     llvm.extractvalue
// CHECK:         llvm.return

// A struct that a function is given, or that is handed on as one, stays.
// CHECK-LABEL: llvm.func internal @m_pair(
// CHECK-SAME:      %{{.*}}: !llvm.ptr, %[[PAIR:.*]]: !llvm.struct<(f32, f32)>
// CHECK-NEXT:    %[[FIELD:.*]] = llvm.extractvalue %[[PAIR]][1]
// CHECK-NEXT:    %[[NEW:.*]] = llvm.insertvalue %[[FIELD]], %[[PAIR]][0]
// CHECK-NEXT:    llvm.return %[[NEW]]
gpu.module @m {
  llvm.func @k(%a: i64, %b: i64, %x: f32, %p: !llvm.ptr)
      attributes {gpu.kernel, nvvm.kernel} {
    %empty = llvm.mlir.undef : !llvm.struct<(f32, f32, f32, f32)>
    %0 = llvm.insertvalue %x, %empty[0] : !llvm.struct<(f32, f32, f32, f32)>
    %1 = llvm.insertvalue %x, %0[1] : !llvm.struct<(f32, f32, f32, f32)>
    %2 = llvm.insertvalue %x, %1[2] : !llvm.struct<(f32, f32, f32, f32)>
    %3 = llvm.insertvalue %x, %2[3] : !llvm.struct<(f32, f32, f32, f32)>
    %4 = nvvm.wgmma.mma_async %a, %b, %3, <m = 64, n = 8, k = 16>, D [<f32>, <zero>], A [<f16>, <one>, <row>], B [<f16>, <one>, <col>] : !llvm.struct<(f32, f32, f32, f32)> -> !llvm.struct<(f32, f32, f32, f32)>
    %5 = nvvm.wgmma.mma_async %a, %b, %4, <m = 64, n = 8, k = 16>, D [<f32>, <one>], A [<f16>, <one>, <row>], B [<f16>, <one>, <col>] : !llvm.struct<(f32, f32, f32, f32)> -> !llvm.struct<(f32, f32, f32, f32)>
    nvvm.wgmma.commit.group.sync.aligned
    nvvm.wgmma.wait.group.sync.aligned 0
    %6 = llvm.extractvalue %5[2] : !llvm.struct<(f32, f32, f32, f32)>
    %7 = llvm.fadd %6, %x : f32
    llvm.store %7, %p : f32, !llvm.ptr
    llvm.return
  }
  llvm.func @pair(%pair: !llvm.struct<(f32, f32)>) -> !llvm.struct<(f32, f32)> {
    %0 = llvm.extractvalue %pair[1] : !llvm.struct<(f32, f32)>
    %1 = llvm.insertvalue %0, %pair[0] : !llvm.struct<(f32, f32)>
    llvm.return %1 : !llvm.struct<(f32, f32)>
  }
}
