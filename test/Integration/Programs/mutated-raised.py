# RUN: %python %s mfa-opt mfa-run %S/Inputs %t 30 3
"""Programs that differ from attention in one place are left as they are, or compute
the same raised.

Mutated are exporters' programs: another op, comparison, constant or order of operands,
other dimensions in a map. Those that are no programs any more are passed over.

mutated-raised.py MFA_OPT MFA_RUN INPUTS SCRATCH COUNT SEED
"""

import os
import random
import re
import subprocess
import sys

mfa_opt, mfa_run, inputs, scratch, count, seed = sys.argv[1:]
os.makedirs(scratch, exist_ok=True)
programs = os.path.join(inputs, "exported")

FLOAT_OPS = ["addf", "subf", "mulf", "divf", "maximumf", "minimumf", "maxnumf"]
PREDICATES = ["sle", "slt", "sge", "sgt", "eq", "ne"]
NUMBERS = ["0.0", "1.0", "0.5", "-1.0", "2.0"]
# In place of others: as a scale these would make scores as low as masks do.
LOW_NUMBERS = ["-1.0e9", "-3.0e38", "0xFF800000", "-1.0e4", "0.0"]


def swap(rng, items):
    a, b = rng.sample(range(len(items)), 2)
    items[a], items[b] = items[b], items[a]
    return items


def mutate_op(rng, line):
    return re.sub(
        r"arith\.(" + "|".join(FLOAT_OPS) + ")",
        lambda match: "arith." + rng.choice(FLOAT_OPS),
        line,
    )


def mutate_predicate(rng, line):
    return re.sub(
        r"cmpi (\w+)", lambda match: "cmpi " + rng.choice(PREDICATES), line
    )


def mutate_constant(rng, line):
    pattern = r"(arith\.constant (?:dense<)?)(-?[\d.]+e[-+]\d+|0xFF800000)"
    is_low = re.search(r"0xFF800000|-\d.*e\+", line)
    number = rng.choice(LOW_NUMBERS if is_low else NUMBERS)
    return re.sub(pattern, lambda match: match[1] + number, line)


def mutate_integer(rng, line):
    pattern = r"(arith\.constant )(\d+)( : i(?:32|64|ndex))"
    number = rng.choice([0, 1, 2, 3, 5])
    return re.sub(pattern, lambda match: f"{match[1]}{number}{match[3]}", line)


def mutate_operands(rng, line):
    match = re.search(r"(= (?:arith|math)\.\w+(?: \w+,)?) (%\S+, %[^:]+?) :", line)
    if not match or "constant" in line:
        return line
    operands = swap(rng, match[2].split(", "))
    return line.replace(match[2], ", ".join(operands))


def mutate_map(rng, line):
    match = re.search(r"-> \((.+)\)>$", line)
    if not match or "," not in match[1]:
        return line
    return line.replace(
        f"-> ({match[1]})", "-> (" + ", ".join(swap(rng, match[1].split(", "))) + ")"
    )


def mutate_use(rng, line):
    # Another map of the same program, but for the last: a result that is written in
    # part has elements that are undefined.
    return re.sub(
        r"#map(\d*)(?=,)",
        lambda match: f"#map{rng.choice(['', 1, 2, 3, 4])}"
        if rng.random() < 0.4
        else match[0],
        line,
    )


MUTATIONS = [
    mutate_op,
    mutate_predicate,
    mutate_constant,
    mutate_integer,
    mutate_operands,
    mutate_map,
    mutate_use,
]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


names = sorted(
    file[:-5]
    for file in os.listdir(programs)
    if file.endswith(".mlir") and "gqa_bias" not in file and "layer" not in file
)
tried = raised_count = 0
number = 0
while tried < int(count):
    number += 1
    rng = random.Random(f"{seed}.{number}")
    name = rng.choice(names)
    with open(os.path.join(programs, f"{name}.mlir")) as file:
        lines = file.read().split("\n")
    for _ in range(1000):
        place = rng.randrange(len(lines))
        mutated = rng.choice(MUTATIONS)(rng, lines[place])
        if mutated != lines[place]:
            break
    lines[place] = mutated
    path = os.path.join(scratch, "mutated.mlir")
    with open(path, "w") as file:
        file.write("\n".join(lines))
    if run(mfa_opt, path, "-o", os.devnull).returncode:
        continue
    tried += 1
    raised = os.path.join(scratch, "raised.mlir")
    done = run(mfa_opt, "--mfa-raise-attention=shared-weights", path, "-o", raised)
    if done.returncode:
        sys.exit(f"{name}, line {place + 1}: {mutated}\n{done.stderr}")
    with open(raised) as file:
        if "mfa.masked_attention" not in file.read():
            continue
    raised_count += 1
    files = []
    for index in range(4):
        argument = os.path.join(programs, f"{name}.arg{index}.npy")
        if os.path.exists(argument):
            files += ["--arg", argument]
    outputs = []
    for program in (path, raised):
        outputs.append(program + ".npy")
        outs = ["--out", outputs[-1]]
        if "weights_used" in name:
            outs += ["--out", os.path.join(scratch, "weights.npy")]
        done = run(
            mfa_run, program, "--entry", "main", "--target", "cpu", *files, *outs
        )
        if done.returncode and program == path:
            break  # Sizes do not agree, as a check at run time says.
        if done.returncode:
            sys.exit(f"{name}, line {place + 1}: {mutated}\n{done.stderr}")
    if done.returncode:
        continue
    tolerance = "2e-2" if "bf16" in name else "8e-3" if "f16" in name else "1e-3"
    compare = os.path.join(inputs, "compare.py")
    check = run(sys.executable, compare, outputs[1], outputs[0], tolerance)
    if check.returncode:
        sys.exit(
            f"{name}, line {place + 1}, seed {seed}.{number}: {mutated}\n"
            f"{check.stdout}{check.stderr}"
        )
print(f"{tried} programs, {raised_count} raised")
