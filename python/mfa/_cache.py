"""Compiled kernels on disk.

An entry is a file named by the hash of all that changes its code. It holds a
header, the hash of the rest, and the kernel's bytes. It is written under another
name and renamed, so that readers see a whole file or none, whoever else writes;
one that is damaged all the same is compiled again.

Entries hold machine code. So the folder has to be one to which nobody else may
write, and an entry a file that nobody else may have written; root may, as it may do
anything.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import warnings
from pathlib import Path

_MAGIC = b"MFA kernel 1\n"
_SUFFIX = ".mfa"


def cache_dir() -> Path | None:
    """Where compiled kernels are kept, or None where they are not.

    That is $MFA_CACHE_DIR, by default `mfa` in $XDG_CACHE_HOME or ~/.cache. An
    empty MFA_CACHE_DIR means no cache on disk, a relative one is looked for in the
    working directory.
    """
    chosen = os.environ.get("MFA_CACHE_DIR")
    if chosen is not None:
        return Path(chosen).absolute() if chosen else None
    # The XDG specification says to ignore a path that is not absolute.
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):
        return Path(base) / "mfa"
    if not os.path.isabs(os.environ.get("HOME", "/")):
        return None
    try:
        return Path.home() / ".cache" / "mfa"
    except RuntimeError:  # There is no home.
        return None


def clear_cache() -> None:
    """Deletes the kernels on disk and forgets those of this process."""
    from ._kernels import forget

    forget()
    folder = cache_dir()
    if folder is None or not folder.is_dir():
        return
    for entry in folder.glob(f"*{_SUFFIX}"):
        entry.unlink(missing_ok=True)


def entry_path(key: tuple) -> Path | None:
    """The file of an entry, whether there is one or not."""
    folder = cache_dir()
    if folder is None:
        return None
    name = hashlib.sha256(repr(key).encode()).hexdigest()[:40]
    return folder / (name + _SUFFIX)


def _why_unsafe(status: os.stat_result) -> str | None:
    """Why what has this status may hold what others wrote; None if it may not."""
    if not hasattr(os, "geteuid"):
        return None
    if status.st_uid not in (os.geteuid(), 0):
        return f"it belongs to user {status.st_uid}"
    if stat.S_ISLNK(status.st_mode):
        return None  # The mode of a link means nothing.
    writers = [
        who
        for bit, who in ((stat.S_IWGRP, "its group"), (stat.S_IWOTH, "anybody"))
        if status.st_mode & bit
    ]
    return f"{' and '.join(writers)} may write to it" if writers else None


def _is_safe(folder: Path) -> bool:
    """Whether entries of the folder may be run; says why not. For a link, both it
    and the folder that it leads to count."""
    for status in (os.lstat(folder), os.stat(folder)):
        if reason := _why_unsafe(status):
            _warn_once(
                f"mfa: compiled kernels are neither read from {folder} nor kept there, "
                f"since {reason}, and they are code; run 'chmod go-w' on a folder of "
                "your own, or set MFA_CACHE_DIR to one"
            )
            return False
    return True


def _read_entry(path: Path) -> bytes | None:
    """The contents of a file that nobody else may have written."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or _why_unsafe(status):
            return None
        return file.read()


def read(key: tuple) -> bytes | None:
    """The bytes of an entry; None for one that is missing or damaged, or that
    somebody else may have written."""
    path = entry_path(key)
    if path is None:
        return None
    try:
        contents = _read_entry(path) if _is_safe(path.parent) else None
    except OSError:
        return None
    if contents is None:
        return None
    start = len(_MAGIC) + hashlib.sha256().digest_size
    digest, payload = contents[len(_MAGIC) : start], contents[start:]
    if not contents.startswith(_MAGIC) or hashlib.sha256(payload).digest() != digest:
        return None
    return payload


def write(key: tuple, payload: bytes) -> None:
    """Writes an entry. A disk that is full or read-only is no error: the kernel
    is compiled again next time."""
    path = entry_path(key)
    if path is None:
        return
    contents = _MAGIC + hashlib.sha256(payload).digest() + payload
    temporary = None
    try:
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        # Whatever the umask is.
        path.parent.mkdir(mode=0o700, exist_ok=True)
        if not _is_safe(path.parent):
            return
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        with os.fdopen(handle, "wb") as file:
            file.write(contents)
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        _warn_once(f"mfa: compiled kernels are not kept in {path.parent}: {error}")
    finally:
        # An error of another kind is Ctrl-C.
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


_warned: set[str] = set()


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, RuntimeWarning, stacklevel=2)
