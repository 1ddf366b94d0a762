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

func.func @function(%q: memref<2x64x2x32xf16>, %o: memref<2x64x2x32xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected regions with functions that GPU kernels have instructions for (mfa-expand-region-math writes most others by these), but got 'math.erf'; run it on the CPU (mfa-to-cpu)}}
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4, stages = 1>)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index):
        // expected-note @below {{the op is here}}
        %r = math.erf %s : f32
        mfa.yield %r : f32
      }
  return
}

// -----

// An instruction of f32 is none of f64.
func.func @function_of_f64(%q: memref<2x64x2x32xf16>, %o: memref<2x64x2x32xf16>) {
  // expected-error @below {{but got 'math.exp2'; run it on the CPU (mfa-to-cpu)}}
  mfa.masked_attention ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4, stages = 1>)
      score {
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index):
        %w = arith.extf %s : f32 to f64
        // expected-note @below {{the op is here}}
        %e = math.exp2 %w : f64
        %r = arith.truncf %e : f64 to f32
        mfa.yield %r : f32
      }
  return
}

// -----

func.func @symbols(%q: memref<2x64x2x32xf16>, %f: f32, %o: memref<2x64x2x32xf16>) {
  // expected-error @below {{'mfa.masked_attention' op expected symbols of 'mfa.key_tiles' to be integers or sizes among the op's captures, but got 0, -1}}
  mfa.masked_attention
      {mfa.key_tiles = #mfa.key_tiles<rows = 64, keys = 64, symbols = [0, -1], visit = [], test = []>}
      ins(%q, %q, %q : memref<2x64x2x32xf16>, memref<2x64x2x32xf16>, memref<2x64x2x32xf16>)
      captures(%f : f32) outs(%o : memref<2x64x2x32xf16>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4, stages = 1>)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %x: f32):
        %c = arith.cmpi sle, %n, %i : index
        mfa.yield %c : i1
      }
  return
}

// -----

func.func @of_a_cpu(%q: memref<1x16x1x64xf16>, %o: memref<1x16x1x64xf16>) {
  // expected-error @below {{expected a schedule of kind mma_sync or wgmma for a GPU, but got one of kind cpu}}
  mfa.masked_attention
      ins(%q, %q, %q : memref<1x16x1x64xf16>, memref<1x16x1x64xf16>, memref<1x16x1x64xf16>)
      outs(%o : memref<1x16x1x64xf16>)
      schedule(#mfa.schedule<kind = cpu, tile_rows = 4, tile_keys = 16, lanes = 4,
                             register_rows = 4, register_columns = 4>)
  return
}
