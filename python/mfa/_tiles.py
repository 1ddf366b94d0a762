"""How many tiles of keys a kernel visits."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from . import _kernels, _mfa
from ._arrays import describe


class TileCounts(NamedTuple):
    """Tiles of query rows and keys, over all batches and heads: those that a kernel
    skips, and those that it visits with a test of each pair, freely, and without a
    test but with the mask."""

    skipped: int
    tested: int
    free: int
    masked: int


@functools.lru_cache(maxsize=64)
def _counter(
    problem: _mfa.Problem, chip: str, options: tuple, table: tuple[str, str]
) -> _mfa.Kernel:
    return _mfa.compile_problem(
        problem,
        target=_mfa.Target.cpu,
        count_tiles_for=chip,
        schedules=table[0],
        **dict(options),
    )


def count(
    problem: _mfa.Problem,
    chip: str,
    options: dict[str, str],
    shapes: tuple[tuple[int, ...], ...],
    mask: Any,
    captures: tuple,
) -> TileCounts:
    """Counts on the CPU, for arrays of these shapes: [B, Sq, H, D], [B, Sk, h, D] and
    [B, Sk, h, Dv]. `captures` are those of the problem's rules."""
    import numpy

    counts = numpy.zeros(4, numpy.int64)
    q, k, v = shapes
    # Arrays that are neither read nor written share one row in all their places: with
    # the strides of arrays they would reach into memory of others.
    row = numpy.zeros(max(q[1], q[2], q[3], v[3]))
    owners = [row]

    def stand_in(shape):
        return row.ctypes.data, shape, (*[0] * (len(shape) - 1), 1)

    def argument(name, value):
        if isinstance(value, (int, float)):
            return value
        owners.append(_on_host(value))
        _, _, _, address, sizes, strides, *_ = describe(name, owners[-1])
        return address, sizes, strides

    arguments = [stand_in(shape) for shape in shapes]
    if mask is not None:
        address, sizes, strides = argument("mask", mask)
        if len(sizes) == 3:
            sizes = sizes[0], 1, *sizes[1:]
            strides = strides[0], 0, *strides[1:]
        # Where the code does not know of a size of 1, it is expanded.
        full = [
            size if size != 1 or problem.mask_broadcast >> dim & 1 else whole
            for dim, (size, whole) in enumerate(zip(sizes, (q[0], q[2], q[1], k[1])))
        ]
        strides = [
            stride if size == whole else 0
            for size, whole, stride in zip(sizes, full, strides)
        ]
        arguments.append((address, full, strides))
    if problem.sinks:
        arguments.append(stand_in(q[2:3]))
    arguments += [
        argument(f"capture {number}", value) for number, value in enumerate(captures)
    ]
    arguments.append(stand_in((*q[:3], v[3])))
    if problem.lse:
        arguments.append(stand_in((q[0], q[2], q[1])))
    arguments.append((counts.ctypes.data, (4,), (1,)))
    table = _kernels.schedule_table()
    _counter(problem, chip, tuple(options.items()), table).launch(arguments)
    skipped, free, masked, tested = counts.tolist()
    return TileCounts(skipped, tested, free, masked)


def _on_host(array: Any) -> Any:
    """The array in memory of the CPU."""
    if hasattr(array, "detach"):
        return array.detach().cpu()
    import numpy

    return array if isinstance(array, numpy.ndarray) else numpy.asarray(array)
