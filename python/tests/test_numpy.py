"""masked_attention on NumPy arrays, with the code for the CPU."""

import mfa
import ml_dtypes
import numpy as np
import pytest
from conftest import DTYPES, assert_close, make_qkv, normal, reference
from hypothesis import given
from hypothesis import strategies as st

MASK_SHAPES = [
    (2, 5, 7),
    (1, 5, 7),
    (2, 1, 7),
    (2, 5, 1),
    (1, 1, 1),
    (2, 4, 5, 7),
    (2, 1, 5, 7),
    (1, 4, 5, 7),
    (2, 1, 1, 7),
    (1, 1, 1, 7),
]


@pytest.mark.parametrize("dtype", DTYPES)
def test_without_mask(dtype):
    q, k, v = make_qkv(dtype=dtype)
    output = mfa.masked_attention(q, k, v)
    assert type(output) is np.ndarray and output.dtype == q.dtype
    assert_close(output, reference(q, k, v)[0], dtype)


@pytest.mark.parametrize("shape", MASK_SHAPES, ids=str)
def test_additive_mask(shape):
    q, k, v = make_qkv()
    mask = normal(4, *shape)
    output = mfa.masked_attention(q, k, v, mask)
    assert_close(output, reference(q, k, v, mask)[0])


@pytest.mark.parametrize("shape", [(2, 5, 7), (1, 4, 5, 7), (2, 1, 1, 7)], ids=str)
def test_boolean_mask(shape):
    q, k, v = make_qkv()
    mask = normal(4, *shape) > -0.5
    output = mfa.masked_attention(q, k, v, mask)
    assert_close(output, reference(q, k, v, mask)[0])


@pytest.mark.parametrize("target", ["cpu", "sim"])
@pytest.mark.parametrize("shape", [(2, 5, 7), (2, 1, 7), (1, 4, 5, 1), (1, 1, 1)], ids=str)
def test_any_byte_but_zero_is_true(shape, target):
    q, k, v = make_qkv(dtype="f16")
    keep = normal(4, *shape) > -0.5
    others = np.resize(np.array([1, 2, 4, 128, 254, 255], np.uint8), shape)
    mask = np.where(keep, others, 0).astype(np.uint8).view(bool)
    output = mfa.masked_attention(q, k, v, mask, target=target)
    assert_close(output, reference(q, k, v, keep)[0], "f16")


@pytest.mark.parametrize("mask_dtype", DTYPES)
@pytest.mark.parametrize("dtype", ["f16", "f32"])
def test_mask_of_another_type(dtype, mask_dtype):
    q, k, v = make_qkv(dtype=dtype)
    mask = normal(4, 2, 5, 7, dtype=mask_dtype)
    output = mfa.masked_attention(q, k, v, mask)
    assert_close(output, reference(q, k, v, mask)[0], dtype)


def test_log_sum_exp():
    q, k, v = make_qkv(dtype="bf16")
    mask = normal(4, 2, 5, 7, dtype="bf16")
    output, lse = mfa.masked_attention(q, k, v, mask, return_lse=True)
    expected, expected_lse = reference(q, k, v, mask)
    assert lse.dtype == np.float32
    assert_close(output, expected, "bf16")
    np.testing.assert_allclose(lse, expected_lse, atol=1e-3)


def test_scale():
    q, k, v = make_qkv()
    for scale in (0.0, -1.5, 3, np.float32(0.25)):
        output = mfa.masked_attention(q, k, v, scale=scale)
        assert_close(output, reference(q, k, v, scale=float(scale))[0])


def test_another_head_size_of_values():
    q, k, v = make_qkv(v_dim=40)
    assert_close(mfa.masked_attention(q, k, v), reference(q, k, v)[0])


def test_rows_without_keys_are_zero():
    q, k, v = make_qkv()
    mask = np.ones((1, 5, 7), bool)
    mask[0, 2] = False
    output, lse = mfa.masked_attention(q, k, v, mask, return_lse=True)
    assert np.all(output[:, 2] == 0) and np.all(np.isneginf(lse[:, :, 2]))
    assert_close(output, reference(q, k, v, mask)[0])


def test_nan_reaches_its_row_only():
    q, k, v = make_qkv()
    q[0, 3, 1, 4] = np.nan
    output = mfa.masked_attention(q, k, v)
    where = np.isnan(output)
    assert np.all(where[0, 3, 1]) and where.sum() == where[0, 3, 1].size


@pytest.mark.parametrize("empty", ["batch", "seq_q", "seq_k"])
def test_empty(empty):
    q, k, v = make_qkv(**{empty: 0})
    output, lse = mfa.masked_attention(q, k, v, return_lse=True)
    assert output.shape == q.shape
    assert np.all(output == 0) and np.all(np.isneginf(lse))


def test_transposed_views():
    q = normal(1, 2, 4, 5, 16).transpose(0, 2, 1, 3)
    k, v = (normal(seed, 2, 2, 7, 16).transpose(0, 2, 1, 3) for seed in (2, 3))
    assert not q.flags.c_contiguous
    assert_close(mfa.masked_attention(q, k, v), reference(q, k, v)[0])


def test_packed_views():
    packed = normal(1, 2, 6, 3, 4, 16)
    q, k, v = (packed[:, :, index] for index in range(3))
    assert_close(mfa.masked_attention(q, k, v), reference(q, k, v)[0])


def test_reversed_and_strided_lengths():
    q, k, v = make_qkv(seq_q=10, seq_k=14)
    q, k, v = q[:, ::-2], k[:, ::2], v[:, ::2]
    assert_close(mfa.masked_attention(q, k, v), reference(q, k, v)[0])


def test_expanded_mask():
    q, k, v = make_qkv()
    mask = np.broadcast_to(normal(4, 2, 1, 1, 7), (2, 4, 5, 7))
    assert 0 in mask.strides
    assert_close(mfa.masked_attention(q, k, v, mask), reference(q, k, v, mask)[0])


def test_transposed_mask():
    q, k, v = make_qkv()
    mask = normal(4, 2, 7, 5).transpose(0, 2, 1)
    assert_close(mfa.masked_attention(q, k, v, mask), reference(q, k, v, mask)[0])


def test_read_only_inputs():
    q, k, v = make_qkv()
    mask = normal(4, 2, 5, 7)
    for array in (q, k, v, mask):
        array.flags.writeable = False
    assert_close(mfa.masked_attention(q, k, v, mask), reference(q, k, v, mask)[0])


def test_inputs_stay():
    arrays = [*make_qkv(), normal(4, 2, 5, 7)]
    copies = [array.copy() for array in arrays]
    mfa.masked_attention(*arrays)
    for array, copy in zip(arrays, copies):
        np.testing.assert_array_equal(array, copy)


def test_out():
    q, k, v = make_qkv()
    out = np.full(q.shape, np.nan, np.float32)
    assert mfa.masked_attention(q, k, v, out=out) is out
    assert_close(out, reference(q, k, v)[0])


def test_out_with_lse():
    q, k, v = make_qkv()
    out, lse = np.empty(q.shape, np.float32), np.empty((2, 4, 5), np.float32)
    result = mfa.masked_attention(q, k, v, return_lse=True, out=(out, lse))
    assert result[0] is out and result[1] is lse
    expected, expected_lse = reference(q, k, v)
    assert_close(out, expected)
    assert_close(lse, expected_lse)


def test_strided_out():
    q, k, v = make_qkv()
    whole = np.zeros((2, 5, 4, 48), np.float32)
    out = whole[..., 16:32]
    mfa.masked_attention(q, k, v, out=out)
    assert_close(out, reference(q, k, v)[0])
    assert np.all(whole[..., :16] == 0) and np.all(whole[..., 32:] == 0)


def test_simulated():
    q, k, v = make_qkv(dim=32, dtype="f16")
    mask = normal(4, 2, 5, 7, dtype="f16")
    output = mfa.masked_attention(q, k, v, mask, target="sim")
    assert_close(output, reference(q, k, v, mask)[0], "f16")


@pytest.mark.parametrize("seq_k", [0, 7, 300])
@pytest.mark.parametrize(
    "shape",
    [None, (2, 1, -1), (1, 1, 1, -1), (2, 6, 1, -1), (1, 6, 1, 1), (2, 1, 1, 1)],
    ids=str,
)
def test_one_query_simulated(seq_k, shape):
    """Heads of a group are the queries of a kernel of their own."""
    q, k, v = make_qkv(2, 1, seq_k, 6, 2, 16, "f16", v_dim=24)
    mask = None
    if shape:
        mask = normal(4, *(seq_k if size < 0 else size for size in shape))
    output, lse = mfa.masked_attention(q, k, v, mask, return_lse=True, target="sim")
    expected, expected_lse = reference(q, k, v, mask)
    assert_close(output, expected, "f16")
    np.testing.assert_allclose(lse, expected_lse, atol=1e-3)


def test_one_query_in_views_simulated():
    """Operands and outputs with the strides of [B, H, S, D] arrays."""
    q, k, v = make_qkv(2, 1, 70, 6, 2, 16, "f16")
    swap = lambda x: np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2)
    mask = np.broadcast_to(normal(4, 2, 1, 1, 70) > 0, (2, 6, 1, 70))
    out, lse = np.empty_like(swap(q)), np.empty((2, 1, 6), "f4").swapaxes(1, 2)
    mfa.masked_attention(
        swap(q), swap(k), swap(v), mask, out=(out, lse), return_lse=True, target="sim"
    )
    expected, expected_lse = reference(q, k, v, mask)
    assert_close(out, expected, "f16")
    np.testing.assert_allclose(lse, expected_lse, atol=1e-3)


def test_one_query_compiles_for_each_size_of_groups(cache_dir):
    for batch, seq_k, heads, kv_heads in ((2, 7, 4, 2), (1, 3, 8, 4), (1, 3, 6, 2)):
        q, k, v = make_qkv(batch, 1, seq_k, heads, kv_heads, 8, "f16")
        mfa.masked_attention(q, k, v, target="sim")
    assert len(list(cache_dir.iterdir())) == 2


def test_lengths_and_batch_do_not_compile_again(cache_dir):
    for batch, seq_q, seq_k, heads in ((2, 5, 7, 4), (1, 1, 3, 2), (3, 9, 1, 8)):
        q, k, v = make_qkv(batch, seq_q, seq_k, heads)
        mask = normal(4, batch, seq_q, seq_k)
        mfa.masked_attention(q, k, v, mask)
    assert len(list(cache_dir.iterdir())) == 1


sizes = st.integers(0, 9)


@given(
    batch=st.integers(0, 3),
    seq_q=sizes,
    seq_k=sizes,
    kv_heads=st.integers(1, 3),
    group=st.integers(1, 3),
    dtype=st.sampled_from(sorted(DTYPES)),
    mask=st.sampled_from(["none", "bool", "f32"]),
    broadcast=st.tuples(*[st.booleans()] * 4),
)
def test_any_sizes(batch, seq_q, seq_k, kv_heads, group, dtype, mask, broadcast):
    heads = kv_heads * group
    q, k, v = make_qkv(batch, seq_q, seq_k, heads, kv_heads, 8, dtype)
    full = (batch, heads, seq_q, seq_k)
    shape = [1 if one else size for one, size in zip(broadcast, full)]
    array = None
    if mask != "none":
        array = normal(4, *shape)
        if mask == "bool":
            array = array > 0
    output, lse = mfa.masked_attention(q, k, v, array, return_lse=True)
    expected, expected_lse = reference(q, k, v, array)
    assert_close(output, expected, dtype)
    np.testing.assert_allclose(lse, expected_lse, atol=1e-3)


@given(
    order=st.permutations([0, 1, 2]),
    steps=st.tuples(*[st.sampled_from([1, 2, -1])] * 3),
    start=st.integers(0, 3),
)
def test_any_strides(order, steps, start):
    """q as a view of a larger array, whose dimensions are permuted."""
    _, k, v = make_qkv()
    shape = [0, 0, 0]
    for position, dim in enumerate(order):
        shape[position] = (2, 5, 4)[dim] * 2
    base = normal(1, *shape, 24)[..., start : start + 16]
    view = base.transpose(*[order.index(dim) for dim in range(3)], 3)
    q = view[tuple(slice(None, None, step) for step in steps)][:2, :5, :4]
    assert_close(mfa.masked_attention(q, k, v), reference(q, k, v)[0])


def test_types_of_ml_dtypes_stay():
    q, k, v = make_qkv(dtype="bf16")
    assert mfa.masked_attention(q, k, v).dtype == ml_dtypes.bfloat16
