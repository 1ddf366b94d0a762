# Every pass and pipeline of the project that the help names runs alone, on a
# module that has nothing for it, and leaves it as it is.

# RUN: %python %s mfa-opt | FileCheck %s

# CHECK-DAG: --convert-mfa-to-gpu: ok
# CHECK-DAG: --convert-mfa-gpu-to-nvvm: ok
# CHECK-DAG: --mfa-booleans-to-bytes: ok
# CHECK-DAG: --mfa-decompose-attention: ok
# CHECK-DAG: --mfa-fold-transposes: ok
# CHECK-DAG: --mfa-group-heads-as-queries: ok
# CHECK-DAG: --mfa-lower-asserts: ok
# CHECK-DAG: --mfa-lower-device-queries: ok
# CHECK-DAG: --mfa-lower-expand-shapes: ok
# CHECK-DAG: --mfa-lower-tensor-maps: ok
# CHECK-DAG: --mfa-move-buffers-to-gpu: ok
# CHECK-DAG: --mfa-outline-parallel-loops: ok
# CHECK-DAG: --mfa-raise-attention: ok
# CHECK-DAG: --mfa-raise-report: ok
# CHECK-DAG: --mfa-simulate-gpu: ok
# CHECK-DAG: --mfa-tile-attention: ok
# CHECK-DAG: --mfa-select-schedule: ok
# CHECK-DAG: --mfa-to-cpu: ok
# CHECK-DAG: --mfa-to-nvvm: ok
# CHECK-DAG: --mfa-to-sim: ok

import re
import subprocess
import sys

mfa_opt = sys.argv[1]
text = subprocess.run(
    [mfa_opt, "--help"], capture_output=True, text=True, check=True
).stdout
for name in re.findall(r"^      (--(?:convert-)?mfa-\S+)", text, re.MULTILINE):
    done = subprocess.run(
        [mfa_opt, name], input="module {\n}\n", capture_output=True, text=True
    )
    if done.returncode != 0 or done.stdout.strip() != "module {\n}":
        sys.exit(f"{name} alone: exit {done.returncode}\n{done.stdout}{done.stderr}")
    print(f"{name}: ok")
