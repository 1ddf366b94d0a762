"""What is measured: sizes, masks and element types, and their inputs.

Arrays are [batch, length, heads, head_dim] (BSHD). On a GPU they are torch
tensors, which every peer reads in place; on the CPU they are NumPy arrays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import rules

MASKS = {
    "none": "no mask",
    "dense": "additive, of the type of q, [B, 1, Sq, Sk], random",
    "padding": "additive, of the type of q, [B, 1, 1, Sk], 0 then -inf",
    **rules.RULES,
}


class Refused(Exception):
    """An implementation does not take this problem."""


@dataclass(frozen=True)
class Case:
    """Sizes of a problem and the masks it is measured with."""

    batch: int
    heads: int
    kv_heads: int
    seq_q: int
    seq_k: int
    head_dim: int
    dtype: str = "bf16"
    masks: tuple[str, ...] = ("none", "causal", "dense")
    quick: bool = False

    def __str__(self) -> str:
        heads = f"H{self.heads}"
        if self.kv_heads != self.heads:
            heads += f"/{self.kv_heads}"
        length = f"S{self.seq_q}"
        if self.seq_q != self.seq_k:
            length = f"Sq{self.seq_q} Sk{self.seq_k}"
        return f"{self.dtype} B{self.batch} {heads} {length} D{self.head_dim}"

    @property
    def is_decode(self) -> bool:
        """One query row for each sequence: bound by reading keys and values."""
        return self.seq_q == 1

    def flops(self, mask: str) -> float:
        """Operations of the two products, of the pairs that a rule keeps."""
        pairs = self.batch * self.heads * self.seq_q * self.seq_k
        parts = mask.replace("listed", "causal").split("+")
        kept = [part for part in parts if part in rules.RULES]
        if kept:
            pairs = rules.kept_pairs(self, kept[0])
        return 4.0 * pairs * self.head_dim

    def kv_bytes(self) -> float:
        """Bytes of keys and values, which each call reads at least once."""
        width = 4 if self.dtype == "f32" else 2
        rows = self.batch * self.seq_k * self.kv_heads
        return 2.0 * rows * self.head_dim * width


def _self_attention(batch, heads, kv_heads, length, head_dim, **options):
    return Case(batch, heads, kv_heads, length, length, head_dim, **options)


def _decode(batch, keys, **options):
    return Case(batch, 32, 8, 1, keys, 128, masks=("padding",), **options)


CASES = [
    # One head size over the lengths, with as many tokens in each.
    _self_attention(32, 16, 16, 512, 128),
    _self_attention(16, 16, 16, 1024, 128),
    _self_attention(8, 16, 16, 2048, 128, quick=True),
    _self_attention(4, 16, 16, 4096, 128),
    _self_attention(2, 16, 16, 8192, 128, masks=tuple(MASKS)),
    _self_attention(1, 16, 16, 16384, 128),
    _self_attention(8, 32, 32, 2048, 64, masks=("none", "causal", "dense", "padding")),
    _self_attention(4, 32, 32, 4096, 64),
    _self_attention(2, 32, 32, 8192, 64, masks=("none", "dense", *rules.RULES)),
    _self_attention(2, 8, 8, 8192, 256, masks=("none", "dense", *rules.RULES)),
    # Grouped heads, as of an 8-billion-parameter language model.
    _self_attention(4, 32, 8, 4096, 128),
    _self_attention(8, 16, 16, 2048, 128, dtype="f16", masks=("none", "dense")),
    _self_attention(2, 16, 16, 4096, 128, dtype="f32", masks=("none", "dense")),
    # Cross attention: an image's patches to a text, and lengths of no tile.
    Case(4, 16, 16, 4096, 512, 64, masks=("none", "dense", "padding")),
    Case(8, 24, 8, 1023, 1533, 128, masks=("none", "dense")),
    _self_attention(1, 20, 20, 1500, 64, masks=("none", "dense")),
    # Decoding: one new token for each sequence.
    _decode(16, 8192, quick=True),
    _decode(16, 65536),
    _decode(1, 65536),
]

# For machines without a GPU: the same kinds of cases, small.
CPU_CASES = [
    _self_attention(1, 4, 2, 128, 64, dtype="f32", quick=True),
    _self_attention(1, 2, 2, 200, 64, dtype="bf16", masks=("dense", "padding")),
    Case(1, 4, 4, 64, 192, 32, dtype="f16", masks=("none", "dense")),
    Case(2, 8, 2, 1, 512, 64, dtype="f32", masks=("padding",)),
    _self_attention(2, 2, 1, 160, 32, dtype="f32", masks=tuple(rules.RULES)),
]


def select_cases(device: str, quick: bool, pattern: str) -> list[Case]:
    """The cases of a device whose names contain the regular expression."""
    cases = CPU_CASES if device == "cpu" else CASES
    return [
        case
        for case in cases
        if (case.quick or not quick) and re.search(pattern, str(case))
    ]


@dataclass
class Problem:
    """A case with one mask, and its inputs.

    `mask` is what a kernel of a dense mask takes, [B|1, 1, Sq|1, Sk]: additive, of
    the type of q. A rule has none (rules.py).
    """

    case: Case
    mask_kind: str
    device: str
    q: Any
    k: Any
    v: Any
    mask: Any
    scale: float
    reference: dict = field(default_factory=dict)


def numpy_dtype(name: str):
    """NumPy's type for f16, bf16 (of ml_dtypes) or f32."""
    if name == "bf16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype({"f16": np.float16, "f32": np.float32}[name])


def make_bare_problem(case: Case, mask_kind: str, device: str) -> Problem:
    """A problem without arrays, for a program that makes its own."""
    scale = float(np.float32(case.head_dim**-0.5))
    return Problem(case, mask_kind, device, None, None, None, None, scale)


def _padding_lengths(case: Case) -> np.ndarray:
    """Keys that are not padding: from half of them to all, by the batch."""
    steps = np.linspace(0.5, 1.0, case.batch + 1)[1:]
    return np.maximum(1, (steps * case.seq_k)).astype(np.int64)


def make_problem(case: Case, mask_kind: str, device: str) -> Problem:
    """Makes the inputs of a case; the same case gives the same values."""
    make = _make_numpy if device == "cpu" else _make_torch
    q, k, v, mask = make(case, mask_kind)
    scale = float(np.float32(case.head_dim**-0.5))
    return Problem(case, mask_kind, device, q, k, v, mask, scale)


def _shapes(case: Case):
    kv = (case.batch, case.seq_k, case.kv_heads, case.head_dim)
    return (case.batch, case.seq_q, case.heads, case.head_dim), kv, kv


def _make_numpy(case: Case, mask_kind: str):
    random = np.random.default_rng(0)
    dtype = numpy_dtype(case.dtype)

    def normal(*shape):
        return random.standard_normal(shape, np.float32).astype(dtype)

    arrays = [normal(*shape) for shape in _shapes(case)]
    mask = None
    if mask_kind == "dense":
        mask = normal(case.batch, 1, case.seq_q, case.seq_k)
    elif mask_kind == "padding":
        kept = np.arange(case.seq_k) < _padding_lengths(case)[:, None]
        mask = np.where(kept, 0.0, -np.inf).astype(dtype)[:, None, None, :]
    return (*arrays, mask)


def _make_torch(case: Case, mask_kind: str):
    import torch

    dtype = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}
    dtype = dtype[case.dtype]
    generator = torch.Generator("cuda").manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, device="cuda", generator=generator, dtype=dtype)

    arrays = [normal(*shape) for shape in _shapes(case)]
    mask = None
    if mask_kind == "dense":
        mask = normal(case.batch, 1, case.seq_q, case.seq_k)
    elif mask_kind == "padding":
        lengths = torch.from_numpy(_padding_lengths(case)).cuda()
        kept = torch.arange(case.seq_k, device="cuda") < lengths[:, None]
        mask = torch.zeros(case.batch, 1, 1, case.seq_k, device="cuda", dtype=dtype)
        mask.masked_fill_(~kept[:, None, None, :], float("-inf"))
    return (*arrays, mask)
