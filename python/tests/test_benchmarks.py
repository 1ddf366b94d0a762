"""The benchmarks run without a GPU, and say what they cannot run."""

import json
import os
import subprocess
import sys

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
    assert "8/" in errors and "[####" in errors


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


def test_wrong_results_are_shown():
    """A peer whose result is wrong is not timed."""
    sys.path.insert(0, str(SOURCE_DIR / "benchmarks"))
    import attention
    from attention_benchmark.cases import CPU_CASES, make_problem
    from attention_benchmark.peers import Peer, Run

    class Wrong(Peer):
        name = "wrong"
        devices = ("cpu",)

        def prepare(self, problem):
            return Run(lambda: problem.q, timer=None)

    row = attention.measure(
        Wrong("cpu"), make_problem(CPU_CASES[0], "dense", "cpu"), 0.01
    )
    assert row.status == "wrong" and row.ms is None and "tolerance" in row.reason


def test_host_cost():
    code, output, errors = run("host_cost.py", "--calls=20")
    assert code == 0, errors
    assert "cached call" in output and "first call" in output
