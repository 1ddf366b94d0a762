"""Functions in keep= and score=, and the ready-made ones, on all libraries' arrays."""

from __future__ import annotations

import functools
import math
import types

import ml_dtypes
import numpy as np
import pytest
from conftest import assert_close, make_qkv, normal, reference
from rule_arrays import (
    B,
    BLOCKS,
    H,
    IDS_K,
    IDS_Q,
    K,
    LENGTHS,
    LONG,
    PACKED,
    POSITIONS,
    Q,
    SK,
    SLOPES,
    SQ,
    TABLE,
    V,
)

import mfa


def expect(keep=None, score=None, **options):
    """The output, with functions of numpy's arrays of positions."""
    mask = np.zeros((B, H, SQ, SK))
    if score is not None:
        q, k = (x.astype(np.float64) for x in (Q, np.repeat(K, 2, axis=2)))
        plain = np.einsum("bqhd,bkhd->bhqk", q, k) * 16**-0.5
        mask = score(plain, *POSITIONS) - plain
    if keep is not None:
        mask = np.where(np.broadcast_to(keep(*POSITIONS), mask.shape), mask, -np.inf)
    return reference(Q, K, V, mask.astype(np.float64), **options)


def check(keep=None, score=None, plain_keep=None, plain_score=None, target="cpu"):
    actual = mfa.masked_attention(
        Q, K, V, keep=keep, score=score, return_lse=True, target=target
    )
    expected = expect(plain_keep or keep, plain_score or score)
    assert_close(actual[0], expected[0])
    assert_close(actual[1], expected[1])


# Beyond 32 bits.
FAR, TWO = 1 << 40, 2
masks, scores = mfa.masks, mfa.scores
RULES = {
    "causal": (masks.causal(), lambda b, h, q, k: k <= q),
    "causal, offset": (masks.causal(offset=-2), lambda b, h, q, k: k <= q - 2),
    "causal, end": (masks.causal("end"), lambda b, h, q, k: k <= q + SK - SQ),
    "causal, end, offset": (
        masks.causal(align="end", offset=1),
        lambda b, h, q, k: k <= q + SK - SQ + 1,
    ),
    "window": (
        masks.window(3, 1),
        lambda b, h, q, k: (k >= q - 3) & (k <= q + 1),
    ),
    "prefix": (masks.prefix(5), lambda b, h, q, k: (k < 5) | (k <= q)),
    "prefixes": (
        masks.prefix(LENGTHS),
        lambda b, h, q, k: (k < LENGTHS[b]) | (k <= q),
    ),
    "documents": (
        masks.documents(IDS_Q, IDS_K),
        lambda b, h, q, k: IDS_Q[b, q] == IDS_K[b, k],
    ),
    "documents, one batch": (
        masks.documents(IDS_Q[0], IDS_K[0]),
        lambda b, h, q, k: IDS_Q[0][q] == IDS_K[0][k],
    ),
    "lengths": (masks.lengths(LENGTHS), lambda b, h, q, k: k < LENGTHS[b]),
    "length": (masks.lengths(7), lambda b, h, q, k: k < 7),
    "dilated": (masks.dilated(3), lambda b, h, q, k: (q - k) % 3 == 0),
    "blocks": (
        masks.blocks(4, 3, BLOCKS[0, 0]),
        lambda b, h, q, k: BLOCKS[0, 0][q // 4, k // 3],
    ),
    "blocks of heads": (
        masks.blocks(4, 3, BLOCKS[0]),
        lambda b, h, q, k: BLOCKS[0][h, q // 4, k // 3],
    ),
    "blocks of all": (
        masks.blocks(4, 3, BLOCKS),
        lambda b, h, q, k: BLOCKS[b, h, q // 4, k // 3],
    ),
    "and": (
        masks.causal() & masks.window(3, 0),
        lambda b, h, q, k: (k <= q) & (k >= q - 3),
    ),
    "or, not": (
        ~masks.causal() | masks.lengths(LENGTHS),
        lambda b, h, q, k: (k > q) | (k < LENGTHS[b]),
    ),
    "with a function": (
        (lambda b, h, q, k: h != 1) & masks.causal() | (lambda b, h, q, k: k == 0),
        lambda b, h, q, k: (h != 1) & (k <= q) | (k == 0),
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_ready_made_rule(name):
    rule, plain = RULES[name]
    check(keep=rule, plain_keep=plain)


@pytest.mark.parametrize("name", ["window", "documents", "or, not", "blocks of all"])
def test_simulated_rule(name):
    rule, plain = RULES[name]
    check(keep=rule, plain_keep=plain, target="sim")


SCORES = {
    "softcap": (scores.softcap(2), lambda s, b, h, q, k: 2 * np.tanh(s / 2)),
    "alibi": (scores.alibi(SLOPES), lambda s, b, h, q, k: s + SLOPES[h] * (k - q)),
    "relative": (
        scores.relative_bias(TABLE[:, :7]),
        lambda s, b, h, q, k: s + TABLE[h, np.clip(k - q, -3, 3) + 3],
    ),
    "buckets": (
        scores.relative_bias(TABLE, lambda d: abs(d) // 2),
        lambda s, b, h, q, k: s + TABLE[h, abs(k - q) // 2],
    ),
}


@pytest.mark.parametrize("target", ["cpu", "sim"])
@pytest.mark.parametrize("name", SCORES)
def test_ready_made_score(name, target):
    score, plain = SCORES[name]
    check(score=score, plain_score=plain, target=target)


# What functions may say. Each is its own reference, on arrays of positions.

FUNCTIONS = {
    "negative remainder": lambda b, h, q, k: (q - k) % 4 > 1,
    "negative quotient": lambda b, h, q, k: (q - k) // 3 != -1,
    "negative divisor": lambda b, h, q, k: (q - k) // -3 + (q - k) % -3 < 0,
    "float quotient": lambda b, h, q, k: q / 2 >= k,
    "float remainder": lambda b, h, q, k: (q - 0.5 * k) % 1.5 > 0.4,
    "xor": lambda b, h, q, k: (q > 3) ^ (k > 4),
    "bits": lambda b, h, q, k: (q & 3) | (k & 1) != 0,
    "shifts": lambda b, h, q, k: (q >> 1) == (k >> 1),
    "shifts by positions": lambda b, h, q, k: (PACKED[q, k // 8] >> (k % 8)) & 1 == 1,
    "shifts to the left by positions": lambda b, h, q, k: (1 << (k % 5)) > q,
    "shifts of negatives": lambda b, h, q, k: ((q - k) >> (k & 3)) >= -1,
    "shifts by a number from outside": lambda b, h, q, k: (q >> TWO) == (k >> TWO),
    "words of 64 bits": lambda b, h, q, k: (LONG[q] >> (k * 7 % 64)) & 1 == 1,
    "the sign": lambda b, h, q, k: (q - k) >> 63 == -1,
    "numbers that wrap around": lambda b, h, q, k: (
        ((8 + k) << (60 + k % 2)) % 3 + (8 + k) * (1 << 60) % 3 != 1
    ),
    "not equal": lambda b, h, q, k: q != k,
    "square": lambda b, h, q, k: (q - k) ** 2 < 10,
    "a constant": lambda b, h, q, k: True,
    "conditions as numbers": lambda b, h, q, k: (q > 3) + (k > 3) * 1 != 1,
    "negative index": lambda b, h, q, k: IDS_Q[b, q - SQ] == IDS_Q[b, -1],
    "constant index": lambda b, h, q, k: LENGTHS[0] > k,
    "rows": lambda b, h, q, k: IDS_Q[b][..., q] == IDS_K[b][..., k]
    if isinstance(q, np.ndarray) is False
    else IDS_Q[b, q] == IDS_K[b, k],
    "loop": lambda b, h, q, k: functools.reduce(
        lambda x, y: x | y, [q - k == step for step in range(3)]
    ),
    "size": lambda b, h, q, k: k < LENGTHS.shape[0] * 3,
    "chosen by a constant": lambda b, h, q, k: k <= q if SQ > 3 else k >= q,
    "float threshold": lambda b, h, q, k: SLOPES[h] * k < 1.1,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    check(keep=FUNCTIONS[name])


# Kernels for GPUs compare in 32 bits what these hold.
IN_32_BITS = {
    "bounds from outside": lambda b, h, q, k: (q // 2 - k // 3 <= TWO)
    & (q % 4 - k % 4 >= -TWO),
    "bounds beyond them": lambda b, h, q, k: (q // 2 - k // 3 <= FAR)
    & (q // 2 - k // 3 > -FAR)
    & (q % 3 - k % 2 != FAR),
    "numbers beyond them": lambda b, h, q, k: (
        (q - k) * (1 << 33) % (3 << 33) != 1 << 33
    ),
    "negative numbers": lambda b, h, q, k: ((q - k) // 3 + (k - q) % 5 < 3)
    & ((q - k) >> 1 != 2),
    "bits": lambda b, h, q, k: (PACKED[q, k // 8] >> (k % 8)) & 1 == 1,
}


@pytest.mark.parametrize("name", IN_32_BITS)
def test_function_in_32_bits(name):
    check(keep=IN_32_BITS[name], target="sim")


def test_functions_of_numbers():
    where, minimum, maximum = mfa.where, mfa.minimum, mfa.maximum

    def score(s, b, h, q, k):
        x = where(q > k, minimum(s, 1.0), maximum(s, -1.0))
        y = mfa.exp(s * 0.1) + mfa.log2(abs(q - k) + 1.0) - mfa.sqrt(abs(s))
        return x + y * -0.5 + mfa.floor(s)

    check(score=score)
    check(score=score, target="sim")


def test_functions_of_numpy_and_math():
    check(
        score=lambda s, b, h, q, k: np.where(q > k, np.tanh(s), np.abs(s) * math.pi),
        keep=lambda b, h, q, k: np.logical_and(k <= q + 4, np.not_equal(q, k)),
    )
    plain = check(
        score=lambda s, b, h, q, k: math.exp(s) + max(q, k, 3) - min(q, 2) + int(s),
        plain_score=lambda s, b, h, q, k: (
            np.exp(s) + np.maximum(np.maximum(q, k), 3) - np.minimum(q, 2) + np.trunc(s)
        ),
    )
    assert plain is None


def test_jax():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    arrays = [jnp.asarray(x) for x in (Q, K, V)]
    ids, slopes = jnp.asarray(IDS_K[:, :SQ]), jnp.asarray(SLOPES)

    def keep(b, h, q, k):
        return jnp.where(h > 1, k <= q, jnp.less(k, ids[b, q] + 3))

    def score(s, b, h, q, k):
        return jnp.tanh(s) + slopes[h] * jnp.abs(k - q).astype(jnp.float32)

    output = mfa.masked_attention(*arrays, keep=keep, score=score)
    assert isinstance(output, jax.Array)
    expected, _ = expect(
        lambda b, h, q, k: np.where(h > 1, k <= q, k < IDS_K[b, q] + 3),
        lambda s, b, h, q, k: np.tanh(s) + SLOPES[h] * abs(k - q),
    )
    assert_close(output, expected)


def test_torch():
    torch = pytest.importorskip("torch")
    arrays = [torch.from_numpy(x) for x in (Q, K, V)]
    table = torch.from_numpy(TABLE).t().contiguous().t()
    limit = torch.tensor(3)

    def score(s, b, h, q, k):
        return s + table[h, torch.clamp(q - k, -limit, limit) + limit]

    expected, _ = expect(
        score=lambda s, b, h, q, k: s + TABLE[h, np.clip(q - k, -3, 3) + 3]
    )
    assert_close(mfa.masked_attention(*arrays, score=score), expected)


@pytest.mark.parametrize(
    "dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.int32, np.int64, np.bool_]
)
def test_element_types(dtype):
    table = (TABLE > 0).astype(dtype)

    def score(s, b, h, q, k):
        return s + mfa.where(table[h, k] > 0, 1.0, 2.0)

    check(
        score=score,
        plain_score=lambda s, b, h, q, k: s + np.where(TABLE[h, k] > 0, 1.0, 2.0),
    )


def test_strided_tables():
    ids = np.repeat(IDS_K, 2, axis=1)[:, ::2]
    check(
        keep=lambda b, h, q, k: ids[b, k] > 0,
        plain_keep=lambda b, h, q, k: IDS_K[b, k] > 0,
    )


def test_mask_with_rule():
    mask = normal(4, B, SQ, SK)
    output = mfa.masked_attention(Q, K, V, mask, keep=masks.causal())
    expected, _ = expect(
        lambda b, h, q, k: k <= q, lambda s, b, h, q, k: s + mask[:, None]
    )
    assert_close(output, expected)


@pytest.mark.parametrize("target", ["cpu", "sim"])
def test_sinks(target):
    sinks = np.float32([0, 1, -2, -np.inf])
    options = {"keep": masks.causal(offset=-1), "return_lse": True, "target": target}
    output, lse = mfa.masked_attention(Q, K, V, sinks=sinks, **options)
    plain, plain_lse = expect(lambda b, h, q, k: k <= q - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.logaddexp(plain_lse, sinks[None, :, None])
        share = np.nan_to_num(np.exp(plain_lse - expected))
    assert_close(lse, expected)
    assert_close(output, plain * share.transpose(0, 2, 1)[..., None])


def test_head_sizes_of_no_kernel():
    arrays = [x[..., :12] for x in (Q, K, V)]
    output = mfa.masked_attention(*arrays, keep=masks.causal())
    rows, keys = np.ogrid[:SQ, :SK]
    assert_close(output, reference(*arrays, (keys <= rows)[None])[0])


@pytest.mark.parametrize("target", ["cpu", "sim"])
def test_one_query(target):
    """Which is a row of its own, whatever the number of heads."""
    q = np.ascontiguousarray(Q[:, :1])
    output = mfa.masked_attention(
        q,
        K,
        V,
        keep=masks.causal("end") & (lambda b, h, q, k: k > h),
        score=scores.alibi(SLOPES),
        target=target,
    )
    b, h, i, k = np.ogrid[:B, :H, :1, :SK]
    bias = np.where(k > h, SLOPES[h] * (k - i), -np.inf) + 0.0 * b
    assert_close(output, reference(q, K, V, bias)[0])
    # Heads are told apart by a mask as well, and there may be sinks.
    mask = normal(6, B, H, 1, SK)
    options = {"keep": masks.causal("end", -2), "target": target}
    output = mfa.masked_attention(q, K, V, mask, **options)
    expected = reference(q, K, V, np.where(k < SK - 2, mask, -np.inf))[0]
    assert_close(output, expected)
    sinks = np.full(H, -np.inf, np.float32)
    output = mfa.masked_attention(q, K, V, mask, sinks=sinks, **options)
    assert_close(output, expected)


@pytest.mark.parametrize("rule", [{}, {"keep": masks.causal("end", -2)}])
@pytest.mark.parametrize("target", ["cpu", "sim"])
def test_sinks_of_one_query(rule, target):
    """A sink belongs to a head, also where the heads of a group are rows."""
    q = np.ascontiguousarray(Q[:, :1])
    sinks = np.float32([0, 1, -2, -np.inf])
    for given in (sinks, np.repeat(sinks, 2)[::2]):
        output, lse = mfa.masked_attention(
            *(q, K, V), sinks=given, return_lse=True, target=target, **rule
        )
        mask = np.where(np.arange(SK) < SK - 2, 0, -np.inf) if rule else np.zeros(SK)
        plain, plain_lse = reference(q, K, V, np.broadcast_to(mask, (B, H, 1, SK)))
        expected = np.logaddexp(plain_lse, sinks[None, :, None])
        share = np.exp(plain_lse - expected)
        assert_close(lse, expected)
        assert_close(output, plain * share.transpose(0, 2, 1)[..., None])


# What is traced, and when.


@pytest.fixture
def compilations(monkeypatch, cache_dir):
    """The compilations of a test, and its traces."""
    counts = types.SimpleNamespace(kernels=0, traces=0)
    compile_problem, trace = mfa._mfa.compile_problem, mfa._rules._trace

    def counting(*args, **kwargs):
        counts.kernels += 1
        return compile_problem(*args, **kwargs)

    def tracing(*args):
        counts.traces += 1
        return trace(*args)

    monkeypatch.setattr(mfa._mfa, "compile_problem", counting)
    monkeypatch.setattr(mfa._rules, "_trace", tracing)
    mfa._rules._traces.clear()
    return counts


def window_of(size):
    return lambda b, h, q, k: (k <= q) & (q - k < size)


def test_new_values_compile_nothing(compilations):
    for size in (2, 3, 9):
        check(keep=window_of(size))
        check(
            keep=masks.window(size, 1),
            plain_keep=lambda b, h, q, k, size=size: (k >= q - size) & (k <= q + 1),
        )
    assert compilations.kernels == 2
    assert compilations.traces == 2


def test_new_arrays_compile_nothing(compilations):
    for seed, length in ((1, SK), (2, SK), (3, 30)):
        ids = np.random.default_rng(seed).integers(0, 2, (B, length))
        check(keep=lambda b, h, q, k: ids[b, q] == ids[b, k])
        check(
            keep=masks.documents(ids),
            plain_keep=lambda b, h, q, k, ids=ids: ids[b, q] == ids[b, k],
        )
    assert compilations.kernels == 2
    assert compilations.traces == 2


def test_new_lengths_compile_nothing(compilations):
    for seq_q, seq_k in ((5, 7), (9, 4), (16, 16)):
        q, k, v = make_qkv(seq_q=seq_q, seq_k=seq_k)
        output = mfa.masked_attention(q, k, v, keep=masks.causal("end"))
        rows, keys = np.ogrid[:seq_q, :seq_k]
        mask = (keys <= rows + seq_k - seq_q)[None]
        assert_close(output, reference(q, k, v, mask)[0])
    assert compilations.kernels == 1


def test_kernels_on_disk(compilations):
    check(keep=window_of(3))
    mfa._kernels.forget()
    check(keep=window_of(4))
    assert compilations.kernels == 1


GLOBAL_SIZE = 3


def test_globals_attributes_and_defaults(compilations, monkeypatch):
    model = types.SimpleNamespace(size=3, inner=types.SimpleNamespace(sizes=[1, 2]))

    def keep(b, h, q, k, shift=1):
        size = model.size + model.inner.sizes[1] + GLOBAL_SIZE
        return (k <= q + shift) & (q - k < size - 4)

    check(keep=keep)
    model.size = 5
    monkeypatch.setitem(globals(), "GLOBAL_SIZE", 4)
    model.inner.sizes[1] = 0
    check(keep=keep)
    keep.__defaults__ = (2,)
    check(keep=keep)
    assert compilations.traces == 1


def test_helpers_and_partials(compilations):
    class Model:
        def __init__(self, size):
            self.size = size

        def is_near(self, q, k):
            return abs(q - k) < self.size

        def keep(self, b, h, q, k):
            return self.is_near(q, k) | (k == 0)

        def __call__(self, b, h, q, k):
            return ~self.is_near(q, k)

        @property
        def double(self):
            return 2 * self.size

    for size in (2, 4):
        check(keep=Model(size).keep)
        check(keep=Model(size))
        model = Model(size)
        check(keep=lambda b, h, q, k: q - k < model.double)
    for size in (3, 5):
        check(keep=functools.partial(lambda n, b, h, q, k: q - k < n, size))
    assert compilations.traces == 4


def test_decisions_by_numbers_trace_again(compilations):
    def keep_of(count, flag):
        def keep(b, h, q, k):
            result = k == q
            for step in range(count):
                result = result | (k == q - step)
            return result if flag else ~result

        return keep

    for count, flag in ((2, True), (3, True), (2, True), (2, False)):
        check(keep=keep_of(count, flag))
    assert compilations.traces == 3
    assert compilations.kernels == 3


def test_divisors_are_constants(compilations):
    def blocks_of(size):
        return lambda b, h, q, k: (q // size - k // size) % (size + 1) == 0

    for size in (2, 3, 2):
        check(keep=blocks_of(size))
    assert compilations.traces == 2
    assert compilations.kernels == 2


def test_other_code_traces_again(compilations):
    for rule in (lambda q, k: q > k, lambda q, k: q < k):
        check(keep=lambda b, h, q, k: rule(q, k) | (q == k))
    assert compilations.traces == 2


def test_one_function_twice_then_two(compilations):
    """That both were the same is no more than a coincidence."""

    def longer(first, second):
        return lambda b, h, q, k: first(q, k) & ~second(k, q)

    def near(size):
        return lambda q, k: q - k < size

    once = near(3)
    check(keep=longer(once, once))
    check(keep=longer(near(3), near(2)))
    check(keep=longer(near(4), near(1)))
    assert compilations.traces == 2


# Arrays of which kernels get copies.


@pytest.mark.parametrize("target", ["cpu", "sim"])
@pytest.mark.parametrize(
    "dtype", ["float64", "int8", "int16", "uint8", "uint16", "uint32"]
)
def test_converted_arrays(dtype, target):
    """All values of the type mean what they are."""
    if dtype == "float64":
        values = np.linspace(-1, 1, 2 * SK)[::2] + 1e-12
    else:
        limits = np.iinfo(dtype)
        values = np.linspace(limits.min, limits.max, SK).astype(dtype)
        values[-1] = limits.max
    scale = 2.0 ** -np.ceil(np.log2(np.abs(values.astype(float)).max()))

    def score(s, b, h, q, k):
        return s + values[k] * scale

    check(
        score=score,
        plain_score=lambda s, b, h, q, k: s + values[k].astype(float) * scale,
        target=target,
    )
    # Other values, without another trace.
    values = values[::-1]
    check(
        score=score,
        plain_score=lambda s, b, h, q, k: s + values[k].astype(float) * scale,
        target=target,
    )


def test_converted_table_of_two_dimensions():
    table = np.asfortranarray(np.arange(H * 256).reshape(H, 256) % 251).astype(np.uint8)
    check(
        keep=lambda b, h, q, k: table[h, q * 20 + k] > 100,
        plain_keep=lambda b, h, q, k: table[h, q * 20 + k].astype(int) > 100,
    )


def test_empty_calls_read_nothing():
    """Arrays may be too small for pairs that there are none of."""
    few = np.zeros((0,), np.int32)
    keys, values = K[:, :0], V[:, :0]
    output = mfa.masked_attention(Q, keys, values, keep=lambda b, h, q, k: few[k] > 0)
    assert not output.any()
    assert mfa.masked_attention(Q[:0], K[:0], V[:0], keep=masks.lengths(few)).size == 0
