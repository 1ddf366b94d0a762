"""What was measured, as tables, JSON and a plot."""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from .cases import MASKS, Case

OURS = ("MFA", "mfa-run")
# And what is no peer either.
OWN = (*OURS, "MFA dense")


@dataclass
class Row:
    """A peer on a case with one mask. `status` is ok, absent, refused or wrong;
    `ms` the median of all rounds, `round_ms` that of each."""

    case: Case
    mask: str
    peer: str
    status: str
    reason: str = ""
    ms: float | None = None
    min_ms: float | None = None
    round_ms: list[float] = field(default_factory=list)
    runs: int = 0
    method: str = ""
    error: float | None = None
    tolerance: float | None = None
    sm_mhz: int | None = None

    @property
    def tflops(self) -> float | None:
        return self.ms and self.case.flops(self.mask) / self.ms / 1e9

    @property
    def gbs(self) -> float | None:
        return self.ms and self.case.kv_bytes() / self.ms / 1e6

    @property
    def rate(self) -> float | None:
        """GB/s of keys and values for decoding, else TFLOP/s."""
        return self.gbs if self.case.is_decode else self.tflops

    def as_json(self) -> dict:
        row = asdict(self) | {"name": str(self.case)}
        return row | {"tflops": self.tflops, "gbs": self.gbs}


@dataclass
class FirstCall:
    """Seconds from a Python call on a new configuration to its result, in a
    process that has used the GPU but not compiled anything."""

    peer: str
    seconds: float | None
    cached_seconds: float | None = None
    reason: str = ""


@dataclass
class Report:
    device: str
    versions: dict
    ceiling_tflops: float | None = None
    copy_tbs: float | None = None
    clocks: dict = field(default_factory=dict)
    notes: dict = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    first_calls: list[FirstCall] = field(default_factory=list)

    def write_json(self, path: Path) -> None:
        contents = asdict(self) | {"rows": [row.as_json() for row in self.rows]}
        path.write_text(json.dumps(contents, indent=1) + "\n")

    @classmethod
    def read_json(cls, path: Path) -> Report:
        """A report that write_json wrote. ValueError where the file has none."""
        try:
            contents = json.loads(path.read_text())
            rows = []
            for row in contents.pop("rows"):
                kept = {each.name for each in fields(Row)}
                row = {name: value for name, value in row.items() if name in kept}
                case = row.pop("case")
                case["masks"] = tuple(case["masks"])
                rows.append(Row(Case(**case), **row))
            calls = [FirstCall(**call) for call in contents.pop("first_calls")]
            return cls(**contents, rows=rows, first_calls=calls)
        except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"{path}: expected a report of --json but got "
                f"{type(error).__name__}: {error}"
            ) from error

    def merge(self, other: Report) -> None:
        """Adds what another run on this device measured; of cases that both have,
        this one's rows stay. ValueError where it was another device."""
        if other.device != self.device:
            raise ValueError(
                f"expected reports of {self.device} but got one of {other.device}"
            )
        known = {(row.case, row.mask) for row in self.rows}
        self.rows += [row for row in other.rows if (row.case, row.mask) not in known]
        self.versions |= other.versions
        self.notes |= other.notes
        self.first_calls = self.first_calls or other.first_calls


def query_gpu(fields: str) -> dict:
    """Values of nvidia-smi's fields; empty where it does not answer."""
    command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    if done.returncode != 0:
        return {}
    values = done.stdout.strip().split("\n")[0].split(", ")
    return dict(zip(fields.split(","), values))


def describe_device(device: str) -> str:
    if device == "cpu":
        return f"CPU: {platform.processor() or platform.machine()}"
    found = query_gpu("name,driver_version")
    return f"{found.get('name', 'GPU')}, driver {found.get('driver_version', '?')}"


def sm_clock() -> int | None:
    value = query_gpu("clocks.sm").get("clocks.sm", "")
    return int(value) if value.isdigit() else None


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    if row.status != "ok":
        return row.status
    return f"{row.rate:.0f}" if row.rate >= 10 else f"{row.rate:.3g}"


def _ratio(rows: dict[str, Row]) -> str:
    """Our rate over the best of the others."""
    ours = [row.rate for name in OURS if (row := rows.get(name)) and row.rate]
    others = [row.rate for row in rows.values() if row.peer not in OWN and row.rate]
    return f"{max(ours) / max(others):.2f}" if ours and others else ""


def format_table(report: Report) -> str:
    """Rates in Markdown, a line for each case and mask; below it, the reason of
    every cell that is no number."""
    measured = {row.peer for row in report.rows if row.status != "absent"}
    peers = list(dict.fromkeys(row.peer for row in report.rows if row.peer in measured))
    lines = [
        "| case | mask | " + " | ".join([*peers, "ratio to best peer"]) + " |",
        "|---" * (len(peers) + 3) + "|",
    ]
    groups: dict[tuple, dict[str, Row]] = {}
    for row in report.rows:
        groups.setdefault((row.case, row.mask), {})[row.peer] = row
    for (case, mask), rows in groups.items():
        cells = [_cell(rows.get(peer)) for peer in peers] + [_ratio(rows)]
        unit = " (GB/s)" if case.is_decode else ""
        lines.append(f"| {case}{unit} | {mask} | " + " | ".join(cells) + " |")
    lines.append("")
    lines += _reasons(report.rows)
    notes = [f"- {peer}: {note}." for peer, note in report.notes.items()]
    return "\n".join(lines + [note for note in notes if note not in lines])


def _reasons(rows: list[Row]) -> list[str]:
    reasons: dict[tuple, list[str]] = {}
    for row in rows:
        if row.status != "ok":
            key = (row.peer, row.status, row.reason)
            reasons.setdefault(key, []).append(f"{row.case} {row.mask}")
    lines = []
    for (peer, status, reason), cases in reasons.items():
        where = ""
        if status != "absent":
            where = f" ({cases[0]}" + (
                f" and {len(cases) - 1} more)" if len(cases) > 1 else ")"
            )
        lines.append(f"- {peer}: {status}{where}: {reason}")
    return lines


def format_first_calls(report: Report) -> str:
    if not report.first_calls:
        return ""
    lines = ["| first call | s | from the disk cache, s |", "|---|---|---|"]
    for first in report.first_calls:
        if first.seconds is None:
            lines.append(f"| {first.peer} | {first.reason} | |")
            continue
        cached = first.cached_seconds
        cached = "" if cached is None else f"{cached:.3f}"
        lines.append(f"| {first.peer} | {first.seconds:.3f} | {cached} |")
    return "\n".join(lines)


def plot(report: Report, path: Path) -> None:
    """Writes TFLOP/s by length as PNG: a column for each mask, a row for each head
    size. Nothing is written without any case to draw.

    Cases of bf16 with equal heads and lengths are drawn. Raises ImportError where
    matplotlib is not installed.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    if figure := draw(report):
        figure.savefig(path, dpi=120)
        pyplot.close(figure)


def draw(report: Report):
    """The figure that `plot` writes; None without any case to draw."""
    from matplotlib import pyplot

    rows = [
        row
        for row in report.rows
        if row.status == "ok"
        and row.case.dtype == "bf16"
        and row.case.heads == row.case.kv_heads
        and row.case.seq_q == row.case.seq_k
    ]
    masks = [mask for mask in MASKS if any(row.mask == mask for row in rows)]
    sizes = sorted({row.case.head_dim for row in rows})
    if not rows:
        return None
    peers = list(dict.fromkeys(row.peer for row in rows))
    figure, axes = pyplot.subplots(
        len(sizes),
        len(masks),
        figsize=(1 + 4 * len(masks), 0.8 + 3 * len(sizes)),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    colors = pyplot.get_cmap("tab10")
    for index, peer in enumerate(peers):
        ours = peer in OURS
        for line, size in enumerate(sizes):
            for column, mask in enumerate(masks):
                points = sorted(
                    (row.case.seq_q, row.tflops)
                    for row in rows
                    if (row.peer, row.case.head_dim, row.mask) == (peer, size, mask)
                )
                if points:
                    axes[line][column].plot(
                        *zip(*points),
                        marker="o",
                        label=peer,
                        color="black" if ours else colors(index % 10),
                        linewidth=2.5 if ours else 1.2,
                        zorder=3 if ours else 2,
                    )
    lengths = sorted({row.case.seq_q for row in rows})
    for line, size in enumerate(sizes):
        for column, mask in enumerate(masks):
            axis = axes[line][column]
            if not axis.lines:
                axis.set_visible(False)
                continue
            axis.set_title(f"mask: {mask}, D = {size}", fontsize=10)
            axis.set_xscale("log", base=2)
            axis.set_xlim(lengths[0] / 1.2, lengths[-1] * 1.2)
            axis.set_xticks(lengths, [str(length) for length in lengths], fontsize=8)
            axis.minorticks_off()
            axis.grid(alpha=0.3)
            axis.set_ylim(bottom=0)
            if report.ceiling_tflops:
                axis.axhline(report.ceiling_tflops, color="gray", linestyle="--")
    # Panels without points are not there; labels are on the outermost of the others.
    for line in axes:
        leftmost = next(axis for axis in line if axis.get_visible())
        leftmost.set_ylabel("TFLOP/s")
        leftmost.tick_params(labelleft=True)
    for column in axes.T:
        lowest = next(axis for axis in column[::-1] if axis.get_visible())
        lowest.set_xlabel("length")
    if report.ceiling_tflops:
        first = next(axis for axis in axes.flat if axis.get_visible())
        first.annotate(
            "8192³ bf16 matrix product",
            (0.03, report.ceiling_tflops),
            xycoords=("axes fraction", "data"),
            va="bottom",
            fontsize=8,
            color="gray",
        )
    handles = {}
    for axis in axes.flat:
        for handle, label in zip(*axis.get_legend_handles_labels()):
            handles.setdefault(label, handle)
    figure.legend(handles.values(), handles.keys(), loc="outside right upper")
    figure.suptitle(f"Masked attention, forward, {report.device}", fontsize=11)
    return figure
