"""mfa.diffusers.AttentionProcessor: models of diffusers, made from configurations with
random weights, beside the library's own processor."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
library = pytest.importorskip("diffusers")

from conftest import refused  # noqa: E402
from diffusers.models.attention_processor import (  # noqa: E402
    Attention,
    AttnProcessor,
    AttnProcessor2_0,
)

import mfa.diffusers  # noqa: E402

library.utils.logging.set_verbosity_error()

_generator = torch.Generator().manual_seed(1)
LATENTS = torch.randn(2, 4, 8, 8, generator=_generator)
IMAGE = torch.randn(2, 3, 16, 16, generator=_generator)
TEXT = torch.randn(2, 7, 24, generator=_generator)
KEPT = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
TIME = torch.tensor([3, 5])

BLOCKS = {
    "block_out_channels": (16, 32),
    "layers_per_block": 1,
    "norm_num_groups": 8,
}
MODELS = {
    "UNet2DConditionModel": (
        {
            **BLOCKS,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
            "attention_head_dim": 4,
            "cross_attention_dim": 24,
        },
        lambda model: model(LATENTS, TIME, TEXT, encoder_attention_mask=KEPT).sample,
    ),
    "UNet2DModel": (
        {
            **BLOCKS,
            "in_channels": 3,
            "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
            "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
            "attention_head_dim": 8,
        },
        lambda model: model(IMAGE, TIME).sample,
    ),
    "AutoencoderKL": (
        {
            **BLOCKS,
            "down_block_types": ("DownEncoderBlock2D",) * 2,
            "up_block_types": ("UpDecoderBlock2D",) * 2,
        },
        lambda model: model(IMAGE).sample,
    ),
    "DiTTransformer2DModel": (
        {
            "num_attention_heads": 2,
            "attention_head_dim": 12,
            "num_layers": 2,
            "sample_size": 8,
            "num_embeds_ada_norm": 10,
        },
        lambda model: model(LATENTS, TIME, torch.tensor([1, 2])).sample,
    ),
    "PixArtTransformer2DModel": (
        {
            "num_attention_heads": 2,
            "attention_head_dim": 12,
            "num_layers": 2,
            "sample_size": 8,
            "cross_attention_dim": 24,
            "caption_channels": 24,
        },
        lambda model: (
            model(
                LATENTS,
                TEXT,
                TIME,
                added_cond_kwargs={"resolution": None, "aspect_ratio": None},
                encoder_attention_mask=KEPT,
            ).sample
        ),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_models(name, monkeypatch):
    arguments, run = MODELS[name]
    torch.manual_seed(0)
    model = getattr(library, name)(**arguments).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    calls = []

    def attend(*arrays, **options):
        calls.append(arrays)
        return mfa.masked_attention(*arrays, **options)

    monkeypatch.setattr(mfa.diffusers, "masked_attention", attend)
    with torch.no_grad():
        expected = run(model)
        layers = [part for part in model.modules() if isinstance(part, Attention)]
        for layer in layers:
            layer.set_processor(mfa.diffusers.AttentionProcessor())
        actual = run(model)
    assert len(calls) == len(layers) > 1
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


def test_the_function_of_torch(monkeypatch):
    """Models whose processors call torch's own function."""
    torch.manual_seed(0)
    model = library.FluxTransformer2DModel(
        in_channels=4,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=24,
        pooled_projection_dim=24,
        axes_dims_rope=(4, 4, 8),
    ).eval()
    inputs = {
        "hidden_states": torch.randn(2, 16, 4),
        "encoder_hidden_states": TEXT,
        "pooled_projections": torch.randn(2, 24),
        "timestep": torch.tensor([0.3, 0.5]),
        "img_ids": torch.zeros(16, 3),
        "txt_ids": torch.zeros(7, 3),
    }
    calls = []

    def attend(*arrays, **options):
        calls.append(arrays)
        return mfa.scaled_dot_product_attention(*arrays, **options)

    with torch.no_grad():
        expected = model(**inputs).sample
        name = "scaled_dot_product_attention"
        monkeypatch.setattr(torch.nn.functional, name, attend)
        actual = model(**inputs).sample
    assert len(calls) == 2
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


LAYERS = {
    "plain": {},
    "cross": {"cross_attention_dim": 24, "cross_attention_norm": "layer_norm"},
    "norms": {"qk_norm": "layer_norm"},
    "unscaled": {"scale_qk": False},
    "groups": {"norm_num_groups": 4, "residual_connection": True},
    "rescaled": {"rescale_output_factor": 2.0, "residual_connection": True},
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    """Beside the library's processor that computes the weights, which normalises
    nothing, or the one that scales all layers."""
    torch.manual_seed(0)
    layer = Attention(16, heads=2, dim_head=8, **LAYERS[name]).eval()
    states = torch.randn(2, 5, 16)
    others = TEXT if name == "cross" else None
    results = []
    other = AttnProcessor2_0 if name == "norms" else AttnProcessor
    for processor in (mfa.diffusers.AttentionProcessor(), other()):
        layer.set_processor(processor)
        with torch.no_grad():
            results.append(layer(states, encoder_hidden_states=others))
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-5)


def test_layers_of_other_processors_are_refused():
    layer = Attention(16, heads=2, dim_head=8, added_kv_proj_dim=16)
    layer.set_processor(mfa.diffusers.AttentionProcessor())
    with refused(
        ValueError,
        "attn: expected a layer without added_kv_proj_dim but got one with 16; leave "
        "it the processor that it has",
    ):
        layer(torch.randn(2, 5, 16))


def test_gradients_are_refused():
    layer = Attention(16, heads=2, dim_head=8)
    layer.set_processor(mfa.diffusers.AttentionProcessor())
    with pytest.raises(RuntimeError, match="^q: expected an array without gradients"):
        layer(torch.randn(2, 5, 16))
