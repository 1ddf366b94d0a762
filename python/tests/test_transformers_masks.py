"""The functions for attention and masks that attn_implementation="mfa" is, alone."""

from __future__ import annotations

import importlib

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers", minversion="5.4")

from conftest import refused  # noqa: E402
from transformers import masking_utils  # noqa: E402

import mfa  # noqa: E402
import mfa.transformers  # noqa: E402


def test_arrays_are_views(monkeypatch):
    seen = []

    def attend(*arrays, **options):
        seen.append(arrays)
        return mfa.masked_attention(*arrays, **options)

    monkeypatch.setattr(mfa.transformers, "masked_attention", attend)
    query, key, value = make_heads()
    output, weights = mfa.transformers.attention(
        torch.nn.Module(), query, key, value, None, is_causal=False
    )
    for x, y in zip((query, key, value), seen[0]):
        assert x.data_ptr() == y.data_ptr() and x.transpose(1, 2).shape == y.shape
    assert output.is_contiguous() and output.shape == (2, 6, 4, 16) and weights is None


# Masks.


def make_heads(heads=4, kv_heads=2, queries=6, keys=6):
    generator = torch.Generator().manual_seed(3)
    return (
        torch.randn(2, length, count, 16, generator=generator).transpose(1, 2)
        for count, length in ((heads, queries), (kv_heads, keys), (kv_heads, keys))
    )


_PADDING = torch.tensor([[0, 0, 1, 1, 1, 1, 1, 1, 1], [1] * 6 + [0] * 3]).bool()
_IDS = torch.tensor([[0, 0, 0, 1, 1, 1, 1, 2, 2], [0, 0, 1, 1, 1, 2, 2, 2, 2]])
_POSITIONS = torch.tensor([[0, 1, 2, 0, 1, 2, 3, 0, 1], [0, 1, 0, 1, 2, 0, 1, 2, 3]])
_GROUPS = torch.tensor([[-1, 0, 0, 0, -1, -1, 1, 1, -1], [-1] * 4 + [0] * 5])
_causal = masking_utils.causal_mask_function


def _prefix(batch_idx, head_idx, q_idx, kv_idx):
    return kv_idx < 3


FUNCTIONS = {
    "causal": _causal,
    "bidirectional": masking_utils.bidirectional_mask_function,
    "window": masking_utils.sliding_window_causal_mask_function(3),
    "window of both sides": masking_utils.sliding_window_bidirectional_mask_function(2),
    "chunks": masking_utils.chunked_causal_mask_function(3, torch.tensor([2, 0])),
    "packed": masking_utils.and_masks(
        _causal, masking_utils.packed_sequence_mask_function(_IDS)
    ),
    "prefix": masking_utils.or_masks(_causal, _prefix),
}
# Not of the first versions.
if hasattr(masking_utils, "remap_positions_for_packed_sequence"):
    FUNCTIONS["packed"] = masking_utils.and_masks(
        masking_utils.remap_positions_for_packed_sequence(_causal, _POSITIONS),
        masking_utils.packed_sequence_mask_function(_IDS),
    )
if hasattr(masking_utils, "blockwise_overlay"):
    _blocks = masking_utils.blockwise_overlay(_GROUPS)
    FUNCTIONS["blocks"] = masking_utils.or_masks(_causal, _blocks)


@pytest.mark.parametrize("offsets", [(0, 0, 9, 9), (5, 0, 4, 9), (5, 3, 4, 6)])
@pytest.mark.parametrize("padding", [None, _PADDING], ids=["all", "padded"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_mask_functions(name, padding, offsets):
    """Beside the library's own masks: as arrays, and what attention makes of them."""
    q_offset, kv_offset, q_length, kv_length = offsets
    options = {
        "batch_size": 2,
        "q_length": q_length,
        "kv_length": kv_length,
        "q_offset": q_offset,
        "kv_offset": kv_offset,
        "mask_function": FUNCTIONS[name],
        "attention_mask": padding,
    }
    mask = mfa.transformers.attention_mask(**options)
    expected = masking_utils.sdpa_mask(**options, allow_is_causal_skip=False)
    assert mask.shape == expected.shape
    assert torch.equal(mask.to_tensor(), expected)
    heads = list(make_heads(queries=q_length, keys=kv_length))
    layer = torch.nn.Module()
    output, _ = mfa.transformers.attention(layer, *heads, mask)
    dense, _ = mfa.transformers.attention(layer, *heads, expected)
    torch.testing.assert_close(output, dense)


@pytest.mark.parametrize("name", ["window", "packed"])
def test_kernels_of_a_gpu(name):
    """In simulation."""
    mask = mfa.transformers.attention_mask(
        2, 9, 9, mask_function=FUNCTIONS[name], attention_mask=_PADDING
    )
    heads = [x.transpose(1, 2) for x in make_heads(queries=9, keys=9)]
    actual = mfa.masked_attention(*heads, keep=mask.keep, target="sim")
    expected = mfa.masked_attention(*heads, keep=mask.keep)
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)


def test_kernels_skip_keys():
    """What is outside of a window is not visited."""
    function = masking_utils.sliding_window_causal_mask_function(1024)
    mask = mfa.transformers.attention_mask(1, 8192, 8192, mask_function=function)
    spec = mfa.Spec((1, 8192, 4, 64), "bf16")
    kernel = mfa.compile(spec, spec, spec, keep=mask.keep, target="cuda", chip="sm_90a")
    counts = kernel.tiles(spec, spec, spec)
    assert counts.skipped > 5 * (counts.tested + counts.free)


def test_padding_shorter_than_keys():
    mask = mfa.transformers.attention_mask(
        2, 4, 12, q_offset=5, attention_mask=_PADDING
    )
    assert not mask.to_tensor()[..., 9:].any()
    assert mask.to_tensor()[1, 0, 3, :6].all()


def test_offset_in_a_tensor():
    """A static cache counts on before attention reads its count."""
    count = torch.tensor(5)
    mask = mfa.transformers.attention_mask(2, 4, 12, q_offset=count)
    count += 4
    expected = masking_utils.sdpa_mask(2, 4, 12, 5, allow_is_causal_skip=False)
    assert torch.equal(mask.to_tensor(), expected)
    heads = list(make_heads(queries=4, keys=12))
    layer = torch.nn.Module()
    output, _ = mfa.transformers.attention(layer, *heads, mask)
    dense, _ = mfa.transformers.attention(layer, *heads, expected)
    torch.testing.assert_close(output, dense)


# The attention function alone.


def eager(query, key, value, mask=None, softcap=None, bias=None, sinks=None):
    key, value = (x.repeat_interleave(2, 1) for x in (key, value))
    scores = query @ key.mT / 4
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        if mask.dtype == torch.bool:
            mask = torch.where(mask, 0.0, -torch.inf)
        scores = scores + mask
    if sinks is not None:
        sinks = sinks.view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
        scores = torch.cat([scores, sinks], dim=-1)
    weights = scores.softmax(-1)[..., : key.shape[2]]
    return (weights @ value).transpose(1, 2)


_BIAS = torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(4))
_KEPT = torch.ones(2, 1, 6, 6).tril().bool()
_ADDED = torch.where(_KEPT, torch.linspace(0, 1, 6), -torch.inf)


@pytest.mark.parametrize("sinks", [None, torch.tensor([0.5, -1.0, 2.0, 0.0])])
@pytest.mark.parametrize("bias", [None, _BIAS], ids=["plain", "bias"])
@pytest.mark.parametrize("softcap", [None, 0.7])
@pytest.mark.parametrize("mask", ["none", "rule", "booleans", "numbers"])
def test_attention(mask, softcap, bias, sinks):
    dense = {"none": None, "numbers": _ADDED}.get(mask, _KEPT)
    given = mfa.transformers.attention_mask(2, 6, 6) if mask == "rule" else dense
    heads = list(make_heads())
    output, _ = mfa.transformers.attention(
        torch.nn.Module(),
        *heads,
        given,
        is_causal=False,
        softcap=softcap,
        position_bias=bias,
        s_aux=sinks,
    )
    expected = eager(*heads, dense, softcap, bias, sinks)
    torch.testing.assert_close(output, expected, rtol=2e-5, atol=2e-5)


def test_causal_layers():
    """Without a mask the layer says it, but for a single query."""
    layer = torch.nn.Module()
    heads = list(make_heads())
    for is_causal in (True, False):
        layer.is_causal = is_causal
        output, _ = mfa.transformers.attention(layer, *heads, None)
        expected = eager(*heads, _KEPT if is_causal else None)
        torch.testing.assert_close(output, expected)
    layer.is_causal = True
    heads[0] = heads[0][:, :, :1]
    output, _ = mfa.transformers.attention(layer, *heads, None)
    torch.testing.assert_close(output, eager(*heads))


def test_batch_of_one():
    """Learned queries are the same for all, and so may masks be."""
    query, key, value = make_heads()
    mask = mfa.transformers.attention_mask(1, 6, 6, attention_mask=_PADDING[:1, :6])
    layer = torch.nn.Module()
    output, _ = mfa.transformers.attention(layer, query[:1], key, value, mask)
    kept = _KEPT & _PADDING[:1, None, None, :6]
    rows = kept.any(-1)[:, 0]
    expected = eager(query[:1].expand(2, -1, -1, -1), key, value, kept)
    torch.testing.assert_close(output[rows], expected[rows])


def test_shorter_keys():
    mask = mfa.transformers.attention_mask(2, 6, 9, attention_mask=_PADDING)
    short = mask[:, :, :, :6]
    assert short.shape == (2, 1, 6, 6) and short.dim() == short.ndim == 4
    assert short.size() == short.shape and short.size(3) == 6
    assert torch.equal(short.to_tensor(), mask.to_tensor()[:, :, :, :6])


# What is refused.


def attend(*others, **options):
    return mfa.transformers.attention(
        torch.nn.Module(), *make_heads(), *(others or (None,)), **options
    )


def test_dropout_is_refused():
    with refused(
        ValueError,
        "dropout: expected 0, as attn_implementation='mfa' is for inference, but got "
        "0.1; call model.eval(), or train with 'sdpa'",
    ):
        attend(dropout=0.1)


@pytest.mark.parametrize(
    "name, what",
    [
        ("output_attentions", "the weights of attention, which kernels do not keep"),
        ("head_mask", "a mask of heads"),
        ("indices", "keys selected by an indexer"),
        ("block_indices", "blocks of keys selected by an indexer"),
        ("read_index", "paged keys of continuous batching"),
        ("sinks", "sinks that each query has its own of"),
    ],
)
def test_other_attention_is_refused(name, what):
    with refused(
        ValueError,
        f"{name}: expected none, as attn_implementation='mfa' does not have {what}; "
        "use 'eager' or another implementation for it",
    ):
        attend(**{name: torch.ones(1) if name != "output_attentions" else True})
    attend(**{name: None if name != "output_attentions" else False})


def test_masks_of_other_sizes_are_refused():
    mask = mfa.transformers.attention_mask(2, 6, 9)
    with refused(
        ValueError,
        "attention_mask: expected one for batch 2, 6 queries and 6 keys but got one "
        "for batch 2, 6 and 9",
    ):
        attend(mask)
    with refused(
        ValueError,
        "attention_mask: expected a shape that broadcasts to (2, 4, 6, 6) but got "
        "(2, 1, 6, 9)",
    ):
        attend(mask.to_tensor())
    with refused(
        ValueError,
        "position_bias: expected a shape that broadcasts to (2, 4, 6, 6) but got "
        "(6, 6)",
    ):
        attend(position_bias=torch.ones(6, 6))
    with refused(
        TypeError,
        "attention_mask: expected a tensor, or a mask of attn_implementation='mfa', "
        "but got list",
    ):
        attend([1])


COMPUTES = {
    "__rsub__": (TypeError, lambda mask: 1.0 - mask),
    "__and__": (TypeError, lambda mask: mask & mask),
    "__invert__": (TypeError, lambda mask: ~mask),
    "masked_fill": (AttributeError, lambda mask: mask.masked_fill(mask, 0)),
    "to": (TypeError, lambda mask: mask.to(torch.float32)),
    "where": (TypeError, lambda mask: torch.where(mask, 0.0, 1.0)),
}


@pytest.mark.parametrize("name", COMPUTES)
def test_computing_with_masks_is_refused(name):
    mask = mfa.transformers.attention_mask(2, 6, 6)
    kind, compute = COMPUTES[name]
    with refused(
        kind,
        "attention_mask: expected a model that passes its mask on to attention but got "
        f"one that computes with it ('{name}'); a mask of attn_implementation='mfa' is "
        "a rule, not a tensor, so use another implementation for this model",
    ):
        compute(mask)


def test_other_devices():
    """What a rule reads is copied to where its mask is moved."""
    mask = mfa.transformers.attention_mask(
        2, 9, 9, mask_function=FUNCTIONS["packed"], attention_mask=_PADDING
    )
    assert mask.to("cpu") is mask.to(device="cpu") is mask.to(torch.bool) is mask
    moved = mask.to("meta", non_blocking=True)
    assert moved.device.type == "meta" and moved.shape == mask.shape
    assert moved.to_tensor().device.type == "meta"
    assert mask.to_tensor().any()


@pytest.mark.parametrize(
    "index", [0, (0, 0), (slice(1),) * 4, (slice(None),) * 3 + (2,)]
)
def test_other_indices_are_refused(index):
    with refused(
        TypeError,
        "attention_mask: expected mask[:, :, :, :length] but got another index; a mask "
        "of attn_implementation='mfa' is a rule, not a tensor",
    ):
        mfa.transformers.attention_mask(2, 6, 6)[index]


def test_functions_that_cannot_be_traced_are_refused():
    def by_decision(batch_idx, head_idx, q_idx, kv_idx):
        return q_idx >= kv_idx if q_idx > 3 else kv_idx > 3

    mask = mfa.transformers.attention_mask(2, 6, 6, mask_function=by_decision)
    with pytest.raises(TypeError, match="^keep: expected a decision .*mfa.where"):
        attend(mask)


def test_continuous_batching_is_refused():
    """Its masks are not asked of the implementation."""
    with refused(
        ValueError,
        "read_index: expected none, as attn_implementation='mfa' does not have paged "
        "keys of continuous batching; use 'eager' or another implementation for it",
    ):
        attend(read_index=[torch.arange(3)], cache=object())


def test_representation():
    mask = mfa.transformers.attention_mask(2, 6, 9)
    assert repr(mask) == "<mfa.transformers mask (2, 1, 6, 9)>"
    assert mask.dtype == torch.bool and mask.device.type == "cpu"
    assert not hasattr(mask, "is_anything")


def test_older_versions_are_refused(monkeypatch):
    def older(batch_size, cache_position, kv_length):
        raise NotImplementedError

    monkeypatch.setattr(masking_utils, "sdpa_mask", older)
    with refused(
        ImportError,
        "mfa.transformers: expected transformers 5.4 or later, with interfaces for "
        "attention and its masks, but: its masks have no q_length and q_offset",
    ):
        importlib.reload(mfa.transformers)
