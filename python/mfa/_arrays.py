"""Arrays of libraries without DLPack's C interface; called by the extension."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import sys
from typing import Any

from . import _mfa

_CPU, _CUDA = 1, 2

_TYPE_NAMES = {"float16": "f16", "bfloat16": "bf16", "float32": "f32", "bool": "i1"}
_DTYPES = {name: dtype for dtype, name in _TYPE_NAMES.items()}
# Integers are elements of what regions read only.
_WIDTHS = {"f16": 2, "bf16": 2, "f32": 4, "i1": 1, "int32": 4, "int64": 8}


@dataclasses.dataclass(frozen=True)
class Form:
    """The shape and element type of an argument, without data, in row-major order."""

    shape: tuple[int, ...]
    dtype: str


def type_name(dtype: Any) -> str:
    """The name of an element type, such as "bf16"; of one that is not known, as
    its library writes it."""
    name = getattr(dtype, "name", None) or str(dtype).removeprefix("torch.")
    if isinstance(dtype, type):
        name = dtype.__name__
    return _TYPE_NAMES.get(name, name)


def convert(name: str, array: Any, dtype: str) -> Any:
    """A copy in row-major order with elements of a wider type, or of float32. Where the
    values can be looked at, numbers that float32 does not have are an error."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(array, torch.Tensor):
        copy = array.to(getattr(torch, dtype)).contiguous()
        if dtype == "float32" and array.device.type == "cpu":
            from .torch import has_values

            if has_values(array):
                _check_range(name, (copy.isinf() & ~array.isinf()).any().item())
        return copy
    if type(array).__name__ == "ndarray" or hasattr(array, "__array_interface__"):
        import numpy

        plain = _plain_numpy(name, array)
        with numpy.errstate(over="ignore"):
            copy = plain.astype(dtype, order="C")
        if dtype == "float32":
            _check_range(name, (numpy.isinf(copy) & ~numpy.isinf(plain)).any())
        return copy
    if dtype == "int64" and library_of(array).startswith("jax"):
        jax = sys.modules["jax"]
        if not jax.config.jax_enable_x64:
            raise TypeError(
                f"{name}: expected elements of another type than uint32, as JAX has no "
                "integers of 64 bits unless jax_enable_x64 is set"
            )
    return array.astype(dtype)


def _check_range(name: str, is_beyond: Any) -> None:
    if is_beyond:
        raise ValueError(
            f"{name}: expected numbers that float32 has, as elements of float64 are "
            "rounded to it, but got some that would be infinite"
        )


def library_of(array: Any) -> str:
    """Name of the package that an array's type is from."""
    return type(array).__module__.partition(".")[0]


def _library_of_data(array: Any) -> str:
    """Name of the package that says how an array's data is reached, which for a
    subclass is that of its base."""
    for base in type(array).__mro__:
        if "__dlpack__" in vars(base) or "__dlpack_c_exchange_api__" in vars(base):
            return base.__module__.partition(".")[0]
    return library_of(array)


def check_library(name: str, array: Any, q: Any) -> None:
    """Raises TypeError unless both arrays, on a GPU, are of one library."""
    expected, actual = _library_of_data(q), _library_of_data(array)
    if actual != expected:
        raise TypeError(
            f"{name}: expected an array of {expected}, as q is, but got one of "
            f"{actual}, whose work on the GPU is in other streams; pass "
            f"{expected}'s from_dlpack of it"
        )


def describe(name: str, array: Any):
    """What the extension needs to know of an array, or None if it is not one.

    Returns (DLPack device type, device number, type name, address, sizes,
    strides in elements, read-only, what to keep alive).
    """
    library = library_of(array)
    # Asked whether it has one, an array of NumPy's makes it.
    if type(array).__name__ == "ndarray" or hasattr(array, "__array_interface__"):
        return _describe_numpy(name, array)
    if library == "torch" and hasattr(array, "data_ptr"):
        return _describe_torch(array)
    if library in ("jax", "jaxlib") and hasattr(array, "dtype"):
        return _describe_jax(name, array)
    if isinstance(array, _mfa.DeviceArray):
        return _describe_output(array)
    if isinstance(array, Form):
        strides = _contiguous(array.shape)
        return _CPU, 0, array.dtype, 0, array.shape, strides, True, None
    if hasattr(array, "__dlpack__") and hasattr(array, "__dlpack_device__"):
        return _describe_dlpack(name, array)
    return None


def _element_strides(name: str, strides, width: int):
    if any(stride % width for stride in strides):
        raise ValueError(
            f"{name}: expected strides that are multiples of the {width} bytes of an "
            f"element but got {tuple(strides)}"
        )
    return tuple(stride // width for stride in strides)


@functools.lru_cache(maxsize=256)
def _numpy_element(dtype: Any) -> tuple[str, int]:
    """Name and bytes of an element: NumPy makes the name anew each time."""
    name = type_name(dtype)
    if name in _WIDTHS and dtype.byteorder == ">":
        name = f"big-endian {name}"
    return name, dtype.itemsize


def _describe_numpy(name: str, array: Any, owner: Any = None):
    array = _plain_numpy(name, array)
    interface = array.__array_interface__
    dtype, width = _numpy_element(array.dtype)
    address, read_only = interface["data"]
    sizes, strides = tuple(interface["shape"]), interface["strides"]
    if strides is None:
        strides = _contiguous(sizes)
    elif dtype in _WIDTHS:
        strides = _element_strides(name, strides, width)
    owner = array if owner is None else (array, owner)
    return _CPU, 0, dtype, address, sizes, strides, read_only, owner


def _plain_numpy(name: str, array: Any):
    """An array whose memory is all of its meaning, in the memory of `array`."""
    import numpy

    kind = type(array)
    if kind is numpy.ndarray:
        return array
    if isinstance(array, numpy.ndarray):
        masked = sys.modules.get("numpy.ma")
        is_masked = masked is not None and isinstance(array, masked.MaskedArray)
        overrides = (
            kind.__array_ufunc__ is not numpy.ndarray.__array_ufunc__
            or kind.__array_function__ is not numpy.ndarray.__array_function__
        )
        if is_masked or overrides:
            raise TypeError(
                f"{name}: expected an array without a meaning beyond its elements but "
                f"got {kind.__module__}.{kind.__qualname__}; pass "
                + ("its filled()" if is_masked else "numpy.asarray of it")
            )
        return array
    # Of a class of its own: numpy checks what its interface says.
    try:
        if array.__array_interface__.get("mask") is not None:
            raise TypeError("its elements are masked")
        plain = numpy.asarray(array)
    except Exception as error:
        raise _unreadable(name, array) from error
    dtype = getattr(array, "dtype", None)
    if plain.dtype.kind == "V" and type_name(dtype) == "bf16":
        plain = plain.view(dtype)  # The interface has no name for it.
    return plain


def _unreadable(name: str, array: Any) -> TypeError:
    kind = type(array)
    return TypeError(
        f"{name}: the array cannot be read, of type {kind.__module__}."
        f"{kind.__qualname__}; the error before this one says why"
    )


@functools.lru_cache(maxsize=1024)
def _contiguous(sizes: tuple[int, ...]) -> tuple[int, ...]:
    strides, stride = [], 1
    for size in reversed(sizes):
        strides.append(stride)
        stride *= size
    return tuple(reversed(strides))


def _describe_torch(array: Any):
    """A tensor of a torch without the C interface."""
    kinds = {"cpu": _CPU, "cuda": _CUDA}
    device = kinds.get(array.device.type, 0), array.device.index or 0
    layout = tuple(array.shape), array.stride()
    return *device, type_name(array.dtype), array.data_ptr(), *layout, False, array


def _describe_output(array: _mfa.DeviceArray):
    _, number = array.__dlpack_device__()
    sizes = array.shape
    layout = sizes, _contiguous(sizes)
    return _CUDA, number, array.dtype, array.address, *layout, False, array


def _describe_jax(name: str, array: Any):
    if array.is_deleted():
        raise ValueError(
            f"{name}: expected an array with data but got one that was deleted, or "
            "donated to a call"
        )
    dtype, sizes = type_name(array.dtype), tuple(array.shape)
    if dtype not in _WIDTHS:  # The caller says what was expected.
        return _CPU, 0, dtype, 0, sizes, _contiguous(sizes), True, array
    if len(array.devices()) != 1:
        raise ValueError(
            f"{name}: expected an array on one device but got one that is sharded "
            f"or replicated over {len(array.devices())}"
        )
    device = next(iter(array.devices()))
    if device.platform == "cpu":
        import numpy

        # A view, in whatever order the elements lie.
        return _describe_numpy(name, numpy.asarray(array), array)
    memory = getattr(array.sharding, "memory_kind", None)
    if memory not in (None, "device"):
        raise ValueError(
            f"{name}: expected an array in the memory of its GPU but got one of "
            f"memory kind {memory!r}; pass jax.device_put of it to the GPU"
        )
    strides = _jax_strides(name, array)
    # The capsule makes the default stream wait for the array.
    kind, number = array.__dlpack_device__()
    owner = array, array.__dlpack__(stream=1)
    address = array.unsafe_buffer_pointer()
    return kind, number, dtype, address, sizes, strides, True, owner


def _jax_strides(name: str, array: Any):
    """Strides in elements, from the layout in which the device has the array."""
    sizes = tuple(array.shape)
    if hasattr(array, "format"):
        layout = array.format.layout
    else:  # Before jax 0.7.
        layout = getattr(array, "layout", None)
        layout = getattr(layout, "device_local_layout", None)
    if layout is None:
        return _contiguous(sizes)
    if getattr(layout, "tiling", None) or getattr(layout, "_tiling", None):
        raise ValueError(
            f"{name}: expected an array whose elements lie in rows but got one in "
            f"tiles, {layout}; pass jax.device_put of it with another layout"
        )
    strides, stride = [0] * len(sizes), 1
    for dim in reversed(layout.major_to_minor):
        strides[dim] = stride
        stride *= sizes[dim]
    return tuple(strides)


def _describe_dlpack(name: str, array: Any):
    """An array of any other library: read as numpy or torch sees it."""
    kind, device = array.__dlpack_device__()
    if kind == _CPU:
        import numpy

        try:
            return _describe_numpy(name, numpy.from_dlpack(array), array)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            # NumPy knows no bfloat16 there.
            try:
                import torch

                return _describe_torch(torch.from_dlpack(array))
            except Exception:
                raise _unreadable(name, array) from error
    try:
        import torch
    except ModuleNotFoundError:
        raise TypeError(
            f"{name}: expected torch to be installed, by which arrays of "
            f"{library_of(array)} on a GPU are read"
        ) from None
    # The kernel's stream waits for the array, 1 being the default one.
    capsule = array.__dlpack__(stream=current_stream(array, device) or 1)
    return _describe_torch(torch.from_dlpack(capsule))


def current_stream(array: Any, device: int) -> int:
    """The stream of the array's library: torch's or cupy's current one, else the
    default stream."""
    library = library_of(array)
    if library == "torch":
        import torch

        return torch.cuda.current_stream(device).cuda_stream
    if library == "cupy":
        import cupy

        return cupy.cuda.get_current_stream().ptr
    return 0


def make_output(like: Any, sizes: tuple[int, ...], dtype: str, device: int) -> Any:
    """An array for an output: of the library of `like`, or one that can become
    such an array."""
    library = library_of(like)
    if library == "torch":
        import torch

        return torch.empty(
            sizes, dtype=getattr(torch, _DTYPES[dtype]), device=like.device
        )
    on_cpu = hasattr(like, "__array_interface__") or (
        like.__dlpack_device__()[0] == _CPU
    )
    if on_cpu:
        import numpy

        if dtype == "bf16":
            import ml_dtypes

            return numpy.empty(sizes, ml_dtypes.bfloat16)
        return numpy.empty(sizes, _DTYPES[dtype])
    return _mfa.DeviceArray(sizes, dtype, device)


def finish_output(like: Any, output: Any, stream: int, inputs: tuple) -> Any:
    """`output`, which work in `stream` makes of `inputs`, as an array of the
    library of `like`."""
    library = library_of(like)
    if isinstance(output, _mfa.DeviceArray):
        output.mark_written(stream, inputs)
    if library in ("numpy", "torch"):
        return output
    if library in ("jax", "jaxlib"):
        jax = sys.modules["jax"]
        if hasattr(output, "__array_interface__"):
            return jax.device_put(output, next(iter(like.devices())))
        return jax.dlpack.from_dlpack(output)
    if hasattr(like, "__array_interface__"):
        return output
    # A class of the program's own is of no library: it gets what was made.
    module = importlib.import_module(_library_of_data(like))
    from_dlpack = getattr(module, "from_dlpack", None)
    return output if from_dlpack is None else from_dlpack(output)
