"""Searches of schedules without a GPU, by tools that stand for ours."""

import json
import sys

import pytest
from conftest import SOURCE_DIR, run

# Stand for mfa-run, mfa-opt and ptxas. What a schedule does is by its keys: 16 are
# refused, 32 spill, 48 give a wrong result, 64 fail; the others run, and the more
# keys, the faster; with four adjacent heads faster still.
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
selected = "mma_sync, tile_rows = 128, tile_keys = 80, warps = 4"
if "sm_90a" in str(sys.argv):
    selected = "wgmma, tile_rows = 128, tile_keys = 80, warps = 8"
if tool == "mfa-opt":
    print("schedule(#mfa.schedule<kind = " + selected + ", stages = 2>)")
elif tool == "ptxas":
    sys.stdin.read() == "" and sys.exit(1)
    log = """ptxas info: Compiling entry function 'other' for 'sm_90a'
        999 bytes spill stores, 9 bytes spill loads
    ptxas info: Used 255 registers
    ptxas info: Compiling entry function 'main' for 'sm_90a'
        SPILL bytes spill stores, 0 bytes spill loads
    ptxas info: Used 168 registers"""
    print(log.replace("SPILL", Path(__file__).with_name("spill").read_text()),
          file=sys.stderr)
elif value("--emit") == "ptx":
    if keys == 16:
        fail("expected a schedule that fits")
    spill = "8" if keys == 32 else "0"
    Path(__file__).with_name("spill").write_text(spill)
    print(".visible .entry main(\\n.visible .entry other(")
elif value("--emit"):
    print("module")
else:
    if not {has_gpu}:
        fail("target 'cuda' needs a GPU")
    if keys == 64:
        fail("the kernel faulted")
    passed = keys != 48
    ms = 100 / keys / (2 if "adjacent_heads = 4" in value("--schedule") else 1)
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


def test_schedule_is_printed_and_read(tune):
    from attention_benchmark.schedules import parse_schedule

    one, other = schedule(112, 12, 2, True), schedule(128)
    assert one.row(64) == "{64, 192, 112, 12, 2, true},"
    assert other.row(256) == "{256, 128, 128, 8, 2},"
    full, late = schedule(128, 8, 2, True, True, 8), schedule(160, 8, 2, False, True)
    assert full.row(128) == "{128, 128, 128, 8, 2, true, true, 8},"
    assert late.row(128) == "{128, 128, 160, 8, 2, false, true},"
    alone = schedule(112, adjacent_heads=1)
    assert alone.row(192) == "{192, 128, 112, 8, 2, false, false, 1},"
    assert str(full) == "128x128x8x2 ping-pong persistent heads 8"
    flags = "ping_pong = true, persistent = true, adjacent_heads = 8>"
    assert full.attribute().endswith(flags)
    for each in (one, other, full, late, alone):
        assert parse_schedule(f"ins() schedule({each.attribute()})") == each
    # As the tool prints what it selects.
    text = "#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 16, warps = 4, "
    found = parse_schedule(text + "stages = 1, f32_product = tf32, splits_keys = true>")
    assert (found.kind, found.rows, found.ping_pong) == ("mma_sync", 64, False)
    with pytest.raises(ValueError, match="expected an attribute"):
        parse_schedule("module {}")


def test_candidates(tune):
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
    near = neighbours(found, schedule(128))
    assert near[0] == schedule(128) and schedule(112, 8, 2, True) in near
    assert schedule(128, persistent=True) in near
    assert schedule(80) not in near and len(near) < 30


def test_adjacent_heads(tune):
    """Other numbers of adjacent heads are tried for one schedule, not for all."""
    from dataclasses import replace

    from attention_benchmark.schedules import (
        around,
        list_adjacent_heads,
        list_candidates,
        make_case,
        neighbours,
        parse_schedule,
    )

    def numbers(dim, mask, now):
        of = schedule(64, adjacent_heads=now)
        found = around([schedule(80)], of, make_case(dim, "bf16", 2048), mask)
        assert found[0] == schedule(80, adjacent_heads=now)
        assert all(each.keys == 64 for each in found[1:])
        # And as many adjacent heads in clusters of two blocks.
        *others, cluster = found[1:]
        assert cluster == replace(of, cluster_blocks=2)
        return [each.adjacent_heads for each in others]

    case = make_case(64, "bf16", 2048)
    assert list_adjacent_heads(case, "i1") == [0, 4, 8, 16]
    assert list_adjacent_heads(case, "padding") == [0, 1]
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
    assert parse_schedule(early.attribute()) == early
    assert early.row(64).endswith("true, true, 8, 1, true},")
    assert schedule(128, 8, 2, True, False, 8) in near


def test_list_needs_no_gpu():
    code, output, errors = run("tune.py", "--list", "--dim=64", "--mask=dense")
    assert code == 0, errors
    assert "bf16 B8 H32 S2048 D64, mask dense, wgmma: " in output
    assert "tile_rows = 192, tile_keys = 128, warps = 12, stages = 2>" in output
    _, output, _ = run("tune.py", "--list", "--chip=sm_80", "--dim=64")
    assert "mma_sync" in output and "wgmma" not in output


def test_what_cannot_be_tuned(make_tools):
    def error(*arguments):
        code, _, errors = run("tune.py", *arguments)
        assert code != 0
        return errors

    assert "no-tool: no such program" in error("--mfa-run=no-tool")
    assert "invalid choice: 'diagonal'" in error("--mask=diagonal")
    assert "sm_80 has no wgmma" in error("--list", "--chip=sm_80", "--kind=wgmma")
    assert "--chip goes with" in error("--chip=sm_80")
    assert "needs a GPU" in error(*make_tools(has_gpu=False))


def test_spilling_and_wrong_candidates_are_not_chosen(tune):
    from attention_benchmark.schedules import Outcome, Tuned, format_rows, make_case

    now, good, spills, wrong = (
        Outcome(schedule(keys), measurements=2, ms=ms)
        for keys, ms in ((128, 4.0), (112, 3.2), (96, 1.0), (80, 1.0))
    )
    spills.status, wrong.status = "spills", "wrong"
    # Measured once only: too little to be chosen.
    once = Outcome(schedule(64), measurements=1, ms=2.0)
    outcomes = [now, spills, wrong, good, once]
    tuned = Tuned(make_case(64, "bf16", 2048), "none", now.schedule, outcomes)
    assert tuned.best() is good and tuned.gain() == pytest.approx(0.25)
    rows = format_rows([tuned])
    assert "{64, 128, 112, 8, 2}," in rows and "+25.0%" in rows
    assert "now {64, 128, 128, 8, 2}," in rows
    tuned.outcomes = [now]
    assert "as it is now" in format_rows([tuned])
    tuned.outcomes = [spills, wrong]
    assert "no candidate could be chosen" in format_rows([tuned])


def test_tune(tune, make_tools, tmp_path, monkeypatch, capsys):
    """The search goes past the neighbours of what is selected, to the fastest."""
    options = ["--kind=wgmma", "--mask=padding", "--dim=256", "--seconds=100"]
    options += [*make_tools(), f"--json={tmp_path / 'tuned.json'}"]
    monkeypatch.setattr(sys, "argv", ["tune.py", *options])
    assert tune.main() == 0
    output, errors = capsys.readouterr()
    report = json.loads((tmp_path / "tuned.json").read_text())["cases"][0]
    statuses = {x["schedule"]["keys"]: x["status"] for x in report["candidates"]}
    assert (statuses[32], statuses[48], statuses[64]) == ("spills", "wrong", "failed")
    assert "spills: 8 bytes" in output and "wrong: error nan" in output
    assert "failed: the kernel faulted" in output and " 168 " in output
    fastest = max(x["schedule"]["keys"] for x in report["candidates"])
    assert report["best"]["keys"] == fastest > 80 == report["selected"]["keys"]
    assert report["gain"] == pytest.approx(fastest / 80 - 1)
    assert "// wgmma, bf16, mask padding\n    {256, " in output
    assert "left)" in errors


def test_tune_finds_adjacent_heads(tune, make_tools, tmp_path, monkeypatch, capsys):
    """What is best for the selected schedule is kept for the candidates after it."""
    options = ["--kind=mma_sync", "--mask=dense", "--dim=64", "--quick"]
    options += [*make_tools(), f"--json={tmp_path / 'tuned.json'}"]
    monkeypatch.setattr(sys, "argv", ["tune.py", *options])
    assert tune.main() == 0
    report = json.loads((tmp_path / "tuned.json").read_text())["cases"][0]
    tried = [x["schedule"] for x in report["candidates"]]
    assert len(tried) == len({str(each) for each in tried})
    assert report["best"]["keys"] == max(each["keys"] for each in tried) > 80
    assert report["best"]["adjacent_heads"] == 4
    # All tiles that are near, and what is best so far with other numbers.
    alike = [each for each in tried if each["adjacent_heads"] == 4]
    assert len(alike) > len(tried) / 2 and report["untried"] == 0
    assert ", 2, false, false, 4}," in capsys.readouterr().out


def test_tune_ends_in_time(tune, make_tools, monkeypatch, capsys):
    options = ["--kind=mma_sync", "--mask=none", "--dim=64", "--seconds=0"]
    monkeypatch.setattr(sys, "argv", ["tune.py", *options, *make_tools()])
    assert tune.main() == 0
    output = capsys.readouterr().out
    assert "candidates not tried" in output and "as it is now" in output
