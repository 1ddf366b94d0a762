"""How long mfa-raise-attention takes on programs of several sizes.

A program is one function of LAYERS times an attention as torch-mlir writes it (49 ops)
and OTHERS elementwise ops, each of the result of the one before. Printed are the
seconds of the pass, and of mfa-opt as a whole, which parses and prints as well:

    python3 benchmarks/raise_attention.py build/bin/mfa-opt
    python3 benchmarks/raise_attention.py build/bin/mfa-opt --limit 2

With --limit, more seconds for 100 attentions and 10,000 other ops, or a time that grows
several times faster than the program, are an error.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
FIXTURE = "test/Integration/Programs/Inputs/exported/torch_sdpa_bshd_cpp.mlir"
TYPE = "tensor<2x6x4x16xf32>"
OTHER = """    %{name} = linalg.generic {{
      indexing_maps = [#map, #map], iterator_types = [
      "parallel", "parallel", "parallel", "parallel"]}}
      ins(%{x} : {type}) outs(%{x} : {type}) {{
    ^bb0(%in: f32, %out: f32):
      %y = math.{op} %in : f32
      linalg.yield %y : f32
    }} -> {type}"""


def get_attention():
    with open(os.path.join(ROOT, FIXTURE)) as file:
        lines = file.read().split("\n")
    maps = [line for line in lines if line.startswith("#")]
    start = next(n for n, line in enumerate(lines) if "func.func" in line)
    end = next(n for n, line in enumerate(lines) if line.startswith("    return"))
    result = re.search(r"return %(\w+)", lines[end]).group(1)
    return maps, "\n".join(lines[start + 1 : end]), result


def write(layers, others, file):
    maps, body, result = get_attention()
    print("\n".join(maps), file=file)
    key = "tensor<2x10x4x16xf32>"
    print(f"func.func @main(%x: {TYPE}, %k: {key}, %v: {key}) -> {TYPE} {{", file=file)
    x = "x"
    for layer in range(layers):
        names = {"arg0": x, "arg1": "k", "arg2": "v"}

        def rename(match, layer=layer, names=names):
            name = match.group(1)
            return "%" + names.get(name, f"l{layer}_{name}")

        print(re.sub(r"%(\w+)", rename, body), file=file)
        x = f"l{layer}_{result}"
        for number in range(others):
            name = f"l{layer}o{number}"
            op = "exp" if number % 2 else "tanh"
            print(OTHER.format(name=name, x=x, op=op, type=TYPE), file=file)
            x = name
    print(f"  return %{x} : {TYPE}\n}}", file=file)


def measure(mfa_opt, layers, others):
    with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
        write(layers, others, file)
        file.flush()
        command = [mfa_opt, "--mfa-raise-attention", "--mlir-timing", file.name]
        start = time.monotonic()
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        whole = time.monotonic() - start
    found = run.stdout.count("mfa.masked_attention")
    assert found == layers, f"expected {layers} attentions to be raised, got {found}"
    line = re.search(r"([\d.]+) \([^)]*\) +MFARaiseAttentionPass", run.stderr)
    return float(line.group(1)), whole


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mfa_opt")
    parser.add_argument("--limit", type=float)
    options = parser.parse_args()
    times = {}
    print("| attentions | other ops | pass, s | mfa-opt, s |\n|---|---|---|---|")
    for layers in (25, 50, 100, 200):
        times[layers], whole = measure(options.mfa_opt, layers, 100)
        print(f"| {layers} | {layers * 100} | {times[layers]:.2f} | {whole:.2f} |")
    if options.limit:
        if times[100] > options.limit:
            sys.exit(f"expected at most {options.limit} s, but got {times[100]}")
        if times[200] > 3 * 4 * times[50]:
            sys.exit(f"expected four times {times[50]} s, but got {times[200]}")


main()
