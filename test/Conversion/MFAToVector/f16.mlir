// f16 is multiplied as f32, and converted eight or sixteen numbers at a time where tiles
// are copied and where the output is stored; no number by a function.

// RUN: mfa-opt %s --mfa-to-cpu=cpu=x86-64-v3 | mlir-translate --mlir-to-llvmir \
// RUN:   | opt -O3 -mtriple=x86_64-linux-gnu -mcpu=x86-64-v3 \
// RUN:   | llc -mtriple=x86_64-linux-gnu -mcpu=x86-64-v3 -filetype=asm \
// RUN:   | FileCheck %s -DREGISTER=ymm
// RUN: mfa-opt %s --mfa-to-cpu=cpu=x86-64-v4 | mlir-translate --mlir-to-llvmir \
// RUN:   | opt -O3 -mtriple=x86_64-linux-gnu -mcpu=x86-64-v4 \
// RUN:   | llc -mtriple=x86_64-linux-gnu -mcpu=x86-64-v4 -filetype=asm \
// RUN:   | FileCheck %s -DREGISTER=zmm
// REQUIRES: x86, lli

// CHECK-NOT: hfsf
// CHECK: vcvtph2ps {{.*}}, %[[REGISTER]]
// CHECK-NOT: hfsf
// CHECK: vfmadd{{[0-9]+}}ps {{.*}}%[[REGISTER]]
// CHECK-NOT: hfsf
// CHECK: vcvtps2ph $4, %[[REGISTER]]
// CHECK-NOT: {{hfsf|sfhf}}
func.func @attend(%q: memref<1x?x2x64xf16>, %k: memref<1x?x2x64xf16>,
                  %o: memref<1x?x2x64xf16>) {
  mfa.masked_attention
      ins(%q, %k, %k : memref<1x?x2x64xf16>, memref<1x?x2x64xf16>, memref<1x?x2x64xf16>)
      outs(%o : memref<1x?x2x64xf16>)
  return
}
