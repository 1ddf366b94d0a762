"""The benchmarks run without a GPU, and say what they cannot run."""

import json
import os
import re
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest
from conftest import SOURCE_DIR


def run(script, *arguments):
    done = subprocess.run(
        [sys.executable, str(SOURCE_DIR / "benchmarks" / script), *arguments],
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def on_cpu(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark")
    files = ["--json", folder / "report.json", "--plot", folder / "plot.png"]
    code, output, errors = run(
        "attention.py", "--device=cpu", "--seconds=0.01", *map(str, files)
    )
    assert code == 0, output + errors
    return output, errors, folder


def test_table(on_cpu):
    output, errors, _ = on_cpu
    (line,) = [
        line
        for line in output.splitlines()
        if line.startswith("| f32 B1 H4/2 S128 D64 | causal")
    ]
    assert float(line.split("|")[3]) > 0
    assert "- torch cuDNN: absent: " in output and "- MAX: absent: " in output
    assert "MFA, round 2" in errors and "[####" in errors


def test_first_calls(on_cpu):
    output, _, _ = on_cpu
    (line,) = [line for line in output.splitlines() if line.startswith("| MFA | ")]
    first, cached = (float(cell) for cell in line.split("|")[2:4])
    assert cached < first


def test_json(on_cpu):
    report = json.loads((on_cpu[2] / "report.json").read_text())
    ours = [row for row in report["rows"] if row["peer"] == "MFA"]
    assert ours and all(row["status"] == "ok" and row["tflops"] > 0 for row in ours)
    assert all(row["error"] <= row["tolerance"] for row in ours)
    assert {row["status"] for row in report["rows"]} <= {"ok", "absent", "refused"}
    assert report["versions"]["MFA"] and report["device"]


def test_plot(on_cpu):
    pytest.importorskip("matplotlib")
    assert (on_cpu[2] / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_gpu_that_is_not_there():
    environment = {"CUDA_VISIBLE_DEVICES": "", "LD_LIBRARY_PATH": ""}
    os.environ |= environment
    code, output, _ = run("attention.py", "--device=cuda", "--quick", "--no-first-call")
    assert code == 1
    assert "- MFA: absent: " in output and "GPU" in output


@pytest.fixture
def benchmark_modules(monkeypatch):
    monkeypatch.syspath_prepend(str(SOURCE_DIR / "benchmarks"))
    import attention
    from attention_benchmark import cases, peers, timing

    return attention, cases, peers, timing


def test_wrong_results_are_shown(benchmark_modules):
    """A peer whose result is wrong is not timed."""
    attention, cases, peers, _ = benchmark_modules

    class Wrong(peers.Peer):
        name = "wrong"
        devices = ("cpu",)

        def prepare(self, problem):
            return peers.Run(lambda: problem.q, timer=None)

    problem = cases.make_problem(cases.CPU_CASES[0], "dense", "cpu")
    (row,) = attention.measure([Wrong("cpu")], problem, 0.01, 2, print)
    assert row.status == "wrong" and row.ms is None and "tolerance" in row.reason


def test_rounds_in_turn(benchmark_modules):
    """A peer that fails later loses its times, and no other peer does."""
    attention, cases, peers, timing = benchmark_modules
    calls = []

    class Timed(peers.Peer):
        devices = ("cpu",)

        def __init__(self, name, fails_in=0):
            super().__init__("cpu")
            self.name, self.fails_in = name, fails_in

        def prepare(self, problem):
            ours = peers.MFA("cpu").prepare(problem)

            def timer(call, budget_s):
                calls.append((self.name, budget_s))
                number = sum(name == self.name for name, _ in calls)
                if number == self.fails_in:
                    raise RuntimeError("out of memory\nand more")
                return timing.Times(float(number**2), 1.0 / number, 5, "host")

            return peers.Run(ours.call, timer)

    problem = cases.make_problem(cases.CPU_CASES[0], "dense", "cpu")
    rows = attention.measure([Timed("a"), Timed("b", 2)], problem, 0.3, 3, print)
    assert [name for name, _ in calls] == ["a", "b", "a", "b", "a"]
    assert all(budget == pytest.approx(0.1) for _, budget in calls)
    first, second = rows
    assert (first.ms, first.min_ms, first.runs) == (4.0, pytest.approx(1 / 3), 15)
    assert first.round_ms == [1.0, 4.0, 9.0]
    assert second.status == "refused" and second.ms is None
    assert second.reason == "RuntimeError: out of memory"


def test_rounds_by_different_clocks(benchmark_modules):
    """What a peer's clock does not keep to the end is no median."""
    attention, cases, peers, timing = benchmark_modules
    methods = iter(["cupti", "host"])

    class Changing(peers.MFA):
        def prepare(self, problem):
            def timer(call, budget_s):
                return timing.Times(1.0, 1.0, 5, next(methods))

            return peers.Run(super().prepare(problem).call, timer)

    problem = cases.make_problem(cases.CPU_CASES[0], "none", "cpu")
    (row,) = attention.measure([Changing("cpu")], problem, 0.3, 2, print)
    assert row.status == "refused" and row.ms is None
    assert row.reason == "ValueError: expected rounds by one clock but got cupti, host"


@pytest.fixture
def jax_profiler(benchmark_modules, monkeypatch):
    """Stands for JAX; its profiler fails on a function that is an exception."""

    class JaxRuntimeError(RuntimeError):
        pass

    def measure(function, iterations):
        def profiled(*arguments):
            if isinstance(function, Exception):
                raise function
            return None, profiler.times

        return profiled

    profiler = SimpleNamespace(measure=measure, times=[2.0, 1.0, 3.0])
    jax, gpu = ModuleType("jax"), ModuleType("jax.experimental.mosaic.gpu")
    jax.jit = jax.block_until_ready = lambda x: x
    jax.numpy = SimpleNamespace(ones=lambda size: size)
    jax.errors = SimpleNamespace(JaxRuntimeError=JaxRuntimeError)
    gpu.profiler = profiler
    for name in ("jax.experimental", "jax.experimental.mosaic"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "jax", jax)
    monkeypatch.setitem(sys.modules, "jax.experimental.mosaic.gpu", gpu)
    timing = benchmark_modules[3]
    timing._has_cupti.cache_clear()
    yield jax, profiler, timing
    timing._has_cupti.cache_clear()


class JaxCall:
    arguments = ()

    def __init__(self, compiled=None):
        self.compiled, self.profiled = compiled, None

    def __call__(self):
        return 0


def test_clock_of_jax_is_chosen_once(jax_profiler):
    jax, profiler, timing = jax_profiler
    times = timing.time_jax(JaxCall(), 0.01)
    assert (times.method, times.median_ms, times.min_ms) == ("cupti", 2.0, 1.0)
    # Later failures are those of the call, whatever the clock.
    with pytest.raises(RuntimeError, match="out of memory"):
        timing.time_jax(JaxCall(jax.errors.JaxRuntimeError("out of memory")), 0.01)
    profiler.times = []
    with pytest.raises(RuntimeError, match="times of kernels"):
        timing.time_jax(JaxCall(), 0.01)


def test_jax_without_cupti(jax_profiler, monkeypatch):
    jax, profiler, timing = jax_profiler
    monkeypatch.delattr(profiler, "measure")
    assert timing.time_jax(JaxCall(), 0.001).method == "host"
    profiler.measure = None
    # Nobody asks again.
    assert timing.time_jax(JaxCall(), 0.001).method == "host"

    # What a small kernel had no room for is not decided.
    def measure(function, iterations):
        raise jax.errors.JaxRuntimeError("out of memory")

    profiler.measure = measure
    timing._has_cupti.cache_clear()
    with pytest.raises(RuntimeError, match="out of memory"):
        timing.time_jax(JaxCall(), 0.001)
    profiler.measure = lambda function, iterations: lambda *arguments: (None, [1.0])
    assert timing.time_jax(JaxCall(), 0.001).method == "cupti"


def test_tool_in_turn(benchmark_modules, monkeypatch):
    """The tool checks once, then has a run for each round."""
    attention, cases, peers, timing = benchmark_modules
    calls, steps = [], []

    def read_report(tool, options):
        assert tool == sys.executable and "--target=cpu" in options
        (asked,) = {"--check", "--bench"} & set(options)
        calls.append(asked)
        passed = {"max_abs_err": 0.1, "tolerance": 0.2, "pass": "causal" not in what}
        times = {"median_ms": float(len(calls)), "runs": 7}
        return {"check": passed} if asked == "--check" else {"bench": times}

    class Other(peers.MFA):
        def prepare(self, problem):
            def timer(call, budget_s):
                calls.append("other")
                return timing.Times(1.0, 1.0, 1, "host")

            return peers.Run(super().prepare(problem).call, timer)

    monkeypatch.setattr(peers.mfa_run, "read_report", read_report)
    monkeypatch.setattr(peers.MFARun, "tool", sys.executable)
    contenders = [peers.MFARun("cpu"), Other("cpu")]

    what = "none"
    problem = cases.make_problem(cases.CPU_CASES[0], what, "cpu")
    row, _ = attention.measure(contenders, problem, 0.3, 2, steps.append)
    assert calls == ["--check", "--bench", "other", "--bench", "other"]
    assert (row.round_ms, row.ms, row.runs) == ([2.0, 4.0], 3.0, 14)
    assert (row.error, row.tolerance, row.method) == (0.1, 0.2, "host")
    assert len(steps) == len(contenders) * (1 + 2)

    calls.clear()
    what = "causal"
    problem = cases.make_problem(cases.CPU_CASES[0], what, "cpu")
    row, _ = attention.measure(contenders, problem, 0.3, 2, steps.append)
    assert calls == ["--check", "other", "other"] and row.status == "wrong"


def test_missing_results(benchmark_modules, monkeypatch, capsys):
    """A case without a result of this project is a failure, and said to be one."""
    attention, _, peers, _ = benchmark_modules
    monkeypatch.setattr(peers.MFARun, "tool", "")

    class Crashing(peers.MFA):
        calls = 0

        def prepare(self, problem):
            self.calls += 1
            if self.calls == 2:
                raise RuntimeError("no kernel")
            return super().prepare(problem)

    class Tool(peers.MFA):
        name = "mfa-run"

        def __init__(self, device):
            raise peers.Absent("no such program")

    class Other(peers.MFA):
        name = "other"

    def main(ours, *options):
        monkeypatch.setattr(attention, "PEERS", [*ours, Other])
        options = ["--device=cpu", "--seconds=0.01", "--no-first-call", *options]
        options += ["--masks=none", "--mfa-run=tool"]
        monkeypatch.setattr(sys, "argv", ["attention.py", *options])
        code = attention.main()
        errors = capsys.readouterr().err.splitlines()
        return code, [line for line in errors if line.startswith("error: ")]

    crash = "error: f16 B1 H4 Sq64 Sk192 D32, none: MFA is refused: "
    crash += "RuntimeError: no kernel"
    assert main([Crashing]) == (1, [crash])
    # The tool need not be there where the package is, nor the other way round.
    assert main([Crashing, Tool]) == (1, [crash])
    assert main([peers.MFA, Tool]) == (0, [])
    Tool.__init__ = peers.MFA.__init__
    assert main([Crashing, Tool]) == (1, [crash])
    assert main([peers.MFA], "--cases=f64") == (1, ["error: no case was measured"])
    # Peers that leave this project out ask nothing of it.
    assert main([peers.MFA], "--peers=other") == (0, [])
    assert main([peers.MFA], "--peers", "other", "MFA") == (0, [])


def test_ours_are_absent(benchmark_modules):
    from attention_benchmark.report import FirstCall, Report, Row

    attention, cases, _, _ = benchmark_modules
    case, found = cases.CPU_CASES[0], Report("", {})
    found.rows = [
        Row(case, "none", "MFA", "absent", "no module"),
        Row(case, "none", "mfa-run", "ok"),
        Row(case, "dense", "MFA", "absent", "no module"),
        Row(case, "dense", "other", "ok"),
        Row(case, "causal", "other", "ok"),
    ]
    found.first_calls = [FirstCall("other", None, reason="failed: x")]
    assert attention.find_failures(found) == [
        f"{case}, dense: MFA is absent: no module",
        f"{case}, causal: no result of MFA or mfa-run",
    ]
    found.rows = found.rows[:2]
    assert attention.find_failures(found) == []
    found.first_calls += [FirstCall("MFA", None, reason="failed: y")]
    assert attention.find_failures(found) == ["first call: MFA is failed: y"]


def test_labels_of_the_plot(benchmark_modules):
    """Panels without points take no label with them."""
    pytest.importorskip("matplotlib").use("Agg")
    from attention_benchmark.report import Report, Row, draw
    from matplotlib import pyplot

    cases = benchmark_modules[1]

    def row(length, dim, mask, dtype="bf16"):
        case = cases.Case(1, 4, 4, length, length, dim, dtype)
        return Row(case, mask, "MFA", "ok", ms=1.0)

    found = Report("a GPU", {}, ceiling_tflops=700.0)
    assert draw(found) is None
    found.rows = [row(512, 64, "dense"), row(512, 128, "none"), row(64, 64, "none")]
    found.rows[2].case = cases.CASES[-1]
    # Of a type that is not drawn, on whatever device.
    found.rows += [row(256, 128, "padding", "f32"), row(256, 128, "causal", "f16")]
    for found.ceiling_tflops in (700.0, None):
        figure = draw(found)
        axes = [axis for axis in figure.axes if axis.get_visible()]
        upper, lower = axes
        assert upper.get_title() == "mask: dense, D = 64"
        assert lower.get_title() == "mask: none, D = 128"
        assert [axis.get_ylabel() for axis in axes] == ["TFLOP/s"] * 2
        assert [axis.get_xlabel() for axis in axes] == ["length"] * 2
        ticks = [axis.yaxis.get_tick_params()["labelleft"] for axis in axes]
        assert ticks == [True, True]
        notes = [axis.texts for axis in axes]
        assert [len(texts) for texts in notes] == [bool(found.ceiling_tflops), 0]
        pyplot.close(figure)


def test_serialised_products_are_the_same_everywhere(benchmark_modules):
    from attention_benchmark.schedules import SERIALISED

    for path in ("Pipelines/Inputs/assemble.py", "Integration/Micro/compare.py"):
        text = (SOURCE_DIR / "test" / path).read_text()
        assert re.findall(r'^SERIALISED = r"(.*)"$', text, re.MULTILINE) == [SERIALISED]
        assert "re.search(SERIALISED, log)" in text
    found = [code for code in range(10000) if re.search(SERIALISED, f"C{code:04}")]
    assert found == [7508, 7510, 7514, 7515]


def test_number_of_rounds():
    code, _, errors = run("attention.py", "--rounds=0")
    assert code == 2 and "--rounds: invalid count value: '0'" in errors


def test_host_cost():
    code, output, errors = run("host_cost.py", "--calls=20")
    assert code == 0, errors
    assert "cached call" in output and "first call" in output


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


def test_merged_reports(benchmark_modules, tmp_path, monkeypatch, capsys):
    """Runs in parts, shown as one."""
    from attention_benchmark.report import FirstCall, Report, Row

    attention, cases = benchmark_modules[:2]
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    case, other = cases.CASES[0], cases.CASES[1]

    def row(case, mask, ms):
        return Row(case, mask, "MFA", "ok", ms=ms, round_ms=[ms])

    Report("a GPU", {"MFA": "1"}, rows=[row(other, "dense", 1.0)]).write_json(first)
    rows = [row(other, "dense", 2.0), row(other, "none", 3.0), row(case, "dense", 4.0)]
    calls = [FirstCall("MFA", 0.5)]
    Report("a GPU", {"torch": "2"}, rows=rows, first_calls=calls).write_json(second)

    def main(*files):
        merged = tmp_path / "merged.json"
        command = ["attention.py", "--json", str(merged), "--merge", *map(str, files)]
        monkeypatch.setattr(sys, "argv", command)
        code = attention.main()
        return code, capsys.readouterr(), merged

    code, printed, merged = main(first, second)
    assert code == 0 and "MFA 1, torch 2" in printed.out
    found = Report.read_json(merged)
    # What the first has stays; all in the order of the cases.
    assert [(each.case, each.mask, each.ms) for each in found.rows] == [
        (case, "dense", 4.0),
        (other, "none", 3.0),
        (other, "dense", 1.0),
    ]
    assert found.first_calls == calls
    Report("another GPU", {}).write_json(second)
    code, printed, _ = main(first, second)
    message = "error: expected reports of a GPU but got one of another GPU\n"
    assert (code, printed.err) == (1, message)
    second.write_text('{"rows": [{}]}')
    code, printed, _ = main(first, second)
    message = f"error: {second}: expected a report of --json but got KeyError: 'case'\n"
    assert (code, printed.err) == (1, message)
    code, printed, _ = main(tmp_path / "none.json")
    assert code == 1 and "none.json" in printed.err
