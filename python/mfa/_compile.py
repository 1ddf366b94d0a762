"""Kernels compiled ahead, to look into or to call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import _kernels, _mfa
from ._arrays import type_name
from ._mask import check_tiles, open_mask
from ._rules import bind
from ._tiles import TileCounts, count

# Bits of _mfa.Problem's mask_broadcast.
_HEADS, _KEYS = 2, 8
_WIDTHS = ("f16", "bf16", "f32")
_ALIASES = {"float16": "f16", "bfloat16": "bf16", "float32": "f32", "bool": "i1"}


@dataclass(frozen=True)
class Spec:
    """An array that is not there: its shape and its element type, by a name such
    as "bf16" or "bfloat16"."""

    shape: tuple[int, ...]
    dtype: str


def _read(name: str, array: Any, ranks: tuple[int, ...], types: tuple[str, ...]):
    """Shape and type name of an array or of anything with a shape and a dtype."""
    shape, dtype = getattr(array, "shape", None), getattr(array, "dtype", None)
    if shape is None or dtype is None:
        raise TypeError(
            f"{name}: expected an array, or mfa.Spec, but got {type(array).__name__}"
        )
    dtype = type_name(dtype)
    dtype = _ALIASES.get(dtype, dtype)
    if dtype not in types:
        raise TypeError(
            f"{name}: expected elements of type {', '.join(types)} but got {dtype}"
        )
    if len(shape) not in ranks:
        expected = " or ".join(map(str, ranks))
        raise ValueError(f"{name}: expected rank {expected} but got rank {len(shape)}")
    return tuple(int(size) for size in shape), dtype


def _broadcast_bits(mask_shape, q_shape, k_shape) -> int:
    """The dimensions in which the code knows the mask to have size 1."""
    if len(mask_shape) == 3:
        mask_shape = (mask_shape[0], 1, *mask_shape[1:])
    full = q_shape[0], q_shape[2], q_shape[1], k_shape[1]
    for size, whole in zip(mask_shape, full):
        if size not in (1, whole):
            raise ValueError(
                f"mask: expected shape {tuple(full)}, or 1 in place of any of these "
                f"sizes, but got {mask_shape}"
            )
    bits = _HEADS if mask_shape[1] == 1 else 0
    for dim in (2, 3):
        if mask_shape[dim] == 1 and full[dim] != 1:
            bits |= 1 << dim
    return bits


def _has_unit_stride(mask: Any) -> bool:
    """Whether keys lie side by side; what has no strides is contiguous."""
    if callable(getattr(mask, "stride", None)):
        stride = mask.stride(-1)
    elif hasattr(mask, "strides"):
        stride = mask.strides[-1] // mask.itemsize
    else:
        return True
    return stride == 1 or mask.shape[-1] <= 1


def compile(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    *,
    keep: Callable | None = None,
    score: Callable | None = None,
    sinks: Any = None,
    return_lse: bool = False,
    target: str | None = None,
    chip: str | None = None,
    schedule: str | None = None,
    f32_product: str = "tf32x3",
    tiles: str | None = None,
) -> CompiledAttention:
    """Compiles masked attention for arrays such as these.

    Only element types, head sizes, the dimensions in which the mask is broadcast,
    whether its last stride is 1, and the code of functions matter; the kernel takes
    any batch, lengths, heads and strides, and other numbers and arrays in place of
    those that functions refer to. It comes from the caches where it is there already.

    Args:
      q, k, v, mask: as of masked_attention; arrays, or mfa.Spec for arrays that
        are not there.
      keep, score, sinks: as of masked_attention; sinks may be an mfa.Spec.
      return_lse: whether the kernel also writes the log-sum-exp.
      target: "cpu", "sim" or "cuda"; by default "cuda" where a GPU answers.
      chip: the GPU architecture, such as "sm_90a"; by default that of GPU 0, and
        sm_80 where there is none.
      schedule: a schedule as text, "#mfa.schedule<...>", instead of the one that
        is selected.
      tiles: as of masked_attention.
      f32_product: how a GPU multiplies float32 matrices: "tf32x3", as accurate as
        float32, or "tf32".

    Raises:
      TypeError, ValueError: an argument does not fit.
      RuntimeError: the compiler failed; with its diagnostics.
    """
    q_shape, dtype = _read("q", q, (4,), _WIDTHS)
    k_shape, k_dtype = _read("k", k, (4,), _WIDTHS)
    v_shape, v_dtype = _read("v", v, (4,), _WIDTHS)
    for name, actual in (("k", k_dtype), ("v", v_dtype)):
        if actual != dtype:
            raise TypeError(
                f"{name}: expected elements of type {dtype}, as of q, but got {actual}"
            )
    if k_shape[3] != q_shape[3]:
        raise ValueError(
            f"k: expected head size {q_shape[3]}, as of q, but got {k_shape[3]}"
        )
    mask, keep, tiles, _ = open_mask(mask, keep, tiles)
    mask_dtype, bits, unit = None, 0, False
    if mask is not None:
        mask_shape, mask_dtype = _read("mask", mask, (3, 4), (*_WIDTHS, "i1"))
        bits = _broadcast_bits(mask_shape, q_shape, k_shape)
        unit = not bits & _KEYS and _has_unit_stride(mask)
    if sinks is not None:
        _read("sinks", sinks, (1,), ("f32",))
    rules = None
    if keep is not None or score is not None:
        rules, _ = bind(keep, score, q)
    if target is None:
        target = "cpu" if _kernels.cuda_unavailable_reason() else "cuda"
    if target not in ("cpu", "sim", "cuda"):
        raise ValueError(f"target: expected 'cpu', 'sim' or 'cuda' but got {target!r}")
    if chip and target == "cpu":
        raise ValueError(f"chip: expected None for target 'cpu' but got {chip!r}")
    has_gpu = target == "cuda" and not _kernels.cuda_unavailable_reason()
    if not chip:
        chip = _kernels.chip_of("sim" if target == "cuda" and not has_gpu else target)

    check_tiles(tiles)
    options = {
        "schedule": schedule or "",
        "f32_product": f32_product,
        "tile_lists": tiles or "rules",
    }

    def compile_for(any_scale: bool) -> tuple[_mfa.Kernel, _mfa.Problem]:
        mask_form = mask_dtype, bits, unit
        problem = dtype, q_shape[3], v_shape[3], *mask_form, any_scale, return_lse
        regions = {"sinks": sinks is not None, "rules": rules.text if rules else ""}
        kernel = _kernels.get_kernel(
            *problem,
            target,
            chip=chip,
            **options,
            **regions,
        )
        if has_gpu and chip == _kernels.chip_of("cuda"):
            # The driver checks it, and calls need not wait for that.
            kernel.load(0)
            if kernel.has_new_machine_code:
                _kernels.save(kernel)
        return kernel, _kernels.make_problem(*problem, **regions)

    return CompiledAttention(compile_for, return_lse, (keep, score, rules), options)


class CompiledAttention:
    """A kernel for one configuration; made by mfa.compile."""

    def __init__(
        self,
        compile_for: Callable[[bool], tuple[_mfa.Kernel, _mfa.Problem]],
        lse: bool,
        functions: tuple[Callable | None, Callable | None, Any] = (None, None, None),
        options: dict[str, str] | None = None,
    ):
        self._compile_for = compile_for
        self._kernel, self._problem = compile_for(False)
        self._lse = lse
        self._functions = functions
        self._options = options or {}

    def __call__(
        self,
        q: Any,
        k: Any,
        v: Any,
        mask: Any = None,
        *,
        keep: Callable | None = None,
        score: Callable | None = None,
        sinks: Any = None,
        scale: float | None = None,
        out: Any = None,
    ) -> Any:
        """As masked_attention, with this kernel: a pair where it was compiled with
        return_lse. The kernel has the scale 1/sqrt(D) built in; the first call with
        a `scale` compiles another that takes any. `keep` and `score` are by default
        those that it was compiled with, with the numbers and arrays that they refer to
        now; others are of the same code. ValueError where arrays or functions are of
        another configuration."""
        mask, keep, _, lists = open_mask(mask, keep, None)
        rules, captures = self._bind(keep, score, q)
        kernel, problem = self._kernel, self._problem
        if scale is not None:
            kernel, problem = self._compile_for(True)
        target = kernel.target.name
        return _mfa.attend(
            *(q, k, v, mask, scale, self._lse, out, target, kernel, problem),
            rules=rules,
            captures=captures,
            sinks=sinks,
            lists=lists,
        )

    def tiles(
        self,
        q: Any,
        k: Any,
        v: Any,
        mask: Any = None,
        *,
        keep: Callable | None = None,
        score: Callable | None = None,
    ) -> TileCounts:
        """How many tiles of keys a call with these arguments skips, tests, and visits
        freely or with the mask alone, over all batches and heads. It is counted on the
        CPU; q, k and v are not read and may be mfa.Spec. Scores are taken to be
        finite. ValueError for a kernel of the CPU, which has no tiles."""
        if not self.chip:
            raise ValueError(
                "expected a kernel for a GPU or its simulation, which has tiles, but "
                "got one for the CPU; compile one with target='sim'"
            )
        mask, keep, _, _ = open_mask(mask, keep, None)
        _, captures = self._bind(keep, score, q)
        shapes = tuple(tuple(int(n) for n in x.shape) for x in (q, k, v))
        return count(self._problem, self.chip, self._options, shapes, mask, captures)

    def _bind(self, keep: Callable | None, score: Callable | None, q: Any) -> tuple:
        """The rules of the kernel, and what functions refer to."""
        known_keep, known_score, expected = self._functions
        keep = known_keep if keep is None else keep
        score = known_score if score is None else score
        if keep is None and score is None:
            return None, ()
        rules, captures = bind(keep, score, q)
        if rules is not expected:
            raise ValueError(
                "expected functions for which the kernel was compiled but got others; "
                "compile a kernel for these"
            )
        return rules, captures

    @property
    def target(self) -> str:
        """Where it runs: "cpu", "sim" or "cuda"."""
        return self._kernel.target.name

    @property
    def chip(self) -> str:
        """The GPU architecture it is for; empty for the CPU."""
        return self._kernel.chip

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages of the lowering, in order, for `ir`."""
        return tuple(self._kernel.stages)

    def ir(self, stage: str) -> str:
        """The program at a stage of its lowering, as text."""
        if stage not in self._kernel.stages:
            known = ", ".join(self._kernel.stages)
            raise ValueError(f"stage: expected one of {known} but got {stage!r}")
        return self._kernel.ir(stage)

    @property
    def ptx(self) -> str:
        """The PTX of the GPU kernel; empty for other targets."""
        return self._kernel.ptx

    @property
    def cubin(self) -> bytes:
        """The kernel's machine code, made by the CUDA driver or by ptxas.
        RuntimeError where there is neither."""
        return self._kernel.cubin()

    @property
    def schedule(self) -> str:
        """The schedule of the GPU kernel, #mfa.schedule<...>; empty for the CPU."""
        return self._kernel.schedule

    @property
    def resources(self) -> dict[str, int]:
        """What the GPU kernel takes: threads of a block and bytes of shared
        memory, and, where the kernel's GPU is there, registers of a thread and
        bytes of local memory (not 0 where registers are spilled). Empty for the
        CPU."""
        if not self._kernel.functions:
            return {}
        function = self._kernel.functions[0]
        result = {
            "threads": function.threads,
            "dynamic_shared_bytes": function.dynamic_shared_bytes,
        }
        gpu = self.target == "cuda" and not _kernels.cuda_unavailable_reason()
        if gpu and self.chip == _kernels.chip_of("cuda"):
            found = self._kernel.resources(0, 0)
            result["registers"] = found.registers
            result["local_bytes"] = found.local_bytes
            result["static_shared_bytes"] = found.static_shared_bytes
        return result

    def __repr__(self) -> str:
        where = f"{self.target} {self.chip}".strip()
        return f"<mfa.CompiledAttention for {where}>"
