"""Head sizes that no kernel has, by copies with zeros; called by the extension."""

from __future__ import annotations

import importlib
from typing import Any

from . import _mfa
from ._arrays import library_of

# What a kernel's head sizes are multiples of.
_MULTIPLE = 8


def attend(
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    scale: float | None,
    return_lse: bool,
    out: Any,
    lse: Any,
    target: str | None,
    rules: Any = None,
    captures: Any = None,
    sinks: Any = None,
    tiles: str | None = None,
    lists: Any = None,
    lists_only: bool = False,
) -> Any:
    """mfa.masked_attention, on arguments that it has checked.

    Zeros at the end of the rows of q and k add nothing to the scores, whose scale
    stays that of D; those of v become columns of the output that are left out.
    """
    if scale is None:
        scale = q.shape[3] ** -0.5
    value_dim = v.shape[3]
    q, k, v = (_pad(name, x) for name, x in (("q", q), ("k", k), ("v", v)))
    is_padded = v.shape[3] != value_dim
    inner = None if is_padded else out
    if return_lse:
        inner = inner, lse
    result = _mfa.attend(
        *(q, k, v, mask, scale, return_lse, inner, target),
        reads_memory=True,
        rules=rules,
        captures=captures,
        sinks=sinks,
        tiles=tiles,
        lists=lists,
        lists_only=lists_only,
    )
    if lists_only:
        return None
    output, lse = result if return_lse else (result, None)
    if is_padded:
        output = _copy(output[..., :value_dim], out)
    return (output, lse) if return_lse else output


def _pad(name: str, array: Any) -> Any:
    """The array with zeros up to the next size of heads that kernels have."""
    *rest, size = array.shape
    missing = -size % _MULTIPLE
    if missing == 0:
        return array
    library = library_of(array)
    if hasattr(array, "new_zeros"):
        padded = array.new_zeros((*rest, size + missing))
        padded[..., :size] = array
        return padded
    if hasattr(array, "__array_interface__"):
        import numpy

        array = numpy.asarray(array)
        padded = numpy.zeros((*rest, size + missing), array.dtype)
        padded[..., :size] = array
        return padded
    if library in ("jax", "jaxlib"):
        library = "jax.numpy"
    pad = getattr(importlib.import_module(library), "pad", None)
    if pad is None:
        raise TypeError(
            f"{name}: expected a head size that is a multiple of {_MULTIPLE}, as "
            f"{library} has no function pad to make it so, but got {size}; pad q, k "
            f"and v with zeros, and give the scale 1/sqrt({size})"
        )
    return pad(array, [(0, 0)] * len(rest) + [(0, missing)])


def _copy(view: Any, out: Any) -> Any:
    """The contents of `view` in `out`, or in an array of their own."""
    if out is None:
        if hasattr(view, "contiguous"):
            return view.contiguous()
        return view.copy()
    if hasattr(out, "copy_"):
        return out.copy_(view)
    if hasattr(out, "__array_interface__"):
        import numpy

        numpy.asarray(out)[...] = view
    else:
        out[...] = view
    return out
