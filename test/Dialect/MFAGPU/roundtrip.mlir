// RUN: mfa-opt %s | mfa-opt | FileCheck %s
// RUN: mfa-opt %s --mlir-print-op-generic | mfa-opt | FileCheck %s

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#operand = #mfa_gpu.fragment<operand, warps = 4>
#row = #mfa_gpu.fragment<row, warps = 4>
#shared = #gpu.address_space<workgroup>

// The fragments print as aliases, so that types stay short.
// CHECK-DAG: #accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
// CHECK-DAG: #operand = #mfa_gpu.fragment<operand, warps = 4>
// CHECK-DAG: #row = #mfa_gpu.fragment<row, warps = 4>

// CHECK-LABEL: func.func @copies
// CHECK: mfa_gpu.copy_async %{{.*}} to %{{.*}} : memref<?x64xf16, strided<[?, 1], offset: ?>> to memref<64x64xf16, #gpu.address_space<workgroup>>
// CHECK: mfa_gpu.copy %{{.*}} to %{{.*}} : memref<64x64xf16, #gpu.address_space<workgroup>> to memref<?x64xf16, strided<[?, 1], offset: ?>>
func.func @copies(%global: memref<?x64xf16, strided<[?, 1], offset: ?>>,
                  %shared: memref<64x64xf16, #shared>) {
  mfa_gpu.copy_async %global to %shared
    : memref<?x64xf16, strided<[?, 1], offset: ?>>
    to memref<64x64xf16, #shared>
  mfa_gpu.copy %shared to %global
    : memref<64x64xf16, #shared>
    to memref<?x64xf16, strided<[?, 1], offset: ?>>
  return
}

// CHECK-LABEL: func.func @loads_and_stores
// CHECK: mfa_gpu.load %{{.*}} : memref<64x32xf16, #gpu.address_space<workgroup>> to <64x32xf16, #accumulator>
// CHECK: mfa_gpu.load %{{.*}} : memref<64x32xf16, #gpu.address_space<workgroup>> to <64x32xf16, #operand>
// CHECK: mfa_gpu.load %{{.*}} : memref<1x32xf16, #gpu.address_space<workgroup>> to <64x32xf16, #accumulator>
// CHECK: mfa_gpu.load %{{.*}} : memref<?xf32> to <64xf32, #row>
// CHECK: mfa_gpu.store %{{.*}} to %{{.*}} : <64x32xf16, #accumulator> to memref<64x32xf16, #gpu.address_space<workgroup>>
// CHECK: mfa_gpu.store %{{.*}} to %{{.*}} : <64xf32, #row> to memref<?xf32>
func.func @loads_and_stores(%matrix: memref<64x32xf16, #shared>,
                            %line: memref<1x32xf16, #shared>,
                            %vector: memref<?xf32>) {
  %0 = mfa_gpu.load %matrix : memref<64x32xf16, #shared>
         to <64x32xf16, #accumulator>
  %1 = mfa_gpu.load %matrix : memref<64x32xf16, #shared>
         to <64x32xf16, #operand>
  %2 = mfa_gpu.load %line : memref<1x32xf16, #shared>
         to <64x32xf16, #accumulator>
  %3 = mfa_gpu.load %vector : memref<?xf32> to <64xf32, #row>
  mfa_gpu.store %0 to %matrix
    : <64x32xf16, #accumulator> to memref<64x32xf16, #shared>
  mfa_gpu.store %3 to %vector : <64xf32, #row> to memref<?xf32>
  return
}

// CHECK-LABEL: func.func @store_to_global
// CHECK: mfa_gpu.store %{{.*}} to %{{.*}} : <64x32xf32, #accumulator> to memref<?x24xf32, strided<[?, 1], offset: ?>>
func.func @store_to_global(%t: !mfa_gpu.tile<64x32xf32, #accumulator>,
                           %m: memref<?x24xf32, strided<[?, 1], offset: ?>>) {
  mfa_gpu.store %t to %m : <64x32xf32, #accumulator>
                        to memref<?x24xf32, strided<[?, 1], offset: ?>>
  return
}

// CHECK-LABEL: func.func @exp2
// CHECK: mfa_gpu.exp2 %{{.*}} polynomials 3 : <64x32xf32, #accumulator>
func.func @exp2(%t: !mfa_gpu.tile<64x32xf32, #accumulator>)
    -> !mfa_gpu.tile<64x32xf32, #accumulator> {
  %0 = mfa_gpu.exp2 %t polynomials 3 : <64x32xf32, #accumulator>
  return %0 : !mfa_gpu.tile<64x32xf32, #accumulator>
}

// CHECK-LABEL: func.func @multiprocessors
// CHECK: mfa_gpu.multiprocessors
func.func @multiprocessors() -> index {
  %0 = mfa_gpu.multiprocessors
  return %0 : index
}

// CHECK-LABEL: func.func @lists
// CHECK: mfa_gpu.preparation
// CHECK: mfa_gpu.kept_tile_list rows %{{.*}} keys %{{.*}} parts %{{.*}} sizes(%{{.*}}, %{{.*}}) : memref<1x?x8x?xi32>
// CHECK: mfa_gpu.kept_tile_list rows %{{.*}} keys %{{.*}} parts %{{.*}} sizes() : memref<1x1x8x35xi32>
func.func @lists(%n: index) -> (i1, i1, memref<1x?x8x?xi32>, i1, i1) {
  %only, %finite = mfa_gpu.preparation
  %list, %kept, %filled =
      mfa_gpu.kept_tile_list rows %n keys %n parts %n sizes(%n, %n) : memref<1x?x8x?xi32>
  %static, %0, %1 =
      mfa_gpu.kept_tile_list rows %n keys %n parts %n sizes() : memref<1x1x8x35xi32>
  return %only, %finite, %list, %kept, %filled : i1, i1, memref<1x?x8x?xi32>, i1, i1
}

// CHECK-LABEL: func.func @splats
// CHECK: mfa_gpu.splat %{{.*}} : <64x32xf32, #accumulator>
// CHECK: mfa_gpu.splat %{{.*}} : <64xi1, #row>
func.func @splats(%x: f32, %b: i1) {
  %0 = mfa_gpu.splat %x : <64x32xf32, #accumulator>
  %1 = mfa_gpu.splat %b : <64xi1, #row>
  return
}

// CHECK-LABEL: func.func @products
// CHECK: mfa_gpu.mma %{{.*}}, %{{.*}}, %{{.*}} : !mfa_gpu.tile<64x32xf16, #operand>, memref<32x16xf16, #gpu.address_space<workgroup>>, <64x16xf32, #accumulator>
// CHECK: mfa_gpu.mma %{{.*}}, %{{.*}}, %{{.*}} {transpose_rhs} : memref<64x32xf32, #gpu.address_space<workgroup>>, memref<16x32xf32, #gpu.address_space<workgroup>>, <64x16xf32, #accumulator>
// CHECK: mfa_gpu.mma %{{.*}}, %{{.*}}, %{{.*}} {f32_split, transpose_rhs}
func.func @products(%a: !mfa_gpu.tile<64x32xf16, #operand>,
                    %b: memref<32x16xf16, #shared>,
                    %q: memref<64x32xf32, #shared>,
                    %k: memref<16x32xf32, #shared>,
                    %c: !mfa_gpu.tile<64x16xf32, #accumulator>) {
  %0 = mfa_gpu.mma %a, %b, %c
         : !mfa_gpu.tile<64x32xf16, #operand>, memref<32x16xf16, #shared>,
           <64x16xf32, #accumulator>
  %1 = mfa_gpu.mma %q, %k, %c {transpose_rhs}
         : memref<64x32xf32, #shared>, memref<16x32xf32, #shared>,
           <64x16xf32, #accumulator>
  %2 = mfa_gpu.mma %q, %k, %c {transpose_rhs, f32_split}
         : memref<64x32xf32, #shared>, memref<16x32xf32, #shared>,
           <64x16xf32, #accumulator>
  return
}

// CHECK-LABEL: func.func @maps
// CHECK: mfa_gpu.map %{{.*}}, %{{.*}} : !mfa_gpu.tile<64x32xf32, #accumulator>, !mfa_gpu.tile<64xf32, #row> to !mfa_gpu.tile<64x32xf32, #accumulator> {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: f32):
// CHECK: mfa_gpu.yield %{{.*}} : f32
// CHECK: mfa_gpu.map %{{.*}} coordinates : !mfa_gpu.tile<64x32xf32, #accumulator> to !mfa_gpu.tile<64x32xf32, #accumulator>, !mfa_gpu.tile<64x32xi1, #accumulator> {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: i32, %{{.*}}: i32):
// CHECK: mfa_gpu.map %{{.*}} coordinates : !mfa_gpu.tile<64xf32, #row> to !mfa_gpu.tile<64xf32, #row> {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: i32):
func.func @maps(%t: !mfa_gpu.tile<64x32xf32, #accumulator>,
                %r: !mfa_gpu.tile<64xf32, #row>, %limit: i32) {
  %0 = mfa_gpu.map %t, %r
         : !mfa_gpu.tile<64x32xf32, #accumulator>, !mfa_gpu.tile<64xf32, #row>
         to !mfa_gpu.tile<64x32xf32, #accumulator> {
  ^bb0(%x: f32, %y: f32):
    %z = arith.mulf %x, %y : f32
    mfa_gpu.yield %z : f32
  }
  %1:2 = mfa_gpu.map %t coordinates : !mfa_gpu.tile<64x32xf32, #accumulator>
         to !mfa_gpu.tile<64x32xf32, #accumulator>,
            !mfa_gpu.tile<64x32xi1, #accumulator> {
  ^bb0(%x: f32, %i: i32, %j: i32):
    %in = arith.cmpi slt, %j, %limit : i32
    mfa_gpu.yield %x, %in : f32, i1
  }
  %2 = mfa_gpu.map %r coordinates : !mfa_gpu.tile<64xf32, #row>
         to !mfa_gpu.tile<64xf32, #row> {
  ^bb0(%x: f32, %i: i32):
    mfa_gpu.yield %x : f32
  }
  return
}

// CHECK-LABEL: func.func @reductions
// CHECK: mfa_gpu.reduce max %{{.*}}, %{{.*}} : <64x32xf32, #accumulator>, <64xf32, #row>
// CHECK: mfa_gpu.reduce add %{{.*}}, %{{.*}} partial : <64x32xf32, #accumulator>, <64xf32, #row>
// CHECK: mfa_gpu.all_reduce add %{{.*}} : <64xf32, #row>
// CHECK: mfa_gpu.any %{{.*}} : <64xi1, #row>
// CHECK: mfa_gpu.any %{{.*}} : <64x32xf32, #accumulator>
func.func @reductions(%t: !mfa_gpu.tile<64x32xf32, #accumulator>,
                      %r: !mfa_gpu.tile<64xf32, #row>,
                      %b: !mfa_gpu.tile<64xi1, #row>) {
  %0 = mfa_gpu.reduce max %t, %r : <64x32xf32, #accumulator>, <64xf32, #row>
  %1 = mfa_gpu.reduce add %t, %r partial
         : <64x32xf32, #accumulator>, <64xf32, #row>
  %2 = mfa_gpu.all_reduce add %1 : <64xf32, #row>
  %3 = mfa_gpu.any %b : <64xi1, #row>
  %4 = mfa_gpu.any %t : <64x32xf32, #accumulator>
  return
}

// CHECK-LABEL: func.func @conversions
// CHECK: mfa_gpu.convert %{{.*}} : <64x32xf32, #accumulator> to <64x32xbf16, #operand>
// CHECK: mfa_gpu.convert %{{.*}} : <64x32xf32, #accumulator> to <64x32xf32, #operand>
// CHECK: mfa_gpu.convert %{{.*}} : <64x32xf16, #accumulator> to <64x32xf32, #accumulator>
func.func @conversions(%t: !mfa_gpu.tile<64x32xf32, #accumulator>,
                       %h: !mfa_gpu.tile<64x32xf16, #accumulator>) {
  %0 = mfa_gpu.convert %t
         : <64x32xf32, #accumulator> to <64x32xbf16, #operand>
  %1 = mfa_gpu.convert %t : <64x32xf32, #accumulator> to <64x32xf32, #operand>
  %2 = mfa_gpu.convert %h
         : <64x32xf16, #accumulator> to <64x32xf32, #accumulator>
  return
}

#accumulator8 = #mfa_gpu.fragment<accumulator, warps = 8>
#operand8 = #mfa_gpu.fragment<operand, warps = 8>

// CHECK-LABEL: func.func @tensor_maps
// CHECK: %[[MAP:.*]], %{{.*}} = mfa_gpu.encode_tensor_map %{{.*}} box [1, 64, 1, 64] : memref<?x?x?x128xbf16>
// CHECK: mfa_gpu.tensor_load %[[MAP]][%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}] to %{{.*}}, %{{.*}}[%{{.*}}] : memref<64x64xbf16, #gpu.address_space<workgroup>>, !nvgpu.mbarrier.group
// CHECK: mfa_gpu.tensor_store %{{.*}} to %[[MAP]][%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}] : memref<64x64xbf16, #gpu.address_space<workgroup>>
func.func @tensor_maps(%global: memref<?x?x?x128xbf16>,
                       %shared: memref<64x64xbf16, #shared>, %i: index,
                       %barriers: !nvgpu.mbarrier.group<memorySpace = #shared>) {
  %map, %is_valid = mfa_gpu.encode_tensor_map %global box [1, 64, 1, 64]
    : memref<?x?x?x128xbf16>
  mfa_gpu.tensor_load %map[%i, %i, %i, %i] to %shared, %barriers[%i]
    : memref<64x64xbf16, #shared>, !nvgpu.mbarrier.group<memorySpace = #shared>
  mfa_gpu.tensor_store %shared to %map[%i, %i, %i, %i]
    : memref<64x64xbf16, #shared>
  return
}

// CHECK-LABEL: func.func @panels
// CHECK: mfa_gpu.load %{{.*}} : memref<2x128x64xbf16, #gpu.address_space<workgroup>> to <128x128xbf16, #[[ACC:.*]]>
// CHECK: mfa_gpu.store %{{.*}} to %{{.*}} : <128x128xbf16, #[[ACC]]> to memref<2x128x64xbf16, #gpu.address_space<workgroup>>
func.func @panels(%shared: memref<2x128x64xbf16, #shared>) {
  %t = mfa_gpu.load %shared : memref<2x128x64xbf16, #shared>
    to <128x128xbf16, #accumulator8>
  mfa_gpu.store %t to %shared : <128x128xbf16, #accumulator8>
    to memref<2x128x64xbf16, #shared>
  return
}

// CHECK-LABEL: func.func @warpgroup_products
// CHECK: %[[S:.*]] = mfa_gpu.warpgroup_mma %{{.*}}, %{{.*}} {split = 96 : i64, transpose_rhs} : memref<2x128x64xbf16, #gpu.address_space<workgroup>>, memref<2x64x64xbf16, #gpu.address_space<workgroup>> to <128x64xf32,
// CHECK: %[[O:.*]] = mfa_gpu.warpgroup_mma %{{.*}}, %{{.*}}, %{{.*}} :
// CHECK: %{{.*}}:2 = mfa_gpu.warpgroup_wait 0, %[[S]], %[[O]]
func.func @warpgroup_products(%query: memref<2x128x64xbf16, #shared>,
                              %key: memref<2x64x64xbf16, #shared>,
                              %weights: !mfa_gpu.tile<128x64xbf16, #operand8>,
                              %output: !mfa_gpu.tile<128x128xf32, #accumulator8>) {
  %s = mfa_gpu.warpgroup_mma %query, %key {split = 96, transpose_rhs}
    : memref<2x128x64xbf16, #shared>, memref<2x64x64xbf16, #shared>
    to !mfa_gpu.tile<128x64xf32, #accumulator8>
  %o = mfa_gpu.warpgroup_mma %weights, %key, %output
    : !mfa_gpu.tile<128x64xbf16, #operand8>, memref<2x64x64xbf16, #shared>,
      !mfa_gpu.tile<128x128xf32, #accumulator8>
    to !mfa_gpu.tile<128x128xf32, #accumulator8>
  %done:2 = mfa_gpu.warpgroup_wait 0, %s, %o
    : !mfa_gpu.tile<128x64xf32, #accumulator8>,
      !mfa_gpu.tile<128x128xf32, #accumulator8>
  return
}
