// RUN: mfa-opt %s --mfa-count-key-tiles --canonicalize --split-input-file --verify-diagnostics | FileCheck %s

// The rows of a tile visit what the closed form says.
// CHECK-LABEL: func.func @causal
// CHECK-SAME: %[[COUNTS:[a-z0-9]*]]: memref<4xi64>)
// CHECK-DAG: %[[FREE:.*]] = arith.constant 1 : index
// CHECK: scf.for
// CHECK: scf.for
// CHECK: scf.for
// CHECK-NOT: scf.for
// CHECK: memref.store %{{.*}}, %[[COUNTS]][%[[FREE]]]
// CHECK-NOT: mfa.masked_attention
func.func @causal(%q: memref<2x1024x2x64xf16>, %o: memref<2x1024x2x64xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x1024x2x64xf16>, memref<2x1024x2x64xf16>, memref<2x1024x2x64xf16>)
      outs(%o : memref<2x1024x2x64xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64, warps = 4, stages = 2>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %c = arith.cmpi sle, %j, %i : index
        mfa.yield %c : i1
      }
  return
}

// -----

// A list knows what its kernels find out.
// CHECK-LABEL: func.func @documents
// CHECK-SAME: %[[IDS:[a-z0-9]*]]: memref<2x?xi32>, %[[COUNTS:[a-z0-9]*]]: memref<4xi64>)
// CHECK-COUNT-4: scf.for
// CHECK: scf.while
// CHECK: memref.load %[[IDS]]
// CHECK: memref.load %[[IDS]]
// CHECK: memref.store %{{.*}}, %[[COUNTS]]
func.func @documents(%q: memref<2x?x2x64xf16>, %o: memref<2x?x2x64xf16>, %ids: memref<2x?xi32>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x?x2x64xf16>, memref<2x?x2x64xf16>, memref<2x?x2x64xf16>)
      captures(%ids : memref<2x?xi32>)
      outs(%o : memref<2x?x2x64xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64, warps = 4, stages = 2, tiles = list>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %j: index, %d: memref<2x?xi32>):
        %x = memref.load %d[%b, %i] : memref<2x?xi32>
        %y = memref.load %d[%b, %j] : memref<2x?xi32>
        %c = arith.cmpi eq, %x, %y : i32
        mfa.yield %c : i1
      }
  return
}

// -----

// CHECK-LABEL: func.func @without_ops
// CHECK-SAME: (%{{[a-z0-9]*}}: index)
func.func @without_ops(%x: index) {
  return
}

// -----

func.func @tensors(%q: tensor<2x64x2x64xf16>) -> tensor<2x64x2x64xf16> {
  // expected-error @below {{expected buffers, but got tensors: bufferize first (one-shot-bufferize)}}
  %0 = mfa.masked_attention ins(%q, %q, %q : tensor<2x64x2x64xf16>, tensor<2x64x2x64xf16>, tensor<2x64x2x64xf16>)
      outs(%q : tensor<2x64x2x64xf16>) -> tensor<2x64x2x64xf16>
  return %0 : tensor<2x64x2x64xf16>
}

// -----

func.func @no_schedule(%q: memref<2x64x2x64xf16>, %o: memref<2x64x2x64xf16>) {
  // expected-error @below {{expected a schedule: run mfa-select-schedule first}}
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x64xf16>, memref<2x64x2x64xf16>, memref<2x64x2x64xf16>)
      outs(%o : memref<2x64x2x64xf16>)
  return
}

// -----

func.func @auto(%q: memref<2x64x2x64xf16>, %o: memref<2x64x2x64xf16>, %m: memref<1x64x64xi1>) {
  // expected-error @below {{expected a schedule with 'tiles = ranges' or 'tiles = list', but got 'tiles = auto', which each launch decides by the sizes of its mask}}
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x64xf16>, memref<2x64x2x64xf16>, memref<2x64x2x64xf16>)
      mask(%m : memref<1x64x64xi1>)
      outs(%o : memref<2x64x2x64xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4, stages = 2, tiles = auto>)
  return
}

// -----

// expected-error @below {{expected a function that nobody refers to, as it gets one more argument}}
func.func @callee(%q: memref<2x64x2x64xf16>, %o: memref<2x64x2x64xf16>) {
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x64xf16>, memref<2x64x2x64xf16>, memref<2x64x2x64xf16>)
      outs(%o : memref<2x64x2x64xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4, stages = 2>)
  return
}
func.func @caller(%q: memref<2x64x2x64xf16>, %o: memref<2x64x2x64xf16>) {
  call @callee(%q, %o) : (memref<2x64x2x64xf16>, memref<2x64x2x64xf16>) -> ()
  return
}
