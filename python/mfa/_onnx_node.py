"""A node of an ONNX graph that is being lowered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ._program import Function, Value


class Unsupported(NotImplementedError):
    """What a model has and this package does not lower. The text names the node."""


@dataclass
class Node:
    """A node with the values of its inputs.

    Attributes:
      name: of the node, or of its first output.
      attributes: as Python's numbers, texts and lists.
      opset: the version of the ONNX operators that the model asks for.
      inputs: None where one is left out.
      constants: the arrays that inputs are known to be, None for others.
      wanted: for each output, whether the graph has a use for it.
    """

    function: Function
    name: str
    op: str
    attributes: dict[str, Any]
    opset: int
    inputs: list[Value | None]
    constants: list[Any] = field(default_factory=list)
    wanted: list[bool] = field(default_factory=list)

    def input(self, index: int) -> Value | None:
        return self.inputs[index] if index < len(self.inputs) else None

    def wants(self, index: int) -> bool:
        return index < len(self.wanted) and self.wanted[index]

    def get(self, attribute: str, default: Any = None) -> Any:
        return self.attributes.get(attribute, default)

    def unsupported(self, text: str) -> Unsupported:
        return Unsupported(f"node '{self.name}' ({self.op}): {text}")

    def invalid(self, text: str) -> ValueError:
        return ValueError(f"node '{self.name}' ({self.op}): {text}")
