"""Functions for `keep=` and `score=` in graphs of torch.compile.

Torch traces a function by what it does with tensors of one element, the positions,
into a graph of its own (a higher-order operator). That graph is then read with symbols,
as the function would be, and becomes a text in an operator of mfa.torch: it is there in
the graphs that backends get.
"""

from __future__ import annotations

from typing import Any

import torch
from torch._higher_order_ops.base_hop import BaseHOP
from torch.utils._python_dispatch import _disable_current_modes

from . import _symbols
from ._arrays import convert
from ._attention import masked_attention
from ._emit import write_rules
from ._environment import CONVERTED, describe_array, element_name
from ._mfa import call_paused
from ._rules import check_result, rules_of_results
from ._tables import Table
from .torch import _fake, _fake_lse, _library, call_op

# Only traced, and never called.
_VALUES = (
    "(Tensor q, Tensor k, Tensor v, Tensor? mask, Tensor? sinks, Tensor? keep, "
    "Tensor? score)"
)
_library.define("position(Tensor like, str name) -> Tensor")
_library.define(f"attention_of_values{_VALUES} -> Tensor")
_library.define(f"attention_of_values_lse{_VALUES} -> (Tensor, Tensor)")


def _fake_position(like, name: str):
    dtype = torch.float32 if name == "score" else torch.int64
    # By a tensor without dimensions torch indexes as by its number.
    return like.new_empty((1,), dtype=dtype)


for _name, _function in (
    ("position", _fake_position),
    ("attention_of_values", lambda q, k, v, mask, *others: _fake(q, k, v, mask)),
    (
        "attention_of_values_lse",
        lambda q, k, v, mask, *others: _fake_lse(q, k, v, mask),
    ),
):
    torch.library.register_fake(f"mfa::{_name}", _function, lib=_library)

_OPS = torch.ops.mfa


# Under torch.vmap, positions are those of each call.


def _map_position(info, in_dims, like, name: str):
    return _OPS.position(like, name), None


def _make_mapped(name: str):
    def mapped(info, in_dims, q, k, v, mask, *others):
        q, k, v = (
            x if dim is None else x.select(dim, 0) for x, dim in zip((q, k, v), in_dims)
        )
        result = getattr(_OPS, name)(q, k, v, None, None, None, None)
        if isinstance(result, torch.Tensor):
            return result.expand(info.batch_size, *result.shape), 0
        return tuple(x.expand(info.batch_size, *x.shape) for x in result), (0, 0)

    return mapped


if hasattr(torch.library, "register_vmap"):
    torch.library.register_vmap("mfa::position", _map_position, lib=_library)
    for _name in ("attention_of_values", "attention_of_values_lse"):
        torch.library.register_vmap(f"mfa::{_name}", _make_mapped(_name), lib=_library)

_POSITIONS = {"batch": "b", "head": "h", "query": "q", "key": "k"}


def get_position(like: Any, name: str) -> Any:
    """What stands for a position, the score, or a length ("queries", "keys") in a
    function that torch traces."""
    return _OPS.position(like, name)


# What torch traces.


def _to_tensor(value: Any, like: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value
    return torch.as_tensor(value, device=like.device)


def attend(q, k, v, mask, keep, score, sinks, scale, return_lse, target):
    """mfa.masked_attention with functions, where torch.compile traces it."""

    def body(q, k, v):
        at = [get_position(q, name) for name in ("batch", "head", "query", "key")]
        kept = scored = None
        if keep is not None:
            kept = _to_tensor(keep(*at), q)
        if score is not None:
            scored = _to_tensor(score(get_position(q, "score"), *at), q)
        operator = (
            _OPS.attention_of_values_lse if return_lse else _OPS.attention_of_values
        )
        return operator(q, k, v, mask, sinks, kept, scored)

    return _attention(body, q, k, v, scale=scale, target=target)


# What is read of it.


class _Values:
    """The arguments of the op at the end of the graph. By an index, that of one of its
    results, or with `index` that result."""

    def __init__(self, args: tuple, has_lse: bool, index: int | None = None):
        self.args, self.has_lse, self.index = args, has_lse, index

    def __getitem__(self, index: int) -> _Values:
        return _Values(self.args, self.has_lse, index)


class _Reader(torch.fx.Interpreter):
    """Evaluates the graph of a function with symbols for positions and captures."""

    def __init__(self, graph: torch.fx.GraphModule, operands: tuple):
        super().__init__(graph, garbage_collect_values=False)
        self.operands = operands
        self.count = 0
        # Numbers of operands, by what stands for them.
        self.numbers: dict[int, int] = {}

    def placeholder(self, target, args, kwargs):
        index, self.count = self.count, self.count + 1
        value = self.operands[index]
        path, name = (("operand", index),), str(target).strip("_")
        if isinstance(value, (int, torch.SymInt)):
            return _symbols.number("index", path, name)
        if isinstance(value, (float, torch.SymFloat)):
            return _symbols.number("f32", path, name)
        element, rank, unit = describe_array(value)
        if element in CONVERTED:
            element, unit = element_name(CONVERTED[element]), True
        table = Table(path, name, element, rank, unit)
        self.numbers[id(table)] = index
        return table[()] if rank == 0 else table

    def call_function(self, target, args, kwargs):
        packet = getattr(target, "overloadpacket", target)
        if packet is _OPS.position:
            name = args[1]
            if name == "score":
                return _symbols.score()
            if name in _POSITIONS:
                return _symbols.position(_POSITIONS[name])
            return _symbols.length(name)
        if packet in (_OPS.attention_of_values, _OPS.attention_of_values_lse):
            return _Values(args, packet is _OPS.attention_of_values_lse)
        return super().call_function(target, args, kwargs)


def _read(graph: torch.fx.GraphModule, operands: tuple):
    """Q, k, v, mask and sinks, the rules, what they capture, and what the graph
    returns."""
    state = _symbols.state
    previous = state.role, state.library
    reader = _Reader(graph, operands)
    try:
        state.role, state.library = "keep", "torch"
        with _disable_current_modes():
            outputs = reader.run()
        values = outputs[0]
        results = []
        for role, value in zip(("keep", "score"), values.args[5:]):
            state.role = role
            results.append(None if value is None else check_result(role, value))
    finally:
        state.role, state.library = previous
    text, captures = write_rules(*results)
    rules = rules_of_results(*results, text, captures)
    arrays = [
        None if x is None else operands[reader.numbers[id(x)]] for x in values.args[:5]
    ]
    captured = []
    for path, name in zip(captures.paths, captures.names):
        value = operands[path[0][1]]
        if isinstance(value, torch.Tensor):
            element = describe_array(value)[0]
            if element in CONVERTED:
                value = convert(name, value, CONVERTED[element])
        captured.append(value)
    return arrays, rules, tuple(captured), outputs


class _Attention(BaseHOP):
    """The graph of a function on operands, as torch.compile writes it."""

    def __init__(self):
        super().__init__("mfa_attention")

    def __call__(self, graph, *operands, scale=None, target=None):
        if isinstance(graph, torch.fx.GraphModule):
            arrays, rules, captured, outputs = _read(graph, operands)
            q, k, v, mask, sinks = arrays
            result = call_op(
                *(q, k, v, mask, scale, outputs[0].has_lse, None, target),
                *(rules, captured, sinks),
            )
            return tuple(
                result if x.index is None else result[x.index] for x in outputs
            )
        # Torch could not trace it, and calls it as it is.
        cells = zip(graph.__code__.co_freevars, graph.__closure__)
        given = {name: cell.cell_contents for name, cell in cells}
        return call_paused(
            masked_attention,
            *(*operands, given["mask"]),
            keep=given["keep"],
            score=given["score"],
            sinks=given["sinks"],
            scale=scale,
            return_lse=given["return_lse"],
            target=target,
        )


_attention = _Attention()
