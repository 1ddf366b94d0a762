"""A drop-in for torch.nn.functional.scaled_dot_product_attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._attention import masked_attention

if TYPE_CHECKING:
    import torch


def scaled_dot_product_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """Torch's function of that name, on this package's kernels, to try it in an
    existing model:

        torch.nn.functional.scaled_dot_product_attention = \\
            mfa.scaled_dot_product_attention

    Two things differ: a row that attends to no key is 0, and there are no
    gradients. Nothing is copied: views of the tensors go to masked_attention.

    Args:
      query: [B, H, Sq, D], or [H, Sq, D] without a batch.
      key: [B, h, Sk, D].
      value: [B, h, Sk, Dv].
      attn_mask: of booleans, true where a query attends, or numbers that are
        added to the scores; any shape that broadcasts to [B, H, Sq, Sk].
      dropout_p: 0; there is no dropout.
      is_causal: query i attends to keys up to i. A mask of booleans [Sq, Sk]
        says so to the kernel.
      scale: factor of the scores; 1/sqrt(D) by default.
      enable_gqa: h may be a divisor of H.

    Returns:
      [B, H, Sq, Dv], as a view of a contiguous [B, Sq, H, Dv].

    Raises:
      TypeError, ValueError, RuntimeError: as masked_attention; ValueError also for
      dropout, for a mask together with is_causal, and for h other than H without
      enable_gqa.
    """
    import torch

    if dropout_p != 0.0:
        raise ValueError(
            f"dropout_p: expected 0, as there is no dropout, but got {dropout_p}"
        )
    if is_causal and attn_mask is not None:
        raise ValueError("attn_mask: expected None with is_causal but got a mask")
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(
                f"{name}: expected a torch.Tensor but got {type(tensor).__name__}"
            )
        if tensor.dim() not in (3, 4):
            raise ValueError(f"{name}: expected rank 3 or 4 but got {tensor.dim()}")
    if query.dim() == 3:
        mask = attn_mask
        if mask is not None and mask.dim() == 3:
            mask = mask.unsqueeze(0)
        return scaled_dot_product_attention(
            query.unsqueeze(0),
            key.unsqueeze(0),
            value.unsqueeze(0),
            mask,
            0.0,
            is_causal,
            scale,
            enable_gqa,
        ).squeeze(0)
    if not enable_gqa and key.dim() == 4 and key.shape[1] != query.shape[1]:
        raise ValueError(
            f"key: expected {query.shape[1]} heads, as of query, without enable_gqa, "
            f"but got {key.shape[1]}"
        )

    mask = attn_mask
    if is_causal:
        shape = query.shape[2], key.shape[2]
        mask = torch.ones(shape, dtype=torch.bool, device=query.device).tril()
    if mask is not None:
        if mask.dim() > 4:
            raise ValueError(f"attn_mask: expected rank 4 at most but got {mask.dim()}")
        while mask.dim() < 4:
            mask = mask.unsqueeze(0)
    output = masked_attention(
        query.transpose(1, 2),
        key.transpose(1, 2),
        value.transpose(1, 2),
        mask,
        scale=scale,
    )
    return output.transpose(1, 2)
