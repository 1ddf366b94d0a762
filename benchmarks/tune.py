#!/usr/bin/env python3
"""Searches the schedules of the GPU kernels and prints rows for the tables that
mfa-select-schedule holds.

For each head size, mask and kind of kernel, candidates are compiled by mfa-run,
assembled by ptxas where it is found, compared with f64, and timed: median of
device events, sizes fixed. The search starts at the schedule that is selected
today and goes on from the best so far, for which other numbers of adjacent heads
and of blocks in a cluster are tried; the best two and the selected one are measured
twice, and the slower measurement counts. A candidate that spills registers, or whose
check fails, is shown but never chosen. Rates are TFLOP/s of 4 B H S S D operations.

    benchmarks/tune.py [--quick] [--kind wgmma] [--mask none] [--dim 128]

mfa-run needs mfa-opt beside it. --list prints the candidates and --compile-only
compiles them: neither needs a GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from attention_benchmark import mfa_run, report, schedules  # noqa: E402
from attention_benchmark.cases import Case, Refused  # noqa: E402
from attention_benchmark.progress import Progress  # noqa: E402
from attention_benchmark.schedules import (  # noqa: E402
    Compiler,
    Outcome,
    Schedule,
    Tuned,
)

MASKS = ("none", "dense", "padding", "i1", "f32")
DIMS = (64, 128, 192, 256)
# Measured a second time, beside the selected schedule.
FINALISTS = 2


class Search:
    """Candidates of a case in the order of their distance from the best so far, with
    as many adjacent heads and blocks in a cluster, beside it with other numbers.
    While one is measured, those that are likely next are compiled."""

    def __init__(self, compiler: Compiler, pool: ThreadPoolExecutor, workers: int):
        self.compiler, self.pool, self.workers = compiler, pool, workers

    def tune(
        self,
        case: Case,
        mask: str,
        selected: Schedule,
        candidates: list[Schedule],
        seconds: float,
        progress: Progress,
        runs: bool = True,
    ) -> Tuned:
        """Searches for about `seconds`, the second measurements included; compiles
        only, unless it `runs`."""
        end = time.monotonic() + seconds
        left = list(dict.fromkeys([selected, *candidates]))
        compiled: dict[Schedule, Future[Outcome]] = {}
        tuned = Tuned(case, mask, selected, [])
        again_s = 0.0
        center = selected
        while left and (not tuned.outcomes or time.monotonic() + again_s < end):
            left.sort(key=lambda schedule: (schedule.distance(center), schedule))
            for schedule in left[: self.workers]:
                if schedule not in compiled:
                    compiled[schedule] = self.pool.submit(
                        self.compiler.compile, schedule, case, mask
                    )
            schedule = left.pop(0)
            progress.step(f"{case}, {mask}, {schedule.kind} {schedule}")
            outcome = compiled[schedule].result()
            # What is selected is the measure of the others, even where it spills.
            if runs and (outcome.status == "ok" or _may_run(outcome, selected)):
                begin = time.monotonic()
                schedules.run(self.compiler.mfa_run, outcome, case, mask)
                again_s = (FINALISTS + 1) * (time.monotonic() - begin)
            tuned.outcomes.append(outcome)
            best = tuned.best()
            if best and best.schedule != center:
                center = best.schedule
                known = len(left)
                left = _not_tried(schedules.around(left, center, case, mask), tuned)
                progress.drop(known - len(left))
        for future in compiled.values():
            future.cancel()
        tuned.untried = len(left)
        progress.drop(len(left))
        if runs:
            self._measure_again(tuned)
        return tuned

    def _measure_again(self, tuned: Tuned) -> None:
        again = schedules.rank(tuned.outcomes)[:FINALISTS]
        now = tuned.now()
        if now and now not in again:
            again.append(now)
        if len(again) > 1:
            for outcome in again:
                schedules.run(self.compiler.mfa_run, outcome, tuned.case, tuned.mask)


def _not_tried(candidates: list[Schedule], tuned: Tuned) -> list[Schedule]:
    tried = {outcome.schedule for outcome in tuned.outcomes}
    return [schedule for schedule in candidates if schedule not in tried]


def _may_run(outcome: Outcome, selected: Schedule) -> bool:
    return outcome.schedule == selected and outcome.status in ("spills", "serialised")


def find_chip(tool: str) -> str:
    """The architecture of the GPU that mfa-run finds; Refused, with the tool's
    reason, where there is none."""
    return mfa_run.read_report(tool, ["--target=cuda"])["chip"]


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--kind",
        choices=schedules.KINDS,
        help="only kernels of this kind (default: those that the chip has)",
    )
    add(
        "--mask",
        action="append",
        choices=MASKS,
        help="none; dense, of the type of q; padding, dense over keys only; i1 or "
        "f32, dense of that type; may be repeated (default: none, dense, padding)",
    )
    add(
        "--dim",
        action="append",
        type=int,
        choices=DIMS,
        help="elements of a head; may be repeated (default: 64, 128)",
    )
    add("--dtype", choices=("bf16", "f16", "f32"), default="bf16")
    add("--length", type=int, default=2048, help="queries and keys (default 2048)")
    add(
        "--seconds",
        type=float,
        default=90,
        help="time for a case, of one head size, mask and kind (default 90)",
    )
    add(
        "--quick",
        action="store_true",
        help="only candidates near the selected schedule",
    )
    add("--list", action="store_true", help="print the candidates; needs no GPU")
    add("--compile-only", action="store_true", help="run nothing; needs no GPU")
    add(
        "--chip",
        default="",
        help="architecture to list or compile for (default: the GPU's; without "
        "running, sm_90a)",
    )
    add("--mfa-run", default="build/bin/mfa-run", metavar="FILE", help="the tool")
    add("--ptxas", default="", metavar="FILE", help="default: of the path or of CUDA")
    add("--json", type=Path, metavar="FILE", help="all that was found, as JSON")
    parsed = parser.parse_args(arguments)
    runs = not parsed.list and not parsed.compile_only
    if parsed.chip and runs:
        parser.error("--chip goes with --list or --compile-only")
    if not 1 <= parsed.length <= 16384:
        parser.error("--length: expected 1 to 16384")
    return parsed


def find_kinds(arguments: argparse.Namespace, chip: str) -> list[str]:
    """The kinds to search; raises ValueError for one that is not there."""
    kinds = schedules.chip_kinds(chip, arguments.dtype)
    if not arguments.kind:
        return kinds
    if arguments.kind not in kinds:
        raise ValueError(f"{chip} has no {arguments.kind} kernel of {arguments.dtype}")
    return [arguments.kind]


def list_cases(arguments: argparse.Namespace) -> list[tuple[Case, str]]:
    """Sizes and masks to search, each once."""
    return [
        (schedules.make_case(dim, arguments.dtype, arguments.length), mask)
        for mask in dict.fromkeys(arguments.mask or MASKS[:3])
        for dim in dict.fromkeys(arguments.dim or DIMS[:2])
    ]


def print_candidates(kinds: list[str], cases: list[tuple[Case, str]]) -> None:
    for kind in kinds:
        for case, mask in cases:
            found = schedules.list_candidates(kind, case, mask)
            heads = ", ".join(map(str, schedules.list_adjacent_heads(case, mask)))
            print(
                f"{case}, mask {mask}, {kind}: {len(found)} candidates, the best with "
                f"adjacent heads {heads}"
            )
            for candidate in found:
                print(f"  {candidate.attribute()}")


def tune_all(arguments: argparse.Namespace, compiler: Compiler) -> list[Tuned]:
    """Searches every case, and prints the table of each when it is done."""
    runs = not arguments.compile_only
    searches = []
    for kind in find_kinds(arguments, compiler.chip):
        for case, mask in list_cases(arguments):
            selected = compiler.select(kind, case, mask)
            candidates = schedules.list_candidates(kind, case, mask)
            candidates = schedules.around(candidates, selected, case, mask)
            if arguments.quick:
                candidates = schedules.neighbours(candidates, selected)
            searches.append((case, mask, selected, candidates))
    # With the selected one, which may be none of them.
    steps = sum(len({item[2], *item[3]}) for item in searches)
    progress = Progress(steps, len(searches) * arguments.seconds)
    workers = max(1, min(8, (os.cpu_count() or 1) - 1))
    results = []
    with ThreadPoolExecutor(workers) as pool:
        search = Search(compiler, pool, workers)
        for item in searches:
            tuned = search.tune(*item, arguments.seconds, progress, runs)
            progress.finish()
            print(schedules.format_case(tuned) + "\n", flush=True)
            results.append(tuned)
            if arguments.json:
                write_json(arguments.json, compiler.chip, results)
    return results


def write_json(path: Path, chip: str, results: list[Tuned]) -> None:
    contents = {
        "device": report.describe_device("cuda"),
        "chip": chip,
        "cases": [tuned.as_json() for tuned in results],
    }
    path.write_text(json.dumps(contents, indent=1) + "\n")


def main() -> int:
    arguments = parse_arguments()
    try:
        if arguments.list:
            kinds = find_kinds(arguments, arguments.chip or "sm_90a")
            print_candidates(kinds, list_cases(arguments))
            return 0
        tool = schedules.find_tool(arguments.mfa_run)
        mfa_opt = schedules.neighbour_tool(tool, "mfa-opt")
        chip = arguments.chip or "sm_90a"
        if not arguments.compile_only:
            chip = find_chip(tool)
        ptxas = schedules.find_ptxas(arguments.ptxas)
        if not ptxas:
            if arguments.ptxas:
                raise ValueError(f"{arguments.ptxas}: no such program")
            print("without ptxas: registers are not known, spills not seen")
        compiler = Compiler(tool, mfa_opt, ptxas, chip)
        results = tune_all(arguments, compiler)
    except (Refused, ValueError) as error:
        print(f"tune.py: error: {error}", file=sys.stderr)
        return 1
    if arguments.compile_only:
        return 0
    print(schedules.format_rows(results))
    return 0 if all(tuned.best() for tuned in results) else 1


if __name__ == "__main__":
    sys.exit(main())
