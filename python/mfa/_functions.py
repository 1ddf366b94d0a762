"""Functions of symbols, by the names that array libraries give them.

Each is called for its namesake of torch, numpy, jax.numpy and math, and as a method
of a symbol. On plain numbers and arrays, those that the package exports call numpy's.
"""

from __future__ import annotations

import math
import sys
from typing import Any

from . import _symbols as s
from ._symbols import constant, error, is_symbolic, lift, to_bool, to_float, to_int


def _define(names: str, function) -> None:
    for name in names.split():
        s.functions[name] = function


def _math(op: str):
    return lambda x, **options: s.unary(op, x)


for _names, _op in (
    ("exp", "exp"),
    ("exp2", "exp2"),
    ("log", "log"),
    ("log2", "log2"),
    ("sqrt", "sqrt"),
    ("rsqrt", "rsqrt"),
    ("tanh", "tanh"),
    ("sin", "sin"),
    ("cos", "cos"),
    ("erf", "erf"),
    ("floor", "floor"),
    ("ceil", "ceil"),
    ("trunc fix", "trunc"),
    ("round rint", "roundeven"),
):
    _define(_names, _math(_op))


def _keep_integers(names: str, function):
    """Rounding of integers is nothing."""

    def rounded(x, *args, **options):
        x = lift(x)
        return x if x.kind != "f32" else function(x)

    _define(names, rounded)


for _name in ("floor", "ceil", "trunc", "round"):
    _keep_integers(_name, s.functions[_name])
_define("fix", s.functions["trunc"])
_define("rint", s.functions["round"])

_define("log1p", lambda x: s.unary("log", to_float(x) + 1.0))
_define("expm1", lambda x: s.unary("exp", x) - 1.0)
_define("log10", lambda x: s.unary("log", x) * math.log10(math.e))
_define("sigmoid expit", lambda x: 1.0 / (s.unary("exp", s.negate(to_float(x))) + 1.0))
_define("reciprocal", lambda x: s.divide(1.0, x))
_define("square", lambda x: lift(x) * x)
_define("relu", lambda x, **options: s.arithmetic("max", x, 0))
_define("abs absolute fabs", s.absolute)
_define("neg negative", s.negate)
_define("positive clone contiguous detach", lambda x, **options: lift(x))
_define("sign sgn", lambda x: s.select(x > 0, 1, s.select(x < 0, -1, 0)) * lift(x) ** 0)

for _names, _op in (
    ("add", "add"),
    ("sub subtract", "sub"),
    ("mul multiply", "mul"),
    ("maximum max fmax", "max"),
    ("minimum min fmin", "min"),
):

    def _arithmetic(x, y, *more, _op=_op, alpha=1, **options):
        result = s.arithmetic(_op, x, y if alpha == 1 else lift(y) * alpha)
        for other in more:
            result = s.arithmetic(_op, result, other)
        return result

    _define(_names, _arithmetic)


def _divide(x, y, *, rounding_mode=None):
    if rounding_mode == "floor":
        return s.floor_divide(x, y)
    if rounding_mode == "trunc":
        (a, b), kind = s.numbers(x, y)
        quotient = s.unary("trunc", s.divide(a, b))
        if kind == "f32":
            return quotient
        size = s.floor_divide(s.absolute(a), s.absolute(b))
        return s.select((a < 0) ^ (b < 0), s.negate(size), size)
    return s.divide(x, y)


_define("div divide true_divide truediv", _divide)
_define("rsub", lambda x, y: s.arithmetic("sub", y, x))
_define("floor_divide floordiv", s.floor_divide)
_define("remainder mod", s.remainder)
_define("fmod", lambda x, y: lift(x) - _divide(x, y, rounding_mode="trunc") * y)
_define("pow power float_power", s.power)

for _predicate, _names in (
    ("eq", "eq equal"),
    ("ne", "ne not_equal"),
    ("lt", "lt less"),
    ("le", "le less_equal"),
    ("gt", "gt greater"),
    ("ge", "ge greater_equal"),
):
    _define(_names, lambda x, y, _predicate=_predicate: s.compare(_predicate, x, y))

for _op in ("and", "or", "xor"):
    _define(
        f"logical_{_op}",
        lambda x, y, _op=_op: s.logical(_op, to_bool(x), to_bool(y)),
    )
    _define(
        f"bitwise_{_op} __{_op}__ {_op}", lambda x, y, _op=_op: s.logical(_op, x, y)
    )
_define("logical_not", lambda x: s.invert(to_bool(x)))
_define("bitwise_not invert", s.invert)
_define("bitwise_left_shift left_shift lshift", lambda x, y: s.shift("<<", x, y))
_define("bitwise_right_shift right_shift rshift", lambda x, y: s.shift(">>", x, y))


def _where(condition, x=None, y=None, *args, **options):
    if x is None or y is None:
        raise error("expected where(condition, x, y) but got no values")
    return s.select(condition, x, y)


def _method_where(x, condition, y):
    return s.select(condition, x, y)


def _torch_where(first, *rest):
    # A method of torch is value.where(condition, other).
    return _where(first, *rest)


_define("where", _torch_where)
_define("masked_fill", lambda x, condition, value: s.select(condition, value, x))


def _clamp(x, min=None, max=None, a_min=None, a_max=None, **options):
    low, high = (min if min is not None else a_min), (max if max is not None else a_max)
    if low is not None:
        x = s.arithmetic("max", x, low)
    if high is not None:
        x = s.arithmetic("min", x, high)
    return lift(x)


_define("clamp clip", _clamp)
_define("clamp_min", lambda x, min: s.arithmetic("max", x, min))
_define("clamp_max", lambda x, max: s.arithmetic("min", x, max))
_define("isnan", lambda x: s.compare("ne", to_float(x), to_float(x)))
_define("isinf", lambda x: s.compare("eq", s.absolute(to_float(x)), math.inf))
_define("isfinite", lambda x: s.compare("lt", s.absolute(to_float(x)), math.inf))
_define("isneginf", lambda x: s.compare("eq", to_float(x), -math.inf))


# Conversions.


def _cast(x: Any, dtype: Any) -> s.Symbol:
    """The type by any library's name for it. All floats are computed in float32, all
    integers in 64 bits."""
    name = getattr(dtype, "__name__", None) or getattr(dtype, "name", None)
    name = str(name or dtype).removeprefix("torch.")
    if name.startswith("bool"):
        return to_bool(x)
    if name.startswith(("int", "uint", "long")):
        return to_int(x)
    if name.startswith(("float", "bfloat", "half", "double")):
        return to_float(x)
    raise error(f"expected a type of floats, integers or booleans but got {dtype}")


def _to(x, *args, dtype=None, **options):
    for argument in args:
        if isinstance(argument, s.Symbol):  # As another one.
            return _cast(x, argument.dtype)
        text = str(getattr(argument, "__name__", argument))
        if text.removeprefix("torch.").startswith(
            ("bool", "int", "uint", "long", "float", "bfloat", "half", "double")
        ):
            dtype = argument
    return lift(x) if dtype is None else _cast(x, dtype)


_define("to type astype type_as", _to)
_define("float double half bfloat16 __float__", lambda x, **options: to_float(x))
_define("int long short", lambda x, **options: to_int(x))
_define("bool", lambda x, **options: to_bool(x))


def _make(like, size, value, dtype):
    if tuple(size) != ():
        raise error(f"expected numbers without dimensions but got shape {tuple(size)}")
    return lift(value) if dtype is None else _cast(value, dtype)


def _new(value):
    def make(x, size=(), *more, dtype=None, **options):
        size = (size, *more) if isinstance(size, int) else size
        return _make(x, size, value, dtype or x.dtype)

    return make


_define("new_ones", _new(1))
_define("new_zeros", _new(0))
_define(
    "new_full",
    lambda x, size, fill_value, dtype=None, **options: _make(
        x, size, fill_value, dtype or x.dtype
    ),
)
_define("new_tensor", lambda x, data, dtype=None, **o: _make(x, (), data, dtype))
_define("ones_like", lambda x, dtype=None, **o: _make(x, (), 1, dtype or x.dtype))
_define("zeros_like", lambda x, dtype=None, **o: _make(x, (), 0, dtype or x.dtype))
_define(
    "full_like",
    lambda x, fill_value, dtype=None, **o: _make(x, (), fill_value, dtype or x.dtype),
)
_define("dim", lambda x: 0)
_define("numel", lambda x: 1)
_define("size", lambda x, dim=None: ())
_define("is_floating_point", lambda x: lift(x).kind == "f32")


def _item(x):
    return lift(x)._number()


_define("item tolist", _item)


# What the package exports: of symbols, of tensors by torch, and of plain numbers and
# arrays by numpy.


def _call_torch(torch: Any, name: str, args: tuple) -> Any:
    like = next(x for x in args if isinstance(x, torch.Tensor))
    # Only torch.where takes numbers beside tensors.
    tensors = (
        args
        if name == "where"
        else [
            x if isinstance(x, torch.Tensor) else torch.as_tensor(x, device=like.device)
            for x in args
        ]
    )
    return getattr(torch, name)(*tensors)


def _export(name: str, doc: str, numpy_name: str | None = None):
    def function(*args):
        if any(map(is_symbolic, args)):
            return s.functions[name](*args)
        torch = sys.modules.get("torch")
        if torch is not None and any(isinstance(x, torch.Tensor) for x in args):
            return _call_torch(torch, name, args)
        import numpy

        return getattr(numpy, numpy_name or name)(*args)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


where = _export("where", "where(condition, x, y): x where the condition holds, else y.")
minimum = _export("minimum", "The smaller of two numbers.")
maximum = _export("maximum", "The larger of two numbers.")
exp = _export("exp", "e to the power of x.")
exp2 = _export("exp2", "2 to the power of x.")
log = _export("log", "The natural logarithm.")
log2 = _export("log2", "The logarithm to base 2.")
sqrt = _export("sqrt", "The square root.")
tanh = _export("tanh", "The hyperbolic tangent.")
floor = _export("floor", "The largest integer that is not larger, as a float.")
