"""Masked attention under jax.vmap, on the CPU."""

import functools

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import mfa  # noqa: E402
import mfa.jax  # noqa: E402
from conftest import assert_close, make_qkv, normal, reference  # noqa: E402
from jax_programs import arrays, causal_documents, expect_rules  # noqa: E402

pytestmark = pytest.mark.usefixtures("jax_on_cpu")


AXES = [(0, 0, 0), (0, None, None), (None, 1, 1), (2, 0, None)]


@pytest.mark.parametrize("axes", AXES)
def test_vmap(axes):
    single = make_qkv()
    stacks = [np.stack([x, 2 * x, x + 1]) for x in single]
    given = [
        jnp.asarray(x if axis is None else np.moveaxis(stack, 0, axis))
        for x, stack, axis in zip(single, stacks, axes)
    ]
    for transform in (lambda f: f, jax.jit):
        output, lse = transform(
            jax.vmap(functools.partial(mfa.masked_attention, return_lse=True), axes)
        )(*given)
        for i in range(3):
            each = [
                x if axis is None else stack[i]
                for x, stack, axis in zip(single, stacks, axes)
            ]
            expected, expected_lse = reference(*each)
            assert_close(output[i], expected)
            assert_close(lse[i], expected_lse)


@pytest.mark.parametrize("sizes", [(2, 5, 7), (1, 5, 7), (1, 4, 1, 7), (2, 1, 5, 7)])
@pytest.mark.parametrize("is_mapped", [True, False])
def test_vmap_of_a_mask(sizes, is_mapped):
    q, k, v = arrays()
    masks = normal(4, 3, *sizes)
    axes = None, None, 0, 0 if is_mapped else None
    output = jax.vmap(mfa.masked_attention, axes)(
        *(q, k, jnp.stack([v, v + 1, v + 2])),
        jnp.asarray(masks if is_mapped else masks[0]),
    )
    for i in range(3):
        mask = masks[i if is_mapped else 0]
        full = np.broadcast_to(mask, (2, 5, 7) if len(sizes) == 3 else (2, 4, 5, 7))
        assert_close(output[i], reference(q, k, v + i, full)[0])


def test_vmap_is_one_call():
    q, k, v = arrays()
    stacked = jnp.stack([q, q + 1])
    nested = jax.jit(
        jax.vmap(jax.vmap(mfa.masked_attention, (0, None, None)), (None, 0, 0))
    )
    given = stacked, jnp.stack([k] * 3), jnp.stack([v] * 3)
    assert nested.lower(*given).as_text().count(f"@{mfa.jax.TARGET}(") == 1
    output = nested(*given)
    assert output.shape == (3, 2, *q.shape)
    for i in range(2):
        for j in range(3):
            assert_close(output[j, i], reference(q + i, k, v)[0])


def test_vmap_of_rules():
    """Functions see the batch of their own call, and arrays that are mapped."""
    q, k, v = arrays(seq_q=7)
    ids = np.sort(np.random.default_rng(0).integers(0, 3, (2, 3, 2, 7)), axis=-1)
    slopes = normal(5, 2, 4)
    windows = np.array([2, 4, 9])

    def attend(q, ids, window, slopes):
        return mfa.masked_attention(
            q,
            k,
            v,
            keep=causal_documents(ids, window),
            score=mfa.scores.alibi(slopes),
        )

    # Documents are mapped twice, windows and slopes once each, in different calls.
    mapped = jax.vmap(
        jax.vmap(attend, (None, 0, 0, None)), (None, 0, None, 0), out_axes=1
    )
    output = jax.jit(mapped)(
        q, jnp.asarray(ids), jnp.asarray(windows), jnp.asarray(slopes)
    )
    assert output.shape == (3, 2, *q.shape)
    for i in range(2):
        for j in range(3):
            expected = expect_rules(q, k, v, ids[i, j], windows[j], slopes[i])
            assert_close(output[j, i], expected)


def test_vmap_of_sizes():
    """Functions see the shapes of arrays that are mapped as those of their call."""
    q, k, v = arrays(seq_q=7)
    tables = jnp.asarray(normal(6, 3, 4, 7))
    output = jax.vmap(
        lambda x: mfa.masked_attention(q, k, v, score=mfa.scores.relative_bias(x))
    )(tables)
    distance = np.clip(np.arange(7) - np.arange(7)[:, None], -3, 3) + 3
    for i in range(3):
        bias = np.asarray(tables)[i][:, distance]
        full = np.broadcast_to(bias, (2, 4, 7, 7))
        assert_close(output[i], reference(q, k, v, full)[0])


def test_vmap_of_a_batch_of_rules():
    """An array that is not mapped is read by the batch of the inner call."""
    q, k, v = arrays()
    lengths = jnp.asarray([3, 5])
    output = jax.vmap(
        lambda q: mfa.masked_attention(q, k, v, keep=mfa.masks.lengths(lengths))
    )(jnp.stack([q, 2 * q]))
    kept = np.arange(7) < np.asarray(lengths)[:, None, None]
    kept = np.broadcast_to(kept, (2, 5, 7))
    for i in range(2):
        assert_close(output[i], reference((i + 1) * q, k, v, kept)[0])


def one_call(function, *arrays):
    """The outputs, of one call."""
    mapped = jax.jit(jax.vmap(function))
    assert mapped.lower(*arrays).as_text().count(f"@{mfa.jax.TARGET}(") == 1
    return mapped(*arrays)


@pytest.mark.parametrize("sizes", [None, (1, 5, 7), (1, 4, 1, 7), (2, 1, 5, 7)])
@pytest.mark.parametrize("is_mapped", [True, False])
def test_vmap_of_sinks(sizes, is_mapped):
    """Heads are joined, by which functions are told apart too."""
    q, k, v = arrays()
    sinks = jnp.asarray(normal(6, 3, 4))
    slopes = jnp.asarray(normal(7, 4))
    masks = None if sizes is None else jnp.asarray(normal(4, 3, *sizes))

    def attend(i, q, sinks):
        mask = masks if masks is None else masks[i] if is_mapped else masks[0]
        return mfa.masked_attention(
            *(q, k, v, mask), sinks=sinks, return_lse=True,
            score=lambda s, b, h, q, k: s + slopes[h] + b,
        )  # fmt: skip

    stacked = jnp.stack([q, q + 1, q * 2])
    output, lse = one_call(attend, jnp.arange(3), stacked, sinks)
    for i in range(3):
        expected, expected_lse = attend(i, stacked[i], sinks[i])
        assert_close(output[i], np.asarray(expected))
        assert_close(lse[i], np.asarray(expected_lse))


def test_vmap_of_arrays_of_four_dimensions():
    """As many as kernels read: they are joined with the first one."""
    q, k, v = arrays()
    tables = np.random.default_rng(0).random((3, 2, 4, 5, 7)) < 0.7
    output = one_call(
        lambda x: mfa.masked_attention(q, k, v, keep=mfa.masks.blocks(1, 1, x)),
        jnp.asarray(tables),
    )
    for i in range(3):
        assert_close(output[i], reference(q, k, v, tables[i])[0])


def test_vmap_of_a_scale():
    q, k, v = arrays()
    scales = jnp.asarray([0.1, 0.5])
    output = jax.vmap(lambda x: mfa.masked_attention(q, k, v, scale=x))(scales)
    for i in range(2):
        assert_close(output[i], reference(q, k, v, scale=float(scales[i]))[0])
