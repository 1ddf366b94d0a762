"""Masks that are prepared once for many calls."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from . import _mfa
from ._arrays import library_of, type_name
from ._mfa import TileLists
from ._rules import Settled, bind

_WIDTHS = {"f16": 2, "bf16": 2, "f32": 4, "i1": 1}
# Rows that start at multiples of it can be copied by the GPU's own units.
_ALIGNMENT = 16


class Mask:
    """A mask for many calls, such as the layers of a model, accepted wherever `mask=`
    is: what can be done once for all of them is done once.

    An array is checked, and its rows are laid out as GPU kernels read them fastest.
    Where rows of numpy's or torch's arrays do not start at multiples of 16 bytes, or
    their keys do not lie side by side, that is a copy, and what is written to the array
    later does not reach it. Dimensions that are broadcast stay so.

    Kernels that have a list of the tiles of keys that take part (`tiles`; rules that
    read arrays, or whose tiles are no ranges, have one by default) make it in the first
    call on some device with some sizes, and later ones use it, in other streams as well. So what the mask and the
    arrays of its rule hold must not change: after a change in place call `refresh`, and
    where a function would refer to other arrays make another mask. In a CUDA graph, and
    where torch or JAX traces, a call makes a list of its own, unless there is one
    already when the capture of the graph begins; then the mask has to live as long as
    the graph.

    Args:
      array: as `mask` of masked_attention, or None.
      tiles: what calls with the mask take for their argument `tiles`, where they have
        none of their own.
      keep: as of masked_attention; calls with the mask have no other. What it refers to
        is what it is in the first call. Without it calls may have one, and make their
        own lists.
      finite: no score in front of the mask, and no value, of any call is infinite or
        NaN. Otherwise each call with a list looks for such in q, k and v, as far as the
        array excludes tiles, which with this are skipped whatever they hold.
    """

    __slots__ = ("array", "tiles", "keep", "lists")

    def __init__(
        self,
        array: Any = None,
        tiles: str | None = None,
        *,
        keep: Callable | None = None,
        finite: bool = False,
    ):
        if isinstance(array, Mask):
            keep, tiles = keep or array.keep, tiles or array.tiles
            array = array.array
        if array is None and keep is None:
            raise TypeError("array: expected an array, or keep=, but got None")
        check_tiles(tiles)
        self.tiles = tiles
        # What the kernels read.
        self.array = None if array is None else _check_and_align(array)
        self.lists = TileLists(finite)
        self.keep = None
        if keep is not None:
            function = keep.function if type(keep) is Settled else keep
            self.keep = Settled(function, self.lists)

    def prepare(
        self,
        q: Any,
        k: Any,
        v: Any,
        *,
        score: Callable | None = None,
        sinks: Any = None,
        scale: float | None = None,
        return_lse: bool = False,
        target: str | None = None,
    ) -> None:
        """Makes the list that masked_attention(q, k, v, mask, ...) needs, in the
        caller's current stream, and does nothing else. Calls need no more than their
        arguments' sizes and types in common with this one."""
        rules, captures = None, ()
        if self.keep is not None or score is not None:
            rules, captures = bind(self.keep, score, q)
        _mfa.attend(
            *(q, k, v, self.array, scale, return_lse, None, target),
            rules=rules,
            captures=captures,
            sinks=sinks,
            tiles=self.tiles,
            lists=self.lists,
            lists_only=True,
        )

    def refresh(self) -> None:
        """Forgets the lists: those of later calls are of what the array, and the arrays
        of the rule, hold then."""
        self.lists.clear()
        if self.keep is not None:
            self.keep.forget()

    # None where there is no array.
    shape = property(lambda self: getattr(self.array, "shape", None))
    dtype = property(lambda self: getattr(self.array, "dtype", None))

    def __repr__(self) -> str:
        parts = []
        if self.array is not None:
            parts.append(f"{tuple(self.shape)} of {type_name(self.dtype)}")
        if self.keep is not None:
            parts.append("with a rule")
        return f"<mfa.Mask {' '.join(parts)}>"


def open_mask(mask: Any, keep: Any, tiles: str | None) -> tuple:
    """The array of a mask, the function and the choice for `tiles` that a call has with
    it, and the lists that it shares with other calls, or None. `mask` may be a Mask."""
    lists = None
    if type(mask) is Mask:
        tiles = tiles or mask.tiles
        if mask.keep is not None:
            if keep is not None:
                raise ValueError(
                    "keep: expected None beside a mask that has a rule but got another "
                    "rule; join them in the mask, mfa.Mask(keep=a & b)"
                )
            keep = mask.keep
        if keep is mask.keep:
            lists = mask.lists
        mask = mask.array
    elif mask is None and type(keep) is Settled:
        lists = keep.lists
    return mask, keep, tiles, lists


def check_tiles(tiles: Any) -> None:
    if tiles not in (None, "auto", "always", "never"):
        raise ValueError(
            f"tiles: expected None, 'auto', 'always' or 'never' but got {tiles!r}"
        )


def unwrap(mask: Any) -> Any:
    """The array of a Mask without a rule; anything else as it is."""
    if type(mask) is not Mask:
        return mask
    if mask.keep is not None:
        raise TypeError(
            "mask: expected an array, or an mfa.Mask of one, but got one with a rule; "
            "use mfa.masked_attention"
        )
    return mask.array


def _check_and_align(array: Any) -> Any:
    shape, dtype = getattr(array, "shape", None), getattr(array, "dtype", None)
    if shape is None or dtype is None:
        raise TypeError(f"array: expected an array but got {type(array).__name__}")
    if len(shape) not in (3, 4):
        raise ValueError(f"array: expected rank 3 or 4 but got rank {len(shape)}")
    name = type_name(dtype)
    if name not in _WIDTHS:
        raise TypeError(
            f"array: expected elements of type f16, bf16, f32 or bool but got {name}"
        )
    return _align(array, _WIDTHS[name])


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
