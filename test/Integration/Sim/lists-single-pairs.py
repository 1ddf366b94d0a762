# RUN: %python %s mfa-run %t
"""A tile of a mask is what its only pair of another kind makes it, wherever that is:
one that is excluded among others that are not, or left among others that are excluded.
Lists are made of 16 bytes at a time, of i1, f16 and f32."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "Inputs"))
from npy_files import load, save  # noqa: E402

SIZE, DIM, ROWS, KEYS = 512, 64, 64, 32
PROGRAM = f"""
!a = memref<1x{SIZE}x1x{DIM}xf16>
!m = memref<1x{SIZE}x{SIZE}xTYPE>
func.func @attention(%q: !a, %k: !a, %v: !a, %mask: !m, %o: !a) {{
  mfa.masked_attention ins(%q, %k, %v : !a, !a, !a) mask(%mask : !m) outs(%o : !a)
      schedule(#mfa.schedule<kind = mma_sync, tile_rows = {ROWS}, tile_keys = {KEYS},
               warps = 4, stages = 2, tiles = list>)
  return
}}
"""
# What leaves a pair, in turns, and what excludes it.
ELEMENTS = {
    "i1": ("|u1", [1], 0),
    "f16": ("<f2", [0.0, -0.0], float("-inf")),
    "f32": ("<f4", [0.0, -0.0], float("-inf")),
}


def single_pairs():
    """One of each tile, as [row] = keys: of 128 tiles, each key of one four times."""
    keys = [set() for _ in range(SIZE)]
    tile = 0
    for row in range(0, SIZE, ROWS):
        for key in range(0, SIZE, KEYS):
            keys[row + 13 * tile % ROWS].add(key + 7 * tile % KEYS)
            tile += 1
    return keys


def run(mfa_run, folder, name, kept):
    descr, left, excluded = ELEMENTS[name]
    path = {x: os.path.join(folder, f"{name}-{x}.npy") for x in "qvmo"}
    array = (1, SIZE, 1, DIM)
    save(path["q"], [0.0] * (SIZE * DIM), "<f2", array)
    # Each key has a value in a column of its own, but for the keys 64 away from it.
    values = [512.0 * (key % DIM == col) for key in range(SIZE) for col in range(DIM)]
    save(path["v"], values, "<f2", array)
    mask = [
        left[(row + key) % len(left)] if key in kept[row] else excluded
        for row in range(SIZE)
        for key in range(SIZE)
    ]
    save(path["m"], mask, descr, (1, SIZE, SIZE))
    program = os.path.join(folder, f"{name}.mlir")
    with open(program, "w") as file:
        file.write(PROGRAM.replace("TYPE", name))
    arrays = [path["q"], path["q"], path["v"], path["m"], path["q"]]
    command = [mfa_run, program, "--target", "sim", "--chip", "sm_80"]
    command += ["--entry", "attention", "--out", path["o"]]
    for file in arrays:
        command += ["--arg", file]
    subprocess.run(command, check=True)
    output = load(path["o"])[2]
    for row in range(SIZE):
        for col in range(DIM):
            count = sum(key in kept[row] for key in range(col, SIZE, DIM))
            want = 512 * count / max(1, len(kept[row]))
            got = output[row * DIM + col]
            assert abs(got - want) < 0.1, (name, row, col, got, want)


def main():
    mfa_run, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    single = single_pairs()
    others = [set(range(SIZE)) - keys for keys in single]
    for name in ELEMENTS:
        for kept in (single, others):
            run(mfa_run, folder, name, kept)


if __name__ == "__main__":
    main()
