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
from ._regions import MOST_RANK
from ._rules import regions_of, rules_of_text

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


# torch.vmap: the mapped dimension becomes a part of the batch, or, where sinks are
# mapped, of the heads.


def _fold(tensor, dim: int | None, size: int, into: int = 0):
    """A tensor with a mapped dimension joined with what is dimension `into` without it;
    copied where strides cannot say it."""
    if dim is None:
        tensor = tensor.unsqueeze(into)
        tensor = tensor.expand([size if i == into else -1 for i in range(tensor.dim())])
    else:
        tensor = tensor.movedim(dim, into)
    return tensor.flatten(into, into + 1)


def _fold_mask(mask, dim: int | None, size: int, batch: int):
    sizes = list(mask.shape)
    if dim is not None:
        del sizes[dim]
    if dim is None and sizes[0] == 1:
        return mask
    if dim is not None and sizes[0] == 1 and batch != 1:
        mask = mask.movedim(dim, 0).expand(size, batch, *sizes[1:])
        dim = 0
    return _fold(mask, dim, size)


def _fold_mask_heads(mask, dim: int | None, size: int, heads: int):
    if dim is not None:
        mask = mask.movedim(dim, 0)
    rank = mask.dim() - (dim is not None)
    if dim is None and (rank == 3 or mask.shape[1] == 1):
        return mask
    if rank == 3:
        mask = mask.unsqueeze(2)
    of_heads = 1 if dim is None else 2
    if mask.shape[of_heads] == 1:
        mask = mask.expand(
            [heads if i == of_heads else -1 for i in range(mask.dim())]
        )
    return _fold(mask, None if dim is None else 0, size, 1)


def _uses(position: str, rules: str) -> bool:
    return any(
        re.search(rf"%{position}\b", line)
        for line in rules.splitlines()
        if not line.startswith("func.func")
    )


def _fold_rules(rules: str, position: str, inner: int, size: int, arrays, dims,
                integers, numbers) -> dict[str, Any]:  # fmt: skip
    """The rules where `size` calls are joined, and what they capture."""
    arrays, dims = list(arrays or ()), list(dims or ())
    dims += [None] * (len(arrays) - len(dims))
    captured = {"rules": rules, "integers": integers, "numbers": numbers}
    is_mapped = any(dim is not None for dim in dims)
    if not rules or not (is_mapped or _uses(position, rules)):
        return {**captured, "arrays": arrays}
    known = rules_of_text(rules)
    if known.expressions is None:
        raise NotImplementedError(
            "expected functions that this process has traced, as torch.vmap makes "
            f"others of those that look at {position} or at mapped arrays, but got "
            "their text"
        )
    regions, _ = regions_of(known, (*arrays, *integers, *numbers))
    values, mapped = {}, []
    for (path, table), array, dim in zip(regions.tables.items(), arrays, dims):
        if dim is not None:
            mapped.append(path)
            array = array.movedim(dim, 0)
            if table.rank == MOST_RANK:
                array = array.flatten(0, 1)
            array = array.contiguous()
        values[path] = array
    folded = [path for path in regions.captures.integers if path[0][0] == "call"]
    level = len({path[1] for path in folded})
    regions = regions.joined(level, position, max(inner, 1), size, mapped)
    return {
        "rules": regions.rules.text,
        "arrays": [values[path] for path in regions.tables],
        "integers": list(regions.integers),
        "numbers": list(regions.floats),
    }


def _map_with(q, others, arrays):
    """The query, mapped where only arrays in the list are: torch looks at tensors
    alone."""
    functorch = torch._C._functorch
    for array in arrays or ():
        if not functorch.is_batchedtensor(array):
            continue
        level = functorch.maybe_get_level(array)
        if any(
            x is not None
            and functorch.is_batchedtensor(x)
            and functorch.maybe_get_level(x) >= level
            for x in (q, *others)
        ):
            continue
        plain = functorch.get_unwrapped(array)
        size = plain.shape[functorch.maybe_get_bdim(array)]
        expanded = q.unsqueeze(0).expand(size, *q.shape)
        q = functorch._add_batch_dim(expanded, 0, level)
    return q


def _call(name: str, q, k, v, mask, sinks, arrays, **options):
    """The operator of that name."""
    q = _map_with(q, (k, v, mask, sinks), arrays)
    operator = getattr(torch.ops.mfa, name)
    return operator(q, k, v, mask, sinks, arrays, **options)


def _make_batched(name: str):
    def batched(info, in_dims, q, k, v, mask=None, sinks=None, arrays=None, *,
                rules="", integers=(), numbers=(), **options):  # fmt: skip
        size = info.batch_size
        dims = (*in_dims, *[None] * 6)[:6]
        heads_dim = 2
        by_heads = dims[4] is not None
        into = heads_dim if by_heads else 0
        inner = _size_of(q, dims[0], into)
        if mask is not None:
            fold = _fold_mask_heads if by_heads else _fold_mask
            mask = fold(mask, dims[3], size, inner)
        captured = _fold_rules(
            *(rules, "h" if by_heads else "b", inner, size),
            *(arrays, dims[5], integers, numbers),
        )
        result = _call(
            name,
            *(_fold(x, dim, size, into) for x, dim in zip((q, k, v), dims)),
            mask,
            _fold(sinks, dims[4], size) if by_heads else sinks,
            **captured,
            **options,
        )
        if isinstance(result, torch.Tensor):
            return result.unflatten(into, (size, inner)), into
        of_lse = 1 if by_heads else 0
        output, lse = result
        split = output.unflatten(into, (size, inner)), lse.unflatten(
            of_lse, (size, inner)
        )
        return split, (into, of_lse)

    return batched


def _size_of(tensor, dim: int | None, position: int) -> int:
    """The size of a dimension, by its number without the mapped one."""
    sizes = list(tensor.shape)
    if dim is not None:
        del sizes[dim]
    return sizes[position]


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


def has_values(tensor) -> bool:
    """Whether the tensor is its memory, and nobody notes what is asked of it."""
    return is_plain_type(type(tensor)) and _is_plain(tensor)


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
    name = "masked_attention_lse" if return_lse else "masked_attention"
    options = {"arrays": None} if rules is None else _split(rules, captures, q)
    result = _call(name, q, k, v, mask, sinks, scale=scale, target=target, **options)
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


# Before torch 2.7, graphs of torch.compile end in front of a call with functions.
try:
    from ._dynamo import attend as attend_with_functions
except ImportError:
    attend_with_functions = None
