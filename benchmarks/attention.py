#!/usr/bin/env python3
"""Measures masked attention beside other implementations, in one run.

For each case and mask, every implementation gets the same inputs; its result is
compared with f64 on some of its rows first, then timed: median of device events
(of the host's clock on the CPU). All take turns in several rounds, since a GPU's
clock follows its power and temperature. One that is not installed, or does not take
the case, is shown as such with its reason. Rates are TFLOP/s of 4 B H Sq Sk D
operations, half of them for a causal mask, and for decoding GB/s of keys and
values.

    benchmarks/attention.py [--quick] [--json FILE] [--plot FILE]

The package `mfa` and PyTorch are needed for the GPU, and what else is compared
must be installed; on the CPU (--device cpu) NumPy is enough. Without the package,
--mfa-run FILE measures the tool of that name, which is a process for each check and
each round and makes its own inputs. The exit status is 1 where a result of this
project is wrong or missing, unless --peers leaves this project out.
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
    CASES,
    CPU_CASES,
    MASKS,
    make_bare_problem,
    make_problem,
    select_cases,
)
from attention_benchmark.check import Verdict, check  # noqa: E402
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


class Contender:
    """A peer on a problem. No error of a peer ends the run."""

    def __init__(self, peer, problem):
        self.peer, self.problem = peer, problem
        self.row = report.Row(problem.case, problem.mask_kind, peer.name, "ok")
        self.rounds: list[timing.Times] = []
        self.run = None

    def _try(self, step, *arguments) -> None:
        try:
            step(*arguments)
        except Refused as error:
            self._end("refused", str(error))
        except Exception as error:
            reason = str(error).strip().split("\n")[0]
            self._end("refused", f"{type(error).__name__}: {reason}")

    def _end(self, status: str, reason: str) -> None:
        self.row.status, self.row.reason = status, reason
        self.run = None

    def _judge(self, verdict) -> None:
        self.row.error, self.row.tolerance = verdict.error, verdict.tolerance
        if not verdict.passed:
            reason = f"error {verdict.error:.2g}, tolerance {verdict.tolerance:.2g}"
            self._end("wrong", reason)

    def _prepare(self) -> None:
        self.run = self.peer.prepare(self.problem)
        result = self.run.call()
        # Of the tool, which has no result to show but checks it.
        if not isinstance(result, Verdict):
            problem = self.run.problem or self.problem
            result = check(problem, self.run.to_bshd(result))
        self._judge(result)

    def _time(self, budget_s: float) -> None:
        self.rounds.append(self.run.timer(self.run.call, budget_s))

    def _merge(self) -> None:
        times = timing.merge(self.rounds)
        self.row.ms, self.row.min_ms = times.median_ms, times.min_ms
        self.row.round_ms = [each.median_ms for each in self.rounds]
        self.row.runs, self.row.method = times.runs, times.method

    def prepare(self) -> None:
        """Makes the peer ready and checks its result."""
        self._try(self._prepare)

    def time(self, budget_s: float) -> None:
        """One round, if there is what to time."""
        if self.run:
            self._try(self._time, budget_s)

    def note_clock(self) -> None:
        if self.row.status == "ok" and self.problem.device == "cuda":
            self.row.sm_mhz = report.sm_clock()

    def finish(self) -> report.Row:
        if self.row.status == "ok":
            self._try(self._merge)
        return self.row


def measure(peers, problem, budget_s: float, rounds: int, step) -> list[report.Row]:
    """Checks the peers on a problem, then times them in turn, round by round, so
    that all of them see the clocks that the GPU's power and temperature leave.
    `step` is told what comes next."""
    contenders = [Contender(peer, problem) for peer in peers]
    for contender in contenders:
        step(f"{contender.peer.name}, check")
        contender.prepare()
    for number in range(rounds):
        for contender in contenders:
            step(f"{contender.peer.name}, round {number + 1}")
            contender.time(budget_s / rounds)
            # Not between rounds: asking takes long enough for the GPU to cool.
            if number == rounds - 1:
                contender.note_clock()
    return [contender.finish() for contender in contenders]


def measure_all(device: str, arguments, cases, peers, absent, result) -> None:
    masks = arguments.masks
    pairs = [
        (case, mask)
        for case in cases
        for mask in case.masks
        if not masks or mask in masks
    ]
    progress = Progress(len(pairs) * len(peers) * (1 + arguments.rounds))
    for case, mask in pairs:
        # The tool makes its own inputs, on machines without torch as well.
        bare = all(isinstance(peer, MFARun) for peer in peers)
        problem = (make_bare_problem if bare else make_problem)(case, mask, device)
        result.rows += measure(
            peers,
            problem,
            arguments.seconds,
            arguments.rounds,
            lambda what: progress.step(f"{case}, {mask}, {what}"),
        )
        if device == "cuda" and not bare:
            import torch

            torch.cuda.empty_cache()
        for name, reason in absent.items():
            result.rows.append(report.Row(case, mask, name, "absent", reason))
    progress.finish()


def find_failures(result: report.Report) -> list[str]:
    """What is wrong or missing of this project's results, a line each."""
    failures = []
    pairs = dict.fromkeys((row.case, row.mask) for row in result.rows)
    for pair in pairs:
        rows = [row for row in result.rows if (row.case, row.mask) == pair]
        ours = [row for row in rows if row.peer in report.OURS]
        # Of the package and the tool one may be absent, but not both.
        present = [row for row in ours if row.status != "absent"] or ours
        failed = [row for row in present if row.status != "ok"]
        where = f"{pair[0]}, {pair[1]}"
        failures += [
            f"{where}: {row.peer} is {row.status}: {row.reason}" for row in failed
        ]
        if not ours:
            failures.append(f"{where}: no result of {' or '.join(report.OURS)}")
    if not pairs:
        failures.append("no case was measured")
    failures += [
        f"first call: {first.peer} is {first.reason}"
        for first in result.first_calls
        if first.peer in report.OURS and first.seconds is None
    ]
    return failures


def count(text: str) -> int:
    """A number of at least 1, of the command line."""
    if (value := int(text)) < 1:
        raise ValueError
    return value


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
    add("--seconds", type=float, default=0.3, help="time for a peer on a case")
    add("--rounds", type=count, default=3, help="in how many parts, between others")
    add("--mfa-run", default="", metavar="FILE", help="the tool mfa-run")
    add("--no-first-call", action="store_true", help="without the second table")
    add("--json", type=Path, metavar="FILE", help="all that was measured, as JSON")
    add("--plot", type=Path, metavar="FILE", help="TFLOP/s by length, as PNG")
    add(
        "--merge",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="measure nothing: tables and plot of what --json wrote on one GPU",
    )
    add("--first-call", metavar="NAME", help=argparse.SUPPRESS)
    return parser.parse_args()


def show(result: report.Report, arguments) -> None:
    """Prints the tables, and writes what else is asked for."""
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


def merge(paths: list[Path]) -> report.Report:
    result, *others = [report.Report.read_json(path) for path in paths]
    for other in others:
        result.merge(other)
    # In the order in which one run would have measured them.
    cases = {case: number for number, case in enumerate([*CASES, *CPU_CASES])}
    masks = list(MASKS)
    result.rows.sort(
        key=lambda row: (cases.get(row.case, len(cases)), masks.index(row.mask))
    )
    return result


def main() -> int:
    arguments = parse_arguments()
    if arguments.merge:
        try:
            show(merge(arguments.merge), arguments)
        except (OSError, ValueError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        return 0
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
        measure_all(device, arguments, cases, peers, absent, result)
    except KeyboardInterrupt:
        print("\nstopped: what follows was measured before", file=sys.stderr)
        arguments.no_first_call = True
    if device == "cuda" and peers:
        result.clocks["after"] = report.query_gpu(fields)
    if not arguments.no_first_call:
        names = [name for name in first_call.NAMES if name in result.versions]
        result.first_calls = [first_call.measure(name, device) for name in names]

    show(result, arguments)
    # Peers that leave this project out leave nothing to ask of it.
    if arguments.peers and not set(report.OURS) & set(arguments.peers):
        return 0
    failures = find_failures(result)
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
