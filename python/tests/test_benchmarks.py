"""The benchmarks run without a GPU, and say what they cannot run."""

import json
import os
import re
import sys
from types import ModuleType, SimpleNamespace

import pytest
from conftest import SOURCE_DIR, run


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
    assert ", MFA, " in errors and ", round " in errors and "[####" in errors


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


def test_cpu_beside_torch(tmp_path):
    pytest.importorskip("torch")
    file = tmp_path / "report.json"
    options = ["--cases=f32 B1 H8 S512 D64 (none|window)", "--seconds=0.01"]
    code, output, errors = run("cpu.py", *options, "--threads=1", f"--json={file}")
    assert code == 0, output + errors
    report = json.loads(file.read_text())
    assert report["peak"] > 1
    assert [row["problem"]["mask"] for row in report["rows"]] == ["none", "window"]
    assert all(row["ours"]["wall_ms"] > 0 for row in report["rows"])
    assert output.count("\n| f32 B1 H8 S512 D64 ") == 2
