#!/usr/bin/env python3
"""Measures attention on the CPU beside torch's, and beside the machine's peak.

Both compute the same problem in one process, in turns, after a comparison of their
results: medians of wall time, and of processor time, since machines are shared. The
peak is that of multiply-adds of f32 vectors in registers, measured the same way.

    benchmarks/cpu.py [--threads N] [--cases REGEX] [--seconds S] [--json FILE]

Rates are GFLOP/s of 4 B H Sq Sk D operations for each second of a core, whatever a
mask excludes. Rules are given to torch as dense masks, of the type of q, which are
made beforehand; `causal of torch` is its own `is_causal`. A `window` is of the last
256 keys, three quarters of the pairs of S 512 that are causal; an `eighth` is of the
last eighth of the sequence, the same share of the pairs at every length. The arrays
of both are contiguous, each in its own order: BSHD here, BHSD there. The exit status
is 1 where results differ.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

# Threads of torch would wait for work at full speed, on the cores of who is next.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import mfa  # noqa: E402
import torch  # noqa: E402
from attention_benchmark.cases import Case  # noqa: E402
from mfa import _mfa  # noqa: E402

SDPA = torch.nn.functional.scaled_dot_product_attention
WINDOW = 256


@dataclass(frozen=True)
class Problem:
    """A case with one mask, or rule."""

    case: Case
    mask: str

    def __str__(self) -> str:
        return f"{self.case} {self.mask}"

    @property
    def flops(self) -> float:
        """Whatever the mask excludes."""
        return self.case.flops("none")


def make_problem(
    dtype: str, head_dim: int, seq_q: int, seq_k: int, mask: str, kv_heads: int = 8
) -> Problem:
    return Problem(Case(1, 8, kv_heads, seq_q, seq_k, head_dim, dtype), mask)


MASKS = ("none", "dense", "causal", "causal of torch", "window", "eighth")
PROBLEMS = [
    *(
        make_problem(dtype, head_dim, length, length, mask)
        for dtype in ("f32", "bf16")
        for head_dim in (64, 80, 128)
        for length in (512, 2048, 8192)
        for mask in MASKS
    ),
    *(
        make_problem(dtype, 128, 2048, 2048, mask, kv_heads=2)
        for dtype in ("f32", "bf16")
        for mask in ("none", "causal of torch")
    ),
    *(
        make_problem(dtype, 128, 1, 32768, "none", kv_heads=kv_heads)
        for dtype in ("f32", "bf16")
        for kv_heads in (8, 2)
    ),
]


@dataclass
class Times:
    wall_ms: float
    cpu_ms: float


@dataclass
class Row:
    problem: Problem
    ours: Times
    torch: Times
    difference: float

    def rate(self, times: Times) -> float:
        """GFLOP/s of a core."""
        return self.problem.flops / times.cpu_ms / 1e6


def time_in_turns(calls: list[Callable], seconds: float) -> list[Times]:
    """Medians; of each 5 runs or more."""
    for call in calls:
        call()
    runs: list[list[tuple[float, float]]] = [[] for _ in calls]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(runs[0]) < 5:
        for call, times in zip(calls, runs):
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            cpu = time.process_time() - cpu
            times.append((time.perf_counter() - wall, cpu))
    return [
        Times(*(1e3 * statistics.median(column) for column in zip(*times)))
        for times in runs
    ]


def make_calls(problem: Problem) -> tuple[Callable, Callable]:
    case, kind = problem.case, problem.mask
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[case.dtype]
    generator = torch.Generator().manual_seed(1)

    def random(*sizes):
        return torch.randn(*sizes, generator=generator).to(dtype)

    q = random(1, case.seq_q, case.heads, case.head_dim)
    k, v = (
        random(1, case.seq_k, case.kv_heads, case.head_dim) for _ in range(2)
    )
    theirs = [x.transpose(1, 2).contiguous() for x in (q, k, v)]
    ours, options = {}, {}
    if kind == "dense":
        mask = random(1, 1, case.seq_q, case.seq_k)
        ours, options = {"mask": mask}, {"attn_mask": mask}
    elif kind != "none":
        rule = mfa.masks.causal()
        query, key = torch.arange(case.seq_q)[:, None], torch.arange(case.seq_k)
        kept = key <= query
        if kind in ("window", "eighth"):
            width = WINDOW if kind == "window" else case.seq_k // 8
            rule &= mfa.masks.window(width - 1, 0)
            kept &= query - key < width
        ours = {"keep": rule}
        mask = torch.zeros(kept.shape, dtype=dtype).masked_fill(~kept, -torch.inf)
        options = {"attn_mask": mask}
        if kind == "causal of torch":
            options = {"is_causal": True}
    if case.kv_heads != case.heads:
        options["enable_gqa"] = True
    return (
        lambda: mfa.masked_attention(q, k, v, **ours),
        lambda: SDPA(*theirs, **options),
    )


def measure(problem: Problem, seconds: float) -> Row:
    ours, theirs = make_calls(problem)
    difference = (ours().float() - theirs().transpose(1, 2).float()).abs().max()
    return Row(problem, *time_in_turns([ours, theirs], seconds), float(difference))


def measure_peak(seconds: float) -> float:
    """GFLOP/s of a core, in multiply-adds of vectors: more sums than are in flight,
    which do not wait for each other, in the fewest registers that a CPU has, 16, and
    nothing else."""
    sums, lanes, steps = 12, lanes_of_cpu(), 1 << 20
    names = ", ".join(f"%s{i} = %x" for i in range(sums))
    types = ", ".join([f"vector<{lanes}xf32>"] * sums)
    body = "\n".join(
        f"    %t{i} = vector.fma %x, %s{i}, %x : vector<{lanes}xf32>"
        for i in range(sums)
    )
    results = ", ".join(f"%t{i}" for i in range(sums))
    total = "\n".join(
        f"  %u{i} = arith.addf %{'r#0' if i == 1 else f'u{i - 1}'}, %r#{i} : "
        f"vector<{lanes}xf32>"
        for i in range(1, sums)
    )
    source = f"""
func.func @peak(%a: memref<{lanes}xf32>) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant {steps} : index
  %x = vector.load %a[%c0] : memref<{lanes}xf32>, vector<{lanes}xf32>
  %r:{sums} = scf.for %i = %c0 to %n step %c1 iter_args({names}) -> ({types}) {{
{body}
    scf.yield {results} : {types}
  }}
{total}
  vector.store %u{sums - 1}, %a[%c0] : memref<{lanes}xf32>, vector<{lanes}xf32>
  return
}}
"""
    kernel = _mfa.compile_source(source, target=_mfa.Target.cpu)
    array = torch.zeros(lanes)
    argument = (array.data_ptr(), (lanes,), (1,))
    (times,) = time_in_turns([lambda: kernel.launch([argument])], seconds)
    return 2.0 * sums * lanes * steps / times.cpu_ms / 1e6


def lanes_of_cpu() -> int:
    """f32 elements of a vector, as the schedule says."""
    spec = mfa.Spec((1, 8, 1, 64), "f32")
    schedule = mfa.compile(spec, spec, spec, target="cpu").schedule
    return int(re.search(r"lanes = (\d+)", schedule)[1])


def show(row: Row, peak: float) -> str:
    ours, theirs = row.rate(row.ours), row.rate(row.torch)
    return (
        f"| {row.problem} | {row.ours.wall_ms:.2f} | {row.torch.wall_ms:.2f} | "
        f"{row.torch.wall_ms / row.ours.wall_ms:.2f} | {ours:.1f} | {theirs:.1f} | "
        f"{row.torch.cpu_ms / row.ours.cpu_ms:.2f} | {100 * ours / peak:.0f} % |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--threads", type=int, default=mfa.get_num_threads(), help="of both")
    add("--cases", default="", metavar="REGEX", help="only cases whose name matches")
    add("--seconds", type=float, default=1.0, help="for a case")
    add("--json", type=Path, metavar="FILE", help="all that was measured, as JSON")
    arguments = parser.parse_args()
    mfa.set_num_threads(arguments.threads)
    torch.set_num_threads(arguments.threads)
    peak = measure_peak(arguments.seconds)
    print(f"{arguments.threads} threads, torch {torch.__version__}; ", end="")
    print(f"peak of f32 multiply-adds {peak:.1f} GFLOP/s of a core\n")
    print("| case | MFA ms | torch ms | ratio | MFA | torch | ratio | of f32 peak |")
    print("|---|---|---|---|---|---|---|---|")
    rows, failed = [], 0
    for problem in PROBLEMS:
        if not re.search(arguments.cases, str(problem)):
            continue
        row = measure(problem, arguments.seconds)
        rows.append(row)
        print(show(row, peak), flush=True)
        if not row.difference <= (1e-4 if problem.case.dtype == "f32" else 5e-2):
            print(f"error: {problem} differs by {row.difference:.2g}", file=sys.stderr)
            failed = 1
    if arguments.json:
        content = {"peak": peak, "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
