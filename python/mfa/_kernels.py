"""Kernels of this process: looked up, taken from disk, or compiled."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Any

from . import _cache, _mfa

# Handlers of signals may ask for kernels in the middle of what is locked here.
_lock = threading.RLock()
_kernels: dict[tuple, _mfa.Kernel] = {}
_disk_keys: dict[_mfa.Kernel, tuple] = {}
_pending: dict[tuple, Any] = {}
_chips: dict[int, str] = {}


def _begin_process() -> None:
    """What a process does when it imports the package, and a forked one again."""
    global _lock, _pending
    # Locks that other threads held when they were left behind.
    _lock, _pending = threading.RLock(), {}
    _mfa.watch_signals(threading.main_thread().ident)


_begin_process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_process)


def cuda_unavailable_reason() -> str | None:
    """Why no GPU can be used, or None where one can."""
    return _mfa.cuda_unavailable_reason()


def chip_of(target: str, device: int = 0) -> str:
    """The architecture to compile for: that of a GPU, sm_80 for the simulator."""
    if target != "cuda":
        return "" if target == "cpu" else "sm_80"
    chip = _chips.get(device)
    if chip is None:
        chip = _chips[device] = _mfa.device_chip(device)
    return chip


def schedule_table() -> tuple[str, str]:
    """The table that schedules of GPU kernels are from, and the hash of what it says:
    both empty for the one that is built in."""
    name = os.environ.get("MFA_SCHEDULES", "")
    if not name:
        return "", ""
    try:
        return name, hashlib.sha256(Path(name).read_bytes()).hexdigest()
    except OSError as error:
        raise ValueError(
            "MFA_SCHEDULES: expected a table of schedules, but cannot read "
            f"{name}: {error.strerror}"
        ) from None


def get_kernel(
    dtype: str,
    head_dim: int,
    value_dim: int,
    mask_dtype: str | None,
    mask_broadcast: int,
    mask_unit_stride: bool,
    any_scale: bool,
    lse: bool,
    target: str,
    device: int = 0,
    *,
    num_queries: int = 0,
    sinks: bool = False,
    rules: str = "",
    chip: str = "",
    schedule: str = "",
    f32_product: str = "tf32x3",
    tile_lists: str = "rules",
) -> _mfa.Kernel:
    """The kernel of a problem, compiled at most once for each chip, whatever the
    number of threads that ask for it. `device` is the GPU whose chip it is for, if
    none is given. `num_queries`, `sinks`, `rules` and what begins with `mask_` are
    those of _mfa.Problem."""
    chip = chip or chip_of(target, device)
    mask = mask_dtype, mask_broadcast, mask_unit_stride
    problem = dtype, head_dim, value_dim, *mask, any_scale, lse, num_queries
    # By what it says, not by its name.
    table, digest = ("", "") if target == "cpu" else schedule_table()
    options = target, chip, schedule, f32_product, tile_lists, digest
    key = *problem, sinks, rules, *options
    with _lock:
        kernel = _kernels.get(key)
        pending = _pending.setdefault(key, threading.RLock())
    if kernel is None:
        with pending:
            kernel = _kernels.get(key)
            if kernel is None:
                kernel = _kernels[key] = _read_or_compile(key, table)
    return kernel


def make_problem(
    dtype: str,
    head_dim: int,
    value_dim: int,
    mask_dtype: str | None,
    mask_broadcast: int,
    mask_unit_stride: bool,
    any_scale: bool,
    lse: bool,
    num_queries: int = 0,
    sinks: bool = False,
    rules: str = "",
) -> _mfa.Problem:
    """The problem for which the extension compiles: masks are seen as rank 4. With
    `any_scale` the scale is an argument, otherwise it is 1/sqrt(D), which code that
    knows it applies to a whole tile at once."""
    return _mfa.Problem(
        dtype,
        head_dim,
        value_dim,
        mask_rank=0 if mask_dtype is None else 4,
        mask_dtype=mask_dtype or "f16",
        mask_broadcast=mask_broadcast,
        mask_unit_stride=mask_unit_stride,
        scale="argument" if any_scale else None,
        lse=lse,
        num_queries=num_queries,
        sinks=sinks,
        rules=rules,
        # The queries of a known number are those of mfa._mfa.attend.
        grouped_heads=(bool(rules) or sinks) and num_queries != 0,
    )


def _read_or_compile(key: tuple, table: str) -> _mfa.Kernel:
    target, chip, schedule, f32_product, tile_lists, _ = key[11:]
    # The compiler's identity covers its version, LLVM's and this CPU.
    disk_key = _mfa.compiler_id(), *key
    payload = _cache.read(disk_key)
    if payload is not None:
        try:
            kernel = _mfa.deserialize(payload)
            _disk_keys[kernel] = disk_key
            return kernel
        except RuntimeError:
            pass  # An entry that cannot be used is replaced.
    kernel = _mfa.compile_problem(
        make_problem(*key[:11]),
        target=_mfa.Target[target],
        chip=chip,
        schedule=schedule,
        f32_product=f32_product,
        tile_lists=tile_lists,
        schedules=table,
    )
    _disk_keys[kernel] = disk_key
    save(kernel)
    return kernel


def save(kernel: _mfa.Kernel) -> None:
    """Keeps a kernel of get_kernel on disk: when it is compiled, and again when a
    launch had to load a GPU kernel, whose machine code the driver takes long to
    make. Others are not kept."""
    disk_key = _disk_keys.get(kernel)
    payload = kernel.serialize()
    if disk_key is not None:
        _cache.write(disk_key, payload)


def forget() -> None:
    """Forgets the kernels of this process."""
    _mfa.forget_kernels()
    with _lock:
        _kernels.clear()
        _pending.clear()
        _disk_keys.clear()
