"""torch.ops.mfa.masked_attention: operators that torch.compile and torch.export
take into their graphs.

    masked_attention(Tensor q, Tensor k, Tensor v, Tensor? mask=None,
                     Tensor? sinks=None, Tensor[]? arrays=None, *,
                     float? scale=None, str? target=None, str rules="",
                     SymInt[] integers=[], float[] numbers=[]) -> Tensor
    masked_attention_lse(the same) -> (Tensor, Tensor)

`rules` are the functions keep and score as text, and what they capture is behind it:
arrays, integers and numbers, in their order.

They are registered when this module is imported, which `import mfa` does where
torch has been imported before, and the first call on tensors in any case.
Arguments, results and errors are those of mfa.masked_attention, which calls these
operators for tensors that are not plain: those whose memory is not what torch means
by them.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import torch
from torch.autograd import forward_ad

from ._arrays import type_name
from ._mfa import attend as _attend
from ._rules import rules_of_text

# Traces of torch.compile follow this function; all others are known by the tensors.
is_tracing = torch.compiler.is_dynamo_compiling

_ARGUMENTS = (
    "(Tensor q, Tensor k, Tensor v, Tensor? mask=None, Tensor? sinks=None, "
    "Tensor[]? arrays=None, *, float? scale=None, str? target=None, "
    'str rules="", SymInt[] integers=[], float[] numbers=[])'
)

_library = torch.library.Library("mfa", "DEF")
_library.define(f"masked_attention{_ARGUMENTS} -> Tensor")
_library.define(f"masked_attention_lse{_ARGUMENTS} -> (Tensor, Tensor)")


# On the CPU and on GPUs: tensors are their memory there.


def _rows(tensor):
    """The tensor with rows in one piece, which what the dispatcher makes of tensors
    (expanded zeros, the intermediates of torch.compile) may not have."""
    return tensor if tensor.stride(-1) == 1 else tensor.contiguous()


def _make_implementation(return_lse: bool):
    def implementation(q, k, v, mask=None, sinks=None, arrays=None, *, scale=None,
                       target=None, rules="", integers=(), numbers=()):  # fmt: skip
        q, k, v = map(_rows, (q, k, v))
        return _attend(
            *(q, k, v, mask, scale, return_lse, None, target),
            reads_memory=True,
            rules=rules_of_text(rules) if rules else None,
            captures=(*(arrays or ()), *integers, *numbers),
            sinks=sinks,
        )

    return implementation


# Shapes and types alone.


def _fake(q, k, v, mask=None, *others, **options):
    for name, x, dims in (("q", q, 4), ("k", k, 4), ("v", v, 4), ("mask", mask, 3)):
        if x is None:
            continue
        if x.dim() != 4 and x.dim() != dims:
            expected = "3 or 4" if dims == 3 else "4"
            raise ValueError(f"{name}: expected rank {expected} but got rank {x.dim()}")
        if name in "kv" and x.dtype != q.dtype:
            raise TypeError(
                f"{name}: expected elements of type {type_name(q.dtype)}, as of q, but "
                f"got {type_name(x.dtype)}"
            )
    if q.dtype not in (torch.float16, torch.bfloat16, torch.float32):
        raise TypeError(
            f"q: expected elements of type f16, bf16 or f32 but got {q.dtype}"
        )
    return q.new_empty((*q.shape[:3], v.shape[3]))


def _fake_lse(q, k, v, mask=None, *others, **options):
    output = _fake(q, k, v, mask)
    batch, length, heads, _ = q.shape
    return output, q.new_empty((batch, heads, length), dtype=torch.float32)


# Gradients: there are none, neither backward nor forward.


def _has_tangent(tensor) -> bool:
    return forward_ad.unpack_dual(tensor).tangent is not None


def _refuse_gradients(q, k, v, mask, sinks, arrays) -> None:
    named = [("q", q), ("k", k), ("v", v), ("mask", mask), ("sinks", sinks)]
    named += [(f"captured array {i}", array) for i, array in enumerate(arrays or ())]
    for name, tensor in named:
        if tensor is None:
            continue
        if torch.is_grad_enabled() and tensor.requires_grad:
            raise RuntimeError(
                f"{name}: expected arrays without gradients, as masked attention has "
                "no backward, but got one with requires_grad; call it under "
                "torch.no_grad() or pass detached tensors"
            )
        if forward_ad._current_level >= 0 and _has_tangent(tensor):
            raise RuntimeError(
                f"{name}: expected arrays without gradients, as masked attention has "
                "no forward-mode derivative, but got a dual tensor; pass its primal"
            )


def _make_autograd(name: str):
    def autograd(q, k, v, mask=None, sinks=None, arrays=None, **options):
        arguments = q, k, v, mask, sinks, arrays
        _refuse_gradients(*arguments)
        with torch._C._AutoDispatchBelowAutograd():
            return getattr(torch.ops.mfa, name)(*arguments, **options)

    return autograd


# torch.vmap: the mapped dimension becomes a part of the batch.


def _fold(tensor, dim: int | None, size: int):
    """[B, ...] with a mapped dimension as [size * B, ...]; copied where strides cannot
    say it."""
    if dim is None:
        tensor = tensor.unsqueeze(0).expand(size, *tensor.shape)
    else:
        tensor = tensor.movedim(dim, 0)
    return tensor.flatten(0, 1)


def _fold_mask(mask, dim: int | None, size: int, batch: int):
    if mask is None:
        return None
    sizes = list(mask.shape)
    if dim is not None:
        del sizes[dim]
    if dim is None and sizes[0] == 1:
        return mask
    if dim is not None and sizes[0] == 1 and batch != 1:
        mask = mask.movedim(dim, 0).expand(size, batch, *sizes[1:])
        dim = 0
    return _fold(mask, dim, size)


def _is_mapped(dims) -> bool:
    """Whether vmap maps an argument, or one of a list."""
    if isinstance(dims, (list, tuple)):
        return any(map(_is_mapped, dims))
    return dims is not None


def _uses_batch(rules: str) -> bool:
    return any(
        re.search(r"%b\b", line)
        for line in rules.splitlines()
        if not line.startswith("func.func")
    )


def _make_batched(name: str):
    def batched(info, in_dims, q, k, v, mask=None, sinks=None, arrays=None, *,
                rules="", **options):  # fmt: skip
        # The batch that functions see would be another.
        if rules and _uses_batch(rules) or any(map(_is_mapped, in_dims[4:])):
            raise NotImplementedError(
                "expected sinks that are not mapped, and functions that look neither "
                "at b nor at mapped arrays, as torch.vmap makes another batch, but got "
                "others"
            )
        size = info.batch_size
        q_dim, k_dim, v_dim, mask_dim = (*in_dims, None)[:4]
        q = _fold(q, q_dim, size)
        batch = q.shape[0] // max(size, 1)
        result = getattr(torch.ops.mfa, name)(
            q,
            _fold(k, k_dim, size),
            _fold(v, v_dim, size),
            _fold_mask(mask, mask_dim, size, batch),
            sinks,
            arrays,
            rules=rules,
            **options,
        )
        if isinstance(result, torch.Tensor):
            return result.unflatten(0, (size, batch)), 0
        return tuple(x.unflatten(0, (size, batch)) for x in result), (0, 0)

    return batched


def _register(name: str, implementation, fake) -> None:
    for key in ("CPU", "CUDA"):
        _library.impl(name, implementation, key)
    _library.impl(name, _make_autograd(name), "Autograd")
    qualified = f"mfa::{name}"
    torch.library.register_fake(qualified, fake, lib=_library)
    # Without it, before torch 2.5, vmap calls the operator once for each element.
    if hasattr(torch.library, "register_vmap"):
        torch.library.register_vmap(qualified, _make_batched(name), lib=_library)


_register("masked_attention", _make_implementation(False), _fake)
_register("masked_attention_lse", _make_implementation(True), _fake_lse)


# Plain tensors, which the extension reads without the dispatcher.


def is_plain_type(kind: type) -> bool:
    """Torch's own tensors, and subclasses such as torch.nn.Parameter, which say that
    torch's operations mean to them what they mean to those."""
    return kind is torch.Tensor or (
        kind.__torch_function__ is torch._C._disabled_torch_function_impl
        and kind.__torch_dispatch__ is torch.Tensor.__torch_dispatch__
    )


def are_function_modes_plain() -> bool:
    """Whether the modes of torch functions are all torch.set_default_device's and
    the like, which only say where new tensors go."""
    device_context = torch.utils._device.DeviceContext
    modes = torch.overrides._get_current_function_mode_stack()
    return all(type(mode) is device_context for mode in modes)


def _make_plain_keys() -> int:
    """The dispatch keys, as bits, under which an operator without implementations
    for them means what it means without them."""
    names = ("CPU", "CUDA", "AutogradCPU", "AutogradCUDA", "ADInplaceOrView")
    names += ("BackendSelect", "AutocastCPU", "AutocastCUDA")
    bits = 0
    for name in names:
        key = getattr(torch._C.DispatchKey, name)
        bits |= torch._C.DispatchKeySet(key).raw_repr()
    return bits


try:
    _PLAIN_KEYS = _make_plain_keys()
    _keys_of = torch._C._dispatch_keys
    _included_keys = torch._C._dispatch_tls_local_include_set
    _excluded_keys = torch._C._dispatch_tls_local_exclude_set
except AttributeError:
    # Of a torch that does not show its keys no tensor is known to be plain.
    _PLAIN_KEYS = None


def _is_plain(tensor) -> bool:
    """Whether torch would do nothing else with an operator's call on this tensor, of a
    plain type, than to call the operator's code for its device.

    That is written in the dispatch keys of the tensor and of the thread: transforms,
    traces, lazy signs, other layouts and devices are keys of their own."""
    if _PLAIN_KEYS is None:
        return False
    keys = (_keys_of(tensor) | _included_keys()) - _excluded_keys()
    return not keys.raw_repr() & ~_PLAIN_KEYS


def inspect_tensors(tensors: tuple):
    """None unless all tensors are plain. Else, as bits, which were made in inference
    mode and which want gradients, and a function that says of other tensors whether
    they are like these, or None."""
    if not all(map(_is_plain, tensors)):
        return None
    is_inference = sum(x.is_inference() << i for i, x in enumerate(tensors))
    requires_grad = sum(x.requires_grad << i for i, x in enumerate(tensors))
    return is_inference, requires_grad, _make_guard(tensors)


def _new_guard(*tensors):
    sizes = [[None] * tensor.dim() for tensor in tensors]
    guards = torch._C._dynamo.guards.TensorGuards(
        *tensors, dynamic_dims_sizes=sizes, dynamic_dims_strides=sizes
    )
    return guards.check


def _make_guard(tensors):
    """A guard of torch.compile, for tensors of any sizes and strides. Torch does not
    document it, so it must show first that it tells what it is wanted for."""
    if _guards_work() and (guard := _new_guard(*tensors))(*tensors):
        return guard
    return None


_do_guards_work = None


def _guards_work() -> bool:
    global _do_guards_work
    if _do_guards_work is None:
        try:
            with torch.inference_mode(False):
                plain = torch.zeros(1, 2, device="cpu")
                guard = _new_guard(plain)
                accepted = plain, torch.zeros(3, 4, device="cpu").t()
                refused = (
                    torch._neg_view(plain),
                    plain.double(),
                    plain.to("meta"),
                    torch.zeros(1, 2, requires_grad=True, device="cpu"),
                )
                _do_guards_work = all(
                    guard(x) is True for x in accepted
                ) and not any(guard(x) for x in refused)
        except (AttributeError, RuntimeError, SystemError, TypeError):
            _do_guards_work = False
    return _do_guards_work


def _find_increment():
    """torch.autograd.graph.increment_version of a tuple, or the function behind it,
    which takes a third of the time."""
    try:
        with torch.inference_mode(False):
            tensor = torch.zeros(1, 1, device="cpu")
            version = tensor._version
            torch._C._increment_version((tensor,))
            if tensor._version == version + 1:
                return torch._C._increment_version
    except (AttributeError, RuntimeError, TypeError):
        pass

    def increment(tensors) -> None:
        for tensor in tensors:
            torch.autograd.graph.increment_version(tensor)

    return increment


increment_versions = _find_increment()


# Calls on tensors that are not plain.


def _check_tensors(q: Any, **others: Any) -> None:
    """What the dispatcher would say of an operator's key, by the argument's name."""
    for name, x in {"q": q, **others}.items():
        if x is None or not isinstance(x, torch.Tensor):
            if x is None or hasattr(x, "__torch_function__"):
                continue
            raise TypeError(
                f"{name}: expected a torch.Tensor, as another argument is a tensor "
                f"that only torch can read, but got {type(x).__name__}"
            )
        kind = None
        if x.is_nested:
            kind = "a nested one"
        elif x.is_quantized:
            kind = "a quantized one"
        elif x.layout != torch.strided:
            kind = f"one of layout {x.layout}"
        if kind:
            raise TypeError(
                f"{name}: expected a dense tensor but got {kind}; pass dense tensors, "
                "with a mask for what is padding"
            )
        if isinstance(q, torch.Tensor) and x.device != q.device:
            raise ValueError(
                f"{name}: expected an array on {q.device}, where q is, but got one on "
                f"{x.device}"
            )


def materialize(mask: Any, device) -> Any:
    """A mask as a tensor with contents. Those of torch.nn.attention.bias have none:
    only torch's own function knows what they say."""
    module = sys.modules.get("torch.nn.attention.bias")
    if module is None or not isinstance(mask, module.CausalBias):
        return mask
    sizes = mask.seq_len_q, mask.seq_len_kv
    is_upper = mask.variant == module.CausalVariant.UPPER_LEFT
    ones = torch.ones(sizes, dtype=torch.bool, device=device)
    return ones.tril(0 if is_upper else sizes[1] - sizes[0])[None]


def call_op(
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    scale,
    return_lse: bool,
    out: Any,
    target,
    rules: Any = None,
    captures: Any = (),
    sinks: Any = None,
) -> Any:
    """masked_attention as operators, for tensors that are not plain."""
    lse = None
    if return_lse and isinstance(out, tuple):
        if len(out) != 2:
            raise ValueError(
                "out: expected an array or a pair (out, lse) but got a tuple of "
                f"{len(out)}"
            )
        out, lse = out
    mask = materialize(mask, getattr(q, "device", None))
    _check_tensors(q, k=k, v=v, mask=mask, out=out, lse=lse, sinks=sinks)
    ops = torch.ops.mfa
    operator = ops.masked_attention_lse if return_lse else ops.masked_attention
    options = {} if rules is None else _split(rules, captures, q)
    if sinks is not None:
        options["sinks"] = sinks
    result = operator(q, k, v, mask, scale=scale, target=target, **options)
    if not return_lse:
        return _copy("out", out, result)
    return _copy("out", out, result[0]), _copy("lse", lse, result[1])


def _split(rules: Any, captures: tuple, q: Any) -> dict[str, Any]:
    """Rules and captures as arguments of the operators."""
    arrays, integers, numbers = [], [], []
    for name, value in zip(rules.names, captures):
        if isinstance(value, (float, torch.SymFloat)):
            numbers.append(value)
        elif isinstance(value, (int, torch.SymInt)):
            integers.append(value)
        else:
            _check_tensors(q, **{name: value})
            arrays.append(value)
    return {
        "rules": rules.text,
        "arrays": arrays,
        "integers": integers,
        "numbers": numbers,
    }


def _copy(name: str, into: Any, value: torch.Tensor) -> torch.Tensor:
    """Copies a result into the tensor that was given for it, if one was, by the
    rules of a call on plain tensors."""
    if into is None:
        return value
    if into.dtype != value.dtype:
        of_q = ", as of q," if name == "out" else ""
        raise TypeError(
            f"{name}: expected elements of type {type_name(value.dtype)}{of_q} but "
            f"got {type_name(into.dtype)}"
        )
    if into.shape != value.shape:
        raise ValueError(
            f"{name}: expected shape {tuple(value.shape)} but got {tuple(into.shape)}"
        )
    if into.requires_grad and torch.is_grad_enabled():
        raise RuntimeError(
            f"{name}: expected a tensor without requires_grad, as what is written "
            "through out= has no gradient, but got one with it; call it under "
            "torch.no_grad() or pass a detached tensor"
        )
    return into.copy_(value)
