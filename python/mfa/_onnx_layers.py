"""Activations and normalizations of ONNX, of f16, bf16 and f32, computed in f32."""

from __future__ import annotations

import math
from collections.abc import Callable

from . import _symbols
from ._emit import Captures, Writer
from ._onnx_node import Node
from ._program import Value, convert, is_float
from ._symbols import Symbol, functions, score


def _gelu(node: Node, x: Symbol) -> Symbol:
    kind = node.get("approximate", b"none")
    if kind == b"tanh":
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
        return 0.5 * x * (_symbols.unary("tanh", inner) + 1.0)
    return 0.5 * x * (_symbols.unary("erf", x * math.sqrt(0.5)) + 1.0)


def _plain(name: str) -> Callable[[Node, Symbol], Symbol]:
    return lambda node, x: functions[name](x)


# What each makes of an element.
ACTIVATIONS: dict[str, Callable[[Node, Symbol], Symbol]] = {
    "Erf": _plain("erf"),
    "Exp": _plain("exp"),
    "Gelu": _gelu,
    "Neg": _plain("neg"),
    "Relu": _plain("relu"),
    "Sigmoid": _plain("sigmoid"),
    "Sqrt": _plain("sqrt"),
    "Tanh": _plain("tanh"),
}


class _Writer(Writer):
    """Writes an expression of one element, with names that are free in a body."""

    def __init__(self, x: Symbol, name: str):
        super().__init__(Captures())
        self._names[id(x)] = name
        self._alive.append(x)


def lower_activation(node: Node) -> list[Value]:
    x = _floats(node, node.input(0))
    element = score()
    root = ACTIVATIONS[node.op](node, element)

    def body(names):
        lines, name = convert(names[0], x.element, "f32", "%x")
        writer = _Writer(element, name)
        result = writer.write(root)
        more, result = convert(result, "f32", x.element, "%y")
        return [*lines, *(line.strip() for line in writer.lines), *more], result

    into = node.function.empty(x.sizes, x.element)
    return [node.function.generic([(x, range(x.rank))], into, body)]


def _floats(node: Node, x: Value) -> Value:
    if not is_float(x.element) or x.element == "f64":
        raise node.unsupported(
            f"expected elements of type f16, bf16 or f32 but got {x.element}"
        )
    return x


def _normalize(node: Node, is_centred: bool) -> list[Value]:
    """(x - mean) / sqrt(variance + epsilon) * scale + bias of rows; without a mean
    where it is not centred."""
    x = _floats(node, node.input(0))
    function, last = node.function, x.rank - 1
    if node.get("axis", -1) not in (-1, last):
        raise node.unsupported(f"axis: expected the last but got {node.get('axis')}")
    if node.wants(1) or node.wants(2):
        raise node.unsupported("expected one output but got others that are used")
    if isinstance(x.sizes[last], str):
        raise node.unsupported(f"expected rows of a known size but got {x.type}")
    rows = list(range(last))
    factor = function.number(1.0 / x.sizes[last], "f32")
    epsilon = function.number(node.get("epsilon", 1e-5), "f32")
    parts = [(x, range(x.rank))]
    if is_centred:
        # Behind what is summed up are the loops of the row.
        mean = function.generic(
            parts, _zeros(node, x), _sum(x.element, factor), reduced=1
        )
        parts.append((mean, rows))
    squares = function.generic(
        parts, _zeros(node, x), _sum_of_squares(x.element, factor), reduced=1
    )
    parts += [(squares, rows), *((y, [last]) for y in node.inputs[1:] if y is not None)]

    def body(names):
        centre = names[1] if is_centred else None
        lines, value = _centred(names[0], centre, x.element)
        rest = names[2 if is_centred else 1 : -1]
        lines.append(f"%sum = arith.addf {rest[0]}, {epsilon} : f32")
        lines += ["%factor = math.rsqrt %sum : f32"]
        lines.append(f"%n = arith.mulf {value}, %factor : f32")
        value = "%n"
        kinds = [y.element for y in node.inputs[1:] if y is not None]
        for i, (name, kind, op) in enumerate(zip(rest[1:], kinds, ("mulf", "addf"))):
            more, name = convert(name, kind, "f32", f"%w{i}")
            lines += [*more, f"%m{i} = arith.{op} {value}, {name} : f32"]
            value = f"%m{i}"
        more, value = convert(value, "f32", x.element, "%y")
        return [*lines, *more], value

    return [function.generic(parts, function.empty(x.sizes, x.element), body)]


def _zeros(node: Node, x: Value) -> Value:
    return node.function.filled(x.sizes[:-1], "f32", 0.0)


def _centred(name: str, mean: str | None, element: str):
    lines, value = convert(name, element, "f32", "%x")
    if mean is not None:
        lines.append(f"%d = arith.subf {value}, {mean} : f32")
        value = "%d"
    return lines, value


def _sum(element: str, factor: str):
    def body(names):
        lines, value = convert(names[0], element, "f32", "%x")
        lines.append(f"%part = arith.mulf {value}, {factor} : f32")
        return [*lines, f"%s = arith.addf {names[1]}, %part : f32"], "%s"

    return body


def _sum_of_squares(element: str, factor: str):
    def body(names):
        lines, value = _centred(
            names[0], names[1] if len(names) == 3 else None, element
        )
        lines.append(f"%square = arith.mulf {value}, {value} : f32")
        lines.append(f"%part = arith.mulf %square, {factor} : f32")
        return [*lines, f"%s = arith.addf {names[-1]}, %part : f32"], "%s"

    return body


NORMALIZATIONS = {
    "LayerNormalization": lambda node: _normalize(node, True),
    "RMSNormalization": lambda node: _normalize(node, False),
}
