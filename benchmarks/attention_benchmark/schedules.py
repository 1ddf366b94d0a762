"""Schedules of GPU kernels: candidates, what the assembler says of them, which of
them is the best, and a printed table of all that."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from . import mfa_run
from .cases import Case, Refused

KINDS = ("wgmma", "mma_sync")

# Masks that vary over queries and keys, of which a kernel has a tile.
MATRICES = ("dense", "i1", "f32")

# Rules that read arrays, of whose tiles there is a list in memory, and a mask with one.
LISTED = frozenset({"documents", "any-document", "listed"})

# Query rows that one warpgroup has: kernels with so few have no more warps.
FEW_ROWS = 64

# By how much a schedule has to beat the one of the table to take its place, in all
# measurements of both.
GAIN = 0.02

# Of a block, on the chips that have most of it.
MAX_SHARED_BYTES = 227 * 1024

# Of ptxas: products of a warpgroup wait for each other (C7510, C7514, C7515), or
# the registers of its warps stay as they are (C7508). The tests that assemble
# kernels have the same: test/Pipelines/Inputs/assemble.py and
# test/Integration/Micro/compare.py.
SERIALISED = r"C75(?:08|10|14|15)"


@dataclass(frozen=True, order=True)
class Schedule:
    """`#mfa.schedule`, as far as it is searched."""

    kind: str
    rows: int
    keys: int
    warps: int
    stages: int
    ping_pong: bool = False
    persistent: bool = False
    adjacent_heads: int = 0
    early_turns: bool = False
    row_counter: bool = False

    def __str__(self) -> str:
        text = f"{self.rows}x{self.keys}x{self.warps}x{self.stages}"
        text += " ping-pong" if self.ping_pong else ""
        text += " early" if self.early_turns else ""
        text += " persistent" if self.persistent else ""
        text += " counter" if self.row_counter else ""
        return text + (f" heads {self.adjacent_heads}" if self.adjacent_heads else "")

    def attribute(self, mask: str = "none") -> str:
        """As mfa-run takes it, for a mask."""
        parameters = {
            "kind": self.kind,
            "tile_rows": self.rows,
            "tile_keys": self.keys,
            "warps": self.warps,
            "stages": self.stages,
        }
        if self.ping_pong:
            parameters["ping_pong"] = "true"
        if self.persistent:
            parameters["persistent"] = "true"
        if self.adjacent_heads:
            parameters["adjacent_heads"] = self.adjacent_heads
        if self.early_turns:
            parameters["early_turns"] = "true"
        if self.row_counter:
            parameters["row_counter"] = "true"
        if not LISTED.isdisjoint(mask.split("+")):
            parameters["tiles"] = "list"
        text = ", ".join(f"{name} = {value}" for name, value in parameters.items())
        return f"#mfa.schedule<{text}>"

    def distance(self, other: Schedule) -> int:
        """Steps from one schedule to the other."""
        return (
            abs(self.keys - other.keys) // 16
            + abs(self.stages - other.stages)
            + (self.rows != other.rows or self.warps != other.warps)
            + (self.ping_pong != other.ping_pong)
            + (self.persistent != other.persistent)
            + (self.adjacent_heads != other.adjacent_heads)
            + (self.early_turns != other.early_turns)
            + (self.row_counter != other.row_counter)
        )

    def registers_at_least(self, dim: int) -> int:
        """Registers of a lane for its part of the f32 sums of a tile."""
        return self.rows // self.warps * (self.keys + dim) // 32

    def register_limit(self) -> int:
        """Registers of a lane: what ptxas allows, or, for wgmma, what is left to
        the warps that compute beside four that load."""
        return {4: 240, 8: 240, 12: 160}[self.warps] if self.kind == "wgmma" else 255

    def shared_bytes_at_least(self, case: Case, mask: str) -> int:
        """Bytes of the tiles of a block, without what keeps their rows apart. The
        output tile of a persistent block is another only where it fits."""
        width = 4 if case.dtype == "f32" else 2
        tiles = (self.rows + 2 * self.stages * self.keys) * case.head_dim * width
        of_mask = [part for part in mask.split("+") if part in MATRICES]
        if not of_mask:
            return tiles
        mask_width = {"i1": 1, "f32": 4}.get(of_mask[0], width)
        return tiles + self.stages * self.rows * self.keys * mask_width


def _of_kind(kind: str, queries: int) -> Iterable[Schedule]:
    flags = (False, True)
    if kind == "wgmma":
        for warps, keys, stages, ping_pong, persistent in itertools.product(
            (4,) if queries <= FEW_ROWS else (8, 12),
            range(32, 257, 16),
            range(1, 5),
            flags,
            flags,
        ):
            # One warpgroup has no turns to take.
            if warps > 4 or not ping_pong:
                sizes = (16 * warps, keys, warps, stages)
                yield Schedule(kind, *sizes, ping_pong, persistent)
        return
    for warps, rows in ((4, 64), (4, 128), (8, 128)):
        for keys in range(16, 129, 16):
            for stages in (1, 2):
                yield Schedule(kind, rows, keys, warps, stages)


def list_candidates(kind: str, case: Case, mask: str) -> list[Schedule]:
    """The schedules of a kind that may fit registers and shared memory, with all
    heads adjacent. The compiler and the assembler have the last word."""
    return [
        schedule
        for schedule in _of_kind(kind, case.seq_q)
        if schedule.registers_at_least(case.head_dim) < schedule.register_limit()
        and schedule.shared_bytes_at_least(case, mask) <= MAX_SHARED_BYTES
    ]


def list_adjacent_heads(case: Case, mask: str) -> list[int]:
    """Numbers of adjacent heads that make a difference. They share the tiles of a
    dense mask, and rows of a rule that take longest come first for so many of them;
    without either, each head for itself leaves most of the L2 cache to its keys and
    values."""
    scores = {"capped", "sloped", "capped-alibi", "biased"}
    alike = {"none", "padding", "window", *scores}
    numbers = (0, 1) if alike.issuperset(mask.split("+")) else (0, 4, 8, 16)
    return [number for number in numbers if number < case.heads]


def around(
    candidates: Iterable[Schedule], of: Schedule, case: Case, mask: str
) -> list[Schedule]:
    """The candidates with as many adjacent heads, the turns and the counter of `of`,
    and `of` with others. What is best for one size of tiles mostly is for others: a
    product of all would be several times as many."""
    alike = []
    for each in candidates:
        counter = of.row_counter and each.persistent
        same = replace(each, adjacent_heads=of.adjacent_heads, row_counter=counter)
        turns = of.early_turns and each.ping_pong
        alike.append(replace(same, early_turns=turns))
    now = of.adjacent_heads
    # As many as there are, or more, are all.
    now = now if now < case.heads else 0
    numbers = [each for each in list_adjacent_heads(case, mask) if each != now]
    others = [replace(of, adjacent_heads=number) for number in numbers]
    if of.ping_pong:
        others.append(replace(of, early_turns=not of.early_turns))
    if of.persistent:
        others.append(replace(of, row_counter=not of.row_counter))
    return list(dict.fromkeys([*alike, *others]))


# Query rows of the tiles that a launch may take instead of those of a schedule with
# more, and the length of sequences of which they are a part.
SMALL_ROWS, SHORT = 128, 256


def with_small_tiles(schedule: Schedule) -> Schedule | None:
    """The kernel of `small_tile_rows` for a schedule; None where its own tiles are as
    small."""
    if schedule.kind != "wgmma" or schedule.rows <= SMALL_ROWS:
        return None
    return replace(schedule, rows=SMALL_ROWS, warps=SMALL_ROWS // 16)


def is_listed(mask: str) -> bool:
    return not LISTED.isdisjoint(mask.split("+"))


def without_list(mask: str) -> str:
    """The same mask where its launch takes no list."""
    return "+".join(part for part in mask.split("+") if part != "listed")


def make_short_case(case: Case) -> Case:
    """As many tokens in sequences that large tiles leave a third of their rows of."""
    batch = case.batch * case.seq_q // SHORT
    return replace(case, batch=batch, seq_q=SHORT, seq_k=SHORT)


def shrink(schedule: Schedule) -> Schedule | None:
    """The next smaller tiles, as mfa-select-schedule takes them where a schedule of
    the table does not fit shared memory; None where there are none."""
    is_wgmma = schedule.kind == "wgmma"
    if is_wgmma and schedule.stages > 2:
        return replace(schedule, stages=schedule.stages - 1)
    if schedule.keys > 16:
        return replace(schedule, keys=schedule.keys - 16)
    if not is_wgmma and schedule.stages > 1:
        return replace(schedule, stages=schedule.stages - 1)
    return None


# Candidates that are near however far they are.
NEAREST = 8


def neighbours(candidates: Iterable[Schedule], of: Schedule) -> list[Schedule]:
    """Those within two steps, nearest first; where they are few, those after them:
    what the table has may not fit the case."""
    order = sorted(candidates, key=lambda each: (each.distance(of), each))
    near = sum(each.distance(of) <= 2 for each in order)
    return order[: max(near, NEAREST)]


@dataclass
class Outcome:
    """What became of a candidate. `status` is ok; refused by the compiler; spills
    or serialised, by the assembler; or wrong or failed when it ran. `registers`
    are those of a lane, `spilled` bytes of it, and both are None without ptxas."""

    schedule: Schedule
    status: str = "ok"
    reason: str = ""
    registers: int | None = None
    spilled: int | None = None
    times: list[float] = field(default_factory=list)

    @property
    def ms(self) -> float | None:
        """Of several measurements the slowest counts."""
        return max(self.times, default=None)

    def tflops(self, case: Case, mask: str) -> float | None:
        return self.ms and case.flops(mask) / self.ms / 1e9

    def as_json(self, case: Case, mask: str) -> dict:
        return asdict(self) | {"ms": self.ms, "tflops": self.tflops(case, mask)}


def find_ptxas(name: str = "") -> str | None:
    """The assembler of that name, else of the path or of the CUDA toolkit."""
    if name:
        return shutil.which(name)
    return shutil.which("ptxas") or shutil.which("/usr/local/cuda/bin/ptxas")


# Of the kernel that a schedule is for.
KERNEL = "masked_attention"


def read_assembly(ptx: str, log: str) -> tuple[int, int]:
    """Registers of a lane and spilled bytes of the schedule's own kernel, also where
    that splits keys. The others copy a mask, make lists, combine sums, or are for
    operands or sizes that it does not take."""
    names = re.findall(r"\.entry (\w+)", ptx)
    if KERNEL not in names:
        raise ValueError(f"expected a kernel '{KERNEL}' in the PTX")
    _, found, text = log.partition(f"Compiling entry function '{KERNEL}'")
    text = text.split("Compiling entry function")[0]
    registers = re.search(r"Used (\d+) registers", text)
    if not found or not registers:
        raise ValueError(f"expected registers of '{KERNEL}' in what ptxas prints")
    spilled = sum(map(int, re.findall(r"(\d+) bytes spill", text)))
    return int(registers[1]), spilled


@dataclass(frozen=True)
class Compiler:
    """mfa-run, and ptxas where there is one, for a chip."""

    mfa_run: str
    ptxas: str | None
    chip: str

    def _emit(self, stage: str, case: Case, mask: str, *options: str) -> str:
        command = [self.mfa_run, f"--emit={stage}", "--target=cuda"]
        command += [f"--chip={self.chip}", *mfa_run.problem_options(case, mask)]
        return mfa_run.call([*command, *options]).stdout

    def compile(
        self,
        schedule: Schedule,
        case: Case,
        mask: str,
        assembles: bool = True,
        options: tuple[str, ...] = (),
    ) -> Outcome:
        """What the compiler, and the assembler if it `assembles`, say of a
        schedule, with further options."""
        outcome = Outcome(schedule)
        option = f"--schedule={schedule.attribute(mask)}"
        try:
            ptx = self._emit("ptx", case, mask, option, *options)
            if not self.ptxas or not assembles:
                return outcome
            command = [self.ptxas, "-v", f"-arch={self.chip}", "-o", "/dev/null", "-"]
            log = mfa_run.call(command, ptx).stderr
            outcome.registers, outcome.spilled = read_assembly(ptx, log)
        except (Refused, ValueError) as error:
            outcome.status, outcome.reason = "refused", str(error)
            return outcome
        if outcome.spilled:
            outcome.status, outcome.reason = "spills", f"{outcome.spilled} bytes"
        elif schedule.kind == "wgmma" and (found := re.search(SERIALISED, log)):
            outcome.status, outcome.reason = "serialised", f"ptxas {found[0]}"
        return outcome


def run(tool: str, outcome: Outcome, case: Case, mask: str, lock: str) -> None:
    """Checks a candidate on the GPU and times it, when nothing else is timed by that
    lock."""
    try:
        attribute = outcome.schedule.attribute(mask)
        verdict, times = mfa_run.measure(tool, "cuda", case, mask, attribute, lock)
    except Refused as error:
        outcome.status, outcome.reason = "failed", str(error)
        return
    if not verdict.passed:
        outcome.status, outcome.reason = "wrong", f"error {verdict.error:.2g}"
        return
    outcome.times.append(times.median_ms)


# What may stay as it is in the table, be it by spilling: it ran and was right.
MEASURED = ("ok", "spills", "serialised")


def rank(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Those that may be chosen, fastest first: nothing that spills or failed."""
    good = [outcome for outcome in outcomes if outcome.status == "ok" and outcome.ms]
    return sorted(good, key=lambda outcome: (outcome.ms, outcome.schedule))


@dataclass
class SmallTiles:
    """A schedule and that of small tiles, with short sequences."""

    case: Case
    mask: str
    large: Outcome
    small: Outcome

    @property
    def are_known(self) -> bool:
        """Whether both ran, or the small ones never may."""
        return bool(self.small.ms and self.large.ms) or self.small.status != "ok"

    @property
    def are_better(self) -> bool:
        """In all measurements of both, by GAIN."""
        if not self.small.ms or not self.large.ms:
            return False
        return min(self.large.times) > (1 + GAIN) * self.small.ms

    def figures(self) -> dict:
        """What justifies `small_tile_rows`, or that there are none."""
        if not self.small.ms or not self.large.ms:
            return {}
        return {
            "small_case": f"{self.case}, {self.mask}",
            "small_tflops": round(self.small.tflops(self.case, self.mask), 1),
            "large_tflops": round(self.large.tflops(self.case, self.mask), 1),
        }


@dataclass
class Tuned:
    """What the search found for a case with a mask."""

    case: Case
    mask: str
    selected: Schedule
    outcomes: list[Outcome]
    untried: int = 0
    small: SmallTiles | None = None

    def now(self) -> Outcome | None:
        """The schedule that is selected today, if it ran."""
        for outcome in self.outcomes:
            if outcome.schedule == self.selected and outcome.ms:
                return outcome
        return None

    def best(self) -> Outcome | None:
        """The fastest of those that were measured again, if any were: not the selected
        one, if that may be chosen, unless it is faster in all measurements of both, by
        GAIN."""
        good = rank(self.outcomes)
        most = min(2, max((len(outcome.times) for outcome in good), default=0))
        best = next((x for x in good if len(x.times) >= most), None)
        now = self.now()
        if not best or not now or now.status not in MEASURED:
            return best
        return best if min(now.times) > (1 + GAIN) * best.ms else now

    def next_best(self) -> Outcome | None:
        """The fastest of the others."""
        best = self.best()
        return next((x for x in rank(self.outcomes) if x is not best), None)

    def gain(self) -> float | None:
        """By how much the best beats the selected one: 0.1 for a tenth."""
        now, best = self.now(), self.best()
        return now.ms / best.ms - 1 if now and best else None

    def figures(self) -> dict | None:
        """What justifies the best, as the table of schedules has it."""
        best, other = self.best(), self.next_best()
        if not best:
            return None
        small = self.small.figures() if self.small else {}
        figures = {
            "case": f"{self.case}, {self.mask}",
            "tflops": round(best.tflops(self.case, self.mask), 1),
        }
        if other:
            figures["next"] = str(other.schedule)
            rate = other.tflops(self.case, self.mask)
            figures["next_tflops"] = round(rate, 1)
        return figures | small

    def as_json(self) -> dict:
        best = self.best()
        return {
            "case": asdict(self.case) | {"name": str(self.case)},
            "mask": self.mask,
            "selected": asdict(self.selected),
            "best": best and asdict(best.schedule),
            "gain": self.gain(),
            "untried": self.untried,
            "candidates": [x.as_json(self.case, self.mask) for x in self.outcomes],
        }


def format_case(tuned: Tuned) -> str:
    """A table of a case: the fastest first, then what cannot be chosen, why."""
    kind, case, mask = tuned.selected.kind, tuned.case, tuned.mask
    lines = [
        f"{case}, mask {mask}, {kind}: rows x keys x warps x stages",
        f"{'candidate':44}{'registers':>9}{'spills':>8}{'TFLOP/s':>9}",
    ]
    good = rank(tuned.outcomes)
    others = [outcome for outcome in tuned.outcomes if outcome not in good]
    for outcome in [*good, *sorted(others, key=lambda x: (x.status, x.schedule))]:
        registers = "" if outcome.registers is None else outcome.registers
        spilled = "" if outcome.spilled is None else outcome.spilled
        rate = outcome.tflops(case, mask)
        rate = f"{rate:.1f}" if rate else ""
        note = "selected now" if outcome.schedule == tuned.selected else ""
        if outcome.status != "ok":
            reason = f"{outcome.status}: {outcome.reason}"
            note = f"{note}; {reason}" if note else reason
        line = f"{str(outcome.schedule):44}{registers:>9}{spilled:>8}{rate:>9}"
        lines.append(f"{line}  {note}".rstrip())
    if tuned.untried:
        lines.append(f"{tuned.untried} candidates not tried: the time was over")
    return "\n".join(lines)


def make_case(dim: int, dtype: str, length: int) -> Case:
    """16384 tokens of 2048 / dim heads, in sequences of `length`: enough blocks for
    any GPU, and as many operations for each head size."""
    heads = 2048 // dim
    return Case(max(16384 // length, 1), heads, heads, length, length, dim, dtype)


def find_tool(name: str) -> str:
    """The program of that name; raises ValueError where there is none."""
    if found := shutil.which(name):
        return found
    raise ValueError(f"{name}: no such program; build it or name it")


def chip_kinds(chip: str) -> list[str]:
    """The kinds of kernel that a chip has."""
    return list(KINDS) if chip == "sm_90a" else ["mma_sync"]


def neighbour_tool(tool: str, name: str) -> str:
    """The program `name` in the folder of another."""
    return find_tool(str(Path(tool).parent / name))


def find_assembler_version(ptxas: str) -> str:
    """As "13.0", or "" where it does not say."""
    found = re.search(r"release ([\d.]+)", mfa_run.call([ptxas, "--version"]).stdout)
    return found[1] if found else ""
