# RUN: %python %s mfa-opt mfa-run %S/Inputs %t 24 7
"""Random programs of attention compute the same raised and as they are.

Written are layouts (merged or separate batch and heads, BHSD or BSHD), grouped heads by
a copy or by two dimensions, operand orders, types, ways to divide the work into ops,
the place of the scale, masks, rules and functions of the score. All are raised.

random-raised.py MFA_OPT MFA_RUN INPUTS SCRATCH COUNT SEED
"""

import math
import os
import random
import struct
import subprocess
import sys

mfa_opt, mfa_run, inputs, scratch, count, seed = sys.argv[1:]
os.makedirs(scratch, exist_ok=True)

FILES = {"f32": ("<f4", "<f"), "f16": ("<f2", "<e"), "i1": ("|b1", "<?")}
TOLERANCES = {"f32": 5e-6, "f16": 8e-3}


def write(path, shape, values, element):
    name, code = FILES[element]
    text = f"{{'descr': '{name}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    text += " " * (63 - (len(text) + 10) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode())
        for value in values:
            file.write(struct.pack(code, value))


class Array:
    """A value and what its dimensions are: letters of b h g q k d e, or 1."""

    def __init__(self, name, dims, element):
        self.name, self.dims, self.element = name, dims, element


class Program:
    """Ops on arrays with named dimensions. A dimension may be several letters: they
    are merged."""

    def __init__(self, rng, sizes, dynamic):
        self.rng, self.sizes, self.dynamic = rng, sizes, dynamic
        self.lines, self.arguments, self.count = [], [], 0

    def size(self, dim):
        return math.prod(self.sizes[letter] for letter in dim if letter != "1")

    def type(self, dims, element):
        sizes = "".join(f"{self.size(dim)}x" for dim in dims)
        return f"tensor<{sizes}{element}>"

    def add(self, text, dims=None, element=None):
        self.count += 1
        self.lines.append(f"  %{self.count} = {text}")
        return Array(f"%{self.count}", dims, element)

    def argument(self, dims, element):
        array = Array(f"%a{len(self.arguments)}", dims, element)
        self.arguments.append(array)
        return array

    def constant(self, number, element):
        return self.add(f"arith.constant {number} : {element}", (), element).name

    def generic(self, body, arrays, dims, element, reduced=(), start=None, outer=None):
        """`body` has operands %x0, %x1... and %o, and makes %y."""
        loops = list(dims) + list(reduced)
        loops = [loop for loop in loops if loop != "1"]
        self.rng.shuffle(loops)

        def map(dims):
            results = ", ".join(
                "0" if dim == "1" else f"d{loops.index(dim)}" for dim in dims
            )
            source = ", ".join(f"d{n}" for n in range(len(loops)))
            return f"affine_map<({source}) -> ({results})>"

        type = self.type(dims, element)
        init = self.add(f"tensor.empty() : {type}").name
        if start is not None:
            value = self.constant(start, element)
            init = self.add(
                f"linalg.fill ins({value} : {element}) outs({init} : {type}) -> {type}"
            ).name
        maps = ", ".join(map(array.dims) for array in arrays) + (
            ", " if arrays else ""
        )
        kinds = ", ".join(
            '"reduction"' if loop in reduced else '"parallel"' for loop in loops
        )
        ins = ""
        if arrays:
            ins = "ins(" + ", ".join(array.name for array in arrays) + " : "
            ins += ", ".join(self.type(a.dims, a.element) for a in arrays) + ") "
        arguments = "".join(f"%x{n}: {a.element}, " for n, a in enumerate(arrays))
        for loop in "bhgqk":
            if f"%i{loop}" in body:
                body = f"%i{loop} = linalg.index {loops.index(loop)} : index\n" + body
        return self.add(
            f"linalg.generic {{indexing_maps = [{maps}{map(dims)}], "
            f"iterator_types = [{kinds}]}} {ins}outs({init} : {type}) {{\n"
            f"  ^bb0({arguments}%o: {element}):\n{body}\n"
            f"    linalg.yield %y : {element}\n  }} -> {type}",
            tuple(dims),
            element,
        )

    def softmax(self, array, dim):
        type = self.type(array.dims, array.element)
        empty = self.add(f"tensor.empty() : {type}").name
        return self.add(
            f"linalg.softmax dimension({array.dims.index(dim)}) "
            f"ins({array.name} : {type}) outs({empty} : {type}) -> {type}",
            array.dims,
            array.element,
        )

    def reshape(self, array, dims):
        """The same digits, merged in another way."""
        if tuple(dims) == array.dims:
            return array
        flat = [letter for dim in array.dims for letter in dim if letter != "1"]
        source, element = self.type(array.dims, array.element), array.element
        # To all digits, then to groups of them.
        groups, count = [], 0
        for dim in array.dims:
            letters = [letter for letter in dim if letter != "1"] or ["1"]
            groups.append(list(range(count, count + len(letters))))
            count += len(letters)
        digits = [x for dim in array.dims for x in (dim if dim != "1" else "1")]
        if len(digits) != len(array.dims):
            shape = ", ".join(str(self.size(digit)) for digit in digits)
            type = self.type(digits, element)
            array = self.add(
                f"tensor.expand_shape {array.name} {groups} output_shape [{shape}] : "
                f"{source} into {type}",
                tuple(digits),
                element,
            )
        if tuple(dims) == array.dims:
            return array
        assert [x for dim in dims for x in dim] == digits, (dims, digits, flat)
        groups, count = [], 0
        for dim in dims:
            groups.append(list(range(count, count + len(dim))))
            count += len(dim)
        return self.add(
            f"tensor.collapse_shape {array.name} {groups} : "
            f"{self.type(array.dims, element)} into {self.type(dims, element)}",
            tuple(dims),
            element,
        )

    def transpose(self, array, dims):
        if tuple(dims) == array.dims:
            return array
        if self.rng.random() < 0.5:
            return self.copy(array, dims)
        permutation = [array.dims.index(dim) for dim in dims]
        type = self.type(dims, array.element)
        empty = self.add(f"tensor.empty() : {type}").name
        return self.add(
            f"linalg.transpose ins({array.name} : "
            f"{self.type(array.dims, array.element)}) outs({empty} : {type}) "
            f"permutation = {permutation}",
            tuple(dims),
            array.element,
        )

    def copy(self, array, dims):
        copied = self.generic("COPY", [array], dims, array.element)
        text = self.lines[-1].replace("COPY\n", "").replace("yield %y", "yield %x0")
        self.lines[-1] = text
        return copied

    def unary(self, body, array):
        return self.generic(f"    {body}", [array], array.dims, array.element)

    def scaled(self, array, factor):
        if factor == 1:
            return array
        element = array.element
        if self.rng.random() < 0.5:
            value = self.constant(repr(float(factor)), element)
            return self.unary(f"%y = arith.mulf %x0, {value} : {element}", array)
        value = self.constant(repr(1 / factor), element)
        return self.unary(f"%y = arith.divf %x0, {value} : {element}", array)

    def cast(self, array, element):
        if array.element == element:
            return array
        op = "extf" if element == "f32" else "truncf"
        body = f"    %y = arith.{op} %x0 : {array.element} to {element}"
        return self.generic(body, [array], array.dims, element)


def exponentials(p, rng, scores, rows, score_dims):
    """Those of a softmax over the keys, and their sum."""
    keepdim = rows + (["1"] if rng.random() < 0.5 else [])
    order = rng.choice(["%x0, %o", "%o, %x0"])
    top = p.generic(
        f"    %y = arith.maximumf {order} : f32",
        [scores], keepdim, "f32", ["k"], "0xFF800000",
    )
    if rng.random() < 0.5:
        body = "    %d = arith.subf %x0, %x1 : f32\n    %y = math.exp %d : f32"
        weights = p.generic(body, [scores, top], score_dims, "f32")
    else:
        body = "    %y = arith.subf %x0, %x1 : f32"
        weights = p.generic(body, [scores, top], score_dims, "f32")
        weights = p.unary("%y = math.exp %x0 : f32", weights)
    total = p.generic(
        f"    %y = arith.addf {order} : f32", [weights], keepdim, "f32", ["k"], "0.0"
    )
    return weights, total


def make(rng):
    sizes = dict(
        b=rng.choice([1, 2, 3]),
        h=rng.choice([1, 2, 3]),
        g=rng.choice([1, 1, 2]),
        q=rng.choice([1, 4, 6]),
        k=rng.choice([3, 6, 9]),
        d=rng.choice([8, 16]),
        e=rng.choice([8, 16, 24]),
    )
    # Sizes that are equal hide mistakes.
    if sizes["q"] == sizes["k"] and rng.random() < 0.5:
        sizes["k"] += 1
    p = Program(rng, sizes, False)
    element = rng.choice(["f32", "f32", "f16"])
    merged = rng.random() < 0.4
    group = sizes["g"] != 1

    def storage(*dims):
        order = rng.choice(
            [("b", "h", "s", "x"), ("b", "s", "h", "x")]
        )
        table = dict(zip("bhsx", dims))
        return tuple(table[o] for o in order)

    heads = "hg" if group else "h"
    query = p.argument(storage("b", heads, "q", "d"), element)
    key = p.argument(storage("b", "h", "k", "d"), element)
    value = p.argument(storage("b", "h", "k", "e"), element)

    # f32 arithmetic of 16 bits, in front of the products or in their bodies.
    extended = element != "f32"
    if extended:
        query, key, value = (p.cast(a, "f32") for a in (query, key, value))

    # All digits apart; heads repeated or not.
    def apart(array, letters):
        array = p.reshape(
            array, [x for dim in array.dims for x in dim]
        )
        order = list(letters)
        rng.shuffle(order) if rng.random() < 0.3 else None
        return p.transpose(array, order) if rng.random() < 0.6 else array

    query = apart(query, "bhgqd" if group else "bhqd")
    key = apart(key, "bhkd")
    value = apart(value, "bhke")
    if group and rng.random() < 0.5:
        key, value = (
            p.copy(a, list("bhg") + [x for x in a.dims if x not in "bh"])
            for a in (key, value)
        )
    scale = rng.choice([1, 0.25, 0.5, 0.125, 1 / math.sqrt(sizes["d"])])
    place = rng.choice(["query", "both", "scores"])
    if place == "query":
        query = p.scaled(query, scale)
    if place == "both":
        query, key = (p.scaled(a, math.sqrt(scale)) for a in (query, key))

    rows = list("bhgq" if group else "bhq")
    score_dims = rows + ["k"]
    rng.shuffle(score_dims) if rng.random() < 0.4 else None

    def product(a, b, dims, reduced):
        pair = [a, b]
        rng.shuffle(pair)
        body = "    %z = arith.mulf %x0, %x1 : f32\n"
        body += "    %y = arith.addf " + rng.choice(["%o, %z", "%z, %o"]) + " : f32"
        return p.generic(body, pair, dims, "f32", reduced, "0.0")

    scores = product(query, key, score_dims, ["d"])
    if place == "scores":
        scores = p.scaled(scores, scale)

    # Masks and rules.
    for _ in range(rng.choice([0, 1, 1, 2])):
        kind = rng.choice(
            "bias padding boolean causal window softcap alibi low".split()
        )
        dims = [d for d in score_dims if d != "g" or rng.random() < 0.7]
        if kind == "bias":
            small = [d if rng.random() < 0.7 else "1" for d in dims]
            bias = p.argument(tuple(small), rng.choice(["f32", "f16"]))
            ext = ""
            name = "%x1"
            if bias.element == "f16":
                ext, name = "    %w = arith.extf %x1 : f16 to f32\n", "%w"
            body = ext + f"    %y = arith.addf %x0, {name} : f32"
            scores = p.generic(body, [scores, bias], score_dims, "f32")
        elif kind in ("padding", "boolean", "low"):
            small = ("b", "k") if kind == "padding" else tuple(
                d if d in "qk" or rng.random() < 0.6 else "1" for d in dims
            )
            mask = p.argument(small, "i1")
            lows = ["0xFF800000", "-3.0e38"]
            number = "-1.0e30" if kind == "low" else rng.choice(lows)
            low = p.constant(number, "f32")
            if rng.random() < 0.5:
                body = f"    %y = arith.select %x1, %x0, {low} : f32"
                scores = p.generic(body, [scores, mask], score_dims, "f32")
            else:
                zero = p.constant("0.0", "f32")
                body = f"    %y = arith.select %x0, {low}, {zero} : f32"
                added = p.generic(body, [mask], small, "f32")
                body = "    %y = arith.addf %x0, %x1 : f32"
                scores = p.generic(body, [scores, added], score_dims, "f32")
        elif kind in ("causal", "window"):
            number = rng.choice(["0xFF800000", "-3.0e38"])
            low = p.constant(number, "f32")
            shift = p.constant(rng.choice([0, 0, 1, -1]), "index")
            predicate = rng.choice(["sle", "slt", "sgt", "sge"])
            body = (
                f"    %s = arith.addi %iq, {shift} : index\n"
                f"    %c = arith.cmpi {predicate}, %ik, %s : index\n"
            )
            if kind == "window":
                width = p.constant(rng.choice([1, 2, 3]), "index")
                body += (
                    "    %t = arith.subi %iq, %ik : index\n"
                    f"    %n = arith.cmpi slt, %t, {width} : index\n"
                    "    %m = arith.andi %c, %n : i1\n"
                )
            truth = "%m" if kind == "window" else "%c"
            chosen = rng.choice([f"%x0, {low}", f"{low}, %x0"])
            body += f"    %y = arith.select {truth}, {chosen} : f32"
            scores = p.generic(body, [scores], score_dims, "f32")
        elif kind == "softcap":
            cap = p.constant("3.0", "f32")
            scores = p.unary(
                f"%r = arith.divf %x0, {cap} : f32\n    %t = math.tanh %r : f32\n"
                f"    %y = arith.mulf %t, {cap} : f32",
                scores,
            )
        elif kind == "alibi":
            slopes = p.argument(("h",), "f32")
            body = (
                "    %t = arith.subi %ik, %iq : index\n"
                "    %u = arith.index_cast %t : index to i64\n"
                "    %w = arith.sitofp %u : i64 to f32\n"
                "    %z = arith.mulf %x1, %w : f32\n    %y = arith.addf %x0, %z : f32"
            )
            scores = p.generic(body, [scores, slopes], score_dims, "f32")

    # The softmax, in whatever shape.
    if merged:
        flat = p.transpose(scores, rows + ["k"])
        scores = p.reshape(flat, ["bhg" if group else "bh", "q", "k"])
        rows = list(scores.dims[:-1])
        score_dims = list(scores.dims)
    form = rng.choice(["divide", "invert", "fused", "named"])
    if form == "named":
        weights = p.softmax(scores, "k")
    else:
        weights, total = exponentials(p, rng, scores, rows, score_dims)
    if form == "divide":
        body = "    %y = arith.divf %x0, %x1 : f32"
        weights = p.generic(body, [weights, total], score_dims, "f32")
    elif form == "invert":
        one = p.constant("1.0", "f32")
        inverse = p.unary(f"%y = arith.divf {one}, %x0 : f32", total)
        body = "    %y = arith.mulf %x0, %x1 : f32"
        weights = p.generic(body, [weights, inverse], score_dims, "f32")

    if merged:
        digits = [x for dim in weights.dims for x in dim]
        if form != "fused":
            weights = p.reshape(weights, digits)
            rows = [x for dim in rows for x in dim]
        else:
            # Merge the value's batch and heads as well.
            letters = "bhg" if group else "bh"
            full = value
            if group and "g" not in value.dims:
                full = p.copy(value, list("bhgke"))
            full = p.transpose(full, list(letters) + ["k", "e"])
            value = p.reshape(full, [letters, "k", "e"])
    out_dims = rows + ["e"]
    rng.shuffle(out_dims) if rng.random() < 0.5 else None
    if form == "fused":
        body = (
            "    %w = arith.divf %x0, %x1 : f32\n    %z = arith.mulf %w, %x2 : f32\n"
            "    %y = arith.addf %o, %z : f32"
        )
        result = p.generic(body, [weights, total, value], out_dims, "f32", ["k"], "0.0")
    else:
        result = product(weights, value, out_dims, ["k"])
    if extended:
        result = p.cast(result, element)
    return p, result, element


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
    return result.stdout


for number in range(int(count)):
    rng = random.Random(f"{seed}.{number}")
    p, result, element = make(rng)
    type = p.type(result.dims, result.element)
    arguments = ", ".join(f"{a.name}: {p.type(a.dims, a.element)}" for a in p.arguments)
    text = "\n".join(p.lines)
    path = os.path.join(scratch, f"{number}.mlir")
    with open(path, "w") as file:
        file.write(
            f"func.func @main({arguments}) -> {type} {{\n{text}\n"
            f"  return {result.name} : {type}\n}}\n"
        )
    raised = os.path.join(scratch, f"{number}-raised.mlir")
    run(mfa_opt, "--mfa-raise-attention", path, "-o", raised)
    with open(raised) as file:
        if "mfa.masked_attention" not in file.read():
            report = subprocess.run(
                [mfa_opt, "--mfa-raise-report", path, "-o", os.devnull],
                capture_output=True,
                text=True,
            )
            # Where a rule is never true, nothing is left of the scores.
            if "the scores are not computed from a product" in report.stderr:
                continue
            sys.exit(f"expected {path} to be raised\n{report.stderr}")
    files = []
    for n, a in enumerate(p.arguments):
        shape = [p.size(dim) for dim in a.dims]
        size = math.prod(shape)
        if a.element == "i1":
            values = [rng.random() < 0.6 for _ in range(size)]
        else:
            values = [rng.gauss(0, 1) for _ in range(size)]
        files += ["--arg", os.path.join(scratch, f"{number}.arg{n}.npy")]
        write(files[-1], shape, values, a.element)
    outputs = []
    for program in (path, raised):
        outputs.append(program + ".npy")
        run(mfa_run, program, "--entry", "main", "--target", "cpu", *files,
            "--out", outputs[-1])
    compare = os.path.join(inputs, "compare.py")
    tolerance = str(TOLERANCES[element])
    check = subprocess.run(
        [sys.executable, compare, outputs[1], outputs[0], tolerance],
        capture_output=True,
        text=True,
    )
    if check.returncode:
        sys.exit(f"{path} differs from {raised}\n{check.stdout}{check.stderr}")
