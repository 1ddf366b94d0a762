# Files that mfa-run and mfa-opt write are complete or untouched: whatever is
# wrong with a file or its place is one message that names the file, exit status
# 1, and nothing left behind.

# RUN: %python %s mfa-run mfa-opt | FileCheck %s
# CHECK-NOT: FAIL
# CHECK: 33 cases, 0 failed

import array
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import tempfile

MFA_RUN, MFA_OPT = sys.argv[1:]

PROGRAM = """
func.func @main(%a: tensor<4096xi32>) -> (tensor<4096xi32>, tensor<4096xi32>) {
  return %a, %a : tensor<4096xi32>, tensor<4096xi32>
}
"""
NO_SPACE = "No space left on device"
TOO_LARGE = "File too large"

failures = []
count = 0


def write_array(path):
    # As mfa-run writes it, so that files can be compared.
    header = "{'descr': '<i4', 'fortran_order': False, 'shape': (4096, ), }"
    header += " " * (127 - 10 - len(header)) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little"))
        file.write(header.encode() + array.array("i", range(4096)).tobytes())


def limit_file_size():
    """A disk with room for 4096 bytes: what is written beyond them fails."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def check(name, command, message="", changed=(), full=False, stdout=None, prepare=None):
    """Runs a command in a new folder with a program and two arrays, where
    `prepare` may change more. With a `message` it has to fail with it, and no
    file may change; without, it has to succeed and `changed` to be new files
    that are complete."""
    global count
    count += 1
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        with open(path("p.mlir"), "w") as file:
            file.write(PROGRAM)
        write_array(path("a.npy"))
        with open(path("old.npy"), "w") as file:
            file.write("old")
        os.mkdir(path("folder"))
        if prepare:
            prepare(path)
        before = snapshot(folder)
        done = subprocess.run(
            command,
            cwd=folder,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=limit_file_size if full else None,
        )
        errors = done.stderr.decode()
        after = snapshot(folder)
        expected = dict(before)
        for name_, content in changed:
            if content is None:
                content = before["a.npy"]
            expected[name_] = content
        problem = ""
        if done.returncode != (1 if message else 0):
            problem = f"exit status {done.returncode}"
        elif message and not re.search(message, errors):
            problem = f"expected {message!r}"
        elif "PLEASE submit" in errors or "LLVM ERROR" in errors:
            problem = "a crash report"
        elif after != expected:
            problem = f"files {sorted(after)}, expected {sorted(expected)}"
        if problem:
            failures.append(name)
            print(f"FAIL {name}: {problem}\n{errors}")


def snapshot(folder):
    """Every file below a folder with what it holds, or where a link leads."""
    files = {}
    for root, folders, names in os.walk(folder):
        for name in names + folders:
            path = os.path.join(root, name)
            key = os.path.relpath(path, folder)
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                files[key] = "-> " + os.readlink(path)
            elif stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    files[key] = file.read()
            else:
                files[key] = "special"
    return files


def program(*outs, more=()):
    outs = [argument for out in outs for argument in ("--out", out)]
    return [MFA_RUN, "p.mlir", "--target", "cpu", "--arg", "a.npy", *outs, *more]


def problem(*more):
    return [MFA_RUN, "--target", "cpu", "--seq-q", "8", "--head-dim", "8", *more]


def opt(*more):
    return [MFA_OPT, "p.mlir", *more]


def link(target, name):
    return lambda path: os.symlink(target, path(name))


def add_functions(path):
    with open(path("p.mlir"), "a") as file:
        for index in range(200):
            file.write(f"func.func @f{index}() {{\n  return\n}}\n")


# Right ones, which also leave no temporary file.
both = [("o.npy", None), ("l.npy", None)]
check("two files", program("o.npy", "l.npy"), changed=both)
check("a file that is there", program("old.npy", "l.npy"),
      changed=[("old.npy", None), ("l.npy", None)])
check("a link to a file", program("link.npy", "l.npy"),
      changed=[("old.npy", None), ("l.npy", None)],
      prepare=link("old.npy", "link.npy"))
check("a link to no file yet", program("link.npy", "l.npy"),
      changed=[("folder/new.npy", None), ("l.npy", None)],
      prepare=link("folder/new.npy", "link.npy"))
check("a name with a percent sign", program("100%.npy", "l.npy"),
      changed=[("100%.npy", None), ("l.npy", None)])
check("the longest name", program("o" * 255, "l.npy"),
      changed=[("o" * 255, None), ("l.npy", None)])
check("null device, twice", program("/dev/null", "/dev/null"))
check("null device as standard output", program("/dev/null", "l.npy"),
      changed=[("l.npy", None)], stdout=subprocess.DEVNULL)
check("JSON on standard output", problem("--json", "-"))
check("JSON on /dev/stdout", problem("--json", "/dev/stdout"))

# No room: devices, files, standard output.
if not stat.S_ISCHR(os.stat("/dev/full").st_mode):
    sys.exit("FAIL: expected the device that is always full but got a file: /dev/full")
with open("/dev/full", "wb") as full:
    check("full device, result", program("o.npy", "/dev/full"),
          f"--out: cannot write '/dev/full': {NO_SPACE}")
    check("full device, JSON", problem("--json", "/dev/full"),
          f"--json: cannot write '/dev/full': {NO_SPACE}")
    check("full device, link", problem("--json", "link"),
          f"--json: cannot write 'link': {NO_SPACE}",
          prepare=link("/dev/full", "link"))
    check("full device, mfa-opt", opt("-o", "/dev/full"),
          f"mfa-opt: error: cannot write '/dev/full': {NO_SPACE}")
    check("full standard output, report", problem(),
          f"cannot write standard output: {NO_SPACE}", stdout=full)
    check("full standard output, stage", problem("--emit", "linalg"),
          f"cannot write standard output: {NO_SPACE}", stdout=full)
    check("full standard output, help", [MFA_RUN, "--help"],
          f"cannot write standard output: {NO_SPACE}", stdout=full)
    check("full standard output, JSON", problem("--json", "-"), NO_SPACE, stdout=full)
    check("full standard output, mfa-opt", opt(),
          f"mfa-opt: error: cannot write standard output: {NO_SPACE}", stdout=full)
check("full disk, result", program("o.npy", "l.npy"),
      f"--out: cannot write 'o.npy': {TOO_LARGE}", full=True)
check("full disk, file that is there", program("old.npy", "l.npy"),
      f"--out: cannot write 'old.npy': {TOO_LARGE}", full=True)
check("full disk, mfa-opt", opt("-o", "o.mlir"),
      f"cannot write 'o.mlir': {TOO_LARGE}", full=True, prepare=add_functions)

# Files that are something else, found before anything runs.
check("a folder", program("folder", "l.npy"),
      "--out: cannot write 'folder': it is a directory")
check("a folder, mfa-opt", opt("-o", "folder"),
      "cannot write 'folder': it is a directory")
check("no folder, mfa-opt", opt("-o", "missing/o.mlir"),
      "cannot write 'missing/o.mlir': no folder 'missing'")
check("a link around", program("around", "l.npy"), "--out: cannot write 'around': ",
      prepare=link("around", "around"))
check("the same file twice", program("o.npy", "./folder/../o.npy"),
      "--out: expected a file of its own but got './folder/../o.npy', which is "
      "that of --out")
check("the result and JSON", program("o.npy", "l.npy", more=["--json", "o.npy"]),
      "--json: expected a file of its own but got 'o.npy', which is that of --out")
check("an argument", program("a.npy", "l.npy"),
      "--out: expected a file of its own but got 'a.npy', which is that of --arg")
check("a link to an argument", program("o.npy", "link"),
      "--out: expected a file of its own but got 'link', which is that of --arg",
      prepare=link("a.npy", "link"))
check("the program", program("o.npy", "p.mlir"),
      "--out: expected a file of its own but got 'p.mlir', which is that of the "
      "program")
check("standard output", program("o.npy", "/dev/stdout"),
      "--out: expected a file but got '/dev/stdout', standard output")


def forbid(path):
    os.chmod(path("old.npy"), 0o444)


# The superuser may write any file.
check("a file that may not be written", program("old.npy", "l.npy"),
      "" if os.geteuid() == 0 else "cannot write 'old.npy': Permission denied",
      changed=[("old.npy", None), ("l.npy", None)] if os.geteuid() == 0 else [],
      prepare=forbid)

print(f"{count} cases, {len(failures)} failed")
