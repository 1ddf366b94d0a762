"""Masked attention inside of jax.jit, on the CPU."""

import functools
import gc
import resource

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import mfa  # noqa: E402
import mfa.jax  # noqa: E402
from conftest import assert_close, normal, reference  # noqa: E402
from jax_programs import arrays, causal_documents, expect_rules  # noqa: E402

pytestmark = pytest.mark.usefixtures("jax_on_cpu")

# Calls.


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32"])
@pytest.mark.parametrize("kind", [None, "f32", "bool"])
def test_jit(dtype, kind):
    q, k, v = arrays(dtype=dtype)
    mask = None if kind is None else jnp.asarray(normal(4, 2, 5, 7))
    mask = mask > 0 if kind == "bool" else mask
    output, lse = jax.jit(functools.partial(mfa.masked_attention, return_lse=True))(
        q, k, v, mask
    )
    expected, expected_lse = reference(q, k, v, mask)
    assert output.dtype == q.dtype and lse.dtype == jnp.float32
    assert_close(output, expected, dtype)
    np.testing.assert_allclose(lse, expected_lse, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("sizes", [(1, 1, 1, 7), (2, 1, 5, 1), (1, 4, 1, 1), (2, 5, 1)])
def test_broadcast_masks(sizes):
    q, k, v = arrays()
    mask = jnp.asarray(normal(4, *sizes))
    output = jax.jit(mfa.masked_attention)(q, k, v, mask)
    full = np.broadcast_to(mask, (2, 4, 5, 7) if len(sizes) == 4 else (2, 5, 7))
    assert_close(output, reference(q, k, v, full)[0])


def test_it_is_one_call():
    q, k, v = arrays()
    text = jax.jit(mfa.masked_attention).lower(q, k, v).as_text()
    assert text.count("stablehlo.") == 1 and f"@{mfa.jax.TARGET}(" in text
    assert "dot_general" not in text


def test_same_as_eager():
    q, k, v = arrays()
    expected = mfa.masked_attention(q, k, v, scale=0.3)
    for attend in (mfa.masked_attention, mfa.jax.masked_attention):
        output = jax.jit(functools.partial(attend, scale=0.3))(q, k, v)
        np.testing.assert_array_equal(output, expected)
    with_data = mfa.jax.masked_attention(q, k, v, mfa.Mask(jnp.zeros((1, 5, 7))))
    assert_close(with_data, reference(q, k, v)[0])


@pytest.mark.parametrize("sizes", [{"batch": 0}, {"seq_q": 0}, {"seq_k": 0}])
def test_no_elements(sizes):
    q, k, v = arrays(**sizes)
    output = jax.jit(mfa.masked_attention)(q, k, v)
    assert output.shape == q.shape and not output.any()


@pytest.mark.parametrize("dim, v_dim", [(20, 16), (16, 20), (12, 12)])
def test_any_head_size(dim, v_dim):
    q, k, v = arrays(dim=dim, v_dim=v_dim)
    output = jax.jit(mfa.masked_attention)(q, k, v)
    assert_close(output, reference(q, k, v)[0])


def test_traced_scale():
    q, k, v = arrays()
    mask = jnp.asarray(normal(4, 2, 5, 7))
    jitted = jax.jit(
        lambda scale, mask: mfa.masked_attention(q, k, v, mask, scale=scale)
    )
    for scale in (0.3, 2.0):
        for each in (None, mask, mask > 0, mask[:1, :, :1]):
            full = None if each is None else np.broadcast_to(each, (2, 5, 7))
            expected = reference(q, k, v, full, scale)[0]
            assert_close(jitted(scale, each), expected)
    capped = jax.jit(
        lambda scale: mfa.masked_attention(
            q, k, v, mask, scale=scale, score=mfa.scores.softcap(2.0)
        )
    )
    expected = mfa.masked_attention(
        q, k, v, mask, scale=0.3, score=mfa.scores.softcap(2.0)
    )
    assert_close(capped(0.3), np.asarray(expected))


def test_simulated():
    q, k, v = arrays()
    output = jax.jit(functools.partial(mfa.masked_attention, target="sim"))(q, k, v)
    assert_close(output, reference(q, k, v)[0])
    # One query: heads of a group are the queries of the kernel.
    mask = jnp.asarray(normal(4, 2, 4, 1, 7))
    output = jax.jit(functools.partial(mfa.masked_attention, target="sim"))(
        q[:, :1], k, v, mask
    )
    assert_close(output, reference(q[:, :1], k, v, mask)[0])


# Rules.


def test_rules_with_traced_captures():
    q, k, v = arrays(seq_q=7)

    @jax.jit
    def attend(q, k, v, ids, window, slopes, sinks):
        return mfa.masked_attention(
            q,
            k,
            v,
            keep=causal_documents(ids, window),
            score=mfa.scores.alibi(slopes),
            sinks=sinks,
        )

    sinks = jnp.full(4, -jnp.inf)
    slopes = jnp.asarray(normal(5, 4))
    for seed, window in ((0, 3), (1, 5)):
        ids = np.sort(np.random.default_rng(seed).integers(0, 3, (2, 7)), axis=1)
        ids = jnp.asarray(ids)
        output = attend(q, k, v, ids, window, slopes, sinks)
        assert_close(output, expect_rules(q, k, v, ids, window, slopes))
    assert attend._cache_size() == 1


def test_captures_that_are_constants():
    """Numbers and arrays of NumPy become constants of the program."""
    q, k, v = arrays(seq_q=7)
    ids = np.sort(np.random.default_rng(0).integers(0, 3, (2, 7)), axis=1)
    assert ids.dtype == np.int64
    slopes = normal(5, 8)[::2]
    output = jax.jit(
        lambda *qkv: mfa.masked_attention(
            *qkv, keep=causal_documents(ids, 3), score=mfa.scores.alibi(slopes)
        )
    )(q, k, v)
    assert_close(output, expect_rules(q, k, v, ids, 3, slopes))
    factor = 0.5
    output = jax.jit(
        lambda *qkv: mfa.masked_attention(*qkv, score=lambda s, b, h, q, k: s * factor)
    )(q, k, v)
    assert_close(output, reference(q, k, v, scale=0.5 * 16**-0.5)[0])


def test_wide_integers():
    q, k, v = arrays(seq_q=7)
    ids = np.full((2, 7), 2**40)
    attend = jax.jit(
        lambda *qkv: mfa.masked_attention(*qkv, keep=mfa.masks.documents(ids))
    )
    with pytest.raises(ValueError) as raised:
        attend(q, k, v)
    assert str(raised.value) == (
        "k_ids: expected integers of 32 bits, as JAX has no others unless "
        "jax_enable_x64 is set, but got 1099511627776 to 1099511627776"
    )
    if not hasattr(jax, "enable_x64"):
        pytest.skip("this jax has no jax.enable_x64")
    with jax.enable_x64(True):
        assert_close(attend(q, k, v), reference(q, k, v)[0])


def test_traced_captures_of_arrays_with_data():
    q, k, v = arrays()
    lengths = jnp.asarray([3, 5])
    output = jax.jit(
        lambda lengths: mfa.masked_attention(q, k, v, keep=mfa.masks.lengths(lengths))
    )(lengths)
    kept = np.arange(7) < np.asarray(lengths)[:, None, None]
    assert_close(output, reference(q, k, v, np.broadcast_to(kept, (2, 5, 7)))[0])


def test_no_trace_is_kept():
    q, k, v = arrays()
    with jax.checking_leaks():
        jax.jit(
            lambda x: mfa.masked_attention(
                x, k, v, keep=lambda b, h, q, k: x[b, q, h, 0] > k - 3
            )
        )(q)


# Models.


def make_model(width=32, heads=4, layers=2):
    """Weights of a model, as arrays with a leading dimension for its layers."""
    shapes = {"qkv": (width, 3 * width), "out": (width, width), "up": (width, 64)}
    shapes["down"] = (64, width)
    weights = {
        name: jnp.asarray(normal(i, layers, *shape)) * shape[0] ** -0.5
        for i, (name, shape) in enumerate(shapes.items())
    }
    return weights, heads


def plain_attention(q, k, v):
    length = q.shape[1]
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) * q.shape[3] ** -0.5
    scores = jnp.where(jnp.tril(jnp.ones((length, length), bool)), scores, -jnp.inf)
    return jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), v)


def causal_attention(q, k, v):
    return mfa.masked_attention(q, k, v, keep=mfa.masks.causal())


def layer(attend, heads, x, weights):
    q, k, v = jnp.split(x @ weights["qkv"], 3, axis=-1)
    split = (x.shape[0], x.shape[1], heads, -1)
    mixed = attend(*(each.reshape(split) for each in (q, k, v)))
    x = x + mixed.reshape(x.shape) @ weights["out"]
    return x + jax.nn.gelu(x @ weights["up"]) @ weights["down"]


def unrolled(attend, heads, x, weights):
    for i in range(weights["qkv"].shape[0]):
        x = layer(attend, heads, x, {name: each[i] for name, each in weights.items()})
    return x


def scanned(attend, heads, x, weights):
    def step(x, weights):
        return layer(attend, heads, x, weights), None

    return jax.lax.scan(step, x, weights)[0]


def rematerialized(attend, heads, x, weights):
    def step(x, weights):
        return jax.checkpoint(functools.partial(layer, attend, heads))(x, weights), None

    return jax.lax.scan(step, x, weights)[0]


@pytest.mark.parametrize("model", [unrolled, scanned, rematerialized])
def test_models(model):
    weights, heads = make_model()
    x = jnp.asarray(normal(9, 2, 11, 32))
    expected = unrolled(plain_attention, heads, x, weights)
    run_model = jax.jit(functools.partial(model, causal_attention, heads))
    np.testing.assert_allclose(run_model(x, weights), expected, rtol=1e-4, atol=1e-4)


def test_two_shapes():
    """One compilation by XLA for each shape, and one kernel for both."""
    attend = jax.jit(causal_attention)
    for length in (5, 9, 5, 9):
        q, k, v = arrays(seq_q=length, seq_k=length)
        causal = np.tril(np.ones((2, length, length), bool))
        assert_close(attend(q, k, v), reference(q, k, v, causal)[0])
        known = dict(mfa._kernels._kernels)
    assert attend._cache_size() == 2
    attend(*arrays(seq_q=6, seq_k=6))
    assert attend._cache_size() == 3 and mfa._kernels._kernels.keys() == known.keys()


def test_kernels_are_compiled_with_the_program(monkeypatch, cache_dir):
    q, k, v = arrays()
    compiled = jax.jit(causal_attention).lower(q, k, v).compile()
    assert len(mfa._kernels._kernels) == 1

    def fail(*arguments, **options):
        raise AssertionError

    monkeypatch.setattr(mfa._mfa, "compile_problem", fail)
    monkeypatch.setattr(mfa._mfa, "deserialize", fail)
    causal = np.tril(np.ones((2, 5, 7), bool))
    assert_close(compiled(q, k, v), reference(q, k, v, causal)[0])


def test_donation():
    q, k, v = arrays(kv_heads=4, seq_k=5)
    expected = reference(q, k, v)[0]
    for donated in (0, 1, 2):
        given = [jnp.array(x, copy=True) for x in (q, k, v)]
        attend = jax.jit(
            lambda q, k, v: mfa.masked_attention(q, k, v), donate_argnums=donated
        )
        assert_close(attend(*given), expected)
        assert given[donated].is_deleted()


def test_memory_does_not_grow():
    q, k, v = arrays(batch=4, seq_q=256, seq_k=256, dim=64)
    attend = jax.jit(causal_attention)

    def repeat(times):
        for _ in range(times):
            attend(q, k, v).block_until_ready()
        gc.collect()
        return len(jax.live_arrays()), resource.getrusage(
            resource.RUSAGE_SELF
        ).ru_maxrss

    repeat(20)
    buffers, peak = repeat(10)
    # An output is 1 MiB.
    after, peak_after = repeat(100)
    assert after == buffers
    assert peak_after - peak < 16 * 1024
