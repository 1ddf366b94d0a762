"""attn_implementation="mfa": models of transformers, made from configurations with
random weights, beside the library's own implementations, and the pieces alone."""

from __future__ import annotations

import copy
import inspect
import types

import pytest

torch = pytest.importorskip("torch")
library = pytest.importorskip("transformers", minversion="5.4")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from transformers import masking_utils  # noqa: E402

from conftest import refused  # noqa: E402

import mfa  # noqa: E402
import mfa.transformers  # noqa: E402

library.logging.set_verbosity_error()


@pytest.fixture(autouse=True)
def one_thread():
    """Models so small lose by more, and wait for each other on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# Models.

VOCABULARY, WIDTH, LENGTH, NEW = 97, 64, 20, 32

SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
}
TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": None}
GROUPED = {**SIZES, **TOKENS, "num_key_value_heads": 2}
VISION = {**SIZES, "image_size": 32, "patch_size": 8}
WHISPER = {
    "vocab_size": VOCABULARY,
    "d_model": WIDTH,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 96,
    "decoder_ffn_dim": 96,
    "max_source_positions": 40,
    "max_target_positions": 64,
    "num_mel_bins": 8,
    "decoder_start_token_id": 1,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
    **TOKENS,
}
T5 = {
    "vocab_size": VOCABULARY,
    "d_model": WIDTH,
    "d_kv": 16,
    "d_ff": 96,
    "num_layers": 2,
    "num_heads": 4,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 12,
    "decoder_start_token_id": 0,
    "eos_token_id": None,
}

# Class, configuration and its arguments, and the implementation to compare with.
MODELS = {
    "bert": ("BertModel", "BertConfig", SIZES, "sdpa"),
    "vit": ("ViTModel", "ViTConfig", VISION, "sdpa"),
    "gpt2": (
        "GPT2LMHeadModel",
        "GPT2Config",
        {
            "vocab_size": VOCABULARY,
            "n_embd": WIDTH,
            "n_layer": 2,
            "n_head": 4,
            "n_positions": 128,
            **TOKENS,
        },
        "sdpa",
    ),
    "llama": ("LlamaForCausalLM", "LlamaConfig", GROUPED, "sdpa"),
    "mistral": (
        "MistralForCausalLM",
        "MistralConfig",
        {**GROUPED, "sliding_window": 8},
        "sdpa",
    ),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", {**GROUPED, "head_dim": 16}, "sdpa"),
    "gemma2": (
        "Gemma2ForCausalLM",
        "Gemma2Config",
        {
            **GROUPED,
            "head_dim": 16,
            "sliding_window": 8,
            "attn_logit_softcapping": 2.0,
            "query_pre_attn_scalar": 16,
            "tie_word_embeddings": False,
        },
        "eager",
    ),
    "gpt_oss": (
        "GptOssForCausalLM",
        "GptOssConfig",
        {
            **GROUPED,
            "head_dim": 16,
            "sliding_window": 8,
            "num_local_experts": 4,
            "num_experts_per_tok": 2,
        },
        "eager",
    ),
    "llama4": (
        "Llama4ForCausalLM",
        "Llama4TextConfig",
        {
            **GROUPED,
            "head_dim": 16,
            "attention_chunk_size": 6,
            "num_local_experts": 2,
            "intermediate_size_mlp": 96,
        },
        "eager",
    ),
    "t5": ("T5ForConditionalGeneration", "T5Config", T5, "eager"),
    "whisper": ("WhisperForConditionalGeneration", "WhisperConfig", WHISPER, "sdpa"),
}
DECODERS = ["gpt2", "llama", "mistral", "qwen3", "gemma2", "gpt_oss", "llama4"]

_generator = torch.Generator().manual_seed(1)
IDS = torch.randint(3, VOCABULARY, (2, LENGTH), generator=_generator)
SOUND = torch.randn(2, 8, 80, generator=_generator)
IMAGE = torch.randn(2, 3, 32, 32, generator=_generator)
ALL = torch.ones(2, LENGTH, dtype=torch.long)
RIGHT, LEFT = ALL.clone(), ALL.clone()
RIGHT[1, 13:] = 0
LEFT[1, :7] = 0


def make_config(name, **others):
    _, config, arguments, _ = MODELS[name]
    return getattr(library, config)(**{**arguments, **others})


def make(name, implementation, **others):
    torch.manual_seed(0)
    model = getattr(library, MODELS[name][0])._from_config(
        copy.deepcopy(make_config(name, **others)), attn_implementation=implementation
    )
    # Larger than an untrained model's, so that attention decides about outputs.
    for part, parameter in model.named_parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.15)
        elif part.endswith("sinks"):
            torch.nn.init.normal_(parameter)
    return model.eval()


def compare(name, function, **others):
    """Results of a function of models, by this package and by the library."""
    with torch.no_grad():
        actual = function(make(name, "mfa", **others))
        expected = function(make(name, MODELS[name][3], **others))
    return actual, expected


def check(name, function, tolerance=2e-5, **others):
    actual, expected = compare(name, function, **others)
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def check_tokens(name, function, **others):
    actual, expected = compare(name, function, **others)
    assert actual.shape[1] >= NEW
    assert torch.equal(actual, expected)
    assert len(set(actual[:, -NEW:].flatten().tolist())) > 4


@pytest.mark.parametrize("mask", [ALL, LEFT, RIGHT], ids=["all", "left", "right"])
@pytest.mark.parametrize("name", DECODERS)
def test_logits_of_decoders(name, mask):
    check(name, lambda model: model(IDS, attention_mask=mask).logits[mask.bool()])


@pytest.mark.parametrize("name", DECODERS)
def test_generation(name):
    check_tokens(name, lambda model: generate(model, IDS, attention_mask=LEFT))


@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_generation_with_a_static_cache(name):
    options = {"attention_mask": LEFT, "cache_implementation": "static"}
    check_tokens(name, lambda model: generate(model, IDS, **options))


def test_generation_by_beams():
    options = {"attention_mask": LEFT, "num_beams": 3}
    check_tokens("llama", lambda model: generate(model, IDS, **options))


def generate(model, inputs, **options):
    return model.generate(inputs, max_new_tokens=NEW, do_sample=False, **options)


@pytest.mark.parametrize("mask", [None, RIGHT], ids=["all", "right"])
def test_encoder(mask):
    rows = ALL.bool() if mask is None else mask.bool()
    check("bert", lambda model: model(IDS, attention_mask=mask).last_hidden_state[rows])


def test_decoder_of_bert():
    others = {"is_decoder": True}
    check("bert", lambda model: model(IDS).last_hidden_state, **others)


def test_vision():
    check("vit", lambda model: model(IMAGE).last_hidden_state)


def test_encoder_and_decoder():
    if not library.T5ForConditionalGeneration._can_set_attn_implementation():
        pytest.skip("T5 has attention of its own in this version")
    options = {"attention_mask": RIGHT, "decoder_input_ids": IDS[:, :9]}
    check("t5", lambda model: model(IDS, **options).logits, tolerance=1e-4)
    check_tokens("t5", lambda model: generate(model, IDS, attention_mask=RIGHT))


def test_speech():
    check("whisper", lambda model: model(SOUND, decoder_input_ids=IDS).logits)
    check_tokens("whisper", lambda model: generate(model, SOUND))


def test_packed_sequences():
    positions = torch.cat([torch.arange(6), torch.arange(LENGTH - 6)])[None]
    options = {"position_ids": positions, "use_cache": False}
    for name in ("llama", "mistral"):
        check(name, lambda model: model(IDS[:1], **options).logits)


def test_bidirectional_decoder():
    others = {"is_causal": False}
    check("llama", lambda model: model(IDS, attention_mask=RIGHT).logits, **others)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_low_precision(dtype):
    run = lambda model: model.to(dtype)(IDS, attention_mask=LEFT).logits  # noqa: E731
    actual, expected = compare("llama", run)
    assert actual.dtype == dtype
    error = (actual - expected)[LEFT.bool()].abs().max()
    assert error < (0.02 if dtype == torch.float16 else 0.15)


def test_autocast():
    def run(model):
        with torch.autocast("cpu", torch.bfloat16):
            return model(IDS).logits.float()

    actual, expected = compare("llama", run)
    assert (actual - expected).abs().max() < 0.15


def test_mask_of_the_user():
    """Four dimensions, of booleans or numbers: a tensor that is read as it is."""
    kept = torch.rand(2, 1, LENGTH, LENGTH, generator=_generator) < 0.7
    kept |= torch.eye(LENGTH, dtype=torch.bool)
    added = torch.where(kept, 0.0, -torch.inf)
    options = {"use_cache": False}
    check("llama", lambda model: model(IDS, attention_mask=kept, **options).logits)
    for name in ("llama", "gemma2"):
        check(name, lambda model: model(IDS, attention_mask=added, **options).logits)


def test_compiled_model():
    """torch.compile ends graphs in front of attention."""

    def run(model):
        forward = torch.compile(model, backend="eager")
        return forward(IDS, attention_mask=LEFT).logits[LEFT.bool()]

    with torch.no_grad():
        actual = run(make("llama", "mfa", num_hidden_layers=1))
        model = make("llama", "sdpa", num_hidden_layers=1)
        expected = model(IDS, attention_mask=LEFT).logits[LEFT.bool()]
    torch.testing.assert_close(actual, expected, rtol=2e-5, atol=2e-5)


def test_switching():
    """A model that is there changes to it and back."""
    model = make("llama", "sdpa")
    with torch.no_grad():
        expected = model(IDS).logits
        model.set_attn_implementation("mfa")
        torch.testing.assert_close(model(IDS).logits, expected, rtol=2e-5, atol=2e-5)


# What is made for a call.


@pytest.fixture
def compilations(monkeypatch, cache_dir):
    counts = types.SimpleNamespace(kernels=0, traces=0)
    compile_problem, trace = mfa._mfa.compile_problem, mfa._rules._trace

    def counting(*args, **kwargs):
        counts.kernels += 1
        return compile_problem(*args, **kwargs)

    def tracing(*args):
        counts.traces += 1
        return trace(*args)

    monkeypatch.setattr(mfa._mfa, "compile_problem", counting)
    monkeypatch.setattr(mfa._rules, "_trace", tracing)
    mfa._rules._traces.clear()
    return counts


# Its name in the first versions 5, and later.
CACHE = "past_key_values"
if "cache" in inspect.signature(masking_utils.create_causal_mask).parameters:
    CACHE = "cache"


def decode(model, steps, mask=None):
    """Logits of a model that reads its tokens in steps, with a cache."""
    cache, start, logits = None, 0, []
    for size in steps:
        end = start + size
        given = None if mask is None else mask[:, :end]
        output = model(IDS[:, start:end], attention_mask=given, **{CACHE: cache})
        cache, start = output[CACHE], end
        logits.append(output.logits)
    return torch.cat(logits, dim=1)


STEPS = [3, 1, 2, 5, 1, 8]  # All of LENGTH.


@pytest.mark.parametrize(
    "name, kernels", [("llama", 1), ("mistral", 1), ("gemma2", 2), ("gpt_oss", 2)]
)
def test_steps_compile_nothing(compilations, name, kernels):
    model = make(name, "mfa")
    with torch.no_grad():
        decode(model, STEPS[:1])
        assert (compilations.kernels, compilations.traces) == (kernels, kernels)
        actual = decode(model, STEPS)
        assert (compilations.kernels, compilations.traces) == (kernels, kernels)
        expected = make(name, MODELS[name][3])(IDS).logits
    torch.testing.assert_close(actual, expected, rtol=2e-5, atol=2e-5)


def test_steps_with_padding_compile_nothing(compilations):
    model = make("mistral", "mfa")
    with torch.no_grad():
        decode(model, STEPS[:1], LEFT)
        assert (compilations.kernels, compilations.traces) == (1, 1)
        actual = decode(model, STEPS, LEFT)
        assert (compilations.kernels, compilations.traces) == (1, 1)
        expected = make("mistral", "sdpa")(IDS, attention_mask=LEFT).logits
    rows = LEFT.bool()
    torch.testing.assert_close(actual[rows], expected[rows], rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name, masks", [("llama", 1), ("gemma2", 2)])
def test_masks_are_looked_at_once(name, masks, monkeypatch):
    """For all layers that have them, soft-caps included."""
    model = make(name, "mfa", num_hidden_layers=4)
    with torch.no_grad():
        model(IDS)
        count = 0
        holds = mfa._rules.holds

        def counting(*args):
            nonlocal count
            held = holds(*args)
            count += held
            return held

        monkeypatch.setattr(mfa._rules, "holds", counting)
        model(IDS)
    assert count == masks


class _Sizes(TorchDispatchMode):
    """The largest array that an operation of torch makes."""

    largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        parts = result if isinstance(result, (tuple, list)) else [result]
        for part in parts:
            if isinstance(part, torch.Tensor):
                elements = part.untyped_storage().nbytes() // part.element_size()
                self.largest = max(self.largest, elements)
        return result


def largest_array(model, length, **options):
    ids = torch.ones(1, length, dtype=torch.long)
    with torch.no_grad(), _Sizes() as sizes:
        model(ids, **options)
    return sizes.largest


LONG = 1024
PACKED = torch.arange(LONG)[None] % 100
PADDED = (torch.arange(LONG) >= 9)[None]


@pytest.mark.parametrize(
    "name, options",
    [
        ("llama", {}),
        ("llama", {"attention_mask": PADDED}),
        ("llama", {"position_ids": PACKED, "use_cache": False}),
        ("mistral", {"attention_mask": PADDED}),
        ("gemma2", {"attention_mask": PADDED}),
        ("gpt_oss", {"attention_mask": PADDED}),
        ("llama4", {"attention_mask": PADDED}),
        ("bert", {"attention_mask": PADDED}),
    ],
)
def test_nothing_of_all_pairs_is_made(name, options):
    sizes = {"num_hidden_layers": 1, "max_position_embeddings": LONG}
    model = make(name, "mfa", **sizes)
    if hasattr(model, "lm_head"):
        model.lm_head = torch.nn.Identity()
    largest = largest_array(model, LONG, **options)
    assert LONG * WIDTH <= largest < LONG * LONG
    # What is looked for is found.
    model.set_attn_implementation("eager")
    assert largest_array(model, LONG, **options) >= LONG * LONG


def test_function_of_the_user():
    """As models give one for images in a prompt."""
    kinds = (torch.arange(LENGTH) < 6)[None].expand(2, -1)

    def same_image(batch_idx, head_idx, q_idx, kv_idx):
        return kinds[batch_idx, q_idx] & kinds[batch_idx, kv_idx]

    results = []
    for implementation in ("mfa", "sdpa"):
        config = make_config("llama")
        config._attn_implementation = implementation
        mask = masking_utils.create_causal_mask(
            config,
            torch.zeros(2, LENGTH, WIDTH),
            LEFT,
            or_mask_function=same_image,
            **{CACHE: None},
        )
        heads = (
            torch.randn(
                2, count, LENGTH, 16, generator=torch.Generator().manual_seed(3)
            )
            for count in (4, 2, 2)
        )
        result, _ = mfa.transformers.attention(torch.nn.Module(), *heads, mask)
        results.append(result)
    assert isinstance(mask, torch.Tensor)
    torch.testing.assert_close(*results)


# Models that are refused.


def test_training_is_refused():
    model = make("gpt2", "mfa").train()
    with pytest.raises(ValueError, match="^dropout: expected 0, .* but got 0.1;"):
        model(IDS)


def test_gradients_are_refused():
    text = (
        "query, key, value: expected a call without gradients, as "
        "attn_implementation='mfa' is for inference, but got tensors with "
        "requires_grad; call the model under torch.no_grad(), or train with 'sdpa'"
    )
    with refused(RuntimeError, text):
        make("llama", "mfa")(IDS)


def test_models_with_attention_of_their_own_are_refused():
    config = library.MptConfig(vocab_size=97, d_model=64, n_layers=1, n_heads=4)
    model = library.MptForCausalLM._from_config(config, attn_implementation="mfa")
    with torch.no_grad(), pytest.raises(TypeError, match="one that computes with it"):
        model(IDS)
    config = library.FalconConfig(hidden_size=64, num_hidden_layers=1)
    with pytest.raises(KeyError, match="'mfa'"):
        library.FalconForCausalLM._from_config(config, attn_implementation="mfa")
