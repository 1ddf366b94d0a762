// Every rule of the specification that a program can break, with the message.

// RUN: mfa-opt %s --split-input-file --verify-diagnostics

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

func.func @mask_is_memref(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %m: memref<2x16x32xf16>,
    %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'mask' to be a tensor as 'output' is, but got 'memref<2x16x32xf16>'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    mask(%m : memref<2x16x32xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @query_is_tensor(%q: tensor<2x16x4x8xf16>, %k: memref<2x32x2x8xf16>,
    %v: memref<2x32x2x8xf16>, %o: memref<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'query' to be a memref as 'output' is, but got 'tensor<2x16x4x8xf16>'}}
  mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, memref<2x32x2x8xf16>, memref<2x32x2x8xf16>)
    outs(%o : memref<2x16x4x8xf16>)
  return
}

// -----

func.func @lse_is_memref(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>, %l: memref<2x4x16xf32>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'lse' to be a tensor as 'output' is, but got 'memref<2x4x16xf32>'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    lse(%l : memref<2x4x16xf32>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @encoding(%q: tensor<2x16x4x8xf16>,
    %k: tensor<2x32x2x8xf16, 1 : i32>, %v: tensor<2x32x2x8xf16>,
    %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'key' to be a dense tensor without an encoding, but got 'tensor<2x32x2x8xf16, 1 : i32>'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16, 1 : i32>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @memory_space(%q: memref<2x16x4x8xf16>, %k: memref<2x32x2x8xf16>,
    %v: memref<2x32x2x8xf16, 1>, %o: memref<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'value' to be in the default memory space (see memref.memory_space_cast), but got 'memref<2x32x2x8xf16, 1>'}}
  mfa.masked_attention
    ins(%q, %k, %v :
        memref<2x16x4x8xf16>, memref<2x32x2x8xf16>, memref<2x32x2x8xf16, 1>)
    outs(%o : memref<2x16x4x8xf16>)
  return
}

// -----

func.func @shared_memory(%q: memref<2x16x4x8xf16>, %k: memref<2x32x2x8xf16>,
    %v: memref<2x32x2x8xf16>,
    %o: memref<2x16x4x8xf16, #gpu.address_space<workgroup>>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'output' to be in the default memory space (see memref.memory_space_cast), but got 'memref<2x16x4x8xf16, #gpu.address_space<workgroup>>'}}
  mfa.masked_attention
    ins(%q, %k, %v :
        memref<2x16x4x8xf16>, memref<2x32x2x8xf16>, memref<2x32x2x8xf16>)
    outs(%o : memref<2x16x4x8xf16, #gpu.address_space<workgroup>>)
  return
}

// -----

func.func @layout(%q: memref<2x16x4x8xf16>, %k: memref<2x32x2x8xf16>,
    %v: memref<2x32x2x8xf16>,
    %m: memref<2x16x32xf16, affine_map<(d0, d1, d2) -> (d0, d1 floordiv 8, d2)>>, %o: memref<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'mask' to have a strided layout, but got 'memref<2x16x32xf16, affine_map<(d0, d1, d2) -> (d0, d1 floordiv 8, d2)>>'}}
  mfa.masked_attention
    ins(%q, %k, %v :
        memref<2x16x4x8xf16>, memref<2x32x2x8xf16>, memref<2x32x2x8xf16>)
    mask(%m :
        memref<2x16x32xf16, affine_map<(d0, d1, d2) -> (d0, d1 floordiv 8, d2)>>)
    outs(%o : memref<2x16x4x8xf16>)
  return
}

// -----

func.func @unranked_query(%q: tensor<*xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{operand #0 must be ranked tensor or memref, but got 'tensor<*xf16>'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<*xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @unranked_mask(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %m: memref<*xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{operand #3 must be ranked tensor or memref, but got 'memref<*xf16>'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    mask(%m : memref<*xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @vector_key(%q: tensor<2x16x4x8xf16>, %k: vector<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{operand #1 must be ranked tensor or memref, but got 'vector<2x32x2x8xf16>'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, vector<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Ranks
//===----------------------------------------------------------------------===//

func.func @query_rank(%q: tensor<16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'query' to have rank 4 (batch, sequence, head, dimension), but got 'tensor<16x4x8xf16>'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @key_rank(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'key' to have rank 4 (batch, sequence, head, dimension), but got 'tensor<2x32x8xf16>'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @value_rank(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<1x2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'value' to have rank 4 (batch, sequence, head, dimension), but got 'tensor<1x2x32x2x8xf16>'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<1x2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @output_rank(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x32xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'output' to have rank 4 (batch, sequence, head, dimension), but got 'tensor<2x16x32xf16>'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x32xf16>)
    -> tensor<2x16x32xf16>
  return
}

// -----

func.func @mask_rank_2(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %m: tensor<16x32xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'mask' to have rank 3 (batch, query, key) or 4 (batch, head, query, key), but got 'tensor<16x32xf16>'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    mask(%m : tensor<16x32xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @mask_rank_5(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %m: tensor<1x2x4x16x32xf16>,
    %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'mask' to have rank 3 (batch, query, key) or 4 (batch, head, query, key), but got 'tensor<1x2x4x16x32xf16>'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    mask(%m : tensor<1x2x4x16x32xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @lse_rank(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>,
    %l: tensor<2x4x16x1xf32>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'lse' to have rank 3 (batch, head, query), but got 'tensor<2x4x16x1xf32>'}}
  %0:2 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    lse(%l : tensor<2x4x16x1xf32>)
    -> (tensor<2x16x4x8xf16>, tensor<2x4x16x1xf32>)
  return
}

// -----

//===----------------------------------------------------------------------===//
// Element types
//===----------------------------------------------------------------------===//

func.func @f64(%q: tensor<2x16x4x8xf64>, %k: tensor<2x32x2x8xf64>,
    %v: tensor<2x32x2x8xf64>, %o: tensor<2x16x4x8xf64>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'query' to have elements of f16, bf16 or f32, but got 'f64'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf64>, tensor<2x32x2x8xf64>, tensor<2x32x2x8xf64>)
    outs(%o : tensor<2x16x4x8xf64>)
    -> tensor<2x16x4x8xf64>
  return
}

// -----

func.func @integers(%q: tensor<2x16x4x8xi8>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'query' to have elements of f16, bf16 or f32, but got 'i8'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xi8>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @key_element(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xbf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'key' to have the element type of 'query', 'f16', but got 'bf16'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xbf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @value_element(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf32>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'value' to have the element type of 'query', 'f16', but got 'f32'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf32>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @output_element(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf32>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'output' to have the element type of 'query', 'f16', but got 'f32'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf32>)
    -> tensor<2x16x4x8xf32>
  return
}

// -----

func.func @mask_element(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %m: tensor<2x16x32xi8>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'mask' to have elements of f16, bf16, f32 or i1, but got 'i8'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    mask(%m : tensor<2x16x32xi8>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @mask_f64(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %m: tensor<2x16x32xf64>,
    %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'mask' to have elements of f16, bf16, f32 or i1, but got 'f64'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    mask(%m : tensor<2x16x32xf64>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @lse_element(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>, %l: tensor<2x4x16xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'lse' to have elements of f32, but got 'f16'}}
  %0:2 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    lse(%l : tensor<2x4x16xf16>)
    -> (tensor<2x16x4x8xf16>, tensor<2x4x16xf16>)
  return
}

// -----

func.func @scale_f64(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %s: f64, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{operand #3 must be 32-bit float, but got 'f64'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    scale(%s : f64)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @scale_tensor(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %s: tensor<f32>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{operand #3 must be 32-bit float, but got 'tensor<f32>'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    scale(%s : tensor<f32>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

//===----------------------------------------------------------------------===//
// D and Dv
//===----------------------------------------------------------------------===//

func.func @d_not_multiple(%q: tensor<2x16x4x12xf16>,
    %k: tensor<2x32x2x12xf16>, %v: tensor<2x32x2x8xf16>,
    %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 3 of 'query' (D) to be static and a multiple of 8 from 8 to 256, but got 12; pad 'query' and 'key' with zeros to 16 and give the scale, 1/sqrt(12)}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x12xf16>, tensor<2x32x2x12xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @d_zero(%q: tensor<2x16x4x0xf16>, %k: tensor<2x32x2x0xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 3 of 'query' (D) to be static and a multiple of 8 from 8 to 256, but got 0}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x0xf16>, tensor<2x32x2x0xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @d_too_large(%q: tensor<2x16x4x264xf16>, %k: tensor<2x32x2x264xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 3 of 'query' (D) to be static and a multiple of 8 from 8 to 256, but got 264}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x264xf16>, tensor<2x32x2x264xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @d_dynamic(%q: tensor<2x16x4x?xf16>, %k: tensor<2x32x2x?xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 3 of 'query' (D) to be static and a multiple of 8 from 8 to 256, but got a dynamic size; cast it to a static one}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x?xf16>, tensor<2x32x2x?xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @d_of_key(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x16xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 3 of 'key' (D) to be 8 as dimension 3 of 'query', but got 16}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x16xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @d_of_key_dynamic(%q: tensor<2x16x4x8xf16>,
    %k: tensor<2x32x2x?xf16>, %v: tensor<2x32x2x8xf16>,
    %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 3 of 'key' (D) to be 8 as dimension 3 of 'query', but got a dynamic size; cast it to a static one}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x?xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @dv_not_multiple(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x20xf16>, %o: tensor<2x16x4x20xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 3 of 'value' (Dv) to be static and a multiple of 8 from 8 to 256, but got 20; pad 'value' and 'output' with zeros to 24 and take the first 20 columns of the output}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x20xf16>)
    outs(%o : tensor<2x16x4x20xf16>)
    -> tensor<2x16x4x20xf16>
  return
}

// -----

func.func @dv_too_large(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x512xf16>, %o: tensor<2x16x4x512xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 3 of 'value' (Dv) to be static and a multiple of 8 from 8 to 256, but got 512}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x512xf16>)
    outs(%o : tensor<2x16x4x512xf16>)
    -> tensor<2x16x4x512xf16>
  return
}

// -----

// The output has the last dimension of the value, not of the query.
func.func @dv_of_output(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x16xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 3 of 'output' (Dv) to be 16 as dimension 3 of 'value', but got 8}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x16xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Shared sizes
//===----------------------------------------------------------------------===//

func.func @batch_of_key(%q: tensor<2x16x4x8xf16>, %k: tensor<3x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 0 of 'key' (batch) to be 2 as dimension 0 of 'query', but got 3}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<3x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

// Only masks broadcast.
func.func @batch_of_key_one(%q: tensor<2x16x4x8xf16>,
    %k: tensor<1x32x2x8xf16>, %v: tensor<2x32x2x8xf16>,
    %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 0 of 'key' (batch) to be 2 as dimension 0 of 'query', but got 1}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<1x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

// Through a dynamic size.
func.func @batch_of_value(%q: tensor<?x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<4x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 0 of 'value' (batch) to be 2 as dimension 0 of 'key', but got 4}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<?x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<4x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @batch_of_output(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<1x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 0 of 'output' (batch) to be 2 as dimension 0 of 'query', but got 1}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<1x16x4x8xf16>)
    -> tensor<1x16x4x8xf16>
  return
}

// -----

func.func @query_length(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x32x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 1 of 'output' (query length) to be 16 as dimension 1 of 'query', but got 32}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x32x4x8xf16>)
    -> tensor<2x32x4x8xf16>
  return
}

// -----

func.func @key_length(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x16x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 1 of 'value' (key length) to be 32 as dimension 1 of 'key', but got 16}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x16x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @heads_of_output(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x2x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 2 of 'output' (heads) to be 4 as dimension 2 of 'query', but got 2}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x2x8xf16>)
    -> tensor<2x16x2x8xf16>
  return
}

// -----

func.func @heads_of_value(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x4x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 2 of 'value' (key and value heads) to be 2 as dimension 2 of 'key', but got 4}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x4x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @grouped_heads(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x3x8xf16>,
    %v: tensor<2x32x3x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected the heads of 'query' to be a multiple of the heads of 'key', but got 4 and 3}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x3x8xf16>, tensor<2x32x3x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @fewer_heads(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x8x8xf16>,
    %v: tensor<2x32x8x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected the heads of 'query' to be a multiple of the heads of 'key', but got 4 and 8}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x8x8xf16>, tensor<2x32x8x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @no_heads(%q: tensor<2x16x0x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x0x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'query' to have at least one head, but got 0}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x0x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x0x8xf16>)
    -> tensor<2x16x0x8xf16>
  return
}

// -----

func.func @no_kv_heads(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x0x8xf16>,
    %v: tensor<2x32x0x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'key' to have at least one head, but got 0}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x0x8xf16>, tensor<2x32x0x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Sizes of mask and lse
//===----------------------------------------------------------------------===//

func.func @mask_batch(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %m: tensor<4x16x32xf16>,
    %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 0 of 'mask' (batch) to be 2 as dimension 0 of 'query', or 1 to broadcast, but got 4}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    mask(%m : tensor<4x16x32xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

// A transposed mask.
func.func @mask_query(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %m: tensor<2x32x16xf16>,
    %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 1 of 'mask' (query length) to be 16 as dimension 1 of 'query', or 1 to broadcast, but got 32}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    mask(%m : tensor<2x32x16xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @mask_key(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %m: tensor<2x16x31xf16>,
    %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 2 of 'mask' (key length) to be 32 as dimension 1 of 'key', or 1 to broadcast, but got 31}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    mask(%m : tensor<2x16x31xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @mask_key_empty(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %m: tensor<2x16x0xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 2 of 'mask' (key length) to be 32 as dimension 1 of 'key', or 1 to broadcast, but got 0}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    mask(%m : tensor<2x16x0xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

// A mask has query heads, not key and value heads.
func.func @mask_heads(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %m: tensor<2x2x16x32xf16>,
    %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 1 of 'mask' (heads) to be 4 as dimension 2 of 'query', or 1 to broadcast, but got 2}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    mask(%m : tensor<2x2x16x32xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @mask_query_rank_4(%q: tensor<2x16x4x8xf16>,
    %k: tensor<2x32x2x8xf16>, %v: tensor<2x32x2x8xf16>,
    %m: tensor<2x4x8x32xi1>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 2 of 'mask' (query length) to be 16 as dimension 1 of 'query', or 1 to broadcast, but got 8}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    mask(%m : tensor<2x4x8x32xi1>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @mask_key_rank_4(%q: tensor<2x16x4x8xf16>, %k: tensor<2x?x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %m: tensor<2x4x16x64xi1>,
    %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 3 of 'mask' (key length) to be 32 as dimension 1 of 'value', or 1 to broadcast, but got 64}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x?x2x8xf16>, tensor<2x32x2x8xf16>)
    mask(%m : tensor<2x4x16x64xi1>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @lse_batch(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>, %l: tensor<1x4x16xf32>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 0 of 'lse' (batch) to be 2 as dimension 0 of 'query', but got 1}}
  %0:2 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    lse(%l : tensor<1x4x16xf32>)
    -> (tensor<2x16x4x8xf16>, tensor<1x4x16xf32>)
  return
}

// -----

// Stored [B, Sq, H].
func.func @lse_heads(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>, %l: tensor<2x16x4xf32>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 1 of 'lse' (heads) to be 4 as dimension 2 of 'query', but got 16}}
  %0:2 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    lse(%l : tensor<2x16x4xf32>)
    -> (tensor<2x16x4x8xf16>, tensor<2x16x4xf32>)
  return
}

// -----

func.func @lse_query(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>, %l: tensor<2x4x32xf32>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 2 of 'lse' (query length) to be 16 as dimension 1 of 'query', but got 32}}
  %0:2 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    lse(%l : tensor<2x4x32xf32>)
    -> (tensor<2x16x4x8xf16>, tensor<2x4x32xf32>)
  return
}

// -----

//===----------------------------------------------------------------------===//
// Strides and buffers
//===----------------------------------------------------------------------===//

func.func @stride_of_query(
    %q: memref<2x16x4x8xf16, strided<[1024, 64, 16, 2]>>,
    %k: memref<2x32x2x8xf16>, %v: memref<2x32x2x8xf16>,
    %o: memref<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'query' to have unit stride in its last dimension, but got stride 2; copy it to a contiguous buffer}}
  mfa.masked_attention
    ins(%q, %k, %v :
        memref<2x16x4x8xf16, strided<[1024, 64, 16, 2]>>, memref<2x32x2x8xf16>, memref<2x32x2x8xf16>)
    outs(%o : memref<2x16x4x8xf16>)
  return
}

// -----

func.func @stride_of_key(%q: memref<2x16x4x8xf16>,
    %k: memref<2x32x2x8xf16, strided<[512, 16, 1, 2]>>,
    %v: memref<2x32x2x8xf16>, %o: memref<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'key' to have unit stride in its last dimension, but got stride 2; copy it to a contiguous buffer}}
  mfa.masked_attention
    ins(%q, %k, %v :
        memref<2x16x4x8xf16>, memref<2x32x2x8xf16, strided<[512, 16, 1, 2]>>, memref<2x32x2x8xf16>)
    outs(%o : memref<2x16x4x8xf16>)
  return
}

// -----

func.func @stride_of_value(%q: memref<2x16x4x8xf16>, %k: memref<2x32x2x8xf16>,
    %v: memref<2x32x2x8xf16, strided<[512, 16, 8, -1], offset: 7>>,
    %o: memref<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'value' to have unit stride in its last dimension, but got stride -1; copy it to a contiguous buffer}}
  mfa.masked_attention
    ins(%q, %k, %v :
        memref<2x16x4x8xf16>, memref<2x32x2x8xf16>, memref<2x32x2x8xf16, strided<[512, 16, 8, -1], offset: 7>>)
    outs(%o : memref<2x16x4x8xf16>)
  return
}

// -----

func.func @stride_of_output(%q: memref<2x16x4x8xf16>,
    %k: memref<2x32x2x8xf16>, %v: memref<2x32x2x8xf16>,
    %o: memref<2x16x4x8xf16, strided<[512, 32, 8, 0]>>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'output' to have unit stride in its last dimension, but got stride 0; copy it to a contiguous buffer}}
  mfa.masked_attention
    ins(%q, %k, %v :
        memref<2x16x4x8xf16>, memref<2x32x2x8xf16>, memref<2x32x2x8xf16>)
    outs(%o : memref<2x16x4x8xf16, strided<[512, 32, 8, 0]>>)
  return
}

// -----

func.func @query_past_memory(%q: memref<9223372036854775807x16x4x8xf16>,
    %k: memref<9223372036854775807x32x2x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'query' to lie within 2^63 bytes, but got 'memref<9223372036854775807x16x4x8xf16>'}}
  mfa.masked_attention
    ins(%q, %k, %k : memref<9223372036854775807x16x4x8xf16>,
        memref<9223372036854775807x32x2x8xf16>,
        memref<9223372036854775807x32x2x8xf16>)
    outs(%q : memref<9223372036854775807x16x4x8xf16>)
  return
}

// -----

func.func @key_steps_past_memory(%q: memref<2x16x4x8xf16>,
    %k: memref<2x32x2x8xf16, strided<[4611686018427387904, 16, 8, 1]>>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'key' to lie within 2^63 bytes, but got 'memref<2x32x2x8xf16, strided<[4611686018427387904, 16, 8, 1]>>'}}
  mfa.masked_attention
    ins(%q, %k, %k : memref<2x16x4x8xf16>,
        memref<2x32x2x8xf16, strided<[4611686018427387904, 16, 8, 1]>>,
        memref<2x32x2x8xf16, strided<[4611686018427387904, 16, 8, 1]>>)
    outs(%q : memref<2x16x4x8xf16>)
  return
}

// -----

func.func @value_starts_past_memory(%q: memref<2x16x4x8xf16>,
    %v: memref<2x16x4x8xf16, strided<[512, 32, 8, 1], offset: 4611686018427387904>>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'value' to lie within 2^63 bytes, but got 'memref<2x16x4x8xf16, strided<[512, 32, 8, 1], offset: 4611686018427387904>>'}}
  mfa.masked_attention
    ins(%q, %q, %v : memref<2x16x4x8xf16>, memref<2x16x4x8xf16>,
        memref<2x16x4x8xf16, strided<[512, 32, 8, 1], offset: 4611686018427387904>>)
    outs(%q : memref<2x16x4x8xf16>)
  return
}

// -----

func.func @mask_past_memory(%q: tensor<2x1073741824x4x8xf16>, %k: tensor<2x?x2x8xf16>,
    %m: tensor<2x1073741824x4611686018427387904xi1>) -> tensor<2x1073741824x4x8xf16> {
  // expected-error @below {{'mfa.masked_attention' op expected 'mask' to lie within 2^63 bytes, but got 'tensor<2x1073741824x4611686018427387904xi1>'}}
  %0 = mfa.masked_attention
    ins(%q, %k, %k : tensor<2x1073741824x4x8xf16>, tensor<2x?x2x8xf16>,
        tensor<2x?x2x8xf16>)
    mask(%m : tensor<2x1073741824x4611686018427387904xi1>)
    outs(%q : tensor<2x1073741824x4x8xf16>) -> tensor<2x1073741824x4x8xf16>
  return %0 : tensor<2x1073741824x4x8xf16>
}

// -----

// An open size counts as one, and so does one of zero.

func.func @too_many_scores(%q: tensor<0x2147483648x4x8xf16>,
    %k: tensor<0x2147483648x2x8xf16>) -> tensor<0x2147483648x4x8xf16> {
  // expected-error @below {{'mfa.masked_attention' op expected fewer than 2^63 scores (batch x heads x queries x keys), but got 0 x 4 x 2147483648 x 2147483648}}
  %0 = mfa.masked_attention
    ins(%q, %k, %k : tensor<0x2147483648x4x8xf16>,
        tensor<0x2147483648x2x8xf16>, tensor<0x2147483648x2x8xf16>)
    outs(%q : tensor<0x2147483648x4x8xf16>) -> tensor<0x2147483648x4x8xf16>
  return %0 : tensor<0x2147483648x4x8xf16>
}

// -----

func.func @output_repeats(%q: memref<2x16x4x8xf16>, %k: memref<2x32x2x8xf16>,
    %v: memref<2x32x2x8xf16>, %o: memref<2x16x4x8xf16, strided<[0, 32, 8, 1]>>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'output' to have distinct elements, but got stride 0 in dimension 0 of size 2}}
  mfa.masked_attention
    ins(%q, %k, %v :
        memref<2x16x4x8xf16>, memref<2x32x2x8xf16>, memref<2x32x2x8xf16>)
    outs(%o : memref<2x16x4x8xf16, strided<[0, 32, 8, 1]>>)
  return
}

// -----

func.func @lse_repeats(%q: memref<2x16x4x8xf16>, %k: memref<2x32x2x8xf16>,
    %v: memref<2x32x2x8xf16>, %o: memref<2x16x4x8xf16>,
    %l: memref<2x4x16xf32, strided<[16, 0, 1]>>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'lse' to have distinct elements, but got stride 0 in dimension 1 of size 4}}
  mfa.masked_attention
    ins(%q, %k, %v :
        memref<2x16x4x8xf16>, memref<2x32x2x8xf16>, memref<2x32x2x8xf16>)
    outs(%o : memref<2x16x4x8xf16>)
    lse(%l : memref<2x4x16xf32, strided<[16, 0, 1]>>)
  return
}

// -----

func.func @output_is_query(%q: memref<2x16x4x8xf16>, %k: memref<2x32x2x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'output' to be a buffer of its own, but got that of 'query'}}
  mfa.masked_attention
    ins(%q, %k, %k :
        memref<2x16x4x8xf16>, memref<2x32x2x8xf16>, memref<2x32x2x8xf16>)
    outs(%q : memref<2x16x4x8xf16>)
  return
}

// -----

func.func @lse_is_mask(%q: memref<2x16x16x8xf16>, %o: memref<2x16x16x8xf16>,
                       %m: memref<2x16x16xf32>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'lse' to be a buffer of its own, but got that of 'mask'}}
  mfa.masked_attention
    ins(%q, %q, %q :
        memref<2x16x16x8xf16>, memref<2x16x16x8xf16>, memref<2x16x16x8xf16>)
    mask(%m : memref<2x16x16xf32>)
    outs(%o : memref<2x16x16x8xf16>)
    lse(%m : memref<2x16x16xf32>)
  return
}

// -----

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

func.func @no_result(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected the number of tensor results (0) to be equal to the number of output tensors (1)}}
  mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
  return
}

// -----

func.func @one_result(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>, %l: tensor<2x4x16xf32>) {
  // expected-error @below {{'mfa.masked_attention' op expected the number of tensor results (1) to be equal to the number of output tensors (2)}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    lse(%l : tensor<2x4x16xf32>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @two_results(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected the number of tensor results (2) to be equal to the number of output tensors (1)}}
  %0:2 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> (tensor<2x16x4x8xf16>, tensor<2x4x16xf32>)
  return
}

// -----

func.func @result_of_memrefs(%q: memref<2x16x4x8xf16>,
    %k: memref<2x32x2x8xf16>, %v: memref<2x32x2x8xf16>,
    %o: memref<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected the number of tensor results (1) to be equal to the number of output tensors (0)}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        memref<2x16x4x8xf16>, memref<2x32x2x8xf16>, memref<2x32x2x8xf16>)
    outs(%o : memref<2x16x4x8xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @result_type(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected type of operand #3 ('tensor<2x16x4x8xf16>') to match type of corresponding result ('tensor<?x16x4x8xf16>')}}
  %0 = mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> tensor<?x16x4x8xf16>
  return
}

// -----

func.func @memref_result(%q: tensor<2x16x4x8xf16>, %k: tensor<2x32x2x8xf16>,
    %v: tensor<2x32x2x8xf16>, %o: tensor<2x16x4x8xf16>) {
  // expected-error @below {{result #0 must be variadic of ranked tensor of any type values, but got 'memref<2x16x4x8xf16>'}}
  mfa.masked_attention
    ins(%q, %k, %v :
        tensor<2x16x4x8xf16>, tensor<2x32x2x8xf16>, tensor<2x32x2x8xf16>)
    outs(%o : tensor<2x16x4x8xf16>)
    -> memref<2x16x4x8xf16>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Schedules
//===----------------------------------------------------------------------===//

// expected-error @below {{expected 'warps' to be 1 to 16, but got 0}}
#warps = #mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 0, stages = 1>

// -----

// expected-error @below {{expected 'warps' to be 1 to 16, but got 32}}
#many_warps = #mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 32, stages = 1>

// -----

// expected-error @below {{expected 'tile_rows' to be a positive multiple of 64 (16 x 'warps'), but got 96}}
#tile_rows = #mfa.schedule<kind = mma_sync, tile_rows = 96, tile_keys = 64, warps = 4, stages = 1>

// -----

// expected-error @below {{expected 'tile_rows' to be at most 512 (128 x 'warps'), but got 576}}
#many_rows = #mfa.schedule<kind = mma_sync, tile_rows = 576, tile_keys = 64, warps = 4, stages = 1>

// -----

// expected-error @below {{expected 'tile_keys' to be at most 1024, but got 1040}}
#many_keys = #mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 1040, warps = 4, stages = 1>

// -----

// expected-error @below {{expected 'tile_keys' to be a positive multiple of 16, but got 40}}
#tile_keys = #mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 40, warps = 4, stages = 1>

// -----

// expected-error @below {{expected 'stages' to be 1 or 2, but got 3}}
#stages = #mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4, stages = 3>

// -----

// expected-error @below {{expected 'warps' of a wgmma schedule to be 4, 8 or 12 (whole warpgroups), but got 6}}
#wgmma_warps = #mfa.schedule<kind = wgmma, tile_rows = 96, tile_keys = 64, warps = 6, stages = 2>

// -----

// expected-error @below {{expected 'tile_rows' of a wgmma schedule to be 128 (16 x 'warps'), but got 256}}
#wgmma_rows = #mfa.schedule<kind = wgmma, tile_rows = 256, tile_keys = 64, warps = 8, stages = 2>

// -----

// expected-error @below {{expected 'tile_keys' of a wgmma schedule to be at most 256, but got 272}}
#wgmma_keys = #mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 272, warps = 8, stages = 2>

// -----

// expected-error @below {{expected 'stages' of a wgmma schedule to be 1 to 4, but got 5}}
#wgmma_stages = #mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 5>

// -----

// expected-error @below {{expected 'ping_pong' in a wgmma schedule of 8 or 12 warps (warpgroups that take turns), but got it in one of kind wgmma with 4 warps}}
#one_warpgroup = #mfa.schedule<kind = wgmma, tile_rows = 64, tile_keys = 64, warps = 4, stages = 2, ping_pong = true>

// -----

// expected-error @below {{expected 'persistent' in a wgmma schedule without 'splits_keys', but got it in one of kind mma_sync}}
#not_persistent = #mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, persistent = true>

// -----

// expected-error @below {{expected 'persistent' in a wgmma schedule without 'splits_keys', but got it in one of kind wgmma with 'splits_keys'}}
#persistent_splits = #mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, splits_keys = true, persistent = true>

// -----

// expected-error @below {{expected 'early_turns' with 'ping_pong' (turns to pass), but got it without}}
#no_turns = #mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, early_turns = true>

// -----

// expected-error @below {{expected 'row_counter' with 'persistent' (blocks that take more rows), but got it without}}
#counts_nothing = #mfa.schedule<kind = wgmma, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, row_counter = true>

// -----

// expected-error @below {{expected no 'row_counter' in a schedule of kind cpu}}
#counts_on_cpu = #mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, lanes = 16, register_rows = 4, register_columns = 4, row_counter = true>

// -----

// expected-error @below {{expected 'adjacent_heads' to be 0 (all heads) to 2147483647, but got 2147483648}}
#many_heads = #mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, adjacent_heads = 2147483648>

// -----

// expected-error @below {{expected 'tile_keys' to be at most 1024, but got 4611686018427387904}}
#many_keys = #mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 4611686018427387904, warps = 4, stages = 1>

// -----

// expected-error @below {{expected 'adjacent_heads' to be 0 (all heads) to 2147483647, but got -1}}
#no_heads = #mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, adjacent_heads = -1>

// -----

// expected-error @below {{expected 'small_tile_rows' in a wgmma schedule without 'splits_keys', but got 64 in one of kind mma_sync}}
#no_small_tiles = #mfa.schedule<kind = mma_sync, tile_rows = 128, small_tile_rows = 64, tile_keys = 64, warps = 8, stages = 2>

// -----

// expected-error @below {{expected 'small_tile_rows' in a wgmma schedule without 'splits_keys', but got 64 in one of kind wgmma with 'splits_keys'}}
#small_splits = #mfa.schedule<kind = wgmma, tile_rows = 128, small_tile_rows = 64, tile_keys = 64, warps = 8, stages = 2, splits_keys = true>

// -----

// expected-error @below {{expected 'small_tile_rows' to be 0 or a multiple of 64 from 64 to below 'tile_rows', 192, but got 192}}
#not_small = #mfa.schedule<kind = wgmma, tile_rows = 192, small_tile_rows = 192, tile_keys = 64, warps = 12, stages = 2>

// -----

// expected-error @below {{expected 'small_tile_rows' to be 0 or a multiple of 64 from 64 to below 'tile_rows', 192, but got 96}}
#half_a_warpgroup = #mfa.schedule<kind = wgmma, tile_rows = 192, small_tile_rows = 96, tile_keys = 64, warps = 12, stages = 2>

// -----

// expected-error @below {{expected 'small_tile_rows' to be 0 or a multiple of 64 from 128 (with 'ping_pong') to below 'tile_rows', 192, but got 64}}
#no_turns_of_one = #mfa.schedule<kind = wgmma, tile_rows = 192, small_tile_rows = 64, tile_keys = 64, warps = 12, stages = 2, ping_pong = true>

// -----

// expected-error @below {{expected 'small_tile_rows' to be 0 or a multiple of 64 from 64 to below 'tile_rows', 192, but got -64}}
#negative_rows = #mfa.schedule<kind = wgmma, tile_rows = 192, small_tile_rows = -64, tile_keys = 64, warps = 12, stages = 2>

// -----

// expected-error @below {{expected no 'small_tile_rows' in a schedule of kind cpu}}
#small_on_cpu = #mfa.schedule<kind = cpu, tile_rows = 64, small_tile_rows = 32, tile_keys = 64, lanes = 16, register_rows = 4, register_columns = 4>

// -----

// expected-error @below {{expected 'ping_pong' in a wgmma schedule of 8 or 12 warps (warpgroups that take turns), but got it in one of kind mma_sync with 8 warps}}
#no_warpgroup = #mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64, warps = 8, stages = 2, ping_pong = true>

// -----

// expected-error @below {{expected ::mlir::mfa::KernelKind to be one of: mma_sync, wgmma}}
// expected-error @below {{failed to parse MFA_ScheduleAttr parameter 'kind'}}
#kind = #mfa.schedule<kind = unknown, tile_rows = 64, tile_keys = 64, warps = 4, stages = 1>

// -----

// expected-error @below {{expected one of [ranges, list, auto] for which tiles of keys a kernel visits, got: some}}
// expected-error @below {{failed to parse MFA_ScheduleAttr parameter 'tiles'}}
#tiles = #mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4, stages = 1, tiles = some>

// -----

//===----------------------------------------------------------------------===//
// Assembly
//===----------------------------------------------------------------------===//

// The clauses have one order.
func.func @clause_order(%q: tensor<2x16x4x8xf16>, %m: tensor<2x16x16xf16>) {
  // expected-error @below {{cannot name an operation with no results}}
  %0 = mfa.masked_attention
    ins(%q, %q, %q :
        tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>)
    outs(%q : tensor<2x16x4x8xf16>)
    mask(%m : tensor<2x16x16xf16>)
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @no_outs(%q: tensor<2x16x4x8xf16>) {
  %0 = mfa.masked_attention
    ins(%q, %q, %q :
        tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>, tensor<2x16x4x8xf16>)
    // expected-error @below {{expected 'outs'}}
    -> tensor<2x16x4x8xf16>
  return
}

// -----

func.func @two_inputs(%q: tensor<2x16x4x8xf16>) {
  // expected-error @below {{expected ','}}
  %0 = mfa.masked_attention ins(%q, %q : tensor<2x16x4x8xf16>)
  return
}

// -----

// expected-error @below {{expected no 'warps' in a schedule of kind cpu}}
#warps = #mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, warps = 4, lanes = 16, register_rows = 4, register_columns = 4>

// -----

// expected-error @below {{expected 'tiles' of a cpu schedule to be ranges or list, but got auto}}
#tiles = #mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, tiles = auto, lanes = 16, register_rows = 4, register_columns = 4>

// -----

// expected-error @below {{expected no 'lanes' in a schedule of kind mma_sync}}
#lanes = #mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4, stages = 1, lanes = 16>

// -----

// expected-error @below {{expected 'lanes' of a cpu schedule to be 4, 8 or 16, but got 5}}
#lanes = #mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, lanes = 5, register_rows = 4, register_columns = 4>

// -----

// expected-error @below {{expected 'lanes' of a cpu schedule with 'dot_products' to be 8 or 16, but got 4}}
#lanes = #mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, lanes = 4, register_rows = 4, register_columns = 4, dot_products = true>

// -----

// expected-error @below {{expected a cpu schedule with 'matrix_products' to have 'dot_products' and 16 'lanes'}}
#products = #mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, lanes = 16, register_rows = 32, register_columns = 2, matrix_products = true>

// -----

// expected-error @below {{expected a cpu schedule with 'matrix_products' to have 'dot_products' and 16 'lanes'}}
#lanes = #mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, lanes = 8, register_rows = 32, register_columns = 2, dot_products = true, matrix_products = true>

// -----

// expected-error @below {{expected 'register_rows' and 'register_columns' of a cpu schedule with 'matrix_products' to be 16 or 32, and 2, but got 4 and 2}}
#rows = #mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, lanes = 16, register_rows = 4, register_columns = 2, dot_products = true, matrix_products = true>

// -----

// expected-error @below {{expected 'register_rows' and 'register_columns' of a cpu schedule with 'matrix_products' to be 16 or 32, and 2, but got 32 and 4}}
#columns = #mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, lanes = 16, register_rows = 32, register_columns = 4, dot_products = true, matrix_products = true>

// -----

// expected-error @below {{expected no 'matrix_products' in a schedule of kind mma_sync}}
#kind = #mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4, stages = 1, matrix_products = true>

// -----

// expected-error @below {{expected 'register_rows' of a cpu schedule to be 1 to 16, but got 17}}
#rows = #mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, lanes = 16, register_rows = 17, register_columns = 4>

// -----

// expected-error @below {{expected 'register_columns' of a cpu schedule to be 1 to 8, but got 0}}
#columns = #mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, lanes = 16, register_rows = 4>

// -----

// expected-error @below {{expected 'tile_rows' of a cpu schedule to be a multiple of 'register_rows', 6, up to 4096, but got 64}}
#tile_rows = #mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, lanes = 16, register_rows = 6, register_columns = 4>

// -----

// expected-error @below {{expected 'tile_keys' of a cpu schedule to be a multiple of 'lanes' x 'register_columns', 64, up to 4096, but got 96}}
#tile_keys = #mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 96, lanes = 16, register_rows = 4, register_columns = 4>
