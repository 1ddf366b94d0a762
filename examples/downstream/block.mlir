// A program of block-opt: attention is a function that someone else provides.

func.func private @attend(memref<?x?x8x64xf16>, memref<?x?x8x64xf16>,
                          memref<?x?x8x64xf16>, memref<?x?x?xi1>,
                          memref<?x?x8x64xf16>)

func.func @block(%query: memref<?x?x8x64xf16>, %key: memref<?x?x8x64xf16>,
                 %value: memref<?x?x8x64xf16>, %mask: memref<?x?x?xi1>,
                 %output: memref<?x?x8x64xf16>) {
  call @attend(%query, %key, %value, %mask, %output)
      : (memref<?x?x8x64xf16>, memref<?x?x8x64xf16>, memref<?x?x8x64xf16>,
         memref<?x?x?xi1>, memref<?x?x8x64xf16>) -> ()
  return
}
