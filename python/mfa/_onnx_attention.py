"""ONNX's Attention, versions 23 to 25, as mfa.masked_attention.

Of a node becomes:

    present key, value      insert_slice of past and new ones
    query, key, value       views of them, [B, S, H, D]; copies with zeros where a head
                            size is no multiple of 8
    attn_mask               the dense mask; with a soft-cap, which comes before it, a
                            part of the regions
    softcap                 the region score
    is_causal, windows,
    nonpad_kv_seqlen        the region keep
    qk_matmul_output        a product of its own, since kernels keep no scores, and
                            exp(score - lse) for mode 3
"""

from __future__ import annotations

import math

from ._onnx_node import Node
from ._onnx_rules import B, K, Q, Rules
from ._program import Function, Value, convert
from ._symbols import constant, score

_TYPES = ("f16", "bf16", "f32")
# TensorProto.DataType of softmax_precision that float32 is as good as.
_PRECISIONS = {1: "FLOAT", 10: "FLOAT16", 16: "BFLOAT16"}
_LARGEST_HEAD = 256


def lower_attention(node: Node) -> list[Value | None]:
    """The values of its outputs; None for those that nothing uses."""
    return _Attention(node).lower()


class _Attention:
    def __init__(self, node: Node):
        self._node = node
        self._function: Function = node.function
        self._check_attributes()
        self._read_operands()

    # What the node says.

    def _check_attributes(self) -> None:
        node = self._node
        precision = node.get("softmax_precision")
        if precision is not None and precision not in _PRECISIONS:
            known = ", ".join(f"{k} ({name})" for k, name in _PRECISIONS.items())
            raise node.unsupported(
                f"softmax_precision: expected {known}, as softmax is computed in "
                f"float32, but got {precision}"
            )
        mode = node.get("qk_matmul_output_mode", 0)
        if mode not in range(4):
            raise node.invalid(f"qk_matmul_output_mode: expected 0 to 3 but got {mode}")
        for side in ("left", "right"):
            size = node.get(f"{side}_window_size", -1)
            if size < -1:
                raise node.invalid(
                    f"{side}_window_size: expected -1 or more but got {size}"
                )
        if (node.input(4) is None) != (node.input(5) is None):
            raise node.invalid("past_key and past_value: expected both or none")
        if node.input(4) is not None and node.input(6) is not None:
            raise node.invalid("nonpad_kv_seqlen: expected none beside past_key")

    def _read_operands(self) -> None:
        node = self._node
        query, key, value = (node.input(i) for i in range(3))
        for name, x in (("Q", query), ("K", key), ("V", value)):
            if x.element not in _TYPES:
                raise node.unsupported(
                    f"{name}: expected elements of type f16, bf16 or f32 but got "
                    f"{x.element}"
                )
            if x.element != query.element:
                raise node.unsupported(
                    f"{name}: expected elements of type {query.element}, as of Q, but "
                    f"got {x.element}"
                )
            if x.rank not in (3, 4) or x.rank != query.rank:
                raise node.invalid(
                    f"{name}: expected rank 3 or 4, as of Q, but got rank {x.rank}"
                )
        self._is_flat = query.rank == 3
        self._query = self._split_heads("Q", query, "q_num_heads")
        self._key = self._split_heads("K", key, "kv_num_heads")
        self._value = self._split_heads("V", value, "kv_num_heads")
        self._check_sizes(
            "K", self._key, {"batch": 0, "head size": 3}, "Q", self._query
        )
        self._check_sizes(
            "V", self._value, {"batch": 0, "length": 1, "heads": 2}, "K", self._key
        )
        self._present_key = self._present_value = None
        if node.input(4) is not None:
            for name, index, of, x in (
                ("past_key", 4, "K", self._key),
                ("past_value", 5, "V", self._value),
            ):
                self._check_past(name, node.input(index), of, self._swap_type(x))
            self._present_key = self._append(node.input(4), self._key)
            self._present_value = self._append(node.input(5), self._value)
            self._key, self._value = map(
                self._swap, (self._present_key, self._present_value)
            )
        self._head_size = self._query.sizes[3]
        self._value_size = self._value.sizes[3]
        self._heads, self._kv_heads = self._query.sizes[2], self._key.sizes[2]
        for name, size in (("Q", self._head_size), ("V", self._value_size)):
            if size > _LARGEST_HEAD:
                raise node.unsupported(
                    f"{name}: expected a head size up to {_LARGEST_HEAD} but got {size}"
                )
        if self._heads % self._kv_heads:
            raise node.invalid(
                f"K: expected a number of heads that divides the {self._heads} of Q "
                f"but got {self._kv_heads}"
            )

    def _check_sizes(
        self, name: str, x: Value, dims: dict[str, int], of: str, y: Value
    ) -> None:
        for what, dim in dims.items():
            actual, expected = x.shape[dim], y.shape[dim]
            if None not in (actual, expected) and actual != expected:
                raise self._node.invalid(
                    f"{name}: expected {what} {expected}, as of {of}, but got {actual}"
                )

    def _check_past(self, name: str, past: Value, of: str, x: Value) -> None:
        if past.rank != 4 or past.element != x.element:
            raise self._node.invalid(
                f"{name}: expected rank 4 and elements of type {x.element}, as of "
                f"{of}, but got {past.type}"
            )
        self._check_sizes(name, past, {"batch": 0, "heads": 1, "head size": 3}, of, x)

    @staticmethod
    def _swap_type(x: Value) -> Value:
        """What `_swap` makes, without making it."""
        batch, first, second, size = x.sizes
        return Value(x.name, (batch, second, first, size), x.element)

    def _split_heads(self, name: str, x: Value, attribute: str) -> Value:
        """[B, S, H, D], of [B, S, H * D] or [B, H, S, D]."""
        node, function = self._node, self._function
        count = node.get(attribute)
        if x.rank == 4:
            if count is not None and node.opset >= 25:
                raise node.invalid(f"{attribute}: expected none for inputs of rank 4")
            if x.shape[1] is None or x.shape[3] is None:
                raise node.unsupported(
                    f"{name}: expected heads and head size that are known but got "
                    f"shape {x.type}"
                )
            return self._swap(x)
        if not count:
            raise node.invalid(
                f"{attribute}: expected a number for inputs of rank 3 but got none"
            )
        width = x.shape[2]
        if width is None:
            raise node.unsupported(
                f"{name}: expected a last dimension that is known but got shape "
                f"{x.type}"
            )
        if width % count:
            raise node.invalid(
                f"{name}: expected a last dimension that {attribute} divides, but got "
                f"{width} and {count}"
            )
        sizes = [*x.sizes[:2], count, width // count]
        return function.expand(x, [[0], [1], [2, 3]], sizes)

    def _swap(self, x: Value) -> Value:
        """[B, H, S, D] for [B, S, H, D], and the other way round."""
        return self._function.transpose(x, [0, 2, 1, 3])

    def _append(self, past: Value, new: Value) -> Value:
        """[B, h, past + new, D]"""
        return self._function.concatenate([past, self._swap(new)], 2)

    # What is computed.

    def lower(self) -> list[Value | None]:
        node = self._node
        self._queries = self._query.sizes[1]
        self._keys = self._key.sizes[1]
        mask = self._read_mask()
        rules = Rules(max(node.get("softcap", 0.0), 0.0))
        self._add_rules(rules)
        is_dense = mask is not None and not rules.softcap
        if mask is not None and not is_dense:
            rules.add_mask(mask)
        mode = node.get("qk_matmul_output_mode", 0)
        wants_scores = node.wants(3)
        output, lse = self._attend(
            mask if is_dense else None, rules, wants_scores and mode == 3
        )
        scores = None
        if wants_scores:
            if is_dense:
                rules.add_mask(mask)
            scores = self._make_scores(rules, mode, lse)
        return [
            self._join_heads(output),
            self._present(1, self._present_key, self._key),
            self._present(2, self._present_value, self._value),
            scores,
        ]

    def _present(self, index: int, present: Value | None, x: Value) -> Value | None:
        if not self._node.wants(index):
            return None
        return self._swap(x) if present is None else present

    def _join_heads(self, output: Value) -> Value:
        if not self._is_flat:
            return self._swap(output)
        return self._function.collapse(output, [[0], [1], [2, 3]])

    def _read_mask(self) -> Value | None:
        """attn_mask as [B|1, H|1, Sq|1, Sk]: sizes are aligned on the right, and keys
        behind its end are not attended to."""
        node, function = self._node, self._function
        mask = node.input(3)
        if mask is None:
            return None
        if mask.element not in (*_TYPES, "i1"):
            raise node.unsupported(
                "attn_mask: expected elements of type bool, f16, bf16 or f32 but got "
                f"{mask.element}"
            )
        if not 1 <= mask.rank <= 4:
            raise node.invalid(
                f"attn_mask: expected rank 1 to 4 but got rank {mask.rank}"
            )
        missing = 4 - mask.rank
        if missing:
            groups = [list(range(missing + 1))]
            groups += [[i] for i in range(missing + 1, 4)]
            sizes = [1] * missing + list(mask.sizes)
            mask = function.expand(mask, groups, sizes)
        full = (self._query.shape[0], self._heads, self._query.shape[1])
        for dim, whole in enumerate(full):
            size = mask.shape[dim]
            if None not in (size, whole) and size not in (1, whole):
                sizes = ", ".join(str(n or "?") for n in full)
                raise node.invalid(
                    f"attn_mask: expected a shape that broadcasts to [{sizes}, Sk] but "
                    f"got {mask.type}"
                )
        return function.pad(
            mask, 3, self._keys, -math.inf if mask.element != "i1" else 0
        )

    # Rules.

    def _add_rules(self, rules: Rules) -> None:
        """Of the attributes and of nonpad_kv_seqlen: positions of queries are counted
        from `offset`, the number of keys that precede them."""
        node = self._node
        offset = constant(0)
        past, lengths = node.input(4), node.input(6)
        if past is not None:
            offset = rules.size(past.sizes[2], "past")
        elif lengths is not None:
            length = rules.table(lengths, "nonpad_kv_seqlen")[B]
            offset = length - rules.size(self._queries, "queries")
            rules.keep.append(K < length)
        query = Q if offset.op == "constant" and offset.value == 0 else Q + offset
        left = node.get("left_window_size", -1)
        right = node.get("right_window_size", -1)
        if node.get("is_causal", 0):
            rules.keep.append(K <= query)
        if left >= 0:
            rules.keep.append(query - K <= left)
        if right >= 0:
            rules.keep.append(K - query <= right)

    # The op.

    def _attend(self, mask: Value | None, rules: Rules, wants_lse: bool):
        """[B, Sq, H, Dv], and the log-sum-exp [B, H, Sq] if it is wanted."""
        function = self._function
        width = _next_multiple(self._head_size)
        value_width = _next_multiple(self._value_size)
        query = function.pad(self._query, 3, width, 0.0)
        key = function.pad(self._key, 3, width, 0.0)
        value = function.pad(self._value, 3, value_width, 0.0)
        batch = query.sizes[0]
        into = function.empty(
            [batch, self._queries, self._heads, value_width], query.element
        )
        lines = [
            f"mfa.masked_attention ins({query.name}, {key.name}, {value.name} : "
            f"{query.type}, {key.type}, {value.type})"
        ]
        if mask is not None:
            lines.append(f"  mask({mask.name} : {mask.type})")
        if self._node.get("scale") is not None or width != self._head_size:
            scale = function.number(self._scale, "f32")
            lines.append(f"  scale({scale} : f32)")
        regions, captures = rules.write_regions()
        if captures:
            names = ", ".join(name for name, _ in captures)
            types = ", ".join(kind for _, kind in captures)
            lines.append(f"  captures({names} : {types})")
        lines.append(f"  outs({into.name} : {into.type})")
        types = into.type
        if wants_lse:
            sizes = [batch, self._heads, self._queries]
            lse = function.empty(sizes, "f32")
            lines.append(f"  lse({lse.name} : {lse.type})")
            types += f", {lse.type}"
        names = function.add_several(
            1 + wants_lse, "\n".join([*lines, *regions, f"  -> {types}"])
        )
        output = Value(names[0], into.sizes, into.element)
        output = function.take(output, 3, 0, self._value_size)
        return output, Value(names[1], lse.sizes, "f32") if wants_lse else None

    @property
    def _scale(self) -> float:
        scale = self._node.get("scale")
        return self._head_size**-0.5 if scale is None else scale

    # Scores, for those who ask for them.

    def _make_scores(self, rules: Rules, mode: int, lse: Value | None) -> Value:
        """qk_matmul_output, [B, H, Sq, Sk]"""
        function = self._function
        groups = self._kv_heads, self._heads // self._kv_heads
        batch = self._query.sizes[0]
        query = function.expand(
            self._query,
            [[0], [1], [2, 3], [4]],
            [batch, self._queries, *groups, self._head_size],
        )
        # Of batch, key head, query head of its group, query, key and d.
        zeros = [batch, *groups, self._queries, self._keys]
        product = function.generic(
            [(query, [0, 3, 1, 2, 5]), (self._key, [0, 4, 1, 5])],
            function.filled(zeros, "f32", 0.0),
            _multiply_add(query.element),
            reduced=1,
        )
        product = function.collapse(product, [[0], [1, 2], [3], [4]])
        raw = score()
        x = raw * self._scale
        if mode == 1:
            x = rules.capped(x)
        elif mode >= 2:
            x = rules.masked(x)
        inputs = [(product, range(4))]
        if lse is not None:
            inputs.append((lse, [0, 1, 2]))
        into = function.empty(product.sizes, query.element)
        return function.generic(inputs, into, rules.write_body(raw, x, into.element))


def _next_multiple(size: int) -> int:
    return -(-size // 8) * 8


def _multiply_add(element: str):
    def body(names):
        x, y, old = names
        lines = []
        if element != "f32":
            for fresh, name in (("%wx", x), ("%wy", y)):
                lines += convert(name, element, "f32", fresh)[0]
            x, y = "%wx", "%wy"
        lines.append(f"%product = arith.mulf {x}, {y} : f32")
        lines.append(f"%sum = arith.addf {old}, %product : f32")
        return lines, "%sum"

    return body
