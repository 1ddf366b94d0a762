"""Masked attention inside of jax.jit and the other transforms of JAX.

mfa.masked_attention comes here where JAX traces it, and becomes one call of XLA, for
which importing this module registers handlers. An executable that has such a call and
was made by another process, by JAX's cache of compiled programs or jax.export, needs
`import mfa.jax` before it runs.
"""

from __future__ import annotations

import atexit
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import _mfa
from ._arrays import Form, type_name
from ._jax_sharding import partitioned
from ._mask import open_mask
from ._regions import MASK, MOST_RANK, SCALE, Path, Regions
from ._rules import bind, regions_of

__all__ = ["TARGET", "masked_attention"]

if jax.__version_info__ < (0, 6):
    raise ImportError(f"mfa.jax: expected JAX 0.6 or newer but got {jax.__version__}")

# The name of the call in XLA's programs.
TARGET = "mfa.jax.masked_attention"

for _platform, _stages in _mfa.xla_handlers().items():
    jax.ffi.register_ffi_target(TARGET, _stages, platform=_platform)
# XLA may still be calling when a program ends that has not waited for its arrays.
atexit.register(_mfa.end_xla_calls)


def masked_attention(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    *,
    keep: Callable | None = None,
    score: Callable | None = None,
    sinks: Any = None,
    scale: Any = None,
    return_lse: bool = False,
    target: str | None = None,
    tiles: str | None = None,
) -> Any:
    """mfa.masked_attention as a call of XLA, of arrays that have data as well.

    Args and errors are those of mfa.masked_attention, which does the same with arrays
    that are traced. `scale` may be an array without dimensions. `target` is looked at
    when XLA compiles: "cpu" and "sim" on the CPU, "cuda" on a GPU.
    """
    # XLA runs the program that it has, with a list of its own in each call.
    mask, keep, tiles, _ = open_mask(mask, keep, tiles)
    rules, captures = None, ()
    if keep is not None or score is not None:
        rules, captures = bind(keep, score, q)
    return trace(
        *(q, k, v, mask, scale, return_lse, None, target),
        *(rules, captures, sinks, tiles),
    )


# Arguments.


def trace(
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    scale: Any,
    return_lse: bool,
    out: Any,
    target: str | None,
    rules: _mfa.Rules | None,
    captures: tuple,
    sinks: Any,
    tiles: str | None,
) -> Any:
    """The call of mfa.masked_attention with these arguments, as JAX traces it."""
    if out is not None:
        raise ValueError(
            "out: expected None, as arrays that JAX traces cannot be written, but got "
            "an array; jax.jit reuses the memory of arguments that are donated"
        )
    named = {"q": q, "k": k, "v": v, "mask": mask, "sinks": sinks}
    _mfa.check_arguments(*(_form(name, x) for name, x in named.items()))
    arrays = {name: jnp.asarray(x) for name, x in named.items() if x is not None}
    regions, captured = Regions(None, None, {}), {}
    if rules is not None:
        regions, captured = regions_of(rules, captures)
        _check_reads(regions, captured, q.shape, k.shape)
        regions, captured = _convert(regions, captured)
    head_dim, value_dim = q.shape[3], v.shape[3]
    if isinstance(scale, jax.core.Tracer):
        if scale.shape != ():
            raise ValueError(
                f"scale: expected a number but got an array of shape {scale.shape}"
            )
        captured[SCALE] = jnp.asarray(scale, jnp.float32)
        form = None
        if (mask := arrays.pop("mask", None)) is not None:
            form = type_name(mask.dtype), mask.shape
            captured[MASK] = mask
        regions = regions.with_scale(form)
        scale = 1.0
    elif scale is not None:
        scale = _number(scale)
    elif head_dim % 8:
        scale = head_dim**-0.5
    # Kernels have head sizes that are multiples of 8.
    for name in "qkv":
        missing = -arrays[name].shape[3] % 8
        if missing:
            arrays[name] = jnp.pad(arrays[name], [(0, 0)] * 3 + [(0, missing)])
    call = _Call(regions, scale, bool(return_lse), target or "", tiles or "")
    outputs = call.trace(arrays, captured)
    output = outputs[0][..., :value_dim] if value_dim % 8 else outputs[0]
    return (output, outputs[1]) if return_lse else output


def _number(scale: Any) -> float:
    try:
        return float(scale)
    except (TypeError, ValueError):
        raise TypeError(f"scale: expected a number but got {scale!r}") from None


def _form(name: str, x: Any) -> Any:
    """An argument without its data; what is no array is said by who looks at it."""
    shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
    if shape is None or dtype is None:
        return x
    try:
        sizes = tuple(int(size) for size in shape)
    except Exception:  # Of jax.export.
        raise ValueError(
            f"{name}: expected sizes that are numbers, as a kernel is launched for "
            f"each of them, but got shape {tuple(shape)}; export for each shape"
        ) from None
    return Form(sizes, type_name(dtype))


def _check_reads(
    regions: Regions, captured: dict[Path, Any], q: tuple, k: tuple
) -> None:
    """Captured arrays have elements for all positions at which they are read."""
    sizes = q[0], q[2], q[1], k[1]
    if 0 in sizes:
        return
    paths = list(regions.tables)
    expected = {path: list(captured[path].shape) for path in paths}
    for index, dim, position in regions.reads:
        shape = expected[paths[index]]
        shape[dim] = max(shape[dim], sizes[position])
    for path, shape in expected.items():
        if shape != list(captured[path].shape):
            raise ValueError(
                f"{regions.tables[path].name}: expected shape {tuple(shape)} or "
                "larger, as it is read for each batch, head, query or key, but got "
                f"{tuple(captured[path].shape)}"
            )


def _convert(
    regions: Regions, captured: dict[Path, Any]
) -> tuple[Regions, dict[Path, Any]]:
    """Captured arrays as JAX's, which has integers of 64 bits where it is told to
    (jax_enable_x64)."""
    narrow = {}
    for path, array in captured.items():
        if type_name(array.dtype) != "int64" or isinstance(array, jax.Array):
            continue
        if jax.dtypes.canonicalize_dtype(np.int64) == np.int64:
            continue
        values = np.asarray(array)
        limits = np.iinfo(np.int32)
        if values.size and not limits.min <= values.min() <= values.max() <= limits.max:
            name = regions.tables[path].name
            raise ValueError(
                f"{name}: expected integers of 32 bits, as JAX has no others unless "
                f"jax_enable_x64 is set, but got {values.min()} to {values.max()}"
            )
        narrow[path] = values.astype(np.int32)
    if narrow:
        regions = regions.with_elements(dict.fromkeys(narrow, "i32"))
    return regions, {
        path: jnp.asarray(narrow.get(path, array)) for path, array in captured.items()
    }


# The call.


@dataclasses.dataclass(frozen=True, eq=False)
class _Call:
    """All of a call but its arrays."""

    regions: Regions
    scale: float | None
    return_lse: bool
    target: str
    tiles: str
    # How often it has been mapped.
    level: int = 0

    def trace(self, arrays: dict[str, Any], captured: dict[Path, Any]) -> list:
        """The outputs, as JAX's transforms see them: they have no derivatives, and
        are mapped by `_map`."""
        keys: list[Any] = [*arrays, *self.regions.tables]
        operands = _same_axes(
            [*arrays.values(), *(captured[path] for path in self.regions.tables)]
        )
        names = [*arrays, *(table.name for table in self.regions.tables.values())]

        mapped = jax.custom_batching.custom_vmap(
            lambda *operands: self._divide(keys, operands)
        )

        @mapped.def_vmap
        def rule(size, is_mapped, *operands):
            return self._map(keys, size, is_mapped, operands)

        # The name that traces of JAX show.
        @jax.custom_jvp
        def masked_attention(*operands):
            return mapped(*operands)

        def jvp(primals, tangents):
            for name, tangent in zip(names, tangents):
                if not isinstance(tangent, jax.custom_derivatives.SymbolicZero):
                    raise RuntimeError(
                        f"{name}: expected an array without derivatives, as masked "
                        "attention has none, but got one by which JAX differentiates; "
                        "pass jax.lax.stop_gradient of it, or use jax.nn."
                        "dot_product_attention where gradients are wanted"
                    )
            outputs = masked_attention(*primals)
            return outputs, [jnp.zeros_like(x) for x in outputs]

        masked_attention.defjvp(jvp, symbolic_zeros=True)
        return masked_attention(*operands)

    def _divide(self, keys: Sequence[Any], operands: Sequence[Any]) -> list:
        """The call of XLA, or of arrays that jax.jit shards one on each device."""

        def launch(regions: Regions, keys: Sequence[Any], parts: Sequence[Any]):
            return dataclasses.replace(self, regions=regions)._launch(keys, parts)

        if any(0 in x.shape for x in operands) or _axes_of(operands[0]):
            return self._launch(keys, operands)
        return partitioned(keys, operands, self.regions, 1 + self.return_lse, launch)

    def _launch(self, keys: Sequence[Any], operands: Sequence[Any]) -> list:
        """The call of XLA."""
        q, k, v = operands[:3]
        batch, length, heads, _ = q.shape
        results = [_result((batch, length, heads, v.shape[3]), q.dtype, q)]
        if self.return_lse:
            results.append(_result((batch, heads, length), jnp.float32, q))
        attributes: dict[str, Any] = {
            "arguments": _forms(operands),
            "results": _forms(results),
            "mask": "mask" in keys,
            "sinks": "sinks" in keys,
            "rules": self.regions.text,
            "target": self.target,
            "tiles": self.tiles,
        }
        if self.scale is not None:
            attributes["scale"] = np.float32(self.scale)
        if self.regions.integers:
            attributes["integers"] = np.array(self.regions.integers, np.int64)
        if self.regions.floats:
            attributes["numbers"] = np.array(self.regions.floats, np.float64)
        return list(jax.ffi.ffi_call(TARGET, results)(*operands, **attributes))

    # jax.vmap: the mapped dimension becomes a part of the batch.

    def _map(
        self,
        keys: Sequence[Any],
        size: int,
        is_mapped: Sequence[bool],
        operands: Sequence[Any],
    ) -> tuple[list, list[bool]]:
        """The outputs of `size` calls, of which the operands that are mapped have a
        leading dimension."""
        mapped = dict(zip(keys, is_mapped))
        values = dict(zip(keys, operands))
        paths = [path for path in self.regions.tables if mapped[path]]
        for path in paths:
            if self.regions.tables[path].rank == MOST_RANK:
                array = values[path]
                first = array.shape[0] * array.shape[1]
                values[path] = array.reshape(first, *array.shape[2:])
        q = values["q"]
        batch, _, heads = q.shape[1:4] if mapped["q"] else q.shape[:3]
        if mapped.get("sinks"):
            # Sinks are of heads, so these are joined.
            name, inner, join = "h", heads, _join_heads
        else:
            name, inner, join = "b", batch, _join
        arrays = {
            key: join(key, values[key], mapped[key], size, inner)
            for key in keys
            if isinstance(key, str)
        }
        regions = self.regions.joined(self.level, name, max(inner, 1), size, paths)
        call = dataclasses.replace(self, regions=regions, level=self.level + 1)
        outputs = call.trace(arrays, values)
        if name == "b":
            split = [x.reshape(size, batch, *x.shape[1:]) for x in outputs]
        else:
            split = [_split_heads(x, size, heads) for x in outputs]
        return split, [True] * len(split)


# The numbers that XLA has for element types.
_XLA_TYPES = {"i1": 1, "int32": 4, "int64": 5, "f16": 10, "f32": 11, "bf16": 16}


def _forms(arrays: Sequence[Any]) -> np.ndarray:
    """Types, ranks and sizes of arrays, as handlers read them."""
    numbers = []
    for x in arrays:
        numbers += [_XLA_TYPES[type_name(x.dtype)], len(x.shape), *x.shape]
    return np.array(numbers, np.int64)


def _join(name: str, array: Any, is_mapped: bool, size: int, batch: int) -> Any:
    """[N, B, ...], or [B, ...] for each of N, as [N * B, ...]."""
    if name == "sinks":
        return array
    if name == "mask":
        if not is_mapped and array.shape[0] == 1:
            return array
        if is_mapped and array.shape[1] == 1 and batch != 1:
            array = jnp.broadcast_to(array, (size, batch, *array.shape[2:]))
    if not is_mapped:
        array = jnp.broadcast_to(array, (size, *array.shape))
    return array.reshape(size * array.shape[1], *array.shape[2:])


def _join_heads(name: str, array: Any, is_mapped: bool, size: int, heads: int) -> Any:
    """[N, ..., H, ...], or [..., H, ...] for each of N, as [..., N * H, ...]."""
    rank = array.ndim - is_mapped
    if name == "mask":
        if rank == 3:
            if not is_mapped:
                return array
            array = jnp.expand_dims(array, 2)
        elif not is_mapped and array.shape[1] == 1:
            return array
        if array.shape[1 + is_mapped] == 1:
            shape = list(array.shape)
            shape[1 + is_mapped] = heads
            array = jnp.broadcast_to(array, shape)
    dim = {"q": 2, "k": 2, "v": 2, "mask": 1, "sinks": 0}[name]
    if not is_mapped:
        array = jnp.broadcast_to(array, (size, *array.shape))
    array = jnp.moveaxis(array, 0, dim)
    joined = array.shape[dim] * array.shape[dim + 1]
    return array.reshape(*array.shape[:dim], joined, *array.shape[dim + 2 :])


def _split_heads(array: Any, size: int, heads: int) -> Any:
    """The output [B, Sq, N * H, D], or the log-sum-exp [B, N * H, Sq], of N calls."""
    dim = array.ndim - 2
    split = (*array.shape[:dim], size, heads, *array.shape[dim + 1 :])
    return jnp.moveaxis(array.reshape(split), dim, 0)


# jax.shard_map: arrays vary over axes of the mesh.


def _axes_of(x: Any) -> frozenset:
    """The axes of the mesh over which an array varies."""
    form = jax.typeof(x)
    if hasattr(form, "manual_axis_type"):
        return form.manual_axis_type.varying
    return getattr(form, "vma", frozenset())  # Of an older JAX.


def _same_axes(operands: Sequence[Any]) -> list:
    """The operands as arrays that vary over the axes that any of them does."""
    axes = frozenset().union(*map(_axes_of, operands))
    result = []
    for x in operands:
        missing = tuple(axes - _axes_of(x))
        result.append(_vary(x, missing) if missing else x)
    return result


def _vary(x: Any, axes: tuple) -> Any:
    if hasattr(jax.lax, "pcast"):
        return jax.lax.pcast(x, axes, to="varying")
    return jax.lax.pvary(x, axes)  # Of an older JAX.


def _result(shape: tuple[int, ...], dtype: Any, like: Any) -> Any:
    """An output that varies over the axes that `like` does."""
    form, options = jax.typeof(like), {}
    if not _axes_of(like):
        pass
    elif hasattr(form, "manual_axis_type"):
        options["manual_axis_type"] = form.manual_axis_type
        options["sharding"] = jax.NamedSharding(form.sharding.mesh, jax.P())
    else:
        options["vma"] = form.vma
    return jax.ShapeDtypeStruct(shape, dtype, **options)
