"""Fixtures of all tests, and the reference: attention in f64, written plainly."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# Before mfa is imported: no test reads or fills the user's cache.
_folder = tempfile.TemporaryDirectory(prefix="mfa-tests-")
os.environ["MFA_CACHE_DIR"] = _folder.name
# JAX shares a GPU with torch here.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
# Models are made from configurations: nothing is looked for on the network.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# Torch first, so that importing mfa registers its operators.
if importlib.util.find_spec("torch"):
    import torch  # noqa: F401

import hypothesis  # noqa: E402
import ml_dtypes  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

# Compiling takes longer than the deadline of an example allows.
hypothesis.settings.register_profile(
    "mfa",
    deadline=None,
    max_examples=25,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("mfa")

SOURCE_DIR = Path(__file__).parent.parent.parent
DTYPES = {"f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32}


@pytest.fixture
def cache_dir(tmp_path, monkeypatch):
    """An empty cache of the test's own, and a process without kernels."""
    import mfa

    folder = tmp_path / "cache"
    monkeypatch.setenv("MFA_CACHE_DIR", str(folder))
    mfa._kernels.forget()
    yield folder
    mfa._kernels.forget()


@pytest.fixture(autouse=True)
def fresh_dynamo():
    """No test sees what another compiled: torch leaves alone what once failed to
    compile, and compiles a function a limited number of times."""
    if "torch._dynamo" in sys.modules:
        sys.modules["torch"].compiler.reset()


@pytest.fixture
def jax_on_cpu():
    """What JAX does without being told where is done on the CPU."""
    import jax

    with jax.default_device(jax.devices("cpu")[0]):
        yield


def normal(seed, *shape, dtype="f32"):
    values = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return values.astype(DTYPES[dtype])


def make_qkv(
    batch=2, seq_q=5, seq_k=7, heads=4, kv_heads=2, dim=16, dtype="f32", v_dim=None
):
    return (
        normal(1, batch, seq_q, heads, dim, dtype=dtype),
        normal(2, batch, seq_k, kv_heads, dim, dtype=dtype),
        normal(3, batch, seq_k, kv_heads, v_dim or dim, dtype=dtype),
    )


def reference(q, k, v, mask=None, scale=None):
    """Output [B, Sq, H, Dv] and log-sum-exp [B, H, Sq], in f64."""
    q, k, v = (np.asarray(x).astype(np.float64) for x in (q, k, v))
    repeats = q.shape[2] // k.shape[2]
    k, v = (np.repeat(x, repeats, axis=2) for x in (k, v))
    scores = np.einsum("bqhd,bkhd->bhqk", q, k)
    scores *= q.shape[3] ** -0.5 if scale is None else scale
    if mask is not None:
        mask = np.asarray(mask)
        if mask.dtype == bool:
            mask = np.where(mask, 0.0, -np.inf)
        if mask.ndim == 3:
            mask = mask[:, None]
        scores = scores + mask.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        maximum = np.max(scores, axis=-1, keepdims=True, initial=-np.inf)
        base = np.where(np.isneginf(maximum), 0.0, maximum)
        weights = np.exp(scores - base)
        total = np.sum(weights, axis=-1, keepdims=True)
        weights = np.where(total == 0, 0.0, weights / total)
        lse = np.where(total == 0, -np.inf, np.log(total) + base)[..., 0]
    return np.einsum("bhqk,bkhd->bqhd", weights, v), lse


def find_tool(name):
    """The path of a tool of this project: of the folder in MFA_TOOLS, or of the build
    that the package is imported from, or of PATH; None where there is none."""
    import mfa

    built = Path(mfa.__file__).parent.parent.parent / "bin"
    folders = [os.environ.get("MFA_TOOLS", ""), str(built), os.environ.get("PATH", "")]
    return shutil.which(name, path=os.pathsep.join(filter(None, folders)))


def refused(kind, text):
    """Expects an error with exactly this text."""
    return pytest.raises(kind, match=f"^{re.escape(text)}$")


TOLERANCES = {"f32": 2e-5, "f16": 4e-3, "bf16": 3e-2}


def assert_close(actual, expected, dtype="f32"):
    actual = np.asarray(actual).astype(np.float64)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(
        actual, expected, rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype]
    )


def run(script, *arguments):
    """Exit status, output and errors of a script of benchmarks/."""
    done = subprocess.run(
        [sys.executable, str(SOURCE_DIR / "benchmarks" / script), *arguments],
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr
