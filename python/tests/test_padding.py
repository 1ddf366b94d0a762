"""Head sizes that are no multiples of 8."""


import mfa
import numpy as np
import pytest
from conftest import DTYPES, assert_close, make_qkv, normal, reference

SIZES = [(20, 16), (16, 20), (60, 60), (1, 1), (7, 250)]


def arrays(dim, value_dim, dtype="f32", **options):
    return make_qkv(dim=dim, v_dim=value_dim, dtype=dtype, **options)


@pytest.mark.parametrize("target", ["cpu", "sim"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_numpy(sizes, target):
    q, k, v = arrays(*sizes)
    mask = normal(4, 2, 5, 7)
    output, lse = mfa.masked_attention(q, k, v, mask, return_lse=True, target=target)
    expected, expected_lse = reference(q, k, v, mask)
    assert output.flags.c_contiguous
    assert_close(output, expected)
    assert_close(lse, expected_lse)


@pytest.mark.parametrize("dtype", DTYPES)
def test_types_and_scale(dtype):
    q, k, v = arrays(12, 12, dtype)
    output = mfa.masked_attention(q, k, v, scale=0.25)
    assert output.dtype == q.dtype
    assert_close(output, reference(q, k, v, scale=0.25)[0], dtype)


@pytest.mark.parametrize("sizes", SIZES[:3], ids=str)
def test_out(sizes):
    q, k, v = arrays(*sizes)
    whole = np.zeros((2, 5, 4, 80), np.float32)
    out, lse = whole[..., 3 : 3 + sizes[1]], np.empty((2, 4, 5), np.float32)
    result = mfa.masked_attention(q, k, v, return_lse=True, out=(out, lse))
    assert result[0] is out and result[1] is lse
    expected, expected_lse = reference(q, k, v)
    assert_close(out, expected)
    assert_close(lse, expected_lse)
    assert np.all(whole[..., :3] == 0) and np.all(whole[..., 3 + sizes[1] :] == 0)


def test_views_and_empty():
    packed = normal(1, 2, 6, 3, 4, 12)
    q, k, v = (packed[:, :, index] for index in range(3))
    assert_close(mfa.masked_attention(q, k, v), reference(q, k, v)[0])
    q, k, v = arrays(12, 12, seq_k=0)
    assert np.all(mfa.masked_attention(q, k, v) == 0)
    q, k, v = arrays(12, 12, batch=0)
    assert mfa.masked_attention(q, k, v).shape == (0, 5, 4, 12)


def test_checks_come_first():
    q, k, v = arrays(12, 12)
    with pytest.raises(ValueError, match="out: .* with q"):
        mfa.masked_attention(q, k, v, out=q)
    with pytest.raises(ValueError, match="k: expected head size 12, as of q"):
        mfa.masked_attention(q, k[..., :8], v)
    x = np.zeros((1, 1, 1, 257), np.float32)
    with pytest.raises(ValueError, match="q: expected the head size .* but got 257"):
        mfa.masked_attention(x, x, x)


def test_compiled_kernels_have_their_sizes():
    q, k, v = arrays(16, 16)
    kernel = mfa.compile(q, k, v, target="cpu")
    with pytest.raises(ValueError, match="but got f32, D 12, Dv 16"):
        kernel(q[..., :12], k[..., :12], v)
    remedy = r"pad query and key with zeros to 16 and give the scale, 1/sqrt\(12\)"
    with pytest.raises(ValueError, match=remedy):
        mfa.compile(q[..., :12], k[..., :12], v, target="cpu")


def test_torch():
    torch = pytest.importorskip("torch")
    for sizes in SIZES:
        q, k, v = (torch.from_numpy(x) for x in arrays(*sizes))
        expected = torch.from_numpy(reference(q, k, v)[0]).float()
        out = torch.empty(2, 5, 4, sizes[1])
        assert mfa.masked_attention(q, k, v, out=out) is out
        assert out._version > 0
        compiled = torch.compile(
            mfa.masked_attention, backend="aot_eager", fullgraph=True
        )
        output = mfa.masked_attention(q, k, v)
        assert output.is_contiguous()
        for actual in (output, out, compiled(q, k, v)):
            torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
        torch.compiler.reset()
        mapped = torch.vmap(mfa.masked_attention)(*(x[None] for x in (q, k, v)))
        torch.testing.assert_close(mapped[0], expected, rtol=1e-4, atol=1e-5)


def test_jax():
    jax = pytest.importorskip("jax")
    with jax.default_device(jax.devices("cpu")[0]):
        for sizes in SIZES[:3]:
            q, k, v = (jax.numpy.asarray(x) for x in arrays(*sizes))
            output, lse = mfa.masked_attention(q, k, v, return_lse=True)
            expected, expected_lse = reference(q, k, v)
            assert isinstance(output, jax.Array)
            assert_close(output, expected)
            assert_close(lse, expected_lse)
