"""Functions of MLIR on tensors, written as text with upstream's ops.

A size is an int, or the name of a value of type index where it is known at run time
only. Values are named %v0, %v1, ..., so that regions may use all other names.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Size = int | str


@dataclass(frozen=True)
class Value:
    """A tensor: its name, its sizes, and the type of its elements."""

    name: str
    sizes: tuple[Size, ...]
    element: str

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The sizes, with None for those that are known at run time."""
        return _shape_of(self.sizes)

    @property
    def type(self) -> str:
        return tensor_type(self.shape, self.element)

    @property
    def rank(self) -> int:
        return len(self.shape)


def tensor_type(shape: Sequence[int | None], element: str) -> str:
    sizes = "".join(f"{'?' if size is None else size}x" for size in shape)
    return f"tensor<{sizes}{element}>"


def is_float(element: str) -> bool:
    return "f" in element


def _shape_of(sizes: Sequence[Size]) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) else None for size in sizes)


def _list(items: Sequence) -> str:
    return f"[{', '.join(map(str, items))}]"


def affine_map(rank: int, results: Sequence[int | str]) -> str:
    """An int is the dimension, a text an expression."""
    dims = ", ".join(f"d{i}" for i in range(rank))
    exprs = ", ".join(x if isinstance(x, str) else f"d{x}" for x in results)
    return f"affine_map<({dims}) -> ({exprs})>"


class Function:
    """A func.func that is being written."""

    def __init__(self, name: str):
        self.name = name
        self._arguments: list[str] = []
        self._lines: list[str] = []
        self._known: dict[str, str] = {}
        self._count = 0

    def argument(self, shape: Sequence[int | None], element: str, label: str) -> Value:
        name = f"%arg{len(self._arguments)}"
        kind = tensor_type(shape, element)
        # What would end the text, or the line, is not kept.
        label = "".join(x if x.isprintable() and x not in '"\\' else "?" for x in label)
        self._arguments.append(f'{name}: {kind} loc("{label}")')
        sizes = (
            self._add_once(f"tensor.dim {name}, {self.index(dim)} : {kind}")
            if size is None
            else size
            for dim, size in enumerate(shape)
        )
        return Value(name, tuple(sizes), element)

    def finish(self, results: Sequence[Value]) -> str:
        """The text of the function, which returns these values."""
        types = ", ".join(x.type for x in results)
        names = ", ".join(x.name for x in results)
        arguments = ",\n    ".join(self._arguments)
        lines = "\n".join(f"  {line}" for line in self._lines)
        return (
            f"func.func @{self.name}(\n    {arguments}\n) -> ({types}) {{\n{lines}\n"
            f"  return {names} : {types}\n}}\n"
        )

    # Lines.

    def add(self, text: str) -> str:
        """The name of a new value."""
        return self.add_several(1, text)[0]

    def add_several(self, count: int, text: str) -> list[str]:
        names = [f"%v{self._count + i}" for i in range(count)]
        self._count += count
        self._lines += f"{', '.join(names)} = {text}".split("\n")
        return names

    def _add_once(self, text: str) -> str:
        """For ops without regions, whose value is the same each time."""
        if text not in self._known:
            self._known[text] = self.add(text)
        return self._known[text]

    # Numbers and sizes.

    def number(self, value: float, element: str) -> str:
        if is_float(element):
            text = _format_number(value, element)
        elif element == "i1":
            return self._add_once(f"arith.constant {'true' if value else 'false'}")
        else:
            text = str(int(value))
        return self._add_once(f"arith.constant {text} : {element}")

    def index(self, size: Size) -> str:
        return size if isinstance(size, str) else self.number(size, "index")

    def plus(self, x: Size, y: Size) -> Size:
        if isinstance(x, int) and isinstance(y, int):
            return x + y
        if x == 0:
            return y
        return self._add_once(f"arith.addi {self.index(x)}, {self.index(y)} : index")

    def minus(self, x: Size, y: Size) -> Size:
        if isinstance(x, int) and isinstance(y, int):
            return x - y
        return self._add_once(f"arith.subi {self.index(x)}, {self.index(y)} : index")

    def times(self, x: Size, y: Size) -> Size:
        if isinstance(x, int) and isinstance(y, int):
            return x * y
        if 1 in (x, y):
            return y if x == 1 else x
        return self._add_once(f"arith.muli {self.index(x)}, {self.index(y)} : index")

    # Tensors.

    def constant(self, shape: Sequence[int], element: str, literal: str) -> Value:
        kind = tensor_type(shape, element)
        name = self.add(f"arith.constant dense<{literal}> : {kind}")
        return Value(name, tuple(shape), element)

    def integers(self, items: Sequence[Size], is_scalar: bool) -> Value:
        """A tensor of int64, of rank 0 or 1."""
        sizes = () if is_scalar else (len(items),)
        names = [
            self._add_once(f"arith.index_cast {self.index(x)} : index to i64")
            for x in items
        ]
        kind = tensor_type(sizes, "i64")
        name = self.add(f"tensor.from_elements {', '.join(names)} : {kind}")
        return Value(name, sizes, "i64")

    def empty(self, sizes: Sequence[Size], element: str) -> Value:
        dynamic = ", ".join(size for size in sizes if isinstance(size, str))
        kind = tensor_type(_shape_of(sizes), element)
        return Value(
            self.add(f"tensor.empty({dynamic}) : {kind}"), tuple(sizes), element
        )

    def filled(self, sizes: Sequence[Size], element: str, number: float) -> Value:
        into = self.empty(sizes, element)
        name = self.add(
            f"linalg.fill ins({self.number(number, element)} : {element}) "
            f"outs({into.name} : {into.type}) -> {into.type}"
        )
        return Value(name, into.sizes, element)

    def transpose(self, value: Value, order: Sequence[int]) -> Value:
        if list(order) == list(range(value.rank)):
            return value
        into = self.empty([value.sizes[dim] for dim in order], value.element)
        name = self.add(
            f"linalg.transpose ins({value.name} : {value.type}) "
            f"outs({into.name} : {into.type}) permutation = {_list(order)}"
        )
        return Value(name, into.sizes, value.element)

    def expand(
        self, value: Value, groups: Sequence[Sequence[int]], sizes: Sequence[Size]
    ) -> Value:
        """Each dimension becomes those of its group, of these sizes."""
        kind = tensor_type(_shape_of(sizes), value.element)
        name = self.add(
            f"tensor.expand_shape {value.name} {_list(list(map(list, groups)))} "
            f"output_shape {_list(sizes)} : {value.type} into {kind}"
        )
        return Value(name, tuple(sizes), value.element)

    def collapse(self, value: Value, groups: Sequence[Sequence[int]]) -> Value:
        """The dimensions of each group become one."""
        sizes: list[Size] = []
        for group in groups:
            size: Size = 1
            for dim in group:
                size = self.times(size, value.sizes[dim])
            sizes.append(size)
        kind = tensor_type(_shape_of(sizes), value.element)
        name = self.add(
            f"tensor.collapse_shape {value.name} {_list(list(map(list, groups)))} : "
            f"{value.type} into {kind}"
        )
        return Value(name, tuple(sizes), value.element)

    def pad(self, value: Value, dim: int, size: Size, number: float) -> Value:
        """The value with `number` behind the end of a dimension, up to a size."""
        if size == value.sizes[dim]:
            return value
        amount = self.minus(size, value.sizes[dim])
        sizes = list(value.sizes)
        sizes[dim] = size
        high = [amount if i == dim else 0 for i in range(value.rank)]
        kind = tensor_type(_shape_of(sizes), value.element)
        arguments = ", ".join(f"%i{i}: index" for i in range(value.rank))
        name = self.add(
            f"tensor.pad {value.name} low{_list([0] * value.rank)} high{_list(high)} {{"
            f"\n^bb0({arguments}):\n  tensor.yield "
            f"{self.number(number, value.element)} : {value.element}\n}} : "
            f"{value.type} to {kind}"
        )
        return Value(name, tuple(sizes), value.element)

    def take(self, value: Value, dim: int, start: Size, size: Size) -> Value:
        """A range of a dimension."""
        sizes = list(value.sizes)
        if start == 0 and size == sizes[dim]:
            return value
        sizes[dim] = size
        kind = tensor_type(_shape_of(sizes), value.element)
        offsets = [start if i == dim else 0 for i in range(value.rank)]
        name = self.add(
            f"tensor.extract_slice {value.name}{_list(offsets)} {_list(sizes)} "
            f"{_list([1] * value.rank)} : {value.type} to {kind}"
        )
        return Value(name, tuple(sizes), value.element)

    def concatenate(self, values: Sequence[Value], dim: int) -> Value:
        total: Size = 0
        for value in values:
            total = self.plus(total, value.sizes[dim])
        sizes = list(values[0].sizes)
        sizes[dim] = total
        result, start = self.empty(sizes, values[0].element), 0
        for value in values:
            offsets = [start if i == dim else 0 for i in range(value.rank)]
            name = self.add(
                f"tensor.insert_slice {value.name} into {result.name}{_list(offsets)} "
                f"{_list(value.sizes)} {_list([1] * value.rank)} : {value.type} "
                f"into {result.type}"
            )
            result = Value(name, result.sizes, result.element)
            start = self.plus(start, value.sizes[dim])
        return result

    def generic(
        self,
        inputs: Sequence[tuple[Value, Sequence[int | str]]],
        into: Value,
        body: Callable[[list[str]], tuple[list[str], str]],
        reduced: int = 0,
    ) -> Value:
        """linalg.generic over the dimensions of `into`, and behind these over some
        that are reduced.

        Args:
          inputs: values and, for each of their dimensions, the one of the loops that it
            is, or an expression of these.
          body: makes, of the names of an element of each input and of `into`, the
            lines of the body and the name of its result.
        """
        loops = into.rank + reduced
        maps = [affine_map(loops, dims) for _, dims in inputs]
        maps.append(affine_map(loops, range(into.rank)))
        kinds = ['"parallel"'] * into.rank + ['"reduction"'] * reduced
        names = [f"%x{i}" for i in range(len(inputs))] + ["%old"]
        elements = [value.element for value, _ in inputs] + [into.element]
        arguments = ", ".join(map("{}: {}".format, names, elements))
        lines, result = body(names)
        operands = ""
        if inputs:
            given = ", ".join(value.name for value, _ in inputs)
            types = ", ".join(value.type for value, _ in inputs)
            operands = f"ins({given} : {types}) "
        inner = "".join(f"  {line}\n" for line in lines)
        name = self.add(
            f"linalg.generic {{indexing_maps = {_list(maps)}, iterator_types = "
            f"{_list(kinds)}}} {operands}outs({into.name} : {into.type}) {{\n"
            f"^bb0({arguments}):\n{inner}  linalg.yield {result} : {into.element}\n"
            f"}} -> {into.type}"
        )
        return Value(name, into.sizes, into.element)


def _format_number(value: float, element: str) -> str:
    """A literal of MLIR, which rounds it to the type."""
    if math.isfinite(value):
        return f"{value:.17e}"
    if element == "bf16":
        return f"0x{struct.pack('>f', value)[:2].hex().upper()}"
    code = {"f16": ">e", "f32": ">f", "f64": ">d"}[element]
    return f"0x{struct.pack(code, value).hex().upper()}"


# Conversions of an element.

_WIDTHS = {"f16": 16, "bf16": 16, "f32": 32, "f64": 64}


def convert(name: str, source: str, target: str, fresh: str) -> tuple[list[str], str]:
    """Lines that convert an element, and the name of the result: `fresh`, or the name
    itself where the types are equal. Booleans are 0 and 1; floats become integers
    towards zero."""
    if source == target:
        return [], name
    if is_float(source) and is_float(target):
        if _WIDTHS[source] == _WIDTHS[target]:
            # Between f16 and bf16.
            lines = [f"{fresh}w = arith.extf {name} : {source} to f32"]
            return [*lines, f"{fresh} = arith.truncf {fresh}w : f32 to {target}"], fresh
        op = "extf" if _WIDTHS[source] < _WIDTHS[target] else "truncf"
    elif is_float(source):
        if target == "i1":
            zero = f"{fresh}z = arith.constant 0.0 : {source}"
            test = f"{fresh} = arith.cmpf une, {name}, {fresh}z : {source}"
            return [zero, test], fresh
        op = "fptosi"
    elif is_float(target):
        op = "uitofp" if source == "i1" else "sitofp"
    elif target == "i1":
        zero = f"{fresh}z = arith.constant 0 : {source}"
        return [zero, f"{fresh} = arith.cmpi ne, {name}, {fresh}z : {source}"], fresh
    elif int(source[1:]) > int(target[1:]):
        op = "trunci"
    else:
        op = "extui" if source == "i1" else "extsi"
    return [f"{fresh} = arith.{op} {name} : {source} to {target}"], fresh
