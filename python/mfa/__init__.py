"""Masked attention, compiled on demand: fused GPU kernels, and code for the CPU.

    output = mfa.masked_attention(q, k, v, mask)

Arrays are [batch, length, heads, head size] (BSHD) and may come from torch, numpy,
jax or any library with DLPack.
"""

from . import masks, scores
from ._attention import masked_attention
from ._attention import register_with_torch as _register_with_torch
from ._cache import cache_dir, clear_cache
from ._compile import CompiledAttention, Spec, compile
from ._flex import flex_attention
from ._functions import exp, exp2, floor, log, log2, maximum, minimum, sqrt, tanh, where
from ._kernels import cuda_unavailable_reason
from ._mask import Mask
from ._mfa import get_num_threads, set_num_threads
from ._mfa import version as _version
from ._sdpa import scaled_dot_product_attention
from ._tiles import TileCounts

__version__ = _version()

__all__ = [
    "CompiledAttention",
    "Mask",
    "Spec",
    "TileCounts",
    "cache_dir",
    "clear_cache",
    "compile",
    "cuda_unavailable_reason",
    "exp",
    "exp2",
    "flex_attention",
    "floor",
    "get_num_threads",
    "log",
    "log2",
    "masked_attention",
    "masks",
    "maximum",
    "minimum",
    "scaled_dot_product_attention",
    "scores",
    "set_num_threads",
    "sqrt",
    "tanh",
    "where",
]

_register_with_torch()
