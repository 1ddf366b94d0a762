"""Ready-made rules for `keep=`: which keys a query attends to.

Rules combine by & | and ~, with each other and with functions of (b, h, q, k):

    mfa.masks.causal() & mfa.masks.window(1023, 0)

Numbers and arrays that they are given may change from call to call without a new
compilation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._functions import maximum
from ._symbols import length_of as _length_of

__all__ = [
    "Rule",
    "blocks",
    "causal",
    "dilated",
    "documents",
    "lengths",
    "prefix",
    "window",
]

# Beyond the ends of any sequence.
_FARTHEST = 1 << 40


class Rule:
    """A function of (b, h, q, k) that combines with others by & | ~."""

    # Arrays are no rules, and do not take one for each element.
    __array_ufunc__ = None

    def __init__(self, function: Callable, text: str | None = None):
        if isinstance(function, Rule) or not callable(function):
            raise TypeError(
                f"expected a function of (b, h, q, k) but got {type(function).__name__}"
            )
        self.function = function
        self._text = text or getattr(function, "__name__", repr(function))

    def __call__(self, b, h, q, k):
        return self.function(b, h, q, k)

    def __and__(self, other):
        return _combine(self, other, _both, "&")

    def __rand__(self, other):
        return _combine(other, self, _both, "&")

    def __or__(self, other):
        return _combine(self, other, _either, "|")

    def __ror__(self, other):
        return _combine(other, self, _either, "|")

    def __bool__(self):
        raise TypeError(
            "expected rules to be combined by & | ~ but got 'and', 'or', 'not' or 'if'"
        )

    def __invert__(self):
        return Rule(_none(self), f"~{self._text}")

    def __repr__(self):
        return f"<mfa.masks rule {self._text}>"


def _both(x, y):
    return lambda b, h, q, k: x(b, h, q, k) & y(b, h, q, k)


def _either(x, y):
    return lambda b, h, q, k: x(b, h, q, k) | y(b, h, q, k)


def _none(x):
    return lambda b, h, q, k: ~x(b, h, q, k)


def _combine(x, y, join, operator):
    rules = [part if isinstance(part, Rule) else None for part in (x, y)]
    for i, part in enumerate((x, y)):
        if rules[i] is None:
            if not callable(part):
                return NotImplemented
            rules[i] = Rule(part)
    return Rule(join(*rules), f"({rules[0]._text} {operator} {rules[1]._text})")


def _number(
    name: str, value: Any, least: int | None = None, what: str = "an integer"
) -> Any:
    """An integer, or an array without dimensions."""
    if isinstance(value, bool) or not (
        hasattr(value, "__index__") or getattr(value, "shape", None) == ()
    ):
        raise TypeError(f"{name}: expected {what} but got {value!r}")
    if least is not None and hasattr(value, "__index__") and value < least:
        raise ValueError(f"{name}: expected {least} or more but got {value}")
    return value


def _distance(name: str, value: Any) -> Any:
    """A number of positions: None is farther than any, and so are all that sums of 64
    bits might not hold."""
    if value is None:
        return _FARTHEST
    _number(name, value)
    if isinstance(value, int):
        return min(max(value, -_FARTHEST), _FARTHEST)
    return value


def _rank(name: str, array: Any, ranks: tuple[int, ...]) -> int:
    shape = getattr(array, "shape", None)
    expected = " or ".join(map(str, ranks))
    if shape is None:
        raise TypeError(
            f"{name}: expected an array of rank {expected} but got "
            f"{type(array).__name__}"
        )
    if len(shape) not in ranks:
        raise ValueError(f"{name}: expected rank {expected} but got rank {len(shape)}")
    return len(shape)


def _end(k):
    """How far the last key is from the last query."""
    return _length_of("keys", k) - _length_of("queries", k)


def causal(align: str = "start", offset: int = 0) -> Rule:
    """k <= q + offset; with align="end", where the last query and the last key are at
    the same time, k <= q + (Sk - Sq) + offset."""
    if align not in ("start", "end"):
        raise ValueError(f"align: expected 'start' or 'end' but got {align!r}")
    offset = _distance("offset", offset)
    if align == "end":
        return Rule(lambda b, h, q, k: k <= q + _end(k) + offset, "causal")
    if isinstance(offset, int) and offset == 0:
        return Rule(lambda b, h, q, k: k <= q, "causal")
    return Rule(lambda b, h, q, k: k <= q + offset, "causal")


def window(left: int | None, right: int | None) -> Rule:
    """q - left <= k <= q + right; None is no limit. Negative numbers are what they
    are: with left=-1 a query does not attend to itself."""
    left, right = _distance("left", left), _distance("right", right)
    return Rule(lambda b, h, q, k: (k >= q - left) & (k <= q + right), "window")


def prefix(lengths: Any) -> Rule:
    """k < lengths[b], or k <= q: causal behind a prefix that all see (prefix-LM).
    `lengths` is an integer or an array [B]."""
    if not hasattr(lengths, "shape"):
        _number("lengths", lengths, 0, "an integer or an array [B]")
        return Rule(lambda b, h, q, k: k < maximum(lengths, q + 1), "prefix")
    _rank("lengths", lengths, (1,))
    return Rule(lambda b, h, q, k: (k < lengths[b]) | (k <= q), "prefix")


def lengths(k_lengths: Any) -> Rule:
    """k < k_lengths[b]: keys from there on are padding. An integer or an array [B]."""
    if not hasattr(k_lengths, "shape"):
        _number("k_lengths", k_lengths, 0, "an integer or an array [B]")
        return Rule(lambda b, h, q, k: k < k_lengths, "lengths")
    _rank("k_lengths", k_lengths, (1,))
    return Rule(lambda b, h, q, k: k < k_lengths[b], "lengths")


def documents(q_ids: Any, k_ids: Any = None) -> Rule:
    """q_ids[b, q] == k_ids[b, k]: queries attend to the keys of their own document.
    Arrays [B, S] or [S] of integers; k_ids is q_ids by default."""
    if k_ids is None:
        k_ids = q_ids
    of_query = _rank("q_ids", q_ids, (1, 2)) == 1
    of_key = _rank("k_ids", k_ids, (1, 2)) == 1
    if of_query and of_key:
        return Rule(lambda b, h, q, k: q_ids[q] == k_ids[k], "documents")
    if of_query or of_key:
        raise ValueError(
            f"k_ids: expected rank {len(q_ids.shape)}, as of q_ids, but got rank "
            f"{len(k_ids.shape)}"
        )
    return Rule(lambda b, h, q, k: q_ids[b, q] == k_ids[b, k], "documents")


def dilated(step: int) -> Rule:
    """q - k is a multiple of `step`, which is positive; another compiles again."""
    _number("step", step, 1)
    return Rule(lambda b, h, q, k: (q - k) % step == 0, "dilated")


def blocks(q_size: int, k_size: int, table: Any) -> Rule:
    """table[q // q_size, k // k_size], an array of booleans [Q, K], [H, Q, K] or
    [B, H, Q, K] that says which blocks of queries and keys are kept. Other sizes of
    blocks compile again, another table does not."""
    _number("q_size", q_size, 1)
    _number("k_size", k_size, 1)
    rank = _rank("table", table, (2, 3, 4))

    def kept(b, h, q, k):
        rows, columns = q // q_size, k // k_size
        return table[(b, h)[4 - rank :] + (rows, columns)]

    return Rule(kept, "blocks")
