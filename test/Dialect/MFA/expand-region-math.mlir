// Functions of regions by what GPUs have instructions for, and those of no other
// place.

// RUN: mfa-opt %s --mfa-expand-region-math | FileCheck %s

!a = memref<2x64x2x32xf16>

// A quotient by a constant is a product, and so may it be with a sum. tanh is an
// instruction, good to as many digits as f16 has.
// CHECK-LABEL: func.func @softcap
// CHECK: score {
// CHECK: ^bb0(%[[S:[a-z]*]]: f32,
// CHECK-DAG: %[[CAP:.*]] = arith.constant 3.000000e+01 : f32
// CHECK-DAG: %[[INVERSE:.*]] = arith.constant 0.0333333351 : f32
// CHECK: %[[X:.*]] = arith.mulf %[[S]], %[[INVERSE]] fastmath<contract> : f32
// CHECK: %[[T:.*]] = math.tanh %[[X]]
// CHECK: %[[Y:.*]] = arith.mulf %[[T]], %[[CAP]] fastmath<contract>
// CHECK: mfa.yield %[[Y]]
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

// A captured divisor has one reciprocal for all scores; any other divisor, and
// those of tests, an approximate quotient.
// CHECK-LABEL: func.func @quotients
// CHECK: ^bb0(%[[S:[a-z]*]]: f32, {{.*}}, %[[D:[a-z0-9]*]]: f32):
// CHECK: %[[INVERSE:.*]] = arith.divf %{{.*}}, %[[D]] fastmath<afn> : f32
// CHECK: %[[X:.*]] = arith.mulf %[[S]], %[[INVERSE]] fastmath<contract>
// CHECK: arith.divf %[[X]], %[[S]] fastmath<afn>
// CHECK: keep {
// CHECK: arith.divf %{{.*}}, %{{.*}} fastmath<afn>
// CHECK: arith.addf %{{.*}}, %{{.*}} : f32
func.func @quotients(%q: !a, %o: !a, %divisor: f32) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%divisor : f32) outs(%o : !a)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index, %d: f32):
      %x = arith.divf %s, %d : f32
      %y = arith.divf %x, %s : f32
      mfa.yield %y : f32
    } keep {
    ^bb0(%b: index, %h: index, %i: index, %n: index, %d: f32):
      %three = arith.constant 3.0 : f32
      %x = arith.divf %d, %three : f32
      %y = arith.addf %x, %three : f32
      %c = arith.cmpf olt, %y, %d : f32
      mfa.yield %c : i1
    }
  return
}

// An op on f32 has a tanh of its own, which is good near 0 as well.
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
