// Masked attention on tensors stored batch, sequence, head, dimension (BSHD).

// Eight query heads share two key and value heads; every query row has its own
// row of the mask, the same for all heads. scale is 1/sqrt(64).
func.func @main(%query: tensor<1x512x8x64xbf16>, %key: tensor<1x512x2x64xbf16>,
                %value: tensor<1x512x2x64xbf16>, %mask: tensor<1x512x512xbf16>)
    -> tensor<1x512x8x64xbf16> {
  %init = tensor.empty() : tensor<1x512x8x64xbf16>
  %output = mfa.masked_attention
      ins(%query, %key, %value : tensor<1x512x8x64xbf16>,
          tensor<1x512x2x64xbf16>, tensor<1x512x2x64xbf16>)
      mask(%mask : tensor<1x512x512xbf16>)
      outs(%init : tensor<1x512x8x64xbf16>) -> tensor<1x512x8x64xbf16>
  return %output : tensor<1x512x8x64xbf16>
}

// Sizes known at run time only; a mask of booleans (true: attend) for every
// query head; the scale is a value, and the natural log-sum-exp of the masked
// scores of each row is a second result.
func.func @dynamic(%query: tensor<?x?x?x128xf16>, %key: tensor<?x?x?x128xf16>,
                   %value: tensor<?x?x?x128xf16>, %mask: tensor<?x?x?x?xi1>,
                   %scale: f32) -> (tensor<?x?x?x128xf16>, tensor<?x?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %batch = tensor.dim %query, %c0 : tensor<?x?x?x128xf16>
  %rows = tensor.dim %query, %c1 : tensor<?x?x?x128xf16>
  %heads = tensor.dim %query, %c2 : tensor<?x?x?x128xf16>
  %init = tensor.empty(%batch, %rows, %heads) : tensor<?x?x?x128xf16>
  %lse_init = tensor.empty(%batch, %heads, %rows) : tensor<?x?x?xf32>
  %output, %lse = mfa.masked_attention
      ins(%query, %key, %value : tensor<?x?x?x128xf16>, tensor<?x?x?x128xf16>,
          tensor<?x?x?x128xf16>)
      mask(%mask : tensor<?x?x?x?xi1>)
      scale(%scale : f32)
      outs(%init : tensor<?x?x?x128xf16>)
      lse(%lse_init : tensor<?x?x?xf32>)
      -> (tensor<?x?x?x128xf16>, tensor<?x?x?xf32>)
  return %output, %lse : tensor<?x?x?x128xf16>, tensor<?x?x?xf32>
}
