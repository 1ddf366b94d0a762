# Programs that look like attention and are not, or not only. Each stays as it is,
# for a reason that is reported.

# RUN: %python %s > %t.mlir
# RUN: mfa-opt %t.mlir --split-input-file --verify-diagnostics --mfa-raise-report
# RUN: mfa-opt %t.mlir --split-input-file --mfa-raise-attention | FileCheck %s
# CHECK-NOT: mfa.masked_attention

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
from attention_forms import *

PREFIX = "softmax is not raised: "


# The softmax is over the queries.


def maximum_over_queries(p, scores):
    init = p.filled("0xFF800000", shape(B, K))
    maps = ["(d0, d1, d2) -> (d0, d2, d1)", ROWS]
    body = "%y = arith.maximumf %x0, %o : f32"
    return p.generic([(scores, SCORES)], (init, shape(B, K)), maps, body, "ppr")


COLUMNS = "(d0, d1, d2) -> (d0, d2)"


def exponential_over_queries(p, scores, maximum):
    body = "%d = arith.subf %x0, %x1 : f32\n    %y = math.exp %d : f32"
    inputs = [(scores, SCORES), (maximum, shape(B, K))]
    return p.elementwise(body, *inputs, maps=[ID3, COLUMNS])


def total_over_queries(p, exponentials):
    init = p.filled("0.0", shape(B, K))
    maps = ["(d0, d1, d2) -> (d0, d2, d1)", ROWS]
    body = "%y = arith.addf %x0, %o : f32"
    return p.generic([(exponentials, SCORES)], (init, shape(B, K)), maps, body, "ppr")


def quotient_over_queries(p, exponentials, total):
    inputs = [(exponentials, SCORES), (total, shape(B, K))]
    body = "%y = arith.divf %x0, %x1 : f32"
    return p.elementwise(body, *inputs, maps=[ID3, COLUMNS])


# The sum.


def total_of_scores(p, exponentials):
    return total(p, p.elementwise("%y = math.exp %x0 : f32", (p.scores, SCORES)))


def total_from_one(p, exponentials):
    return reduce(p, exponentials, "%y = arith.addf %x0, %o : f32", "1.0")


def total_over_queries_too(p, exponentials):
    init = p.filled("0.0", shape(B))
    maps = [ID3, "(d0, d1, d2) -> (d0)"]
    body = "%y = arith.addf %x0, %o : f32"
    value = p.generic([(exponentials, SCORES)], (init, shape(B)), maps, body, "prr")
    empty = p.add(f"tensor.empty() : {shape(B, Q)}")
    maps = ["(d0, d1) -> (d0)", "(d0, d1) -> (d0, d1)"]
    body = "%y = arith.addf %x0, %x0 : f32"
    return p.generic([(value, shape(B))], (empty, shape(B, Q)), maps, body, "pp")


# The maximum.


def maximum_of_others(p, scores):
    other = p.argument(SCORES)
    return maximum(p, other)


def maximum_from_zero(p, scores):
    return reduce(p, scores, "%y = arith.maximumf %x0, %o : f32", "0.0")


def minimum(p, scores):
    return reduce(p, scores, "%y = arith.minimumf %x0, %o : f32", "0x7F800000")


def exponential_alone(p, scores, maximum):
    return p.elementwise("%y = math.exp %x0 : f32", (scores, SCORES))


def exponential_of_product(factor=None):
    """exp2(c * (s - m)), of a number that is given, or is known at run time."""

    def exponential(p, scores, maximum):
        c = p.argument("f32") if factor is None else p.constant(f"{factor} : f32")
        body = (
            f"%d = arith.subf %x0, %x1 : f32\n    %f = arith.mulf %d, {c} : f32\n"
            "    %y = math.exp2 %f : f32"
        )
        inputs = [(scores, SCORES), (maximum, shape(B, Q))]
        return p.elementwise(body, *inputs, maps=[ID3, ROWS])

    return exponential


# Columns that are joined to the scores.


def with_columns(count, maximum_of_all=True, sum_of_all=True, base="math.exp"):
    type = shape(B, Q, K + count)

    def change(p, scores):
        p.plain = scores
        column = p.argument(shape(B, Q, count))
        return p.add(
            f"tensor.concat dim(2) {scores}, {column} : ({SCORES}, "
            f"{shape(B, Q, count)}) -> {type}"
        )

    def maximum(p, scores):
        body = "%y = arith.maximumf %x0, %o : f32"
        chosen = (scores, type) if maximum_of_all else (p.plain, SCORES)
        return reduce(p, chosen[0], body, "0xFF800000", chosen[1])

    def exponential(p, scores, maximum):
        body = f"%d = arith.subf %x0, %x1 : f32\n    %y = {base} %d : f32"
        inputs = [(scores, type), (maximum, shape(B, Q))]
        return p.elementwise(body, *inputs, type=type, maps=[ID3, ROWS])

    def cut(p, array):
        return p.add(
            f"tensor.extract_slice {array}[0, 0, 0] [{B}, {Q}, {K}] [1, 1, 1] : "
            f"{type} to {SCORES}"
        )

    def total(p, exponentials):
        body = "%y = arith.addf %x0, %o : f32"
        if sum_of_all:
            return reduce(p, exponentials, body, "0.0", type)
        return reduce(p, cut(p, exponentials), body, "0.0")

    def quotient(p, exponentials, total):
        inputs = [(exponentials, type), (total, shape(B, Q))]
        body = "%y = arith.divf %x0, %x1 : f32"
        return p.elementwise(body, *inputs, type=type, maps=[ID3, ROWS])

    return dict(
        change=change,
        maximum=maximum,
        exponential=exponential,
        total=total,
        quotient=quotient,
        after=cut,
    )


# Weights that are changed.


def masked_after(p, weights):
    mask = p.argument(SCORES)
    inputs = [(weights, SCORES), (mask, SCORES)]
    return p.elementwise("%y = arith.mulf %x0, %x1 : f32", *inputs)


def dropout(p, weights):
    kept = p.argument(shape(B, Q, K, of="i1"))
    c = p.constant("1.25 : f32")
    zero = p.constant("0.0 : f32")
    body = (
        f"%z = arith.mulf %x1, {c} : f32\n"
        f"    %y = arith.select %x0, %z, {zero} : f32"
    )
    return p.elementwise(body, (kept, shape(B, Q, K, of="i1")), (weights, SCORES))


def guard_of_something_else(p, weights):
    truth = p.argument(shape(B, Q, of="i1"))
    zero = p.constant("0.0 : f32")
    inputs = [(truth, shape(B, Q, of="i1")), (weights, SCORES)]
    body = f"%y = arith.select %x0, {zero}, %x1 : f32"
    return p.elementwise(body, *inputs, maps=[ROWS, ID3])


def guard_of_another_array(p, weights):
    other = p.argument(SCORES)
    zero = p.constant("0.0 : f32")
    body = (
        "%t = arith.cmpf une, %x1, %x1 : f32\n"
        f"    %y = arith.select %t, {zero}, %x0 : f32"
    )
    return p.elementwise(body, (weights, SCORES), (other, SCORES))


def two_guards(p, weights):
    # The outer one is of something else.
    return guard_of_something_else(p, guard_of_weights(p, weights))


def guard_of_weights(p, weights):
    zero = p.constant("0.0 : f32")
    body = (
        "%t = arith.cmpf uno, %x0, %x0 : f32\n"
        f"    %y = arith.select %t, {zero}, %x0 : f32"
    )
    return p.elementwise(body, (weights, SCORES))


# Arrays in between that are used elsewhere.


def scores_used_twice(p, weights):
    p.results.append((p.scores, SCORES))
    return weights


def weights_used_twice(p, weights):
    p.results.append((weights, SCORES))
    return weights


# The second product.


def over_queries(p, weights, value):
    # Contracts the queries: the value has one row for each.
    init = p.filled("0.0", shape(B, K, D))
    value = p.argument(shape(B, Q, D))
    maps = [
        "(d0, d1, d2, d3) -> (d0, d3, d1)",
        "(d0, d1, d2, d3) -> (d0, d3, d2)",
        "(d0, d1, d2, d3) -> (d0, d1, d2)",
    ]
    body = "%z = arith.mulf %x0, %x1 : f32\n    %y = arith.addf %o, %z : f32"
    inputs = [(weights, SCORES), (value, shape(B, Q, D))]
    p.results.append(
        (
            p.generic(inputs, (init, shape(B, K, D)), maps, body, "pppr"),
            shape(B, K, D),
        )
    )
    return p.filled("0.0", shape(B, Q, D))


def onto_a_residual(p, weights, value):
    residual = p.argument(shape(B, Q, D))
    return p.add(
        f"linalg.batch_matmul ins({weights}, {value} : {SCORES}, {shape(B, K, D)}) "
        f"outs({residual} : {shape(B, Q, D)}) -> {shape(B, Q, D)}"
    )


def of_another_order(p, weights, value):
    # [B, Q, K] read as [B, K, Q] and transposed: no view of the weights.
    flat = p.add(
        f"tensor.collapse_shape {weights} [[0], [1, 2]] : "
        f"{SCORES} into {shape(B, Q * K)}"
    )
    turned = p.add(
        f"tensor.expand_shape {flat} [[0], [1, 2]] output_shape [{B}, {K}, {Q}] : "
        f"{shape(B, Q * K)} into {shape(B, K, Q)}"
    )
    empty = p.add(f"tensor.empty() : {SCORES}")
    weights = p.add(
        f"linalg.transpose ins({turned} : {shape(B, K, Q)}) "
        f"outs({empty} : {SCORES}) permutation = [0, 2, 1]"
    )
    return second(p, weights, value)


def of_some_keys(p, weights, value):
    # The sum is over all keys, of which only eight have values.
    some, values = shape(B, Q, 8), shape(B, 8, D)
    weights = p.add(
        f"tensor.extract_slice {weights}[0, 0, 0] [{B}, {Q}, 8] [1, 1, 1] : "
        f"{SCORES} to {some}"
    )
    value = p.argument(values)
    return p.batch_matmul(weights, some, value, values, shape(B, Q, D))


def of_some_keys_dynamic(p, weights, value):
    # The same, and sizes are not known.
    some, values = "tensor<4x6x?xf32>", "tensor<4x?x16xf32>"
    size = p.argument("index")
    weights = p.add(
        f"tensor.extract_slice {weights}[0, 0, 0] [{B}, {Q}, {size}] [1, 1, 1] : "
        f"{SCORES} to {some}"
    )
    value = p.argument(values)
    return p.batch_matmul(weights, some, value, values, shape(B, Q, D))


def none(p, weights, value):
    # Only the weights are a result.
    p.results.append((weights, SCORES))
    return p.filled("0.0", shape(B, Q, D))


# The first product.


def no_product(p, q, k):
    return p.argument(SCORES)


def product_from_bias(p, q, k):
    bias = p.argument(SCORES)
    kt = transposed(p, k)
    return p.add(
        f"linalg.batch_matmul ins({q}, {kt} : {shape(B, Q, D)}, {shape(B, D, K)}) "
        f"outs({bias} : {SCORES}) -> {SCORES}"
    )


def small_heads(p, q, k):
    # A head size of 4, which the op does not have.
    q = p.argument(shape(B, Q, 4))
    kt = p.argument(shape(B, 4, K))
    return p.batch_matmul(q, shape(B, Q, 4), kt, shape(B, 4, K), SCORES)


def keys_twice(p, q, k):
    # A factor for each pair instead of a query.
    other = p.argument(shape(B, Q, K, D))
    init = p.filled("0.0", SCORES)
    maps = [
        "(d0, d1, d2, d3) -> (d0, d1, d2, d3)",
        "(d0, d1, d2, d3) -> (d0, d2, d3)",
        "(d0, d1, d2, d3) -> (d0, d1, d2)",
    ]
    body = "%z = arith.mulf %x0, %x1 : f32\n    %y = arith.addf %o, %z : f32"
    inputs = [(other, shape(B, Q, K, D)), (k, shape(B, K, D))]
    return p.generic(inputs, (init, SCORES), maps, body, "pppr")


OVER_QUERIES = dict(
    maximum=maximum_over_queries,
    exponential=exponential_over_queries,
    total=total_over_queries,
    quotient=quotient_over_queries,
)
OTHER_DIMENSION = (
    "the weights are normalised over another dimension than the one that the "
    "product contracts"
)
USED = "the scores or weights are used by another op"
NOT_A_FACTOR = "its weights are not a factor of a product over the keys as they are"

AFTER = "linalg.batch_matmul"  # The product that takes the changed weights.

# Name, parts, reason, and the line that a note is at: the last one with a text, or
# the op that it is in the body of.
PROGRAMS = [
    ("softmax_over_queries", OVER_QUERIES, OTHER_DIMENSION, None),
    (
        "sum_of_other_numbers",
        dict(total=total_of_scores),
        "the sum is of other numbers than the weights",
        None,
    ),
    ("sum_from_one", dict(total=total_from_one), "the sum does not start from 0", None),
    ("sum_over_all", dict(total=total_over_queries_too), NOT_A_FACTOR, AFTER),
    (
        "maximum_of_another_array",
        dict(maximum=maximum_of_others),
        "the maximum is of other numbers than the scores that it is subtracted from",
        "arith.maximumf",
    ),
    (
        "maximum_from_zero",
        dict(maximum=maximum_from_zero),
        "the maximum does not start from -inf",
        "arith.maximumf",
    ),
    (
        "minimum",
        dict(maximum=minimum),
        "what is subtracted in front of the exponential is not the maximum over the "
        "dimension that the product contracts",
        "%d = arith.subf",
    ),
    (
        "no_maximum",
        dict(exponential=exponential_alone),
        "no maximum is subtracted in front of the exponential",
        "%y = math.exp",
    ),
    (
        "negative_factor",
        dict(exponential=exponential_of_product("-1.5")),
        "expected a positive factor of the scores in the exponential",
        "%y = math.exp2",
    ),
    (
        "unknown_factor",
        dict(exponential=exponential_of_product()),
        "no maximum is subtracted in front of the exponential",
        "%y = math.exp2",
    ),
    (
        "two_columns",
        with_columns(2),
        "the sum is not over the dimension that the product contracts",
        None,
    ),
    (
        "column_of_rows",
        with_columns(1),
        "the scores have one more in each row that is not an element of an array of "
        "the heads",
        None,
    ),
    (
        "column_in_the_sum_alone",
        with_columns(1, maximum_of_all=False),
        "the maximum is of other numbers than the sum",
        "arith.maximumf",
    ),
    (
        "column_in_the_maximum_alone",
        with_columns(1, sum_of_all=False),
        "the maximum is of other numbers than the sum",
        "arith.maximumf",
    ),
    (
        "column_of_base_two",
        with_columns(1, base="math.exp2"),
        "expected exponentials of base e where there is one more score of each row",
        "arith.maximumf",
    ),
    ("mask_after_softmax", dict(after=masked_after), NOT_A_FACTOR, AFTER),
    ("dropout_in_training", dict(after=dropout), NOT_A_FACTOR, AFTER),
    (
        "zero_by_another_condition",
        dict(after=guard_of_something_else),
        "the weights are replaced where something else holds than that all scores "
        "of the row are -inf",
        None,
    ),
    (
        "zero_where_another_array_is_nan",
        dict(after=guard_of_another_array),
        "the weights are replaced where something else holds than that all scores "
        "of the row are -inf",
        None,
    ),
    (
        "zero_by_two_conditions",
        dict(after=two_guards),
        "the weights are replaced where something else holds than that all scores "
        "of the row are -inf",
        None,
    ),
    ("scores_used_twice", dict(after=scores_used_twice), USED, "return"),
    ("weights_used_twice", dict(after=weights_used_twice), USED, "return"),
    ("product_over_queries", dict(second=over_queries), OTHER_DIMENSION, None),
    (
        "product_onto_a_residual",
        dict(second=onto_a_residual),
        "the product of weights and value does not start from 0",
        "linalg.batch_matmul",
    ),
    ("weights_in_another_order", dict(second=of_another_order), NOT_A_FACTOR, AFTER),
    (
        "weights_of_some_keys",
        dict(second=of_some_keys),
        "the sum is not over the dimension that the product contracts",
        None,
    ),
    (
        "weights_of_some_keys_dynamic",
        dict(second=of_some_keys_dynamic),
        NOT_A_FACTOR,
        AFTER,
    ),
    ("named_over_queries", named_softmax(1), OTHER_DIMENSION, None),
    (
        "named_of_some_keys",
        dict(second=of_some_keys, **named_softmax()),
        "the product contracts a part of the dimension that the weights are "
        "normalised over",
        None,
    ),
    (
        "named_mask_after",
        dict(after=masked_after, **named_softmax()),
        NOT_A_FACTOR,
        AFTER,
    ),
    (
        "named_zero_by_another_condition",
        dict(after=guard_of_something_else, **named_softmax()),
        "the weights are replaced where something else holds than that all scores "
        "of the row are -inf",
        None,
    ),
    (
        "named_weights_used_twice",
        dict(after=weights_used_twice, **named_softmax()),
        USED,
        "return",
    ),
    (
        "named_no_value",
        dict(second=none, **named_softmax()),
        "no product takes its weights",
        None,
    ),
    (
        "named_no_product",
        dict(product=no_product, **named_softmax()),
        "the scores are not computed from a product of two arrays",
        None,
    ),
    ("no_value", dict(second=none), "no product takes its weights", None),
    (
        "no_product",
        dict(product=no_product),
        "the scores are not computed from a product of two arrays",
        None,
    ),
    (
        "product_from_bias",
        dict(product=product_from_bias),
        "the product of query and key does not start from 0",
        "linalg.batch_matmul ins(%q",
    ),
    (
        "small_heads",
        dict(product=small_heads),
        "expected the head size of query and key to be a multiple of 8 from 8 to "
        "256, but got 4",
        "linalg.batch_matmul",
    ),
    (
        "keys_in_both_factors",
        dict(product=keys_twice),
        "both factors of the scores vary over the keys",
        "%z = arith.mulf",
    ),
]
# Notes at ops of a body; others are at the op whose body it is.
IN_BODIES = {"%d = arith.subf", "%y = math.exp", "%y = math.exp2"}


def expect(part, reason):
    """The part with a remark expected at the sum of exponentials in it, or at the
    softmax that it is."""

    def marked(p, *values):
        before = len(p.lines)
        value = part(p, *values)
        index = max(
            n
            for n in range(before, len(p.lines))
            if '"reduction"' in p.lines[n] or "linalg.softmax" in p.lines[n]
        )
        remark = f"  // expected-remark @below {{{{{PREFIX}{reason}}}}}\n"
        p.lines[index] = remark + p.lines[index]
        return value

    return marked


def expect_note(text, seen):
    lines = text.split("\n")
    index = max(n for n, line in enumerate(lines) if seen in line)
    while seen not in IN_BODIES and lines[index].startswith("    "):
        index -= 1
        while "linalg.generic" not in lines[index]:
            index -= 1
    lines.insert(index, "// expected-note @below {{seen here}}")
    return "\n".join(lines)


for name, parts, reason, seen in PROGRAMS:
    which = "quotient" if name.startswith("named_") else "total"
    marked = expect(parts.get(which, total), reason)
    text = Program(name, **{**parts, which: marked}).text()
    print(expect_note(text, seen) if seen else text)
    print("// -----\n")
