"""The mask that models of transformers hand to attention: a rule, never an array."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import torch

from ._rules import Settled

_SEE = "a mask of attn_implementation='mfa' is a rule, not a tensor"


class RuleMask:
    """Which keys queries attend to, for all heads, as a function for `keep=`.

    It has the shape [B, 1, Sq, Sk] of the tensor that it is in place of. Models pass it
    on, and may shorten its keys by `mask[:, :, :, :length]`; those that compute with
    their masks are told so.

    Attributes:
      keep: a function of (b, h, q, k), or None where all keys are kept.
      shape: (B, 1, Sq, Sk).
      device: where the tensors are that the rule reads.
    """

    dtype = torch.bool
    ndim = 4

    def __init__(self, keep: Callable | None, shape: tuple, device: torch.device):
        self.keep = None if keep is None else Settled(keep)
        self.shape = torch.Size(shape)
        self.device = device

    def dim(self) -> int:
        return self.ndim

    def size(self, dim: int | None = None):
        return self.shape if dim is None else self.shape[dim]

    def to(self, *args: Any, **options: Any) -> RuleMask:
        """The mask for another device, as models on several devices move it: with
        copies there of the tensors that the rule reads."""
        given = [*args, options.get("device"), options.get("dtype")]
        if any(isinstance(x, torch.dtype) and x != self.dtype for x in given):
            raise TypeError(_explain("to"))
        devices = [x for x in given if isinstance(x, (str, int, torch.device))]
        devices = [x for x in devices if not isinstance(x, bool)]
        device = torch.device(devices[0]) if devices else self.device
        if device == self.device:
            return self
        keep = None if self.keep is None else _move(self.keep.function, device)
        return RuleMask(keep, self.shape, device)

    def to_tensor(self) -> torch.Tensor:
        """The mask as booleans [B, 1, Sq, Sk], to look at."""
        if self.keep is None:
            return torch.ones(self.shape, dtype=torch.bool, device=self.device)
        positions = (
            torch.arange(size, device=self.device).view([-1 if i == dim else 1
                                                         for i in range(4)])
            for dim, size in enumerate(self.shape)
        )  # fmt: skip
        return self.keep(*positions).expand(self.shape)

    def __getitem__(self, index):
        keys = index[-1] if isinstance(index, tuple) and len(index) == 4 else None
        is_prefix = isinstance(keys, slice) and keys == slice(None, keys.stop)
        if not is_prefix or any(part != slice(None) for part in index[:3]):
            raise TypeError(
                "attention_mask: expected mask[:, :, :, :length] but got another "
                f"index; {_SEE}"
            )
        length = len(range(self.shape[3])[keys])
        keep = None if self.keep is None else self.keep.function
        return RuleMask(keep, (*self.shape[:3], length), self.device)

    def __repr__(self):
        return f"<mfa.transformers mask {tuple(self.shape)}>"

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        raise TypeError(_explain(getattr(function, "__name__", str(function))))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(torch.Tensor, name):
            raise AttributeError(name)
        raise AttributeError(_explain(name))


def _explain(what: str) -> str:
    return (
        "attention_mask: expected a model that passes its mask on to attention but got "
        f"one that computes with it ('{what}'); {_SEE}, so use another implementation "
        "for this model"
    )


def _refusing(name: str):
    def method(self, *args):
        raise TypeError(_explain(name))

    return method


def _move(value: Any, device: torch.device) -> Any:
    """A copy of a function whose free variables are on a device, those of functions
    among them included."""
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, tuple):
        return tuple(_move(item, device) for item in value)
    if not isinstance(value, types.FunctionType) or not value.__closure__:
        return value
    cells = [types.CellType(_move(x.cell_contents, device)) for x in value.__closure__]
    return types.FunctionType(
        value.__code__,
        value.__globals__,
        value.__name__,
        value.__defaults__,
        tuple(cells),
    )


for _name in (
    "add sub mul truediv and or xor lt le gt ge radd rsub rmul rtruediv rand ror rxor "
    "neg invert bool iter array float int setitem"
).split():
    setattr(RuleMask, f"__{_name}__", _refusing(f"__{_name}__"))
