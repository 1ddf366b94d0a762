// RUN: mfa-opt %s --convert-mfa-to-vector --split-input-file --verify-diagnostics

!array = memref<1x?x2x256xf32>

func.func @large(%q: !array, %o: !array) {
  // expected-error @below {{'mfa.masked_attention' op expected a schedule whose copies of tiles take up to 1048576 bytes of a thread's stack, but got 8782848; choose a smaller 'tile_rows' or 'tile_keys'}}
  mfa.masked_attention ins(%q, %q, %q : !array, !array, !array) outs(%o : !array)
      schedule(#mfa.schedule<kind = cpu, tile_rows = 4096, tile_keys = 64, lanes = 16,
                             register_rows = 4, register_columns = 4>)
  return
}

// -----

!array = memref<1x?x2x64xf16>

func.func @pairs(%q: !array, %o: !array) {
  // expected-error @below {{'mfa.masked_attention' op expected no 'dot_products' in a schedule for 'f16'; they are for bf16}}
  mfa.masked_attention ins(%q, %q, %q : !array, !array, !array) outs(%o : !array)
      schedule(#mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, lanes = 16,
                             register_rows = 4, register_columns = 4,
                             dot_products = true>)
  return
}
