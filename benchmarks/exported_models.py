#!/usr/bin/env python3
"""Exports whole models of transformers by torch-mlir, raises their attention, runs
them, and compares the results with torch's.

Models are small, with two layers and random weights, made from configurations: what is
checked is how many of the softmaxes are raised and into what, and that the program then
computes what the model does. The last column is the largest difference of the results
by their largest number, in f32 on the CPU.

    benchmarks/exported_models.py [--models llama t5] [--implementations eager sdpa]
        [--build build] [--keep DIRECTORY] [--raise-only]

Needs torch, transformers 5.4 or newer and torch-mlir.
"""

from __future__ import annotations

import argparse
import inspect
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from torch_mlir import fx

TOKENS = 12
SMALL = {
    "vocab_size": 64,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "gelu_new",
}
GROUPED = {**SMALL, "num_key_value_heads": 2, "hidden_act": "silu"}
GPT2 = {
    "vocab_size": 64,
    "n_embd": 64,
    "n_layer": 2,
    "n_head": 4,
    "n_inner": 96,
    "n_positions": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
T5 = {
    "vocab_size": 64,
    "d_model": 64,
    "d_kv": 16,
    "d_ff": 96,
    "num_layers": 2,
    "num_heads": 4,
    "decoder_start_token_id": 0,
}
WHISPER = {
    "vocab_size": 64,
    "d_model": 64,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 96,
    "decoder_ffn_dim": 96,
    "num_mel_bins": 8,
    "max_source_positions": 16,
    "max_target_positions": 32,
    "decoder_start_token_id": 1,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "activation_function": "gelu_new",
}
WINDOW = {**GROUPED, "sliding_window": 4}

# Class, configuration and its arguments.
MODELS = {
    "bert": ("BertModel", "BertConfig", SMALL),
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", GPT2),
    "llama": ("LlamaForCausalLM", "LlamaConfig", GROUPED),
    "mistral": ("MistralForCausalLM", "MistralConfig", WINDOW),
    "gemma2": ("Gemma2ForCausalLM", "Gemma2Config", {**WINDOW, "head_dim": 16}),
    "t5": ("T5ForConditionalGeneration", "T5Config", T5),
    "vit": ("ViTModel", "ViTConfig", {**SMALL, "image_size": 32, "patch_size": 8}),
    "whisper": ("WhisperForConditionalGeneration", "WhisperConfig", WHISPER),
}


class Program(torch.nn.Module):
    """The model as a function of arrays that returns one."""

    def __init__(self, model: torch.nn.Module, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = model, names
        self.has_cache = "use_cache" in inspect.signature(model.forward).parameters

    def forward(self, *arrays: torch.Tensor) -> torch.Tensor:
        options = {"use_cache": False} if self.has_cache else {}
        result = self.model(**dict(zip(self.names, arrays)), **options)
        return result.logits if "logits" in result else result[0]


def make_inputs(name: str) -> dict[str, torch.Tensor]:
    """A batch of two, the second one padded on the right."""
    random = torch.Generator().manual_seed(1)

    def tokens() -> torch.Tensor:
        return torch.randint(3, 64, (2, TOKENS), generator=random)

    mask = torch.ones(2, TOKENS, dtype=torch.int64)
    mask[1, 9:] = 0
    if name == "vit":
        return {"pixel_values": torch.randn(2, 3, 32, 32, generator=random)}
    if name == "t5":
        return {
            "input_ids": tokens(),
            "attention_mask": mask,
            "decoder_input_ids": tokens(),
        }
    if name == "whisper":
        # Without a mask the library counts documents, by an op that is not linalg's.
        return {
            "input_features": torch.randn(2, 8, 32, generator=random),
            "decoder_input_ids": tokens(),
            "decoder_attention_mask": mask,
        }
    return {"input_ids": tokens(), "attention_mask": mask}


def export(name: str, implementation: str) -> tuple[str, list, torch.Tensor]:
    """The program as text, its arguments, and what it has to return."""
    class_name, config_name, arguments = MODELS[name]
    torch.manual_seed(0)
    model = getattr(transformers, class_name)._from_config(
        getattr(transformers, config_name)(**arguments),
        attn_implementation=implementation,
    )
    # The exporter does not find buffers that a model would not save.
    for module in model.modules():
        module._non_persistent_buffers_set.clear()
    inputs = make_inputs(name)
    program = Program(model, list(inputs)).eval()
    arrays = tuple(inputs.values())
    with torch.no_grad():
        expected = program(*arrays)
    exported = torch.export.export(program, arrays, strict=False)
    module = fx.export_and_import(exported, output_type="linalg-on-tensors")
    return module.operation.get_asm(), list(arrays), expected


def execute(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[:400] or f"exit status {done.returncode}")
    return done.stderr


def check(
    exported: tuple[str, list, torch.Tensor],
    label: str,
    tools: Path,
    scratch: Path,
    runs: bool,
) -> tuple[list[str], int, float | None]:
    """What the softmaxes became, how many were not raised, and the difference."""
    text, arrays, expected = exported
    source = scratch / f"{label}.mlir"
    raised = scratch / f"{label}-raised.mlir"
    output = scratch / "output.npy"
    source.write_text(text)
    remarks = re.findall(
        "remark: (.*)",
        execute(tools / "mfa-opt", "--mfa-raise-report", source, "-o", raised),
    )
    found = [text for text in remarks if text.startswith("attention of")]
    execute(tools / "mfa-opt", "--mfa-raise-attention", source, "-o", raised)
    assert raised.read_text().count("mfa.masked_attention") == len(found)
    if not runs:
        return found, len(remarks) - len(found), None
    command = [tools / "mfa-run", raised, "--entry", "main", "--target", "cpu"]
    for index, array in enumerate(arrays):
        path = scratch / f"input{index}.npy"
        np.save(path, array.numpy())
        command += ["--arg", path]
    execute(*command, "--out", output)
    difference = np.abs(np.load(output) - expected.numpy()).max()
    return found, len(remarks) - len(found), difference / expected.abs().max().item()


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--implementations", nargs="+", default=["eager", "sdpa"])
    parser.add_argument(
        "--build", type=Path, default=Path("build"), help="where the tools were built"
    )
    parser.add_argument("--keep", type=Path, help="leave the programs there")
    parser.add_argument(
        "--raise-only", action="store_true", help="do not run what was raised"
    )
    return parser.parse_args(arguments)


def main() -> int:
    arguments = parse_arguments()
    transformers.logging.set_verbosity_error()
    print(f"transformers {transformers.__version__}, torch {torch.__version__}")
    passed = True
    with tempfile.TemporaryDirectory() as temporary:
        scratch = arguments.keep or Path(temporary)
        scratch.mkdir(parents=True, exist_ok=True)
        for name in arguments.models:
            for implementation in arguments.implementations:
                label = f"{name}-{implementation}"
                try:
                    exported = export(name, implementation)
                except Exception as error:  # noqa: BLE001 - the exporter's
                    kind = type(error).__name__
                    reason = f"{kind}: {error}".split("\n")[0][:200]
                    print(f"{label}: not exported: {reason}", flush=True)
                    continue
                found, missed, difference = check(
                    exported,
                    label,
                    arguments.build / "bin",
                    scratch,
                    not arguments.raise_only,
                )
                text = f"{len(found)} of {len(found) + missed} raised"
                if difference is not None:
                    text += f", {difference:.1e}"
                print(f"{label}: {text}", flush=True)
                for each in dict.fromkeys(found):
                    print(f"    {found.count(each)} x {each}")
                passed &= not missed and bool(found) and (difference or 0) < 1e-4
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
