#map = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map2 = affine_map<()[s0] -> (s0 * 4)>
"builtin.module"() ({
  "func.func"() <{function_type = (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x1x?x?xf32>) -> tensor<?x4x?x16xf32>, sym_name = "main"}> ({
  ^bb0(%arg0: tensor<?x4x?x16xf32>, %arg1: tensor<?x4x?x16xf32>, %arg2: tensor<?x4x?x16xf32>, %arg3: tensor<?x1x?x?xf32>):
    %0 = "arith.constant"() <{value = 0 : index}> : () -> index
    %1 = "arith.constant"() <{value = 2 : index}> : () -> index
    %2 = "arith.constant"() <{value = 1 : index}> : () -> index
    %3 = "arith.constant"() <{value = 0.000000e+00 : f32}> : () -> f32
    %4 = "arith.constant"() <{value = 4 : index}> : () -> index
    %5 = "tensor.dim"(%arg0, %0) : (tensor<?x4x?x16xf32>, index) -> index
    %6 = "tensor.dim"(%arg0, %1) : (tensor<?x4x?x16xf32>, index) -> index
    %7 = "tensor.dim"(%arg1, %1) : (tensor<?x4x?x16xf32>, index) -> index
    %8 = "tensor.empty"(%5, %6, %7) : (index, index, index) -> tensor<?x4x?x?xf32>
    %9 = "linalg.generic"(%arg3, %8) <{indexing_maps = [#map, #map1], iterator_types = [#linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>, #linalg.iterator_type<parallel>], operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg6: f32, %arg7: f32):
      "linalg.yield"(%arg6) : (f32) -> ()
    }) : (tensor<?x1x?x?xf32>, tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
    %10 = "tensor.collapse_shape"(%arg0) <{reassociation = [[0, 1], [2], [3]]}> : (tensor<?x4x?x16xf32>) -> tensor<?x?x16xf32>
    %11 = "tensor.collapse_shape"(%arg1) <{reassociation = [[0, 1], [2], [3]]}> : (tensor<?x4x?x16xf32>) -> tensor<?x?x16xf32>
    %12 = "tensor.collapse_shape"(%arg2) <{reassociation = [[0, 1], [2], [3]]}> : (tensor<?x4x?x16xf32>) -> tensor<?x?x16xf32>
    %13 = "tensor.collapse_shape"(%9) <{reassociation = [[0, 1], [2], [3]]}> : (tensor<?x4x?x?xf32>) -> tensor<?x?x?xf32>
    %14 = "affine.apply"(%5) <{map = #map2}> : (index) -> index
    %15 = "tensor.empty"(%14, %6) : (index, index) -> tensor<?x?x16xf32>
    %16 = "linalg.fill"(%3, %15) <{operandSegmentSizes = array<i32: 1, 1>}> ({
    ^bb0(%arg4: f32, %arg5: f32):
      "linalg.yield"(%arg4) : (f32) -> ()
    }) : (f32, tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
    %17 = "tm_tensor.attention"(%10, %11, %12, %13, %16) <{operandSegmentSizes = array<i32: 4, 1>}> : (tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x?xf32>, tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
    %18 = "tensor.dim"(%17, %0) : (tensor<?x?x16xf32>, index) -> index
    %19 = "tensor.dim"(%17, %2) : (tensor<?x?x16xf32>, index) -> index
    %20 = "arith.divsi"(%18, %4) : (index, index) -> index
    %21 = "tensor.expand_shape"(%17, %20, %19) <{reassociation = [[0, 1], [2], [3]], static_output_shape = array<i64: -9223372036854775808, 4, -9223372036854775808, 16>}> : (tensor<?x?x16xf32>, index, index) -> tensor<?x4x?x16xf32>
    "func.return"(%21) : (tensor<?x4x?x16xf32>) -> ()
  }) : () -> ()
}) : () -> ()
