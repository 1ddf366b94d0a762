"""Masked attention in programs of JAX of their own: signals, devices, caches."""

import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import mfa  # noqa: E402
from jax_programs import run  # noqa: E402

pytestmark = pytest.mark.usefixtures("jax_on_cpu")

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


# The end of a program.

NOT_WAITED_FOR = """
import jax, jax.numpy as jnp, numpy as np, mfa
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
mesh = Mesh(np.array(jax.devices()), ("b",))
q = jax.device_put(jnp.ones((8, 16, 4, 16)), NamedSharding(mesh, P("b")))
output = jax.jit(lambda q: mfa.masked_attention(q, q, q))(q)
"""


def test_end_while_kernels_are_compiled():
    for _ in range(4):
        run(NOT_WAITED_FOR, devices=4, MFA_CACHE_DIR="")


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


OLD = """
import jax
jax.__version__, jax.__version_info__ = "0.5.3", (0, 5, 3)
try:
    import mfa.jax
except ImportError as error:
    print(error)
"""


def test_old_versions():
    assert run(OLD) == "mfa.jax: expected JAX 0.6 or newer but got 0.5.3\n"


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
