"""Calls on GPU arrays, seen from the driver: one that is not there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = os.environ.get("MFA_FAKE_CUDA_DIR", "")

pytestmark = pytest.mark.skipif(
    not (Path(DRIVER) / "libcuda.so.1").exists(),
    reason="MFA_FAKE_CUDA_DIR names no folder with the tests' libcuda.so.1",
)


def run(what, **environment):
    """The finished process of fake_gpu.py."""
    environment = os.environ | {"LD_LIBRARY_PATH": DRIVER} | environment
    program = Path(__file__).with_name("fake_gpu.py")
    return subprocess.run(
        [sys.executable, str(program), what],
        env=environment,
        capture_output=True,
        text=True,
        cwd=program.parent,
    )


def test_launch_on_the_callers_stream():
    done = run("call")
    assert done.returncode == 0, done.stderr
    before, *calls = done.stderr.split("call\n")
    assert len(calls) == 3
    for call in calls:
        launches = [line for line in call.splitlines() if "launch" in line]
        assert len(launches) == 1 and "stream 0x77" in launches[0]
    # The first call loads the kernel; those after it say nothing but "launch".
    assert "load module" in calls[0]
    for call in calls[1:]:
        assert "load" not in call and "attribute" not in call
    assert "synchronize" not in done.stderr and "stream create" not in done.stderr


def test_machine_code_is_kept_on_disk(tmp_path):
    first, second = (run("call", MFA_CACHE_DIR=str(tmp_path)) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert "compile PTX" in first.stderr
    assert second.returncode == 0, second.stderr
    assert "compile PTX" not in second.stderr and "launch" in second.stderr


def test_kernel_that_is_launched_is_loaded_alone(tmp_path):
    # For sm_90a there are three, of which the arrays choose one: here that by wgmma
    # with small tiles, which is loaded as PTX, as that with large ones is.
    environment = {"MFA_CACHE_DIR": str(tmp_path), "MFA_FAKE_CUDA_MAJOR": "9"}
    first, second = (run("call", **environment) for _ in range(2))
    assert first.returncode == 0, first.stderr
    for done in (first, second):
        assert done.stderr.count("fake: load module") == 1
        assert "load module, PTX" in done.stderr
    assert second.returncode == 0, second.stderr
    ahead = run("resources", **environment | {"MFA_CACHE_DIR": ""})
    assert ahead.stderr.count("fake: load module") == 3
    assert ahead.stderr.count("load module, PTX") == 2
    assert ahead.stderr.count("compile PTX with 1 kernels") == 1


def test_tensor_maps_are_encoded_once():
    done = run("call", MFA_FAKE_CUDA_MAJOR="9")
    assert done.returncode == 0, done.stderr
    _, first, *others = done.stderr.split("call\n")
    # Of q, k and the output: k is v as well.
    assert first.count("tensor map") == 3
    for call in others:
        assert "launch" in call and "tensor map" not in call


def test_tensor_maps_of_arrays_in_one_place():
    """Keys next to each other, and every second one of twice as many."""
    done = run("views", MFA_FAKE_CUDA_MAJOR="9")
    assert done.returncode == 0, done.stderr
    _, near, far, *again = done.stderr.split("call\n")
    assert near.count("tensor map") == 3
    assert far.count("tensor map") == 1
    for call in again:
        assert "launch" in call and "tensor map" not in call


def test_machine_code_that_the_driver_refuses_is_made_again(tmp_path):
    run("call", MFA_CACHE_DIR=str(tmp_path))
    done = run(
        "call", MFA_CACHE_DIR=str(tmp_path), MFA_FAKE_CUDA_FAIL="cuModuleLoadDataEx"
    )
    assert "compile PTX" in done.stderr and "RuntimeError: " in done.stderr


def test_second_gpu():
    done = run("second-device", MFA_FAKE_CUDA_DEVICES="2")
    assert done.returncode == 0, done.stderr
    assert "launch" in done.stderr


def test_arrays_on_two_gpus():
    done = run("other-device")
    assert (
        "ValueError: k: expected an array on cuda:0, where q is, but got one on cuda:1"
        in done.stderr
    )


def test_arrays_of_two_libraries():
    done = run("other-library")
    assert (
        "TypeError: out: expected an array of fake_gpu, as q is, but got one of "
        "elsewhere, whose work on the GPU is in other streams; pass fake_gpu's "
        "from_dlpack of it" in done.stderr
    )
    assert "launch" not in done.stderr


def test_target_of_gpu_arrays():
    done = run("target")
    assert (
        "ValueError: target: expected one for arrays on cuda:0, 'cuda', but got 'cpu'"
        in done.stderr
    )


def test_output_for_a_library_without_writable_arrays():
    done = run("output")
    assert done.returncode == 0, done.stderr
    assert "('taken', 'DeviceArray', 'PyCapsule')" in done.stdout
    # Its consumer waits for the launch.
    launch, record, wait = (
        done.stderr.index(text)
        for text in ("launch", "record event, stream 0x77", "wait for event")
    )
    assert launch < record < wait


def test_failed_launch():
    done = run("call", MFA_FAKE_CUDA_FAIL="cuLaunchKernel")
    assert done.returncode == 1
    error = done.stderr.splitlines()[-1]
    assert error.startswith("RuntimeError: ") and "cuLaunchKernel" in error
    assert "CUDA_ERROR_INVALID_VALUE" in error and "invalid argument" in error


def test_nothing_is_launched_after_an_error():
    done = run(
        "call", MFA_FAKE_CUDA_FAIL="cuTensorMapEncodeTiled", MFA_FAKE_CUDA_MAJOR="9"
    )
    assert "cuTensorMapEncodeTiled failed" in done.stderr.splitlines()[-1]
    assert "launch" not in done.stderr


def test_failed_load_has_the_drivers_log():
    done = run("call", MFA_FAKE_CUDA_FAIL="cuModuleLoadDataEx")
    assert done.returncode == 1
    assert "RuntimeError: " in done.stderr and "CUDA_ERROR_INVALID_PTX" in done.stderr
    assert "ptxas fatal: unknown instruction" in done.stderr


def test_compile_for_the_gpu_that_is_there():
    done = run("resources")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("cuda sm_80 ") and "registers" in done.stdout
