// RUN: mfa-opt %s --mfa-select-schedule=chip=sm_90 --convert-mfa-to-gpu=chip=sm_90 --canonicalize --cse --split-input-file | FileCheck %s

// One block for 128 query rows of a head; key, value and mask tiles go through
// shared memory while the products of the tile before run.
// CHECK-LABEL: func.func @masked
// CHECK: %[[THREADS:.*]] = arith.constant 128 : index
// CHECK: gpu.launch_func @mfa_kernels::@masked_attention blocks in (%{{.*}}) threads in (%[[THREADS]], {{.*}}) dynamic_shared_memory_size
// CHECK: gpu.module @mfa_kernels [#nvvm.target<O = 3, chip = "sm_90", features = "+ptx80">]
// CHECK: gpu.func @masked_attention({{.*}}) kernel attributes {known_block_size = array<i32: 128, 1, 1>}
// The heads of one row tile are neighbours in the grid.
// CHECK: %[[BLOCK:.*]] = gpu.block_id x
// CHECK: %[[NUMBER:.*]] = arith.index_castui %[[BLOCK]]
// CHECK-DAG: arith.divui %[[NUMBER]], %c4_i32
// CHECK-DAG: arith.remui %[[NUMBER]], %c4_i32
// CHECK: mfa_gpu.copy_async
// CHECK: nvvm.cp.async.commit.group
// CHECK: scf.for
// CHECK:   nvvm.cp.async.wait.group 0
// CHECK:   gpu.barrier
// CHECK:   %[[S:.*]] = mfa_gpu.mma {{.*}} {transpose_rhs}
// CHECK:   %[[M:.*]] = mfa_gpu.load
// CHECK:   %[[WIDE:.*]] = mfa_gpu.convert %[[M]]
// CHECK:   %[[T:.*]] = mfa_gpu.map %[[S]], %[[WIDE]]
// CHECK:     math.fma
// CHECK:   %[[MAX:.*]] = mfa_gpu.reduce max %[[T]]
// A bf16 mask may be the lowest finite number.
// CHECK:   mfa_gpu.any
// CHECK:   scf.if
// CHECK:   math.exp2
// CHECK:   mfa_gpu.reduce add {{.*}} partial
// CHECK:   mfa_gpu.convert {{.*}}xf32, #accumulator> to {{.*}}xbf16, #operand>
// CHECK:   mfa_gpu.mma
// CHECK:   scf.yield
// CHECK: mfa_gpu.all_reduce add
// CHECK: mfa_gpu.store
// CHECK: mfa_gpu.copy
// CHECK-NOT: memref.store
func.func @masked(%q: memref<1x256x4x64xbf16>, %k: memref<1x256x2x64xbf16>, %m: memref<1x256x256xbf16>, %o: memref<1x256x4x64xbf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<1x256x4x64xbf16>, memref<1x256x2x64xbf16>, memref<1x256x2x64xbf16>)
      mask(%m : memref<1x256x256xbf16>) outs(%o : memref<1x256x4x64xbf16>)
  return
}

// -----

// Without a mask the scale is folded into the exponent. Sizes that tiles do not
// cover exactly need the last tile masked, and the log-sum-exp is stored.
// CHECK-LABEL: func.func @dynamic
// CHECK: scf.if
// CHECK:   gpu.launch_func
// CHECK: gpu.func @masked_attention
// CHECK: scf.for
// CHECK:   %[[S:.*]] = mfa_gpu.mma {{.*}} {transpose_rhs}
// CHECK-NOT: mfa_gpu.any
// CHECK:   %[[TAIL:.*]] = scf.if {{.*}} -> (!mfa_gpu.tile
// CHECK:     mfa_gpu.map %[[S]] coordinates
// CHECK:     yield
// CHECK:   else
// CHECK:     scf.yield %[[S]]
// CHECK:   mfa_gpu.reduce max %[[TAIL]]
// CHECK: math.log2
// CHECK: mfa_gpu.store {{.*}} : <{{.*}}xf32, #row> to memref<?xf32
func.func @dynamic(%q: memref<?x?x?x64xf16>, %k: memref<?x?x?x64xf16>, %o: memref<?x?x?x64xf16>, %l: memref<?x?x?xf32>) {
  mfa.masked_attention ins(%q, %k, %k : memref<?x?x?x64xf16>, memref<?x?x?x64xf16>, memref<?x?x?x64xf16>)
      outs(%o : memref<?x?x?x64xf16>) lse(%l : memref<?x?x?xf32>)
  return
}

// -----

// A mask that does not vary over queries is one row in shared memory; one that
// varies over neither is read once. f32 is multiplied in three parts, and where
// any thread of the block has what is not finite of it, all again as it is.
// CHECK-LABEL: func.func @broadcast
// CHECK: gpu.func @masked_attention(
// CHECK: memref.subview {{.*}} to memref<1x{{.*}}xi1
// CHECK: %[[SPLIT:.*]]:3 = scf.for
// CHECK:   mfa_gpu.mma {{.*}} {f32_split, transpose_rhs}
// CHECK:   mfa_gpu.load {{.*}} : memref<1x{{.*}}xi1, {{.*}}> to <{{.*}}xi1, #accumulator>
// CHECK:   mfa_gpu.mma {{.*}} {f32_split}
// CHECK: mfa_gpu.reduce add %[[SPLIT]]#0
// CHECK: %[[ANY:.*]] = nvvm.barrier #nvvm.reduction<or> %{{.*}} -> i32
// CHECK: %[[AGAIN:.*]] = arith.cmpi ne, %[[ANY]], %c0_i32
// CHECK: %[[RESULT:.*]]:2 = scf.if %[[AGAIN]]
// CHECK:   %[[PLAIN:.*]]:3 = scf.for
// CHECK:     mfa_gpu.mma {{.*}} {f32_plain, transpose_rhs}
// CHECK:     mfa_gpu.mma {{.*}} {f32_plain}
// CHECK:   scf.yield %[[PLAIN]]#0, %[[PLAIN]]#2
// CHECK: else
// CHECK:   scf.yield %[[SPLIT]]#0, %[[SPLIT]]#2
// CHECK: mfa_gpu.all_reduce add %[[RESULT]]#1
// CHECK: gpu.func @masked_attention_0(
// CHECK: memref.load {{.*}} : memref<1x1xf32
// CHECK: mfa_gpu.mma
func.func @broadcast(%q: memref<2x64x2x32xf32>, %m: memref<2x1x1x64xi1>, %c: memref<1x1x1xf32>, %o: memref<2x64x2x32xf32>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf32>, memref<2x64x2x32xf32>, memref<2x64x2x32xf32>)
      mask(%m : memref<2x1x1x64xi1>) outs(%o : memref<2x64x2x32xf32>)
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf32>, memref<2x64x2x32xf32>, memref<2x64x2x32xf32>)
      mask(%c : memref<1x1x1xf32>) outs(%o : memref<2x64x2x32xf32>)
  return
}

// -----

// Ops of one form share a kernel, and each kernel has a module of its own; a scale that is known is built in, another is
// an argument.
// CHECK-LABEL: func.func @shared
// CHECK-COUNT-2: gpu.launch_func @mfa_kernels::@masked_attention blocks
// CHECK: gpu.launch_func @mfa_kernels_0::@masked_attention_0 {{.*}} : f32
// CHECK: gpu.module @mfa_kernels [
// CHECK-NEXT: gpu.func @masked_attention(
// CHECK: gpu.module @mfa_kernels_0 [
// CHECK-NEXT: gpu.func @masked_attention_0(
// CHECK-NOT: gpu.func
func.func @shared(%q: memref<2x64x2x32xf16>, %s: f32, %o: memref<2x64x2x32xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      outs(%o : memref<2x64x2x32xf16>)
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      outs(%o : memref<2x64x2x32xf16>)
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      scale(%s : f32) outs(%o : memref<2x64x2x32xf16>)
  return
}

// -----

// Nothing to compute, nothing to launch.
// CHECK-LABEL: func.func @empty
// CHECK-NEXT: return
func.func @empty(%q: memref<2x0x2x32xf16>, %k: memref<2x64x2x32xf16>, %o: memref<2x0x2x32xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<2x0x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      outs(%o : memref<2x0x2x32xf16>)
  return
}

// -----

// Two stages: everything of the next tile is on its way before the products.
// CHECK-LABEL: func.func @two_stages
// CHECK: memref<2x32x{{[0-9]+}}xf16, #gpu.address_space<workgroup>>
// CHECK: scf.for
// CHECK:   gpu.barrier
// CHECK:   scf.if
// CHECK:     mfa_gpu.copy_async
// CHECK:     mfa_gpu.copy_async
// CHECK:   mfa_gpu.mma
// CHECK-NOT: gpu.barrier
// CHECK:   scf.yield
func.func @two_stages(%q: memref<2x64x2x32xf16>, %o: memref<2x64x2x32xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2>)
  return
}
