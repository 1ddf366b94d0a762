#!/usr/bin/env python3
"""Measures what a call costs the host, beside functions of torch and JAX.

Three numbers for each: a cached call, the first call of a new configuration, and
the first call of a process that finds the kernel in the cache on disk. On a GPU
the time of a call is that until it returns; nothing waits for the kernel. Without
a GPU, arrays are NumPy's and what is timed includes the computation, so inputs are
the smallest there are. Calls of JAX, which returns before it has launched anything,
are waited for, on a GPU as well.

    benchmarks/host_cost.py [--calls N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TORCH_NAMES = ("MFA", "MFA, out=", "torch SDPA with a mask", "FlexAttention")
# Calls of functions that jax.jit has compiled: an addition is what any costs.
JAX_NAMES = ("MFA in jax.jit", "JAX's attention in jax.jit", "q + q in jax.jit")
NAMES = TORCH_NAMES + JAX_NAMES


def make_jax_call(name: str, device: str):
    try:
        import jax

        jax.devices(device)
    except (ImportError, RuntimeError):
        return None
    import jax.numpy as jnp

    sizes = (1, 1, 1, 8) if device == "cpu" else (1, 64, 8, 128)
    with jax.default_device(jax.devices(device)[0]):
        q = jnp.ones(sizes, jnp.float32 if device == "cpu" else jnp.bfloat16)
        mask = jnp.zeros((1, 1, sizes[1], sizes[1]), q.dtype)
    if name == "q + q in jax.jit":
        add = jax.jit(lambda q: q + q)
        return lambda: add(q).block_until_ready()
    if name == "MFA in jax.jit":
        import mfa

        function = mfa.masked_attention
    else:
        function = jax.nn.dot_product_attention
    attend = jax.jit(lambda q, k, v, mask: function(q, k, v, mask))
    return lambda: attend(q, q, q, mask).block_until_ready()


def make_call(name: str, device: str):
    """The call to time; None for what this machine does not have."""
    if name in JAX_NAMES:
        return make_jax_call(name, device)
    if device == "cpu":
        if name not in TORCH_NAMES[:2]:
            return None
        import numpy as np

        q = np.ones((1, 1, 1, 8), np.float32)
        mask = np.zeros((1, 1, 1), np.float32)
        out = np.empty_like(q)
    else:
        import torch

        q = torch.randn(1, 64, 8, 128, device="cuda", dtype=torch.bfloat16)
        mask = torch.randn(1, 1, 64, 64, device="cuda", dtype=torch.bfloat16)
        out = torch.empty_like(q)
    if name in TORCH_NAMES[:2]:
        import mfa

        if name == "MFA":
            return lambda: mfa.masked_attention(q, q, q, mask)
        return lambda: mfa.masked_attention(q, q, q, mask, out=out)
    x = q.transpose(1, 2)
    if name == "FlexAttention":
        from torch.nn.attention.flex_attention import flex_attention

        flex = torch.compile(flex_attention)

        def add(score, b, h, query, key):
            return score + mask[0, 0, query, key]

        return lambda: flex(x, x, x, score_mod=add)
    attend = torch.nn.functional.scaled_dot_product_attention
    return lambda: attend(x, x, x, mask)


def find_device() -> str:
    try:
        import torch
    except ImportError:
        return "cpu"
    return "cuda" if torch.cuda.is_available() else "cpu"


def wait(device: str) -> None:
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def measure_here(name: str, device: str, calls: int) -> dict:
    """Seconds of the first call with its result, and of a call once cached."""
    call = make_call(name, device)
    if call is None:
        return {}
    wait(device)
    begin = time.perf_counter()
    call()
    wait(device)
    first = time.perf_counter() - begin
    rounds = []
    for _ in range(max(calls // 100, 5)):
        wait(device)
        begin = time.perf_counter()
        # Fewer than a stream can hold, so that no call waits for the GPU.
        for _ in range(min(calls, 100)):
            call()
        rounds.append((time.perf_counter() - begin) / min(calls, 100))
    wait(device)
    return {"first": first, "cached": statistics.median(rounds)}


def measure(name: str, device: str, calls: int) -> dict:
    """Runs `measure_here` in two processes that share their caches."""
    command = [sys.executable, __file__, "--child", name, "--device", device]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "MFA_CACHE_DIR": f"{folder}/mfa",
            "TORCHINDUCTOR_CACHE_DIR": f"{folder}/inductor",
            "TRITON_CACHE_DIR": f"{folder}/triton",
            "CUDA_CACHE_PATH": f"{folder}/cuda",
            "JAX_COMPILATION_CACHE_DIR": f"{folder}/jax",
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        results = []
        for _ in range(2):
            done = subprocess.run(
                [*command, f"--calls={calls}"],
                env=environment,
                capture_output=True,
                text=True,
            )
            if done.returncode != 0:
                return {"error": done.stderr.strip().split("\n")[-1]}
            results.append(json.loads(done.stdout.strip().split("\n")[-1]))
    if not results[0]:
        return {"error": "not on this machine"}
    cached = min(result["cached"] for result in results)
    disk = results[1]["first"]
    return {"cached_us": cached * 1e6, "first_s": results[0]["first"], "disk_s": disk}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=2000, help="calls to time")
    parser.add_argument("--device", choices=("cuda", "cpu"))
    parser.add_argument("--names", nargs="*", default=NAMES, choices=NAMES)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    device = arguments.device or find_device()
    if arguments.child:
        print(json.dumps(measure_here(arguments.child, device, arguments.calls)))
        return 0

    results = {name: measure(name, device, arguments.calls) for name in arguments.names}
    print(f"host cost on {device}\n")
    print("| | cached call, us | first call, s | first call from disk cache, s |")
    print("|---|---|---|---|")
    for name, result in results.items():
        if "error" in result:
            print(f"| {name} | {result['error']} | | |")
            continue
        cells = f"{result['cached_us']:.1f} | {result['first_s']:.3f}"
        print(f"| {name} | {cells} | {result['disk_s']:.3f} |")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    return 1 if "error" in results.get("MFA", {}) else 0


if __name__ == "__main__":
    sys.exit(main())
