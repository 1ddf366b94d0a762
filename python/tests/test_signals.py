"""Signals during calls and compilations: Ctrl-C ends them within a moment."""

import os
import signal
import threading
import time

import mfa
import numpy as np
import pytest
from conftest import assert_close, make_qkv, reference

# Each takes seconds if nothing ends it.
CALLS = {
    "cpu": dict(shape=(8, 2048, 8, 64)),
    "cpu-half": dict(shape=(8, 4096, 8, 64), dtype=np.float16),
    # So many tiles that threads take several at once.
    "cpu-long": dict(shape=(1, 65536, 4, 64)),
    "cpu-one-head": dict(shape=(1, 32768, 1, 64)),
    "sim": dict(shape=(8, 256, 8, 64), target="sim"),
    # One block, and so one thread of the host.
    "sim-one-block": dict(shape=(1, 16384, 1, 64), queries=64, target="sim"),
    "sim-f16": dict(shape=(8, 512, 8, 64), target="sim", dtype=np.float16),
}

# Half of it is for the thread that sends the signal.
PROMPT = 0.3


def make_call(shape, queries=None, target=None, dtype=np.float32):
    x = np.ones(shape, dtype)
    q = x[:, :queries] if queries else x
    mfa.masked_attention(q[:1, :2, :1], x[:1, :2, :1], x[:1, :2, :1], target=target)
    return lambda: mfa.masked_attention(q, x, x, target=target)


class Alarm:
    """Sends this process a signal after a while; `sent` is when."""

    def __init__(self, number=signal.SIGINT, delay=0.2, repeat=1):
        def send():
            for _ in range(repeat):
                time.sleep(delay)
                self.sent = time.monotonic()
                os.kill(os.getpid(), number)

        self.thread = threading.Thread(target=send)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()


@pytest.fixture(autouse=True)
def default_handler():
    """Python's own, whoever runs the tests."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


def slack():
    """How much later than on an idle machine things happen on this one."""
    return 1 + os.getloadavg()[0] / os.cpu_count()


@pytest.mark.parametrize("name", CALLS)
def test_interrupted_call(name):
    call = make_call(**CALLS[name])
    with Alarm() as alarm:
        with pytest.raises(KeyboardInterrupt):
            call()
        assert time.monotonic() - alarm.sent < PROMPT * slack()
    # What comes next is not concerned.
    q, k, v = make_qkv(seq_q=40, seq_k=40)
    target = CALLS[name].get("target")
    result = mfa.masked_attention(q, k, v, target=target)
    assert_close(result, reference(q, k, v)[0])


def test_interrupted_again_and_again():
    call = make_call(**CALLS["cpu"])
    for _ in range(5):
        with Alarm(delay=0.1):
            with pytest.raises(KeyboardInterrupt):
                call()


def test_memory_of_interrupted_calls_is_given_back():
    def used():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    call = make_call(**CALLS["sim"])

    def interrupt():
        with Alarm(delay=0.1):
            with pytest.raises(KeyboardInterrupt):
                call()

    for _ in range(3):
        interrupt()
    before = used()
    for _ in range(10):
        interrupt()
    # An output alone has 4 MB.
    assert used() - before < 20e6


def test_handler_of_the_program():
    class Timeout(Exception):
        pass

    def stop(number, frame):
        raise Timeout

    previous = signal.signal(signal.SIGALRM, stop)
    try:
        call = make_call(**CALLS["cpu"])
        with Alarm(signal.SIGALRM) as alarm:
            with pytest.raises(Timeout):
                call()
            assert time.monotonic() - alarm.sent < PROMPT * slack()
    finally:
        signal.signal(signal.SIGALRM, previous)


@pytest.mark.parametrize("target", ["cpu", "sim"])
def test_handler_that_lets_the_call_go_on(target):
    handled = []
    # Handlers may call as well.
    q, k, v = make_qkv()
    inner = lambda *_: handled.append(mfa.masked_attention(q, k, v))  # noqa: E731
    previous = signal.signal(signal.SIGUSR1, inner)
    try:
        length = 2048 if target == "cpu" else 128
        x = np.random.default_rng(0).standard_normal((4, length, 4, 32), np.float32)
        mfa.masked_attention(x[:1, :2], x[:1, :2], x[:1, :2], target=target)
        with Alarm(signal.SIGUSR1, delay=0.05, repeat=4):
            result = mfa.masked_attention(x, x, x, target=target)
        assert_close(result[:1], reference(x[:1], x[:1], x[:1])[0])
        assert len(handled) >= 2
        for output in handled:
            assert_close(output, reference(q, k, v)[0])
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_calls_of_other_threads_go_on():
    x = np.random.default_rng(0).standard_normal((4, 1024, 4, 32), np.float32)
    results = []
    thread = threading.Thread(
        target=lambda: results.append(mfa.masked_attention(x, x, x))
    )
    thread.start()
    with Alarm(delay=0.05):
        with pytest.raises(KeyboardInterrupt):
            while thread.is_alive():
                time.sleep(0.01)
            time.sleep(1)
    thread.join()
    assert_close(results[0][:1], reference(x[:1], x[:1], x[:1])[0])


def test_ignored_signal():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    x = np.ones((2, 1024, 4, 32), np.float32)
    with Alarm(delay=0.05):
        assert np.all(mfa.masked_attention(x, x, x) == 1)


def make_program(count):
    """Many attentions in one function: a compilation of seconds."""
    ops = "\n".join(
        f"""
        mfa.masked_attention
          ins(%q, %k, %v : memref<?x?x?x{dim}xf32>, memref<?x?x?x{dim}xf32>, memref<?x?x?x{dim}xf32>)
          outs(%o : memref<?x?x?x{dim}xf32>)"""
        for dim in [64] * count
    )
    array = "memref<?x?x?x64xf32>"
    arguments = ", ".join(f"%{name}: {array}" for name in "qkvo")
    return f"func.func @main({arguments}) {{{ops}\n return }}"


@pytest.mark.parametrize("target", ["cpu", "sim", "cuda"])
def test_interrupted_compilation(target):
    compile_source = mfa._mfa.compile_source
    kind = mfa._mfa.Target[target]
    chip = "" if target == "cpu" else "sm_80"
    begin = time.monotonic()
    compile_source(make_program(1), target=kind, chip=chip)
    one = time.monotonic() - begin
    program = make_program(12)
    with Alarm(delay=one / 2) as alarm:
        with pytest.raises(KeyboardInterrupt):
            compile_source(program, target=kind, chip=chip)
        late = time.monotonic() - alarm.sent
    # A pass is not interrupted; all of them take a dozen times as long as for one.
    assert late < 4 * one + PROMPT * slack()
    compile_source(make_program(1), target=kind, chip=chip)


def test_interrupted_compilation_is_begun_anew(cache_dir, monkeypatch):
    compile_problem = mfa._mfa.compile_problem

    def interrupted(*arguments, **options):
        monkeypatch.setattr(mfa._kernels._mfa, "compile_problem", compile_problem)
        raise KeyboardInterrupt

    monkeypatch.setattr(mfa._kernels._mfa, "compile_problem", interrupted)
    q, k, v = make_qkv(dim=24)
    with pytest.raises(KeyboardInterrupt):
        mfa.masked_attention(q, k, v)
    assert not cache_dir.exists()
    assert_close(mfa.masked_attention(q, k, v), reference(q, k, v)[0])


@pytest.mark.parametrize("target", ["cpu", "sim"])
def test_handler_that_calls_what_is_being_compiled(cache_dir, target):
    q, k, v = make_qkv(dim=40)
    handled = []

    def call(*_):
        handled.append(mfa.masked_attention(q, k, v, target=target))

    previous = signal.signal(signal.SIGUSR1, call)
    try:
        with Alarm(signal.SIGUSR1, delay=0.02):
            outputs = [mfa.masked_attention(q, k, v, target=target) for _ in range(3)]
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert handled
    for output in handled + outputs:
        assert_close(output, reference(q, k, v)[0])
