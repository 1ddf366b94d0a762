"""The implementations that are compared: one small class each, and their table.

A peer's constructor raises `Absent` where it cannot run at all, and `prepare`
raises `Refused` where it does not take a problem; both with the reason, which
the report shows. Any other error of a peer is shown as a refusal as well.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
import importlib
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import mfa_run, rules, timing
from .cases import Problem, Refused
from .timing import Times


class Absent(Exception):
    """This machine cannot run the peer."""


@dataclass
class Run:
    """A problem ready to run: what to call, how to time it, and how to see the
    result as [B, Sq, H, D]. `problem` is what it computes where that is another one
    than was asked for. A call may return a Verdict on its result instead."""

    call: Callable[[], Any]
    timer: Callable[..., Times]
    to_bshd: Callable[[Any], Any] = lambda output: output
    problem: Problem | None = None


class Peer(abc.ABC):
    """Base of all peers. `device` is "cuda" or "cpu"."""

    name = ""
    devices = ("cuda",)
    note = ""

    def __init__(self, device: str):
        if device not in self.devices:
            raise Absent(f"runs on {' and '.join(self.devices)} only")
        self.device = device

    @abc.abstractmethod
    def prepare(self, problem: Problem) -> Run:
        """Makes ready what is timed; raises Refused for a problem that it cannot
        compute."""

    def version(self) -> str:
        return ""


def _refuse_rules(problem: Problem) -> None:
    if problem.mask_kind in rules.RULES and problem.mask_kind != "causal":
        raise Refused("it takes no rule but a causal one")


def _find(name: str):
    """The module, or None."""
    try:
        return _import(name)
    except Absent:
        return None


def _import(name: str):
    try:
        return importlib.import_module(name)
    except Exception as error:  # A broken installation is an absent one.
        reason = str(error).split("\n")[0] or type(error).__name__
        raise Absent(f"import {name}: {reason}") from None


# --------------------------------------------------------------------------
# This project
# --------------------------------------------------------------------------


class MFA(Peer):
    name = "MFA"
    devices = ("cuda", "cpu")
    note = "mfa.masked_attention, rules by keep= and score="

    def __init__(self, device: str):
        super().__init__(device)
        self.mfa = _import("mfa")
        if device == "cuda" and (reason := self.mfa.cuda_unavailable_reason()):
            raise Absent(reason)

    def version(self) -> str:
        return self.mfa.__version__

    def options(self, problem: Problem) -> dict[str, Any]:
        if problem.mask_kind in rules.RULES:
            return rules.for_mfa(self.mfa, problem)
        return {"mask": problem.mask}

    def prepare(self, problem: Problem) -> Run:
        call = functools.partial(
            self.mfa.masked_attention,
            problem.q,
            problem.k,
            problem.v,
            scale=problem.scale,
            **self.options(problem),
        )
        cpu = self.device == "cpu"
        return Run(call, timing.time_host if cpu else timing.time_events)


class MFADense(MFA):
    """What rules bring: the same as an array."""

    name = "MFA dense"
    note = "rules as a mask of booleans"

    def options(self, problem: Problem) -> dict[str, Any]:
        kind, case = problem.mask_kind, problem.case
        if kind not in rules.RULES or kind in ("softcap", "alibi"):
            raise Refused("for masks that are rules")
        rows = np.arange(case.seq_q)
        batches = range(case.batch if kind == "documents" else 1)
        mask = np.stack([rules.kept(problem, batch, rows) for batch in batches])
        return {"mask": rules.on_device(problem, mask[:, None])}


class MFARun(Peer):
    """The tool mfa-run, for a machine without the package. It makes and checks
    inputs of its own, of the same sizes, types and distribution."""

    name = "mfa-run"
    devices = ("cuda", "cpu")
    note = "the tool mfa-run, with inputs, check and timing of its own"
    tool = ""

    def __init__(self, device: str):
        super().__init__(device)
        if not self.tool:
            raise Absent("give --mfa-run FILE")
        if not shutil.which(self.tool):
            raise Absent(f"{self.tool}: no such program")

    def prepare(self, problem: Problem) -> Run:
        if problem.mask_kind == "documents":
            raise Refused("its documents have other lengths")
        what = self.tool, self.device, problem.case, problem.mask_kind

        def timer(call, budget_s):
            # How long it runs is the tool's own choice.
            return mfa_run.time(*what)

        return Run(functools.partial(mfa_run.check, *what), timer)


# --------------------------------------------------------------------------
# PyTorch
# --------------------------------------------------------------------------


def _torch_arrays(problem: Problem):
    """q, k, v and mask as torch tensors in [B, H, S, D]: views, no copies."""
    import torch

    def convert(array):
        if array is None or isinstance(array, torch.Tensor):
            return array
        if array.dtype.name == "bfloat16":
            return torch.from_numpy(array.view("int16")).view(torch.bfloat16)
        return torch.from_numpy(array)

    arrays = [convert(x) for x in (problem.q, problem.k, problem.v)]
    return [x.transpose(1, 2) for x in arrays] + [convert(problem.mask)]


class TorchPeer(Peer):
    def __init__(self, device: str):
        super().__init__(device)
        self.torch = _import("torch")
        if device == "cuda" and not self.torch.cuda.is_available():
            raise Absent("torch finds no CUDA GPU")

    def version(self) -> str:
        return self.torch.__version__

    @property
    def timer(self):
        return timing.time_events if self.device == "cuda" else timing.time_host


class TorchSDPA(TorchPeer):
    """scaled_dot_product_attention with one backend and no other."""

    backend = ""
    repeats_heads = False

    def prepare(self, problem: Problem) -> Run:
        from torch.nn.attention import SDPBackend, sdpa_kernel
        from torch.nn.functional import scaled_dot_product_attention

        q, k, v, mask = _torch_arrays(problem)
        case = problem.case
        options = {"scale": problem.scale}
        if case.heads != case.kv_heads:
            if self.repeats_heads:
                # It has no grouped heads; repeating them is not timed.
                repeats = case.heads // case.kv_heads
                k, v = (x.repeat_interleave(repeats, 1) for x in (k, v))
            else:
                options["enable_gqa"] = True
        _refuse_rules(problem)
        if problem.mask_kind == "causal":
            options["is_causal"] = True
        elif mask is not None:
            options["attn_mask"] = mask
        backend = getattr(SDPBackend, self.backend)

        def call():
            with sdpa_kernel(backend):
                return scaled_dot_product_attention(q, k, v, **options)

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                call()
            except RuntimeError as error:
                raise Refused(_sdpa_reason(caught, error)) from None
        return Run(call, self.timer, lambda output: output.transpose(1, 2))


def _sdpa_reason(caught, error) -> str:
    """Why a backend refused: its warning that says more than that it was not
    chosen, else the error."""
    generic = ("kernel not used because", "was not selected", "runtime disabled")
    for warning in caught:
        text = str(warning.message).split(" (Triggered")[0].strip()
        if not any(part in text for part in generic):
            return text
    return str(error).split("\n")[0]


class TorchCuDNN(TorchSDPA):
    name = "torch cuDNN"
    backend = "CUDNN_ATTENTION"


class TorchFlash(TorchSDPA):
    name = "torch FA2"
    backend = "FLASH_ATTENTION"


class TorchMemoryEfficient(TorchSDPA):
    name = "torch mem-eff"
    backend = "EFFICIENT_ATTENTION"
    repeats_heads = True
    note = "grouped heads are repeated beforehand, which is not timed"


class TorchCPU(TorchSDPA):
    """What torch chooses on the CPU."""

    name = "torch CPU"
    devices = ("cpu",)
    backend = "FLASH_ATTENTION"


class FlexAttention(TorchPeer):
    name = "FlexAttention"
    note = "torch.compile; dense masks as captured buffers, rules with a block mask"

    def prepare(self, problem: Problem) -> Run:
        from torch.nn.attention import flex_attention

        torch, case = self.torch, problem.case
        q, k, v, mask = _torch_arrays(problem)
        options = {"scale": problem.scale, "enable_gqa": case.heads != case.kv_heads}
        if problem.mask_kind in rules.RULES:
            options["score_mod"], mask_mod = rules.for_flex_attention(problem)
            options["block_mask"] = flex_attention.create_block_mask(
                mask_mod,
                case.batch if problem.mask_kind == "documents" else None,
                None,
                case.seq_q,
                case.seq_k,
                device=q.device,
            )
        elif problem.mask_kind == "dense":
            options["score_mod"] = lambda score, b, h, query, key: (
                score + mask[b, 0, query, key]
            )
        elif problem.mask_kind == "padding":
            options["score_mod"] = lambda score, b, h, query, key: (
                score + mask[b, 0, 0, key]
            )
        # Each problem is a compilation of its own, as in a program of its own.
        torch._dynamo.reset()
        compiled = torch.compile(flex_attention.flex_attention, dynamic=False)
        call = functools.partial(compiled, q, k, v, **options)
        call()
        return Run(call, self.timer, lambda output: output.transpose(1, 2))


# --------------------------------------------------------------------------
# JAX
# --------------------------------------------------------------------------


class JaxCall:
    """A compiled function with its arguments, kept apart for the profiler."""

    def __init__(self, function, arguments):
        import jax

        self.arguments = arguments
        self.profiled = None  # What timing.time_jax makes of it.
        self.compiled = jax.jit(function).lower(*arguments).compile()

    def __call__(self):
        return self.compiled(*self.arguments)


class JaxPeer(Peer):
    def __init__(self, device: str):
        super().__init__(device)
        self.jax = _import("jax")
        try:
            self.jax.devices("cuda")
        except RuntimeError as error:
            reason = str(error).split("\n")[0]
            raise Absent(f"JAX finds no CUDA GPU: {reason}") from None
        self.torch = _import("torch")

    def version(self) -> str:
        return self.jax.__version__

    def arrays(self, problem: Problem):
        """The inputs in place, with JAX's types."""
        self.torch.cuda.synchronize()
        arrays = (problem.q, problem.k, problem.v, problem.mask)
        return [None if x is None else self.jax.dlpack.from_dlpack(x) for x in arrays]


class JaxCuDNN(JaxPeer):
    name = "JAX cuDNN"

    def prepare(self, problem: Problem) -> Run:
        _refuse_rules(problem)
        q, k, v, mask = self.arrays(problem)
        options = {"scale": problem.scale, "implementation": "cudnn"}
        if problem.mask_kind == "causal":
            options["is_causal"] = True

        def attend(q, k, v, bias):
            return self.jax.nn.dot_product_attention(q, k, v, bias, **options)

        return Run(JaxCall(attend, (q, k, v, mask)), timing.time_jax)


class MosaicGPU(JaxPeer):
    name = "Mosaic GPU"
    note = (
        "jax.experimental.pallas.ops.gpu.attention_mgpu, best of its tiles; it does "
        "not scale the scores, and is checked without"
    )

    def prepare(self, problem: Problem) -> Run:
        module = _import("jax.experimental.pallas.ops.gpu.attention_mgpu")
        if problem.mask_kind not in ("none", "causal"):
            raise Refused("it takes no dense mask")
        q, k, v, _ = self.arrays(problem)
        unscaled = dataclasses.replace(problem, scale=1.0, reference={})
        best, reason = None, ""
        for keys in (256, 128, 64):
            try:
                config = module.TuningConfig(
                    block_q=64,
                    block_kv=keys,
                    max_concurrent_steps=2,
                    causal=problem.mask_kind == "causal",
                )
                attend = functools.partial(module.attention, config=config)
                call = JaxCall(attend, (q, k, v))
                run = Run(call, timing.time_jax, problem=unscaled)
                median = run.timer(run.call, 0.05).median_ms
            except Exception as error:
                reason = str(error).split("\n")[0]
                continue
            if best is None or median < best[0]:
                best = median, run
        if best is None:
            raise Refused(reason)
        return best[1]


# --------------------------------------------------------------------------
# Further kernels, where they are installed
# --------------------------------------------------------------------------


class FlashAttentionPeer(TorchPeer):
    """The Python interface that FlashAttention's versions have in common."""

    modules: tuple[str, ...] = ()
    takes_window = False
    note = "documents as sequences of their own (varlen)"

    def __init__(self, device: str):
        super().__init__(device)
        *others, last = self.modules
        self.module = next(filter(None, map(_find, others)), None) or _import(last)

    def prepare(self, problem: Problem) -> Run:
        if problem.mask_kind == "documents":
            return self.prepare_packed(problem)
        options = rules.for_flash_attention(problem, self.takes_window)
        if options is None:
            options = self.extra_options(problem)
        call = functools.partial(
            self.module.flash_attn_func,
            problem.q,
            problem.k,
            problem.v,
            softmax_scale=problem.scale,
            **options,
        )
        return Run(call, self.timer, self.first)

    def extra_options(self, problem: Problem) -> dict[str, Any]:
        raise Refused(f"it takes no {problem.mask_kind} mask")

    def prepare_packed(self, problem: Problem) -> Run:
        begins, longest = rules.packed_lengths(problem)
        q, k, v = (x.flatten(0, 1) for x in (problem.q, problem.k, problem.v))
        call = functools.partial(
            self.module.flash_attn_varlen_func,
            q,
            k,
            v,
            cu_seqlens_q=begins,
            cu_seqlens_k=begins,
            max_seqlen_q=longest,
            max_seqlen_k=longest,
            softmax_scale=problem.scale,
            causal=True,
        )
        return Run(call, self.timer, lambda r: self.first(r).view(problem.q.shape))

    @staticmethod
    def first(result):
        return result[0] if isinstance(result, tuple) else result


class FlashAttention3(FlashAttentionPeer):
    name = "FA3"
    modules = ("fa3_fwd_interface", "flash_attn_interface")


class FlashAttention4(FlashAttentionPeer):
    name = "FA4"
    modules = ("flash_attn.cute",)
    takes_window = True

    def extra_options(self, problem: Problem) -> dict[str, Any]:
        if problem.mask_kind != "alibi":
            return super().extra_options(problem)
        import cutlass
        from cutlass import cute

        @cute.jit
        def add_distance(
            score, b_idx, h_idx, q_idx, kv_idx, seqlen_info, aux_tensors
        ):
            slope = cute.make_rmem_tensor(1, cutlass.Float32)
            slope[0] = aux_tensors[0][h_idx[0]]
            return score + slope.load() * (kv_idx - q_idx).to(cutlass.Float32)

        slopes = rules.on_device(problem, rules.slopes(problem.case))
        return {"causal": True, "score_mod": add_distance, "aux_tensors": [slopes]}


class Max(TorchPeer):
    name = "MAX"
    note = "masked_flash_attention_gpu with a mask, flash_attention_gpu without"

    def __init__(self, device: str):
        super().__init__(device)
        self.kernels = _import("max.nn.kernels")
        self.driver = _import("max.driver")
        self.engine = _import("max.engine")

    def prepare(self, problem: Problem) -> Run:
        from max.dtype import DType
        from max.graph import DeviceRef, Graph, TensorType
        from max.nn.attention import MHAMaskVariant

        _refuse_rules(problem)
        dtype = {"bf16": DType.bfloat16, "f16": DType.float16, "f32": DType.float32}
        dtype = dtype[problem.case.dtype]
        arrays = [problem.q, problem.k, problem.v]
        masked = problem.mask_kind in ("dense", "padding")
        if masked:
            case = problem.case
            shape = (case.batch, case.seq_q, case.seq_k)
            # No mask is broadcast; writing it out is not timed.
            arrays.append(problem.mask[:, 0].expand(shape).contiguous())
        types = [TensorType(dtype, x.shape, device=DeviceRef.GPU()) for x in arrays]
        with Graph("attention", input_types=types) as graph:
            values = [value.tensor for value in graph.inputs]
            if masked:
                output = self.kernels.masked_flash_attention_gpu(*values, problem.scale)
            else:
                name = "CAUSAL_MASK" if problem.mask_kind == "causal" else "NULL_MASK"
                variant = getattr(MHAMaskVariant, name)
                output = self.kernels.flash_attention_gpu(
                    *values, variant, problem.scale
                )
            graph.output(output)
        device = self.driver.Accelerator()
        model = self.engine.InferenceSession(devices=[device]).load(graph)
        self.torch.cuda.synchronize()
        call = functools.partial(model.execute, *arrays)
        timer = timing.time_with(lambda _: device.synchronize())
        return Run(call, timer, lambda result: self.torch.from_dlpack(result[0]))


PEERS: list[type[Peer]] = [
    MFA,
    MFADense,
    MFARun,
    TorchCuDNN,
    TorchFlash,
    TorchMemoryEfficient,
    FlexAttention,
    JaxCuDNN,
    MosaicGPU,
    FlashAttention3,
    FlashAttention4,
    Max,
    TorchCPU,
]
