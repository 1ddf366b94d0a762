"""JAX arrays on the CPU."""

import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import mfa  # noqa: E402
from conftest import assert_close, make_qkv, normal, reference  # noqa: E402


@pytest.fixture(autouse=True)
def on_cpu():
    with jax.default_device(jax.devices("cpu")[0]):
        yield


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32"])
def test_arrays(dtype):
    q, k, v = (jnp.asarray(x) for x in make_qkv(dtype=dtype))
    mask = jnp.asarray(normal(4, 2, 5, 7))
    output = mfa.masked_attention(q, k, v, mask)
    assert isinstance(output, jax.Array) and output.dtype == q.dtype
    assert_close(output, reference(q, k, v, mask)[0], dtype)


def test_boolean_mask_and_lse():
    q, k, v = (jnp.asarray(x) for x in make_qkv())
    mask = jnp.asarray(normal(4, 2, 5, 7) > 0)
    output, lse = mfa.masked_attention(q, k, v, mask, return_lse=True)
    expected, expected_lse = reference(q, k, v, mask)
    assert isinstance(lse, jax.Array)
    assert_close(output, expected)
    assert_close(lse, expected_lse)


def test_result_of_a_computation():
    q, k, v = (jax.jit(lambda x: x * 2)(jnp.asarray(x)) for x in make_qkv())
    output = jax.jit(lambda x: x + 1)(mfa.masked_attention(q, k, v))
    assert_close(output, reference(q, k, v)[0] + 1)


def test_out_is_refused():
    q, k, v = (jnp.asarray(x) for x in make_qkv())
    with pytest.raises(ValueError, match="out: expected a writable array"):
        mfa.masked_attention(q, k, v, out=q)


def test_traced_is_refused():
    q, k, v = (jnp.asarray(x) for x in make_qkv())
    with pytest.raises(TypeError, match="q: .* is traced; .* inside of jax.jit"):
        jax.jit(mfa.masked_attention)(q, k, v)
