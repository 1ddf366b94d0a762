"""Time from a Python call on a new configuration to its result.

Each peer is measured in a process of its own, with empty caches, and in a second
one that finds the caches of the first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .cases import Case, make_problem
from .peers import PEERS, Absent, Refused
from .report import FirstCall

# Nothing above has these sizes, so nobody has them prebuilt or tuned.
CASES = {
    "cuda": Case(2, 12, 12, 1280, 1280, 96, "bf16"),
    "cpu": Case(1, 2, 2, 96, 96, 40, "f32"),
}
NAMES = ("MFA", "torch cuDNN", "torch mem-eff", "FlexAttention", "JAX cuDNN")


def measure_here(name: str, device: str) -> float:
    """Seconds, in this process; it must not have called the peer before."""
    peer = next(peer for peer in PEERS if peer.name == name)(device)
    problem = make_problem(CASES[device], "dense", device)
    _start_libraries(device)
    begin = time.perf_counter()
    # Preparing a peer compiles and, for some, runs it.
    output = peer.prepare(problem).call()
    if device == "cuda":
        import torch

        torch.cuda.synchronize()
    if hasattr(output, "block_until_ready"):
        output.block_until_ready()
    return time.perf_counter() - begin


def _start_libraries(device: str) -> None:
    """Starts what any program on the GPU has started before."""
    if device == "cuda":
        import torch

        matrix = torch.ones(256, 256, device="cuda", dtype=torch.bfloat16)
        (matrix @ matrix).sum().item()


def measure(name: str, device: str) -> FirstCall:
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "MFA_CACHE_DIR": f"{folder}/mfa",
            "TORCHINDUCTOR_CACHE_DIR": f"{folder}/inductor",
            "TRITON_CACHE_DIR": f"{folder}/triton",
            "CUDA_CACHE_PATH": f"{folder}/cuda",
            "JAX_COMPILATION_CACHE_DIR": f"{folder}/jax",
        }
        script = Path(__file__).parent.parent / "attention.py"
        command = [sys.executable, str(script), "--first-call", name]
        seconds = []
        for _ in range(2):
            done = subprocess.run(
                [*command, "--device", device],
                env=environment,
                capture_output=True,
                text=True,
            )
            lines = done.stdout.strip().split("\n")
            try:
                answer = json.loads(lines[-1])
            except json.JSONDecodeError:
                last = done.stderr.strip().split("\n")[-1]
                return FirstCall(name, None, reason=f"failed: {last}")
            if "reason" in answer:
                return FirstCall(name, None, reason=answer["reason"])
            seconds.append(answer["seconds"])
    return FirstCall(name, *seconds)


def print_here(name: str, device: str) -> None:
    """The child process of `measure`."""
    try:
        answer = {"seconds": measure_here(name, device)}
    except Absent as error:
        answer = {"reason": f"absent: {error}"}
    except Refused as error:
        answer = {"reason": f"refused: {error}"}
    print(json.dumps(answer))
