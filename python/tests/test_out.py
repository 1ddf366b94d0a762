"""Outputs that the caller gives, and what they share memory with."""

import mfa
import numpy as np
import pytest
from conftest import assert_close, make_qkv, normal, reference

strided = np.lib.stride_tricks.as_strided


def refuses(match, *arrays, **options):
    copies = [np.array(x) for x in arrays]
    with pytest.raises(ValueError, match=match):
        mfa.masked_attention(*arrays, **options)
    for array, copy in zip(arrays, copies):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("target", ["cpu", "sim"])
@pytest.mark.parametrize("name", ["q", "k", "v"])
def test_output_that_is_an_input(name, target):
    arrays = dict(zip("qkv", make_qkv(seq_k=5, kv_heads=4)))
    refuses(
        "out: expected memory of its own but got an array that shares some with "
        + name,
        *arrays.values(),
        out=arrays[name],
        target=target,
    )


def test_output_in_the_mask():
    q, k, v = make_qkv(batch=1, seq_k=5, heads=8, kv_heads=8, dim=8)
    mask = normal(4, 1, 8, 8, 5)[:, :, :5]
    out = strided(mask, q.shape, (0, 32, 160, 4))
    refuses("out: .* with mask", q, k, v, mask, out=out)


def test_lse_in_an_input_and_in_the_output():
    q, k, v = make_qkv()
    lse = q.reshape(-1)[3:43].reshape(2, 4, 5)
    refuses("lse: .* with q", q, k, v, return_lse=True, out=(None, lse))
    out = np.zeros_like(q)
    lse = out.reshape(-1)[-40:].reshape(2, 4, 5)
    refuses("out: .* with lse", q, k, v, return_lse=True, out=(out, lse))


@pytest.mark.parametrize("shift", [1, 15, 16, 17, 300, 639])
def test_views_that_overlap_in_part(shift):
    q, k, v = make_qkv()
    whole = np.zeros(2 * q.size, np.float32)
    first, second = whole[: q.size], whole[shift : shift + q.size]
    q = first.reshape(q.shape)
    refuses("out: .* with q", q, k, v, out=second.reshape(q.shape))


def test_reversed_and_transposed_views():
    x = normal(1, 1, 5, 5, 16)
    refuses("with q", x, x, x, out=x[:, ::-1])
    refuses("with q", x, x, x, out=x.transpose(0, 2, 1, 3))


def test_other_parts_of_a_packed_array():
    """The output takes the place of no input, between the rows of the others."""
    packed = normal(1, 2, 5, 4, 4, 16)
    q, k, v, out = (packed[:, :, i] for i in range(4))
    expected = reference(q, k, v)[0]
    assert mfa.masked_attention(q, k, v, out=out) is out
    assert_close(out, expected)
    refuses("out: .* with v", q, k, v, out=packed[:, :, 2])
    # Heads beside each other, even and odd rows, halves of rows.
    heads = normal(1, 2, 5, 16, 16)
    mfa.masked_attention(
        heads[:, :, :4], heads[:, :, 4:8], heads[:, :, 8:12], out=heads[:, :, 12:]
    )
    rows = normal(1, 2, 10, 4, 16)
    mfa.masked_attention(*[rows[:, ::2]] * 3, out=rows[:, 1::2])
    halves = normal(1, 2, 5, 4, 32)
    mfa.masked_attention(*[halves[..., :16]] * 3, out=halves[..., 16:])
    refuses("with q", *[halves[..., :16]] * 3, out=halves[..., 15:31])


@pytest.mark.parametrize(
    "strides", [(640, 128, 32, 2), (160, 16, 0, 1), (300, 60, 15, 1), (64, 0, 16, 1)]
)
def test_elements_of_the_output_overlap(strides):
    q, k, v = make_qkv()
    strides = tuple(4 * stride for stride in strides)
    out = strided(np.zeros(2000, np.float32), q.shape, strides)
    with pytest.raises(ValueError, match="out: expected"):
        mfa.masked_attention(q, k, v, out=out)


def test_interleaved_elements_of_the_output():
    """Dimensions in another order and with gaps are elements of their own."""
    q, k, v = make_qkv()
    whole = np.zeros((5, 4, 2, 24), np.float32)
    out = whole.transpose(2, 0, 1, 3)[..., 4:20]
    mfa.masked_attention(q, k, v, out=out)
    assert_close(out, reference(q, k, v)[0])
    # Not nested: row i of a batch lies between rows of the other one.
    out = strided(np.zeros(4000, np.float32), (2, 5, 4, 16), (48 * 4, 96 * 4, 2000, 4))
    mfa.masked_attention(q, k, v, out=out)
    assert_close(out, reference(q, k, v)[0])


def test_against_sets_of_elements():
    """Whether views of one buffer share memory, in layouts of all kinds."""
    rng = np.random.default_rng(0)
    buffer, numbers = np.zeros(1000, np.float32), np.arange(1000)
    q, k, v = make_qkv(batch=1, seq_q=3, seq_k=3, heads=2, kv_heads=2, dim=8)
    counts = {True: 0, False: 0}

    def make_view():
        inner = int(rng.integers(8, 24))
        outer = inner * int(rng.integers(1, 5)) + int(rng.integers(0, 9))
        strides = 0, *rng.permutation((inner, outer)), 1
        start = int(rng.integers(0, 120))
        elements = strided(numbers[start:], q.shape, [8 * x for x in strides])
        view = strided(buffer[start:], q.shape, [4 * x for x in strides])
        return view, set(elements.ravel().tolist())

    for _ in range(300):
        (first, its), (out, own) = make_view(), make_view()
        if len(own) != out.size:
            continue
        shares = bool(its & own)
        counts[shares] += 1
        if shares:
            with pytest.raises(ValueError, match="out: .* with q"):
                mfa.masked_attention(first, k, v, out=out)
        else:
            mfa.masked_attention(first, k, v, out=out)
    assert min(counts.values()) > 20


def test_outputs_without_elements():
    q, k, v = make_qkv()
    mfa.masked_attention(q[:0], k[:0], v[:0], out=q[:0])
