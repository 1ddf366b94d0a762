#map = affine_map<(d0) -> (d0)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3) -> (d0, d1, 0, d3)>
#map3 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
#map4 = affine_map<(d0, d1, d2, d3) -> ()>
#map5 = affine_map<(d0, d1, d2, d3) -> (d0, 0, 0, 0)>
#map6 = affine_map<(d0, d1, d2, d3) -> (0, 0, 0, d3)>
#map7 = affine_map<(d0, d1, d2, d3) -> (0, d1, d2, d3)>
#map8 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map9 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#map10 = affine_map<(d0, d1, d2) -> (d2)>
#map11 = affine_map<(d0, d1, d2, d3) -> (0, 0, d2, d3)>
#map12 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map13 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map14 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map15 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map16 = affine_map<(d0, d1, d2) -> (d1, d2)>
module {
  func.func @main(%arg0: tensor<2x8x32xf32>, %arg1: tensor<2x8xi1>) -> tensor<2x8x32xf32> {
    %c4_i64 = arith.constant 4 : i64
    %c2_i64 = arith.constant 2 : i64
    %c0_i64 = arith.constant 0 : i64
    %c8_i64 = arith.constant 8 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %true = arith.constant true
    %cst_1 = arith.constant 1.000000e+00 : f32
    %cst_2 = arith.constant dense<0.000000e+00> : tensor<2x4x8x8xf32>
    %cst_3 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_4 = arith.constant dense<0xFF800000> : tensor<f32>
    %cst_5 = arith.constant dense<true> : tensor<i1>
    %cst_6 = arith.constant dense_resource<torch_tensor_32_torch.float32_2> : tensor<32xf32>
    %cst_7 = arith.constant dense_resource<torch_tensor_32_32_torch.float32_4> : tensor<32x32xf32>
    %cst_8 = arith.constant dense_resource<torch_tensor_32_32_torch.float32_3> : tensor<32x32xf32>
    %cst_9 = arith.constant dense_resource<torch_tensor_32_32_torch.float32_2> : tensor<32x32xf32>
    %cst_10 = arith.constant dense_resource<torch_tensor_32_torch.float32_1> : tensor<32xf32>
    %cst_11 = arith.constant dense_resource<torch_tensor_32_32_torch.float32_1> : tensor<32x32xf32>
    %cst_12 = arith.constant 0.59460355750136051 : f64
    %cst_13 = arith.constant 0xFFF0000000000000 : f64
    %cst_14 = arith.constant dense_resource<torch_tensor_16_32_torch.float32_1> : tensor<16x32xf32>
    %cst_15 = arith.constant dense_resource<torch_tensor_16_32_torch.float32> : tensor<16x32xf32>
    %cst_16 = arith.constant dense_resource<torch_tensor_32_32_torch.float32> : tensor<32x32xf32>
    %cst_17 = arith.constant dense_resource<torch_tensor_32_torch.float32> : tensor<32xf32>
    %cst_18 = arith.constant 9.9999999999999995E-7 : f64
    %cst_19 = arith.constant dense_resource<torch_tensor_4_torch.float32> : tensor<4xf32>
    %cst_20 = arith.constant 3.200000e+01 : f32
    %0 = tensor.empty() : tensor<8xi64>
    %1 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel"]} outs(%0 : tensor<8xi64>) {
    ^bb0(%out: i64):
      %110 = linalg.index 0 : index
      %111 = arith.index_cast %110 : index to i64
      linalg.yield %111 : i64
    } -> tensor<8xi64>
    %2 = tensor.empty() : tensor<2xi64>
    %3 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel"]} outs(%2 : tensor<2xi64>) {
    ^bb0(%out: i64):
      %110 = linalg.index 0 : index
      %111 = arith.index_cast %110 : index to i64
      linalg.yield %111 : i64
    } -> tensor<2xi64>
    %expanded = tensor.expand_shape %3 [[0, 1, 2, 3]] output_shape [2, 1, 1, 1] : tensor<2xi64> into tensor<2x1x1x1xi64>
    %expanded_21 = tensor.expand_shape %1 [[0, 1, 2, 3]] output_shape [1, 1, 8, 1] : tensor<8xi64> into tensor<1x1x8x1xi64>
    %expanded_22 = tensor.expand_shape %1 [[0, 1, 2, 3]] output_shape [1, 1, 1, 8] : tensor<8xi64> into tensor<1x1x1x8xi64>
    %4 = tensor.empty() : tensor<1x1x8x1xi64>
    %5 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_21 : tensor<1x1x8x1xi64>) outs(%4 : tensor<1x1x8x1xi64>) {
    ^bb0(%in: i64, %out: i64):
      %110 = arith.subi %in, %c4_i64 : i64
      linalg.yield %110 : i64
    } -> tensor<1x1x8x1xi64>
    %6 = tensor.empty() : tensor<1x1x8x8xi1>
    %7 = linalg.generic {indexing_maps = [#map2, #map3, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_22, %5 : tensor<1x1x1x8xi64>, tensor<1x1x8x1xi64>) outs(%6 : tensor<1x1x8x8xi1>) {
    ^bb0(%in: i64, %in_59: i64, %out: i1):
      %110 = arith.cmpi sgt, %in, %in_59 : i64
      linalg.yield %110 : i1
    } -> tensor<1x1x8x8xi1>
    %8 = linalg.generic {indexing_maps = [#map4, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%cst_5, %7 : tensor<i1>, tensor<1x1x8x8xi1>) outs(%6 : tensor<1x1x8x8xi1>) {
    ^bb0(%in: i1, %in_59: i1, %out: i1):
      %110 = arith.andi %in, %in_59 : i1
      linalg.yield %110 : i1
    } -> tensor<1x1x8x8xi1>
    %9 = linalg.generic {indexing_maps = [#map2, #map3, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_22, %expanded_21 : tensor<1x1x1x8xi64>, tensor<1x1x8x1xi64>) outs(%6 : tensor<1x1x8x8xi1>) {
    ^bb0(%in: i64, %in_59: i64, %out: i1):
      %110 = arith.cmpi sle, %in, %in_59 : i64
      linalg.yield %110 : i1
    } -> tensor<1x1x8x8xi1>
    %10 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%8, %9 : tensor<1x1x8x8xi1>, tensor<1x1x8x8xi1>) outs(%6 : tensor<1x1x8x8xi1>) {
    ^bb0(%in: i1, %in_59: i1, %out: i1):
      %110 = arith.andi %in, %in_59 : i1
      linalg.yield %110 : i1
    } -> tensor<1x1x8x8xi1>
    %11 = linalg.generic {indexing_maps = [#map4, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%cst_5, %10 : tensor<i1>, tensor<1x1x8x8xi1>) outs(%6 : tensor<1x1x8x8xi1>) {
    ^bb0(%in: i1, %in_59: i1, %out: i1):
      %110 = arith.andi %in, %in_59 : i1
      linalg.yield %110 : i1
    } -> tensor<1x1x8x8xi1>
    %12 = tensor.empty() : tensor<2x1x1x8xi1>
    %13 = linalg.generic {indexing_maps = [#map5, #map6, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded, %expanded_22 : tensor<2x1x1x1xi64>, tensor<1x1x1x8xi64>) outs(%12 : tensor<2x1x1x8xi1>) {
    ^bb0(%in: i64, %in_59: i64, %out: i1):
      %110 = arith.cmpi slt, %in, %c0_i64 : i64
      %111 = arith.addi %in, %c2_i64 : i64
      %112 = arith.select %110, %111, %in : i64
      %113 = arith.index_cast %112 : i64 to index
      %114 = arith.cmpi slt, %in_59, %c0_i64 : i64
      %115 = arith.addi %in_59, %c8_i64 : i64
      %116 = arith.select %114, %115, %in_59 : i64
      %117 = arith.index_cast %116 : i64 to index
      %extracted = tensor.extract %arg1[%113, %117] : tensor<2x8xi1>
      linalg.yield %extracted : i1
    } -> tensor<2x1x1x8xi1>
    %14 = tensor.empty() : tensor<2x1x8x8xi1>
    %15 = linalg.generic {indexing_maps = [#map7, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%11, %13 : tensor<1x1x8x8xi1>, tensor<2x1x1x8xi1>) outs(%14 : tensor<2x1x8x8xi1>) {
    ^bb0(%in: i1, %in_59: i1, %out: i1):
      %110 = arith.andi %in, %in_59 : i1
      linalg.yield %110 : i1
    } -> tensor<2x1x8x8xi1>
    %expanded_23 = tensor.expand_shape %1 [[0, 1, 2]] output_shape [1, 8, 1] : tensor<8xi64> into tensor<1x8x1xi64>
    %16 = tensor.empty() : tensor<1x8x1xf32>
    %17 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_23 : tensor<1x8x1xi64>) outs(%16 : tensor<1x8x1xf32>) {
    ^bb0(%in: i64, %out: f32):
      %110 = arith.sitofp %in : i64 to f32
      linalg.yield %110 : f32
    } -> tensor<1x8x1xf32>
    %18 = tensor.empty() : tensor<1x8x4xf32>
    %19 = linalg.generic {indexing_maps = [#map9, #map10, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%17, %cst_19 : tensor<1x8x1xf32>, tensor<4xf32>) outs(%18 : tensor<1x8x4xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.mulf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<1x8x4xf32>
    %concat = tensor.concat dim(2) %19, %19 : (tensor<1x8x4xf32>, tensor<1x8x4xf32>) -> tensor<1x8x8xf32>
    %20 = tensor.empty() : tensor<1x8x8xf32>
    %21 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%concat : tensor<1x8x8xf32>) outs(%20 : tensor<1x8x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = math.cos %in : f32
      linalg.yield %110 : f32
    } -> tensor<1x8x8xf32>
    %22 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%concat : tensor<1x8x8xf32>) outs(%20 : tensor<1x8x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = math.sin %in : f32
      linalg.yield %110 : f32
    } -> tensor<1x8x8xf32>
    %23 = tensor.empty() : tensor<2x8x32xf32>
    %24 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<2x8x32xf32>) outs(%23 : tensor<2x8x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %110 : f32
    } -> tensor<2x8x32xf32>
    %25 = tensor.empty() : tensor<2x8x1xf32>
    %26 = linalg.fill ins(%cst : f32) outs(%25 : tensor<2x8x1xf32>) -> tensor<2x8x1xf32>
    %27 = linalg.generic {indexing_maps = [#map8, #map9], iterator_types = ["parallel", "parallel", "reduction"]} ins(%24 : tensor<2x8x32xf32>) outs(%26 : tensor<2x8x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = arith.addf %in, %out : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x1xf32>
    %28 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%27 : tensor<2x8x1xf32>) outs(%25 : tensor<2x8x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = arith.divf %in, %cst_20 : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x1xf32>
    %29 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%28 : tensor<2x8x1xf32>) outs(%25 : tensor<2x8x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = arith.truncf %cst_18 : f64 to f32
      %111 = arith.addf %in, %110 : f32
      linalg.yield %111 : f32
    } -> tensor<2x8x1xf32>
    %30 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%29 : tensor<2x8x1xf32>) outs(%25 : tensor<2x8x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = math.rsqrt %in : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x1xf32>
    %31 = linalg.generic {indexing_maps = [#map8, #map9, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0, %30 : tensor<2x8x32xf32>, tensor<2x8x1xf32>) outs(%23 : tensor<2x8x32xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.mulf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x32xf32>
    %32 = linalg.generic {indexing_maps = [#map10, #map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%cst_17, %31 : tensor<32xf32>, tensor<2x8x32xf32>) outs(%23 : tensor<2x8x32xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.mulf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x32xf32>
    %33 = tensor.empty() : tensor<32x32xf32>
    %transposed = linalg.transpose ins(%cst_16 : tensor<32x32xf32>) outs(%33 : tensor<32x32xf32>) permutation = [1, 0] 
    %collapsed = tensor.collapse_shape %32 [[0, 1], [2]] : tensor<2x8x32xf32> into tensor<16x32xf32>
    %34 = tensor.empty() : tensor<16x32xf32>
    %35 = linalg.fill ins(%cst : f32) outs(%34 : tensor<16x32xf32>) -> tensor<16x32xf32>
    %36 = linalg.matmul ins(%collapsed, %transposed : tensor<16x32xf32>, tensor<32x32xf32>) outs(%35 : tensor<16x32xf32>) -> tensor<16x32xf32>
    %expanded_24 = tensor.expand_shape %36 [[0, 1], [2, 3]] output_shape [2, 8, 4, 8] : tensor<16x32xf32> into tensor<2x8x4x8xf32>
    %37 = tensor.empty() : tensor<2x4x8x8xf32>
    %transposed_25 = linalg.transpose ins(%expanded_24 : tensor<2x8x4x8xf32>) outs(%37 : tensor<2x4x8x8xf32>) permutation = [0, 2, 1, 3] 
    %38 = tensor.empty() : tensor<32x16xf32>
    %transposed_26 = linalg.transpose ins(%cst_15 : tensor<16x32xf32>) outs(%38 : tensor<32x16xf32>) permutation = [1, 0] 
    %39 = tensor.empty() : tensor<16x16xf32>
    %40 = linalg.fill ins(%cst : f32) outs(%39 : tensor<16x16xf32>) -> tensor<16x16xf32>
    %41 = linalg.matmul ins(%collapsed, %transposed_26 : tensor<16x32xf32>, tensor<32x16xf32>) outs(%40 : tensor<16x16xf32>) -> tensor<16x16xf32>
    %expanded_27 = tensor.expand_shape %41 [[0, 1], [2, 3]] output_shape [2, 8, 2, 8] : tensor<16x16xf32> into tensor<2x8x2x8xf32>
    %42 = tensor.empty() : tensor<2x2x8x8xf32>
    %transposed_28 = linalg.transpose ins(%expanded_27 : tensor<2x8x2x8xf32>) outs(%42 : tensor<2x2x8x8xf32>) permutation = [0, 2, 1, 3] 
    %transposed_29 = linalg.transpose ins(%cst_14 : tensor<16x32xf32>) outs(%38 : tensor<32x16xf32>) permutation = [1, 0] 
    %43 = linalg.matmul ins(%collapsed, %transposed_29 : tensor<16x32xf32>, tensor<32x16xf32>) outs(%40 : tensor<16x16xf32>) -> tensor<16x16xf32>
    %expanded_30 = tensor.expand_shape %43 [[0, 1], [2, 3]] output_shape [2, 8, 2, 8] : tensor<16x16xf32> into tensor<2x8x2x8xf32>
    %transposed_31 = linalg.transpose ins(%expanded_30 : tensor<2x8x2x8xf32>) outs(%42 : tensor<2x2x8x8xf32>) permutation = [0, 2, 1, 3] 
    %expanded_32 = tensor.expand_shape %21 [[0], [1, 2], [3]] output_shape [1, 1, 8, 8] : tensor<1x8x8xf32> into tensor<1x1x8x8xf32>
    %expanded_33 = tensor.expand_shape %22 [[0], [1, 2], [3]] output_shape [1, 1, 8, 8] : tensor<1x8x8xf32> into tensor<1x1x8x8xf32>
    %44 = linalg.generic {indexing_maps = [#map1, #map11, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_25, %expanded_32 : tensor<2x4x8x8xf32>, tensor<1x1x8x8xf32>) outs(%37 : tensor<2x4x8x8xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.mulf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x4x8x8xf32>
    %extracted_slice = tensor.extract_slice %transposed_25[0, 0, 0, 0] [2, 4, 8, 4] [1, 1, 1, 1] : tensor<2x4x8x8xf32> to tensor<2x4x8x4xf32>
    %extracted_slice_34 = tensor.extract_slice %transposed_25[0, 0, 0, 4] [2, 4, 8, 4] [1, 1, 1, 1] : tensor<2x4x8x8xf32> to tensor<2x4x8x4xf32>
    %45 = tensor.empty() : tensor<2x4x8x4xf32>
    %46 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_34 : tensor<2x4x8x4xf32>) outs(%45 : tensor<2x4x8x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = arith.negf %in : f32
      linalg.yield %110 : f32
    } -> tensor<2x4x8x4xf32>
    %concat_35 = tensor.concat dim(3) %46, %extracted_slice : (tensor<2x4x8x4xf32>, tensor<2x4x8x4xf32>) -> tensor<2x4x8x8xf32>
    %47 = linalg.generic {indexing_maps = [#map1, #map11, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_35, %expanded_33 : tensor<2x4x8x8xf32>, tensor<1x1x8x8xf32>) outs(%37 : tensor<2x4x8x8xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.mulf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x4x8x8xf32>
    %48 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%44, %47 : tensor<2x4x8x8xf32>, tensor<2x4x8x8xf32>) outs(%37 : tensor<2x4x8x8xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.addf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x4x8x8xf32>
    %49 = linalg.generic {indexing_maps = [#map1, #map11, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_28, %expanded_32 : tensor<2x2x8x8xf32>, tensor<1x1x8x8xf32>) outs(%42 : tensor<2x2x8x8xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.mulf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x2x8x8xf32>
    %extracted_slice_36 = tensor.extract_slice %transposed_28[0, 0, 0, 0] [2, 2, 8, 4] [1, 1, 1, 1] : tensor<2x2x8x8xf32> to tensor<2x2x8x4xf32>
    %extracted_slice_37 = tensor.extract_slice %transposed_28[0, 0, 0, 4] [2, 2, 8, 4] [1, 1, 1, 1] : tensor<2x2x8x8xf32> to tensor<2x2x8x4xf32>
    %50 = tensor.empty() : tensor<2x2x8x4xf32>
    %51 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_37 : tensor<2x2x8x4xf32>) outs(%50 : tensor<2x2x8x4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = arith.negf %in : f32
      linalg.yield %110 : f32
    } -> tensor<2x2x8x4xf32>
    %concat_38 = tensor.concat dim(3) %51, %extracted_slice_36 : (tensor<2x2x8x4xf32>, tensor<2x2x8x4xf32>) -> tensor<2x2x8x8xf32>
    %52 = linalg.generic {indexing_maps = [#map1, #map11, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_38, %expanded_33 : tensor<2x2x8x8xf32>, tensor<1x1x8x8xf32>) outs(%42 : tensor<2x2x8x8xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.mulf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x2x8x8xf32>
    %53 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%49, %52 : tensor<2x2x8x8xf32>, tensor<2x2x8x8xf32>) outs(%42 : tensor<2x2x8x8xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.addf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x2x8x8xf32>
    %54 = tensor.empty() : tensor<2x2x2x8x8xf32>
    %55 = linalg.generic {indexing_maps = [#map12, #map13], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%53 : tensor<2x2x8x8xf32>) outs(%54 : tensor<2x2x2x8x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x2x8x8xf32>
    %collapsed_39 = tensor.collapse_shape %55 [[0], [1, 2], [3], [4]] : tensor<2x2x2x8x8xf32> into tensor<2x4x8x8xf32>
    %56 = linalg.generic {indexing_maps = [#map12, #map13], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%transposed_31 : tensor<2x2x8x8xf32>) outs(%54 : tensor<2x2x2x8x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x2x2x8x8xf32>
    %57 = tensor.empty() : tensor<2x1x8x8xf32>
    %58 = linalg.generic {indexing_maps = [#map1, #map4, #map4, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%15, %cst_3, %cst_4 : tensor<2x1x8x8xi1>, tensor<f32>, tensor<f32>) outs(%57 : tensor<2x1x8x8xf32>) {
    ^bb0(%in: i1, %in_59: f32, %in_60: f32, %out: f32):
      %110 = arith.select %in, %in_59, %in_60 : f32
      linalg.yield %110 : f32
    } -> tensor<2x1x8x8xf32>
    %59 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%48 : tensor<2x4x8x8xf32>) outs(%37 : tensor<2x4x8x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = arith.truncf %cst_12 : f64 to f32
      %111 = arith.mulf %in, %110 : f32
      linalg.yield %111 : f32
    } -> tensor<2x4x8x8xf32>
    %transposed_40 = linalg.transpose ins(%collapsed_39 : tensor<2x4x8x8xf32>) outs(%37 : tensor<2x4x8x8xf32>) permutation = [0, 1, 3, 2] 
    %60 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_40 : tensor<2x4x8x8xf32>) outs(%37 : tensor<2x4x8x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = arith.truncf %cst_12 : f64 to f32
      %111 = arith.mulf %in, %110 : f32
      linalg.yield %111 : f32
    } -> tensor<2x4x8x8xf32>
    %collapsed_41 = tensor.collapse_shape %59 [[0, 1], [2], [3]] : tensor<2x4x8x8xf32> into tensor<8x8x8xf32>
    %collapsed_42 = tensor.collapse_shape %60 [[0, 1], [2], [3]] : tensor<2x4x8x8xf32> into tensor<8x8x8xf32>
    %61 = tensor.empty() : tensor<8x8x8xf32>
    %62 = linalg.fill ins(%cst : f32) outs(%61 : tensor<8x8x8xf32>) -> tensor<8x8x8xf32>
    %63 = linalg.batch_matmul ins(%collapsed_41, %collapsed_42 : tensor<8x8x8xf32>, tensor<8x8x8xf32>) outs(%62 : tensor<8x8x8xf32>) -> tensor<8x8x8xf32>
    %expanded_43 = tensor.expand_shape %63 [[0, 1], [2], [3]] output_shape [2, 4, 8, 8] : tensor<8x8x8xf32> into tensor<2x4x8x8xf32>
    %64 = linalg.generic {indexing_maps = [#map1, #map14, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_43, %58 : tensor<2x4x8x8xf32>, tensor<2x1x8x8xf32>) outs(%37 : tensor<2x4x8x8xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.addf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x4x8x8xf32>
    %65 = tensor.empty() : tensor<2x4x8xi64>
    %66 = linalg.fill ins(%c0_i64 : i64) outs(%65 : tensor<2x4x8xi64>) -> tensor<2x4x8xi64>
    %67 = tensor.empty() : tensor<2x4x8xf32>
    %68 = linalg.fill ins(%cst_0 : f32) outs(%67 : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
    %69:2 = linalg.generic {indexing_maps = [#map1, #map15, #map15], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%64 : tensor<2x4x8x8xf32>) outs(%68, %66 : tensor<2x4x8xf32>, tensor<2x4x8xi64>) {
    ^bb0(%in: f32, %out: f32, %out_59: i64):
      %110 = linalg.index 3 : index
      %111 = arith.index_cast %110 : index to i64
      %112 = arith.maximumf %in, %out : f32
      %113 = arith.cmpf ogt, %in, %out : f32
      %114 = arith.select %113, %111, %out_59 : i64
      linalg.yield %112, %114 : f32, i64
    } -> (tensor<2x4x8xf32>, tensor<2x4x8xi64>)
    %expanded_44 = tensor.expand_shape %69#0 [[0], [1], [2, 3]] output_shape [2, 4, 8, 1] : tensor<2x4x8xf32> into tensor<2x4x8x1xf32>
    %70 = linalg.generic {indexing_maps = [#map1, #map3, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%64, %expanded_44 : tensor<2x4x8x8xf32>, tensor<2x4x8x1xf32>) outs(%37 : tensor<2x4x8x8xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.subf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x4x8x8xf32>
    %71 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%70 : tensor<2x4x8x8xf32>) outs(%37 : tensor<2x4x8x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = math.exp %in : f32
      linalg.yield %110 : f32
    } -> tensor<2x4x8x8xf32>
    %72 = tensor.empty() : tensor<2x4x8x1xf32>
    %73 = linalg.fill ins(%cst : f32) outs(%72 : tensor<2x4x8x1xf32>) -> tensor<2x4x8x1xf32>
    %74 = linalg.generic {indexing_maps = [#map1, #map3], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%71 : tensor<2x4x8x8xf32>) outs(%73 : tensor<2x4x8x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = arith.addf %in, %out : f32
      linalg.yield %110 : f32
    } -> tensor<2x4x8x1xf32>
    %75 = linalg.generic {indexing_maps = [#map1, #map3, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%71, %74 : tensor<2x4x8x8xf32>, tensor<2x4x8x1xf32>) outs(%37 : tensor<2x4x8x8xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.divf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x4x8x8xf32>
    %76 = tensor.empty() : tensor<2x4x8x8xi1>
    %77 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%64 : tensor<2x4x8x8xf32>) outs(%76 : tensor<2x4x8x8xi1>) {
    ^bb0(%in: f32, %out: i1):
      %110 = arith.extf %in : f32 to f64
      %111 = arith.cmpf oeq, %110, %cst_13 : f64
      linalg.yield %111 : i1
    } -> tensor<2x4x8x8xi1>
    %78 = tensor.empty() : tensor<2x4x8x1xi1>
    %79 = linalg.fill ins(%true : i1) outs(%78 : tensor<2x4x8x1xi1>) -> tensor<2x4x8x1xi1>
    %80 = linalg.generic {indexing_maps = [#map1, #map3], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%77 : tensor<2x4x8x8xi1>) outs(%79 : tensor<2x4x8x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %110 = arith.andi %in, %out : i1
      linalg.yield %110 : i1
    } -> tensor<2x4x8x1xi1>
    %81 = linalg.generic {indexing_maps = [#map3, #map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%80, %cst_2, %75 : tensor<2x4x8x1xi1>, tensor<2x4x8x8xf32>, tensor<2x4x8x8xf32>) outs(%37 : tensor<2x4x8x8xf32>) {
    ^bb0(%in: i1, %in_59: f32, %in_60: f32, %out: f32):
      %110 = arith.select %in, %in_59, %in_60 : f32
      linalg.yield %110 : f32
    } -> tensor<2x4x8x8xf32>
    %collapsed_45 = tensor.collapse_shape %81 [[0, 1], [2], [3]] : tensor<2x4x8x8xf32> into tensor<8x8x8xf32>
    %collapsed_46 = tensor.collapse_shape %56 [[0, 1, 2], [3], [4]] : tensor<2x2x2x8x8xf32> into tensor<8x8x8xf32>
    %82 = linalg.batch_matmul ins(%collapsed_45, %collapsed_46 : tensor<8x8x8xf32>, tensor<8x8x8xf32>) outs(%62 : tensor<8x8x8xf32>) -> tensor<8x8x8xf32>
    %expanded_47 = tensor.expand_shape %82 [[0, 1], [2], [3]] output_shape [2, 4, 8, 8] : tensor<8x8x8xf32> into tensor<2x4x8x8xf32>
    %83 = tensor.empty() : tensor<2x8x4x8xf32>
    %transposed_48 = linalg.transpose ins(%expanded_47 : tensor<2x4x8x8xf32>) outs(%83 : tensor<2x8x4x8xf32>) permutation = [0, 2, 1, 3] 
    %collapsed_49 = tensor.collapse_shape %transposed_48 [[0], [1], [2, 3]] : tensor<2x8x4x8xf32> into tensor<2x8x32xf32>
    %transposed_50 = linalg.transpose ins(%cst_11 : tensor<32x32xf32>) outs(%33 : tensor<32x32xf32>) permutation = [1, 0] 
    %84 = tensor.empty() : tensor<2x32x32xf32>
    %85 = linalg.generic {indexing_maps = [#map16, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%transposed_50 : tensor<32x32xf32>) outs(%84 : tensor<2x32x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<2x32x32xf32>
    %86 = linalg.fill ins(%cst : f32) outs(%23 : tensor<2x8x32xf32>) -> tensor<2x8x32xf32>
    %87 = linalg.batch_matmul ins(%collapsed_49, %85 : tensor<2x8x32xf32>, tensor<2x32x32xf32>) outs(%86 : tensor<2x8x32xf32>) -> tensor<2x8x32xf32>
    %88 = linalg.generic {indexing_maps = [#map8, #map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0, %87 : tensor<2x8x32xf32>, tensor<2x8x32xf32>) outs(%23 : tensor<2x8x32xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.addf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x32xf32>
    %89 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%88 : tensor<2x8x32xf32>) outs(%23 : tensor<2x8x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %110 : f32
    } -> tensor<2x8x32xf32>
    %90 = linalg.generic {indexing_maps = [#map8, #map9], iterator_types = ["parallel", "parallel", "reduction"]} ins(%89 : tensor<2x8x32xf32>) outs(%26 : tensor<2x8x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = arith.addf %in, %out : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x1xf32>
    %91 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%90 : tensor<2x8x1xf32>) outs(%25 : tensor<2x8x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = arith.divf %in, %cst_20 : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x1xf32>
    %92 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%91 : tensor<2x8x1xf32>) outs(%25 : tensor<2x8x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = arith.truncf %cst_18 : f64 to f32
      %111 = arith.addf %in, %110 : f32
      linalg.yield %111 : f32
    } -> tensor<2x8x1xf32>
    %93 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%92 : tensor<2x8x1xf32>) outs(%25 : tensor<2x8x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = math.rsqrt %in : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x1xf32>
    %94 = linalg.generic {indexing_maps = [#map8, #map9, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%88, %93 : tensor<2x8x32xf32>, tensor<2x8x1xf32>) outs(%23 : tensor<2x8x32xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.mulf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x32xf32>
    %95 = linalg.generic {indexing_maps = [#map10, #map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%cst_10, %94 : tensor<32xf32>, tensor<2x8x32xf32>) outs(%23 : tensor<2x8x32xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.mulf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x32xf32>
    %transposed_51 = linalg.transpose ins(%cst_9 : tensor<32x32xf32>) outs(%33 : tensor<32x32xf32>) permutation = [1, 0] 
    %collapsed_52 = tensor.collapse_shape %95 [[0, 1], [2]] : tensor<2x8x32xf32> into tensor<16x32xf32>
    %96 = linalg.matmul ins(%collapsed_52, %transposed_51 : tensor<16x32xf32>, tensor<32x32xf32>) outs(%35 : tensor<16x32xf32>) -> tensor<16x32xf32>
    %expanded_53 = tensor.expand_shape %96 [[0, 1], [2]] output_shape [2, 8, 32] : tensor<16x32xf32> into tensor<2x8x32xf32>
    %97 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_53 : tensor<2x8x32xf32>) outs(%23 : tensor<2x8x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = arith.negf %in : f32
      %111 = math.exp %110 : f32
      %112 = arith.addf %111, %cst_1 : f32
      %113 = arith.divf %cst_1, %112 : f32
      linalg.yield %113 : f32
    } -> tensor<2x8x32xf32>
    %98 = linalg.generic {indexing_maps = [#map8, #map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_53, %97 : tensor<2x8x32xf32>, tensor<2x8x32xf32>) outs(%23 : tensor<2x8x32xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.mulf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x32xf32>
    %transposed_54 = linalg.transpose ins(%cst_8 : tensor<32x32xf32>) outs(%33 : tensor<32x32xf32>) permutation = [1, 0] 
    %99 = linalg.matmul ins(%collapsed_52, %transposed_54 : tensor<16x32xf32>, tensor<32x32xf32>) outs(%35 : tensor<16x32xf32>) -> tensor<16x32xf32>
    %expanded_55 = tensor.expand_shape %99 [[0, 1], [2]] output_shape [2, 8, 32] : tensor<16x32xf32> into tensor<2x8x32xf32>
    %100 = linalg.generic {indexing_maps = [#map8, #map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%98, %expanded_55 : tensor<2x8x32xf32>, tensor<2x8x32xf32>) outs(%23 : tensor<2x8x32xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.mulf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x32xf32>
    %transposed_56 = linalg.transpose ins(%cst_7 : tensor<32x32xf32>) outs(%33 : tensor<32x32xf32>) permutation = [1, 0] 
    %collapsed_57 = tensor.collapse_shape %100 [[0, 1], [2]] : tensor<2x8x32xf32> into tensor<16x32xf32>
    %101 = linalg.matmul ins(%collapsed_57, %transposed_56 : tensor<16x32xf32>, tensor<32x32xf32>) outs(%35 : tensor<16x32xf32>) -> tensor<16x32xf32>
    %expanded_58 = tensor.expand_shape %101 [[0, 1], [2]] output_shape [2, 8, 32] : tensor<16x32xf32> into tensor<2x8x32xf32>
    %102 = linalg.generic {indexing_maps = [#map8, #map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%88, %expanded_58 : tensor<2x8x32xf32>, tensor<2x8x32xf32>) outs(%23 : tensor<2x8x32xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.addf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x32xf32>
    %103 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%102 : tensor<2x8x32xf32>) outs(%23 : tensor<2x8x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %110 : f32
    } -> tensor<2x8x32xf32>
    %104 = linalg.generic {indexing_maps = [#map8, #map9], iterator_types = ["parallel", "parallel", "reduction"]} ins(%103 : tensor<2x8x32xf32>) outs(%26 : tensor<2x8x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = arith.addf %in, %out : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x1xf32>
    %105 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%104 : tensor<2x8x1xf32>) outs(%25 : tensor<2x8x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = arith.divf %in, %cst_20 : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x1xf32>
    %106 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%105 : tensor<2x8x1xf32>) outs(%25 : tensor<2x8x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = arith.truncf %cst_18 : f64 to f32
      %111 = arith.addf %in, %110 : f32
      linalg.yield %111 : f32
    } -> tensor<2x8x1xf32>
    %107 = linalg.generic {indexing_maps = [#map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%106 : tensor<2x8x1xf32>) outs(%25 : tensor<2x8x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %110 = math.rsqrt %in : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x1xf32>
    %108 = linalg.generic {indexing_maps = [#map8, #map9, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%102, %107 : tensor<2x8x32xf32>, tensor<2x8x1xf32>) outs(%23 : tensor<2x8x32xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.mulf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x32xf32>
    %109 = linalg.generic {indexing_maps = [#map10, #map8, #map8], iterator_types = ["parallel", "parallel", "parallel"]} ins(%cst_6, %108 : tensor<32xf32>, tensor<2x8x32xf32>) outs(%23 : tensor<2x8x32xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %110 = arith.mulf %in, %in_59 : f32
      linalg.yield %110 : f32
    } -> tensor<2x8x32xf32>
    return %109 : tensor<2x8x32xf32>
  }
}

{-#
  dialect_resources: {
    builtin: {
      torch_tensor_32_torch.float32_2: "0x040000000000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F",
      torch_tensor_32_32_torch.float32_4: "0x040000000B94C2BC95204E3C556EE0BCFF5C073D25CE2CBB9D46FDBBA2AEFB3C34A882BB87BF873C40F802BD66C0903C7F5B90BC6AFDBEBC35EAF43C276CCABC00EE343CC90C48BC021119BD929F203CD5BDDEBB5BC5CA3CEA646CBA823D2A3D1F468DBA4180103DF9EEA03C02BF0F3DF8BF29BDC6B6413B098A00BC4C3FDA3B894CCE3CC4DE5DBC780053BC2F27053D520FA03BECDDFE3B1930973C8B5522BC685C96BC4A1513BDE2CC873C8DEEADBCBB8F2DBD481088BC4EFA75BC5B9909BB0298133BD2E17E3CB50F23BD34FAAC3C8F7F173CAA99E43CE4B5353CAA1B20BDFC2E50BC5D95543CFE5B08BD4D09043D784581BBDCBCCBBB586F7C3C73D9BB3C7B24B03B8250ADBB502196BB5279CC3B6CDD153DD02477BCF393FA3CF9D1603BA02FB6BC8A57933A73DF14BCBBFD523D215789BCB8F4153C6248B6BA85B9A03CC111653CADDA213D59D2D53A3EDB603C4EC6B7BCD0D3B93C6EC322BBD81337BCAB622CBC981A5A3B20CCB33BB3C1C3BCB901BF3CE3DB043B38B71E3C363D9ABBC2A6FE3C8E3EAFBB5D74633C24871A3DA2DF7D3B6EAD2F3C0CFD5E3CAB19613D421E833C13D16EBCFDE385399EBBCDBC4DFA343D8A989C3BE36C0F3DA2D08F3BC788BDBBA2087DBA5F220239A754E63CB762033D056D71BCCEA3D03CFCBE813C6B9124BCE62EC9BB1DFE01BC6AD7ED3B73DA683C44E5B73B4BF1A93C8F82733CB6DCAFBB7D818E3C18A223BC85785B3B59E5643CAF8A6CBB85A532BCEA4BF1BB9DE3B13C2F4C91BC1BA5E9BC559E55BC83B5F9BB9D3AD3B8D57E053D20756FB99214813C80AE0A3C4A99E1BCFE1EDA3BB403BA3B940F8C3BEF62FDBA87401A3CB0DC753CCE561D3C6B919FBCDB5619BD403500BDA123CFBB958F3D3C0A852FBD7C759F3C865709BD7185093C39F88B3B7757463DAB4AAABC58AD233B6DF3893CAF43C4BAE82C98BA816FB1BB2FB5BEBC0BF903BBFA9F0B3D67B203BD902994BCBB950DBD204F06BC2A538A3C3578D6BB77C1B1BB005E243B8963943B9BE7CABC08B28D3CCD833A3CDDADCE3C991A623C4EA397BB9D9B3D3D705AD9BA41A125BDE48621BC0F6CE03A4A92503CD863413C92F28C3CE9D1203CCEBD4BBC1D11E5BAB78939BCE6A30FBC42A5E73BC9DCA33C0BDFD3BBEBDBC8BB2E6D31BC2CE4DA3B09F13FBD1572B7BBA2D479BAF0E326BC133A013D48A8A33CE29198BBF375DD3C6CA5653CBBDEE9BCBB5E8E3C8A51D33C7329EABC67531DBDDE3CDFBB0EB961BCB768903CB53A3F3DE9486C3B21A054BC06C19FBC8DDC163D327A103DD83AC13C37442C3D372C573C4680B4BA9888F83CEB3DE3BCD2DD783CA500C13B1EE0F8BC9C2C103C585ED13C2D661F3DBB5A08BBFDC059BB3B9DCC3C7DA31FBDA1C6DABA9D65AFBCE9AE693CBBEA3E3C62161E3DEA07603CF0A302B9B204DABABC2C833BA99495BAFC2C76BCBD7F4EBCB41B533C17D434BC9850BD3CE74D793AC0A70F3A90E920BB3328E93CE5DD4E3DC189B03C33D923BDA8D11ABCC7F017BD2401D7BBD9BE2C3D06305BBB3C90BFBCE4BF52BCEDC7083D26ED5A3B518B173B4D6C0FBCA0B830BC55D71A3C87329CBBF0FD573C01E828BCDC5CE8BCB8E5B33CB96BCEBBB734FD3C282E983C2F2634BAADD4B33BF556BC3CA9D41BBDB2AADF3C7823EBBCF9E1163C2BF200BC7C0315BDC46FB23CAD0C0E3CAE86BB3C3C40103C2C307FBCE1F237BC14C8003C9C7AC43BA58500BC99154C3CA3CB803C49443D3B508C003D77A8A63C273A0FBCEC8D753919A1123D732E02BBEDBCA3BC25D8973C9C9B583C65DF1ABD6A0CCEBB1994A23C077AC93B7B28FB3CAA7607BDCC86F0BBC9E6983C02416B3DFDDF99BCFF76063D943668BCF48A1E3DABC6C33A2158933CD073253B822D17BDECDD08BD98F183BC834A92BC676022BC343F7BBCA986033DD4FD123D4C0DFF3BA118DF3CA13301BD366A1D3CEC6167BCA0971ABC3DCC943CBD02E7BC4FB5303DC1251C3C936F58BC551A6B3C5D871ABD7F5B8BBCC9ED0DBD6C2BCD3B8340FFBB5660A23CF24B483B97562FBC4FE58BBCD6E014BDE7C6F5BC4F877D3B7BE3313D075D953C850CACBC45A4BC3CF5F01FBC484F143D3D02AABC4F8893BB92F4FFBBB97D253BDD2620BC00478C3BFFC602BC84602BBC17E762BCE022FBBC9023E1BC4AE3113CFAAD953C38B1B6BBEDD9A43CE2B1E5BC2EF2243D6E8621BC30FB61BC4218983C7B7180BC2D58C73C7E3F0EBDC88E873CF0F2BE3C09B8283C3DFFE038FBA9D33C90C31FBB36FB003C0CED073D6E76343CE3B18C3BB271473B077515BCE6728ABC72AB503B09A1E0BA6BEF063CB4D6943CBEC4A4BC4A63253C163E0BBDAFE742BCBBBA03BC4A2BFCBAB43903BD0F6E32BB00EDA53CB2A035BCB5B94C3DF7DD0EBCE98FCCBA1EDAD73CE9E23F3CA6455EBCE6EE04BC580ECF3C940C1CBDC61329BC847946BC3F0E143B09EA663D8DD91CBD7ED0A3BB618AF03BF02014BC37ABBE3B0F90E1BC4D1484BB282900BD256CFDBBBAE112BD97718B3C7407EEBC52CC423B2996073CE47A2B3CEEDFB7BCC9B976BBB777E03B7B544BBDC6F947BD3E95BEBC2EEDB03C41A0C4BA261CE93C9CCF1B3BAEDB53BCFAC7853CA7E4603C147A25BC06BD843CA87F0DBDF6E92DBC33747C3C0FF983BC5575D43CAB05BABCFC2DD1BCE2DE523DC1E4A53C249F95BBDE629D3C5EE662BC2FD8193CC6304B3C07AC9DBCA94AD13B37D4103C7B2D8A3C6761B93C32AA17BC4ED0223CE2FC7CBAEB8C8ABB7C80083D0CAA22BC62DE7BBBD7DEF2BCD40406BDC978513D00A8AA3CA9399F3C880F8D3B748CA93C5E77A93C6A2DAE3C29E694BC00E7DF3BE65D4BBBC70CD4BB5F330D3D449401BC1C28CD3B6CBF963CF9A2C83C27579DBC34AB5CBC2E6CB2BC591D9CBC7B4A5D3B50C19839EB50963C4716D33C2F7F783CE0E357BDDB00543C626D8D3CF707BC3CD90A22BC8C5902BBB7B520BC94F5943B6CD2723CB4039D3C44279EBC4405E839090F9CBDF24FD3BCCB73343C546BD53C4976963C5E37B1BB7EAEEB3A3543D0BBAC5B773CD0DE0E3D2BA82C3BF25FD43CFC1F54BB6787DBBC2A3AFFBC8BE90BBDC994CBBBEFA992BB2AE6D0BC81C08FBB6768A33C3B5734BD9ECE3E3D549CA8BCE1A7B5BA2E45413C566125BC052160BB2929383C2533F9BCBB6921BD77C2E03A90A084BCCAB535BC13FAAEBCA59A44BCC4A645BBAF5727BD7EDB5EBD8DD30ABCD7E833BC85CCA5BC5DAD1C3C2AC8543CD9BBC8BC31651DBD858DBE3C98D13DBB73AFEE3C24915EBA6B5EE2BCE97BF63C6E58CF3A3D10923C5A4C99BBC9AA18BC751B86BB9B681B3C37CF263C57E73B3D37E8403C57EBDA3C3F6E033D8B1D033D058161BCA4F32D3D8C82523A53F9A5BBB5E18DBB6616BFBBCB4EEFBC590F153D29382D3C03B783BC81CB35BC536CB1B9A2B0D03C56310BBDC0D48DBC858B65BC2154A73C58B1163B47BD4DBBAB0C473D6D84BCBCE2E568BC8A0E2BBD5D330D3D0B30C43CC6BF81BC77CAA33AB8B8D83BD4B17C3C9206623C44B99ABBCEA2193C07A04DBC8740873BD39C413CB88D533B3B64803CEB18823CDD931E3C0FD3743900CC783C6E28F03BCD6200BDF795F03A37E549BB95EDD7BC8C3BF4BB1B4C8ABC7DBE583CA6D8FEBBCE93E03B409E883C802301BD95993C3D9359DF3C77C867BC81DB303BF59D673C25F71E3CC966A53C7C07343D408ABEBAB52DC5BC886A11BCB2EC323DB03204BD6926183BDE4430BCE6A276BC0A672BBDEE95A7BC2750DEBCD9F8123C2BDC6F3C1B52BEBCEB7DD3BC1B7C75BC85447BBCEE30F0BC6514953C78C36BBC059429BCEA49363CBC3805BC19F215BD6C11DFBBE578BC3C294307BC1C484F3A972884BB2068ABBC74739CBB398A15BA8FEFD73C60178038DB8E013DA4A8B13CA116A2BCCAD3E6397B29053C52B53A3C182A2F3D0DB9223C527D23BCF41F92BC4F5FE23B35C6F1BC074FC1BCB454C9BB005269BCD413A03CBB8A7CBC755BDD3C3C774ABB4744003C34688FBCCEE60D3CDE4EC8BC200F15BD89B038BCABDA6F3BEF0C52BC47E633BB2B661CBCD8B52D3BDDE6953C8072A93CCAA55F3C410AB9BB177E043D8F1591BA925D883CD53337BDF2F5093C377A5EBD3D32213B0B44043CA1CEC5BC7C7E2A3D04C28A3C0999E0BC756C54BD58B5553C6E50B6BB129DF0BC578E2ABD73D60C3C3BDCF83A8AE5FEBC183735BD87A03D3CD32A803BAEDD9BBCF8B15FBCC49E16BC06B974BCC6CD2DBC2F841CBD86639B3B7818613C4DE6B0BC1B601CBCA0F0763B7CF23BBB5637803B670C16BC076E52B8D521BA3C9B64053CC065083CC4F8A53C017395BCE2FE093A99D4E3BC24D908BC30B8EE3981F1223C8B5C4A3C19C227BDC67A953C625BA23CA4B55C3D320E17BA5070B23CC5D6ACBB7DF73B3A7BE7CF3BF4CC12BC9BE3CD3C1E42AA3CBDA0973CD307413D3C90B13C2B0C11BC2B1AEF3A82A0C53CCEEE24BD90BC263B59BA9D3CE464033DCE8C233C4FDA15BB050738BC1796333C66D9AE3C142882BC0FF9DCBC7061D73C863EA03C15D944BC8A8D82BA8FDC44B91D3FAABB10BDBDBCB0F01EBCD99E90BC9BD729BBC2776DBCC15B563C0405B5BBA5BCBABC1B0AA4BC8B58053CC11EC4BB19F09D3CAF37F53BF3781BBD3650843BF660833C8F64B83BD1700CBBD38567BBF551213DD9920BBCB13A05BDE998ED3B036D9FB923B61BBD589EA43B821CDDBB1204063D3439C2BC8B6EABBC65FF5DBCA44D5B3D670CB93C0BC9B4BC6F6EB13C4A184F3CBF0E00BC048830BB5BEDD7BCBBDC893CF0D94B3B58DBB63CA047E03CD7AD733A83E9003B5DC0463CE012273C02341F3D514A1DBC322A1CBC135D13BC870FBEBB6F59233CA06D143B61B33F3CBE577B3C5D8FE9BCF2A46B3CBA50153D9F8F9D3C575203BC2ADBADBC098C703B0D43B5BCAC6E04BDED3F9C3A26E9A53BC7799BBB05AE2FBCCE99763CA3CE96BC69CBE63B87FDC13C0940D03B9B7D023BC79105BCC26FA0BC4C001FBCF0EA98BC41EDF9BC40F687BCA04116BCE1D85E3CFD96EA3C049D823C9073983C7E89213CE0F5083C608EE43CBB98493C3B4028BD0D3E2A3DE65C3BBDD76C17BDDCA35A3C7ED90C3C272DD6BC19D38E3950E3D4BCDC5DEFBA2B63C3BC921B23BC42B9EB3CA60C8E3B0AC1A93B36192F3C1B091B3C5031B03C9CDEE63B891D053C482C803C5ABF09BC69B4D0BC823FE93CE0082BBCD87B5DBC2646C3BC4BD7353CD2C1B4BC69FCD0B99836643BD40FD33CADE92C3B27E082BCB63EACBB8C6D893CC058AABCA6329D3CDBBADD3A25850A3D6E3050BDB714E3BC37ABF33BC6D7193CDB63EB3BAF9638BDEF5E32BD03409F3CA56C7D3A60EFEA3C7BE826BD5B8B0D3C1B63DBBC0C9CD13C0F0FAA3CDBE14C3C41335E3C2E8D153BAE65573BB3CE25BCC235D93B44A3C0BC6EEC0BBC29D15FBDE1BDDDBAEE24403C1C74EEBB3B86A2BC0F9361BC8C7A02BD7302593B7F46093C945A9ABC78FFEDBA4EF32C3DE3C517BBC9448B3CBD43C3BB6D5AC13C827EAF3C30E4ACBB60A630BC127F9E3AC9970DBCF8C6CBBA7090383C41A1E03CCDC7083DC02FA0BC1D8B18BCB6F305BD669FEEBB6061A1BA267747BCD913ACBC6EAD2B3C91D284BC4F58E23CE50218BDFB892BBD368D2B3CAAA4B23C86D3E1BC0CBA823BAA02463D84613E3C01C6FDBC83BC74BC2F906CBC0DD3AE3B92A1FDBC1CBFABBC73F1A5BC8E4A773A460F23BC93A368BB51D0173C1CF68ABCC246D33CCF02D93CEB95E93A61D6973A7363A6BCBB0F903C60713A3CEB3AB73A",
      torch_tensor_32_32_torch.float32_3: "0x040000008120563C22BACC3B1E8151BC429A1FBC477F14BBDBD567BB67DABEBC9EBE32BB7E0670BC6ED943BC209CA3BC279EF33C49B109BB93CEF3BC4ED13F3C4297483CEFF4263C3380AFBBD0CAF4BA376869BC0F67FE3AEE317C3C62B5653C52C9183C58DDB03C159BC6BB4BF01FBDB9B6AA3C3D0B84BC165CA3BCF8AE943BF9E5993CB8C6A63CD707E0BBA1AABE3C80AB2C3D4158583CB5D3E13BE2C5C93C46D35E3C1731713CBBBD52BCCE43F33CD8E5AB3C5FB39EBBA998CABCAF0D753A74572FBDA9FF6EB930B6D23C4129D3BC4FE5413C6006593BBA769DBC42F3B8BC783E373C32A834BC86C8183DF835B9BBC568633C8A46CC3CA968EDBBE490D6BBEA705B3B8B56E7BC1B5A923CEFE0463CA4EEB7BC93835F3C7C477ABBA6248F3CEBF68A3C907D55BB2A49BF3CE76D26BC3332473C4238AF3B8CBDD3BBEADF363C59C909BDABBB8A3C5B00E33C04474FBBA988A8BBDBCE573BBDFF61BC94BB18BCFE08D0BB4054AD3C461E023C5319CF3B74D3E3BCFE3CB2BC42F16BBCCB00DE3C38BD4DBAE124ECBBFD57763CA27AB5392BFA8A3C704E49BCED7EB83CFBF2F0BC3C275FBB430AF6BCDBB4BB3BCB7E903B220E333CBDAF3E3CFB64F43C8B55833B227FD33CB3ED8A3C2DE401BCE2D34FBC5EA615BD0C00E8BCEA44443B4F7CDF3B7DE8E4BB352BC2BC806FFEB95B42F63BDC59503C058AE03C27BDCEBC93AC6A3CEA2FB83AE68478BBF76C8D3CE4D1183C46AEE13CFB51FD3B965999BC9BC844BC2F4763BAD643183D541821BC094C06BDB46EADBBAD70C3BAE0638EBCB97B983CC03B4CBC3D40633CD0662A3DF2FC723BD91234BD971EC7BC92E840BCCA87703CF8068FBC50BE993BA634F6BB254B463D34E4C53ABC7EED3C6E284CBC6439083CAF4FEEBAAE9DEB3C4C37953B7C4D65BC58F8C23CC1C32CBD601A7BBBA7517BBCF0AF2E3CDF460C3D02778C3C6D32BCBC6A89A8BC427E10BC409988BA3BDFAC3B3FBB963A85D4643DD31EC9BC7408A7BB29C04FBC6FB50C3D611A95BCD487853C355B403D597E17BD327A9A3CC449BEBB7C8AC9BC4F348F3C5A4500BD55AC3B3DB0E790BBDD92523BAF32D23C94D66FBC87C04A3DF8CF79B872A6DBBB78E8DA3B8C20113D24AE1C3D8ABA29BD5E4A30BD3E3F27BBEE00333B967E8FBB8234873B4598C33CD461BB3A88450F3DDE98963C44119FBC0BF8013DE1F8C4BC8485BABCB0CC673CC743A0BBA9D2CDBB640D943B85A77F3C50BAED3CBD7EC53C6F0196BCE9302C3BC6E02CBC65EFF7BB215F5D3CE45D10BC6F3ED8BCBEF41BBC595FDEBB97F0E8BC74CF933BB4EAF2BC925E283DEFCB6CBC2053B43CCD702A3A4E047FBC8ACBEFBCFCAB21BB02E200BB14DC3D3C602BF2BAD57F93BBD06003BCB46177BA60D9E0BC6CF71DBD6F11B83CF8216BBCC20226BD786ABBBC3EB6AEBA99F544BCC970C33C2293F0BB95479CBC74A18ABCF0FD633C8B52B33CDE7926BC5D5F1ABC8463143D8F84153B0DDE273B5785AD3C0F36C1BBCBE0B43C2DF649BD8E3CF2BC198016BCB4BD0E3B8C5982BC30D36DBDAE7B343CD456BC3C79545FBB7BED21BD5602093DD76BAF3C77B46C3B5CF1E73A897C1A3B1EFBC1BB7D5D4FBC79E08137F4DF90BC3D49AF3CE392FBBCCE8FB33C097A79BC100CB13BA0F193BC8435B63C1087A0BC77C0D13C216919BCCDE9B6BC1F4416BC79E5ED3BC185C8BC52273CBAFD34DE3C51D1103CC777D13CDBA2D73B37471FBC096852BC6FF4F03CED4846BDDB99D13BA3FE99BC30F2C9BC851016BDF721EBBC19F3C2BCA7C2E4BC00F6A5BCD41404BBACB0723C309A33BC0A93413CEF3FBD3C37F327BD703517BDE25CC3BCA0D5983BC90D743C1D7804BDB6FD26BDDE3EFE3B86D4133B38F6EAB7A01B9B3C2FE288BC5E25383D20BB873CB539D93C58C3943CE080B03C5BAAE6BC97EE353DBE49B63CD4661E3CBBA5CF3B16FD85BCDD6C143D2239B2BBDD7A9FBCCA0B1A3D6338E8BAAA9803BD7233D4BBB2FE6BBC8F3735BCB493D03BA54B78BBB3606EBC4615BD3B9439D53C004990BCA3A76EBCE03610BC8FA0593C2C79E43C8D838DBCB72E2CBC5D07253CA9B677BBBAD586BCD4F6513C5738B9B90C2B03BD458CE7BC04C210BBFC8FCABCE487183C614FCFBC72CE7B3AE7DCAA3B1C9BBA3CC655B1BC5328A9BC65DED73CE046273CA42638BC0EAD323BC6EB51BCA72FAFBCAFE61FBD9DB519BB20C2633A068438BC2EB126BD34D910BD22B0BCBB80F53A3CD7B2083D278591BCD0F7183C100046BCCBAB783B622A05BCF79E35BBE2C3DCBA6B9EE13C498F0D3C76E989BC2F7227BC42D2B8BC9578E3BC2FAD18B91E2BC7BC17D98A3CD8D028BC06698ABC0E05C23CF2C8033BB7463CBC6001963AA61B103B06BD11BB24F627BC84F84D3C7463403A3075863C4397F33AB8E2593CBFF2063D77E09BBC3EFB3DBDAFE0BABCA30F6A3B5AA7983A657AA93C10AA3BBB5C60ECBB69CFA73CA0A9C3BC6756C73B94A017BCD4C40E3C3EB21A3CF40E813BBE32DCBC938B3C3C8B363DBCEFB1DEBC7CC2E3BC281687BC85C051BCAAADC9BC2468483C2614B7BC078300BDE5A401BD7527C4BCF751E2BC7DA84CBCD3704E3CE6E09F3C59C007BD6AC153BC2364103D0EEF9A3C5456E0BBF7E5BA392E290FBC8BB933BDE7EAC5BB590E38BCA9F775BC81FBF3BC06EFB73B1073AFBC0B08D139784D273C2A1DCABC3BCF4A3B02DE5DB9C61FECBCBCA492BCD072CBBC21A5293DF79A5FBCA9F2E83C9297CCBCB96C89BCD6E018BBA00E07BB022FCFBC3014CC3C674CE1BB06B69B3AC9BD1D3C1FE501BD4E334B3C0DFC10BC2E8A333D59CAAA3B72A8A0BCD75EB7BC57D7AABA501A7EBC368812BC06A79EBC121713BB80E1F2BCD268593C977F3B3C2AB580BC97CBC5BCB27BE43CED5EA73B0DC1C13C61F0F23BD339B1BBA9CB90BC2231993C2E3AF73A2F44DF3B6F530DBB0BFD5B3C954DCABCCF4236BA636BA23CD4C8C43CEA6A3FBDBC272D3DC4E7463CB2C28ABCC42833BCF823E6BA07A2B1BC174B48BD0597F03BD02D20BB373ECE395811503CD32EABBBCCCD703C32FE0ABB39B67C3A579313BDC54076BC5B9E843C797B04BD940D6DBC270E8A3C408123BD82CAD93B818D71BC94D8793CAAB658BCDD885F3C341F213C995708BDE773ADBC845642BC77AD8A3C79FCE8BB93E2813A364A0DBD20DD0C3D2965DA3B4A85193B419F16BC5E6362BB46FDAF3A8B69D83C6036E8BC9899B6BC90C474BCA2CC433DFBA515BC4635BCBC5994CCBB09A9933C17683EBD9D51B9BA5E434BBCF809FDB972A62B3CA1C6A7BCD0BD973CFBDF933C7230D93CDD589C3C1F8123BDC4A600BC79C5623C0584D33CBD8FF83C305F173D3D4F48BC539706BC2FABA0BCD4BBA83C8D95023D82FEBB3CB57D9BBCA08773BB02FB493BB24992BBA6EB43BCD7E3B13C2F62A03B4726153DACC1163D6C2C8EBC4A55F03BB11DA3BCE5A448BCDD62873CDC8956BC191F05B986BBB9BC60107ABC3EB6D8B9D2C8623C81C1A73AA273CB3CEB6346BDC363FBBCD4D0EF3CE5CA18BC9528843CB5AB9ABBE92D013BF5B9D33AC94C7B3C4987463B44222E3CE6E31DBD5557323DD6319039727C99BC3B5114BC928C1CBD4BDE86BC99AFAD3C8236953CA05E16BB97C0073B3EB028BD6A43DBBBABC3B23B646486BCAD50B5BBEFD25F3C07DA433AEB858F3C2B35F43AE4CE063D14DB12BB472800BD724C853C89BCBABBBD12633CBB8299BC84DDCA3C13B3B7BB1EEE56BCDB24503C275C473C51159DBB8D8C963BD8BB353C9414633C14EC813C73FAEAB98D331EBCE5673FBCE1257ABC9D534A3C85FD663C5D47A1BC60F1A6BC2F7EE8BBDB73453CF0407C3BE64FA7BC57860C3CB3FCA3BC611D9BBCEE20FBBBAEA5ACBA9B841DBC5324ECBC0E307F3CA42346BCC2B2EABC337AFCBCE90FFD3C153C87BC041C97BCAF1715BCD4C211BD9412843C7BA55BBC89B48EBC10E79B3B407E8ABCD717E5BBC271033C89099D3C974395BC6CF71A3C456C03BDCEA717BDE0E66ABCAEEA16BC1605043DE4A7D3BBA0ADB1BC27B4E33AE551043BA75359BB4616D9BC194B20BC2713C33BB95A383C2D1911BCA693B9BCF9C809BDAAE3413BE045243D7C7DCC3C0E072BBDF8B9983C28289A3C203A2CBB4BD0523C393ED43B0937503C2A09423B0C61DE3CBD26083D06C8943C1D8109BDD2D484BC5DB9553BDE5419BB2F83003C00C53BBDD88483B866ED093A9CCE62BCAEE161BC7D2EB73CC534553C0B2FBDBB4CA3D43CB3FF61BD6B9394BCC414A3BC9942E33C708B833BC501A73B1AB50EBC7E413EBC0ABEA83B35A8C43CC06DCABBC49D55397B4E40BC6C81653C99BC7D3C83AA083CC232D93C87E5C2BAF7C36F3C046B1ABCECEFCC3C99DECABB9EE8143C06FAC63AD2603BBC310A85BC0608A43CFE28173C1ECDB8BC7FCA11BC3DE557BC7D948ABC423FB33C3E8FDF3C084E91BCAA60CBBBB03B9B3CC774BA3B95BA43BD17ED4D3C89DBB93A5258F6BCBE0B6C3C78BB9D3B81CDB7BB02FB23BDC1A8173A94ADEFBC21A1BFBCC4A1D13B34433CBCCA6BAA3B9FB002BD971D9CBB94DBEE3CCBF8AFBBA25F9B3B22B1C43CD79C18BC69B2F2BCD4B713BC7C3E0B3DD42530BDE7A0443C3566453CD3C3B9BC99D097BC5573F9BC46DC4B3B70D830BCDDEEC4387E8C0B3C2B5DE8BC7D8FE0BB9512C13C0D4A8C3BF44987BB4CBED23C64B9323CD0428EBCCF32823CCE788FBCBEEDA53C2EEDF73B694EF43BAB23B6BC36D619BC2124C53BD34639BC7BB9D6BC6FB0353B0D11013D8B9DB6BB982B533C4670113DE6F608BA4F8B15B9545B24BD3231A1BCB7F9BC3B9C94E53CD80B33BAA5942A3DB3E455BBC5126E3CC5C51E3C33DF3F3DDCDEF23A0BE7143CA4561EBBF65713BD57B89839C197283DB7551E3CEA4354BB4259C7BBE9FA4BBD868C8BBC25266BBB977CA83CF240623C5CAB78BBAC829BBCA2C9803BBA7113BCCB40AABCD000463C20ED13BD168D0ABCB488C03C26A70ABD4104DA3B0A1ECA3C37C69238FCA2223CEAA2403DC619CB3C6B31D5BB619D66BC9A15223C1E7BD03C675F873CFDCCAA391036A7BCA69DA5BC66A0A8BB11289BBC048ED7B99C8599BC65A1AEBB95E901BB0513253C77884DBCCA0B97BA537A9CBC8DE5A3BCD0ED143CEF88C53B854A73BCF552C73B57D9B6BC0B1857BAB9A0CE3C9EF53EBDA55B6FBB895B313C24678C3C93D8BFBBF7A1823CB9088ABCE89E063D3C0DF23C4516E3BC46276BBC389E9C3CCA8D45BC4231F4BB26D92A3C193CDABA4B1F5EBC42A29DBBA7970F3DC2C245BC1873B83C8D2B8E3CEB3E423CEC7B60BDE7211A3C94BE8B3C9EA39E3C3E3E83BCC2AEEC3B4B67FFBB47C2B2B98DD90EBCF9F375BC6D1B9F3AF084403DE0441A3C94B1E9BC35A3F73A7D19063D6109A93B0CD45CBD40E93DBCDE3B87BC8235A4BB60E4DDBC9D38C3BC266C833C494AC7BBEDD9033DD6619C3C934ECCBCFDF0C0BC2CF0673C744AEF3C4A2996BB9F338CBCB3EF413B6C556E3BF888673C2B99473C8678AFBC1219BC3AD49E92B93D7914BC0F81123DF29834BD79948C3B9ED4B2BB0C6D17BD661A25BD2AF7183D005830BD91DFA13CCFB024BB3BC5C23C02CE4A3C27BEFC3BC109923CAEC5E93C93E7973B38E0D63AB48A2F3C5E5C3CBC987AB33C0078C53C585D4CBC5F24803DF95D3D3B242E04BBF0FDB53C67678A3B96549D3BA72DAB3CF2212EBDFC99523CE349EDBBC412DE3BAE61F3BBD714803B135D4BBC748EA3BCC60D95BC87E05BBB302C043CE198FBBCD051333C5D62F93C",
      torch_tensor_32_32_torch.float32_2: "0x04000000EB9C1E3C8A6F5FBCA900C4BC29AAB43C01B2C0BCA53DC3BC95E7ECBCB9A2ABBC720B75BCA336F5BC7D20E4BC8BE0903AB8B3883C70ED043D0A53C9BC29D3D83CDEEE44BB1D1D81BC7996823CDFF1933BB98561BC07F522BC5C0908BC951232BA5DCEA9BBA5A62BBD396B66BB96EA2C3967B7183CA6D6CF3C47EA813CCFB841B824FDD6BC2F83A5BCF397233DB734313C5DA223BC214BD53BFD4607BDE4FC4F3B581D383DF4DD053C4B10B93C0E4CC13CC5FB323CEB92ABBC018ED4BB3B6811BD92849EBB75EC13BC8C730F3CC409353BF0A832BDDC14B0BC4835003CB4B61F3BE27EDD3B69D7D13C475D033B6F6B97BC553234BBED5A383C01ABDEBBA284D5392D3109BC0B701E3D386AF0BA5EC4E3BC6EE73A3ACEC57FBB2033B6BCD6AA2EBAE48BE63C754440BCD2B1DF3C7F0EA33CC978903C01C33EBB4BC2413D9BBDCFBAF4354FBD644A583BE60D0D3D8E8477BC020E973ACEB8A13B54868EBB007B013DCA73FC3C7105203C4C90723C127A46BCA6630A390BA700BD3BD137BC7A73853C9FA105BD143F13BCE2491F3C4FCB8BBC59C419BD07F5463977805CBCF55F423C675A143C0F1342BB455ABF3C4CF6FEBB695FB0BBA157033C2FA54BBC3D2F56BCAF1A88BB19FEF03C11D2123CB40F2F3C27225C3C5B2A103CB3F255BB247BD1BCA0D1083D72822C3A21305D3C3B930D3BD6FE07BDC483CABCB914CA3CD7ABB13C2EAF85BC367A88BC49BCCABBCC1B653C7454863CD9B07FBA597DDB3CB3D288BC6B5A3FBC4F64023B0D8022BCEAB0D2BC89F6D63BAE314A3C12DDD7BA32C319BBBC7D97BCAFA1D2BC593C3B3D7D15BC3C660D10BC6CABCE3BB4EC38BB5AB2923A93211CBC776A0A3D33B3263C0B539EBC04B666BBEC6C5F3D7200B6BB5B71A8BA81B7A93C02DD213D0A37753C2CDFD8BC9BA40FBB899D0F3C3488A3BC92DF67BB5517DB3B4077033CA80D083D2990D1BA93F46C3CC3B09D3BCD04453C3EE1993CC0498CBCA65680BC21A5E83CF9BC423B2FE4433D67B4C1BC33E964BCAD7C48BC6B011ABC5DD9043DEE32ACBCFDBF18BD1EE8643D1CAAEDBB1ECD8BBB9EC293BC64153B3C18AAE3BC777A84BCB96D8DBC379D193B1B6FBFBC4173A4BB3D2C1ABCABBC803B582B63BD6B95F3BB374CCEBCBC12773CCF4497BCA1CB8B3C402738BC19C1FE3C5318DA3AE1A98B3CC7CBF63B64A88A3B2B8D7E3CD2612CBC932546B9FBB92BBD3DED03BCF5FED03C8887233C41E7EBBC6F254C3C35B8F0BC87A22A3CAA0D47BB6F2493BC19BB68BCC2A10F3CAA5FB53CFC40A83CE0BCABBB2F02AFBC608EBDBB396BBC3C012C0B3C8E440BBC7296983CE476CDBC4F1730BD22C865BDECD9EEBCBD86F73BA694BD3CEF32B33C992C0E3C900147BBD89510BD4536A93CFD1E43BA1429743B745CA9BC0FB6B03B7049B5BCD2E07DBC2EEF95BC02BD073B3D8529BB2745973A6B5629BCFE51463C3E2A953C6F7B8AB9A48400BD75094C3D0818803C3782B7BC316007BB3C125EBC496FFD3B2265963C8E27BB3CED1ACCBB57D422BD52AE583CA8EE9BBB17383F3B1554BABCACD7DEBC384F473B2AD4E93C2793773CEEA560BC6D1E473C8728743CC15943BC21BC91BB5BC571BCF7E20BBBB5053C3CCB9AD4BCD51CC13C327E18BDC543A0BC8E85A4BC9C7DA5BCB02C633C780D4A3CFC83373D2255B8BC52B6D7BCD6EDB0BC1D7FCEBB483B85BC7C70A03C85773EBC77518FBC81F36B3C64AB2E3CC7C2183B92A6C63AD2038A3CA0F59DBCDB67893C81F91C3CF8522D3CC458E5BB778DB13CB02FBDBCAA26DA3B2ECE363B87E21438E91459BB6E1CC53C269F2A3CA66CF2BC0C85EEBC5B55983C97E4B93CB333B43C7772EABBD0E58B3BD77606B9426AAD3B92E8B5BC2F9A1EBC85925E3C496C67BC5025943CEBFB733A544BDD3CD2CF1DBC7580763B4E830BBC69FDDD3A5EF290BB35DFA0BCF3B114B95530B73BC51DA3BC9BBD593B7AE28EBCF2A02DBC2967893B30432D3C21E7923A2AEDB3BCD311BF3C7759033CDEF6B13C14EB19BCB0E0A4BAE645393B5546D23BD47E293A8DC79E3C26F9E7BB53CCB93BBE02773C56CF873C24EF2ABC016C7B3CD8CA0FBD0B902BBB0BC33CBB343D903B5D76833BC761DE39D084ABBCB9DC39BB02D6953C7C9BE93B27EA6BBC5B717ABC8982AF3AACF17E3C77A9303CB7A7913C7998A93B8DF7BEBC28391F3C8C9DF4BB09FFE9BBA479BFB935FD333DCE36DABCCDDACA3A29B5A73B125945BBB94ED03BDD605C3C6C3784BC57DFEDBB3734B03C39CD273C8237453CAE27CABA574424BDFAC112BC55818CBA3ACA053C8720A4BC5B3D5F3BDB47823BF3133FBD643CC6BB3C54403C5E0F233CC809003DCB173C3CA38E05BD5A1E063D8BBF0DB88AE1BC3B1C62D8BC2B7003BDAE2E2B3A3B07343B97F7543CC46A5A3C6687AD3CCBCE9BBBAE178CBC07290CBDD53EDB3C9246923C430F893CBE159B3CF4D31E3CCCF363BC3B9E393DEBFD2CBCD9B8EEBB81A16A3D1D0AD93C4092B2BC3F73233DD2531EBC66EAF7BBB6ED8CBC959C403B6FEE4FBC26E2D23B8B0D31BC80F343BCA134A7BC816FB4BCF8B7A8BCADE030BCC18D6CBB813E50BC07069F3BCF3903BD8AE884BC3FAC1CBAD9CB093C04AD1FBDC1D288BC7D09F13BF8E667BB7FE913BCE6CF77BB5CF7CCBC28E71F3DFC1F2A3DB4F2223D076D92BC8EDF913CF39A303D2A217EBCFFD58F3B554CA13C23E1783A9784593BEF1AC93CA3AE99BA292B623BF3C6363C87AC663C12FF803C816B293C7FFB813CC510B93CB86B043DC9FD99BBB7E23B3BE4C4CDBC297C19BBC8F3993CE79C863CF896CABCE61F6F3A05233FBC99179F3A2BC6903C3BF9E6BBA06752BB616BF0BBFB06E03CC598113C0E0920BC2F240DBBFB93C4BB3B3ED1BCE04521BB33589F3BAA5B233C4CEF84BB34D3C2BB07E1EDBB27EA8F3BAE3CEB3CDE57BDBC74A0E5BB65560FBCA62313BD9792A8BB7337013CB4A5423C344A1ABC0EF56A3CF8FC3ABD70CD51BCF63584BC701CAEBCB95B9E3A59FA14BCB9713FBCFAB3933C3BC70F3CD49D463C3E395DBC92D4133CF204833C86A64F3CB8528D3C0699003D350962BCDD9FD73B3211883C5D856CBC42E7B1BCDF0C113C8952123C2413673B0BD6C33C79B48CBCE0D41EBDEBFBA7BC3EFADABCFE15723C97C7E43BD7A3543C8DE42C3B39F195BB9C266D3B3245D1BC975C9F3C0FEA4C3C18A78DBCFB3FB53CFC6ADD3BB224833BD93F1BBC790E67BCE408133C6F1D86BC05C45F3CFB8735BCC294A53C9424BF3C1D0106BDB7A6F8BC30620DBB4143ED3C3435A9BA2215263D9D1AB9BC926482BC7BDFF43C5E2E0CB9EBD3733A872B34BCEE17063B45F8D8BC3CE1C8BB398D3A3C32801CBC8047C4BC37B22D3CB9F70BBCC18600BD6643ED3C22C01BBBF8504A3CE5426D3B37995ABCDEE05ABC2526E1BCA6E79E3CC3E1083DEF22FEBA8A93BA3C7DBC08BD6F85E4BBCCEC71BCDD148ABAD3FCA8BCE4829E3BEE552CBD64782F3C3DEF3A3D3D3E373C329ED33CDB29C13C0D2A0EBCEA17C73B1D9DA43CC720B13B3C13573C6982F93B21D5B13B520B03BC49B7C33A5BEE79BB404DC33A3DB831BD7B1663BC1DC915BC777D933C73C649BB9B6026BCA76BEFBBB82AA0BCB79955BBE6CAE53B19C59ABC82658CBC86AC613C4FC3083DEF4D203BBE0616BD6DD3B4BC7D62013A8FFD7C3B5E148ABC4E881CBC474A043DACDC733C26CA7D3C1B3D193C7C42E13BC627543CEF43EA3B075E9F3B85BB06BC168F103DB900C8BC084BA2BCC5294CBCC9F92ABC4AFEE93C81719FBC3BDAFDBA17BE2BBC75315ABCCF69B8BCF8849CBC2D2DCBBB1A248539E6C97A3CEE99F2B9779E24BC6EEA833C6CF91FBD6EF6D5BB46FADB3BDED1D9BB1D03963C9DF326BC54F73A3C6F300CBCC7C754BBD5E86CBC998336B9A069813CAD95393D862531BC5318D13C2925893C86ADBB3C4A39243CE7A60F3D301050BDE28FF13B4C2B623CFCD1223D2D2C113C7E49A7BCD213F7BC6285083A1C873EBCBBEEC83C65C5A33CD8358CB9C5BB42BBD3773DBB453489BC7849913CE5302BBC0B18C23CB57A963CC79E813C0532C43C70EF223DC9CCA43C8F85593DF29848BC736CEFBB38DDB83B004E23BD5B5183BC0ABCFCBAAC57023D5E2372BCCFEDCE3CF94300BC1E201EBDBC39E0BB7E3E72BB976F0CBD5258AC3B9B08C7BCD2EF1B3C38E9E03C992140BB6F0EE83B6065D2BACB85823C461C7C3AB828B6BCDB370B3D703CEFBC73817D3C59A997BCD7D51A3C4D783CBD12556B3CF4C775BCDDC33FBC4ACD55BC618A2FBB0E59083CABDA1EBBE470B1BC664004BDBB07373D7EFA08BDAF55813977A204BC09B6283DBE11433CAAC744BC06C11ABDCE445A3B14D0C53C54B2813C850C913BC95DE73B5328043C6BB5F63A7382A83C46E09BBBA75190BCB82F263D426D9C3C66F7F2BB99FDDC3CB2B9163D9DC031BC908C85BCFC673ABCF0F1A9BBFC2FC7BA4EA0C3BBC923AEBB8916833CE797683CC290913CAD8E9CBCD97BAD3BCB53FABBD0852CBD476527BDD5DC4CBD3729263C8F4E06BDCFFDBFBA677D8CBC30AB3C3CA410473C82232FBCDD7740BDF1200D3D3A74963C065D463C691C933C9ED5023C56580E3CEBDC36BC4BC926BC9E4C8B3CADB3C73BA18995B95D76A03CFB121E3CC6CC43BC94A821BB5D24A53B89DD6FBCAA55A43B90E68DBB682E0ABDC714A93BD54570BA349517BC5887A1BCD2DB1C3BBFC00FBCE2BC883CD8FFD33C7B132E3D306CA73B0098B8BC822009BCB3B427BCCB1119BDB91246BC2BDCE53C16E9A0BC7E10F0BCB2D2723CD601923B6D141EBD45EE82BB9E61313CE9D1FC3B22579EBC8211E5BC724BC43B173146BCD77A47BD8EF4EBBB25D03C3A685D0B3B4E0702BCE182523BA09B85BBB8D4F13C180AF23B70218B3C0101B03CE249803BA6765FBB2F65863C0B3EB13BB809813CDB74A33CF430B6B901CD293D073FD1BCEE5C4F3BC92BE8BC9D311EBD2EF80EBD50E3773CB593B8BCD09F463CB987443BF7461DBD6161C83CC2BBA9BCE382F53CD949FBBCC9E313BB8ABB75BC49A347BB3844AABC73FDA83C0EFDC3BC55AC8E393B63FABCA9EE2A3DCBB1D2BC4D3FAC3C199EA7BC327705BCD366B3BC4E105E3C805AC73C9BC9133BA1170E3B9B30C43B432CF3BBD4A5CCBB04FA46BD074AD7BB0D6996BC58749B3C2DCC83BCD90B30BC5452D93CE4CCCC3C6F0F96BCBF708EBC85AB59BC99C462BC52B0DC3BE65965BC5E3EC83B20E083BB07B2023D86415D3C803C34BC748B2EBB67EF29BA7099A63B42F9C0BB0B4015BDD2D9FBBC0793E1BC1D68C43BC77BBABC70D2073C8F6D5C3BC64F20BB767AAFBB543B64BC1909CBBB060145BDEBED063C4771D8BC1332CE3C4245AA3CA6A94B3CE1564DBDA15BCF3B4491A5BC23CD9BBC9FED83BBAEAB21BD184A4B3B992B903BE7B3C1BC9046233B89397E3C2EA6BEBC8B213DBC2291E6BC659E823CFCD7FCBCE1A30FBC23121D3CC6FE77BCA1BEA53C8FA4C83BFA27123D59D1D33ABFAA0FBDBB118CBB47C4D33C60B83ABCFB370CBD830AEC3CA73EE93C725F633A72D7CC3B0A657C3C54A9CBBC2B4DFBBCB2EE2FBB5D2D103CD92EF23BA5B5FCBB9062643CF590553B4AD8DEBB9FF201BBE463B3BC59A196BCAB109B3BCA06403B66F114BDF76215BDBEE35D3A0C4CF03B61E61E3D6288CD3CCBAC423C30FF45BC7FB39FBB493BD73CF81DDCBBB553DFBB0E1ED9BCC367F8BC1F2C0CBD550DDB3AE1731F3DE7D948BB6EABEB3CFB240A3C669283BB67A4193DDE8F8B3B",
      torch_tensor_32_torch.float32_1: "0x040000000000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F",
      torch_tensor_32_32_torch.float32_1: "0x04000000B20EA4BCAFC9A53CEF6CD73CE3D38039B7A3B23CBD6C90BB1C76C73B7058FD3B880193BC3EA3E93A9B9E89BC823E98BA83A970BA851FA13C7298013C7044AFBC5356433CEC6E203C3134143CF38C7F3CBA4990BC8A06A5BCE6CB3EBB73EA323BD559533DF9811CBCFD96263C36A282BCC7032CBDE62ABE3B2205403B1EA186BC754264BC6965693ABA5E203D47B11C3CFEE4CABC0D1C28BDE7C26B3B20855BBCA3849FBAA2158C3C8AE5DDBCA19668BCA575A93BF7466C3C120911BCA1BCBA3CEAA3753BAE936A3B0E34A73B4D9FA4BBD26BF6BCC9D30F3CF396893C4CE6683C07640EBDD5D63CBC7CDAE4BB19D6193D3D00C3BC297888BBEFD42D3C24F6E6BC5D61D93C5B58863CC1BC743CB2910EB82B4A903C247EAE3B650AA53CB532D9BB1CE815BC06D9923CE5A282BDF23E883C1E09E7BBDA03143CB217253DAEAC0A3C450C163B9895CABA97A293BCF26A163C600ACC3B8E68643C1C5BD43CB8205ABC870810BC86BC5E3D397FC8BC21D635BCBF63043C19073C3CDE086A3BBD6B12BC477328BD2AD23E3C4958ADBC2CAF4DBC18EB26BD4069E03CFD9BF03C4BB26BBC463D1EBCF6DBA0BB79291CBB89EC0CBD72D21B3C3DD6ABBC40A9583A9930B73C608A143B9CC4BA3CD4868B3C63060C3CD39821BCAB2FE93C0796D73CBBEF2E3D452960BBB63B813C308223BCBBCEA5BA3B45C6BAB45A6B3BAFA3FF3C9D9F833C91B884BC572493BCA0D182BC84A363BCBD4A813C2A98C03CBCEA513C2B3E3B3CEB5FAABC6193243DA01509BDC666DA3B516484BB12B6713C46DBDFBB097199BCAAE18B3BD836C63CA4BB033C3222FE3C8BEBFA3A1760033C1C1E4F3CE27A233C6DDFA2BB57DE5D3C9380A23C279823BCE2AD22BD141746BCCE6DC0BBA5798A3B56A9913CB4F507BCCAF0E1BC9AA8983C44BF61BB072F0C3C70499DBC5E3A0DBC341DFF3BE710A83C3BEE30BDE6193BBB8E7CB5BC74FA0ABD32FEE3BC65FC103CA6A575BBD5A8743C7E0E0BB789E9B83C0607E93CAF4F6A3B543ECF3C127476BC218AA73C82EF2D3D07C5DF3C2ED974BCEAA5ADBCCEE8213DB0D05DBC11DF813C82B18D3CAEACDC3CF466103C77F807BB84D9AC3CC2BB7D3C95E65B3C08A9993C65FE0D3C30EF3D3CBB9E7ABAB9D65ABC30B09F392292203CA0BAFA3C0ED1BBBB13F38DBCCB184D3C8B26EABCD90708BB62F2D3BC58E6D13B411F2DBDD5BEBE3AD261F3BC2CE3DABC7DF8A43C5389D83CA388F33C44BCD13B38446DBAC72804BD0DB909BBCCBA6E3C8C849DBC2F1CADBB02152A3C7B73C73BEDF98B3DFB37B3BB6A08DBBC106691BC6EBBC23C65EF3A3B4FABD5BBA7E3803B6DEB103AEFD8313BA67EABBC49A707BC4CC658BCDEC06FBC007DE83CCF26AE3C87054EBB590D803CEA1A92BB43446EBC86B3ACBCE038FC3C14CE9BBC54479F3C1EEF1F3D78D9033BE77D2CBCB62007BCF1CA183CA23F40BC26A3A33CAD93373D3E8E113DCCBEF13CAA5ABFBC9EEEA8BB37A21CBD648F2A3B97E9A33C70218DBCC7E20E3D782327BB2BDDBE3C852CD73C6006BDBC1E8CC63C8FC81A3D8DEC3FBB5B342BBCCE738E3C1785F73B9D7D9A3C7BD0DABBCF0CA6BCD463D33BE56C77BB5BFD08BDA97F8F3B8EBD8EBCB0E26EBCE541D23CE400AFBA18C830BD01B5BCBB577E243A595A7D3BDDF1ADBC5F7A9BBBE465B83BEFAC8C3CEA78BCBB3BEB11BAC3A60A3D02178ABC1CAF4C3C776B52BC3DE0EE3C8FDD91BB29B3A03C7D7EE53C2190AE3BC3889ABCA73417BCFC7FE5BBB70852BC8162AEBCC07AB1BCEF5CBFBC474784BC36DEB0BCC55491BC1995D3BCA25DC9BC97B3D1BCFEC45BBCEA1BBCBC2B01C8BCEED89F3CC740E73C6115D0BC7288243B385BE4BBF89E2F3C07633B3ACE19BD3C598C2EBCEB3D87BAA72EE1BB9E1032BC2F8F0C3CEF32D8BC1357913C8591B0BC40A5573B126A413C899FF0BB32838C3C52D6BE3CEC24DBBCE2FBB6BC7FB20FBC371259BB6914263DC79BA3BC98E6B1BDDE47D0BC8F4EBD3C7C58E4BCFE60D8BA29063ABC49E1B6BCB73059BCBD1488BC90D4773C8036973CE94840BCA0D6ABBBBE05EEBC96741FBD41DE37BCEAC5413D2F732ABC384B533A3DDA2BBAB89A3F3CF9955C3CC38BFC3CBB7EEFBBAC14823B3E358A3CAA1099BC7BA9763CE4C43ABBE001C33C79AEA7BA2E49F3BC132A5DBC126F943C925C01BD4EFBF9BB8503DB3C1B73933C984B613CB7B3BFBCFDFB34BD2FD0D73C77E1513CD6C106BCCD6A30BB75AE4E3CCF73383DD2DD9BBC2E657C3CE416D83BCDBDAC3A072C5F3CA46BB43C4658083C2F5A7EBC0E6B323C298ABABC13A16F3BE5D5E2BB9B98CA3B55A0683B757FD1BCAD302D3CB36E4F3C26221ABC2DB395BC1506E8B8A761E0BB757FEEBB8332963CF85AD13B65EED43B767B1F3C7E8EA53BBD4307BD648C05BD2EA8EDBB0D718ABCD9CD8A3C071CD03B25C0673D58F0ABBC609C10BD2684753C1D3697BCC581E2BBBB395CBCE609AD3CDD11073C921656BC5D1A743C4FD826BB8FBD033D67EE0F3DE70322BCB3B4AEBB99568DBB2961D4BC90E9753C4768D73CFC7FC8BAA920FF3CCF66C73C9C06F6BBA763F5BBB709DABCBCC9BD3CA981CB3BCE91AB3C2FA87C3CBD84153A897B8E3CF8BE2ABB035D863CBE9A73BC42C0923B334F32BCB730053D90C1F2BB42817BBBE913B1BCE188A6BCF21D46BAC1CB3F3CA32381BCB74B66BCB42F91BCEAA7513B6E76DB3B70652B3CD576FEBB84AD823CEE4FAFBC61B2FA3B7CB273B917C2BA3C706D2ABAD637253D3A338DBB4608123B251627BCD41F5EBC6492323CED74BF3BB8DE6F3C8F948CBC94CABDBC0DC4303D21A008BCEB9DE8BC0E09E03B20CF9E3C6450903C894479BC850762BC93C749BB3EC288BC4083093C47FD67BCB448CEBCE6CA803C24024EBC5924A23C7EAB4C3CC4C1B33CEC0DE63C5D8F173C472BBEBAEAB3D9391D42BD3C984A983932D38BB9D4CB32BC5DB24C3CB8E21A3C2A0371BBF242103DBEB6D63C32B4AFBB99E743BC8A531EBDD91D823CC5C5413B38FFE6BB60D928BAC705F4BBE2FCC5BA452F653C479B57BCAE878CBC7BB7EF3C643DB3BB2F5D323C3B3FF6BC1018593AD711C4BBA9F9C2BC709D0F3CBCE4483C99C8D2BB8FC103BD37EBB5BCB0D300BCE1A71DBC3903F7BC06B506BDD95F16BCA149C13CED389EBC345F0DBC72E8E93CD430DC3BEE711BBBCE5D253DD28D7BBC5972C2BAE48B393BCA8B983C90003ABC60DD803C099CB8BC1E49AEBCD976183BD70C97BC07D427BD18D2AFBC5BCBE1BBD85145BC97BF2DBBF7FC99BCDE3462BC70C9063CF9F8DE3C179DB8BBB5F1E93A755EF63BC7EB853B9390FBBB0460B9BBEE6CAEBB8C679EBC99523C3CDDDA89BCA488903C168BABBC64EB1F3D2599B2BC7BAFA7BCB549C3398711D33CB56C6BBBE0CC663C0FC0BCBA058F16BB471AFEBA7578603D47102D3C99F2D9BBCAE55ABC8A473DBCDF07063B493601BCB67AACBCA56FC2BB986BF43B20FD2A3D78BCE0BC1D103C3C581A863A67E2643CED4A02BBF8F850BB329CD1BBB6F5043D8960033D7C94F3BBFED521BC8BA46BBC05E1EFBCCC13683A294E843CAFEB6CBC8A1CD83B50FC6FBCD57A503DC2F4B43C0FFDEA3C8F0D9A3B131EAEBC65AFB2BBD965243DA37E163C2DDAA5BC324B853CC0A9F3BC104076BBCDEAB4BA1DBD8BBC6958F7B8F1C88E3B268B9CBA08CF96BB6B08933C865335BBB8BFF9BCF3715C3D8BF208BD209B963C3465B1BCF5B50DBC1C9EDF3B61BC26BCEE0B173DA29B76BB416148BC626E15BD8FAF91BB348EF93B39848CBCBDCFB0BB987E1C3B5C3B3DBC35C7503B5335F3B9B6C8053D4F0A43BC93007FB82D30B83BCD9C193B1222873C66ECD93B19A39AB92499CEBB606A343C0F99C0BCDD20863CD92AE43B6B63AE3C8F807ABC29F0A5BC020556BC61BB023D6D0637BC4A36FEBC3D8CFEBC996357BC24E216BC356F90BAF142893C07E88BBDED1F1D3DCD6F003C32A87B3BCC73A1BC329A25BBA494573BA6D5993B27D3B73AC49259BCE09528BDC0A8B73B1BC8753C729453BC2F0641BC820FB5BB0C6B8C3C23EA79BC57DD51BCE2F1C23C3D0890BB2E6116BCF8CB49BBE060103D19D57ABCAE2FE93B1B6902BDB8275F3C9E1C693C5FA08FBB6E25B73C78C4EBBC192DEF3B00279CBC17B338BCC1822BBBC4A2A1BC2688143C37E93ABC9B64D83A1242BCBC67FCCD3C04E58BBCD2C0AF3C6E6B3CBD2F13FF3AA0C8B2BAF8A28DBC2CDD64BCFE84003C1D7E3A3B1268E83BFD6C1C3C2E6B843BB00EBDBC494DF93B0B6E9FBC405E683C69318CBCB8D8D8BCF734D8BB021A113C77685FBB9424E5BA19679F3C590CD93CACD8F83CA575853C79D72C3C9390793C15CBE73CD079053CA5D5B6BA54096B3CC35E833C6BE791BC6B4169BCE0A6C23C85F7423BF2DBB23B43C78EBC490A52BCF1E291BC109F60BA82F8F93B93D993BC7812583C5345E13C6DCD88BCB4DF2E3DAAB137BC56D691BC9406A0BBE0AE67BC095203BD17B593BC155E9A3AA3B013BCCF5DF8BCA6D987BB019312BDBE83B8BCF069DEBC5FEB893B5F4114BC9F9C903C45689C3C9B3BCCBC84672DBD5C14D43C29D59E3B39267D3B08F90F3D14FD453C65FFC0BCE7B9903C4F88013DBD8BB93C46AE46BCB24DAA3CECF493BC021F78BC82AE0A3B9BB101BC46E366BC13F280BA3D268BBBA7789FBC296F323AB214D23CB3083E3C0178ECBBEE50CF3B300B823B46E522BC34F7F1BBD043083D3CE86E3C2D412EBC1026C0BB5C4EFB3B69CA01BB8ED78BBC309DF93A39A8D0BCB98C27BB29EC07BB593BA23C05E92D3CA46ED0BCA0337C3CB29327BCDB87CBBCA2A0FDBBA73E22BDCEF21FBCAFB0B03C5CE2863C85ADD6BB57B7AB3C2192FDBCA1A389BC3B864A3B2DDBA13CAEF0293C3E69593CB53DCC3A7C0B903B2ECB4BBCD0FED43C72EFAF3BC69A58BC1C254D3DAD79823C57D021BB31D187BBAAE9BCBCFBC595BD62EEADBC49C5EFBC987E57BC429C0A3C21A5CBBB2DA1CABA8249AD3C8D83C33C60A236BC6CD0E83C9894443B84F2243B8D74CA3CB9CC44BCE9E216BC383EEABC38C5D13CF94A9FBC309D283D8DD2B0BC7256BEBCF9612FBCAF92A13B395B1A3DE0B0053CD732C13BAE8A933B4D8937BCDD7503395584B1BCAEEC443C332FBF3C61F3983CC4CBCDBBA99A973C933CF9BA2AD7D43C5D528C3C42D6423CC3C80B3B043F473BA73B423CBE7E1ABDBC16B3BABDC1F03C944D16BC1386F8BB9DB4DABCEB00443D00F2A53C6D040ABC179AB3BC575F5C3C7EFB2ABC75126FBC4EFA863C72A1163DDBEB02BDA5AAC93C576A02BD82E36ABBA3DA98BC9B6020BB051E3B3BDE23263A37253E3DBE1A1D3B0B4E333DA1D0CA3C04ED473CCFE190BBDF008A3DBD5500BB024FB4BCAC1EE6BB2DD049BD5CA037BBB9629C3B34DE8DBCB829813C11F712BD2F2FC33C735037BC261C1ABD00109F3B7FAA183CBBD6353B157A9EBC6DD21BBBBB10823CEE27AEBC8B887C3B73E6833C903F7ABB814C2FBC5234E53C752B99BC344C19BC4E44F0BB6F3FA6BC382F8239203BB4BCEE25BABB5A18123D025C16BC424914BC0F08533B2FEE7E3CFE7D3A3CF836E73C5AB320BB20AC88BBD34852BCCA13AC3B0AEE6D3CEB5B47BC151106BC8633DBBC3703F93C70AEA2BBCB92843CF4C8A5BCEAB99B3C82531E3DA956353AE6565A3C36F2883A330AA73CE2B9E33AC0D6CBBB3583BB3CD2C68CBB57649E3C92CBCABCCD7611BD97F1E0BCEDC211BDCAFD32BB1EB5B93B3EE0E13BF2CBE0BB3CAFD6BBC309F93C",
      torch_tensor_16_32_torch.float32_1: "0x0400000002C6AD3B139181BCF5B1A03C0CD764BB59CE933C591585BB0B97E3BCFFEC0FBD1235B73CCFB3E3BCB4DE8B3C247A49BC6C846A3B50063E3C5C0E833AF6CCA93CFBA70EBDC084C5BB04C0903CA73FD0BC01E07F3C1363673B933E5C3CE0799FBC8206F03A167481BC679FC2BCF9CA9DBC92E5C23C7BBF9138A3C795BB99B65BB94635D03B6DF193BCE1A6D13C67D9433C4808173D848319BA4EF4ABBCD8C7B3BCC0C9183BC628BFBB77A88A3C8C20A13C83BEF43B246DA9BCCEB4733C2EE843BDE6EE2FBCCFB6833C27200A3A875E8D3C07160E3C7883E6BB26D4E0BCE87A10BBAD89BD3CFBA3CA3C897D053CAB40743B83758A3CDA57073C4D2F80BC73170F3DADEC98BA1A1E973C9C1E423C8905883C49D3423CDB3B993BB734E93C6EC3CBBCC5640D3C605AE4BCE6D628BD3E0292BC55798FBC09A17D3C897DFDBBEDEBCA3A02A8493B46416EBC7BD705BC2A3928BC9D5ECB3C89AA933C9B50C43CFB5C7BBBEBE39D3BD0B60ABD99D91B3CAF9942BCBE0F2DBC8E090F3DC970333C7BFEDC3B8B4E713CBBBE1EBC70D3D9BC0B575ABC9F79993C0E38A43A7BCA4E3C41793ABB519188BC93AF773CF2C9593D0BB5B7BA373EF5BC61E1FBBC7737493D5E022EBBA616BBBC7723C8BCF3D1C23B2F598D3C577C3A3BD7C11BBC40EB073D479F87BCE16A80BAD85488BC4B8DBA3C121B12BCD44E04BDE73837BDE07900BC55FCED3B428A09BC6B728ABCC5F64BBCA56E513C857E203B8C2409BD7E7A38BA307F913B0F4224BD10EF5B3C697629BD82B578BB6E5FDEBA624278BB7DA0F4BC01ED873A21F4D1BADF2783BB363280BCB745E1BB89D138BC2E24B33CFCD874BC6AAAD3BA52E2CA3C1809EFBC4056F3BC0C06F1BC779314BDCDC43D3C3B40D0BC1F20113B20487D3C447AB0BC3BFD353DA3D671BCA612DA3CBD5480BCFC435B3C024704BC791165BC0F6FB2BB24E0043CE0AF3DBD6FA4A23C8BD5DDBB12F3D1BC3386EBBCFB6B883CE4DA613D1981BA3BD0FF5A3BE4D8DEBC7B4F2D3C30506FBCA2CB343D7092513DD81F593C0289CF3A976DC23CE2DB18BC397E8DBC64F23D3BC990103DC6CA9E3C90A0AD3CD89F0C3C54B4BABCCB30643C5E5363BCEB30C6BCE27403BCF782113DA290E3BBE1CC7ABCD9FC603BF73BEABC580E863C037C9D3C2AE9F8BC50BCF6BB1DFF9E3C7865E13B98B3AFBC7B430DBC62C9DD3B84369D3C58A5B13C188DF0BBAE1B093BFD27233CCD7BAF3BA39B6FBCFD1C89BC9BAFADBBE455113DBBCE09BD4FE8703C494A14BCBD6EE33BA489953B6E9D17BC8E1C35BC94DA23BA53EE2A3D169B0FBD5071073B3366A73B99250B3C0756B4BC64EE87BC13CF423B054FED3B8BFEF23C358941BCB28B4FBBDDCE4D3D2F25E23C1933A73C342D01BC89DA9EBB0A3C313CBCA10B3C0053D23BD083943B26ED69BC5D73683B2ADFCB3C872309BD9BA4273D586C8EBB266F20BD8E554F3CCD3F82BBDB688FBA328779BCBC59283A0239E2BC34D9983C26DFA93C3F509FBC23E37E3BB972A8BB582F883BDEA065BCDCA848BB8CEBE9BC19C510BC8D8C21BC2799B93A58D841BCF7E005BB7D871F3C4BA7453C90DF5DBD649B3C3CE01DBFBC03E9F4BCA910C5BC7200B53CC6DA263BC42318BC5360A53C4B228C3C3BAE1DBD0767043D124EE8BAC91BCC3CBC5D3A3CE5DE873CFDC8AEBC9CF0993C21153C3DD7E1A53C1B0D80BC0A2CFCBC827838BDB2F084BCFB3A2ABCE9BDFABC80DD1DBBD841933C7F29073C82CA1DBD2FFE703C9220ECBB9DBBFCBA2CC771BC7B74483C2A8F95BAA5F9223BF98F893C68F608BC5E0C39BBBB65A7BCB677803CEF7B863CB04EEDBC8D1F1B3DAD13B13C5EA1313C54AE3B3CF9DBE0BC2C7B17BDD061E7BC821BC7B922F523B87C02D93C3479243B6972903933E7F43B1E559EBC0454053C5582193C44F3183DD226513B440700BD7C083CBDA629C0BCE6BEF8BC5D153FBD4FC0383B33A3E639664104BD69EC733D2D1C023B8EF129BC3884783C79E5F8BC9CFBCFBB121F063DF64B843C9D85183D5F6B97BC3CC8243D35BD7EBC22FB60BC221BAE3C46A87FBB27C815BB7C765A3C86C14C39D5E3BA3CA7F22FBCDB11C3BB38BB8039ED9697BBB016943AFCCDD5BBF62403BD14F48EBC9C7FF5BBCE3ECD3C3848EABB5819C8BCA72CF0BB2BE7993CE497133DA4D74E3C8BEDEDBA3DBB9F3B3BF3243CCF9F483CD4BD8139194C193C7BFD76BDBC0F2C3AFD36D23B81C0E4BC697E453D781EBE3C35CF993CECB7FEBCB212A0BA64894F3CBC976BBCD0CB4B3C098BD5BCE441C7BCB76AA73C9D9C293C8B5986BC336778BCE1F358BC4D3203BD97CF213D50CB783BB41C423CC5C000BD75FF6F3CBCC0ABBC7077F63ADD8CCC3C58FCD53C4441ABBB2684093C97559DBBB4A336BBCC565ABA4BE814BBD5A2D1BA2C8158BC74F411BD40AB93BC00264ABD346BADBC4E052EBD5EB679BCCBDB21BC52CD023D8614D8BB468E303B6FE309BC49B2B7BB8C4ADFBB1392DF3BEA1B7CBC6A665FBB657E3D3C4DF38ABCD640A3BC6D311E3CCF27D2BC638FFEBAFDAB863BD8AA85BC1BFC99BC44F1BCBB7722A03C948711BD75C610BD020BB33CF70FA1BCE6BF9ABB48F619BB53B87CBC543F45BC5739623B3C5B633AB936EABB122254BBDBC3303C795DC03C56C7183D093DF0BB4E1BB0BCE11D29BD16DA15BD4F560EBD6381953CE6DB193CDFE48B3A127C2A3DC4DD673CD63C0D3C21FAADBBC53E6FBCE18546BC58998ABCC99D893C1546E03B1277293A348083BB468ECE3CF4EE67BC5DC9DABC2BF314BC92C51C3DCF3BA63BC0F4A83BA0A1043D1CCAA7BC8322F63CBCF01CBD6B836DBB96A3A73C3814CCBCD432373CF5E000BD9A65863CB91DD5BC4305063CA78D00BD2A49B4BC",
      torch_tensor_16_32_torch.float32: "0x04000000B97CACBCBE4D49BCF9659CBC00F1AABA8BDA07BD14EEFBBBA751DA3C37501BBC502E8F3C37BEAABC1EA106BD104B15BBA0878ABB850B13BCC098343D624FE93AEA8045BCEB5410BD62FEE9BB6AEF4CBCA04B433C508360BC5B8B5DBCF084373CA927D4BC8A2DCA3CC571AABB122A3C3CD500BA3A339BBDBB035AF5BAD07D913CA9CE6E3B70CBA2BC1EB74BBC0DF946BCB51AE639D6C9953CAF9A6B3C27A11ABBFBE1AA3AB40AA13CA1D76A3C0247C63C000EA3BC5393D9BBE0A510BCD59E653D3CA9493C263BDBBCAA82D1BCEF9902BC9802BFBBCEF2D5BA1671A93CF51F33BC896D2E3C98657F3C7919BA3C137C00BBF8CB733CFD587F3CD42DEDBB2234643C097A12BD90BF37BC3215453C3714B9BC25343DBB542B02BC80E62A3D5EB6D4BB798D0438CA8AA73B4EC334BC0716B0BC5B24DCBC5EF6D33BD3A7CBB9D47C92BC2968AD3C6A7C793CF41E04BC1F4295BB80113F3BE61178BAC64D9F3C478F90BC41FCD03C3C4B5CBC14422DBBB3C3213D0B0EC6BBC53CFBBAE61F833C7343253CB540F3BB105466BC211FAB3B14BF663CF124813C8F836DBC07A9AE3B888606BC6FE3C43AB8E2D0BAC59AD6BCF844CBBC1960DABB985326BC8F16BA3B9880253CF09DDD3BD0D5773B015ABF3C392EBCBCD4E8EABA5EA6C5BCCC79093DEE1D1B3C4151FEBAA0A7B3BCC507C93CA47B36BC370C04BD9B851CBD868981BB091B913C05C7F43BCC38563D7094483BA4DB4FBCB793BF3C199408BDA49586BCBB0DA93C5B00CCBC4180CA3CA46E4C3CB515E5BBE18CF73C3EC1EC3AF4C61F3DE68842BAF812873A6770363C81540E3A14053C3D612246BC89CBEE3B69EB2CBAE275333C010398BCBDB7E3BCC18ADC3CD69D07BD7C37A7BC6A4A0C3D40A841BC7C234DB91C6D8F3C0B9C6A3A87BF96BCAA621E3B2200143CE2EC11BCB49620BC4138F53C348704BC4D802BBD109E573ACD3C8F3B6E542E3B408E7F3C0C63583D1C561FBCE1C38DBCADDF38BBEE69293C858294BC9A81813CCE90173C23AF10BC37AB773B3454143CA1CBAEBC8BF2C9BCB7ED23BD607076BC6093053DAAF2F6BB5C5E10BB40B1843BED17193D398811BC598CD1BCE0A007BD505F413B2173013AF6A4943C90754A3CB9B023BCEC3E7E3A0701DF3C04DAE1BB3E2140BD2700B23C894E5D3CC7BB9E3C3B9EEDBC8E03763C81C5BCBBCE7B963C1B43653C96639BBC09DBE53BFBD10EBBC0EC62BAABA8A6BC226895BCD97B943CE7FB8CBC3493183DE6BC3E3CA960D23C656DB3BBD81D6B3CBB0680BC54E117BDE9507B383D1AA6BCC057BE3C2C759A3C8588D7BC70E49B3BF360C03AA23AED3CA14C9EB993D2853CF25BB63B9D2DB6BCB0EC1DBD3DB55ABC789A33BDED23023D93FAAA3B331BB73CF20B573CA72994BAE9678FBCDDE066BB0E272DBCB035653C9200AC3C86E7B4BB4B5D2DBD39AFC4BCB8DDEC3CF68F193B3973E03AAED0BCBBDC402ABD5054CFBC4B31FF3B6090953B720A39BD9A5F8ABCBB6801BDC5915E3CC7516FBBED01C13C9549EC3C176097BC3665303D9DD12BBBC742443C38BFD53CAEEB3BBC400454BD7239B7BACBF1AABC1BBB873C8B4B11BD97B76FBCD376C0BCDBA99C3C94F270BC8E51C5BA7EFB21BCDD6A4EBD2AC57B3C51A613BC4941E9BB07EDB8BCBB913B3CF5290F3CEF88733C38AC753C835910BD0BCE02BD9CC078BCA1EC013D26EB1EBC02C4A4BAF8AD68BB76C7AC3C1C96DBBC350EBC3B423D173C9D08B63CB8D4B23C144E933C473ADB3B45DE343DAE76553B98DEF03C670BF1BC52D4E13CF6BB1BBC24BDE23B765602BD1475A53C56C4983B3C59ED3CA0E40B3B8FB9F9BB21DA333C59AE9DBBFB76FFBCEE457FBC97D3A23ADA3400BAB3394A3C1596B23BC4F7B2BC8E0D953CA5DB6FBC34DA9FBCEFFC91BC00703FBC321F4CBC1FFA013CDDC59EBB244D9BBBF37972BB40AA1A3B9230CE3CBD8BA0BC39E845BD49A9FB3C7DF0653B5D6822BCA897993C3DDD873A3F59073DEB73CCBCDD7F543B7949823BABE0A43C7363B83C4A60C23CE75AB43C8C1A983BB9628ABC5E2079BBE714C3BA7CC5593C5C58A0BC813702BB4733A8380C1817BD9002EFBCD9E5A6BCC64974BC88169FBC4A8CB3BC745889BCE6D1E53BD5027EBBEE260CBDBB5923BC79F33ABC37178ABCF56EC5BCEA9D07BD22C2743C5C41033D306175BC3355DC3B24A42EBC82A7DB3BDC60F7BAE223143C12ABE4BAAF3FFA3CE7DA46BCEFB2BA3B836A14BDE64930BC46C98A3A4EFECABBFDDE253CF4BB063C6FB18ABCAE74793C62FFC93C1850CE3B0AE2E33BE2732BBBC2C71A3BA7DF26BC8338753BA4264EBB30F6A5BC0AB3DB3C3CF0C3BB2C56EABBE2A8A13BBCB7C6BCBD6EC23B981A043CA4BED93B2CEC613C6F4FC9BB070D48BBD7531B3BF836EF3CF29E60BC095FE73BA0A02BBCF092E6B914CA503BDD34AD3C8935923BEBC447BD33F3923B1B6EAF3CCFC4FEBC9522B8BA816C1EBC87F584BBBC47D038CC79893C18112F3D4E28793B298990BCC927E13BEAC2E1BBD53BBCBAB46D863CCF2ECBBA4524263A4CEC773CD924903BA7733CBB28689BBC0E8F8D3C1404CABC5755D33C2E8AC4BA161F0A3DABFF133D2DAF1CBC1E0FB3BC4A2F7D3C47A6863C6FFBDB3CB740CFBB790B3C3C89D3C1BCE5D1E3BC886301BD18C27ABBD75D16BD6409BDBA4EBF033DB569E83BC5F970BC9E47CD3A77AC823CA172F23B659BB43C812DC4BC47C8C1BB9B76673C2DAF8ABC8A38A83C37BF99BC890BABBB17F4D13B772B113B6F7A123D55B4F2BC1418A73C2031083D3013343CE92CADBCF7C2153DA63105BDD940893A40F144BCD5AB7A3BCE8DF6BB403902BDE1572A3C9C5C2DBCFC2840BCB23ACABB8E67393CAAF774BC8517AFBC854E73BB",
      torch_tensor_32_32_torch.float32: "0x04000000F89A573D029793BC39A3293DDD9731BCEB60D13C7875A4BCCD23AABC87035BBC094D673C9B83A5BB19B333BC0D0394BCB4DBCB3BDC8E5ABC78D63D3C49A291BC13FEB9BB7EF3CB3BFFAD94BA3C3AD3BCEE06E83C4414843CD331A93C5467EA3BDF0F8B3A21CBD23C53DB34BC175B67BB942AB53CCB4611BD12F11ABBD59642BDC72BA93C3980C6B999393A3D39043D3C73A0B03CCCBDE2B91C40F43A75FD753B80BB4DBB4E1E06BC24D2D33B896912BC5527733CED2ACC3B20BC14BD1CC5DB3CB0476BB9ACC11DBCF4C1493C649F593CF9C494BC85EACD3C4BD1163C7409BFBC2B61E73C2FE7BF3CC103B0BC798AB63B40260D3DC440E03B4A92ED3CD2A02BBC5252A1BC3C189BBCA90D053D5DDEBA3CF777563D34E6B23CDB22893C26D2AA3CAF95D03AEFDDBABC6579D03C0CB774BCA0B76ABCB65B0E3C7D7C5E3D803584BCD67B90BC219065B9094C74BCFA4988BCE0E6753CC8D7023D46F555BC2652853A4D8CB2BC2BAC8F3CDEE5413B20ED2D3C0B9B62BC80CF22BD6CB7023BD9CAD43C8D7A273BF4D0853A61F3263D12AE2DBDD53ED7BC78AFACBBCAC0873C29AA703C6CDE5EBCCB8986BCAE08B9BC43C221BC5715D3BBC3ABFBB81B97C6BC321469BC708C2F3C8C1288BCEBBE98BC0A104ABDCCCC5B3C67DAB9BBA51EB13C93DCC1BCC169FC3C92CB3C3C1EE7E03A452A6E3C61D1D13BEE92D4BC9593A13C0BF6C43C5CF68EBBF88D2A3D6C73943CB77F3ABC075376BB7D94AFBC54BA98BA3B5A82BBEFC4EBBCE09DF3BBC61122BC2F740B3CD95380BC698819BC93296ABC09AFE23C9E4E3FBD3277993CEA12D2BC4F8E74BC3752843CE0290E3DEE669D3B2DE6103BEFE4CA3CF8CE6C3C6AAED83C440D1ABD79CC41BC1E7FB93CA9AB983C2BDB07BD7C39403C32788D3C56EA243C423DBF3C125B553C4578CC3C21473EBBDDC4D8BC9693183C80AD8DBCE5FDB2BB50BF003C8D5008BCB5763D3CD21EFCBCA7BEA23BBE009E3B2E916C3CD0B0B63C4684683B85D6993C34261FBCBD1D63BC997886BD628DB13C8178AF3BD679133D8915D63CD460473C5256AA3C03F6183DF754C13ABD90E8BCAF2A0ABD2BE7173CCA19DCBAC48451BB0E29D8BBA9FBBA3CCE940A3C5ABA873B3C697D3C9F3F023C6914333CA0D382BC7960083CFD89103C39DCB7BB45454EBBA5CF3FBCBB86C03C051FA6BBC487CB3BEE79A13C1C8A8F3C462133BC6E4094BCB0D7BABCD60E14BD3D9C063DFD72D4BB99CE31BD4588E93BC222D43C076B3D3D7045A93B87FFB83B7324E7BC521AF53C722FBB3CD9373EBC52928ABCB3D16DBB2CE5153C27EB2E3B0122BC3C65EC2BBB0D68373C1BBC28BD6BF38FBCA518763CB797F6BBB5AFE7BCF4F831BCB02D80BC09AFBC3C3A9B0C3DA48715BC674DDF3B95FA8D3B6F0C613CE983E93C14468BBC3C1FA93CED7748BB8A0EDB3BCBD7323CB789A0BC00884FB8E768873AE2645DBC39AE10BB477A41BCEBB6BFBC89DA12BC620BECBB50A0193CC25FF2BB0617D03C227D9A3CEDF2073CC675B73C302A12BDE9FDA4BC0DEAB13BA1B814BBB389CEBC100C043C80F9E8BB798322BCA6E4353D016586BBF5365D3B2F8794BCC72C8A3CFD83FBBCF1441EBC451FB23BF97F8E3AE4481FBB154762B997888DBCFEE78CBCA235AFB9B623A3BC90C9A83C7343B43CF8C5EDBC0BD772BCB4A60A3C2912E03C3789D9BBE26B69BBB6C9913C0075AD3C3E1A773D0B843B3DF45AF03B4450CE3C8EB860BC61F3E3BB52D50FBD26B9E63CD14580BC0A453CBBE62B483C708838BD2C6F193C06C2F23BB28794BCDCAFF9BC5C0CBCBBE7561FBD794D1C3D73E74BBC3093DF3C7792BDBC370196BC5B64123B66E328BC80F73FBD5B6902BC506BC1BB32C192BC0CF858BC40DAEFBC0F19AF3C7E64AABCAD52273CCD80343DB8AED2BB6782CCBC9506643CB450D53C47F46D3B2EAECD3B1BFEAF3AECA00E3DBEDC53BCA98CBB3CE1B1C3BC9EB9DABCC2DD823CFCDA6DBC49421EBDD46B60BD090BD23C37A54F39E6684E3C9C04AABC54318E3CC6E43EBCD0563ABBC74927BB3E33D8B9692308BCC0DBEBBCA2190EBA4C5D78BCA7D518BA0DD3293CB4965BBDF0BEF93B2A44663ABC7B5EBC1997063D2F0C5CBCCAD7F9BC03D0EC3982C6593AB918C9BC982FADBB035319BB8CE3983AB32D09BDE7EABC3C029E933C6C3E95BAD7A0023D0C8E053CBAE916BDB79D5ABCE13407BDA6F6A53C94F9CCBCF935133DDC3982BC7757A43CF0C3043C34F0123DD388C1BAD8BB5E3C79CAB83BDCFD70BC058B7ABBDEB35A3A599D68BC18300D3DBD6F693C6002433C7480163DFD4BD23C8B78B13CC48914BC3D040C3AC029C9BB33E35A3A006D73BCD481A13CF06413BDC79B7E3C2D99BFBC69043DBC5CF036BC508FB8BB12933C3B981FB53CAAFD8F3B446EC9BB691EA7BCB070093C3C0EEA3B1E3E583C24DD0EBD5D4B51BCF48D73BC41470D3CA2A133BCE767113C6D9F3FBC06E7243BB320593BE9CAA43CF0D71C3A0939BC3C525ADDBC7211B93C67509A3C69E5D73AD99413BC8701933C18197CBCF92F623C85E1C53C3B2C9DBCA2EF663C9F5181BC13C546BC66E97FBCCB239EBB74030FBC871AFE3BD367CCBCA785DA3B6124B8BB3DF5D1BAB5B76A3C39B4393DE14E53BD91BA81BC3833653B0F8C6FBBCB28FE3C05078C3C40C1673C158669BA83561FBC05FC36BCE2ED5A3C3B530CBD378B793B7B2113BC8E81F93B94BE00BDAE70AFBCB015A7BC0665283DE9F9F5BC14D626BB269A863CBD45A0BCAA55883CE389A23B6ABC84BCC08398BB2959C8B9D08C9BBC41C9723C0DF78F3BF4D7CFBC2024D9BAAD849CBBC6CFCD3C2041ADBC7D012E3CDFBE09BC144A44BC74B2C7BC6B08A43C70C28D3C72CF32BC4B5283BC6406B4BBEAEB38BC5B099F3CF3244FBC6255053D64D6BBBCF44A893CC753EB3C0730343B84EE93BC8002A03C7D46D03C64CD013D80AAF2BB7C675D3C7087DABC13E9DBB9FBDDBEBBC1B8BEBCCC387F3CBC5C38BBA94C45BC2E76D33C95DBC3BC814884BC3E49263C842801BC9EB5E1BAFB69563CD9B41CBD670367BCEDF5373C0A4EEC3B6F8F673C5DDB803CE4F0E53C7421ABBC6CD34DBB77D3A43C1266C7BC6DEE313D7076543C6E32503C4554BCBA804EE7BA95069BBCD7DC2F3B5971453C14F895BB97ADCE3B6199F53BE4CC8BBC8AED8B3C99062BBC6385F2BB2A1C8B3B09730ABCBC7BAD3C852743BD7495133D1FA283BB8691223CBDBE973B7CAD70BCB9431ABD5C7998BC836100BDA64469BA96BA903C4F9814BC61759FBC69782ABD7D72253C8DC70FBD5532C9BC4C3C97BBC786F3BC42DD3EBC30C60B3DC05FA9BBD0CED0BC020C5C3B00C5D9B88D962F3CD973F53CD63411BDFDB105BCC70919BDDDB8E2BAB76500BC3B17F2BC41BECA3BCFF0AF3C6F6E083DDD7DC9BCC68BCA3CBE2CA53C651C103DA11B393DF2E9BA3CD504E7BC5C839C3C6A7AA4BC8E3AD1BB721D043AF2FEFB3BFC65933C5E6EB2BC467CD03BAA70E13C2F3886BC600EDDB8783A313C0934AFBA170475BCB561BC3CE3F38DBCEF73FA3BCB4F95BCBBB428BD5A7C003CBD9D813BE1A1BE3CE51ACABB251A5CBB72F742BCD379C03BC29CB43CC072363C85915B3BD9E6A2BC64C63BBD167AAFBC82B4143DB7821E3CC5A54CBD6D02083DB0C789BCEE3CF3BCC0C32FBC2BB5B9BCEB410D3B2140B4BAE50D283C5C158F3CE748A33CA08987BCF9AEBD3B24D1BDBCD4CD173C9B24BF3C4DF0A6BA7CEE383D18025A3C6B8030BB771D143D1576D03A1D310E3C0F9C313C4A87FD39627B1DBCC418E13BD3B190BCAB2887BC660D05BCC2883DBCC84F103BB06D053D6146C23CE2ED1FBD218730BB7DD4543DDE61F73B10EFE13CC284C5BB150117BDE99659BD41CB9FBCBCAC753C14D522BCDEF3B5BC2246E33C5883A4BC0BFF04BCC1604DBCFC55EF3A8EA3323C2B0A3B3CF42C3C3B8BD1243B59A619BC84511BBC6D01B4BC8D26A93C0F908F3CE7CBDBBC1C78EDBB866AB33C067EE1BCF4C5843C3B7BCB38E59BA23B67CF853C9B17093C8725613C4191FABA6976B33C910A183C4E045B39AC3DFE3B279218BD5932B03C9627983CBE1EDC39928C393DFC1DB43CF71B3B3D1912203CD23CC4BC58E7793B369EA0BC2EE834BB1419A5BC172801BC25FA513BDAFD1DBAE3E70D3D245EB5BC46BF22BA3DD5433C6B69D53CABDF9CBC77EC57BC93F59B3C99042EBCCB37F33CA10877BD98543EBCD261D43840F44FBCD90F053C959BE23C8495B03C44158DBC15B835BC2C1564BCFDF82A3D97D3A93BA5E0093C495191BCA1FC25BDD0A9C73B2A7889BB443DB9BB815E90BB3C60A5BCA4DEB3BC93E9BC3CE64ED03CC9952A3CB5548FBC8A83AA3C80DAD03C423DAF3CB536793C813AD13B4660723C5EE3F7BAE919F23C7261C13C3793E1BA7481E63C7825C5BCC26BD63C9E2C953CAFBE0F3D754974BBB40BA03B4EB534BB3CF8963A9F8B14BDD9E4253DDED9383CD84997BB73E7283D1019C6395EFC69BCC632D33CEE63BD3B16F78FBC7DAE4FBD7D1DE03CEC4671BDACAE86BB6E73D23B25A8FEBB8C7989BCC4E714BBCDD1C3BBCC5D61BC98D06CBC7BD38C3C9907213D4D1F8EBBD4FD41BC6EEF08BD3073473BD79BC3BB698F3E3D67F76CBCD7FF1C3BD01E1FBD0FEA5D3C2BB622BA39D8FCBB30012ABC5D62C33B97C215BCA22176B9B7A3E93BC7CAB63C0FB114BD7E8365BC7874AC3BC7603C3D538007BD37D9ECBC9D8EB5BC7797073DB3BBF6BC2EBCDC3CEF74E9BAAFA1EA39CFF7D9BC549CFB3A3B8C3FB959438C3B195B23BC4134CD3B2E5E3CBBDBA3253C657AC83CBD42143C70DE3BBC2151ACBCF51FF53CFF69903B12DEDE3C956BD9BBCB97843C535BA5BCD7E0BC3CBE26BDBC2209FFBBD74E1CBC267026B9DFD69B3C379406BD615A22BCD9785BBC84AF03BC5CDDF7BCA00F74BC528C3E3CD35EBBBCD9B9703CD5E7EB3C40C0983CD81E9CBCC0DE6C3C028A873BF2D41CBC2AF2DCBC2A6E1D3A69C36EBCC58C423C1D248FBCACFE61BB391B233CBDCB083DA2CB0CBDDB2CBD3A2D81243D64A3D83B695F9DBC3F8F9EBC20DFDABC492C83BB5422C13AF7DD1BBBDE954E3BDB95803C7F3C8A3CF53CFEBC257E1BBC495CA5BC9C345D3D0DF02B3D9000663C92B0003DC6FE85BCB5ED9EBCB9FDA73979E7DBBCB97121BDF0D10D3D0A1C153D4588E5BC4948D339D45FA3BC6AEDEA3C7971B9BA54C91CBC9202B73C584BBFBC78DEBF3CA26B163C8C2C163A3992293C1CEC3EBC1BF7073C984D5E3C2738E93B2BC8AC3CD25A253D2EF6053D7D1C24BC3D27D83C77F5633C8638E83B370FE9BC0658D0BC90378FBC670A22BCB503CCBC6D0EC7BCF8E4CE3C2D40293C86713A3B073E3EBB9143823DAEA340BBEAF3C5BB59DA3F3C34F5D4381C53CDBCCF319D3BEEC62FBBA3F6FC3B20E800BDC32811BD73F531BB0982E8BC609736BC277D033AE63ABCBB706FF53B4A21C6BC6BA7C9BCD8E36D3C7F46143D23CF72BC15AA5A3BE527A4BC5D6192BB1D188B3C87E82FBC53A5893B77B3C6BAA6136F3CE95C113C0B73CC3A8B791C3CC2F7FEBC4747393CDBDDEABB3B37DC3C7802AA3CAF4DBD3BD0F5413D30BF7FBB8EE1E63C8C2ED73B4A16AB3B764F213CD04E86BCB916A4BC0DFF0A3D9E6D623CEFE3803C279B28BC6940A43C90396DBC59E6B13B39A2FF3B3BA5DBBB5EF1D33CAC6BFF3A12567B3B2185DEBA429062BB6C55E23C1166003DF4B303BD6635D93BD79FC2BB583CBBBA776F9EBB262A243C86B0483CEB5492BA21B727BC",
      torch_tensor_32_torch.float32: "0x040000000000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F",
      torch_tensor_4_torch.float32: "0x040000000000803FCDCCCC3D0AD7233C6F12833A"
    }
  }
#-}
