#!/usr/bin/env python3
"""Times whole models of transformers with this project's attention beside the
library's other implementations, and compares what they compute.

Models are made from configurations, with random weights and few layers: what is
measured is a forward pass over tokens as a prefill has it. The implementations have
their turns round by round, and the median of the rounds counts. Before that logits
are compared with those of a reference in f32, and of the decoders 32 tokens are
generated greedily in f32, which have to be the same.

    benchmarks/models.py [--device cuda] [--models llama gpt2] [--length 4096]
        [--implementations mfa sdpa flex_attention] [--json FILE]

Needs torch and transformers 5.4 or newer.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch
import transformers

import mfa.transformers  # noqa: F401

NEW_TOKENS = 32
# Of a prompt whose generated tokens are compared.
PROMPT = 96

LARGE = {
    "vocab_size": 1000,
    "hidden_size": 2048,
    "intermediate_size": 2048,
    "num_hidden_layers": 4,
    "num_attention_heads": 16,
    "max_position_embeddings": 16384,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": None,
}
GROUPED = {**LARGE, "num_key_value_heads": 4}
T5 = {
    "vocab_size": 1000,
    "d_model": 1024,
    "d_kv": 64,
    "d_ff": 1024,
    "num_layers": 4,
    "num_heads": 16,
    "decoder_start_token_id": 0,
    "eos_token_id": None,
}
WHISPER = {
    "vocab_size": 1000,
    "d_model": 1024,
    "encoder_layers": 4,
    "decoder_layers": 4,
    "encoder_attention_heads": 16,
    "decoder_attention_heads": 16,
    "encoder_ffn_dim": 1024,
    "decoder_ffn_dim": 1024,
    "num_mel_bins": 8,
    "max_target_positions": 448,
    "decoder_start_token_id": 1,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": None,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
}

# Class, configuration and its arguments, and what its inputs are. The reference is
# "eager" where the library's other implementations leave out a part of the model.
MODELS = {
    "bert": ("BertModel", "BertConfig", LARGE, "tokens", "sdpa"),
    "vit": (
        "ViTModel",
        "ViTConfig",
        {**LARGE, "image_size": 1024, "patch_size": 16},
        "image",
        "sdpa",
    ),
    "gpt2": (
        "GPT2LMHeadModel",
        "GPT2Config",
        {
            "vocab_size": 1000,
            "n_embd": 2048,
            "n_layer": 4,
            "n_head": 16,
            "n_positions": 16384,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": None,
        },
        "tokens",
        "sdpa",
    ),
    "llama": ("LlamaForCausalLM", "LlamaConfig", GROUPED, "tokens", "sdpa"),
    "mistral": (
        "MistralForCausalLM",
        "MistralConfig",
        {**GROUPED, "sliding_window": 1024},
        "tokens",
        "sdpa",
    ),
    "gemma2": (
        "Gemma2ForCausalLM",
        "Gemma2Config",
        {**GROUPED, "head_dim": 128, "sliding_window": 1024},
        "tokens",
        "eager",
    ),
    "t5": ("T5ForConditionalGeneration", "T5Config", T5, "pair", "eager"),
    "whisper": (
        "WhisperForConditionalGeneration",
        "WhisperConfig",
        WHISPER,
        "sound",
        "sdpa",
    ),
}
DECODERS = ("gpt2", "llama", "mistral", "gemma2")


def make_model(name: str, device: str) -> torch.nn.Module:
    class_name, config_name, arguments, kind, _ = MODELS[name]
    if kind == "sound":
        arguments = {**arguments, "max_source_positions": 1500}
    config = getattr(transformers, config_name)(**arguments)
    torch.manual_seed(0)
    model = getattr(transformers, class_name)._from_config(config)
    return model.to(device).eval()


def make_inputs(
    name: str, length: int, device: str, dtype: torch.dtype
) -> dict[str, torch.Tensor]:
    """A batch of one, of `length` tokens where the model has tokens."""
    kind = MODELS[name][3]
    random = torch.Generator().manual_seed(1)

    def tokens(count: int) -> torch.Tensor:
        return torch.randint(2, 1000, (1, count), generator=random).to(device)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random).to(device, dtype)

    if kind == "image":
        return {"pixel_values": numbers(1, 3, 1024, 1024)}
    if kind == "pair":
        return {"input_ids": tokens(length), "decoder_input_ids": tokens(length)}
    if kind == "sound":
        return {
            "input_features": numbers(1, 8, 3000),
            "decoder_input_ids": tokens(min(length, 448)),
        }
    return {"input_ids": tokens(length)}


def run(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        result = model(**inputs)
    return getattr(result, "logits", None) if "logits" in result else result[0]


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def measure(model, inputs, device: str, seconds: float) -> float:
    """Seconds of a forward pass, of as many as take about `seconds`."""
    run(model, inputs)
    synchronize(device)
    count, begin = 0, time.perf_counter()
    while count == 0 or time.perf_counter() - begin < seconds:
        run(model, inputs)
        synchronize(device)
        count += 1
    return (time.perf_counter() - begin) / count


def compare(name: str, device: str, implementations: list[str]) -> dict[str, object]:
    """In f32: the largest difference of logits from the reference's by theirs, and
    whether the generated tokens are the same."""
    model = make_model(name, device)
    inputs = make_inputs(name, PROMPT, device, torch.float32)
    reference = MODELS[name][4]
    results, generated = {}, {}
    for implementation in dict.fromkeys([reference, *implementations]):
        try:
            model.set_attn_implementation(implementation)
            results[implementation] = run(model, inputs)
            if name in DECODERS:
                with torch.no_grad():
                    generated[implementation] = model.generate(
                        **inputs, max_new_tokens=NEW_TOKENS, do_sample=False
                    )
        except Exception as error:  # noqa: BLE001 - of a library, shown as it is
            print(f"{name}, {implementation}: {_first_line(error)}", file=sys.stderr)
    expected = results[reference]
    found: dict[str, object] = {}
    for implementation, result in results.items():
        difference = (result - expected).abs().max() / expected.abs().max()
        same = None
        if implementation in generated:
            same = torch.equal(generated[implementation], generated[reference])
        found[implementation] = {"difference": float(difference), "same_tokens": same}
    return found


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip()}".split("\n")[0][:200]


def time_model(
    name: str, arguments: argparse.Namespace, dtype: torch.dtype
) -> dict[str, float]:
    """Milliseconds by implementation, but for those that fail."""
    model = make_model(name, arguments.device).to(dtype)
    inputs = make_inputs(name, arguments.length, arguments.device, dtype)
    times: dict[str, list[float]] = {each: [] for each in arguments.implementations}
    for _ in range(arguments.rounds):
        for implementation, measured in list(times.items()):
            try:
                model.set_attn_implementation(implementation)
                measured.append(
                    measure(model, inputs, arguments.device, arguments.seconds)
                )
            except Exception as error:  # noqa: BLE001 - of a library
                print(
                    f"{name}, {implementation}: {_first_line(error)}", file=sys.stderr
                )
                del times[implementation]
    return {
        implementation: 1e3 * statistics.median(measured)
        for implementation, measured in times.items()
    }


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu"
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument(
        "--implementations", nargs="+", default=["mfa", "sdpa", "flex_attention"]
    )
    parser.add_argument("--length", type=int, default=4096, help="tokens of a pass")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.2, help="of a turn")
    parser.add_argument("--no-compare", action="store_true", help="time only")
    parser.add_argument("--json", type=Path, help="write the results there")
    return parser.parse_args(arguments)


def main() -> int:
    arguments = parse_arguments()
    transformers.logging.set_verbosity_error()
    dtype = torch.bfloat16 if arguments.device == "cuda" else torch.float32
    print(f"transformers {transformers.__version__}, torch {torch.__version__}")
    names = arguments.implementations
    print(f"{'model':10}" + "".join(f"{name + ', ms':>20}" for name in names))
    results, passed = {}, True
    for name in arguments.models:
        compared = {}
        if not arguments.no_compare:
            compared = compare(name, arguments.device, names)
        times = time_model(name, arguments, dtype)
        results[name] = {"ms": times, "f32": compared}
        cells = [f"{times[each]:.2f}" if each in times else "-" for each in names]
        print(f"{name:10}" + "".join(f"{cell:>20}" for cell in cells), flush=True)
        for implementation, found in compared.items():
            print(f"    f32, {implementation}: {found}", flush=True)
        mine = compared.get("mfa", {"difference": 0.0, "same_tokens": None})
        passed &= mine["difference"] < 1e-3 and mine["same_tokens"] is not False
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
