#map = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map3 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
"builtin.module"() ({
  "func.func"() <{function_type = (tensor<2x4x6x16xf16>, tensor<2x2x10x16xf16>, tensor<2x2x10x16xf16>, tensor<2x1x6x10xi1>) -> tensor<2x4x6x16xf16>, sym_name = "main"}> ({
  ^bb0(%arg0: tensor<2x4x6x16xf16>, %arg1: tensor<2x2x10x16xf16>, %arg2: tensor<2x2x10x16xf16>, %arg3: tensor<2x1x6x10xi1>):
    %0 = "arith.constant"() <{value = 0.000000e+00 : f16}> : () -> f16
    %1 = "tensor.empty"() : () -> tensor<2x4x6x10xi1>
    %2 = "linalg.generic"(%arg3, %1) <{indexing_maps = [#map, #map1], iterator_types = [#linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg10: i1, %arg11: i1):
      "linalg.yield"(%arg10) : (i1) -> ()
    }) : (tensor<2x1x6x10xi1>, tensor<2x4x6x10xi1>) -> tensor<2x4x6x10xi1>
    %3 = "tensor.empty"() : () -> tensor<2x2x2x10x16xf16>
    %4 = "linalg.generic"(%arg1, %3) <{indexing_maps = [#map2, #map3], iterator_types = [#linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg8: f16, %arg9: f16):
      "linalg.yield"(%arg8) : (f16) -> ()
    }) : (tensor<2x2x10x16xf16>, tensor<2x2x2x10x16xf16>) -> tensor<2x2x2x10x16xf16>
    %5 = "tensor.collapse_shape"(%4) <{reassociation = [[0], [1, 2], [3], [4]]}> : (tensor<2x2x2x10x16xf16>) -> tensor<2x4x10x16xf16>
    %6 = "linalg.generic"(%arg2, %3) <{indexing_maps = [#map2, #map3], iterator_types = [#linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg6: f16, %arg7: f16):
      "linalg.yield"(%arg6) : (f16) -> ()
    }) : (tensor<2x2x10x16xf16>, tensor<2x2x2x10x16xf16>) -> tensor<2x2x2x10x16xf16>
    %7 = "tensor.collapse_shape"(%6) <{reassociation = [[0], [1, 2], [3], [4]]}> : (tensor<2x2x2x10x16xf16>) -> tensor<2x4x10x16xf16>
    %8 = "tensor.collapse_shape"(%arg0) <{reassociation = [[0, 1], [2], [3]]}> : (tensor<2x4x6x16xf16>) -> tensor<8x6x16xf16>
    %9 = "tensor.collapse_shape"(%5) <{reassociation = [[0, 1], [2], [3]]}> : (tensor<2x4x10x16xf16>) -> tensor<8x10x16xf16>
    %10 = "tensor.collapse_shape"(%7) <{reassociation = [[0, 1], [2], [3]]}> : (tensor<2x4x10x16xf16>) -> tensor<8x10x16xf16>
    %11 = "tensor.collapse_shape"(%2) <{reassociation = [[0, 1], [2], [3]]}> : (tensor<2x4x6x10xi1>) -> tensor<8x6x10xi1>
    %12 = "tensor.empty"() : () -> tensor<8x6x16xf16>
    %13 = "linalg.fill"(%0, %12) <{operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg4: f16, %arg5: f16):
      "linalg.yield"(%arg4) : (f16) -> ()
    }) : (f16, tensor<8x6x16xf16>) -> tensor<8x6x16xf16>
    %14 = "tm_tensor.attention"(%8, %9, %10, %11, %13) <{operandSegmentSizes = array<i32: 4, 1>, scale = 2.000000e-01 : f64}> : (tensor<8x6x16xf16>, tensor<8x10x16xf16>, tensor<8x10x16xf16>, tensor<8x6x10xi1>, tensor<8x6x16xf16>) -> tensor<8x6x16xf16>
    %15 = "tensor.expand_shape"(%14) <{reassociation = [[0, 1], [2], [3]], static_output_shape = array<i64: 2, 4, 6, 16>}> : (tensor<8x6x16xf16>) -> tensor<2x4x6x16xf16>
    "func.return"(%15) : (tensor<2x4x6x16xf16>) -> ()
  }) : () -> ()
}) : () -> ()
