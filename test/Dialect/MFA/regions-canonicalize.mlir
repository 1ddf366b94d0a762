// RUN: mfa-opt %s --canonicalize --split-input-file | FileCheck %s

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

// Regions that change nothing, and the captures that only they had, are dropped.
// CHECK-LABEL: func.func @neutral
// CHECK: mfa.masked_attention ins(%{{.*}}) outs(%{{.*}} : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
func.func @neutral(%q: !q, %k: !k, %o: !q, %t: tensor<4xf32>) -> !q {
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%t : tensor<4xf32>) outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %a: tensor<4xf32>):
           %unused = tensor.extract %a[%h] : tensor<4xf32>
           mfa.yield %s : f32
         }
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index, %a: tensor<4xf32>):
           %zero = arith.constant 0 : index
           %c = arith.cmpi sge, %zero, %zero : index
           mfa.yield %c : i1
         } -> !q
  return %0 : !q
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

// CHECK-LABEL: func.func @nothing_kept
// CHECK-SAME: %[[O:[a-z0-9]+]]: tensor<2x16x4x8xf16>, %[[L:[a-z0-9]+]]: tensor<2x4x16xf32>, %[[S:[a-z0-9]+]]: tensor<4xf32>
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f16
// CHECK-DAG: %[[NINF:.*]] = arith.constant 0xFF800000 : f32
// CHECK: %[[OUT:.*]] = linalg.fill ins(%[[ZERO]] : f16) outs(%[[O]] :
// CHECK: %[[LSE:.*]] = linalg.fill ins(%[[NINF]] : f32) outs(%[[L]] :
// CHECK: %[[OUT2:.*]] = linalg.fill ins(%[[ZERO]] : f16) outs(%[[O]] :
// CHECK: %[[LSE2:.*]] = linalg.broadcast ins(%[[S]] : tensor<4xf32>) outs(%[[L]] : tensor<2x4x16xf32>) dimensions = [0, 2]
// CHECK: return %[[OUT]], %[[LSE]], %[[OUT2]], %[[LSE2]]
func.func @nothing_kept(%q: !q, %k: !k, %o: !q, %l: tensor<2x4x16xf32>,
    %s: tensor<4xf32>) -> (!q, tensor<2x4x16xf32>, !q, tensor<2x4x16xf32>) {
  %0:2 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
           outs(%o : !q) lse(%l : tensor<2x4x16xf32>)
           keep {
           ^bb0(%b: index, %h: index, %i: index, %n: index):
             %c = arith.constant false
             mfa.yield %c : i1
           } -> !q, tensor<2x4x16xf32>
  %1:2 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
           sinks(%s : tensor<4xf32>)
           outs(%o : !q) lse(%l : tensor<2x4x16xf32>)
           keep {
           ^bb0(%b: index, %h: index, %i: index, %n: index):
             %c = arith.constant false
             mfa.yield %c : i1
           } -> !q, tensor<2x4x16xf32>
  return %0#0, %0#1, %1#0, %1#1 : !q, tensor<2x4x16xf32>, !q, tensor<2x4x16xf32>
}

// CHECK-LABEL: func.func @nothing_kept_on_buffers
// CHECK: linalg.fill ins(%{{.*}} : f32) outs(%arg1 : memref<1x16x1x8xf32>)
// CHECK-NOT: mfa.masked_attention
// CHECK: return
func.func @nothing_kept_on_buffers(%q: memref<1x16x1x8xf32>, %o: memref<1x16x1x8xf32>) {
  mfa.masked_attention
    ins(%q, %q, %q : memref<1x16x1x8xf32>, memref<1x16x1x8xf32>, memref<1x16x1x8xf32>)
    outs(%o : memref<1x16x1x8xf32>)
    keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index):
      %c = arith.constant false
      mfa.yield %c : i1
    }
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

// Constants move inside, one value of an array as well; a value that is captured
// twice is captured once, one that nothing uses not at all.
// CHECK-LABEL: func.func @captures
// CHECK-SAME: %[[W:[a-z0-9]+]]: index, %[[T:[a-z0-9]+]]: tensor<4xi32>
// CHECK: mfa.masked_attention {{.*}} captures(%[[W]], %[[T]] : index, tensor<4xi32>) outs
// CHECK: score
// CHECK-DAG: %[[HALF:.*]] = arith.constant 5.000000e-01 : f32
// CHECK: arith.mulf %s, %[[HALF]] : f32
// CHECK: keep
// CHECK-NEXT: ^bb0(%b: index, %h: index, %q: index, %k: index, %[[V:.*]]: index, %[[A:.*]]: tensor<4xi32>):
// CHECK-DAG: %[[SEVEN:.*]] = arith.constant 7 : index
// CHECK-DAG: %[[D:.*]] = arith.subi %q, %[[SEVEN]]
// CHECK-DAG: arith.cmpi slt, %[[D]], %[[V]]
// CHECK-DAG: arith.cmpi slt, %k, %[[V]]
// CHECK-DAG: tensor.extract %[[A]][%h] : tensor<4xi32>
func.func @captures(%q: !q, %k: !k, %o: !q, %w: index, %t: tensor<4xi32>) -> !q {
  %seven = arith.constant 7 : index
  %half = arith.constant dense<0.5> : tensor<4xf32>
  %cast = tensor.cast %t : tensor<4xi32> to tensor<?xi32>
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%seven, %w, %o, %half, %w, %cast : index, index, !q, tensor<4xf32>, index, tensor<?xi32>)
         outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %a: index, %c: index, %d: !q, %e: tensor<4xf32>, %f: index, %g: tensor<?xi32>):
           %x = tensor.extract %e[%h] : tensor<4xf32>
           %y = arith.mulf %s, %x : f32
           mfa.yield %y : f32
         }
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index, %a: index, %c: index, %d: !q, %e: tensor<4xf32>, %f: index, %g: tensor<?xi32>):
           %x = arith.subi %i, %a : index
           %y = arith.cmpi slt, %x, %c : index
           %z = arith.cmpi slt, %n, %f : index
           %id = tensor.extract %g[%h] : tensor<?xi32>
           %flag = arith.trunci %id : i32 to i1
           %u = arith.andi %y, %z : i1
           %v = arith.andi %u, %flag : i1
           mfa.yield %v : i1
         } -> !q
  return %0 : !q
}

// -----

// A log-sum-exp that nobody reads goes, and nothing else.
// CHECK-LABEL: func.func @unused_lse
// CHECK: mfa.masked_attention {{.*}} sinks({{.*}}) captures({{.*}}) outs(
// CHECK-NOT: lse
// CHECK: keep
// CHECK: arith.cmpi slt
func.func @unused_lse(%q: tensor<2x16x4x8xf16>, %l: tensor<2x4x16xf32>,
    %s: tensor<4xf32>, %w: index) -> tensor<2x16x4x8xf16> {
  %0:2 = mfa.masked_attention
    ins(%q, %q, %q : tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>)
    sinks(%s : tensor<4xf32>) captures(%w : index)
    outs(%q : tensor<2x16x4x8xf16>) lse(%l : tensor<2x4x16xf32>)
    keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index, %v: index):
      %c = arith.cmpi slt, %n, %v : index
      mfa.yield %c : i1
    } -> tensor<2x16x4x8xf16>, tensor<2x4x16xf32>
  return %0#0 : tensor<2x16x4x8xf16>
}

// -----

// Casts of captures, inputs and destinations are folded, and the results get
// theirs back.
// CHECK-LABEL: func.func @casts
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<2x16x4x8xf16>, %[[IDS:[a-z0-9]+]]: tensor<16xi32>
// CHECK: %[[A:.*]] = mfa.masked_attention ins(%[[Q]], %[[Q]], %[[Q]] : {{.*}}) captures(%[[IDS]] : tensor<16xi32>) outs(%[[Q]] : {{.*}}) keep {
// CHECK-NEXT: ^bb0({{.*}}, %[[T:.*]]: tensor<16xi32>):
// CHECK: tensor.extract %[[T]][%q] : tensor<16xi32>
// CHECK: %[[CAST:.*]] = tensor.cast %[[A]] : tensor<2x16x4x8xf16> to tensor<?x?x?x8xf16>
// CHECK: return %[[CAST]]
func.func @casts(%q: tensor<2x16x4x8xf16>, %ids: tensor<16xi32>) -> tensor<?x?x?x8xf16> {
  %cast = tensor.cast %q : tensor<2x16x4x8xf16> to tensor<?x?x?x8xf16>
  %ids_cast = tensor.cast %ids : tensor<16xi32> to tensor<?xi32>
  %0 = mfa.masked_attention
    ins(%cast, %cast, %cast : tensor<?x?x?x8xf16>, tensor<?x?x?x8xf16>, tensor<?x?x?x8xf16>)
    captures(%ids_cast : tensor<?xi32>) outs(%cast : tensor<?x?x?x8xf16>)
    keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index, %t: tensor<?xi32>):
      %id = tensor.extract %t[%i] : tensor<?xi32>
      %c = arith.trunci %id : i32 to i1
      mfa.yield %c : i1
    } -> tensor<?x?x?x8xf16>
  return %0 : tensor<?x?x?x8xf16>
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

// A region that adds an element at the pair's own place first has a mask, and the
// rest stays a region.
// CHECK-LABEL: func.func @lookup
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<1x4x16x32xf16>
// CHECK: mfa.masked_attention ins(%{{.*}}) mask(%[[M]] : tensor<1x4x16x32xf16>) outs
// CHECK-NOT: score
// CHECK: mfa.masked_attention ins(%{{.*}}) mask(%[[M]] : tensor<1x4x16x32xf16>) outs
// CHECK-SAME: score {
// CHECK: ^bb0(%[[S:[a-z0-9]+]]: f32,
// CHECK-NEXT: math.absf %[[S]]
func.func @lookup(%q: !q, %k: !k, %o: !q, %m: tensor<1x4x16x32xf16>) -> (!q, !q) {
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%m : tensor<1x4x16x32xf16>) outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %a: tensor<1x4x16x32xf16>):
           %zero = arith.constant 0 : index
           %x = tensor.extract %a[%zero, %h, %i, %n] : tensor<1x4x16x32xf16>
           %y = arith.extf %x : f16 to f32
           %z = arith.addf %y, %s : f32
           mfa.yield %z : f32
         } -> !q
  %1 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%m : tensor<1x4x16x32xf16>) outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %a: tensor<1x4x16x32xf16>):
           %zero = arith.constant 0 : index
           %x = tensor.extract %a[%zero, %h, %i, %n] : tensor<1x4x16x32xf16>
           %y = arith.extf %x : f16 to f32
           %z = arith.addf %s, %y : f32
           %r = math.absf %z : f32
           mfa.yield %r : f32
         } -> !q
  return %0, %1 : !q, !q
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

// Not the element of another place, of an array that may be larger, after another
// function, or of a score that is used again.
// CHECK-LABEL: func.func @not_lookups
// CHECK-NOT: mask(
// CHECK: return
func.func @not_lookups(%q: !q, %k: !k, %o: !q, %m: tensor<2x32x32xf32>, %d: tensor<2x?x32xf32>) -> (!q, !q, !q, !q) {
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%m : tensor<2x32x32xf32>) outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %a: tensor<2x32x32xf32>):
           %x = tensor.extract %a[%b, %i, %n] : tensor<2x32x32xf32>
           %y = arith.addf %s, %x : f32
           mfa.yield %y : f32
         } -> !q
  %1 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%d : tensor<2x?x32xf32>) outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %a: tensor<2x?x32xf32>):
           %x = tensor.extract %a[%b, %i, %n] : tensor<2x?x32xf32>
           %y = arith.addf %s, %x : f32
           mfa.yield %y : f32
         } -> !q
  %2 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q)
         captures(%m : tensor<2x32x32xf32>) outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %a: tensor<2x32x32xf32>):
           %x = tensor.extract %a[%b, %n, %i] : tensor<2x32x32xf32>
           %y = arith.addf %s, %x : f32
           mfa.yield %y : f32
         } -> !q
  %3 = mfa.masked_attention ins(%k, %k, %k : !k, !k, !k)
         captures(%m : tensor<2x32x32xf32>) outs(%k : !k)
         score {
         ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %a: tensor<2x32x32xf32>):
           %x = tensor.extract %a[%b, %i, %n] : tensor<2x32x32xf32>
           %y = arith.addf %s, %x : f32
           %z = arith.mulf %y, %s : f32
           mfa.yield %z : f32
         } -> !k
  %4 = tensor.extract_slice %3[0, 0, 0, 0] [2, 16, 2, 8] [1, 1, 1, 1] : !k to tensor<2x16x2x8xf16>
  %5 = tensor.insert_slice %4 into %q[0, 0, 0, 0] [2, 16, 2, 8] [1, 1, 1, 1] : tensor<2x16x2x8xf16> into !q
  return %0, %1, %2, %5 : !q, !q, !q, !q
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

// Arrays of pairs, for all batches or for all batches and heads, too; sizes may
// be dynamic where they are those of query and key.
// CHECK-LABEL: func.func @lookup_pairs
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<16x32xf32>, %[[H:[a-z0-9]+]]: tensor<4x16x32xbf16>
// CHECK: %[[M1:.*]] = tensor.expand_shape %[[M]] {{\[\[}}0, 1], [2]] output_shape [1, 16, 32]
// CHECK: mfa.masked_attention {{.*}} mask(%[[M1]] : tensor<1x16x32xf32>) outs({{[^)]*}}) ->
// CHECK: %[[H1:.*]] = tensor.expand_shape %[[H]] {{\[\[}}0, 1], [2], [3]] output_shape [1, 4, 16, 32]
// CHECK: mfa.masked_attention {{.*}} mask(%[[H1]] : tensor<1x4x16x32xbf16>) outs({{[^)]*}}) ->
func.func @lookup_pairs(%q: !q, %k: !k, %o: !q, %m: tensor<16x32xf32>, %h: tensor<4x16x32xbf16>) -> (!q, !q) {
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%m : tensor<16x32xf32>) outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %j: index, %i: index, %n: index, %a: tensor<16x32xf32>):
           %x = tensor.extract %a[%i, %n] : tensor<16x32xf32>
           %y = arith.addf %s, %x : f32
           mfa.yield %y : f32
         } -> !q
  %1 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%h : tensor<4x16x32xbf16>) outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %j: index, %i: index, %n: index, %a: tensor<4x16x32xbf16>):
           %x = tensor.extract %a[%j, %i, %n] : tensor<4x16x32xbf16>
           %e = arith.extf %x : bf16 to f32
           %y = arith.addf %s, %e : f32
           mfa.yield %y : f32
         } -> !q
  return %0, %1 : !q, !q
}

// -----

!q = memref<2x16x4x8xf16>
!k = memref<2x32x2x8xf16>

// CHECK-LABEL: func.func @lookup_buffer
// CHECK-SAME: %[[M:[a-z0-9]+]]: memref<16x32xf32, strided<[?, 1]>>
// CHECK: %[[M1:.*]] = memref.expand_shape %[[M]] {{\[\[}}0, 1], [2]] output_shape [1, 16, 32]
// CHECK: mfa.masked_attention {{.*}} mask(%[[M1]] : memref<1x16x32xf32, strided<[?, ?, 1]>>) outs
// CHECK-NOT: score
// CHECK: return
func.func @lookup_buffer(%q: !q, %k: !k, %o: !q, %m: memref<16x32xf32, strided<[?, 1]>>) {
  mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
      captures(%m : memref<16x32xf32, strided<[?, 1]>>) outs(%o : !q)
      score {
      ^bb0(%s: f32, %b: index, %j: index, %i: index, %n: index, %a: memref<16x32xf32, strided<[?, 1]>>):
        %x = memref.load %a[%i, %n] : memref<16x32xf32, strided<[?, 1]>>
        %y = arith.addf %s, %x : f32
        mfa.yield %y : f32
      }
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

// An array of conditions is no mask of i1, which would not hide scores that are
// no numbers; an array of a row or of keys is none of pairs.
// CHECK-LABEL: func.func @not_masks
// CHECK-NOT: mask(
// CHECK: return
func.func @not_masks(%q: !q, %k: !k, %o: !q, %m: tensor<2x16x32xi1>, %d: tensor<4x32xf32>) -> (!q, !q, !q) {
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%m : tensor<2x16x32xi1>) outs(%o : !q)
         keep {
         ^bb0(%b: index, %j: index, %i: index, %n: index, %a: tensor<2x16x32xi1>):
           %x = tensor.extract %a[%b, %i, %n] : tensor<2x16x32xi1>
           mfa.yield %x : i1
         } -> !q
  %1 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%m : tensor<2x16x32xi1>) outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %j: index, %i: index, %n: index, %a: tensor<2x16x32xi1>):
           %low = arith.constant 0xFF800000 : f32
           %x = tensor.extract %a[%b, %i, %n] : tensor<2x16x32xi1>
           %y = arith.select %x, %s, %low : f32
           mfa.yield %y : f32
         } -> !q
  %2 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%d : tensor<4x32xf32>) outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %j: index, %i: index, %n: index, %a: tensor<4x32xf32>):
           %x = tensor.extract %a[%j, %n] : tensor<4x32xf32>
           %y = arith.addf %s, %x : f32
           mfa.yield %y : f32
         } -> !q
  return %0, %1, %2 : !q, !q, !q
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>
!l = tensor<2x4x16xf32>

// Where nothing is kept the log-sum-exp is that of the sinks: of heads, or of rows.
// CHECK-LABEL: func.func @nothing_but_sinks
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<4xf32>, %[[T:[a-z0-9]+]]: tensor<4x16xf32>)
// CHECK: linalg.broadcast ins(%[[S]] : tensor<4xf32>) outs({{.*}}) dimensions = [0, 2]
// CHECK: linalg.broadcast ins(%[[T]] : tensor<4x16xf32>) outs({{.*}}) dimensions = [0]
// CHECK-NOT: mfa.masked_attention
func.func @nothing_but_sinks(%q: !q, %k: !k, %o: !q, %l: !l, %s: tensor<4xf32>, %t: tensor<4x16xf32>) -> (!q, !l, !q, !l) {
  %0:2 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         sinks(%s : tensor<4xf32>) outs(%o : !q) lse(%l : !l)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           %no = arith.constant false
           mfa.yield %no : i1
         } -> (!q, !l)
  %1:2 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         sinks(%t : tensor<4x16xf32>) outs(%o : !q) lse(%l : !l)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           %no = arith.constant false
           mfa.yield %no : i1
         } -> (!q, !l)
  return %0#0, %0#1, %1#0, %1#1 : !q, !l, !q, !l
}
