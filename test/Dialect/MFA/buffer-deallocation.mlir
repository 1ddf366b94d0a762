// Regions own nothing: a buffer that is captured is freed after the op, by the
// function that allocated it, and the regions have no argument more than before.

// RUN: mfa-opt %s --ownership-based-buffer-deallocation --canonicalize \
// RUN:   --buffer-deallocation-simplification --bufferization-lower-deallocations \
// RUN:   --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @captured
// CHECK: %[[ARRAY:.*]] = memref.alloc
// CHECK: mfa.masked_attention {{.*}} captures(%[[ARRAY]] : memref<?xf32>)
// CHECK: score {
// CHECK-NEXT: ^bb0(%s: f32, %b: index, %h: index, %q: index, %k: index, %[[T:.*]]: memref<?xf32>):
// CHECK-NEXT: memref.load %[[T]][%k]
// CHECK-NEXT: arith.addf
// CHECK-NEXT: mfa.yield
// CHECK-NEXT: } keep {
// CHECK-NEXT: ^bb0(%b: index, %h: index, %q: index, %k: index, %[[T:.*]]: memref<?xf32>):
// CHECK-NEXT: memref.load %[[T]][%q]
// CHECK-NEXT: arith.cmpf
// CHECK-NEXT: mfa.yield
// CHECK-NEXT: }
// CHECK-NEXT: memref.dealloc %[[ARRAY]]
// CHECK-NEXT: return
func.func @captured(%x: memref<1x16x1x8xf32>, %o: memref<1x16x1x8xf32>,
                    %size: index, %value: f32) {
  %array = memref.alloc(%size) : memref<?xf32>
  linalg.fill ins(%value : f32) outs(%array : memref<?xf32>)
  mfa.masked_attention
    ins(%x, %x, %x : memref<1x16x1x8xf32>, memref<1x16x1x8xf32>,
                     memref<1x16x1x8xf32>)
    captures(%array : memref<?xf32>) outs(%o : memref<1x16x1x8xf32>)
    score {
    ^bb0(%s: f32, %b: index, %h: index, %q: index, %k: index, %t: memref<?xf32>):
      %e = memref.load %t[%k] : memref<?xf32>
      %y = arith.addf %s, %e : f32
      mfa.yield %y : f32
    }
    keep {
    ^bb0(%b: index, %h: index, %q: index, %k: index, %t: memref<?xf32>):
      %e = memref.load %t[%q] : memref<?xf32>
      %c = arith.cmpf ord, %e, %e : f32
      mfa.yield %c : i1
    }
  return
}

// One region of numbers alone.
// CHECK-LABEL: func.func @numbers
// CHECK: keep {
// CHECK-NEXT: ^bb0(%b: index, %h: index, %q: index, %k: index, %{{.*}}: index):
// CHECK-NEXT: arith.cmpi slt
// CHECK-NEXT: mfa.yield
func.func @numbers(%x: memref<1x16x1x8xf32>, %o: memref<1x16x1x8xf32>,
                   %size: index) {
  mfa.masked_attention
    ins(%x, %x, %x : memref<1x16x1x8xf32>, memref<1x16x1x8xf32>,
                     memref<1x16x1x8xf32>)
    captures(%size : index) outs(%o : memref<1x16x1x8xf32>)
    keep {
    ^bb0(%b: index, %h: index, %q: index, %k: index, %n: index):
      %c = arith.cmpi slt, %k, %n : index
      mfa.yield %c : i1
    }
  return
}
