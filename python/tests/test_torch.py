"""Torch tensors on the CPU, the operators, and the drop-in for torch's function."""

import functools
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

import mfa  # noqa: E402
import numpy as np  # noqa: E402
from conftest import assert_close, make_qkv, normal, reference  # noqa: E402

TYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}


def tensors(dtype="f32", **options):
    return [torch.from_numpy(x).to(TYPES[dtype]) for x in make_qkv(**options)]


def check(output, q, k, v, mask=None, dtype="f32", **options):
    arrays = [None if x is None else x.float().numpy() for x in (q, k, v)]
    if mask is not None:
        mask = mask.numpy() if mask.dtype == torch.bool else mask.float().numpy()
    assert_close(output.float(), reference(*arrays, mask, **options)[0], dtype)


@pytest.mark.parametrize("dtype", TYPES)
def test_tensors(dtype):
    q, k, v = tensors(dtype)
    mask = torch.from_numpy(normal(4, 2, 5, 7)).to(TYPES[dtype])
    output = mfa.masked_attention(q, k, v, mask)
    assert isinstance(output, torch.Tensor) and output.dtype == TYPES[dtype]
    check(output, q, k, v, mask, dtype)


def test_boolean_mask_and_lse():
    q, k, v = tensors()
    mask = torch.rand(1, 5, 7) > 0.3
    output, lse = mfa.masked_attention(q, k, v, mask, return_lse=True)
    assert lse.dtype == torch.float32 and lse.shape == (2, 4, 5)
    check(output, q, k, v, mask)


def test_views():
    packed = torch.randn(2, 6, 3, 4, 16)
    q, k, v = packed.unbind(2)
    mask = torch.randn(1, 1, 1, 6).expand(2, 4, 6, 6)
    check(mfa.masked_attention(q, k, v, mask), q, k, v, mask)


def test_out():
    q, k, v = tensors()
    out = torch.empty_like(q)
    assert mfa.masked_attention(q, k, v, out=out) is out
    check(out, q, k, v)


def test_all_arguments_are_tensors():
    q, k, v = tensors()
    mask, sinks = torch.from_numpy(normal(4, 2, 5, 7)), torch.randn(4)
    out, lse = torch.empty_like(q), torch.empty(2, 4, 5)
    result = mfa.masked_attention(
        q, k, v, mask, sinks=sinks, return_lse=True, out=(out, lse)
    )
    assert result[0] is out and result[1] is lse
    plain, plain_lse = mfa.masked_attention(q, k, v, mask, return_lse=True)
    expected = torch.logaddexp(plain_lse, sinks[None, :, None])
    torch.testing.assert_close(lse, expected)
    share = torch.exp(plain_lse - expected).transpose(1, 2)[..., None]
    torch.testing.assert_close(out, plain * share)


def test_outputs_without_elements():
    q, k, v = tensors()
    output, lse = mfa.masked_attention(q[:0], k[:0], v[:0], return_lse=True)
    assert output.shape == (0, *q.shape[1:3], v.shape[3]) and output.is_contiguous()
    assert lse.shape == (0, q.shape[2], q.shape[1]) and lse.dtype == torch.float32


def test_a_subclass_makes_its_outputs():
    class Tagged(torch.Tensor):
        pass

    q, k, v = tensors()
    output = mfa.masked_attention(q.as_subclass(Tagged), k, v)
    assert type(output) is Tagged
    check(output.as_subclass(torch.Tensor), q, k, v)


PRIVATE = ["torch._C._dynamo.guards._empty_strided_cpu", "torch._C._dynamo"]


@pytest.mark.parametrize("name", PRIVATE)
def test_without_what_torch_does_not_document(name):
    program = f"""
import torch
del {name}
import mfa
q = torch.ones(1, 4, 2, 8, dtype=torch.bfloat16)
output, lse = mfa.masked_attention(q, q, q, return_lse=True)
assert output.dtype == q.dtype and (output == 1).all()
assert lse.dtype == torch.float32 and lse.shape == (1, 2, 4)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_parameters_and_views_of_them():
    q, k, v = tensors()
    with torch.no_grad():
        check(mfa.masked_attention(torch.nn.Parameter(q), k, v), q, k, v)


@pytest.mark.parametrize("name", ["q", "k", "v", "mask"])
def test_gradients_are_refused(name):
    arrays = dict(zip("qkv", tensors()), mask=torch.randn(2, 5, 7))
    arrays[name].requires_grad_()
    with pytest.raises(RuntimeError, match=f"{name}: .* has no backward"):
        mfa.masked_attention(**arrays)
    with torch.no_grad():
        mfa.masked_attention(**arrays)
    with torch.inference_mode():
        mfa.masked_attention(**arrays)


def test_gradients_are_refused_by_the_operator():
    q, k, v = tensors()
    with pytest.raises(RuntimeError, match="has no backward"):
        torch.ops.mfa.masked_attention(q.requires_grad_(), k, v)


@pytest.mark.parametrize(
    "dtype, message", [(torch.float64, "float64"), (torch.int32, "int32")]
)
def test_element_type(dtype, message):
    q, k, v = tensors()
    with pytest.raises(
        TypeError, match=f"q: expected elements .* but got torch.{message}"
    ):
        mfa.masked_attention(q.to(dtype), k, v)


def test_another_device():
    q, k, v = tensors()
    with pytest.raises((TypeError, ValueError)):
        mfa.masked_attention(q, k.to("meta"), v)


def test_sparse():
    q, k, v = tensors()
    with pytest.raises((TypeError, ValueError), match="q"):
        mfa.masked_attention(q.to_sparse(), k, v)


def test_mixed_with_numpy():
    q, k, v = tensors()
    mask = normal(4, 2, 5, 7)
    output = mfa.masked_attention(q, k.numpy(), v, mask)
    assert isinstance(output, torch.Tensor)
    check(output, q, k, v, torch.from_numpy(mask))


def test_sizes_and_libraries_in_turn():
    """What is kept from one call is no other call's."""
    torches = [tensors(seq_q=length) for length in (5, 3)]
    arrays = [[x.numpy() for x in inputs] for inputs in torches]
    for inputs in (*torches, *arrays, *torches[::-1], arrays[0]):
        output, lse = mfa.masked_attention(*inputs, return_lse=True)
        assert type(output) is type(lse) is type(inputs[0])
        assert output.shape == inputs[0].shape
        batch, length, heads, _ = inputs[0].shape
        assert lse.shape == (batch, heads, length)
        check(torch.as_tensor(output), *map(torch.as_tensor, inputs))


def test_described_without_the_c_interface():
    """What a torch that has none is read by."""
    x = torch.randn(2, 6, 4, 16).to(torch.bfloat16)[:, ::2]
    described = mfa._arrays.describe("q", x)
    assert described[:3] == (1, 0, "bf16")
    assert described[3] == x.data_ptr()
    assert described[4:6] == ((2, 3, 4, 16), (384, 128, 16, 1))


def test_operator():
    q, k, v = tensors()
    mask = torch.randn(2, 5, 7)
    output = torch.ops.mfa.masked_attention(q, k, v, mask, scale=0.5)
    check(output, q, k, v, mask, scale=0.5)
    output, lse = torch.ops.mfa.masked_attention_lse(q, k, v)
    check(output, q, k, v)


@pytest.mark.parametrize("name", ["masked_attention", "masked_attention_lse"])
def test_operator_passes_torchs_own_check(name):
    q, k, v = tensors()
    operator = getattr(torch.ops.mfa, name).default
    utils = ("test_schema", "test_faketensor", "test_aot_dispatch_dynamic")
    mask = torch.randn(2, 1, 5, 7)
    torch.library.opcheck(operator, (q, k, v, mask), {"scale": 0.5}, test_utils=utils)


class Model(torch.nn.Module):
    def forward(self, q, k, v, mask):
        output, lse = mfa.masked_attention(q * 2, k, v, mask, return_lse=True)
        return mfa.masked_attention(output, k, v) + 1, lse


def test_compiled_without_graph_break():
    q, k, v = tensors()
    mask = torch.randn(2, 5, 7)
    with torch.no_grad():
        expected = Model()(q, k, v, mask)
        compiled = torch.compile(Model(), fullgraph=True, backend="aot_eager")
        actual = compiled(q, k, v, mask)
    for one, other in zip(actual, expected):
        torch.testing.assert_close(one, other)


def test_compiled_with_out():
    q, k, v = tensors()

    @torch.compile(fullgraph=True, backend="aot_eager")
    def call(q, k, v, out):
        return mfa.masked_attention(q, k, v, out=out)

    out = torch.empty_like(q)
    with torch.no_grad():
        call(q, k, v, out)
    check(out, q, k, v)


def test_compiled_with_out_of_the_wrong_form():
    q, k, v = tensors()
    shape = tuple(q.shape)
    wider = torch.empty(2 * q.shape[0], *q.shape[1:])
    cases = [
        (
            torch.empty(shape, dtype=torch.float16),
            TypeError,
            "out: expected elements of",
        ),
        (wider, ValueError, "out: expected shape"),
        ((q, q, q), ValueError, "tuple of 3"),
        ((None, torch.empty(1, 1, 1)), ValueError, "lse: expected shape"),
    ]
    for out, error, message in cases:
        call = functools.partial(
            mfa.masked_attention, return_lse=isinstance(out, tuple)
        )
        compiled = torch.compile(call, backend="aot_eager")
        for function in (call, compiled):
            with torch.no_grad(), pytest.raises(error, match=message):
                function(q, k, v, out=out)


def test_compiled_with_one_of_two_outs():
    q, k, v = tensors()
    lse = torch.empty(q.shape[0], q.shape[2], q.shape[1])

    @torch.compile(fullgraph=True, backend="aot_eager")
    def call(q, k, v, lse):
        return mfa.masked_attention(q, k, v, return_lse=True, out=(None, lse))

    with torch.no_grad():
        output, same = call(q, k, v, lse)
        _, expected = mfa.masked_attention(q, k, v, return_lse=True)
    check(output, q, k, v)
    torch.testing.assert_close(lse, expected)
    torch.testing.assert_close(same, expected)


def test_compiled_refuses_gradients():
    q, k, v = tensors()
    compiled = torch.compile(mfa.masked_attention, fullgraph=True, backend="aot_eager")
    with pytest.raises(Exception, match="has no backward"):
        compiled(q.requires_grad_(), k, v)


def test_exported_with_open_lengths():
    q, k, v = tensors()
    mask = torch.randn(2, 5, 7)
    batch, length, keys = (
        torch.export.Dim(name) for name in ("batch", "length", "keys")
    )
    shapes = (
        {0: batch, 1: length},
        {0: batch, 1: keys},
        {0: batch, 1: keys},
        {0: batch, 1: length, 2: keys},
    )
    with torch.no_grad():
        program = torch.export.export(Model(), (q, k, v, mask), dynamic_shapes=shapes)
        names = [
            node.target.__name__
            for node in program.graph.nodes
            if node.op == "call_function"
        ]
        assert any("masked_attention" in name for name in names)
        q, k, v = tensors(batch=3, seq_q=9, seq_k=4)
        mask = torch.randn(3, 9, 4)
        actual = program.module()(q, k, v, mask)
        expected = Model()(q, k, v, mask)
    torch.testing.assert_close(actual[0], expected[0])
