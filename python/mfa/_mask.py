"""Dense masks, prepared once for many calls."""

from __future__ import annotations

import sys
from typing import Any

from ._arrays import library_of, type_name

_WIDTHS = {"f16": 2, "bf16": 2, "f32": 4, "i1": 1}
# Rows that start at multiples of it can be copied by the GPU's own units.
_ALIGNMENT = 16


class Mask:
    """A dense mask for many calls, such as the layers of a model, accepted wherever
    `mask=` is: it is checked, and its rows are laid out as GPU kernels read them
    fastest, once.

    Where rows of numpy's or torch's arrays do not start at multiples of 16 bytes, or
    their keys do not lie side by side, that is a copy, and what is written to the array
    later does not reach it. Dimensions that are broadcast stay so.

    Args:
      array: as `mask` of masked_attention.
      tiles: what calls with the mask take for their argument `tiles`, where they have
        none of their own.
    """

    __slots__ = ("array", "tiles")

    def __init__(self, array: Any, tiles: str | None = None):
        if isinstance(array, Mask):
            array, tiles = array.array, tiles or array.tiles
        shape, dtype = getattr(array, "shape", None), getattr(array, "dtype", None)
        if shape is None or dtype is None:
            raise TypeError(f"array: expected an array but got {type(array).__name__}")
        if len(shape) not in (3, 4):
            raise ValueError(f"array: expected rank 3 or 4 but got rank {len(shape)}")
        name = type_name(dtype)
        if name not in _WIDTHS:
            raise TypeError(
                "array: expected elements of type f16, bf16, f32 or bool but got "
                f"{name}"
            )
        check_tiles(tiles)
        self.tiles = tiles
        # What the kernels read.
        self.array = _align(array, _WIDTHS[name])

    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)

    def __repr__(self) -> str:
        return f"<mfa.Mask {tuple(self.shape)} of {type_name(self.dtype)}>"


def check_tiles(tiles: Any) -> None:
    if tiles not in (None, "auto", "always", "never"):
        raise ValueError(
            f"tiles: expected None, 'auto', 'always' or 'never' but got {tiles!r}"
        )


def unwrap(mask: Any) -> Any:
    """The array of a Mask; anything else as it is."""
    return mask.array if type(mask) is Mask else mask


def _align(array: Any, width: int) -> Any:
    """The array with rows at multiples of 16 bytes, in its own memory where that is
    so already."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and type(array) is torch.Tensor:
        strides = array.stride()
        make = array.new_empty
        address = array.data_ptr() if array.device.type in ("cpu", "cuda") else 0
    elif numpy is not None and type(array) is numpy.ndarray:
        strides = tuple(stride // width for stride in array.strides)
        address = array.__array_interface__["data"][0]

        def make(sizes):
            return numpy.empty(sizes, array.dtype)
    else:
        # Libraries such as jax lay their arrays out themselves.
        return array
    *rest, keys = array.shape
    unit = _ALIGNMENT // width
    is_aligned = address % _ALIGNMENT == 0 and all(
        size <= 1 or stride % unit == 0 for size, stride in zip(rest, strides)
    )
    if keys <= 1 or 0 in rest or strides[-1] == 0 or strides[-1] == 1 and is_aligned:
        return array
    # What is expanded is copied once.
    stored = tuple(
        slice(0, 1) if stride == 0 else slice(None) for stride in strides[:-1]
    )
    source = array[stored]
    sizes = *source.shape[:-1], -(-keys // unit) * unit
    padded = make(sizes)[..., :keys]
    padded[...] = source
    if library_of(array) == "torch":
        return padded.expand(array.shape)
    return numpy.broadcast_to(padded, array.shape)
