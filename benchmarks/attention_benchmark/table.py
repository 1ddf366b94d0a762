"""The table of schedules that mfa-select-schedule reads (docs/schedules.md): rows,
the first of which that an op matches counts."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from .cases import Case
from .schedules import Schedule, make_case

# What rows say of ops, and its values in the order in which a case is looked for;
# as lib/Dialect/MFA/Transforms/ScheduleTable.cpp has them.
FIELDS = {
    "kernel": ("wgmma", "mma_sync"),
    "elements": ("16-bit", "f32"),
    "queries": ("many", "few"),
    "mask": ("none", "matrix", "keys", "queries", "scalar"),
    "mask_elements": ("16-bit", "i1", "f32"),
    "rule": ("none", "uneven", "even", "list", "mask-list"),
    "score": ("none", "short", "long"),
}

# Parameters of a schedule by their names in the table.
PARAMETERS = {
    "tile_rows": "rows",
    "tile_keys": "keys",
    "warps": "warps",
    "stages": "stages",
    "ping_pong": "ping_pong",
    "persistent": "persistent",
    "row_counter": "row_counter",
    "adjacent_heads": "adjacent_heads",
    "early_turns": "early_turns",
}
# What a launch may take instead of `tile_rows`: measured for itself.
SMALL = "small_tile_rows"

BUILTIN = Path(__file__).parents[2] / "lib/Dialect/MFA/Transforms/Schedules.json"


@dataclass
class Row:
    """Of the fields, those that it names; and for heads of up to how many elements."""

    fields: dict[str, str | list[str]]
    head_dim: int
    schedule: dict[str, int | bool]
    measured: dict | None = None
    # The row that it was made from by Table.split.
    part_of: Row | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        said = (
            f"{name} {value if isinstance(value, str) else '/'.join(value)}"
            for name, value in self.fields.items()
        )
        return ", ".join([*said, f"heads up to {self.head_dim}"])

    def matches(self, op: dict[str, str], head_dim: int) -> bool:
        if head_dim > self.head_dim:
            return False
        for name, values in self.fields.items():
            if name == "mask_elements" and op["mask"] == "none":
                continue
            if op[name] not in ([values] if isinstance(values, str) else values):
                return False
        return True

    def schedule_of(self, kernel: str) -> Schedule:
        return Schedule(
            kernel,
            **{PARAMETERS[n]: v for n, v in self.schedule.items() if n != SMALL},
        )

    def set_schedule(self, schedule: Schedule, small_rows: int = 0) -> None:
        """Of what is as it is by default nothing is said."""
        defaults = Schedule(schedule.kind, 0, 0, 0, 0)
        self.schedule = {
            name: getattr(schedule, own)
            for name, own in PARAMETERS.items()
            if getattr(schedule, own) != getattr(defaults, own)
        }
        if small_rows:
            self.schedule[SMALL] = small_rows

    def as_json(self) -> str:
        row = {
            **self.fields,
            "head_dim": self.head_dim,
            "schedule": self.schedule,
            "measured": self.measured,
        }
        return json.dumps(row)


@dataclass
class Table:
    """All rows, and on what they were measured."""

    rows: list[Row]
    machine: dict[str, str] = field(default_factory=dict)

    def find(self, op: dict[str, str], head_dim: int) -> Row | None:
        """The row that counts."""
        return next((row for row in self.rows if row.matches(op, head_dim)), None)

    def op_of(self, row: Row) -> dict[str, str] | None:
        """A kind of op for which the row counts, None where there is none."""
        return next(self.ops_of(row), None)

    def ops_of(self, row: Row) -> Iterator[dict[str, str]]:
        """All of them."""
        dim = row.head_dim
        kinds = (op for op in _all_kinds() if row.matches(op, dim))
        return (op for op in kinds if self.find(op, dim) is row)

    def split(self) -> None:
        """Puts in the place of each row that names several scores one for each of
        them that it counts for: the first with its figures."""
        rows = []
        for row in self.rows:
            named = row.fields.get("score")
            scores = []
            if isinstance(named, list):
                found = {op["score"] for op in self.ops_of(row)}
                scores = [score for score in named if score in found]
            if len(scores) < 2:
                rows.append(row)
                continue
            for i, score in enumerate(scores):
                fields = row.fields | {"score": score}
                measured = None if i else row.measured
                schedule = dict(row.schedule)
                rows.append(Row(fields, row.head_dim, schedule, measured, row))
        self.rows = rows

    def joined(self) -> Table:
        """With the parts of a row as one again where their schedules are the same."""
        rows: list[Row] = []
        for row in self.rows:
            last = rows[-1] if rows else None
            if not last or not row.part_of or last.part_of is not row.part_of:
                rows.append(row)
            elif last.schedule != row.schedule:
                rows.append(row)
            else:
                scores = last.fields["score"]
                scores = [scores] if isinstance(scores, str) else scores
                fields = last.fields | {"score": [*scores, row.fields["score"]]}
                measured = last.measured or row.measured
                rows[-1] = replace(last, fields=fields, measured=measured)
        return Table(rows, self.machine)

    def __str__(self) -> str:
        """A row a line."""
        machine = "".join(
            f"{json.dumps(name)}: {json.dumps(text)},\n"
            for name, text in self.machine.items()
        )
        rows = ",\n".join(row.as_json() for row in self.rows)
        return f'{{\n{machine}"rows": [\n{rows}\n]\n}}\n'


def _all_kinds() -> Iterator[dict[str, str]]:
    """Those that there are, as the compiler has them."""
    for values in itertools.product(*FIELDS.values()):
        op = dict(zip(FIELDS, values, strict=True))
        if op["kernel"] == "wgmma" and op["elements"] == "f32":
            continue
        if op["mask"] == "none" and op["mask_elements"] != "16-bit":
            continue
        of_mask = op["mask"], op["score"]
        if op["rule"] == "mask-list" and of_mask != ("matrix", "none"):
            continue
        yield op


# Of few queries one, which has more than one key by these rules.
_MANY = {
    "uneven": "causal",
    "even": "window",
    "list": "documents",
    "mask-list": "listed",
}
_FEW = _MANY | {"uneven": "causal-end", "even": "strided", "list": "any-document"}
_DENSE = {"16-bit": "dense", "i1": "i1", "f32": "f32"}
# Those of each kind of score: the first is timed.
_SCORES = {"short": ("capped",), "long": ("biased", "sloped", "capped-alibi")}
_VECTORS = {"keys": "padding", "queries": "queries", "scalar": "queries"}


def make_row_case(
    op: dict[str, str], head_dim: int, dtype: str, length: int
) -> tuple[Case, str]:
    """What a kind of op is measured by: sizes, and the mask as mfa_run takes it."""
    dtype = "f32" if op["elements"] == "f32" else dtype
    few = op["queries"] == "few"
    parts = []
    if op["mask"] != "none":
        parts.append(_VECTORS.get(op["mask"]) or _DENSE[op["mask_elements"]])
    if op["rule"] != "none":
        parts.append((_FEW if few else _MANY)[op["rule"]])
    if op["score"] != "none":
        parts.append(_SCORES[op["score"]][0])
    case = make_case(head_dim, dtype, length)
    if few:
        # As many blocks as a large GPU has multiprocessors.
        case = Case(16, 32, 8, 1, 2 * length, head_dim, dtype)
    return case, "+".join(parts) or "none"


def list_other_cases(
    table: Table, row: Row, dtype: str, length: int
) -> list[tuple[Case, str]]:
    """Ops for which the row counts, of which the schedule must spill none: that of the
    row's case, another value of each field, the other type of 16 bits, other scores."""
    first = table.op_of(row)
    cases = [make_row_case(first, row.head_dim, dtype, length)]
    if first["elements"] == "16-bit":
        other = "f16" if dtype == "bf16" else "bf16"
        cases.append(make_row_case(first, row.head_dim, other, length))
    for op in table.ops_of(row):
        if sum(op[name] != first[name] for name in FIELDS) == 1:
            cases.append(make_row_case(op, row.head_dim, dtype, length))
    for case, mask in list(cases):
        for timed, *others in _SCORES.values():
            if timed in mask.split("+"):
                cases += [(case, mask.replace(timed, each)) for each in others]
    return list(dict.fromkeys(cases))


def read(path: Path) -> Table:
    """Reads a table that the compiler reads; raises ValueError for another file."""
    try:
        contents = json.loads(path.read_text())
        rows = [
            Row(
                {name: row[name] for name in FIELDS if name in row},
                row["head_dim"],
                row["schedule"],
                row["measured"],
            )
            for row in contents.pop("rows")
        ]
        for i, row in enumerate(rows):
            _check_row(row, f"rows[{i}]")
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: expected a table of schedules: {error}") from None
    return Table(rows, contents)


def _check_row(row: Row, where: str) -> None:
    """The compiler checks all of a row; what is looked at here is needed here."""
    if type(row.head_dim) is not int or not 1 <= row.head_dim <= 256:
        raise ValueError(f"{where}.head_dim: expected 1 to 256 but got {row.head_dim}")
    unknown = row.schedule.keys() - PARAMETERS.keys() - {SMALL}
    missing = {"tile_rows", "tile_keys", "warps", "stages"} - row.schedule.keys()
    if unknown or missing:
        what = f"no {min(unknown)}" if unknown else min(missing)
        raise ValueError(f"{where}.schedule: expected {what}")
