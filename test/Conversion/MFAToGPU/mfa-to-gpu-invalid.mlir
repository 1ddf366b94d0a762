// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_86 --split-input-file --verify-diagnostics
// RUN: not mfa-opt %s --convert-mfa-to-gpu=chip=gfx90a --split-input-file 2>&1 | FileCheck %s

// CHECK: error: convert-mfa-to-gpu: expected 'chip' to be one of sm_80, {{.*}}, but got 'gfx90a'

func.func @tensors(%q: tensor<2x64x2x32xf16>) -> tensor<2x64x2x32xf16> {
  // expected-error @below {{expected buffers, but got tensors: bufferize first (one-shot-bufferize)}}
  %0 = mfa.masked_attention ins(%q, %q, %q : tensor<2x64x2x32xf16>, tensor<2x64x2x32xf16>, tensor<2x64x2x32xf16>)
      outs(%q : tensor<2x64x2x32xf16>) -> tensor<2x64x2x32xf16>
  return %0 : tensor<2x64x2x32xf16>
}

// -----

func.func @no_schedule(%q: memref<2x64x2x32xf16>, %o: memref<2x64x2x32xf16>) {
  // expected-error @below {{expected a schedule: run mfa-select-schedule first}}
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      outs(%o : memref<2x64x2x32xf16>)
  return
}

// -----

func.func @too_large(%q: memref<2x64x2x256xf16>, %o: memref<2x64x2x256xf16>) {
  // expected-error @below {{expected a schedule that fits 101376 bytes of shared memory on 'sm_86', but got #mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64, warps = 8, stages = 1>, which takes 135168}}
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x256xf16>, memref<2x64x2x256xf16>, memref<2x64x2x256xf16>)
      outs(%o : memref<2x64x2x256xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 128, tile_keys = 64, warps = 8, stages = 1>)
  return
}

// -----

func.func @slow_mask(%q: memref<2x63x2x32xf16>, %m: memref<2x63x63xf16>, %o: memref<2x63x2x32xf16>) {
  // expected-remark @below {{'mask' is read element by element, since its rows do not all start on 16-byte boundaries: 'memref<2x63x63xf16>'}}
  mfa.masked_attention ins(%q, %q, %q : memref<2x63x2x32xf16>, memref<2x63x2x32xf16>, memref<2x63x2x32xf16>)
      mask(%m : memref<2x63x63xf16>) outs(%o : memref<2x63x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 32, warps = 4, stages = 2>)
  return
}

// -----

func.func @wgmma_chip(%q: memref<1x64x2x64xf16>, %o: memref<1x64x2x64xf16>) {
  // expected-error @below {{op expected a schedule for 'sm_86', but got one of kind wgmma, which needs chip 'sm_90a'}}
  mfa.masked_attention ins(%q, %q, %q : memref<1x64x2x64xf16>, memref<1x64x2x64xf16>, memref<1x64x2x64xf16>)
      outs(%o : memref<1x64x2x64xf16>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 64, tile_keys = 64, warps = 4, stages = 2>)
  return
}

// -----

func.func @regions(%q: memref<2x64x2x32xf16>, %o: memref<2x64x2x32xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected an op without regions and sinks, which GPU kernels do not take; run it on the CPU (mfa-to-cpu)}}
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4, stages = 1>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index):
        %c = arith.cmpi sle, %n, %i : index
        mfa.yield %c : i1
      }
  return
}

// -----

func.func @sinks(%q: memref<2x64x2x32xf16>, %s: memref<2xf32>, %o: memref<2x64x2x32xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected an op without regions and sinks, which GPU kernels do not take; run it on the CPU (mfa-to-cpu)}}
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      sinks(%s : memref<2xf32>) outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4, stages = 1>)
  return
}
