"""mfa.compile: what it shows, and calls of what it compiled."""

import mfa
import numpy as np
import pytest
from conftest import assert_close, make_qkv, normal, reference

Q = mfa.Spec((2, 1024, 16, 64), "bf16")
K = mfa.Spec((2, 1024, 4, 64), "bf16")
MASK = mfa.Spec((2, 1024, 1024), "bf16")


@pytest.fixture(scope="module")
def gpu_kernel():
    """PTX needs no GPU."""
    return mfa.compile(Q, K, K, MASK, target="cuda", chip="sm_80")


def test_ptx(gpu_kernel):
    assert gpu_kernel.target == "cuda" and gpu_kernel.chip == "sm_80"
    assert ".target sm_80" in gpu_kernel.ptx and "mma.sync" in gpu_kernel.ptx


def test_stages(gpu_kernel):
    assert gpu_kernel.stages[0] == "mfa" and gpu_kernel.stages[-1] == "ptx"
    assert "mfa.masked_attention" in gpu_kernel.ir("mfa")
    assert "gpu.launch_func" in gpu_kernel.ir("gpu")
    assert "nvvm.mma.sync" in gpu_kernel.ir("nvvm")


def test_unknown_stage(gpu_kernel):
    with pytest.raises(
        ValueError, match="stage: expected one of mfa, .* but got 'hlo'"
    ):
        gpu_kernel.ir("hlo")


def test_schedule_and_resources(gpu_kernel):
    assert gpu_kernel.schedule.startswith("#mfa.schedule<")
    assert gpu_kernel.resources["threads"] % 32 == 0
    assert gpu_kernel.resources["dynamic_shared_bytes"] > 0
    assert repr(gpu_kernel) == "<mfa.CompiledAttention for cuda sm_80>"


def test_schedule_of_the_caller(gpu_kernel):
    schedule = gpu_kernel.schedule
    same = mfa.compile(Q, K, K, MASK, target="cuda", chip="sm_80", schedule=schedule)
    assert same.schedule == schedule and same.ptx == gpu_kernel.ptx


def test_diagnostics_arrive_whole():
    with pytest.raises((ValueError, RuntimeError)) as caught:
        mfa.compile(
            Q, K, K, target="cuda", chip="sm_80", schedule="#mfa.schedule<nonsense>"
        )
    assert "schedule" in str(caught.value) and "nonsense" in str(caught.value)


def test_unknown_chip():
    with pytest.raises((ValueError, RuntimeError), match="sm_3"):
        mfa.compile(Q, K, K, target="cuda", chip="sm_3")


def test_cpu():
    kernel = mfa.compile(Q, K, K, target="cpu")
    assert kernel.target == "cpu" and kernel.chip == "" and kernel.ptx == ""
    assert "linalg." in kernel.ir("linalg") and kernel.resources == {}


@pytest.mark.parametrize("target", ["cpu", "sim"])
def test_call(target):
    q, k, v = make_qkv(dtype="f16")
    mask = normal(4, 2, 1, 5, 7, dtype="f16")
    kernel = mfa.compile(q, k, v, mask, target=target)
    expected, _ = reference(q, k, v, mask)
    assert_close(kernel(q, k, v, mask), expected, "f16")
    out = np.empty_like(q)
    assert kernel(q, k, v, mask, scale=0.5, out=out) is out
    assert_close(out, reference(q, k, v, mask, 0.5)[0], "f16")
    # The kernel of one scale is not taken for another, whatever came before.
    for scale in (None, q.shape[3] ** -0.5, -0.5):
        output = kernel(q, k, v, mask, scale=scale)
        assert_close(output, reference(q, k, v, mask, scale)[0], "f16")


@pytest.mark.parametrize("dims", [(0,), (1,), (0, 1), (0, 2)])
def test_arrays_broadcast_by_strides_of_0(dims):
    # The kernel by tensor maps, which have no stride of 0.
    q, k, v = make_qkv(seq_k=8, dtype="f16")
    whole = normal(4, 2, 4, 5, 8, dtype="f16")
    part = whole[tuple(slice(0, 1 if dim in dims else None) for dim in range(4))]
    mask = np.broadcast_to(part, whole.shape)
    if 0 in dims:
        k, v = (np.broadcast_to(array[:1], array.shape) for array in (k, v))
    kernel = mfa.compile(q, k, v, whole, target="sim", chip="sm_90a")
    assert "wgmma" in kernel.schedule
    assert_close(kernel(q, k, v, mask), reference(q, k, v, mask)[0], "f16")


def test_call_with_lse():
    q, k, v = make_qkv()
    output, lse = mfa.compile(q, k, v, return_lse=True, target="cpu")(q, k, v)
    expected, expected_lse = reference(q, k, v)
    assert_close(output, expected)
    assert_close(lse, expected_lse)


def test_call_with_other_lengths():
    kernel = mfa.compile(*make_qkv(), target="cpu")
    q, k, v = make_qkv(batch=1, seq_q=11, seq_k=3, heads=6)
    assert_close(kernel(q, k, v), reference(q, k, v)[0])


def test_call_with_another_problem():
    q, k, v = make_qkv()
    kernel = mfa.compile(q, k, v, target="cpu")
    with pytest.raises(
        ValueError, match="D 16, Dv 16, no mask, without lse, but got .* mask of f32"
    ):
        kernel(q, k, v, normal(4, 2, 5, 7))
    with pytest.raises(ValueError, match="D 16, .* but got f32, D 24"):
        kernel(*make_qkv(dim=24))


def test_call_with_another_mask_shape():
    q, k, v = make_qkv()
    full = normal(4, 2, 4, 5, 7)
    kernel = mfa.compile(q, k, v, full, target="cpu")
    broadcast = normal(4, 1, 1, 1, 7)
    # A broadcast mask fits a kernel for full ones, and not the other way round.
    assert_close(kernel(q, k, v, broadcast), reference(q, k, v, broadcast)[0])
    kernel = mfa.compile(q, k, v, broadcast, target="cpu")
    with pytest.raises(ValueError, match="mask: expected size 1 in dimension 1"):
        kernel(q, k, v, full)


def test_call_with_another_mask_stride():
    q, k, v = make_qkv()
    strided = normal(4, 2, 7, 5).transpose(0, 2, 1)
    whole = np.ascontiguousarray(strided)
    expected, _ = reference(q, k, v, whole)
    kernel = mfa.compile(q, k, v, strided, target="cpu")
    assert_close(kernel(q, k, v, strided), expected)
    assert_close(kernel(q, k, v, whole), expected)
    kernel = mfa.compile(q, k, v, whole, target="cpu")
    with pytest.raises(
        ValueError, match=r"mask: expected unit stride .* but got strides \(35, 1, 5\)"
    ):
        kernel(q, k, v, strided)


@pytest.mark.parametrize(
    "arguments, options, error, message",
    [
        ((1, K, K), {}, TypeError, "q: expected an array, or mfa.Spec, but got int"),
        (
            (Q, K, mfa.Spec(K.shape, "f16")),
            {},
            TypeError,
            "v: expected elements of type bf16, as of q, but got f16",
        ),
        (
            (Q, mfa.Spec((2, 8, 4, 32), "bf16"), K),
            {},
            ValueError,
            "k: expected head size 64, as of q, but got 32",
        ),
        (
            (mfa.Spec((2, 8, 4), "bf16"), K, K),
            {},
            ValueError,
            "q: expected rank 4 but got rank 3",
        ),
        ((Q, K, K, mfa.Spec((2, 3, 4), "i1")), {}, ValueError, "mask: expected shape"),
        (
            (Q, K, K, mfa.Spec((2, 3, 4), "i8")),
            {},
            TypeError,
            "mask: expected elements of type .* but got i8",
        ),
        (
            (Q, K, K),
            {"target": "tpu"},
            ValueError,
            "target: expected 'cpu', 'sim' or 'cuda' but got 'tpu'",
        ),
        (
            (Q, K, K),
            {"target": "cpu", "chip": "sm_80"},
            ValueError,
            "chip: expected None for target 'cpu'",
        ),
    ],
    ids=str,
)
def test_arguments(arguments, options, error, message):
    with pytest.raises(error, match=message):
        mfa.compile(*arguments, **options)


def test_head_size_that_the_op_refuses():
    spec = mfa.Spec((1, 4, 1, 12), "f16")
    with pytest.raises(ValueError, match="multiple of 8"):
        mfa.compile(spec, spec, spec, target="cpu")
