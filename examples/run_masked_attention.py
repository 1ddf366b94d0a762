#!/usr/bin/env python3
# ===- run_masked_attention.py - Run the example and check rows of it ------===//
#
# Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===//
"""Runs @main of masked_attention.mlir with mfa-run on arrays made here, and
compares rows of its output with attention computed in Python's floats (f64).

Needs nothing but Python: .npy files are a header and the elements, and bf16
travels in them as the upper 16 bits of an f32 (<u2).
"""

import argparse
import array
import math
import pathlib
import random
import statistics
import struct
import subprocess
import sys
import tempfile

# The shapes of @main: batch 1, 512 queries and keys, head size 64.
LENGTH, HEADS, KV_HEADS, SIZE = 512, 8, 2, 64
MASKED_ROW = 100  # A query that may attend to nothing.


def to_bf16(number):
    """The bits of `number` rounded to the nearest bf16, ties to even."""
    bits = struct.unpack("<I", struct.pack("<f", number))[0]
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16


def from_bf16(bits):
    return struct.unpack("<f", struct.pack("<I", bits << 16))[0]


def write_npy(path, shape, elements):
    header = f"{{'descr': '<u2', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)))
        file.write(header.encode("latin1"))
        elements.tofile(file)


def read_npy(path, count):
    data = path.read_bytes()
    (size,) = struct.unpack("<H", data[8:10])
    elements = array.array("H", data[10 + size :])
    if len(elements) != count:
        sys.exit(f"error: expected {count} elements in {path} but got {len(elements)}")
    return elements


def normal_elements(count):
    """`count` numbers, normally distributed, in bf16."""
    distribution = statistics.NormalDist()
    table = [to_bf16(distribution.inv_cdf((i + 0.5) / 4096)) for i in range(4096)]
    return array.array("H", random.choices(table, k=count))


def make_mask():
    """A bias that falls with the distance, for keys up to 200 places away; -inf
    elsewhere and in all of one row."""
    minus_infinity = to_bf16(-math.inf)
    bias = [to_bf16(-i / 64) for i in range(201)]
    mask = array.array("H")
    for row in range(LENGTH):
        for key in range(LENGTH):
            near = abs(row - key) <= 200 and row != MASKED_ROW
            mask.append(bias[abs(row - key)] if near else minus_infinity)
    return mask


def reference_row(query, key, value, mask, row, head):
    """One output row, and the sum of |p v| that bounds its rounding errors."""
    kv_head = head // (HEADS // KV_HEADS)

    def vector(elements, position, which, heads):
        start = (position * heads + which) * SIZE
        return [from_bf16(bits) for bits in elements[start : start + SIZE]]

    q = vector(query, row, head, HEADS)
    scores = []
    for j in range(LENGTH):
        k = vector(key, j, kv_head, KV_HEADS)
        product = math.fsum(a * b for a, b in zip(q, k))
        scores.append(product / math.sqrt(SIZE) + from_bf16(mask[row * LENGTH + j]))
    top = max(scores)
    if top == -math.inf:
        return [0.0] * SIZE, [0.0] * SIZE
    weights = [math.exp(score - top) for score in scores]
    total = math.fsum(weights)
    output, bound = [0.0] * SIZE, [0.0] * SIZE
    for j, weight in enumerate(weights):
        if weight == 0.0:
            continue
        for i, element in enumerate(vector(value, j, kv_head, KV_HEADS)):
            output[i] += weight / total * element
            bound[i] += weight / total * abs(element)
    return output, bound


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mfa-run", default="mfa-run", help="path of mfa-run")
    parser.add_argument("--target", help="cpu, sim or cuda; mfa-run's own choice")
    parser.add_argument("--rows", type=int, default=24, help="rows to compare")
    arguments = parser.parse_args()

    random.seed(1)
    inputs = {
        "query": ((1, LENGTH, HEADS, SIZE), normal_elements(LENGTH * HEADS * SIZE)),
        "key": ((1, LENGTH, KV_HEADS, SIZE), normal_elements(LENGTH * KV_HEADS * SIZE)),
        "value": (
            (1, LENGTH, KV_HEADS, SIZE),
            normal_elements(LENGTH * KV_HEADS * SIZE),
        ),
        "mask": ((1, LENGTH, LENGTH), make_mask()),
    }
    program = pathlib.Path(__file__).resolve().parent / "masked_attention.mlir"
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        command = [arguments.mfa_run, str(program), "--entry", "main"]
        for name, (shape, elements) in inputs.items():
            write_npy(directory / f"{name}.npy", shape, elements)
            command += ["--arg", str(directory / f"{name}.npy")]
        command += ["--out", str(directory / "output.npy")]
        if arguments.target:
            command += ["--target", arguments.target]
        done = subprocess.run(command)
        if done.returncode != 0:
            sys.exit(f"error: mfa-run exited with {done.returncode}")
        result = read_npy(directory / "output.npy", LENGTH * HEADS * SIZE)

    elements = [inputs[name][1] for name in ("query", "key", "value", "mask")]
    places = [(MASKED_ROW, 0)]
    while len(places) < arguments.rows:
        places.append((random.randrange(LENGTH), random.randrange(HEADS)))
    worst = 0.0
    for row, head in places:
        expected, bound = reference_row(*elements, row, head)
        start = (row * HEADS + head) * SIZE
        for i in range(SIZE):
            error = abs(from_bf16(result[start + i]) - expected[i])
            # Weights and result are each rounded to bf16, by 2^-9 at most; as
            # much again for sums and exponentials in f32.
            if not error <= 4 * 2**-9 * bound[i]:
                sys.exit(
                    f"error: row {row}, head {head}, column {i}: expected "
                    f"{expected[i]} but got {from_bf16(result[start + i])}"
                )
            worst = max(worst, error)
    print(
        f"{len(places)} rows of {LENGTH * HEADS} agree with the f64 reference, "
        f"largest error {worst:.1e}"
    )


if __name__ == "__main__":
    main()
