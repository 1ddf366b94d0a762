"""Attention in linalg, written out op by op, with parts that can be exchanged.

A program is a function of a query [4, 6, 16], a key [4, 10, 16] and a value
[4, 10, 16] of f32, and of what else a part asks for:

    scores = Q K^T; scaled = 0.25 scores; m = max; e = exp(scaled - m); l = sum e
    weights = e / l; result = weights V

`Program(name, part=function)` exchanges parts; a part returns the name of the value
that it made.
"""

B, Q, K, D = 4, 6, 10, 16

ID3 = "(d0, d1, d2) -> (d0, d1, d2)"
ROW = "(d0, d1, d2) -> (d0, d1, 0)"
ROWS = "(d0, d1, d2) -> (d0, d1)"


def shape(*sizes, of="f32"):
    return "tensor<" + "x".join(map(str, sizes)) + f"x{of}>"


SCORES = shape(B, Q, K)


class Program:
    def __init__(self, name, **parts):
        self.name = name
        self.parts = parts
        self.lines = []
        self.count = 0
        self.arguments = [
            ("%q", shape(B, Q, D)),
            ("%k", shape(B, K, D)),
            ("%v", shape(B, K, D)),
        ]
        self.results = []

    # Ops.

    def add(self, text):
        self.count += 1
        self.lines.append(f"  %{self.count} = {text}")
        return f"%{self.count}"

    def argument(self, type):
        name = f"%a{len(self.arguments)}"
        self.arguments.append((name, type))
        return name

    def constant(self, text):
        return self.add(f"arith.constant {text}")

    def filled(self, number, type):
        element = type[:-1].split("x")[-1]
        empty = self.add(f"tensor.empty() : {type}")
        value = self.constant(number if element == "i1" else f"{number} : {element}")
        return self.add(
            f"linalg.fill ins({value} : {element}) outs({empty} : {type}) -> {type}"
        )

    def generic(self, inputs, output, maps, body, loops="ppp", result=None):
        """`inputs`: (value, type); `output`: (value, type); `body`: its ops, whose
        operands are %x0, %x1... and %o, and the last of which is named %y."""
        names = {"p": '"parallel"', "r": '"reduction"'}
        ins = ""
        if inputs:
            values = ", ".join(value for value, _ in inputs)
            types = ", ".join(type for _, type in inputs)
            ins = f"ins({values} : {types}) "
        affine = ", ".join(f"affine_map<{map}>" for map in maps)
        elements = [
            type[:-1].split("x")[-1].removeprefix("tensor<") for _, type in inputs
        ]
        arguments = [f"%x{n}: {element}" for n, element in enumerate(elements)]
        element = output[1][:-1].split("x")[-1]
        arguments.append(f"%o: {element}")
        return self.add(
            f"linalg.generic {{indexing_maps = [{affine}], iterator_types = ["
            + ", ".join(names[loop] for loop in loops)
            + f"]}} {ins}outs({output[0]} : {output[1]}) {{\n"
            + f"  ^bb0({', '.join(arguments)}):\n    {body}\n"
            + f"    linalg.yield %y : {element}\n  }} -> {output[1]}"
        )

    def elementwise(self, body, *inputs, type=SCORES, maps=None):
        empty = self.add(f"tensor.empty() : {type}")
        rank = type.count("x")
        dims = ", ".join(f"d{n}" for n in range(rank))
        identity = f"({dims}) -> ({dims})"
        maps = (maps or [identity] * len(inputs)) + [identity]
        return self.generic(inputs, (empty, type), maps, body, "p" * rank)

    def batch_matmul(self, a, a_type, b, b_type, type, start="0.0"):
        init = self.filled(start, type)
        return self.add(
            f"linalg.batch_matmul ins({a}, {b} : {a_type}, {b_type}) "
            f"outs({init} : {type}) -> {type}"
        )

    # Parts.

    def part(self, name, *values):
        return self.parts.get(name, globals()[name])(self, *values)

    def text(self):
        scores = self.part("product", "%q", "%k")
        scores = self.part("change", self.part("scale", scores))
        self.scores = scores
        maximum = self.part("maximum", scores)
        exponentials = self.part("exponential", scores, maximum)
        self.exponentials = exponentials
        total = self.part("total", exponentials)
        weights = self.part("quotient", exponentials, total)
        weights = self.part("after", weights)
        result = self.part("second", weights, "%v")
        self.results.insert(0, (result, shape(B, Q, D)))
        arguments = ", ".join(f"{name}: {type}" for name, type in self.arguments)
        values = ", ".join(value for value, _ in self.results)
        types = ", ".join(type for _, type in self.results)
        body = "\n".join(self.lines)
        return (
            f"func.func @{self.name}({arguments}) -> ({types}) {{\n{body}\n"
            f"  return {values} : {types}\n}}\n"
        )


def transposed(p, value):
    empty = p.add(f"tensor.empty() : {shape(B, D, K)}")
    return p.add(
        f"linalg.transpose ins({value} : {shape(B, K, D)}) "
        f"outs({empty} : {shape(B, D, K)}) permutation = [0, 2, 1]"
    )


def product(p, q, k):
    return p.batch_matmul(q, shape(B, Q, D), transposed(p, k), shape(B, D, K), SCORES)


def scale(p, scores):
    c = p.constant("0.25 : f32")
    return p.elementwise(f"%y = arith.mulf %x0, {c} : f32", (scores, SCORES))


def change(p, scores):
    return scores


def named_softmax(dimension=2):
    """Parts that are one linalg.softmax."""

    def quotient(p, scores, _):
        empty = p.add(f"tensor.empty() : {SCORES}")
        return p.add(
            f"linalg.softmax dimension({dimension}) ins({scores} : {SCORES}) "
            f"outs({empty} : {SCORES}) -> {SCORES}"
        )

    return dict(
        maximum=lambda p, scores: None,
        exponential=lambda p, scores, _: scores,
        total=lambda p, scores: None,
        quotient=quotient,
    )


def reduce(p, value, body, start, type=SCORES):
    init = p.filled(start, shape(B, Q))
    return p.generic([(value, type)], (init, shape(B, Q)), [ID3, ROWS], body, "ppr")


def maximum(p, scores):
    return reduce(p, scores, "%y = arith.maximumf %x0, %o : f32", "0xFF800000")


def exponential(p, scores, maximum):
    body = "%d = arith.subf %x0, %x1 : f32\n    %y = math.exp %d : f32"
    inputs = [(scores, SCORES), (maximum, shape(B, Q))]
    return p.elementwise(body, *inputs, maps=[ID3, ROWS])


def total(p, exponentials):
    return reduce(p, exponentials, "%y = arith.addf %x0, %o : f32", "0.0")


def quotient(p, exponentials, total):
    inputs = [(exponentials, SCORES), (total, shape(B, Q))]
    body = "%y = arith.divf %x0, %x1 : f32"
    return p.elementwise(body, *inputs, maps=[ID3, ROWS])


def after(p, weights):
    return weights


def second(p, weights, value):
    return p.batch_matmul(weights, SCORES, value, shape(B, K, D), shape(B, Q, D))
