// Kernels take tensor maps, addresses and the sizes and strides that they read,
// fewer than twenty in all: passed whole, five memrefs of rank 4 are 55.
//
// RUN: mfa-run %s --target cuda --chip sm_90a --emit ptx | FileCheck %s

// CHECK-NOT: _param_{{[2-9][0-9]}}
// CHECK: .entry masked_attention(
// CHECK-NOT: _param_{{[2-9][0-9]}}
// CHECK: wgmma.mma_async
// CHECK-NOT: _param_{{[2-9][0-9]}}
// CHECK: .entry masked_attention_0(
// CHECK-NOT: _param_{{[2-9][0-9]}}
// CHECK: mma.sync
// CHECK-NOT: _param_{{[2-9][0-9]}}
func.func @main(%query: memref<?x?x?x128xbf16>, %key: memref<?x?x?x128xbf16>,
                %value: memref<?x?x?x128xbf16>, %mask: memref<?x1x?x?xbf16>,
                %output: memref<?x?x?x128xbf16>) {
  mfa.masked_attention
      ins(%query, %key, %value : memref<?x?x?x128xbf16>, memref<?x?x?x128xbf16>,
          memref<?x?x?x128xbf16>)
      mask(%mask : memref<?x1x?x?xbf16>) outs(%output : memref<?x?x?x128xbf16>)
  return
}
