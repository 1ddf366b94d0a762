func.func @main(%q: memref<1x64x2x64xf16>, %k: memref<1x64x2x64xf16>,
                %v: memref<1x64x2x64xf16>, %o: memref<1x64x2x64xf16>) {
  mfa.masked_attention
      ins(%q, %k, %v : memref<1x64x2x64xf16>, memref<1x64x2x64xf16>,
                       memref<1x64x2x64xf16>)
      outs(%o : memref<1x64x2x64xf16>)
  return
}
