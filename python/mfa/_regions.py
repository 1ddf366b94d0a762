"""The functions of a call as expressions, which can be written for other arrays.

A function is traced once, for all calls that its rules hold for (see _rules). What is
traced by others in turn, as by jax.vmap, needs the rules of another call: those of a
larger batch, or with a captured array in place of a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from ._emit import write_rules
from ._symbols import (
    POSITION,
    Symbol,
    constant,
    floor_divide,
    position,
    remainder,
    score,
    select,
)
from ._tables import Table, load, size_of

Path = tuple[tuple[str, Any], ...]
Replace = Callable[[Symbol, tuple[Symbol, ...]], "Symbol | None"]

# What these rules capture beside what the functions did.
SCALE: Path = (("call", "scale"),)
MASK: Path = (("call", "mask"),)
# Kernels read captured arrays of up to this rank.
MOST_RANK = 4


def _substitute(root: Symbol | None, replace: Replace) -> Symbol | None:
    """The expression with each symbol for which `replace`, given its new arguments,
    has another one in its place."""
    if root is None:
        return None
    done: dict[int, Symbol] = {}
    stack = [root]
    while stack:
        x = stack[-1]
        missing = [y for y in x.args if id(y) not in done]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        args = tuple(done[id(y)] for y in x.args)
        new = replace(x, args)
        if new is None:
            is_same = all(y is z for y, z in zip(x.args, args))
            new = x if is_same else Symbol(x.op, x.kind, args, x.value, x.range)
        done[id(x)] = new
    return done[id(root)]


def _retable(table: Table, element: str, rank: int) -> Table:
    """The table of an array in row-major order in the place of another one."""
    return Table(table.path, table.name, element, rank, True)


class Regions:
    """Functions `keep` and `score`, and of what they capture the numbers. `numbers` may
    have more."""

    def __init__(
        self, keep: Symbol | None, score: Symbol | None, numbers: dict[Path, Any]
    ):
        self.keep, self.score = keep, score
        self.text, captures = write_rules(keep, score)
        # Captured arrays, in the order of the arguments of a launch, and after
        # them the values of numbers.
        self.tables = captures.tables
        self.integers = tuple(int(numbers[path]) for path in captures.integers)
        self.floats = tuple(float(numbers[path]) for path in captures.floats)
        paths = *captures.integers, *captures.floats
        self._numbers = {path: numbers[path] for path in paths}

    def _replace(self, replace: Replace, **more: Any) -> Regions:
        roots = (_substitute(root, replace) for root in (self.keep, self.score))
        return Regions(*roots, {**self._numbers, **more.get("numbers", {})})

    def with_elements(self, elements: dict[Path, str]) -> Regions:
        """The same for arrays of other element types."""

        def replace(x: Symbol, args):
            if x.op == "load" and x.value.path in elements:
                table = x.value
                return load(_retable(table, elements[table.path], table.rank), args)
            if x.op == "size" and x.value[0].path in elements:
                table, dim = x.value
                return size_of(_retable(table, elements[table.path], table.rank), dim)
            return None

        return self._replace(replace)

    def with_scale(self, mask: tuple[str, tuple[int, ...]] | None) -> Regions:
        """The same where scores are products without a scale, which comes as an array
        without dimensions. The mask, if there is one, is captured: it is added, or
        asked, behind the scale. `mask` is its element type and shape."""
        scaled = score() * load(Table(SCALE, "scale", "f32", 0, True), ())
        if mask is not None:
            element, shape = mask
            positions = [position(name) for name in "bhqk"]
            if len(shape) == 3:
                del positions[1]
            indices = tuple(
                constant(0) if size == 1 else x for size, x in zip(shape, positions)
            )
            read = load(Table(MASK, "mask", element, len(shape), True), indices)
            if element == "i1":
                scaled = select(read, scaled, constant(-math.inf))
            else:
                scaled = scaled + read

        def replace(x: Symbol, args):
            return scaled if x.op == "position" and x.value == "s" else None

        behind = scaled if self.score is None else _substitute(self.score, replace)
        return Regions(self.keep, behind, self._numbers)

    def batched(self, level: int, batch: int, mapped: Iterable[Path]) -> Regions:
        """The same where batches of this size are joined into one, and the arrays at
        the paths `mapped` have a leading dimension that says which. `level` tells
        nested ones apart."""
        mapped = frozenset(mapped)
        path: Path = (("call", "batch"), ("item", level))
        size = Symbol(
            "capture", "index", (), (path, "batch"), (1, POSITION[1]), frozenset({path})
        )
        joined = position("b")
        inner, outer = remainder(joined, size), floor_divide(joined, size)

        def replace(x: Symbol, args):
            if x.op == "position" and x.value == "b":
                return inner
            if x.op == "load" and x.value.path in mapped:
                table = x.value
                wider = _retable(table, table.element, table.rank + 1)
                return load(wider, (outer, *args))
            if x.op == "size" and x.value[0].path in mapped:
                table, dim = x.value
                wider = _retable(table, table.element, table.rank + 1)
                return size_of(wider, dim + 1)
            return None

        return self._replace(replace, numbers={path: max(batch, 1)})
