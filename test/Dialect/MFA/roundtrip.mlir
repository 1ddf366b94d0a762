// Every operand form of the specification parses, prints and parses again, in
// the pretty and in the generic form.

// RUN: mfa-opt %s | mfa-opt | FileCheck %s --strict-whitespace
// RUN: mfa-opt %s --mlir-print-op-generic | mfa-opt | FileCheck %s --strict-whitespace

// CHECK-LABEL: func.func @mandatory_operands
// CHECK: %{{.*}} = mfa.masked_attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<1x128x8x64xf16>, tensor<1x256x8x64xf16>, tensor<1x256x8x64xf16>) outs(%{{.*}} : tensor<1x128x8x64xf16>) -> tensor<1x128x8x64xf16>{{$}}
func.func @mandatory_operands(
    %q: tensor<1x128x8x64xf16>, %k: tensor<1x256x8x64xf16>,
    %v: tensor<1x256x8x64xf16>, %o: tensor<1x128x8x64xf16>)
    -> tensor<1x128x8x64xf16> {
  %0 = mfa.masked_attention
         ins(%q, %k, %v : tensor<1x128x8x64xf16>, tensor<1x256x8x64xf16>,
                          tensor<1x256x8x64xf16>)
         outs(%o : tensor<1x128x8x64xf16>) -> tensor<1x128x8x64xf16>
  return %0 : tensor<1x128x8x64xf16>
}

// CHECK-LABEL: func.func @every_clause
// CHECK: mfa.masked_attention ins({{.*}}) mask(%{{.*}} : tensor<2x1024x1024xbf16>) scale(%{{.*}} : f32) outs(%{{.*}} : tensor<2x1024x16x128xbf16>) lse(%{{.*}} : tensor<2x16x1024xf32>) schedule(#mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64, warps = 4, stages = 1>) -> (tensor<2x1024x16x128xbf16>, tensor<2x16x1024xf32>){{$}}
func.func @every_clause(
    %q: tensor<2x1024x16x128xbf16>, %k: tensor<2x1024x4x128xbf16>,
    %v: tensor<2x1024x4x128xbf16>, %m: tensor<2x1024x1024xbf16>, %s: f32,
    %o: tensor<2x1024x16x128xbf16>, %l: tensor<2x16x1024xf32>)
    -> (tensor<2x1024x16x128xbf16>, tensor<2x16x1024xf32>) {
  %0:2 = mfa.masked_attention
           ins(%q, %k, %v : tensor<2x1024x16x128xbf16>,
               tensor<2x1024x4x128xbf16>, tensor<2x1024x4x128xbf16>)
           mask(%m : tensor<2x1024x1024xbf16>)
           scale(%s : f32)
           outs(%o : tensor<2x1024x16x128xbf16>)
           lse(%l : tensor<2x16x1024xf32>)
           schedule(#mfa.schedule<kind = mma_sync, tile_rows = 128,
                                  tile_keys = 64, warps = 4, stages = 1>)
           -> (tensor<2x1024x16x128xbf16>, tensor<2x16x1024xf32>)
  return %0#0, %0#1 : tensor<2x1024x16x128xbf16>, tensor<2x16x1024xf32>
}

// Result types without parentheses, and one in parentheses.
// CHECK-LABEL: func.func @result_lists
// CHECK: lse({{.*}}) -> (tensor<1x8x2x64xf32>, tensor<1x2x8xf32>){{$}}
// CHECK: outs({{.*}}) -> tensor<1x8x2x64xf32>{{$}}
func.func @result_lists(%x: tensor<1x8x2x64xf32>, %l: tensor<1x2x8xf32>) {
  %0:2 = mfa.masked_attention
           ins(%x, %x, %x : tensor<1x8x2x64xf32>, tensor<1x8x2x64xf32>,
                            tensor<1x8x2x64xf32>)
           outs(%x : tensor<1x8x2x64xf32>) lse(%l : tensor<1x2x8xf32>)
           -> tensor<1x8x2x64xf32>, tensor<1x2x8xf32>
  %1 = mfa.masked_attention
         ins(%x, %x, %x : tensor<1x8x2x64xf32>, tensor<1x8x2x64xf32>,
                          tensor<1x8x2x64xf32>)
         outs(%x : tensor<1x8x2x64xf32>) -> (tensor<1x8x2x64xf32>)
  return
}

// CHECK-LABEL: func.func @masks
// CHECK: mask(%{{.*}} : tensor<2x16x32xf32>)
// CHECK: mask(%{{.*}} : tensor<1x16x32xbf16>)
// CHECK: mask(%{{.*}} : tensor<2x1x32xf16>)
// CHECK: mask(%{{.*}} : tensor<2x16x1xi1>)
// CHECK: mask(%{{.*}} : tensor<2x4x16x32xf16>)
// CHECK: mask(%{{.*}} : tensor<1x4x16x32xi1>)
// CHECK: mask(%{{.*}} : tensor<2x1x1x32xi1>)
// CHECK: mask(%{{.*}} : tensor<1x1x1x1xf32>)
// CHECK: mask(%{{.*}} : tensor<?x?x?xf16>)
func.func @masks(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
                 %m0: tensor<2x16x32xf32>, %m1: tensor<1x16x32xbf16>,
                 %m2: tensor<2x1x32xf16>, %m3: tensor<2x16x1xi1>,
                 %m4: tensor<2x4x16x32xf16>, %m5: tensor<1x4x16x32xi1>,
                 %m6: tensor<2x1x1x32xi1>, %m7: tensor<1x1x1x1xf32>,
                 %m8: tensor<?x?x?xf16>) {
  %0 = mfa.masked_attention ins(%q, %k, %k : tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
         mask(%m0 : tensor<2x16x32xf32>) outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  %1 = mfa.masked_attention ins(%q, %k, %k : tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
         mask(%m1 : tensor<1x16x32xbf16>) outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  %2 = mfa.masked_attention ins(%q, %k, %k : tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
         mask(%m2 : tensor<2x1x32xf16>) outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  %3 = mfa.masked_attention ins(%q, %k, %k : tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
         mask(%m3 : tensor<2x16x1xi1>) outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  %4 = mfa.masked_attention ins(%q, %k, %k : tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
         mask(%m4 : tensor<2x4x16x32xf16>) outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  %5 = mfa.masked_attention ins(%q, %k, %k : tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
         mask(%m5 : tensor<1x4x16x32xi1>) outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  %6 = mfa.masked_attention ins(%q, %k, %k : tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
         mask(%m6 : tensor<2x1x1x32xi1>) outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  %7 = mfa.masked_attention ins(%q, %k, %k : tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
         mask(%m7 : tensor<1x1x1x1xf32>) outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  %8 = mfa.masked_attention ins(%q, %k, %k : tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
         mask(%m8 : tensor<?x?x?xf16>) outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  return
}

// Static and dynamic sizes mix; D and Dv at their limits; no rows, no keys and
// an empty batch.
// CHECK-LABEL: func.func @sizes
// CHECK-COUNT-3: mfa.masked_attention
func.func @sizes(%q: tensor<?x16x?x256xf32>, %k: tensor<2x?x?x256xf32>,
                 %v: tensor<?x?x2x8xf32>, %o: tensor<?x?x4x8xf32>,
                 %no_rows: tensor<2x0x4x256xf32>,
                 %no_rows_o: tensor<2x0x4x8xf32>,
                 %no_batch: tensor<0x16x4x8xf32>) {
  %0 = mfa.masked_attention
         ins(%q, %k, %v : tensor<?x16x?x256xf32>, tensor<2x?x?x256xf32>,
                          tensor<?x?x2x8xf32>)
         outs(%o : tensor<?x?x4x8xf32>) -> tensor<?x?x4x8xf32>
  %1 = mfa.masked_attention
         ins(%no_rows, %k, %v : tensor<2x0x4x256xf32>, tensor<2x?x?x256xf32>,
                                tensor<?x?x2x8xf32>)
         outs(%no_rows_o : tensor<2x0x4x8xf32>) -> tensor<2x0x4x8xf32>
  %2 = mfa.masked_attention
         ins(%no_batch, %no_batch, %no_batch : tensor<0x16x4x8xf32>,
             tensor<0x16x4x8xf32>, tensor<0x16x4x8xf32>)
         outs(%no_batch : tensor<0x16x4x8xf32>) -> tensor<0x16x4x8xf32>
  return
}

// CHECK-LABEL: func.func @no_keys
// CHECK: mfa.masked_attention
func.func @no_keys(%q: tensor<2x16x4x8xf16>, %k: tensor<2x0x2x8xf16>,
                   %m: tensor<2x16x0xf16>) -> tensor<2x16x4x8xf16> {
  %0 = mfa.masked_attention
         ins(%q, %k, %k : tensor<2x16x4x8xf16>, tensor<2x0x2x8xf16>,
                          tensor<2x0x2x8xf16>)
         mask(%m : tensor<2x16x0xf16>)
         outs(%q : tensor<2x16x4x8xf16>) -> tensor<2x16x4x8xf16>
  return %0 : tensor<2x16x4x8xf16>
}

// CHECK-LABEL: func.func @buffers
// CHECK: mfa.masked_attention ins({{.*}} : memref<?x?x?x192xbf16>, memref<?x?x?x192xbf16>, memref<?x?x?x128xbf16>) mask(%{{.*}} : memref<?x?x?x?xf32>) outs(%{{.*}} : memref<?x?x?x128xbf16>) lse(%{{.*}} : memref<?x?x?xf32>){{ ?$}}
func.func @buffers(%q: memref<?x?x?x192xbf16>, %k: memref<?x?x?x192xbf16>,
                   %v: memref<?x?x?x128xbf16>, %m: memref<?x?x?x?xf32>,
                   %o: memref<?x?x?x128xbf16>, %l: memref<?x?x?xf32>) {
  mfa.masked_attention
    ins(%q, %k, %v : memref<?x?x?x192xbf16>, memref<?x?x?x192xbf16>,
                     memref<?x?x?x128xbf16>)
    mask(%m : memref<?x?x?x?xf32>)
    outs(%o : memref<?x?x?x128xbf16>)
    lse(%l : memref<?x?x?xf32>)
  return
}

// Packed QKV, keys shared by the batch, BHSD storage, a mask expanded by
// strides, a transposed log-sum-exp, strides known at run time, and a stride of
// 0 where the output has one element.
// CHECK-LABEL: func.func @strides
// CHECK: mfa.masked_attention
// CHECK: mfa.masked_attention
func.func @strides(
    %q: memref<2x128x8x64xf16, strided<[196608, 1536, 64, 1], offset: ?>>,
    %k: memref<2x128x8x64xf16, strided<[0, 512, 64, 1]>>,
    %v: memref<2x128x8x64xf16, strided<[65536, 64, 8192, 1]>>,
    %m: memref<2x128x128xf16, strided<[16384, 1, 128]>>,
    %o: memref<2x128x8x64xf16, strided<[65536, 512, 64, 1]>>,
    %l: memref<2x8x128xf32, strided<[1024, 1, 8]>>,
    %x: memref<1x?x?x64xf16, strided<[0, ?, ?, ?], offset: ?>>,
    %y: memref<1x?x?x64xf16, strided<[0, ?, ?, ?], offset: ?>>) {
  mfa.masked_attention
    ins(%q, %k, %v :
        memref<2x128x8x64xf16, strided<[196608, 1536, 64, 1], offset: ?>>,
        memref<2x128x8x64xf16, strided<[0, 512, 64, 1]>>,
        memref<2x128x8x64xf16, strided<[65536, 64, 8192, 1]>>)
    mask(%m : memref<2x128x128xf16, strided<[16384, 1, 128]>>)
    outs(%o : memref<2x128x8x64xf16, strided<[65536, 512, 64, 1]>>)
    lse(%l : memref<2x8x128xf32, strided<[1024, 1, 8]>>)
  mfa.masked_attention
    ins(%x, %x, %x : memref<1x?x?x64xf16, strided<[0, ?, ?, ?], offset: ?>>,
                     memref<1x?x?x64xf16, strided<[0, ?, ?, ?], offset: ?>>,
                     memref<1x?x?x64xf16, strided<[0, ?, ?, ?], offset: ?>>)
    outs(%y : memref<1x?x?x64xf16, strided<[0, ?, ?, ?], offset: ?>>)
  return
}

// CHECK-LABEL: func.func @attributes
// CHECK: mfa.masked_attention {name = "first"} ins
// CHECK: schedule(#mfa.schedule<kind = mma_sync, tile_rows = 16, tile_keys = 16, warps = 1, stages = 2, f32_product = tf32, splits_keys = true, tiles = list>)
func.func @attributes(%x: tensor<1x8x2x64xf32>) -> tensor<1x8x2x64xf32> {
  %0 = mfa.masked_attention {name = "first"}
         ins(%x, %x, %x : tensor<1x8x2x64xf32>, tensor<1x8x2x64xf32>,
                          tensor<1x8x2x64xf32>)
         outs(%x : tensor<1x8x2x64xf32>)
         schedule(#mfa.schedule<kind = mma_sync, tile_rows = 16, tile_keys = 16,
                                warps = 1, stages = 2, f32_product = tf32,
                                splits_keys = true, tiles = list>)
         -> tensor<1x8x2x64xf32>
  return %0 : tensor<1x8x2x64xf32>
}

// The examples of the specification, as they stand there.
// CHECK-LABEL: func.func @specification_tensors
// CHECK-COUNT-3: mfa.masked_attention
func.func @specification_tensors(
    %x: tensor<2x1024x16x128xbf16>, %y: tensor<2x1024x4x128xbf16>,
    %bias: tensor<2x1024x1024xbf16>, %s: f32, %q: tensor<1x128x8x64xf16>,
    %k: tensor<1x256x8x64xf16>, %padding: tensor<1x1x1x256xi1>,
    %l: tensor<1x8x128xf32>) {
  %0 = mfa.masked_attention
         ins(%x, %y, %y : tensor<2x1024x16x128xbf16>,
                          tensor<2x1024x4x128xbf16>,
                          tensor<2x1024x4x128xbf16>)
         mask(%bias : tensor<2x1024x1024xbf16>)
         scale(%s : f32)
         outs(%x : tensor<2x1024x16x128xbf16>)
         -> tensor<2x1024x16x128xbf16>
  %1 = mfa.masked_attention
         ins(%q, %k, %k : tensor<1x128x8x64xf16>, tensor<1x256x8x64xf16>,
                          tensor<1x256x8x64xf16>)
         outs(%q : tensor<1x128x8x64xf16>) -> tensor<1x128x8x64xf16>
  %2:2 = mfa.masked_attention
           ins(%q, %k, %k : tensor<1x128x8x64xf16>, tensor<1x256x8x64xf16>,
                            tensor<1x256x8x64xf16>)
           mask(%padding : tensor<1x1x1x256xi1>)
           outs(%q : tensor<1x128x8x64xf16>)
           lse(%l : tensor<1x8x128xf32>)
           -> (tensor<1x128x8x64xf16>, tensor<1x8x128xf32>)
  return
}

// CHECK-LABEL: func.func @specification_memrefs
// CHECK-COUNT-2: mfa.masked_attention
func.func @specification_memrefs(
    %x: memref<?x?x?x192xbf16>, %y: memref<?x?x?x128xbf16>,
    %z: memref<?x?x?x128xbf16>, %m: memref<?x?x?x?xf32>,
    %q: memref<2x128x8x64xf16, strided<[196608, 1536, 64, 1], offset: ?>>,
    %k: memref<2x128x8x64xf16>, %o: memref<2x128x8x64xf16>) {
  mfa.masked_attention
    ins(%x, %x, %y : memref<?x?x?x192xbf16>, memref<?x?x?x192xbf16>,
                     memref<?x?x?x128xbf16>)
    mask(%m : memref<?x?x?x?xf32>)
    outs(%z : memref<?x?x?x128xbf16>)
  mfa.masked_attention
    ins(%q, %k, %k :
        memref<2x128x8x64xf16, strided<[196608, 1536, 64, 1], offset: ?>>,
        memref<2x128x8x64xf16>, memref<2x128x8x64xf16>)
    outs(%o : memref<2x128x8x64xf16>)
    schedule(#mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64,
                           warps = 4, stages = 1>)
  return
}
