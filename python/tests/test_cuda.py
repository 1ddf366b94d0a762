"""Torch and JAX arrays on a GPU."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import mfa  # noqa: E402
from conftest import assert_close, reference  # noqa: E402

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

TYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}


def make(batch=2, seq_q=130, seq_k=200, heads=4, kv_heads=2, dim=64, dtype="bf16"):
    torch.manual_seed(0)
    options = {"device": "cuda", "dtype": TYPES[dtype]}
    return (
        torch.randn(batch, seq_q, heads, dim, **options),
        torch.randn(batch, seq_k, kv_heads, dim, **options),
        torch.randn(batch, seq_k, kv_heads, dim, **options),
        torch.randn(batch, seq_q, seq_k, **options),
    )


def check(output, q, k, v, mask=None, dtype="bf16"):
    arrays = [x.float().cpu().numpy() for x in (q, k, v)]
    mask = None if mask is None else mask.float().cpu().numpy()
    assert_close(output.float().cpu(), reference(*arrays, mask)[0], dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("dim", [32, 64, 128, 256])
def test_tensors(dtype, dim):
    q, k, v, mask = make(dtype=dtype, dim=dim)
    output, lse = mfa.masked_attention(q, k, v, mask, return_lse=True)
    assert output.is_cuda and lse.is_cuda
    check(output, q, k, v, mask, dtype)
    check(mfa.masked_attention(q, k, v), q, k, v, None, dtype)


def test_views():
    packed = torch.randn(2, 96, 3, 4, 64, device="cuda", dtype=torch.float16)
    q, k, v = packed.unbind(2)
    mask = torch.randn(1, 1, 1, 96, device="cuda").expand(2, 4, 96, 96)
    check(mfa.masked_attention(q, k, v, mask), q, k, v, mask, "f16")


def test_stream_of_the_caller():
    q, k, v, mask = make(seq_q=1024, seq_k=1024)
    # Kernels are loaded at their first use, which may wait for the GPU.
    mfa.masked_attention(q * 2, k, v, mask)
    torch.cuda._sleep(1)
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        # The inputs are ready only after a while, in this stream.
        torch.cuda._sleep(50_000_000)
        doubled = q * 2
        output = mfa.masked_attention(doubled, k, v, mask)
        recorded = stream.record_event()
        # Nothing has waited for the sleep.
        assert not recorded.query()
    stream.synchronize()
    check(output[:, :64], (q * 2)[:, :64], k, v, mask[:, :64])


def test_graph_capture():
    q, k, v, mask = make()
    out = torch.empty_like(q)
    mfa.masked_attention(q, k, v, mask, out=out)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        mfa.masked_attention(q, k, v, mask, out=out)
        fresh = mfa.masked_attention(out, k, v, mask)
    q.copy_(torch.randn_like(q))
    graph.replay()
    torch.cuda.synchronize()
    check(out, q, k, v, mask)
    check(fresh, out, k, v, mask)


def test_threads_with_streams():
    q, k, v, mask = make()
    expected = mfa.masked_attention(q, k, v, mask)
    torch.cuda.synchronize()
    results = [None] * 8

    def call(index):
        with torch.cuda.stream(torch.cuda.Stream()):
            for _ in range(20):
                results[index] = mfa.masked_attention(q, k, v, mask)
            torch.cuda.current_stream().synchronize()

    threads = [threading.Thread(target=call, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        torch.testing.assert_close(result, expected, rtol=0, atol=0)


def test_compiled_by_torch():
    q, k, v, mask = make()
    call = torch.compile(mfa.masked_attention, fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(
            call(q, k, v, mask), mfa.masked_attention(q, k, v, mask)
        )


def test_compiled_with_graphs_of_cuda():
    q, k, v, mask = make()

    @torch.compile(fullgraph=True, mode="reduce-overhead")
    def call(q, k, v, mask):
        return mfa.masked_attention(q * 2, k, v, mask) + 1

    with torch.no_grad():
        expected = mfa.masked_attention(q * 2, k, v, mask) + 1
        for _ in range(4):
            actual = call(q, k, v, mask).clone()
        torch.testing.assert_close(actual, expected)


def test_errors():
    q, k, v, mask = make()
    with pytest.raises(
        ValueError,
        match="k: expected an array on cuda:0, where q is, but got one on cpu",
    ):
        mfa.masked_attention(q, k.cpu(), v)
    with pytest.raises(ValueError, match="target: expected one for arrays on cuda:0"):
        mfa.masked_attention(q, k, v, target="sim")
    with pytest.raises(RuntimeError, match="q: .* has no backward"):
        mfa.masked_attention(q.requires_grad_(), k, v)


def test_resources():
    kernel = mfa.compile(*make())
    assert kernel.target == "cuda" and kernel.chip.startswith("sm_")
    assert 0 < kernel.resources["registers"] <= 255
    assert kernel.cubin[:4] == b"\x7fELF"


def test_jax_arrays():
    jax = pytest.importorskip("jax")
    if not any(device.platform == "gpu" for device in jax.devices()):
        pytest.skip("jax finds no GPU")
    arrays = make()
    q, k, v, mask = (jax.dlpack.from_dlpack(x) for x in arrays)
    # Results of computations that are under way, and a computation on the output.
    q = jax.jit(lambda x: x + 0)(q)
    output = jax.jit(lambda x: x * 1)(mfa.masked_attention(q, k, v, mask))
    assert isinstance(output, jax.Array)
    check(torch.from_dlpack(output), *arrays)


DOCUMENTS = torch.tensor([[0] * 50 + [1] * 90 + [2] * 60, [0] * 130 + [1] * 70])
# Functions of the device that captured arrays are on.
RULES = {
    "causal": lambda device: mfa.masks.causal(),
    "causal at the end": lambda device: mfa.masks.causal(align="end"),
    "window": lambda device: mfa.masks.window(40, 3),
    "prefix": lambda device: mfa.masks.prefix(torch.tensor([30, 90], device=device)),
    "lengths": lambda device: mfa.masks.lengths(torch.tensor([30, 190], device=device)),
    "documents": lambda device: documents(DOCUMENTS.to(device)),
    "documents and causal": lambda device: (
        documents(DOCUMENTS.to(device)) & mfa.masks.causal()
    ),
    "dilated": lambda device: mfa.masks.dilated(3),
    "heads": lambda device: lambda b, h, q, k: abs(q - k) < 20 * (h + 1),
}


def documents(ids):
    return mfa.masks.documents(ids[:, :130].contiguous(), ids)


@pytest.mark.parametrize("dtype", ["bf16", "f32"])
@pytest.mark.parametrize("name", RULES)
def test_rules(name, dtype):
    *arrays, mask = make(dtype=dtype)
    sinks = torch.randn(4, device="cuda")
    for options in ({}, {"mask": mask}, {"score": mfa.scores.softcap(3.0)}):
        outputs = []
        for device in ("cuda", "cpu"):
            options = {
                name: x.to(device) if torch.is_tensor(x) else x
                for name, x in options.items()
            }
            outputs += mfa.masked_attention(
                *(x.to(device) for x in arrays),
                keep=RULES[name](device),
                sinks=sinks.to(device),
                return_lse=True,
                **options,
            )
        actual, lse, expected, expected_lse = (x.float().cpu() for x in outputs)
        tolerance = 2e-2 if dtype == "bf16" else 1e-4
        torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(lse, expected_lse, rtol=1e-3, atol=1e-3)


def test_rules_in_a_graph():
    """The list of tiles is made again at each replay."""
    q, k, v, _ = make(seq_q=200)
    ids = DOCUMENTS.cuda()
    out = torch.empty_like(q)

    def attend():
        mfa.masked_attention(q, k, v, keep=mfa.masks.documents(ids), out=out)

    attend()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        attend()
    for _ in range(2):
        graph.replay()
        expected = mfa.masked_attention(q, k, v, keep=mfa.masks.documents(ids))
        assert torch.equal(out, expected)
        ids.copy_(ids.flip(0))


def test_flex_attention():
    """What test_flex.py does on the CPU."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", Path(__file__).parent / "test_flex.py"],
        env={**os.environ, "MFA_TEST_DEVICE": "cuda"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def additive(keep):
    """A mask of booleans [Sq, Sk] or [B, Sq, Sk] as numbers."""
    mask = torch.where(keep, 0.0, -float("inf"))
    return mask if mask.dim() == 3 else mask[None]


def plain_causal(seq_q, seq_k):
    rows, keys = torch.arange(seq_q)[:, None], torch.arange(seq_k)
    return rows, keys, keys <= rows + seq_k - seq_q


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("seq_q", [1, 130, 700])
def test_rules_of_long_keys(dtype, seq_q):
    q, k, v, _ = make(seq_q=seq_q, seq_k=700, dtype=dtype)
    rows, keys, causal = plain_causal(seq_q, 700)
    ids = torch.arange(700, device="cuda") // 90
    for window in (64, 333):
        rule = mfa.masks.causal("end") & mfa.masks.window(window, 700)
        output = mfa.masked_attention(
            q, k, v, keep=rule & (lambda b, h, q, k: ids[k] != 3)
        )
        keep = causal & (keys >= rows - window) & (ids.cpu() != 3)
        check(output, q, k, v, additive(keep), dtype)


def test_scores_and_sinks():
    q, k, v, _ = make(seq_q=200)
    slopes = torch.tensor([0.5, 0.25, 0.125, 0.0625], device="cuda")
    sinks = torch.full((4,), -float("inf"), device="cuda")
    alibi = mfa.scores.alibi(slopes)
    output = mfa.masked_attention(q, k, v, score=alibi, sinks=sinks)
    rows, keys, _ = plain_causal(200, 200)
    bias = slopes.cpu()[:, None, None] * (keys - rows)
    check(output, q, k, v, bias[None])


def test_prepared_mask():
    q, k, v, mask = make(seq_k=197)
    prepared = mfa.Mask(mask)
    assert prepared.array.stride(1) == 200
    check(mfa.masked_attention(q, k, v, prepared), q, k, v, mask)


def test_array_of_a_rule_on_the_cpu():
    q, k, v, _ = make()
    ids = torch.zeros(200, dtype=torch.int64)
    with pytest.raises(
        ValueError, match="ids: expected an array on cuda:0, where q is, but got one on"
    ):
        mfa.masked_attention(q, k, v, keep=lambda b, h, q, k: ids[k] == 0)


def test_rules_of_jax():
    jax = pytest.importorskip("jax")
    if not any(device.platform == "gpu" for device in jax.devices()):
        pytest.skip("jax finds no GPU")
    arrays = make(seq_q=200)
    q, k, v, _ = (jax.dlpack.from_dlpack(x) for x in arrays)
    limits = jax.numpy.asarray([150, 170], "int32")
    output = mfa.masked_attention(q, k, v, keep=mfa.masks.lengths(limits))
    keep = torch.arange(200) < torch.tensor([150, 170])[:, None, None]
    check(torch.from_dlpack(output), *arrays[:3], additive(keep))


def test_jax_jit():
    """Handlers get XLA's stream, and arrays in the order of its work."""
    jax = pytest.importorskip("jax")
    if not any(device.platform == "gpu" for device in jax.devices()):
        pytest.skip("jax finds no GPU")

    @jax.jit
    def attend(q, k, v, mask, limits):
        masked, lse = mfa.masked_attention(q * 2, k, v, mask, return_lse=True)
        ruled = mfa.masked_attention(q, k, v, keep=mfa.masks.lengths(limits))
        return masked * 2, lse + 1, ruled

    limits = jax.numpy.asarray([150, 170], "int32")
    keep = additive(torch.arange(200) < torch.tensor([150, 170])[:, None, None])
    for seq_q in (130, 70, 1, 130):
        arrays = make(seq_q=seq_q)
        given = [jax.dlpack.from_dlpack(x) for x in arrays]
        masked, lse, ruled = attend(*given, limits)
        q, k, v, mask = arrays
        check(torch.from_dlpack(masked) / 2, q * 2, k, v, mask)
        expected = reference(*(x.float().cpu() for x in (q * 2, k, v, mask)))[1]
        assert_close(lse - 1, expected, "bf16")
        check(torch.from_dlpack(ruled), q, k, v, keep.expand(2, seq_q, 200))
    mapped = jax.jit(jax.vmap(mfa.masked_attention, (0, None, None, None)))
    output = mapped(jax.numpy.stack([given[0], given[0] * 2]), *given[1:])
    for i in range(2):
        check(torch.from_dlpack(output[i]), q * (i + 1), k, v, mask)
