"""What the tests of JAX have in common."""

import os
import subprocess
import sys

import jax.numpy as jnp
import mfa
import numpy as np
from conftest import make_qkv, reference


def arrays(**options):
    return tuple(jnp.asarray(x) for x in make_qkv(**options))


def run(code, *, devices=1, **environment):
    """The output of a program, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ
        | {
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
            "JAX_PLATFORMS": "cpu",
        }
        | environment,
        capture_output=True,
        text=True,
        cwd=os.path.dirname(__file__),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def causal_documents(ids, window):
    return (
        mfa.masks.causal()
        & mfa.masks.documents(ids)
        & (lambda b, h, q, k: q - k <= window)
    )


def expect_rules(q, k, v, ids, window, slopes):
    position = np.arange(q.shape[1])
    distance = position[:, None] - position
    ids = np.asarray(ids)
    kept = (distance >= 0) & (distance <= int(window))
    kept = kept & (ids[:, :, None] == ids[:, None])
    bias = -np.asarray(slopes)[:, None, None] * distance
    return reference(q, k, v, np.where(kept[:, None], bias, -np.inf))[0]
