"""Functions for `keep=` and `score=`, traced once for all calls that they hold for."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

from . import _mfa, _symbols
from ._arrays import convert, library_of
from ._emit import Captures, reads_of, write_rules
from ._environment import Environment, follow, holds
from ._regions import Regions
from ._tables import Table
from .masks import Rule

Root = tuple[Callable | None, Callable | None]


class _Trace:
    """The rules that a pair of functions was found to be, and for which others of the
    same code they stand."""

    def __init__(self, guards, rules, captures, conversions):
        self.guards, self.rules = guards, rules
        self.paths = captures.paths
        self.conversions = {
            self.paths.index(path): conversion
            for path, conversion in conversions.items()
            if path in captures.tables
        }

    def bind(self, root: Root) -> tuple:
        """The values of the captures, as they are now."""
        values = [_plain(follow(root, path)) for path in self.paths]
        for index, (name, dtype) in self.conversions.items():
            values[index] = convert(name, values[index], dtype)
        return tuple(values)


def _plain(value: Any) -> Any:
    """A number of Python for one of numpy."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        return value.item()
    return value


_lock = threading.RLock()
_traces: dict[tuple, list[_Trace]] = {}
# One object for each text: kernels are looked up in it.
_rules: dict[str, _mfa.Rules] = {}
# More than a process has functions, unless it makes them in a loop.
_MOST = 4096


def rules_of(text: str, names: list[str]) -> _mfa.Rules:
    with _lock:
        rules = _rules.get(text)
        if rules is None:
            if len(_rules) >= _MOST:
                _rules.clear()
            rules = _rules[text] = _mfa.Rules(text, names)
        return rules


def rules_of_results(
    keep: _symbols.Symbol | None,
    score: _symbols.Symbol | None,
    text: str,
    captures: Captures,
) -> _mfa.Rules:
    """The rules of what functions computed, as `write_rules` wrote it."""
    rules = rules_of(text, captures.names)
    if rules.expressions is None:
        rules.expressions = keep, score, captures.paths
        rules.set_reads(reads_of(keep, score, captures))
    return rules


def rules_of_text(text: str) -> _mfa.Rules:
    """As `rules_of`, of a text that has been to torch and back."""
    rules = _rules.get(text)
    if rules is not None:
        return rules
    head = text.partition("\n")[0]
    return rules_of(text, re.findall(r'%c\d+: [^%]*? loc\("([^"]*)"\)', head))


def regions_of(rules: _mfa.Rules, captures: tuple) -> tuple[Regions, dict]:
    """What `bind` gave as expressions, and the captured arrays by their paths."""
    keep, score, paths = rules.expressions
    values = dict(zip(paths, captures))
    regions = Regions(keep, score, values)
    return regions, {path: values[path] for path in regions.tables}


def _code_of(function: Any) -> Any:
    """What functions made by the same code have in common."""
    while True:
        if isinstance(function, types.FunctionType):
            return function.__code__
        if isinstance(function, Rule):
            function = function.function
        elif isinstance(function, functools.partial):
            function = function.func
        elif isinstance(function, types.MethodType):
            function = function.__func__
        else:
            return type(function)


class Settled:
    """A function for `keep=` whose captures are the same as long as it lives: what they
    are is found once, for all layers of a model, which share their lists of tiles."""

    def __init__(self, function: Callable, lists: _mfa.TileLists | None = None):
        self.function = function
        self.lists = _mfa.TileLists(False) if lists is None else lists
        self._bound: dict[tuple, tuple] = {}

    def forget(self) -> None:
        """Finds anew, in the next call, what the captures are."""
        self._bound.clear()

    def __call__(self, b, h, q, k):
        return self.function(b, h, q, k)

    def bind(self, score: Callable | None, like: Any) -> tuple:
        """As the function `bind`; kept for a score that is none, or settled too."""
        if not (score is None or isinstance(score, SettledScore)):
            return bind(self.function, score, like)
        key = score, library_of(like)
        bound = self._bound.get(key)
        if bound is None:
            function = None if score is None else score.function
            bound = self._bound[key] = bind(self.function, function, like)
        return bound


class SettledScore:
    """A function for `score=`, likewise."""

    def __init__(self, function: Callable):
        self.function = function

    def __call__(self, s, b, h, q, k):
        return self.function(s, b, h, q, k)


def bind(keep: Callable | None, score: Callable | None, like: Any) -> tuple:
    """The rules of the functions, as an _mfa.Rules, and what they capture. `like` is
    an array of the library for which symbols have element types."""
    if type(keep) is Settled:
        return keep.bind(score, like)
    if type(score) is SettledScore:
        score = score.function
    for name, function in (("keep", keep), ("score", score)):
        if function is not None and not callable(function):
            arguments = "(s, b, h, q, k)" if name == "score" else "(b, h, q, k)"
            raise TypeError(
                f"{name}: expected a function of {arguments} but got "
                f"{type(function).__name__}"
            )
    root = keep, score
    library = library_of(like)
    key = _code_of(keep), _code_of(score), library
    for trace in _traces.get(key, ()):
        if holds(root, trace.guards):
            return trace.rules, trace.bind(root)
    trace = _trace(root, library)
    with _lock:
        if len(_traces) >= _MOST:
            _traces.clear()
        known = _traces.setdefault(key, [])
        if len(known) >= _MOST:
            known.clear()
        known.append(trace)
    return trace.rules, trace.bind(root)


def _trace(root: Root, library: str) -> _Trace:
    constants = frozenset()
    while True:
        try:
            return _trace_with(root, library, constants)
        except _symbols.Specialize as decision:
            constants |= decision.paths


def _trace_with(root: Root, library: str, constants: frozenset) -> _Trace:
    environment = Environment(constants)
    state = _symbols.state
    previous = state.role, state.library, state.specializes
    results = []
    try:
        state.library, state.specializes = library, True
        for index, role in enumerate(("keep", "score")):
            state.role = role
            results.append(_call(environment, root, index, role))
    finally:
        state.role, state.library, state.specializes = previous
    text, captures = write_rules(*results)
    rules = rules_of_results(*results, text, captures)
    return _Trace(environment.guards, rules, captures, environment.conversions)


def _call(environment: Environment, root: Root, index: int, role: str):
    """What a function computes of symbols."""
    path = (("item", index),)
    if root[index] is None:
        environment.guards.append((path, "is", None))
        return None
    _check_parameters(root[index], role)
    function = environment.symbolize(root[index], path, role)
    arguments = [_symbols.position(name) for name in "bhqk"]
    if role == "score":
        arguments.insert(0, _symbols.score())
    try:
        result = function(*arguments)
    except RecursionError:
        raise TypeError(
            f"{role}: expected a function that ends but got a recursion without an end"
        ) from None
    return check_result(role, result)


def _check_parameters(function: Callable, role: str) -> None:
    expected = "(s, b, h, q, k)" if role == "score" else "(b, h, q, k)"
    try:
        signature = inspect.signature(function)
    except ValueError:  # It does not say.
        return
    try:
        signature.bind(*expected[1:-1].split(", "))
    except TypeError:
        raise TypeError(
            f"{role}: expected a function of {expected} but got one of {signature}; "
            "ready-made ones are called first, as in mfa.masks.causal()"
        ) from None


def check_result(role: str, result: Any):
    what = "condition" if role == "keep" else "number"
    try:
        symbol = _symbols.lift(result)
    except TypeError:
        got = type(result).__name__
        if isinstance(result, Table):
            got = f"the array '{result.name}'"
        raise TypeError(
            f"{role}: expected the function to return a {what} but got {got}"
        ) from None
    if role == "score":
        if symbol.kind == "i1":
            raise TypeError(
                "score: expected the function to return a number but got a condition; "
                "use mfa.where(condition, s, -inf), or keep="
            )
        return _symbols.to_float(symbol)
    if symbol.kind != "i1":
        kind = "an integer" if symbol.kind == "index" else "a float"
        raise TypeError(
            f"keep: expected the function to return a condition but got {kind}; "
            "compare it with another number"
        )
    return symbol
