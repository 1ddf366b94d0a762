"""mfa.onnx.lower: the ONNX package's own test cases for Attention, and models beside
its reference implementation, through mfa-run."""

from __future__ import annotations

import os
import re
import subprocess
import warnings
from concurrent.futures import ThreadPoolExecutor

import ml_dtypes
import numpy as np
import pytest
from conftest import SOURCE_DIR, find_tool, refused

onnx = pytest.importorskip("onnx", minversion="1.19")

from onnx import TensorProto, helper, inliner, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

import mfa  # noqa: E402
import mfa.onnx  # noqa: E402

TOOL = find_tool("mfa-run")
needs_tool = pytest.mark.skipif(TOOL is None, reason="there is no mfa-run")

F32, I64 = TensorProto.FLOAT, TensorProto.INT64
F16, F64 = TensorProto.FLOAT16, TensorProto.DOUBLE
WINDOWS = onnx.defs.onnx_opset_version() >= 25


def _save(path, array):
    array = np.asarray(array)
    is_bf16 = array.dtype == ml_dtypes.bfloat16
    np.save(path, array.view(np.uint16) if is_bf16 else array)


def run(text, inputs, types, folder, target="cpu"):
    """Outputs of a program, of these element types."""
    folder.mkdir(exist_ok=True)
    (folder / "program.mlir").write_text(text)
    command = [TOOL, folder / "program.mlir", "--entry", "main", "--target", target]
    for i, array in enumerate(inputs):
        _save(folder / f"in{i}.npy", array)
        command += ["--arg", folder / f"in{i}.npy"]
    for i in range(len(types)):
        command += ["--out", folder / f"out{i}.npy"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    outputs = [np.load(folder / f"out{i}.npy") for i in range(len(types))]
    return [
        x.view(ml_dtypes.bfloat16) if kind == ml_dtypes.bfloat16 else x
        for x, kind in zip(outputs, types)
    ]


# Of these types the package's own results are rounded at each step.
_TOLERANCES = {"float16": 2 * 2.0**-10, "bfloat16": 2 * 2.0**-7}


def assert_same(actual, expected):
    assert actual.dtype == expected.dtype and actual.shape == expected.shape
    if expected.dtype.kind in "biu":
        np.testing.assert_array_equal(actual, expected)
        return
    tolerance = _TOLERANCES.get(expected.dtype.name)
    np.testing.assert_allclose(
        actual.astype(np.float64),
        expected.astype(np.float64),
        rtol=tolerance or 1e-4,
        atol=tolerance or 1e-5,
    )


# The package's cases.


def attention_cases():
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases("Attention")
    # The others are of the same names, with other operators in its place.
    return [
        case
        for case in cases
        if [node.op_type for node in case.model.graph.node] == ["Attention"]
    ]


# What is not run, and why.
REFUSED = {
    "test_attention_local_window_gqa_rank4_mask": (
        "node 'Y' (Attention): softmax_precision: expected 1 (FLOAT), 10 (FLOAT16), 16 "
        "(BFLOAT16), as softmax is computed in float32, but got 11"
    ),
}


@needs_tool
def test_cases_of_the_package(tmp_path):
    def check(case):
        try:
            text = mfa.onnx.lower(case.model)
        except mfa.onnx.Unsupported as error:
            return str(error)
        for inputs, expected in case.data_sets:
            expected = [np.asarray(x) for x in expected]
            types = [x.dtype for x in expected]
            actual = run(text, inputs, types, tmp_path / case.name)
            for x, y in zip(actual, expected):
                assert_same(x, y)
        return None

    def describe(case):
        try:
            return check(case)
        except Exception as error:
            return f"failed: {error}"

    cases = attention_cases()
    assert len(cases) >= 40
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = dict(zip([case.name for case in cases], pool.map(describe, cases)))
    names = [name for name, result in results.items() if result is not None]
    assert {name: results[name] for name in names} == {
        name: text for name, text in REFUSED.items() if name in results
    }
    assert len(names) <= 0.1 * len(cases)


# Models.


def make_model(nodes, inputs, outputs, constants=(), opset=None):
    """Inputs and outputs as names with types and shapes, of which texts are sizes that
    are known at run time."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(*x) for x in inputs],
        [helper.make_tensor_value_info(*x) for x in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants],
    )
    opset = opset or min(onnx.defs.onnx_opset_version(), 25)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10
    )


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def check_model(model, inputs, folder, target="cpu", oracle=None):
    evaluator = ReferenceEvaluator(oracle or model)
    expected = evaluator.run(None, dict(zip(evaluator.input_names, inputs)))
    expected = [np.asarray(x) for x in expected]
    text = mfa.onnx.lower(model)
    actual = run(text, inputs, [x.dtype for x in expected], folder, target)
    for x, y in zip(actual, expected):
        assert_same(x, y)
    return text


def attention(inputs="QKV", outputs="Y", **attributes):
    return helper.make_node("Attention", list(inputs), list(outputs), **attributes)


DYNAMIC = {
    "plain": ({}, {}),
    "causal": ({"is_causal": 1}, {}),
    "mask": ({}, {"mask": (F32, ["b", 1, "q", "k"])}),
    "mask of rank 2": ({}, {"mask": (TensorProto.BOOL, ["q", "k"])}),
    "softcap and mask": ({"softcap": 2.0}, {"mask": (F32, ["q", "k"])}),
    "lengths": ({"is_causal": 1}, {"lengths": (I64, ["b"])}),
}
if WINDOWS:
    window = {"left_window_size": 2, "right_window_size": 1}
    DYNAMIC["window"] = (window, {})


@needs_tool
@pytest.mark.parametrize("name", DYNAMIC)
def test_dynamic_sizes(name, tmp_path):
    attributes, others = DYNAMIC[name]
    names = ["Q", "K", "V", "mask" if "mask" in others else ""]
    names += ["", "", "lengths"] if "lengths" in others else []
    model = make_model(
        [attention(names, "Y", **attributes)],
        [
            ("Q", F32, ["b", 4, "q", 16]),
            ("K", F32, ["b", 2, "k", 16]),
            ("V", F32, ["b", 2, "k", 10]),
            *((name, *kind) for name, kind in others.items()),
        ],
        [("Y", F32, ["b", 4, "q", 10])],
    )
    for batch, q, k in ((2, 5, 7), (1, 3, 9)):
        inputs = [
            normal(1, batch, 4, q, 16),
            normal(2, batch, 2, k, 16),
            normal(3, batch, 2, k, 10),
        ]
        if "lengths" in others:
            inputs.append(np.array([k, k - 1][:batch]))
        elif "mask" in others:
            element, shape = others["mask"]
            sizes = [{"b": batch, "q": q, "k": k}.get(x, x) for x in shape]
            mask = normal(4, *sizes)
            inputs.append(mask > -1 if element == TensorProto.BOOL else mask)
        check_model(model, inputs, tmp_path)


@needs_tool
def test_dynamic_cache(tmp_path):
    """Steps of a model that writes: past and new keys, with scores asked for."""
    for mode in range(4):
        node = helper.make_node(
            "Attention",
            ["Q", "K", "V", "", "past_key", "past_value"],
            ["Y", "present_key", "present_value", "scores"],
            is_causal=1,
            softcap=1.5 if mode else 0.0,
            qk_matmul_output_mode=mode,
            q_num_heads=4,
            kv_num_heads=2,
        )
        model = make_model(
            [node],
            [
                ("Q", F32, ["b", "q", 4 * 8]),
                ("K", F32, ["b", "q", 2 * 8]),
                ("V", F32, ["b", "q", 2 * 8]),
                ("past_key", F32, ["b", 2, "past", 8]),
                ("past_value", F32, ["b", 2, "past", 8]),
            ],
            [
                ("Y", F32, ["b", "q", 4 * 8]),
                ("present_key", F32, ["b", 2, "all", 8]),
                ("present_value", F32, ["b", 2, "all", 8]),
                ("scores", F32, ["b", 4, "q", "all"]),
            ],
        )
        inputs = [normal(i, 2, 3, width) for i, width in enumerate((32, 16, 16))]
        inputs += [normal(i, 2, 2, 6, 8) for i in (4, 5)]
        check_model(model, inputs, tmp_path)


@needs_tool
@pytest.mark.parametrize("softcap", [0.0, 2.0])
@pytest.mark.parametrize("kind", [F32, TensorProto.BOOL])
def test_short_masks(kind, softcap, tmp_path):
    """Keys behind the end of a mask are excluded."""
    model = make_model(
        [attention(["Q", "K", "V", "mask"], softcap=softcap)],
        [*((x, F32, [1, 2, 5, 16]) for x in "QKV"), ("mask", kind, [5, 3])],
        [("Y", F32, [1, 2, 5, 16])],
    )
    mask = normal(4, 5, 3)
    inputs = [normal(i, 1, 2, 5, 16) for i in range(3)]
    inputs.append(mask if kind == F32 else mask > -1)
    check_model(model, inputs, tmp_path)


@needs_tool
def test_scores_in_front_of_the_softcap(tmp_path):
    """The operator's own function says so; the package's evaluator caps them."""
    model = make_model(
        [attention(outputs=["Y", "", "", "scores"], softcap=1.5)],
        [(x, F32, [1, 2, 5, 16]) for x in "QKV"],
        [("Y", F32, [1, 2, 5, 16]), ("scores", F32, [1, 2, 5, 5])],
    )
    function = inliner.inline_selected_functions(
        model, [("", "Attention")], inline_schema_functions=True
    )
    inputs = [normal(i, 1, 2, 5, 16) for i in range(3)]
    check_model(model, inputs, tmp_path, oracle=function)


@needs_tool
def test_a_simulated_kernel(tmp_path):
    """Views, attention and its result, all of it on the device."""
    model = make_model(
        [attention(is_causal=1)],
        [(x, F32, [1, 2, 5, 16]) for x in "QKV"],
        [("Y", F32, [1, 2, 5, 16])],
    )
    inputs = [normal(i, 1, 2, 5, 16) for i in range(3)]
    check_model(model, inputs, tmp_path, "sim")


def test_rules_have_no_arrays():
    """Of a causal window of 8192 queries and keys nothing is made."""
    attributes = {"is_causal": 1, "softcap": 20.0}
    if WINDOWS:
        attributes["left_window_size"] = 100
    shape = [1, 2, 8192, 64]
    model = make_model(
        [attention(**attributes)], [(x, F32, shape) for x in "QKV"], [("Y", F32, shape)]
    )
    text = mfa.onnx.lower(model, entry="attend")
    assert "func.func @attend(" in text
    assert "8192x8192" not in text and "mask(" not in text
    assert re.search(r"keep \{\n.*arith.cmpi sle, %k, %q : index", text, re.S)
    assert re.search(r"score \{\n.*math.tanh", text, re.S)
    assert len(text) < 3000


@pytest.mark.skipif(not WINDOWS, reason="ONNX has no windows")
def test_the_page():
    """docs/onnx.md shows what is made."""
    page = (SOURCE_DIR / "docs" / "onnx.md").read_text()
    shown = re.search(r"```mlir file=attend.mlir\n(.*?)```", page, re.S)[1]
    model = make_model(
        [attention(is_causal=1, left_window_size=100)],
        [(x, F32, [1, heads, 512, 64]) for x, heads in zip("QKV", (4, 2, 2))],
        [("Y", F32, [1, 4, 512, 64])],
    )
    assert mfa.onnx.lower(model, entry="attend") == shown


# What is refused.


def lower(node, inputs=None, opset=None, outputs="Y"):
    shapes = {"Q": [1, 2, 4, 8], "K": [1, 2, 6, 8], "V": [1, 2, 6, 8], **(inputs or {})}
    given = [
        (name, *(kind if isinstance(kind, tuple) else (F32, kind)))
        for name, kind in shapes.items()
    ]
    results = [(name, F32, [None] * 4) for name in outputs]
    return mfa.onnx.lower(make_model([node], given, results, opset=opset))


FLAT = {"Q": [1, 4, 16], "K": [1, 6, 16], "V": [1, 6, 16]}
HEADS = {"q_num_heads": 2, "kv_num_heads": 2}
UNSUPPORTED = {
    "softmax_precision: expected 1 (FLOAT), 10 (FLOAT16), 16 (BFLOAT16), as softmax is "
    "computed in float32, but got 11": (attention(softmax_precision=11), {}),
    "Q: expected elements of type f16, bf16 or f32 but got f64": (
        attention(),
        {x: (F64, [1, 2, 4, 8]) for x in "QKV"},
    ),
    "V: expected elements of type f32, as of Q, but got f16": (
        attention(),
        {"V": (F16, [1, 2, 6, 8])},
    ),
    "Q: expected a head size up to 256 but got 264": (
        attention(),
        {"Q": [1, 2, 4, 264], "K": [1, 2, 6, 264]},
    ),
    "K: expected heads and head size that are known but got shape "
    "tensor<1x2x6x?xf32>": (
        attention(),
        {"K": [1, 2, 6, "d"]},
    ),
    "Q: expected a last dimension that is known but got shape tensor<1x4x?xf32>": (
        attention(**HEADS),
        {**FLAT, "Q": [1, 4, "d"]},
    ),
    "attn_mask: expected elements of type bool, f16, bf16 or f32 but got i64": (
        attention(["Q", "K", "V", "m"]),
        {"m": (I64, [4, 6])},
    ),
}
INVALID = {
    "qk_matmul_output_mode: expected 0 to 3 but got 4": (
        attention(qk_matmul_output_mode=4),
        {},
    ),
    "past_key and past_value: expected both or none": (
        attention(["Q", "K", "V", "", "p"]),
        {"p": [1, 2, 3, 8]},
    ),
    "nonpad_kv_seqlen: expected none beside past_key": (
        attention(["Q", "K", "V", "", "p", "r", "n"]),
        {"p": [1, 2, 3, 8], "r": [1, 2, 3, 8], "n": (I64, [1])},
    ),
    "K: expected head size 8, as of Q, but got 16": (
        attention(),
        {"K": [1, 2, 6, 16]},
    ),
    "V: expected length 6, as of K, but got 5": (attention(), {"V": [1, 2, 5, 8]}),
    "V: expected heads 2, as of K, but got 1": (attention(), {"V": [1, 1, 6, 8]}),
    "past_key: expected heads 2, as of K, but got 1": (
        attention(["Q", "K", "V", "", "p", "r"]),
        {"p": [1, 1, 3, 8], "r": [1, 2, 3, 8]},
    ),
    "past_value: expected rank 4 and elements of type f32, as of V, but got "
    "tensor<1x3x16xf32>": (
        attention(["Q", "K", "V", "", "p", "r"]),
        {"p": [1, 2, 3, 8], "r": [1, 3, 16]},
    ),
    "K: expected rank 3 or 4, as of Q, but got rank 3": (
        attention(),
        {"K": [1, 6, 16]},
    ),
    "K: expected a number of heads that divides the 3 of Q but got 2": (
        attention(),
        {"Q": [1, 3, 4, 8]},
    ),
    "q_num_heads: expected a number for inputs of rank 3 but got none": (
        attention(),
        FLAT,
    ),
    "Q: expected a last dimension that q_num_heads divides, but got 16 and 3": (
        attention(q_num_heads=3, kv_num_heads=2),
        FLAT,
    ),
    "attn_mask: expected rank 1 to 4 but got rank 5": (
        attention(["Q", "K", "V", "m"]),
        {"m": [1, 1, 1, 4, 6]},
    ),
    "attn_mask: expected a shape that broadcasts to [1, 2, 4, Sk] but got "
    "tensor<1x1x5x6xf32>": (attention(["Q", "K", "V", "m"]), {"m": [5, 6]}),
}
if WINDOWS:
    INVALID |= {
        "left_window_size: expected -1 or more but got -2": (
            attention(left_window_size=-2),
            {},
        ),
        "q_num_heads: expected none for inputs of rank 4": (attention(**HEADS), {}),
    }


@pytest.mark.parametrize("text", UNSUPPORTED)
def test_unsupported_attention(text):
    with refused(mfa.onnx.Unsupported, f"node 'Y' (Attention): {text}"):
        lower(*UNSUPPORTED[text])


@pytest.mark.parametrize("text", INVALID)
def test_invalid_attention(text):
    with refused(ValueError, f"node 'Y' (Attention): {text}"):
        lower(*INVALID[text])


def test_unknown_operators():
    nodes = [helper.make_node("Softmax", ["Q"], ["Y"], name="weights")]
    known = (
        "Add, And, Attention, Cast, Concat, Constant, Div, Erf, Exp, Expand, Gather, "
        "GatherElements, Gelu, Gemm, Identity, LayerNormalization, MatMul, Max, Min, "
        "Mul, Neg, Or, Pow, RMSNormalization, Relu, Reshape, Shape, Sigmoid, Slice, "
        "Split, Sqrt, Squeeze, Sub, Tanh, Transpose, Unsqueeze"
    )
    with refused(
        mfa.onnx.Unsupported,
        f"node 'weights' (Softmax): expected one of {known} but got Softmax",
    ):
        lower(nodes[0])


def test_names_of_functions():
    with refused(ValueError, "entry: expected a name of a function but got 'a b'"):
        mfa.onnx.lower(onnx.ModelProto(), "a b")


def test_broken_models():
    with pytest.raises(onnx.checker.ValidationError):
        lower(helper.make_node("Attention", ["Q", "K", "W"], ["Y"]))
    with pytest.raises(onnx.checker.ValidationError):
        lower(attention(), opset=22)


def test_older_opsets():
    with refused(
        mfa.onnx.Unsupported,
        "expected opset 23 or later, which has Attention, but got 12; convert the "
        "model with onnx.version_converter",
    ):
        lower(helper.make_node("Squeeze", ["Q"], ["Y"], axes=[0]), opset=12)


def test_unsupported_inputs():
    shape = [1, 2, 6, 8]
    with refused(
        mfa.onnx.Unsupported,
        "input 'V': expected a tensor of FLOAT, FLOAT16, BFLOAT16, DOUBLE, BOOL, INT8, "
        "INT16, INT32, INT64 but got UINT8",
    ):
        lower(attention(), {"V": (TensorProto.UINT8, shape)})
