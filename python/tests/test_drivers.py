"""What is said of drivers and GPUs that are too old, or not there; with a driver that
is not there either."""

import os
import re
import subprocess
import sys
from pathlib import Path

import mfa
import pytest
from conftest import SOURCE_DIR

DRIVER = os.environ.get("MFA_FAKE_CUDA_DIR", "")

PROLOGUE = """
import fake_gpu, mfa
x = fake_gpu.Array(1, 4, 2, 64)
spec = mfa.Spec(x.shape, "f16")
def call():
    mfa.masked_attention(x, x, x, out=fake_gpu.Array(*x.shape))
def compile(chip):
    return mfa.compile(spec, spec, spec, target="cuda", chip=chip)
"""


def table():
    """Architecture, version of PTX, and the driver's version and branch, as docs say."""
    page = (SOURCE_DIR / "docs" / "python.md").read_text()
    rows = re.findall(
        r"^\| (sm_.*?) \| (\d\.\d) \| CUDA (\d+)\.(\d+), (R\d+) \|$", page, re.M
    )
    for chips, ptx, major, minor, branch in rows:
        for chip in chips.split(", "):
            yield chip, ptx, f"{major}.{minor}", branch


TABLE = list(table())


def run(program, path=DRIVER, **environment):
    if path == DRIVER and not (Path(DRIVER) / "libcuda.so.1").exists():
        pytest.skip("MFA_FAKE_CUDA_DIR names no folder with the tests' libcuda.so.1")
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    # A kernel from disk comes with machine code.
    variables = {"LD_LIBRARY_PATH": path, "PYTHONPATH": paths, "MFA_CACHE_DIR": ""}
    return subprocess.run(
        [sys.executable, "-c", PROLOGUE + program],
        env=os.environ | variables | environment,
        capture_output=True,
        text=True,
    )


def test_every_architecture_is_in_the_table():
    spec = mfa.Spec((1, 8, 1, 16), "f16")
    with pytest.raises(ValueError) as error:
        mfa.compile(spec, spec, spec, target="cuda", chip="sm_1")
    known = re.findall(r"sm_\d+a?", str(error.value).partition(" but got")[0])
    assert sorted(known) == sorted(chip for chip, *_ in TABLE)


@pytest.mark.parametrize("chip, version, cuda, branch", TABLE)
def test_version_of_an_architecture(chip, version, cuda, branch):
    spec = mfa.Spec((1, 8, 1, 16), "f16")
    ptx = mfa.compile(spec, spec, spec, target="cuda", chip=chip).ptx
    assert re.search(r"^\.version (\S+)$", ptx, re.M)[1] == version
    assert re.search(r"^\.target (\w+)", ptx, re.M)[1] == chip


# The fake GPU's architecture by its first digit or digits.
@pytest.mark.parametrize("major, chip", [(8, "sm_80"), (9, "sm_90a"), (10, "sm_100a"), (12, "sm_120a")])
def test_old_driver(major, chip):
    _, version, cuda, branch = next(row for row in TABLE if row[0] == chip)
    needed = int(cuda.split(".")[0]) * 1000 + int(cuda.split(".")[1]) * 10
    newest = run("call()", MFA_FAKE_CUDA_MAJOR=str(major), MFA_FAKE_CUDA_VERSION=str(needed))
    assert newest.returncode == 0, newest.stderr
    done = run("call()", MFA_FAKE_CUDA_MAJOR=str(major), MFA_FAKE_CUDA_VERSION="11080")
    assert (
        f"RuntimeError: loading PTX: expected a driver of CUDA {cuda} ({branch}) or newer, "
        f"which PTX {version} of a kernel for {chip} needs, but got one of CUDA 11.8; "
        "update NVIDIA's driver" in done.stderr
    )
    # Before the driver is given anything to compile.
    assert "compile PTX" not in done.stderr and "load module" not in done.stderr


@pytest.mark.parametrize("function, major", [("cuLinkAddData", "8"), ("cuModuleLoadDataEx", "9")])
def test_driver_that_refuses_the_version_itself(function, major):
    done = run(
        "call()",
        MFA_FAKE_CUDA_FAIL=function,
        MFA_FAKE_CUDA_UNSUPPORTED="1",
        MFA_FAKE_CUDA_MAJOR=major,
    )
    assert "failed with code 222 (CUDA_ERROR_UNSUPPORTED_PTX_VERSION)" in done.stderr
    assert " (PTX 8.0 and a driver of CUDA 13.0)" in done.stderr


@pytest.mark.parametrize("chip", ["sm_90", "sm_90a", "sm_100a", "sm_86"])
def test_kernel_for_a_newer_gpu(chip):
    program = f"compile({chip!r})(x, x, x, out=fake_gpu.Array(*x.shape))"
    done = run(program, MFA_FAKE_CUDA_MAJOR="8")
    assert (
        f"RuntimeError: loading PTX: expected a GPU that runs code for {chip}, for which "
        "the kernel was compiled, but got Fake GPU of sm_80" in done.stderr
    )


def test_kernel_for_one_architecture_alone():
    program = "compile('sm_90a')(x, x, x, out=fake_gpu.Array(*x.shape))"
    done = run(program, MFA_FAKE_CUDA_MAJOR="10")
    assert "expected a GPU that runs code for sm_90a" in done.stderr
    done = run(program.replace("sm_90a", "sm_90"), MFA_FAKE_CUDA_MAJOR="10")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("program", ["call()", "mfa.compile(spec, spec, spec)"])
@pytest.mark.parametrize("major", ["7", "11"])
def test_gpu_that_nothing_is_compiled_for(program, major):
    done = run(program, MFA_FAKE_CUDA_MAJOR=major)
    assert re.search(
        r"RuntimeError: expected a GPU of one of the architectures sm_80, .* but GPU 0, "
        rf"Fake GPU, is of sm_{major}0",
        done.stderr,
    )


def test_no_device():
    done = run("print(mfa.cuda_unavailable_reason())", MFA_FAKE_CUDA_DEVICES="0")
    assert done.stdout == "looking for a GPU: the CUDA driver reports no device\n"
    done = run("call()", MFA_FAKE_CUDA_DEVICES="0")
    assert "RuntimeError: looking for a GPU: the CUDA driver reports" in done.stderr


def test_no_driver(tmp_path):
    # A file that is none stands before one that may be there.
    (tmp_path / "libcuda.so.1").write_text("")
    done = run("print(mfa.cuda_unavailable_reason())", path=str(tmp_path))
    assert done.stdout.startswith("loading the CUDA driver: ")
    assert "libcuda.so.1" in done.stdout
    done = run("call()", path=str(tmp_path))
    assert "RuntimeError: loading the CUDA driver: " in done.stderr
