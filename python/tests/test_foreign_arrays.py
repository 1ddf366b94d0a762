"""Arrays that are more, or less, than their memory: NumPy's own kinds of arrays and
those of any class with its array interface or DLPack."""

import ml_dtypes
import mfa
import numpy as np
import pytest
from conftest import assert_close, make_qkv, reference

Q, K, V = make_qkv()


class Interface:
    """An array by its interface alone."""

    def __init__(self, array, **changes):
        self.array = array
        self.__array_interface__ = array.__array_interface__ | changes


class Typed(Interface):
    """One that also says its type, as the interface has no name for bfloat16."""

    @property
    def dtype(self):
        return self.array.dtype


class Exporter:
    """An array by DLPack alone."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


class Closed(Exporter):
    """One whose memory cannot be had."""

    def __dlpack__(self, **options):
        raise BufferError("closed")


class Quantity(np.ndarray):
    """Numbers with a unit, as of astropy."""

    def __array_ufunc__(self, *arguments, **options):
        return NotImplemented


class Named(np.ndarray):
    """A subclass that only adds something."""

    name = "keys"


EXPECTED = reference(Q, K, V)[0]


def strided(array):
    """The same numbers, in memory in another order."""
    return array.transpose(2, 0, 1, 3).copy().transpose(1, 2, 0, 3)


# Ways to give k.
READ = {
    "interface": lambda: Interface(K),
    "interface of strides": lambda: Interface(strided(K)),
    "interface without strides": lambda: Interface(K, strides=None),
    "interface of negative strides": lambda: Interface(K[::-1].copy()[::-1]),
    "exporter": lambda: Exporter(K),
    "exporter of strides": lambda: Exporter(strided(K)),
    "exporter of negative strides": lambda: Exporter(K[:, ::-1].copy()[:, ::-1]),
    "subclass": lambda: K.view(Named),
    "record array": lambda: K.view(np.recarray),
    "read-only": lambda: frozen(K),
}


def frozen(array):
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("name", READ)
def test_read(name):
    output = mfa.masked_attention(Q, READ[name](), V)
    assert type(output) is np.ndarray
    assert_close(output, EXPECTED)


@pytest.mark.parametrize("kind", [Interface, Exporter, lambda x: x.view(Named)])
def test_output_for_a_class_of_the_programs_own(kind):
    output = mfa.masked_attention(kind(Q), K, V)
    assert isinstance(output, np.ndarray)
    assert_close(output, EXPECTED)


def test_memmap(tmp_path):
    path = tmp_path / "k.npy"
    np.save(path, K)
    mapped = np.load(path, mmap_mode="r")
    assert_close(mfa.masked_attention(Q, mapped, V), EXPECTED)
    np.save(path, Q)
    with pytest.raises(ValueError, match="out: expected a writable array"):
        mfa.masked_attention(Q, K, V, out=np.load(path, mmap_mode="r"))
    out = np.lib.format.open_memmap(
        tmp_path / "out.npy", mode="w+", dtype=np.float32, shape=Q.shape
    )
    assert mfa.masked_attention(Q, K, V, out=out) is out
    out.flush()
    assert_close(np.load(tmp_path / "out.npy"), EXPECTED)


def test_bfloat16_of_an_interface():
    q, k, v = make_qkv(dtype="bf16")
    assert_close(
        mfa.masked_attention(q, Typed(k), v), reference(q, k, v)[0], dtype="bf16"
    )
    with pytest.raises(TypeError, match="k: expected elements of type f16, bf16 or f32"):
        mfa.masked_attention(q, Interface(k), v)


def test_bfloat16_of_an_exporter():
    torch = pytest.importorskip("torch")
    q, k, v = make_qkv(dtype="bf16")
    tensor = torch.from_numpy(k.view(np.uint16).copy()).view(torch.bfloat16)
    assert_close(
        mfa.masked_attention(q, Exporter(tensor), v), reference(q, k, v)[0], "bf16"
    )


def test_out_of_an_interface():
    out = np.empty_like(Q)
    wrapped = Interface(out)
    assert mfa.masked_attention(Q, K, V, out=wrapped) is wrapped
    assert_close(out, EXPECTED)


def masked():
    return np.ma.masked_array(K, K > 0)


REFUSED = {
    "masked": (masked, TypeError, r"k: .* got numpy\.ma\.\S*MaskedArray; pass its filled"),
    "masked without a mask": (
        lambda: np.ma.masked_array(K),
        TypeError,
        r"k: expected an array without a meaning beyond its elements",
    ),
    "unit": (
        lambda: K.view(Quantity),
        TypeError,
        r"k: expected an array .* got test_foreign_arrays.Quantity; pass numpy.asarray",
    ),
    "matrix": (
        lambda: np.asmatrix(K[0, 0]),
        ValueError,
        "k: expected rank 4 but got rank 2",
    ),
    "structured": (
        lambda: np.zeros(K.shape, [("real", np.float32), ("imaginary", np.float32)]),
        TypeError,
        "k: expected elements of type f16, bf16 or f32 but got void64",
    ),
    "big-endian": (
        lambda: K.astype(">f4"),
        TypeError,
        "k: expected elements of type .* but got big-endian f32",
    ),
    "big-endian interface": (
        lambda: Interface(K, typestr=">f4"),
        TypeError,
        "k: expected elements of type .* but got big-endian f32",
    ),
    "objects": (lambda: K.astype(object), TypeError, "but got object"),
    "interface without data": (
        lambda: Interface(K, data=None),
        TypeError,
        "k: the array cannot be read, of type test_foreign_arrays.Interface",
    ),
    "interface of too few strides": (
        lambda: Interface(K, strides=(4,)),
        TypeError,
        "k: the array cannot be read",
    ),
    "interface of no type": (
        lambda: Interface(K, typestr="?!"),
        TypeError,
        "k: the array cannot be read",
    ),
    "interface of a masked array": (
        lambda: Interface(K, mask=Interface(K > 0)),
        TypeError,
        "k: the array cannot be read",
    ),
    "interface of strides between elements": (
        lambda: Interface(K, strides=(898, 128, 64, 4)),
        ValueError,
        "k: expected strides that are multiples of the 4 bytes",
    ),
    "exporter that fails": (
        lambda: Closed(K),
        TypeError,
        "k: the array cannot be read, of type test_foreign_arrays.Closed",
    ),
    "cuda interface alone": (
        lambda: type("Numba", (), {"__cuda_array_interface__": {}})(),
        TypeError,
        "k: expected an array with DLPack .* but got",
    ),
    "list": (lambda: K.tolist(), TypeError, "k: expected an array .* but got list"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    make, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        mfa.masked_attention(Q, make(), V)


def test_masked_array_as_a_mask():
    mask = np.ma.masked_array(np.zeros((2, 5, 7), np.float32), False)
    with pytest.raises(TypeError, match="mask: expected an array without a meaning"):
        mfa.masked_attention(Q, K, V, mask)


def test_masked_array_as_out():
    out = np.ma.masked_array(np.zeros_like(Q), Q > 0)
    with pytest.raises(TypeError, match="out: expected an array without a meaning"):
        mfa.masked_attention(Q, K, V, out=out)


def test_ml_dtypes_are_known():
    for name in ("float8_e4m3fn", "int4"):
        with pytest.raises(TypeError, match=f"k: expected elements .* got {name}"):
            mfa.masked_attention(Q, K.astype(getattr(ml_dtypes, name)), V)
