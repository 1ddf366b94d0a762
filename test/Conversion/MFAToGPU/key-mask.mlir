// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

// f32: a word for each key, of which each of 32 lanes has two of a tile. -inf
// leaves no key, and a zero of either sign changes no score. One vote for each
// question, ahead of the products' end.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.for
// CHECK:   nvgpu.mbarrier.try_wait.parity
// CHECK:   %[[FIRST:.*]] = memref.load %[[WORDS:.*]][%c0, %[[LANE:.*]]] : memref<1x64xi32,
// CHECK:   %[[LEFT_0:.*]] = arith.xori %[[FIRST]], %c-8388608_i32
// CHECK:   %[[PLACE:.*]] = arith.addi %[[LANE]], %c32
// CHECK:   %[[SECOND:.*]] = memref.load %[[WORDS]][%c0, %[[PLACE]]]
// CHECK:   %[[CHANGED:.*]] = arith.ori %[[FIRST]], %[[SECOND]]
// CHECK:   %[[LEFT_1:.*]] = arith.xori %[[SECOND]], %c-8388608_i32
// CHECK:   %[[LEFT:.*]] = arith.ori %[[LEFT_0]], %[[LEFT_1]]
// CHECK:   %[[NUMBERS:.*]] = arith.andi %[[CHANGED]], %c2147483647_i32
// CHECK:   %[[IS_CHANGED:.*]] = arith.cmpi ne, %[[NUMBERS]], %c0_i32
// CHECK:   %[[CHANGES:.*]] = nvvm.vote.sync any %{{.*}}, %[[IS_CHANGED]]
// CHECK:   %[[IS_LEFT:.*]] = arith.cmpi ne, %[[LEFT]], %c0_i32
// CHECK:   %[[LEAVES:.*]] = nvvm.vote.sync any %{{.*}}, %[[IS_LEFT]]
// CHECK:   mfa_gpu.warpgroup_wait 0
// CHECK:   scf.if %[[CHANGES]]
// CHECK:     scf.if %[[LEAVES]]
func.func @of_f32(%q: memref<1x512x4x64xbf16>, %m: memref<1x1x512xf32>, %o: memref<1x512x4x64xbf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x64xbf16>, memref<1x512x4x64xbf16>, memref<1x512x4x64xbf16>)
      mask(%m : memref<1x1x512xf32>) outs(%o : memref<1x512x4x64xbf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
  return
}

// -----

// f16: two keys in a word. Of a tile with fewer words than lanes, the last ones
// have the last word.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK: nvvm.setmaxregister increase
// CHECK: scf.for
// CHECK:   %[[PLACE:.*]] = arith.minui %{{.*}}, %c15
// CHECK:   %[[WORD:.*]] = memref.load %{{.*}}[%c0, %[[PLACE]]] : memref<1x16xi32,
// CHECK:   arith.xori %[[WORD]], %c-67044352_i32
// CHECK:   arith.andi %[[WORD]], %c2147450879_i32
func.func @of_f16(%q: memref<1x512x4x64xf16>, %m: memref<1x1x512xf16>, %o: memref<1x512x4x64xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x64xf16>, memref<1x512x4x64xf16>, memref<1x512x4x64xf16>)
      mask(%m : memref<1x1x512xf16>) outs(%o : memref<1x512x4x64xf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 32, warps = 8, stages = 2>)
  return
}

// -----

// Masks that vary over queries are not looked at.
// CHECK-LABEL: gpu.func @masked_attention(
// CHECK-NOT: nvvm.vote.sync
// CHECK: gpu.return
func.func @of_queries(%q: memref<1x512x4x64xf16>, %m: memref<1x512x512xf16>, %o: memref<1x512x4x64xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<1x512x4x64xf16>, memref<1x512x4x64xf16>, memref<1x512x4x64xf16>)
      mask(%m : memref<1x512x512xf16>) outs(%o : memref<1x512x4x64xf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2>)
  return
}
