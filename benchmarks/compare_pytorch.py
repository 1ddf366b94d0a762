#!/usr/bin/env python3
"""Times masked attention beside PyTorch's kernels on one GPU, in one run.

For each case: the kernels of this project through `mfa-run --bench --check`
(device events, median; the result checked against f64), then PyTorch's
memory-efficient attention, its only open kernel that takes a dense mask, or,
without a mask, FlashAttention-2, on inputs of the same sizes, types and
distribution.

    benchmarks/compare_pytorch.py [--mfa-run build/bin/mfa-run] [--quick]
                                  [--json FILE]

FLOP are 4 B H Sq Sk D. PyTorch with CUDA is needed.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as functional
from torch.nn.attention import SDPBackend, sdpa_kernel


@dataclass
class Case:
    batch: int
    heads: int
    kv_heads: int
    length: int
    head_dim: int
    dtype: str = "bf16"
    masks: tuple = ("dense", "none")

    def flops(self):
        return 4 * self.batch * self.heads * self.length**2 * self.head_dim

    def __str__(self):
        heads = f"H{self.heads}"
        if self.kv_heads != self.heads:
            heads += f"/{self.kv_heads}"
        return f"{self.dtype} B{self.batch} {heads} S{self.length} D{self.head_dim}"


CASES = [
    Case(8, 16, 16, 2048, 128),
    Case(2, 16, 16, 8192, 128),
    Case(1, 16, 16, 16384, 128),
    Case(4, 32, 8, 4096, 128),
    Case(8, 32, 32, 2048, 64),
    Case(2, 32, 32, 8192, 64),
    Case(2, 8, 8, 8192, 256),
    Case(2, 16, 16, 4096, 128, "f32", ("dense",)),
]
QUICK_CASES = [CASES[0], CASES[4]]

TORCH_TYPES = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}
PEERS = {
    "dense": ("memory-efficient", SDPBackend.EFFICIENT_ATTENTION),
    "none": ("FlashAttention-2", SDPBackend.FLASH_ATTENTION),
}


@dataclass
class Row:
    case: Case
    mask: str
    mfa: float
    peer_name: str
    peer: float = None
    reason: str = ""
    ratio: float = field(init=False, default=None)

    def __post_init__(self):
        if self.peer:
            self.ratio = self.mfa / self.peer


def time_mfa(tool, case, mask):
    """TFLOP/s of this project's kernel; the result must pass its check."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [tool, "--target", "cuda", "--check", "--bench"]
        command += ["--json", str(report), "--dtype", case.dtype]
        command += ["--batch", case.batch, "--seq-q", case.length]
        command += ["--heads", case.heads, "--kv-heads", case.kv_heads]
        command += ["--head-dim", case.head_dim, "--mask", mask]
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True
        )
        if done.returncode != 0:
            sys.exit(f"{case}, mask {mask}: mfa-run failed\n{done.stdout}{done.stderr}")
        return json.loads(report.read_text())["bench"]["tflops"]


def time_torch(case, mask, backend, runs=20):
    """TFLOP/s of a PyTorch backend."""
    torch.manual_seed(0)
    dtype = TORCH_TYPES[case.dtype]

    def random(*shape):
        return torch.randn(*shape, device="cuda").to(dtype)

    def head_first(heads):
        array = random(case.batch, case.length, heads, case.head_dim)
        return array.transpose(1, 2)

    query = head_first(case.heads)
    key, value = head_first(case.kv_heads), head_first(case.kv_heads)
    options = {}
    if case.heads != case.kv_heads:
        if backend == SDPBackend.FLASH_ATTENTION:
            options["enable_gqa"] = True
        else:
            # This kernel has no grouped heads; repeating them is not timed.
            repeats = case.heads // case.kv_heads
            key, value = (x.repeat_interleave(repeats, 1) for x in (key, value))
    if mask == "dense":
        bias = random(case.batch, 1, case.length, case.length)
        options["attn_mask"] = bias.expand(-1, case.heads, -1, -1)

    def attention():
        functional.scaled_dot_product_attention(query, key, value, **options)

    times = []
    with sdpa_kernel(backend):
        for _ in range(3):
            attention()
        for _ in range(runs):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            attention()
            end.record()
            end.synchronize()
            times.append(start.elapsed_time(end))
    return case.flops() / statistics.median(times) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mfa-run", default="build/bin/mfa-run")
    parser.add_argument("--quick", action="store_true", help="two cases only")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    arguments = parser.parse_args()

    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, TFLOP/s\n")
    print("| case | mask | MFA | PyTorch | kernel | ratio |")
    print("|---|---|---|---|---|---|")
    rows = []
    for case in QUICK_CASES if arguments.quick else CASES:
        for mask in case.masks:
            name, backend = PEERS[mask]
            ours = time_mfa(arguments.mfa_run, case, mask)
            try:
                row = Row(case, mask, ours, name, time_torch(case, mask, backend))
            except RuntimeError as error:
                row = Row(case, mask, ours, name, reason=str(error).split("\n")[0])
            rows.append(row)
            peer = f"{row.peer:.0f}" if row.peer else f"refused: {row.reason}"
            ratio = f"{row.ratio:.2f}" if row.ratio else ""
            print(
                f"| {case} | {mask} | {ours:.0f} | {peer} | {name} | {ratio} |",
                flush=True,
            )
            torch.cuda.empty_cache()
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=2))


if __name__ == "__main__":
    main()
