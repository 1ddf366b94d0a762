// RUN: mfa-opt %s --mfa-select-cpu-schedule=cpu=sapphirerapids --split-input-file
// RUN: mfa-opt %s --mfa-select-cpu-schedule=cpu=x86-64-v4 --split-input-file --verify-diagnostics
// RUN: not mfa-opt %s --mfa-select-cpu-schedule=cpu=znver4 --split-input-file 2>&1 | FileCheck %s
// REQUIRES: x86

!array = memref<1x?x2x64xbf16>

func.func @pairs(%q: !array, %o: !array) {
  // expected-error @below {{'mfa.masked_attention' op expected no 'dot_products' in a schedule for the CPU 'x86-64-v4', which has no AVX512-BF16}}
  mfa.masked_attention ins(%q, %q, %q : !array, !array, !array) outs(%o : !array)
      schedule(#mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, lanes = 16,
                             register_rows = 4, register_columns = 4,
                             dot_products = true>)
  return
}

// -----

// CHECK: error: 'mfa.masked_attention' op expected no 'matrix_products' in a schedule for the CPU 'znver4', which has no AMX-BF16

!array = memref<1x?x2x64xbf16>

func.func @matrices(%q: !array, %o: !array) {
  // expected-error @below {{'mfa.masked_attention' op expected no 'dot_products' in a schedule for the CPU 'x86-64-v4', which has no AVX512-BF16}}
  mfa.masked_attention ins(%q, %q, %q : !array, !array, !array) outs(%o : !array)
      schedule(#mfa.schedule<kind = cpu, tile_rows = 64, tile_keys = 64, lanes = 16,
                             register_rows = 32, register_columns = 2,
                             dot_products = true, matrix_products = true>)
  return
}
