"""A drop-in for torch.nn.functional.scaled_dot_product_attention."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

from ._attention import masked_attention
from ._emit import write_rules
from ._mask import unwrap
from ._mfa import attend as _attend
from ._rules import rules_of_text
from ._symbols import length, position

if TYPE_CHECKING:
    import torch

# The rules k <= q and k <= q + (Sk - Sq).
_CAUSAL, _ = write_rules(position("k") <= position("q"), None)
_CAUSAL_END, _ = write_rules(
    position("k") <= position("q") + (length("keys") - length("queries")), None
)


def scaled_dot_product_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """Torch's function of that name, on this package's kernels, to try it in an
    existing model:

        torch.nn.functional.scaled_dot_product_attention = \\
            mfa.scaled_dot_product_attention

    Three things differ: a row that attends to no key is 0, there are no gradients,
    and there is no dropout. Tensors are float16, bfloat16 or float32, with head sizes
    up to 256.

    Views of the tensors go to masked_attention where they can. Copied are: query, key
    and value whose last stride is not 1 or whose head size is no multiple of 8; those
    whose leading dimensions (all but the last three, where there are several) are
    broadcast, or strided so that they are not one; key and value, with enable_gqa,
    where their numbers of heads are different and neither is 1.

    Args:
      query: [..., H, Sq, D]; also without heads, or with more dimensions in front.
      key: [..., h, Sk, D]. Leading dimensions and heads broadcast as torch's do.
      value: [..., h, Sk, Dv].
      attn_mask: of booleans, true where a query attends, or numbers that are
        added to the scores; any shape that broadcasts to [..., H, Sq, Sk]. Of
        torch.nn.attention.bias as well, which are rules like is_causal.
      dropout_p: 0; there is no dropout.
      is_causal: query i attends to keys up to i. There is no mask then, and keys
        that no query of a tile attends to are not computed.
      scale: factor of the scores; 1/sqrt(D) by default.
      enable_gqa: the heads of key and of value may be divisors of H.

    Under torch.autocast, query, key, value and a mask of numbers are converted, as
    torch's function converts them.

    Returns:
      [..., H, Sq, Dv], as a view of a contiguous [B, Sq, H, Dv].

    Raises:
      TypeError, ValueError, RuntimeError: as masked_attention; ValueError also for
      dropout, and for a mask together with is_causal.
    """
    if dropout_p != 0.0:
        raise ValueError(
            f"dropout_p: expected 0, as there is no dropout, but got {dropout_p}"
        )
    if is_causal and attn_mask is not None:
        raise ValueError("attn_mask: expected None with is_causal but got a mask")
    attn_mask = unwrap(attn_mask)
    query, key, value, attn_mask = _autocast(query, key, value, attn_mask)
    _check(query, key, value)

    rank = max(query.dim(), key.dim(), value.dim())
    query, key, value = (_with_rank(x, max(rank, 3)) for x in (query, key, value))
    heads, key, value = _match_heads(query, key, value, enable_gqa)
    batch = _broadcast_batch(query, key, value)
    shape = (*batch, heads, query.shape[-2], key.shape[-2])
    rule = _CAUSAL if is_causal else _causal_rule(attn_mask, shape)
    mask = None if rule is not None else _make_mask(attn_mask, shape, query.device)
    output_shape = (*shape[:-1], value.shape[-1])
    if math.prod(output_shape) == 0:
        output = query.new_empty(output_shape)
    else:
        query = query.expand(*query.shape[:-3], heads, *query.shape[-2:])
        arrays = (_fold_batch(x, batch) for x in (query, key, value))
        if rule is not None:
            output = _attend_by(rule, *arrays, scale)
        else:
            output = masked_attention(*arrays, mask, scale=scale)
        output = output.transpose(1, 2)
        if len(batch) != 1:
            output = output.view(output_shape)
    return output.squeeze(0) if rank == 2 else output


def _causal_rule(mask, shape) -> str | None:
    """The rule that a mask of torch.nn.attention.bias stands for."""
    module = sys.modules.get("torch.nn.attention.bias")
    if module is None or not isinstance(mask, module.CausalBias):
        return None
    if (mask.seq_len_q, mask.seq_len_kv) != tuple(shape[-2:]):
        return None
    is_upper = mask.variant == module.CausalVariant.UPPER_LEFT
    return _CAUSAL if is_upper else _CAUSAL_END


def _attend_by(rule: str, q, k, v, scale):
    """masked_attention with a rule as text, which traces of torch take into their
    graphs."""
    from .torch import is_tracing

    if is_tracing():
        import torch

        return torch.ops.mfa.masked_attention(q, k, v, scale=scale, rules=rule)
    return _attend(
        *(q, k, v, None, scale, False, None, None),
        rules=rules_of_text(rule),
        captures=(),
    )


def _autocast(*tensors):
    """The tensors in the element type of torch.autocast, where that is enabled."""
    import torch

    query = tensors[0]
    if not isinstance(query, torch.Tensor):
        return tensors
    device = query.device.type
    if not torch.is_autocast_enabled(device):
        return tensors
    dtype = torch.get_autocast_dtype(device)

    def convert(x):
        from .torch import materialize

        x = materialize(x, query.device)
        is_number = isinstance(x, torch.Tensor) and x.is_floating_point()
        return x.to(dtype) if is_number and x.dtype != torch.float64 else x

    return tuple(convert(x) for x in tensors)


def _check(query, key, value) -> None:
    import torch

    types = torch.float16, torch.bfloat16, torch.float32
    for name, x in (("query", query), ("key", key), ("value", value)):
        if not isinstance(x, torch.Tensor):
            raise TypeError(
                f"{name}: expected a torch.Tensor but got {type(x).__name__}"
            )
        if x.is_nested:
            raise TypeError(
                f"{name}: expected a dense tensor but got a nested one; pass dense "
                "tensors, with a mask for what is padding"
            )
        if x.dim() < 2:
            raise ValueError(f"{name}: expected rank 2 or more but got {x.dim()}")
        if x.dtype not in types:
            raise TypeError(
                f"{name}: expected torch.float16, torch.bfloat16 or torch.float32 but "
                f"got {x.dtype}"
            )
        if x.dtype != query.dtype:
            raise TypeError(
                f"{name}: expected {query.dtype}, as query has, but got {x.dtype}"
            )
        if x.device != query.device:
            raise ValueError(
                f"{name}: expected a tensor on {query.device}, where query is, but got "
                f"one on {x.device}"
            )
    _check_size("key", "head size", "query", key.shape[-1], query.shape[-1])
    _check_size("value", "length", "key", value.shape[-2], key.shape[-2])


def _check_size(name: str, what: str, of: str, actual, expected) -> None:
    if actual != expected:
        raise ValueError(
            f"{name}: expected {what} {expected}, as of {of}, but got {actual}"
        )


def _with_rank(tensor, rank: int):
    return tensor[(None,) * (rank - tensor.dim())] if tensor.dim() < rank else tensor


def _broadcast_size(sizes, name: str):
    """The size to which a dimension of all tensors broadcasts."""
    result = 1
    for size in sizes:
        if size != 1 and result != 1 and size != result:
            raise ValueError(
                f"expected {name} of query, key and value that are equal, or 1 to "
                f"broadcast, but got {', '.join(map(str, sizes))}"
            )
        if size != 1:
            result = size
    return result


def _match_heads(query, key, value, enable_gqa: bool):
    """The number of heads of the output, and key and value with one number of heads,
    which divides it."""
    counts = [x.shape[-3] for x in (query, key, value)]
    if not enable_gqa:
        heads = _broadcast_size(counts, "heads (without enable_gqa)")
        if counts[1] != counts[2]:
            key, value = (
                x.expand(*x.shape[:-3], heads, *x.shape[-2:]) for x in (key, value)
            )
        return heads, key, value
    heads = counts[0]
    for name, count in (("key", counts[1]), ("value", counts[2])):
        if count == 0 or heads % count != 0:
            raise ValueError(
                f"{name}: expected a number of heads that divides the {heads} of query "
                f"but got {count}"
            )
    if counts[1] != counts[2]:
        common = math.lcm(counts[1], counts[2])
        key, value = (_repeat_heads(x, common) for x in (key, value))
    return heads, key, value


def _repeat_heads(tensor, heads: int):
    count = tensor.shape[-3]
    if count == 1:
        return tensor.expand(*tensor.shape[:-3], heads, *tensor.shape[-2:])
    if count == heads:
        return tensor
    return tensor.repeat_interleave(heads // count, dim=-3)


def _broadcast_batch(query, key, value):
    """The shape of all dimensions before the last three."""
    shapes = zip(*(x.shape[:-3] for x in (query, key, value)))
    return tuple(_broadcast_size(sizes, "leading dimensions") for sizes in shapes)


def _fold_batch(tensor, batch):
    """[B, S, H, D] of a tensor [..., H, S, D], a view where its strides allow it."""
    tensor = tensor.expand(*batch, *tensor.shape[-3:])
    if len(batch) != 1:
        tensor = tensor.reshape(math.prod(batch), *tensor.shape[-3:])
    tensor = tensor.transpose(1, 2)
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def _make_mask(mask, shape, device):
    """The mask as [B|1, H|1, Sq|1, Sk|1], for scores of a shape [..., H, Sq, Sk]."""
    import torch

    from .torch import materialize

    if mask is None:
        return None
    if not isinstance(mask, torch.Tensor):
        raise TypeError(
            f"attn_mask: expected a torch.Tensor but got {type(mask).__name__}"
        )
    mask = materialize(mask, device)
    types = torch.bool, torch.float16, torch.bfloat16, torch.float32
    if mask.dtype not in types:
        raise TypeError(
            "attn_mask: expected torch.bool, torch.float16, torch.bfloat16 or "
            f"torch.float32 but got {mask.dtype}"
        )
    sizes = (1,) * (len(shape) - mask.dim()) + tuple(mask.shape)
    if len(sizes) != len(shape) or any(
        size != 1 and size != full for size, full in zip(sizes, shape)
    ):
        raise ValueError(
            f"attn_mask: expected a shape that broadcasts to {tuple(shape)} but got "
            f"{tuple(mask.shape)}"
        )
    mask = _with_rank(mask, max(len(shape), 4))
    batch = tuple(shape[:-3])
    if len(batch) < 2:
        return mask
    if any(size != 1 for size in mask.shape[:-3]):
        mask = mask.expand(*batch, *mask.shape[-3:])
    return mask.reshape(math.prod(mask.shape[:-3]), *mask.shape[-3:])
