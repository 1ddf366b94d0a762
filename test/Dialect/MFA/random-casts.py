# RUN: %python %s mfa-opt mfa-run %t
"""Canonicalisation of random programs whose casts hide sizes: what verifies before
it verifies after it, and gives the same result or fails as before.

Sizes are mostly right, sometimes not, and mask sizes are full or 1, whether the
op's type of the mask says so or not.
"""

import math
import os
import random
import re
import subprocess
import sys

sys.path.insert(
    0, os.path.join(os.path.dirname(__file__), "..", "..", "Inputs")
)
from npy_files import save  # noqa: E402

PROGRAMS, RUN = 60, 10


def tensor(shape, element="f32", kind="tensor"):
    return f"{kind}<" + "x".join(str(size or "?") for size in shape) + f"x{element}>"


def hide(shape, static=()):
    """Some sizes become dynamic (0)."""
    return [size if dim in static or random.random() < 0.5 else 0
            for dim, size in enumerate(shape)]


class Program:
    def __init__(self, kind):
        batch, queries, keys = (random.choice([1, 2, 3]) for _ in range(3))
        kv_heads = random.choice([1, 2])
        heads = kv_heads * random.choice([1, 2])
        shapes = {"q": [batch, queries, heads, 8], "k": [batch, keys, kv_heads, 8],
                  "v": [batch, keys, kv_heads, 8], "o": [batch, queries, heads, 8]}
        full = [batch, heads, queries, keys]
        if random.random() < 0.5:
            del full[1]
        shapes["m"] = [random.choice([1, size]) for size in full]
        if random.random() < 0.4:
            array = random.choice("qkvom")
            dim = random.randrange(len(shapes[array]) - (array != "m"))
            shapes[array][dim] = random.choice([1, 2, 3, 4])
        self.shapes = shapes
        self.kind = kind
        types = {name: hide(shape, static=[3] if name != "m" else [])
                 for name, shape in shapes.items()}
        arguments = ", ".join(f"%{a}0: {tensor(s, kind=kind)}"
                              for a, s in shapes.items())
        text = {a: tensor(t, kind=kind) for a, t in types.items()}
        result = f" -> {text['o']}" if kind == "tensor" else ""
        lines = [f"func.func @main({arguments}){result} {{"]
        for array in shapes:
            lines.append(f"  %{array} = {kind}.cast %{array}0 : "
                         f"{tensor(shapes[array], kind=kind)} to {text[array]}")
        lines.append("  " + ("%r = " if result else "") + "mfa.masked_attention"
                     f" ins(%q, %k, %v : {text['q']}, {text['k']}, {text['v']})"
                     f" mask(%m : {text['m']}) outs(%o : {text['o']}){result}")
        lines.append(f"  return %r : {text['o']}" if result else "  return")
        self.text = "\n".join(lines + ["}"]) + "\n"


def write(path, shape):
    count = math.prod(shape)
    save(path, [random.uniform(-1, 1) for _ in range(count)], shape=shape)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def execute(mfa_run, path, program):
    """The bytes of the result, or None where a check fails."""
    output = path + ".npy"
    if os.path.exists(output):
        os.remove(output)
    order = list(program.shapes)
    done = run(mfa_run, path, "--target=cpu", "--entry=main",
               *(f"--arg={array}.npy" for array in order), "--out=" + output)
    if done.returncode != 0:
        if "expected" not in done.stderr:
            sys.exit(f"{path}: no check failed:\n{done.stderr}")
        return None
    with open(output, "rb") as file:
        return file.read()


def main(mfa_opt, mfa_run, folder):
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    random.seed(14)
    candidates = [Program(random.choice(["tensor", "memref"])) for _ in range(PROGRAMS)]
    with open("all.mlir", "w") as file:
        file.write("// -----\n".join(program.text for program in candidates))
    # What does not verify to begin with is left out.
    done = run(mfa_opt, "all.mlir", "--split-input-file", "-o", os.devnull)
    starts, line = [], 1
    for program in candidates:
        starts.append(line)
        line += program.text.count("\n") + 1
    invalid = {
        max(index for index, start in enumerate(starts) if start <= int(number))
        for number in re.findall(r"^all.mlir:(\d+):\d+: error", done.stderr, re.MULTILINE)
    }
    programs = [program for index, program in enumerate(candidates)
                if index not in invalid]
    if len(programs) < PROGRAMS // 2:
        sys.exit(f"expected more programs that verify than {len(programs)}")
    with open("valid.mlir", "w") as file:
        file.write("// -----\n".join(program.text for program in programs))
    done = run(mfa_opt, "valid.mlir", "--split-input-file", "--canonicalize", "--cse",
               "--canonicalize", "-o", "canonical.mlir")
    if done.returncode != 0:
        sys.exit(done.stderr)
    with open("canonical.mlir") as file:
        canonical = file.read().split("// -----\n")
    runnable = [(program, text) for program, text in zip(programs, canonical)
                if program.kind == "tensor"][:RUN]
    for index, (program, text) in enumerate(runnable):
        for array, shape in program.shapes.items():
            write(f"{array}.npy", shape)
        for path, content in ((f"{index}.mlir", program.text),
                              (f"{index}-canonical.mlir", text)):
            with open(path, "w") as file:
                file.write(content)
        expected = execute(mfa_run, f"{index}.mlir", program)
        actual = execute(mfa_run, f"{index}-canonical.mlir", program)
        if actual != expected:
            sys.exit(f"{folder}/{index}.mlir: another result after canonicalisation")


main(*sys.argv[1:])
