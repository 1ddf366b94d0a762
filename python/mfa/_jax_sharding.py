"""How XLA divides a call between devices, of arrays that jax.jit itself shards.

Batch, heads and queries are independent of each other, so that each device attends with
its part of them: nothing is gathered but what a part is not known of, such as the keys
of a sequence that is divided. What functions are given as positions are those of the
whole arrays: the positions that a device begins at are captured.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.custom_partitioning import (
    ArrayMapping,
    CompoundFactor,
    SdyShardingRule,
    custom_partitioning,
)

from ._regions import Regions

# What the dimensions of arrays are, where these are divided together.
BATCH, QUERIES, HEADS = "b", "q", "h"
# A dimension that is not divided.
WHOLE = None

_HAS_REPLICATION = "need_replication_factors" in inspect.signature(
    SdyShardingRule.__init__
).parameters


@dataclasses.dataclass(frozen=True)
class _Sizes:
    batch: int
    queries: int
    heads: int
    key_heads: int

    def of(self, dim: str) -> int:
        return {BATCH: self.batch, QUERIES: self.queries, HEADS: self.heads}[dim]


def _dims_of(
    keys: Sequence[Any], operands: Sequence[Any], regions: Regions
) -> tuple[list[tuple], _Sizes]:
    """For each operand what its dimensions are."""
    q, k = operands[0], operands[1]
    sizes = _Sizes(q.shape[0], q.shape[1], q.shape[2], k.shape[2])
    # A head of the key that all heads read is not divided.
    key_heads = HEADS if sizes.key_heads != 1 or sizes.heads == 1 else WHOLE
    known: dict[Any, tuple] = {
        "q": (BATCH, QUERIES, HEADS, WHOLE),
        "k": (BATCH, WHOLE, key_heads, WHOLE),
        "v": (BATCH, WHOLE, key_heads, WHOLE),
        "sinks": (HEADS,),
    }
    if "mask" in keys:
        shape = operands[keys.index("mask")].shape
        names = (BATCH, HEADS, QUERIES) if len(shape) == 4 else (BATCH, QUERIES)
        dims = [name if shape[i] != 1 else WHOLE for i, name in enumerate(names)]
        known["mask"] = (*dims, WHOLE)
    along = regions.read_along()
    result = []
    for key, operand in zip(keys, operands):
        if isinstance(key, str):
            result.append(known[key])
            continue
        dims = along[key]
        result.append(
            tuple(
                name if name is not None and sizes.of(name) == size else WHOLE
                for name, size in zip(dims, operand.shape)
            )
        )
    return result, sizes


def _rule(
    operand_dims: Sequence[tuple], result_dims: Sequence[tuple], sizes: _Sizes
) -> SdyShardingRule:
    """The rule by which Shardy propagates how arrays are sharded."""
    group = sizes.heads // max(sizes.key_heads, 1)
    is_grouped = sizes.key_heads != 1 and group > 1
    whole: list[str] = []

    def mapping(index: int, dims: tuple) -> ArrayMapping:
        factors: list[Any] = []
        for dim in dims:
            if dim is WHOLE:
                whole.append(f"w{len(whole)}")
                factors.append(whole[-1])
            elif dim == HEADS and is_grouped and index not in (1, 2):
                factors.append(CompoundFactor(HEADS, "g"))
            else:
                factors.append(dim)
        return ArrayMapping(*factors)

    operands = tuple(mapping(i, dims) for i, dims in enumerate(operand_dims))
    # Results come behind key and value.
    results = tuple(mapping(3, dims) for dims in result_dims)
    options: dict[str, Any] = {"g": group} if is_grouped else {}
    if _HAS_REPLICATION:
        options["need_replication_factors"] = tuple(whole)
    return SdyShardingRule(operands, results, **options)


def _axes_of(sharding: Any, dim: int) -> tuple:
    """The axes of the mesh that a dimension is divided along."""
    spec = getattr(sharding, "spec", ())
    axes = spec[dim] if dim < len(spec) else None
    if axes is None:
        return ()
    return axes if isinstance(axes, tuple) else (axes,)


def _count(mesh: Any, axes: tuple) -> int:
    count = 1
    for axis in axes:
        count *= mesh.shape[axis]
    return count


def _choose(mesh: Any, sharding: Any, sizes: _Sizes) -> dict[str, tuple]:
    """The axes of the mesh by what they divide, as the query, or the output, is
    sharded: those that divide it into parts of one size."""
    chosen = {}
    for name, dim in ((BATCH, 0), (QUERIES, 1), (HEADS, 2)):
        axes = _axes_of(sharding, dim)
        count = _count(mesh, axes)
        fits = sizes.of(name) % count == 0
        if name == HEADS and sizes.key_heads != 1:
            fits = fits and sizes.key_heads % count == 0
        chosen[name] = axes if fits else ()
    return chosen


def _shardings(mesh: Any, dims: Sequence[tuple], chosen: dict[str, tuple]) -> list:
    return [
        jax.NamedSharding(
            mesh, jax.P(*(chosen[dim] or None if dim else None for dim in each))
        )
        for each in dims
    ]


def _first(mesh: Any, axes: tuple, size: int) -> Any:
    """The position that the device begins at."""
    index = jnp.int32(0)
    for axis in axes:
        index = index * mesh.shape[axis] + jax.lax.axis_index(axis)
    return index * (size // _count(mesh, axes))


def _is_explicit(x: Any) -> bool:
    """Whether types have the sharding of an array (`jax.sharding.AxisType`)."""
    types = getattr(getattr(jax.typeof(x).sharding, "mesh", None), "axis_types", ())
    return any(getattr(each, "name", "") == "Explicit" for each in types)


def partitioned(
    keys: Sequence[Any],
    operands: Sequence[Any],
    regions: Regions,
    num_results: int,
    launch: Callable[[Regions, Sequence[Any], Sequence[Any]], list],
) -> list:
    """What `launch(regions, keys, operands)` returns, divided between devices."""
    operand_dims, sizes = _dims_of(keys, operands, regions)
    results = [(BATCH, QUERIES, HEADS, WHOLE), (BATCH, HEADS, QUERIES)][:num_results]

    def attend(*operands: Any) -> list:
        return launch(regions, keys, operands)

    def infer(mesh: Any, arguments: Sequence[Any], _: Any) -> list:
        chosen = _choose(mesh, arguments[0].sharding, sizes)
        return _shardings(mesh, results, chosen)

    def partition(mesh: Any, _: Any, outputs: Sequence[Any]) -> tuple:
        chosen = _choose(mesh, outputs[0].sharding, sizes)

        def attend_in_part(*parts: Any) -> list:
            firsts: dict[str, Any] = {
                name: _first(mesh, axes, sizes.of(name))
                for name, axes in chosen.items()
                if axes
            }
            divided = {
                key: tuple(dim if dim in firsts else None for dim in dims)
                for key, dims in zip(keys, operand_dims)
                if not isinstance(key, str)
            }
            own, path = regions.shifted(list(firsts), divided)
            arrays: dict[Any, Any] = dict(zip(keys, parts))
            arrays[path] = jnp.stack([*firsts.values(), jnp.int32(0)])
            named = [key for key in keys if isinstance(key, str)]
            own_keys = [*named, *own.tables]
            return launch(own, own_keys, [arrays[key] for key in own_keys])

        return (
            mesh,
            attend_in_part,
            _shardings(mesh, results, chosen),
            tuple(_shardings(mesh, operand_dims, chosen)),
        )

    call: Any = custom_partitioning(attend)
    call.def_partition(
        partition,
        infer_sharding_from_operands=infer,
        sharding_rule=_rule(operand_dims, results, sizes),
    )
    if _is_explicit(operands[0]):
        # The types of arrays say how they are sharded: those of the results, too.
        sharding = jax.typeof(operands[0]).sharding
        chosen = _choose(sharding.mesh, sharding, sizes)
        out = [each.spec for each in _shardings(sharding.mesh, results, chosen)]
        call = jax.sharding.auto_axes(call, out_sharding=out)
    return list(call(*operands))

