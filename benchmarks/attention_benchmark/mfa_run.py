"""The tool mfa-run: the options of a problem, and what it prints of one."""

from __future__ import annotations

import json
import math
import subprocess
import tempfile
from pathlib import Path

from . import rules
from .cases import Case, Refused
from .check import Verdict
from .timing import Times

# Of a run that hangs.
TIMEOUT_S = 120


def problem_options(case: Case, mask: str) -> list[str]:
    """Options that describe a case with a mask: one of cases.MASKS; "i1" or "f32"
    for a dense one of that type; a rule of rules.TOOL_RULES; or several, joined by
    "+"."""
    options = {
        "dtype": case.dtype,
        "batch": case.batch,
        "heads": case.heads,
        "kv-heads": case.kv_heads,
        "seq-q": case.seq_q,
        "seq-k": case.seq_k,
        "head-dim": case.head_dim,
        "mask": "none",
    }
    for part in mask.split("+"):
        if part in rules.POINTWISE:
            raise Refused("it takes no functions but those that it has")
        if part in rules.RULES or part in rules.TOOL_RULES:
            options |= rules.for_mfa_run(case, part)
        elif part != "none":
            options["mask"] = "dense"
        if part == "padding":
            options |= {"mask-fill": "padding"}
            options |= {"mask-shape": f"{case.batch},1,{case.seq_k}"}
        elif part in ("i1", "f32"):
            options |= {"mask-dtype": part}
        elif part == "queries":
            options |= {"mask-shape": f"{case.batch},{case.seq_q},1"}
    return [f"--{name}={value}" for name, value in options.items()]


def call(command: list[str], text: str | None = None) -> subprocess.CompletedProcess:
    """Runs a program on a text; Refused with its first error where it fails."""
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"no result in {TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise Refused(first_error(done))
    return done


def first_error(done: subprocess.CompletedProcess) -> str:
    """The first line of what a program that failed printed, without what stands
    before the message of a diagnostic."""
    text = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
    return text.split("\n")[0].split(" error: ", 1)[-1]


def read_report(tool: str, options: list[str]) -> dict:
    """What the tool reports as JSON of a run, whether or not its check passed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        try:
            call([tool, "--json", str(path), *options])
        except Refused:
            if not path.exists():
                raise
        return json.loads(path.read_text())


def _read_verdict(report: dict) -> Verdict:
    checked = report["check"]
    # JSON has no NaN.
    error = checked["max_abs_err"]
    verdict = Verdict(math.nan if error is None else error, checked["tolerance"])
    if not checked["pass"]:
        verdict.tolerance = -1.0
    return verdict


def _read_times(report: dict, target: str) -> Times:
    timed = report["bench"]
    median, method = timed["median_ms"], "events" if target == "cuda" else "host"
    return Times(median, median, timed.get("runs", 0), method)


def check(tool: str, target: str, case: Case, mask: str) -> Verdict:
    """The tool's own check of a problem."""
    options = [f"--target={target}", *problem_options(case, mask)]
    return _read_verdict(read_report(tool, ["--check", *options]))


def time(tool: str, target: str, case: Case, mask: str) -> Times:
    """The times of a problem, which the tool takes as long for as it wants."""
    options = [f"--target={target}", *problem_options(case, mask)]
    return _read_times(read_report(tool, ["--bench", *options]), target)


def measure(
    tool: str, target: str, case: Case, mask: str, schedule: str, lock: str
) -> tuple[Verdict, Times]:
    """Check and times of a problem by a schedule, in one run. Of the runs with the
    same lock, a file, one at a time measures."""
    options = [f"--target={target}", *problem_options(case, mask)]
    options += ["--check", "--bench", f"--bench-lock={lock}", f"--schedule={schedule}"]
    report = read_report(tool, options)
    return _read_verdict(report), _read_times(report, target)
