"""Compares mfa-analyze-key-tiles with an enumeration of all pairs.

Makes rules, random ones and common ones, lets mfa-opt read --count of them, and
evaluates the sets that it prints for each tile of small problems:

  - a tile with a pair that is kept is visited, and one with a pair that is dropped
    is tested, for every rule;
  - no other tile is, for the common rules.

A random rule is a tree of and, or, xor, not and select over comparisons of affine
terms with quotients, remainders, min, max and select, of captured numbers, and of
elements of a captured array.
"""

import argparse
import itertools
import random
import re
import subprocess
import sys


class Rule:
    """Lines of a region, and the same as a function of a position."""

    def __init__(self, rng):
        self.rng, self.lines = rng, []

    def op(self, text):
        name = f"%v{len(self.lines)}"
        self.lines.append(f"    {name} = {text}")
        return name

    def constant(self, value):
        return self.op(f"arith.constant {value} : index")

    def finish(self, value, function):
        self.lines.append(f"    mfa.yield {value} : i1")
        self.function = function
        return self


def trunc_div(a, b):
    return a // b if a >= 0 else -(-a // b)


BY_CONSTANT = {
    "muli": lambda x, c: x * c,
    "floordivsi": lambda x, c: x // c,
    "ceildivsi": lambda x, c: -(-x // c),
    "divsi": trunc_div,
    "remsi": lambda x, c: x - c * trunc_div(x, c),
}
BINARY = {
    "addi": lambda x, y: x + y,
    "subi": lambda x, y: x - y,
    "maxsi": max,
    "minsi": min,
}
COMPARISONS = {
    "eq": lambda x, y: x == y,
    "ne": lambda x, y: x != y,
    "slt": lambda x, y: x < y,
    "sle": lambda x, y: x <= y,
    "sgt": lambda x, y: x > y,
    "sge": lambda x, y: x >= y,
}
LOGIC = {
    "andi": lambda x, y: x and y,
    "ori": lambda x, y: x or y,
    "xori": lambda x, y: x != y,
}


def random_integer(rule, depth):
    rng = rule.rng
    if depth == 0 or rng.random() < 0.45:
        name = rng.choice(["q", "k", "q", "k", "b", "h", "w", "constant"])
        if name != "constant":
            return f"%{name}", lambda at: at[name]
        value = rng.randint(-20, 40)
        return rule.constant(value), lambda at: value
    a, of_a = random_integer(rule, depth - 1)
    kind = rng.choice([*BY_CONSTANT, *BINARY, "subi", "select"])
    if kind in BY_CONSTANT:
        factor = rng.choice([-2, -1, 2, 3] if kind == "muli" else [2, 3, 4, 5, 8, 16])
        function = BY_CONSTANT[kind]
        result = rule.op(f"arith.{kind} {a}, {rule.constant(factor)} : index")
        return result, lambda at: function(of_a(at), factor)
    b, of_b = random_integer(rule, depth - 1)
    if kind == "select":
        c, of_c = random_truth(rule, 0)
        result = rule.op(f"arith.select {c}, {a}, {b} : index")
        return result, lambda at: of_a(at) if of_c(at) else of_b(at)
    function = BINARY[kind]
    result = rule.op(f"arith.{kind} {a}, {b} : index")
    return result, lambda at: function(of_a(at), of_b(at))


def random_truth(rule, depth):
    rng = rule.rng
    if depth == 0 or rng.random() < 0.3:
        if rng.random() < 0.1:
            names = [rng.choice("qk"), rng.choice("qk")]
            x, y = (rule.op(f"tensor.extract %ids[%{n}] : tensor<?xi32>") for n in names)
            result = rule.op(f"arith.cmpi eq, {x}, {y} : i32")
            return result, lambda at: at["ids"][at[names[0]]] == at["ids"][at[names[1]]]
        a, of_a = random_integer(rule, rng.choice([1, 1, 2]))
        b, of_b = random_integer(rule, rng.choice([0, 1, 1]))
        kind = rng.choice(list(COMPARISONS))
        function = COMPARISONS[kind]
        result = rule.op(f"arith.cmpi {kind}, {a}, {b} : index")
        return result, lambda at: function(of_a(at), of_b(at))
    a, of_a = random_truth(rule, depth - 1)
    kind = rng.choice([*LOGIC, "andi", "ori", "not", "select"])
    if kind == "not":
        result = rule.op(f"arith.xori {a}, {rule.op('arith.constant true')} : i1")
        return result, lambda at: not of_a(at)
    b, of_b = random_truth(rule, depth - 1)
    if kind == "select":
        c, of_c = random_truth(rule, depth - 1)
        result = rule.op(f"arith.select {c}, {a}, {b} : i1")
        return result, lambda at: of_a(at) if of_c(at) else of_b(at)
    function = LOGIC[kind]
    result = rule.op(f"arith.{kind} {a}, {b} : i1")
    return result, lambda at: function(of_a(at), of_b(at))


def random_rule(rng):
    rule = Rule(rng)
    return rule.finish(*random_truth(rule, rng.choice([1, 2, 2, 3])))


# The common rules, with an offset `o` of the queries, a number `n`, and what of it
# is known at run time only, `w`. %w stands for w.
COMMON = {
    "causal": (
        """
    %o = arith.constant OFFSET : index
    %last = arith.addi %q, %o : index
    %c = arith.cmpi sle, %k, %last : index
    mfa.yield %c : i1""",
        lambda at, o, n: at["k"] <= at["q"] + o,
    ),
    "causal with a captured offset": (
        """
    %last = arith.addi %q, %w : index
    %c = arith.cmpi sle, %k, %last : index
    mfa.yield %c : i1""",
        lambda at, o, n: at["k"] <= at["q"] + at["w"],
    ),
    "window": (
        """
    %o = arith.constant OFFSET : index
    %p = arith.addi %q, %o : index
    %d = arith.subi %p, %k : index
    %n = arith.constant NUMBER : index
    %a = arith.cmpi slt, %d, %n : index
    %c0 = arith.constant 0 : index
    %b0 = arith.cmpi sge, %d, %c0 : index
    %c = arith.andi %a, %b0 : i1
    mfa.yield %c : i1""",
        lambda at, o, n: 0 <= at["q"] + o - at["k"] < n,
    ),
    "captured window": (
        """
    %d = arith.subi %q, %k : index
    %a = arith.cmpi slt, %d, %w : index
    %b0 = arith.cmpi sle, %k, %q : index
    %c = arith.andi %a, %b0 : i1
    mfa.yield %c : i1""",
        lambda at, o, n: 0 <= at["q"] - at["k"] < at["w"],
    ),
    "prefix": (
        """
    %o = arith.constant OFFSET : index
    %p = arith.addi %q, %o : index
    %a = arith.cmpi sle, %k, %p : index
    %b0 = arith.cmpi slt, %k, %w : index
    %c = arith.ori %a, %b0 : i1
    mfa.yield %c : i1""",
        lambda at, o, n: at["k"] <= at["q"] + o or at["k"] < at["w"],
    ),
    "padding": (
        """
    %c = arith.cmpi slt, %k, %w : index
    mfa.yield %c : i1""",
        lambda at, o, n: at["k"] < at["w"],
    ),
    "dilated blocks": (
        """
    %n = arith.constant NUMBER : index
    %c8 = arith.constant 8 : index
    %c0 = arith.constant 0 : index
    %bq = arith.divui %q, %c8 : index
    %bk = arith.divui %k, %c8 : index
    %d = arith.subi %bq, %bk : index
    %r = arith.remsi %d, %n : index
    %c = arith.cmpi eq, %r, %c0 : index
    mfa.yield %c : i1""",
        lambda at, o, n: (at["q"] // 8 - at["k"] // 8) % n == 0,
    ),
}


def common_rules():
    for name, (text, function) in COMMON.items():
        for offset, number in itertools.product((0, 5, -3, 40), (2, 3, 20)):
            rule = Rule(None)
            text_of = text.replace("OFFSET", str(offset))
            rule.lines = text_of.replace("NUMBER", str(number)).split("\n")[1:]
            rule.function = lambda at, f=function, o=offset, n=number: f(at, o, n)
            rule.name = f"{name}, offset {offset}, number {number}"
            yield rule


HEAD = """func.func @f{number}(%x: tensor<?x?x?x64xf16>, %ids: tensor<?xi32>, %w: index)
    -> tensor<?x?x?x64xf16> {{
  %o = mfa.masked_attention
    ins(%x, %x, %x : tensor<?x?x?x64xf16>, tensor<?x?x?x64xf16>, tensor<?x?x?x64xf16>)
    captures(%ids, %w : tensor<?xi32>, index)
    outs(%x : tensor<?x?x?x64xf16>)
  keep {{
  ^bb0(%b: index, %h: index, %q: index, %k: index, %ids_: tensor<?xi32>, %w_: index):
"""
TAIL = """
  }} -> tensor<?x?x?x64xf16>
  return %o : tensor<?x?x?x64xf16>
}}
"""


def to_program(rules):
    text = ""
    for number, rule in enumerate(rules):
        body = "\n".join(rule.lines)
        body = re.sub(r"%(w|ids)\b", r"%\1_", body)
        text += HEAD.format(number=number) + body + TAIL.format()
    return text


def parse_sets(text, aliases):
    """The sets of one union, as functions of tile, lengths and captured number."""
    sets = []
    for name in re.findall(r"#set\d*|affine_set<.*?>(?=[,\]])", text):
        body = aliases.get(name, name)
        match = re.match(r"affine_set<\((.*?)\)\[(.*?)\] : \((.*)\)>", body)
        dims, symbols, constraints = match.groups()
        constraints = constraints.replace("floordiv", "//").replace("mod", "%")
        condition = " and ".join(f"({c})" for c in constraints.split(", "))
        sets.append(eval(f"lambda {dims}, {symbols}: {condition}"))
    return sets


def analyze(tool, rules, rows, keys):
    """(visit, test) of each rule."""
    run = subprocess.run(
        [tool, f"--mfa-analyze-key-tiles=rows={rows} keys={keys}"],
        input=to_program(rules),
        capture_output=True,
        text=True,
    )
    if run.returncode:
        sys.exit(run.stderr)
    aliases = dict(re.findall(r"^(#set\d*) = (.*)$", run.stdout, re.MULTILINE))
    aliases.update(re.findall(r"^(#key_tiles\d*) = (.*)$", run.stdout, re.MULTILINE))
    results = []
    for line in re.findall(r"mfa\.key_tiles = (.*?)\} ins", run.stdout):
        line = aliases.get(line, line)
        visit, test = re.search(r"visit = \[(.*)\], test = \[(.*)\]>", line).groups()
        has_symbol = "symbols" in line
        unions = parse_sets(visit, aliases), parse_sets(test, aliases)
        results.append((has_symbol, unions))
    return results


def check(name, rule, result, rows, keys, rng, exact):
    """Tiles that were enumerated, and those that need not have been visited or
    tested; ends the program where one was skipped or called free that may not."""
    has_symbol, (visit, test) = result
    seq_q = rng.choice([1, rows - 1, rows, 2 * rows + 3, 3 * rows])
    seq_k = rng.choice([1, keys - 1, keys, 2 * keys + 1, 4 * keys])
    at = {"b": rng.randint(0, 1), "h": rng.randint(0, 2), "w": rng.randint(-5, 30)}
    at["ids"] = sorted(rng.randint(0, 4) for _ in range(max(seq_q, seq_k)))
    symbols = (at["w"],) if has_symbol else ()
    counts = [0, 0, 0]
    for t, j in itertools.product(range(-(-seq_q // rows)), range(-(-seq_k // keys))):
        kept = [
            rule.function({**at, "q": q, "k": k})
            for q in range(t * rows, min(seq_q, (t + 1) * rows))
            for k in range(j * keys, min(seq_k, (j + 1) * keys))
        ]
        place = at["b"], at["h"], t, j, seq_q, seq_k, *symbols
        is_visited, is_tested = (any(f(*place) for f in sets) for sets in (visit, test))
        wrong = any(kept) > is_visited or (not all(kept)) > is_tested
        loose = exact and (is_visited > any(kept) or is_tested > (not all(kept)))
        if wrong or loose:
            print(
                f"{'WRONG' if wrong else 'NOT EXACT'}: {name}, Sq {seq_q}, Sk {seq_k}, "
                f"w {at['w']}, row tile {t}, key tile {j}: "
                f"visited {is_visited}, tested {is_tested}",
                *rule.lines,
                sep="\n",
            )
            sys.exit(1)
        counts[0] += 1
        counts[1] += is_visited > any(kept)
        counts[2] += is_tested > (not all(kept))
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mfa_opt", help="the mfa-opt to ask")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2000)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    total = [0, 0, 0]
    shapes = [(8, 8), (16, 8), (8, 24), (12, 10)]
    for rows, keys in shapes:
        rules = [random_rule(rng) for _ in range(options.count // len(shapes))]
        for number, result in enumerate(analyze(options.mfa_opt, rules, rows, keys)):
            name = f"rule {number} of tiles {rows} x {keys}"
            counts = check(name, rules[number], result, rows, keys, rng, exact=False)
            total = [a + b for a, b in zip(total, counts)]
    print(f"{options.count} random rules, {total[0]} tiles: none skipped or free wrongly")
    print(f"beyond need: {total[1]} visited, {total[2]} tested")

    rules = list(common_rules())
    for rows, keys in shapes:
        for rule, result in zip(rules, analyze(options.mfa_opt, rules, rows, keys)):
            for _ in range(4):
                # Blocks of 8 are told apart by tiles that they fill.
                exact = "dilated" not in rule.name or (rows, keys) == (8, 8)
                check(rule.name, rule, result, rows, keys, rng, exact)
    print(f"{len(rules)} common rules: exact")


if __name__ == "__main__":
    main()
