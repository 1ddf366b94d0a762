"""ONNX's operators around attention, by upstream's ops on tensors."""

from __future__ import annotations

from collections.abc import Callable

from ._onnx_attention import lower_attention
from ._onnx_node import Node
from ._program import Size, Value, convert, is_float

# The lowering of a node: the values of its outputs.
Lowering = Callable[[Node], list[Value | None]]


def _permute(node: Node) -> list[Value]:
    x = node.input(0)
    order = node.get("perm", list(range(x.rank))[::-1])
    return [node.function.transpose(x, order)]


def _identity(node: Node) -> list[Value]:
    return [node.input(0)]


def _reshape(node: Node) -> list[Value]:
    """Through one dimension, unless all dimensions that change are at the end."""
    x, shape = node.input(0), node.constants[1]
    if shape is None:
        raise node.unsupported("shape: expected a constant but got a computed one")
    sizes: list[Size] = [int(size) for size in shape]
    for dim, size in enumerate(sizes):
        if size == 0 and not node.get("allowzero", 0):
            if dim >= x.rank:
                raise node.invalid(f"shape: expected no 0 for dimension {dim}")
            sizes[dim] = x.sizes[dim]
    return [_reshape_to(node, x, sizes)]


def _reshape_to(node: Node, x: Value, sizes: list[Size]) -> Value:
    """Of the sizes one may be -1. Leading dimensions that stay may be dynamic."""
    function = node.function
    given = list(x.sizes)
    same = 0
    while same < min(len(given), len(sizes)) and given[same] == sizes[same]:
        same += 1
    rest = x.shape[same:]
    if None in rest or any(isinstance(size, str) for size in sizes[same:]):
        raise node.unsupported(
            f"shape: expected dynamic dimensions in front that stay, but got "
            f"{x.type} and {[size if isinstance(size, int) else '?' for size in sizes]}"
        )
    total = 1
    for size in rest:
        total *= size
    if -1 in sizes:
        known = 1
        for size in sizes[same:]:
            known *= size if size != -1 else 1
        if known == 0 or total % known:
            raise node.invalid(f"shape: expected {total} elements but got {sizes}")
        sizes = [total // known if size == -1 else size for size in sizes]
    count = 1
    for size in sizes[same:]:
        count *= size
    if count != total:
        raise node.invalid(f"shape: expected {total} elements but got {sizes}")
    kept = [[dim] for dim in range(same)]
    if len(rest) > 1:
        x = function.collapse(x, [*kept, list(range(same, x.rank))])
    elif not rest:
        # A dimension of 1 behind those that stay.
        if not sizes[same:]:
            return x
        if not same:
            return function.expand(x, [], sizes)
        group = list(range(same - 1, len(sizes)))
        return function.expand(x, [*kept[:-1], group], sizes)
    if len(sizes) - same == 1:
        return x
    if len(sizes) == same:
        if same == 0:
            return function.collapse(x, [])
        return function.collapse(x, [*kept[:-1], [same - 1, same]])
    return function.expand(x, [*kept, list(range(same, len(sizes)))], sizes)


def _axes(node: Node) -> list[int]:
    axes = node.constants[1]
    if axes is None:
        raise node.unsupported("axes: expected a constant but got a computed one")
    rank = node.input(0).rank + len(axes)
    result = [int(axis) + rank if axis < 0 else int(axis) for axis in axes]
    if any(not 0 <= axis < rank for axis in result):
        raise node.invalid(
            f"axes: expected -{rank} to {rank - 1} but got {axes.tolist()}"
        )
    return sorted(result)


def _unsqueeze(node: Node) -> list[Value]:
    x, function = node.input(0), node.function
    axes = _axes(node)
    sizes = list(x.sizes)
    for axis in axes:
        sizes.insert(axis, 1)
    if not x.rank:
        return [function.expand(x, [], sizes)]
    # Each new dimension is of the group of the next one that was there.
    groups, group = [], []
    for dim in range(len(sizes)):
        group.append(dim)
        if dim not in axes:
            groups.append(group)
            group = []
    groups[-1] += group
    return [function.expand(x, groups, sizes)]


def _cast(node: Node) -> list[Value]:
    from .onnx import element_type

    x = node.input(0)
    target = element_type(node.get("to"))
    if target is None:
        raise node.unsupported(f"to: expected a known type but got {node.get('to')}")
    if x.element == target:
        return [x]
    into = node.function.empty(x.sizes, target)

    def body(names):
        return convert(names[0], x.element, target, "%y")

    return [node.function.generic([(x, range(x.rank))], into, body)]


def _concat(node: Node) -> list[Value]:
    axis = node.get("axis")
    rank = node.input(0).rank
    return [node.function.concatenate(node.inputs, axis + rank if axis < 0 else axis)]


# Elementwise operations of two values, by the kind of elements.
_BINARY = {
    "Add": ("addf", "addi"),
    "Sub": ("subf", "subi"),
    "Mul": ("mulf", "muli"),
    "Div": ("divf", "divsi"),
    "Max": ("maximumf", "maxsi"),
    "Min": ("minimumf", "minsi"),
    "And": (None, "andi"),
    "Or": (None, "ori"),
}


def _binary(node: Node) -> list[Value]:
    if len(node.inputs) != 2:
        raise node.unsupported(f"expected two inputs but got {len(node.inputs)}")
    x, y = node.inputs
    if x.element != y.element:
        raise node.invalid(f"expected equal types but got {x.type} and {y.type}")
    operation = _BINARY[node.op][0 if is_float(x.element) else 1]
    if operation is None or x.element == "i1" and node.op not in ("And", "Or"):
        raise node.unsupported(f"expected elements of another type than {x.element}")
    dims_x, dims_y, sizes = _broadcast(node, x, y, max(x.rank, y.rank))

    def body(names):
        line = f"%z = arith.{operation} {names[0]}, {names[1]} : {x.element}"
        return [line], "%z"

    into = node.function.empty(sizes, x.element)
    return [node.function.generic([(x, dims_x), (y, dims_y)], into, body)]


def _broadcast(node: Node, x: Value, y: Value, rank: int, last: int = 0):
    """For each dimension of two values but the `last` ones, aligned at the end of
    `rank` loops, the loop, or 0 where a static 1 is broadcast; and the sizes of the
    loops. Other sizes are equal."""
    sizes: list[Size] = [1] * rank
    parts = [(value, range(value.rank - last)) for value in (x, y)]
    for value, dims in parts:
        for dim in dims:
            loop = rank - len(dims) + dim
            size, known = value.shape[dim], sizes[loop]
            if size == 1 or size == known:
                continue
            if isinstance(known, int) and known != 1:
                if size is not None:
                    raise node.invalid(
                        f"expected shapes that broadcast but got {x.type} and {y.type}"
                    )
                continue
            sizes[loop] = value.sizes[dim]
    result: list[list[int | str]] = []
    for value, dims in parts:
        loops = [rank - len(dims) + dim for dim in dims]
        result.append(
            [
                "0" if value.shape[dim] == 1 and sizes[loop] != 1 else loop
                for dim, loop in zip(dims, loops)
            ]
        )
    return (*result, sizes)


def _matmul(node: Node) -> list[Value]:
    x, y = node.inputs
    function = node.function
    if x.rank < 2 or y.rank < 2:
        raise node.unsupported(f"expected rank 2 or more but got {x.type} and {y.type}")
    if not is_float(x.element) or x.element != y.element:
        raise node.unsupported(
            f"expected floats of one type but got {x.type} and {y.type}"
        )
    if None not in (x.shape[-1], y.shape[-2]) and x.shape[-1] != y.shape[-2]:
        raise node.invalid(f"expected equal inner sizes but got {x.type} and {y.type}")
    rank = max(x.rank, y.rank)
    batch_x, batch_y, sizes = _broadcast(node, x, y, rank - 2, last=2)
    sizes += [x.sizes[-2], y.sizes[-1]]
    inputs = [
        (x, [*batch_x, rank - 2, rank]),
        (y, [*batch_y, rank, rank - 1]),
    ]
    wide = "f64" if x.element == "f64" else "f32"

    def body(names):
        lines, left = convert(names[0], x.element, wide, "%a")
        more, right = convert(names[1], x.element, wide, "%b")
        lines = [*lines, *more, f"%p = arith.mulf {left}, {right} : {wide}"]
        return [*lines, f"%s = arith.addf {names[2]}, %p : {wide}"], "%s"

    result = function.generic(
        inputs, function.filled(sizes, wide, 0.0), body, reduced=1
    )
    if wide == x.element:
        return [result]

    def narrow(names):
        return convert(names[0], wide, x.element, "%y")

    into = function.empty(sizes, x.element)
    return [function.generic([(result, range(rank))], into, narrow)]


OPERATORS: dict[str, Lowering] = {
    "Attention": lower_attention,
    "Cast": _cast,
    "Concat": _concat,
    "Identity": _identity,
    "MatMul": _matmul,
    "Reshape": _reshape,
    "Transpose": _permute,
    "Unsqueeze": _unsqueeze,
    **dict.fromkeys(_BINARY, _binary),
}
