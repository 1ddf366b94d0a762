"""Arrays of libraries without DLPack's C interface; called by the extension."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from . import _mfa

_CPU, _CUDA = 1, 2

_TYPE_NAMES = {"float16": "f16", "bfloat16": "bf16", "float32": "f32", "bool": "i1"}
_DTYPES = {name: dtype for dtype, name in _TYPE_NAMES.items()}
_WIDTHS = {"f16": 2, "bf16": 2, "f32": 4, "i1": 1}


def type_name(dtype: Any) -> str:
    """The name of an element type, such as "bf16"; of one that is not known, as
    its library writes it."""
    name = getattr(dtype, "name", None) or str(dtype).removeprefix("torch.")
    if isinstance(dtype, type):
        name = dtype.__name__
    return _TYPE_NAMES.get(name, name)


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
    if hasattr(array, "__array_interface__"):
        return _describe_numpy(name, array)
    if library == "torch" and hasattr(array, "data_ptr"):
        return _describe_torch(array)
    if library in ("jax", "jaxlib") and hasattr(array, "dtype"):
        return _describe_jax(name, array)
    if isinstance(array, _mfa.DeviceArray):
        return _describe_output(array)
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


def _describe_numpy(name: str, array: Any):
    interface = array.__array_interface__
    dtype = type_name(array.dtype)
    if dtype in _WIDTHS and array.dtype.byteorder == ">":
        dtype = f"big-endian {dtype}"
    address, read_only = interface["data"]
    sizes, strides = tuple(interface["shape"]), interface["strides"]
    width = array.dtype.itemsize
    if strides is None:
        strides = _contiguous(sizes)
    else:
        strides = _element_strides(name, strides, width)
    return _CPU, 0, dtype, address, sizes, strides, read_only, array


def _contiguous(sizes):
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
    if isinstance(array, sys.modules["jax"].core.Tracer):
        raise TypeError(
            f"{name}: expected an array with data but got one that is traced; "
            "masked_attention cannot be called inside of jax.jit"
        )
    if len(array.devices()) != 1:
        raise ValueError(
            f"{name}: expected an array on one device but got one that is sharded "
            f"over {len(array.devices())}"
        )
    device = next(iter(array.devices()))
    dtype, sizes = type_name(array.dtype), tuple(array.shape)
    if device.platform == "cpu":
        array.block_until_ready()
        kind, number, owner = _CPU, 0, array
    else:
        # The capsule makes the default stream wait for the array.
        kind, number = array.__dlpack_device__()
        owner = array, array.__dlpack__(stream=1)
    address = array.unsafe_buffer_pointer()
    return kind, number, dtype, address, sizes, _contiguous(sizes), True, owner


def _describe_dlpack(name: str, array: Any):
    """An array of any other library: read as numpy or torch sees it."""
    kind, device = array.__dlpack_device__()
    if kind == _CPU:
        import numpy

        return _describe_numpy(name, numpy.from_dlpack(array))
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
    module = importlib.import_module(library)
    return module.from_dlpack(output)
