// The loops compile for another architecture: multiply-adds of NEON, of four rows and
// four vectors, and no function for a single one.

// RUN: mfa-opt %s --mfa-to-cpu | mlir-translate --mlir-to-llvmir \
// RUN:   | llc -mtriple=aarch64-linux-gnu -O2 -filetype=asm | FileCheck %s
// REQUIRES: llc-aarch64

#schedule = #mfa.schedule<kind = cpu, tile_rows = 16, tile_keys = 32, lanes = 4,
                          register_rows = 4, register_columns = 4>

// CHECK-NOT: bl fma
// CHECK-COUNT-16: fmla {{v[0-9]+}}.4s, {{v[0-9]+}}.4s, {{v[0-9]+}}.s[0]
// CHECK-NOT: bl fma
// CHECK: bl mfaParallelFor
func.func @attend(%q: memref<1x?x2x64xf16>, %k: memref<1x?x2x64xf16>,
                  %o: memref<1x?x2x64xf16>) {
  mfa.masked_attention
      ins(%q, %k, %k : memref<1x?x2x64xf16>, memref<1x?x2x64xf16>, memref<1x?x2x64xf16>)
      outs(%o : memref<1x?x2x64xf16>) schedule(#schedule)
      keep {
      ^bb0(%b: index, %h: index, %i: index, %j: index):
        %c = arith.cmpi sle, %j, %i : index
        mfa.yield %c : i1
      }
  return
}
