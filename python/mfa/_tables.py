"""Captured arrays of a function that is traced: symbols index them."""

from __future__ import annotations

import sys
from typing import Any

from ._symbols import (
    ANY,
    INT32,
    POSITION,
    Specialize,
    Symbol,
    Traced,
    constant,
    error,
    lift,
    select,
)


def _is_whole(index: Any) -> bool:
    return index is Ellipsis or isinstance(index, slice) and index == slice(None)


class Table(Traced):
    """A captured array, of which elements are read."""

    def __init__(
        self, path, name: str, element: str, rank: int, unit: bool, given=(), known=None
    ):
        self.path, self.name, self.element = path, name, element
        self.rank, self.unit = rank, unit
        # Indices of leading dimensions that have been given.
        self.given = given
        # Sizes that are constants, by dimension.
        self.known = known or {}

    @property
    def memref(self) -> str:
        rank = self.rank
        strides = ["?"] * rank
        if rank and self.unit:
            strides[-1] = "1"
        return f"memref<{'?x' * rank}{self.element}, strided<[{', '.join(strides)}]>>"

    def size(self, dim: int | None = None):
        if dim is None:
            return self.shape
        return self.shape[dim]

    @property
    def shape(self) -> tuple[Symbol | int, ...]:
        return tuple(
            self.known.get(dim, size_of(self, dim))
            for dim in range(len(self.given), self.rank)
        )

    @property
    def ndim(self) -> int:
        return self.rank - len(self.given)

    def dim(self) -> int:
        return self.ndim

    def numel(self) -> Symbol:
        result = constant(1)
        for size in self.shape:
            result = result * size
        return result

    def __len__(self):
        size = self.shape[0]
        if isinstance(size, Symbol):
            raise Specialize(size.captured)
        return size

    @property
    def device(self):
        torch = sys.modules.get("torch")
        return torch.device("cpu") if torch else None

    def to(self, *args, **kwargs):
        """Elements are converted when they are read, and copied to no device."""
        return self

    contiguous = cpu = cuda = detach = to

    def __getitem__(self, index):
        if self.element not in ELEMENTS:
            raise error(
                f"expected '{self.name}' to have elements of type float16, bfloat16, "
                "float32, float64, bool, or integers of up to 64 bits, unsigned ones "
                f"of up to 32, but got {self.element}"
            )
        given = index if isinstance(index, tuple) else (index,)
        if len(given) == self.ndim + 1 and given[0] is Ellipsis:
            given = given[1:]
        while given and _is_whole(given[-1]):
            given = given[:-1]
        rank = self.ndim
        if len(given) > rank:
            raise error(
                f"expected {rank} {'index' if rank == 1 else 'indices'} for "
                f"'{self.name}' but got {len(given)}",
                IndexError,
            )
        indices = self.given
        for part in given:
            indices += (self._index(part, len(indices)),)
        if len(indices) < self.rank:
            form = self.element, self.rank, self.unit
            return Table(self.path, self.name, *form, indices, self.known)
        return load(self, indices)

    def _index(self, part, dim: int) -> Symbol:
        if isinstance(part, (slice, Table, list)) or part is None or part is Ellipsis:
            raise error(
                f"expected positions as indices of '{self.name}' but got "
                f"{'an array' if isinstance(part, (Table, list)) else part}"
            )
        x = lift(part)
        if x.kind != "index":
            what = "a float" if x.kind == "f32" else "a condition"
            raise error(
                f"expected integers as indices of '{self.name}' but got {what} for "
                f"dimension {dim}"
            )
        # Of negative ones, from the end.
        if x.range[0] >= 0:
            return x
        size = size_of(self, dim)
        if x.range[1] < 0:
            return x + size
        return select(x < 0, x + size, x)

    def refuse_as_number(self) -> Exception:
        return error(
            f"expected an element of '{self.name}' but got an array of rank "
            f"{self.ndim}; index it"
        )

    def _refuse(self, *args, **kwargs):
        raise error(
            f"expected '{self.name}' to be indexed but got an operation on the whole "
            "array; do it before, outside of the function"
        )

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        values = [*args, *(kwargs or {}).values()]
        next(x for x in values if isinstance(x, Table))._refuse()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    __hash__ = object.__hash__


for _name in (
    "add sub mul truediv floordiv mod pow and or xor lt le gt ge eq ne neg invert abs "
    "radd rsub rmul rtruediv rfloordiv rmod rpow rand ror rxor bool iter array "
    "array_ufunc array_function float int index setitem contains"
).split():
    setattr(Table, f"__{_name}__", Table._refuse)

# The element types of arrays, and what an element becomes.
ELEMENTS = {
    "f16": "f32",
    "bf16": "f32",
    "f32": "f32",
    "i32": "index",
    "i64": "index",
    "i1": "i1",
}


def load(table: Table, indices: tuple[Symbol, ...]) -> Symbol:
    bounds = INT32 if table.element == "i32" else ANY
    symbol = Symbol("load", ELEMENTS[table.element], indices, table, bounds)
    # Different arrays may be given to each launch: nothing of them is constant.
    symbol.captured = None
    return symbol


def size_of(table: Table, dim: int) -> Symbol:
    # Its own path, so that the size can be made a constant.
    path = (*table.path, ("attr", "shape"), ("item", dim))
    return Symbol("size", "index", (), (table, dim), POSITION, frozenset({path}))
