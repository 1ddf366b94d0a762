// RUN: mfa-opt %s --mfa-to-cpu | %run_main | FileCheck %s
// RUN: mfa-opt %s --mfa-to-cpu=parallel=false | %run_main | FileCheck %s
// RUN: mfa-opt %s --mfa-to-cpu="vectors=false tile-rows=1" | %run_main | FileCheck %s
// RUN: mfa-opt %s --mfa-decompose-attention --mfa-to-cpu | %run_main | FileCheck %s
// RUN: mfa-opt %s --canonicalize --cse --mfa-to-cpu | %run_main | FileCheck %s

// One batch, four query rows, four keys, one head. Every score is 0 at first, so
// that the output is a mean of the values (1, 2, 3, 4) of the keys.

func.func private @printMemrefF32(tensor<*xf32>)

func.func @print(%o: tensor<1x4x1x8xf32>, %lse: tensor<1x1x4xf32>) {
  %rows = tensor.extract_slice %o[0, 0, 0, 0] [1, 4, 1, 2] [1, 1, 1, 1]
      : tensor<1x4x1x8xf32> to tensor<4x2xf32>
  %u = tensor.cast %rows : tensor<4x2xf32> to tensor<*xf32>
  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  %l = tensor.cast %lse : tensor<1x1x4xf32> to tensor<*xf32>
  call @printMemrefF32(%l) : (tensor<*xf32>) -> ()
  return
}

func.func @main() {
  %z = arith.constant dense<0.0> : tensor<1x4x1x8xf32>
  %v = arith.constant dense<
    [[[[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]],
      [[2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]],
      [[3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]],
      [[4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]]]]> : tensor<1x4x1x8xf32>
  %poison = arith.constant dense<0x7FC00000> : tensor<1x4x1x8xf32>
  %poison_lse = arith.constant dense<0x7FC00000> : tensor<1x1x4xf32>

  // A gather of integers that are narrower than an index: row 3 has a document
  // of its own without keys, rows 0 and 2 keys 0, 2 and 3.
  // CHECK: sizes = [4, 2]
  // CHECK: [2.66667, 2.66667]
  // CHECK: [2, 2]
  // CHECK: [2.66667, 2.66667]
  // CHECK: [0, 0]
  // CHECK: [1.09861, 0, 1.09861, -inf]
  %idq = arith.constant dense<[[3, -1, 3, 9]]> : tensor<1x4xi8>
  %idk = arith.constant dense<[[3, -1, 3, 3]]> : tensor<1x4xi8>
  %0:2 = mfa.masked_attention
    ins(%z, %z, %v : tensor<1x4x1x8xf32>, tensor<1x4x1x8xf32>, tensor<1x4x1x8xf32>)
    captures(%idq, %idk : tensor<1x4xi8>, tensor<1x4xi8>)
    outs(%poison : tensor<1x4x1x8xf32>) lse(%poison_lse : tensor<1x1x4xf32>)
    keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index, %a: tensor<1x4xi8>, %c: tensor<1x4xi8>):
      %x = tensor.extract %a[%b, %i] : tensor<1x4xi8>
      %y = tensor.extract %c[%b, %n] : tensor<1x4xi8>
      %e = arith.cmpi eq, %x, %y : i8
      mfa.yield %e : i1
    } -> tensor<1x4x1x8xf32>, tensor<1x1x4xf32>
  call @print(%0#0, %0#1) : (tensor<1x4x1x8xf32>, tensor<1x1x4xf32>) -> ()

  // A sink of ln 2 weighs as much as two keys; a row without keys is 0, its
  // log-sum-exp the sink. A tree: keys are the row's ancestors, two of which are
  // read through another array.
  // CHECK: sizes = [4, 2]
  // CHECK: [0, 0]
  // CHECK: [0.333333, 0.333333]
  // CHECK: [0.75, 0.75]
  // CHECK: [0.333333, 0.333333]
  // CHECK: [0.693147, 1.09861, 1.38629, 1.09861]
  %sinks = arith.constant dense<0.69314718> : tensor<1xf32>
  %parents = arith.constant dense<[9, 0, 1, 0]> : tensor<4xindex>
  %1:2 = mfa.masked_attention
    ins(%z, %z, %v : tensor<1x4x1x8xf32>, tensor<1x4x1x8xf32>, tensor<1x4x1x8xf32>)
    sinks(%sinks : tensor<1xf32>)
    captures(%parents : tensor<4xindex>)
    outs(%poison : tensor<1x4x1x8xf32>) lse(%poison_lse : tensor<1x1x4xf32>)
    keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index, %p: tensor<4xindex>):
      %last = arith.constant 3 : index
      %first = tensor.extract %p[%i] : tensor<4xindex>
      %in_bounds = arith.minui %first, %last : index
      %second = tensor.extract %p[%in_bounds] : tensor<4xindex>
      %is_second = arith.cmpi eq, %second, %n : index
      %is_inner = arith.cmpi ule, %first, %last : index
      %c0 = arith.cmpi eq, %first, %n : index
      %c1 = arith.andi %is_second, %is_inner : i1
      %c = arith.ori %c0, %c1 : i1
      mfa.yield %c : i1
    } -> tensor<1x4x1x8xf32>, tensor<1x1x4xf32>
  call @print(%1#0, %1#1) : (tensor<1x4x1x8xf32>, tensor<1x1x4xf32>) -> ()

  // Scores of any number: NaN reaches its row, but not where it is not kept;
  // -inf is as good as not kept; +inf is data.
  // CHECK: sizes = [4, 2]
  // CHECK: [1.5, 1.5]
  // CHECK: [{{-?}}nan, {{-?}}nan]
  // CHECK: [1, 1]
  // CHECK: [{{-?}}nan, {{-?}}nan]
  // CHECK: [0.693147, {{-?}}nan, 0, {{-?}}nan]
  %table = arith.constant dense<
    [[0.0, 0.0, 0x7FC00000, 0xFF800000],
     [0.0, 0x7FC00000, 0.0, 0.0],
     [0.0, 0xFF800000, 0xFF800000, 0xFF800000],
     [0x7F800000, 0.0, 0.0, 0.0]]> : tensor<4x4xf32>
  %2:2 = mfa.masked_attention
    ins(%z, %z, %v : tensor<1x4x1x8xf32>, tensor<1x4x1x8xf32>, tensor<1x4x1x8xf32>)
    captures(%table : tensor<4x4xf32>)
    outs(%poison : tensor<1x4x1x8xf32>) lse(%poison_lse : tensor<1x1x4xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %t: tensor<4x4xf32>):
      %x = tensor.extract %t[%i, %n] : tensor<4x4xf32>
      %y = arith.addf %s, %x : f32
      mfa.yield %y : f32
    }
    keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index, %t: tensor<4x4xf32>):
      %two = arith.constant 2 : index
      %c = arith.cmpi ne, %n, %two : index
      mfa.yield %c : i1
    } -> tensor<1x4x1x8xf32>, tensor<1x1x4xf32>
  call @print(%2#0, %2#1) : (tensor<1x4x1x8xf32>, tensor<1x1x4xf32>) -> ()

  // Ops that LLVM has no intrinsic for, and integers of other widths. All scores
  // are 0 in the end.
  // CHECK: sizes = [4, 2]
  // CHECK-COUNT-4: [2.5, 2.5]
  // CHECK: [1.38629, 1.38629, 1.38629, 1.38629]
  %3:2 = mfa.masked_attention
    ins(%z, %z, %v : tensor<1x4x1x8xf32>, tensor<1x4x1x8xf32>, tensor<1x4x1x8xf32>)
    outs(%poison : tensor<1x4x1x8xf32>) lse(%poison_lse : tensor<1x1x4xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index):
      %three = arith.constant 3 : i64
      %i64 = arith.index_cast %i : index to i64
      %third = arith.ceildivsi %i64, %three : i64
      %rest = arith.floordivsi %i64, %three : i64
      %odd = arith.subi %third, %rest : i64
      %f = arith.sitofp %odd : i64 to f64
      %x = arith.truncf %f : f64 to f32
      %erf = math.erf %x : f32
      %cbrt = math.cbrt %erf : f32
      %asinh = math.asinh %cbrt : f32
      %atan2 = math.atan2 %asinh, %erf : f32
      %tanh = math.tanh %atan2 : f32
      %powf = math.powf %tanh, %x : f32
      %half = arith.truncf %powf : f32 to bf16
      %whole = arith.extf %half : bf16 to f32
      %zero = arith.subf %whole, %whole : f32
      %y = arith.addf %s, %zero : f32
      mfa.yield %y : f32
    } -> tensor<1x4x1x8xf32>, tensor<1x1x4xf32>
  call @print(%3#0, %3#1) : (tensor<1x4x1x8xf32>, tensor<1x1x4xf32>) -> ()
  return
}
