// RUN: mfa-opt %s --mfa-to-cpu | %run_main | FileCheck %s
// RUN: mfa-opt %s --mfa-to-cpu=parallel=false | %run_main | FileCheck %s
// RUN: mfa-opt %s --mfa-to-cpu="vectors=false tile-rows=1" | %run_main | FileCheck %s

// One batch, four query rows, four keys, one head. Every score is 0, so the
// output is the mean of the values (1, 2, 3, 4) of the keys that a row attends
// to, and the log-sum-exp is the logarithm of their number.

func.func private @printMemrefF32(memref<*xf32>)

memref.global "private" constant @values : memref<1x4x1x8xf32> = dense<
    [[[[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]],
      [[2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]],
      [[3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]],
      [[4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]]]]>
memref.global "private" constant @zeros : memref<1x4x1x8xf32> = dense<0.0>
memref.global "private" constant @causal : memref<1x4x4xi1> = dense<
    [[[true, false, false, false],
      [true, true, false, false],
      [true, true, true, false],
      [true, true, true, true]]]>
// Row 0: nothing is masked. Row 1: fully masked. Row 2: a NaN among -inf.
// Row 3: a large finite number is a number.
memref.global "private" constant @additive : memref<1x4x4xf16> = dense<
    [[[0.0, 0.0, 0.0, 0.0],
      [0xFC00, 0xFC00, 0xFC00, 0xFC00],
      [0xFC00, 0xFC00, 0x7E00, 0xFC00],
      [-1.0e4, -1.0e4, -1.0e4, 0xFC00]]]>
memref.global "private" constant @nan_value : memref<1x4x1x8xf32> = dense<
    [[[[0x7FC00000, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]],
      [[2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]],
      [[3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]],
      [[4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]]]]>
// Row 1 is fully masked, the others see every key.
memref.global "private" constant @row1 : memref<1x4x1xi1> = dense<
    [[[true], [false], [true], [true]]]>

func.func @print(%o: memref<1x4x1x8xf32>, %lse: memref<1x1x4xf32>) {
  // The first two elements of each output row.
  %rows = memref.subview %o[0, 0, 0, 0] [1, 4, 1, 2] [1, 1, 1, 1]
      : memref<1x4x1x8xf32> to memref<4x2xf32, strided<[8, 1]>>
  %u = memref.cast %rows : memref<4x2xf32, strided<[8, 1]>> to memref<*xf32>
  call @printMemrefF32(%u) : (memref<*xf32>) -> ()
  %l = memref.cast %lse : memref<1x1x4xf32> to memref<*xf32>
  call @printMemrefF32(%l) : (memref<*xf32>) -> ()
  return
}

func.func @main() {
  %z = memref.get_global @zeros : memref<1x4x1x8xf32>
  %v = memref.get_global @values : memref<1x4x1x8xf32>
  %o = memref.alloca() : memref<1x4x1x8xf32>
  %lse = memref.alloca() : memref<1x1x4xf32>
  %poison = arith.constant 0x7FC00000 : f32
  linalg.fill ins(%poison : f32) outs(%o : memref<1x4x1x8xf32>)
  linalg.fill ins(%poison : f32) outs(%lse : memref<1x1x4xf32>)

  // Causal.
  // CHECK: sizes = [4, 2]
  // CHECK: [1, 1]
  // CHECK: [1.5, 1.5]
  // CHECK: [2, 2]
  // CHECK: [2.5, 2.5]
  // CHECK: [0, 0.693147, 1.09861, 1.38629]
  %causal = memref.get_global @causal : memref<1x4x4xi1>
  mfa.masked_attention
      ins(%z, %z, %v : memref<1x4x1x8xf32>, memref<1x4x1x8xf32>, memref<1x4x1x8xf32>)
      mask(%causal : memref<1x4x4xi1>)
      outs(%o : memref<1x4x1x8xf32>) lse(%lse : memref<1x1x4xf32>)
  call @print(%o, %lse) : (memref<1x4x1x8xf32>, memref<1x1x4xf32>) -> ()

  // Additive, in f16.
  // CHECK: sizes = [4, 2]
  // CHECK: [2.5, 2.5]
  // CHECK: [0, 0]
  // CHECK: [nan, nan]
  // CHECK: [2, 2]
  // CHECK: [1.38629, -inf, nan, -9998.9]
  %additive = memref.get_global @additive : memref<1x4x4xf16>
  mfa.masked_attention
      ins(%z, %z, %v : memref<1x4x1x8xf32>, memref<1x4x1x8xf32>, memref<1x4x1x8xf32>)
      mask(%additive : memref<1x4x4xf16>)
      outs(%o : memref<1x4x1x8xf32>) lse(%lse : memref<1x1x4xf32>)
  call @print(%o, %lse) : (memref<1x4x1x8xf32>, memref<1x1x4xf32>) -> ()

  // A NaN in the value reaches its column alone, and no fully masked row.
  // CHECK: sizes = [4, 2]
  // CHECK: [nan, 2.5]
  // CHECK: [0, 0]
  // CHECK: [nan, 2.5]
  // CHECK: [nan, 2.5]
  // CHECK: [1.38629, -inf, 1.38629, 1.38629]
  %row1 = memref.get_global @row1 : memref<1x4x1xi1>
  %nan = memref.get_global @nan_value : memref<1x4x1x8xf32>
  mfa.masked_attention
      ins(%z, %z, %nan : memref<1x4x1x8xf32>, memref<1x4x1x8xf32>, memref<1x4x1x8xf32>)
      mask(%row1 : memref<1x4x1xi1>)
      outs(%o : memref<1x4x1x8xf32>) lse(%lse : memref<1x1x4xf32>)
  call @print(%o, %lse) : (memref<1x4x1x8xf32>, memref<1x1x4xf32>) -> ()
  return
}
