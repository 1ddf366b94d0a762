"""JAX arrays on the CPU, outside of jax.jit; see test_jax_jit.py."""

import os
import subprocess
import sys

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import mfa  # noqa: E402
from conftest import assert_close, make_qkv, normal, reference  # noqa: E402
from mfa import _arrays  # noqa: E402

pytestmark = pytest.mark.usefixtures("jax_on_cpu")


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


ORDERS = [(0, 2, 1, 3), (1, 0, 2, 3), (2, 1, 0, 3), (1, 2, 0, 3)]


def with_order(array, order, tiling=None):
    """The array with its elements in another order in memory."""
    layouts = pytest.importorskip("jax.experimental.layout")
    if not hasattr(layouts, "Format"):
        pytest.skip("this jax has no formats")
    layout = layouts.Layout(order, tiling) if tiling else layouts.Layout(order)
    return jax.device_put(array, layouts.Format(layout, array.sharding))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32"])
def test_layouts(order, dtype):
    plain = [jnp.asarray(x) for x in make_qkv(dtype=dtype)]
    expected = reference(*plain)[0]
    for changed in range(3):
        arrays = list(plain)
        arrays[changed] = with_order(arrays[changed], order)
        output = mfa.masked_attention(*arrays)
        assert_close(output, expected, dtype)


@pytest.mark.parametrize("order", [(0, 1, 3, 2), (3, 2, 1, 0)])
def test_layouts_without_unit_stride(order):
    q, k, v = (jnp.asarray(x) for x in make_qkv())
    with pytest.raises(ValueError, match="k: expected unit stride in the last"):
        mfa.masked_attention(q, with_order(k, order), v)


@pytest.mark.parametrize("order", [(2, 1, 0), (0, 2, 1), (1, 2, 0)])
@pytest.mark.parametrize("boolean", [False, True])
def test_layout_of_a_mask(order, boolean):
    q, k, v = (jnp.asarray(x) for x in make_qkv())
    mask = jnp.asarray(normal(4, 2, 5, 7))
    mask = mask > 0 if boolean else mask
    output = mfa.masked_attention(q, k, v, with_order(mask, order))
    assert_close(output, reference(q, k, v, mask)[0])


def test_layout_of_a_result():
    layouts = pytest.importorskip("jax.experimental.layout")
    if not hasattr(layouts, "Format"):
        pytest.skip("this jax has no formats")
    q, k, v = (jnp.asarray(x) for x in make_qkv())
    layout = layouts.Format(layouts.Layout((0, 2, 1, 3)), q.sharding)
    doubled = jax.jit(lambda x: x * 2, out_shardings=layout)(q)
    assert doubled.format.layout.major_to_minor == (0, 2, 1, 3)
    assert_close(mfa.masked_attention(doubled, k, v), reference(2 * q, k, v)[0])


@pytest.mark.parametrize("order", ORDERS + [(0, 1, 2, 3), (3, 2, 1, 0)])
def test_strides_on_a_gpu(order):
    """What is read of arrays on a GPU, against what NumPy sees on the CPU."""
    array = with_order(jnp.asarray(make_qkv()[0]), order)
    strides = tuple(each // 4 for each in np.asarray(array).strides)
    assert _arrays._jax_strides("q", array) == strides


def test_tiles_on_a_gpu_are_refused():
    array = with_order(jnp.asarray(make_qkv()[0]), (0, 1, 2, 3), tiling=((2, 4),))
    with pytest.raises(ValueError, match="q: expected an array whose elements lie in r"):
        _arrays._jax_strides("q", array)


def test_deleted_and_donated():
    q, k, v = (jnp.asarray(x) for x in make_qkv())
    deleted = k.copy()
    deleted.delete()
    with pytest.raises(ValueError, match="k: .* was deleted, or donated to a call"):
        mfa.masked_attention(q, deleted, v)
    donated = k.copy()
    jax.jit(lambda x: x * 2, donate_argnums=0)(donated)
    if donated.is_deleted():
        with pytest.raises(ValueError, match="k: .* was deleted, or donated to a call"):
            mfa.masked_attention(q, donated, v)


def test_element_types_of_jax():
    q, k, v = (jnp.asarray(x) for x in make_qkv())
    for dtype in (jnp.int4, jnp.int32, jnp.float8_e4m3fn, jnp.complex64):
        with pytest.raises(TypeError, match="q: expected elements of type f16, bf16"):
            mfa.masked_attention(q.astype(dtype), k, v)
    with pytest.raises(TypeError, match="q: expected elements of type f16, bf16"):
        mfa.masked_attention(jax.random.key(0), k, v)


def test_weak_types():
    q, k, v = (jnp.asarray(x) for x in make_qkv())
    weak = jax.lax.full(q.shape, 2.0)
    assert weak.weak_type
    assert_close(mfa.masked_attention(weak, k, v), reference(weak, k, v)[0])


SEVERAL_DEVICES = """
import jax, jax.numpy as jnp, numpy as np, mfa
from jax.sharding import Mesh, NamedSharding, PartitionSpec
devices = jax.devices("cpu")
x = np.random.default_rng(0).standard_normal((2, 3, 2, 8)).astype(np.float32)
q = jax.device_put(x, devices[1])
output = mfa.masked_attention(q, q, q)
assert output.devices() == {devices[1]}, output.devices()
np.testing.assert_allclose(output, mfa.masked_attention(x, x, x), rtol=1e-5)
mesh = Mesh(np.array(devices), "b")
for spec in (PartitionSpec("b"), PartitionSpec()):
    many = jax.device_put(x, NamedSharding(mesh, spec))
    try:
        mfa.masked_attention(many, q, q)
    except ValueError as error:
        assert "q: expected an array on one device but got one that is sharded or "\\
            "replicated over 2" in str(error), error
    else:
        raise AssertionError
"""


def test_several_devices():
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "JAX_PLATFORMS": "cpu",
    }
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL_DEVICES],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
