# RUN: %python %s mfa-run %t cpu
# RUN: %python %s mfa-run %t sim
"""Functions in the region `score`, on the CPU and as simulated kernels, against
Python's math.

With one key, whose product with a query is x, the log-sum-exp of a row is what the
region makes of x.
"""

import math
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "Inputs"))
from npy_files import load, save  # noqa: E402

X = [0.03125, 0.25, 0.5, 0.75, 0.984375, 0.0009765625, -0.25, -0.75]
ROWS = len(X)


def shifted(function, by):
    return lambda x: function(x + by)


def round_half_up(x):
    return math.copysign(math.floor(abs(x) + 0.5), x)


# By name: what is computed of %x, f32, or of %j, an i32 that is 100 x, and the same
# in Python. %p is x + 1.5, which is positive.
FUNCTIONS = {
    "absf": ("math.absf %x : f32", abs),
    "acos": ("math.acos %x : f32", math.acos),
    "acosh": ("math.acosh %p2 : f32", shifted(math.acosh, 2.5)),
    "asin": ("math.asin %x : f32", math.asin),
    "asinh": ("math.asinh %x : f32", math.asinh),
    "atan": ("math.atan %x : f32", math.atan),
    "atan2": ("math.atan2 %x, %p : f32", lambda x: math.atan2(x, x + 1.5)),
    "atanh": ("math.atanh %x : f32", math.atanh),
    "cbrt": ("math.cbrt %x : f32", lambda x: math.copysign(abs(x) ** (1 / 3), x)),
    "ceil": ("math.ceil %x : f32", math.ceil),
    "clampf": ("math.clampf %x to [%low, %high] : f32", lambda x: min(max(x, -0.5), 0.5)),
    "copysign": ("math.copysign %p, %x : f32", lambda x: math.copysign(x + 1.5, x)),
    "cos": ("math.cos %x : f32", math.cos),
    "cosh": ("math.cosh %x : f32", math.cosh),
    "erf": ("math.erf %x : f32", math.erf),
    "erfc": ("math.erfc %x : f32", math.erfc),
    "exp": ("math.exp %x : f32", math.exp),
    "exp2": ("math.exp2 %x : f32", lambda x: 2**x),
    "expm1": ("math.expm1 %x : f32", math.expm1),
    "floor": ("math.floor %x : f32", math.floor),
    "fma": ("math.fma %x, %p, %x : f32", lambda x: x * (x + 1.5) + x),
    "log": ("math.log %p : f32", shifted(math.log, 1.5)),
    "log10": ("math.log10 %p : f32", shifted(math.log10, 1.5)),
    "log1p": ("math.log1p %x : f32", math.log1p),
    "log2": ("math.log2 %p : f32", shifted(math.log2, 1.5)),
    "powf": ("math.powf %p, %x : f32", lambda x: (x + 1.5) ** x),
    "round": ("math.round %p : f32", shifted(round_half_up, 1.5)),
    "roundeven": ("math.roundeven %p : f32", shifted(round, 1.5)),
    "rsqrt": ("math.rsqrt %p : f32", lambda x: (x + 1.5) ** -0.5),
    "sin": ("math.sin %x : f32", math.sin),
    "sinh": ("math.sinh %x : f32", math.sinh),
    "sqrt": ("math.sqrt %p : f32", shifted(math.sqrt, 1.5)),
    "tan": ("math.tan %x : f32", math.tan),
    "tanh": ("math.tanh %x : f32", math.tanh),
    "trunc": ("math.trunc %p : f32", shifted(math.trunc, 1.5)),
    "divf": ("arith.divf %x, %p : f32", lambda x: x / (x + 1.5)),
    "remf": ("arith.remf %p, %high : f32", lambda x: math.fmod(x + 1.5, 0.5)),
    "maximumf": ("arith.maximumf %x, %low : f32", lambda x: max(x, -0.5)),
    "minnumf": ("arith.minnumf %x, %high : f32", lambda x: min(x, 0.5)),
    "absi": ("math.absi %j : i32", lambda x: abs(int(100 * x))),
    "ctlz": ("math.ctlz %j : i32",
             lambda x: 32 - int(100 * x).bit_length() if x >= 0 else 0),
    "square": ("math.ipowi %j, %two : i32", lambda x: int(100 * x) ** 2),
    "isfinite": ("math.isfinite %inverse : f32", lambda x: int(100 * x) != 0),
    "isinf": ("math.isinf %inverse : f32", lambda x: int(100 * x) == 0),
    "isnan": ("math.isnan %root : f32", lambda x: x < 0),
    "isnormal": ("math.isnormal %small : f32", lambda x: abs(x) > 0.3),
}

OPERANDS = """
    %one_and_half = arith.constant 1.5 : f32
    %two_and_half = arith.constant 2.5 : f32
    %low = arith.constant -0.5 : f32
    %high = arith.constant 0.5 : f32
    %hundred = arith.constant 100.0 : f32
    %one = arith.constant 1.0 : f32
    %two = arith.constant 2 : i32
    %tiny = arith.constant 4.0e-38 : f32
    %p = arith.addf %x, %one_and_half : f32
    %p2 = arith.addf %x, %two_and_half : f32
    %times = arith.mulf %x, %hundred : f32
    %j = arith.fptosi %times : f32 to i32
    %whole = arith.sitofp %j : i32 to f32
    %inverse = arith.divf %one, %whole : f32
    %root = math.sqrt %x : f32
    %small = arith.mulf %x, %tiny : f32
"""

# What a result of the op is as a score.
TO_SCORE = {
    "f32": "",
    "i32": "    %s = arith.sitofp %y : i32 to f32\n",
    "i1": "    %s = arith.uitofp %y : i1 to f32\n",
}


def attention(index, text):
    kind = "i1" if text.startswith("math.is") else text.rsplit(": ", 1)[1]
    result = "%s" if TO_SCORE[kind] else "%y"
    return f"""
  %r{index}:2 = mfa.masked_attention ins(%q, %k, %k : !q, !k, !k) scale(%unit : f32)
      outs(%o : !q) lse(%l : !l)
      score {{
  ^bb0(%x: f32, %b: index, %h: index, %i: index, %n: index):{OPERANDS}
    %y = {text}
{TO_SCORE[kind]}    mfa.yield {result} : f32
  }} -> !q, !l"""


def program():
    ops = "".join(attention(i, text) for i, (text, _) in enumerate(FUNCTIONS.values()))
    results = ", ".join(f"%r{i}#1" for i in range(len(FUNCTIONS)))
    types = ", ".join(["!l"] * len(FUNCTIONS))
    return f"""!q = tensor<1x{ROWS}x1x8xf32>
!k = tensor<1x1x1x8xf32>
!l = tensor<1x1x{ROWS}xf32>
func.func @main(%q: !q, %k: !k) -> ({types}) {{
  %unit = arith.constant 1.0 : f32
  %o = tensor.empty() : !q
  %l = tensor.empty() : !l
{ops}
  return {results} : {types}
}}
"""


def main():
    mfa_run, folder, target = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    source = os.path.join(folder, "program.mlir")
    with open(source, "w") as file:
        file.write(program())
    paths = {name: os.path.join(folder, name + ".npy") for name in ("q", "k")}
    queries = [x for row in X for x in [row] + 7 * [0.0]]
    save(paths["q"], queries, shape=(1, ROWS, 1, 8))
    save(paths["k"], [1.0] + 7 * [0.0], shape=(1, 1, 1, 8))
    command = [mfa_run, source, "--entry", "main", "--target", target]
    if target == "sim":
        command += ["--chip", "sm_80"]
    outs = [os.path.join(folder, f"{name}.npy") for name in FUNCTIONS]
    for path in paths.values():
        command += ["--arg", path]
    for out in outs:
        command += ["--out", out]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for (name, (_, function)), out in zip(FUNCTIONS.items(), outs):
        for x, value in zip(X, load(out)[2]):
            expected = function(x)
            # Products with log2 e and back are part of a log-sum-exp.
            if not abs(value - expected) <= 3e-6 * max(1, abs(expected)):
                sys.exit(f"{name} of {x}: expected {expected} but got {value}")


main()
