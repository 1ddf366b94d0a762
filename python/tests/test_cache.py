"""Kernels on disk and in memory."""

import errno
import os
import subprocess
import sys
import threading
import time
import warnings

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


@pytest.mark.parametrize(
    "environment, expected",
    [
        ({"XDG_CACHE_HOME": "relative", "HOME": "/there"}, "/there/.cache/mfa"),
        ({"XDG_CACHE_HOME": "", "HOME": "/there"}, "/there/.cache/mfa"),
        ({"HOME": ""}, "None"),
        ({"HOME": "relative"}, "None"),
        ({"MFA_CACHE_DIR": "some/folder", "HOME": "/there"}, "{cwd}/some/folder"),
    ],
)
def test_folder_of_odd_environments(environment, expected, tmp_path, monkeypatch):
    for name in ("MFA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert str(mfa.cache_dir()) == expected.format(cwd=tmp_path)


def test_no_home(monkeypatch):
    for name in ("MFA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(_cache.Path, "home", home)
    assert mfa.cache_dir() is None
    _kernels.forget()
    run()


def test_relative_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MFA_CACHE_DIR", "here")
    monkeypatch.chdir(tmp_path)
    _kernels.forget()
    run()
    assert [entry.suffix for entry in (tmp_path / "here").iterdir()] == [".mfa"]


def make_file(path):
    path.write_text("")
    return path


def make_read_only(path):
    path.mkdir()
    path.chmod(0o500)
    return path


@pytest.mark.parametrize(
    "make",
    [
        make_file,
        lambda path: make_file(path) / "cache",
        lambda path: make_read_only(path) / "cache",
        lambda path: path.symlink_to(path) or path,
    ],
    ids=["file", "in-file", "read-only", "loop"],
)
def test_folder_that_cannot_be_written(make, tmp_path, monkeypatch):
    blocked = make(tmp_path / "blocked")
    if os.geteuid() == 0 and blocked.parent.is_dir() and blocked.name == "cache":
        pytest.skip("root writes to read-only folders")
    monkeypatch.setenv("MFA_CACHE_DIR", str(blocked))
    monkeypatch.setattr(_cache, "_warned", set())
    _kernels.forget()
    with pytest.warns(RuntimeWarning, match=f"kernels are not kept in {blocked}: "):
        run()


def test_full_disk(cache_dir, monkeypatch):
    class Full:
        """The file of a disk that is full after a few bytes."""

        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            self.file.write(data[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    fdopen = os.fdopen
    monkeypatch.setattr(
        _cache.os,
        "fdopen",
        lambda handle, mode: Full(fdopen(handle, mode)) if "w" in mode else fdopen(handle, mode),
    )
    monkeypatch.setattr(_cache, "_warned", set())
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        run()
    assert not list(cache_dir.iterdir())
    # Said once.
    _kernels.forget()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run()


def test_interrupted_write(cache_dir, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_cache.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert not list(cache_dir.iterdir())


# Where others may write, they may put code. Each changes the folder, or the entry in
# it, of a cache that is there.
def chmod(mode):
    return lambda path, monkeypatch: path.chmod(mode)


def give_away(path, monkeypatch):
    """As if it were another user's; only root can give a file away."""
    monkeypatch.setattr(_cache.os, "geteuid", lambda: os.getuid() + 1)
    if os.getuid() == 0:
        os.chown(path, 12345, -1)


def link_to_shared(path, monkeypatch):
    real = path.with_name("elsewhere")
    path.rename(real)
    real.chmod(0o777)
    path.symlink_to(real)


UNSAFE_FOLDERS = {
    "group": (chmod(0o770), "its group may write to it"),
    "others": (chmod(0o707), "anybody may write to it"),
    "sticky": (chmod(0o1777), "its group and anybody may write to it"),
    "owner": (give_away, "it belongs to user"),
    "link": (link_to_shared, "its group and anybody may write to it"),
}


@pytest.mark.parametrize("name", UNSAFE_FOLDERS)
def test_folder_that_others_may_write_to(cache_dir, name, monkeypatch):
    run()
    (entry,) = cache_dir.iterdir()
    before = entry.stat().st_mtime_ns
    change, reason = UNSAFE_FOLDERS[name]
    change(cache_dir, monkeypatch)
    monkeypatch.setattr(_cache, "_warned", set())
    _kernels.forget()
    compiled = count_compilations(monkeypatch)
    with pytest.warns(RuntimeWarning) as said:
        run()
    (message,) = {str(each.message) for each in said}
    assert f"neither read from {cache_dir} nor kept there, since {reason}" in message
    assert "set MFA_CACHE_DIR" in message
    assert len(compiled) == 1
    assert [each.stat().st_mtime_ns for each in cache_dir.iterdir()] == [before]


def test_link_to_a_folder_of_ones_own(cache_dir, monkeypatch):
    run()
    real = cache_dir.with_name("elsewhere")
    cache_dir.rename(real)
    cache_dir.symlink_to(real)
    _kernels.forget()
    compiled = count_compilations(monkeypatch)
    run()
    assert not compiled


@pytest.mark.parametrize("change", ["mode", "link", "folder", "owner"])
def test_entry_that_others_may_have_written(cache_dir, change, monkeypatch):
    run()
    (entry,) = cache_dir.iterdir()
    if change == "mode":
        entry.chmod(0o666)
    elif change == "link":
        real = cache_dir.with_name("elsewhere")
        entry.rename(real)
        entry.symlink_to(real)
    elif change == "owner":
        if os.geteuid() != 0:
            pytest.skip("only root gives files away")
        os.chown(entry, 12345, -1)
    else:
        entry.unlink()
        entry.mkdir()
    _kernels.forget()
    compiled = count_compilations(monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A folder cannot be replaced by a file.
        run()
    assert len(compiled) == 1
    if change != "folder":
        # Replaced by one of our own.
        assert not entry.is_symlink() and entry.stat().st_mode & 0o077 == 0
        assert entry.stat().st_uid == os.geteuid()


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o077])
def test_folder_is_made_for_its_owner(cache_dir, mask):
    previous = os.umask(mask)
    try:
        run()
    finally:
        os.umask(previous)
    (entry,) = cache_dir.iterdir()
    assert cache_dir.stat().st_mode & 0o777 == 0o700
    assert entry.stat().st_mode & 0o777 == 0o600


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


TABLE = """{"rows": [
{"kernel": "mma_sync", "head_dim": 256, "schedule": {"tile_rows": 32, "tile_keys": KEYS,
 "warps": 2, "stages": 1}, "measured": null},
{"kernel": "wgmma", "head_dim": 256, "schedule": {"tile_rows": 64, "tile_keys": 32,
 "warps": 4, "stages": 2}, "measured": null}]}"""


def test_table_of_schedules(cache_dir, monkeypatch, tmp_path):
    """Kernels are from the table that MFA_SCHEDULES names, as it is now."""

    def compile_it(target="sim"):
        x = mfa.Spec((1, 256, 2, 64), "f16")
        return mfa.compile(x, x, x, target=target).schedule

    compiled = count_compilations(monkeypatch)
    builtin = compile_it()
    table = tmp_path / "schedules.json"
    monkeypatch.setenv("MFA_SCHEDULES", str(table))
    for keys in (16, 32):
        table.write_text(TABLE.replace("KEYS", str(keys)))
        assert f"tile_rows = 32, tile_keys = {keys}, warps = 2" in compile_it()
    assert len(compiled) == 3
    # What a table says is looked for on disk, and not its name.
    _kernels.forget()
    other = tmp_path / "other.json"
    table.rename(other)
    monkeypatch.setenv("MFA_SCHEDULES", str(other))
    assert "tile_keys = 32, warps = 2" in compile_it()
    assert len(compiled) == 3
    other.write_text("{}")
    with pytest.raises(RuntimeError, match="other.json: rows: expected a list of rows"):
        compile_it()
    other.unlink()
    with pytest.raises(ValueError, match="MFA_SCHEDULES: .* cannot read .*other.json"):
        compile_it()
    # Nothing that the CPU needs.
    assert "kind = cpu" in compile_it("cpu")
    monkeypatch.delenv("MFA_SCHEDULES")
    assert compile_it() == builtin
