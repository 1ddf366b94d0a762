"""Operators of ONNX on the sizes of tensors, of which no array is made."""

from __future__ import annotations

from collections.abc import Callable

from ._onnx_node import Integers, Node
from ._program import Size


def sizes_of(node: Node) -> Integers:
    """Of Shape: those of its input."""
    sizes = node.input(0).sizes
    start, end = node.get("start", 0), node.get("end", len(sizes))
    return Integers(sizes[slice(start, end)])


def _concat(node: Node) -> Integers:
    items: list[Size] = []
    for part in node.integers:
        items += part.items
    return Integers(tuple(items))


def _gather(node: Node) -> Integers | None:
    table, places = node.integers
    if any(isinstance(place, str) for place in places.items):
        return None
    if any(not -len(table.items) <= i < len(table.items) for i in places.items):
        raise node.invalid(
            f"indices: expected -{len(table.items)} to {len(table.items) - 1} but got "
            f"{list(places.items)}"
        )
    items = tuple(table.items[place] for place in places.items)
    return Integers(items, places.is_scalar)


def _reshaped(is_scalar: bool) -> Callable[[Node], Integers | None]:
    def lower(node: Node) -> Integers | None:
        items = node.integers[0].items
        return Integers(items, is_scalar) if len(items) == 1 else None

    return lower


def _binary(operation: str) -> Callable[[Node], Integers | None]:
    def lower(node: Node) -> Integers | None:
        x, y = node.integers
        count = max(len(x.items), len(y.items))
        if any(len(part.items) not in (1, count) for part in (x, y)):
            return None
        combine = getattr(node.function, operation)
        xs, ys = (part.items * (count // len(part.items)) for part in (x, y))
        return Integers(tuple(map(combine, xs, ys)), x.is_scalar and y.is_scalar)

    return lower


# Of nodes all of whose inputs are known integers or sizes; None where the result is
# not.
SIZE_OPERATORS: dict[str, Callable[[Node], Integers | None]] = {
    "Add": _binary("plus"),
    "Concat": _concat,
    "Gather": _gather,
    "Identity": lambda node: node.integers[0],
    "Mul": _binary("times"),
    "Squeeze": _reshaped(True),
    "Sub": _binary("minus"),
    "Unsqueeze": _reshaped(False),
}
