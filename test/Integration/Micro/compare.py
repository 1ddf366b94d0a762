#!/usr/bin/env python3
"""Runs the micro-tests: programs of one kernel with one operation each, on the
simulator and, with --cuda, on a GPU, against what numpy expects of them.

    compare.py --mfa-run build/bin/mfa-run [--cuda] [--keep DIR] [FILTER...]

A filter is a substring of a test's name. Prints a line for each test and target
and a summary; the exit status is 1 if a test failed. Needs numpy alone.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import zlib

import numpy as np

import products
import tensor_copies
import warps

SUITES = [warps, tensor_copies, products]


def collect(filters):
    for suite in SUITES:
        # Each test has data of its own, whatever others there are.
        for test in suite.tests(np.random.default_rng(zlib.crc32(suite.__name__.encode()))):
            if not filters or any(text in test.name for text in filters):
                yield test


def run(test, target, mfa_run, directory):
    """Runs a test; returns nothing or what went wrong."""
    path = os.path.join(directory, test.name)
    with open(path + ".mlir", "w") as file:
        file.write(test.program)
    command = [mfa_run, path + ".mlir", "--entry", "main", "--target", target, "--chip", test.chip]
    for i, argument in enumerate(test.arguments):
        np.save(f"{path}.{i}.npy", argument)
        command += ["--arg", f"{path}.{i}.npy"]
    outputs = [f"{path}.{target}.{i}.npy" for i in range(len(test.expected))]
    for output in outputs:
        command += ["--out", output]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if result.returncode:
        return (result.stderr + result.stdout).strip() or f"exit status {result.returncode}"
    for i, (output, expected) in enumerate(zip(outputs, test.expected)):
        actual = np.load(output)
        if not test.compare(actual, expected):
            different = np.argwhere(np.ravel(actual != expected)).ravel()
            first = different[0] if len(different) else 0
            return (
                f"output {i}: {len(different)} of {actual.size} elements differ, the first at "
                f"{first}: got {actual.ravel()[first]}, expected {expected.ravel()[first]}"
            )
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mfa-run", default="build/bin/mfa-run")
    parser.add_argument("--cuda", action="store_true", help="run on a GPU as well")
    parser.add_argument("--keep", help="directory that keeps programs and arrays")
    parser.add_argument("filters", nargs="*")
    options = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        directory = options.keep or temporary
        os.makedirs(directory, exist_ok=True)
        for test in collect(options.filters):
            for target in ("sim", "cuda") if options.cuda else ("sim",):
                wrong = run(test, target, options.mfa_run, directory)
                print(f"{'FAIL' if wrong else 'ok'} {target} {test.name}" + (f": {wrong}" if wrong else ""), flush=True)
                passed += not wrong
                failed += bool(wrong)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
