"""A node of an ONNX graph that is being lowered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ._program import Function, Size, Value


class Unsupported(NotImplementedError):
    """What a model has and this package does not lower. The text names the node."""


@dataclass(frozen=True)
class Integers:
    """A tensor of int64 of rank 1, or 0, whose elements are known, or sizes."""

    items: tuple[Size, ...]
    is_scalar: bool = False


@dataclass
class Node:
    """A node with the values of its inputs.

    Attributes:
      name: of the node, or of its first output.
      attributes: as Python's numbers, texts and lists.
      opset: the version of the ONNX operators that the model asks for.
      inputs: None where one is left out, or is read as integers alone.
      names: of the inputs, empty where one is left out.
      integers: for each input that is a list of integers (or one) which are known, or
        are sizes of tensors, these; None for others.
      wanted: for each output, whether the graph has a use for it.
    """

    function: Function
    name: str
    op: str
    attributes: dict[str, Any]
    opset: int
    inputs: list[Value | None]
    names: list[str] = field(default_factory=list)
    integers: list[Integers | None] = field(default_factory=list)
    wanted: list[bool] = field(default_factory=list)

    def input(self, index: int) -> Value | None:
        return self.inputs[index] if index < len(self.inputs) else None

    def has(self, index: int) -> bool:
        return index < len(self.names) and bool(self.names[index])

    def list(self, index: int, what: str) -> tuple[Size, ...]:
        """An input that has to be a list of known integers or sizes."""
        known = self.integers[index] if index < len(self.integers) else None
        if known is None:
            raise self.unsupported(
                f"{what}: expected a constant or sizes but got computed numbers"
            )
        return known.items

    def wants(self, index: int) -> bool:
        return index < len(self.wanted) and self.wanted[index]

    def get(self, attribute: str, default: Any = None) -> Any:
        return self.attributes.get(attribute, default)

    def unsupported(self, text: str) -> Unsupported:
        return Unsupported(f"node '{self.name}' ({self.op}): {text}")

    def invalid(self, text: str) -> ValueError:
        return ValueError(f"node '{self.name}' ({self.op}): {text}")
