"""The functions of a call as expressions, which can be written for other arrays.

A function is traced once, for all calls that its rules hold for (see _rules). What is
traced by others in turn, as by jax.vmap, needs the rules of another call: those of a
larger batch, or with a captured array in place of a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from . import _mfa
from ._emit import reads_of, walk, write_rules
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
FIRST: Path = (("call", "first"),)
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
        self.captures = captures
        # Captured arrays, in the order of the arguments of a launch, and after
        # them the values of numbers.
        self.tables = captures.tables
        self.integers = tuple(numbers[path] for path in captures.integers)
        self.floats = tuple(numbers[path] for path in captures.floats)
        paths = *captures.integers, *captures.floats
        self._numbers = {path: numbers[path] for path in paths}

    def _replace(self, replace: Replace) -> Regions:
        roots = (_substitute(root, replace) for root in (self.keep, self.score))
        return Regions(*roots, self._numbers)

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

    def joined(
        self, level: int, name: str, inner: Any, outer: Any, mapped: Iterable[Path]
    ) -> Regions:
        """The same where `outer` calls are joined into one: batches ("b"), or heads
        ("h"), of `inner` each lie behind each other. The arrays at the paths `mapped`
        have a leading dimension that says of which call they are; it is joined with the
        next one of those that have as many as kernels read. `level` tells nested ones
        apart."""
        mapped = frozenset(mapped)
        numbers = {}

        def size(what: str, value: Any) -> Symbol:
            path: Path = (("call", what), ("item", level))
            numbers[path] = value
            captured = frozenset({path})
            return Symbol(
                "capture", "index", (), (path, what), (1, POSITION[1]), captured
            )

        own = size("batch" if name == "b" else "heads", inner)
        calls = size("calls", outer)
        at = position(name)
        own_position, call = remainder(at, own), floor_divide(at, own)

        def replace(x: Symbol, args):
            if x.op == "position" and x.value == name:
                return own_position
            if x.op == "load" and x.value.path in mapped:
                table = x.value
                if table.rank < MOST_RANK:
                    wider = _retable(table, table.element, table.rank + 1)
                    return load(wider, (call, *args))
                flat = _retable(table, table.element, table.rank)
                first = call * floor_divide(size_of(flat, 0), calls) + args[0]
                # Of any integers the sum might be negative, which indices are not.
                first.range = POSITION
                return load(flat, (first, *args[1:]))
            if x.op == "size" and x.value[0].path in mapped:
                table, dim = x.value
                if table.rank < MOST_RANK:
                    wider = _retable(table, table.element, table.rank + 1)
                    return size_of(wider, dim + 1)
                flat = _retable(table, table.element, table.rank)
                whole = size_of(flat, dim)
                return whole if dim else floor_divide(whole, calls)
            return None

        roots = [_substitute(root, replace) for root in (self.keep, self.score)]
        return Regions(*roots, {**self._numbers, **numbers})

    def shifted(
        self, names: list[str], divided: dict[Path, tuple[str | None, ...]]
    ) -> tuple[Regions, Path]:
        """The same for a part of the batch, heads or queries, whose positions are
        `names`: they begin at the elements of an array that is captured, at the path
        that is returned. Dimensions of captured arrays that are `divided` in the same
        way, as `read_along` has them, begin there as well."""
        first = Table(FIRST, "first", "i32", 1, True)
        at = {}
        for index, name in enumerate(names):
            moved = position(name) + load(first, (constant(index),))
            # Of any integers the sum might be negative, which positions are not.
            moved.range = POSITION
            at[name] = moved

        def replace(x: Symbol, args):
            if x.op == "position" and x.value in at:
                return at[x.value]
            if x.op == "load" and any(divided.get(x.value.path, ())):
                table = x.value
                dims = divided[table.path]
                own = _retable(table, table.element, table.rank)
                return load(
                    own,
                    tuple(
                        position(name) if name else index
                        for name, index in zip(dims, args)
                    ),
                )
            return None

        return self._replace(replace), FIRST

    def read_along(self) -> dict[Path, tuple[str | None, ...]]:
        """By captured array, of each of its dimensions the position that alone it is
        read at, if that is the only one, and nothing asks for the size."""
        found: dict[Path, list[Any]] = {}
        for x in walk(self.keep, self.score):
            if x.op == "load":
                names = [
                    y.value if y.op == "position" and y.value in "bhq" else False
                    for y in x.args
                ]
                known = found.setdefault(x.value.path, names)
                for dim, name in enumerate(names):
                    if known[dim] != name:
                        known[dim] = False
            elif x.op == "size":
                table, dim = x.value
                known = found.setdefault(table.path, [False] * table.rank)
                known[dim] = False
        return {
            path: tuple(name or None for name in found.get(path, [None] * table.rank))
            for path, table in self.tables.items()
        }

    @property
    def reads(self) -> list[tuple[int, int, int]]:
        """Dimensions of the arrays that are indexed by positions, as of `reads_of`."""
        return reads_of(self.keep, self.score, self.captures)

    @property
    def rules(self) -> _mfa.Rules:
        """The rules of these functions."""
        from ._rules import rules_of_results

        return rules_of_results(self.keep, self.score, self.text, self.captures)
