"""Functions in keep= and score= that are refused, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import normal
from rule_arrays import BLOCKS, H, IDS_K, IDS_Q, K, LENGTHS, Q, SK, SLOPES, TABLE, V

import mfa

masks, scores = mfa.masks, mfa.scores
COMPLEX = normal(5, H, SK).astype(np.complex64)
LARGE = np.full(SK, 1e300)
LIST = [1, 2, 3]
ZERO = 0


def call(**options):
    return mfa.masked_attention(Q, K, V, **options)


DECISION = (
    "expected a decision ('if', 'and', 'or', 'not', a chained comparison) that depends "
    "on no position but got one; use mfa.where, and &, | and ~ of comparisons"
)
NUMBER = (
    "expected a number of Python (int(), float(), an index of a list, a range) that "
    "depends on no position but got one; index arrays that the function gets from "
    "outside"
)
# Functions, and what is said of them; the place in the file is at the end.
REFUSED = {
    "if": (lambda b, h, q, k: True if q > k else False, DECISION),
    "and": (lambda b, h, q, k: q > k and k > 2, DECISION),
    "chain": (lambda b, h, q, k: 2 < q < k, DECISION),
    "not": (lambda b, h, q, k: not q > k, DECISION),
    "in": (lambda b, h, q, k: q in (1, 2), DECISION),
    "range": (lambda b, h, q, k: any(k == i for i in range(q)), NUMBER),
    "list": (lambda b, h, q, k: LIST[q] > 1, NUMBER),
    "float index": (
        lambda b, h, q, k: IDS_Q[b, q / 2] > 0,
        "expected integers as indices of 'IDS_Q' but got a float for dimension 1",
    ),
    "boolean index": (
        lambda b, h, q, k: LENGTHS[q > k] > 0,
        "expected integers as indices of 'LENGTHS' but got a condition for dimension 0",
    ),
    "too many indices": (
        lambda b, h, q, k: LENGTHS[b, q] > 0,
        "expected 1 index for 'LENGTHS' but got 2",
    ),
    "slice": (
        lambda b, h, q, k: IDS_Q[b, 1:] > 0,
        "expected positions as indices of 'IDS_Q' but got slice(1, None, None)",
    ),
    "complex": (
        lambda b, h, q, k: COMPLEX[h, k] > 0,
        "expected 'COMPLEX' to have elements of type float16, bfloat16, float32, "
        "float64, bool, or integers of up to 64 bits, unsigned ones of up to 32, but "
        "got complex64",
    ),
    "whole array": (
        lambda b, h, q, k: (IDS_Q + 1)[b, q] > 0,
        "expected 'IDS_Q' to be indexed but got an operation on the whole array; do it "
        "before, outside of the function",
    ),
    "compared with an array": (
        lambda b, h, q, k: q > IDS_Q[b],
        "expected an element of 'IDS_Q' but got an array of rank 1; index it",
    ),
    "attribute of an array": (
        lambda b, h, q, k: q > LENGTHS.max(),
        "expected 'LENGTHS' to be indexed but got an operation on the whole array; do "
        "it before, outside of the function",
    ),
    "numpy function": (
        lambda b, h, q, k: np.cumsum(q) > 0,
        "expected a function that can be traced but got numpy.cumsum",
    ),
    "text": (
        lambda b, h, q, k: q > "3",
        "expected numbers, conditions and arrays but got str",
    ),
    "and of floats": (
        lambda b, h, q, k: (q / 2) & k,
        "expected conditions or integers for 'and' but got a float",
    ),
    "not of floats": (
        lambda b, h, q, k: ~(q / 2),
        "expected a condition or an integer for '~' but got a float",
    ),
    "power": (
        lambda b, h, q, k: q**k > 3,
        "expected a power whose base is a positive constant, or whose exponent is a "
        "constant from 0 to 16, or 0.5; use exp and log",
    ),
    "shift": (
        lambda b, h, q, k: q << k > 3,
        "expected a number that is known to be 0 to 63, such as n % 32, to shift by "
        "for '<<' but got one of 0 to 2147483647",
    ),
    "negative shift": (
        lambda b, h, q, k: q >> (k % 8 - 8) > 3,
        "expected a number that is known to be 0 to 63, such as n % 32, to shift by "
        "for '>>' but got one of -8 to -1",
    ),
    "unknown shift": (
        lambda b, h, q, k: q >> (q * k * k) > 3,
        "expected a number that is known to be 0 to 63, such as n % 32, to shift by "
        "for '>>' but got any number",
    ),
    "division by 0": (
        lambda b, h, q, k: q % 0 == 1,
        "expected a divisor other than 0 but got 0",
    ),
    "captured zero": (
        lambda b, h, q, k: (q - k) % ZERO == 0,
        "expected a divisor other than 0 but got 0",
    ),
}
ERRORS = (TypeError, IndexError, ZeroDivisionError, AttributeError)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_function(name):
    function, message = REFUSED[name]
    with pytest.raises(ERRORS) as caught:
        call(keep=function)
    text, _, place = str(caught.value).rpartition(" (")
    assert text == f"keep: {message}"
    file, line = place.rstrip(")").split(":")
    assert file == "test_rule_errors.py"
    first = function.__code__.co_firstlineno
    assert first <= int(line) <= first + 1


ids = IDS_Q[0]
REFUSED_CALLS = {
    "no function": (
        lambda: call(keep=3),
        "keep: expected a function of (b, h, q, k) but got int",
    ),
    "no score function": (
        lambda: call(score="x"),
        "score: expected a function of (s, b, h, q, k) but got str",
    ),
    "number for a condition": (
        lambda: call(keep=lambda b, h, q, k: q - k),
        "keep: expected the function to return a condition but got an integer; compare "
        "it with another number",
    ),
    "float for a condition": (
        lambda: call(keep=lambda b, h, q, k: q / 2),
        "keep: expected the function to return a condition but got a float; compare it "
        "with another number",
    ),
    "nothing": (
        lambda: call(keep=lambda b, h, q, k: None),
        "keep: expected the function to return a condition but got NoneType",
    ),
    "condition for a number": (
        lambda: call(score=lambda s, b, h, q, k: q > k),
        "score: expected the function to return a number but got a condition; use "
        "mfa.where(condition, s, -inf), or keep=",
    ),
    "array": (
        lambda: call(score=lambda s, b, h, q, k: SLOPES),
        "score: expected the function to return a number but got the array 'SLOPES'",
    ),
    "computed zero": (
        lambda: call(keep=lambda b, h, q, k: q % k == 0),
        "expected a divisor other than 0",
    ),
    "out of bounds": (
        lambda: call(keep=lambda b, h, q, k: ids[2 * k - k] == 0),
        "out-of-bounds access of 'ids'",
    ),
    "too few keys": (
        lambda: call(keep=lambda b, h, q, k: ids[k] == 0),
        "ids: expected shape (11,) or larger, as it is read for each batch, head, "
        "query or key, but got (9,)",
    ),
    "too few documents": (
        lambda: call(keep=masks.documents(IDS_Q)),
        "k_ids: expected shape (2, 11) or larger, as it is read for each batch, head, "
        "query or key, but got (2, 9)",
    ),
    "too few batches": (
        lambda: call(keep=masks.lengths(LENGTHS[:1])),
        "k_lengths: expected shape (2,) or larger, as it is read for each batch, head, "
        "query or key, but got (1,)",
    ),
    "too few heads": (
        lambda: call(score=scores.alibi(SLOPES[:3])),
        "slopes: expected shape (4,) or larger, as it is read for each batch, head, "
        "query or key, but got (3,)",
    ),
    "too few blocks": (
        lambda: call(keep=masks.blocks(3, 3, BLOCKS[:, :, :, :3])),
        "expected dimension 3 of 'table' to have all indices at which regions read it",
    ),
    "beyond float32": (
        lambda: call(score=lambda s, b, h, q, k: s + LARGE[k]),
        "LARGE: expected numbers that float32 has, as elements of float64 are rounded "
        "to it, but got some that would be infinite",
    ),
    "sinks rank": (
        lambda: call(sinks=SLOPES[None]),
        "sinks: expected rank 1 but got rank 2",
    ),
    "sinks size": (
        lambda: call(sinks=SLOPES[:3]),
        "sinks: expected shape (4,), the heads of q, but got (3,)",
    ),
    "sinks type": (
        lambda: call(sinks=SLOPES.astype(np.float16)),
        "sinks: expected elements of type f32 but got f16",
    ),
    "align": (
        lambda: masks.causal("middle"),
        "align: expected 'start' or 'end' but got 'middle'",
    ),
    "step": (lambda: masks.dilated(0), "step: expected 1 or more but got 0"),
    "window": (
        lambda: masks.window(1.5, 0),
        "left: expected an integer but got 1.5",
    ),
    "prefix rank": (
        lambda: masks.prefix(IDS_Q),
        "lengths: expected rank 1 but got rank 2",
    ),
    "documents": (
        lambda: masks.documents(IDS_Q, IDS_K[0]),
        "k_ids: expected rank 2, as of q_ids, but got rank 1",
    ),
    "documents type": (
        lambda: masks.documents([1, 2]),
        "q_ids: expected an array of rank 1 or 2 but got list",
    ),
    "softcap": (
        lambda: scores.softcap(-1.0),
        "x: expected a positive number but got -1.0",
    ),
    "bucket": (
        lambda: scores.relative_bias(TABLE, 3),
        "bucket: expected a function of k - q but got int",
    ),
    "too large": (
        lambda: call(keep=masks.lengths(2**70)),
        "k_lengths: expected an integer of 64 bits but got 1180591620717411303424",
    ),
}


@pytest.mark.parametrize("name", REFUSED_CALLS)
def test_refused_call(name):
    function, message = REFUSED_CALLS[name]
    with pytest.raises((*ERRORS, ValueError)) as caught:
        function()
    assert str(caught.value) == message
