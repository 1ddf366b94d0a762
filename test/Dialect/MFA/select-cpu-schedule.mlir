// RUN: mfa-opt %s --mfa-select-cpu-schedule=cpu=x86-64 | FileCheck %s --check-prefixes=CHECK,SSE2
// RUN: mfa-opt %s --mfa-select-cpu-schedule=cpu=x86-64-v3 | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: mfa-opt %s --mfa-select-cpu-schedule=cpu=x86-64-v4 | FileCheck %s --check-prefixes=CHECK,AVX512
// RUN: mfa-opt %s --mfa-select-cpu-schedule=cpu=znver4 | FileCheck %s --check-prefixes=CHECK,BF16
// RUN: mfa-opt %s --mfa-select-cpu-schedule=cpu=sapphirerapids | FileCheck %s --check-prefixes=CHECK,TILES
// RUN: env MFA_CPU=x86-64-v3 mfa-opt %s --mfa-select-cpu-schedule | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: env MFA_CPU=abacus not mfa-opt %s --mfa-select-cpu-schedule 2>&1 | FileCheck %s --check-prefix=WRONG
// RUN: env MFA_CPU=diamondrapids not mfa-opt %s --mfa-select-cpu-schedule 2>&1 | FileCheck %s --check-prefix=MISSING
// REQUIRES: x86

// RUN: mfa-opt %s --mfa-select-cpu-schedule=cpu=x86-64 2>&1 | FileCheck %s --check-prefix=REMARK
// REMARK: remark: the schedule is for a GPU; one for the CPU takes its place
// REMARK-NOT: remark:

// WRONG: error: mfa-select-cpu-schedule: cpu=host: MFA_CPU: expected a CPU of x86_64 that LLVM knows, but got 'abacus'
// MISSING: error: mfa-select-cpu-schedule: cpu=host: MFA_CPU: expected a CPU whose features this machine has, but 'diamondrapids' has '{{.+}}', and this machine has not

// CHECK-LABEL: func.func @bf16(
// CHECK: schedule(#mfa.schedule<kind = cpu, tile_rows = 192, tile_keys = 192
// SSE2-SAME: lanes = 4, register_rows = 4, register_columns = 2>)
// AVX2-SAME: lanes = 8, register_rows = 6, register_columns = 2>)
// AVX512-SAME: lanes = 16, register_rows = 4, register_columns = 4>)
// BF16-SAME: lanes = 16, register_rows = 4, register_columns = 4, dot_products = true>)
// TILES-SAME: lanes = 16, register_rows = 32, register_columns = 2, dot_products = true, matrix_products = true>)
func.func @bf16(%q: memref<2x?x8x64xbf16>, %o: memref<2x?x8x64xbf16>) {
  mfa.masked_attention
      ins(%q, %q, %q : memref<2x?x8x64xbf16>, memref<2x?x8x64xbf16>, memref<2x?x8x64xbf16>)
      outs(%o : memref<2x?x8x64xbf16>)
  return
}

// Wide heads have smaller tiles, whose copies are as large.

// CHECK-LABEL: func.func @wide(
// CHECK: schedule(#mfa.schedule<kind = cpu, tile_rows = 96, tile_keys = 128
// CHECK-NOT: dot_products
func.func @wide(%q: memref<2x?x8x256xf32>, %o: memref<2x?x8x256xf32>) {
  mfa.masked_attention
      ins(%q, %q, %q : memref<2x?x8x256xf32>, memref<2x?x8x256xf32>, memref<2x?x8x256xf32>)
      outs(%o : memref<2x?x8x256xf32>)
  return
}

// One by hand stays; one for a GPU does not.

// CHECK-LABEL: func.func @by_hand(
// CHECK: schedule(#mfa.schedule<kind = cpu, tile_rows = 6, tile_keys = 24, lanes = 4, register_rows = 3, register_columns = 2>)
// CHECK: schedule(#mfa.schedule<kind = cpu, tile_rows = 192
func.func @by_hand(%q: memref<2x?x8x64xf32>, %o: memref<2x?x8x64xf32>) {
  mfa.masked_attention
      ins(%q, %q, %q : memref<2x?x8x64xf32>, memref<2x?x8x64xf32>, memref<2x?x8x64xf32>)
      outs(%o : memref<2x?x8x64xf32>)
      schedule(#mfa.schedule<kind = cpu, tile_rows = 6, tile_keys = 24, lanes = 4,
                             register_rows = 3, register_columns = 2>)
  mfa.masked_attention
      ins(%q, %q, %q : memref<2x?x8x64xf32>, memref<2x?x8x64xf32>, memref<2x?x8x64xf32>)
      outs(%o : memref<2x?x8x64xf32>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4,
                             stages = 1>)
  return
}

// Without elements there are no views.

// CHECK-LABEL: func.func @empty(
// CHECK-NOT: schedule
func.func @empty(%q: memref<2x0x8x64xf32>, %o: memref<2x0x8x64xf32>) {
  mfa.masked_attention
      ins(%q, %q, %q : memref<2x0x8x64xf32>, memref<2x0x8x64xf32>, memref<2x0x8x64xf32>)
      outs(%o : memref<2x0x8x64xf32>)
  return
}
