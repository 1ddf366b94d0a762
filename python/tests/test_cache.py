"""Kernels on disk and in memory."""

import os
import subprocess
import sys
import threading
import time

import mfa
import numpy as np
import pytest
from conftest import assert_close, make_qkv, reference
from mfa import _cache, _kernels

PROGRAM = """
import numpy as np, mfa
q = np.ones((1, 3, 2, 16), np.float32)
assert np.allclose(mfa.masked_attention(q, q, q), 1)
"""


def count_compilations(monkeypatch):
    """A list that grows with every compilation."""
    compiled = []
    compile_problem = _kernels._mfa.compile_problem

    def counting(*arguments, **options):
        compiled.append(arguments)
        return compile_problem(*arguments, **options)

    monkeypatch.setattr(_kernels._mfa, "compile_problem", counting)
    return compiled


def run(**options):
    q, k, v = make_qkv(**options)
    assert_close(mfa.masked_attention(q, k, v), reference(q, k, v)[0])


def test_compiled_once_in_a_process(cache_dir, monkeypatch):
    compiled = count_compilations(monkeypatch)
    for _ in range(3):
        run()
    assert len(compiled) == 1


def test_taken_from_disk(cache_dir, monkeypatch):
    run()
    _kernels.forget()
    compiled = count_compilations(monkeypatch)
    run()
    assert not compiled


def test_disk_is_fast(cache_dir):
    run()
    _kernels.forget()
    begin = time.perf_counter()
    run()
    # 50 ms on a machine that does nothing else.
    assert time.perf_counter() - begin < 0.5


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "other"])
def test_damaged_entry_is_replaced(cache_dir, damage, monkeypatch):
    run()
    (entry,) = cache_dir.iterdir()
    whole = entry.read_bytes()
    middle = len(whole) // 2
    entry.write_bytes(
        {
            "empty": b"",
            "cut": whole[:middle],
            "flipped": whole[:middle]
            + bytes([whole[middle] ^ 1])
            + whole[middle + 1 :],
            "other": b"something else",
        }[damage]
    )
    _kernels.forget()
    compiled = count_compilations(monkeypatch)
    run()
    assert len(compiled) == 1
    assert len(entry.read_bytes()) == len(whole)


def test_entry_with_right_hash_and_wrong_kernel(cache_dir, monkeypatch):
    run()
    (entry,) = cache_dir.iterdir()
    size = entry.stat().st_size
    key = ("made", "up")
    _cache.write(key, b"no kernel")
    os.replace(_cache.entry_path(key), entry)
    _kernels.forget()
    compiled = count_compilations(monkeypatch)
    run()
    assert len(compiled) == 1 and entry.stat().st_size >= size // 2


def test_key_has_all_that_changes_code(cache_dir, monkeypatch):
    run()
    monkeypatch.setattr(_kernels._mfa, "compiler_id", lambda: "another compiler")
    _kernels.forget()
    run()
    mfa.compile(*make_qkv(), target="cpu", f32_product="tf32")
    run(dim=24)
    assert len(list(cache_dir.iterdir())) == 4


def test_no_cache_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("MFA_CACHE_DIR", "")
    monkeypatch.chdir(tmp_path)
    assert mfa.cache_dir() is None
    _kernels.forget()
    run()
    assert not list(tmp_path.iterdir())


def test_default_folder(monkeypatch):
    monkeypatch.delenv("MFA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert str(mfa.cache_dir()) == "/somewhere/mfa"


def test_folder_that_cannot_be_written(tmp_path, monkeypatch, capfd):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("MFA_CACHE_DIR", str(blocked / "cache"))
    monkeypatch.setattr(_cache, "_warned", False)
    _kernels.forget()
    run()
    assert "kernels are not kept on disk" in capfd.readouterr().err


def test_clear(cache_dir):
    run()
    mfa.clear_cache()
    assert not list(cache_dir.iterdir())
    run()


def test_processes_at_once(cache_dir):
    environment = os.environ | {"MFA_CACHE_DIR": str(cache_dir)}
    processes = [
        subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment)
        for _ in range(4)
    ]
    assert [process.wait(timeout=300) for process in processes] == [0] * 4
    # One entry, and no temporary file left behind.
    assert [entry.suffix for entry in cache_dir.iterdir()] == [".mfa"]


def test_writers_and_readers_at_once(cache_dir):
    payloads = [bytes([value]) * 200_000 for value in range(4)]
    stop, seen = threading.Event(), []

    def read():
        while not stop.is_set():
            seen.append(_cache.read(("key",)))

    def write(payload):
        for _ in range(20):
            _cache.write(("key",), payload)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(x,)) for x in payloads]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert all(value is None or value in payloads for value in seen)
    assert _cache.read(("key",)) in payloads


def test_threads_compile_once(cache_dir, monkeypatch):
    compiled = count_compilations(monkeypatch)
    q, k, v = make_qkv()
    expected, _ = reference(q, k, v)
    results, barrier = [None] * 8, threading.Barrier(8)

    def call(index):
        barrier.wait()
        results[index] = mfa.masked_attention(q, k, v)

    threads = [threading.Thread(target=call, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(compiled) == 1
    for result in results:
        assert_close(result, expected)


def test_threads_with_kernels_of_their_own():
    errors = []

    def call(index):
        q, k, v = make_qkv(dim=8 * (1 + index % 3), seq_q=1 + index)
        try:
            for _ in range(20):
                assert_close(mfa.masked_attention(q, k, v), reference(q, k, v)[0])
        except AssertionError as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(index,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_same_bits_every_time():
    q, k, v = make_qkv(seq_q=33, seq_k=65)
    first = mfa.masked_attention(q, k, v)
    for _ in range(5):
        np.testing.assert_array_equal(mfa.masked_attention(q, k, v), first)
