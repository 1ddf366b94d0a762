"""Compares two .npy files without NumPy: compare.py A B [TOLERANCE]

The largest difference is at most TOLERANCE (0 without one) times the larger of 1
and the largest magnitude in B; NaN equals NaN, and an infinity itself. Types are
<f2, <f4, |b1 and <u2, which stands for bf16.
"""

import ast
import math
import struct
import sys

CODES = {"<f2": "<e", "<f4": "<f", "<u2": "<H", "|b1": "<?"}


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    assert data[:6] == b"\x93NUMPY", path
    if data[6] == 1:
        start, (size,) = 10, struct.unpack("<H", data[8:10])
    else:
        start, (size,) = 12, struct.unpack("<I", data[8:12])
    header = ast.literal_eval(data[start : start + size].decode())
    assert not header["fortran_order"] or len(header["shape"]) < 2, path
    values = [
        value[0]
        for value in struct.iter_unpack(CODES[header["descr"]], data[start + size :])
    ]
    if header["descr"] == "<u2":
        values = [struct.unpack("<f", struct.pack("<I", v << 16))[0] for v in values]
    assert len(values) == math.prod(header["shape"]), path
    return header["shape"], [float(value) for value in values]


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
