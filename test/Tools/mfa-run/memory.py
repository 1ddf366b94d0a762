# Sizes beyond memory are errors that name what is needed and what there is,
# before anything is allocated; here there are 4 GiB of address space.

# AddressSanitizer reserves more than that.

# UNSUPPORTED: sanitize-address
# RUN: %python %s mfa-run | FileCheck %s
# CHECK-NOT: FAIL
# CHECK: 65 cases, 0 failed

import os
import re
import resource
import subprocess
import sys
import tempfile

MFA_RUN = sys.argv[1]
GIB = 1 << 30
os.chdir(tempfile.mkdtemp())

PROGRAM = """
func.func @splat(%n: index) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  %r = tensor.splat %zero[%n] : tensor<?xf32>
  return %r : tensor<?xf32>
}
func.func @matrices(%n: index, %m: index) -> tensor<?x16x?xbf16> {
  %zero = arith.constant 0.0 : bf16
  %r = tensor.splat %zero[%n, %m] : tensor<?x16x?xbf16>
  return %r : tensor<?x16x?xbf16>
}
func.func @parallel(%n: index, %o: memref<4xf32>) {
  %zero = arith.constant 0.0 : f32
  scf.forall (%i) in (4) {
    %a = memref.alloc(%n) : memref<?xf32>
    linalg.fill ins(%zero : f32) outs(%a : memref<?xf32>)
    %v = memref.load %a[%i] : memref<?xf32>
    memref.store %v, %o[%i] : memref<4xf32>
  }
  return
}
func.func @view(%n: index) -> memref<?xf32> {
  %a = memref.alloc() : memref<4xf32>
  %r = memref.reinterpret_cast %a to offset: [0], sizes: [%n], strides: [1]
      : memref<4xf32> to memref<?xf32>
  return %r : memref<?xf32>
}
func.func @identity(%a: memref<?xi8>) {
  return
}
"""

failures = count = 0


def run(command, status, *messages, gib=4, limit=resource.RLIMIT_AS, stdin=None):
    global failures, count
    count += 1
    done = subprocess.run(
        [MFA_RUN, "--target", "cpu", *command], capture_output=True, input=stdin,
        preexec_fn=lambda: resource.setrlimit(limit, (gib * GIB, gib * GIB)))
    text = done.stdout.decode() + done.stderr.decode()
    missing = [message for message in messages if not re.search(message, text)]
    if done.returncode != status or missing or "PLEASE submit" in text:
        failures += 1
        print(f"FAIL {' '.join(command)}: exit {done.returncode}, {missing}\n{text}")


def program(entry, *arguments, out="o.npy"):
    return ["p.mlir", "--entry", entry, *(f"--arg={a}" for a in arguments), "--out", out]


with open("p.mlir", "w") as file:
    file.write(PROGRAM)


def save(name, bytes):
    """An array of so many bytes, all of them 0 and none of them on the disk."""
    header = f"{{'descr': '|i1', 'fortran_order': False, 'shape': ({bytes},), }}"
    with open(name, "wb") as file:
        file.write(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little"))
        file.write(header.encode())
        file.truncate(file.tell() + bytes)


# Problems: each size, and what else takes memory.
takes = (r"error: the problem takes \d{10,} bytes, but there are 4294967296 bytes of "
         r"address space \(ulimit -v\)")
for options in ["--seq-q 1000000000", "--seq-q 1 --seq-k 1000000000",
                "--seq-q 1 --batch 1000000000", "--seq-q 1 --heads 1000000000",
                "--seq-q 1000000 --heads 128", "--head-dim 256 --seq-q 10000000",
                "--head-dim 8 --v-head-dim 256 --seq-q 10000000",
                "--offset=2147483647", "--offset 2147483647 --dtype f32 --lse",
                "--offset 500000000 --mask dense --mask-dtype i1 --mask-shape 1,1,1",
                "--seq-q 100000 --mask dense",
                "--seq-q 100000 --mask dense --mask-dtype i1",
                "--heads 1000 --seq-q 2000 --head-dim 8 --mask dense --mask-shape 1,1000,2000,2000",
                "--layout padded-rows --seq-q 10000000",
                "--layout packed-qkv --seq-q 10000000",
                "--layout broadcast-batch --seq-q 1 --batch 10000000",
                "--layout bhsd --seq-q 10000000 --dynamic",
                "--seq-q 1000000000 --repeat 2147483647 --check"]:
    run(options.split(), 1, takes)
run(["--seq-q", "1000000000"], 1, "the problem takes .* 4294967296 bytes of data "
    r"\(ulimit -d\)", limit=resource.RLIMIT_DATA)
run(["--target", "sim", "--seq-q", "1000000000"], 1, takes)
# Products beyond 64 bits.
for options in ["--batch 2147483647 --heads 2147483647 --seq-q 2147483647",
                "--seq-q 2147483647 --head-dim 256",
                "--seq-q 2147483647 --seq-k 2147483647 --head-dim 8 --mask dense",
                "--batch 65536 --heads 2048 --seq-q 64 --seq-k 8192 --kv-heads 1 "
                "--head-dim 8 --mask dense --mask-shape 65536,2048,64,8192"]:
    run(options.split(), 1, "the problem is too large: expected at most 68719476736 "
        "elements in each operand")
# What is only printed takes none, and empty operands are no matter of size.
run(["--seq-q", "1000000000", "--offset", "2147483647", "--emit", "mfa"], 0,
    "memref<1x1000000000x1x64xf16")
run(["--seq-q", "0", "--seq-k", "8", "--batch", "1000000000", "--head-dim", "8"], 1, takes)
run(["--seq-q", "8", "--batch", "0", "--heads", "2147483647"], 0, "problem: --batch 0")
# A table says it of its problem and goes on.
with open("table.txt", "w") as file:
    file.write("--seq-q 1000000000\n--seq-q 8 --head-dim 8\n")
run(["--problems", "table.txt"], 1, r"FAIL .*\n  the problem takes", "PASS",
    "1 passed, 1 failed")

# Programs: what they allocate, on any thread, and what they return.
asked = (r"error: the program asked for \d+ bytes of memory at once, but there are "
         r"4294967296 bytes of address space \(ulimit -v\)")
run(program("splat", 1 << 40), 1, asked)
run(program("splat", 1 << 58), 1, asked)
run(program("splat", 3 << 28), 1, "error: the program asked for 3221225536 bytes", gib=3)
run(program("splat", 1000), 0)
save("four.npy", 16)
with open("four.npy", "rb") as file:
    data = file.read().replace(b"|i1", b"<f4").replace(b"(16,)", b"(4 ,)")
with open("four.npy", "wb") as file:
    file.write(data)
run(program("parallel", 1 << 40, "four.npy"), 1, asked)
run(program("parallel", 4, "four.npy"), 0)
run(program("view", 1 << 40), 1,
    "result 1: an array of shape .1099511627776. takes 4398046511104 bytes, but there are")
run(program("view", -4), 1, "result 1: expected sizes of 0 or more but got shape .-4.")
# Products of bytes beyond 64 bits, which would wrap around to a little.
wraps = (r"error: expected memref<\S+> to have sizes of 0 or more that take at most "
         r"9223372036854775807 bytes \((p|empty)\.mlir:\d+:\d+\)")
sizes = -4, 1 << 61, 1 << 62, (1 << 62) + 1, (1 << 63) - 1
for n in sizes:
    run(program("splat", n), 1, wraps)
for n, m in (1 << 32, 1 << 27), (1 << 58, 1 << 58), (0, 1 << 62), (-1, 0):
    run(program("matrices", n, m), 1, wraps)
# A program without ops of the host, whose buffers are the GPU's.
with open("empty.mlir", "w") as file:
    file.write("func.func @empty(%n: index) -> tensor<?xf32> {\n"
               "  %r = tensor.empty(%n) : tensor<?xf32>\n"
               "  return %r : tensor<?xf32>\n}\n")
for target in "cpu", "sim":
    for n in sizes:
        run(["--target", target, "empty.mlir", f"--arg={n}", "--out", "o.npy"], 1, wraps)
run(program("matrices", 0, 1 << 40), 0)
run(program("parallel", 1 << 62, "four.npy"), 1, wraps)

# Files: larger than memory, and without an end.
save("large.npy", 1 << 40)
run(program("identity", "large.npy"), 1, "argument 1: 'large.npy': the file takes "
    r"1099511627\d+ bytes, but there are 4294967296 bytes of address space")
save("half.npy", 2 * GIB + GIB // 2)
run(program("identity", "half.npy"), 1, "error: out of memory")
device = "expected a file or a pipe but got a device"
run(program("identity", "/dev/zero"), 1, f"argument 1: '/dev/zero': {device}")
run(["/dev/zero", "--out", "o.npy"], 1, f"cannot read '/dev/zero': {device}")
run(["--problems", "/dev/zero"], 1, f"--problems: cannot read '/dev/zero': {device}")
run(["."], 1, "cannot read '.': it is a directory")
with open("four.npy", "rb") as file:
    data = file.read()
run(program("parallel", 4, "/dev/stdin"), 0, stdin=data)
run(["/dev/stdout"], 1, "cannot read '/dev/stdout': expected an input but got an output")
if os.path.exists("o.npy"):
    os.remove("o.npy")

print(f"{count} cases, {failures} failed")
