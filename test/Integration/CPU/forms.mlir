// RUN: mfa-opt %s --mfa-to-cpu | %run_main | FileCheck %s

// Element types, grouped heads, tensors, strides of 0 and no keys.

func.func private @printMemrefF32(memref<*xf32>)

// Query heads 0 and 1 read key head 0, 2 and 3 key head 1; the value of key head
// a at key j is 10 * a + j.

func.func @value_bf16() -> tensor<1x2x2x8xbf16> {
  %0 = tensor.generate {
  ^bb0(%b: index, %j: index, %a: index, %d: index):
    %c10 = arith.constant 10 : index
    %tens = arith.muli %a, %c10 : index
    %sum = arith.addi %tens, %j : index
    %int = arith.index_cast %sum : index to i32
    %element = arith.sitofp %int : i32 to bf16
    tensor.yield %element : bf16
  } : tensor<1x2x2x8xbf16>
  return %0 : tensor<1x2x2x8xbf16>
}

func.func @grouped(%q: tensor<1x1x?x8xbf16>, %k: tensor<1x2x?x8xbf16>,
                   %v: tensor<1x2x?x8xbf16>) -> tensor<1x1x?x8xbf16> {
  %c2 = arith.constant 2 : index
  %heads = tensor.dim %q, %c2 : tensor<1x1x?x8xbf16>
  %init = tensor.empty(%heads) : tensor<1x1x?x8xbf16>
  %0 = mfa.masked_attention
      ins(%q, %k, %v : tensor<1x1x?x8xbf16>, tensor<1x2x?x8xbf16>, tensor<1x2x?x8xbf16>)
      outs(%init : tensor<1x1x?x8xbf16>) -> tensor<1x1x?x8xbf16>
  return %0 : tensor<1x1x?x8xbf16>
}

func.func @no_keys(%o: memref<1x1x1x8xf16>) {
  %q = memref.alloca() : memref<1x1x1x8xf16>
  %c0 = arith.constant 0 : index
  %k = memref.alloc(%c0) : memref<1x?x1x8xf16>
  mfa.masked_attention
      ins(%q, %k, %k : memref<1x1x1x8xf16>, memref<1x?x1x8xf16>, memref<1x?x1x8xf16>)
      outs(%o : memref<1x1x1x8xf16>)
  return
}

// The four keys are one key, seen through a stride of 0.
func.func @repeated_key(%o: memref<1x1x1x8xf16>,
                        %lse: memref<1x1x1xf32>) {
  %two = arith.constant 2.0 : f16
  %one = arith.constant 1.0 : f32
  %x = memref.alloca() : memref<1x1x1x8xf16>
  linalg.fill ins(%two : f16) outs(%x : memref<1x1x1x8xf16>)
  %k = memref.reinterpret_cast %x to offset: [0], sizes: [1, 4, 1, 8], strides: [8, 0, 8, 1]
      : memref<1x1x1x8xf16> to memref<1x4x1x8xf16, strided<[8, 0, 8, 1]>>
  mfa.masked_attention
      ins(%x, %k, %k : memref<1x1x1x8xf16>, memref<1x4x1x8xf16, strided<[8, 0, 8, 1]>>,
                       memref<1x4x1x8xf16, strided<[8, 0, 8, 1]>>)
      scale(%one : f32)
      outs(%o : memref<1x1x1x8xf16>) lse(%lse : memref<1x1x1xf32>)
  return
}

func.func @print_f16(%o: memref<1x1x1x8xf16>) {
  %wide = memref.alloca() : memref<1xf32>
  %c0 = arith.constant 0 : index
  %narrow = memref.load %o[%c0, %c0, %c0, %c0] : memref<1x1x1x8xf16>
  %element = arith.extf %narrow : f16 to f32
  memref.store %element, %wide[%c0] : memref<1xf32>
  %u = memref.cast %wide : memref<1xf32> to memref<*xf32>
  call @printMemrefF32(%u) : (memref<*xf32>) -> ()
  return
}

func.func @main() {
  %q = arith.constant dense<0.0> : tensor<1x1x4x8xbf16>
  %k = arith.constant dense<1.0> : tensor<1x2x2x8xbf16>
  %v = call @value_bf16() : () -> tensor<1x2x2x8xbf16>
  %dq = tensor.cast %q : tensor<1x1x4x8xbf16> to tensor<1x1x?x8xbf16>
  %dk = tensor.cast %k : tensor<1x2x2x8xbf16> to tensor<1x2x?x8xbf16>
  %dv = tensor.cast %v : tensor<1x2x2x8xbf16> to tensor<1x2x?x8xbf16>
  %r = call @grouped(%dq, %dk, %dv)
      : (tensor<1x1x?x8xbf16>, tensor<1x2x?x8xbf16>, tensor<1x2x?x8xbf16>)
      -> tensor<1x1x?x8xbf16>
  %heads = tensor.generate {
  ^bb0(%h: index):
    %c0 = arith.constant 0 : index
    %element = tensor.extract %r[%c0, %c0, %h, %c0] : tensor<1x1x?x8xbf16>
    %wide = arith.extf %element : bf16 to f32
    tensor.yield %wide : f32
  } : tensor<4xf32>
  %b = bufferization.to_buffer %heads : tensor<4xf32> to memref<4xf32>
  %u = memref.cast %b : memref<4xf32> to memref<*xf32>
  // CHECK: [0.5, 0.5, 10.5, 10.5]
  call @printMemrefF32(%u) : (memref<*xf32>) -> ()

  %o = memref.alloca() : memref<1x1x1x8xf16>
  %poison = arith.constant 0x7E00 : f16
  linalg.fill ins(%poison : f16) outs(%o : memref<1x1x1x8xf16>)
  call @no_keys(%o) : (memref<1x1x1x8xf16>) -> ()
  // CHECK: [0]
  call @print_f16(%o) : (memref<1x1x1x8xf16>) -> ()

  // The score is 8 * 2 * 2, and lse adds log(4) to it.
  %lse = memref.alloca() : memref<1x1x1xf32>
  call @repeated_key(%o, %lse)
      : (memref<1x1x1x8xf16>, memref<1x1x1xf32>) -> ()
  // CHECK: [2]
  call @print_f16(%o) : (memref<1x1x1x8xf16>) -> ()
  %l = memref.cast %lse : memref<1x1x1xf32> to memref<*xf32>
  // CHECK: 33.3863
  call @printMemrefF32(%l) : (memref<*xf32>) -> ()
  return
}
