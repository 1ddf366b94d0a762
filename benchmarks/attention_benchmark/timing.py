"""How a call is timed, by the library that runs it. All times are milliseconds."""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MIN_RUNS, MAX_RUNS = 10, 200


@dataclass
class Times:
    """`method` says what the clock was: events, cupti or host."""

    median_ms: float
    min_ms: float
    runs: int
    method: str


def merge(rounds: list[Times]) -> Times:
    """The times of one call from several rounds; ValueError where their clocks
    were not the same."""
    methods = list(dict.fromkeys(times.method for times in rounds))
    if len(methods) != 1:
        raise ValueError(f"expected rounds by one clock but got {', '.join(methods)}")
    median = statistics.median(times.median_ms for times in rounds)
    best = min(times.min_ms for times in rounds)
    return Times(median, best, sum(times.runs for times in rounds), methods[0])


def _summarize(times: list[float], method: str) -> Times:
    return Times(statistics.median(times), min(times), len(times), method)


def _runs(budget_s: float, estimate_ms: float) -> int:
    fitting = int(budget_s * 1e3 / max(estimate_ms, 1e-3))
    return max(MIN_RUNS, min(MAX_RUNS, fitting))


def time_events(call: Callable[[], Any], budget_s: float) -> Times:
    """Device events of torch's current stream around each run.

    All runs are enqueued while the GPU is kept waiting, so that what is between
    two events is the kernel and not the host that launches it.
    """
    import torch

    def enqueue(runs):
        events = [
            [torch.cuda.Event(enable_timing=True) for _ in range(2)]
            for _ in range(runs)
        ]
        for start, end in events:
            start.record()
            call()
            end.record()
        return events

    for _ in range(3):
        call()
    torch.cuda.synchronize()
    begin = time.perf_counter()
    events = enqueue(MIN_RUNS)
    host_s = (time.perf_counter() - begin) / MIN_RUNS
    torch.cuda.synchronize()
    estimate = statistics.median(start.elapsed_time(end) for start, end in events)
    runs = _runs(budget_s, estimate)
    # About 2 cycles a nanosecond; half as long again as the host needs.
    torch.cuda._sleep(int(min(host_s * runs * 1.5, 0.2) * 2e9))
    events = enqueue(runs)
    torch.cuda.synchronize()
    return _summarize([start.elapsed_time(end) for start, end in events], "events")


def time_jax(call: Callable[[], Any], budget_s: float) -> Times:
    """Kernel times from CUPTI, which JAX's own profiler of kernels reads; where
    this process has no CUPTI, the host's clock around many enqueued runs."""
    import jax

    if not _has_cupti():
        return time_with(jax.block_until_ready)(call, budget_s)
    if call.profiled is None:
        from jax.experimental.mosaic.gpu import profiler

        estimate = _time_enqueued(call, jax.block_until_ready, MIN_RUNS)
        # The profiler keeps the results of all runs. Traced, this gives it the
        # very function that was compiled.
        runs = min(_runs(budget_s, estimate), 50)
        call.profiled = profiler.measure(call.compiled, iterations=runs)
    _, times = call.profiled(*call.arguments)
    if not times:
        raise RuntimeError("expected times of kernels from CUPTI but got none")
    return _summarize(list(times), "cupti")


@functools.cache
def _has_cupti() -> bool:
    """Whether JAX's profiler of kernels gives the time of a small one. What fails
    in a larger one, such as for want of memory, says nothing about CUPTI."""
    import jax

    try:
        from jax.experimental.mosaic.gpu import profiler

        double = jax.jit(lambda x: x + x)
        _, times = profiler.measure(double, iterations=2)(jax.numpy.ones(8))
    except jax.errors.JaxRuntimeError:
        # Of the runtime, not of the profiler.
        raise
    except (ImportError, AttributeError, RuntimeError, TypeError):
        return False
    return bool(times)


def _time_enqueued(call, wait, runs) -> float:
    wait(call())
    begin = time.perf_counter()
    for _ in range(runs):
        last = call()
    wait(last)
    return (time.perf_counter() - begin) * 1e3 / runs


def time_with(wait: Callable[[Any], Any]) -> Callable[..., Times]:
    """A timer by the host's clock around many enqueued runs; `wait` is given
    the last result and returns when it is there."""

    def time_enqueued(call: Callable[[], Any], budget_s: float) -> Times:
        runs = _runs(budget_s / 3, _time_enqueued(call, wait, 3))
        times = [_time_enqueued(call, wait, runs) for _ in range(3)]
        return Times(statistics.median(times), min(times), 3 * runs, "host")

    return time_enqueued


def time_host(call: Callable[[], Any], budget_s: float) -> Times:
    """The host's clock around each run: for the CPU."""
    call()
    begin = time.perf_counter()
    call()
    runs = min(_runs(budget_s, (time.perf_counter() - begin) * 1e3), 30)
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        call()
        times.append((time.perf_counter() - begin) * 1e3)
    return _summarize(times, "host")


def measure_ceiling() -> float:
    """TFLOP/s of an 8192^3 bf16 matrix product on the GPU."""
    import torch

    size = 8192
    a, b = (
        torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2)
    )
    times = time_events(lambda: a @ b, 0.3)
    return 2.0 * size**3 / times.median_ms / 1e9


def measure_copy() -> float:
    """TB/s, bytes read and written, of a copy of 2 GB on the GPU."""
    import torch

    source = torch.empty(2 << 30, dtype=torch.uint8, device="cuda").random_()
    target = torch.empty_like(source)
    times = time_events(lambda: target.copy_(source), 0.1)
    return 2.0 * source.numel() / times.median_ms / 1e9
