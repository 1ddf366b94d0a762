# Every option of every pass and pipeline of the project that is not on or off is
# checked before anything runs, in every form that a value may have, and its
# description names what it may be.

# RUN: %python %s mfa-opt %S/../../lib/Dialect/MFA/Transforms/Schedules.json | FileCheck %s
# CHECK-NOT: FAIL
# CHECK: 26 options, {{[0-9]+}} values refused, {{[0-9]+}} accepted, 0 failed

import re
import subprocess
import sys

MFA_OPT, SCHEDULES = sys.argv[1:]
NUMBERS = ["-9223372036854775808", "-3", "0", "2147483648", "9223372036854775807",
           "9223372036854775808", "1.5", "1e3", "", "x"]
WORDS = ["", "x", "SM_80", "sm_80,sm_90", "-1"]
CHIPS = ["sm_80", "sm_121a"]
# Of each option: values that are right, that are wrong, and what the error and
# the description say.
OPTIONS = {
    "rows": (["1", "2147483647"], NUMBERS, "1 to 2147483647", "1 to 2147483647"),
    "keys": (["1", "2147483647"], NUMBERS, "1 to 2147483647", "1 to 2147483647"),
    "tile-rows": (["1", "2147483647"], NUMBERS, "1 to 2147483647", "1 to 2147483647"),
    "chip": (CHIPS, WORDS + ["sm_75", "gfx90a"], "one of sm_80, .*sm_121a", "such as sm_80"),
    "format": (["isa"], WORDS + ["elf"], "isa, bin, fatbin or llvm", "isa .*llvm"),
    "f32-product": (["tf32", "tf32x3"], WORDS + ["f16"], None, "f32 matrices"),
    "exclusion": (["-1e4", "-1", "-inf"], ["0", "3", "nan", "x"], "negative", "negative"),
    "rows-without-keys": (["exact", "zero", "ignored"], WORDS + ["none"], None, "all of whose keys"),
    "cpu": (["host", "x86-64"], WORDS + ["sm_80"], "host, or a CPU of this architecture that LLVM knows", "host for this machine's"),
    "schedules": ([SCHEDULES], ["x", "/", "/dev/null"], None, "built in"),
    "tiles": (["rules", "auto", "always", "never"], WORDS + ["list"], None, "list of key tiles"),
}
FLAGS = {
    "checks": "mfa-to-sim",
    "count": "mfa-to-sim",
    "parallel": "mfa-to-cpu",
    "threads": "mfa-outline-parallel-loops",
    "vectors": "mfa-to-cpu",
    "report": "mfa-raise-attention",
    "shared-weights": "mfa-raise-attention",
}
MODULE = """
func.func @main(%a: memref<1x3x1x8xf32>, %o: memref<1x3x1x8xf32>) {
  mfa.masked_attention
      ins(%a, %a, %a : memref<1x3x1x8xf32>, memref<1x3x1x8xf32>, memref<1x3x1x8xf32>)
      outs(%o : memref<1x3x1x8xf32>)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = 16, tile_keys = 16, warps = 1,
                             stages = 1>)
  return
}
"""

failed = refused = accepted = 0


def fail(what, reason):
    global failed
    failed += 1
    print(f"FAIL {what}: {reason}")


def run(argument):
    return subprocess.run([MFA_OPT, argument], input=MODULE, capture_output=True,
                          text=True, timeout=300)


def check(owner, option):
    global refused, accepted
    right, wrong, expected, _ = OPTIONS[option]
    for value in right:
        accepted += 1
        done = run(f"--{owner}={option}={value}")
        if done.returncode:
            fail(f"{owner}={option}={value}", f"exit {done.returncode}\n{done.stderr}")
    for value in wrong:
        refused += 1
        done = run(f"--{owner}={option}={value}")
        # A value of another kind is an error of LLVM's parser of options.
        rule = (f"error: {owner}: expected '{option}' to be {expected}, but got "
                f"'?{re.escape(value)}'?")
        if option == "schedules":
            form = f"error: {owner}: schedules={value}: "
        else:
            form = f"{option}: .*(value invalid|Cannot find option)|for the --{option} option"
        if (done.returncode != 1 or done.stdout or "Stack dump" in done.stderr or
                not re.search(f"{rule}\n" if expected else form, done.stderr) and
                not re.search(form, done.stderr)):
            fail(f"{owner}={option}={value}", f"exit {done.returncode}\n{done.stderr}")


text = subprocess.run([MFA_OPT, "--help"], capture_output=True, text=True,
                      check=True).stdout
owner, options = None, 0
for line in text.splitlines():
    if found := re.match(r"      --(\S+)", line):
        owner = found[1] if re.match("(convert-)?mfa-", found[1]) else None
    elif owner and (found := re.match(r"        --([^\s=]+)\S* +- (.*)", line)):
        option, description = found.groups()
        # Pipelines are parsed, and refused, by MLIR.
        if option in FLAGS or option == "pipelines":
            continue
        if option not in OPTIONS:
            fail(f"{owner}={option}", "expected its values in this test")
            continue
        options += 1
        if not re.search(OPTIONS[option][3], description):
            fail(f"{owner}={option}", f"expected its range in '{description}'")
        check(owner, option)
for option, owner in FLAGS.items():
    done = run(f"--{owner}={option}=3")
    if done.returncode != 1 or "value invalid" not in done.stderr and "invalid value" not in done.stderr:
        fail(f"{owner}={option}=3", f"exit {done.returncode}\n{done.stderr}")

print(f"{options} options, {refused} values refused, {accepted} accepted, {failed} failed")
