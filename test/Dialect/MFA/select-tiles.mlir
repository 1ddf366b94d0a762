// RUN: mfa-opt %s --mfa-select-schedule=chip=sm_90a | FileCheck %s --check-prefixes=CHECK,RULES
// RUN: mfa-opt %s --mfa-select-schedule="chip=sm_80 tiles=rules" | FileCheck %s --check-prefixes=CHECK,RULES
// RUN: mfa-opt %s --mfa-select-schedule="chip=sm_90a tiles=auto" | FileCheck %s --check-prefixes=CHECK,AUTO
// RUN: mfa-opt %s --mfa-select-schedule="chip=sm_90a tiles=always" | FileCheck %s --check-prefixes=CHECK,ALWAYS
// RUN: mfa-opt %s --mfa-select-schedule="chip=sm_90a tiles=never" | FileCheck %s --check-prefix=NEVER
// RUN: mfa-opt %s --mfa-to-nvvm="chip=sm_90a format=llvm tiles=never" -o - | FileCheck %s --check-prefix=NO-KERNEL
// RUN: mfa-opt %s --mfa-to-nvvm="chip=sm_90a format=llvm" -o - | FileCheck %s --check-prefix=KERNEL
// RUN: not mfa-opt %s --mfa-select-schedule=tiles=some 2>&1 | FileCheck %s --check-prefix=INVALID

// NO-KERNEL-NOT: masked_attention_tile_order
// KERNEL: masked_attention_tile_order
// INVALID: for the --tiles option: Cannot find option named 'some'

!a = memref<2x512x4x128xf16>

// A rule that reads an array has a list.
// CHECK-LABEL: @documents
// NEVER-LABEL: @documents
// NEVER-NOT: tiles =
// RULES: tiles = list>
// AUTO: tiles = list>
// ALWAYS: tiles = list>
func.func @documents(%q: !a, %ids: memref<2x512xi32>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) captures(%ids : memref<2x512xi32>) outs(%o : !a)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %d: memref<2x512xi32>):
        %x = memref.load %d[%b, %i] : memref<2x512xi32>
        %y = memref.load %d[%b, %n] : memref<2x512xi32>
        %c = arith.cmpi eq, %x, %y : i32
        mfa.yield %c : i1
      }
  return
}

// One that does not has a closed form.
// CHECK-LABEL: @causal
// RULES-NOT: tiles =
// AUTO-NOT: tiles =
// ALWAYS: tiles = list>
func.func @causal(%q: !a, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %c = arith.cmpi sle, %n, %i : index
        mfa.yield %c : i1
      }
  return
}

// Each fourth block, whose closed form is no range, and what no range is found for: one
// list serves all heads.
// CHECK-LABEL: @each_fourth_block
// RULES: tiles = list>
// AUTO: tiles = list>
// ALWAYS: tiles = list>
func.func @each_fourth_block(%q: !a, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %c128 = arith.constant 128 : index
        %c4 = arith.constant 4 : index
        %x = arith.divsi %i, %c128 : index
        %y = arith.divsi %n, %c128 : index
        %d = arith.subi %x, %y : index
        %e = arith.floordivsi %d, %c4 : index
        %f = arith.muli %e, %c4 : index
        %c = arith.cmpi eq, %d, %f : index
        mfa.yield %c : i1
      }
  return
}

// CHECK-LABEL: @product
// RULES: tiles = list>
// AUTO: tiles = list>
// ALWAYS: tiles = list>
func.func @product(%q: !a, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %c1000 = arith.constant 1000 : index
        %x = arith.muli %i, %n : index
        %c = arith.cmpi slt, %x, %c1000 : index
        mfa.yield %c : i1
      }
  return
}

// A list of each head's own would cost what its tests do.
// CHECK-LABEL: @product_by_head
// RULES-NOT: tiles =
// AUTO-NOT: tiles =
// ALWAYS: tiles = list>
func.func @product_by_head(%q: !a, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %x = arith.muli %i, %n : index
        %y = arith.muli %x, %h : index
        %c1000 = arith.constant 1000 : index
        %c = arith.cmpi slt, %y, %c1000 : index
        mfa.yield %c : i1
      }
  return
}

// Nor is it worth its launches to a few query rows.
// CHECK-LABEL: @product_of_one_row
// RULES-NOT: tiles =
// AUTO-NOT: tiles =
// ALWAYS: tiles = list>
func.func @product_of_one_row(%q: memref<2x1x4x128xf16>, %k: !a, %o: memref<2x1x4x128xf16>) {
  mfa.masked_attention ins(%q, %k, %k : memref<2x1x4x128xf16>, !a, !a) outs(%o : memref<2x1x4x128xf16>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %c1000 = arith.constant 1000 : index
        %x = arith.muli %n, %n : index
        %c = arith.cmpi slt, %x, %c1000 : index
        mfa.yield %c : i1
      }
  return
}

// CHECK-LABEL: @mask
// RULES-NOT: tiles =
// AUTO: tiles = auto>
// ALWAYS: tiles = list>
func.func @mask(%q: !a, %m: memref<2x512x512xf16>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) mask(%m : memref<2x512x512xf16>) outs(%o : !a)
  return
}

// Nothing to make a list from: a mask that is the same for all keys, and one whose
// effect a region has the last word on.
// CHECK-LABEL: @nothing
// CHECK-NOT: tiles =
func.func @nothing(%q: !a, %m: memref<2x512x1xf16>, %n: memref<2x512x512xf16>, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a)
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) mask(%m : memref<2x512x1xf16>) outs(%o : !a)
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) mask(%n : memref<2x512x512xf16>) outs(%o : !a)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %k: index):
        %zero = arith.constant 0.0 : f32
        %t = arith.maximumf %s, %zero : f32
        mfa.yield %t : f32
      }
  return
}

// A schedule that is there stays.
// CHECK-LABEL: @kept
// CHECK: tiles = auto>
// NEVER-LABEL: @kept
// NEVER: tiles = auto>
func.func @kept(%q: !a, %o: !a) {
  mfa.masked_attention ins(%q, %q, %q : !a, !a, !a) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64, warps = 4, stages = 1, tiles = auto>)
  return
}
