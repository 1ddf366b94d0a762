"""Searches of schedules without a GPU, by tools that stand for ours."""

import json
import os
import subprocess
import sys

import pytest
from conftest import SOURCE_DIR, run

# Stand for mfa-run, mfa-opt and ptxas. What a schedule does is by its keys: 16 are
# refused, as are 4 stages, 32 spill, 48 give a wrong result, 64 fail; the others run,
# and the more keys, the faster; with four adjacent heads faster still.
FAKE_TOOLS = '''#!{python}
import json, re, sys
from pathlib import Path

def value(name):
    found = [x.partition("=")[2] for x in sys.argv if x.startswith(name + "=")]
    return found[-1] if found else ""

def fail(text):
    print("mfa-run: error: " + text, file=sys.stderr)
    sys.exit(1)

tool = Path(sys.argv[0]).name
keys = int((re.search("tile_keys = ([0-9]+)", value("--schedule")) or [0, 80])[1])
if tool == "mfa-opt":
    path = value("--mfa-select-schedule").partition("=")[2]
    "reject" in path and fail("expected a table")
    json.loads(Path(path).read_text())
elif tool == "ptxas":
    "--version" in sys.argv and (print("release 13.0, V13"), sys.exit(0))
    sys.stdin.read() == "" and sys.exit(1)
    log = """ptxas info: Compiling entry function 'other' for 'sm_90a'
        999 bytes spill stores, 9 bytes spill loads
    ptxas info: Used 255 registers
    ptxas info: Compiling entry function 'masked_attention' for 'sm_90a'
        SPILL bytes spill stores, 0 bytes spill loads
    ptxas info: Used 168 registers"""
    print(log.replace("SPILL", Path(__file__).with_name("spill").read_text()),
          file=sys.stderr)
elif value("--emit") == "ptx":
    if keys == 16 or "stages = 4" in value("--schedule"):
        fail("expected a schedule that fits")
    spill = "8" if keys == 32 else "0"
    # With open sizes, which are not timed.
    others = Path(__file__).with_name("others")
    if "--dynamic" in sys.argv and others.exists() and str(keys) == others.read_text():
        spill = "24"
    if Path(__file__).with_name("small").exists() and value("--seq-q") == "256":
        spill = "0" if "tile_rows = 192" in value("--schedule") else "40"
    if Path(__file__).with_name("small-open").exists() and "--dynamic" in sys.argv:
        spill = "0" if "tile_rows = 192" in value("--schedule") else "24"
    Path(__file__).with_name("spill").write_text(spill)
    print(".visible .entry other(\\n.visible .entry masked_attention(")
elif value("--emit"):
    print("module")
else:
    if not {has_gpu}:
        fail("target 'cuda' needs a GPU")
    if keys == 64:
        fail("the kernel faulted")
    passed = keys != 48
    ms = 100 / keys / (2 if "adjacent_heads = 4" in value("--schedule") else 1)
    # Short sequences leave a third of the rows of large tiles.
    if value("--seq-q") == "256" and "tile_rows = 192" in value("--schedule"):
        ms *= 1.5
    Path(sys.argv[sys.argv.index("--json") + 1]).write_text(json.dumps({{
        "chip": "sm_90a",
        "check": {{"max_abs_err": 0.1 if passed else None, "tolerance": 0.2,
                  "pass": passed}},
        "bench": {{"median_ms": ms, "runs": 3}}}}))
    sys.exit(not passed)
'''


@pytest.fixture
def tune(monkeypatch):
    monkeypatch.syspath_prepend(str(SOURCE_DIR / "benchmarks"))
    import tune

    # One after another: the tools below tell each other what was compiled.
    monkeypatch.setattr(tune.os, "cpu_count", lambda: 1)
    return tune


@pytest.fixture
def make_tools(tmp_path):
    def make(has_gpu=True):
        for name in ("mfa-run", "mfa-opt", "ptxas"):
            path = tmp_path / name
            path.write_text(FAKE_TOOLS.format(python=sys.executable, has_gpu=has_gpu))
            path.chmod(0o755)
        return [f"--mfa-run={tmp_path / 'mfa-run'}", f"--ptxas={tmp_path / 'ptxas'}"]

    return make


def schedule(keys, warps=8, stages=2, *flags, **options):
    from attention_benchmark.schedules import Schedule

    return Schedule("wgmma", 16 * warps, keys, warps, stages, *flags, **options)


def write_table(path, *rows):
    """A table whose rows are for wgmma kernels with 80 keys, but for those fields."""
    from attention_benchmark.table import Row, Table

    sizes = {"tile_rows": 128, "tile_keys": 80, "warps": 8, "stages": 2}
    table = Table([])
    for row in rows:
        dim = row.pop("head_dim")
        table.rows.append(Row({"kernel": "wgmma", **row}, dim, dict(sizes)))
    path.write_text(str(table))
    return f"--table={path}"


def test_schedule_is_printed(tune):
    one, other = schedule(112, 12, 2, True), schedule(128)
    full = schedule(128, 8, 2, True, True, 8)
    assert str(one) == "192x112x12x2 ping-pong"
    assert str(full) == "128x128x8x2 ping-pong persistent heads 8"
    flags = "ping_pong = true, persistent = true, adjacent_heads = 8>"
    assert full.attribute().endswith(flags)
    assert other.attribute() == other.attribute("causal")
    # The kernel of a rule that reads arrays has a list of tiles.
    assert other.attribute("dense+documents").endswith("stages = 2, tiles = list>")


def test_tune_splits_rows(tune, run_tune, tmp_path, monkeypatch):
    """Where the best schedules of its scores differ, a row becomes several."""
    from attention_benchmark import schedules, table

    fields = {"rule": "none", "score": ["short", "long"], "head_dim": 128}
    path = write_table(tmp_path / "t.json", dict(fields))
    written = tmp_path / "new.json"

    monkeypatch.setattr(table, "list_other_cases", lambda *_: [])
    most_keys = {"capped": 96, "biased": 96}
    monkeypatch.setattr(
        schedules,
        "list_candidates",
        lambda kind, case, mask: [schedule(80), schedule(most_keys[mask])],
    )

    def tune_rows(*options):
        code, *_, cases = run_tune(path, f"--write={written}", *options)
        assert code == 0
        rows = table.read(written).rows
        return [x["mask"] for x in cases], [row.fields["score"] for row in rows], rows

    masks, scores, (row,) = tune_rows()
    assert masks == ["capped", "biased"] and scores == [["short", "long"]]
    assert row.schedule["tile_keys"] == 96
    assert row.measured["case"].endswith("D128, capped")
    most_keys["capped"] = 112
    masks, scores, (short, long) = tune_rows()
    assert scores == ["short", "long"]
    assert (short.schedule["tile_keys"], long.schedule["tile_keys"]) == (112, 96)
    assert short.measured["case"].endswith("D128, capped")
    assert long.measured["case"].endswith("D128, biased")
    # Of one of them, the other keeps what it has.
    masks, scores, (short, long) = tune_rows("--score=long")
    assert masks == ["biased"] and scores == ["short", "long"]
    assert short.schedule["tile_keys"] == 80 and not short.measured
    assert long.schedule["tile_keys"] == 96


def test_candidates(tune):
    from dataclasses import replace

    from attention_benchmark.schedules import list_candidates, make_case, neighbours

    case = make_case(128, "bf16", 2048)
    found = list_candidates("wgmma", case, "dense")
    # Those of the tables are among them, once each, but for adjacent heads.
    assert schedule(128) in found and schedule(128, 8, 2, True, True) in found
    assert schedule(160, 8, 2, False, True) in list_candidates("wgmma", case, "none")
    assert not any(each.adjacent_heads for each in found)
    assert len(found) == len(set(found))
    for each in found:
        assert each.rows == 16 * each.warps and each.keys % 16 == 0 and each.keys <= 256
        assert 1 <= each.stages <= 4
    # 3 stages take 128 x 128 x 2 bytes for each of keys, values and mask.
    assert schedule(128, stages=3) not in found
    # Sums of 16 x (256 + 128) elements by 32 lanes.
    assert schedule(192, warps=12, stages=1) not in found
    tiles = {each.keys * each.stages for each in found}
    unmasked = list_candidates("wgmma", case, "none")
    assert tiles < {each.keys * each.stages for each in unmasked}
    for each in list_candidates("mma_sync", case, "none"):
        assert each.rows % (16 * each.warps) == 0 and each.stages <= 2
        assert each.keys <= 128 and not each.ping_pong and not each.persistent
    # Few queries have one warpgroup, which takes no turns.
    few = list_candidates("wgmma", replace(case, seq_q=1), "none")
    assert {each.warps for each in few} == {4}
    assert not any(each.ping_pong for each in few)
    near = neighbours(found, schedule(128))
    assert near[0] == schedule(128) and schedule(112, 8, 2, True) in near
    assert schedule(128, persistent=True) in near
    assert schedule(80) not in near and len(near) < 30
    # What is far from all has neighbours, too.
    assert len(neighbours(found, schedule(240, 12, 4))) == 8


def test_adjacent_heads(tune):
    """Other numbers of adjacent heads are tried for one schedule, not for all."""
    from dataclasses import replace

    from attention_benchmark.schedules import (
        around,
        list_adjacent_heads,
        list_candidates,
        make_case,
        neighbours,
    )

    def numbers(dim, mask, now):
        of = schedule(64, adjacent_heads=now)
        found = around([schedule(80)], of, make_case(dim, "bf16", 2048), mask)
        assert found[0] == schedule(80, adjacent_heads=now)
        assert all(each.keys == 64 for each in found[1:])
        return [each.adjacent_heads for each in found[1:]]

    case = make_case(64, "bf16", 2048)
    assert list_adjacent_heads(case, "i1") == [0, 4, 8, 16]
    assert list_adjacent_heads(case, "padding") == [0, 1]
    assert list_adjacent_heads(case, "biased") == [0, 1]
    assert list_adjacent_heads(case, "padding+causal") == [0, 4, 8, 16]
    assert numbers(64, "dense", 8) == [0, 4, 16]
    assert numbers(64, "none", 1) == [0] and numbers(64, "none", 0) == [1]
    # All of 16 heads, and of 8.
    assert numbers(128, "dense", 0) == [4, 8] == numbers(128, "dense", 16)
    assert numbers(256, "dense", 8) == [4]
    # Hardly more than there are, and the nearest with all of it.
    of = schedule(128, 8, 2, True, True, 8)
    found = list_candidates("wgmma", case, "dense")
    spread = around(found, of, case, "dense")
    assert of in spread and len(spread) == len(found) + 5
    near = neighbours(spread, of)
    assert near[0] == of and len(near) < 40
    assert schedule(128, 8, 2, True, True, 0) in near
    # Turns that end early, where there are turns.
    early = schedule(128, 8, 2, True, True, 8, early_turns=True)
    assert early in near
    without_turns = around([schedule(80)], early, case, "dense")[0]
    assert without_turns == schedule(80, adjacent_heads=8)
    assert of in around(found, early, case, "dense")
    assert early.attribute().endswith("adjacent_heads = 8, early_turns = true>")
    assert schedule(128, 8, 2, True, False, 8) in near
    # A counter, where blocks go on to other rows.
    counter = replace(of, row_counter=True)
    assert counter in near and of in around(found, counter, case, "dense")
    spread = around([schedule(80), schedule(96, 8, 2, True, True)], counter, case, "")
    assert [each.row_counter for each in spread[:2]] == [False, True]


def test_list_needs_no_gpu():
    code, output, errors = run("tune.py", "--list", "--dim=64", "--mask=matrix")
    assert code == 0, errors
    assert "score none, heads up to 64: bf16 B8 H32 S2048 D64, dense: " in output
    assert "tile_rows = 192, tile_keys = 128, warps = 12, stages = 2" in output
    assert "heads up to 128" not in output
    _, output, _ = run("tune.py", "--list", "--chip=sm_80", "--dim=64")
    assert "mma_sync" in output and "wgmma" not in output
    _, output, _ = run("tune.py", "--list", "--score=short", "--dim=64")
    # Tiles of three warpgroups, which such scores have registers for.
    for keys in (128, 96):
        tiles = f"tile_rows = 192, tile_keys = {keys}, warps = 12, stages = 2, "
        turns = f"{tiles}ping_pong = true, persistent = true"
        assert f"{turns}, adjacent_heads = 8, row_counter = true>" in output
        assert f"{turns}, adjacent_heads = 1, early_turns = true>" in output
    assert "score short, " in output and "score long, " not in output
    _, output, _ = run("tune.py", "--list", "--elements=f32", "--rule=none")
    assert "f32 B8" in output and "bf16" not in output


def test_what_cannot_be_tuned(make_tools, tmp_path):
    def error(*arguments):
        code, _, errors = run("tune.py", *arguments)
        assert code != 0
        return errors

    assert "no-tool: no such program" in error("--mfa-run=no-tool")
    assert "invalid choice: 'diagonal'" in error("--mask=diagonal")
    assert "no such row is for sm_80" in error("--list", "--chip=sm_80", "--kind=wgmma")
    assert "--chip goes with" in error("--chip=sm_80")
    assert "--write does not go with" in error("--list", "--write=x.json")
    assert "needs a GPU" in error(*make_tools(has_gpu=False))
    assert "no.json: No such file" in error("--list", "--table=no.json")
    unused = write_table(tmp_path / "t.json", {"head_dim": 64}, {"head_dim": 64})
    assert "no op has row kernel wgmma, heads up to 64" in error("--list", unused)


def test_spilling_and_wrong_candidates_are_not_chosen(tune):
    from attention_benchmark.schedules import Outcome, Tuned, make_case

    now, good, spills, wrong = (
        Outcome(schedule(keys), times=[ms, ms])
        for keys, ms in ((128, 4.0), (112, 3.2), (96, 1.0), (80, 1.0))
    )
    spills.status, wrong.status = "spills", "wrong"
    # Measured once only: too little to be chosen.
    once = Outcome(schedule(64), times=[2.0])
    outcomes = [now, spills, wrong, good, once]
    tuned = Tuned(make_case(64, "bf16", 2048), "none", now.schedule, outcomes)
    assert tuned.best() is good and tuned.gain() == pytest.approx(0.25)
    figures = tuned.figures()
    assert figures["case"] == "bf16 B8 H32 S2048 D64, none"
    assert figures["tflops"] == pytest.approx(85.9, abs=0.1)
    assert figures["next"] == "128x64x8x2"
    # What spills now stays unless it is beaten.
    now.status = "spills"
    assert tuned.best() is good
    good.times = [4.1, 4.1]
    assert tuned.best() is now and tuned.figures()["tflops"] < 70
    now.status = "wrong"
    assert tuned.best() is good
    tuned.outcomes = [now, spills]
    assert tuned.best() is None and tuned.figures() is None


def test_small_gains_change_nothing(tune):
    from attention_benchmark.schedules import Outcome, Tuned, make_case

    now, other = Outcome(schedule(128)), Outcome(schedule(112))
    case = make_case(64, "bf16", 2048)
    tuned = Tuned(case, "none", now.schedule, [other, now])
    for now.times, other.times, changes in (
        ([1.0, 1.0], [0.97, 0.97], True),
        ([1.0, 1.0], [0.99, 0.99], False),
        ([1.0, 1.0], [0.97, 0.99], False),
        ([0.98, 1.0], [0.97, 0.97], False),
    ):
        assert tuned.best() is (other if changes else now)


@pytest.fixture
def run_tune(tune, make_tools, tmp_path, monkeypatch, capsys):
    """Runs it in this process; its status, output, errors and report."""

    def run_with(*options):
        found = tmp_path / "tuned.json"
        options = [*options, *make_tools(), f"--json={found}"]
        monkeypatch.setattr(sys, "argv", ["tune.py", *options])
        code = tune.main()
        return code, *capsys.readouterr(), json.loads(found.read_text())["cases"]

    return run_with


def test_tune(run_tune):
    """The search goes past the neighbours of the row's schedule, to the fastest."""
    code, output, errors, (report,) = run_tune(
        "--kind=wgmma", "--mask=keys", "--dim=256", "--rule=none", "--seconds=1000"
    )
    assert code == 0
    statuses = {
        x["schedule"]["keys"]: x["status"]
        for x in report["candidates"]
        if x["schedule"]["stages"] < 4
    }
    assert (statuses[32], statuses[48], statuses[64]) == ("spills", "wrong", "failed")
    assert "spills: 8 bytes" in output and "wrong: error nan" in output
    assert "failed: the kernel faulted" in output and " 168 " in output
    fastest = max(x["schedule"]["keys"] for x in report["candidates"])
    assert report["best"]["keys"] == fastest > 80 == report["selected"]["keys"]
    assert report["gain"] == pytest.approx(fastest / 80 - 1)
    assert "mask keys, rule none, score none, heads up to 256: 128x" in output
    assert "left)" in errors


def test_tune_finds_adjacent_heads(run_tune, tmp_path):
    """What is best for the row's schedule is kept for the candidates after it."""
    path = write_table(tmp_path / "t.json", {"mask": "matrix", "head_dim": 64})
    code, _, _, (report,) = run_tune(path, "--quick")
    assert code == 0
    tried = [x["schedule"] for x in report["candidates"]]
    assert len(tried) == len({str(each) for each in tried})
    assert report["best"]["keys"] == max(each["keys"] for each in tried) > 80
    assert report["best"]["adjacent_heads"] == 4
    # All tiles that are near, and what is best so far with other numbers.
    alike = [each for each in tried if each["adjacent_heads"] == 4]
    assert len(alike) > len(tried) / 2 and report["untried"] == 0


def test_tune_ends_in_time(run_tune, tmp_path):
    path = write_table(tmp_path / "t.json", {"head_dim": 64})
    code, output, _, _ = run_tune(path, "--seconds=0")
    assert code == 0
    assert "candidates not tried" in output
    assert "kernel wgmma, heads up to 64: as it is, " in output


def test_tune_writes_a_table(tune, run_tune, tmp_path):
    """Of all rows, with figures for those that were measured."""
    from attention_benchmark import table

    rows = {"mask": "none", "head_dim": 64}, {"mask": "keys", "head_dim": 128}
    path = write_table(tmp_path / "t.json", *map(dict, rows))
    written = tmp_path / "new.json"
    code, *_ = run_tune(path, "--mask=none", "--quick", f"--write={written}")
    assert code == 0
    changed, other = table.read(written).rows
    assert changed.fields == {"kernel": "wgmma", "mask": "none"}
    assert changed.schedule["tile_keys"] > 80 and changed.schedule["tile_rows"] == 128
    measured = changed.measured
    assert measured["case"] == "bf16 B8 H32 S2048 D64, none"
    assert measured["tflops"] >= measured["next_tflops"] > 0 and measured["next"]
    assert other.measured is None and other.schedule["tile_keys"] == 80
    # Written again with the next row, it keeps the first one's figures.
    options = f"--table={written}", "--mask=keys", "--seconds=0", f"--write={written}"
    code, *_ = run_tune(*options)
    assert code == 0
    assert [bool(row.measured) for row in table.read(written).rows] == [True, True]
    assert table.read(written).machine["assembler"] == "13.0"


@pytest.mark.parametrize("spills", ["", "small", "small-open"])
def test_small_tiles_of_short_sequences(tune, run_tune, tmp_path, spills):
    """A row has them where they are faster, and without spills in any of its ops."""
    from attention_benchmark import table
    from attention_benchmark.schedules import Schedule

    path = write_table(tmp_path / "t.json", {"mask": "none", "head_dim": 64})
    rows = table.read(tmp_path / "t.json")
    rows.rows[0].set_schedule(Schedule("wgmma", 192, 128, 12, 2, persistent=True))
    (tmp_path / "t.json").write_text(str(rows))
    if spills:
        (tmp_path / spills).touch()
    written = tmp_path / "new.json"
    code, *_ = run_tune(path, "--seconds=0", f"--write={written}")
    assert code == 0
    (row,) = table.read(written).rows
    assert row.schedule["tile_rows"] == 192
    assert row.schedule.get("small_tile_rows") == (None if spills else 128)
    assert ("small_case" in row.measured) is not bool(spills)
    if not spills:
        assert row.measured["small_case"] == "bf16 B64 H32 S256 D64, none"
        figures = row.measured["small_tflops"], row.measured["large_tflops"]
        assert figures[0] == pytest.approx(1.5 * figures[1], rel=0.01)


def test_row_has_registers_for_all_its_ops(run_tune, tmp_path):
    """What is fastest, but spills with open sizes, is not chosen."""
    fields = {"elements": "16-bit", "queries": "many", "mask": "none"}
    row = {**fields, "rule": "none", "score": "none", "head_dim": 128}
    path = write_table(tmp_path / "t.json", row)
    (tmp_path / "others").write_text("112")
    code, output, _, (report,) = run_tune(path, "--quick")
    assert code == 0 and 80 < report["best"]["keys"] < 112
    spilled = [x for x in report["candidates"] if "of open sizes" in x["reason"]]
    assert {x["schedule"]["keys"] for x in spilled} == {112}
    fastest = max(report["candidates"], key=lambda x: x["tflops"] or 0)
    assert fastest in spilled
    assert "spills: 24 bytes in bf16 B8 H16 S2048 D128, none of open sizes" in output


def test_schedules_shrink(tune):
    from dataclasses import replace

    from attention_benchmark.schedules import Schedule, shrink

    assert shrink(schedule(48, 8, 3)) == schedule(48, 8, 2)
    assert shrink(schedule(48, 8, 2)) == schedule(32, 8, 2)
    assert shrink(schedule(16, 8, 2)) is None
    tiles = Schedule("mma_sync", 128, 32, 4, 2)
    assert shrink(tiles) == replace(tiles, keys=16)
    assert shrink(replace(tiles, keys=16)) == replace(tiles, keys=16, stages=1)
    assert shrink(replace(tiles, keys=16, stages=1)) is None


def test_what_does_not_fit_the_case_is_measured_smaller(run_tune, tmp_path):
    from attention_benchmark import table

    path = write_table(tmp_path / "t.json", {"head_dim": 64})
    text = (tmp_path / "t.json").read_text().replace('"stages": 2', '"stages": 4')
    (tmp_path / "t.json").write_text(text)
    code, output, _, (report,) = run_tune(
        path, f"--write={tmp_path / 'new.json'}", "--seconds=0"
    )
    assert code == 0 and "as it is" in output
    assert report["selected"]["stages"] == 3 == report["best"]["stages"]
    (row,) = table.read(tmp_path / "new.json").rows
    assert row.schedule["stages"] == 4 and row.measured["tflops"] > 0


def test_rows_that_are_not_measured(run_tune, tmp_path, monkeypatch):
    """They are an error, and have no figures."""
    from attention_benchmark import schedules, table

    path = write_table(tmp_path / "t.json", {"head_dim": 64})
    text = (tmp_path / "t.json").read_text().replace("null", '{"case": "old"}')
    (tmp_path / "t.json").write_text(text.replace('"tile_keys": 80', '"tile_keys": 64'))
    monkeypatch.setattr(schedules, "list_candidates", lambda *_: [])
    written = tmp_path / "new.json"
    code, _, errors, _ = run_tune(path, f"--write={written}", "--seconds=0")
    assert code == 1
    assert "error: not measured: kernel wgmma, heads up to 64: bf16 B8" in errors
    (row,) = table.read(written).rows
    assert row.measured is None and row.schedule["tile_keys"] == 64


def test_what_the_compiler_refuses(tune, make_tools, tmp_path, monkeypatch, capsys):
    path = write_table(tmp_path / "t.json", {"head_dim": 64})
    options = [path, *make_tools(), "--seconds=0", f"--write={tmp_path / 'reject'}"]
    monkeypatch.setattr(sys, "argv", ["tune.py", *options])
    assert tune.main() == 1
    errors = capsys.readouterr().err
    assert "reject: written, but not read: " in errors and "expected a table" in errors


MFA_OPT = os.environ.get("MFA_OPT") or SOURCE_DIR / "build/bin/mfa-opt"


@pytest.mark.skipif(not os.access(MFA_OPT, os.X_OK), reason="needs mfa-opt")
def test_the_compiler_reads_what_is_written(run_tune, tmp_path):
    written = tmp_path / "new.json"
    options = "--mask=keys", "--dim=64", "--seconds=0", f"--write={written}"
    code, *_ = run_tune(*options)
    assert code == 0
    command = [MFA_OPT, f"--mfa-select-schedule=schedules={written}"]
    done = subprocess.run(
        command, input="module {}", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
