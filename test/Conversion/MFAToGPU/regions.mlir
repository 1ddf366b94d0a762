// What kernels make of regions: those of scores, then those that keep keys.

// RUN: mfa-opt %s --mfa-expand-region-math --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

!a = memref<1x1024x2x64xbf16>

// Factors that all pairs have alike, here 1 / limit and limit, are part of the
// products that there are: of the scale, and of log2 e in exponents. As tanh
// takes the special function unit, which steps of small heads wait for, half of
// the powers do without.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[LIMIT:[a-z0-9]*]]: f32
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[INVERSE:.*]] = arith.divf %{{.*}}, %[[LIMIT]] fastmath<afn> : f32
// CHECK: %[[INNER:.*]] = arith.mulf %[[INVERSE]], %{{.*}} : f32
// CHECK: mfa_gpu.map
// CHECK:   %[[X:.*]] = arith.mulf %{{.*}}, %[[INNER]] : f32
// CHECK:   %[[TANH:.*]] = math.tanh %[[X]]
// CHECK:   arith.mulf %[[TANH]], %[[LIMIT]]
// CHECK: scf.for
// CHECK:   scf.if
// CHECK:     %[[OUTER:.*]] = arith.mulf %[[LIMIT]], %{{.*}} : f32
// CHECK:     %[[T:.*]] = mfa_gpu.map
// CHECK:       %[[X:.*]] = arith.mulf %{{.*}}, %[[INNER]] : f32
// CHECK-NEXT:  %[[TANH:.*]] = math.tanh %[[X]]
// CHECK-NEXT:  mfa_gpu.yield %[[TANH]]
// CHECK:     mfa_gpu.map %[[T]], %{{.*}} :
// CHECK:       %[[E:.*]] = math.fma %{{.*}}, %[[OUTER]], %{{.*}}
// CHECK-NEXT:  mfa_gpu.yield %[[E]]
// CHECK:     mfa_gpu.exp2 %{{.*}} polynomials 4
func.func @softcap(%q: !a, %limit: f32, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%limit : f32) outs(%o : !a)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 128, warps = 8, stages = 2>)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %x: f32):
        %x1 = arith.divf %s, %x : f32
        %t = math.tanh %x1 : f32
        %y = arith.mulf %t, %x : f32
        mfa.yield %y : f32
      }
  return
}

// -----

!a = memref<1x1024x2x96xbf16>

// Of larger heads a quarter.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: mfa_gpu.exp2 %{{.*}} polynomials 2
func.func @softcap_of_larger(%q: !a, %limit: f32, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%limit : f32) outs(%o : !a)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %x: f32):
        %t = math.tanh %s : f32
        mfa.yield %t : f32
      }
  return
}

// -----

!a = memref<1x1024x2x128xbf16>

// Of large ones, whose products take longer, none, nor where a function is the same
// for all pairs of a head.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: scf.for
// CHECK:   math.exp2
// CHECK-NOT: mfa_gpu.exp2
// CHECK: gpu.return
func.func @softcap_of_large(%q: !a, %limit: f32, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%limit : f32) outs(%o : !a)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %x: f32):
        %t = math.tanh %s : f32
        mfa.yield %t : f32
      }
  return
}

// -----

!a = memref<1x1024x2x64xbf16>

// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: scf.for
// CHECK:   math.exp2
// CHECK-NOT: mfa_gpu.exp2
// CHECK: gpu.return
func.func @function_of_head(%q: !a, %limit: f32, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%limit : f32) outs(%o : !a)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %x: f32):
        %t = math.tanh %x : f32
        %u = arith.addf %s, %t : f32
        %y = arith.maximumf %u, %x : f32
        mfa.yield %y : f32
      }
  return
}

// -----

!a = memref<1x1024x2x64xbf16>

// With a mask, the sum of scaled product and mask comes first.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.for
// CHECK:   scf.if
// CHECK:     %[[T:.*]] = mfa_gpu.map
// CHECK:       %[[SUM:.*]] = math.fma
// CHECK:       %[[X:.*]] = arith.mulf %[[SUM]], %{{.*}} : f32
// CHECK-NEXT:  %[[TANH:.*]] = math.tanh %[[X]]
// CHECK-NEXT:  mfa_gpu.yield %[[TANH]]
func.func @softcap_of_mask(%q: !a, %m: memref<1x1024x1024xbf16>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) mask(%m : memref<1x1024x1024xbf16>) outs(%o : !a)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index):
        %x = arith.constant 3.0 : f32
        %x1 = arith.divf %s, %x : f32
        %t = math.tanh %x1 : f32
        %y = arith.mulf %t, %x : f32
        mfa.yield %y : f32
      }
  return
}

// -----

!a = memref<1x1024x2x64xbf16>

// A score that is linear, too, in the distance of the pair is one product more in
// exponents. The rest of them is of a row, from the distance of its first key on;
// what is read for it is read once. By the exact maximum, pairs are computed as the
// region says.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[TABLE:[a-z0-9]*]]: memref<2xf32>
// CHECK: nvvm.setmaxregister increase
// CHECK: mfa_gpu.map %{{.*}} coordinates
// CHECK-NOT: arith.minui
// CHECK:   memref.load %[[TABLE]]
// CHECK: scf.for
// CHECK:   scf.if
// CHECK:     %[[SLOPE:.*]] = memref.load %[[TABLE]]
// CHECK:     %[[WEIGHT:.*]] = arith.mulf %[[SLOPE]], %{{.*}} : f32
// CHECK:     %[[SHIFT:.*]] = mfa_gpu.map %{{.*}} coordinates
// CHECK:       %[[DISTANCE:.*]] = arith.sitofp %{{.*}} : i64 to f32
// CHECK:       math.fma %[[DISTANCE]], %[[WEIGHT]], %{{.*}} : f32
// CHECK:     mfa_gpu.map %{{.*}}, %[[SHIFT]] coordinates
// CHECK:       %[[COLUMN:.*]] = arith.sitofp %{{.*}} : i32 to f32
// CHECK:       %[[OF_PAIR:.*]] = math.fma %[[COLUMN]], %[[WEIGHT]], %{{.*}} : f32
// CHECK:       %[[E:.*]] = math.fma %{{.*}}, %{{.*}}, %[[OF_PAIR]] : f32
// CHECK-NEXT:  math.exp2 %[[E]]
// CHECK:   scf.if
// CHECK:     mfa_gpu.map %{{.*}} coordinates
// CHECK:       memref.load %[[TABLE]]
func.func @alibi(%q: !a, %slopes: memref<2xf32>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%slopes : memref<2xf32>) outs(%o : !a)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 128, warps = 8, stages = 2>)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %table: memref<2xf32>):
        %slope = memref.load %table[%h] : memref<2xf32>
        %d = arith.subi %n, %i : index
        %e = arith.index_cast %d : index to i32
        %f = arith.sitofp %e : i32 to f32
        %x = arith.mulf %slope, %f : f32
        %y = arith.addf %s, %x : f32
        mfa.yield %y : f32
      }
  return
}

// -----

!a = memref<1x1024x2x64xbf16>

// A temperature: no position at all.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[T:[a-z0-9]*]]: f32
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.for
// CHECK:   scf.if
// CHECK:     %[[FACTOR:.*]] = arith.mulf %[[T]], %{{.*}} : f32
// CHECK:     mfa_gpu.map %{{.*}}, %{{.*}} :
// CHECK:       %[[E:.*]] = math.fma %{{.*}}, %[[FACTOR]], %{{.*}} : f32
// CHECK-NEXT:  math.exp2 %[[E]]
func.func @temperature(%q: !a, %t: f32, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%t : f32) outs(%o : !a)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 128, warps = 8, stages = 2>)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %x: f32):
        %y = arith.mulf %s, %x : f32
        mfa.yield %y : f32
      }
  return
}

// -----

!a = memref<1x1024x2x64xbf16>

// What is read at a pair's place is read at places of the problem alone.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[TABLE:[a-z0-9]*]]: memref<1024x1024xf32>
// CHECK: nvvm.setmaxregister increase
// CHECK: mfa_gpu.map %{{.*}} coordinates
// CHECK:   %[[ROW:.*]] = arith.minui %{{.*}}, %c1023
// CHECK:   %[[KEY:.*]] = arith.minui %{{.*}}, %c1023
// CHECK:   memref.load %[[TABLE]][%[[ROW]], %[[KEY]]]
func.func @bias(%q: !a, %bias: memref<1024x1024xf32>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%bias : memref<1024x1024xf32>) outs(%o : !a)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 128, warps = 8, stages = 2>)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %table: memref<1024x1024xf32>):
        %x = memref.load %table[%i, %n] : memref<1024x1024xf32>
        %y = arith.addf %s, %x : f32
        mfa.yield %y : f32
      }
  return
}

// -----

!a = memref<1x?x2x64xf16>

// Bounds of the key, a low and a high one, are columns of the tile, computed for
// rows: of several on one side the nearer, and of the high ones with the end of the
// keys. A comparison is left for a score and a bound, where a warp has a row with that
// within the tile.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[SIZE:[a-z0-9]*]]: index
// CHECK: mfa_gpu.mma {{.*}} {transpose_rhs}
// CHECK: %[[LOW:.*]] = mfa_gpu.map coordinates
// CHECK:   %[[FIRST:.*]] = arith.subi %{{.*}}, %[[SIZE]] : index
// CHECK:   %[[OR_FIRST_KEY:.*]] = arith.maxsi %[[FIRST]], %c0
// CHECK:   %[[OF_TILE:.*]] = arith.subi %[[OR_FIRST_KEY]], %{{.*}} : index
// CHECK:   %[[RAISED:.*]] = arith.maxsi %[[OF_TILE]], %c-1
// CHECK:   arith.minsi %[[RAISED]], %c32
// CHECK:   arith.sitofp
// CHECK: %[[HIGH:.*]] = mfa_gpu.map coordinates
// CHECK:   arith.minsi
// CHECK:   arith.sitofp
// CHECK: %[[IS_LATER:.*]] = mfa_gpu.map %[[LOW]] :
// CHECK:   arith.cmpf oge, %cst{{.*}}, %{{.*}}
// CHECK: %[[ANY_LATER:.*]] = mfa_gpu.any %[[IS_LATER]]
// CHECK: %[[FAR:.*]] = scf.if %[[ANY_LATER]]
// CHECK-NEXT: mfa_gpu.map %[[S:.*]], %[[LOW]] coordinates
// CHECK-NEXT: ^bb0(%[[SCORE:[a-z0-9]*]]: f32, %[[L:[a-z0-9]*]]: f32, %{{.*}}: i32, %[[C:[a-z0-9]*]]: i32)
// CHECK-NEXT: %[[COLUMN:.*]] = arith.sitofp %[[C]]
// CHECK-NEXT: %[[IS_KEPT:.*]] = arith.cmpf oge, %[[COLUMN]], %[[L]]
// CHECK-NEXT: arith.select %[[IS_KEPT]], %[[SCORE]]
// CHECK: else
// CHECK-NEXT: scf.yield %[[S]]
// CHECK: %[[IS_EARLIER:.*]] = mfa_gpu.map %[[HIGH]] :
// CHECK:   arith.cmpf ole, %cst{{.*}}, %{{.*}}
// CHECK: %[[ANY_EARLIER:.*]] = mfa_gpu.any %[[IS_EARLIER]]
// CHECK: scf.if %[[ANY_EARLIER]]
// CHECK-NEXT: mfa_gpu.map %[[FAR]], %[[HIGH]] coordinates
// CHECK: arith.cmpf ole
func.func @window(%q: !a, %size: index, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%size : index) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %w: index):
        %d = arith.subi %i, %n : index
        %near = arith.cmpi sle, %d, %w : index
        %past = arith.cmpi sle, %n, %i : index
        %c = arith.andi %near, %past : i1
        mfa.yield %c : i1
      }
  return
}

// -----

!a = memref<1x1024x2x64xf16>

// Of either of two high bounds the further one; what no key changes is a bound, too,
// and a negated comparison the bound of the opposite one.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[LENGTH:[a-z0-9]*]]: index
// CHECK: mfa_gpu.mma {{.*}} {transpose_rhs}
// CHECK: %[[HIGH:.*]] = mfa_gpu.map coordinates
// CHECK-DAG: %[[OF_PREFIX:.*]] = arith.addi %[[LENGTH]], %c-1
// CHECK-DAG: %[[IS_GLOBAL:.*]] = arith.cmpi eq
// CHECK-DAG: %[[ALL:.*]] = arith.select %[[IS_GLOBAL]], %c1099511627776, %c-1099511627776
// CHECK-COUNT-2: arith.maxsi
// CHECK: mfa_gpu.map %{{.*}}, %[[HIGH]] coordinates
// CHECK: arith.cmpf ole
// CHECK-NOT: arith.cmpf oge
// CHECK: arith.select
func.func @prefix_or_global(%q: !a, %length: index, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%length : index) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %l: index):
        %true = arith.constant true
        %7 = arith.constant 7 : index
        %prefix = arith.cmpi slt, %n, %l : index
        %future = arith.cmpi sgt, %n, %i : index
        %causal = arith.xori %future, %true : i1
        %global = arith.cmpi eq, %i, %7 : index
        %0 = arith.ori %prefix, %causal : i1
        %1 = arith.ori %0, %global : i1
        mfa.yield %1 : i1
      }
  return
}

// -----

!a = memref<1x?x2x64xf16>

// What is no bound is tested after them; of a whole tile without a look at the end
// of what is read.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[IDS:[a-z0-9]*]]: memref<?xi32>
// CHECK: mfa_gpu.mma {{.*}} {transpose_rhs}
// CHECK: %[[ANY:.*]] = mfa_gpu.any
// CHECK: %[[PAST:.*]] = scf.if %[[ANY]]
// CHECK-NEXT: mfa_gpu.map %{{.*}}, %{{.*}} coordinates
// CHECK:   arith.cmpf ole
// CHECK: %[[IS_SHORT:.*]] = arith.cmpi ult, %{{.*}}, %c32 : index
// CHECK: scf.if %[[IS_SHORT]]
// CHECK:   mfa_gpu.map %[[PAST]] coordinates
// CHECK-COUNT-2: arith.minui
// CHECK:     arith.cmpi eq
// CHECK: else
// CHECK:   mfa_gpu.map %[[PAST]] coordinates
// CHECK:     arith.minui
// CHECK-NOT: arith.minui
// CHECK:     %[[SAME:.*]] = arith.cmpi eq
// CHECK-NEXT: arith.select %[[SAME]]
func.func @documents(%q: !a, %ids: memref<?xi32>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%ids : memref<?xi32>) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %table: memref<?xi32>):
        %past = arith.cmpi sle, %n, %i : index
        %of_row = memref.load %table[%i] : memref<?xi32>
        %of_key = memref.load %table[%n] : memref<?xi32>
        %same = arith.cmpi eq, %of_row, %of_key : i32
        %c = arith.andi %past, %same : i1
        mfa.yield %c : i1
      }
  return
}

// -----

!a = memref<1x?x2x64xf16>

// Without a high bound, the end of the keys is a test of its own.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: mfa_gpu.mma {{.*}} {transpose_rhs}
// CHECK: %[[LOW:.*]] = mfa_gpu.map coordinates
// CHECK: %[[AHEAD:.*]] = mfa_gpu.map %{{.*}}, %[[LOW]] coordinates
// CHECK:   arith.cmpf oge
// CHECK: mfa_gpu.map %[[AHEAD]] coordinates
// CHECK:   %[[IS_LEFT:.*]] = arith.cmpi ult
// CHECK-NEXT: arith.select %[[IS_LEFT]]
func.func @ahead(%q: !a, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %c = arith.cmpi sge, %n, %i : index
        mfa.yield %c : i1
      }
  return
}

// -----

!a = memref<1x1024x2x64xbf16>

// Indices are compared in 32 bits, which hold quotients of positions; a number
// from outside is brought into their range, beyond which it would decide the same.
// Positions are not negative, so that they are divided without a sign.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[SIZE:[a-z0-9]*]]: index
// CHECK: %[[X:.*]] = arith.divui %{{.*}}, %c64_i32 : i32
// CHECK: %[[Y:.*]] = arith.divui %{{.*}}, %c64_i32 : i32
// CHECK: %[[NEAR:.*]] = arith.subi %[[X]], %[[Y]] : i32
// CHECK: %[[LEAST:.*]] = arith.minsi %[[SIZE]], %c2147483647 : index
// CHECK: %[[MOST:.*]] = arith.maxsi %[[LEAST]], %c-2147483648 : index
// CHECK: %[[LIMIT:.*]] = arith.index_cast %[[MOST]] : index to i32
// CHECK: arith.cmpi sle, %[[NEAR]], %[[LIMIT]] : i32
func.func @near(%q: !a, %size: index, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%size : index) outs(%o : !a)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %s: index):
        %c64 = arith.constant 64 : index
        %x = arith.divsi %i, %c64 : index
        %y = arith.divsi %n, %c64 : index
        %d = arith.subi %x, %y : index
        %c = arith.cmpi sle, %d, %s : index
        mfa.yield %c : i1
      }
  return
}

// -----

!a = memref<1x1024x2x64xbf16>

// But a product of positions, or what a number from outside is added to, may be
// larger: for each pair of a position and a row there would be more to do.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: nvvm.setmaxregister increase
// CHECK: arith.muli %{{.*}}, %{{.*}} : index
// CHECK: arith.cmpi sle, %{{.*}}, %{{.*}} : index
// CHECK: arith.muli %{{.*}}, %{{.*}} : index
// CHECK: arith.cmpi slt, %{{.*}}, %{{.*}} : index
func.func @products(%q: !a, %size: index, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%size : index) outs(%o : !a)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %s: index):
        %x = arith.muli %i, %n : index
        %c = arith.cmpi sle, %x, %i : index
        %y = arith.muli %n, %s : index
        %d = arith.cmpi slt, %i, %y : index
        %e = arith.andi %c, %d : i1
        mfa.yield %e : i1
      }
  return
}
