// RUN: mfa-opt %s --convert-mfa-to-vector --split-input-file | FileCheck %s

// A causal rule: rows visit the tiles of keys up to their own, and `keep` is a
// comparison of a vector of keys in those alone that it cuts.

#schedule = #mfa.schedule<kind = cpu, tile_rows = 8, tile_keys = 16, lanes = 8,
                          register_rows = 2, register_columns = 1>

// CHECK-LABEL: func.func @causal(
// CHECK: scf.parallel
// CHECK: arith.select
// CHECK: vector.fma
// CHECK: scf.if
// CHECK: vector.step : vector<8xindex>
// CHECK: %[[KEPT:.*]] = arith.cmpi sle, %{{.*}} : vector<8xindex>
// CHECK: arith.select %[[KEPT]], %{{.*}} : vector<8xi1>, vector<8xf32>
// CHECK: else
// CHECK-NOT: arith.cmpi sle, %{{.*}} : vector<8xindex>
// CHECK: arith.shli
func.func @causal(%q: memref<1x?x2x8xf32>, %o: memref<1x?x2x8xf32>) {
  mfa.masked_attention
      ins(%q, %q, %q : memref<1x?x2x8xf32>, memref<1x?x2x8xf32>, memref<1x?x2x8xf32>)
      outs(%o : memref<1x?x2x8xf32>) schedule(#schedule)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %c = arith.cmpi sle, %j, %i : index
        mfa.yield %c : i1
      }
  return
}

// -----

// What is the same for all keys of a row is computed once; elements side by side are
// one load, and others one for each key. tanh is a quotient of polynomials.

#schedule = #mfa.schedule<kind = cpu, tile_rows = 2, tile_keys = 8, lanes = 4,
                          register_rows = 1, register_columns = 1>

// CHECK-LABEL: func.func @arrays(
// CHECK-SAME: %[[IDS:[a-z0-9]+]]: memref<?x?xi32>, %[[TABLE:[a-z0-9]+]]: memref<?x?xf32, strided<[?, 2]>>
// CHECK: else
// CHECK: vector.load %[[IDS]][{{.*}}] : memref<?x?xi32>, vector<4xi32>
// CHECK-COUNT-4: memref.load %[[TABLE]]
// CHECK: vector.from_elements
// CHECK: memref.load %[[IDS]]
// CHECK: arith.sitofp %{{.*}} : i32 to f32
// CHECK: vector.broadcast
// CHECK: arith.mulf %{{.*}} : vector<4xf32>
// CHECK-NOT: math.tanh
// CHECK: arith.divf %{{.*}} : vector<4xf32>
func.func @arrays(%q: memref<1x?x2x8xf32>, %o: memref<1x?x2x8xf32>,
                  %ids: memref<?x?xi32>, %table: memref<?x?xf32, strided<[?, 2]>>) {
  mfa.masked_attention
      ins(%q, %q, %q : memref<1x?x2x8xf32>, memref<1x?x2x8xf32>, memref<1x?x2x8xf32>)
      captures(%ids, %table : memref<?x?xi32>, memref<?x?xf32, strided<[?, 2]>>)
      outs(%o : memref<1x?x2x8xf32>) schedule(#schedule)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index,
           %a: memref<?x?xi32>, %t: memref<?x?xf32, strided<[?, 2]>>):
        %key = memref.load %a[%b, %j] : memref<?x?xi32>
        %bias = memref.load %t[%h, %j] : memref<?x?xf32, strided<[?, 2]>>
        %query = memref.load %a[%b, %i] : memref<?x?xi32>
        %factor = arith.sitofp %query : i32 to f32
        %more = arith.sitofp %key : i32 to f32
        %x = arith.mulf %more, %factor : f32
        %y = arith.addf %x, %bias : f32
        %z = arith.addf %y, %s : f32
        %w = math.tanh %z : f32
        mfa.yield %w : f32
      }
  return
}

// -----

// With a list each tile that may be cut is looked at first.

#schedule = #mfa.schedule<kind = cpu, tile_rows = 2, tile_keys = 8, tiles = list, lanes = 4,
                          register_rows = 1, register_columns = 1>

// CHECK-LABEL: func.func @documents(
// CHECK-SAME: %[[IDS:[a-z0-9]+]]: memref<?x?xi32>
// CHECK: scf.parallel
// CHECK: %[[LOOK:.*]] = scf.if %{{.*}} -> (i1)
// CHECK: vector.maskedload %[[IDS]]
// CHECK: vector.reduction <or>, %{{.*}} : vector<4xi1> into i1
// CHECK: else
// CHECK-NEXT: %[[TRUE:.*]] = arith.constant true
// CHECK-NEXT: scf.yield %[[TRUE]]
// CHECK: scf.if %[[LOOK]]
// CHECK: vector.fma
func.func @documents(%q: memref<1x?x2x8xf32>, %o: memref<1x?x2x8xf32>, %ids: memref<?x?xi32>) {
  mfa.masked_attention
      ins(%q, %q, %q : memref<1x?x2x8xf32>, memref<1x?x2x8xf32>, memref<1x?x2x8xf32>)
      captures(%ids : memref<?x?xi32>)
      outs(%o : memref<1x?x2x8xf32>) schedule(#schedule)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %j: index, %a: memref<?x?xi32>):
        %key = memref.load %a[%b, %j] : memref<?x?xi32>
        %query = memref.load %a[%b, %i] : memref<?x?xi32>
        %c = arith.cmpi eq, %key, %query : i32
        mfa.yield %c : i1
      }
  return
}
