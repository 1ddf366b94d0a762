"""Expressions as the text of the regions; see MfaProblem::rules."""

from __future__ import annotations

from collections.abc import Iterator

from ._symbols import Symbol, format_float
from ._tables import ELEMENTS, Table

_POSITIONS = {"b": "%b", "h": "%h", "q": "%q", "k": "%k", "s": "%s"}
_SIGNED = {"eq": "eq", "ne": "ne", "lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge"}
_FLOATS = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}
_PREDICATES = {"index": _SIGNED, "i1": _SIGNED, "f32": _FLOATS}
_OPERATIONS = {
    "index": {
        "add": "addi",
        "sub": "subi",
        "mul": "muli",
        "max": "maxsi",
        "min": "minsi",
        "floordiv": "floordivsi",
        "rem": "remsi",
        "and": "andi",
        "or": "ori",
        "xor": "xori",
        "shl": "shli",
        "shr": "shrsi",
    },
    "i1": {"and": "andi", "or": "ori", "xor": "xori"},
    "f32": {
        "add": "addf",
        "sub": "subf",
        "mul": "mulf",
        "div": "divf",
        "max": "maximumf",
        "min": "minimumf",
    },
}
_INT32_LIMITS = "-2.147483648e+09", "2.147483520e+09"


def walk(*roots: Symbol | None) -> Iterator[Symbol]:
    """The symbols of expressions, each once."""
    seen: set[int] = set()
    stack = [root for root in roots if root is not None]
    while stack:
        x = stack.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        stack.extend(x.args)
        yield x


class Captures:
    """What functions capture, in the order of the arguments: arrays, integers,
    numbers, sizes."""

    def __init__(self):
        self.tables: dict[tuple, Table] = {}
        self.integers: dict[tuple, str] = {}
        self.floats: dict[tuple, str] = {}
        self.lengths: dict[str, None] = {}

    def collect(self, root: Symbol) -> None:
        for x in walk(root):
            if x.op == "capture":
                path, name = x.value
                into = self.integers if x.kind == "index" else self.floats
                into.setdefault(path, name)
            elif x.op == "load":
                self.tables.setdefault(x.value.path, x.value)
            elif x.op == "size":
                self.tables.setdefault(x.value[0].path, x.value[0])
            elif x.op == "length":
                self.lengths.setdefault(x.value)

    @property
    def paths(self) -> list[tuple]:
        return [*self.tables, *self.integers, *self.floats]

    @property
    def names(self) -> list[str]:
        tables = [table.name for table in self.tables.values()]
        return [*tables, *self.integers.values(), *self.floats.values()]

    def declare(self) -> list[str]:
        """The arguments, whose names are %c0, %c1 and so on."""
        types = [table.memref for table in self.tables.values()]
        types += ["index"] * len(self.integers) + ["f32"] * len(self.floats)
        arguments = [
            f'%c{i}: {kind} loc("{name}")'
            for i, (kind, name) in enumerate(zip(types, self.names))
        ]
        for size in self.lengths:
            arguments.append(f'%{size}: index {{mfa.size = "{size}"}} loc("{size}")')
        return arguments


def reads_of(keep: Symbol | None, score: Symbol | None, captures: Captures) -> list:
    """Which dimensions of captured arrays are indexed by a position itself: the number
    of the array, that of the dimension, and that of the position in "bhqk"."""
    numbers = {path: i for i, path in enumerate(captures.tables)}
    reads: dict[tuple[int, int, int], None] = {}
    for x in walk(keep, score):
        if x.op != "load":
            continue
        for dim, index in enumerate(x.args):
            if index.op == "position":
                read = numbers[x.value.path], dim, "bhqk".index(index.value)
                reads.setdefault(read)
    return list(reads)


class Writer:
    """Writes the operations of a function, each value once."""

    def __init__(self, captures: Captures):
        self._numbers = {path: f"%c{i}" for i, path in enumerate(captures.paths)}
        self._lines: list[str] = []
        self._values: dict[str, str] = {}
        self._names: dict[int, str] = {}
        # Symbols whose ids are names here.
        self._alive: list[Symbol] = []

    def _add(self, text: str) -> str:
        name = self._values.get(text)
        if name is None:
            name = self._values[text] = f"%{len(self._values)}"
            self._lines.append(f"  {name} = {text}")
        return name

    def write(self, root: Symbol) -> str:
        """The name of the value, behind those that it needs."""
        stack = [root]
        while stack:
            x = stack[-1]
            missing = [y for y in x.args if id(y) not in self._names]
            if missing:
                stack.extend(reversed(missing))
                continue
            stack.pop()
            if id(x) not in self._names:
                args = [self._names[id(y)] for y in x.args]
                self._names[id(x)] = self._write(x, args)
                self._alive.append(x)
        return self._names[id(root)]

    def _index(self, value: int) -> str:
        return self._add(f"arith.constant {value} : index")

    def _write(self, x: Symbol, args: list[str]) -> str:
        if x.op == "position":
            return _POSITIONS[x.value]
        if x.op == "length":
            return f"%{x.value}"
        if x.op == "capture":
            return self._numbers[x.value[0]]
        if x.op == "constant":
            if x.kind == "i1":
                return self._add(f"arith.constant {'true' if x.value else 'false'}")
            text = str(x.value) if x.kind == "index" else format_float(x.value)
            return self._add(f"arith.constant {text} : {x.kind}")
        if x.op == "size":
            table, dim = x.value
            of = self._numbers[table.path]
            return self._add(f"memref.dim {of}, {self._index(dim)} : {table.memref}")
        if x.op == "load":
            return self._load(x.value, args)
        if x.op == "compare":
            kind = x.args[0].kind
            op = "cmpf" if kind == "f32" else "cmpi"
            predicate = _PREDICATES[kind][x.value]
            return self._add(f"arith.{op} {predicate}, {args[0]}, {args[1]} : {kind}")
        if x.op == "select":
            return self._add(f"arith.select {', '.join(args)} : {x.kind}")
        if x.op == "math":
            return self._add(f"math.{x.value} {args[0]} : f32")
        if x.op == "neg":
            return self._add(f"arith.negf {args[0]} : f32")
        if x.op == "to_float":
            # A GPU converts 32 bits much faster.
            is_small = -(2**31) <= x.args[0].range[0] and x.args[0].range[1] < 2**31
            kind = "i32" if is_small else "i64"
            integer = self._add(f"arith.index_cast {args[0]} : index to {kind}")
            return self._add(f"arith.sitofp {integer} : {kind} to f32")
        if x.op == "to_int":
            # What is beyond, or NaN, would be undefined.
            low, high = (
                self._add(f"arith.constant {limit} : f32") for limit in _INT32_LIMITS
            )
            least = self._add(f"arith.maxnumf {args[0]}, {low} : f32")
            clamped = self._add(f"arith.minnumf {least}, {high} : f32")
            integer = self._add(f"arith.fptosi {clamped} : f32 to i32")
            return self._add(f"arith.index_cast {integer} : i32 to index")
        if x.op in ("floordiv", "rem"):
            return self._divide(x, args)
        operation = _OPERATIONS[x.kind][x.op]
        return self._add(f"arith.{operation} {args[0]}, {args[1]} : {x.kind}")

    def _read(self, table: Table, args: list[str]) -> str:
        of = self._numbers[table.path]
        # The name is for what is said of an index that is out of bounds.
        return self._add(
            f"memref.load {of}[{', '.join(args)}] : {table.memref} "
            f'loc("{table.name}")'
        )

    def _load(self, table: Table, args: list[str]) -> str:
        loaded = self._read(table, args)
        kind = ELEMENTS[table.element]
        if kind == "index":
            return self._add(f"arith.index_cast {loaded} : {table.element} to index")
        if kind != table.element:
            return self._add(f"arith.extf {loaded} : {table.element} to {kind}")
        return loaded

    def _divide(self, x: Symbol, args: list[str]) -> str:
        low, high = x.args[1].range
        if low <= 0 <= high:
            is_valid = self._add(f"arith.cmpi ne, {args[1]}, {self._index(0)} : index")
            check = f'  cf.assert {is_valid}, "expected a divisor other than 0"'
            if check not in self._lines:
                self._lines.append(check)
        operation = _OPERATIONS["index"][x.op]
        if low > 0 and x.args[0].range[0] >= 0 and x.op == "floordiv":
            operation = "divsi"
        return self._add(f"arith.{operation} {args[0]}, {args[1]} : index")

    @property
    def lines(self) -> list[str]:
        return self._lines

    @property
    def text(self) -> str:
        return "\n".join(self._lines)


def write_rules(keep: Symbol | None, score: Symbol | None) -> tuple[str, Captures]:
    """The text of the functions that are there, and what they capture."""
    captures = Captures()
    for root in (keep, score):
        if root is not None:
            captures.collect(root)
    arguments = captures.declare()
    positions = [f"%{name}: index" for name in "bhqk"]
    functions = []
    for name, root, kind in (("keep", keep, "i1"), ("score", score, "f32")):
        if root is None:
            continue
        own = ["%s: f32"] if name == "score" else []
        writer = Writer(captures)
        result = writer.write(root)
        body = writer.text + "\n" if writer.text else ""
        functions.append(
            f"func.func @{name}({', '.join([*own, *positions, *arguments])}) -> {kind} "
            f"{{\n{body}  return {result} : {kind}\n}}\n"
        )
    return "".join(functions), captures
