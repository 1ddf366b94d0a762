"""What is said of arguments that do not fit, before anything is launched."""

import mfa
import numpy as np
import pytest
from conftest import make_qkv, normal

Q, K, V = make_qkv()
MASK = normal(4, 2, 5, 7)


def changed(array, *shape):
    return np.zeros(shape, array.dtype)


# Name, arguments (q, k, v, mask, options), error, message.
CASES = {
    "q-no-array": (
        ("text", K, V),
        {},
        TypeError,
        "q: expected an array with DLPack .* but got str",
    ),
    "v-none": (
        (Q, K, None),
        {},
        TypeError,
        "v: expected an array with DLPack .* but got NoneType",
    ),
    "mask-list": (
        (Q, K, V, [1]),
        {},
        TypeError,
        "mask: expected an array .* but got list",
    ),
    "q-f64": (
        (Q.astype(np.float64), K, V),
        {},
        TypeError,
        "q: expected elements of type f16, bf16 or f32 but got float64",
    ),
    "q-int": (
        (Q.astype(np.int32), K, V),
        {},
        TypeError,
        "q: expected elements .* but got int32",
    ),
    "q-bool": (
        (Q > 0, K, V),
        {},
        TypeError,
        "q: expected elements of type f16, bf16 or f32 but got i1",
    ),
    "q-big-endian": (
        (Q.astype(">f4"), K, V),
        {},
        TypeError,
        "q: expected elements .* but got big-endian f32",
    ),
    "k-other-type": (
        (Q, K.astype(np.float16), V),
        {},
        TypeError,
        "k: expected elements of type f32, as of q, but got f16",
    ),
    "v-other-type": (
        (Q, K, V.astype(np.float16)),
        {},
        TypeError,
        "v: expected elements of type f32, as of q, but got f16",
    ),
    "mask-int": (
        (Q, K, V, MASK.astype(np.uint8)),
        {},
        TypeError,
        "mask: expected elements of type f16, bf16, f32 or bool but got uint8",
    ),
    "q-rank": ((Q[0], K, V), {}, ValueError, "q: expected rank 4 but got rank 3"),
    "mask-rank": (
        (Q, K, V, MASK[0]),
        {},
        ValueError,
        "mask: expected rank 3 or 4 but got rank 2",
    ),
    "k-batch": (
        (Q, changed(K, 3, 7, 2, 16), V),
        {},
        ValueError,
        r"k: expected batch 2, as of q, but got 3 in shape \(3, 7, 2, 16\)",
    ),
    "v-batch": (
        (Q, K, changed(V, 1, 7, 2, 16)),
        {},
        ValueError,
        "v: expected batch 2, as of q, but got 1",
    ),
    "k-head-size": (
        (Q, changed(K, 2, 7, 2, 24), V),
        {},
        ValueError,
        "k: expected head size 16, as of q, but got 24",
    ),
    "v-length": (
        (Q, K, changed(V, 2, 6, 2, 16)),
        {},
        ValueError,
        "v: expected length 7, as of k, but got 6",
    ),
    "v-heads": (
        (Q, K, changed(V, 2, 7, 4, 16)),
        {},
        ValueError,
        "v: expected heads 2, as of k, but got 4",
    ),
    "heads": (
        (Q, changed(K, 2, 7, 3, 16), changed(V, 2, 7, 3, 16)),
        {},
        ValueError,
        "k: expected a number of heads that divides the 4 of q but got 3",
    ),
    "no-heads": (
        (changed(Q, 2, 5, 0, 16), K, V),
        {},
        ValueError,
        "q: expected at least one head",
    ),
    "no-kv-heads": (
        (Q, changed(K, 2, 7, 0, 16), changed(V, 2, 7, 0, 16)),
        {},
        ValueError,
        "k: expected at least one head",
    ),
    "q-head-size-0": (
        (changed(Q, 2, 5, 4, 0), changed(K, 2, 7, 2, 0), V),
        {},
        ValueError,
        "q: expected the head size to be from 1 to 256 but got 0",
    ),
    "q-head-size-264": (
        (changed(Q, 1, 1, 1, 264), changed(K, 1, 1, 1, 264), changed(V, 1, 1, 1, 8)),
        {},
        ValueError,
        "q: expected the head size .* but got 264",
    ),
    "v-head-size": (
        (Q, K, changed(V, 2, 7, 2, 257)),
        {},
        ValueError,
        "v: expected the head size .* but got 257",
    ),
    "q-stride": (
        (np.zeros((2, 5, 4, 32), np.float32)[..., ::2], K, V),
        {},
        ValueError,
        r"q: expected unit stride in the last dimension but got strides \(640, 128, 32, 2\)",
    ),
    "v-stride": (
        (Q, K, np.zeros((2, 7, 16, 2), np.float32).swapaxes(2, 3)),
        {},
        ValueError,
        "v: expected unit stride in the last dimension",
    ),
    "mask-shape": (
        (Q, K, V, normal(4, 2, 4, 7)),
        {},
        ValueError,
        r"mask: expected shape \(2\|1, 5\|1, 7\|1\) but got \(2, 4, 7\)",
    ),
    "mask-heads": (
        (Q, K, V, normal(4, 2, 2, 5, 7)),
        {},
        ValueError,
        r"mask: expected shape \(2\|1, 4\|1, 5\|1, 7\|1\) but got \(2, 2, 5, 7\)",
    ),
    "scale": (
        (Q, K, V),
        {"scale": "big"},
        TypeError,
        "scale: expected a number but got 'big'",
    ),
    "target": (
        (Q, K, V),
        {"target": "tpu"},
        ValueError,
        "target: expected 'cpu', 'sim' or 'cuda' but got 'tpu'",
    ),
    "target-type": (
        (Q, K, V),
        {"target": 3},
        TypeError,
        "target: expected 'cpu', 'sim' or 'cuda' but got 3",
    ),
    "target-of-arrays": (
        (Q, K, V),
        {"target": "cuda"},
        ValueError,
        "target: expected one for arrays on cpu, 'cpu' or 'sim', but got 'cuda'",
    ),
    "out-shape": (
        (Q, K, V),
        {"out": changed(Q, 2, 5, 4, 8)},
        ValueError,
        r"out: expected shape \(2, 5, 4, 16\) but got \(2, 5, 4, 8\)",
    ),
    "out-type": (
        (Q, K, V),
        {"out": Q.astype(np.float16)},
        TypeError,
        "out: expected elements of type f32, as of q, but got f16",
    ),
    "out-tuple": (
        (Q, K, V),
        {"return_lse": True, "out": (Q, Q, Q)},
        ValueError,
        r"out: expected an array or a pair \(out, lse\) but got a tuple of 3",
    ),
    "lse-type": (
        (Q, K, V),
        {"return_lse": True, "out": (None, normal(1, 2, 4, 5, dtype="f16"))},
        TypeError,
        "lse: expected elements of type f32 but got f16",
    ),
    "lse-shape": (
        (Q, K, V),
        {"return_lse": True, "out": (None, normal(1, 2, 5, 4))},
        ValueError,
        r"lse: expected shape \(2, 4, 5\) but got \(2, 5, 4\)",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_arguments(name):
    arguments, options, error, message = CASES[name]
    with pytest.raises(error, match=message):
        mfa.masked_attention(*arguments, **options)


def test_read_only_out():
    out = np.empty_like(Q)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="out: expected a writable array"):
        mfa.masked_attention(Q, K, V, out=out)


def test_expanded_out():
    out = np.lib.stride_tricks.as_strided(
        np.empty((2, 1, 4, 16), np.float32), Q.shape, (256, 0, 64, 4)
    )
    with pytest.raises(ValueError, match="out: expected elements of their own"):
        mfa.masked_attention(Q, K, V, out=out)


def test_strides_between_elements():
    fields = np.zeros((2, 5, 4), [("row", np.float32, 16), ("rest", np.uint8)])
    with pytest.raises(ValueError, match="q: expected strides that are multiples"):
        mfa.masked_attention(fields["row"], K, V)


def test_unaligned():
    whole = np.zeros(Q.nbytes + 1, np.uint8)
    q = whole[1:].view(np.float32).reshape(Q.shape)
    with pytest.raises(
        ValueError, match="q: expected an address that is a multiple of 4"
    ):
        mfa.masked_attention(q, K, V)


def test_nothing_is_written_after_an_error():
    out = np.full(Q.shape, 7, np.float32)
    with pytest.raises(ValueError):
        mfa.masked_attention(Q, K, V, normal(4, 2, 5, 8), out=out)
    assert np.all(out == 7)
