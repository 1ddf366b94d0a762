// What vectors of keys are to do as numbers one by one do.

// RUN: mfa-opt %s --mfa-to-cpu | %run_main | FileCheck %s
// RUN: mfa-opt %s --mfa-to-cpu=vectors=false | %run_main | FileCheck %s
// RUN: mfa-opt %s --mfa-to-cpu=cpu=x86-64 | %run_main | FileCheck %s

// Five keys, fewer than there are lanes. Every score is 0, so that a row is the mean
// of the values (1, 2, 3, 4, 5) of the keys that are kept.

!query = tensor<1x2x1x8xf32>
!key = tensor<1x5x1x8xf32>
!lse = tensor<1x1x2xf32>

func.func private @printMemrefF32(tensor<*xf32>)

func.func @print(%o: !query, %lse: !lse) {
  %first = tensor.extract_slice %o[0, 0, 0, 0] [1, 2, 1, 1] [1, 1, 1, 1]
      : !query to tensor<2xf32>
  %u = tensor.cast %first : tensor<2xf32> to tensor<*xf32>
  call @printMemrefF32(%u) : (tensor<*xf32>) -> ()
  %l = tensor.cast %lse : !lse to tensor<*xf32>
  call @printMemrefF32(%l) : (tensor<*xf32>) -> ()
  return
}

func.func @values() -> !key {
  %empty = tensor.empty() : !key
  %v = linalg.generic {indexing_maps = [affine_map<(b, n, h, d) -> (b, n, h, d)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      outs(%empty : !key) {
  ^bb0(%x: f32):
    %n = linalg.index 1 : index
    %i = arith.index_cast %n : index to i32
    %f = arith.sitofp %i : i32 to f32
    %one = arith.constant 1.0 : f32
    %y = arith.addf %f, %one : f32
    linalg.yield %y : f32
  } -> !key
  return %v : !key
}

func.func @main() {
  %q = arith.constant dense<0.0> : !query
  %k = arith.constant dense<0.0> : !key
  %v = call @values() : () -> !key
  %o = tensor.empty() : !query
  %l = tensor.empty() : !lse

  // Numbers of 8 bits that wrap around: 125, 126, 127, -128, -127.
  // CHECK: [2, 2]
  %0:2 = mfa.masked_attention ins(%q, %k, %v : !query, !key, !key)
    outs(%o : !query) lse(%l : !lse)
    keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index):
      %c = arith.constant 125 : index
      %zero = arith.constant 0 : i32
      %sum = arith.addi %n, %c : index
      %narrow = arith.index_cast %sum : index to i8
      %wide = arith.extsi %narrow : i8 to i32
      %is_kept = arith.cmpi sge, %wide, %zero : i32
      mfa.yield %is_kept : i1
    } -> !query, !lse
  call @print(%0#0, %0#1) : (!query, !lse) -> ()

  // Negative numbers as large ones: keys 2 and 3 are at most 1 further than 2.
  // CHECK: [3.5, 3.5]
  %1:2 = mfa.masked_attention ins(%q, %k, %v : !query, !key, !key)
    outs(%o : !query) lse(%l : !lse)
    keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index):
      %two = arith.constant 2 : i32
      %key = arith.index_cast %n : index to i32
      %distance = arith.subi %key, %two : i32
      %wide = arith.index_castui %distance : i32 to index
      %most = arith.constant 1 : index
      %is_kept = arith.cmpi sle, %wide, %most : index
      mfa.yield %is_kept : i1
    } -> !query, !lse
  call @print(%1#0, %1#1) : (!query, !lse) -> ()

  // Quotients by what an array has for a key: nothing is divided by more.
  // CHECK: [3, 3]
  %divisors = arith.constant dense<[1, 2, 4, 2, 1]> : tensor<5xi32>
  %2:2 = mfa.masked_attention ins(%q, %k, %v : !query, !key, !key)
    captures(%divisors : tensor<5xi32>) outs(%o : !query) lse(%l : !lse)
    keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index, %a: tensor<5xi32>):
      %eight = arith.constant 8 : i32
      %three = arith.constant 3 : i32
      %divisor = tensor.extract %a[%n] : tensor<5xi32>
      %quotient = arith.divsi %eight, %divisor : i32
      %is_kept = arith.cmpi sgt, %quotient, %three : i32
      mfa.yield %is_kept : i1
    } -> !query, !lse
  call @print(%2#0, %2#1) : (!query, !lse) -> ()

  // Integers of less than a byte.
  // CHECK: [3, 3]
  %nibbles = arith.constant dense<[1, -1, 1, -1, 1]> : tensor<5xi4>
  %3:2 = mfa.masked_attention ins(%q, %k, %v : !query, !key, !key)
    captures(%nibbles : tensor<5xi4>) outs(%o : !query) lse(%l : !lse)
    keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index, %a: tensor<5xi4>):
      %zero = arith.constant 0 : i4
      %number = tensor.extract %a[%n] : tensor<5xi4>
      %is_kept = arith.cmpi sgt, %number, %zero : i4
      mfa.yield %is_kept : i1
    } -> !query, !lse
  call @print(%3#0, %3#1) : (!query, !lse) -> ()

  // Ops with two results: the high half of n * 2^30 is 1 at n = 4.
  // CHECK: [2.5, 2.5]
  %4:2 = mfa.masked_attention ins(%q, %k, %v : !query, !key, !key)
    outs(%o : !query) lse(%l : !lse)
    keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index):
      %factor = arith.constant 1073741824 : i32
      %zero = arith.constant 0 : i32
      %key = arith.index_cast %n : index to i32
      %low, %high = arith.mului_extended %key, %factor : i32
      %is_kept = arith.cmpi eq, %high, %zero : i32
      mfa.yield %is_kept : i1
    } -> !query, !lse
  call @print(%4#0, %4#1) : (!query, !lse) -> ()

  // A NaN with any bits makes its row NaN; with a sink that is none its lse as well.
  // CHECK: [3, {{-?}}nan]
  // CHECK: [1.60944, {{-?}}nan]
  %nan = arith.constant dense<[[[0.0, 0.0, 0.0, 0.0, 0.0],
    [0x7FC001FF, 0x7FC001FF, 0x7FC001FF, 0x7FC001FF, 0x7FC001FF]]]> : tensor<1x2x5xf32>
  %none = arith.constant dense<0xFF800000> : tensor<1xf32>
  %5:2 = mfa.masked_attention ins(%q, %k, %v : !query, !key, !key)
    mask(%nan : tensor<1x2x5xf32>) sinks(%none : tensor<1xf32>)
    outs(%o : !query) lse(%l : !lse) -> !query, !lse
  call @print(%5#0, %5#1) : (!query, !lse) -> ()
  return
}
