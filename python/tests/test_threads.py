"""How many threads of the CPU work on a call."""

import os
import subprocess
import sys

import mfa
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def restore():
    before = mfa.get_num_threads()
    yield
    mfa.set_num_threads(before)


@pytest.mark.parametrize("rule", [None, mfa.masks.causal(), mfa.masks.window(300, 0)])
@pytest.mark.parametrize("lengths", [(1, 4000), (5, 3000), (400, 700)])
def test_results_do_not_depend_on_them(lengths, rule):
    """Where keys are split between iterations, and where they are not."""
    random = np.random.default_rng(1)
    queries, keys = lengths
    q = random.standard_normal((1, queries, 4, 32), np.float32)
    k, v = random.standard_normal((2, 1, keys, 2, 32), np.float32)
    outputs = []
    for count in (1, 2, 3, 8):
        mfa.set_num_threads(count)
        assert mfa.get_num_threads() == count
        outputs.append(mfa.masked_attention(q, k, v, keep=rule, return_lse=True))
    for output, lse in outputs[1:]:
        np.testing.assert_array_equal(output, outputs[0][0])
        np.testing.assert_array_equal(lse, outputs[0][1])


@pytest.mark.parametrize("count", [0, -3])
def test_refused(count):
    with pytest.raises(ValueError, match=f"expected 1 thread or more but got {count}"):
        mfa.set_num_threads(count)


def run(variable):
    code = "import mfa; print(mfa.get_num_threads())"
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"MFA_NUM_THREADS": variable},
        capture_output=True,
        text=True,
        check=True,
    )


def test_environment():
    assert run("3").stdout == "3\n"


def test_environment_that_is_no_number():
    done = run("many")
    hardware = int(done.stdout)
    assert done.stderr == (
        "warning: expected MFA_NUM_THREADS to be a number from 1 on, but got 'many'; "
        f"there are {hardware} threads\n"
    )


def test_threads_sleep_without_work():
    """No processor time goes by between calls."""
    import time

    mfa.set_num_threads(2)
    # Long enough for another thread to be woken.
    q = np.zeros((1, 1024, 4, 64), np.float32)
    mfa.masked_attention(q, q, q)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.1


SMALL_STACKS = """
import threading

import mfa
import numpy as np

mfa.set_num_threads({count})
q, k, v = np.random.default_rng(1).standard_normal((3, 1, {length}, 2, 128), np.float32)
outputs = []
threading.stack_size({stack})
for _ in range(3):
    # The first one compiles.
    thread = threading.Thread(
        target=lambda: outputs.append(mfa.masked_attention(q, k, v))
    )
    thread.start()
    thread.join()
outputs.append(mfa.masked_attention(q, k, v))
assert len(outputs) == 4
assert all((output == outputs[0]).all() for output in outputs)
"""


@pytest.mark.parametrize("stack", [1 << 18, 1 << 20])
@pytest.mark.parametrize("count, length", [(1, 3), (1, 700), (2, 700)])
def test_threads_with_little_stack(tmp_path, count, length, stack):
    """Copies of tiles are more than such a thread has."""
    code = SMALL_STACKS.format(count=count, length=length, stack=stack)
    subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"MFA_CACHE_DIR": str(tmp_path)},
        check=True,
    )
