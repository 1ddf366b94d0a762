#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0) -> (d0)>
#map2 = affine_map<(d0, d1) -> (0, d1)>
#map3 = affine_map<(d0, d1) -> (d0, 0)>
#map4 = affine_map<(d0, d1) -> (d0, d1)>
#map5 = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
#map6 = affine_map<(d0, d1, d2, d3) -> ()>
#map7 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map8 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
module {
  func.func @main(%arg0: tensor<?x?x192xf32>) -> tensor<?x?x64xf32> {
    %c64_i64 = arith.constant 64 : i64
    %c1_i64 = arith.constant 1 : i64
    %c0_i64 = arith.constant 0 : i64
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %cst = arith.constant 0.000000e+00 : f32
    %c4_i64 = arith.constant 4 : i64
    %c16_i64 = arith.constant 16 : i64
    %cst_0 = arith.constant 0xFF800000 : f32
    %cst_1 = arith.constant dense<0xFF800000> : tensor<f32>
    %cst_2 = arith.constant 2.500000e-01 : f32
    %dim = tensor.dim %arg0, %c0 : tensor<?x?x192xf32>
    %0 = arith.index_cast %dim : index to i64
    %dim_3 = tensor.dim %arg0, %c1 : tensor<?x?x192xf32>
    %1 = arith.index_cast %dim_3 : index to i64
    %extracted_slice = tensor.extract_slice %arg0[0, 0, 0] [%dim, %dim_3, 64] [1, 1, 1] : tensor<?x?x192xf32> to tensor<?x?x64xf32>
    %extracted_slice_4 = tensor.extract_slice %arg0[0, 0, 64] [%dim, %dim_3, 64] [1, 1, 1] : tensor<?x?x192xf32> to tensor<?x?x64xf32>
    %extracted_slice_5 = tensor.extract_slice %arg0[0, 0, 128] [%dim, %dim_3, 64] [1, 1, 1] : tensor<?x?x192xf32> to tensor<?x?x64xf32>
    %2 = arith.cmpi slt, %0, %c0_i64 : i64
    %3 = arith.select %2, %c1_i64, %0 : i64
    %4 = arith.extui %2 : i1 to i64
    %5 = arith.muli %3, %1 : i64
    %6 = arith.addi %4, %c1_i64 : i64
    %7 = arith.cmpi slt, %1, %c0_i64 : i64
    %8 = arith.select %7, %3, %5 : i64
    %9 = arith.select %7, %6, %4 : i64
    %10 = arith.muli %8, %c64_i64 : i64
    %11 = arith.cmpi sle, %9, %c1_i64 : i64
    cf.assert %11, "must have at most one inferred (negative) dimension"
    %12 = arith.muli %0, %1 : i64
    %13 = arith.muli %12, %c64_i64 : i64
    %14 = arith.divsi %13, %10 : i64
    %15 = arith.select %2, %14, %0 : i64
    %16 = arith.select %7, %14, %1 : i64
    %from_elements = tensor.from_elements %15, %16, %c4_i64, %c16_i64 : tensor<4xi64>
    %reshape = tensor.reshape %extracted_slice(%from_elements) : (tensor<?x?x64xf32>, tensor<4xi64>) -> tensor<?x?x4x16xf32>
    %17 = arith.index_cast %15 : i64 to index
    %18 = arith.index_cast %16 : i64 to index
    %19 = tensor.empty(%17, %18) : tensor<?x4x?x16xf32>
    %transposed = linalg.transpose ins(%reshape : tensor<?x?x4x16xf32>) outs(%19 : tensor<?x4x?x16xf32>) permutation = [0, 2, 1, 3] 
    cf.assert %11, "must have at most one inferred (negative) dimension"
    %reshape_6 = tensor.reshape %extracted_slice_4(%from_elements) : (tensor<?x?x64xf32>, tensor<4xi64>) -> tensor<?x?x4x16xf32>
    cf.assert %11, "must have at most one inferred (negative) dimension"
    %reshape_7 = tensor.reshape %extracted_slice_5(%from_elements) : (tensor<?x?x64xf32>, tensor<4xi64>) -> tensor<?x?x4x16xf32>
    %transposed_8 = linalg.transpose ins(%reshape_7 : tensor<?x?x4x16xf32>) outs(%19 : tensor<?x4x?x16xf32>) permutation = [0, 2, 1, 3] 
    %20 = tensor.empty(%17, %18) : tensor<?x4x16x?xf32>
    %transposed_9 = linalg.transpose ins(%reshape_6 : tensor<?x?x4x16xf32>) outs(%20 : tensor<?x4x16x?xf32>) permutation = [0, 2, 3, 1] 
    %21 = arith.muli %0, %c4_i64 : i64
    %22 = arith.cmpi sge, %0, %c0_i64 : i64
    cf.assert %22, "unimplemented: dynamic negative broadcast sizes"
    %23 = arith.cmpi sge, %1, %c0_i64 : i64
    cf.assert %23, "unimplemented: dynamic negative broadcast sizes"
    %24 = tensor.empty(%dim, %dim_3) : tensor<?x4x?x16xf32>
    %25 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%24 : tensor<?x4x?x16xf32>) {
    ^bb0(%out: f32):
      %125 = linalg.index 0 : index
      %126 = linalg.index 1 : index
      %127 = linalg.index 2 : index
      %128 = linalg.index 3 : index
      %129 = arith.cmpi eq, %17, %c1 : index
      %130 = arith.select %129, %c0, %125 : index
      %131 = arith.cmpi eq, %18, %c1 : index
      %132 = arith.select %131, %c0, %127 : index
      %extracted = tensor.extract %transposed[%130, %126, %132, %128] : tensor<?x4x?x16xf32>
      linalg.yield %extracted : f32
    } -> tensor<?x4x?x16xf32>
    %26 = arith.cmpi slt, %21, %c0_i64 : i64
    %27 = arith.select %26, %c1_i64, %21 : i64
    %28 = arith.extui %26 : i1 to i64
    %29 = arith.muli %27, %1 : i64
    %30 = arith.addi %28, %c1_i64 : i64
    %31 = arith.select %7, %27, %29 : i64
    %32 = arith.select %7, %30, %28 : i64
    %33 = arith.muli %31, %c16_i64 : i64
    %34 = arith.cmpi sle, %32, %c1_i64 : i64
    cf.assert %34, "must have at most one inferred (negative) dimension"
    %35 = arith.muli %21, %1 : i64
    %36 = arith.muli %35, %c16_i64 : i64
    %37 = arith.divsi %36, %33 : i64
    %38 = arith.select %26, %37, %21 : i64
    %39 = arith.select %7, %37, %1 : i64
    %from_elements_10 = tensor.from_elements %38, %39, %c16_i64 : tensor<3xi64>
    %reshape_11 = tensor.reshape %25(%from_elements_10) : (tensor<?x4x?x16xf32>, tensor<3xi64>) -> tensor<?x?x16xf32>
    cf.assert %22, "unimplemented: dynamic negative broadcast sizes"
    cf.assert %23, "unimplemented: dynamic negative broadcast sizes"
    %40 = tensor.empty(%dim, %dim_3) : tensor<?x4x16x?xf32>
    %41 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%40 : tensor<?x4x16x?xf32>) {
    ^bb0(%out: f32):
      %125 = linalg.index 0 : index
      %126 = linalg.index 1 : index
      %127 = linalg.index 2 : index
      %128 = linalg.index 3 : index
      %129 = arith.cmpi eq, %17, %c1 : index
      %130 = arith.select %129, %c0, %125 : index
      %131 = arith.cmpi eq, %18, %c1 : index
      %132 = arith.select %131, %c0, %128 : index
      %extracted = tensor.extract %transposed_9[%130, %126, %127, %132] : tensor<?x4x16x?xf32>
      linalg.yield %extracted : f32
    } -> tensor<?x4x16x?xf32>
    %42 = arith.muli %27, %c16_i64 : i64
    %43 = arith.muli %42, %1 : i64
    %44 = arith.select %7, %42, %43 : i64
    cf.assert %34, "must have at most one inferred (negative) dimension"
    %45 = arith.muli %0, %c64_i64 : i64
    %46 = arith.muli %45, %1 : i64
    %47 = arith.divsi %46, %44 : i64
    %48 = arith.select %26, %47, %21 : i64
    %49 = arith.select %7, %47, %1 : i64
    %from_elements_12 = tensor.from_elements %48, %c16_i64, %49 : tensor<3xi64>
    %reshape_13 = tensor.reshape %41(%from_elements_12) : (tensor<?x4x16x?xf32>, tensor<3xi64>) -> tensor<?x16x?xf32>
    %50 = arith.index_cast %38 : i64 to index
    %51 = arith.index_cast %39 : i64 to index
    %52 = arith.index_cast %49 : i64 to index
    %53 = arith.cmpi eq, %38, %48 : i64
    cf.assert %53, "mismatching contracting dimension"
    %54 = tensor.empty(%50, %51, %52) : tensor<?x?x?xf32>
    %55 = linalg.fill ins(%cst : f32) outs(%54 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
    %56 = linalg.batch_matmul ins(%reshape_11, %reshape_13 : tensor<?x?x16xf32>, tensor<?x16x?xf32>) outs(%55 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
    %57 = arith.muli %3, %c4_i64 : i64
    %58 = arith.muli %57, %1 : i64
    %59 = arith.select %7, %57, %58 : i64
    %60 = arith.muli %59, %1 : i64
    %61 = arith.addi %9, %c1_i64 : i64
    %62 = arith.select %7, %57, %60 : i64
    %63 = arith.select %7, %61, %4 : i64
    %64 = arith.cmpi sle, %63, %c1_i64 : i64
    cf.assert %64, "must have at most one inferred (negative) dimension"
    %65 = arith.muli %38, %39 : i64
    %66 = arith.muli %65, %49 : i64
    %67 = arith.divsi %66, %62 : i64
    %68 = arith.select %2, %67, %0 : i64
    %69 = arith.select %7, %67, %1 : i64
    %from_elements_14 = tensor.from_elements %68, %c4_i64, %69, %69 : tensor<4xi64>
    %reshape_15 = tensor.reshape %56(%from_elements_14) : (tensor<?x?x?xf32>, tensor<4xi64>) -> tensor<?x4x?x?xf32>
    %70 = arith.index_cast %68 : i64 to index
    %71 = arith.index_cast %69 : i64 to index
    %72 = tensor.empty(%70, %71, %71) : tensor<?x4x?x?xf32>
    %73 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%reshape_15 : tensor<?x4x?x?xf32>) outs(%72 : tensor<?x4x?x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %125 = arith.mulf %in, %cst_2 : f32
      linalg.yield %125 : f32
    } -> tensor<?x4x?x?xf32>
    %74 = tensor.empty(%dim_3) : tensor<?xi64>
    %75 = linalg.generic {indexing_maps = [#map1], iterator_types = ["parallel"]} outs(%74 : tensor<?xi64>) {
    ^bb0(%out: i64):
      %125 = linalg.index 0 : index
      %126 = arith.index_cast %125 : index to i64
      linalg.yield %126 : i64
    } -> tensor<?xi64>
    %expanded = tensor.expand_shape %75 [[0, 1]] output_shape [1, %dim_3] : tensor<?xi64> into tensor<1x?xi64>
    %expanded_16 = tensor.expand_shape %75 [[0, 1]] output_shape [%dim_3, 1] : tensor<?xi64> into tensor<?x1xi64>
    %76 = tensor.empty(%dim_3, %dim_3) : tensor<?x?xi1>
    %77 = linalg.generic {indexing_maps = [#map2, #map3, #map4], iterator_types = ["parallel", "parallel"]} ins(%expanded, %expanded_16 : tensor<1x?xi64>, tensor<?x1xi64>) outs(%76 : tensor<?x?xi1>) {
    ^bb0(%in: i64, %in_26: i64, %out: i1):
      %125 = arith.cmpi sgt, %in, %in_26 : i64
      linalg.yield %125 : i1
    } -> tensor<?x?xi1>
    %78 = arith.cmpi eq, %dim_3, %71 : index
    cf.assert %78, "mismatched size for broadcast"
    cf.assert %78, "mismatched size for broadcast"
    %79 = tensor.empty(%70, %dim_3, %dim_3) : tensor<?x4x?x?xf32>
    %80 = linalg.generic {indexing_maps = [#map5, #map6, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%77, %cst_1, %73 : tensor<?x?xi1>, tensor<f32>, tensor<?x4x?x?xf32>) outs(%79 : tensor<?x4x?x?xf32>) {
    ^bb0(%in: i1, %in_26: f32, %in_27: f32, %out: f32):
      %125 = arith.select %in, %in_26, %in_27 : f32
      linalg.yield %125 : f32
    } -> tensor<?x4x?x?xf32>
    %81 = tensor.empty(%70, %dim_3) : tensor<?x4x?xi64>
    %82 = linalg.fill ins(%c0_i64 : i64) outs(%81 : tensor<?x4x?xi64>) -> tensor<?x4x?xi64>
    %83 = tensor.empty(%70, %dim_3) : tensor<?x4x?xf32>
    %84 = linalg.fill ins(%cst_0 : f32) outs(%83 : tensor<?x4x?xf32>) -> tensor<?x4x?xf32>
    %85:2 = linalg.generic {indexing_maps = [#map, #map7, #map7], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%80 : tensor<?x4x?x?xf32>) outs(%84, %82 : tensor<?x4x?xf32>, tensor<?x4x?xi64>) {
    ^bb0(%in: f32, %out: f32, %out_26: i64):
      %125 = linalg.index 3 : index
      %126 = arith.index_cast %125 : index to i64
      %127 = arith.maximumf %in, %out : f32
      %128 = arith.cmpf ogt, %in, %out : f32
      %129 = arith.select %128, %126, %out_26 : i64
      linalg.yield %127, %129 : f32, i64
    } -> (tensor<?x4x?xf32>, tensor<?x4x?xi64>)
    %expanded_17 = tensor.expand_shape %85#0 [[0], [1], [2, 3]] output_shape [%70, 4, %dim_3, 1] : tensor<?x4x?xf32> into tensor<?x4x?x1xf32>
    %86 = linalg.generic {indexing_maps = [#map, #map8, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%80, %expanded_17 : tensor<?x4x?x?xf32>, tensor<?x4x?x1xf32>) outs(%79 : tensor<?x4x?x?xf32>) {
    ^bb0(%in: f32, %in_26: f32, %out: f32):
      %125 = arith.subf %in, %in_26 : f32
      linalg.yield %125 : f32
    } -> tensor<?x4x?x?xf32>
    %87 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%86 : tensor<?x4x?x?xf32>) outs(%79 : tensor<?x4x?x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %125 = math.exp %in : f32
      linalg.yield %125 : f32
    } -> tensor<?x4x?x?xf32>
    %88 = tensor.empty(%70, %dim_3) : tensor<?x4x?x1xf32>
    %89 = linalg.fill ins(%cst : f32) outs(%88 : tensor<?x4x?x1xf32>) -> tensor<?x4x?x1xf32>
    %90 = linalg.generic {indexing_maps = [#map, #map8], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%87 : tensor<?x4x?x?xf32>) outs(%89 : tensor<?x4x?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %125 = arith.addf %in, %out : f32
      linalg.yield %125 : f32
    } -> tensor<?x4x?x1xf32>
    %91 = linalg.generic {indexing_maps = [#map, #map8, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%87, %90 : tensor<?x4x?x?xf32>, tensor<?x4x?x1xf32>) outs(%79 : tensor<?x4x?x?xf32>) {
    ^bb0(%in: f32, %in_26: f32, %out: f32):
      %125 = arith.divf %in, %in_26 : f32
      linalg.yield %125 : f32
    } -> tensor<?x4x?x?xf32>
    cf.assert %22, "unimplemented: dynamic negative broadcast sizes"
    cf.assert %23, "unimplemented: dynamic negative broadcast sizes"
    cf.assert %23, "unimplemented: dynamic negative broadcast sizes"
    %92 = tensor.empty(%dim, %dim_3, %dim_3) : tensor<?x4x?x?xf32>
    %93 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%92 : tensor<?x4x?x?xf32>) {
    ^bb0(%out: f32):
      %125 = linalg.index 0 : index
      %126 = linalg.index 1 : index
      %127 = linalg.index 2 : index
      %128 = linalg.index 3 : index
      %129 = arith.cmpi eq, %70, %c1 : index
      %130 = arith.select %129, %c0, %125 : index
      %131 = arith.cmpi eq, %dim_3, %c1 : index
      %132 = arith.select %131, %c0, %127 : index
      %133 = arith.select %131, %c0, %128 : index
      %extracted = tensor.extract %91[%130, %126, %132, %133] : tensor<?x4x?x?xf32>
      linalg.yield %extracted : f32
    } -> tensor<?x4x?x?xf32>
    %94 = arith.muli %31, %1 : i64
    %95 = arith.addi %32, %c1_i64 : i64
    %96 = arith.select %7, %27, %94 : i64
    %97 = arith.select %7, %95, %28 : i64
    %98 = arith.cmpi sle, %97, %c1_i64 : i64
    cf.assert %98, "must have at most one inferred (negative) dimension"
    %99 = arith.muli %35, %1 : i64
    %100 = arith.divsi %99, %96 : i64
    %101 = arith.select %26, %100, %21 : i64
    %102 = arith.select %7, %100, %1 : i64
    %from_elements_18 = tensor.from_elements %101, %102, %102 : tensor<3xi64>
    %reshape_19 = tensor.reshape %93(%from_elements_18) : (tensor<?x4x?x?xf32>, tensor<3xi64>) -> tensor<?x?x?xf32>
    cf.assert %22, "unimplemented: dynamic negative broadcast sizes"
    cf.assert %23, "unimplemented: dynamic negative broadcast sizes"
    %103 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%24 : tensor<?x4x?x16xf32>) {
    ^bb0(%out: f32):
      %125 = linalg.index 0 : index
      %126 = linalg.index 1 : index
      %127 = linalg.index 2 : index
      %128 = linalg.index 3 : index
      %129 = arith.cmpi eq, %17, %c1 : index
      %130 = arith.select %129, %c0, %125 : index
      %131 = arith.cmpi eq, %18, %c1 : index
      %132 = arith.select %131, %c0, %127 : index
      %extracted = tensor.extract %transposed_8[%130, %126, %132, %128] : tensor<?x4x?x16xf32>
      linalg.yield %extracted : f32
    } -> tensor<?x4x?x16xf32>
    cf.assert %34, "must have at most one inferred (negative) dimension"
    %reshape_20 = tensor.reshape %103(%from_elements_10) : (tensor<?x4x?x16xf32>, tensor<3xi64>) -> tensor<?x?x16xf32>
    %104 = arith.index_cast %101 : i64 to index
    %105 = arith.index_cast %102 : i64 to index
    %106 = arith.cmpi eq, %101, %38 : i64
    cf.assert %106, "mismatching contracting dimension"
    %107 = arith.cmpi eq, %102, %39 : i64
    cf.assert %107, "mismatching contracting dimension"
    %108 = tensor.empty(%104, %105) : tensor<?x?x16xf32>
    %109 = linalg.fill ins(%cst : f32) outs(%108 : tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
    %110 = linalg.batch_matmul ins(%reshape_19, %reshape_20 : tensor<?x?x?xf32>, tensor<?x?x16xf32>) outs(%109 : tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
    %111 = arith.muli %59, %c16_i64 : i64
    cf.assert %11, "must have at most one inferred (negative) dimension"
    %112 = arith.muli %101, %102 : i64
    %113 = arith.muli %112, %c16_i64 : i64
    %114 = arith.divsi %113, %111 : i64
    %115 = arith.select %2, %114, %0 : i64
    %116 = arith.select %7, %114, %1 : i64
    %from_elements_21 = tensor.from_elements %115, %c4_i64, %116, %c16_i64 : tensor<4xi64>
    %reshape_22 = tensor.reshape %110(%from_elements_21) : (tensor<?x?x16xf32>, tensor<4xi64>) -> tensor<?x4x?x16xf32>
    %117 = arith.index_cast %115 : i64 to index
    %118 = arith.index_cast %116 : i64 to index
    %119 = tensor.empty(%117, %118) : tensor<?x?x4x16xf32>
    %transposed_23 = linalg.transpose ins(%reshape_22 : tensor<?x4x?x16xf32>) outs(%119 : tensor<?x?x4x16xf32>) permutation = [0, 2, 1, 3] 
    cf.assert %11, "must have at most one inferred (negative) dimension"
    %120 = arith.muli %115, %116 : i64
    %121 = arith.muli %120, %c64_i64 : i64
    %122 = arith.divsi %121, %10 : i64
    %123 = arith.select %2, %122, %0 : i64
    %124 = arith.select %7, %122, %1 : i64
    %from_elements_24 = tensor.from_elements %123, %124, %c64_i64 : tensor<3xi64>
    %reshape_25 = tensor.reshape %transposed_23(%from_elements_24) : (tensor<?x?x4x16xf32>, tensor<3xi64>) -> tensor<?x?x64xf32>
    return %reshape_25 : tensor<?x?x64xf32>
  }
}
