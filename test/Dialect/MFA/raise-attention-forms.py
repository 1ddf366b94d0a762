# Parts of attention in forms that the exporters' programs do not have (those are in
# test/Integration/Programs), and what becomes of them.

# RUN: %python %s mfa-opt

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from attention_forms import *

I1 = shape(Q, K, of="i1")
RULE = "(d0, d1, d2) -> (d1, d2)"


def where(p, scores, truth, low, type=I1, map=RULE, kept=True):
    low = p.constant(f"{low} : f32")
    chosen = f"%x0, {low}" if kept else f"{low}, %x0"
    body = f"%y = arith.select %x1, {chosen} : f32"
    return p.elementwise(body, (scores, SCORES), (truth, type), maps=[ID3, map])


def dense(rows):
    text = ", ".join("[" + ", ".join(map(str, row)) + "]" for row in rows)
    return f"dense<[{text}]>"


def band(p, left, right):
    rows = [
        [str(q - left <= k <= q + right).lower() for k in range(K)] for q in range(Q)
    ]
    return p.constant(f"{dense(rows)} : {I1}")


def positions(p, comparison):
    """Comparison of %r and %c, the positions."""
    body = (
        "%r = linalg.index 0 : index\n    %c = linalg.index 1 : index\n    "
        + comparison
    )
    empty = p.add(f"tensor.empty() : {I1}")
    return p.generic([], (empty, I1), ["(d0, d1) -> (d0, d1)"], body, "pp")


def causal(p, scores, low="0xFF800000"):
    truth = positions(p, "%y = arith.cmpi sle, %c, %r : index")
    return where(p, scores, truth, low)


def window_of_iotas(p, scores):
    # JAX: positions as constants.
    def iota(count, type):
        return p.constant(f"dense<[{', '.join(map(str, range(count)))}]> : {type}")

    rows, columns = shape(Q, of="i32"), shape(K, of="i32")
    three = p.constant("3 : i32")
    body = (
        f"%f = arith.subi %x0, {three} : i32\n"
        "    %a = arith.cmpi sge, %x1, %f : i32\n"
        "    %b = arith.cmpi sle, %x1, %x0 : i32\n"
        "    %y = arith.andi %a, %b : i1"
    )
    truth = p.elementwise(
        body,
        (iota(Q, rows), rows),
        (iota(K, columns), columns),
        type=I1,
        maps=["(d0, d1) -> (d0)", "(d0, d1) -> (d1)"],
    )
    return where(p, scores, truth, "-3.0e38")


def runtime_scale(p, scores):
    c = p.argument("f32")
    return p.elementwise(f"%y = arith.mulf %x0, {c} : f32", (scores, SCORES))


def scale_in_array(p, scores):
    c = p.argument("tensor<f16>")
    body = "%w = arith.extf %x1 : f16 to f32\n    %y = arith.mulf %x0, %w : f32"
    maps = [ID3, "(d0, d1, d2) -> ()"]
    return p.elementwise(body, (scores, SCORES), (c, "tensor<f16>"), maps=maps)


def swish(p, scores):
    body = (
        "%n = arith.negf %x0 : f32\n    %e = math.exp %n : f32\n"
        "    %t = math.tanh %e : f32\n    %y = arith.mulf %x0, %t : f32"
    )
    return p.elementwise(body, (scores, SCORES))


def lengths(p, scores):
    # Keys up to the length of the batch.
    type = shape(B, of="i32")
    array = p.argument(type)
    low = p.constant("0xFF800000 : f32")
    body = (
        "%c = linalg.index 2 : index\n    %i = arith.index_cast %c : index to i32\n"
        "    %t = arith.cmpi slt, %i, %x1 : i32\n"
        f"    %y = arith.select %t, %x0, {low} : f32"
    )
    maps = [ID3, "(d0, d1, d2) -> (d0)"]
    return p.elementwise(body, (scores, SCORES), (array, type), maps=maps)


def two_masks(p, scores):
    small = shape(B, K, of="f16")
    first = p.argument(small)
    second = p.argument(SCORES)
    body = (
        "%w = arith.extf %x1 : f16 to f32\n    %z = arith.addf %x0, %w : f32\n"
        "    %y = arith.addf %z, %x2 : f32"
    )
    maps = [ID3, "(d0, d1, d2) -> (d0, d2)", ID3]
    return p.elementwise(
        body, (scores, SCORES), (first, small), (second, SCORES), maps=maps
    )


def softcap_then_boolean(p, scores):
    three = p.constant("3.0 : f32")
    body = (
        f"%r = arith.divf %x0, {three} : f32\n    %t = math.tanh %r : f32\n"
        f"    %y = arith.mulf %t, {three} : f32"
    )
    scores = p.elementwise(body, (scores, SCORES))
    type = shape(B, Q, K, of="i1")
    return where(p, scores, p.argument(type), "0xFF800000", type, ID3)


def filled_over_infinity(p, scores):
    type = shape(B, Q, K, of="i1")
    scores = where(p, scores, p.argument(type), "0xFF800000", type, ID3)
    return causal(p, scores, "-1.0e30")


def inverse(p, exponentials, total):
    type = shape(B, Q)
    one = p.constant("1.0 : f32")
    body = f"%y = arith.divf {one}, %x0 : f32"
    inverted = p.elementwise(body, (total, type), type=type)
    inputs = [(inverted, type), (exponentials, SCORES)]
    return p.elementwise("%y = arith.mulf %x1, %x0 : f32", *inputs, maps=[ROWS, ID3])


def guarded(p, weights):
    low = p.constant("0xFF800000 : f32")
    is_low = p.elementwise(
        f"%y = arith.cmpf oeq, %x0, {low} : f32",
        (p.scores, SCORES),
        type=shape(B, Q, K, of="i1"),
    )
    type = shape(B, Q, of="i1")
    init = p.filled("true", type)
    body = "%y = arith.andi %x0, %o : i1"
    inputs = [(is_low, shape(B, Q, K, of="i1"))]
    rows = p.generic(inputs, (init, type), [ID3, ROWS], body, "ppr")
    zero = p.constant("0.0 : f32")
    body = f"%y = arith.select %x0, {zero}, %x1 : f32"
    return p.elementwise(body, (rows, type), (weights, SCORES), maps=[ROWS, ID3])


def in_body(p, exponentials, total):
    p.total = total
    return exponentials


def product_with_quotient(p, weights, value):
    init = p.filled("0.0", shape(B, Q, D))
    maps = [
        "(d0, d1, d2, d3) -> (d0, d1, d3)",
        "(d0, d1, d2, d3) -> (d0, d1)",
        "(d0, d1, d2, d3) -> (d0, d3, d2)",
        "(d0, d1, d2, d3) -> (d0, d1, d2)",
    ]
    body = (
        "%w = arith.divf %x0, %x1 : f32\n    %z = arith.mulf %x2, %w : f32\n"
        "    %y = arith.addf %z, %o : f32"
    )
    inputs = [
        (weights, SCORES),
        (p.total, shape(B, Q)),
        (value, shape(B, K, D)),
    ]
    return p.generic(inputs, (init, shape(B, Q, D)), maps, body, "pppr")


def exponentials_where(p, exponentials):
    # jax.nn.softmax(where=...): what is left out has 0 in the sum as well.
    zero = p.constant("0.0 : f32")
    body = f"%y = arith.select %x1, %x0, {zero} : f32"
    inputs = [(exponentials, SCORES), (p.truth, I1)]
    return total(p, p.elementwise(body, *inputs, maps=[ID3, RULE]))


def weights_where(p, weights):
    zero = p.constant("0.0 : f32")
    body = f"%y = arith.select %x1, %x0, {zero} : f32"
    inputs = [(weights, SCORES), (p.truth, I1)]
    return p.elementwise(body, *inputs, maps=[ID3, RULE])


def scores_where(p, scores):
    p.truth = p.argument(I1)
    return where(p, scores, p.truth, "0xFF800000")


def truncated_mask(p, scores):
    # The lowest f32 is -inf in f16.
    wide = p.argument(SCORES)
    body = "%y = arith.truncf %x0 : f32 to f16"
    narrow = shape(B, Q, K, of="f16")
    mask = p.elementwise(body, (wide, SCORES), type=narrow)
    body = "%w = arith.extf %x1 : f16 to f32\n    %y = arith.addf %x0, %w : f32"
    return p.elementwise(body, (scores, SCORES), (mask, narrow))


K_UP_TO_Q = "arith.cmpi sle, %k, %q : index"

# Name, parts, options, texts that the result has, and that it has not.
FORMS = [
    ("plain", {}, "", ["mfa.masked_attention"], ["score {", "keep {", "lse("]),
    (
        "named",
        named_softmax(),
        "",
        ["mfa.masked_attention"],
        ["score {", "keep {", "lse(", "linalg.softmax"],
    ),
    (
        "named_causal",
        dict(change=causal, **named_softmax()),
        "",
        ["keep {", K_UP_TO_Q],
        ["score {", "lse(", "linalg.softmax"],
    ),
    (
        "named_without_keys",
        dict(
            change=lambda p, s: where(p, s, band(p, 2, -1), "0xFF800000"),
            **named_softmax(),
        ),
        "",
        ["keep {", "lse(", "0x7FC00000"],
        ["score {", "linalg.softmax"],
    ),
    (
        "named_guarded",
        dict(
            change=lambda p, s: where(p, s, band(p, 2, -1), "0xFF800000"),
            after=guarded,
            **named_softmax(),
        ),
        "",
        ["keep {"],
        ["lse(", "linalg.softmax"],
    ),
    (
        "named_where",
        dict(change=scores_where, after=weights_where, **named_softmax()),
        "",
        ["mask(", "xi1>)"],
        ["score {", "keep {", "lse(", "linalg.softmax"],
    ),
    ("inverse", dict(quotient=inverse), "", ["mfa.masked_attention"], []),
    (
        "fused",
        dict(quotient=in_body, second=product_with_quotient),
        "",
        ["mfa.masked_attention"],
        ["arith.divf"],
    ),
    (
        "triangle",
        dict(change=lambda p, s: where(p, s, band(p, K, 0), "0xFF800000")),
        "",
        ["keep {", K_UP_TO_Q],
        ["score {", "dense<", "lse("],
    ),
    (
        "upper_triangle_dropped",
        dict(
            change=lambda p, s: where(p, s, band(p, -1, K), "-1.0e30", kept=False)
        ),
        "",
        ["keep {", K_UP_TO_Q],
        ["score {", "dense<", "lse("],
    ),
    (
        "band",
        dict(change=lambda p, s: where(p, s, band(p, 2, 1), "0xFF800000")),
        "",
        ["keep {", "arith.cmpi sge, %k", "arith.cmpi sle, %k", "arith.andi"],
        ["score {", "dense<", "lse("],
    ),
    (
        # Its first query has no key.
        "band_without_keys",
        dict(change=lambda p, s: where(p, s, band(p, 2, -1), "0xFF800000")),
        "",
        ["keep {", "lse(", "0x7FC00000"],
        ["score {"],
    ),
    (
        "band_without_keys_finite",
        dict(change=lambda p, s: where(p, s, band(p, 2, -1), "-1.0e30")),
        "",
        ["score {", "-1.000000e+30"],
        ["keep {", "lse("],
    ),
    (
        "band_without_keys_ignored",
        dict(change=lambda p, s: where(p, s, band(p, 2, -1), "-1.0e30")),
        "rows-without-keys=ignored",
        ["keep {"],
        ["score {", "lse("],
    ),
    (
        "guarded",
        dict(
            change=lambda p, s: where(p, s, band(p, 2, -1), "0xFF800000"),
            after=guarded,
        ),
        "",
        ["keep {"],
        ["lse("],
    ),
    (
        "window_of_iotas",
        dict(change=window_of_iotas),
        "",
        ["keep {", "arith.cmpi sge, %k", K_UP_TO_Q],
        ["score {", "dense<", "lse("],
    ),
    (
        "small_finite_number",
        dict(change=lambda p, s: causal(p, s, "-1.0e4")),
        "",
        ["score {", "-1.000000e+04"],
        ["keep {"],
    ),
    (
        "small_finite_number_as_exclusion",
        dict(change=lambda p, s: causal(p, s, "-1.0e4")),
        "exclusion=-1e4",
        ["keep {", K_UP_TO_Q],
        ["score {"],
    ),
    (
        "runtime_scale",
        dict(scale=runtime_scale),
        "",
        ["scale(%a3 : f32)"],
        ["score {"],
    ),
    (
        "scale_in_array",
        dict(scale=scale_in_array),
        "",
        ["scale(", "tensor.extract %a3[] : tensor<f16>"],
        ["score {"],
    ),
    (
        # The score is used twice: a function as a whole.
        "swish",
        dict(change=swish),
        "rows-without-keys=zero",
        ["score {", "math.tanh", "arith.mulf %s"],
        ["linalg.generic"],
    ),
    (
        "lengths",
        dict(change=lengths),
        "",
        ["captures(%a3 : tensor<4xi32>)", "keep {", "arith.cmpi slt", "lse("],
        ["score {"],
    ),
    (
        # The larger array is the mask.
        "two_masks",
        dict(change=two_masks),
        "rows-without-keys=zero",
        ["mask(", "captures(%a3 : tensor<4x10xf16>)", "score {"],
        ["keep {", "captures(%a4"],
    ),
    (
        # A mask would come in front of the cap.
        "softcap_then_boolean",
        dict(change=softcap_then_boolean),
        "rows-without-keys=zero",
        ["score {", "keep {", "captures(%a3 : tensor<4x6x10xi1>)"],
        ["mask("],
    ),
    (
        "where",
        dict(
            change=scores_where, total=exponentials_where, after=weights_where
        ),
        "",
        ["mask(", "xi1>)"],
        ["score {", "keep {", "lse("],
    ),
    (
        "truncated_mask",
        dict(change=truncated_mask),
        "rows-without-keys=zero",
        ["arith.truncf", "mask(", "xf16>)"],
        ["score {"],
    ),
    (
        # A number in place of -inf is a score like any other.
        "filled_over_infinity",
        dict(change=filled_over_infinity),
        "rows-without-keys=zero",
        ["score {", "0xFF800000", "-1.000000e+30"],
        ["keep {", "mask("],
    ),
]

mfa_opt = sys.argv[1]
for name, parts, options, has, lacks in FORMS:
    text = Program(name, **parts).text()
    command = [mfa_opt, f"--mfa-raise-attention={options}", "--canonicalize"]
    run = subprocess.run(command, input=text, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{name}: {run.stderr}\n{text}")
    # Arguments are %a3, %a4... in the program.
    result = run.stdout.replace("%arg", "%a")
    for expected in has:
        if expected not in result:
            sys.exit(f"{name}: expected '{expected}' in\n{result}")
    for unexpected in [*lacks, "linalg.batch_matmul", "math.exp "]:
        if unexpected in result and parts.get("change") is not swish:
            sys.exit(f"{name}: expected no '{unexpected}' in\n{result}")
