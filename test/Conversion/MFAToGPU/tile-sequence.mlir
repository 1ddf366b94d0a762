// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// All tiles in order: whether a step's is short, and needs the test, is asked
// where the program runs, and not at all where tiles cover the keys exactly.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: %[[KEYS:.*]] = memref.dim %{{.*}}, %c1 : memref<2x?x2x32xf16>
// CHECK: %[[COUNT:.*]] = arith.ceildivui %[[KEYS]], %c32
// CHECK: arith.cmpi ugt, %[[KEYS]], %c0
// CHECK: scf.for %[[STEP:[a-z0-9]*]] = %c0 to %[[COUNT]] step %c1
// CHECK:   %[[NEXT:.*]] = arith.addi %[[STEP]], %c1
// CHECK:   %[[IS_THERE:.*]] = arith.cmpi ult, %[[NEXT]], %[[COUNT]]
// CHECK:   scf.if %[[IS_THERE]]
// CHECK:     arith.muli %[[NEXT]], %c32
// CHECK:   %[[S:.*]] = mfa_gpu.mma {{.*}} {transpose_rhs}
// CHECK:   %[[KEY:.*]] = arith.muli %[[STEP]], %c32
// CHECK:   %[[LEFT:.*]] = arith.subi %[[KEYS]], %[[KEY]]
// CHECK:   %[[IS_SHORT:.*]] = arith.cmpi ult, %[[LEFT]], %c32
// CHECK:   %[[T:.*]] = scf.if %[[IS_SHORT]]
// CHECK:     mfa_gpu.map %[[S]] coordinates
// CHECK:   else
// CHECK:     scf.yield %[[S]]
// CHECK:   mfa_gpu.reduce max %[[T]]
// CHECK-LABEL: gpu.func @masked_attention_0(
// CHECK: scf.for %{{[a-z0-9]*}} = %c0 to %c2 step %c1
// CHECK-NOT: coordinates
// CHECK: gpu.return
func.func @in_order(%q: memref<2x64x2x32xf16>, %k: memref<2x?x2x32xf16>, %o: memref<2x64x2x32xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<2x64x2x32xf16>, memref<2x?x2x32xf16>, memref<2x?x2x32xf16>)
      outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2>)
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2>)
  return
}

// -----

// The last tile first, then from the first on. Producers ask for each step, and
// consumers, whose first step alone is tested, for that. Steps go on from one
// tile of rows to the next.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: %[[KEYS:.*]] = memref.dim %{{.*}}, %c1 : memref<1x?x4x64xbf16>
// CHECK: %[[COUNT:.*]] = arith.ceildivui %[[KEYS]], %c64
// CHECK: nvvm.setmaxregister decrease
// CHECK: mfa_gpu.tensor_load
// CHECK: %[[STEPS:.*]] = arith.index_castui %[[COUNT]] : index to i32
// CHECK: scf.while
// CHECK: ^bb0(%{{.*}}: i32, %[[FIRST:[a-z0-9]*]]: i32, %{{.*}}: i32)
// CHECK:   %[[END:.*]] = arith.addi %[[FIRST]], %[[STEPS]]
// CHECK:   scf.for %[[STEP:[a-z0-9]*]] = %[[FIRST]] to %[[END]] step %c1_i32
// CHECK:     %[[IS_FIRST:.*]] = arith.cmpi eq, %[[STEP]], %[[FIRST]]
// CHECK:     %[[AFTER:.*]] = arith.select %[[IS_FIRST]], %[[END]], %[[STEP]]
// CHECK:     %[[OF_BLOCK:.*]] = arith.subi %[[AFTER]], %c1_i32
// CHECK:     %[[OF_ROWS:.*]] = arith.subi %[[OF_BLOCK]], %[[FIRST]]
// CHECK:     %[[TILE:.*]] = arith.index_castui %[[OF_ROWS]]
// CHECK:     %[[KEY:.*]] = arith.muli %[[TILE]], %c64
// CHECK:     mfa_gpu.tensor_load %{{.*}}[%{{.*}}, %[[KEY]], %{{.*}}, %c0]
// CHECK:   scf.yield %{{.*}}, %[[END]], %{{.*}}
// CHECK: nvvm.setmaxregister increase
// CHECK: %[[STEPS:.*]] = arith.index_castui %[[COUNT]] : index to i32
// CHECK: scf.while
// CHECK: ^bb0(%{{.*}}: i32, %[[FIRST:[a-z0-9]*]]: i32, %{{.*}}: i32)
// CHECK:   %[[END:.*]] = arith.addi %[[FIRST]], %[[STEPS]]
// CHECK:   mfa_gpu.warpgroup_mma {{.*}} {transpose_rhs}
// CHECK:   %[[OF_BLOCK:.*]] = arith.subi %[[END]], %c1_i32
// CHECK:   %[[OF_ROWS:.*]] = arith.subi %[[OF_BLOCK]], %[[FIRST]]
// CHECK:   %[[TILE:.*]] = arith.index_castui %[[OF_ROWS]]
// CHECK:   %[[KEY:.*]] = arith.muli %[[TILE]], %c64
// CHECK:   %[[LEFT:.*]] = arith.subi %[[KEYS]], %[[KEY]]
// CHECK:   %[[LIMIT:.*]] = arith.index_castui %[[LEFT]]
// CHECK:   mfa_gpu.map %{{.*}} coordinates
// CHECK:     arith.cmpi ult, %{{.*}}, %[[LIMIT]]
// CHECK:   %[[SECOND:.*]] = arith.addi %[[FIRST]], %c1_i32
// CHECK:   scf.for %{{.*}} = %[[SECOND]] to %[[END]] step %c1_i32
// CHECK-NOT: coordinates
// CHECK: gpu.return
func.func @last_first(%q: memref<1x512x4x64xbf16>, %k: memref<1x?x4x64xbf16>, %o: memref<1x512x4x64xbf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<1x512x4x64xbf16>, memref<1x?x4x64xbf16>, memref<1x?x4x64xbf16>)
      outs(%o : memref<1x512x4x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 192, tile_keys = 64, warps = 12, stages = 2, persistent = true>)
  return
}

// -----

// Where keys are split, a block's steps are those of its range of the tiles, of
// which the last is the first.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: %[[Y:.*]] = gpu.block_id  y
// CHECK: %[[HEIGHT:.*]] = gpu.grid_dim  y
// CHECK: %[[BEFORE:.*]] = arith.muli %[[Y]], %c8
// CHECK: %[[FIRST_TILE:.*]] = arith.divui %[[BEFORE]], %[[HEIGHT]]
// CHECK: %[[Y_NEXT:.*]] = arith.addi %[[Y]], %c1
// CHECK: %[[WITH:.*]] = arith.muli %[[Y_NEXT]], %c8
// CHECK: %[[END_TILE:.*]] = arith.divui %[[WITH]], %[[HEIGHT]]
// CHECK: %[[COUNT:.*]] = arith.subi %[[END_TILE]], %[[FIRST_TILE]]
// CHECK: nvvm.setmaxregister decrease
// CHECK: mfa_gpu.tensor_load
// CHECK: %[[END:.*]] = arith.index_castui %[[COUNT]] : index to i32
// CHECK: scf.for %[[STEP:[a-z0-9]*]] = %c0_i32 to %[[END]] step %c1_i32
// CHECK:   %[[IS_FIRST:.*]] = arith.cmpi eq, %[[STEP]], %c0_i32
// CHECK:   %[[AFTER:.*]] = arith.select %[[IS_FIRST]], %[[END]], %[[STEP]]
// CHECK:   %[[OF_RANGE:.*]] = arith.subi %[[AFTER]], %c1_i32
// CHECK:   %[[INDEX:.*]] = arith.index_castui %[[OF_RANGE]]
// CHECK:   %[[TILE:.*]] = arith.addi %[[FIRST_TILE]], %[[INDEX]]
// CHECK:   %[[KEY:.*]] = arith.muli %[[TILE]], %c64
// CHECK:   mfa_gpu.tensor_load %{{.*}}[%{{.*}}, %[[KEY]], %{{.*}}, %c0]
func.func @split(%q: memref<1x128x4x64xbf16>, %k: memref<1x512x4x64xbf16>, %o: memref<1x128x4x64xbf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<1x128x4x64xbf16>, memref<1x512x4x64xbf16>, memref<1x512x4x64xbf16>)
      outs(%o : memref<1x128x4x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, splits_keys = true>)
  return
}
