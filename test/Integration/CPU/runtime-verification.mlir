// The generated checks let a correct program run, and stop one that breaks a
// rule with the rule's message. Upstream's lowering of cf.assert prints to
// standard output and aborts, which loses what is buffered.

// RUN: mfa-opt %s --generate-runtime-verification --mfa-tile-attention \
// RUN:   --mfa-decompose-attention --scf-forall-to-for \
// RUN:   --convert-linalg-to-loops --expand-strided-metadata --lower-affine \
// RUN:   --arith-expand --convert-scf-to-cf --convert-to-llvm \
// RUN:   --reconcile-unrealized-casts -o %t

// DEFINE: %{run} = stdbuf -o0 mlir-runner %t --entry-point-result=void \
// DEFINE:   --shared-libs=%llvm_tools/../lib/libmlir_c_runner_utils.so -e

// RUN: %{run} good | FileCheck %s --check-prefix=GOOD
// RUN: not --crash %{run} bad_batch 2>&1 \
// RUN:   | FileCheck %s --check-prefix=BATCH
// RUN: not --crash %{run} bad_heads 2>&1 \
// RUN:   | FileCheck %s --check-prefix=HEADS
// RUN: not --crash %{run} no_heads 2>&1 \
// RUN:   | FileCheck %s --check-prefix=NO-HEADS
// RUN: not --crash %{run} bad_mask 2>&1 \
// RUN:   | FileCheck %s --check-prefix=MASK
// RUN: not --crash %{run} bad_stride 2>&1 \
// RUN:   | FileCheck %s --check-prefix=STRIDE
// RUN: not --crash %{run} bad_output 2>&1 \
// RUN:   | FileCheck %s --check-prefix=OUTPUT

// GOOD: 7
// BATCH: expected dimension 0 of 'key' (batch) to equal dimension 0 of 'query'
// HEADS: expected the heads of 'query' to be a multiple of the heads of 'key'
// NO-HEADS: expected 'key' to have at least one head
// MASK: expected dimension 2 of 'mask' (key length) to equal dimension 1 of 'key'
// STRIDE: expected 'query' to have unit stride in its last dimension
// OUTPUT: expected 'output' to have distinct elements, but got stride 0 in dimension 0

!array = memref<?x?x?x8xf32, strided<[?, ?, ?, ?], offset: ?>>

func.func private @printF32(f32)

// Sizes as given, and an array of 7 or a view of one with the given strides.
func.func @make(%b: index, %s: index, %h: index, %b_stride: index,
                %d_stride: index) -> !array {
  %c8 = arith.constant 8 : index
  %c1024 = arith.constant 1024 : index
  %x = arith.constant 7.0 : f32
  %h_stride = arith.muli %d_stride, %c8 : index
  %s_stride = arith.muli %h_stride, %h : index
  %storage = memref.alloc(%c1024) : memref<?xf32>
  linalg.fill ins(%x : f32) outs(%storage : memref<?xf32>)
  %array = memref.reinterpret_cast %storage to offset: [0],
             sizes: [%b, %s, %h, 8],
             strides: [%b_stride, %s_stride, %h_stride, %d_stride]
             : memref<?xf32> to memref<?x?x?x8xf32, strided<[?, ?, ?, ?]>>
  %cast = memref.cast %array
            : memref<?x?x?x8xf32, strided<[?, ?, ?, ?]>> to !array
  return %cast : !array
}

func.func @attend(%q: !array, %k: !array, %o: !array, %mask_keys: index) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = memref.alloc(%mask_keys) : memref<1x1x?xf32>
  linalg.fill ins(%zero : f32) outs(%m : memref<1x1x?xf32>)
  mfa.masked_attention ins(%q, %k, %k : !array, !array, !array)
    mask(%m : memref<1x1x?xf32>) outs(%o : !array)
  %x = memref.load %o[%c0, %c0, %c0, %c0] : !array
  func.call @printF32(%x) : (f32) -> ()
  return
}

// Batch, heads, key and value heads, mask keys, and the strides of the query's
// D and of the output's batch. There are 4 rows and 4 keys.
func.func @test(%q_batch: index, %heads: index, %kv_heads: index,
                %mask_keys: index, %d_stride: index, %o_stride: index) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c256 = arith.constant 256 : index
  %q = call @make(%q_batch, %c4, %heads, %c256, %d_stride)
         : (index, index, index, index, index) -> !array
  %k = call @make(%c2, %c4, %kv_heads, %c256, %c1)
         : (index, index, index, index, index) -> !array
  %o = call @make(%q_batch, %c4, %heads, %o_stride, %c1)
         : (index, index, index, index, index) -> !array
  call @attend(%q, %k, %o, %mask_keys) : (!array, !array, !array, index) -> ()
  return
}

func.func @good() {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c256 = arith.constant 256 : index
  call @test(%c2, %c4, %c2, %c4, %c1, %c256)
    : (index, index, index, index, index, index) -> ()
  return
}

func.func @bad_batch() {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c256 = arith.constant 256 : index
  call @test(%c1, %c4, %c2, %c4, %c1, %c256)
    : (index, index, index, index, index, index) -> ()
  return
}

func.func @bad_heads() {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c256 = arith.constant 256 : index
  call @test(%c2, %c4, %c3, %c4, %c1, %c256)
    : (index, index, index, index, index, index) -> ()
  return
}

func.func @no_heads() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c256 = arith.constant 256 : index
  call @test(%c2, %c4, %c0, %c4, %c1, %c256)
    : (index, index, index, index, index, index) -> ()
  return
}

// A mask of one key does not broadcast where 1 is not static.
func.func @bad_mask() {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c256 = arith.constant 256 : index
  call @test(%c2, %c4, %c2, %c1, %c1, %c256)
    : (index, index, index, index, index, index) -> ()
  return
}

func.func @bad_stride() {
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c256 = arith.constant 256 : index
  call @test(%c2, %c4, %c2, %c4, %c2, %c256)
    : (index, index, index, index, index, index) -> ()
  return
}

func.func @bad_output() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  call @test(%c2, %c4, %c2, %c4, %c1, %c0)
    : (index, index, index, index, index, index) -> ()
  return
}
