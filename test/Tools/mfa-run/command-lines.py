# Random command lines: whatever they say, mfa-run ends with status 0, or with
# status 1 and an error in one line of its own; it never crashes, hangs, or
# leaves a file behind where it failed.
#
#     command-lines.py MFA_RUN [COUNT [SEED]]

# RUN: %python %s mfa-run 300 0 | FileCheck %s
# CHECK-NOT: FAIL
# CHECK: 300 command lines: {{[1-9][0-9]+}} right, {{[1-9][0-9]+}} refused, 0 failed

import concurrent.futures
import os
import random
import re
import subprocess
import sys
import tempfile

MFA_RUN = sys.argv[1]
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 300
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 0

NUMBERS = ["0", "1", "2", "7", "8", "64", "128", "256", "264", "-1", "-8", "2147483647",
           "2147483648", "9223372036854775807", "9" * 30, "1e3", "0x10", "", " 8", "8 ",
           "nan", "inf", "-0", "+8", "1,2", "\u0663"]
WORDS = ["f16", "bf16", "f32", "f64", "i1", "none", "dense", "cpu", "sim", "sm_80",
         "sm_90a", "sm_20", "random", "causal", "steep", "-1e9", "bhsd", "packed-qkv",
         "mask", "query", "mfa", "linalg", "gpu", "nvvm", "ptx", "tf32", "table", "json",
         "", "-", "--", "=", "%s%n", "\\", "'", "a" * 4000, "\x7f", "\n", "🙂"]
SHAPES = ["1,1,1", "1,128,128", "1,1,128,128", "1,1,1,1", "1", "1,2,3,4,5", ",,", "1,-1,1",
          "2147483647,2147483647,2147483647", "9223372036854775807,2,1", "1,1,x", "1,1,1,"]
SCHEDULES = ["#mfa.schedule<kind = mma_sync, tile_rows = 64, tile_keys = 64, warps = 4, "
             "stages = 1>", "#mfa.schedule<>", "#mfa.schedule<kind = mma_sync, tile_rows "
             "= 9223372036854775807, tile_keys = 16, warps = 1, stages = 1>", "42 : i8",
             "[", "#mfa.schedule<kind = wgmma, tile_rows = 64, tile_keys = 16, warps = 4, "
             "stages = 9223372036854775807>", "dense<0> : tensor<4xi8>"]
FILES = ["", ".", "missing", "missing/o", "table.txt", "bad.txt", "p.mlir", "bad.mlir",
         "a.npy", "/dev/null", "/dev/full", "/dev/stdout", "-", "o.out", "a" * 300]
OPTIONS = {
    "batch": NUMBERS, "seq-q": NUMBERS, "seq-k": NUMBERS, "heads": NUMBERS,
    "kv-heads": NUMBERS, "head-dim": NUMBERS, "v-head-dim": NUMBERS, "seed": NUMBERS,
    "offset": NUMBERS, "scale": NUMBERS, "repeat": NUMBERS[:3] + NUMBERS[8:], "dtype": WORDS,
    "mask": WORDS, "mask-dtype": WORDS, "mask-fill": WORDS, "nan": WORDS, "layout": WORDS,
    "target": WORDS, "chip": WORDS, "f32-product": WORDS, "emit": WORDS, "sim-report": WORDS,
    "name": WORDS, "entry": WORDS, "mask-shape": SHAPES, "schedule": SCHEDULES,
    "problems": FILES, "arg": FILES + NUMBERS, "out": FILES, "json": FILES,
    "schedules": FILES, "bench-lock": FILES}
FLAGS = ["lse", "dynamic", "check", "timing", "help", "chek", "check=1"]
# Options that most command lines need to get further than the first of them.
USUAL = {"seq-q": ["8", "16"], "head-dim": ["8", "16"], "target": ["cpu"],
         "mask": ["dense", "none"], "emit": ["mfa", "linalg"], "heads": ["1", "2"],
         "dtype": ["f16", "bf16", "f32"]}
PROGRAM = """func.func @main(%a: tensor<4xi8>, %n: index) -> tensor<4xi8> {
  return %a : tensor<4xi8>
}
"""


def make(seed):
    """A command line of a few usual options and one or more of any."""
    choose = random.Random(seed)
    line = []

    def add(name, values):
        value = choose.choice(values)
        line.extend([f"--{name}={value}"] if choose.random() < 0.5 else
                    [f"--{name}", value])

    if choose.random() < 0.2:
        line.append(choose.choice(FILES))
    else:
        for name, values in USUAL.items():
            if choose.random() < 0.7:
                add(name, values)
    for _ in range(choose.choice([0, 1, 1, 1, 2, 3, 5])):
        if choose.random() < 0.15:
            line.append("--" + choose.choice(FLAGS))
        else:
            name = choose.choice(list(OPTIONS))
            add(name, OPTIONS[name])
    if choose.random() < 0.1:
        choose.shuffle(line)
    return line


def run(seed):
    """Why the command line of a seed failed, or its status."""
    line = make(seed)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in [("table.txt", "--seq-q 8 --head-dim 8\n"), ("bad.txt", "--x\n"),
                           ("p.mlir", PROGRAM), ("bad.mlir", "func"),
                           ("a.npy", "\x01NUMPY")]:
            with open(os.path.join(folder, name), "w") as file:
                file.write(text)
        before = sorted(os.listdir(folder))
        try:
            done = subprocess.run([MFA_RUN, *line], cwd=folder, capture_output=True,
                                  stdin=subprocess.DEVNULL, timeout=120)
        except subprocess.TimeoutExpired:
            return line, "took more than 120 s"
        after = sorted(os.listdir(folder))
    errors = done.stderr.decode(errors="replace")
    if done.returncode not in (0, 1):
        return line, f"exit {done.returncode}\n{errors}"
    if done.returncode == 1 and not re.search("error: |FAIL", errors + done.stdout.decode(
            errors="replace")):
        return line, f"no error\n{errors}"
    if "LLVM ERROR" in errors or "Stack dump" in errors:
        return line, f"a crash report\n{errors}"
    if done.returncode == 1 and after != before:
        return line, f"files {after}"
    if any(name.startswith(".") for name in after):
        return line, f"files {after}"
    return line, done.returncode


with concurrent.futures.ThreadPoolExecutor(2) as pool:
    results = list(pool.map(run, range(SEED, SEED + COUNT)))
for seed, (line, result) in enumerate(results, SEED):
    if result not in (0, 1):
        print(f"FAIL seed {seed}: {line}\n{result}")
statuses = [result for _, result in results]
print(f"{COUNT} command lines: {statuses.count(0)} right, {statuses.count(1)} refused, "
      f"{COUNT - statuses.count(0) - statuses.count(1)} failed")
