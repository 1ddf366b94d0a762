"""Commands of tests that run programs and compare what they return.

    sys.path.insert(0, inputs)  # the folder of this file
    from drivers import compare, run, save
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "Inputs"))
from npy_files import save  # noqa: E402, F401


def run(*command):
    """What the command says on its standard error; ends the test where it fails."""
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
    return result.stderr


def compare(actual, expected, tolerance):
    """Two .npy files, as compare.py has it."""
    run(sys.executable, os.path.join(HERE, "compare.py"), actual, expected, tolerance)
