// What intervals of arrays and positions say of a tile, before pairs are looked at.
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
// CHECK: scf.for %[[ROW:[a-z0-9]*]] = %[[FIRST_OF_LANE]] to %{{.*}} step %c128 iter_args(%[[LEAST:.*]] = %c2147483647_i32, %[[MOST:.*]] = %c-2147483648_i32)
// CHECK:   %[[OR_LAST:.*]] = arith.minui %[[ROW]], %[[LAST:.*]] : index
// CHECK:   %[[ID:.*]] = memref.load %[[IDS]][%[[OR_LAST]]]
// CHECK:   arith.minsi %[[LEAST]], %[[ID]]
// CHECK:   arith.maxsi %[[MOST]], %[[ID]]
// CHECK:   %[[SECOND:.*]] = arith.addi %[[ROW]], %c32
// CHECK:   %[[SECOND_OR_LAST:.*]] = arith.minui %[[SECOND]], %[[LAST]]
// CHECK:   memref.load %[[IDS]][%[[SECOND_OR_LAST]]]
// CHECK-COUNT-2: memref.load %[[IDS]]
// CHECK:   %[[LOW:.*]] = arith.minsi
// CHECK:   %[[HIGH:.*]] = arith.maxsi
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

// -----

!a = memref<1x1024x1x64xf16>
#list = #mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2, tiles = list>

// Neighbours in an image of 48 columns, as far as somebody outside says: a tile with
// rows of the image that are too far away leaves no pair, and nobody looks at one. Of
// columns the remainders are in order within a row of the image alone.
// CHECK-LABEL: gpu.func @masked_attention_tile_classes(
// CHECK-SAME: %[[REACH:[a-z0-9]*]]: index
// CHECK-NOT: memref.load
// CHECK: %[[FIRST_ROW:.*]] = arith.muli %{{.*}}, %c64
// CHECK: %[[FIRST_KEY:.*]] = arith.muli %{{.*}}, %c32
// CHECK-DAG: %[[ROW_LOW:.*]] = arith.divsi %[[FIRST_ROW]], %c48
// CHECK-DAG: %[[ROW_HIGH:.*]] = arith.divsi %[[LAST_ROW:.*]], %c48
// CHECK-DAG: %[[KEY_LOW:.*]] = arith.divsi %[[FIRST_KEY]], %c48
// CHECK-DAG: %[[KEY_HIGH:.*]] = arith.divsi %[[LAST_KEY:.*]], %c48
// CHECK-DAG: %[[LEAST:.*]] = arith.subi %[[ROW_LOW]], %[[KEY_HIGH]]
// CHECK-DAG: %[[MOST:.*]] = arith.subi %[[ROW_HIGH]], %[[KEY_LOW]]
// CHECK: arith.cmpi sle, %[[LEAST]], %[[REACH]]
// CHECK: arith.cmpi sgt, %[[MOST]], %[[REACH]]
// CHECK-DAG: %[[REST_LOW:.*]] = arith.remsi %[[FIRST_ROW]], %c48
// CHECK-DAG: %[[REST_HIGH:.*]] = arith.remsi %[[LAST_ROW]], %c48
// CHECK: %[[ORDERED:.*]] = arith.cmpi eq, %[[ROW_LOW]], %[[ROW_HIGH]]
// CHECK-DAG: arith.select %[[ORDERED]], %[[REST_LOW]], %[[LEAST_REST:.*]]
// CHECK-DAG: arith.select %[[ORDERED]], %[[REST_HIGH]], %[[MOST_REST:.*]]
// CHECK: scf.if %{{.*}} -> (i1, i1)
// CHECK:   scf.while
func.func @neighbours(%q: !a, %reach: index, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%reach : index) outs(%o : !a) schedule(#list)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %far: index):
        %width = arith.constant 48 : index
        %i_row = arith.divsi %i, %width : index
        %n_row = arith.divsi %n, %width : index
        %rows = arith.subi %i_row, %n_row : index
        %above = arith.cmpi sle, %rows, %far : index
        %i_col = arith.remsi %i, %width : index
        %n_col = arith.remsi %n, %width : index
        %cols = arith.subi %i_col, %n_col : index
        %left = arith.cmpi sle, %cols, %far : index
        %kept = arith.andi %above, %left : i1
        mfa.yield %kept : i1
      }
  return
}

// -----

!a = memref<1x1024x1x64xf16>
#list = #mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2, tiles = list>

// A quotient that is rounded down, as it is expanded: which of two numbers is chosen is
// known where the condition is, as for the sign of a difference that all pairs have.
// CHECK-LABEL: gpu.func @masked_attention_tile_classes(
// CHECK: %[[MAY_BE_NEGATIVE:.*]] = arith.cmpi slt, %[[LEAST:.*]], %c0
// CHECK: %[[MAY_BE_POSITIVE:.*]] = arith.cmpi sge, %[[MOST:.*]], %c0
// CHECK-DAG: %[[LOW:.*]] = arith.minsi %[[THEN:.*]], %[[LEAST]]
// CHECK-DAG: arith.maxsi %{{.*}}, %[[MOST]]
// CHECK: %[[EITHER:.*]] = arith.select %[[MAY_BE_POSITIVE]], %[[LOW]], %[[THEN]] : index
// CHECK: arith.select %[[MAY_BE_NEGATIVE]], %[[EITHER]], %[[LEAST]] : index
// CHECK: scf.if %{{.*}} -> (i1, i1)
// CHECK:   scf.while
func.func @choice(%q: !a, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a) schedule(#list)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %zero = arith.constant 0 : index
        %one = arith.constant 1 : index
        %no = arith.constant false
        %distance = arith.subi %i, %n : index
        %is_negative = arith.cmpi slt, %distance, %zero : index
        %rounds = arith.cmpi ne, %is_negative, %no : i1
        %less = arith.subi %distance, %one : index
        %rounded = arith.select %rounds, %less, %distance : index
        %kept = arith.cmpi sge, %rounded, %zero : index
        mfa.yield %kept : i1
      }
  return
}
