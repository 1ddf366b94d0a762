"""The drop-in for torch's scaled_dot_product_attention, beside torch's function."""

import pytest

torch = pytest.importorskip("torch")

import mfa  # noqa: E402
import numpy as np  # noqa: E402
from torch.nn.attention.bias import causal_lower_right, causal_upper_left  # noqa: E402

attend = mfa.scaled_dot_product_attention
of_torch = torch.nn.functional.scaled_dot_product_attention


def expected_of(q, k, v, *masks, **options):
    # Without heads, torch 2.11 on the CPU ends the process by a division by zero.
    if q.shape[-3:-2] == (0,):
        return q.new_empty(*q.shape[:-1], v.shape[-1])
    return of_torch(q, k, v, *masks, **options)


BF16 = torch.bfloat16


def normal(seed, *shape, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def make(q, k, v=None, dtype=torch.float32):
    return [normal(i, *x, dtype=dtype) for i, x in enumerate((q, k, v or k))]


# Shapes of query, key and value (that of key where not given), and the other arguments.
QKV = (2, 4, 5, 16), (2, 4, 7, 16)
CASES = {
    "plain": (*QKV,),
    "without heads": ((5, 16), (7, 16), (7, 24)),
    "without batch": ((4, 5, 16), (4, 7, 16)),
    "two batches": ((2, 3, 4, 5, 16), (2, 3, 4, 7, 16)),
    "three batches, broadcast": (
        (2, 1, 3, 4, 5, 16),
        (2, 2, 3, 4, 7, 16),
        (1, 2, 3, 4, 7, 16),
    ),
    "batch of key": ((2, 4, 5, 16), (1, 4, 7, 16)),
    "batch of query": ((1, 4, 5, 16), (3, 4, 7, 16)),
    "batch of value": ((3, 4, 5, 16), (3, 4, 7, 16), (1, 4, 7, 16)),
    "one head of key and value": ((2, 4, 5, 16), (2, 1, 7, 16)),
    "one head of key": ((2, 4, 5, 16), (2, 1, 7, 16), (2, 4, 7, 16)),
    "one head of query": ((2, 1, 5, 16), (2, 4, 7, 16)),
    "ranks": ((4, 5, 16), (7, 16), (2, 4, 7, 16)),
    "query of rank 2": ((5, 16), (2, 4, 7, 16)),
    "groups": ((2, 4, 5, 16), (2, 2, 7, 16), None, {"enable_gqa": True}),
    "groups without batch": ((4, 5, 16), (2, 7, 16), None, {"enable_gqa": True}),
    "groups, batch of key": ((2, 4, 5, 16), (1, 2, 7, 16), None, {"enable_gqa": True}),
    "groups of key and of value": (
        (2, 12, 5, 16),
        (2, 6, 7, 16),
        (2, 4, 7, 16),
        {"enable_gqa": True},
    ),
    "one group of key": (
        (2, 4, 5, 16),
        (2, 1, 7, 16),
        (2, 2, 7, 16),
        {"enable_gqa": True},
    ),
    "head sizes": ((2, 4, 5, 20), (2, 4, 7, 20), (2, 4, 7, 12)),
    "small head sizes": ((2, 4, 5, 1), (2, 4, 7, 1), (2, 4, 7, 3)),
    "head size and scale": ((2, 4, 5, 20), (2, 4, 7, 20), None, {"scale": 0.3}),
    "causal": (*QKV, None, {"is_causal": True}),
    "causal, more queries": ((2, 4, 9, 16), (2, 4, 5, 16), None, {"is_causal": True}),
    "causal without heads": ((5, 16), (7, 16), None, {"is_causal": True}),
    "mask of one row": (*QKV, None, {"attn_mask": normal(9, 1, 7)}),
    "mask of rank 2": (*QKV, None, {"attn_mask": normal(9, 5, 7)}),
    "booleans": (*QKV, None, {"attn_mask": normal(9, 5, 7) > 0}),
    "mask of rank 3": (*QKV, None, {"attn_mask": normal(9, 4, 5, 7)}),
    "mask of rank 4": (*QKV, None, {"attn_mask": normal(9, 2, 1, 5, 7)}),
    "padding": (*QKV, None, {"attn_mask": normal(9, 2, 1, 1, 7) > 0}),
    "mask of heads": (
        (4, 5, 16),
        (4, 7, 16),
        None,
        {"attn_mask": normal(9, 4, 5, 7)},
    ),
    "mask without heads": ((5, 16), (7, 16), None, {"attn_mask": normal(9, 5, 7)}),
    "mask of two batches": (
        (2, 3, 4, 5, 16),
        (2, 3, 4, 7, 16),
        None,
        {"attn_mask": normal(9, 2, 1, 1, 5, 7)},
    ),
    "mask of the second batch": (
        (2, 3, 4, 5, 16),
        (2, 3, 4, 7, 16),
        None,
        {"attn_mask": normal(9, 3, 4, 1, 7)},
    ),
    "mask of no batch": (
        (2, 3, 4, 5, 16),
        (2, 3, 4, 7, 16),
        None,
        {"attn_mask": normal(9, 5, 7)},
    ),
    "lower right": (*QKV, None, {"attn_mask": causal_lower_right(5, 7)}),
    "upper left": (*QKV, None, {"attn_mask": causal_upper_left(5, 7)}),
    "no keys": ((2, 4, 5, 16), (2, 4, 0, 16)),
    "no queries": ((2, 4, 0, 16), (2, 4, 7, 16)),
    "no batch": ((0, 4, 5, 16), (0, 4, 7, 16)),
    "no heads": ((2, 0, 5, 16), (2, 0, 7, 16)),
    "no columns": ((2, 4, 5, 16), (2, 4, 7, 16), (2, 4, 7, 0)),
}


def arguments_of(name):
    q, k, v, options = (*CASES[name], None, None)[:4]
    return make(q, k, v), options or {}


@pytest.mark.parametrize("name", CASES)
def test_as_torch(name):
    arrays, options = arguments_of(name)
    expected, actual = expected_of(*arrays, **options), attend(*arrays, **options)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)


# One of each way that shapes take.
TRACED = (
    "without heads",
    "three batches, broadcast",
    "one head of key",
    "groups of key and of value",
    "head sizes",
    "causal",
    "mask of two batches",
    "padding",
)


@pytest.mark.parametrize("name", TRACED)
def test_compiled_as_torch(name):
    arrays, options = arguments_of(name)
    compiled = torch.compile(attend, fullgraph=True, backend="aot_eager")
    expected = expected_of(*arrays, **options)
    torch.testing.assert_close(
        compiled(*arrays, **options), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", TRACED)
@pytest.mark.parametrize("dim", [0, -1])
def test_mapped_as_torch(name, dim):
    arrays, options = arguments_of(name)
    arrays = [torch.stack((x, x * 0.5), dim) for x in arrays]
    call = lambda function: torch.vmap(
        lambda *arrays: function(*arrays, **options), in_dims=dim
    )(*arrays)
    torch.testing.assert_close(call(attend), call(expected_of), rtol=1e-4, atol=1e-5)


def test_mapped_query_and_mask():
    (q, k, v), _ = arguments_of("plain")
    masks = normal(9, 3, 1, 1, 5, 7)
    call = lambda function: torch.vmap(
        lambda q, mask: function(q, k, v, mask), in_dims=(None, 0)
    )(q, masks)
    torch.testing.assert_close(call(attend), call(expected_of), rtol=1e-4, atol=1e-5)


def test_rows_in_pieces():
    q, k, v = (x.mT.contiguous().mT for x in make(*QKV))
    assert q.stride(-1) != 1
    torch.testing.assert_close(
        attend(q, k, v), expected_of(q, k, v), rtol=1e-4, atol=1e-5
    )


def test_nothing_is_copied_without_need(monkeypatch):
    seen = []
    monkeypatch.setattr(
        mfa._sdpa,
        "masked_attention",
        lambda *arrays, scale: seen.extend(arrays) or arrays[0].new_empty(2, 5, 4, 16),
    )
    q, k, v = make((2, 4, 5, 16), (1, 2, 7, 16))
    mask = normal(9, 5, 7)
    attend(q, k, v, mask, enable_gqa=True)
    assert [x.data_ptr() for x in seen] == [x.data_ptr() for x in (q, k, v, mask)]


@pytest.mark.parametrize("dtype", [torch.float16, BF16])
def test_masks_of_another_type(dtype):
    q, k, v = make(*QKV, dtype=dtype)
    mask = normal(9, 5, 7)
    expected = expected_of(q, k, v, mask)
    torch.testing.assert_close(attend(q, k, v, mask), expected, rtol=3e-2, atol=3e-2)


def test_autocast():
    q, k, v = make(*QKV)
    for mask in (None, normal(9, 5, 7), normal(9, 5, 7) > 0, causal_lower_right(5, 7)):
        with torch.autocast("cpu", BF16):
            expected = expected_of(q, k, v, mask)
            actual = attend(q, k.to(BF16), v, mask)
        assert actual.dtype == expected.dtype == BF16
        torch.testing.assert_close(actual, expected, rtol=3e-2, atol=3e-2)
    with torch.autocast("cpu", BF16, enabled=False):
        assert attend(q, k, v).dtype == torch.float32


def test_rows_without_keys_are_zero():
    q, k, v = make(*QKV)
    mask = torch.ones(5, 7, dtype=torch.bool)
    mask[2] = False
    output = attend(q, k, v, mask)
    assert (output[:, :, 2] == 0).all()
    kept = [0, 1, 3, 4]
    torch.testing.assert_close(
        output[:, :, kept],
        expected_of(q, k, v, mask)[:, :, kept],
        rtol=1e-4,
        atol=1e-5,
    )


Q, K, V = make(*QKV)
ERRORS = {
    "dropout": ({"dropout_p": 0.1}, ValueError, "dropout_p: expected 0"),
    "mask-and-causal": (
        {"is_causal": True, "attn_mask": normal(9, 5, 7)},
        ValueError,
        "attn_mask: expected None with is_causal",
    ),
    "mask-rank": (
        {"attn_mask": normal(9, 1, 2, 4, 5, 7)},
        ValueError,
        r"attn_mask: expected a shape that broadcasts to \(2, 4, 5, 7\) but got "
        r"\(1, 2, 4, 5, 7\)",
    ),
    "mask-shape": ({"attn_mask": normal(9, 5, 6)}, ValueError, "attn_mask: expected"),
    "mask-batch": ({"attn_mask": normal(9, 3, 1, 5, 7)}, ValueError, "attn_mask: exp"),
    "mask-type": (
        {"attn_mask": torch.ones(5, 7, dtype=torch.int32)},
        TypeError,
        "attn_mask: expected torch.bool.* but got torch.int32",
    ),
    "mask-f64": (
        {"attn_mask": normal(9, 5, 7).double()},
        TypeError,
        "attn_mask: expected .* but got torch.float64",
    ),
    "mask-list": ({"attn_mask": [1]}, TypeError, "attn_mask: .* but got list"),
    "heads": (
        {"key": normal(1, 2, 2, 7, 16), "value": normal(2, 2, 2, 7, 16)},
        ValueError,
        r"expected heads \(without enable_gqa\) .* but got 4, 2, 2",
    ),
    "groups": (
        {"key": normal(1, 2, 3, 7, 16), "enable_gqa": True},
        ValueError,
        "key: expected a number of heads that divides the 4 of query but got 3",
    ),
    "groups-of-value": (
        {"value": normal(1, 2, 3, 7, 16), "enable_gqa": True},
        ValueError,
        "value: expected a number of heads that divides the 4 of query but got 3",
    ),
    "batch": ({"key": normal(1, 3, 4, 7, 16)}, ValueError, "expected leading dim"),
    "head-size": (
        {"key": normal(1, 2, 4, 7, 8)},
        ValueError,
        "key: expected head size 16, as of query, but got 8",
    ),
    "length": (
        {"value": normal(1, 2, 4, 6, 16)},
        ValueError,
        "value: expected length 7, as of key, but got 6",
    ),
    "no-tensor": ({"query": np.ones(3)}, TypeError, "query: .* but got ndarray"),
    "rank": ({"value": torch.ones(3)}, ValueError, "value: expected rank 2 or more"),
    "f64": (
        {"query": Q.double(), "key": K.double(), "value": V.double()},
        TypeError,
        "query: expected torch.float16, .* but got torch.float64",
    ),
    "mixed": (
        {"value": V.half()},
        TypeError,
        "value: expected torch.float32, as query has, but got torch.float16",
    ),
    "device": ({"key": K.to("meta")}, ValueError, "key: expected a tensor on cpu"),
    "nested": (
        {"query": torch.nested.nested_tensor([Q[0], Q[1]])},
        TypeError,
        "query: expected a dense tensor but got a nested one",
    ),
    "wide": (
        {"query": normal(0, 2, 4, 5, 264), "key": normal(1, 2, 4, 7, 264)},
        ValueError,
        "expected the head size .* but got 264",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    options, error, message = ERRORS[name]
    arguments = {"query": Q, "key": K, "value": V} | options
    with pytest.raises(error, match=message):
        attend(**arguments)


def test_gradients_are_refused():
    with pytest.raises(RuntimeError, match="has no backward"):
        attend(Q, K, V.clone().requires_grad_())


def test_scale_is_a_keyword_as_in_torch():
    for function in (attend, expected_of):
        with pytest.raises(TypeError):
            function(Q, K, V, None, 0.0, False, 0.5)


def test_in_a_model():
    layer = torch.nn.TransformerEncoderLayer(
        64, 4, batch_first=True, dropout=0.0
    ).eval()
    layer.requires_grad_(False)
    x = torch.randn(2, 9, 64)
    # Not torch's fused path of the layer, which calls no attention function.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        expected = layer(x)
        torch.nn.functional.scaled_dot_product_attention = attend
        actual = layer(x)
    finally:
        torch.nn.functional.scaled_dot_product_attention = of_torch
        torch.backends.mha.set_fastpath_enabled(True)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
