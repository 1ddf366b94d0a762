# How lit finds and runs the tests.
#
# Substitutions: the tools by name; directories: %mfa_src (root of the sources),
# %mfa_tools and %mfa_lib (what was built), %llvm_tools, %mlir_include; %python;
# %mfa_loader (before a program of LLVM's that loads a library of the build).
#
# Features:
#   ptxas              NVIDIA's assembler was found
#   ptxas-sm_90a       ... and it accepts this architecture (one feature each)
#   ptxas-isa-8.6      ... and it accepts this version of PTX (one feature each)
#   cuda               a GPU answers through libcuda
#   amx                the CPU has tile registers
#   lli                LLVM's interpreter of its own code, and its optimizer, are there
#   llc-aarch64        LLVM's code generator is there, and knows this architecture
#   sanitize-address   the build has this sanitizer (one feature each)

import os
import platform
import re
import subprocess
import sys

import lit.formats
import lit.util

from lit.llvm import llvm_config
from lit.llvm.subst import ToolSubst

config.name = "MFA"
config.test_format = lit.formats.ShTest(not llvm_config.use_lit_shell)
config.suffixes = [".mlir", ".test", ".py"]
config.excludes = ["Inputs", "lit.cfg.py", "lit.site.cfg.py", "random_problems.py"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.mfa_binary_dir, "test")

config.substitutions += [
    ("%mfa_src", config.mfa_source_dir),
    ("%mfa_tools", config.mfa_tools_dir),
    ("%mfa_lib", config.mfa_lib_dir),
    ("%llvm_tools", config.llvm_tools_dir),
    ("%mlir_include", config.mlir_include_dir),
    *(
        (f"%mfa_capi{test}_test", os.path.join(config.test_exec_root, "CAPI", program))
        for test, program in (
            ("", "mfa-capi-kernel-test"),
            ("_counters", "mfa-capi-counters-test"),
            ("_lists", "mfa-capi-lists-test"),
            ("_overlap", "mfa-capi-overlap-test"),
            ("_rules", "mfa-capi-rules-test"),
            ("_process", "mfa-capi-process-test"),
            ("_serialization", "mfa-capi-serialization-test"),
        )
    ),
    ("%mfa_npy_test", os.path.join(config.test_exec_root, "Runtime", "NPY", "mfa-npy-test")),
    (
        "%mfa_overlap_test",
        os.path.join(config.test_exec_root, "Runtime", "Overlap", "mfa-overlap-test"),
    ),
    ("%python", '"' + config.python_executable + '"'),
]

llvm_config.with_system_environment(
    ["HOME", "TMPDIR", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "CCACHE_DIR"]
)
# Other projects that tests build use this build's compiler cache.
if config.mfa_compiler_launcher:
    llvm_config.with_environment(
        "CMAKE_CXX_COMPILER_LAUNCHER", config.mfa_compiler_launcher
    )
llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)

# CPUs are called by their names on their own architecture.
if platform.machine() in ("x86_64", "AMD64"):
    config.available_features.add("x86")


def has_tile_registers():
    """Whether the processor does; the system may still keep them from programs."""
    try:
        with open("/proc/cpuinfo") as file:
            return " amx_tile" in file.read()
    except OSError:
        return False


if has_tile_registers():
    config.available_features.add("amx")

# What the sanitizers of the build are told; docs/testing.md says why. A program of
# LLVM's that loads libraries of such a build needs their runtime before all else.
config.mfa_loader = "env"
if config.mfa_sanitize:
    runtime = "libtsan.so" if config.mfa_sanitize == "thread" else "libasan.so"
    config.mfa_loader += " LD_PRELOAD=" + subprocess.check_output(
        [config.mfa_compiler, "-print-file-name=" + runtime], text=True
    ).strip()
    # The programs that it runs do not give back what they allocate.
    config.mfa_loader += " LSAN_OPTIONS=detect_leaks=0"
    config.available_features.update(
        "sanitize-" + name for name in config.mfa_sanitize.split(",")
    )
    llvm_config.with_environment(
        "ASAN_OPTIONS", "detect_stack_use_after_return=1:strict_string_checks=1"
    )
    llvm_config.with_environment("UBSAN_OPTIONS", "print_stacktrace=1")
    llvm_config.with_environment("TSAN_OPTIONS", "ignore_noninstrumented_modules=1")

config.substitutions.append(("%mfa_loader", config.mfa_loader))

llvm_config.add_tool_substitutions(
    [
        # Not every tool is part of every build.
        ToolSubst("mfa-opt"),
        ToolSubst("mfa-run", unresolved="ignore"),
        ToolSubst("mfa-lsp-server", unresolved="ignore"),
        ToolSubst("mfa-npy-fuzzer", unresolved="ignore"),
        ToolSubst("mfa-opt-fuzzer", unresolved="ignore"),
        ToolSubst("mfa-planted-fuzzer", unresolved="ignore"),
        ToolSubst("mfa-run-fuzzer", unresolved="ignore"),
        ToolSubst("mlir-opt"),
        ToolSubst("mlir-runner"),
        ToolSubst("mlir-translate"),
        # Of a package that the build does not need.
        ToolSubst("llc", unresolved="ignore"),
        ToolSubst("lli", unresolved="ignore"),
        ToolSubst("opt", unresolved="ignore"),
        ToolSubst("FileCheck"),
        ToolSubst("split-file"),
        ToolSubst("count"),
        ToolSubst("not"),
    ],
    [config.mfa_tools_dir, config.llvm_tools_dir],
)


def probe_ptxas(ptxas):
    """Features of the assembler `ptxas`: the architectures that its --help
    names, and the PTX versions up to the one it says is its own."""

    def output(arguments, text=""):
        done = subprocess.run(
            [ptxas, *arguments], input=text, capture_output=True, text=True
        )
        return done.stdout + done.stderr

    features = {"ptxas"}
    features.update(
        "ptxas-" + arch for arch in re.findall(r"'(sm_\d+[af]?)'", output(["--help"]))
    )
    refusal = output(["-o", os.devnull, "-"], ".version 99.0\n")
    if found := re.search(r"current version is '(\d+)\.(\d)'", refusal):
        newest = int(found[1]) * 10 + int(found[2])
        features.update(
            f"ptxas-isa-{isa // 10}.{isa % 10}" for isa in range(70, newest + 1)
        )
    return features


def probe_cuda():
    """Whether a GPU answers. In another process, so that no driver state is
    inherited by the processes that run the tests."""
    program = (
        "import ctypes, sys\n"
        "try: cuda = ctypes.CDLL('libcuda.so.1')\n"
        "except OSError: sys.exit(1)\n"
        "count = ctypes.c_int()\n"
        "sys.exit(cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count))\n"
        "         or not count.value)\n"
    )
    try:
        return (
            subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0
        )
    except subprocess.TimeoutExpired:
        return False


def probe_llc(llc):
    """A feature where `llc` is there and compiles for AArch64."""
    if not os.path.exists(llc):
        return set()
    version = subprocess.run([llc, "--version"], capture_output=True, text=True).stdout
    is_there = re.search(r"^ +aarch64 ", version, re.MULTILINE)
    return {"llc-aarch64"} if is_there else set()


if os.path.exists(os.path.join(config.llvm_tools_dir, "lli")):
    config.available_features.add("lli")
config.available_features |= probe_llc(os.path.join(config.llvm_tools_dir, "llc"))

if config.mfa_ptxas and os.path.exists(config.mfa_ptxas):
    config.available_features |= probe_ptxas(config.mfa_ptxas)
    llvm_config.add_tool_substitutions([ToolSubst("ptxas", config.mfa_ptxas)])

if probe_cuda():
    config.available_features.add("cuda")

# Tests that time or share the GPU run one at a time: a lit.local.cfg sets
# config.parallelism_group = "cuda".
lit_config.parallelism_groups["cuda"] = 1
