"""Assembles the kernels of many problems for one chip.

assemble.py MFA_RUN MFA_OPT PTXAS CHIP [rules]

Each kernel must assemble, and without spilling a register where D and Dv are at
most 128; one of kind wgmma never, and without a warning of ptxas that products
wait for each other (C7510, C7514, C7515) or that setmaxnreg is ignored (C7508). Prints a
line for each and exits 1 if one fails. `rules` stands for kernels of rules and scores
alone.
"""

import re
import subprocess
import sys

# See the same in benchmarks/attention_benchmark/schedules.py.
SERIALISED = r"C75(?:08|10|14|15)"

# So few that a multiprocessor has all of its threads.
FEW_REGISTERS = 32

# Element type, D, Dv, mask type (none without a mask), mask sizes, log-sum-exp,
# and where they are not 1024 and 2: queries, and query heads to one key head.
KERNELS = [
    ("bf16", 64, 64, "bf16", None, False),
    ("f16", 64, 64, None, None, True),
    ("bf16", 96, 96, "i1", None, False),
    ("f16", 120, 120, "i1", None, False),
    ("bf16", 128, 128, "bf16", None, True),
    ("bf16", 128, 128, "i1", None, True),
    ("f16", 128, 128, "f32", None, False),
    ("bf16", 128, 128, None, None, False),
    ("f16", 64, 64, "f16", None, False),
    ("bf16", 64, 64, "bf16", "1,1,1,1024", False),
    ("f16", 64, 64, "i1", "1,1,1,1024", True),
    ("f16", 128, 64, "f16", "1,1,1,1024", False),
    ("bf16", 128, 128, "bf16", "1,1,1,1024", True),
    ("bf16", 128, 128, "f32", "1,1,1,1024", False),
    ("bf16", 192, 192, "bf16", "1,1,1,1024", False),
    ("bf16", 256, 256, "bf16", "1,1,1,1024", False),
    ("f32", 64, 64, "f32", None, False),
    ("f32", 128, 128, "f32", None, False),
    ("bf16", 192, 192, "bf16", None, False),
    ("bf16", 256, 256, "bf16", None, False),
    ("f32", 256, 256, "f32", None, False),
    # One query: keys are split.
    ("f16", 64, 64, None, None, True, 1, 4),
    ("bf16", 128, 128, "bf16", "1,1,1,1024", True, 1, 4),
    ("bf16", 128, 128, "i1", "1,4,1,1024", False, 1, 4),
    ("bf16", 256, 256, "bf16", "1,1,1,1024", False, 1, 8),
    ("f32", 128, 128, None, None, False, 1, 4),
    ("bf16", 64, 64, "bf16", None, False, 16, 2),
]

# Several batches, heads and tiles of rows, as the benchmark has them: head size,
# heads, key heads, batch, length, and the mask's sizes or none.
BENCHMARK_KERNELS = [
    (dim, heads, kv_heads, batch, length, mask)
    for dim, heads, kv_heads, batch, length in (
        (64, 32, 32, 2, 8192),
        (128, 16, 16, 2, 8192),
        (128, 32, 8, 4, 4096),
        (256, 8, 8, 2, 8192),
    )
    for mask in (None, (batch, length, length), (batch, 1, 1, length))
]

# Rules and scores, in sizes of the benchmark. At 256, ALiBi and documents spill 16 to
# 20 bytes.
RULE_KERNELS = [
    (dim, heads, heads, 2, 8192, None, *rule)
    for dim, heads in ((64, 32), (128, 16), (256, 8))
    for rule in (
        ("--keep=causal", "--lse"),
        ("--keep=causal", "--score=softcap:30"),
        ("--keep=causal", "--score=alibi"),
        ("--keep=window:1024",),
        ("--keep=documents:8+causal",),
    )
    if dim <= 128 or rule[-1] not in ("--score=alibi", "--keep=documents:8+causal")
]

# Of these only head sizes and what the mask varies over are known, as in the
# Python package.
OPEN_KERNELS = [
    (dim, mask)
    for dim in (64, 96, 128, 192, 256)
    for mask in (None, "?x1x?x?", "?x1x1x?")
]

# The same with a list of key tiles: of a rule that reads an array, of a mask, of both
# (which at 128 spill three registers on sm_120).
LIST_KERNELS = [
    (dim, mask, rule)
    for dim in (64, 128, 256)
    for mask, rule in ((None, True), ("?x1x?x?", False), ("?x1x1x?", False))
]
LIST_KERNELS += [(dim, "?x1x?x?", True) for dim in (64, 256)]

DOCUMENTS = """keep {
      ^bb0(%b: index, %h: index, %i: index, %n: index, %d: memref<?x?xi32>):
        %x = memref.load %d[%b, %i] : memref<?x?xi32>
        %y = memref.load %d[%b, %n] : memref<?x?xi32>
        %c = arith.cmpi eq, %x, %y : i32
        mfa.yield %c : i1
      }"""


def compile_problem(mfa_run, chip, kernel):
    """The PTX of a problem of known sizes."""
    dtype, dim, value_dim, mask, sizes, lse, *grid = kernel
    queries, heads = grid or (1024, 2)
    command = [mfa_run, "--emit", "ptx", "--target", "cuda", "--chip", chip]
    command += ["--seq-q", str(queries), "--seq-k", "1024", "--dtype", dtype]
    command += ["--head-dim", str(dim), "--v-head-dim", str(value_dim)]
    command += ["--heads", str(heads)]
    if grid:
        command += ["--kv-heads", "1"]
    if mask:
        command += ["--mask", "dense", "--mask-dtype", mask]
    if sizes:
        command += ["--mask-shape", sizes]
    if lse:
        command.append("--lse")
    return [subprocess.run(command, capture_output=True, text=True, check=True).stdout]


def compile_benchmark(mfa_run, chip, kernel):
    """The PTX of a case of the benchmark."""
    dim, heads, kv_heads, batch, length, mask, *rule = kernel
    command = [mfa_run, "--emit", "ptx", "--target", "cuda", "--chip", chip]
    command += ["--dtype", "bf16", "--batch", str(batch), "--seq-q", str(length)]
    command += ["--heads", str(heads), "--kv-heads", str(kv_heads)]
    command += ["--head-dim", str(dim)]
    if mask:
        command += ["--mask", "dense", "--mask-shape", ",".join(map(str, mask))]
    command += rule
    return [subprocess.run(command, capture_output=True, text=True, check=True).stdout]


def compile_open(mfa_opt, chip, kernel):
    """The PTX of each kernel of a problem of unknown sizes."""
    dim, mask, *rule = kernel
    layout = "strided<[?, ?, ?, 1], offset: ?>"
    array = f"memref<?x?x?x{dim}xbf16, {layout}>"
    arguments, clause = f"%q: {array}, %k: {array}, %v: {array}, %o: {array}", ""
    if mask:
        mask_type = f"memref<{mask}xbf16, {layout}>"
        arguments += f", %m: {mask_type}"
        clause = f"mask(%m : {mask_type})"
    region = ""
    if any(rule):
        arguments += ", %ids: memref<?x?xi32>"
        clause += " captures(%ids : memref<?x?xi32>)"
        region = DOCUMENTS
    module = f"""func.func @attend({arguments}) {{
  mfa.masked_attention ins(%q, %k, %v : {array}, {array}, {array}) {clause}
      outs(%o : {array}) {region}
  return
}}"""
    tiles = "always" if rule else "rules"
    options = f"chip={chip} format=isa tiles={tiles}"
    command = [mfa_opt, "-", f"--mfa-to-nvvm={options}"]
    text = subprocess.run(
        command, input=module, capture_output=True, text=True, check=True
    ).stdout
    # MLIR prints bytes that are no printable ASCII as two digits.
    printed = re.findall(r'assembly = "((?:[^"\\]|\\.)*)"', text)
    return [
        re.sub(r"\\([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), each).rstrip(
            "\0"
        )
        for each in printed
    ]


def assemble(ptxas, chip, texts):
    """The registers and spilled bytes of kernels, and whether one is by wgmma."""
    registers, spilled = [], 0
    for ptx in texts:
        log = subprocess.run(
            [ptxas, "-v", f"-arch={chip}", "-o", "/dev/null", "-"],
            input=ptx,
            capture_output=True,
            text=True,
            check=True,
        ).stderr
        if re.search(SERIALISED, log):
            raise ValueError(log)
        used = [int(each) for each in re.findall(r"Used (\d+) registers", log)]
        registers += used
        # A kernel with few has no want of them: ptxas may still spill where loops
        # come together again (tile classes by rule and mask, sm_80).
        if max(used) > FEW_REGISTERS:
            spilled += sum(map(int, re.findall(r"(\d+) bytes spill", log)))
    return max(registers), spilled, any("wgmma.mma_async" in ptx for ptx in texts)


def main():
    mfa_run, mfa_opt, ptxas, chip, *only = sys.argv[1:]
    problems = [(each, max(each[1:3]), compile_problem, mfa_run) for each in KERNELS]
    problems += [(each, each[0], compile_open, mfa_opt) for each in OPEN_KERNELS]
    problems += [(each, each[0], compile_open, mfa_opt) for each in LIST_KERNELS]
    if chip == "sm_90a":
        problems += [
            (each, each[0], compile_benchmark, mfa_run) for each in BENCHMARK_KERNELS
        ]
    if only == ["rules"]:
        problems = [
            (each, each[0], compile_benchmark, mfa_run) for each in RULE_KERNELS
        ]
    passed = True
    for kernel, dim, compile, tool in problems:
        try:
            texts = compile(tool, chip, kernel)
            registers, spilled, is_wgmma = assemble(ptxas, chip, texts)
        except (subprocess.CalledProcessError, ValueError) as error:
            print(f"FAIL {kernel}: {getattr(error, 'stderr', error)}")
            passed = False
            continue
        allowed = spilled == 0 or (dim > 128 and not is_wgmma)
        passed &= allowed
        state = "ok" if allowed else "FAIL"
        print(f"{state} {kernel}: {registers} registers, {spilled} bytes spilled")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
