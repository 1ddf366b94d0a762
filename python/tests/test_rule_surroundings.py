"""What functions in keep= and score= find around them, and what they are refused."""

import argparse
import collections
import functools
import sys
import threading
import types

import numpy as np
import pytest

import mfa

# What is found in objects of all kinds is what it is now.


class Settings:
    width = 3
    widths = np.array([3, 4])

    @classmethod
    def of_class(cls, k):
        return k < cls.width

    @staticmethod
    def of_nobody(k):
        return k < Settings.width


def kept(width):
    """What a rule k < width gives."""
    x = np.linspace(-1, 1, 9 * 8, dtype=np.float32).reshape(1, 9, 1, 8)
    return x, mfa.masked_attention(x, x, x, (np.arange(9) < width)[None, None])


def check_width(keep, width):
    x, expected = kept(width)
    np.testing.assert_array_equal(mfa.masked_attention(x, x, x, keep=keep), expected)


@pytest.mark.parametrize(
    "holder",
    [
        argparse.Namespace(width=3),
        types.SimpleNamespace(width=3),
        threading.local(),
    ],
)
def test_attributes_of_library_objects(holder):
    holder.width = 3
    keep = lambda b, h, q, k: k < holder.width  # noqa: E731
    check_width(keep, 3)
    holder.width = 5
    check_width(keep, 5)


@pytest.mark.parametrize(
    "holder",
    [
        collections.OrderedDict(width=3),
        collections.defaultdict(int, width=3),
        collections.Counter(width=3),
    ],
)
def test_dicts_of_other_classes(holder):
    keep = lambda b, h, q, k: k < holder["width"]  # noqa: E731
    check_width(keep, 3)
    holder["width"] = 5
    check_width(keep, 5)


@pytest.mark.parametrize(
    "keep",
    [
        lambda b, h, q, k: k < Settings.width,
        lambda b, h, q, k: Settings.of_class(k),
        lambda b, h, q, k: Settings.of_nobody(k),
    ],
)
def test_attributes_of_classes(keep, monkeypatch):
    check_width(keep, 3)
    monkeypatch.setattr(Settings, "width", 6)
    check_width(keep, 6)


def test_arrays_of_classes():
    keep = lambda b, h, q, k: k < Settings.widths[1]  # noqa: E731
    check_width(keep, 4)
    Settings.widths[1] = 7
    check_width(keep, 7)


MANY, ITSELF, QUEUE = list(range(100)), {"width": 3}, collections.deque([3])
ITSELF["self"] = ITSELF


def test_what_is_not_used():
    """What a function could look at does not matter before it does."""
    settings = types.SimpleNamespace(MANY=4, QUEUE=5)
    check_width(lambda b, h, q, k: k < settings.MANY, 4)
    check_width(lambda b, h, q, k: k < settings.QUEUE, 5)
    check_width(lambda b, h, q, k: k < ITSELF["width"], 3)


@pytest.mark.parametrize(
    ("keep", "text"),
    [
        (
            lambda b, h, q, k: k < QUEUE[0],
            "expected numbers, arrays, tuples, lists, dicts and objects with "
            "attributes but got 'QUEUE', a deque",
        ),
        (
            lambda b, h, q, k: k < MANY[0],
            "expected 'MANY' to have at most 64 elements but got 100; make it an array",
        ),
        (
            lambda b, h, q, k: k < ITSELF["self"]["width"],
            "expected no container in itself but got 'ITSELF['self']'",
        ),
    ],
)
def test_what_cannot_be_followed(keep, text):
    with pytest.raises(TypeError) as error:
        check_width(keep, 3)
    assert str(error.value).startswith(f"keep: {text} (test_rule_surroundings.py:")


def test_rules_are_no_conditions_of_python():
    with pytest.raises(TypeError) as error:
        mfa.masks.causal() and mfa.masks.dilated(2)
    assert str(error.value) == (
        "expected rules to be combined by & | ~ but got 'and', 'or', 'not' or 'if'"
    )


@pytest.mark.parametrize("target", ["cpu", "sim"])
def test_no_limit(target):
    x, _ = kept(9)
    for rule, array in (
        (mfa.masks.window(2, None), np.triu(np.ones((9, 9), bool), -2)),
        (mfa.masks.window(None, 1), np.tril(np.ones((9, 9), bool), 1)),
        (mfa.masks.window(0, sys.maxsize), np.triu(np.ones((9, 9), bool))),
        (mfa.masks.causal(offset=2**63 - 1), np.ones((9, 9), bool)),
        (mfa.masks.causal(offset=-(2**63)), np.zeros((9, 9), bool)),
    ):
        actual = mfa.masked_attention(x, x, x, keep=rule, target=target)
        expected = mfa.masked_attention(x, x, x, array[None])
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("keep", "found"),
    [
        (mfa.masks.causal, "(align: 'str' = 'start', offset: 'int' = 0) -> 'Rule'"),
        (lambda q, k: q >= k, "(q, k)"),
        (functools.partial(lambda w, b, h, q, k: k < w), "(w, b, h, q, k)"),
    ],
)
def test_functions_of_other_arguments(keep, found):
    with pytest.raises(TypeError) as error:
        check_width(keep, 3)
    assert str(error.value) == (
        f"keep: expected a function of (b, h, q, k) but got one of {found}; ready-made "
        "ones are called first, as in mfa.masks.causal()"
    )


def test_lists_are_no_lengths():
    for rule, name in ((mfa.masks.lengths, "k_lengths"), (mfa.masks.prefix, "lengths")):
        with pytest.raises(TypeError) as error:
            rule([3, 4])
        assert str(error.value) == (
            f"{name}: expected an integer or an array [B] but got [3, 4]"
        )


def test_rules_and_arrays():
    for join in (lambda x, y: x & y, lambda x, y: y | x):
        with pytest.raises(TypeError, match="operand"):
            join(mfa.masks.causal(), np.ones((9, 9), bool))
