#!/usr/bin/env python3
"""Searches the schedules of the GPU kernels, and writes the table that
mfa-select-schedule reads (docs/schedules.md).

For each row of a table, the one that is built in if no other is given, there is a
case: sizes, mask, rule and score that the row is for. Candidates are compiled by
mfa-run, assembled by ptxas where it is found, compared with f64, and timed: median of
device events, sizes fixed. The search starts at the row's schedule and goes on from the
best so far, for which other numbers of adjacent heads are tried; the best two and the
row's own are measured twice, and the slower measurement counts. A row changes where
another schedule is faster by more than 2 % in all measurements of both, and has
registers for other ops of the row as well: open sizes, another mask, score or type. A
row that names several scores is searched for each, and becomes several where the best
schedules differ. A candidate that spills registers, or whose check fails, is shown but
never chosen. What is chosen with tiles of more than 128 rows is timed with short
sequences beside tiles of 128, which launches may take instead where these are faster.
Several rows are searched at a time, but one candidate at a time is timed. Rates are
TFLOP/s of 4 B H S S D operations, of the pairs that a rule keeps.

    benchmarks/tune.py --write schedules.json
    benchmarks/tune.py [--quick] [--kind wgmma] [--mask none] [--dim 128]

mfa-run needs mfa-opt beside it, which reads what is written. --list prints the
candidates and --compile-only compiles them: neither needs a GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from attention_benchmark import mfa_run, report, schedules, table  # noqa: E402
from attention_benchmark.cases import Case, Refused  # noqa: E402
from attention_benchmark.progress import Progress  # noqa: E402
from attention_benchmark.schedules import (  # noqa: E402
    Compiler,
    Outcome,
    Schedule,
    SmallTiles,
    Tuned,
)
from attention_benchmark.table import Row, Table  # noqa: E402

# Measured a second time, beside the row's own schedule.
FINALISTS = 2
# Rows that are searched at a time, if there are as many processors for each.
MOST_ROWS, PROCESSORS_OF_ROW = 4, 4


@dataclass
class Target:
    """A row to be measured, and by what."""

    row: Row
    kind: str
    case: Case
    mask: str
    # Other ops of the row, which are not timed.
    others: list[tuple[Case, str]]

    def __str__(self) -> str:
        return f"{self.row}: {self.case}, {self.mask}"

    @property
    def selected(self) -> Schedule:
        return self.row.schedule_of(self.kind)

    def list_candidates(self, quick: bool) -> list[Schedule]:
        found = schedules.list_candidates(self.kind, self.case, self.mask)
        found = schedules.around(found, self.selected, self.case, self.mask)
        return schedules.neighbours(found, self.selected) if quick else found


class Search:
    """Candidates of a case in the order of their distance from the best so far, with
    as many adjacent heads, beside it with other numbers. As many as there are workers
    are compiled and run at a time, of which one is timed."""

    def __init__(
        self,
        compiler: Compiler,
        pool: ThreadPoolExecutor,
        workers: int,
        lock: str,
        progress: Progress,
        runs: bool = True,
    ):
        self.compiler, self.pool, self.workers = compiler, pool, workers
        self.lock, self.progress, self.runs = lock, progress, runs
        self.printing = threading.Lock()

    def tune(self, target: Target, candidates: list[Schedule], seconds: float) -> Tuned:
        """Searches for about `seconds`, the second measurements included."""
        end = time.monotonic() + seconds
        selected = center = self._fit(target)
        left = list(dict.fromkeys([selected, *candidates]))
        tuned = Tuned(target.case, target.mask, selected, [])
        flying: dict[Future[tuple[Outcome, float]], float] = {}
        tried: set[Schedule] = set()
        # What a candidate takes, and what its run does, of which there is another.
        longest = longest_run = 0.0
        while True:
            left.sort(key=lambda schedule: (schedule.distance(center), schedule))
            while left and len(flying) < self.workers:
                if tried and time.monotonic() + longest + longest_run > end:
                    break
                schedule = left.pop(0)
                tried.add(schedule)
                with self.printing:
                    self.progress.step(f"{target}, {schedule}")
                future = self.pool.submit(self._try, target, schedule, selected)
                flying[future] = time.monotonic()
            if not flying:
                break
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                longest = max(longest, time.monotonic() - flying.pop(future))
                outcome, run_s = future.result()
                longest_run = max(longest_run, run_s)
                tuned.outcomes.append(outcome)
            ranked = schedules.rank(tuned.outcomes)
            if ranked and ranked[0].schedule != center:
                center = ranked[0].schedule
                known = len(left)
                spread = schedules.around(left, center, target.case, target.mask)
                left = [schedule for schedule in spread if schedule not in tried]
                self._drop(known - len(left))
        tuned.untried = len(left)
        self._drop(len(left))
        if self.runs:
            self._measure_again(tuned)
            self._choose_for_all(target, tuned)
            tuned.small = self._try_small_tiles(target, tuned.best())
        return tuned

    def _try_small_tiles(
        self, target: Target, best: Outcome | None
    ) -> SmallTiles | None:
        """Times a schedule with short sequences beside its small tiles, if it may have
        such, which have registers for all ops of the row. A launch that visits the
        tiles of a list has large ones."""
        small = schedules.with_small_tiles(best.schedule) if best else None
        mask = schedules.without_list(target.mask)
        if not small or schedules.is_listed(mask):
            return None
        case = schedules.make_short_case(target.case)
        outcomes = [
            self.compiler.compile(schedule, case, mask)
            for schedule in (best.schedule, small)
        ]
        others = [(of, schedules.without_list(kind)) for of, kind in target.others]
        others = [each for each in others if not schedules.is_listed(each[1])]
        if reason := self._find_spills(replace(target, others=others), small):
            outcomes[1].status, outcomes[1].reason = "spills", reason
        if all(outcome.status == "ok" for outcome in outcomes):
            for outcome in outcomes * FINALISTS:
                self._run(outcome, case, mask)
        return SmallTiles(case, mask, *outcomes)

    def _choose_for_all(self, target: Target, tuned: Tuned) -> None:
        """Has no schedule chosen in the place of the row's own that spills for
        another op of the row."""
        best = tuned.best()
        while best and best.schedule != tuned.selected:
            reason = self._find_spills(target, best.schedule)
            if not reason:
                return
            best.status, best.reason = "spills", reason
            self._measure_again(tuned)
            best = tuned.best()

    def _find_spills(self, target: Target, schedule: Schedule) -> str:
        """What spills, and how much, or nothing."""
        runs = [
            (case, mask, options)
            for case, mask in target.others
            for options in ((), ("--dynamic",))
        ]
        outcomes = [
            self.pool.submit(self.compiler.compile, schedule, case, mask, True, options)
            for case, mask, options in runs
        ]
        for (case, mask, options), future in zip(runs, outcomes, strict=True):
            outcome = future.result()
            if outcome.status in ("spills", "serialised"):
                sizes = " of open sizes" if options else ""
                return f"{outcome.reason} in {case}, {mask}{sizes}"
        return ""

    def _fit(self, target: Target) -> Schedule:
        """The row's schedule as it is selected for the case."""
        schedule = target.selected
        while smaller := schedules.shrink(schedule):
            outcome = self.compiler.compile(schedule, target.case, target.mask, False)
            if outcome.status != "refused" or "fits" not in outcome.reason:
                return schedule
            schedule = smaller
        return schedule

    def _try(
        self, target: Target, schedule: Schedule, selected: Schedule
    ) -> tuple[Outcome, float]:
        outcome = self.compiler.compile(schedule, target.case, target.mask)
        begin = time.monotonic()
        # The row's own is the measure of the others, even where it spills.
        if outcome.status == "ok" or (
            schedule == selected and outcome.status in schedules.MEASURED
        ):
            self._run(outcome, target.case, target.mask)
        return outcome, time.monotonic() - begin

    def _run(self, outcome: Outcome, case: Case, mask: str) -> None:
        if self.runs:
            schedules.run(self.compiler.mfa_run, outcome, case, mask, self.lock)

    def _measure_again(self, tuned: Tuned) -> None:
        again = schedules.rank(tuned.outcomes)[:FINALISTS]
        now = tuned.now()
        if now and now not in again:
            again.append(now)
        if len(again) > 1 or again == [now]:
            futures = [
                self.pool.submit(self._run, outcome, tuned.case, tuned.mask)
                for outcome in again
                if len(outcome.times) < 2
            ]
            for future in futures:
                future.result()

    def _drop(self, steps: int) -> None:
        with self.printing:
            self.progress.drop(steps)


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
        "--table",
        type=Path,
        default=table.BUILTIN,
        metavar="FILE",
        help="the table whose rows are measured (default: the one that is built in)",
    )
    add(
        "--write",
        type=Path,
        metavar="FILE",
        help="write the table with what was found; it may be that of --table",
    )
    add("--kind", choices=schedules.KINDS, help="only rows of kernels of this kind")
    for name in ("mask", "rule", "score", "elements"):
        add(
            f"--{name}",
            action="append",
            choices=table.FIELDS[name],
            help=f"only rows measured with this {name}; may be repeated",
        )
    add(
        "--dim",
        action="append",
        type=int,
        help="only rows for heads of up to so many elements; may be repeated",
    )
    add("--dtype", choices=("bf16", "f16"), default="bf16", help="of rows of 16 bits")
    add("--length", type=int, default=2048, help="queries and keys (default 2048)")
    add(
        "--seconds",
        type=float,
        default=90,
        help="time for a row: all of them take as many times that (default 90)",
    )
    add("--quick", action="store_true", help="only candidates near the row's schedule")
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
    if parsed.write and not runs:
        parser.error("--write does not go with --list or --compile-only")
    if not 1 <= parsed.length <= 16384:
        parser.error("--length: expected 1 to 16384")
    return parsed


def list_targets(arguments: argparse.Namespace, rows: Table, chip: str) -> list[Target]:
    """The rows that are asked for, of kernels that the chip has; the table has one
    for each score of a row then."""
    targets = []
    rows.split()
    for row in rows.rows:
        op = rows.op_of(row)
        if op is None:
            raise ValueError(f"{arguments.table}: no op has row {row}")
        asked = (
            (op["kernel"], [arguments.kind] if arguments.kind else None),
            (op["mask"], arguments.mask),
            (op["rule"], arguments.rule),
            (op["score"], arguments.score),
            (op["elements"], arguments.elements),
            (row.head_dim, arguments.dim),
        )
        if any(wanted and value not in wanted for value, wanted in asked):
            continue
        if op["kernel"] in schedules.chip_kinds(chip):
            case, mask = table.make_row_case(
                op, row.head_dim, arguments.dtype, arguments.length
            )
            others = table.list_other_cases(
                rows, row, arguments.dtype, arguments.length
            )
            targets.append(Target(row, op["kernel"], case, mask, others))
    if not targets:
        raise ValueError(f"{arguments.table}: no such row is for {chip}")
    return targets


def print_candidates(targets: list[Target], quick: bool) -> None:
    for target in targets:
        found = target.list_candidates(quick)
        print(f"{target}: {len(found)} candidates")
        for candidate in found:
            print(f"  {candidate.attribute(target.mask)}")


def tune_all(
    arguments: argparse.Namespace,
    compiler: Compiler,
    rows: Table,
    targets: list[Target],
) -> list[Tuned]:
    """Searches for every row, and prints and writes what was found when it is done:
    a search that ends early leaves the rows so far."""
    runs = not arguments.compile_only
    candidates = [target.list_candidates(arguments.quick) for target in targets]
    # With the row's own, which may be none of them.
    steps = sum(
        len({target.selected, *found})
        for target, found in zip(targets, candidates, strict=True)
    )
    progress = Progress(steps, len(targets) * arguments.seconds)
    processors = max(1, (os.cpu_count() or 1) - 1)
    at_a_time = max(1, min(MOST_ROWS, processors // PROCESSORS_OF_ROW))
    results: list[Tuned] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(processors) as pool,
        ThreadPoolExecutor(at_a_time) as row_pool,
    ):
        lock = str(Path(folder) / "lock")
        search = Search(
            compiler, pool, max(1, processors // at_a_time), lock, progress, runs
        )
        searches = [
            row_pool.submit(search.tune, target, found, at_a_time * arguments.seconds)
            for target, found in zip(targets, candidates, strict=True)
        ]
        for target, done in zip(targets, searches, strict=True):
            tuned = done.result()
            progress.finish()
            print(f"{target.row}\n{schedules.format_case(tuned)}\n", flush=True)
            results.append(tuned)
            if arguments.json:
                write_json(arguments.json, compiler.chip, results)
            if arguments.write:
                apply(target, tuned)
                write_whole(arguments.write, str(rows.joined()))
    return results


def write_whole(path: Path, text: str) -> None:
    """Nobody who reads the file at the same time sees a part of it."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    os.replace(new, path)


def apply(target: Target, tuned: Tuned) -> None:
    """Changes a row to what was found; it has no figures where nothing ran. If that
    is the row's own, made smaller, it stays as it is for smaller heads; so do its
    small tiles where nothing says what they bring."""
    target.row.measured = tuned.figures()
    best = tuned.best()
    if not best:
        return
    chosen = best.schedule
    if chosen == tuned.selected:
        chosen = target.selected
    small_rows = target.row.schedule.get(table.SMALL, 0)
    if chosen != target.selected or (tuned.small and tuned.small.are_known):
        are_better = tuned.small and tuned.small.are_better
        small_rows = schedules.SMALL_ROWS if are_better else 0
    target.row.set_schedule(chosen, small_rows)


def write_json(path: Path, chip: str, results: list[Tuned]) -> None:
    contents = {
        "device": report.describe_device("cuda"),
        "chip": chip,
        "cases": [tuned.as_json() for tuned in results],
    }
    path.write_text(json.dumps(contents, indent=1) + "\n")


def describe_machine(ptxas: str | None) -> dict[str, str]:
    found = report.query_gpu("name,driver_version")
    machine = {
        "device": found.get("name", ""),
        "driver": found.get("driver_version", ""),
        "assembler": schedules.find_assembler_version(ptxas) if ptxas else "",
    }
    return {name: text for name, text in machine.items() if text}


def check_table(path: Path, mfa_opt: str) -> None:
    """Whether the compiler reads what was written."""
    option = f"--mfa-select-schedule=schedules={path}"
    try:
        mfa_run.call([mfa_opt, option], "module {}")
    except Refused as error:
        raise ValueError(f"{path}: written, but not read: {error}") from None


def print_summary(targets: list[Target], results: list[Tuned]) -> int:
    """What rows become, and how many could not be measured."""
    missing = []
    for target, tuned in zip(targets, results, strict=True):
        best = tuned.best()
        if not best:
            missing.append(f"tune.py: error: not measured: {target}")
            continue
        rate = f"{best.tflops(tuned.case, tuned.mask):.1f} TFLOP/s"
        if best.schedule == tuned.selected:
            print(f"{target.row}: as it is, {rate}")
        elif not tuned.now():
            print(
                f"{target.row}: {best.schedule}, {rate}; {tuned.selected} did not run"
            )
        else:
            gain = f"{tuned.gain():+.1%} to {tuned.selected}"
            print(f"{target.row}: {best.schedule}, {rate}, {gain}")
    print("\n".join(missing), end="\n" if missing else "", file=sys.stderr)
    return len(missing)


def main() -> int:
    arguments = parse_arguments()
    try:
        rows = table.read(arguments.table)
        if arguments.list:
            targets = list_targets(arguments, rows, arguments.chip or "sm_90a")
            print_candidates(targets, arguments.quick)
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
        targets = list_targets(arguments, rows, chip)
        if arguments.write:
            machine = describe_machine(ptxas)
            if rows.machine != machine:
                # Figures of other rows are of another machine.
                for row in rows.rows:
                    row.measured = None
            rows.machine = machine
        results = tune_all(arguments, Compiler(tool, ptxas, chip), rows, targets)
        if arguments.compile_only:
            return 0
        missing = print_summary(targets, results)
        if arguments.write:
            check_table(arguments.write, mfa_opt)
    except (Refused, ValueError, OSError) as error:
        print(f"tune.py: error: {error}", file=sys.stderr)
        return 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
