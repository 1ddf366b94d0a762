"""Masks that are rules, and changes of the score: what they mean, and the same as
each implementation takes it.

Rates count the pairs that a rule keeps, and no others.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .cases import Case, Problem

WINDOW = 1024
DOCUMENTS = 8
# Blocks of as many queries and keys, of which each so many are seen.
BLOCK, DILATION = 128, 4
# Positions are those of an image, row by row, each of which sees so far.
IMAGE_WIDTH, NEIGHBOURS = 64, 12
SOFTCAP = 30.0

RULES = {
    "causal": "query i attends to keys up to i",
    "window": f"causal, and no key further back than {WINDOW}",
    "documents": f"causal, within {DOCUMENTS} documents of uneven lengths a sequence",
    "prefix": "the first quarter of the keys, and causal",
    "dilated": f"causal, of blocks of {BLOCK} keys each {DILATION}th from its own",
    "natten": f"up to {NEIGHBOURS} rows and columns away in an image of {IMAGE_WIDTH}",
    "softcap": f"causal, scores capped by {SOFTCAP:g} tanh(s / {SOFTCAP:g})",
    "alibi": "causal, a penalty for distance with another slope for each head",
}


def document_ends(case: Case) -> np.ndarray:
    """Where each document ends, [B, documents]: 3 to 23 % of a sequence each."""
    random = np.random.default_rng(1)
    shares = random.uniform(0.2, 1.8, (case.batch, DOCUMENTS)).cumsum(axis=1)
    ends = (shares / shares[:, -1:] * case.seq_k).astype(np.int64)
    ends[:, -1] = case.seq_k
    return ends


def document_ids(case: Case) -> np.ndarray:
    """The document of each position, [B, S]."""
    positions = np.arange(case.seq_k)
    ends = document_ends(case)
    return (positions[None, :, None] >= ends[:, None, :]).sum(-1).astype(np.int32)


def slopes(case: Case) -> np.ndarray:
    heads = np.arange(1, case.heads + 1)
    return np.exp2(-8.0 * heads / case.heads).astype(np.float32)


def in_dilated_block(query: Any, key: Any) -> Any:
    return (key <= query) & ((query // BLOCK - key // BLOCK) % DILATION == 0)


def is_neighbour(query: Any, key: Any) -> Any:
    """Both positions of an image; at its border fewer are near."""
    rows = query // IMAGE_WIDTH - key // IMAGE_WIDTH
    columns = query % IMAGE_WIDTH - key % IMAGE_WIDTH
    return (
        (rows <= NEIGHBOURS)
        & (rows >= -NEIGHBOURS)
        & (columns <= NEIGHBOURS)
        & (columns >= -NEIGHBOURS)
    )


# What only mfa-run is asked for: scores without a rule, rules of which the only query
# has more than one key, and a causal mask that is dense.
TOOL_RULES = {
    "listed": {"mask-fill": "causal"},
    "capped": {"score": f"softcap:{SOFTCAP:g}"},
    "sloped": {"score": "alibi"},
    "capped-alibi": {"score": f"softcap:{SOFTCAP:g}+alibi"},
    "biased": {"score": "relative-bias"},
    "causal-end": {"keep": "causal-end"},
    "any-document": {"keep": f"documents:{DOCUMENTS}"},
    "strided": {"keep": f"dilated:{DILATION}"},
}

# Rules that all take as they are, of arrays, tensors and symbols.
POINTWISE = {"dilated": in_dilated_block, "natten": is_neighbour}


def kept(problem: Problem, batch: int, rows: np.ndarray) -> np.ndarray:
    """Which keys the rows keep, [rows, Sk]."""
    case = problem.case
    query, key = rows[:, None], np.arange(case.seq_k)[None, :]
    causal = key <= query
    if problem.mask_kind == "window":
        return causal & (query - key <= WINDOW)
    if problem.mask_kind == "documents":
        ids = document_ids(case)[batch]
        return causal & (ids[query] == ids[key])
    if problem.mask_kind == "prefix":
        return causal | (key < case.seq_k // 4)
    if problem.mask_kind in POINTWISE:
        return POINTWISE[problem.mask_kind](query, key)
    return causal


@functools.cache
def count_kept(rule: Any, length: int) -> int:
    """Pairs that a pointwise rule keeps, a thousand queries at a time."""
    key = np.arange(length, dtype=np.int32)[None, :]
    parts = np.array_split(key.T, -(-length // 1000))
    return sum(int(np.count_nonzero(rule(query, key))) for query in parts)


def kept_pairs(case: Case, kind: str) -> float:
    """How many pairs of a query and a key, of all batches and heads."""
    length = case.seq_q
    if kind == "documents":
        sizes = np.diff(document_ends(case), prepend=0, axis=1).astype(float)
        return case.heads * float((sizes**2).sum()) / 2
    if rule := POINTWISE.get(kind):
        return case.batch * case.heads * float(count_kept(rule, length))
    pairs = {
        "window": length * WINDOW - WINDOW**2 / 2 if length > WINDOW else length**2 / 2,
        "prefix": length**2 / 2 + (length // 4) ** 2 / 2,
    }.get(kind, length**2 / 2)
    return case.batch * case.heads * pairs


def apply_score(
    problem: Problem, head: int, rows: np.ndarray, scores: np.ndarray
) -> np.ndarray:
    """What a rule makes of scores [rows, Sk]."""
    if problem.mask_kind == "softcap":
        return SOFTCAP * np.tanh(scores / SOFTCAP)
    if problem.mask_kind == "alibi":
        distance = np.arange(problem.case.seq_k)[None, :] - rows[:, None]
        return scores + slopes(problem.case)[head] * distance
    return scores


# --------------------------------------------------------------------------
# As implementations take them
# --------------------------------------------------------------------------


def for_mfa(mfa: Any, problem: Problem) -> dict[str, Any]:
    """Arguments of mfa.masked_attention."""
    case, masks, scores = problem.case, mfa.masks, mfa.scores
    options = {"keep": masks.causal()}
    if problem.mask_kind == "window":
        options["keep"] = masks.window(WINDOW, 0)
    if problem.mask_kind == "documents":
        options["keep"] &= masks.documents(on_device(problem, document_ids(case)))
    if problem.mask_kind == "prefix":
        lengths = np.full(case.batch, case.seq_k // 4, np.int32)
        options["keep"] = masks.prefix(on_device(problem, lengths))
    if rule := POINTWISE.get(problem.mask_kind):
        options["keep"] = lambda b, h, query, key: rule(query, key)
    if problem.mask_kind == "softcap":
        options["score"] = scores.softcap(SOFTCAP)
    if problem.mask_kind == "alibi":
        options["score"] = scores.alibi(on_device(problem, slopes(case)))
    return options


def for_mfa_run(case: Case, kind: str) -> dict[str, str]:
    """Options of the tool, whose documents are others."""
    if kind in TOOL_RULES:
        return TOOL_RULES[kind]
    keep = {
        "window": f"causal+window:{WINDOW}",
        "documents": f"causal+documents:{DOCUMENTS}",
        "prefix": f"prefix:{case.seq_k // 4}",
    }
    score = {"softcap": f"softcap:{SOFTCAP:g}", "alibi": "alibi"}
    options = {"keep": keep.get(kind, "causal")}
    return options | ({"score": score[kind]} if kind in score else {})


def for_flex_attention(problem: Problem) -> tuple[Any, Any]:
    """score_mod, or None, and mask_mod."""
    import torch

    case = problem.case

    def causal(b, h, query, key):
        return query >= key

    if problem.mask_kind == "window":
        return None, lambda b, h, query, key: (query >= key) & (query - key <= WINDOW)
    if problem.mask_kind == "documents":
        ids = on_device(problem, document_ids(case))
        return None, lambda b, h, query, key: (query >= key) & (
            ids[b, query] == ids[b, key]
        )
    if problem.mask_kind == "prefix":
        prefix = case.seq_k // 4
        return None, lambda b, h, query, key: (query >= key) | (key < prefix)
    if rule := POINTWISE.get(problem.mask_kind):
        return None, lambda b, h, query, key: rule(query, key)
    if problem.mask_kind == "softcap":
        return (
            lambda score, b, h, query, key: SOFTCAP * torch.tanh(score / SOFTCAP),
            causal,
        )
    if problem.mask_kind == "alibi":
        slope = on_device(problem, slopes(case))
        return lambda score, b, h, query, key: score + slope[h] * (key - query), causal
    return None, causal


def for_flash_attention(problem: Problem, takes_window: bool) -> dict[str, Any] | None:
    """Options that FlashAttention's versions have in common; None where there are
    none."""
    kind = problem.mask_kind
    if kind == "none":
        return {}
    if kind == "causal":
        return {"causal": True}
    if kind == "softcap":
        return {"causal": True, "softcap": SOFTCAP}
    if kind == "window" and takes_window:
        return {"window_size": (WINDOW, 0)}
    return None


def packed_lengths(problem: Problem) -> tuple[Any, int]:
    """Where the documents of all batches begin in one long sequence, with its end,
    and the longest one's length."""
    case = problem.case
    sizes = np.diff(document_ends(case), prepend=0, axis=1).ravel()
    begins = np.concatenate([[0], sizes.cumsum()]).astype(np.int32)
    return on_device(problem, begins), int(sizes.max())


def on_device(problem: Problem, array: np.ndarray) -> Any:
    """The array where the problem's are: NumPy's on the CPU, else torch's."""
    if problem.device == "cpu":
        return array
    import torch

    return torch.from_numpy(array).to(problem.device)
