// Every rule of regions, captures and sinks that a program can break.

// RUN: mfa-opt %s --split-input-file --verify-diagnostics

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @sinks_rank(%q: !q, %k: !k, %o: !q, %s: tensor<1x4x16xf32>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'sinks' to have rank 1 (head) or 2 (head, query), but got 'tensor<1x4x16xf32>'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         sinks(%s : tensor<1x4x16xf32>)
         outs(%o : !q) -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @sinks_type(%q: !q, %k: !k, %o: !q, %s: tensor<4xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'sinks' to have elements of f32, but got 'f16'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         sinks(%s : tensor<4xf16>)
         outs(%o : !q) -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @sinks_size(%q: !q, %k: !k, %o: !q, %s: tensor<2xf32>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 0 of 'sinks' (heads) to be 4 as dimension 2 of 'query', but got 2}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         sinks(%s : tensor<2xf32>)
         outs(%o : !q) -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @sinks_memref(%q: !q, %k: !k, %o: !q, %s: memref<4xf32>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'sinks' to be a tensor as 'output' is, but got 'memref<4xf32>'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         sinks(%s : memref<4xf32>)
         outs(%o : !q) -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @capture_memref(%q: !q, %k: !k, %o: !q, %ids: memref<32xi32>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'captures' to be a tensor as 'output' is, but got 'memref<32xi32>'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%ids : memref<32xi32>)
         outs(%o : !q) -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @capture_encoding(%q: !q, %k: !k, %o: !q, %ids: tensor<32xi32, 1 : i32>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'captures' to be a dense tensor without an encoding, but got 'tensor<32xi32, 1 : i32>'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%ids : tensor<32xi32, 1 : i32>)
         outs(%o : !q) -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @capture_elements(%q: !q, %k: !k, %o: !q, %ids: tensor<32xcomplex<f32>>) {
  // expected-error @below {{'mfa.masked_attention' op expected an array in 'captures' to have elements of index, integers or floats, but got 'complex<f32>'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%ids : tensor<32xcomplex<f32>>)
         outs(%o : !q) -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @capture_signed(%q: !q, %k: !k, %o: !q, %ids: tensor<32xui32>) {
  // expected-error @below {{'mfa.masked_attention' op expected an array in 'captures' to have elements of index, integers or floats, but got 'ui32'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%ids : tensor<32xui32>)
         outs(%o : !q) -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @capture_type(%q: !q, %k: !k, %o: !q, %x: vector<4xf32>) {
  // expected-error @below {{'mfa.masked_attention' op operand #3 must be variadic of index, integer, float, ranked tensor or memref, but got 'vector<4xf32>'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%x : vector<4xf32>)
         outs(%o : !q) -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @keep_has_score(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expected the arguments of 'keep' to be ('index', 'index', 'index', 'index'): batch, head, query and key, then the captures; but got ('f32', 'index', 'index', 'index', 'index')}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         keep {
         ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index):
           %c = arith.cmpi sle, %n, %i : index
           mfa.yield %c : i1
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @score_without_score(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expected the arguments of 'score' to be ('f32', 'index', 'index', 'index', 'index'): the score, batch, head, query and key, then the captures; but got ('index', 'index', 'index', 'index')}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         score {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           %x = arith.constant 0.0 : f32
           mfa.yield %x : f32
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @missing_capture(%q: !q, %k: !k, %o: !q, %w: index) {
  // expected-error @below {{'mfa.masked_attention' op expected the arguments of 'keep' to be ('index', 'index', 'index', 'index', 'index'): batch, head, query and key, then the captures; but got ('index', 'index', 'index', 'index')}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%w : index)
         outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           %c = arith.cmpi sle, %n, %i : index
           mfa.yield %c : i1
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @other_capture(%q: !q, %k: !k, %o: !q, %w: i32) {
  // expected-error @below {{'mfa.masked_attention' op expected the arguments of 'keep' to be ('index', 'index', 'index', 'index', 'i32'): batch, head, query and key, then the captures; but got ('index', 'index', 'index', 'index', 'index')}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%w : i32)
         outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index, %v: index):
           %c = arith.cmpi sle, %n, %i : index
           mfa.yield %c : i1
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @other_capture_size(%q: !q, %k: !k, %o: !q, %ids: tensor<32xi32>) {
  // expected-error @below {{'mfa.masked_attention' op expected the arguments of 'keep' to be ('index', 'index', 'index', 'index', 'tensor<32xi32>'): batch, head, query and key, then the captures; but got ('index', 'index', 'index', 'index', 'tensor<16xi32>')}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%ids : tensor<32xi32>)
         outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index, %a: tensor<16xi32>):
           %c = arith.cmpi sle, %n, %i : index
           mfa.yield %c : i1
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @no_arguments(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expected the arguments of 'keep' to be ('index', 'index', 'index', 'index'): batch, head, query and key, then the captures; but got ()}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         keep {
           %c = arith.constant true
           mfa.yield %c : i1
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @keep_yields_f32(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expected 'keep' to yield 'i1', but got 'f32'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           %x = arith.constant 0.0 : f32
           mfa.yield %x : f32
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @score_yields_f16(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expected 'score' to yield 'f32', but got 'f16'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index):
           %x = arith.truncf %s : f32 to f16
           mfa.yield %x : f16
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @score_yields_bool(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expected 'score' to yield 'f32', but got 'i1'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index):
           %c = arith.cmpi sle, %n, %i : index
           mfa.yield %c : i1
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @other_terminator(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expected 'keep' to end in 'mfa.yield', but got 'llvm.unreachable'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           llvm.unreachable
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @control_flow(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expected 'keep' to have ops on numbers of 'arith', 'math' and 'index', 'tensor.extract', 'memref.load', 'tensor.dim', 'memref.dim' and 'cf.assert' only, but got 'scf.if'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           %t = arith.constant true
           // expected-note @below {{the op is here}}
           scf.if %t {
           }
           %c = arith.cmpi sle, %n, %i : index
           mfa.yield %c : i1
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @vectors(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expected 'keep' to have ops on numbers of 'arith', 'math' and 'index', 'tensor.extract', 'memref.load', 'tensor.dim', 'memref.dim' and 'cf.assert' only, but got 'arith.constant'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           // expected-note @below {{the op is here}}
           %x = arith.constant dense<0> : vector<4xi32>
           %c = arith.cmpi sle, %n, %i : index
           mfa.yield %c : i1
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @vector_operands(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expected 'score' to have ops on numbers of 'arith', 'math' and 'index', 'tensor.extract', 'memref.load', 'tensor.dim', 'memref.dim' and 'cf.assert' only, but got 'vector.broadcast'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         score {
         ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index):
           // expected-note @below {{the op is here}}
           %x = vector.broadcast %s : f32 to vector<4xf32>
           mfa.yield %s : f32
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @tensors(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expected 'keep' to have ops on numbers of 'arith', 'math' and 'index', 'tensor.extract', 'memref.load', 'tensor.dim', 'memref.dim' and 'cf.assert' only, but got 'tensor.empty'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           // expected-note @below {{the op is here}}
           %x = tensor.empty() : tensor<4xf32>
           %c = arith.cmpi sle, %n, %i : index
           mfa.yield %c : i1
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @alloc(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expected 'keep' to have ops on numbers of 'arith', 'math' and 'index', 'tensor.extract', 'memref.load', 'tensor.dim', 'memref.dim' and 'cf.assert' only, but got 'memref.alloc'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           // expected-note @below {{the op is here}}
           %x = memref.alloc() : memref<4xf32>
           %c = arith.cmpi sle, %n, %i : index
           mfa.yield %c : i1
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func private @f()

func.func @call(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expected 'keep' to have ops on numbers of 'arith', 'math' and 'index', 'tensor.extract', 'memref.load', 'tensor.dim', 'memref.dim' and 'cf.assert' only, but got 'func.call'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           // expected-note @below {{the op is here}}
           func.call @f() : () -> ()
           %c = arith.cmpi sle, %n, %i : index
           mfa.yield %c : i1
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @slice(%q: !q, %k: !k, %o: !q, %ids: tensor<32xi32>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'keep' to have ops on numbers of 'arith', 'math' and 'index', 'tensor.extract', 'memref.load', 'tensor.dim', 'memref.dim' and 'cf.assert' only, but got 'tensor.extract_slice'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         captures(%ids : tensor<32xi32>)
         outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index, %a: tensor<32xi32>):
           // expected-note @below {{the op is here}}
           %x = tensor.extract_slice %a[0] [4] [1] : tensor<32xi32> to tensor<4xi32>
           %c = arith.cmpi sle, %n, %i : index
           mfa.yield %c : i1
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @print(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expected 'keep' to have ops on numbers of 'arith', 'math' and 'index', 'tensor.extract', 'memref.load', 'tensor.dim', 'memref.dim' and 'cf.assert' only, but got 'vector.print'}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           // expected-note @below {{the op is here}}
           vector.print %i : index
           %c = arith.cmpi sle, %n, %i : index
           mfa.yield %c : i1
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @not_captured(%q: !q, %k: !k, %o: !q, %w: index) {
  // expected-note @below {{required by region isolation constraints}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           // expected-error @below {{using value defined outside the region}}
           %c = arith.cmpi slt, %n, %w : index
           mfa.yield %c : i1
         } -> !q
  return
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @two_blocks(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expects region #1 to have 0 or 1 blocks}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         outs(%o : !q)
         keep {
         ^bb0(%b: index, %h: index, %i: index, %n: index):
           cf.br ^bb1
         ^bb1:
           %c = arith.constant true
           mfa.yield %c : i1
         } -> !q
  return
}

// -----

!q = memref<2x16x4x8xf16>
!k = memref<2x32x2x8xf16>

func.func @output_is_captured(%q: !q, %k: !k, %o: !q) {
  // expected-error @below {{'mfa.masked_attention' op expected 'output' to be a buffer of its own, but got that of 'captures'}}
  mfa.masked_attention ins(%q, %k, %k : !q, !k, !k) captures(%o : !q)
    outs(%o : !q)
  return
}

// -----

!q = memref<2x16x4x8xf16>
!k = memref<2x32x2x8xf16>

func.func @captured_space(%q: !q, %k: !k, %o: !q, %ids: memref<32xi32, 3>) {
  // expected-error @below {{'mfa.masked_attention' op expected 'captures' to be in the default memory space (see memref.memory_space_cast), but got 'memref<32xi32, 3>'}}
  mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
    captures(%ids : memref<32xi32, 3>) outs(%o : !q)
  return
}

// -----

func.func @yield_alone(%c: i1) {
  // expected-error @below {{'mfa.yield' op expects parent op 'mfa.masked_attention'}}
  mfa.yield %c : i1
}

// -----

!q = tensor<2x16x4x8xf16>
!k = tensor<2x32x2x8xf16>

func.func @sinks_of_other_rows(%q: !q, %k: !k, %o: !q, %s: tensor<4x8xf32>) {
  // expected-error @below {{'mfa.masked_attention' op expected dimension 1 of 'sinks' (query length) to be 16 as dimension 1 of 'query', but got 8}}
  %0 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k)
         sinks(%s : tensor<4x8xf32>)
         outs(%o : !q) -> !q
  return
}
