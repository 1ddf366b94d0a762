"""The main function of the package."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ._mask import Mask, open_mask
from ._mfa import attend as _attend
from ._mfa import attend_plainly as _attend_plainly
from ._mfa import call_paused
from ._rules import Settled, bind

# Says whether torch.compile follows this call into a graph; set once torch is there.
_is_tracing = None


def register_with_torch() -> None:
    """Registers the operators where torch has been imported."""
    global _is_tracing
    if "torch" in sys.modules and _is_tracing is None:
        from . import torch as registered

        _is_tracing = registered.is_tracing


def masked_attention(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    *,
    keep: Callable | None = None,
    score: Callable | None = None,
    sinks: Any = None,
    scale: float | None = None,
    return_lse: bool = False,
    out: Any = None,
    target: str | None = None,
    tiles: str | None = None,
) -> Any:
    """Softmax over the keys of `score(q k^T * scale + mask)`, times `v`, where `keep`
    says which keys take part.

    It runs on the arrays' device. On a GPU it is put into the caller's current
    stream (torch's, or the default stream for other libraries), and nothing
    waits for it. A call with a new combination of element types, head sizes,
    kind of mask and functions compiles a kernel first; batch, lengths, heads, strides
    and what functions refer to make no difference. For a single query (Sq = 1) a GPU
    has kernels of their own, one for each number H / h of query heads that share a key
    head: they read keys and values once for all of these, and share long ones between
    multiprocessors.

    Arrays are read as they are, with any strides but for a unit stride in the
    last dimension of q, k, v and out: views of packed arrays, transposed and
    expanded ones are not copied. Zero lengths and an empty batch are allowed. Head
    sizes that are no multiple of 8 are: q and k, or v and the output, are copied
    then, with zeros up to the next one.

    Tensors of torch whose memory is not what torch means by them (under traces,
    transforms and modes, of subclasses, with a lazy sign) go through
    torch.ops.mfa.masked_attention, and so through torch's dispatcher. Where JAX traces,
    inside of jax.jit and the like, it becomes a call of XLA (mfa.jax).

    Args:
      q: [B, Sq, H, D]; float16, bfloat16 or float32. bfloat16 of numpy is that
        of ml_dtypes.
      k: [B, Sk, h, D], of the type of q. h divides H; query head j attends to
        head j // (H // h).
      v: [B, Sk, h, Dv], of the type of q. D and Dv are from 1 to 256.
      mask: [B|1, Sq|1, Sk|1] or [B|1, H|1, Sq|1, Sk|1]. Booleans: true where a
        query attends to a key. Numbers (float16, bfloat16 or float32, whatever
        the type of q) are added to the scores; -inf excludes a key. Or an mfa.Mask.
      keep: a function of (b, h, q, k) that is true where query q attends to key k,
        made of operators and of functions of mfa, torch, numpy or jax.numpy; one of
        mfa.masks, or a combination of these and others by & | ~. Keys that no query
        of a tile keeps are not computed. It is traced with symbols, once; numbers and
        arrays from outside of it are given to each call.
      score: a function of (s, b, h, q, k) for the score s, likewise; of mfa.scores or
        another.
      sinks: [H], float32: one more logit for each row of a head, without a value.
      scale: factor of the scores; 1/sqrt(D) by default. JAX may trace it.
      return_lse: also return the natural log-sum-exp of the masked scores.
      out: array for the output, [B, Sq, H, Dv] of the type of q, which shares no
        memory with the others, q included; with return_lse it may be a pair
        (out, lse).
      target: "cpu", "cuda", or "sim", which simulates the GPU kernel on arrays
        of the CPU. By default that of the arrays.
      tiles: who has a list, made at each call on the GPU, of the tiles of keys that
        take part: None, rules that read arrays or whose tiles are no ranges; "auto",
        those, and masks where sizes are worth it; "always", all with a rule or mask;
        "never", none. Results are the same. Calls that go through torch's dispatcher
        have the default.

    Returns:
      [B, Sq, H, Dv], of the type, library and device of q. A row that attends to
      no key is 0. With return_lse a pair, of which the second is float32 [B, H,
      Sq], -inf for rows that attend to no key.

    Raises:
      TypeError: an argument is no array, or has an element type that does not
        fit.
      ValueError: shapes, strides or devices do not fit, or an output is not
        writable or shares memory with another array. The message says what was
        expected of which argument.
      RuntimeError: an argument wants gradients, and there are none; or the
        compiler or the CUDA driver failed, with their messages.
    """
    if _is_tracing is None:
        register_with_torch()
    # What most calls are, by the shortest way.
    if (
        keep is None
        and score is None
        and sinks is None
        and tiles is None
        and type(mask) is not Mask
        and (_is_tracing is None or not _is_tracing())
    ):
        return _attend_plainly(q, k, v, mask, scale, return_lse, out, target)
    lists = None
    if type(mask) is Mask or type(keep) is Settled:
        mask, keep, tiles, lists = open_mask(mask, keep, tiles)
    rules, captures = None, ()
    if keep is not None or score is not None:
        if _is_tracing is not None and _is_tracing():
            from . import torch as registered

            if registered.attend_with_functions is not None and out is None:
                return registered.attend_with_functions(
                    *(q, k, v, mask, keep, score, sinks, scale, return_lse, target)
                )
            # The graph ends in front of what this torch cannot follow.
            return call_paused(
                masked_attention,
                *(q, k, v, mask),
                keep=keep,
                score=score,
                sinks=sinks,
                scale=scale,
                return_lse=return_lse,
                out=out,
                target=target,
                tiles=tiles,
            )
        rules, captures = bind(keep, score, q)
    if _is_tracing is not None and _is_tracing():
        from . import torch as registered

        return registered.call_op(
            q, k, v, mask, scale, return_lse, out, target, rules, captures, sinks
        )
    return _attend(
        *(q, k, v, mask, scale, return_lse, out, target),
        rules=rules,
        captures=captures,
        sinks=sinks,
        tiles=tiles,
        lists=lists,
    )
