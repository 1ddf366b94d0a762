# RUN: %python %s mfa-run %t
"""Every op of math and arith that a model may have in a linalg op runs on the CPU,
in f32, f16 and bf16, and gives what Python's math does.

All ops of one type are results of one program.
"""

import math
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "Inputs"))
from npy_files import from_bf16, load, save, to_bf16  # noqa: E402

X = [0.03125, 0.25, 0.5, 0.75, 0.875, 1e-7, -0.25, -0.75]
Y = [1.5, 2.0, 3.0, 1.25, 4.5, 2.5, 1.75, 3.5]

FILES = {"f32": "<f4", "f16": "<f2", "bf16": "<u2"}
TOLERANCES = {"f32": 4e-6, "f16": 2e-3, "bf16": 1.6e-2}
# Below these magnitudes errors are absolute: f16 has few bits there.
LEAST = {"f32": 1e-7, "f16": 1e-4, "bf16": 1e-7}


def unary(name, function):
    return f"%r = math.{name} %x : T", lambda x, y: function(x)


def cbrt(x):
    return math.copysign(abs(x) ** (1 / 3), x)


def or_nan(function):
    def checked(x):
        try:
            return function(x)
        except ValueError:
            return math.nan

    return checked


# Through integers: of numbers that the op before keeps apart.
def integer(op, function, prefix="arith"):
    return (f"""%four = arith.constant 4.0 : T
      %scaled = arith.mulf %y, %four : T
      %i = arith.fptosi %scaled : T to i32
      %three = arith.constant 3 : i32
      %j = {prefix}.{op}
      %r = arith.sitofp %j : i32 to T""",
            lambda x, y: function(int(y * 4)))


OPS = {
    **{name: unary(name, getattr(math, name)) for name in
       ["atan", "atanh", "asin", "acos", "asinh", "ceil", "cos", "cosh", "erf", "erfc",
        "exp", "expm1", "floor", "log1p", "sin", "sinh", "tan", "tanh", "trunc"]},
    **{name: unary(name, or_nan(getattr(math, name))) for name in
       ["acosh", "log", "log10", "log2", "sqrt"]},
    "absf": unary("absf", abs),
    "cbrt": unary("cbrt", cbrt),
    "exp2": unary("exp2", lambda x: 2.0 ** x),
    "roundeven": unary("roundeven", round),
    "rsqrt": unary("rsqrt", or_nan(lambda x: 1 / math.sqrt(x))),
    "acosh_y": ("%r = math.acosh %y : T", lambda x, y: math.acosh(y)),
    "atan2": ("%r = math.atan2 %x, %y : T", lambda x, y: math.atan2(x, y)),
    "copysign": ("%r = math.copysign %y, %x : T", lambda x, y: math.copysign(y, x)),
    "powf": ("%r = math.powf %y, %x : T", lambda x, y: y ** x),
    "fma": ("%r = math.fma %x, %y, %x : T", lambda x, y: x * y + x),
    "clampf": ("%one = arith.constant 2.0 : T\n      %r = math.clampf %y to [%x, %one] : T",
               lambda x, y: min(max(y, x), 2.0)),
    "fpowi": ("%n = arith.constant 3 : i32\n      %r = math.fpowi %y, %n : T, i32",
              lambda x, y: y ** 3),
    "fpowi_value": ("%n = arith.fptosi %y : T to i32\n      %r = math.fpowi %y, %n : T, i32",
                    lambda x, y: y ** int(y)),
    "isinf": ("%z = arith.subf %x, %x : T\n      %q = arith.divf %y, %z : T\n"
              "      %c = math.isinf %q : T\n      %r = arith.select %c, %x, %y : T",
              lambda x, y: x),
    "isnan": ("%c = math.isnan %x : T\n      %r = arith.select %c, %x, %y : T",
              lambda x, y: y),
    "isfinite": ("%c = math.isfinite %x : T\n      %r = arith.select %c, %x, %y : T",
                 lambda x, y: x),
    "isnormal": ("%c = math.isnormal %y : T\n      %r = arith.select %c, %x, %y : T",
                 lambda x, y: x),
    "addf": ("%r = arith.addf %x, %y : T", lambda x, y: x + y),
    "subf": ("%r = arith.subf %x, %y : T", lambda x, y: x - y),
    "mulf": ("%r = arith.mulf %x, %y : T", lambda x, y: x * y),
    "divf": ("%r = arith.divf %x, %y : T", lambda x, y: x / y),
    "remf": ("%r = arith.remf %y, %x : T", math.fmod),
    "negf": ("%r = arith.negf %x : T", lambda x, y: -x),
    "maximumf": ("%r = arith.maximumf %x, %y : T", max),
    "minimumf": ("%r = arith.minimumf %x, %y : T", min),
    "maxnumf": ("%r = arith.maxnumf %x, %y : T", max),
    "minnumf": ("%r = arith.minnumf %x, %y : T", min),
    "cmpf": ("%c = arith.cmpf ult, %x, %y : T\n      %r = arith.select %c, %x, %y : T",
             min),
    "ceildivsi": integer("ceildivsi %i, %three : i32", lambda i: -(-i // 3)),
    "ceildivui": integer("ceildivui %i, %three : i32", lambda i: -(-i // 3)),
    "floordivsi": integer("floordivsi %i, %three : i32", lambda i: i // 3),
    "remsi": integer("remsi %i, %three : i32", lambda i: i % 3),
    "shli": integer("shli %i, %three : i32", lambda i: i << 3),
    "ctlz": integer("ctlz %i : i32", lambda i: 32 - i.bit_length(), "math"),
    "cttz": integer("cttz %i : i32", lambda i: (i & -i).bit_length() - 1, "math"),
    "ctpop": integer("ctpop %i : i32", lambda i: bin(i).count("1"), "math"),
    "ipowi": integer("ipowi %i, %three : i32", lambda i: i ** 3, "math"),
    "index": ("%i = linalg.index 0 : index\n      %k = index.constant 3\n"
              "      %j = index.floordivs %i, %k\n      %n = arith.index_cast %j : index to i32\n"
              "      %r = arith.sitofp %n : i32 to T", None),
    "vector": ("%v = vector.broadcast %x : T to vector<4xT>\n"
               "      %w = math.erf %v : vector<4xT>\n"
               "      %s = arith.addf %w, %w : vector<4xT>\n"
               "      %r = vector.extract %s[2] : T from vector<4xT>",
               lambda x, y: 2 * math.erf(x)),
}

# remf takes the operands the other way round.
OPS["remf"] = (OPS["remf"][0], lambda x, y: math.fmod(y, x))


def program(element):
    array = f"tensor<{len(X)}x{element}>"
    lines = [f"func.func @main(%a: {array}, %b: {array}) -> ("
             + ", ".join([array] * len(OPS)) + ") {",
             f"  %init = tensor.empty() : {array}"]
    for name, (body, _) in OPS.items():
        lines += [
            f"  %{name} = linalg.generic {{indexing_maps = [affine_map<(i) -> (i)>,"
            " affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],"
            " iterator_types = [\"parallel\"]}"
            f" ins(%a, %b : {array}, {array}) outs(%init : {array}) {{",
            f"  ^bb0(%x: {element}, %y: {element}, %o: {element}):",
            "      " + body.replace("vector<4xT>", f"vector<4x{element}>")
            .replace(": T", f": {element}").replace("to T", f"to {element}"),
            f"      linalg.yield %r : {element}",
            f"  }} -> {array}"]
    lines += ["  return " + ", ".join("%" + name for name in OPS) + " : "
              + ", ".join([array] * len(OPS)), "}"]
    return "\n".join(lines) + "\n"


def write(path, values, element):
    if element == "bf16":
        values = [to_bf16(value) for value in values]
    save(path, values, FILES[element])


def read(path, element):
    values = load(path)[2]
    return [from_bf16(bits) for bits in values] if element == "bf16" else values


def check(name, element, xs, ys, actual):
    """`xs` and `ys` are rounded to the type."""
    function = OPS[name][1]
    for index, (x, y, got) in enumerate(zip(xs, ys, actual, strict=True)):
        expected = index // 3 if function is None else function(x, y)
        if math.isnan(expected) and math.isnan(got):
            continue
        # The results of two ops are rounded between them.
        error = abs(got - expected)
        if not error <= TOLERANCES[element] * max(abs(expected), LEAST[element]):
            return f"{name} of {element}: expected {expected} of {x}, {y} but got {got}"
    return None


def main(mfa_run, folder):
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    failures = []
    for element in FILES:
        with open(f"{element}.mlir", "w") as file:
            file.write(program(element))
        write("x.npy", X, element)
        write("y.npy", Y, element)
        xs, ys = read("x.npy", element), read("y.npy", element)
        outs = [f"--out={name}.npy" for name in OPS]
        subprocess.run([mfa_run, f"{element}.mlir", "--arg=x.npy", "--arg=y.npy", *outs,
                        "--target=cpu"], check=True)
        for name in OPS:
            failure = check(name, element, xs, ys, read(f"{name}.npy", element))
            if failure:
                failures.append(failure)
    if failures:
        sys.exit("\n".join(failures))


main(*sys.argv[1:])
