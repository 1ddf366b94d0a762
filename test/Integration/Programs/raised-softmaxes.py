# RUN: %python %s mfa-opt mfa-run %S/Inputs %t
"""Softmaxes in other forms than the exporters' programs here have: with a sink, which
is a column that is joined to the scores (GPT-OSS), of base 2, and with a guard against
NaN.

Each is found as what it is, and computes, on the CPU and in simulation of two chips,
what is computed here, number by number.
"""

import math
import os
import random
import re
import struct
import sys

mfa_opt, mfa_run, inputs, scratch = sys.argv[1:]
os.makedirs(scratch, exist_ok=True)

sys.path.insert(0, inputs)
from drivers import compare, run, save  # noqa: E402

B, H, Q, K, D = 2, 3, 5, 7, 8
INF = math.inf
S4, R4 = f"tensor<{B}x{H}x{Q}x{K}xf32>", f"tensor<{B}x{H}x{Q}xf32>"
ID = "affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>"
ROW = "affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>"
PARALLEL = '"parallel", "parallel", "parallel", "parallel"'
REDUCED = '"parallel", "parallel", "parallel", "reduction"'


def elementwise(name, operands, type, body, maps=None):
    """`operands`: (name, type of array); the body's operands are %x0, %x1..."""
    maps = ", ".join([*(maps or [ID] * len(operands)), ID])
    names = ", ".join(x for x, _ in operands)
    types = ", ".join(t for _, t in operands)
    elements = [t[:-1].split("x")[-1] for _, t in operands]
    arguments = ", ".join(f"%x{i}: {e}" for i, e in enumerate(elements))
    return f"""
  {name}_e = tensor.empty() : {type}
  {name} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{PARALLEL}]}}
      ins({names} : {types}) outs({name}_e : {type}) {{
  ^bb0({arguments}, %old: {type[:-1].split("x")[-1]}):
    {body}
    linalg.yield %y : {type[:-1].split("x")[-1]}
  }} -> {type}"""


def reduction(name, operand, type, start, op):
    return f"""
  {name}_e = tensor.empty() : {R4}
  {name}_s = arith.constant {start} : f32
  {name}_i = linalg.fill ins({name}_s : f32) outs({name}_e : {R4}) -> {R4}
  {name} = linalg.generic
      {{indexing_maps = [{ID}, {ROW}], iterator_types = [{REDUCED}]}}
      ins({operand} : {type}) outs({name}_i : {R4}) {{
  ^bb0(%x: f32, %o: f32):
    %y = {op} %x, %o : f32
    linalg.yield %y : f32
  }} -> {R4}"""


def product(name, a, b, sizes, loops):
    """Named dimensions: `loops` of a, b and the result, in "bhqkd"."""
    order = "bhqkd" if loops[2] == "bhqk" else "bhqdk"
    maps = ", ".join(
        "affine_map<(d0, d1, d2, d3, d4) -> ("
        + ", ".join(f"d{order.index(x)}" for x in dims)
        + ")>"
        for dims in loops
    )
    types = [
        "tensor<" + "x".join(str(sizes[x]) for x in dims) + "xf32>" for dims in loops
    ]
    return f"""
  {name}_e = tensor.empty() : {types[2]}
  {name}_z = arith.constant 0.0 : f32
  {name}_i = linalg.fill ins({name}_z : f32) outs({name}_e : {types[2]}) -> {types[2]}
  {name} = linalg.generic
      {{indexing_maps = [{maps}], iterator_types = [{PARALLEL}, "reduction"]}}
      ins({a}, {b} : {types[0]}, {types[1]}) outs({name}_i : {types[2]}) {{
  ^bb0(%x: f32, %z: f32, %o: f32):
    %xz = arith.mulf %x, %z : f32
    %y = arith.addf %o, %xz : f32
    linalg.yield %y : f32
  }} -> {types[2]}"""


SIZES = dict(b=B, h=H, q=Q, k=K, d=D)


def program(arguments, middle, result="%w"):
    """Scores %s to weights `result` by the lines `middle`."""
    matrices = ", ".join(
        f"%{name}: tensor<{B}x{H}x{n}x{D}xf32>"
        for name, n in (("q", Q), ("k", K), ("v", K))
    )
    more = "".join(f", {x}" for x in arguments)
    out = f"tensor<{B}x{H}x{Q}x{D}xf32>"
    return (
        f"func.func @main({matrices}{more}) -> {out} {{"
        + product("%p", "%q", "%k", SIZES, ("bhqd", "bhkd", "bhqk"))
        + middle
        + product("%out", result, "%v", SIZES, ("bhqk", "bhkd", "bhqd"))
        + f"\n  return %out : {out}\n}}\n"
    )


def scaled(scale):
    body = f"%c = arith.constant {scale:.9e} : f32\n    %y = arith.mulf %x0, %c : f32"
    return elementwise("%s", [("%p", S4)], S4, body)


def softmax(scores, type, exp="math.exp", shifts=1):
    """Weights %n of an array of scores, whose maximum is subtracted once or twice."""
    text = ""
    for i in range(shifts):
        body = "%y = arith.subf %x0, %x1 : f32"
        text += reduction(f"%m{i}", scores, type, "0xFF800000", "arith.maximumf")
        text += elementwise(
            f"%t{i}", [(scores, type), (f"%m{i}", R4)], type, body, [ID, ROW]
        )
        scores = f"%t{i}"
    text += elementwise("%e", [(scores, type)], type, f"%y = {exp} %x0 : f32")
    text += reduction("%l", "%e", type, "0.0", "arith.addf")
    body = "%y = arith.divf %x0, %x1 : f32"
    return text + elementwise("%n", [("%e", type), ("%l", R4)], type, body, [ID, ROW])


def causal():
    body = (
        "%r = linalg.index 2 : index\n    %c = linalg.index 3 : index\n"
        "    %t = arith.cmpi sle, %c, %r : index\n"
        "    %low = arith.constant 0xFF800000 : f32\n"
        "    %y = arith.select %t, %x0, %low : f32"
    )
    return elementwise("%masked", [("%s", S4)], S4, body)


# Sinks.

COLUMN = f"tensor<{B}x{H}x{Q}x1xf32>"
JOINED = f"tensor<{B}x{H}x{Q}x{K + 1}xf32>"


def column(element="f32"):
    """%sinks [H] as a column of the scores."""
    wide = (
        "%y = arith.extf %x0 : f16 to f32"
        if element == "f16"
        else ("%z = arith.constant 0.0 : f32\n    %y = arith.addf %x0, %z : f32")
    )
    small = f"tensor<1x{H}x1x1x{element}>"
    spread = "affine_map<(d0, d1, d2, d3) -> (0, d1, 0, 0)>"
    return f"""
  %sinks4 = tensor.expand_shape %sinks [[0, 1, 2, 3]] output_shape [1, {H}, 1, 1]
      : tensor<{H}x{element}> into {small}""" + elementwise(
        "%column", [("%sinks4", small)], COLUMN, wide, [spread]
    )


def concat(scores):
    return f"""
  %joined = tensor.concat dim(3) {scores}, %column : ({S4}, {COLUMN}) -> {JOINED}"""


def inserted(scores):
    return f"""
  %joined_e = tensor.empty() : {JOINED}
  %joined_a = tensor.insert_slice {scores} into %joined_e
      [0, 0, 0, 0] [{B}, {H}, {Q}, {K}] [1, 1, 1, 1] : {S4} into {JOINED}
  %joined = tensor.insert_slice %column into %joined_a
      [0, 0, 0, {K}] [{B}, {H}, {Q}, 1] [1, 1, 1, 1] : {COLUMN} into {JOINED}"""


def cut(weights="%n"):
    return f"""
  %w = tensor.extract_slice {weights}[0, 0, 0, 0] [{B}, {H}, {Q}, {K}] [1, 1, 1, 1]
      : {JOINED} to {S4}"""


def named():
    return f"""
  %n_e = tensor.empty() : {JOINED}
  %n = linalg.softmax dimension(3) ins(%joined : {JOINED})
      outs(%n_e : {JOINED}) -> {JOINED}"""


SINKS = [f"%sinks: tensor<{H}xf32>"]

# Guards.


def nan_guard():
    body = (
        "%t = arith.cmpf une, %x0, %x0 : f32\n"
        "    %zero = arith.constant 0.0 : f32\n"
        "    %y = arith.select %t, %zero, %x0 : f32"
    )
    return elementwise("%w", [("%n", S4)], S4, body)


def added_mask():
    return elementwise(
        "%masked", [("%s", S4), ("%mask", S4)], S4, "%y = arith.addf %x0, %x1 : f32"
    )


def base_two(scale, masked=""):
    """exp2 of scores times log2(e), which is a part of the scale."""
    scores = "%masked" if masked else "%s"
    return scaled(scale / math.log(2)) + masked + softmax(scores, S4, "math.exp2")


def difference_times_constant():
    """exp2((s - m) * log2(e)), as compilers of kernels write it."""
    body = (
        f"%c = arith.constant {1 / math.log(2):.9e} : f32\n"
        "    %d = arith.subf %x0, %x1 : f32\n    %f = arith.mulf %d, %c : f32\n"
        "    %y = math.exp2 %f : f32"
    )
    text = scaled(0.25) + reduction("%m", "%s", S4, "0xFF800000", "arith.maximumf")
    text += elementwise("%e", [("%s", S4), ("%m", R4)], S4, body, [ID, ROW])
    text += reduction("%l", "%e", S4, "0.0", "arith.addf")
    body = "%y = arith.divf %x0, %x1 : f32"
    return text + elementwise("%n", [("%e", S4), ("%l", R4)], S4, body, [ID, ROW])


def softmax_of(row, sink=None):
    top = max([*row, *([] if sink is None else [sink])])
    if any(math.isnan(x) for x in row):
        return [math.nan] * len(row)
    if top == -INF:
        return [math.nan] * len(row)
    total = sum(math.exp(x - top) for x in row)
    total += 0 if sink is None else math.exp(sink - top)
    return [math.exp(x - top) / total for x in row]


def keep_all(b, h, q, k):
    return True


FOUND = f"attention of f32: {H} heads on {H} of the key, scale 0.25"
# Name: arguments, lines, weights, remark, and what is computed: which keys are kept,
# whether there are sinks, a mask, a guard, and a factor of the mask.
PROGRAMS = {
    "sink": (
        SINKS,
        scaled(0.25) + column() + concat("%s") + softmax("%joined", JOINED) + cut(),
        FOUND + ", sinks",
        dict(sinks=True),
    ),
    "gpt_oss": (
        [f"%sinks: tensor<{H}xf16>"],
        scaled(0.25)
        + causal()
        + column("f16")
        + concat("%masked")
        + softmax("%joined", JOINED, shifts=2)
        + cut(),
        FOUND + ", sinks, keep",
        dict(sinks=True, keep=lambda b, h, q, k: k <= q, half=True),
    ),
    "sink_inserted": (
        SINKS,
        scaled(0.25) + column() + inserted("%s") + softmax("%joined", JOINED) + cut(),
        FOUND + ", sinks",
        dict(sinks=True),
    ),
    "sink_named": (
        SINKS,
        scaled(0.25) + causal() + column() + concat("%masked") + named() + cut(),
        FOUND + ", sinks, keep",
        dict(sinks=True, keep=lambda b, h, q, k: k <= q),
    ),
    "shifted_twice": (
        [],
        scaled(0.25) + softmax("%s", S4, shifts=2),
        FOUND,
        dict(weights="%n"),
    ),
    "base_two": ([], base_two(0.25), FOUND, dict(weights="%n")),
    "base_two_causal": (
        [],
        base_two(0.25, causal()),
        FOUND + ", keep",
        dict(weights="%n", keep=lambda b, h, q, k: k <= q),
    ),
    "base_two_mask": (
        [f"%mask: {S4}"],
        base_two(0.25, added_mask()),
        f"attention of f32: {H} heads on {H} of the key, scale 0.360674, mask of f32, "
        "score, rows may have no keys",
        dict(weights="%n", mask=math.log(2)),
    ),
    "base_two_difference": (
        [],
        difference_times_constant(),
        FOUND,
        dict(weights="%n"),
    ),
    "nan_guard": (
        [f"%mask: {S4}"],
        scaled(0.25) + added_mask() + softmax("%masked", S4) + nan_guard(),
        FOUND + ", mask of f32",
        dict(mask=1.0, guard=True, empty_row=True),
    ),
}


def compute(arrays, keep=keep_all, sinks=False, mask=None, guard=False, **_):
    """The output, and whether all is as it has to be."""
    q, k, v = (arrays[name] for name in "qkv")
    output = []
    for b in range(B):
        for h in range(H):
            for i in range(Q):

                def at(x, n, length):
                    start = ((b * H + h) * length + n) * D
                    return x[start : start + D]

                row = []
                for n in range(K):
                    s = 0.25 * sum(x * y for x, y in zip(at(q, i, Q), at(k, n, K)))
                    if mask is not None:
                        s += mask * arrays["mask"][((b * H + h) * Q + i) * K + n]
                    row.append(s if keep(b, h, i, n) else -INF)
                weights = softmax_of(row, arrays["sinks"][h] if sinks else None)
                if guard:
                    weights = [0.0 if math.isnan(w) else w for w in weights]
                for d in range(D):
                    output.append(
                        sum(w * at(v, n, K)[d] for n, w in enumerate(weights))
                    )
    return output


rng = random.Random(11)
for name, (arguments, lines, remark, meaning) in PROGRAMS.items():
    path = os.path.join(scratch, name)
    with open(f"{path}.mlir", "w") as file:
        file.write(program(arguments, lines, meaning.get("weights", "%w")))
    report = run(mfa_opt, "--mfa-raise-report", f"{path}.mlir", "-o", os.devnull)
    remarks = re.findall(r"remark: (.*)", report)
    assert remarks == [remark], (name, remarks)

    def numbers(count):
        values = [rng.gauss(0, 1) for _ in range(count)]
        return [struct.unpack("<e", struct.pack("<e", x))[0] for x in values]

    arrays = {"q": numbers(B * H * Q * D)}
    arrays |= {x: numbers(B * H * K * D) for x in "kv"}
    shapes = {"q": (B, H, Q, D), "k": (B, H, K, D), "v": (B, H, K, D)}
    if meaning.get("sinks"):
        arrays["sinks"], shapes["sinks"] = numbers(H), (H,)
    if "mask" in meaning:
        arrays["mask"], shapes["mask"] = numbers(B * H * Q * K), (B, H, Q, K)
        if meaning.get("empty_row"):
            # A row without keys, and one with a score that is no number.
            arrays["mask"][:K] = [-INF] * K
            arrays["mask"][2 * K] = math.nan
    command = [
        mfa_run,
        f"{path}.raised.mlir",
        "--entry",
        "main",
        "--out",
        f"{path}.npy",
    ]
    for x, values in arrays.items():
        file = f"{path}.{x}.npy"
        half = x == "sinks" and meaning.get("half")
        save(file, values, "<f2" if half else "<f4", shapes[x])
        command += ["--arg", file]
    save(f"{path}.expected.npy", compute(arrays, **meaning), shape=(B, H, Q, D))
    results = f"{path}.npy", f"{path}.expected.npy", "5e-6"
    # As it is, raised on the CPU, and raised on GPUs where all of it is attention.
    run(mfa_run, f"{path}.mlir", *command[2:], "--target", "cpu")
    compare(*results)
    run(mfa_opt, "--mfa-raise-attention", f"{path}.mlir", "-o", f"{path}.raised.mlir")
    assert "mfa.masked_attention" in open(f"{path}.raised.mlir").read(), name
    run(*command, "--target", "cpu")
    compare(*results)
    if meaning.get("guard") or meaning.get("half"):
        continue  # There is code of the host around it.
    option = "--mfa-raise-attention=rows-without-keys=zero"
    run(mfa_opt, option, f"{path}.mlir", "-o", f"{path}.raised.mlir")
    for chip in ("sm_80", "sm_90a"):
        run(*command, "--target", "sim", "--chip", chip)
        compare(*results)
