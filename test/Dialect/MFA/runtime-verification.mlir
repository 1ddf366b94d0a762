// RUN: mfa-opt %s --generate-runtime-verification | FileCheck %s

// Static sizes were checked by the verifier.
// CHECK-LABEL: func.func @static
// CHECK-NOT: cf.assert
// CHECK: mfa.masked_attention
func.func @static(%q: memref<2x16x4x8xf16>, %k: memref<2x32x2x8xf16>,
                  %m: memref<1x16x32xf16>, %o: memref<2x16x4x8xf16>,
                  %l: memref<2x4x16xf32>) {
  mfa.masked_attention
    ins(%q, %k, %k : memref<2x16x4x8xf16>, memref<2x32x2x8xf16>,
                     memref<2x32x2x8xf16>)
    mask(%m : memref<1x16x32xf16>)
    outs(%o : memref<2x16x4x8xf16>) lse(%l : memref<2x4x16xf32>)
  return
}

// Every rule once. Each message says which.
// CHECK-LABEL: func.func @dynamic
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected dimension 0 of 'key' (batch) to equal dimension 0 of 'query'
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected dimension 0 of 'value' (batch) to equal dimension 0 of 'query'
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected dimension 0 of 'output' (batch) to equal dimension 0 of 'query'
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected dimension 0 of 'lse' (batch) to equal dimension 0 of 'query'
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected dimension 0 of 'mask' (batch) to equal dimension 0 of 'query'
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected dimension 2 of 'output' (heads) to equal dimension 2 of 'query'
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected dimension 1 of 'lse' (heads) to equal dimension 2 of 'query'
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected dimension 1 of 'mask' (heads) to equal dimension 2 of 'query'
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected dimension 2 of 'value' (key and value heads) to equal dimension 2 of 'key'
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected dimension 1 of 'output' (query length) to equal dimension 1 of 'query'
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected dimension 2 of 'lse' (query length) to equal dimension 1 of 'query'
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected dimension 2 of 'mask' (query length) to equal dimension 1 of 'query'
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected dimension 1 of 'value' (key length) to equal dimension 1 of 'key'
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected dimension 3 of 'mask' (key length) to equal dimension 1 of 'key'
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected 'query' to have at least one head
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected 'key' to have at least one head
// CHECK: %[[REM:.*]] = arith.remui
// CHECK: %[[MULTIPLE:.*]] = arith.cmpi eq, %[[REM]]
// CHECK: cf.assert %[[MULTIPLE]], "{{.*}}expected the heads of 'query' to be a multiple of the heads of 'key'
// CHECK-NOT: cf.assert
// CHECK: mfa.masked_attention
func.func @dynamic(%x: tensor<?x?x?x64xf16>, %k: tensor<?x?x?x64xf16>,
                   %v: tensor<?x?x?x64xf16>, %m: tensor<?x?x?x?xi1>,
                   %o: tensor<?x?x?x64xf16>, %l: tensor<?x?x?xf32>) {
  %0:2 = mfa.masked_attention
           ins(%x, %k, %v : tensor<?x?x?x64xf16>, tensor<?x?x?x64xf16>,
                            tensor<?x?x?x64xf16>)
           mask(%m : tensor<?x?x?x?xi1>)
           outs(%o : tensor<?x?x?x64xf16>) lse(%l : tensor<?x?x?xf32>)
           -> tensor<?x?x?x64xf16>, tensor<?x?x?xf32>
  return
}

// A static size stands for all; a dynamic mask dimension has to have the full
// size, a static 1 needs no check.
// CHECK-LABEL: func.func @mixed
// CHECK-DAG: %[[C32:.*]] = arith.constant 32 : index
// CHECK-DAG: %[[KEYS:.*]] = tensor.dim %{{.*}}, %{{.*}} : tensor<1x1x?xi1>
// CHECK: %[[SAME:.*]] = arith.cmpi eq, %[[KEYS]], %[[C32]]
// CHECK: cf.assert %[[SAME]], "{{.*}}expected dimension 2 of 'mask' (key length) to equal dimension 1 of 'key'
// CHECK-NOT: cf.assert
// CHECK: mfa.masked_attention
func.func @mixed(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
                 %m: tensor<1x1x?xi1>) {
  %0 = mfa.masked_attention
         ins(%q, %k, %k : tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>,
                          tensor<2x32x2x8xf16>)
         mask(%m : tensor<1x1x?xi1>)
         outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  return
}

// CHECK-LABEL: func.func @strides
// CHECK: memref.extract_strided_metadata
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected 'query' to have unit stride in its last dimension
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected 'output' to have unit stride in its last dimension
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected 'output' to have distinct elements, but got stride 0 in dimension 0
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected 'output' to have distinct elements, but got stride 0 in dimension 1
// CHECK-DAG: cf.assert %{{.*}}, "{{.*}}expected 'lse' to have distinct elements, but got stride 0 in dimension 2
// CHECK-NOT: cf.assert
// CHECK: mfa.masked_attention
func.func @strides(
    %q: memref<2x16x4x8xf16, strided<[512, 32, 8, ?]>>,
    %k: memref<2x16x4x8xf16>,
    %o: memref<2x16x4x8xf16, strided<[?, ?, 8, ?]>>,
    %l: memref<2x4x16xf32, strided<[64, 16, ?]>>) {
  mfa.masked_attention
    ins(%q, %k, %k : memref<2x16x4x8xf16, strided<[512, 32, 8, ?]>>,
                     memref<2x16x4x8xf16>, memref<2x16x4x8xf16>)
    outs(%o : memref<2x16x4x8xf16, strided<[?, ?, 8, ?]>>)
    lse(%l : memref<2x4x16xf32, strided<[64, 16, ?]>>)
  return
}

// Indices of captured arrays are checked where they are used, in the region, by
// the checks of the op that reads; sinks have as many elements as there are heads.
// CHECK-LABEL: func.func @regions
// CHECK: cf.assert %{{.*}}, "{{.*}}expected dimension 0 of 'sinks' (heads) to equal dimension 2 of 'query'
// CHECK: mfa.masked_attention
// CHECK: keep
// CHECK: cf.assert %{{.*}}, "{{.*}}out-of-bounds
// CHECK: memref.load
// CHECK: mfa.yield
func.func @regions(%q: memref<1x16x4x8xf16>, %s: memref<?xf32>,
                   %ids: memref<?xi32>, %o: memref<1x16x4x8xf16>) {
  mfa.masked_attention
    ins(%q, %q, %q : memref<1x16x4x8xf16>, memref<1x16x4x8xf16>,
                     memref<1x16x4x8xf16>)
    sinks(%s : memref<?xf32>) captures(%ids : memref<?xi32>)
    outs(%o : memref<1x16x4x8xf16>)
    keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index, %a: memref<?xi32>):
      %x = memref.load %a[%n] : memref<?xi32>
      %zero = arith.constant 0 : i32
      %c = arith.cmpi ne, %x, %zero : i32
      mfa.yield %c : i1
    }
  return
}

// Arrays that are read at positions, and at what never falls as these grow, have to be
// large enough for the last ones, unless there are no pairs; each is checked once.
// CHECK-LABEL: func.func @captures
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<?x?x4x8xf16>, %[[K:[a-z0-9]+]]: memref<?x?x4x8xf16>, %[[IDS:[a-z0-9]+]]: memref<?x?xi32>, %[[TABLE:[a-z0-9]+]]: memref<?xi32>, %[[OFFSET:[a-z0-9]+]]: index
// CHECK-COUNT-5: cf.assert %{{.*}}, "{{.*}}to equal
// CHECK: cf.assert %{{.*}}, "{{.*}}expected dimension 0 of captured array 0 to have all indices at which regions read it
// CHECK: cf.assert %{{.*}}, "{{.*}}expected dimension 1 of captured array 0 to have all
// CHECK: cf.assert %{{.*}}, "{{.*}}expected dimension 1 of captured array 0 to have all
// CHECK: %[[SUM:.*]] = arith.addi %{{.*}}, %[[OFFSET]]
// CHECK: %[[BLOCK:.*]] = arith.divsi %[[SUM]], %{{.*}}
// CHECK: %[[SIZE:.*]] = memref.dim %[[TABLE]]
// CHECK: %[[INSIDE:.*]] = arith.cmpi slt, %[[BLOCK]], %[[SIZE]]
// CHECK: %[[FINE:.*]] = arith.ori %[[INSIDE]], %{{.*}} : i1
// CHECK: cf.assert %[[FINE]], "{{.*}}expected dimension 0 of captured array 1 to have all
// CHECK-NOT: to have all
// CHECK: mfa.masked_attention
func.func @captures(%q: memref<?x?x4x8xf16>, %k: memref<?x?x4x8xf16>,
                    %ids: memref<?x?xi32>, %table: memref<?xi32>, %offset: index,
                    %o: memref<?x?x4x8xf16>) {
  mfa.masked_attention
    ins(%q, %k, %k : memref<?x?x4x8xf16>, memref<?x?x4x8xf16>, memref<?x?x4x8xf16>)
    captures(%ids, %table, %offset : memref<?x?xi32>, memref<?xi32>, index)
    outs(%o : memref<?x?x4x8xf16>)
    keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index, %a: memref<?x?xi32>,
         %t: memref<?xi32>, %first: index):
      %c64 = arith.constant 64 : index
      %x = memref.load %a[%b, %i] : memref<?x?xi32>
      %y = memref.load %a[%b, %n] : memref<?x?xi32>
      %sum = arith.addi %n, %first : index
      %block = arith.divsi %sum, %c64 : index
      %z = memref.load %t[%block] : memref<?xi32>
      %back = arith.subi %n, %i : index
      %u = memref.load %t[%back] : memref<?xi32>
      %v = arith.addi %z, %u : i32
      %w = arith.addi %x, %v : i32
      %c = arith.cmpi eq, %w, %y : i32
      mfa.yield %c : i1
    }
  return
}
