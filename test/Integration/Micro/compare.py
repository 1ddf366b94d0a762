#!/usr/bin/env python3
"""Runs the micro-tests: programs of one kernel with one operation each, on the
simulator and, with --cuda, on a GPU that has the operation, against what numpy
expects of them.

    compare.py --mfa-run build/bin/mfa-run [--cuda] [--ptxas PATH] [--keep DIR] [FILTER...]

A filter is a substring of a test's name. Prints a line for each test and target
and a summary; the exit status is 1 if a test failed. Needs numpy alone.
"""

import argparse
import concurrent.futures
import ctypes
import os
import re
import subprocess
import sys
import tempfile
import zlib

import numpy as np

import clusters
import pipeline
import products
import tensor_copies
import warps
from program import Test  # noqa: F401, for who runs variants of a test

SUITES = [warps, tensor_copies, products, pipeline, clusters]

# Products that ptxas puts one after the other, registers that it does not let the
# kernel change: see benchmarks/attention_benchmark/schedules.py.
SERIALISED = r"C75(?:08|10|14|15)"


def collect(filters):
    for suite in SUITES:
        # Each test has data of its own, whatever others there are.
        for test in suite.tests(np.random.default_rng(zlib.crc32(suite.__name__.encode()))):
            if not filters or any(text in test.name for text in filters):
                yield test


def run(test, target, mfa_run, directory):
    """Runs a test; returns nothing or what went wrong."""
    path = os.path.join(directory, f"{test.name}.{target}")
    with open(path + ".mlir", "w") as file:
        file.write(test.program)
    command = [mfa_run, path + ".mlir", "--entry", "main", "--target", target, "--chip", test.chip]
    for i, argument in enumerate(test.arguments):
        np.save(f"{path}.{i}.npy", argument)
        command += ["--arg", f"{path}.{i}.npy"]
    outputs = [f"{path}.out{i}.npy" for i in range(len(test.expected))]
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


def assemble(test, ptxas, mfa_run, directory):
    """Assembles the kernel of a test; returns nothing or what went wrong."""
    path = os.path.join(directory, f"{test.name}.ptxas")
    with open(path + ".mlir", "w") as file:
        file.write(test.program)
    command = [mfa_run, path + ".mlir", "--emit", "ptx", "--target", "cuda", "--chip", test.chip]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode == 0:
        command = [ptxas, f"-arch={test.chip}", "-o", os.devnull, "-"]
        result = subprocess.run(command, input=result.stdout, capture_output=True, text=True)
    log = result.stderr.strip()
    if result.returncode or re.search(SERIALISED, log):
        return log or f"exit status {result.returncode}"
    return None


def get_capability():
    """The compute capability of the GPU, such as 90."""
    cuda = ctypes.CDLL("libcuda.so.1")
    values = [ctypes.c_int(), ctypes.c_int()]
    if cuda.cuInit(0):
        sys.exit("error: no GPU answers")
    for value, attribute in zip(values, (75, 76)):
        cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, 0)
    return 10 * values[0].value + values[1].value


def is_runnable(test, capability):
    """Whether a GPU has the operations: an `a` names one architecture alone."""
    needed = int(re.search(r"\d+", test.chip)[0])
    return needed == capability if test.chip.endswith("a") else needed <= capability


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mfa-run", default="build/bin/mfa-run")
    parser.add_argument("--cuda", action="store_true", help="run on a GPU as well")
    parser.add_argument("--ptxas", help="assemble the kernels with this assembler instead of simulating them")
    parser.add_argument("--keep", help="directory that keeps programs and arrays")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="programs to run at once")
    parser.add_argument("filters", nargs="*")
    options = parser.parse_args()
    targets = ["ptxas" if options.ptxas else "sim"] + ["cuda"] * options.cuda
    passed = failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        directory = options.keep or temporary
        os.makedirs(directory, exist_ok=True)

        def check(task):
            test, target = task
            if target == "ptxas":
                return assemble(test, options.ptxas, options.mfa_run, directory)
            return run(test, target, options.mfa_run, directory)

        capability = get_capability() if options.cuda else 0
        tasks = [
            (test, target)
            for test in collect(options.filters)
            for target in targets
            if target != "cuda" or is_runnable(test, capability)
        ]
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for (test, target), wrong in zip(tasks, pool.map(check, tasks)):
                print(f"{'FAIL' if wrong else 'ok'} {target} {test.name}" + (f": {wrong}" if wrong else ""), flush=True)
                passed += not wrong
                failed += bool(wrong)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
