"""The compiled part of the package: a thin layer over the C API (mfa-c)."""

from collections.abc import Callable, Sequence
from typing import Final

import enum

class Target(enum.Enum):
    cpu = 0
    sim = 1
    cuda = 2

class ErrorKind(enum.Enum):
    invalid_argument = 0
    compilation = 1
    runtime_check = 2
    driver = 3
    simulation = 4
    serialization = 5

# An error of the C API is raised as ValueError where its kind is
# invalid_argument or runtime_check, else as RuntimeError; the message is the C
# API's, whole.

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
        scale: float | str | None = None,  # None: 1/sqrt(D); "argument": per launch
        lse: bool = False,
    ) -> None: ...
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

class Parameter:
    """An argument of a launch (MfaParameter)."""

    name: Final[str]
    dtype: Final[str]
    rank: Final[int]  # -1 for a number
    sizes: Final[tuple[int | None, ...]]
    strides: Final[tuple[int | None, ...]]

class Function:
    """A GPU kernel of the program (MfaFunction, and MfaResources where a GPU
    has it loaded)."""

    name: Final[str]
    threads: Final[int]
    dynamic_shared_bytes: Final[int]

class Resources:
    registers: Final[int]
    local_bytes: Final[int]
    static_shared_bytes: Final[int]
    max_threads: Final[int]

class Kernel:
    """A compiled program (MfaKernel). Thread-safe; made by compile and load."""

    target: Final[Target]
    chip: Final[str]  # "" for the CPU
    stages: Final[tuple[str, ...]]  # ("mfa", "gpu", "nvvm", "llvm", "ptx")
    schedule: Final[str]
    ptx: Final[str]
    parameters: Final[tuple[Parameter, ...] | None]  # None: cannot be launched
    functions: Final[tuple[Function, ...]]

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

# All of these release the GIL while they compile.
def compile_problem(
    problem: Problem,
    *,
    target: Target,
    chip: str = "",
    f32_product: str = "tf32x3",
    schedule: str = "",
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
def num_devices() -> int: ...
def cuda_unavailable_reason() -> str | None: ...
def device_chip(device: int = 0) -> str: ...
