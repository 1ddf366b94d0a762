"""Attention of Hugging Face's diffusers.

    import mfa.diffusers

    pipeline.unet.set_attn_processor(mfa.diffusers.AttentionProcessor())

It is for inference: there are no gradients.
"""

from __future__ import annotations

import torch

from ._attention import masked_attention

__all__ = ["AttentionProcessor"]


class AttentionProcessor:
    """A processor for diffusers' class Attention, in place of its AttnProcessor2_0:
    self and cross attention of UNets, autoencoders and transformers that have it.

    Heads are views of the projections, and the scale is the layer's own. A layer with
    projections for other inputs beside its own (added_kv_proj_dim), as those of SD3 and
    Flux, is refused with a ValueError: it has another processor.
    """

    def __call__(
        self,
        attn: torch.nn.Module,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The layer's output, of the shape of `hidden_states`.

        Args:
          attn: the layer.
          hidden_states: [B, S, C] or [B, C, height, width].
          encoder_hidden_states: [B, Sk, C'] to attend to; the states themselves by
            default.
          attention_mask: [B, 1, Sk] or [B, Sq, Sk], added to the scores.
          temb: an embedding for layers that normalise by it.
        """
        if attn.added_kv_proj_dim is not None:
            raise ValueError(
                "attn: expected a layer without added_kv_proj_dim but got one with "
                f"{attn.added_kv_proj_dim}; leave it the processor that it has"
            )
        residual = hidden_states
        if attn.spatial_norm is not None:
            hidden_states = attn.spatial_norm(hidden_states, temb)
        shape = hidden_states.shape
        if len(shape) == 4:
            hidden_states = hidden_states.flatten(2).transpose(1, 2)
        if attn.group_norm is not None:
            hidden_states = attn.group_norm(hidden_states.transpose(1, 2))
            hidden_states = hidden_states.transpose(1, 2)
        output = _attend(attn, hidden_states, encoder_hidden_states, attention_mask)
        for part in attn.to_out:  # A projection, and dropout.
            output = part(output)
        if len(shape) == 4:
            output = output.transpose(1, 2).reshape(shape)
        if attn.residual_connection:
            output = output + residual
        return output / attn.rescale_output_factor


def _attend(attn, states, others, mask) -> torch.Tensor:
    """[B, Sq, C] of the layer's projections."""
    query = attn.to_q(states)
    if others is None:
        others = states
    elif attn.norm_cross:
        others = attn.norm_encoder_hidden_states(others)
    key, value = attn.to_k(others), attn.to_v(others)
    size = query.shape[-1] // attn.heads
    query, key, value = (x.unflatten(-1, (-1, size)) for x in (query, key, value))
    # They are made for [B, H, S, D].
    if attn.norm_q is not None:
        query = attn.norm_q(query.transpose(1, 2)).transpose(1, 2)
    if attn.norm_k is not None:
        key = attn.norm_k(key.transpose(1, 2)).transpose(1, 2)
    if mask is not None:
        batch, length = key.shape[:2]
        mask = attn.prepare_attention_mask(mask, length, batch)
        mask = mask.view(batch, attn.heads, -1, mask.shape[-1])
    output = masked_attention(query, key, value, mask, scale=attn.scale)
    return output.flatten(2)
