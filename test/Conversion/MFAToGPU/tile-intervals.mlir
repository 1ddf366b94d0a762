// What intervals of arrays say of a tile, before pairs are looked at.
// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

!a = memref<1x1024x1x64xf16>
#list = #mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2, tiles = list>

// Documents: 32 lanes find the extremes of the 64 rows and of the 32 keys. Documents
// that do not meet leave no pair, and a single one leaves all.
// CHECK-LABEL: gpu.func @masked_attention_tile_classes(
// CHECK-SAME: %[[IDS:[a-z0-9]*]]: memref<1024xi32>
// CHECK: %[[LANE:.*]] = arith.remui %{{.*}}, %c32
// CHECK: %[[FIRST_ROW:.*]] = arith.muli %{{.*}}, %c64
// CHECK: %[[FIRST_KEY:.*]] = arith.muli %{{.*}}, %c32
// CHECK: %[[FIRST_OF_LANE:.*]] = arith.addi %[[FIRST_ROW]], %[[LANE]]
// CHECK: scf.for %[[ROW:[a-z0-9]*]] = %[[FIRST_OF_LANE]] to %{{.*}} step %c32 iter_args(%[[LEAST:.*]] = %c2147483647_i32, %[[MOST:.*]] = %c-2147483648_i32)
// CHECK:   %[[ID:.*]] = memref.load %[[IDS]][%[[ROW]]]
// CHECK:   %[[LOW:.*]] = arith.minsi %[[LEAST]], %[[ID]]
// CHECK:   %[[HIGH:.*]] = arith.maxsi %[[MOST]], %[[ID]]
// CHECK:   scf.yield %[[LOW]], %[[HIGH]]
// CHECK-COUNT-4: gpu.shuffle xor
// CHECK: gpu.shuffle xor %{{.*}}, %c1_i32
// CHECK: %[[ROW_LOW:.*]] = arith.minsi
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK: %[[ROW_HIGH:.*]] = arith.maxsi
// CHECK: %[[KEY_OF_LANE:.*]] = arith.addi %[[FIRST_KEY]], %[[LANE]]
// CHECK: scf.for %{{.*}} = %[[KEY_OF_LANE]]
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK: %[[KEY_LOW:.*]] = arith.minsi
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK: %[[KEY_HIGH:.*]] = arith.maxsi
// CHECK-DAG: %[[ABOVE:.*]] = arith.cmpi sle, %[[ROW_LOW]], %[[KEY_HIGH]]
// CHECK-DAG: %[[BELOW:.*]] = arith.cmpi sle, %[[KEY_LOW]], %[[ROW_HIGH]]
// CHECK: %[[MAY_HOLD:.*]] = arith.andi
// CHECK-DAG: arith.cmpi ne, %[[ROW_LOW]], %[[KEY_HIGH]]
// CHECK-DAG: arith.cmpi ne, %[[ROW_HIGH]], %[[KEY_LOW]]
// CHECK: %[[MAY_FAIL:.*]] = arith.ori
// CHECK: %[[OPEN:.*]] = arith.andi %[[MAY_HOLD]], %[[MAY_FAIL]]
// CHECK: scf.if %[[OPEN]] -> (i1, i1)
// CHECK:   scf.while
// CHECK: else
// CHECK:   scf.yield %[[MAY_HOLD]], %[[MAY_FAIL]]
func.func @documents(%q: !a, %ids: memref<1024xi32>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%ids : memref<1024xi32>) outs(%o : !a) schedule(#list)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %d: memref<1024xi32>):
        %x = memref.load %d[%i] : memref<1024xi32>
        %y = memref.load %d[%n] : memref<1024xi32>
        %same = arith.cmpi eq, %x, %y : i32
        mfa.yield %same : i1
      }
  return
}

// -----

!a = memref<1x1024x1x64xf16>
#list = #mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2, tiles = list>

// Bits of keys, turned around; short numbers, which become wide before they are
// added. `n < length[b]`, an element for all pairs, is read once.
// CHECK-LABEL: gpu.func @masked_attention_tile_classes(
// CHECK-SAME: %[[BITS:[a-z0-9]*]]: memref<1024xi1>, %[[SHORT:[a-z0-9]*]]: memref<1024xi8>, %[[LENGTHS:[a-z0-9]*]]: memref<1xindex>
// CHECK: scf.for
// CHECK:   memref.load %[[BITS]]
// CHECK:   arith.extui %{{.*}} : i1 to i32
// CHECK: %[[NO_BIT:.*]] = arith.cmpi ne, %{{.*}}, %c0_i32
// CHECK: %[[ALL_BITS:.*]] = arith.cmpi eq, %{{.*}}, %c0_i32
// CHECK: scf.for
// CHECK:   memref.load %[[SHORT]]
// CHECK:   arith.extsi %{{.*}} : i8 to i32
// CHECK: arith.trunci %{{.*}} : i32 to i8
// CHECK-COUNT-2: arith.index_cast %{{.*}} : i8 to index
// CHECK: arith.addi
// CHECK: memref.load %[[LENGTHS]]
// CHECK: scf.if %{{.*}} -> (i1, i1)
// CHECK:   scf.while
func.func @bits(%q: !a, %bits: memref<1024xi1>, %shifts: memref<1024xi8>, %lengths: memref<1xindex>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%bits, %shifts, %lengths : memref<1024xi1>, memref<1024xi8>, memref<1xindex>) outs(%o : !a) schedule(#list)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %m: memref<1024xi1>, %s: memref<1024xi8>, %l: memref<1xindex>):
        %true = arith.constant true
        %bit = memref.load %m[%n] : memref<1024xi1>
        %off = arith.xori %bit, %true : i1
        %shift = memref.load %s[%i] : memref<1024xi8>
        %wide = arith.extsi %shift : i8 to i64
        %index = arith.index_cast %wide : i64 to index
        %last = arith.addi %i, %index : index
        %near = arith.cmpi slt, %n, %last : index
        %length = memref.load %l[%b] : memref<1xindex>
        %inside = arith.cmpi slt, %n, %length : index
        %both = arith.andi %off, %near : i1
        %kept = arith.ori %both, %inside : i1
        mfa.yield %kept : i1
      }
  return
}

// -----

!a = memref<1x1024x1x64xf16>
#list = #mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2, tiles = list>

// Nothing is known of numbers without an order, of a sum that may wrap, or of an
// array at rows and keys: each pair is looked at.
// CHECK-LABEL: gpu.func @masked_attention_tile_classes(
// CHECK-NOT: gpu.shuffle
// CHECK: scf.while
// CHECK-NOT: gpu.shuffle
// CHECK: gpu.return
func.func @unknown(%q: !a, %ids: memref<1024xi32>, %pairs: memref<1024x1024xi32>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%ids, %pairs : memref<1024xi32>, memref<1024x1024xi32>) outs(%o : !a) schedule(#list)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %d: memref<1024xi32>, %p: memref<1024x1024xi32>):
        %zero = arith.constant 0 : i32
        %pair = memref.load %p[%i, %n] : memref<1024x1024xi32>
        %first = arith.cmpi eq, %pair, %zero : i32
        mfa.yield %first : i1
      }
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%ids, %pairs : memref<1024xi32>, memref<1024x1024xi32>) outs(%o : !a) schedule(#list)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %d: memref<1024xi32>, %p: memref<1024x1024xi32>):
        %x = memref.load %d[%i] : memref<1024xi32>
        %y = memref.load %d[%n] : memref<1024xi32>
        %z = arith.constant 0 : i32
        %sum = arith.addi %x, %y : i32
        %less = arith.cmpi slt, %sum, %z : i32
        mfa.yield %less : i1
      }
  return
}
