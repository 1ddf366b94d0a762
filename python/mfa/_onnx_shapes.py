"""Operators of ONNX that move elements: views of tensors, parts and copies of them."""

from __future__ import annotations

from collections.abc import Callable

from ._onnx_node import Node
from ._program import Size, Value


def _permute(node: Node) -> list[Value]:
    x = node.input(0)
    order = node.get("perm", list(range(x.rank))[::-1])
    return [node.function.transpose(x, order)]


def _identity(node: Node) -> list[Value]:
    return [node.input(0)]


def _reshape(node: Node) -> list[Value]:
    x = node.input(0)
    sizes = list(node.list(1, "shape"))
    for dim, size in enumerate(sizes):
        if size == 0 and not node.get("allowzero", 0):
            if dim >= x.rank:
                raise node.invalid(f"shape: expected no 0 for dimension {dim}")
            sizes[dim] = x.sizes[dim]
    return [_reshape_to(node, x, sizes)]


def _reshape_to(node: Node, x: Value, sizes: list[Size]) -> Value:
    """Of the sizes one may be -1. What lies between the dimensions in front and behind
    that stay becomes one dimension, and then others."""
    function, given = node.function, list(x.sizes)
    least = min(len(given), len(sizes))
    first = 0
    while first < least and given[first] == sizes[first]:
        first += 1
    last = 0
    while last < least - first and given[-1 - last] == sizes[-1 - last]:
        last += 1
    if first + last in (len(given), len(sizes)):
        # Ones come or go: with a neighbour.
        first, last = (first - 1, last) if first else (first, max(last - 1, 0))
    old = given[first : len(given) - last]
    new = _resolve(node, x, sizes, old, sizes[first : len(sizes) - last])
    front = [[dim] for dim in range(first)]
    if not new:
        return function.collapse(x, []) if old else x
    if not old:
        return function.expand(x, [], new)
    if len(old) > 1:
        back = [[dim] for dim in range(x.rank - last, x.rank)]
        middle = list(range(first, first + len(old)))
        x = function.collapse(x, [*front, middle, *back])
    if len(new) > 1:
        middle = list(range(first, first + len(new)))
        back = [[middle[-1] + 1 + i] for i in range(last)]
        sizes = [*given[:first], *new, *given[len(given) - last :]]
        x = function.expand(x, [*front, middle, *back], sizes)
    return x


def _resolve(node: Node, x: Value, sizes, old: list[Size], new: list[Size]):
    """The new sizes, of as many elements as the old ones, without -1."""
    function = node.function

    def product(items):
        result: Size = 1
        for item in items:
            result = function.times(result, item)
        return result

    if new == [-1] or new == [product(old)]:
        return [product(old)]
    if _without_ones(old) == _without_ones(new):
        return new
    if any(isinstance(size, str) for size in old + new):
        shown = [size if isinstance(size, int) else "?" for size in sizes]
        raise node.unsupported(
            "shape: expected sizes that are known where they change, but got "
            f"{x.type} and {shown}"
        )
    total, known = product(old), product(size for size in new if size != -1)
    if -1 in new and known and total % known == 0:
        new = [total // known if size == -1 else size for size in new]
    if product(new) != total:
        raise node.invalid(
            f"shape: expected {product(x.sizes)} elements but got {sizes}"
        )
    return new


def _without_ones(sizes: list[Size]) -> list[str]:
    return sorted(str(size) for size in sizes if size != 1)


def _axes(node: Node, rank: int, axes) -> list[int]:
    result = [axis + rank if axis < 0 else axis for axis in axes]
    if any(not 0 <= axis < rank for axis in result):
        raise node.invalid(f"axes: expected -{rank} to {rank - 1} but got {list(axes)}")
    return sorted(result)


def _unsqueeze(node: Node) -> list[Value]:
    x, axes = node.input(0), node.list(1, "axes")
    sizes = list(x.sizes)
    for axis in _axes(node, x.rank + len(axes), axes):
        sizes.insert(axis, 1)
    return [_reshape_to(node, x, sizes)]


def _squeeze(node: Node) -> list[Value]:
    x = node.input(0)
    if not node.has(1):
        axes = [dim for dim, size in enumerate(x.sizes) if size == 1]
    else:
        axes = _axes(node, x.rank, node.list(1, "axes"))
    if any(x.sizes[axis] != 1 for axis in axes):
        raise node.invalid(f"axes: expected sizes of 1 but got {x.type} and {axes}")
    sizes = [size for dim, size in enumerate(x.sizes) if dim not in axes]
    return [_reshape_to(node, x, sizes)]


def _axis(node: Node, default: int = 0) -> int:
    return _axes(node, node.input(0).rank, [node.get("axis", default)])[0]


def _concat(node: Node) -> list[Value]:
    return [node.function.concatenate(node.inputs, _axis(node))]


def _split(node: Node) -> list[Value]:
    x, axis = node.input(0), _axis(node)
    if node.has(1):
        parts = list(node.list(1, "split"))
    else:
        size, count = x.sizes[axis], node.get("num_outputs", len(node.wanted))
        if isinstance(size, str):
            raise node.unsupported(f"expected a size that is known but got {x.type}")
        each = -(-size // count)
        parts = [max(min(each, size - each * i), 0) for i in range(count)]
    results, start = [], 0
    for part in parts:
        results.append(node.function.take(x, axis, start, part))
        start = node.function.plus(start, part)
    return results


def _gather(node: Node) -> list[Value]:
    """Rows of a table, as of an embedding: the indices' dimensions are in the place of
    one of the table's."""
    table, indices = node.inputs
    axis = _axis(node)
    behind = range(axis + indices.rank, indices.rank + table.rank - 1)
    places = [*(f"%at{dim}" for dim in range(axis)), "%place"]
    places += [f"%at{dim}" for dim in behind]
    sizes = [*table.sizes[:axis], *indices.sizes, *table.sizes[axis + 1 :]]
    return [_read(node, axis, axis, places, sizes)]


def _gather_elements(node: Node) -> list[Value]:
    """Of a dimension the elements at indices, one for each element of the result."""
    table, indices = node.inputs
    axis = _axis(node)
    if indices.rank != table.rank:
        raise node.invalid(f"expected equal ranks but got {table.type}, {indices.type}")
    places = [f"%at{dim}" for dim in range(table.rank)]
    places[axis] = "%place"
    return [_read(node, axis, 0, places, indices.sizes)]


def _read(node: Node, axis: int, first: int, places: list[str], sizes) -> Value:
    """What a table has at places, of which %place is an element of the indices, for a
    dimension and from its end where it is negative, and %atN a position in the result.
    `first` is the dimension of the result where those of the indices begin."""
    table, indices = node.inputs
    function = node.function
    end = function.index(table.sizes[axis])

    def body(names):
        lines = [
            f"%given = arith.index_cast {names[0]} : {indices.element} to index",
            "%zero = arith.constant 0 : index",
            "%negative = arith.cmpi slt, %given, %zero : index",
            f"%behind = arith.addi %given, {end} : index",
            "%place = arith.select %negative, %behind, %given : index",
        ]
        for place in places:
            if place != "%place":
                lines.append(f"{place} = linalg.index {place[3:]} : index")
        of = f"{table.name}[{', '.join(places)}] : {table.type}"
        return [*lines, f"%y = tensor.extract {of}"], "%y"

    into = function.empty(sizes, table.element)
    loops = range(first, first + indices.rank)
    return function.generic([(indices, loops)], into, body)


def _slice(node: Node) -> list[Value]:
    """Ranges of known dimensions, with steps of 1."""
    x = node.input(0)
    starts, ends = node.list(1, "starts"), node.list(2, "ends")
    axes = node.list(3, "axes") if node.has(3) else tuple(range(len(starts)))
    steps = node.list(4, "steps") if node.has(4) else (1,) * len(starts)
    for axis, start, end, step in zip(axes, starts, ends, steps):
        (axis,) = _axes(node, x.rank, [axis])
        size = x.sizes[axis]
        if step != 1:
            raise node.unsupported(f"steps: expected 1 but got {step}")
        if (start, end) == (0, size) or start == 0 and _is_whole(end):
            continue
        if any(isinstance(part, str) for part in (start, end, size)):
            raise node.unsupported(
                f"expected a range of a dimension that is known but got {x.type}, "
                f"dimension {axis}"
            )
        start, end, _ = slice(start, end).indices(size)
        x = node.function.take(x, axis, start, max(end - start, 0))
    return [x]


def _is_whole(end: Size) -> bool:
    """As exporters write it: the largest integer of 32 or 64 bits, or about that."""
    return isinstance(end, int) and end >= 2**31 - 1


def _expand(node: Node) -> list[Value]:
    """Sizes of 1 are repeated, those of either."""
    x, target = node.input(0), list(node.list(1, "shape"))
    sizes: list[Size] = [1] * max(x.rank - len(target), 0) + target
    first = len(sizes) - x.rank
    dims: list[int | str] = []
    for dim, size in enumerate(x.sizes):
        wanted = sizes[first + dim]
        if wanted == 1:
            sizes[first + dim] = size
        elif size not in (1, wanted) and not any(
            isinstance(part, str) for part in (size, wanted)
        ):
            raise node.invalid(
                f"shape: expected sizes that {x.type} broadcasts to but got {target}"
            )
        dims.append("0" if size == 1 and sizes[first + dim] != 1 else first + dim)
    if tuple(sizes) == x.sizes:
        return [x]
    into = node.function.empty(sizes, x.element)
    return [node.function.generic([(x, dims)], into, lambda names: ([], names[0]))]


MOVEMENTS: dict[str, Callable[[Node], list[Value]]] = {
    "Concat": _concat,
    "Expand": _expand,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "Identity": _identity,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _permute,
    "Unsqueeze": _unsqueeze,
}
