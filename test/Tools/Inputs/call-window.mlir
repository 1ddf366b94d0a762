
// A query of zeros weighs the keys that the rule keeps alike: with key k's value k,
// each result is the mean of the positions of the last four.
func.func private @printMemrefF32(tensor<*xf32>) attributes {llvm.emit_c_interface}

func.func @call() {
  %zeros = arith.constant dense<0.0> : tensor<1x2x16x16xf32>
  %value = tensor.generate {
  ^bb0(%b: index, %h: index, %k: index, %d: index):
    %integer = arith.index_cast %k : index to i32
    %number = arith.sitofp %integer : i32 to f32
    tensor.yield %number : f32
  } : tensor<1x2x16x16xf32>
  %output = call @main(%zeros, %zeros, %value)
      : (tensor<1x2x16x16xf32>, tensor<1x2x16x16xf32>, tensor<1x2x16x16xf32>)
      -> tensor<1x2x16x16xf32>
  %column = tensor.extract_slice %output[0, 1, 0, 5] [1, 1, 16, 1] [1, 1, 1, 1]
      : tensor<1x2x16x16xf32> to tensor<16xf32>
  %unranked = tensor.cast %column : tensor<16xf32> to tensor<*xf32>
  call @printMemrefF32(%unranked) : (tensor<*xf32>) -> ()
  return
}
