// Every rule of the dialect that a program can break, with the message.

// RUN: mfa-opt %s --split-input-file --verify-diagnostics

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

// expected-error @below {{expected a tile of rank 2, but got rank 1}}
func.func private @f(!mfa_gpu.tile<64xf32, #mfa_gpu.fragment<accumulator, warps = 4>>)

// -----

// expected-error @below {{expected a tile of rank 1, but got rank 2}}
func.func private @f(!mfa_gpu.tile<64x32xf32, #mfa_gpu.fragment<row, warps = 4>>)

// -----

// expected-error @below {{expected a tile of rank 2, but got rank 3}}
func.func private @f(!mfa_gpu.tile<2x64x32xf32, #mfa_gpu.fragment<operand, warps = 4>>)

// -----

// expected-error @below {{expected at least one warp, but got 0}}
func.func private @f(!mfa_gpu.tile<64x32xf32, #mfa_gpu.fragment<accumulator, warps = 0>>)

// -----

// expected-error @below {{expected at most 32 warps, but got 33}}
func.func private @f(!mfa_gpu.tile<528x32xf32, #mfa_gpu.fragment<accumulator, warps = 33>>)

// -----

// expected-error @below {{expected rows to be at most 512 (128 x warps), but got 576}}
func.func private @f(!mfa_gpu.tile<576x32xf32, #mfa_gpu.fragment<accumulator, warps = 4>>)

// -----

// expected-error @below {{expected rows to be at most 128 (128 x warps), but got 144}}
func.func private @f(!mfa_gpu.tile<144xf32, #mfa_gpu.fragment<row, warps = 1>>)

// -----

// expected-error @below {{expected columns to be at most 1024, but got 1032}}
func.func private @f(!mfa_gpu.tile<64x1032xf32, #mfa_gpu.fragment<accumulator, warps = 4>>)

// -----

// expected-error @below {{expected rows to be a positive multiple of 64 (16 x warps), but got 48}}
func.func private @f(!mfa_gpu.tile<48x32xf32, #mfa_gpu.fragment<accumulator, warps = 4>>)

// -----

// expected-error @below {{expected rows to be a positive multiple of 64 (16 x warps), but got 0}}
func.func private @f(!mfa_gpu.tile<0x32xf32, #mfa_gpu.fragment<accumulator, warps = 4>>)

// -----

// expected-error @below {{expected elements of f16, bf16, f32 or i1, but got }}
func.func private @f(!mfa_gpu.tile<64x32xf64, #mfa_gpu.fragment<accumulator, warps = 4>>)

// -----

// expected-error @below {{expected columns to be a positive multiple of 8, but got 12}}
func.func private @f(!mfa_gpu.tile<64x12xf32, #mfa_gpu.fragment<accumulator, warps = 4>>)

// -----

// expected-error @below {{expected columns to be a positive multiple of 16, but got 24}}
func.func private @f(!mfa_gpu.tile<64x24xf16, #mfa_gpu.fragment<operand, warps = 4>>)

// -----

// expected-error @below {{expected ::mlir::mfa_gpu::FragmentKind to be one of: accumulator, operand, row}}
// expected-error @below {{failed to parse}}
#fragment = #mfa_gpu.fragment<column, warps = 4>

// -----

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

#shared = #gpu.address_space<workgroup>

func.func @source_shared(%a: memref<64x64xf16, #shared>,
                         %b: memref<64x64xf16, #shared>) {
  // expected-error @below {{op expected 'source' to be in global memory, but got 'memref<64x64xf16, #gpu.address_space<workgroup>>'}}
  mfa_gpu.copy_async %a to %b
    : memref<64x64xf16, #shared> to memref<64x64xf16, #shared>
  return
}

// -----

func.func @destination_global(%a: memref<64x64xf16>, %b: memref<64x64xf16>) {
  // expected-error @below {{op expected 'destination' to be in shared memory (#gpu.address_space<workgroup>), but got 'memref<64x64xf16>'}}
  mfa_gpu.copy_async %a to %b : memref<64x64xf16> to memref<64x64xf16>
  return
}

// -----

#shared = #gpu.address_space<workgroup>

func.func @dynamic_shared(%a: memref<64x64xf16>,
                          %b: memref<?x64xf16, #shared>) {
  // expected-error @below {{op expected 'destination' in shared memory to have static sizes, but got 'memref<?x64xf16, #gpu.address_space<workgroup>>'}}
  mfa_gpu.copy_async %a to %b
    : memref<64x64xf16> to memref<?x64xf16, #shared>
  return
}

// -----

#shared = #gpu.address_space<workgroup>
func.func @elements(
    %a: memref<64x64xindex>, %b: memref<64x64xindex, #shared>) {
  // expected-error @below {{op operand #0 must be 2D memref of signless integer or floating-point values, but got 'memref<64x64xindex>'}}
  mfa_gpu.copy_async %a to %b
    : memref<64x64xindex> to memref<64x64xindex, #shared>
  return
}

// -----

#shared = #gpu.address_space<workgroup>
func.func @shared_strides(
    %a: memref<64x64xf16>,
    %b: memref<64x64xf16, strided<[?, 1]>, #shared>) {
  // expected-error @below {{op expected 'destination' in shared memory to have static strides, but got 'memref<64x64xf16, strided<[?, 1]>, #gpu.address_space<workgroup>>'}}
  mfa_gpu.copy_async %a to %b
    : memref<64x64xf16> to memref<64x64xf16, strided<[?, 1]>, #shared>
  return
}

// -----

#shared = #gpu.address_space<workgroup>
func.func @shared_empty(%a: memref<0x64xf16>, %b: memref<0x64xf16, #shared>) {
  // expected-error @below {{op expected 'destination' in shared memory to have elements, but got 'memref<0x64xf16, #gpu.address_space<workgroup>>'}}
  mfa_gpu.copy_async %a to %b
    : memref<0x64xf16> to memref<0x64xf16, #shared>
  return
}

// -----

#shared = #gpu.address_space<workgroup>
func.func @shared_size(
    %a: memref<64x64xf16>, %b: memref<4611686018427387904x64xf16, #shared>) {
  // expected-error @below {{op expected 'destination' in shared memory to have less than 2 GiB, but got 'memref<4611686018427387904x64xf16, #gpu.address_space<workgroup>>'}}
  mfa_gpu.copy_async %a to %b
    : memref<64x64xf16> to memref<4611686018427387904x64xf16, #shared>
  return
}

// -----

#shared = #gpu.address_space<workgroup>

func.func @copy_element(%a: memref<64x64xf16>,
                        %b: memref<64x64xbf16, #shared>) {
  // expected-error @below {{op expected equal element types, but got 'f16' and 'bf16'}}
  mfa_gpu.copy_async %a to %b
    : memref<64x64xf16> to memref<64x64xbf16, #shared>
  return
}

// -----

#shared = #gpu.address_space<workgroup>

func.func @copy_too_large(%a: memref<128x64xf16>,
                          %b: memref<64x64xf16, #shared>) {
  // expected-error @below {{op expected the global matrix to fit the shared one, but got 'memref<128x64xf16>' and 'memref<64x64xf16, #gpu.address_space<workgroup>>'}}
  mfa_gpu.copy_async %a to %b
    : memref<128x64xf16> to memref<64x64xf16, #shared>
  return
}

// -----

#shared = #gpu.address_space<workgroup>

func.func @copy_back(%a: memref<64x64xf16>, %b: memref<64x64xf16, #shared>) {
  // expected-error @below {{op expected 'destination' to be in global memory, but got 'memref<64x64xf16, #gpu.address_space<workgroup>>'}}
  mfa_gpu.copy %a to %b
    : memref<64x64xf16> to memref<64x64xf16, #shared>
  return
}

// -----

#shared = #gpu.address_space<workgroup>

func.func @copy_rank(%a: memref<64xf16>, %b: memref<64x64xf16, #shared>) {
  // expected-error @below {{operand #0 must be 2D memref of signless integer or floating-point values, but got 'memref<64xf16>'}}
  mfa_gpu.copy_async %a to %b
    : memref<64xf16> to memref<64x64xf16, #shared>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Loads and stores
//===----------------------------------------------------------------------===//

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @load_element(%m: memref<64x32xf16, #shared>) {
  // expected-error @below {{op expected equal element types, but got 'f16' and 'f32'}}
  %0 = mfa_gpu.load %m
    : memref<64x32xf16, #shared> to <64x32xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @load_vector_as_matrix(%m: memref<?xf32>) {
  // expected-error @below {{op expected 'result' to be a tile of kind row, but got }}
  %0 = mfa_gpu.load %m : memref<?xf32> to <64x32xf32, #accumulator>
  return
}

// -----

#row = #mfa_gpu.fragment<row, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @load_shared_vector(%m: memref<64xf32, #shared>) {
  // expected-error @below {{op expected 'source' to be in global memory, but got 'memref<64xf32, #gpu.address_space<workgroup>>'}}
  %0 = mfa_gpu.load %m : memref<64xf32, #shared> to <64xf32, #row>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @load_global_matrix(%m: memref<64x32xf32>) {
  // expected-error @below {{op expected 'source' to be in shared memory (#gpu.address_space<workgroup>), but got 'memref<64x32xf32>'}}
  %0 = mfa_gpu.load %m : memref<64x32xf32> to <64x32xf32, #accumulator>
  return
}

// -----

#row = #mfa_gpu.fragment<row, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @load_row_from_matrix(%m: memref<64x32xf32, #shared>) {
  // expected-error @below {{op expected a matrix tile from a source of rank 2 or 3, but got }}
  %0 = mfa_gpu.load %m : memref<64x32xf32, #shared> to <64xf32, #row>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @load_sizes(%m: memref<32x32xf32, #shared>) {
  // expected-error @below {{op expected the source to have the sizes of the tile or one row, but got 'memref<32x32xf32, #gpu.address_space<workgroup>>'}}
  %0 = mfa_gpu.load %m
    : memref<32x32xf32, #shared> to <64x32xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @store_element(%t: !mfa_gpu.tile<64x32xf32, #accumulator>,
                         %m: memref<64x32xf16, #shared>) {
  // expected-error @below {{op expected equal element types, but got 'f16' and 'f32'}}
  mfa_gpu.store %t to %m
    : <64x32xf32, #accumulator> to memref<64x32xf16, #shared>
  return
}

// -----

#operand = #mfa_gpu.fragment<operand, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @store_operand(%t: !mfa_gpu.tile<64x32xf16, #operand>,
                         %m: memref<64x32xf16, #shared>) {
  // expected-error @below {{op expected 'tile' to be a tile of kind accumulator, but got }}
  mfa_gpu.store %t to %m
    : <64x32xf16, #operand> to memref<64x32xf16, #shared>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @store_matrix_to_vector(%t: !mfa_gpu.tile<64x32xf32, #accumulator>,
                                  %m: memref<?xf32>) {
  // expected-error @below {{op expected 'tile' to be a tile of kind row, but got }}
  mfa_gpu.store %t to %m : <64x32xf32, #accumulator> to memref<?xf32>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @store_global_matrix(%t: !mfa_gpu.tile<64x32xi1, #accumulator>,
                               %m: memref<?x32xi1>) {
  // expected-error @below {{op expected a tile of f32, f16 or bf16 for global memory, but got '!mfa_gpu.tile<64x32xi1, }}
  mfa_gpu.store %t to %m : <64x32xi1, #accumulator> to memref<?x32xi1>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @store_global_columns(%t: !mfa_gpu.tile<64x32xf32, #accumulator>,
                                %m: memref<?x30xf32>) {
  // expected-error @below {{op expected a destination in global memory with a static multiple of 8 columns next to each other, but got 'memref<?x30xf32>'}}
  mfa_gpu.store %t to %m : <64x32xf32, #accumulator> to memref<?x30xf32>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @store_global_dynamic(%t: !mfa_gpu.tile<64x32xbf16, #accumulator>,
                                %m: memref<?x?xbf16>) {
  // expected-error @below {{op expected a destination in global memory with a static multiple of 8 columns next to each other, but got 'memref<?x?xbf16>'}}
  mfa_gpu.store %t to %m : <64x32xbf16, #accumulator> to memref<?x?xbf16>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @store_global_sizes(%t: !mfa_gpu.tile<64x32xf32, #accumulator>,
                              %m: memref<?x40xf32>) {
  // expected-error @below {{op expected the global matrix to fit the tile, but got 'memref<?x40xf32>' for '!mfa_gpu.tile<64x32xf32, }}
  mfa_gpu.store %t to %m : <64x32xf32, #accumulator> to memref<?x40xf32>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @store_sizes(%t: !mfa_gpu.tile<64x32xf32, #accumulator>,
                       %m: memref<64x64xf32, #shared>) {
  // expected-error @below {{op expected the destination to have the sizes of the tile, but got 'memref<64x64xf32, #gpu.address_space<workgroup>>'}}
  mfa_gpu.store %t to %m
    : <64x32xf32, #accumulator> to memref<64x64xf32, #shared>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#operand = #mfa_gpu.fragment<operand, warps = 4>

func.func @rhs_global(%a: !mfa_gpu.tile<64x32xf16, #operand>,
                      %b: memref<32x16xf16>,
                      %c: !mfa_gpu.tile<64x16xf32, #accumulator>) {
  // expected-error @below {{op expected 'rhs' to be in shared memory (#gpu.address_space<workgroup>), but got 'memref<32x16xf16>'}}
  %0 = mfa_gpu.mma %a, %b, %c
    : !mfa_gpu.tile<64x32xf16, #operand>, memref<32x16xf16>,
      <64x16xf32, #accumulator>
  return
}

// -----

#operand = #mfa_gpu.fragment<operand, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @accumulator_kind(%a: !mfa_gpu.tile<64x32xf16, #operand>,
                            %b: memref<32x16xf16, #shared>,
                            %c: !mfa_gpu.tile<64x16xf32, #operand>) {
  // expected-error @below {{op expected 'accumulator' to be a tile of kind accumulator, but got }}
  %0 = mfa_gpu.mma %a, %b, %c
    : !mfa_gpu.tile<64x32xf16, #operand>, memref<32x16xf16, #shared>,
      <64x16xf32, #operand>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#operand = #mfa_gpu.fragment<operand, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @accumulator_element(%a: !mfa_gpu.tile<64x32xf16, #operand>,
                               %b: memref<32x16xf16, #shared>,
                               %c: !mfa_gpu.tile<64x16xf16, #accumulator>) {
  // expected-error @below {{op expected an accumulator of f32, but got }}
  %0 = mfa_gpu.mma %a, %b, %c
    : !mfa_gpu.tile<64x32xf16, #operand>, memref<32x16xf16, #shared>,
      <64x16xf16, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @lhs_kind(%a: !mfa_gpu.tile<64x32xf16, #accumulator>,
                    %b: memref<32x16xf16, #shared>,
                    %c: !mfa_gpu.tile<64x16xf32, #accumulator>) {
  // expected-error @below {{op expected 'lhs' to be a tile of kind operand, but got }}
  %0 = mfa_gpu.mma %a, %b, %c
    : !mfa_gpu.tile<64x32xf16, #accumulator>, memref<32x16xf16, #shared>,
      <64x16xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @lhs_global(%a: memref<64x32xf16>,
                      %b: memref<32x16xf16, #shared>,
                      %c: !mfa_gpu.tile<64x16xf32, #accumulator>) {
  // expected-error @below {{op expected 'lhs' to be in shared memory (#gpu.address_space<workgroup>), but got 'memref<64x32xf16>'}}
  %0 = mfa_gpu.mma %a, %b, %c
    : memref<64x32xf16>, memref<32x16xf16, #shared>,
      <64x16xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @warps(%a: !mfa_gpu.tile<64x32xf16, #mfa_gpu.fragment<operand, warps = 2>>,
                 %b: memref<32x16xf16, #shared>,
                 %c: !mfa_gpu.tile<64x16xf32, #accumulator>) {
  // expected-error @below {{op expected 'lhs' and 'accumulator' to have the same warps, but got }}
  %0 = mfa_gpu.mma %a, %b, %c
    : !mfa_gpu.tile<64x32xf16, #mfa_gpu.fragment<operand, warps = 2>>, memref<32x16xf16, #shared>,
      <64x16xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @factors(%a: memref<64x32xi8, #shared>,
                   %b: memref<32x16xi8, #shared>,
                   %c: !mfa_gpu.tile<64x16xf32, #accumulator>) {
  // expected-error @below {{op expected factors of f16, bf16 or f32, but got 'i8'}}
  %0 = mfa_gpu.mma %a, %b, %c
    : memref<64x32xi8, #shared>, memref<32x16xi8, #shared>,
      <64x16xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#operand = #mfa_gpu.fragment<operand, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @mixed_factors(%a: !mfa_gpu.tile<64x32xf16, #operand>,
                         %b: memref<32x16xbf16, #shared>,
                         %c: !mfa_gpu.tile<64x16xf32, #accumulator>) {
  // expected-error @below {{op expected equal element types, but got 'f16' and 'bf16'}}
  %0 = mfa_gpu.mma %a, %b, %c
    : !mfa_gpu.tile<64x32xf16, #operand>, memref<32x16xbf16, #shared>,
      <64x16xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#operand = #mfa_gpu.fragment<operand, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @split(%a: !mfa_gpu.tile<64x32xf16, #operand>,
                 %b: memref<32x16xf16, #shared>,
                 %c: !mfa_gpu.tile<64x16xf32, #accumulator>) {
  // expected-error @below {{op expected factors of f32 with 'f32_split', but got 'f16'}}
  %0 = mfa_gpu.mma %a, %b, %c {f32_split}
    : !mfa_gpu.tile<64x32xf16, #operand>, memref<32x16xf16, #shared>,
      <64x16xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#operand = #mfa_gpu.fragment<operand, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @plain(%a: !mfa_gpu.tile<64x32xf16, #operand>,
                 %b: memref<32x16xf16, #shared>,
                 %c: !mfa_gpu.tile<64x16xf32, #accumulator>) {
  // expected-error @below {{op expected factors of f32 with 'f32_plain', but got 'f16'}}
  %0 = mfa_gpu.mma %a, %b, %c {f32_plain}
    : !mfa_gpu.tile<64x32xf16, #operand>, memref<32x16xf16, #shared>,
      <64x16xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#operand = #mfa_gpu.fragment<operand, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @plain_and_split(%a: !mfa_gpu.tile<64x32xf32, #operand>,
                           %b: memref<32x16xf32, #shared>,
                           %c: !mfa_gpu.tile<64x16xf32, #accumulator>) {
  // expected-error @below {{op expected one of 'f32_split' and 'f32_plain', but got both}}
  %0 = mfa_gpu.mma %a, %b, %c {f32_plain, f32_split}
    : !mfa_gpu.tile<64x32xf32, #operand>, memref<32x16xf32, #shared>,
      <64x16xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#operand = #mfa_gpu.fragment<operand, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @depth(%a: !mfa_gpu.tile<64x32xf16, #operand>,
                 %b: memref<64x16xf16, #shared>,
                 %c: !mfa_gpu.tile<64x16xf32, #accumulator>) {
  // expected-error @below {{op expected the sizes of a product, but got 64x32 times 64x16 for }}
  %0 = mfa_gpu.mma %a, %b, %c
    : !mfa_gpu.tile<64x32xf16, #operand>, memref<64x16xf16, #shared>,
      <64x16xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#operand = #mfa_gpu.fragment<operand, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @transposed(%a: !mfa_gpu.tile<64x32xf16, #operand>,
                      %b: memref<32x16xf16, #shared>,
                      %c: !mfa_gpu.tile<64x16xf32, #accumulator>) {
  // expected-error @below {{op expected the sizes of a product, but got 64x32 times the transpose of 32x16 for }}
  %0 = mfa_gpu.mma %a, %b, %c {transpose_rhs}
    : !mfa_gpu.tile<64x32xf16, #operand>, memref<32x16xf16, #shared>,
      <64x16xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#operand = #mfa_gpu.fragment<operand, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @columns(%a: !mfa_gpu.tile<64x32xf16, #operand>,
                   %b: memref<32x24xf16, #shared>,
                   %c: !mfa_gpu.tile<64x16xf32, #accumulator>) {
  // expected-error @below {{op expected the sizes of a product, but got 64x32 times 32x24 for }}
  %0 = mfa_gpu.mma %a, %b, %c
    : !mfa_gpu.tile<64x32xf16, #operand>, memref<32x24xf16, #shared>,
      <64x16xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#shared = #gpu.address_space<workgroup>

func.func @depth_multiple(%a: memref<64x24xf16, #shared>,
                          %b: memref<24x16xf16, #shared>,
                          %c: !mfa_gpu.tile<64x16xf32, #accumulator>) {
  // expected-error @below {{op expected the summed dimension to be a multiple of 16, but got 24}}
  %0 = mfa_gpu.mma %a, %b, %c
    : memref<64x24xf16, #shared>, memref<24x16xf16, #shared>,
      <64x16xf32, #accumulator>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Maps
//===----------------------------------------------------------------------===//

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @no_results(%t: !mfa_gpu.tile<64x32xf32, #accumulator>) {
  // expected-error @below {{op expected at least one result}}
  "mfa_gpu.map"(%t) ({
  ^bb0(%x: f32):
    mfa_gpu.yield
  }) : (!mfa_gpu.tile<64x32xf32, #accumulator>) -> ()
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#row = #mfa_gpu.fragment<row, warps = 4>

func.func @results_differ(%t: !mfa_gpu.tile<64x32xf32, #accumulator>) {
  // expected-error @below {{op expected results of equal sizes and fragments, but got }}
  %0:2 = mfa_gpu.map %t : !mfa_gpu.tile<64x32xf32, #accumulator>
      to !mfa_gpu.tile<64x32xf32, #accumulator>, !mfa_gpu.tile<64xf32, #row> {
  ^bb0(%x: f32):
    mfa_gpu.yield %x, %x : f32, f32
  }
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @input_sizes(%t: !mfa_gpu.tile<64x16xf32, #accumulator>) {
  // expected-error @below {{op expected 'inputs' to be a tile of kind row, but got }}
  %0 = mfa_gpu.map %t : !mfa_gpu.tile<64x16xf32, #accumulator>
      to !mfa_gpu.tile<64x32xf32, #accumulator> {
  ^bb0(%x: f32):
    mfa_gpu.yield %x : f32
  }
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#row = #mfa_gpu.fragment<row, warps = 4>

func.func @row_sizes(%t: !mfa_gpu.tile<128xf32, #row>) {
  // expected-error @below {{op expected 'inputs' to have the rows of }}
  %0 = mfa_gpu.map %t : !mfa_gpu.tile<128xf32, #row>
      to !mfa_gpu.tile<64x32xf32, #accumulator> {
  ^bb0(%x: f32):
    mfa_gpu.yield %x : f32
  }
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @arguments(%t: !mfa_gpu.tile<64x32xf32, #accumulator>) {
  // expected-error @below {{op expected region arguments of types 'f32', 'i32', 'i32', but got 'f32'}}
  %0 = mfa_gpu.map %t coordinates : !mfa_gpu.tile<64x32xf32, #accumulator>
      to !mfa_gpu.tile<64x32xf32, #accumulator> {
  ^bb0(%x: f32):
    mfa_gpu.yield %x : f32
  }
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @yielded(%t: !mfa_gpu.tile<64x32xf32, #accumulator>, %h: f16) {
  // expected-error @below {{op expected the region to yield 'f32', but got 'f16'}}
  %0 = mfa_gpu.map %t : !mfa_gpu.tile<64x32xf32, #accumulator> to !mfa_gpu.tile<64x32xf32, #accumulator> {
  ^bb0(%x: f32):
    mfa_gpu.yield %h : f16
  }
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @empty_region(%t: !mfa_gpu.tile<64x32xf32, #accumulator>) {
  // expected-error @below {{op expects a non-empty block}}
  %0 = mfa_gpu.map %t : !mfa_gpu.tile<64x32xf32, #accumulator> to !mfa_gpu.tile<64x32xf32, #accumulator> {
  ^bb0(%x: f32):
  }
  return
}

// -----

func.func @yield_alone() {
  // expected-error @below {{op expects parent op 'mfa_gpu.map'}}
  mfa_gpu.yield
  return
}

// -----

//===----------------------------------------------------------------------===//
// Reductions and conversions
//===----------------------------------------------------------------------===//

#operand = #mfa_gpu.fragment<operand, warps = 4>
#row = #mfa_gpu.fragment<row, warps = 4>

func.func @reduce_operand(%t: !mfa_gpu.tile<64x32xf16, #operand>,
                          %r: !mfa_gpu.tile<64xf16, #row>) {
  // expected-error @below {{op expected 'tile' to be a tile of kind accumulator, but got }}
  %0 = mfa_gpu.reduce max %t, %r : <64x32xf16, #operand>, <64xf16, #row>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#row = #mfa_gpu.fragment<row, warps = 4>

func.func @reduce_rows(%t: !mfa_gpu.tile<64x32xf32, #accumulator>,
                       %r: !mfa_gpu.tile<128xf32, #row>) {
  // expected-error @below {{op expected 'init' to have the rows of }}
  %0 = mfa_gpu.reduce max %t, %r
    : <64x32xf32, #accumulator>, <128xf32, #row>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#row = #mfa_gpu.fragment<row, warps = 4>

func.func @reduce_element(%t: !mfa_gpu.tile<64x32xf32, #accumulator>,
                          %r: !mfa_gpu.tile<64xf16, #row>) {
  // expected-error @below {{op expected equal element types, but got 'f32' and 'f16'}}
  %0 = mfa_gpu.reduce add %t, %r
    : <64x32xf32, #accumulator>, <64xf16, #row>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @all_reduce_matrix(%t: !mfa_gpu.tile<64x32xf32, #accumulator>) {
  // expected-error @below {{op expected 'rows' to be a tile of kind row, but got }}
  %0 = mfa_gpu.all_reduce add %t : <64x32xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#operand = #mfa_gpu.fragment<operand, warps = 4>

func.func @convert_operand(%t: !mfa_gpu.tile<64x32xf16, #operand>) {
  // expected-error @below {{op expected 'tile' to be a tile of kind accumulator, but got }}
  %0 = mfa_gpu.convert %t
    : <64x32xf16, #operand> to <64x32xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>
#operand = #mfa_gpu.fragment<operand, warps = 4>

func.func @convert_sizes(%t: !mfa_gpu.tile<64x32xf32, #accumulator>) {
  // expected-error @below {{op expected a matrix tile of the same sizes and warps, but got }}
  %0 = mfa_gpu.convert %t
    : <64x32xf32, #accumulator> to <64x16xf16, #operand>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @exp2_polynomials(%t: !mfa_gpu.tile<64x32xf32, #accumulator>) {
  // expected-error @below {{op attribute 'polynomials' failed to satisfy constraint: 64-bit signless integer attribute whose value is non-negative whose maximum value is 8}}
  %0 = mfa_gpu.exp2 %t polynomials 9 : <64x32xf32, #accumulator>
  return
}

// -----

#row = #mfa_gpu.fragment<row, warps = 4>

func.func @exp2_row(%t: !mfa_gpu.tile<64xf32, #row>) {
  // expected-error @below {{op expected 'tile' to be a tile of kind accumulator, but got }}
  %0 = mfa_gpu.exp2 %t polynomials 4 : <64xf32, #row>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @exp2_narrow(%t: !mfa_gpu.tile<64x32xf16, #accumulator>) {
  // expected-error @below {{op expected a tile of f32, but got }}
  %0 = mfa_gpu.exp2 %t polynomials 4 : <64x32xf16, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @convert_narrow(%t: !mfa_gpu.tile<64x32xf16, #accumulator>) {
  // expected-error @below {{op expected to convert between f32 and f16, bf16 or f32, but got }}
  %0 = mfa_gpu.convert %t
    : <64x32xf16, #accumulator> to <64x32xbf16, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 4>

func.func @convert_i1(%t: !mfa_gpu.tile<64x32xi1, #accumulator>) {
  // expected-error @below {{op expected to convert between f32 and f16, bf16 or f32, but got }}
  %0 = mfa_gpu.convert %t
    : <64x32xi1, #accumulator> to <64x32xf32, #accumulator>
  return
}

// -----

#row = #mfa_gpu.fragment<row, warps = 4>

func.func @splat_element(%x: f16) {
  // expected-error @below {{the value has the element type of the tile}}
  %0 = "mfa_gpu.splat"(%x) : (f16) -> !mfa_gpu.tile<64xf32, #row>
  return
}

// -----


func.func @box_rank(%a: memref<1x2x3x64xbf16>) {
  // expected-error @below {{op expected a box of rank 4, but got 1, 64}}
  %m, %v = mfa_gpu.encode_tensor_map %a box [1, 64] : memref<1x2x3x64xbf16>
  return
}

// -----


func.func @box_sizes(%a: memref<1x2x3x512xbf16>) {
  // expected-error @below {{op expected a box with sizes of 1 to 256, but got 1, 1, 1, 512}}
  %m, %v = mfa_gpu.encode_tensor_map %a box [1, 1, 1, 512] : memref<1x2x3x512xbf16>
  return
}

// -----

#shared = #gpu.address_space<workgroup>

func.func @map_of_shared(%a: memref<1x2x64xbf16, #shared>) {
  // expected-error @below {{op expected 'source' to be in global memory, but got}}
  %m, %v = mfa_gpu.encode_tensor_map %a box [1, 2, 64] : memref<1x2x64xbf16, #shared>
  return
}

// -----

#shared = #gpu.address_space<workgroup>

func.func @tensor_load_global(%m: !llvm.array<16 x i64>, %i: index, %a: memref<64x64xbf16>, %b: !nvgpu.mbarrier.group<memorySpace = #shared>) {
  // expected-error @below {{op expected 'destination' to be in shared memory}}
  mfa_gpu.tensor_load %m[%i, %i] to %a, %b[%i] : memref<64x64xbf16>, !nvgpu.mbarrier.group<memorySpace = #shared>
  return
}

// -----

#shared = #gpu.address_space<workgroup>

func.func @tensor_load_barriers(%m: !llvm.array<16 x i64>, %i: index, %a: memref<64x64xbf16, #shared>, %b: memref<2xi64, #shared>) {
  // expected-error @below {{op expected 'barriers' to be !nvgpu.mbarrier.group, but got 'memref<2xi64, #gpu.address_space<workgroup>>'}}
  mfa_gpu.tensor_load %m[%i, %i] to %a, %b[%i] : memref<64x64xbf16, #shared>, memref<2xi64, #shared>
  return
}

// -----


func.func @tensor_store_global(%m: !llvm.array<16 x i64>, %i: index, %a: memref<64x64xbf16>) {
  // expected-error @below {{op expected 'source' to be in shared memory}}
  mfa_gpu.tensor_store %a to %m[%i, %i] : memref<64x64xbf16>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 8>
#shared = #gpu.address_space<workgroup>

func.func @load_panel_width(%a: memref<2x128x32xbf16, #shared>) {
  // expected-error @below {{op expected 'source' in panels to have rows of 128 bytes, or one panel of 64 or 32, and a multiple of 8 of them, but got}}
  %t = mfa_gpu.load %a : memref<2x128x32xbf16, #shared> to <128x64xbf16, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 8>
#shared = #gpu.address_space<workgroup>

func.func @load_panel_sizes(%a: memref<2x128x64xbf16, #shared>) {
  // expected-error @below {{op expected the panels to hold the tile, but got}}
  %t = mfa_gpu.load %a : memref<2x128x64xbf16, #shared> to <128x192xbf16, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 8>
#shared = #gpu.address_space<workgroup>

func.func @store_panel_sizes(%t: !mfa_gpu.tile<128x128xbf16, #accumulator>, %a: memref<1x128x64xbf16, #shared>) {
  // expected-error @below {{op expected the panels to hold the tile, but got}}
  mfa_gpu.store %t to %a : <128x128xbf16, #accumulator> to memref<1x128x64xbf16, #shared>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 8>
#operand = #mfa_gpu.fragment<operand, warps = 8>
#shared = #gpu.address_space<workgroup>

func.func @wgmma_result(%l: memref<1x256x64xbf16, #shared>, %k: memref<1x64x64xbf16, #shared>) {
  // expected-error @below {{op expected a result of f32 with 16 rows a warp and a multiple of 4 warps, but got}}
  %r = mfa_gpu.warpgroup_mma %l, %k {transpose_rhs} : memref<1x256x64xbf16, #shared>, memref<1x64x64xbf16, #shared> to !mfa_gpu.tile<256x64xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 8>
#operand = #mfa_gpu.fragment<operand, warps = 8>
#shared = #gpu.address_space<workgroup>

func.func @wgmma_kind(%l: !mfa_gpu.tile<128x64xbf16, #accumulator>, %k: memref<1x64x64xbf16, #shared>) {
  // expected-error @below {{op expected 'lhs' to be a tile of kind operand, but got}}
  %r = mfa_gpu.warpgroup_mma %l, %k {transpose_rhs} : !mfa_gpu.tile<128x64xbf16, #accumulator>, memref<1x64x64xbf16, #shared> to !mfa_gpu.tile<128x64xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 8>
#operand = #mfa_gpu.fragment<operand, warps = 8>
#shared = #gpu.address_space<workgroup>

func.func @wgmma_elements(%l: memref<1x128x64xf16, #shared>, %k: memref<1x64x64xbf16, #shared>) {
  // expected-error @below {{op expected equal element types, but got 'f16' and 'bf16'}}
  %r = mfa_gpu.warpgroup_mma %l, %k {transpose_rhs} : memref<1x128x64xf16, #shared>, memref<1x64x64xbf16, #shared> to !mfa_gpu.tile<128x64xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 8>
#operand = #mfa_gpu.fragment<operand, warps = 8>
#shared = #gpu.address_space<workgroup>

func.func @wgmma_type(%l: memref<1x128x32xf32, #shared>, %k: memref<1x64x32xf32, #shared>) {
  // expected-error @below {{op expected factors of f16 or bf16, but got 'f32'}}
  %r = mfa_gpu.warpgroup_mma %l, %k {transpose_rhs} : memref<1x128x32xf32, #shared>, memref<1x64x32xf32, #shared> to !mfa_gpu.tile<128x64xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 8>
#operand = #mfa_gpu.fragment<operand, warps = 8>
#shared = #gpu.address_space<workgroup>

func.func @wgmma_sizes(%l: memref<1x128x64xbf16, #shared>, %k: memref<2x64x64xbf16, #shared>) {
  // expected-error @below {{op expected the sizes of a product, but got 128x64 times the transpose of}}
  %r = mfa_gpu.warpgroup_mma %l, %k {transpose_rhs} : memref<1x128x64xbf16, #shared>, memref<2x64x64xbf16, #shared> to !mfa_gpu.tile<128x64xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 8>
#operand = #mfa_gpu.fragment<operand, warps = 8>
#shared = #gpu.address_space<workgroup>

func.func @wgmma_columns(%l: memref<1x128x64xbf16, #shared>, %k: memref<1x320x64xbf16, #shared>) {
  // expected-error @below {{op expected a multiple of 16 summed elements and at most 256 columns, but got 64 and 320}}
  %r = mfa_gpu.warpgroup_mma %l, %k {transpose_rhs} : memref<1x128x64xbf16, #shared>, memref<1x320x64xbf16, #shared> to !mfa_gpu.tile<128x320xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 8>
#operand = #mfa_gpu.fragment<operand, warps = 8>
#shared = #gpu.address_space<workgroup>

func.func @wgmma_accumulator(%l: !mfa_gpu.tile<128x64xbf16, #operand>, %k: memref<2x64x64xbf16, #shared>, %o: !mfa_gpu.tile<128x64xf32, #accumulator>) {
  // expected-error @below {{op expected 'accumulator' to have the type of the result, but got}}
  %r = mfa_gpu.warpgroup_mma %l, %k, %o : !mfa_gpu.tile<128x64xbf16, #operand>, memref<2x64x64xbf16, #shared>, !mfa_gpu.tile<128x64xf32, #accumulator> to !mfa_gpu.tile<128x128xf32, #accumulator>
  return
}

// -----

#accumulator = #mfa_gpu.fragment<accumulator, warps = 8>
#shared = #gpu.address_space<workgroup>

func.func @wgmma_split(%l: memref<1x128x64xbf16, #shared>, %k: memref<1x64x64xbf16, #shared>) {
  // expected-error @below {{op expected 'split' to be a multiple of 16 between 0 and the 64 summed elements, but got 64}}
  %r = mfa_gpu.warpgroup_mma %l, %k {transpose_rhs, split = 64} : memref<1x128x64xbf16, #shared>, memref<1x64x64xbf16, #shared> to !mfa_gpu.tile<128x64xf32, #accumulator>
  return
}

// -----

func.func @list_sizes(%n: index) {
  // expected-error @below {{expected 2 sizes, those that 'memref<1x?x8x?xi32>' leaves open, but got 1}}
  %0:3 = mfa_gpu.kept_tile_list rows %n keys %n parts %n sizes(%n) : memref<1x?x8x?xi32>
  return
}

// -----

func.func @list_elements(%n: index) {
  // expected-error @below {{expected a buffer of i32 in row-major order, but got 'memref<1x1x8x35xf32>'}}
  %0:3 = mfa_gpu.kept_tile_list rows %n keys %n parts %n sizes() : memref<1x1x8x35xf32>
  return
}

// -----

func.func @list_layout(%n: index) {
  // expected-error @below {{expected a buffer of i32 in row-major order, but got}}
  %0:3 = mfa_gpu.kept_tile_list rows %n keys %n parts %n sizes() : memref<1x1x8x35xi32, strided<[1000, 1000, 70, 1]>>
  return
}

// -----

func.func @list_memory(%n: index) {
  // expected-error @below {{expected 'buffer' to be in global memory}}
  %0:3 = mfa_gpu.kept_tile_list rows %n keys %n parts %n sizes() : memref<1x1x8x35xi32, #gpu.address_space<workgroup>>
  return
}
