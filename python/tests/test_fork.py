"""Processes that are forked: from one that has called, that is in a call, or that
compiles. Each program runs on its own, so that a child that hangs is seen and does not
hold up the tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = os.environ.get("MFA_FAKE_CUDA_DIR", "")

# What the programs share: `check` makes a call with several tiles and looks at what
# comes out; `join` waits for a forked process and takes its status.
PROLOGUE = """
import os, sys, threading, time, warnings
import numpy as np
import numpy.testing  # Not in a thread: a child would wait for its import.
import mfa

warnings.filterwarnings("ignore", category=DeprecationWarning)

def check(target=None, dim=16, length=100):
    # No generator that other threads share: it has a lock.
    rng = np.random.default_rng(dim)
    q, k, v = (
        rng.standard_normal((2, length, 4, dim)).astype(np.float32) for _ in range(3)
    )
    scores = np.einsum("bqhd,bkhd->bhqk", q.astype(float), k) * dim**-0.5
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    expected = np.einsum("bhqk,bkhd->bqhd", weights / weights.sum(-1, keepdims=True), v)
    np.testing.assert_allclose(
        mfa.masked_attention(q, k, v, target=target), expected, rtol=1e-4, atol=1e-4
    )

def fork(body):
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        body()
        status = 0
    except BaseException as error:
        print(type(error).__name__, error, file=sys.stderr, flush=True)
    finally:
        os._exit(status)

def join(child, timeout=60):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert os.waitstatus_to_exitcode(status) == 0, "the child failed"
            return
        time.sleep(0.01)
    os.kill(child, 9)
    raise AssertionError("the child hangs")
"""

PROGRAMS = {
    "after a call": """
check()
join(fork(check))
check()
""",
    "before any call": """
join(fork(check))
check()
""",
    "again and again": """
check()
join(fork(lambda: (check(), join(fork(lambda: (check(), join(fork(check))))), check())))
""",
    "many at once": """
check()
for child in [fork(check) for _ in range(8)]:
    join(child)
""",
    "and compiled in the child": """
check()
join(fork(lambda: check(dim=32)))
check(dim=32)
""",
    "in simulation": """
check("sim", length=20)
join(fork(lambda: check("sim", length=20)))
check("sim", length=20)
""",
    "from a thread": """
check()
thread = threading.Thread(daemon=True, target=lambda: join(fork(check)))
thread.start()
thread.join()
check()
""",
    "while other threads call": """
check()
ends = threading.Event()
def call():
    while not ends.is_set():
        check()
threads = [threading.Thread(daemon=True, target=call) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(20):
    join(fork(check))
ends.set()
for thread in threads:
    thread.join()
""",
    "while other threads simulate": """
ends = threading.Event()
def call():
    while not ends.is_set():
        check("sim", length=20)
check("sim", length=20)
thread = threading.Thread(daemon=True, target=call)
thread.start()
for _ in range(5):
    join(fork(lambda: check("sim", length=20)))
ends.set()
thread.join()
""",
    "while another thread compiles": """
check()
def compile():
    for dim in range(8, 72, 8):
        check(dim=dim)
thread = threading.Thread(daemon=True, target=compile)
thread.start()
while thread.is_alive():
    # The kernel that is being compiled, and another one.
    join(fork(lambda: [check(dim=dim) for dim in (8, 136)]))
thread.join()
""",
    "by multiprocessing": """
import multiprocessing
check()
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.starmap_async(check, [()] * 4).get(timeout=60)
""",
    "subprocesses": """
import subprocess
check()
program = "import sys; sys.exit(0)"
subprocess.run([sys.executable, "-c", program], preexec_fn=lambda: check(), check=True,
               timeout=60)
""",
}

WORKERS = """
import torch
from torch.utils.data import DataLoader, Dataset

class Items(Dataset):
    def __len__(self):
        return 6
    def __getitem__(self, index):
        q = torch.full((1, 40, 2, 16), float(index))
        return mfa.masked_attention(q, q, q)

check()
items = list(DataLoader(Items(), batch_size=2, num_workers=2, timeout=60,
                        multiprocessing_context="fork"))
assert [round(float(item.mean()), 4) for item in items] == [0.5, 2.5, 4.5], items
"""


def run(program, **environment):
    return subprocess.run(
        [sys.executable, "-c", PROLOGUE + program],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_fork(name):
    done = run(PROGRAMS[name], MFA_CACHE_DIR="")
    assert done.returncode == 0, done.stderr


def test_workers_of_a_data_loader():
    pytest.importorskip("torch")
    done = run(WORKERS)
    assert done.returncode == 0, done.stderr


# With the driver that is not there: it aborts when a forked process uses it.
CUDA_PROGRAMS = {
    "reason": 'print(mfa.cuda_unavailable_reason(), flush=True)',
    "chip": "mfa._mfa.device_chip(0)",
    "call": "call()",
    "load": "kernel.load(0)",
    "compiled": "print(mfa.compile(s, s, s, target='cuda').resources, flush=True)",
    "array": "mfa._mfa.DeviceArray((2, 3), 'f16', 0)",
}
CUDA_PROLOGUE = """
import fake_gpu
x = fake_gpu.Array(1, 4, 2, 64)
out = fake_gpu.Array(1, 4, 2, 64)
s = mfa.Spec((1, 4, 2, 64), "f16")
def call():
    mfa.masked_attention(x, x, x, out=out)
call()
made = mfa._mfa.DeviceArray((2, 3), "f16", 0)
kernel = mfa._kernels.get_kernel(
    "f16", 64, 64, None, 0, False, False, False, "cuda")
def end():
    # Objects of the parent leave the child's memory alone.
    global kernel, made
    kernel = made = None
    mfa._kernels.forget()
"""
FORKED = (
    "using the CUDA driver: expected a process of its own but got one forked from a "
    "process that has used CUDA; use the 'spawn' start method of multiprocessing"
)


def run_with_driver(program, **environment):
    if not (Path(DRIVER) / "libcuda.so.1").exists():
        pytest.skip("MFA_FAKE_CUDA_DIR names no folder with the tests' libcuda.so.1")
    tests = str(Path(__file__).parent)
    paths = os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])
    return run(program, LD_LIBRARY_PATH=DRIVER, PYTHONPATH=paths, **environment)


@pytest.mark.parametrize("name", CUDA_PROGRAMS)
def test_cuda_in_a_forked_process(name):
    body = f"""
def body():
    try:
        {CUDA_PROGRAMS[name]}
    finally:
        end()
"""
    done = run_with_driver(CUDA_PROLOGUE + body + "os.waitpid(fork(body), 0)")
    assert done.returncode == 0, done.stderr
    said = done.stdout if name in ("reason", "compiled") else done.stderr
    if name == "compiled":
        # There is no GPU to ask, as on a machine without one.
        assert "threads" in said and "registers" not in said
    else:
        assert FORKED in said, done.stderr
    assert "used in a forked process" not in done.stderr


def test_cpu_in_a_forked_process_of_one_that_used_cuda():
    done = run_with_driver(CUDA_PROLOGUE + "join(fork(check)); call()")
    assert done.returncode == 0, done.stderr


def test_cuda_first_used_in_the_forked_process():
    body = CUDA_PROLOGUE.replace("\n", "\n    ")
    done = run_with_driver(f"def body():\n    {body}\ncheck()\njoin(fork(body))")
    assert done.returncode == 0, done.stderr
    assert "launch" in done.stderr


def test_cuda_used_by_another_library_of_the_parent():
    program = """
import ctypes
ctypes.CDLL("libcuda.so.1").cuInit(0)
join(fork(lambda: print(mfa.cuda_unavailable_reason(), flush=True)))
"""
    done = run_with_driver(program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "cuInit failed with code 3 (CUDA_ERROR_NOT_INITIALIZED): initialization "
        "error: expected a process of its own but got one forked"
    )


def test_no_driver_in_parent_and_child():
    done = run(
        "print(mfa.cuda_unavailable_reason(), flush=True)\n"
        "join(fork(lambda: print(mfa.cuda_unavailable_reason(), flush=True)))",
        LD_LIBRARY_PATH="/nowhere",
        CUDA_VISIBLE_DEVICES="",
    )
    first, second = done.stdout.splitlines()
    assert first == second, done.stderr
