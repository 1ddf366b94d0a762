"""Calls that XLA divides between devices: arrays that jax.jit shards."""

import pytest

pytest.importorskip("jax")

from jax_programs import run  # noqa: E402

# `check` compiles a function for arrays that are sharded, and looks at the program that
# each device runs: no collectives but those that are named, a call of parts of the
# sizes that are expected, and the same results.
COMMON = """
import functools, re, sys
import jax, jax.numpy as jnp, numpy as np, mfa, mfa.jax
from conftest import assert_close, make_qkv, normal, reference
from jax_programs import causal_documents, expect_rules
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

mesh = Mesh(np.array(jax.devices()).reshape(2, 2), ("x", "y"))
COLLECTIVES = "all-gather|all-reduce|all-to-all|collective-permute"

def put(x, *spec, mesh=mesh):
    return jax.device_put(jnp.asarray(x), NamedSharding(mesh, P(*spec)))

def check(f, arrays, expected, part, collectives=()):
    compiled = jax.jit(f).lower(*arrays).compile()
    text = compiled.as_text()
    found = set(re.findall(f" ({COLLECTIVES})[-a-z]*[(]", text))
    assert found == set(collectives), (found, text)
    calls = re.findall(r"custom-call[(].*custom_call_target=.mfa", text)
    assert len(calls) == 1, text
    shape = ",".join(map(str, part))
    assert re.search(r"\\w+\\[" + shape + r"\\]\\S* custom-call|"
                     r"[(]\\w+\\[" + shape + r"\\].* custom-call", text), text
    output = compiled(*arrays)
    output = output[0] if isinstance(output, (list, tuple)) else output
    assert_close(np.asarray(output), np.asarray(expected))
    return output
"""

PLAIN = (
    COMMON
    + """
q, k, v = make_qkv(batch=4, seq_q=6)
expected = reference(q, k, v)[0]
attend = mfa.masked_attention

output = check(attend, [put(x, "x") for x in (q, k, v)], expected, (2, 6, 4, 16))
assert output.sharding.spec[0] == "x", output.sharding
check(attend, [put(x, ("x", "y")) for x in (q, k, v)], expected, (1, 6, 4, 16))
both = [put(x, "x", None, "y") for x in (q, k, v)]
output = check(attend, both, expected, (2, 6, 2, 16))
assert tuple(output.sharding.spec) == ("x", None, "y"), output.sharding
with_lse = functools.partial(attend, return_lse=True)
check(with_lse, both, expected, (2, 6, 2, 16))
_, lse = jax.jit(with_lse)(*both)
assert tuple(lse.sharding.spec) == ("x", "y"), lse.sharding
np.testing.assert_allclose(lse, reference(q, k, v)[1], rtol=1e-3, atol=1e-3)

# Queries are divided as well; of the keys each device needs all.
check(attend, [put(q, "x", "y"), put(k, "x"), put(v, "x")], expected, (2, 3, 4, 16))
x = make_qkv(batch=4, seq_q=6, seq_k=6, heads=4, kv_heads=4)
check(attend, [put(each, "x", "y") for each in x], reference(*x)[0], (2, 3, 4, 16),
      ["all-gather"])

# One head of the key for all of the query.
q1, k1, v1 = make_qkv(batch=4, kv_heads=1)
check(attend, [put(q1, "x", None, "y"), put(k1, "x"), put(v1, "x")],
      reference(q1, k1, v1)[0], (2, 5, 2, 16))

# What does not fit is gathered: 2 heads of the key on 4 devices.
check(attend, [put(q, None, None, ("x", "y")), put(k), put(v)], expected, (4, 6, 4, 16),
      ["all-gather"])

# Arrays of one device, and where nothing is sharded.
assert_close(jax.jit(attend)(*map(jnp.asarray, (q, k, v))), expected)
check(attend, [put(x) for x in (q, k, v)], expected, (4, 6, 4, 16))

for sizes in [(4, 4, 6, 7), (4, 1, 6, 7), (1, 4, 1, 7), (4, 6, 7), (1, 1, 1, 1)]:
    mask = normal(9, *sizes)
    full = np.broadcast_to(mask[:, None] if mask.ndim == 3 else mask, (4, 4, 6, 7))
    spec = [axis if size != 1 else None for axis, size in zip("x", sizes)]
    if len(sizes) == 4 and sizes[1] != 1:
        spec = [*spec, "y"]
    check(attend, [*both, put(mask, *spec)], reference(q, k, v, full)[0], (2, 6, 2, 16))
"""
)

RULES = (
    COMMON
    + """
q, k, v = make_qkv(batch=4, seq_q=7, seq_k=7)
ids = np.sort(np.random.default_rng(0).integers(0, 3, (4, 7)), axis=1)
slopes = 2.0 ** -np.arange(1, 5, dtype=np.float32)
both = [put(x, "x", None, "y") for x in (q, k, v)]

def attend(q, k, v, ids, window, slopes):
    return mfa.masked_attention(
        q, k, v, keep=causal_documents(ids, window), score=mfa.scores.alibi(slopes))

expected = expect_rules(q, k, v, ids, 4, slopes)
arrays = put(ids, "x"), put(4), put(slopes, "y")
check(attend, [*both, *arrays], expected, (2, 7, 2, 16))
# Arrays that all devices have are divided without a word.
check(attend, [*both, put(ids), put(4), put(slopes)], expected, (2, 7, 2, 16))
# Captured arrays need not be arguments.
check(lambda q, k, v: attend(q, k, v, ids, 4, slopes), both, expected, (2, 7, 2, 16))

# Functions see the positions of the whole arrays, and read at computed ones.
bias = normal(3, 4, 13)
def score(s, b, h, q, k):
    return s * (b + 1) + bias[h, q - k + 6] - (3 - b) * 0.25

position = np.arange(7)
full = bias[:, position[:, None] - position + 6]
scaled = np.einsum("bqhd,bkhd->bhqk", q, np.repeat(k, 2, 2)) * q.shape[-1] ** -0.5
scores = scaled * (np.arange(4) + 1)[:, None, None, None] + full
scores -= ((3 - np.arange(4)) * 0.25)[:, None, None, None]
weights = np.exp(scores - scores.max(-1, keepdims=True))
weights /= weights.sum(-1, keepdims=True)
expected = np.einsum("bhqk,bkhd->bqhd", weights, np.repeat(v, 2, 2))
with_bias = lambda q, k, v: mfa.masked_attention(q, k, v, score=score)
check(with_bias, both, expected, (2, 7, 2, 16))
check(with_bias, [put(x, ("y", "x")) for x in (q, k, v)], expected, (1, 7, 4, 16))

# Queries are divided: a causal rule is about their places in the whole.
q, k, v = make_qkv(batch=2, seq_q=8, seq_k=8)
causal = lambda q, k, v: mfa.masked_attention(q, k, v, keep=mfa.masks.causal())
kept = np.where(np.tril(np.ones((8, 8), bool)), 0, -np.inf)
expected = reference(q, k, v, np.broadcast_to(kept, (2, 4, 8, 8)))[0]
check(causal, [put(q, "x", "y"), put(k, "x"), put(v, "x")], expected, (1, 4, 4, 16))
check(causal, [put(q, None, ("x", "y")), put(k), put(v)], expected, (2, 2, 4, 16))

# A scale that is traced, with a mask: both are captured.
mask = normal(5, 2, 4, 8, 8)
expected = reference(q, k, v, mask, scale=0.3)[0]
check(lambda q, k, v, m, s: mfa.masked_attention(q, k, v, m, scale=s),
      [*(put(x, "x", None, "y") for x in (q, k, v)), put(mask, "x", "y"),
       put(np.float32(0.3))], expected, (1, 8, 2, 16))

# Sinks are divided with the heads.
sinks = normal(6, 4)
expected = mfa.masked_attention(q, k, v, sinks=sinks)
check(lambda q, k, v, sinks: mfa.masked_attention(q, k, v, sinks=sinks),
      [*(put(x, "x", None, "y") for x in (q, k, v)), put(sinks, "y")], expected,
      (1, 8, 2, 16))

# Mapped, with documents that are those of the mapped dimension.
x = make_qkv(batch=8, seq_q=7, seq_k=7)
ids = np.sort(np.random.default_rng(1).integers(0, 3, (8, 7)), axis=1)
arrays = [each.reshape(4, 2, *each.shape[1:]) for each in (*x, ids)]
expected = expect_rules(*x, ids, 4, 0 * slopes).reshape(arrays[0].shape)
mapped = jax.vmap(lambda q, k, v, ids: mfa.masked_attention(
    q, k, v, keep=causal_documents(ids, 4)))
output = jax.jit(mapped)(*(put(each, "x") for each in arrays))
assert_close(np.asarray(output), expected)
"""
)

OTHERS = (
    COMMON
    + """
q, k, v = make_qkv(batch=4)
expected = reference(q, k, v)[0]
attend = mfa.masked_attention

# In a layer, where XLA decides how the operands are sharded.
weights = normal(7, 3, 64, 64) / 8
x = normal(8, 4, 16, 64)

def layer(x, weights):
    q, k, v = (jnp.einsum("bsc,cd->bsd", x, w).reshape(4, 16, 4, 16) for w in weights)
    out = mfa.masked_attention(q, k, v, keep=mfa.masks.causal())
    return x + out.reshape(x.shape)

alone = jax.jit(layer)(x, weights)
check(layer, [put(x, "x"), put(weights, None, None, "y")], alone, (2, 16, 2, 16))

# In jax.shard_map over one axis of the mesh, with the other left to XLA.
inner = jax.shard_map(attend, mesh=mesh, in_specs=(P("x"),) * 3, out_specs=P("x"),
                      axis_names={"x"})
assert_close(np.asarray(jax.jit(inner)(*(put(x, "x", None, "y") for x in (q, k, v)))),
             expected)

# Where the types of arrays say how they are sharded.
explicit = jax.make_mesh((2, 2), ("x", "y"),
                         axis_types=(jax.sharding.AxisType.Explicit,) * 2)
arrays = [put(x, "x", None, "y", mesh=explicit) for x in (q, k, v)]
with jax.set_mesh(explicit):
    output = check(attend, arrays, expected, (2, 5, 2, 16))
    assert tuple(jax.typeof(output).sharding.spec)[:3] == ("x", None, "y"), output

# The partitioner before Shardy.
try:
    jax.config.update("jax_use_shardy_partitioner", False)
except Exception:
    sys.exit()
check(attend, [put(x, "x", None, "y") for x in (q, k, v)], expected, (2, 5, 2, 16))
"""
)


@pytest.mark.parametrize(
    "program", [PLAIN, RULES, OTHERS], ids=["arrays", "functions", "others"]
)
def test_sharded_by_jit(program):
    run(program, devices=4)
