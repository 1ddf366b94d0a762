# RUN: %python %s mfa-opt mfa-run %S/Inputs %t
"""Attention as exporters write it, raised: what is found in each program, and that it
then computes what torch, JAX and ONNX did, on the CPU and in simulation of two chips.

A whole function that is attention runs on GPUs, too; what restores NaN in rows
without keys is code of the host, and is left out there.
"""

import os
import re
import subprocess
import sys

mfa_opt, mfa_run, inputs, scratch = sys.argv[1:]
os.makedirs(scratch, exist_ok=True)
programs = os.path.join(inputs, "exported")

# What mfa-raise-report says, and the largest difference of a result.
F32, F16, BF16 = 2e-6, 4e-3, 2e-2


def heads(element, query, key, *rest, scale="0.25"):
    text = f"of {element}: {query} heads on {key} of the key, scale {scale}"
    return ", ".join([text, *rest])


FOUND = {
    "jax_dpa_causal": (heads("f32", 2, 2, "keep"), F32),
    "jax_dpa_gqa_bias_bf16": (
        heads("bf16", 4, 2, "mask of bf16", "rows may have no keys"),
        BF16,
    ),
    "jax_flax_mask": (heads("f32", 4, 4, "score"), F32),
    "onnx_trilu_causal": (heads("f32", 2, 2, "score"), F32),
    # Sizes are computed: arrays that may be repeated are read as the program repeats
    # them.
    "torch_dynamic_split": (heads("f32", 4, 4, "keep"), F32),
    "torch_dynamic_repeated": (
        heads("f32", 4, 4, "mask of f32", "rows may have no keys"),
        F32,
    ),
    "torch_eager_bmm_3d": (
        heads("f32", 4, 4, "mask of f32", "rows may have no keys"),
        F32,
    ),
    "torch_eager_causal_buffer": (heads("f32", 2, 2, "keep"), F32),
    "torch_eager_causal_padding_index": (
        heads("f32", 2, 2, "score", scale="0.204124"),
        F32,
    ),
    "torch_eager_dynamic": (
        heads("f32", 4, 4, "mask of f32", "rows may have no keys"),
        F32,
    ),
    "torch_eager_gqa_f16": (
        heads("f16", 4, 2, "mask of f16", "rows may have no keys"),
        F16,
    ),
    "torch_eager_maskedfill_inf": (
        heads("f32", 4, 4, "keep", "rows may have no keys"),
        F32,
    ),
    "torch_eager_padding_10000": (heads("f32", 4, 4, "score"), F32),
    "torch_eager_window": (heads("f32", 2, 2, "keep"), F32),
    # One op, of a dialect that is not registered.
    "torch_kept_causal": (heads("f32", 4, 4, "keep"), F32),
    "torch_kept_dynamic": (heads("f32", 4, 4, "mask of f32"), F32),
    "torch_kept_grouped_f16": (heads("f16", 4, 2, "mask of i1", scale="0.2"), F16),
    # A whole layer: norms, rotations, projections and a gated product around it.
    "torch_mistral_layer": (heads("f32", 4, 2, "keep", scale="0.353553"), F32),
    "torch_sdpa_boolmask_f16": (heads("f16", 4, 4, "mask of i1"), F16),
    "torch_sdpa_bshd_cpp": (heads("f32", 4, 4), F32),
    "torch_sdpa_causal": (heads("f32", 2, 2, "keep"), F32),
    "torch_sdpa_floatmask_bf16": (
        heads("bf16", 4, 4, "mask of bf16", scale="0.2"),
        BF16,
    ),
    "torch_sdpa_plain": (heads("f32", 4, 4), F32),
    "torch_trap_finfo_all_masked": (heads("f32", 2, 2, "score"), F32),
    "torch_trap_softcap": (heads("f32", 2, 2, "score", "rows may have no keys"), F32),
    # The weights are a result: raised on demand, with the host's code left.
    "torch_trap_weights_used": (heads("f32", 2, 2), F32),
}
SHARED = {"torch_trap_weights_used"}
# Functions that are attention in part, the rest of which is code of the host.
IN_PART = {
    "torch_mistral_layer",
    "torch_dynamic_split",
    "torch_dynamic_repeated",
} | SHARED


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
    return result.stderr


def get_files(name, kind):
    pattern = re.compile(rf"{name}\.{kind}\d\.npy")
    return sorted(file for file in os.listdir(programs) if pattern.fullmatch(file))


def check(name, raised, target, tolerance):
    command = [mfa_run, raised, "--entry", "main", *target]
    for file in get_files(name, "arg"):
        command += ["--arg", os.path.join(programs, file)]
    expected = get_files(name, "out")
    results = [os.path.join(scratch, file) for file in expected]
    for file in results:
        command += ["--out", file]
    run(*command)
    for result, file in zip(results, expected):
        compare = os.path.join(inputs, "compare.py")
        path = os.path.join(programs, file)
        run(sys.executable, compare, result, path, str(tolerance))


assert sorted(FOUND) == sorted(
    file[:-5] for file in os.listdir(programs) if file.endswith(".mlir")
)
for name, (found, tolerance) in FOUND.items():
    program = os.path.join(programs, f"{name}.mlir")
    raised = os.path.join(scratch, f"{name}.mlir")
    shared = "shared-weights" if name in SHARED else ""

    options = [program, "-o", raised]
    if name.startswith("torch_kept"):
        options.append("--allow-unregistered-dialect")

    report = run(mfa_opt, f"--mfa-raise-report={shared}", *options)
    remarks = re.findall(r"remark: (.*)", report)
    assert remarks == [f"attention {found}"], (name, remarks)

    run(mfa_opt, f"--mfa-raise-attention={shared}", *options)
    check(name, raised, ["--target", "cpu"], tolerance)
    if name in IN_PART:
        continue
    run(mfa_opt, "--mfa-raise-attention=rows-without-keys=zero", *options)
    for chip in ("sm_80", "sm_90a"):
        check(name, raised, ["--target", "sim", "--chip", chip], tolerance)
