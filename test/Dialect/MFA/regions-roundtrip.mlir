// Regions, captures and sinks parse, print and parse again, in the pretty and in
// the generic form.

// RUN: mfa-opt %s | mfa-opt | FileCheck %s --strict-whitespace
// RUN: mfa-opt %s --mlir-print-op-generic | mfa-opt | FileCheck %s --strict-whitespace

!q = tensor<1x128x8x64xf16>
!k = tensor<1x256x8x64xf16>

// CHECK-LABEL: func.func @causal
// CHECK: mfa.masked_attention ins(%{{.*}}) outs(%{{.*}} : tensor<1x128x8x64xf16>) keep {
// CHECK-NEXT: ^bb0(%b: index, %h: index, %q: index, %k: index):
// CHECK-NEXT: %[[SHIFT:.*]] = arith.constant 128 : index
// CHECK-NEXT: %[[LAST:.*]] = arith.addi %q, %[[SHIFT]] : index
// CHECK-NEXT: %[[C:.*]] = arith.cmpi sle, %k, %[[LAST]] : index
// CHECK-NEXT: mfa.yield %[[C]] : i1
// CHECK-NEXT: } -> tensor<1x128x8x64xf16>
func.func @causal(%query: !q, %key: !k, %o: !q) -> !q {
  %0 = mfa.masked_attention ins(%query, %key, %key : !q, !k, !k) outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %q: index, %k: index):
           %shift = arith.constant 128 : index
           %last = arith.addi %q, %shift : index
           %c = arith.cmpi sle, %k, %last : index
           mfa.yield %c : i1
         } -> !q
  return %0 : !q
}

// All clauses, and everything that a region may have.
// CHECK-LABEL: func.func @all
// CHECK: mfa.masked_attention {name = "all"} ins(%{{.*}}) mask(%{{.*}} : tensor<1x128x256xi1>) scale(%{{.*}} : f32) sinks(%{{.*}} : tensor<8xf32>) captures(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<1x256xi32>, index, tensor<8x?xf32>, f32) outs(%{{.*}}) lse(%{{.*}}) schedule(#mfa.schedule<{{.*}}>) score {
// CHECK-NEXT: ^bb0(%s: f32, %b: index, %h: index, %q: index, %k: index, %[[IDS:.*]]: tensor<1x256xi32>, %[[WINDOW:.*]]: index, %[[TABLE:.*]]: tensor<8x?xf32>, %[[CAP:.*]]: f32):
// CHECK: tensor.dim %[[TABLE]]
// CHECK: index.sub
// CHECK: tensor.extract %[[TABLE]][%h,
// CHECK: math.tanh
// CHECK: mfa.yield %{{.*}} : f32
// CHECK-NEXT: } keep {
// CHECK-NEXT: ^bb0(%b: index, %h: index, %q: index, %k: index, %[[IDS:.*]]: tensor<1x256xi32>, %[[WINDOW:.*]]: index, %{{.*}}: tensor<8x?xf32>, %{{.*}}: f32):
// CHECK: tensor.extract %[[IDS]][%b, %q]
// CHECK: tensor.extract %[[IDS]][%b, %k]
// CHECK: cf.assert
// CHECK: mfa.yield %{{.*}} : i1
// CHECK-NEXT: } -> (tensor<1x128x8x64xf16>, tensor<1x8x128xf32>)
func.func @all(%query: !q, %key: !k, %o: !q, %l: tensor<1x8x128xf32>,
               %m: tensor<1x128x256xi1>, %scale: f32, %sinks: tensor<8xf32>,
               %ids: tensor<1x256xi32>, %window: index, %table: tensor<8x?xf32>,
               %cap: f32) -> (!q, tensor<1x8x128xf32>) {
  %0:2 = mfa.masked_attention {name = "all"}
    ins(%query, %key, %key : !q, !k, !k)
    mask(%m : tensor<1x128x256xi1>) scale(%scale : f32)
    sinks(%sinks : tensor<8xf32>)
    captures(%ids, %window, %table, %cap : tensor<1x256xi32>, index, tensor<8x?xf32>, f32)
    outs(%o : !q) lse(%l : tensor<1x8x128xf32>)
    schedule(#mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64,
                           warps = 4, stages = 1>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %q: index, %k: index,
         %i: tensor<1x256xi32>, %w: index, %t: tensor<8x?xf32>, %c: f32):
      %one = arith.constant 1 : index
      %zero = arith.constant 0 : index
      %buckets = tensor.dim %t, %one : tensor<8x?xf32>
      %last = index.sub %buckets, %one
      %d = arith.subi %k, %q : index
      %low = arith.maxsi %d, %zero : index
      %bucket = arith.minsi %low, %last : index
      %bias = tensor.extract %t[%h, %bucket] : tensor<8x?xf32>
      %sum = arith.addf %s, %bias : f32
      %ratio = arith.divf %sum, %c : f32
      %tanh = math.tanh %ratio : f32
      %x = arith.mulf %tanh, %c : f32
      mfa.yield %x : f32
    }
    keep {
    ^bb0(%b: index, %h: index, %q: index, %k: index,
         %i: tensor<1x256xi32>, %w: index, %t: tensor<8x?xf32>, %c: f32):
      %idq = tensor.extract %i[%b, %q] : tensor<1x256xi32>
      %idk = tensor.extract %i[%b, %k] : tensor<1x256xi32>
      %same = arith.cmpi eq, %idq, %idk : i32
      %d = arith.subi %q, %k : index
      %near = arith.cmpi slt, %d, %w : index
      %y = arith.andi %same, %near : i1
      %true = arith.constant true
      cf.assert %true, "a check"
      mfa.yield %y : i1
    } -> !q, tensor<1x8x128xf32>
  return %0#0, %0#1 : !q, tensor<1x8x128xf32>
}

// On buffers, with captures that no region uses, and a region that knows less of
// an array than the operand says.
// CHECK-LABEL: func.func @buffers
// CHECK: mfa.masked_attention {{.*}} captures(%{{.*}}, %{{.*}} : memref<256xi64, strided<[2]>>, i1) outs(
// CHECK-NOT: keep
// CHECK: mfa.masked_attention {{.*}} sinks(%{{.*}} : memref<8xf32, strided<[0]>>) captures(%{{.*}} : memref<256xi64>) outs(%{{.*}}) keep {
// CHECK-NEXT: ^bb0(%b: index, %h: index, %q: index, %k: index, %[[A:.*]]: memref<?xi64>):
// CHECK: memref.dim %[[A]]
// CHECK: memref.load %[[A]][%k] : memref<?xi64>
func.func @buffers(%query: memref<1x128x8x64xf16>, %key: memref<1x256x8x64xf16>,
                   %o: memref<1x128x8x64xf16>, %sinks: memref<8xf32, strided<[0]>>,
                   %strided: memref<256xi64, strided<[2]>>, %flag: i1,
                   %array: memref<256xi64>) {
  mfa.masked_attention
    ins(%query, %key, %key : memref<1x128x8x64xf16>, memref<1x256x8x64xf16>,
                             memref<1x256x8x64xf16>)
    captures(%strided, %flag : memref<256xi64, strided<[2]>>, i1)
    outs(%o : memref<1x128x8x64xf16>)
  mfa.masked_attention
    ins(%query, %key, %key : memref<1x128x8x64xf16>, memref<1x256x8x64xf16>,
                             memref<1x256x8x64xf16>)
    sinks(%sinks : memref<8xf32, strided<[0]>>)
    captures(%array : memref<256xi64>)
    outs(%o : memref<1x128x8x64xf16>)
    keep {
    ^bb0(%b: index, %h: index, %q: index, %k: index, %a: memref<?xi64>):
      %zero = arith.constant 0 : index
      %size = memref.dim %a, %zero : memref<?xi64>
      %x = memref.load %a[%k] : memref<?xi64>
      %y = arith.index_cast %size : index to i64
      %c = arith.cmpi ult, %x, %y : i64
      mfa.yield %c : i1
    }
  return
}
