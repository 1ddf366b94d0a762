// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// Query rows of a head, keys of the head that it shares, and that part of the
// mask, with what it does not vary over at 0. Tiles are as long as what is left,
// where sizes are not known.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[Q:[a-z0-9]*]]: memref<2x?x8x64xbf16>, %[[K:[a-z0-9]*]]: memref<2x?x2x64xbf16>, %[[V:[a-z0-9]*]]: memref<2x?x2x32xbf16>, %[[M:[a-z0-9]*]]: memref<1x8x?x?xbf16>, %[[O:[a-z0-9]*]]: memref<2x?x8x32xbf16>
// CHECK-DAG: %[[KEYS:.*]] = memref.dim %[[K]], %c1
// CHECK-DAG: %[[QUERIES:.*]] = memref.dim %[[Q]], %c1
// CHECK: %[[BATCH:.*]] = arith.index_castui %{{.*}} : i32 to index
// CHECK: %[[HEAD:.*]] = arith.index_castui %[[HEAD_NUMBER:.*]] : i32 to index
// CHECK: %[[GROUP:.*]] = arith.divui %[[HEAD_NUMBER]], %c4_i32
// CHECK: %[[KEY_HEAD:.*]] = arith.index_castui %[[GROUP]]
// CHECK: %[[ROW:.*]] = arith.muli %{{.*}}, %c64
// CHECK: %[[LEFT:.*]] = arith.subi %[[QUERIES]], %[[ROW]]
// CHECK: %[[ROWS:.*]] = arith.minui %[[LEFT]], %c64
// CHECK: memref.subview %[[Q]][%[[BATCH]], %[[ROW]], %[[HEAD]], 0] [1, %[[ROWS]], 1, 64]
// CHECK: scf.for %[[STEP:[a-z0-9]*]] =
// CHECK:   %[[KEY:.*]] = arith.muli %{{.*}}, %c32
// CHECK:   %[[KEYS_LEFT:.*]] = arith.subi %[[KEYS]], %[[KEY]]
// CHECK:   %[[TILE:.*]] = arith.minui %[[KEYS_LEFT]], %c32
// CHECK:   memref.subview %[[K]][%[[BATCH]], %[[KEY]], %[[KEY_HEAD]], 0] [1, %[[TILE]], 1, 64]
// CHECK:   memref.subview %[[M]][0, %[[HEAD]], %[[ROW]], %[[KEY]]] [1, 1, %[[ROWS]], %[[TILE]]]
// CHECK:   memref.subview %[[V]][%[[BATCH]], %[[KEY]], %[[KEY_HEAD]], 0] [1, %[[TILE]], 1, 32]
// CHECK: memref.subview %[[O]][%[[BATCH]], %[[ROW]], %[[HEAD]], 0] [1, %[[ROWS]], 1, 32]
func.func @grouped(%q: memref<2x?x8x64xbf16>, %k: memref<2x?x2x64xbf16>, %v: memref<2x?x2x32xbf16>, %m: memref<1x8x?x?xbf16>, %o: memref<2x?x8x32xbf16>) {
  mfa.masked_attention ins(%q, %k, %v : memref<2x?x8x64xbf16>, memref<2x?x2x64xbf16>, memref<2x?x2x32xbf16>)
      mask(%m : memref<1x8x?x?xbf16>) outs(%o : memref<2x?x8x32xbf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2>)
  return
}

// -----

// Where tiles cover sizes exactly, their own sizes are known. A mask that does
// not vary over queries has one row.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-NOT: arith.minui
// CHECK: memref.subview {{.*}} [1, 64, 1, 32] {{.*}} : memref<2x128x4x32xf16> to memref<64x32xf16
// CHECK: memref.subview {{.*}} [1, 32, 1, 32] {{.*}} : memref<2x96x4x32xf16> to memref<32x32xf16
// CHECK: memref.subview %{{.*}}[%{{.*}}, 0, 0, %{{.*}}] [1, 1, 1, 32] {{.*}} : memref<2x1x1x96xi1> to memref<1x32xi1
// CHECK-NOT: arith.minui
// CHECK: gpu.return
func.func @exact(%q: memref<2x128x4x32xf16>, %k: memref<2x96x4x32xf16>, %m: memref<2x1x1x96xi1>, %o: memref<2x128x4x32xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<2x128x4x32xf16>, memref<2x96x4x32xf16>, memref<2x96x4x32xf16>)
      mask(%m : memref<2x1x1x96xi1>) outs(%o : memref<2x128x4x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 1>)
  return
}

// -----

// Shared memory: a matrix after the other, its stages first, rows padded apart;
// the output in the place of the query.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: %[[BYTES:.*]] = gpu.dynamic_shared_memory
// CHECK-DAG: %[[QUERY:.*]] = memref.view %[[BYTES]][%c0][] {{.*}} to memref<1x64x40xf16
// CHECK-DAG: memref.view %[[BYTES]][%c5120][] {{.*}} to memref<2x32x40xf16
// CHECK-DAG: memref.view %[[BYTES]][%c10240][] {{.*}} to memref<2x32x40xf16
// CHECK: %[[PLACE:.*]] = memref.subview %[[QUERY]][0, 0, 0] [1, 64, 32]
// CHECK: scf.for %[[STEP:[a-z0-9]*]] =
// CHECK:   %[[STAGE:.*]] = arith.remui %[[STEP]], %c2
// CHECK:   memref.subview %{{.*}}[%[[STAGE]], 0, 0] [1, 32, 32]
// CHECK:   mfa_gpu.mma
// CHECK: mfa_gpu.store %{{.*}} to %[[PLACE]]
func.func @padded(%q: memref<2x128x4x32xf16>, %o: memref<2x128x4x32xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x128x4x32xf16>, memref<2x128x4x32xf16>, memref<2x128x4x32xf16>)
      outs(%o : memref<2x128x4x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2>)
  return
}

// -----

// As tensor maps write it: in panels of 128 bytes.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: memref.view {{.*}} to memref<1x2x128x64xf16
// CHECK: memref.view {{.*}} to memref<2x2x64x64xf16
// CHECK: mfa_gpu.tensor_load %{{.*}}[{{.*}}, %c0] to %[[FIRST:[a-z0-9_]*]],
// CHECK: memref.subview %{{.*}}[1, 0, 0] [1, 128, 64]
// CHECK: mfa_gpu.tensor_load %{{.*}}[{{.*}}, %c64]
func.func @panels(%q: memref<1x512x4x128xf16>, %o: memref<1x512x4x128xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x128xf16>, memref<1x512x4x128xf16>, memref<1x512x4x128xf16>)
      outs(%o : memref<1x512x4x128xf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
  return
}
