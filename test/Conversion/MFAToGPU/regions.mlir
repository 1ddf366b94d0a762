// What kernels make of regions: those of scores, then those that keep keys.

// RUN: mfa-opt %s --mfa-expand-region-math --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

!a = memref<1x1024x2x64xbf16>

// Factors that all pairs have alike, here 1 / limit and limit, are part of the
// products that there are: of the scale, and of log2 e in exponents.
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
// CHECK-NEXT:  math.exp2 %[[E]]
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
