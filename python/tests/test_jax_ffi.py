"""The handlers of XLA's foreign functions, called as XLA calls them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import SOURCE_DIR, assert_close, make_qkv, reference
from fake_xla import XLA, attributes

DRIVER = os.environ.get("MFA_FAKE_CUDA_DIR", "")

needs_driver = pytest.mark.skipif(
    not (Path(DRIVER) / "libcuda.so.1").exists(),
    reason="MFA_FAKE_CUDA_DIR names no folder with the tests' libcuda.so.1",
)


def test_on_the_cpu():
    q, k, v = make_qkv()
    out, lse = np.empty_like(q), np.empty((2, 4, 5), np.float32)
    xla = XLA()
    assert xla.call("cpu", [q, k, v], [out, lse], **attributes()) == 0
    expected, expected_lse = reference(q, k, v)
    assert_close(out, expected)
    assert_close(lse, expected_lse)
    assert xla.call("cpu", [q, k, v[:, :6]], [out], **attributes()) == 1
    assert xla.errors == [
        (
            3,
            "mfa.masked_attention: v: expected length 7, as of k, but got 6 in shape "
            "(2, 6, 2, 16)",
        )
    ]


def test_output_in_the_memory_of_an_argument():
    q, k, v = make_qkv()
    xla = XLA()
    assert xla.call("cpu", [q, k, v], [q], **attributes()) == 1
    assert xla.errors[0][1] == (
        "mfa.masked_attention: out: expected memory of its own but got an array that "
        "shares some with q"
    )


def run(what, **environment):
    """The finished process of fake_xla.py."""
    return subprocess.run(
        [sys.executable, str(Path(__file__).with_name("fake_xla.py")), what],
        env=os.environ | {"LD_LIBRARY_PATH": DRIVER} | environment,
        capture_output=True,
        text=True,
    )


@needs_driver
@pytest.mark.parametrize("what", ["call", "rules", "one-query"])
def test_launch_on_the_stream_of_xla(what):
    done = run(what, MFA_CACHE_DIR="")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0", "0", "0"]
    _, *calls = done.stderr.split("call\n")
    assert len(calls) == 3
    for call in calls:
        launches = [line for line in call.splitlines() if "launch" in line]
        assert launches and all("stream 0x77" in line for line in launches)
    # The first call compiles and loads; those after it launch.
    assert "load module" in calls[0]
    for call in calls[1:]:
        assert "load" not in call and "compile" not in call
    assert "synchronize" not in done.stderr and "stream create" not in done.stderr


@needs_driver
def test_compilation_with_the_program():
    done = run("compile", MFA_CACHE_DIR="")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0", "0", "0", "0"]
    compiled, first, *others = done.stderr.split("call\n")
    assert "launch" not in compiled
    # Loaded where it is launched.
    assert "load module" in first
    for call in others:
        assert "launch" in call and "load" not in call


@needs_driver
def test_device_of_xla():
    for what, context in (("call", "0xc0"), ("second-device", "0xc1")):
        done = run(what, MFA_FAKE_CUDA_DEVICES="2")
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["0", "0", "0"]
        assert done.stderr.count(f"context {context}\n") == 3


@needs_driver
@pytest.mark.parametrize(
    "what, code, text",
    [
        (
            "target",
            3,
            "target: expected one for arrays on cuda:0, 'cuda', but got 'cpu'",
        ),
        (
            "old",
            9,
            "expected a jaxlib whose XLA tells the device of a call, 0.6 or newer, but "
            "got an older one",
        ),
    ],
)
def test_errors(what, code, text):
    done = run(what)
    assert done.returncode == 0, done.stderr
    *returned, error = done.stdout.splitlines()
    assert returned == ["1", "2", "3"]
    assert error == str((code, f"mfa.masked_attention: {text}")) or error == (
        f'({code}, "mfa.masked_attention: {text}")'
    )
    assert "launch" not in done.stderr


@needs_driver
def test_errors_of_xla_are_passed_on():
    done = run("no-stream")
    assert done.stdout.split() == ["7", "7", "7"], done.stderr


@needs_driver
def test_driver_that_fails():
    done = run("call", MFA_FAKE_CUDA_FAIL="cuLaunchKernel")
    assert done.returncode == 0, done.stderr
    *returned, error = done.stdout.splitlines()
    assert returned == ["1", "2", "3"]
    assert error.startswith("(13, ") and "mfa.masked_attention: " in error
    assert "cuLaunchKernel" in error and "CUDA_ERROR_INVALID_VALUE" in error


# What is declared here, against XLA's own header.

LAYOUTS = """
#include "XLAFFI.h"
#include "xla/ffi/api/c_api.h"
namespace own = mfa::python::xla;
#define SAME(ownType, ownField, theirType, theirField)                          \\
  static_assert(offsetof(own::ownType, ownField) ==                            \\
                offsetof(theirType, theirField));                              \\
  static_assert(sizeof(own::ownType::ownField) == sizeof(theirType::theirField))
#define EQUAL(own, theirs) static_assert(int(own) == int(theirs))
// It has another name in older versions.
using TheirExtension = decltype(XLA_FFI_Metadata_Extension::extension_base);
SAME(Extension, next, TheirExtension, next);
SAME(Extension, type, TheirExtension, type);
EQUAL(own::Extension::kMetadata, XLA_FFI_Extension_Metadata);
SAME(APIVersion, major, XLA_FFI_Api_Version, major_version);
SAME(APIVersion, minor, XLA_FFI_Api_Version, minor_version);
SAME(Metadata, version, XLA_FFI_Metadata, api_version);
SAME(Metadata, traits, XLA_FFI_Metadata, traits);
SAME(MetadataExtension, metadata, XLA_FFI_Metadata_Extension, metadata);
SAME(ByteSpan, data, XLA_FFI_ByteSpan, ptr);
SAME(ByteSpan, size, XLA_FFI_ByteSpan, len);
SAME(Scalar, type, XLA_FFI_Scalar, dtype);
SAME(Scalar, value, XLA_FFI_Scalar, value);
SAME(ArrayAttribute, type, XLA_FFI_Array, dtype);
SAME(ArrayAttribute, size, XLA_FFI_Array, size);
SAME(ArrayAttribute, data, XLA_FFI_Array, data);
SAME(Buffer, type, XLA_FFI_Buffer, dtype);
SAME(Buffer, data, XLA_FFI_Buffer, data);
SAME(Buffer, rank, XLA_FFI_Buffer, rank);
SAME(Buffer, sizes, XLA_FFI_Buffer, dims);
SAME(Buffers, size, XLA_FFI_Args, size);
SAME(Buffers, types, XLA_FFI_Args, types);
SAME(Buffers, values, XLA_FFI_Args, args);
SAME(Buffers, size, XLA_FFI_Rets, size);
SAME(Buffers, types, XLA_FFI_Rets, types);
SAME(Buffers, values, XLA_FFI_Rets, rets);
EQUAL(own::Buffers::kBuffer, XLA_FFI_ArgType_BUFFER);
EQUAL(own::Buffers::kBuffer, XLA_FFI_RetType_BUFFER);
SAME(Attributes, size, XLA_FFI_Attrs, size);
SAME(Attributes, types, XLA_FFI_Attrs, types);
SAME(Attributes, names, XLA_FFI_Attrs, names);
SAME(Attributes, values, XLA_FFI_Attrs, attrs);
SAME(CreateErrorArguments, message, XLA_FFI_Error_Create_Args, message);
SAME(CreateErrorArguments, code, XLA_FFI_Error_Create_Args, errc);
SAME(GetStreamArguments, context, XLA_FFI_Stream_Get_Args, ctx);
SAME(GetStreamArguments, stream, XLA_FFI_Stream_Get_Args, stream);
SAME(GetDeviceArguments, context, XLA_FFI_DeviceOrdinal_Get_Args, ctx);
SAME(GetDeviceArguments, device, XLA_FFI_DeviceOrdinal_Get_Args, device_ordinal);
SAME(API, version, XLA_FFI_Api, api_version);
SAME(API, createError, XLA_FFI_Api, XLA_FFI_Error_Create);
SAME(API, getStream, XLA_FFI_Api, XLA_FFI_Stream_Get);
SAME(API, getDevice, XLA_FFI_Api, XLA_FFI_DeviceOrdinal_Get);
SAME(CallFrame, api, XLA_FFI_CallFrame, api);
SAME(CallFrame, context, XLA_FFI_CallFrame, ctx);
SAME(CallFrame, stage, XLA_FFI_CallFrame, stage);
SAME(CallFrame, arguments, XLA_FFI_CallFrame, args);
SAME(CallFrame, results, XLA_FFI_CallFrame, rets);
SAME(CallFrame, attributes, XLA_FFI_CallFrame, attrs);
EQUAL(own::ErrorCode::Cancelled, XLA_FFI_Error_Code_CANCELLED);
EQUAL(own::ErrorCode::InvalidArgument, XLA_FFI_Error_Code_INVALID_ARGUMENT);
EQUAL(own::ErrorCode::FailedPrecondition, XLA_FFI_Error_Code_FAILED_PRECONDITION);
EQUAL(own::ErrorCode::Internal, XLA_FFI_Error_Code_INTERNAL);
EQUAL(own::DataType::Pred, XLA_FFI_DataType_PRED);
EQUAL(own::DataType::S32, XLA_FFI_DataType_S32);
EQUAL(own::DataType::S64, XLA_FFI_DataType_S64);
EQUAL(own::DataType::F16, XLA_FFI_DataType_F16);
EQUAL(own::DataType::F32, XLA_FFI_DataType_F32);
EQUAL(own::DataType::F64, XLA_FFI_DataType_F64);
EQUAL(own::DataType::BF16, XLA_FFI_DataType_BF16);
EQUAL(own::AttributeType::Array, XLA_FFI_AttrType_ARRAY);
EQUAL(own::AttributeType::Dictionary, XLA_FFI_AttrType_DICTIONARY);
EQUAL(own::AttributeType::Scalar, XLA_FFI_AttrType_SCALAR);
EQUAL(own::AttributeType::String, XLA_FFI_AttrType_STRING);
EQUAL(own::kMajorVersion, XLA_FFI_API_MAJOR);
static_assert(own::kMinorVersion <= XLA_FFI_API_MINOR);
"""


def test_layouts(tmp_path):
    jax = pytest.importorskip("jax")
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    source = tmp_path / "layouts.cpp"
    source.write_text(LAYOUTS)
    folders = [f"-I{SOURCE_DIR / 'python' / 'src'}", f"-I{jax.ffi.include_dir()}"]
    done = subprocess.run(
        [compiler, "-std=c++17", "-fsyntax-only", *folders, str(source)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
