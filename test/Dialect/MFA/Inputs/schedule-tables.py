"""Writes tables of schedules; with --refused, writes ones with an error each, and
prints what the pass and a pipeline say of them."""

import copy
import json
import subprocess
import sys
from pathlib import Path

FIGURES = {"case": "bf16 S2048", "tflops": 600.5, "next": "64x48", "next_tflops": 550}
COUNTER = {
    "kernel": "wgmma", "mask": ["none", "keys"], "rule": "uneven", "head_dim": 128,
    "schedule": {"tile_rows": 128, "tile_keys": 64, "warps": 8, "stages": 3,
                 "persistent": True, "row_counter": True, "adjacent_heads": 2},
    "measured": FIGURES}
OTHER = {
    "kernel": "wgmma", "head_dim": 256,
    "schedule": {"tile_rows": 64, "tile_keys": 48, "warps": 4, "stages": 3},
    "measured": None}
MMA_SYNC = {
    "kernel": "mma_sync", "head_dim": 256,
    "schedule": {"tile_rows": 32, "tile_keys": 16, "warps": 2, "stages": 1},
    "measured": None}
OWN = {"device": "a GPU", "driver": "1", "assembler": "2",
       "rows": [COUNTER, OTHER, MMA_SYNC]}

# Of the scores that the table tells apart.
SCORES = OWN | {"rows": [
    OTHER | {"score": score, "schedule": OTHER["schedule"] | {"tile_keys": keys}}
    for score, keys in (("none", 16), ("short", 32), ("long", 48))] + [MMA_SYNC]}


def first(**changes):
    """The table with other fields in the first row; those that are `...` not."""
    table = copy.deepcopy(OWN)
    row = table["rows"][0] | changes
    table["rows"][0] = {name: value for name, value in row.items() if value is not ...}
    return table


def schedule(**changes):
    return first(schedule=COUNTER["schedule"] | changes)


def measured(**changes):
    figures = {name: value for name, value in (FIGURES | changes).items()
               if value is not ...}
    return first(measured=figures)


REFUSED = {
    "list": [],
    "no_rows": {"device": "a GPU"},
    "unknown": OWN | {"row": []},
    "device": OWN | {"device": 1},
    "row": OWN | {"rows": [COUNTER, 3]},
    "row_field": first(dim=3),
    "value": first(rule="causal"),
    "score": first(score="some"),
    "value_type": first(rule=["even", 1]),
    "no_value": first(rule=[]),
    "no_head_dim": first(head_dim=...),
    "head_dim": first(head_dim=512),
    "integer": first(head_dim="64"),
    "no_schedule": first(schedule=...),
    "parameter": schedule(kind="wgmma"),
    "parameter_type": schedule(ping_pong=1),
    "warps": schedule(warps=5),
    "counter": schedule(persistent=False),
    "small": schedule(small_tile_rows=128),
    "powers": OWN | {"rows": [COUNTER, OTHER, MMA_SYNC | {"schedule": {
        "tile_rows": 48, "tile_keys": 16, "warps": 3, "stages": 1}}]},
    "no_figures": first(measured=...),
    "figures": first(measured=3),
    "figure": measured(gflops=1),
    "no_case": measured(case=...),
    "no_rate": measured(tflops="fast"),
    "next": measured(next=3),
    "next_rate": measured(next_tflops=...),
    "small_case": measured(small_case=4),
    "small_rate": measured(small_case="short", small_tflops=1.5),
    "small_alone": measured(large_tflops=1.5),
    "hole": OWN | {"rows": [COUNTER, OTHER | {"head_dim": 192}, MMA_SYNC]},
    "unused": OWN | {"rows": [COUNTER, OTHER, MMA_SYNC, COUNTER]},
}


def main():
    if sys.argv[1] != "--refused":
        builtin, folder = map(Path, sys.argv[1:])
        folder.mkdir(exist_ok=True)
        (folder / "own.json").write_text(json.dumps(OWN))
        (folder / "scores.json").write_text(json.dumps(SCORES))
        (folder / "builtin.json").write_text(builtin.read_text())
        return
    folder, mfa_opt, program = Path(sys.argv[2]), *sys.argv[3:]

    def find_error(option, path):
        done = subprocess.run([mfa_opt, program, f"--{option}=schedules={path}"],
                              capture_output=True, text=True)
        if done.returncode != 1:
            sys.exit(f"{path}: exit status {done.returncode}")
        text = next(x for x in done.stderr.splitlines() if f"{option}: " in x)
        return text.partition(f"{option}: ")[2]

    def print_error(name, path):
        found = {find_error(option, path) for option in
                 ("mfa-select-schedule", "convert-mfa-to-gpu", "mfa-to-nvvm", "mfa-to-sim")}
        print(*(f"{name}: {x.removeprefix(f'schedules={path}: ')}" if name else f": {x}"
                for x in found), sep="\n")

    print_error("", folder / "missing.json")
    (folder / "text.json").write_text("rows")
    print_error("text", folder / "text.json")
    (folder / "deep.json").write_text("[" * 200000)
    print_error("deep", folder / "deep.json")
    for name, table in REFUSED.items():
        (folder / f"{name}.json").write_text(json.dumps(table))
        print_error(name, folder / f"{name}.json")


main()
