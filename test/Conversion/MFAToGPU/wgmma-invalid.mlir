// RUN: mfa-opt %s --convert-mfa-to-gpu=chip=sm_90a --verify-diagnostics

func.func @wgmma_f32(%q: memref<1x64x2x64xf32>, %o: memref<1x64x2x64xf32>) {
  // expected-error @below {{op expected a schedule of kind mma_sync for operands of f32, but got one of kind wgmma}}
  mfa.masked_attention ins(%q, %q, %q : memref<1x64x2x64xf32>, memref<1x64x2x64xf32>, memref<1x64x2x64xf32>)
      outs(%o : memref<1x64x2x64xf32>)
      schedule(#mfa.schedule<kind = wgmma, tile_rows = 64, tile_keys = 64, warps = 4, stages = 2>)
  return
}
