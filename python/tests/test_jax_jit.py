"""Masked attention inside of jax.jit and other transforms of JAX, on the CPU."""

import functools
import gc
import os
import resource
import subprocess
import sys

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import mfa  # noqa: E402
import mfa.jax  # noqa: E402
from conftest import assert_close, make_qkv, normal, reference  # noqa: E402


@pytest.fixture(autouse=True)
def on_cpu():
    with jax.default_device(jax.devices("cpu")[0]):
        yield


def arrays(**options):
    return tuple(jnp.asarray(x) for x in make_qkv(**options))


def run(code, *, devices=1, **environment):
    """The output of a program, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ
        | {
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
            "JAX_PLATFORMS": "cpu",
        }
        | environment,
        capture_output=True,
        text=True,
        cwd=os.path.dirname(__file__),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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
    jitted = jax.jit(lambda scale, mask: mfa.masked_attention(q, k, v, mask, scale=scale))
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


def causal_documents(ids, window):
    return (
        mfa.masks.causal()
        & mfa.masks.documents(ids)
        & (lambda b, h, q, k: q - k <= window)
    )


def expect_rules(q, k, v, ids, window, slopes):
    position = np.arange(q.shape[1])
    distance = position[:, None] - position
    ids = np.asarray(ids)
    kept = (distance >= 0) & (distance <= int(window))
    kept = kept & (ids[:, :, None] == ids[:, None])
    bias = -np.asarray(slopes)[:, None, None] * distance
    return reference(q, k, v, np.where(kept[:, None], bias, -np.inf))[0]


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


# jax.vmap.


@pytest.mark.parametrize("axes", [(0, 0, 0), (0, None, None), (None, 1, 1), (2, 0, None)])
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
    output = jax.vmap(mfa.masked_attention, (None, None, 0, 0 if is_mapped else None))(
        q, k, jnp.stack([v, v + 1, v + 2]), jnp.asarray(masks if is_mapped else masks[0])
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


def test_vmap_one_after_the_other():
    """Sinks are those of all batches of a call, and kernels read arrays of rank 4."""
    q, k, v = arrays()
    sinks = jnp.asarray(normal(6, 3, 4))
    output = jax.vmap(lambda x: mfa.masked_attention(q, k, v, sinks=x))(sinks)
    for i in range(3):
        expected = mfa.masked_attention(q, k, v, sinks=sinks[i])
        assert_close(output[i], np.asarray(expected))
    tables = np.random.default_rng(0).random((3, 2, 4, 5, 7)) < 0.7
    output = jax.vmap(
        lambda x: mfa.masked_attention(q, k, v, keep=mfa.masks.blocks(1, 1, x))
    )(jnp.asarray(tables))
    for i in range(3):
        assert_close(output[i], reference(q, k, v, tables[i])[0])


def test_vmap_of_a_scale():
    q, k, v = arrays()
    scales = jnp.asarray([0.1, 0.5])
    output = jax.vmap(lambda x: mfa.masked_attention(q, k, v, scale=x))(scales)
    for i in range(2):
        assert_close(output[i], reference(q, k, v, scale=float(scales[i]))[0])


# Signals.

INTERRUPTED = """
import os, signal, threading, time
import jax, jax.numpy as jnp, mfa
# XLA calls in the thread that calls it.
jax.config.update("jax_cpu_enable_async_dispatch", False)
x = jnp.ones((1, 32768, 8, 64))
small = x[:, :8]
attend = jax.jit(mfa.masked_attention)
attend(small, small, small)
compiled = attend.lower(x, x, x).compile()

class Stop(Exception):
    pass

def stop(*arguments):
    raise Stop("enough")

for handler in (signal.default_int_handler, stop):
    signal.signal(signal.SIGINT, handler)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        jax.block_until_ready(compiled(x, x, x))
    except KeyboardInterrupt:
        print("KeyboardInterrupt")
    except jax.errors.JaxRuntimeError as error:
        print(str(error).partition("\\n")[0])
    time.sleep(0.1)
    assert not jnp.isnan(attend(small, small, small)).any()
"""


def test_interrupts():
    assert run(INTERRUPTED).splitlines() == [
        "KeyboardInterrupt",
        "INTERNAL: mfa.masked_attention: Stop: enough",
    ]


# Several devices and processes.

SHARDED = """
import functools, jax, jax.numpy as jnp, numpy as np, mfa
from conftest import make_qkv, normal, reference, assert_close
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
mesh = Mesh(np.array(jax.devices()).reshape(2, 2), ("b", "h"))
q, k, v = (jnp.asarray(x) for x in make_qkv(batch=4, seq_q=7))
spec = P("b", None, "h")
ids = jnp.asarray(np.sort(np.random.default_rng(0).integers(0, 3, (4, 7)), axis=1))
kept = np.asarray(ids)[:, :, None] == np.asarray(ids)[:, None]

def attend(q, k, v, ids):
    return mfa.masked_attention(q, k, v, keep=mfa.masks.documents(ids))

for check in (True, False):
    sharded = jax.jit(jax.shard_map(
        attend, mesh=mesh, in_specs=(spec, spec, spec, P("b")), out_specs=spec,
        check_vma=check))
    output = sharded(*(jax.device_put(x, NamedSharding(mesh, spec)) for x in (q, k, v)),
                     ids)
    assert len(output.sharding.device_set) == 4
    assert_close(output, reference(q, k, v, kept)[0])

# Keys and values that all devices have, and a mask that is a constant.
mask = jnp.asarray(normal(4, 1, 7, 7))
output = jax.jit(jax.shard_map(
    lambda q: mfa.masked_attention(q, k[:1], v[:1], mask), mesh=mesh,
    in_specs=P("b"), out_specs=P("b")))(q[:2])
full = np.broadcast_to(mask, (1, 7, 7))
for i in range(2):
    assert_close(output[i : i + 1], reference(q[i : i + 1], k[:1], v[:1], full)[0])

# A query that all devices have.
output = jax.jit(jax.shard_map(
    lambda k, v: mfa.masked_attention(q[:2], k, v, mask), mesh=mesh,
    in_specs=(P(None, None, "h"), P(None, None, "h")), out_specs=P(None, None, "h")))(
        k[:2], v[:2])
full = np.broadcast_to(mask, (2, 7, 7))
for i in range(2):
    each = reference(q[:2], k[:2, :, i : i + 1], v[:2, :, i : i + 1], full)[0]
    assert_close(output[:, :, 4 * i : 4 * i + 4], each)

# What varies from device to device is known to.
for varying in range(4):
    specs = [P()] * 4
    specs[varying] = P("b")
    try:
        jax.jit(jax.shard_map(attend, mesh=mesh, in_specs=tuple(specs), out_specs=P()))(
            *(x if i == varying else x[:2] for i, x in enumerate((q, k, v, ids))))
    except ValueError as error:
        assert "out_specs" in str(error), error
    else:
        raise AssertionError(varying)

# Without shard_map, XLA gathers what is sharded.
output = jax.jit(attend)(*(jax.device_put(x, NamedSharding(mesh, spec))
                           for x in (q, k, v)), ids)
assert_close(output, reference(q, k, v, kept)[0])
print("done")
"""


def test_shard_map():
    if not hasattr(jax, "shard_map"):
        pytest.skip("this jax has no jax.shard_map")
    assert run(SHARDED, devices=4) == "done\n"


ANOTHER_PROCESS = """
import sys, jax, jax.numpy as jnp, numpy as np, mfa
from conftest import make_qkv, reference, assert_close
events = []
jax.monitoring.register_event_listener(lambda name, **more: events.append(name))
q, k, v = (jnp.asarray(x) for x in make_qkv(seq_q=7))
window = 3
lengths = jnp.asarray([3, 5])
attend = jax.jit(lambda q, k, v, lengths: mfa.masked_attention(
    q, k, v, keep=mfa.masks.lengths(lengths) & mfa.masks.window(window, 0)))
output = attend(q, k, v, lengths)
at = np.arange(7)
kept = (at[:, None] - at <= 3) & (at[:, None] >= at)
kept = kept & (at < np.asarray(lengths)[:, None, None])
assert_close(output, reference(q, k, v, kept)[0])
print(sum(name.endswith("/cache_hits") for name in events), len(mfa._kernels._kernels))
"""


def test_executables_of_another_process(tmp_path):
    """JAX's cache of compiled programs: the second process compiles nothing by XLA,
    and finds its kernel by what the executable says, in whatever cache it has."""
    environment = {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "MFA_CACHE_DIR": "",
    }
    first, second = (run(ANOTHER_PROCESS, **environment).split() for _ in range(2))
    assert first == ["0", "1"]
    assert int(second[0]) >= 1 and second[1] == "1"


EXPORT = """
import jax, jax.numpy as jnp, mfa.jax
from jax import export
from conftest import make_qkv
given = [jnp.asarray(x) for x in make_qkv()]
exported = export.export(
    jax.jit(mfa.masked_attention),
    disabled_checks=[export.DisabledSafetyCheck.custom_call(mfa.jax.TARGET)])(*given)
open("PATH", "wb").write(exported.serialize())
"""
IMPORT = """
import jax, jax.numpy as jnp, mfa.jax
from jax import export
from conftest import make_qkv, reference, assert_close
given = [jnp.asarray(x) for x in make_qkv()]
output = export.deserialize(bytearray(open("PATH", "rb").read())).call(*given)
assert_close(output, reference(*given)[0])
print("done")
"""


def test_export(tmp_path):
    pytest.importorskip("flatbuffers")
    path = str(tmp_path / "program")
    run(EXPORT.replace("PATH", path))
    assert run(IMPORT.replace("PATH", path)) == "done\n"


NOT_REGISTERED = """
import jax, jax.numpy as jnp
x = jnp.zeros((1, 2, 3, 8))
try:
    jax.ffi.ffi_call("mfa.jax.masked_attention", x)(x, x, x)
except Exception as error:
    print(error)
"""


def test_call_without_handlers():
    """XLA's error has the name of what is to be imported."""
    assert "mfa.jax.masked_attention" in run(NOT_REGISTERED)


def test_symbolic_shapes():
    export = pytest.importorskip("jax.export", exc_type=ImportError)
    (size,) = export.symbolic_shape("b")
    x = jax.ShapeDtypeStruct((size, 5, 4, 16), jnp.float32)
    with pytest.raises(ValueError) as raised:
        export.export(jax.jit(mfa.masked_attention))(x, x, x)
    assert str(raised.value) == (
        "q: expected sizes that are numbers, as a kernel is launched for each of them, "
        "but got shape (b, 5, 4, 16); export for each shape"
    )
