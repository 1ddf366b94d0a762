"""Correctness of a result, against f64, on some of its rows.

A result passes whose maximum error is at most twice that of a plain computation
in the problem's own precision (f32 sums, probabilities rounded to the type of v,
result rounded) on the same rows, plus two units in the last place; eight for f32,
whose products on tensor cores are sums of three.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import rules
from .cases import Problem, numpy_dtype

ROWS = 32


@dataclass
class Verdict:
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        # False for a NaN as well.
        return self.error <= self.tolerance


def to_numpy(array: Any) -> np.ndarray:
    """A torch, JAX or NumPy array as f32 in NumPy; every type here fits."""
    if hasattr(array, "detach"):
        return array.detach().float().cpu().numpy()
    return np.asarray(array).astype(np.float32)


def _rows(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(ROWS, count)).astype(np.int64))


def _slices(problem: Problem):
    case = problem.case
    last = (case.batch - 1, case.heads - 1)
    return [(0, 0), last] if last != (0, 0) else [last]


def _softmax(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    maximum = np.max(scores, axis=-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isneginf(maximum), 0, maximum))
    return weights, np.sum(weights, axis=-1, keepdims=True)


def _reference(problem: Problem, batch: int, head: int):
    """The rows in f64, and in the problem's precision, for a head."""
    key = (batch, head)
    if key in problem.reference:
        return problem.reference[key]
    case, rows = problem.case, _rows(problem.case.seq_q)
    kv_head = head // (case.heads // case.kv_heads)
    q = to_numpy(problem.q[batch, rows, head])
    k = to_numpy(problem.k[batch, :, kv_head])
    v = to_numpy(problem.v[batch, :, kv_head])
    bias = np.zeros((1, 1), np.float32)
    if problem.mask is not None:
        mask = problem.mask[min(batch, problem.mask.shape[0] - 1), 0]
        bias = to_numpy(mask[rows] if mask.shape[0] != 1 else mask)
    has_rule = problem.mask_kind in rules.RULES

    def change(scores):
        if not has_rule:
            return scores + bias
        scores = rules.apply_score(problem, head, rows, scores)
        return np.where(rules.kept(problem, batch, rows), scores, -np.inf)

    scores = change(q.astype(np.float64) @ k.T.astype(np.float64) * problem.scale)
    weights, total = _softmax(scores)
    exact = weights @ v.astype(np.float64) / total

    dtype = numpy_dtype(case.dtype)
    scale = np.float32(problem.scale)
    weights, total = _softmax(change(q @ k.T * scale).astype(np.float32))
    weights = (weights / total).astype(dtype).astype(np.float32)
    plain = (weights @ v).astype(dtype).astype(np.float64)
    problem.reference[key] = exact, plain
    return exact, plain


def check(problem: Problem, output: Any) -> Verdict:
    """Compares rows of an output [B, Sq, H, D] with the reference."""
    fraction_bits = {"bf16": 7, "f16": 10, "f32": 23}[problem.case.dtype]
    rows = _rows(problem.case.seq_q)
    errors, tolerances = [], []
    for batch, head in _slices(problem):
        exact, plain = _reference(problem, batch, head)
        result = to_numpy(output[batch, rows, head])
        errors.append(np.max(np.abs(result - exact)))
        last_place = np.max(np.abs(exact)) * 2.0**-fraction_bits
        units = 8 if problem.case.dtype == "f32" else 2
        tolerances.append(2 * np.max(np.abs(plain - exact)) + units * last_place)
    # np.max keeps a NaN, Python's max may lose it.
    return Verdict(float(np.max(errors)), float(np.max(tolerances)))
