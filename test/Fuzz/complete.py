# The fuzz targets know every pass and pipeline of the project, and every option
# of mfa-run.

# RUN: %python %s mfa-opt %mfa_src/test/Fuzz/mfa-opt-fuzzer.cpp '^      --((?:convert-)?mfa-[a-z0-9-]+)'
# RUN: %python %s mfa-run %mfa_src/test/Fuzz/mfa-run-fuzzer.cpp '^  (--[a-z0-9-]+)'

import re
import subprocess
import sys

tool, source, pattern = sys.argv[1:]
shown = subprocess.run([tool, "--help"], capture_output=True, text=True, check=True)
names = set(re.findall(pattern, shown.stdout, re.MULTILINE))
with open(source) as file:
    known = file.read()
if missing := sorted(name for name in names if f'{{"{name}"' not in known):
    sys.exit(f"expected {source} to have {', '.join(missing)}")
if len(names) < 10:
    sys.exit(f"expected names in the help of {tool} but got {sorted(names)}")
