"""A drop-in for torch.nn.attention.flex_attention.flex_attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import masks
from ._attention import masked_attention
from ._sdpa import _check

if TYPE_CHECKING:
    import torch
    from torch.nn.attention.flex_attention import AuxRequest, BlockMask


def flex_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    score_mod: Callable | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: dict[str, Any] | None = None,
    *,
    return_aux: AuxRequest | None = None,
) -> Any:
    """Torch's function of that name, on this package's kernels: existing score_mod and
    mask_mod functions and block masks are taken as they are, and nothing has to be
    compiled by torch.compile.

    Two things differ: a row that attends to no key has an lse of -inf, and there are no
    gradients. Of a block mask its mask_mod is used, from which the tiles of keys that
    are visited follow; its blocks are, where it has been made of blocks alone.

    Args:
      query: [B, H, Sq, D].
      key, value: [B, h, Sk, D] and [B, h, Sk, Dv], or 1 in place of B. h is H, or
        divides it with enable_gqa.
      score_mod: a function of (score, b, h, q_idx, kv_idx) that returns a score.
      block_mask: of torch.nn.attention.flex_attention.create_block_mask. A mask_mod
        function alone, of (b, h, q_idx, kv_idx), will do, or one of mfa.masks.
      scale: factor of the scores; 1/sqrt(D) by default.
      enable_gqa: whether h may be another number than H.
      return_lse: also return the natural log-sum-exp [B, H, Sq].
      kernel_options: options of torch's own kernels, which have no meaning here.
      return_aux: an AuxRequest; of lse only.

    Returns:
      [B, H, Sq, Dv], as a view of a contiguous [B, Sq, H, Dv]; with return_lse a pair,
      with return_aux a pair whose second is an AuxOutput.

    Raises:
      TypeError, ValueError, RuntimeError: as masked_attention.
    """
    _check(query, key, value)
    _check_shapes(query, key, value, enable_gqa)
    _check_options(kernel_options)
    wants_lse = _wants_lse(return_lse, return_aux)
    keep = _make_keep(block_mask, query, key)

    batch = query.shape[0]
    arrays = [query, *(x.expand(batch, -1, -1, -1) for x in (key, value))]
    arrays = [_rows(x).transpose(1, 2) for x in arrays]
    result = masked_attention(
        *arrays, keep=keep, score=score_mod, scale=scale, return_lse=wants_lse
    )
    if not wants_lse:
        output = result.transpose(1, 2)
        return output if return_aux is None else (output, _make_aux(None))
    output, lse = result[0].transpose(1, 2), result[1]
    return output, lse if return_aux is None else _make_aux(lse)


def _rows(tensor):
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def _check_shapes(query, key, value, enable_gqa: bool) -> None:
    for name, x in (("query", query), ("key", key), ("value", value)):
        if x.dim() != 4:
            raise ValueError(f"{name}: expected rank 4 but got {x.dim()}")
    batch, heads = query.shape[:2]
    for name, x in (("key", key), ("value", value)):
        if x.shape[0] not in (batch, 1):
            raise ValueError(
                f"{name}: expected batch {batch}, as of query, or 1, but got "
                f"{x.shape[0]}"
            )
    kv_heads = key.shape[1]
    if value.shape[1] != kv_heads:
        raise ValueError(
            f"value: expected {kv_heads} heads, as of key, but got {value.shape[1]}"
        )
    if kv_heads != heads and not enable_gqa:
        raise ValueError(
            f"key: expected {heads} heads, as of query, but got {kv_heads}; pass "
            "enable_gqa=True for heads in groups"
        )
    if kv_heads == 0 or heads % kv_heads != 0:
        raise ValueError(
            f"key: expected a number of heads that divides the {heads} of query but "
            f"got {kv_heads}"
        )


def _check_options(options) -> None:
    if options is None:
        return
    from torch.nn.attention import flex_attention as module

    known = getattr(module, "FlexKernelOptions", None)
    known = set(known.__annotations__) if known is not None else None
    for name in options:
        # Those for the forward pass may have a prefix.
        plain = name.removeprefix("fwd_").removeprefix("bwd_")
        if known is not None and plain not in known:
            raise ValueError(
                f"kernel_options: expected options of torch's kernels but got {name!r}"
            )


def _wants_lse(return_lse: bool, request) -> bool:
    if request is None:
        return return_lse
    if return_lse:
        raise ValueError("return_aux: expected None with return_lse but got a request")
    if getattr(request, "max_scores", False):
        raise ValueError(
            "return_aux: expected a request of lse alone but got one of max_scores, "
            "which kernels do not keep"
        )
    return bool(request.lse)


def _make_aux(lse):
    from torch.nn.attention.flex_attention import AuxOutput

    return AuxOutput(lse=lse, max_scores=None)


def _make_keep(block_mask, query, key) -> Callable | None:
    if block_mask is None:
        return None
    module = _flex_module()
    if module is None or not isinstance(block_mask, module.BlockMask):
        if callable(block_mask) and not hasattr(block_mask, "kv_indices"):
            return block_mask
        raise TypeError(
            "block_mask: expected a BlockMask or a function of (b, h, q_idx, kv_idx) "
            f"but got {type(block_mask).__name__}"
        )
    sizes = query.shape[2], key.shape[2]
    lengths = getattr(block_mask, "seq_lengths", sizes)
    for name, size, length in zip(("query", "key"), sizes, lengths):
        if size > length:
            raise ValueError(
                f"block_mask: expected a mask for lengths of {tuple(sizes)} but got "
                f"one for {tuple(lengths)}, fewer than of {name}; make it for these "
                "lengths"
            )
    full = query.shape[0], query.shape[1]
    given = tuple(block_mask.kv_num_blocks.shape[:2])
    if any(size not in (1, whole) for size, whole in zip(given, full)):
        raise ValueError(
            f"block_mask: expected batch and heads {full}, or 1 in place of these, but "
            f"got {given}"
        )
    if block_mask.mask_mod is not module.noop_mask:
        return block_mask.mask_mod
    return _rule_of_blocks(block_mask, full)


def _rule_of_blocks(block_mask, full) -> Callable:
    """Of a mask that was made of lists of blocks: keys of no other block are kept."""
    table = block_mask.to_dense().bool()
    q_size, k_size = block_mask.BLOCK_SIZE
    return masks.blocks(q_size, k_size, table.expand(*full, -1, -1))


def _flex_module():
    try:
        from torch.nn.attention import flex_attention as module
    except ImportError:  # Before torch 2.5.
        return None
    return module
