"""What ONNX's Attention makes of scores: as expressions, and as regions and bodies of
ops that compute them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ._emit import Captures, Writer
from ._functions import tanh
from ._program import Size, Value, convert
from ._symbols import Symbol, constant, number, position, score, select, to_float
from ._tables import Table

B, H, Q, K = (position(name) for name in "bhqk")


@dataclass
class Rules:
    """What becomes of a score.

    Attributes:
      softcap: softcap * tanh(score / softcap) comes first; 0 for none.
      bias: is added to that; None for none.
      keep: conditions of the pairs that are kept, all of which hold.
      captured: tensors, and sizes by their names, that these read, by the paths of
        their symbols.
    """

    softcap: float = 0.0
    bias: Symbol | None = None
    keep: list[Symbol] = field(default_factory=list)
    captured: dict[tuple, Value | str] = field(default_factory=dict)

    def size(self, size: Size, label: str) -> Symbol:
        """A size as a number in an expression."""
        if isinstance(size, int):
            return constant(size)
        self.captured[(label,)] = size
        return number("index", (label,), label)

    def table(self, value: Value, label: str) -> Table:
        """A tensor of which expressions read elements."""
        self.captured[(label,)] = value
        return Table((label,), label, value.element, value.rank, True)

    def add_mask(self, mask: Value) -> None:
        """A mask [B|1, H|1, Sq|1, Sk]: conditions, or numbers that are added."""
        index = (
            constant(0) if size == 1 else x for x, size in zip((B, H, Q, K), mask.shape)
        )
        element = self.table(mask, "attn_mask")[tuple(index)]
        if mask.element == "i1":
            self.keep.append(element)
        else:
            self.bias = to_float(element)

    # Expressions.

    def capped(self, x: Symbol) -> Symbol:
        return tanh(x / self.softcap) * self.softcap if self.softcap else x

    def biased(self, x: Symbol) -> Symbol:
        x = self.capped(x)
        return x if self.bias is None else x + self.bias

    def masked(self, x: Symbol) -> Symbol:
        x = self.biased(x)
        return select(self._kept, x, -math.inf) if self.keep else x

    @property
    def _kept(self) -> Symbol:
        result = self.keep[0]
        for condition in self.keep[1:]:
            result = result & condition
        return result

    # Text.

    def write_regions(self) -> tuple[list[str], list[tuple[str, str]]]:
        """Lines of the regions of mfa.masked_attention, and the names and types of
        what they capture."""
        roots = {}
        if self.softcap or self.bias is not None:
            roots["score"] = self.biased(score())
        if self.keep:
            roots["keep"] = self._kept
        captures = Captures()
        for root in roots.values():
            captures.collect(root)
        given = [self._operand(path) for path in captures.paths]
        own = [f"%c{i}: {kind}" for i, (_, kind) in enumerate(given)]
        lines = []
        for name, root in roots.items():
            arguments = [f"%{x}: index" for x in "bhqk"] + own
            if name == "score":
                arguments.insert(0, "%s: f32")
            writer = _Writer(captures, self.captured)
            result = writer.write(root)
            lines += [f"  {name} {{", f"  ^bb0({', '.join(arguments)}):"]
            lines += [f"  {line}" for line in writer.lines]
            kind = "i1" if name == "keep" else "f32"
            lines += [f"    mfa.yield {result} : {kind}", "  }"]
        return lines, given

    def write_body(self, raw: Symbol, x: Symbol, element: str):
        """The body of a linalg.generic over batch, head, query and key that makes `x`
        of `raw`, an f32. Where there is an lse as well it makes exp(x - lse), which is
        0 where that is -inf."""
        captures = Captures()
        captures.collect(x)
        names = {path: self._operand(path)[0] for path in captures.paths}

        def body(arguments):
            lines = [f"%{x} = linalg.index {i} : index" for i, x in enumerate("bhqk")]
            writer = _Writer(captures, self.captured, names)
            writer.name(raw, arguments[0])
            result = writer.write(x)
            lines += [line.strip() for line in writer.lines]
            if len(arguments) == 3:
                more, result = _weight(result, arguments[1])
                lines += more
            more, result = convert(result, "f32", element, "%rounded")
            return [*lines, *more], result

        return body

    def _operand(self, path: tuple) -> tuple[str, str]:
        captured = self.captured[path]
        if isinstance(captured, str):
            return captured, "index"
        return captured.name, captured.type


def _weight(score: str, lse: str) -> tuple[list[str], str]:
    lines = [
        "%low = arith.constant 0xFF800000 : f32",
        "%none = arith.constant 0.0 : f32",
        f"%empty = arith.cmpf oeq, {lse}, %low : f32",
        f"%distance = arith.subf {score}, {lse} : f32",
        "%exp = math.exp %distance : f32",
        "%weight = arith.select %empty, %none, %exp : f32",
    ]
    return lines, "%weight"


class _Writer(Writer):
    """Writes expressions that read tensors. `names` are of captured values in the
    place of a region's own."""

    def __init__(self, captures: Captures, captured: dict, names: dict | None = None):
        super().__init__(captures)
        self._captured = captured
        if names is not None:
            self._numbers = names

    def name(self, symbol: Symbol, name: str) -> None:
        """Says what a symbol is here."""
        self._names[id(symbol)] = name
        self._alive.append(symbol)

    def _read(self, table: Table, args: list[str]) -> str:
        kind = self._captured[table.path].type
        of = self._numbers[table.path]
        return self._add(f"tensor.extract {of}[{', '.join(args)}] : {kind}")
