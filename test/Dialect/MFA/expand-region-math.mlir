// Functions of regions by what GPUs have instructions for, and those of no other
// place.

// RUN: mfa-opt %s --mfa-expand-region-math | FileCheck %s

!a = memref<2x64x2x32xf16>

// CHECK-LABEL: func.func @softcap
// CHECK: score {
// CHECK: ^bb0(%[[S:[a-z]*]]: f32,
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK-DAG: %[[TWO:.*]] = arith.constant 2.000000e+00 : f32
// CHECK-DAG: %[[FACTOR:.*]] = arith.constant 2.885390e+00 : f32
// CHECK: %[[X:.*]] = arith.divf %[[S]], %{{.*}} fastmath<afn> : f32
// CHECK: %[[SCALED:.*]] = arith.mulf %[[X]], %[[FACTOR]]
// CHECK: %[[E:.*]] = math.exp2 %[[SCALED]]
// CHECK: %[[SUM:.*]] = arith.addf %[[E]], %[[ONE]]
// CHECK: %[[REST:.*]] = arith.divf %[[TWO]], %[[SUM]] fastmath<afn>
// CHECK: arith.subf %[[ONE]], %[[REST]]
// CHECK-NOT: math.tanh
// CHECK: }
// CHECK: math.tanh
func.func @softcap(%q: !a, %o: !a, %outside: f32) -> f32 {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index):
      %cap = arith.constant 30.0 : f32
      %x = arith.divf %s, %cap : f32
      %t = math.tanh %x : f32
      %y = arith.mulf %t, %cap : f32
      mfa.yield %y : f32
    }
  %r = math.tanh %outside : f32
  return %r : f32
}

// CHECK-LABEL: func.func @others
// CHECK-NOT: math.{{(exp|log|sin|erf|powf|rsqrt|sinh) }}
// CHECK: return
func.func @others(%q: !a, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index):
      %0 = math.exp %s : f32
      %1 = math.log %0 : f32
      %2 = math.sin %1 : f32
      %3 = math.erf %2 : f32
      %4 = math.powf %3, %s : f32
      %5 = math.rsqrt %4 : f32
      %6 = math.sinh %5 : f32
      %half = arith.truncf %6 : f32 to f16
      %7 = math.exp %half : f16
      %8 = arith.extf %7 : f16 to f32
      mfa.yield %8 : f32
    }
  return
}

// An op on f32 has a tanh that is good near 0 as well.
// CHECK-LABEL: func.func @softcap_f32
// CHECK: score {
// CHECK: ^bb0(%[[X:[a-z]*]]: f32,
// CHECK: %[[LARGE:.*]] = arith.subf
// CHECK: %[[SIZE:.*]] = math.absf %[[X]]
// CHECK: %[[IS_SMALL:.*]] = arith.cmpf olt, %[[SIZE]]
// CHECK: %[[SMALL:.*]] = math.fma %{{.*}}, %[[X]], %[[X]]
// CHECK: %[[TANH:.*]] = arith.select %[[IS_SMALL]], %[[SMALL]], %[[LARGE]]
// CHECK: mfa.yield %[[TANH]]
func.func @softcap_f32(%q: memref<2x64x2x32xf32>, %o: memref<2x64x2x32xf32>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf32>, memref<2x64x2x32xf32>, memref<2x64x2x32xf32>)
      outs(%o : memref<2x64x2x32xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index):
      %t = math.tanh %s : f32
      mfa.yield %t : f32
    }
  return
}
