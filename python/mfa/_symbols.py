"""Values of a function that is traced: what it computes becomes an expression.

Positions, the score and captured numbers are symbols; arrays from outside of the
function are tables, which symbols index. Types are those of the regions: "index" for
all integers, "i1" and "f32".
"""

from __future__ import annotations

import math
import os
import struct
import sys
import threading
from collections.abc import Callable
from typing import Any

INT32 = (-(2**31), 2**31 - 1)
ANY = (-math.inf, math.inf)
# Positions and lengths, whatever the launch.
POSITION = (0, 2**31 - 1)

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_LIBRARIES = ("torch", "numpy", "jax", "jaxlib", "functools", "ml_dtypes")


class Specialize(BaseException):
    """A captured number decides what the function does: it has to be a constant.
    `paths` says which."""

    def __init__(self, paths: frozenset):
        self.paths = paths


def _where_in_user_code() -> str:
    """File and line of the innermost frame that is of no library."""
    frame = sys._getframe(1)
    while frame is not None:
        name = (frame.f_globals.get("__name__") or "").partition(".")[0]
        file = frame.f_code.co_filename
        if not file.startswith(_PACKAGE) and name not in _LIBRARIES:
            return f"{os.path.basename(file)}:{frame.f_lineno}"
        frame = frame.f_back
    return "?"


class _State(threading.local):
    """What this thread traces: "keep" or "score", the library of the arrays, and
    whether the trace begins anew with constants that it asks for. There is no other
    state; symbols are trees."""

    role, library, specializes = "keep", "numpy", False


state = _State()


def error(text: str, kind: type = TypeError) -> Exception:
    """An error of the function that is traced, with the place in it."""
    return kind(f"{state.role}: {text} ({_where_in_user_code()})")


class Traced:
    """What a trace has in place of a value: a Symbol, or what has a method
    `refuse_as_number` that gives the error where it should be a number."""

    __slots__ = ()


def is_symbolic(value: Any) -> bool:
    return isinstance(value, Traced)


class Symbol(Traced):
    """A number or a condition that is not known before the kernel runs."""

    __slots__ = ("args", "captured", "kind", "op", "range", "value")
    # NumPy leaves operators with its arrays and numbers to this class.
    __array_priority__ = 1000

    def __init__(self, op, kind, args=(), value=None, range=ANY, captured=None):
        self.op = op
        self.kind = kind
        self.args = args
        # Of a constant, its value; of other operations what else they need.
        self.value = value
        # Bounds of an integer, which hold for all positions.
        self.range = range
        # The paths of all captured numbers that decide the value, or None where
        # it is different from pair to pair.
        if captured is None and args:
            parts = [x.captured for x in args if isinstance(x, Symbol)]
            if all(x is not None for x in parts):
                captured = frozenset().union(*parts)
        self.captured = captured

    # Decisions.

    def _decide(self, what: str, remedy: str):
        """The value, where it is a constant; else the captured numbers are made
        constants, or there is an error."""
        if self.op == "constant":
            return self.value
        if self.captured is not None:
            raise Specialize(self.captured)
        raise error(
            f"expected {what} that depends on no position but got one; {remedy}"
        )

    def __bool__(self):
        return bool(
            self._decide(
                "a decision ('if', 'and', 'or', 'not', a chained comparison)",
                "use mfa.where, and &, | and ~ of comparisons",
            )
        )

    def _number(self):
        return self._decide(
            "a number of Python (int(), float(), an index of a list, a range)",
            "index arrays that the function gets from outside",
        )

    def __index__(self):
        if self.kind == "f32":
            raise error("expected an integer as an index but got a float")
        return int(self._number())

    def __int__(self):
        return int(self._number())

    def __float__(self):
        return float(self._number())

    def __len__(self):
        raise error("expected an array of which the length is taken but got a number")

    def __iter__(self):
        raise error("expected a sequence to iterate over but got a number")

    def __getitem__(self, index):
        if index is Ellipsis or index == ():
            return self
        raise error("expected an array to index but got a number")

    def __setitem__(self, index, value):
        raise error("expected no assignment to elements; use mfa.where")

    def __array__(self, *args, **kwargs):
        raise error("expected functions of symbols but got one of numpy's arrays")

    def __repr__(self):
        names = {"index": "an integer", "i1": "a condition", "f32": "a number"}
        return f"<{names[self.kind]} of the traced function>"

    __hash__ = object.__hash__

    # What arrays without dimensions have.

    shape = property(lambda self: ())
    ndim = property(lambda self: 0)

    @property
    def dtype(self):
        name = {"index": "int64", "i1": "bool", "f32": "float32"}[self.kind]
        if state.library == "torch":
            return getattr(sys.modules["torch"], name)
        import numpy

        return numpy.dtype(name)

    @property
    def device(self):
        torch = sys.modules.get("torch")
        return torch.device("cpu") if torch else None

    def __getattr__(self, name):
        function = functions.get(name)
        if function is None or name.startswith("__"):
            if name.startswith("__"):
                raise AttributeError(name)
            raise error(
                f"expected a method that can be traced but got '{name}'", AttributeError
            )

        def method(*args, **kwargs):
            return function(self, *args, **kwargs)

        return method

    # Protocols.

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return call_by_name("torch", function, args, kwargs or {})

    def __array_ufunc__(self, ufunc, method, *args, **kwargs):
        if method != "__call__":
            raise error(f"expected a call of numpy.{ufunc.__name__} but got {method}")
        return call_by_name("numpy", ufunc, args, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        return call_by_name("numpy", function, args, kwargs)


# Functions that can be traced, by their names in all libraries; see _functions.
functions: dict[str, Callable] = {}


def call_by_name(library: str, function: Any, args, kwargs) -> Any:
    name = getattr(function, "__name__", None) or str(function)
    own = functions.get(name) or functions.get(name.strip("_"))
    if own is None:
        # Attributes of tensors come as getters.
        raise error(f"expected a function that can be traced but got {library}.{name}")
    return own(*args, **kwargs)


# Constants and conversions.


def constant(value: Any) -> Symbol:
    if isinstance(value, bool):
        return Symbol("constant", "i1", (), value, captured=frozenset())
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise error(f"expected integers of 64 bits but got {value}")
        bounds = (value, value)
        return Symbol("constant", "index", (), value, bounds, captured=frozenset())
    return Symbol("constant", "f32", (), float(value), captured=frozenset())


def lift(value: Any) -> Symbol:
    """A symbol of anything that is one number."""
    if isinstance(value, Symbol):
        return value
    if isinstance(value, (bool, int, float)):
        return constant(value)
    if isinstance(value, Traced):
        raise value.refuse_as_number()
    # A number of an array library, or an array without dimensions.
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return constant(value.item())
    raise error(
        f"expected numbers, conditions and arrays but got {type(value).__name__}"
    )


def to_float(value: Any) -> Symbol:
    x = lift(value)
    if x.kind == "f32":
        return x
    if x.op == "constant":
        return constant(float(x.value))
    if x.kind == "i1":
        return select(x, constant(1.0), constant(0.0))
    return Symbol("to_float", "f32", (x,))


def to_int(value: Any) -> Symbol:
    """Rounded towards zero, as all languages do."""
    x = lift(value)
    if x.kind == "index":
        return x
    if x.op == "constant":
        if x.kind == "f32" and not math.isfinite(x.value):
            raise error(
                f"expected a finite number to make an integer of but got {x.value}"
            )
        return constant(int(x.value))
    if x.kind == "i1":
        return select(x, constant(1), constant(0))
    return Symbol("to_int", "index", (x,), range=INT32)


def to_bool(value: Any) -> Symbol:
    x = lift(value)
    if x.kind == "i1":
        return x
    return compare("ne", x, constant(0 if x.kind == "index" else 0.0))


def common(*values: Any) -> tuple[list[Symbol], str]:
    """Values with one type, the widest of them, booleans as integers unless all
    are booleans."""
    symbols = [lift(value) for value in values]
    kinds = {x.kind for x in symbols}
    if kinds == {"i1"}:
        return symbols, "i1"
    if "f32" in kinds:
        return [to_float(x) for x in symbols], "f32"
    return [to_int(x) for x in symbols], "index"


def numbers(*values: Any) -> tuple[list[Symbol], str]:
    """As `common`, of which booleans are integers as well."""
    symbols, kind = common(*values)
    if kind == "i1":
        return [to_int(x) for x in symbols], "index"
    return symbols, kind


# Operations.


def select(condition: Any, x: Any, y: Any) -> Symbol:
    condition = to_bool(condition)
    (x, y), kind = common(x, y)
    if condition.op == "constant":
        return x if condition.value else y
    bounds = min(x.range[0], y.range[0]), max(x.range[1], y.range[1])
    return Symbol("select", kind, (condition, x, y), range=bounds)


def compare(predicate: str, x: Any, y: Any) -> Symbol:
    (x, y), kind = common(x, y)
    if kind == "i1" and predicate not in ("eq", "ne"):
        (x, y), kind = numbers(x, y)
    if x.op == y.op == "constant":
        holds = {"eq": x.value == y.value, "ne": x.value != y.value,
                 "lt": x.value < y.value, "le": x.value <= y.value,
                 "gt": x.value > y.value, "ge": x.value >= y.value}  # fmt: skip
        return constant(holds[predicate])
    return Symbol("compare", "i1", (x, y), predicate)


def _bounds_of_products(x, y):
    def product(a, b):
        return 0 if a == 0 or b == 0 else a * b

    ends = [product(a, b) for a in x for b in y]
    return min(ends), max(ends)


def _of_64_bits(bounds: tuple) -> tuple:
    """The bounds of what a kernel computes: nothing is known of a number that may
    wrap around."""
    low, high = bounds
    return bounds if -(2**63) <= low and high < 2**63 else ANY


_ARITHMETIC = {
    "add": lambda x, y: (x[0] + y[0], x[1] + y[1]),
    "sub": lambda x, y: (x[0] - y[1], x[1] - y[0]),
    "mul": _bounds_of_products,
    "max": lambda x, y: (max(x[0], y[0]), max(x[1], y[1])),
    "min": lambda x, y: (min(x[0], y[0]), min(x[1], y[1])),
}
_FOLDED = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "max": max,
    "min": min,
}


def arithmetic(op: str, x: Any, y: Any) -> Symbol:
    (x, y), kind = numbers(x, y)
    if x.op == y.op == "constant":
        return constant(_FOLDED[op](x.value, y.value))
    if kind != "index":
        return Symbol(op, kind, (x, y))
    bounds = _of_64_bits(_ARITHMETIC[op](x.range, y.range))
    return Symbol(op, kind, (x, y), range=bounds)


def divide(x: Any, y: Any) -> Symbol:
    x, y = to_float(x), to_float(y)
    if x.op == y.op == "constant" and y.value != 0:
        return constant(x.value / y.value)
    return Symbol("div", "f32", (x, y))


def _settle_divisor(y: Symbol) -> None:
    """Makes a captured integer that is divided by a constant, where that is possible:
    the quotient costs a hundred instructions else, for each pair, and nothing is known
    of tiles."""
    if state.specializes and y.op != "constant" and y.captured:
        raise Specialize(y.captured)
    if y.op == "constant" and y.value == 0:
        raise error("expected a divisor other than 0 but got 0", ZeroDivisionError)


def floor_divide(x: Any, y: Any) -> Symbol:
    (x, y), kind = numbers(x, y)
    if kind == "f32":
        return unary("floor", divide(x, y))
    _settle_divisor(y)
    if x.op == y.op == "constant":
        return constant(x.value // y.value)
    if y.op == "constant" and y.value > 0 and -math.inf < x.range[0]:
        low = x.range[0] // y.value
        high = x.range[1] if x.range[1] == math.inf else x.range[1] // y.value
        bounds = low, high
    elif y.range[0] > 0 and x.range[0] >= 0:
        bounds = 0, x.range[1]
    else:
        bounds = ANY
    return Symbol("floordiv", "index", (x, y), range=bounds)


def remainder(x: Any, y: Any) -> Symbol:
    """Of the sign of the divisor, as Python's."""
    (x, y), kind = numbers(x, y)
    if kind == "f32":
        return x - floor_divide(x, y) * y
    _settle_divisor(y)
    if x.op == y.op == "constant":
        return constant(x.value % y.value)
    if x.range[0] >= 0 and y.range[0] > 0:
        return Symbol("rem", "index", (x, y), range=(0, y.range[1] - 1))
    result = x - floor_divide(x, y) * y
    if y.range[0] > 0:
        result.range = (0, y.range[1] - 1)
    return result


def logical(op: str, x: Any, y: Any) -> Symbol:
    """and, or, xor: of conditions, or of the bits of integers."""
    (x, y), kind = common(x, y)
    if kind == "f32":
        raise error(f"expected conditions or integers for '{op}' but got a float")
    for known, other in ((x, y), (y, x)):
        if kind == "i1" and known.op == "constant" and op in ("and", "or"):
            # True & x is x, True | x is True.
            return other if known.value == (op == "and") else known
    bounds = ANY
    if kind == "index" and op == "and":
        for part in (x, y):
            if part.range[0] >= 0:
                bounds = 0, min(part.range[1], bounds[1])
    return Symbol(op, kind, (x, y), range=bounds)


def invert(x: Any) -> Symbol:
    x = lift(x)
    if x.kind == "f32":
        raise error("expected a condition or an integer for '~' but got a float")
    if x.op == "constant":
        return constant(not x.value if x.kind == "i1" else ~x.value)
    return Symbol("xor", x.kind, (x, constant(True if x.kind == "i1" else -1)))


def shift(op: str, x: Any, y: Any) -> Symbol:
    x, y = lift(x), lift(y)
    if x.kind == "f32" or y.kind == "f32":
        raise error(f"expected integers for '{op}' but got a float")
    x, y = to_int(x), to_int(y)
    low, high = y.range
    if low < 0 or high > 63:
        # One that is captured is a constant then.
        if state.specializes and y.op != "constant" and y.captured:
            raise Specialize(y.captured)
        raise error(
            f"expected a number that is known to be 0 to 63, such as n % 32, to shift "
            f"by for '{op}' but got {_format_range(y.range)}"
        )
    # Closed forms know of products and quotients.
    if y.op == "constant" and y.value < 63:
        factor = constant(1 << y.value)
        return arithmetic("mul", x, factor) if op == "<<" else floor_divide(x, factor)
    factors = 1 << low, 1 << high
    if op == "<<":
        bounds = _of_64_bits(_bounds_of_products(x.range, factors))
        return Symbol("shl", "index", (x, y), range=bounds)
    ends = [end // factor if abs(end) < math.inf else end
            for end in x.range for factor in factors]  # fmt: skip
    return Symbol("shr", "index", (x, y), range=(min(ends), max(ends)))


def _format_range(bounds: tuple) -> str:
    if math.inf in map(abs, bounds):
        return "any number"
    return f"one of {bounds[0]} to {bounds[1]}"


def negate(x: Any) -> Symbol:
    x = lift(x)
    if x.kind != "f32":
        return arithmetic("sub", constant(0), x)
    return constant(-x.value) if x.op == "constant" else Symbol("neg", "f32", (x,))


def absolute(x: Any) -> Symbol:
    x = lift(x)
    if x.kind == "f32":
        return unary("absf", x)
    return arithmetic("max", x, negate(x))


def unary(op: str, x: Any) -> Symbol:
    """A function of one float, by its name in the dialect math."""
    return Symbol("math", "f32", (to_float(x),), op)


def power(x: Any, y: Any) -> Symbol:
    x, y = lift(x), lift(y)
    if y.op == "constant" and y.kind != "f32" or y.value in (2.0, 3.0):
        exponent = int(y.value)
        if 0 <= exponent <= 16:
            result = constant(1) if x.kind != "f32" else constant(1.0)
            for _ in range(exponent):
                result = result * x if result.op != "constant" else x
            return result
    if y.op == "constant" and y.value == 0.5:
        return unary("sqrt", x)
    if x.op == "constant" and x.value > 0:
        return unary("exp2", to_float(y) * math.log2(x.value))
    raise error(
        "expected a power whose base is a positive constant, or whose exponent is a "
        "constant from 0 to 16, or 0.5; use exp and log"
    )


def _operators() -> None:
    """The operators of Python."""

    def both(name, function):
        setattr(Symbol, f"__{name}__", lambda self, other: function(self, other))
        setattr(Symbol, f"__r{name}__", lambda self, other: function(other, self))

    both("add", lambda x, y: arithmetic("add", x, y))
    both("sub", lambda x, y: arithmetic("sub", x, y))
    both("mul", lambda x, y: arithmetic("mul", x, y))
    both("truediv", divide)
    both("floordiv", floor_divide)
    both("mod", remainder)
    both("divmod", lambda x, y: (floor_divide(x, y), remainder(x, y)))
    both("pow", power)
    both("and", lambda x, y: logical("and", x, y))
    both("or", lambda x, y: logical("or", x, y))
    both("xor", lambda x, y: logical("xor", x, y))
    both("lshift", lambda x, y: shift("<<", x, y))
    both("rshift", lambda x, y: shift(">>", x, y))
    for predicate in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(
            Symbol,
            f"__{predicate}__",
            lambda self, other, predicate=predicate: compare(predicate, self, other),
        )
    Symbol.__neg__ = negate
    Symbol.__pos__ = lambda self: self
    Symbol.__invert__ = invert
    Symbol.__abs__ = absolute


_operators()


# Leaves.


def position(name: str) -> Symbol:
    return Symbol("position", "index", (), name, POSITION)


def score() -> Symbol:
    return Symbol("position", "f32", (), "s")


def length(name: str) -> Symbol:
    """A size of the launch: "queries" or "keys"."""
    return Symbol("length", "index", (), name, POSITION)


def length_of(name: str, at: Any) -> Any:
    """The same where a function is traced by this package, or, by the tensor `at` that
    it has as a position, by torch.compile."""
    if is_symbolic(at):
        return length(name)
    from ._dynamo import get_position

    return get_position(at, name)


def number(kind: str, path, name: str) -> Symbol:
    return Symbol("capture", kind, (), (path, name), ANY, frozenset({path}))


def format_float(value: float) -> str:
    """A literal of MLIR, rounded to f32."""
    try:
        bits = struct.pack(">f", value)
    except OverflowError:
        bits = struct.pack(">f", math.copysign(math.inf, value))
    rounded = struct.unpack(">f", bits)[0]
    if not math.isfinite(rounded):
        return f"0x{bits.hex().upper()}"
    return f"{rounded:.9e}"
