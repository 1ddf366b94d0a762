"""Code for the CPU: functions of scores, and arrays that vectors are loaded from."""

import math
import platform

import mfa
import numpy as np
import pytest

rng = np.random.default_rng(7)


def launch(source, *arrays):
    kernel = mfa._mfa.compile_source(source, target=mfa._mfa.Target.cpu)
    kernel.launch(
        [
            (
                x.ctypes.data,
                list(x.shape),
                [stride // x.itemsize for stride in x.strides],
            )
            for x in arrays
        ]
    )


def spread(least, most, count=400):
    """Numbers of all magnitudes, of both signs."""
    sizes = 2.0 ** rng.uniform(math.log2(least), math.log2(most), count)
    return (sizes * rng.choice([-1, 1], count)).astype(np.float32)


def evaluate(op, *arguments):
    """An op of `math` in a region `score`. Each key has a number of its own, and each
    query keeps one key, so that its log-sum-exp is that key's score."""
    operands = ["%x", "%y"][: len(arguments)]
    source = f"""
func.func @evaluate(%q: memref<1x?x1x8xf32>, %o: memref<1x?x1x8xf32>,
                    %l: memref<1x1x?xf32>,
                    %xs: memref<?xf32>, %ys: memref<?xf32>) {{
  mfa.masked_attention
      ins(%q, %q, %q : memref<1x?x1x8xf32>, memref<1x?x1x8xf32>, memref<1x?x1x8xf32>)
      captures(%xs, %ys : memref<?xf32>, memref<?xf32>)
      outs(%o : memref<1x?x1x8xf32>) lse(%l : memref<1x1x?xf32>)
      score {{
      ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index,
           %a: memref<?xf32>, %c: memref<?xf32>):
        %x = memref.load %a[%j] : memref<?xf32>
        %y = memref.load %c[%j] : memref<?xf32>
        %r = math.{op} {", ".join(operands)} : f32
        mfa.yield %r : f32
      }}
      keep {{
      ^bb0(%b: index, %h: index, %i: index, %j: index,
           %a: memref<?xf32>, %c: memref<?xf32>):
        %e = arith.cmpi eq, %i, %j : index
        mfa.yield %e : i1
      }}
  return
}}
"""
    x, y = arguments[0], arguments[-1]
    zeros = np.zeros((1, len(x), 1, 8), np.float32)
    lse = np.empty((1, 1, len(x)), np.float32)
    launch(source, zeros, np.empty_like(zeros), lse, x, y)
    return lse[0, 0]


SPECIAL = np.array(
    [0.0, -0.0, 1, -1, math.inf, -math.inf, math.nan, 0.5, 2], np.float32
)
TINY = np.array([1e-45, -1e-45, 1e-39, -3e-39, 1.2e-38], np.float32)
HUGE = np.array([2.0**39, 2.0**41, 3e38, -3e38], np.float32)
NEAR_ONE = (1 + spread(2**-23, 0.5)).astype(np.float32)
FUNCTIONS = {
    "exp2": (np.exp2, spread(2**-30, 160)),
    "sin": (np.sin, np.concatenate([spread(2**-30, 2**38), HUGE])),
    "cos": (np.cos, np.concatenate([spread(2**-30, 2**38), HUGE])),
    "tan": (np.tan, np.concatenate([spread(2**-30, 2**38), HUGE])),
    "log10": (np.log10, np.concatenate([spread(2**-120, 2**120), NEAR_ONE])),
    "cbrt": (np.cbrt, spread(2**-120, 2**120)),
    "atan": (np.arctan, spread(2**-30, 2**60)),
    "asin": (np.arcsin, np.concatenate([spread(2**-30, 1), NEAR_ONE])),
    "acos": (np.arccos, np.concatenate([spread(2**-30, 1), NEAR_ONE])),
    "sinh": (np.sinh, spread(2**-30, 92)),
    "cosh": (np.cosh, spread(2**-30, 92)),
    "asinh": (np.arcsinh, spread(2**-30, 2**120)),
    "acosh": (np.arccosh, np.concatenate([spread(1, 2**120), NEAR_ONE])),
    "atanh": (np.arctanh, np.concatenate([spread(2**-30, 1), NEAR_ONE])),
}


def check(op, function, *arguments):
    with np.errstate(all="ignore"):
        exact = function(*(x.astype(np.float64) for x in arguments))
        expected = exact.astype(np.float32)
    result = evaluate(op, *arguments)
    # A row whose one score is infinite has no sum that is a number.
    is_finite = np.isfinite(expected)
    assert not np.isfinite(result[~is_finite]).any()
    minus_infinity = np.isneginf(expected)
    assert np.isneginf(result[minus_infinity]).all()
    units = np.spacing(np.abs(expected[is_finite]), dtype=np.float32)
    errors = np.abs(result[is_finite] - exact[is_finite]) / units
    worst = errors.argmax()
    where = [x[is_finite][worst] for x in arguments]
    got, wanted = result[is_finite][worst], exact[is_finite][worst]
    assert errors[worst] < 0.6, (where, got, wanted)


@pytest.fixture(params=["host", "x86-64"])
def cpu(request, monkeypatch):
    """This one, and one without AVX and fused multiply-adds."""
    if request.param != "host":
        if platform.machine() != "x86_64":
            pytest.skip("of another architecture")
        monkeypatch.setenv("MFA_CPU", request.param)


@pytest.mark.parametrize("op", FUNCTIONS)
def test_functions_of_scores(cpu, op):
    function, numbers = FUNCTIONS[op]
    check(op, function, np.concatenate([numbers, SPECIAL, TINY]))


@pytest.mark.parametrize("op, function", [("powf", np.power), ("atan2", np.arctan2)])
def test_functions_of_two_numbers(cpu, op, function):
    pairs = np.array(np.meshgrid(SPECIAL, SPECIAL)).reshape(2, -1)
    x = np.concatenate([np.abs(spread(2**-60, 2**60)), pairs[0], TINY, -HUGE])
    y = np.concatenate([spread(2**-10, 2**10), pairs[1], TINY, HUGE])
    if op == "powf":
        # Whole exponents of negative numbers.
        x = np.concatenate([x, spread(2**-6, 2**6, 40)])
        y = np.concatenate([y, rng.integers(-9, 9, 40).astype(np.float32)])
    check(op, function, x, y)


def attend(mask_type, mask, keys):
    source = f"""
func.func @attend(%q: memref<1x?x1x8xf32>, %k: memref<1x?x1x8xf32>,
                  %m: {mask_type}, %o: memref<1x?x1x8xf32>) {{
  mfa.masked_attention
      ins(%q, %k, %k : memref<1x?x1x8xf32>, memref<1x?x1x8xf32>, memref<1x?x1x8xf32>)
      mask(%m : {mask_type}) outs(%o : memref<1x?x1x8xf32>)
  return
}}
"""
    q = rng.standard_normal((1, mask.shape[1], 1, 8), np.float32)
    k = rng.standard_normal((1, keys, 1, 8), np.float32)
    output = np.empty_like(q)
    launch(source, q, k, mask, output)
    scores = (q[0, :, 0] @ k[0, :, 0].T).astype(np.float64) / math.sqrt(8)
    if "xi1" in mask_type:
        scores = np.where(mask[0] != 0, scores, -math.inf)
    else:
        scores += mask[0]
    weights = np.exp(scores - scores.max(1, keepdims=True))
    expected = (weights / weights.sum(1, keepdims=True)) @ k[0, :, 0]
    np.testing.assert_allclose(output[0, :, 0], expected, atol=1e-5)


@pytest.mark.parametrize("keys", [5, 16, 45, 200])
@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("element", ["i1", "f16", "f32"])
def test_masks_of_open_strides(element, step, keys):
    """Whether elements are side by side is known as the program runs; elements behind
    the last key are those of an array that nobody is to read as a mask."""
    dtype = {"i1": bool, "f16": np.float16, "f32": np.float32}[element]
    numbers = rng.standard_normal((1, 7, keys * max(step, 1)))
    memory = (numbers > 0 if element == "i1" else numbers).astype(dtype)
    mask = memory[:, :, :: max(step, 1)]
    if step == 0:
        mask = np.broadcast_to(mask[:, :, :1], mask.shape)
        if element == "i1":
            mask = np.broadcast_to(np.array(True), mask.shape)
    attend(f"memref<1x?x?x{element}, strided<[?, ?, ?]>>", mask, keys)


@pytest.mark.parametrize("keys", [5, 45, 200])
def test_bytes_of_booleans(keys):
    """Any byte but 0 is true, whatever its bits."""
    numbers = rng.choice(np.array([0, 1, 2, 0x80, 0xFE], np.uint8), (1, 7, keys))
    numbers[:, :, 0] = 2
    attend("memref<1x?x?xi1>", numbers, keys)
