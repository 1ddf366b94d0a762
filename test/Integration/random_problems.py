"""Prints a table of random problems for `mfa-run --problems`.

The same seed gives the same table. A line names the seed and its position, so
that a failure can be repeated from what mfa-run prints about it.
"""

import argparse
import random

ROW_SIZES = [8, 16, 24, 32, 40, 48, 64, 72, 80, 96, 112, 128]
TYPES = ["f16", "bf16", "f32"]
FILLS = ["random", "zero", "causal", "padding", "row-masked", "first-tile-masked",
         "all-masked", "-1e4", "finfo-min", "mixed-inf", "-1e9", "1e38", "steep"]
# Of types that have not the fill's number.
UNFIT = {"i1": ("-1e4", "finfo-min", "-1e9", "1e38"), "f16": ("-1e9", "1e38")}
# Products stay in the range of f32, so that no order of a sum leaves it.
EXTREMES = ["--inf query", "--inf key", "--inf value", "--value-factor 1e4",
            "--value-factor 1e-6"]
WIDE_EXTREMES = ["--value-factor 9e37", "--value-factor 1e-30",
                 "--query-factor 1e36 --key-factor 0.1",
                 "--query-factor 1e18 --key-factor 1e18",
                 "--query-factor 1e-30 --key-factor 1e-8"]


def pick_length(rng):
    """Short lengths, with those around a tile's size more often than others."""
    return rng.choice([1, rng.randint(1, 40), rng.randint(41, 200),
                       rng.choice([16, 64, 128]) + rng.randint(-1, 1)])


def mask_options(rng, sizes, dtype):
    mask_dtype = rng.choice(TYPES + ["i1"])
    rank4 = rng.random() < 0.5
    batch, heads, rows, keys = (size if rng.random() < 0.7 else 1 for size in sizes)
    shape = [batch, heads, rows, keys] if rank4 else [batch, rows, keys]
    options = ["--mask", "dense", "--mask-dtype", mask_dtype,
               "--mask-shape", ",".join(map(str, shape))]
    fills = [fill for fill in FILLS if fill not in UNFIT.get(mask_dtype, ())]
    options += ["--mask-fill", rng.choice(fills)]
    if mask_dtype == "i1" and rng.random() < 0.5:
        options += ["--mask-true", rng.choice(["any", 2, 255])]
    return options


def rule_options(rng, rows, keys):
    """Regions and sinks, at least one of them."""
    def number():
        return rng.choice([0, 1, rng.randint(0, 70), rng.randint(0, rows + keys)])

    terms = ["causal", "causal-end", f"window:{number()}", f"prefix:{number()}",
             f"documents:{1 + number()}", f"dilated:{1 + number()}", "lengths",
             f"window-by-head:{number()}", f"blocks:{1 + number()}",
             f"neighbours:{1 + number()}"]
    scores = [f"softcap:{rng.choice([0.5, 5, 30])}", "alibi", "relative-bias"]
    options = []
    if rng.random() < 0.5:
        options += ["--keep", f"random:{rng.randint(0, 10**6)}"]
    elif rng.random() < 0.8:
        options += ["--keep", "+".join(rng.sample(terms, rng.randint(1, 3)))]
    if rng.random() < 0.4 or not options:
        options += ["--score", "+".join(rng.sample(scores, rng.randint(1, 2)))]
    if rng.random() < 0.3:
        options += ["--sinks"]
    return options


def problem(rng, name, has_rules, has_few_queries):
    dtype = rng.choice(TYPES)
    batch = rng.randint(1, 2)
    kv_heads = rng.randint(1, 2)
    heads = kv_heads * rng.randint(1, 3)
    rows, keys = pick_length(rng), pick_length(rng)
    head_dims = ROW_SIZES
    if has_few_queries:
        heads = kv_heads * rng.choice([1, 2, 5, 8, 12])
        rows = rng.choice([1, 1, rng.randint(2, 9)])
        keys = rng.randint(1, 5) * rng.choice([192, 384, 768]) + rng.randint(-1, 1)
        head_dims = ROW_SIZES + [160, 192, 256]
    elif rng.random() < 0.15:
        # Few enough queries and many enough keys for several blocks to share.
        rows, keys = rng.choice([1, 1, rng.randint(2, 64)]), rng.randint(512, 1200)
    options = ["--name", name, "--dtype", dtype, "--batch", batch, "--seq-q", rows,
               "--seq-k", keys, "--heads", heads, "--kv-heads", kv_heads,
               "--head-dim", rng.choice(head_dims), "--seed", rng.randint(0, 999)]
    if rng.random() < 0.25:
        options += ["--v-head-dim", rng.choice(head_dims)]
    if rng.random() < 0.6:
        options += mask_options(rng, (batch, heads, rows, keys), dtype)
    if rng.random() < 0.3:
        options += ["--layout", rng.choice(["bhsd", "broadcast-batch", "padded-rows"])]
    if rng.random() < 0.3:
        options += ["--offset", rng.choice([1, 2, 4, 8])]
    if rng.random() < 0.3:
        options += ["--scale", rng.choice([0.05, 0.25, 1.0])]
    options += [flag for flag in ("--lse", "--dynamic") if rng.random() < 0.3]
    if has_rules:
        options += rule_options(rng, rows, keys)
    if not has_rules and rng.random() < 0.15:
        extreme = rng.choice(EXTREMES + (WIDE_EXTREMES if dtype != "f16" else []))
        # 0 times an infinity is NaN, and which weights are 0 is left open where
        # they are too small for f32.
        if extreme != "--inf value" or not {"--scale", "steep"} & set(options):
            options.append(extreme)
    return " ".join(map(str, options))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--rules", action="store_true",
                        help="give every problem regions or sinks")
    parser.add_argument("--few-queries", action="store_true",
                        help="give every problem few queries, of many heads for one "
                        "of the keys, and keys for several threads to share")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    for index in range(arguments.count):
        print(problem(rng, f"random-{arguments.seed}-{index}", arguments.rules,
                      arguments.few_queries))


if __name__ == "__main__":
    main()
