"""The attention implementation "mfa" of Hugging Face's transformers.

    import mfa.transformers

    model = AutoModelForCausalLM.from_pretrained(name, attn_implementation="mfa")

Importing the module registers it: a function for attention, and one for masks, which
makes rules of the library's mask functions. No array of queries and keys is made. It
is for inference: there are no gradients, and there is no dropout.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch

from . import scores
from ._attention import masked_attention
from ._rule_mask import RuleMask
from ._rules import SettledScore
from ._sdpa import _autocast

try:
    from transformers import AttentionInterface, AttentionMaskInterface, masking_utils
    from transformers.masking_utils import is_tracing, prepare_padding_mask

    _parameters = inspect.signature(masking_utils.sdpa_mask).parameters
    if not {"q_length", "q_offset"} <= set(_parameters):
        raise ImportError("its masks have no q_length and q_offset")
except ImportError as error:
    raise ImportError(
        "mfa.transformers: expected transformers 5.4 or later, with interfaces for "
        f"attention and its masks, but: {error}"
    ) from error

__all__ = ["RuleMask", "attention", "attention_mask"]

NAME = "mfa"


# Masks.


def attention_mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    q_offset: int | torch.Tensor = 0,
    kv_offset: int = 0,
    mask_function: Callable = masking_utils.causal_mask_function,
    attention_mask: torch.Tensor | None = None,
    device: torch.device | str = "cpu",
    **options: Any,
) -> RuleMask:
    """The rule of one of the library's masks, as its interface for masks asks for it.

    Args:
      batch_size, q_length, kv_length: sizes of the mask.
      q_offset, kv_offset: positions of the first query and of the first key; other
        values compile nothing. A static cache counts queries in a tensor.
      mask_function: of (batch, head, query, key), of these positions. It is traced
        as functions for `keep=` are.
      attention_mask: [B, length], true where a key is no padding. Keys behind its end
        are padding.
      device: where attention will be.
    """
    if isinstance(attention_mask, RuleMask):  # Prepared for generation.
        return attention_mask
    if isinstance(q_offset, torch.Tensor):
        # The cache counts on before attention reads it.
        q_offset = q_offset.clone().reshape(())
    padding = prepare_padding_mask(attention_mask, kv_length, kv_offset)
    if padding is not None and _is_all_true(padding):
        padding = None
    keep = _make_keep(mask_function, padding, q_offset, kv_offset)
    shape = batch_size, 1, q_length, kv_length
    return RuleMask(keep, shape, torch.device(device))


def _is_all_true(padding: torch.Tensor) -> bool:
    """Asks the device once for all layers, so that their rules read no array."""
    return not is_tracing(padding) and bool(padding.all())


def _make_keep(mask_function, padding, q_offset, kv_offset) -> Callable | None:
    if mask_function is masking_utils.bidirectional_mask_function:
        if padding is None:
            return None
        return lambda b, h, q, k: padding[b, k + kv_offset]
    if padding is None:
        return lambda b, h, q, k: mask_function(b, h, q + q_offset, k + kv_offset)

    def keep(b, h, q, k):
        kept = mask_function(b, h, q + q_offset, k + kv_offset)
        return kept & padding[b, k + kv_offset]

    return keep


# Attention.


def attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: RuleMask | torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    position_bias: torch.Tensor | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as the library's models call it.

    Args:
      module: the layer. Without a mask, its `is_causal` says whether queries, if there
        are several, attend to later keys.
      query: [B, H, Sq, D]; key and value: [B, h, Sk, D], not repeated for groups of
        heads. They are read as they are, whatever their strides but for the last.
      attention_mask: of this module's function; or a tensor of the user's, booleans or
        numbers, [B|1, H|1, Sq|1, Sk|1].
      dropout: 0.
      scaling: factor of the scores; 1/sqrt(D) by default.
      is_causal: in place of the layer's.
      softcap: scores become softcap * tanh(score / softcap), before the mask.
      s_aux: [H], a sink for each head.
      position_bias: [B|1, H|1, Sq|1, Sk|1], added to the scores after the soft-cap.

    Returns:
      [B, Sq, H, Dv], contiguous, and None for the weights, which are not kept.

    Raises:
      TypeError, ValueError, RuntimeError: as masked_attention; ValueError also for what
      is not there: dropout, weights, and other kinds of attention.
    """
    _check_options(dropout, options)
    _check_gradients(query, key, value, position_bias)
    query, key, value, position_bias = _autocast(query, key, value, position_bias)
    query, key, value = _expand_batch(query, key, value)
    shape = (*query.shape[:3], key.shape[2])
    if attention_mask is None:
        if is_causal is None:
            is_causal = getattr(module, "is_causal", True)
        keep, dense = _causal if is_causal and shape[2] > 1 else None, None
    elif isinstance(attention_mask, RuleMask):
        keep, dense = _keep_of(attention_mask, shape), None
    else:
        keep, dense = None, _check_dense("attention_mask", attention_mask, shape)
    if position_bias is not None:
        position_bias = _check_dense("position_bias", position_bias, shape)
    keep, mask, score = _combine(keep, dense, position_bias, softcap)
    output = masked_attention(
        *(_rows(x).transpose(1, 2) for x in (query, key, value)),
        mask,
        keep=keep,
        score=score,
        sinks=None if s_aux is None else s_aux.detach().float(),
        scale=scaling,
    )
    return output, None


def _causal(b, h, q, k):
    return k <= q


# Options that change what attention is, and what each is.
_REFUSED = {
    "output_attentions": "the weights of attention, which kernels do not keep",
    "head_mask": "a mask of heads",
    "indices": "keys selected by an indexer",
    "block_indices": "blocks of keys selected by an indexer",
    "sinks": "sinks that each query has its own of",
    "read_index": "paged keys of continuous batching",
}


def _check_options(dropout: float, options: dict[str, Any]) -> None:
    if dropout:
        raise ValueError(
            f"dropout: expected 0, as attn_implementation='mfa' is for inference, but "
            f"got {dropout}; call model.eval(), or train with 'sdpa'"
        )
    for name, what in _REFUSED.items():
        given = options.get(name)
        if given is not None and given is not False:
            raise ValueError(
                f"{name}: expected none, as attn_implementation='mfa' does not have "
                f"{what}; use 'eager' or another implementation for it"
            )


def _check_gradients(*tensors: torch.Tensor | None) -> None:
    if not torch.is_grad_enabled():
        return
    if any(x is not None and x.requires_grad for x in tensors):
        raise RuntimeError(
            "query, key, value: expected a call without gradients, as "
            "attn_implementation='mfa' is for inference, but got tensors with "
            "requires_grad; call the model under torch.no_grad(), or train with 'sdpa'"
        )


def _rows(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def _expand_batch(*tensors: torch.Tensor) -> list[torch.Tensor]:
    """A batch of 1, as of learned queries, is for all of the others'."""
    sizes = [x.shape[0] for x in tensors]
    if sizes[0] == sizes[1] == sizes[2]:
        return list(tensors)
    batch = max(sizes)
    return [x.expand(batch, -1, -1, -1) if x.shape[0] == 1 else x for x in tensors]


def _keep_of(mask: RuleMask, shape: tuple) -> Callable | None:
    batch, _, q_length, kv_length = mask.shape
    if (q_length, kv_length) != shape[2:] or batch not in (1, shape[0]):
        raise ValueError(
            f"attention_mask: expected one for batch {shape[0]}, {shape[2]} queries "
            f"and {shape[3]} keys but got one for batch {batch}, {q_length} and "
            f"{kv_length}"
        )
    keep = mask.keep
    if keep is None or batch == shape[0]:
        return keep
    function = keep.function
    return lambda b, h, q, k: function(0, h, q, k)


def _check_dense(name: str, tensor: Any, shape: tuple) -> torch.Tensor:
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(
            f"{name}: expected a tensor, or a mask of attn_implementation='mfa', but "
            f"got {type(tensor).__name__}"
        )
    if tensor.dim() != 4 or any(
        size not in (1, whole) for size, whole in zip(tensor.shape, shape)
    ):
        raise ValueError(
            f"{name}: expected a shape that broadcasts to {tuple(shape)} but got "
            f"{tuple(tensor.shape)}"
        )
    return tensor


def _combine(keep, dense, bias, softcap):
    """keep=, mask= and score= of what a layer has: a rule, a tensor of the user's, a
    bias, a soft-cap.

    One of the tensors is the mask, which kernels read best; it comes before `score`, so
    that with a soft-cap none is."""
    is_rule = dense is not None and dense.dtype == torch.bool
    if is_rule and (bias is not None or softcap is not None):
        keep, dense = _element_of(dense), None
    tensors = [x for x in (dense, bias) if x is not None]
    mask = tensors.pop() if tensors and softcap is None else None
    return keep, mask, _make_score(softcap, [_element_of(x) for x in tensors])


def _element_of(tensor: torch.Tensor) -> Callable:
    """The element for a pair, of a tensor that is broadcast where its size is 1."""
    varies = tuple(size != 1 for size in tensor.shape)

    def element(*position):
        index = (i if varying else 0 for i, varying in zip(position, varies))
        return tensor[tuple(index)]

    return element


def _make_score(softcap: float | None, terms: list[Callable]) -> Callable | None:
    capped = None if softcap is None else _softcap(softcap)
    if not terms:
        return capped

    def score(s, b, h, q, k):
        if capped is not None:
            s = capped.function(s, b, h, q, k)
        for term in terms:
            s = s + term(b, h, q, k)
        return s

    return score


@functools.lru_cache
def _softcap(softcap: float) -> SettledScore:
    return SettledScore(scores.softcap(softcap))


AttentionInterface.register(NAME, attention)
AttentionMaskInterface.register(NAME, attention_mask)
