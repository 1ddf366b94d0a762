#!/usr/bin/env python3
# ===- test_readme.py - Run the code blocks of a Markdown page -------------===//
#
# Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===//
"""Runs the code blocks of a Markdown page, in their order.

What is run is told by the info string of a block:

  ```mlir             is parsed and verified by mfa-opt
  ```mlir file=NAME   the same, and later commands find it as NAME
  ```c file=NAME      is found by later commands as NAME; cmake and cpp likewise
  ```sh               runs, in one shell for all blocks; each command must succeed
  ```sh cuda          the same, where --cuda says that a GPU answers
  ```sh setup         installs and builds: only checked to name scripts that exist
  ```python           is not run here, but by the tests of the Python package
  ```text             is not run

Commands run in a directory that shows the sources, the build as `build` and
nothing else, and find the build's tools by name; what they write is removed.
"""

import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

FILE_LANGUAGES = ["c", "cmake", "cpp"]
ROOT = pathlib.Path(__file__).resolve().parent.parent


def blocks(text):
    """Yields line number, info string and contents of each fenced block."""
    fence = None
    for number, line in enumerate(text.splitlines(), 1):
        if fence is None:
            if match := re.match(r"^(```+)\s*(.*)$", line):
                fence, info, start, lines = match[1], match[2].split(), number, []
        elif line == fence:
            yield start, info, "\n".join(lines) + "\n"
            fence = None
        else:
            lines.append(line)
    if fence is not None:
        sys.exit(f"error: the block that begins in line {start} does not end")


def check_setup(where, contents):
    for line in contents.splitlines():
        script = ROOT / shlex.split(line, comments=True)[0]
        if not os.access(script, os.X_OK):
            sys.exit(f"error: {where}: expected an executable script but got {line}")
        subprocess.run(["bash", "-n", script], check=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--cuda", action="store_true")
    arguments = parser.parse_args()
    build = arguments.build.resolve()

    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        for entry in ROOT.iterdir():
            if not entry.name.startswith((".", "build")):
                (directory / entry.name).symlink_to(entry)
        (directory / "build").symlink_to(build)

        script = "set -euo pipefail\n"
        count = 0
        for line, info, contents in blocks(arguments.page.read_text()):
            where = f"{arguments.page.name}:{line}"
            language, *words = info or [""]
            names = [word[5:] for word in words if word.startswith("file=")]
            if language == "mlir" or (language in FILE_LANGUAGES and names):
                name = names[0] if names else "block.mlir"
                # The sources are shown by links that must not be written to.
                if pathlib.PurePath(name).parts[0] in os.listdir(directory):
                    sys.exit(f"error: {where}: {name} is among the sources")
                script += f"mkdir -p {shlex.quote(os.path.dirname(name) or '.')}\n"
                script += f"cat > {name} <<'MFA_BLOCK'\n{contents}MFA_BLOCK\n"
                if language != "mlir":
                    continue
                contents = f"build/bin/mfa-opt {name} -o /dev/null\n"
            elif language == "sh":
                if unknown := set(words) - {"cuda", "setup"}:
                    sys.exit(f"error: {where}: no such kind of block: {unknown}")
                if "setup" in words:
                    check_setup(where, contents)
                    continue
                if "cuda" in words and not arguments.cuda:
                    print(f"{where}: needs a GPU, not run")
                    continue
            elif language in ("python", "text"):
                continue
            else:
                sys.exit(
                    f"error: {where}: expected mlir, sh, python, text, or a file of "
                    f"{', '.join(FILE_LANGUAGES)} but got {info}"
                )
            count += 1
            script += f"echo {shlex.quote('== ' + where)}\n{contents}"
        if count == 0:
            sys.exit(f"error: {arguments.page} has no block to run")
        path = f"{build / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script], cwd=directory, env={**os.environ, "PATH": path}
        )
    if done.returncode != 0:
        sys.exit(f"error: the last block above failed with {done.returncode}")
    print(f"{count} blocks ran")


if __name__ == "__main__":
    main()
