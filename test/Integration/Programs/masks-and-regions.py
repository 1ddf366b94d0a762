# RUN: %python %s mfa-opt mfa-run %S/Inputs %t
"""Masks and regions that canonicalisation turns into each other, and an op that has
both: the results are those of the program as it was, on the CPU and in simulation."""

import math
import os
import random
import struct
import sys

mfa_opt, mfa_run, inputs, scratch = sys.argv[1:]
os.makedirs(scratch, exist_ok=True)

sys.path.insert(0, inputs)
from drivers import compare, run, save  # noqa: E402

B, Q, K, H, D = 2, 9, 12, 2, 8
INF = math.inf
QT, KT = f"tensor<{B}x{Q}x{H}x{D}xf32>", f"tensor<{B}x{K}x{H}x{D}xf32>"


def shape_of(sizes, element):
    return f"tensor<{'x'.join(map(str, sizes))}x{element}>"


PAIRS, BATCHES, HEADS = (Q, K), (B, Q, K), (H, Q, K)
CAUSAL = (
    "%i = linalg.index 1 : index\n    %n = linalg.index 2 : index\n"
    "    %t = arith.cmpi sle, %n, %i : index\n"
)
MAP = "affine_map<(d0, d1, d2) -> (d0, d1, d2)>"


def computed(body, ins="", element="f32", maps=MAP):
    """%m, an array [B, Q, K] whose elements are %y."""
    type = shape_of(BATCHES, element)
    arguments = f"%x: {element}, %old: {element}" if ins else f"%old: {element}"
    return (
        f"  %e = tensor.empty() : {type}\n"
        f"  %m = linalg.generic {{indexing_maps = [{maps}], iterator_types = "
        f'["parallel", "parallel", "parallel"]}} {ins} outs(%e : {type}) {{\n'
        f"  ^bb0({arguments}):\n    {body}\n    linalg.yield %y : {element}\n"
        f"  }} -> {type}\n"
    )


EXCLUDED = (
    "%z = arith.constant 0.0 : f32\n    %l = arith.constant 0xFF800000 : f32\n"
    "    %c = arith.select %t, %z, %l : f32\n"
)


def attention(clauses="", regions=""):
    return (
        f"  %init = tensor.empty() : {QT}\n"
        f"  %o = mfa.masked_attention ins(%q, %k, %v : {QT}, {KT}, {KT}) {clauses} "
        f"outs(%init : {QT}) {regions} -> {QT}\n"
    )


def score(captures, body):
    names = "".join(f", %c{i}: {type}" for i, (_, type) in enumerate(captures))
    given = ", ".join(name for name, _ in captures)
    types = ", ".join(type for _, type in captures)
    region = (
        "score {\n  ^bb0(%s: f32, %b: index, %h: index, %i: index, %n: index"
        f"{names}):\n    {body}\n    mfa.yield %y : f32\n  }}"
    )
    return f"captures({given} : {types})", region


def lookup(sizes, indices):
    type = shape_of(sizes, "f32")
    body = (
        f"%x = tensor.extract %c0[{indices}] : {type}\n"
        "    %sum = arith.addf %s, %x : f32\n    %y = math.tanh %sum : f32"
    )
    return attention(*score([("%a", type)], body))


def both():
    """A mask, and a score that adds one array and chooses by another."""
    added, kept = shape_of(BATCHES, "f32"), shape_of(HEADS, "i1")
    body = (
        f"%x = tensor.extract %c0[%b, %i, %n] : {added}\n"
        f"    %t = tensor.extract %c1[%h, %i, %n] : {kept}\n"
        "    %l = arith.constant 0xFF800000 : f32\n"
        "    %z = arith.addf %s, %x : f32\n    %y = arith.select %t, %z, %l : f32"
    )
    captures, region = score([("%a", added), ("%k0", kept)], body)
    return attention(f"mask(%m : {added}) {captures}", region)


causal = lambda b, h, i, n: n <= i  # noqa: E731
# Name: arguments (name, sizes, element), lines, texts of the canonical program, texts
# that it has not, and the score of a pair.
PROGRAMS = {
    "sum_of_arrays": (
        [("a", BATCHES, "f32")],
        computed(
            CAUSAL + "    " + EXCLUDED.rstrip() + "\n    %y = arith.addf %c, %z : f32"
        )
        + f"  %sum = arith.addf %a, %m : {shape_of(BATCHES, 'f32')}\n"
        + attention(f"mask(%sum : {shape_of(BATCHES, 'f32')})"),
        ["mask(%arg3", "score {"],
        ["linalg.generic"],
        lambda s, x, b, h, i, n: s + x["a"](b, i, n) if n <= i else -INF,
    ),
    "sum_in_body": (
        [("a", PAIRS, "f32")],
        computed(
            CAUSAL + "    " + EXCLUDED + "    %y = arith.addf %c, %x : f32",
            f"ins(%a : {shape_of(PAIRS, 'f32')})",
            maps=f"affine_map<(d0, d1, d2) -> (d1, d2)>, {MAP}",
        )
        + attention(f"mask(%m : {shape_of(BATCHES, 'f32')})"),
        ["mask(", f"tensor<1x{Q}x{K}xf32>", "score {"],
        ["linalg.generic"],
        lambda s, x, b, h, i, n: s + x["a"](i, n) if n <= i else -INF,
    ),
    "conjunction": (
        [("a", BATCHES, "i1")],
        computed(
            CAUSAL + "    %y = arith.andi %t, %x : i1",
            f"ins(%a : {shape_of(BATCHES, 'i1')})",
            "i1",
            f"{MAP}, {MAP}",
        )
        + attention(f"mask(%m : {shape_of(BATCHES, 'i1')})"),
        ["mask(%arg3", "keep {"],
        ["linalg.generic", "score {"],
        lambda s, x, b, h, i, n: s if n <= i and x["a"](b, i, n) else -INF,
    ),
    "lookup_of_pairs": (
        [("a", PAIRS, "f32")],
        lookup(PAIRS, "%i, %n"),
        ["mask(", "score {"],
        ["captures("],
        lambda s, x, b, h, i, n: math.tanh(s + x["a"](i, n)),
    ),
    "lookup_of_heads": (
        [("a", HEADS, "f32")],
        lookup(HEADS, "%h, %i, %n"),
        ["mask(", "score {"],
        ["captures("],
        lambda s, x, b, h, i, n: math.tanh(s + x["a"](h, i, n)),
    ),
    # What heads have that are seen as queries.
    "sinks_of_rows": (
        [("sinks", (H, Q), "f32")],
        attention(f"sinks(%sinks : {shape_of((H, Q), 'f32')})"),
        ["sinks(%arg3"],
        [],
        lambda s, x, b, h, i, n: s,
    ),
    "mask_and_arrays": (
        [("m", BATCHES, "f32"), ("a", BATCHES, "f32"), ("k0", HEADS, "i1")],
        both(),
        ["mask(%arg3", "captures(%arg4, %arg5", "score {"],
        [],
        lambda s, x, b, h, i, n: (
            s + x["m"](b, i, n) + x["a"](b, i, n) if x["k0"](h, i, n) else -INF
        ),
    ),
}


def reader(sizes, values):
    def read(*indices):
        place = 0
        for size, index in zip(sizes, indices):
            place = place * size + index
        return values[place]

    return read


def compute(arrays, function):
    output = []
    for b in range(B):
        for i in range(Q):
            for h in range(H):
                row = []
                for n in range(K):
                    s = sum(
                        arrays["q"](b, i, h, d) * arrays["k"](b, n, h, d)
                        for d in range(D)
                    )
                    row.append(function(s * D**-0.5, arrays, b, h, i, n))
                sink = arrays["sinks"](h, i) if "sinks" in arrays else -INF
                top = max(*row, sink)
                weights = [0.0 if top == -INF else math.exp(s - top) for s in row]
                total = sum(weights) or 1.0
                total += 0.0 if sink == -INF else math.exp(sink - top)
                for d in range(D):
                    values = (arrays["v"](b, n, h, d) for n in range(K))
                    output.append(sum(w * v for w, v in zip(weights, values)) / total)
    return output


rng = random.Random(3)
for name, (arguments, lines, present, absent, function) in PROGRAMS.items():
    path = os.path.join(scratch, name)
    given = [("q", (B, Q, H, D), "f32"), ("k", (B, K, H, D), "f32")]
    given += [("v", (B, K, H, D), "f32"), *arguments]
    text = ", ".join(f"%{x}: {shape_of(sizes, element)}" for x, sizes, element in given)
    with open(f"{path}.mlir", "w") as file:
        file.write(
            f"func.func @main({text}) -> {QT} {{\n{lines}  return %o : {QT}\n}}\n"
        )
    run(mfa_opt, "--canonicalize", "--cse",
        f"{path}.mlir", "-o", f"{path}.canonical.mlir")  # fmt: skip
    canonical = open(f"{path}.canonical.mlir").read()
    for part in present:
        assert part in canonical, (name, part, canonical)
    for part in absent:
        assert part not in canonical, (name, part, canonical)

    arrays, files = {}, []
    for x, sizes, element in given:
        count = math.prod(sizes)
        values = [rng.gauss(0, 1) for _ in range(count)]
        values = [struct.unpack("<f", struct.pack("<f", y))[0] for y in values]
        if element == "i1":
            values = [y > -0.7 for y in values]
        descr = {"f32": "<f4", "i1": "|b1"}[element]
        save(f"{path}.{x}.npy", values, descr, sizes)
        files += ["--arg", f"{path}.{x}.npy"]
        arrays[x] = reader(sizes, values)
    save(f"{path}.expected.npy", compute(arrays, function), shape=(B, Q, H, D))
    for target in (["cpu"], ["sim", "--chip", "sm_80"], ["sim", "--chip", "sm_90a"]):
        run(mfa_run, f"{path}.canonical.mlir", "--entry", "main", *files,
            "--out", f"{path}.npy", "--target", *target)  # fmt: skip
        compare(f"{path}.npy", f"{path}.expected.npy", "1e-5")
