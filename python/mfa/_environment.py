"""What a function refers to outside of itself, as symbols.

A function is traced in a copy whose free variables, globals and defaults are symbols
for the numbers and arrays there. Everything that is looked at on the way is noted: how
to find it again, starting at the function, and what it must be for the result of the
trace to hold. So new values of numbers and arrays need no new trace, while a function,
a flag or a text that has been replaced does.
"""

from __future__ import annotations

import builtins
import enum
import functools
import sys
import types
from collections.abc import Callable
from typing import Any

from . import _symbols
from ._arrays import type_name
from ._symbols import Symbol, error, is_symbolic
from ._tables import Table
from .masks import Rule

Path = tuple[tuple[str, Any], ...]

# Containers of more elements are data, for which there are arrays.
_MOST_ELEMENTS = 64


def _follow_global(value: Any, name: str) -> Any:
    scope = value.__globals__
    return scope[name] if name in scope else getattr(builtins, name)


_STEPS: dict[str, Callable[[Any, Any], Any]] = {
    "attr": getattr,
    "item": lambda value, key: value[key],
    "free": lambda value, index: value.__closure__[index].cell_contents,
    "global": _follow_global,
}


def follow(value: Any, path: Path) -> Any:
    """The value at a path, as it is now."""
    for kind, key in path:
        value = _STEPS[kind](value, key)
    return value


# Arrays.

_ELEMENT_NAMES = {"int32": "i32", "int64": "i64"}

# Types that kernels do not read, and of what type they get a copy.
CONVERTED = {
    "float64": "float32",
    "int8": "int32",
    "int16": "int32",
    "uint8": "int32",
    "uint16": "int32",
    "uint32": "int64",
}


def element_name(dtype: str) -> str:
    """The name in regions of a type by its name in libraries."""
    return "f32" if dtype == "float32" else _ELEMENT_NAMES.get(dtype, dtype)


def is_array(value: Any) -> bool:
    return (
        hasattr(value, "shape")
        and hasattr(value, "dtype")
        and not isinstance(value, type)
        and (hasattr(value, "__array_interface__") or hasattr(value, "__dlpack__"))
    )


def describe_array(value: Any) -> tuple[str, int, bool]:
    """Element type, rank, and whether the last stride is 1, which is faster."""
    element = type_name(value.dtype)
    rank = len(value.shape)
    if rank == 0:
        unit = True
    elif callable(getattr(value, "stride", None)):
        # Sizes of traces of torch are not asked.
        unit = bool(value.stride(-1) == 1)
    elif value.shape[-1] <= 1:
        unit = True
    elif isinstance(strides := getattr(value, "strides", None), tuple):
        unit = strides[-1] == value.itemsize
    else:
        unit = True
    return _ELEMENT_NAMES.get(element, element), rank, unit


# What holds of a value for which a trace was made.


def _has_code(value: Any, code: Any) -> bool:
    return type(value) is types.FunctionType and value.__code__ is code


_CHECKS: dict[str, Callable[[Any, Any], bool]] = {
    "is": lambda value, expected: value is expected,
    # The other path is in place of the value.
    "same": lambda value, expected: value is expected,
    "type": lambda value, expected: type(value) is expected,
    "equal": lambda value, expected: (
        type(value) is type(expected) and value == expected
    ),
    "code": _has_code,
    "length": lambda value, expected: (type(value), len(value)) == expected,
    "keys": lambda value, expected: (type(value), tuple(value)) == expected,
    "array": lambda value, expected: (
        is_array(value) and describe_array(value) == expected
    ),
}


def holds(root: Any, guards: list[tuple[Path, str, Any]]) -> bool:
    try:
        for path, kind, expected in guards:
            if kind == "same":
                expected = follow(root, expected)
            if not _CHECKS[kind](follow(root, path), expected):
                return False
        return True
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return False


# Functions and modules that other code has in their place.


def _call(name: str, plain: Callable) -> Callable:
    """The function `plain` of a library, for symbols as well."""
    package = (getattr(plain, "__module__", None) or "numpy").partition(".")[0]

    def function(*args, **kwargs):
        if any(map(is_symbolic, args)) or any(map(is_symbolic, kwargs.values())):
            return _symbols.call_by_name(package, name, args, kwargs)
        return plain(*args, **kwargs)

    return function


class _Library:
    """A module whose functions take symbols."""

    def __init__(self, module: types.ModuleType):
        self._module = module

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._module, name)
        if isinstance(value, types.ModuleType):
            return _Library(value)
        if callable(value) and not isinstance(value, type):
            return _call(name, value)
        return value


class _Cast(type):
    """int or float, which symbols are converted by as well."""

    def __call__(cls, *args):
        if len(args) == 1 and isinstance(args[0], Symbol):
            return cls.convert(args[0])
        return cls.plain(*args)

    def __instancecheck__(cls, value):
        return isinstance(value, cls.plain)


class _Int(metaclass=_Cast):
    plain, convert = int, staticmethod(_symbols.to_int)


class _Float(metaclass=_Cast):
    plain, convert = float, staticmethod(_symbols.to_float)


def _extremum(name: str, plain: Callable) -> Callable:
    def function(*args, **kwargs):
        values = args if len(args) > 1 else tuple(args[0])
        if kwargs or not any(map(is_symbolic, values)):
            return plain(*args, **kwargs)
        return functools.reduce(_symbols.functions[name], values)

    return function


_BUILTINS = {
    **vars(builtins),
    "int": _Int,
    "float": _Float,
    "min": _extremum("minimum", min),
    "max": _extremum("maximum", max),
    "round": _call("round", round),
    "pow": _call("pow", pow),
}

# Modules of which functions take symbols: those that do not ask their arguments.
_SUBSTITUTED = ("math", "numpy", "jax")


# Modules of this package whose functions capture what users give them.
_WITH_RULES = ("mfa.masks", "mfa.scores", "mfa.transformers")


def _is_library(name: str) -> bool:
    package = name.partition(".")[0]
    known = ("torch", "jaxlib", "ml_dtypes", "mfa", *_SUBSTITUTED)
    return package in known or package in sys.stdlib_module_names


class _Attributes:
    """An object of which attributes are read."""

    def __init__(self, environment: Environment, value: Any, path: Path, name: str):
        vars(self).update(_of=(environment, value, path, name))

    def __getattr__(self, key: str) -> Any:
        environment, value, path, name = self._of
        if key.startswith("__"):
            raise AttributeError(key)
        found = getattr(value, key)
        owner = getattr(type(value), key, None)
        if isinstance(found, types.MethodType) and found.__self__ is value:
            where = (*path, ("attr", key))
            return environment.bind(found, where, f"{name}.{key}", self)
        if isinstance(owner, property):
            # Computed by code that reads attributes of its own.
            return owner.fget(self)
        return environment.symbolize(found, (*path, ("attr", key)), f"{name}.{key}")

    def __setattr__(self, key: str, value: Any):
        raise error(f"expected no assignment to '{self._of[3]}.{key}'")

    def __call__(self, *args, **kwargs):
        environment, value, path, name = self._of
        method = getattr(value, "__call__", None)
        if not isinstance(method, types.MethodType):
            raise error(f"expected '{name}' to be a function of Python")
        call = environment.bind(method, (*path, ("attr", "__call__")), name, self)
        return call(*args, **kwargs)

    def __getitem__(self, key):
        raise error(
            f"expected arrays, tuples, lists and dicts to index but got "
            f"{type(self._of[1]).__name__}"
        )


class _Class(_Attributes):
    """A class of the user's, of which attributes are read."""

    def __call__(self, *args, **kwargs):
        return self._of[1](*args, **kwargs)

    def __instancecheck__(self, value):
        return isinstance(value, self._of[1])


class _Refused:
    """What cannot be followed, an error where it is used."""

    def __init__(self, text: str):
        self._text = text

    def _refuse(self, *args, **kwargs):
        raise error(self._text)

    __getattr__ = __call__ = __getitem__ = __iter__ = __len__ = _refuse
    __contains__ = __bool__ = _refuse


def _is_constant(value: Any) -> bool:
    """Whether what is equal to an object of a library is the same for good: a type of
    elements, a device, a member of an enumeration."""
    kind = type(value)
    if isinstance(value, (complex, range, slice, frozenset, enum.Enum, type(...))):
        return True
    package = kind.__module__.partition(".")[0]
    return package in ("torch", "numpy", "jaxlib", "ml_dtypes") and (
        "dtype" in kind.__name__.lower()
        or kind.__module__ == "numpy.dtypes"
        or kind.__name__ in ("device", "layout", "memory_format", "Device")
    )


def _is_module_of_torch(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


class Environment:
    """The surroundings of one trace. `constants` are paths of numbers that are
    constants of the code."""

    def __init__(self, constants: frozenset[Path]):
        self.constants = constants
        self.guards: list[tuple[Path, str, Any]] = []
        # Arrays of which kernels get copies: their names, and of what type.
        self.conversions: dict[Path, tuple[str, str]] = {}
        # Copies of functions, and where the function was first found.
        self._made: dict[int, tuple[Callable, Path]] = {}
        # What the ids belong to.
        self._alive: list[Any] = []
        # Containers that are being looked through.
        self._open: set[int] = set()

    def _guard(self, path: Path, kind: str, expected: Any) -> None:
        self.guards.append((path, kind, expected))

    def symbolize(self, value: Any, path: Path, name: str) -> Any:
        """What stands for a value from outside."""
        if isinstance(value, Symbol):  # A size that masks refer to.
            self._guard(path, "is", value)
            return value
        kind = type(value)
        if value is None or kind in (bool, str, bytes):
            self._guard(path, "equal", value)
            return value
        if isinstance(value, Rule):
            self._guard(path, "type", kind)
            where = (*path, ("attr", "function"))
            return self.symbolize(value.function, where, name)
        if kind.__module__ == "numpy" and kind.__name__ in ("bool", "bool_"):
            self._guard(path, "equal", value)
            return bool(value)
        if isinstance(value, (int, float)) or _is_numpy_number(value):
            return self._number(value, path, name)
        if is_array(value):
            return self._array(value, path, name)
        if isinstance(value, (tuple, list, dict)):
            return self._container(value, path, name)
        package = (getattr(value, "__module__", None) or "").partition(".")[0]
        if package in _SUBSTITUTED and callable(value) and not isinstance(value, type):
            self._guard(path, "is", value)
            return _call(getattr(value, "__name__", name), value)
        if isinstance(value, types.FunctionType):
            return self._function(value, path, name)
        if isinstance(value, types.MethodType):
            owner = self.symbolize(value.__self__, (*path, ("attr", "__self__")), name)
            return self.bind(value, path, name, owner)
        if isinstance(value, functools.partial):
            parts = (
                self.symbolize(getattr(value, part), (*path, ("attr", part)), name)
                for part in ("func", "args", "keywords")
            )
            function, args, keywords = parts
            return functools.partial(function, *args, **keywords)
        if isinstance(value, types.ModuleType):
            return self._module(value, path, name)
        if isinstance(value, type):
            self._guard(path, "is", value)
            if value in (int, float):
                return _BUILTINS[value.__name__]
            is_constant = _is_library(value.__module__) or issubclass(value, enum.Enum)
            return value if is_constant else _Class(self, value, path, name)
        if _is_library(kind.__module__) and not _is_module_of_torch(value):
            if callable(value):
                self._guard(path, "is", value)
                return value
            if _is_constant(value):
                self._guard(path, "equal", value)
                return value
            if not hasattr(value, "__dict__"):
                self._guard(path, "type", kind)
                return _Refused(
                    "expected numbers, arrays, tuples, lists, dicts and objects with "
                    f"attributes but got '{name}', a {kind.__name__}"
                )
        self._guard(path, "type", kind)
        return _Attributes(self, value, path, name)

    def _container(self, value: Any, path: Path, name: str) -> Any:
        text = None
        if id(value) in self._open:
            text = f"expected no container in itself but got '{name}'"
        elif len(value) > _MOST_ELEMENTS:
            text = (
                f"expected '{name}' to have at most {_MOST_ELEMENTS} elements but got "
                f"{len(value)}; make it an array"
            )
        if text is not None:
            self._guard(path, "type", type(value))
            return _Refused(text)
        self._open.add(id(value))
        try:
            look = self._dict if isinstance(value, dict) else self._sequence
            return look(value, path, name)
        finally:
            self._open.remove(id(value))

    def bind(self, method: types.MethodType, path: Path, name: str, owner: Any) -> Any:
        function = method.__func__
        if isinstance(function, types.FunctionType):
            path = (*path, ("attr", "__func__"))
            function = self._function(function, path, name)
        return types.MethodType(function, owner)

    def _number(self, value: Any, path: Path, name: str) -> Any:
        if path in self.constants:
            self._guard(path, "equal", value)
            return value
        self._guard(path, "type", type(value))
        is_float = isinstance(value, float) or (
            not isinstance(value, int) and value.dtype.kind not in "iu"
        )
        return _symbols.number("f32" if is_float else "index", path, name)

    def _array(self, value: Any, path: Path, name: str) -> Any:
        form = describe_array(value)
        self._guard(path, "array", form)
        element, rank, unit = form
        if (copied := CONVERTED.get(element)) is not None:
            self.conversions[path] = name, copied
            element, unit = element_name(copied), True
        known = {}
        for dim in range(rank):
            size = (*path, ("attr", "shape"), ("item", dim))
            if size in self.constants:
                known[dim] = value.shape[dim]
                self._guard(size, "equal", known[dim])
        table = Table(path, name, element, rank, unit, known=known)
        # Of an array without dimensions, its only element.
        return table[()] if rank == 0 else table

    def _sequence(self, value: Any, path: Path, name: str) -> Any:
        self._guard(path, "length", (type(value), len(value)))
        items = [
            self.symbolize(item, (*path, ("item", i)), f"{name}[{i}]")
            for i, item in enumerate(value)
        ]
        if hasattr(value, "_fields"):
            return type(value)(*items)
        return tuple(items) if isinstance(value, tuple) else items

    def _dict(self, value: dict, path: Path, name: str) -> dict:
        self._guard(path, "keys", (type(value), tuple(value)))
        return {
            key: self.symbolize(item, (*path, ("item", key)), f"{name}[{key!r}]")
            for key, item in value.items()
        }

    def _module(self, value: types.ModuleType, path: Path, name: str) -> Any:
        self._guard(path, "is", value)
        package = value.__name__.partition(".")[0]
        if package in _SUBSTITUTED:
            return _Library(value)
        if _is_library(value.__name__):
            return value
        return _Attributes(self, value, path, name)

    def _function(self, function: types.FunctionType, path: Path, name: str) -> Any:
        """A copy of the function in the environment."""
        self._guard(path, "code", function.__code__)
        module = function.__module__ or ""
        if _is_library(module) and not (
            # A function that a function of a library has made of the user's.
            function.__closure__ and module.partition(".")[0] == "torch"
            or module in _WITH_RULES
        ):
            self.guards[-1] = (path, "is", function)
            return function
        if (made := self._made.get(id(function))) is not None:
            copy, first = made
            self._guard(path, "same", first)
            return copy
        scope = {"__builtins__": _BUILTINS, "__name__": function.__module__}
        cells = tuple(types.CellType() for _ in function.__closure__ or ())
        copy = types.FunctionType(
            function.__code__, scope, function.__name__, None, cells
        )
        # First, since it may refer to itself.
        self._made[id(function)] = copy, path
        self._alive.append(function)
        copy.__kwdefaults__ = None
        for index, variable in enumerate(function.__code__.co_freevars):
            try:
                value = function.__closure__[index].cell_contents
            except ValueError:  # Not set yet.
                continue
            where = (*path, ("free", index))
            cells[index].cell_contents = self.symbolize(value, where, variable)
        for variable in _global_names(function.__code__):
            if variable in function.__globals__:
                where = (*path, ("global", variable))
                value = function.__globals__[variable]
                scope[variable] = self.symbolize(value, where, variable)
        parameters = function.__code__.co_varnames
        count = function.__code__.co_argcount
        if defaults := function.__defaults__:
            names = parameters[count - len(defaults) : count]
            copy.__defaults__ = tuple(
                self.symbolize(
                    value, (*path, ("attr", "__defaults__"), ("item", i)), names[i]
                )
                for i, value in enumerate(defaults)
            )
        if keywords := function.__kwdefaults__:
            copy.__kwdefaults__ = {
                key: self.symbolize(
                    value, (*path, ("attr", "__kwdefaults__"), ("item", key)), key
                )
                for key, value in keywords.items()
            }
        return copy


def _is_numpy_number(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.number)


def _global_names(code: types.CodeType) -> set[str]:
    """Names that a function and those within it may look up as globals."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _global_names(constant)
    return names
