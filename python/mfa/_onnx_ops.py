"""ONNX's operators around attention, by upstream's ops on tensors."""

from __future__ import annotations

from collections.abc import Callable

from ._onnx_attention import lower_attention
from ._onnx_layers import ACTIVATIONS, NORMALIZATIONS, lower_activation
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
    if sorted(map(str, old)) == sorted(str(size) for size in new if size != 1):
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
    """Rows of a table, as of an embedding; negative indices count from the end."""
    table, indices = node.inputs
    if _axis(node) != 0:
        raise node.unsupported(f"axis: expected 0 but got {node.get('axis')}")
    function = node.function
    into = function.empty([*indices.sizes, *table.sizes[1:]], table.element)
    size = function.index(table.sizes[0])

    def body(names):
        row = f"%row = arith.index_cast {names[0]} : {indices.element} to index"
        lines = [row, "%zero = arith.constant 0 : index"]
        lines.append("%negative = arith.cmpi slt, %row, %zero : index")
        lines.append(f"%end = arith.addi %row, {size} : index")
        lines.append("%from = arith.select %negative, %end, %row : index")
        places = ["%from"]
        for dim in range(indices.rank, into.rank):
            lines.append(f"%at{dim} = linalg.index {dim} : index")
            places.append(f"%at{dim}")
        of = f"{table.name}[{', '.join(places)}] : {table.type}"
        return [*lines, f"%y = tensor.extract {of}"], "%y"

    return [function.generic([(indices, range(indices.rank))], into, body)]


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
    "Gather": _gather,
    "Identity": _identity,
    "MatMul": _matmul,
    "Reshape": _reshape,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _permute,
    "Unsqueeze": _unsqueeze,
    **NORMALIZATIONS,
    **dict.fromkeys(ACTIVATIONS, lower_activation),
    **dict.fromkeys(_BINARY, _binary),
}
