"""Ready-made functions for `score=`, of (s, b, h, q, k): what becomes of a score.

Numbers and arrays that they are given may change from call to call without a new
compilation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._functions import maximum, minimum, tanh
from .masks import _rank

__all__ = ["alibi", "relative_bias", "softcap"]


def softcap(x: float) -> Callable:
    """x * tanh(s / x): scores between -x and x."""
    if isinstance(x, (int, float)):
        if not x > 0:
            raise ValueError(f"x: expected a positive number but got {x}")
        x = float(x)
    return lambda s, b, h, q, k: tanh(s / x) * x


def alibi(slopes: Any) -> Callable:
    """s + slopes[h] * (k - q). An array [H]."""
    _rank("slopes", slopes, (1,))
    return lambda s, b, h, q, k: s + slopes[h] * (k - q)


def relative_bias(table: Any, bucket: Callable | None = None) -> Callable:
    """s + table[h, bucket(k - q)]. An array [H, N]; `bucket` is a function of the
    distance, such as that of T5. Without one, N is 2 * limit + 1, and distances from
    -limit to limit are columns 0 to 2 * limit, those beyond like these."""
    _rank("table", table, (2,))
    if bucket is not None:
        if not callable(bucket):
            raise TypeError(
                f"bucket: expected a function of k - q but got {type(bucket).__name__}"
            )
        return lambda s, b, h, q, k: s + table[h, bucket(k - q)]

    def biased(s, b, h, q, k):
        limit = table.shape[1] // 2
        return s + table[h, minimum(maximum(k - q + limit, 0), 2 * limit)]

    return biased
