// Result sizes, common subexpressions and loop-invariant code.

// RUN: mfa-opt %s --resolve-ranked-shaped-type-result-dims --canonicalize \
// RUN:   | FileCheck %s --check-prefix=DIM
// RUN: mfa-opt %s --cse | FileCheck %s --check-prefix=CSE
// RUN: mfa-opt %s --loop-invariant-code-motion | FileCheck %s --check-prefix=LICM

!dynamic = tensor<?x?x?x8xf16>

// DIM-LABEL: func.func @result_sizes
// DIM-SAME: %{{.*}}: tensor<?x?x?x8xf16>, %[[O:.*]]: tensor<?x?x?x8xf16>, %[[L:.*]]: tensor<?x?x?xf32>
// DIM-DAG: %[[C1:.*]] = arith.constant 1
// DIM-DAG: %[[C2:.*]] = arith.constant 2
// DIM-DAG: %[[ROWS:.*]] = tensor.dim %[[O]], %[[C1]]
// DIM-DAG: %[[LSE_ROWS:.*]] = tensor.dim %[[L]], %[[C2]]
// DIM-NOT: mfa.masked_attention
// DIM: return %[[ROWS]], %[[LSE_ROWS]]
func.func @result_sizes(%q: !dynamic, %o: !dynamic, %l: tensor<?x?x?xf32>)
    -> (index, index) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %0:2 = mfa.masked_attention
           ins(%q, %q, %q : !dynamic, !dynamic, !dynamic)
           outs(%o : !dynamic) lse(%l : tensor<?x?x?xf32>)
           -> (!dynamic, tensor<?x?x?xf32>)
  %rows = tensor.dim %0#0, %c1 : !dynamic
  %lse_rows = tensor.dim %0#1, %c2 : tensor<?x?x?xf32>
  return %rows, %lse_rows : index, index
}

!q = tensor<2x16x4x8xf16>

// CSE-LABEL: func.func @same_twice
// CSE-COUNT-1: mfa.masked_attention
// CSE-NOT: mfa.masked_attention
// CSE: return
func.func @same_twice(%q: !q, %o: !q) -> (!q, !q) {
  %0 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q) outs(%o : !q) -> !q
  %1 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q) outs(%o : !q) -> !q
  return %0, %1 : !q, !q
}

// Only static sizes cannot disagree at run time.
// LICM-LABEL: func.func @invariant
// LICM: mfa.masked_attention {{.*}} -> tensor<2x16x4x8xf16>
// LICM: scf.for
// LICM: mfa.masked_attention {{.*}} -> tensor<?x?x?x8xf16>
func.func private @use(!q, !dynamic)
func.func @invariant(%q: !q, %x: !dynamic, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %0 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q) outs(%q : !q) -> !q
    %1 = mfa.masked_attention ins(%x, %x, %x : !dynamic, !dynamic, !dynamic)
           outs(%x : !dynamic) -> !dynamic
    func.call @use(%0, %1) : (!q, !dynamic) -> ()
  }
  return
}

// Ops with the same regions are the same; another capture or constant makes a
// difference.
// CSE-LABEL: func.func @same_regions
// CSE-COUNT-2: mfa.masked_attention
// CSE-NOT: mfa.masked_attention
// CSE: return
func.func @same_regions(%q: !q, %o: !q, %w: index, %v: index) -> (!q, !q, !q) {
  %0 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q) captures(%w : index)
         outs(%o : !q) keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index, %u: index):
           %c = arith.cmpi slt, %n, %u : index
           mfa.yield %c : i1
         } -> !q
  %1 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q) captures(%w : index)
         outs(%o : !q) keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index, %u: index):
           %c = arith.cmpi slt, %n, %u : index
           mfa.yield %c : i1
         } -> !q
  %2 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q) captures(%v : index)
         outs(%o : !q) keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index, %u: index):
           %c = arith.cmpi slt, %n, %u : index
           mfa.yield %c : i1
         } -> !q
  return %0, %1, %2 : !q, !q, !q
}

// A division may be by 0.
// LICM-LABEL: func.func @invariant_regions
// LICM: mfa.masked_attention
// LICM: arith.cmpi slt
// LICM: scf.for
// LICM: mfa.masked_attention
// LICM: arith.divui
func.func @invariant_regions(%q: !q, %w: index, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %x = %c0 to %n step %c1 {
    %0 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q) captures(%w : index)
           outs(%q : !q) keep {
           ^bb0(%b: index, %h: index, %i: index, %k: index, %u: index):
             %c = arith.cmpi slt, %k, %u : index
             mfa.yield %c : i1
           } -> !q
    %1 = mfa.masked_attention ins(%q, %q, %q : !q, !q, !q) captures(%w : index)
           outs(%q : !q) keep {
           ^bb0(%b: index, %h: index, %i: index, %k: index, %u: index):
             %r = arith.divui %k, %u : index
             %c = arith.cmpi eq, %r, %b : index
             mfa.yield %c : i1
           } -> !q
    func.call @use2(%0, %1) : (!q, !q) -> ()
  }
  return
}
func.func private @use2(!q, !q)
