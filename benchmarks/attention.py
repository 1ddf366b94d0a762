#!/usr/bin/env python3
"""Measures masked attention beside other implementations, in one run.

For each case and mask, every implementation gets the same inputs; its result is
compared with f64 on some of its rows first, then timed: median of device events
(of the host's clock on the CPU). One that is not installed, or does not take the
case, is shown as such with its reason. Rates are TFLOP/s of 4 B H Sq Sk D
operations, half of them for a causal mask, and for decoding GB/s of keys and
values.

    benchmarks/attention.py [--quick] [--json FILE] [--plot FILE]

The package `mfa` and PyTorch are needed for the GPU, and what else is compared
must be installed; on the CPU (--device cpu) NumPy is enough. Without the package,
--mfa-run FILE measures the tool of that name. The exit status is 1 where a
result of this project is wrong or missing.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# JAX shares the GPU with torch here.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

sys.path.insert(0, str(Path(__file__).parent))
from attention_benchmark import first_call, report, timing  # noqa: E402
from attention_benchmark.cases import (  # noqa: E402
    MASKS,
    make_bare_problem,
    make_problem,
    select_cases,
)
from attention_benchmark.check import check  # noqa: E402
from attention_benchmark.peers import PEERS, Absent, MFARun, Refused  # noqa: E402
from attention_benchmark.progress import Progress  # noqa: E402


def find_device() -> str:
    try:
        import torch
    except ImportError:
        return "cpu"
    return "cuda" if torch.cuda.is_available() else "cpu"


def find_peers(device: str, pattern: list[str]):
    """The peers that this machine has, and why it has not the others."""
    present, absent = [], {}
    for kind in PEERS:
        if pattern and kind.name not in pattern:
            continue
        try:
            present.append(kind(device))
        except Absent as error:
            absent[kind.name] = str(error)
    return present, absent


def measure(peer, problem, budget_s: float) -> report.Row:
    """Checks and times a peer on a problem. No error of a peer ends the run."""
    row = report.Row(problem.case, problem.mask_kind, peer.name, "ok")
    try:
        if isinstance(peer, MFARun):
            verdict, times = peer.measure(problem)
        else:
            run = peer.prepare(problem)
            verdict = check(run.problem or problem, run.to_bshd(run.call()))
            times = run.timer(run.call, budget_s) if verdict.passed else None
    except Refused as error:
        row.status, row.reason = "refused", str(error)
        return row
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        row.status, row.reason = "refused", f"{type(error).__name__}: {reason}"
        return row
    row.error, row.tolerance = verdict.error, verdict.tolerance
    if not verdict.passed:
        row.status = "wrong"
        row.reason = f"error {verdict.error:.2g}, tolerance {verdict.tolerance:.2g}"
        return row
    row.ms, row.min_ms = times.median_ms, times.min_ms
    row.runs, row.method = times.runs, times.method
    if problem.device == "cuda":
        row.sm_mhz = report.sm_clock()
    return row


def measure_all(device: str, cases, masks, peers, absent, budget_s, result) -> None:
    pairs = [
        (case, mask)
        for case in cases
        for mask in case.masks
        if not masks or mask in masks
    ]
    progress = Progress(len(pairs) * len(peers))
    for case, mask in pairs:
        # The tool makes its own inputs, on machines without torch as well.
        bare = all(isinstance(peer, MFARun) for peer in peers)
        problem = (make_bare_problem if bare else make_problem)(case, mask, device)
        for peer in peers:
            progress.step(f"{case}, {mask}, {peer.name}")
            result.rows.append(measure(peer, problem, budget_s))
            if device == "cuda" and not bare:
                import torch

                torch.cuda.empty_cache()
        for name, reason in absent.items():
            result.rows.append(report.Row(case, mask, name, "absent", reason))
    progress.finish()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--device", choices=("cuda", "cpu"), help="default: a GPU if torch finds one")
    add("--quick", action="store_true", help="few cases")
    add("--cases", default="", metavar="REGEX", help="only cases whose name matches")
    add("--masks", nargs="*", choices=list(MASKS), help="only these masks")
    add(
        "--peers",
        nargs="*",
        choices=[peer.name for peer in PEERS],
        metavar="NAME",
        help="only these of: " + ", ".join(peer.name for peer in PEERS),
    )
    add("--seconds", type=float, default=0.3, help="time for a measurement")
    add("--mfa-run", default="", metavar="FILE", help="the tool mfa-run")
    add("--no-first-call", action="store_true", help="without the second table")
    add("--json", type=Path, metavar="FILE", help="all that was measured, as JSON")
    add("--plot", type=Path, metavar="FILE", help="TFLOP/s by length, as PNG")
    add("--first-call", metavar="NAME", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    MFARun.tool = arguments.mfa_run
    device = arguments.device or find_device()
    if arguments.first_call:
        first_call.print_here(arguments.first_call, device)
        return 0

    cases = select_cases(device, arguments.quick, arguments.cases)
    peers, absent = find_peers(device, arguments.peers)
    # Without the tool's name nobody asked for it.
    if not arguments.mfa_run:
        absent.pop(MFARun.name, None)
    result = report.Report(report.describe_device(device), {})
    result.versions = {peer.name: peer.version() for peer in peers}
    result.notes = {peer.name: peer.note for peer in peers if peer.note}
    fields = "clocks.sm,clocks.mem,clocks.max.sm,power.draw,power.limit,temperature.gpu"
    if device == "cuda" and any(not isinstance(peer, MFARun) for peer in peers):
        result.clocks["before"] = report.query_gpu(fields)
        result.ceiling_tflops = timing.measure_ceiling()
        result.copy_tbs = timing.measure_copy()
    try:
        measure_all(
            device, cases, arguments.masks, peers, absent, arguments.seconds, result
        )
    except KeyboardInterrupt:
        print("\nstopped: what follows was measured before", file=sys.stderr)
        arguments.no_first_call = True
    if device == "cuda" and peers:
        result.clocks["after"] = report.query_gpu(fields)
    if not arguments.no_first_call:
        names = [name for name in first_call.NAMES if name in result.versions]
        result.first_calls = [first_call.measure(name, device) for name in names]

    versions = ", ".join(
        f"{name} {text}" for name, text in result.versions.items() if text
    )
    print(f"{result.device}; {versions}")
    if result.ceiling_tflops:
        print(
            f"8192^3 bf16 matrix product {result.ceiling_tflops:.0f} TFLOP/s, ", end=""
        )
        print(f"copy {result.copy_tbs:.2f} TB/s")
    print()
    print(report.format_table(result))
    if result.first_calls:
        print("\n" + report.format_first_calls(result))
    if arguments.json:
        result.write_json(arguments.json)
    if arguments.plot:
        report.plot(result, arguments.plot)

    ours = [row for row in result.rows if row.peer in report.OURS]
    missing = [row for row in ours if row.status != "ok"]
    # Of the package and the tool, one is enough.
    names = {row.peer for row in ours if row.status == "ok"}
    return 0 if names and not [row for row in missing if row.status == "wrong"] else 1


if __name__ == "__main__":
    sys.exit(main())
