# What the programs of the micro-tests have in common: one function `main` with
# memref arguments that launches one block of one kernel, which keeps a piece of
# shared memory.

from string import Template

import numpy as np

# mfa-run takes no integers; words of other types are f32 for it.
TYPES = {np.dtype(np.float16): "f16", np.dtype(np.float32): "f32"}


def memref(array, element=None):
    """The type of an argument, contiguous; `element` names a type that numpy
    does not have, such as bf16."""
    sizes = "".join(f"{size}x" for size in array.shape)
    return f"memref<{sizes}{element or TYPES[array.dtype]}>"


class Test:
    """A program, its arguments (the outputs last, zeros before the run) and the
    expected outputs. `compare(actual, expected)` says whether outputs agree,
    bitwise unless told otherwise."""

    def __init__(self, name, program, arguments, expected, chip="sm_80", compare=None):
        self.name = name
        self.program = program
        self.arguments = arguments
        self.expected = expected
        self.chip = chip
        self.compare = compare or (lambda a, b: a.tobytes() == b.tobytes())


MODULE = Template("""\
module attributes {gpu.container_module} {
$globals
  gpu.module @kernels [#nvvm.target<chip = "$chip", features = "+ptx80">] {
    gpu.func @kernel($parameters)
        workgroup(%shared : memref<${words}xf32, #gpu.address_space<workgroup>>
                    {llvm.align = 1024 : i64},
                  %mbarrier : memref<1xi64, #gpu.address_space<workgroup>>
                    {llvm.align = 8 : i64}) kernel
        attributes {known_block_size = array<i32: $threads, 1, 1>} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %threads = arith.constant $threads : index
      %tid = gpu.thread_id x
      %isFirst = arith.cmpi eq, %tid, %c0 : index
      %sharedIndex = memref.extract_aligned_pointer_as_index %shared : memref<${words}xf32, #gpu.address_space<workgroup>> -> index
      %sharedInt = arith.index_cast %sharedIndex : index to i64
      %sharedPtr = llvm.inttoptr %sharedInt : i64 to !llvm.ptr<3>
      %mbarrierIndex = memref.extract_aligned_pointer_as_index %mbarrier : memref<1xi64, #gpu.address_space<workgroup>> -> index
      %mbarrierInt = arith.index_cast %mbarrierIndex : index to i64
      %mbarrierPtr = llvm.inttoptr %mbarrierInt : i64 to !llvm.ptr<3>
$body
      gpu.return
    }
  }
  func.func @main($parameters) {
    %c1 = arith.constant 1 : index
    %threads = arith.constant $threads : index
$host
    gpu.launch_func @kernels::@kernel blocks in (%c1, %c1, %c1) threads in (%threads, %c1, %c1) args($arguments)
    return
  }
}
""")

COPY = Template("""\
      %${name}End = arith.constant $words : index
      scf.for %i = %tid to %${name}End step %threads {
        %v = memref.load %$source[%i] : $sourceType
        memref.store %v, %$target[%i] : $targetType
      }
""")


def shared_type(words):
    return f"memref<{words}xf32, #gpu.address_space<workgroup>>"


def copy_in(words, total, source):
    """Copies an argument of as many words into the start of shared memory."""
    return COPY.substitute(
        name=source, words=words, source=source, sourceType=f"memref<{words}xf32>",
        target="shared", targetType=shared_type(total))  # fmt: skip


def copy_out(words, target):
    return COPY.substitute(
        name=target, words=words, source="shared", sourceType=shared_type(words),
        target=target, targetType=f"memref<{words}xf32>")  # fmt: skip


def build(parameters, body, words, threads=128, chip="sm_80", host="", globals=""):
    """`parameters` are pairs of a name and a memref type."""
    return MODULE.substitute(
        chip=chip,
        parameters=", ".join(f"%{name}: {type}" for name, type in parameters),
        arguments=", ".join(f"%{name} : {type}" for name, type in parameters),
        body=body,
        words=words,
        threads=threads,
        host=host,
        globals=globals,
    )
