"""mfa.onnx.lower: layers of transformers, and files."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", minversion="1.19")

from onnx import helper  # noqa: E402
from test_onnx import (  # noqa: E402
    F32,
    I64,
    attention,
    check_model,
    make_model,
    needs_tool,
    normal,
    run,
)

import mfa.onnx  # noqa: E402


def make_layer(opset=None):
    """Projections of heads, attention, and what is added to its output."""
    width, heads, size = 24, 3, 8
    constants = [(f"w{i}", normal(i, width, width) / 5) for i in range(4)]
    constants += [("bias", normal(5, width)), ("shape", np.array([0, 0, -1]))]
    constants.append(("scale", np.float32(0.5)))
    nodes = [helper.make_node("MatMul", ["x", f"w{i}"], [f"p{i}"]) for i in range(3)]
    nodes += [
        helper.make_node("Add", ["p0", "bias"], ["q"]),
        attention(
            ["q", "p1", "p2"],
            ["a"],
            is_causal=1,
            q_num_heads=heads,
            kv_num_heads=heads,
        ),
        helper.make_node("Reshape", ["a", "shape"], ["r"]),
        helper.make_node("MatMul", ["r", "w3"], ["o"]),
        helper.make_node("Mul", ["o", "scale"], ["s"]),
        helper.make_node("Add", ["s", "x"], ["y"], name="residual"),
    ]
    shape = ["b", "s", width]
    assert heads * size == width
    return make_model(nodes, [("x", F32, shape)], [("y", F32, shape)], constants, opset)


@needs_tool
def test_a_layer(tmp_path):
    text = check_model(make_layer(), [normal(7, 2, 6, 24)], tmp_path)
    assert text.count("mfa.masked_attention") == 1
    check_model(make_layer(23), [normal(7, 1, 3, 24)], tmp_path)


def make_block():
    """A layer of a transformer behind an embedding, as torch exports it: heads are
    split by sizes that are computed."""
    width, heads, vocabulary = 24, 3, 11
    node = helper.make_node
    constants = {
        "table": normal(1, vocabulary, width),
        "weight": normal(2, width),
        "bias": normal(3, width),
        "qkv": normal(4, width, 3 * width) / 5,
        "o": normal(5, width, width) / 5,
        "up": normal(6, width, 4 * width) / 5,
        "down": normal(7, 4 * width, width) / 5,
        "heads": np.array([heads]),
        "rest": np.array([-1]),
        "width": np.array([width]),
    }
    nodes = [
        node("Gather", ["table", "ids"], ["x"]),
        node("Shape", ["x"], ["batch"], start=0, end=1),
        node("Shape", ["x"], ["length"], start=1, end=2),
        node("LayerNormalization", ["x", "weight", "bias"], ["n"], epsilon=1e-5),
        node("MatMul", ["n", "qkv"], ["all"]),
        node("Split", ["all"], ["q0", "k0", "v0"], axis=2, num_outputs=3),
        node("Concat", ["batch", "length", "heads", "rest"], ["by heads"], axis=0),
        *(node("Reshape", [f"{x}0", "by heads"], [f"{x}1"]) for x in "qkv"),
        *(node("Transpose", [f"{x}1"], [f"{x}2"], perm=[0, 2, 1, 3]) for x in "qkv"),
        attention(["q2", "k2", "v2"], ["a2"], is_causal=1),
        node("Transpose", ["a2"], ["a1"], perm=[0, 2, 1, 3]),
        node("Concat", ["batch", "length", "width"], ["whole"], axis=0),
        node("Reshape", ["a1", "whole"], ["a0"]),
        node("MatMul", ["a0", "o"], ["p"]),
        node("Add", ["x", "p"], ["r"]),
        node("RMSNormalization", ["r", "weight"], ["m"]),
        node("MatMul", ["m", "up"], ["u"]),
        node("Gelu", ["u"], ["g"]),
        node("MatMul", ["g", "down"], ["d"]),
        node("Add", ["r", "d"], ["y"]),
    ]
    return make_model(
        nodes,
        [("ids", I64, ["b", "s"])],
        [("y", F32, ["b", "s", width])],
        constants.items(),
        23,
    )


@needs_tool
def test_a_block(tmp_path):
    for shape in ((2, 6), (1, 1)):
        ids = np.random.default_rng(1).integers(-11, 11, shape)
        text = check_model(make_block(), [ids], tmp_path)
    # Nothing is copied to split heads.
    assert text.count("tensor.expand_shape") == 3


EXPORTED = {
    "BertModel": ("BertConfig", {}),
    "GPT2LMHeadModel": ("GPT2Config", {}),
    "LlamaForCausalLM": ("LlamaConfig", {"num_key_value_heads": 2}),
}


@needs_tool
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", EXPORTED)
def test_models_of_torch(name, tmp_path):
    """As torch.onnx.export writes them, beside torch itself."""
    torch = pytest.importorskip("torch", minversion="2.9")
    library = pytest.importorskip("transformers", minversion="5.4")
    pytest.importorskip("onnxscript")
    library.logging.set_verbosity_error()
    kind, options = EXPORTED[name]
    config = getattr(library, kind)(
        vocab_size=97,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        max_position_embeddings=32,
        bos_token_id=1,
        eos_token_id=2,
        **options,
    )
    model = getattr(library, name)(config).eval()
    ids = torch.randint(3, 97, (2, 9), generator=torch.Generator().manual_seed(1))
    inputs = {"input_ids": ids, "use_cache": False}
    program = torch.onnx.export(
        model, (), kwargs=inputs, dynamo=True, opset_version=23, verbose=False
    )
    text = mfa.onnx.lower(program.model_proto)
    assert text.count("mfa.masked_attention") == 1
    with torch.no_grad():
        expected = model(**inputs)[0].numpy()
    count = len(program.model_proto.graph.output)
    outputs = run(text, [ids.numpy()], [expected.dtype] * count, tmp_path)
    np.testing.assert_allclose(outputs[0], expected, rtol=1e-4, atol=1e-5)


def test_files(tmp_path):
    model = make_layer()
    onnx.save(model, tmp_path / "layer.onnx")
    assert mfa.onnx.lower(tmp_path / "layer.onnx") == mfa.onnx.lower(model)
    assert mfa.onnx.lower(str(tmp_path / "layer.onnx")) == mfa.onnx.lower(model)
    with pytest.raises(onnx.checker.ValidationError, match="other.onnx"):
        mfa.onnx.lower(tmp_path / "other.onnx")
