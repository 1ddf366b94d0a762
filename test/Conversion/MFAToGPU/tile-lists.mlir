// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

!a = memref<?x?x4x64xf16>
!i = memref<?x?xi32>

// Documents and causal: a list for all heads of a batch, made by two kernels in
// front of the one that reads it, all on one stream.
// CHECK-LABEL: func.func @documents
// CHECK-SAME: (%[[Q:[a-z0-9]*]]: memref<?x?x4x64xf16>, %[[IDS:[a-z0-9]*]]: memref<?x?xi32>
// CHECK: %[[BATCH:.*]] = memref.dim %[[Q]], %c0
// CHECK: %[[QUERIES:.*]] = memref.dim %[[Q]], %c1
// CHECK: %[[ROWS:.*]] = arith.ceildivui %[[QUERIES]], %c64
// CHECK: %[[LISTED:.*]] = arith.muli %[[BATCH]], %[[ROWS]]
// CHECK: %[[T0:.*]] = gpu.wait async
// CHECK: %[[TILES:.*]] = arith.ceildivui %{{.*}}, %c32
// CHECK: %[[LEAST:.*]] = arith.minui %[[TILES]], %c1
// CHECK: %[[TWICE:.*]] = arith.muli %[[TILES]], %c2
// CHECK: %[[COLUMNS:.*]] = arith.addi %[[TWICE]], %c3
// The list may be one that an earlier call has made, and others use; and all that is
// asked for.
// CHECK: %[[LISTS_ONLY:.*]], %{{.*}} = mfa_gpu.preparation
// CHECK: %[[COMPUTES:.*]] = arith.xori %[[LISTS_ONLY]], %true
// CHECK: %[[KEPT:.*]], %[[IS_KEPT:.*]], %[[IS_FILLED:.*]] = mfa_gpu.kept_tile_list rows %c64 keys %c32 parts %[[LEAST]] sizes(%[[BATCH]], %[[ROWS]], %[[COLUMNS]]) : memref<?x1x?x?xi32>
// CHECK: %[[IS_NEW:.*]] = arith.xori %[[IS_FILLED]], %true
// CHECK: %[[OWN_SIZE:.*]] = arith.select %[[IS_KEPT]], %c0, %[[BATCH]]
// CHECK: %[[OWN:.*]], %[[T1:.*]] = gpu.alloc async [%[[T0]]] (%[[OWN_SIZE]], %c1, %[[ROWS]], %[[COLUMNS]]) : memref<?x?x?x?xi32>
// CHECK: %[[CAST:.*]] = memref.cast %[[OWN]]
// CHECK: %[[LIST:.*]] = arith.select %[[IS_KEPT]], %[[KEPT]], %[[CAST]] : memref<?x1x?x?xi32>
// CHECK: scf.if %[[IS_NEW]] {
// CHECK:   gpu.launch_func async [%[[T1]]] @mfa_kernels::@masked_attention_tile_classes {{.*}}, %[[IDS]] : memref<?x?xi32>, %[[LIST]] : memref<?x1x?x?xi32>)
// CHECK:   %[[WARPS:.*]] = arith.ceildivui %[[LISTED]], %c4
// CHECK:   gpu.launch_func async [%[[T1]]] @mfa_kernels_0::@masked_attention_tile_order blocks in (%[[WARPS]], %c1, %c1) {{.*}} args(%[[LIST]] : memref<?x1x?x?xi32>, %[[LEAST]] : index)
// CHECK: }
// CHECK: scf.if %[[COMPUTES]] {
// CHECK:   gpu.launch_func async [%[[T1]]] @mfa_kernels_1::@masked_attention blocks {{.*}}, %[[LIST]] : memref<?x1x?x?xi32>)
// CHECK: }
// CHECK: %[[T2:.*]] = gpu.dealloc async [%[[T1]]] %[[OWN]]
// CHECK: gpu.wait [%[[T2]]]

// A warp for each tile in front of the diagonal. Where the least and the greatest
// documents of its rows and of its keys do not tell (tile-intervals.mlir), it looks
// at rows, eight at a time, until some pair is kept and some is not.
// CHECK-LABEL: gpu.func @masked_attention_tile_classes(
// CHECK-SAME: %[[IDS:[a-z0-9]*]]: memref<?x?xi32>, %[[LIST:[a-z0-9]*]]: memref<?x1x?x?xi32>) kernel
// CHECK: %[[LANE:.*]] = arith.remui %{{.*}}, %c32
// CHECK: %[[TASK:.*]] = arith.index_castui %{{.*}} : index to i32
// CHECK: arith.remui %[[TASK]], %{{.*}} : i32
// CHECK: %[[ROW_OF_BATCHES:.*]] = arith.divui %[[TASK]], %{{.*}} : i32
// CHECK: %[[ROW32:.*]] = arith.remui %[[ROW_OF_BATCHES]], %{{.*}} : i32
// CHECK: %[[ROW:.*]] = arith.index_castui %[[ROW32]]
// CHECK: %[[BATCH32:.*]] = arith.divui %[[ROW_OF_BATCHES]], %{{.*}} : i32
// CHECK: %[[BATCH:.*]] = arith.index_castui %[[BATCH32]]
// CHECK: %[[DIAGONAL:.*]] = arith.muli %[[ROW]], %c2
// CHECK: %[[CLASS:.*]] = scf.if %{{.*}} -> (i32)
// CHECK:   %[[FACTS:.*]]:2 = scf.if
// CHECK:     scf.while
// CHECK:     scf.for %{{.*}} = %c0 to %c8
// CHECK:       %[[QUERY:.*]] = arith.minui
// CHECK:       %[[KEY:.*]] = arith.minui
// CHECK:       memref.load %[[IDS]][%[[BATCH]], %[[QUERY]]]
// CHECK:       memref.load %[[IDS]][%[[BATCH]], %[[KEY]]]
// CHECK:     %[[KEPT:.*]] = nvvm.vote.sync any
// CHECK:     %[[DROPPED:.*]] = nvvm.vote.sync any
// CHECK-NOT: nvvm.vote.sync
// CHECK:     arith.andi %[[KEPT]], %[[DROPPED]]
// CHECK:     scf.condition
// CHECK:   %[[TESTED:.*]] = arith.ori %[[FACTS]]#1, %{{.*}}
// CHECK:   %[[VISITED:.*]] = arith.select %[[TESTED]], %c4_i32, %c2_i32
// CHECK:   arith.select %[[FACTS]]#0, %[[VISITED]], %c0_i32
// CHECK: else
// CHECK:   scf.yield %c0_i32
// CHECK: memref.store %[[CLASS]], %[[LIST]]

// A warp for each row of the list, once to count and once to write.
// CHECK-LABEL: gpu.func @masked_attention_tile_order(
// CHECK-SAME: %[[LIST:[a-z0-9]*]]: memref<?x1x?x?xi32>, %{{.*}}: index) kernel
// CHECK: scf.for
// CHECK-COUNT-4: nvvm.vote.sync ballot
// CHECK: arith.maxui
// CHECK-COUNT-3: memref.store %{{.*}}, %[[LIST]]
// CHECK: scf.for
// CHECK:   memref.store %{{.*}}, %[[LIST]]
// CHECK: scf.for
// CHECK:   nvvm.vote.sync ballot
// CHECK:   llvm.intr.ctpop
// CHECK:   scf.if
// CHECK:     memref.store %{{.*}}, %[[LIST]]

// Counts are loaded once, and what tile a step has where it is needed.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[LIST:[a-z0-9]*]]: memref<?x1x?x?xi32>) kernel
// CHECK: memref.load %[[LIST]][%{{.*}}, %c0, %[[ROW:.*]], %c0]
// CHECK: %[[TESTED:.*]] = memref.load %[[LIST]][%{{.*}}, %c0, %[[ROW]], %c1]
// CHECK: memref.load %[[LIST]][%{{.*}}, %c0, %[[ROW]], %c3]
// CHECK: scf.for %[[STEP:[a-z0-9]*]] =
// CHECK:   memref.load %[[LIST]]
// CHECK:   mfa_gpu.mma
// CHECK:   %[[NEEDS_TEST:.*]] = arith.cmpi ult, %[[STEP]], %{{.*}}
// CHECK:   scf.if %[[NEEDS_TEST]] -> (index)
// CHECK:     memref.load %[[LIST]]
// CHECK:   scf.if %[[NEEDS_TEST]]
// CHECK:     mfa_gpu.map %{{.*}} coordinates
// CHECK-NOT: memref.load %[[LIST]]
// CHECK: gpu.return
func.func @documents(%q: !a, %ids: !i, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%ids : !i) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2, tiles = list>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %d: !i):
        %x = memref.load %d[%b, %i] : !i
        %y = memref.load %d[%b, %n] : !i
        %same = arith.cmpi eq, %x, %y : i32
        %past = arith.cmpi sle, %n, %i : index
        %c = arith.andi %same, %past : i1
        mfa.yield %c : i1
      }
  return
}

// -----

!a = memref<2x1024x4x64xf16>
!m = memref<1x4x1024x1024xf16>

// A mask of its own for each head, the same for all of the batch. With a mask
// there is a kernel that looks for what is not finite, too; and as 64 divides the
// keys no step has a test.
// CHECK-LABEL: func.func @mask
// CHECK: %[[LISTS_ONLY:.*]], %[[ASSUMES_FINITE:.*]] = mfa_gpu.preparation
// CHECK: %[[COMPUTES:.*]] = arith.xori %[[LISTS_ONLY]], %true
// CHECK: %[[KEPT:.*]], %[[IS_KEPT:.*]], %[[IS_FILLED:.*]] = mfa_gpu.kept_tile_list rows %c128 keys %c64 parts %c1 sizes() : memref<1x4x8x35xi32>
// CHECK: %[[IS_NEW:.*]] = arith.xori %[[IS_FILLED]], %true
// CHECK: gpu.alloc async
// CHECK: %[[CLASSES:.*]] = arith.select %[[IS_KEPT]], %[[KEPT]], %{{.*}} : memref<1x4x8x35xi32>
// CHECK: %[[IS_FINITE:.*]] = arith.andi %[[IS_KEPT]], %[[ASSUMES_FINITE]]
// CHECK: %[[IS_OWN:.*]] = arith.xori %[[IS_KEPT]], %true
// CHECK: %[[IS_IN_PLACE:.*]] = arith.ori %[[IS_OWN]], %[[IS_FINITE]]
// CHECK: %[[ORDERS:.*]] = arith.select %[[IS_FINITE]], %[[IS_NEW]], %[[COMPUTES]] : i1
// Of what others use the order is not kept, unless they know that all is finite.
// CHECK: gpu.alloc async
// CHECK: %[[LIST:.*]] = arith.select %[[IS_IN_PLACE]], %[[CLASSES]], %{{.*}} : memref<1x4x8x35xi32>
// CHECK: %[[PARTS:.*]] = arith.select %[[ORDERS]], %{{.*}}, %c0 : index
// CHECK: %[[MAGNITUDES:.*]], %{{.*}} = gpu.alloc async {{.*}} (%[[PARTS]]) : memref<3x?xi32>
// CHECK: scf.if %[[IS_FINITE]] {
// CHECK:   gpu.memset async {{.*}} %[[MAGNITUDES]], %c0_i32
// From here on there are kernels alone.
// CHECK: scf.if %[[IS_NEW]] {
// CHECK-NOT: mfa_gpu.overlap_launch
// CHECK: gpu.launch_func async {{.*}}@masked_attention_tile_classes {{.*}}, %[[CLASSES]] : memref<1x4x8x35xi32>)
// CHECK: }
// CHECK: scf.if %[[ORDERS]] {
// CHECK:   %[[LOOKS:.*]] = arith.xori %[[IS_FINITE]], %true
// CHECK:   scf.if %[[LOOKS]] {
// CHECK:     mfa_gpu.overlap_launch
// CHECK-NEXT: gpu.launch_func async {{.*}}@masked_attention_magnitudes blocks in (%{{.*}}, %c1, %c1) threads in (%c512,
// CHECK:   mfa_gpu.overlap_launch
// CHECK-NEXT: gpu.launch_func async {{.*}}@masked_attention_tile_order {{.*}} args(%[[CLASSES]] : memref<1x4x8x35xi32>, %[[LIST]] : memref<1x4x8x35xi32>, {{.*}}, %[[MAGNITUDES]] : memref<3x?xi32>)
// CHECK: scf.if %[[COMPUTES]] {
// CHECK:   mfa_gpu.overlap_launch
// CHECK-NEXT: gpu.launch_func async {{.*}}@masked_attention blocks {{.*}}, %[[LIST]] : memref<1x4x8x35xi32>)
// CHECK-COUNT-3: gpu.dealloc async

// Excluded, free, or to be added: 16 bytes a lane, first two loads of each and then
// eight at a time, until some element leaves its pair and some changes its score. Of
// f16 all bits but those of -inf are looked at, and all but the sign. Rows that are
// not aligned are read element by element.
// CHECK-LABEL: gpu.func @masked_attention_tile_classes(
// CHECK-SAME: %[[MASK:[a-z0-9]*]]: memref<1x4x1024x1024xf16>
// CHECK-SAME: nvvm.minctasm = 8 : i32
// CHECK-DAG: %[[INF:.*]] = arith.constant dense<-1024> : vector<8xi16>
// CHECK-DAG: %[[NO_SIGN:.*]] = arith.constant dense<32767> : vector<8xi16>
// CHECK: %[[BASE:.*]] = memref.extract_aligned_pointer_as_index
// CHECK: %[[ADDRESSES:.*]] = arith.ori %[[BASE]], %c2097152
// CHECK: %[[ALL:.*]] = arith.ori %[[ADDRESSES]], %c2048
// CHECK: %[[LOW:.*]] = arith.andi %[[ALL]], %c15
// CHECK: %[[IS_ALIGNED:.*]] = arith.cmpi eq, %[[LOW]], %c0
// CHECK: scf.if %[[IS_ALIGNED]] -> (i32) {
// CHECK-COUNT-2: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xi16>
// CHECK-COUNT-2: nvvm.vote.sync any
// CHECK:   scf.while
// CHECK:     scf.condition
// CHECK-COUNT-8: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xi16>
// CHECK:     arith.xori %{{.*}}, %[[INF]]
// CHECK:     arith.andi %{{.*}}, %[[NO_SIGN]]
// CHECK:   %[[VISITED:.*]] = arith.select %{{.*}}, %c3_i32, %c2_i32
// CHECK:   arith.select %{{.*}}, %[[VISITED]], %c1_i32
// CHECK: } else {
// CHECK:   scf.while
// CHECK:     scf.for
// CHECK:       scf.for %{{.*}} = %c0 to %c2
// CHECK:         %[[ELEMENT:.*]] = memref.load %[[MASK]][%c0, %{{.*}}]
// CHECK:         arith.cmpf une, %[[ELEMENT]], %{{.*}} : f16
// CHECK:         arith.cmpf une, %[[ELEMENT]], %{{.*}} : f16
// CHECK:   %[[VISITED:.*]] = arith.select %{{.*}}, %c3_i32, %c2_i32
// CHECK:   arith.select %{{.*}}, %[[VISITED]], %c1_i32

// The largest bits of what an array has, of query, key and value: where the mask
// excludes a tile, which threads look for in the list as if it were one row, each its
// first tile, and if there is none among these, the others. A loop has eight loads of
// 16 bytes on their way, and divides nothing but by constants. Each block stores its
// own.
// CHECK-LABEL: gpu.func @masked_attention_magnitudes(
// CHECK-SAME: %[[LIST:[a-z0-9]*]]: memref<1x4x8x35xi32>, %[[MAGNITUDES:[a-z0-9]*]]: memref<3x?xi32>) workgroup(%[[SHARED:.*]] : memref<3x16xi32, #gpu.address_space<workgroup>>) kernel
// CHECK-SAME: nvvm.minctasm = 2 : i32
// CHECK: %[[ROWS:.*]] = memref.collapse_shape %[[LIST]]
// CHECK-SAME: into memref<32x35xi32>
// CHECK: memref.load %[[ROWS]]
// CHECK: arith.cmpi eq, %{{.*}}, %c1_i32
// CHECK: %[[ANY:.*]] = nvvm.barrier #nvvm.reduction<or>
// CHECK: %[[IS_EARLY:.*]] = arith.cmpi ne, %[[ANY]], %c0_i32
// CHECK: %[[HAS_EXCLUDED:.*]] = scf.if %[[IS_EARLY]] -> (i1) {
// CHECK: else
// CHECK:   memref.load %[[ROWS]]
// CHECK:   nvvm.barrier #nvvm.reduction<or>
// CHECK: scf.if %[[HAS_EXCLUDED]] -> (i32, i32, i32) {
// CHECK:   scf.if %{{.*}} -> (i32) {
// CHECK:     scf.for
// CHECK-COUNT-8: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xi16>
// CHECK-COUNT-8: arith.maxui %{{.*}} : vector<8xi16>
// CHECK:     llvm.intr.vector.reduce.umax
// CHECK:   } else {
// CHECK:     memref.load
// CHECK:     arith.extf
// CHECK:     } {loop_annotation = #loop_annotation
// CHECK: scf.yield %c0_i32, %c0_i32, %c0_i32
// CHECK-COUNT-3: nvvm.redux.sync umax
// CHECK-COUNT-3: memref.store %{{.*}}, %[[SHARED]]
// CHECK: gpu.barrier
// CHECK: %[[LARGEST:.*]] = nvvm.redux.sync umax
// CHECK: memref.store %[[LARGEST]], %[[MAGNITUDES]][%c0, %block_id_x]

// They are looked up for rows with an excluded tile.
// CHECK-LABEL: gpu.func @masked_attention_tile_order(
// CHECK: %[[ANY:.*]] = nvvm.vote.sync any
// CHECK: %[[EXCLUDED:.*]] = scf.if %[[ANY]] -> (i32)
// CHECK-COUNT-3: nvvm.redux.sync umax
// CHECK:   arith.select %{{.*}}, %c0_i32, %c3_i32
// CHECK: else
// CHECK:   scf.yield %c0_i32
// CHECK: arith.select %{{.*}}, %[[EXCLUDED]]

// Who loads the mask says so where it has nothing to load; who computes adds it
// where it is needed.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-SAME: %[[LIST:[a-z0-9]*]]: memref<1x4x8x35xi32>) kernel
// CHECK: nvvm.setmaxregister decrease
// CHECK: %[[STEPS:.*]] = memref.load %[[LIST]]{{.*}}, %c2]
// CHECK: scf.for
// CHECK:   %[[NEEDS_MASK:.*]] = arith.cmpi ult
// CHECK:   scf.if %[[NEEDS_MASK]]
// CHECK:     memref.load %[[LIST]]
// CHECK:     mfa_gpu.tensor_load
// CHECK:   else
// CHECK:     nvgpu.mbarrier.arrive %
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.while
// CHECK:   memref.load %[[LIST]]
// CHECK:   scf.if %{{.*}} -> (!mfa_gpu.tile
// CHECK:     mfa_gpu.load
// CHECK:   scf.for
// CHECK-NOT: memref.load %[[LIST]]
// CHECK:     scf.if
// CHECK:       scf.if
// CHECK:         mfa_gpu.load
// CHECK:       else
// CHECK-NOT:     mfa_gpu.load
// CHECK:         math.exp2
// CHECK-NOT: memref.load %[[LIST]]
// CHECK-NOT: coordinates
// CHECK: gpu.return
func.func @mask(%q: !a, %m: !m, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) mask(%m : !m) outs(%o : !a)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, ping_pong = true, persistent = true, tiles = list>)
  return
}

// -----

!a = memref<?x4x8x64xbf16>
!k = memref<?x?x8x64xbf16>

// Each part of the keys has a step, if there are so many tiles.
// CHECK-LABEL: func.func @split
// CHECK: %[[SPLITS:.*]] = arith.maxui
// CHECK: else
// CHECK: %[[NO_PARTS:.*]], %{{.*}} = mfa_gpu.preparation
// CHECK: %[[ALLOCATED:.*]] = arith.select %[[NO_PARTS]], %c0, %[[SPLITS]] : index
// CHECK: %[[PARTIAL:.*]], %{{.*}} = gpu.alloc async {{.*}} (%[[ALLOCATED]], {{.*}}xf32>
// CHECK: %[[LEAST:.*]] = arith.minui %{{.*}}, %[[SPLITS]]
// CHECK: %[[COMPUTES:.*]] = arith.xori
// CHECK: mfa_gpu.kept_tile_list rows %{{.*}} keys %{{.*}} parts %[[LEAST]] sizes
// CHECK: gpu.launch_func async [%[[T2:.*]]] {{.*}}@masked_attention_tile_order {{.*}}, %[[LEAST]] : index, %{{.*}} : memref<3x?xi32>)
// CHECK: scf.if %[[COMPUTES]]
// CHECK:   mfa_gpu.overlap_launch
// CHECK-NEXT: %[[T3:.*]] = gpu.launch_func async [%[[T2]]] {{.*}}@masked_attention blocks in (%{{.*}}, %[[SPLITS]], %c1) {{.*}}, %[[PARTIAL]] : memref<{{.*}}>, %{{.*}} : memref<?x1x1x?xi32>)
// CHECK:   mfa_gpu.overlap_launch
// CHECK-NEXT: gpu.launch_func async [%[[T3]]] {{.*}}@masked_attention_combine
// CHECK: gpu.dealloc async {{.*}} %[[PARTIAL]]

// Sizes that are known are those of the list. The mask is read for tiles alone of
// which the rule keeps a pair.
// CHECK-LABEL: gpu.func @masked_attention_tile_classes(
// CHECK-SAME: %[[MASK:[a-z0-9]*]]: memref<?x1x1x?xi1>
// CHECK: %[[OF_RULE:.*]] = scf.if %{{.*}} -> (i1)
// CHECK:   scf.while
// CHECK-NOT: memref.load %[[MASK]]
// CHECK: scf.if %[[OF_RULE]] -> (i32)
// CHECK:   scf.while
// CHECK:     memref.load %[[MASK]]
// CHECK: else
// CHECK:   scf.yield %c0_i32

// Loads that look for an excluded tile wait for nothing: what is divided is divided in
// front of them.
// CHECK-LABEL: gpu.func @masked_attention_magnitudes(
// CHECK: %[[ROWS:.*]] = memref.collapse_shape
// CHECK: nvvm.barrier #nvvm.reduction<or>
// CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c1
// CHECK-NOT: divui
// CHECK-NOT: remui
// CHECK:   memref.load %[[ROWS]]
// CHECK:   arith.cmpi eq, %{{.*}}, %c1_i32
// CHECK: } {loop_annotation = #loop_annotation

// A key that the rule leaves and the mask excludes is to be looked at where there
// may be NaN.
// CHECK-LABEL: gpu.func @masked_attention_tile_order(
// CHECK: arith.select %{{.*}}, %c0_i32, %c4_i32
func.func @split(%q: !a, %k: !k, %m: memref<?x1x1x?xi1>, %lengths: memref<?xindex>, %o: !a) {
  mfa.masked_attention ins(%q, %k, %k : !a, !k, !k) mask(%m : memref<?x1x1x?xi1>)
      captures(%lengths : memref<?xindex>) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2, splits_keys = true, tiles = list>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %l: memref<?xindex>):
        %length = memref.load %l[%b] : memref<?xindex>
        %c = arith.cmpi slt, %n, %length : index
        mfa.yield %c : i1
      }
  return
}

// -----

!a = memref<?x?x?x64xf16>

// By its sizes: 50 times what making the list takes, 1500 ps for each of its tiles and
// the time that the 16th part of the mask is read in at 2000 bytes a ns, is no more
// than what the kernel takes, at 600000 operations a ns.
// CHECK-LABEL: func.func @auto
// CHECK: %[[QUERIES:.*]] = memref.dim %{{.*}}, %c1
// CHECK: %[[KEYS:.*]] = memref.dim %{{.*}}, %c1
// CHECK: %[[PAIRS:.*]] = arith.muli %[[QUERIES]], %[[KEYS]]
// CHECK: %[[ROW_TILES:.*]] = arith.ceildivui %[[QUERIES]], %c64
// CHECK: %[[KEY_TILES:.*]] = arith.ceildivui %[[KEYS]], %c32
// CHECK: %[[TILES:.*]] = arith.muli %[[ROW_TILES]], %[[KEY_TILES]]
// CHECK: %[[BATCH:.*]] = memref.dim %{{.*}}, %c0
// CHECK: %[[IN_BATCH:.*]] = arith.muli %[[PAIRS]], %[[BATCH]]
// CHECK: %[[HEADS:.*]] = memref.dim %{{.*}}, %c2
// CHECK: %[[ALL:.*]] = arith.muli %[[IN_BATCH]], %[[HEADS]]
// CHECK: %[[READING:.*]] = arith.divui %[[PAIRS]], %c32000
// CHECK: %[[PICOSECONDS:.*]] = arith.muli %[[TILES]], %c1500
// CHECK: %[[FINDING:.*]] = arith.divui %[[PICOSECONDS]], %c1000
// CHECK: %[[BOTH:.*]] = arith.addi %[[READING]], %[[FINDING]]
// CHECK: %[[MAKING:.*]] = arith.addi %[[BOTH]], %c11500
// CHECK: %[[WORK:.*]] = arith.muli %[[ALL]], %c256
// CHECK: %[[KERNEL:.*]] = arith.divui %[[WORK]], %c600000
// CHECK: %[[LEAST:.*]] = arith.muli %[[MAKING]], %c50
// CHECK: %[[IS_WORTH_IT:.*]] = arith.cmpi ule, %[[LEAST]], %[[KERNEL]]
// CHECK: scf.if %[[IS_WORTH_IT]]
// CHECK: @masked_attention_tile_classes
// CHECK: gpu.launch_func async {{.*}}@masked_attention blocks
// CHECK: else
// CHECK-NOT: async
// CHECK: mfa_gpu.preparation
// CHECK: scf.if
// CHECK: gpu.launch_func {{.*}}@masked_attention_0 blocks
func.func @auto(%q: !a, %k: !a, %m: memref<1x1x?x?xi1>, %o: !a) {
  mfa.masked_attention ins(%q, %k, %k : !a, !a, !a) mask(%m : memref<1x1x?x?xi1>) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2, tiles = auto>)
  return
}

// -----

!a = memref<1x2048x170x128xf16>
!b = memref<1x2048x169x128xf16>

// Of sizes that are known: 170 heads share a mask of bf16 that is worth it at 2048
// keys, as docs/performance.md says, and one less do not.
// CHECK-LABEL: func.func @known
// CHECK: @masked_attention_tile_classes
// CHECK: gpu.launch_func async {{.*}}@masked_attention blocks {{.*}}170x128xf16>
// CHECK-NOT: tile_classes{{.*}}169x128xf16>
// CHECK: gpu.launch_func @{{.*}}::@masked_attention_1 blocks {{.*}}169x128xf16>
// CHECK: gpu.module
func.func @known(%q: !a, %p: !b, %m: memref<1x1x2048x2048xbf16>, %o: !a, %r: !b) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) mask(%m : memref<1x1x2048x2048xbf16>) outs(%o : !a)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 128, warps = 8, stages = 2, tiles = auto>)
  mfa.masked_attention ins(%p, %p, %p : !b, !b, !b) mask(%m : memref<1x1x2048x2048xbf16>) outs(%r : !b)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 128, warps = 8, stages = 2, tiles = auto>)
  return
}

// -----

!a = memref<1x1024x4x64xf16>
!b = memref<1x1024x4x128xf16>

// How large scores may be depends on the head dimension and the scale, which no
// argument tells.
// CHECK-LABEL: func.func @head_dimensions
// CHECK: @[[FIRST:mfa_kernels[_0-9]*]]::@masked_attention_tile_order
// CHECK-NOT: @[[FIRST]]::@masked_attention_tile_order
// CHECK: gpu.module
func.func @head_dimensions(%q: !a, %p: !b, %m: memref<1x1x1024x1024xi1>, %o: !a, %r: !b) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) mask(%m : memref<1x1x1024x1024xi1>) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2, tiles = list>)
  mfa.masked_attention ins(%p, %p, %p : !b, !b, !b) mask(%m : memref<1x1x1024x1024xi1>) outs(%r : !b)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2, tiles = list>)
  return
}

// -----

!a = memref<1x1024x4x64xf16>

// A region that has the last word on scores undoes what a mask excludes, and a
// mask that is the same for all keys says nothing of tiles: no list.
// CHECK-LABEL: func.func @none
// CHECK-NOT: tile_classes
// CHECK-COUNT-2: gpu.launch_func {{.*}}@masked_attention
// CHECK-NOT: tile_classes
func.func @none(%q: !a, %m: memref<1x1x1024x1024xi1>, %rows: memref<1x1x1024x1xf16>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) mask(%m : memref<1x1x1024x1024xi1>) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2, tiles = list>)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index):
        %zero = arith.constant 0.0 : f32
        %t = arith.maximumf %s, %zero : f32
        mfa.yield %t : f32
      }
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) mask(%rows : memref<1x1x1024x1xf16>) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2, tiles = auto>)
  return
}
