"""Compares two .npy files without NumPy: compare.py A B [TOLERANCE]

The largest difference is at most TOLERANCE (0 without one) times the larger of 1
and the largest magnitude in B; NaN equals NaN, and an infinity itself. Types are
<f2, <f4, |b1 and <u2, which stands for bf16.
"""

import math
import os
import sys

sys.path.insert(
    0, os.path.join(os.path.dirname(__file__), "..", "..", "..", "Inputs")
)
from npy_files import from_bf16, load  # noqa: E402


def read(path):
    descr, shape, values = load(path)
    if descr == "<u2":
        values = map(from_bf16, values)
    return shape, [float(value) for value in values]


def difference(a, b):
    if a == b or math.isnan(a) and math.isnan(b):
        return 0.0
    return math.inf if math.isnan(a - b) else abs(a - b)


(shape, actual), (expected_shape, expected) = map(read, sys.argv[1:3])
if shape != expected_shape:
    sys.exit(f"expected shape {expected_shape}, but got {shape}")
tolerance = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
largest = max((abs(v) for v in expected if math.isfinite(v)), default=0.0)
error = max(map(difference, actual, expected), default=0.0)
if not error <= tolerance * max(1.0, largest):
    sys.exit(f"{sys.argv[1]}: expected a difference of {tolerance}, but got {error}")
