"""Compiled kernels on disk.

An entry is a file named by the hash of all that changes its code. It holds a
header, the hash of the rest, and the kernel's bytes. It is written under another
name and renamed, so that readers see a whole file or none, whoever else writes;
one that is damaged all the same is compiled again.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

_MAGIC = b"MFA kernel 1\n"
_SUFFIX = ".mfa"


def cache_dir() -> Path | None:
    """Where compiled kernels are kept, or None where they are not.

    That is $MFA_CACHE_DIR, by default `mfa` in $XDG_CACHE_HOME or ~/.cache. An
    empty MFA_CACHE_DIR means no cache on disk.
    """
    chosen = os.environ.get("MFA_CACHE_DIR")
    if chosen is not None:
        return Path(chosen) if chosen else None
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "mfa"
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


def read(key: tuple) -> bytes | None:
    """The bytes of an entry; None for one that is missing or damaged."""
    path = entry_path(key)
    if path is None:
        return None
    try:
        contents = path.read_bytes()
    except OSError:
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
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        with os.fdopen(handle, "wb") as file:
            file.write(contents)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        _warn_once(f"mfa: kernels are not kept on disk: {error}")


_warned = False


def _warn_once(message: str) -> None:
    global _warned
    if not _warned:
        _warned = True
        print(message, file=sys.stderr)
