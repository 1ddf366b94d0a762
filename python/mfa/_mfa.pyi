"""The compiled part of the package: a thin layer over the C API (mfa-c), and the
calls on arrays.

An error of the C API is raised as ValueError where an argument or a size cannot be,
else as RuntimeError; the message is the C API's, whole. Functions that compile, load
or launch release the GIL meanwhile.
"""

import enum
from collections.abc import Callable, Sequence
from typing import Any, Final

class Target(enum.Enum):
    cpu = 0
    sim = 1
    cuda = 2

class Problem:
    """All of a masked attention that changes its code (MfaProblem).

    Equal problems compare and hash equal.
    """

    def __init__(
        self,
        dtype: str,  # "f16", "bf16", "f32"
        head_dim: int,
        value_dim: int,
        *,
        mask_rank: int = 0,  # 0, 3 or 4
        mask_dtype: str = "f16",  # or "bf16", "f32", "i1"
        mask_broadcast: int = 0,  # 1 batch | 2 heads | 4 queries | 8 keys
        mask_unit_stride: bool = False,  # its last stride is 1 in the code
        scale: float | str | None = None,  # None: 1/sqrt(D); "argument": per launch
        lse: bool = False,
        num_queries: int = 0,  # 0: said by launches
        sinks: bool = False,
        rules: str = "",  # functions keep and score as MLIR text
        grouped_heads: bool = False,  # queries are the heads of a group
    ) -> None: ...
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...
    mask_broadcast: Final[int]
    lse: Final[bool]
    sinks: Final[bool]

class Rules:
    """Regions as text, the names of what they capture, and kernels with them."""

    text: Final[str]
    names: Final[list[str]]
    expressions: Any  # what mfa._rules wrote as the text, or None

    # numbers of a capture, of a dimension and of the position (b, h, q, k) that is
    # its index
    def set_reads(self, reads: Sequence[tuple[int, int, int]]) -> None: ...

    def __init__(self, text: str, names: Sequence[str]) -> None: ...

class Parameter:
    """An argument of a launch (MfaParameter)."""

    name: Final[str]
    dtype: Final[str]
    rank: Final[int]  # -1 for a number
    sizes: Final[tuple[int | None, ...]]
    strides: Final[tuple[int | None, ...]]

class Function:
    """A GPU kernel of the program (MfaFunction)."""

    name: Final[str]
    threads: Final[int]
    dynamic_shared_bytes: Final[int]

class Resources:
    """What a loaded GPU kernel takes (MfaResources)."""

    registers: Final[int]
    local_bytes: Final[int]
    static_shared_bytes: Final[int]
    max_threads: Final[int]

class TileLists:
    """Lists of key tiles that calls share (MfaKeptTileLists)."""

    def __init__(self, assumes_finite: bool) -> None: ...
    def clear(self) -> None: ...
    def __len__(self) -> int: ...

class Kernel:
    """A compiled program (MfaKernel). Thread-safe; made by compile_problem,
    compile_source and deserialize."""

    target: Final[Target]
    chip: Final[str]  # "" for the CPU
    stages: Final[tuple[str, ...]]  # ("mfa", "gpu", "nvvm", "llvm", "ptx")
    schedule: Final[str]
    ptx: Final[str]
    parameters: Final[tuple[Parameter, ...] | None]  # None: cannot be launched
    functions: Final[tuple[Function, ...]]
    has_new_machine_code: Final[bool]  # since it was last serialized

    def ir(self, stage: str) -> str: ...
    def cubin(self) -> bytes: ...
    def resources(self, index: int = 0, device: int = -1) -> Resources: ...
    def serialize(self) -> bytes: ...
    def load(self, device: int = -1) -> None: ...
    def launch(
        self,
        # for each parameter a number, or (address, sizes, strides in elements)
        arguments: Sequence[float | tuple[int, Sequence[int], Sequence[int]]],
        *,
        device: int = -1,  # -1: that of the current context
        stream: int = 0,
    ) -> None: ...

def compile_problem(
    problem: Problem,
    *,
    target: Target,
    chip: str = "",
    f32_product: str = "tf32x3",
    schedule: str = "",
    tile_lists: str = "rules",
    # with Target.cpu, a chip: the kernel counts tiles (MfaOptions::countTilesFor)
    count_tiles_for: str = "",
    # the file of a table of schedules (MfaOptions::schedules)
    schedules: str = "",
) -> Kernel: ...
def compile_source(
    source: str | bytes,
    *,
    entry: str = "",
    target: Target,
    chip: str = "",
    f32_product: str = "tf32x3",
) -> Kernel: ...
def deserialize(data: bytes) -> Kernel: ...
def version() -> str: ...
def compiler_id() -> str: ...
def watch_signals(main_thread: int) -> None:
    """Lets calls and compilations in the thread of this number run Python's handlers
    of signals from time to time, and end with what they raise."""

def num_devices() -> int: ...
def get_num_threads() -> int:
    """How many threads of the CPU work on a call: as many as the hardware has, or as
    the environment variable MFA_NUM_THREADS says, until set_num_threads is called.
    Results do not depend on it."""

def set_num_threads(count: int) -> None:
    """Sets how many threads of the CPU work on a call from now on, in this process:
    1 or more. ValueError else."""

def cuda_unavailable_reason() -> str | None: ...
def device_chip(device: int = 0) -> str: ...

class DeviceArray:
    """An output in GPU memory for a library that lets nobody write its own arrays;
    handed over once, through DLPack."""

    dtype: Final[str]
    address: Final[int]
    shape: Final[tuple[int, ...]]

    def __init__(self, shape: tuple[int, ...], dtype: str, device: int) -> None: ...
    def mark_written(self, stream: int, inputs: object) -> None: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...
    def __dlpack__(self, stream: int | None = None, **options: Any) -> object: ...

def attend_plainly(
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    scale: float | None,
    return_lse: bool,
    out: Any,
    target: str | None,
) -> Any:
    """attend without what few calls have."""

def attend(
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    scale: float | None,
    return_lse: bool,
    out: Any,
    target: str | None,
    # a kernel to launch instead of the one that is looked up, and its problem
    kernel: Kernel | None = None,
    problem: Problem | None = None,
    # tensors of torch are read without asking what torch means by them
    reads_memory: bool = False,
    rules: Rules | None = None,
    # as many as the names of the rules: arrays, integers and numbers
    captures: tuple | None = None,
    sinks: Any = None,
    tiles: str | None = None,
    # where calls with the same contents of mask and captures keep their lists
    lists: TileLists | None = None,
    # makes the list and nothing else; there are no outputs then
    lists_only: bool = False,
) -> Any:
    """masked_attention; kernels come from _kernels.get_kernel, and are kept. One that
    the launch has made machine code for is passed to _kernels.save. Tensors that are
    not plain go to torch.call_op, arrays that JAX traces to jax.trace, head sizes of no
    kernel to _padding.attend."""

def check_arguments(q: Any, k: Any, v: Any, mask: Any, sinks: Any) -> None:
    """Raises what attend does of arguments of which only the form is known, each an
    _arrays.Form or None."""

def xla_handlers() -> dict[str, dict[str, object]]:
    """Handlers of XLA's foreign functions as capsules, by platforms and stages; see
    mfa.jax."""

def end_xla_calls() -> None:
    """Waits for the handlers that are in Python, and lets no more of them in."""

def call_paused(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """Calls a function that torch.compile does not follow."""

def forget_kernels() -> None:
    """Forgets the kernels that attend keeps."""
