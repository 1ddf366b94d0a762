"""ONNX models with Attention as programs of MLIR.

    text = mfa.onnx.lower("model.onnx")

The program's function takes the inputs of the graph and returns its outputs; mfa-run
runs it, and the pipelines of mfa-opt lower it.
"""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from ._onnx_node import Integers, Node, Unsupported
from ._onnx_ops import OPERATORS
from ._onnx_sizes import SIZE_OPERATORS, sizes_of
from ._program import Function, Value

__all__ = ["Unsupported", "lower"]

# Of older ones operators mean something else, or have other inputs.
_FIRST_OPSET = 23
_ELEMENTS = {
    "FLOAT": "f32",
    "FLOAT16": "f16",
    "BFLOAT16": "bf16",
    "DOUBLE": "f64",
    "BOOL": "i1",
    "INT8": "i8",
    "INT16": "i16",
    "INT32": "i32",
    "INT64": "i64",
}


def element_type(data_type: int) -> str | None:
    """The type of MLIR for one of TensorProto.DataType, None where there is none."""
    return _ELEMENTS.get(onnx.TensorProto.DataType.Name(data_type))


def lower(model: onnx.ModelProto | str | os.PathLike, entry: str = "main") -> str:
    """A module of MLIR, as text, with one function that computes the model's graph.

    Attention (versions 23 to 25 of the operator) becomes mfa.masked_attention: causal
    masks, windows and lengths its region `keep`, the soft-cap its region `score`. What
    surrounds it becomes linalg and tensor ops, as far as layers of transformers need
    them: docs/onnx.md lists the operators. Dimensions may be dynamic, but for heads and
    head sizes.

    Args:
      model: the model, or the path of its file.
      entry: the name of the function. Its arguments are the graph's inputs that are no
        initializers, in their order, and its results the graph's outputs.

    Raises:
      onnx.checker.ValidationError: the model breaks a rule of ONNX.
      ValueError: a node is given what its operator does not allow.
      mfa.onnx.Unsupported: the model has what is not lowered; a NotImplementedError.
        All messages name the node.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$.]*", entry):
        raise ValueError(f"entry: expected a name of a function but got {entry!r}")
    onnx.checker.check_model(
        model if isinstance(model, onnx.ModelProto) else os.fspath(model)
    )
    if not isinstance(model, onnx.ModelProto):
        model = onnx.load(os.fspath(model))
    return _Graph(model, entry).lower()


class _Graph:
    def __init__(self, model: onnx.ModelProto, entry: str):
        self._graph = model.graph
        versions = {x.domain: x.version for x in model.opset_import}
        self._opset = versions.get("", 1)
        self._function = Function(entry)
        self._values: dict[str, Value] = {}
        self._constants: dict[str, np.ndarray] = {}
        # Tensors that are lists of known integers or of sizes.
        self._integers: dict[str, Integers] = {}
        self._used = {name for node in self._graph.node for name in node.input}
        self._used |= {x.name for x in self._graph.output}

    def lower(self) -> str:
        if self._opset < _FIRST_OPSET:
            raise Unsupported(
                f"expected opset {_FIRST_OPSET} or later, which has Attention, but got "
                f"{self._opset}; convert the model with onnx.version_converter"
            )
        if self._graph.sparse_initializer:
            raise Unsupported("expected dense initializers but got a sparse one")
        for tensor in self._graph.initializer:
            self._constants[tensor.name] = numpy_helper.to_array(tensor)
        for given in self._graph.input:
            if given.name not in self._constants:
                self._values[given.name] = self._argument(given)
        for node in self._graph.node:
            self._lower_node(node)
        results = [self._value(x.name) for x in self._graph.output]
        return self._function.finish(results)

    def _argument(self, given: onnx.ValueInfoProto) -> Value:
        kind = given.type.tensor_type
        element = None
        if given.type.WhichOneof("value") == "tensor_type":
            element = element_type(kind.elem_type)
        if element is None:
            raise Unsupported(
                f"input '{given.name}': expected a tensor of {', '.join(_ELEMENTS)} "
                f"but got {_describe(given.type)}"
            )
        shape = [
            dim.dim_value if dim.HasField("dim_value") else None
            for dim in kind.shape.dim
        ]
        return self._function.argument(shape, element, given.name)

    def _value(self, name: str) -> Value:
        """A value by its name in the graph; constants are written where they are first
        needed."""
        if name not in self._values:
            if name in self._constants:
                value = self._constant(name, self._constants[name])
            else:
                integers = self._integers[name]
                value = self._function.integers(integers.items, integers.is_scalar)
            self._values[name] = value
        return self._values[name]

    def _known_integers(self, name: str) -> Integers | None:
        array = self._constants.get(name)
        if array is None:
            return self._integers.get(name)
        if array.dtype != np.int64 or array.ndim > 1:
            return None
        return Integers(tuple(map(int, array.reshape(-1))), array.ndim == 0)

    def _constant(self, name: str, array: np.ndarray) -> Value:
        element = element_type(onnx.helper.np_dtype_to_tensor_dtype(array.dtype))
        if element is None:
            raise Unsupported(
                f"constant '{name}': expected elements of {', '.join(_ELEMENTS)} but "
                f"got {array.dtype}"
            )
        return self._function.constant(array.shape, element, _literal(array))

    def _lower_node(self, proto: onnx.NodeProto) -> None:
        name = proto.name or next(filter(None, proto.output), "?")
        attributes = {
            x.name: onnx.helper.get_attribute_value(x) for x in proto.attribute
        }
        if proto.domain in ("", "ai.onnx") and proto.op_type == "Constant":
            self._constants[proto.output[0]] = _read_constant(name, attributes)
            return
        node = Node(
            self._function,
            name,
            proto.op_type,
            attributes,
            self._opset,
            [],
            list(proto.input),
            [self._known_integers(x) for x in proto.input],
            [bool(x) and x in self._used for x in proto.output],
        )
        lowering = OPERATORS.get(proto.op_type)
        is_shape = proto.op_type == "Shape"
        if not (lowering or is_shape) or proto.domain not in ("", "ai.onnx"):
            operator = f"{proto.domain}.{proto.op_type}".lstrip(".")
            known = ", ".join(sorted([*OPERATORS, "Constant", "Shape"]))
            raise node.unsupported(f"expected one of {known} but got {operator}")
        if not is_shape and (integers := _fold_sizes(node)):
            self._integers[proto.output[0]] = integers
            return
        node.inputs = [
            # What is read as integers needs no tensor.
            None if not x or i in _INTEGERS.get(node.op, ()) else self._value(x)
            for i, x in enumerate(proto.input)
        ]
        if is_shape:
            self._integers[proto.output[0]] = sizes_of(node)
            return
        for output, value in zip(proto.output, lowering(node)):
            if value is not None and output:
                self._values[output] = value


# Inputs that are lists of integers.
_INTEGERS = {
    **dict.fromkeys(("Expand", "Reshape", "Split", "Squeeze", "Unsqueeze"), (1,)),
    "Slice": (1, 2, 3, 4),
}


def _fold_sizes(node: Node) -> Integers | None:
    fold = SIZE_OPERATORS.get(node.op)
    if fold is None or None in node.integers:
        return None
    return fold(node)


def _describe(kind: onnx.TypeProto) -> str:
    which = kind.WhichOneof("value")
    if which != "tensor_type":
        return str(which)
    return onnx.TensorProto.DataType.Name(kind.tensor_type.elem_type)


def _read_constant(name: str, attributes: dict[str, Any]) -> np.ndarray:
    if "value" in attributes:
        return numpy_helper.to_array(attributes["value"])
    for key, kind in (("int", np.int64), ("float", np.float32)):
        for attribute in (f"value_{key}", f"value_{key}s"):
            if attribute in attributes:
                return np.array(attributes[attribute], kind)
    raise Unsupported(
        f"node '{name}' (Constant): expected value, value_int, value_ints, value_float "
        f"or value_floats but got {', '.join(attributes) or 'nothing'}"
    )


def _literal(array: np.ndarray) -> str:
    """What stands between dense< and >: the elements' bytes, or booleans as such."""
    if array.size == 0:
        return ""
    if array.dtype == bool:
        text = str(array.tolist())
        return text.replace("True", "true").replace("False", "false")
    little = np.ascontiguousarray(array)
    if little.dtype.byteorder == ">":
        little = little.astype(little.dtype.newbyteorder("<"))
    return f'"0x{little.tobytes().hex().upper()}"'
