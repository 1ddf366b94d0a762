"""ONNX's operators around attention, by upstream's ops on tensors."""

from __future__ import annotations

from collections.abc import Callable

from ._onnx_attention import lower_attention
from ._onnx_layers import ACTIVATIONS, NORMALIZATIONS, lower_activation
from ._onnx_node import Node
from ._onnx_shapes import MOVEMENTS
from ._program import Size, Value, convert, is_float

# The lowering of a node: the values of its outputs.
Lowering = Callable[[Node], list[Value | None]]


def _cast(node: Node) -> list[Value]:
    from .onnx import element_type

    x = node.input(0)
    target = element_type(node.get("to"))
    if target is None:
        raise node.unsupported(f"to: expected a known type but got {node.get('to')}")
    return [_convert(node, x, target)]


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
    return [_combine(node, x, y, operation)]


def _combine(node: Node, x: Value, y: Value, operation: str) -> Value:
    dims_x, dims_y, sizes = _broadcast(node, x, y, max(x.rank, y.rank))

    def body(names):
        line = f"%z = arith.{operation} {names[0]}, {names[1]} : {x.element}"
        return [line], "%z"

    into = node.function.empty(sizes, x.element)
    return node.function.generic([(x, dims_x), (y, dims_y)], into, body)


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
    if x.rank < 2 or y.rank < 2:
        raise node.unsupported(f"expected rank 2 or more but got {x.type} and {y.type}")
    return [_multiply(node, x, y)]


def _multiply(node: Node, x: Value, y: Value) -> Value:
    """The product of matrices, which are the last two dimensions, summed up in f32."""
    function = node.function
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

    into = function.filled(sizes, wide, 0.0)
    return _convert(node, function.generic(inputs, into, body, reduced=1), x.element)


def _convert(node: Node, x: Value, element: str) -> Value:
    if x.element == element:
        return x

    def body(names):
        return convert(names[0], x.element, element, "%y")

    into = node.function.empty(x.sizes, element)
    return node.function.generic([(x, range(x.rank))], into, body)


def _gemm(node: Node) -> list[Value]:
    """alpha * A * B + beta * C"""
    x, y = node.inputs[:2]
    if node.get("transA", 0):
        x = node.function.transpose(x, [1, 0])
    if node.get("transB", 0):
        y = node.function.transpose(y, [1, 0])
    result = _multiply(node, x, y)
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    if alpha != 1.0:
        result = _combine(node, result, _scalar(node, alpha, result.element), "mulf")
    if node.has(2):
        added = node.input(2)
        if beta != 1.0:
            added = _combine(node, added, _scalar(node, beta, added.element), "mulf")
        result = _combine(node, result, added, "addf")
    return [result]


def _scalar(node: Node, value: float, element: str) -> Value:
    return node.function.filled([], element, value)


def _power(node: Node) -> list[Value]:
    """Of floats, by floats or integers, in f32."""
    x, y = node.inputs
    if not is_float(x.element) or x.element == "f64":
        raise node.unsupported(
            f"expected elements of type f16, bf16 or f32 but got {x.element}"
        )
    dims_x, dims_y, sizes = _broadcast(node, x, y, max(x.rank, y.rank))

    def body(names):
        lines, base = convert(names[0], x.element, "f32", "%a")
        more, exponent = convert(names[1], y.element, "f32", "%b")
        lines = [*lines, *more, f"%p = math.powf {base}, {exponent} : f32"]
        more, result = convert("%p", "f32", x.element, "%y")
        return [*lines, *more], result

    into = node.function.empty(sizes, x.element)
    return [node.function.generic([(x, dims_x), (y, dims_y)], into, body)]


OPERATORS: dict[str, Lowering] = {
    "Attention": lower_attention,
    "Cast": _cast,
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Pow": _power,
    **MOVEMENTS,
    **NORMALIZATIONS,
    **dict.fromkeys(ACTIVATIONS, lower_activation),
    **dict.fromkeys(_BINARY, _binary),
}
