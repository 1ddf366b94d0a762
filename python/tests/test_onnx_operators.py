"""mfa.onnx.lower: operators around attention, beside the ONNX package's reference
implementation."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import refused

onnx = pytest.importorskip("onnx", minversion="1.19")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from test_onnx import F32, I64, check_model, make_model, needs_tool  # noqa: E402

import mfa.onnx  # noqa: E402

F16, BOOL, F64 = TensorProto.FLOAT16, TensorProto.BOOL, TensorProto.DOUBLE
I32 = TensorProto.INT32
_x = np.arange(-12, 12).reshape(2, 3, 4)


def _f(array):
    return array.astype(np.float32) / 4


OPERATORS = {
    "Identity": ({}, [_f(_x)], []),
    "Transpose": ({"perm": [2, 0, 1]}, [_f(_x)], []),
    "Transpose reversed": ({}, [_f(_x)], []),
    "Reshape": ({}, [_f(_x)], [np.array([4, -1])]),
    "Reshape of the end": ({}, [_f(_x)], [np.array([0, 2, 6])]),
    "Reshape to one": ({}, [_f(_x)], [np.array([-1])]),
    "Reshape with a 1": ({}, [_f(_x)], [np.array([2, 3, 4, 1])]),
    "Reshape without it": ({}, [_f(_x)[:, :, :1]], [np.array([2, 3])]),
    "Reshape of a number": ({}, [np.float32(3)], [np.array([1, 1])]),
    "Unsqueeze": ({}, [_f(_x)], [np.array([0, -1, 2])]),
    "Reshape of the middle": ({}, [_f(_x)[None]], [np.array([1, 3, 2, 4])]),
    "Reshape of the front": ({}, [_f(_x)], [np.array([-1, 4])]),
    "Reshape with ones": ({}, [_f(_x)], [np.array([1, 2, 3, 1, 4])]),
    "Reshape to a number": ({}, [_f(_x)[:1, :1, :1]], [np.array([], np.int64)]),
    "Squeeze": ({}, [_f(_x)[:, :1, None]], [np.array([1, -2])]),
    "Squeeze all": ({}, [_f(_x)[:1, :1]], []),
    "Split": ({"axis": 1, "num_outputs": 2}, [_f(_x)], []),
    "Split by sizes": ({"axis": -1}, [_f(_x)], [np.array([1, 3])]),
    "Gather": ({}, [_f(_x), np.array([[1, 0], [-1, 1]])], []),
    "Gather a row": ({}, [_f(_x), np.int64(-1)], []),
    "Gather columns": ({"axis": 1}, [_f(_x), np.array([[1, 0], [-1, 1]])], []),
    "Gather a column": ({"axis": -1}, [_f(_x), np.int64(2)], []),
    "Gather by i32": ({}, [_f(_x), np.array([1, 0], np.int32)], []),
    "GatherElements": (
        {"axis": 1},
        [_f(_x), np.arange(-3, 3).reshape(1, 6, 1).repeat(2, 0).repeat(4, 2)],
        [],
    ),
    "Slice": ({}, [_f(_x)], [np.array([1, -3]), np.array([9, -1]), np.array([1, -1])]),
    "Slice of the front": ({}, [_f(_x)], [np.array([0]), np.array([1])]),
    "Slice of nothing": ({}, [_f(_x)], [np.array([0]), np.array([2**63 - 1])]),
    "Slice by steps": (
        {},
        [_f(_x)],
        [np.array([1])] * 2 + [np.array([0]), np.array([1])],
    ),
    "Expand": ({}, [_f(_x)[:, :1]], [np.array([2, 3, 1])]),
    "Expand by dimensions": ({}, [_f(_x)[0, :1]], [np.array([2, 3, 4])]),
    "Expand less": ({}, [_f(_x)], [np.array([1])]),
    "Gemm": ({}, [_f(_x)[0], _f(_x)[1].T], []),
    "Gemm of transposed": (
        {"alpha": 0.5, "beta": 2.0, "transA": 1, "transB": 1},
        [_f(_x)[0].T, _f(_x)[1], _f(_x)[0, 0, :3]],
        [],
    ),
    "Gemm with a matrix": ({"transB": 1}, [_f(_x)[0], _f(_x)[1], _f(_x)[0, :, :3]], []),
    "Pow": ({}, [np.abs(_f(_x)), np.float32(2.5)], []),
    "Pow by integers": ({}, [_f(_x), np.int64(3)], []),
    "Shape": ({}, [_f(_x)], []),
    "Shape of the end": ({"start": -2}, [_f(_x)], []),
    "Erf": ({}, [_f(_x)], []),
    "Exp": ({}, [_f(_x)], []),
    "Exp of f16": ({}, [_f(_x).astype(np.float16)], []),
    "Gelu": ({}, [_f(_x)], []),
    "Gelu by tanh": ({"approximate": "tanh"}, [_f(_x)], []),
    "Neg": ({}, [_f(_x)], []),
    "Relu": ({}, [_f(_x)], []),
    "Sigmoid": ({}, [_f(_x)], []),
    "Sqrt": ({}, [np.abs(_f(_x))], []),
    "Tanh": ({}, [_f(_x)], []),
    "LayerNormalization": ({}, [_f(_x), _f(_x)[0, 0], _f(_x)[0, 1]], []),
    "LayerNormalization without bias": ({}, [_f(_x) + 100, _f(_x)[0, 0]], []),
    "LayerNormalization of f16": (
        {"epsilon": 1e-3},
        [_f(_x).astype(np.float16), _f(_x)[0, 0].astype(np.float16)],
        [],
    ),
    "RMSNormalization": ({"axis": 2}, [_f(_x), _f(_x)[0, 0]], []),
    "Concat": ({"axis": 1}, [_f(_x), _f(_x)[:, :2]], []),
    "Concat of the end": ({"axis": -1}, [_f(_x), _f(_x)], []),
    "Add": ({}, [_f(_x), _f(_x)[:1, :, :1]], []),
    "Add with a row": ({}, [_f(_x), _f(_x)[0, 0]], []),
    "Add of integers": ({}, [_x, _x], []),
    "Add of ones": ({}, [_f(_x)[:, :1], _f(_x)[:1, :1]], []),
    "Sub": ({}, [_f(_x)[0, 0], _f(_x)], []),
    "Mul": ({}, [_f(_x), np.float32(3)], []),
    "Div": ({}, [_f(_x), np.float32(3)], []),
    "Max": ({}, [_f(_x), np.float32(1)], []),
    "Min": ({}, [_x, np.int64(1)], []),
    "And": ({}, [_x > 0, _x % 2 == 0], []),
    "Or": ({}, [_x > 0, _x % 2 == 0], []),
    "MatMul": ({}, [_f(_x), _f(_x).transpose(0, 2, 1)], []),
    "MatMul of batches": (
        {},
        [_f(_x)[:, None], _f(_x)[None, 0].swapaxes(-1, -2)[None]],
        [],
    ),
    "MatMul of one matrix": ({}, [_f(_x), _f(_x)[0].T], []),
    "MatMul of f16": ({}, [_f(_x).astype(np.float16), _f(_x)[0].T.astype("e")], []),
    "Cast": ({"to": F16}, [_f(_x)], []),
    "Cast to f64": ({"to": F64}, [_f(_x)], []),
    "Cast to i32": ({"to": I32}, [_f(_x)], []),
    "Cast to bool": ({"to": BOOL}, [_f(_x)], []),
    "Cast of bool": ({"to": F32}, [_x > 0], []),
    "Cast of bool to i64": ({"to": I64}, [_x > 0], []),
    "Cast of i64": ({"to": F32}, [_x], []),
    "Cast of i64 to i32": ({"to": I32}, [_x], []),
    "Cast of i64 to bool": ({"to": BOOL}, [_x], []),
    "Cast to itself": ({"to": F32}, [_f(_x)], []),
}


@needs_tool
@pytest.mark.parametrize("name", OPERATORS)
def test_operator(name, tmp_path):
    attributes, inputs, constants = OPERATORS[name]
    inputs = [np.asarray(x) for x in inputs]
    names = [f"x{i}" for i in range(len(inputs))]
    named = [(f"c{i}", x) for i, x in enumerate(constants)]
    operator = name.partition(" ")[0]
    outputs = ["y", "z"] if operator == "Split" else ["y"]
    node = helper.make_node(
        operator, names + [name for name, _ in named], outputs, **attributes
    )
    given = [
        (x, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for x, array in zip(names, inputs)
    ]
    model = make_model([node], given, [(name, 0, None) for name in outputs], named)
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    check_model(model, inputs, tmp_path)


@needs_tool
def test_constants(tmp_path):
    values = {
        "floats": np.array([[1.5, -np.inf], [0.1, 1e-30]], np.float32),
        "halves": np.array([1.5, np.inf], np.float16),
        "integers": np.array([2**40, -1]),
        "conditions": np.array([[True], [False]]),
        "number": np.float32(2.5),
        "nothing": np.zeros((0, 2), np.float32),
    }
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))
        for name, array in values.items()
    ]
    nodes += [
        helper.make_node("Constant", [], ["listed"], value_floats=[1.0, 2.0]),
        helper.make_node("Constant", [], ["counted"], value_int=3),
    ]
    outputs = [
        (name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in values.items()
    ]
    outputs += [("listed", F32, [2]), ("counted", I64, [])]
    check_model(make_model(nodes, [], outputs), [], tmp_path)


@needs_tool
def test_sizes(tmp_path):
    """Lists of sizes that are computed, and used as numbers."""
    node = helper.make_node
    nodes = [
        node("Shape", ["x"], ["sizes"]),
        node("Gather", ["sizes", "zero"], ["rows"]),
        node("Unsqueeze", ["rows", "front"], ["listed"]),
        node("Mul", ["listed", "two"], ["twice"]),
        node("Sub", ["twice", "listed"], ["once"]),
        node("Add", ["once", "front"], ["again"]),
        node("Concat", ["again", "rest"], ["shape"], axis=0),
        node("Reshape", ["x", "shape"], ["y"]),
        node("Squeeze", ["twice"], ["number"]),
        node("Identity", ["sizes"], ["same"]),
    ]
    constants = {
        "zero": np.int64(0),
        "front": np.array([0]),
        "two": np.array([2]),
        "rest": np.array([2, -1]),
    }
    outputs = [("number", I64, []), ("same", I64, [2])]
    model = make_model(nodes, [("x", F32, [3, 4])], [("y", F32, [3, 2, 2]), *outputs],
                       constants.items())  # fmt: skip
    check_model(model, [_f(_x)[0]], tmp_path)
    nodes[6:8] = []
    model = make_model(nodes, [("x", F32, ["n", 4])], outputs, constants.items())
    check_model(model, [_f(_x)[0]], tmp_path)


@needs_tool
def test_reshapes_of_dynamic_sizes(tmp_path):
    """Views, where what is not known stays, or is joined."""
    shapes = {
        "joined": [-1, 4],
        "with ones": [0, 0, 1, 4, 1],
        "split": [0, 0, 2, -1],
        "all": [-1],
    }
    nodes = [
        helper.make_node("Reshape", ["x", f"shape of {name}"], [name])
        for name in shapes
    ]
    nodes.append(helper.make_node("Unsqueeze", ["x", "front"], ["more"]))
    constants = [(f"shape of {name}", np.array(x)) for name, x in shapes.items()]
    constants.append(("front", np.array([0])))
    outputs = [(name, F32, [None] * len(shape)) for name, shape in shapes.items()]
    model = make_model(nodes, [("x", F32, ["a", "b", 4])],
                       [*outputs, ("more", F32, [1, "a", "b", 4])],
                       constants)  # fmt: skip
    check_model(model, [_f(_x)], tmp_path)


# What is refused: the node and its inputs, with constants c0, c1, ...


def _node(operator, inputs="x", **attributes):
    return helper.make_node(operator, inputs.split(), ["y"], **attributes)


_CUBE = {"x": (F32, [2, 3, 4])}
_CONSTANTS = [[5, -1], [5, 5], [0, 0, 0, 0], [-1], [7], [0], [1, 2, 3], [2]]
UNSUPPORTED = {
    "shape: expected a constant or sizes but got computed numbers": (
        _node("Reshape", "x n"),
        {**_CUBE, "n": (I64, [2])},
    ),
    "shape: expected sizes that are known where they change, but got tensor<?x4xf32> "
    "and [5, -1]": (_node("Reshape", "x c0"), {"x": (F32, ["a", 4])}),
    "steps: expected 1 but got 2": (_node("Slice", "x c5 c4 c5 c7"), _CUBE),
    "expected a range of a dimension that is known but got tensor<?x4xf32>, dimension "
    "0": (_node("Slice", "x c5 c4"), {"x": (F32, ["a", 4])}),
    "expected elements of type f16, bf16 or f32 but got i64": (
        _node("Pow", "x x"),
        {"x": (I64, [2])},
    ),
    "axis: expected the last but got 1": (
        _node("RMSNormalization", "x x", axis=1),
        _CUBE,
    ),
    "expected one output but got others that are used": (
        helper.make_node("LayerNormalization", ["x", "x"], ["y", "mean"], name="y"),
        _CUBE,
    ),
    "expected rows of a known size but got tensor<2x?xf32>": (
        _node("RMSNormalization", "x x"),
        {"x": (F32, [2, "n"])},
    ),
    "expected a size that is known but got tensor<?x4xf32>": (
        _node("Split", num_outputs=2),
        {"x": (F32, ["a", 4])},
    ),
    "expected elements of type f16, bf16 or f32 but got f64": (
        _node("Tanh"),
        {"x": (F64, [2])},
    ),
    "axes: expected a constant or sizes but got computed numbers": (
        _node("Unsqueeze", "x n"),
        {**_CUBE, "n": (I64, [1])},
    ),
    "expected two inputs but got 3": (_node("Max", "x x x"), _CUBE),
    "expected elements of another type than i1": (
        _node("Add", "x x"),
        {"x": (BOOL, [2])},
    ),
    "expected elements of another type than f32": (_node("And", "x x"), _CUBE),
    "expected rank 2 or more but got tensor<4xf32> and tensor<4xf32>": (
        _node("MatMul", "x x"),
        {"x": (F32, [4])},
    ),
    "expected floats of one type but got tensor<4x4xi64> and tensor<4x4xi64>": (
        _node("MatMul", "x x"),
        {"x": (I64, [4, 4])},
    ),
    "to: expected a known type but got 2": (_node("Cast", to=TensorProto.UINT8), _CUBE),
}
INVALID = {
    "shape: expected 24 elements but got [5, -1]": (_node("Reshape", "x c0"), _CUBE),
    "shape: expected 24 elements but got [5, 5]": (_node("Reshape", "x c1"), _CUBE),
    "shape: expected no 0 for dimension 3": (_node("Reshape", "x c2"), _CUBE),
    "axes: expected sizes of 1 but got tensor<2x3x4xf32> and [0]": (
        _node("Squeeze", "x c5"),
        _CUBE,
    ),
    "expected equal ranks but got tensor<2x3x4xf32>, tensor<1xi64>": (
        _node("GatherElements", "x c5"),
        _CUBE,
    ),
    "shape: expected sizes that tensor<2x3x4xf32> broadcasts to but got [7]": (
        _node("Expand", "x c4"),
        _CUBE,
    ),
    "indices: expected -3 to 2 but got [7]": (_node("Gather", "c6 c4"), _CUBE),
    "axes: expected -4 to 3 but got [7]": (_node("Unsqueeze", "x c4"), _CUBE),
    "expected equal types but got tensor<2x3x4xf32> and tensor<2xi64>": (
        _node("Add", "x z"),
        {**_CUBE, "z": (I64, [2])},
    ),
    "expected shapes that broadcast but got tensor<2x3x4xf32> and tensor<2xf32>": (
        _node("Add", "x z"),
        {**_CUBE, "z": (F32, [2])},
    ),
    "expected equal inner sizes but got tensor<2x3x4xf32> and tensor<2x3x4xf32>": (
        _node("MatMul", "x x"),
        _CUBE,
    ),
}


def lower(node, inputs):
    given = [(name, *kind) for name, kind in inputs.items()]
    constants = [(f"c{i}", np.array(x)) for i, x in enumerate(_CONSTANTS)]
    results = [(name, F32, [None]) for name in node.output]
    mfa.onnx.lower(make_model([node], given, results, constants, 25))


@pytest.mark.parametrize("text", UNSUPPORTED)
def test_unsupported(text):
    node, inputs = UNSUPPORTED[text]
    with refused(mfa.onnx.Unsupported, f"node 'y' ({node.op_type}): {text}"):
        lower(node, inputs)


@pytest.mark.parametrize("text", INVALID)
def test_invalid(text):
    node, inputs = INVALID[text]
    with refused(ValueError, f"node 'y' ({node.op_type}): {text}"):
        lower(node, inputs)


def test_unsupported_constants():
    kinds = "FLOAT, FLOAT16, BFLOAT16, DOUBLE, BOOL, INT8, INT16, INT32, INT64"
    node = helper.make_node("Constant", [], ["y"], value_string="text")
    with refused(
        mfa.onnx.Unsupported,
        "node 'y' (Constant): expected value, value_int, value_ints, value_float or "
        "value_floats but got value_string",
    ):
        mfa.onnx.lower(make_model([node], [], [("y", F32, [])]))
    bytes_ = [("c", np.array([1], np.uint8))]
    with refused(
        mfa.onnx.Unsupported,
        f"constant 'c': expected elements of {kinds} but got uint8",
    ):
        model = make_model([_node("Identity", "c")], [], [("y", F32, [1])], bytes_)
        mfa.onnx.lower(model)
    model = make_model([_node("Identity")], [("x", F32, [1])], [("y", F32, [1])])
    values = numpy_helper.from_array(np.ones(1, np.float32), "sparse")
    places = numpy_helper.from_array(np.zeros(1, np.int64), "places")
    sparse = helper.make_sparse_tensor(values, places, [4])
    model.graph.sparse_initializer.append(sparse)
    with refused(
        mfa.onnx.Unsupported, "expected dense initializers but got a sparse one"
    ):
        mfa.onnx.lower(model)
    sequence = helper.make_tensor_sequence_value_info("x", F32, [1])
    model = make_model([_node("Identity")], [("x", F32, [1])], [("y", F32, [1])])
    model.graph.input[0].CopyFrom(sequence)
    with refused(
        mfa.onnx.Unsupported,
        f"input 'x': expected a tensor of {kinds} but got sequence_type",
    ):
        mfa.onnx.lower(model)
