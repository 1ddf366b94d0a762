"""torch.ops.mfa.masked_attention: operators that torch.compile and torch.export
take into their graphs.

    masked_attention(Tensor q, Tensor k, Tensor v, Tensor? mask=None, *,
                     float? scale=None, str? target=None) -> Tensor
    masked_attention_lse(the same) -> (Tensor, Tensor)

They are registered when this module is imported, which `import mfa` does where
torch has been imported before, and the first call on tensors in any case.
Arguments, results and errors are those of mfa.masked_attention, which traces to
these operators.
"""

from __future__ import annotations

from typing import Any

import torch

from ._arrays import type_name
from ._mfa import attend as _attend

is_tracing = torch.compiler.is_compiling

_ARGUMENTS = (
    "(Tensor q, Tensor k, Tensor v, Tensor? mask=None, *, float? scale=None, "
    "str? target=None)"
)

_library = torch.library.Library("mfa", "DEF")
_library.define(f"masked_attention{_ARGUMENTS} -> Tensor")
_library.define(f"masked_attention_lse{_ARGUMENTS} -> (Tensor, Tensor)")


def _masked_attention(q, k, v, mask=None, *, scale=None, target=None):
    return _attend(q, k, v, mask, scale, False, None, target)


def _masked_attention_lse(q, k, v, mask=None, *, scale=None, target=None):
    return _attend(q, k, v, mask, scale, True, None, target)


def _fake(q, k, v, mask=None, *, scale=None, target=None):
    return q.new_empty((*q.shape[:3], v.shape[3]))


def _fake_lse(q, k, v, mask=None, *, scale=None, target=None):
    batch, length, heads, _ = q.shape
    lse = q.new_empty((batch, heads, length), dtype=torch.float32)
    return _fake(q, k, v), lse


def _refuse_gradients(ctx, inputs, keyword_only_inputs, output) -> None:
    raise RuntimeError(
        "expected arrays without gradients, as masked attention has no backward, but "
        "got one with requires_grad; call it under torch.no_grad() or pass detached "
        "tensors"
    )


def _no_backward(ctx, *gradients):
    _refuse_gradients(ctx, (), {}, None)


def _register(name: str, implementation, fake) -> None:
    for key in ("CPU", "CUDA"):
        _library.impl(name, implementation, key)
    qualified = f"mfa::{name}"
    torch.library.register_fake(qualified, fake, lib=_library)
    # The context is set up only where a gradient is wanted of an argument.
    torch.library.register_autograd(
        qualified, _no_backward, setup_context=_refuse_gradients, lib=_library
    )


_register("masked_attention", _masked_attention, _fake)
_register("masked_attention_lse", _masked_attention_lse, _fake_lse)


def call_op(
    q: Any, k: Any, v: Any, mask: Any, scale, return_lse: bool, out: Any, target
) -> Any:
    """masked_attention as operators, for a call that is traced."""
    ops = torch.ops.mfa
    name = ops.masked_attention_lse if return_lse else ops.masked_attention
    result = name(q, k, v, mask, scale=scale, target=target)
    if not return_lse:
        return _copy("out", out, result)
    output, lse = result
    if not isinstance(out, tuple):
        return _copy("out", out, output), lse
    if len(out) != 2:
        raise ValueError(
            f"out: expected an array or a pair (out, lse) but got a tuple of {len(out)}"
        )
    return _copy("out", out[0], output), _copy("lse", out[1], lse)


def _copy(name: str, into: Any, value: torch.Tensor) -> torch.Tensor:
    """Copies a result into the tensor that was given for it, if one was, by the
    rules of a call that is not traced."""
    if into is None:
        return value
    if into.dtype != value.dtype:
        of_q = ", as of q," if name == "out" else ""
        raise TypeError(
            f"{name}: expected elements of type {type_name(value.dtype)}{of_q} but "
            f"got {type_name(into.dtype)}"
        )
    if into.shape != value.shape:
        raise ValueError(
            f"{name}: expected shape {tuple(value.shape)} but got {tuple(into.shape)}"
        )
    return into.copy_(value)
