//===- XLAFFI.h - The interface of XLA's foreign functions ------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of XLA's C interface for foreign functions (FFI), version 0.1 and
// later of major version 0, that a handler without state takes. Declared here,
// so that the package is built without JAX. Source: xla/ffi/api/c_api.h, which
// jaxlib has in jax.ffi.include_dir(); python/tests/test_jax_ffi.py compares
// the layouts with those of the jaxlib that is installed.
//
// XLA adds fields at the ends of these structures, and says by `structSize`
// which it has. What a handler fills in is not longer than here.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_XLAFFI_H
#define MFA_PYTHON_XLAFFI_H

#include <cstddef>
#include <cstdint>

namespace mfa::python::xla {

/// The version of what is declared here.
inline constexpr int kMajorVersion = 0, kMinorVersion = 1;

enum class ErrorCode : int {
  Cancelled = 1,
  InvalidArgument = 3,
  FailedPrecondition = 9,
  Internal = 13,
};

enum class DataType : int {
  Pred = 1,
  S32 = 4,
  S64 = 5,
  F16 = 10,
  F32 = 11,
  F64 = 12,
  BF16 = 16,
};

enum class AttributeType : int {
  Array = 1,
  Dictionary = 2,
  Scalar = 3,
  String = 4,
};

/// Beginning of what structures of XLA are extended by.
struct Extension {
  /// The extension of a call that asks what the handler is.
  static constexpr int kMetadata = 1;

  size_t structSize;
  int type;
  Extension *next;
};

struct APIVersion {
  size_t structSize;
  Extension *extensions;
  int major;
  int minor;
};

struct Metadata {
  size_t structSize;
  APIVersion version;
  uint32_t traits;
};

struct MetadataExtension {
  Extension base;
  Metadata *metadata;
};

/// Not terminated.
struct ByteSpan {
  const char *data;
  size_t size;
};

struct Scalar {
  DataType type;
  void *value;
};

struct ArrayAttribute {
  DataType type;
  size_t size;
  void *data;
};

/// An array in row-major order.
struct Buffer {
  size_t structSize;
  Extension *extensions;
  DataType type;
  void *data;
  int64_t rank;
  int64_t *sizes;
};

/// Arguments and results. All kinds that there are, are buffers (1).
struct Buffers {
  static constexpr int kBuffer = 1;

  size_t structSize;
  Extension *extensions;
  int64_t size;
  int *types;
  void **values;
};

/// Sorted by name. A string is a ByteSpan.
struct Attributes {
  size_t structSize;
  Extension *extensions;
  int64_t size;
  AttributeType *types;
  ByteSpan **names;
  void **values;
};

struct Error;
struct Context;

struct CreateErrorArguments {
  size_t structSize;
  Extension *extensions;
  const char *message;
  ErrorCode code;
};

struct GetStreamArguments {
  size_t structSize;
  Extension *extensions;
  Context *context;
  /// A CUstream; set by the call.
  void *stream;
};

struct GetDeviceArguments {
  size_t structSize;
  Extension *extensions;
  Context *context;
  /// Set by the call.
  int32_t device;
};

/// Functions of XLA. One that returns an error passes it on to the caller.
struct API {
  size_t structSize;
  Extension *extensions;
  APIVersion version;
  const void *internal;
  Error *(*createError)(CreateErrorArguments *);
  void *getErrorDetails, *destroyError, *registerHandler;
  Error *(*getStream)(GetStreamArguments *);
  void *registerType, *getContext, *setState, *getState, *allocate, *free;
  void *schedule, *getNumThreads, *createFuture, *setFutureAvailable;
  void *setFutureError, *getRunId;
  Error *(*getDevice)(GetDeviceArguments *);
};

struct CallFrame {
  size_t structSize;
  Extension *extensions;
  const API *api;
  Context *context;
  int stage;
  Buffers arguments;
  Buffers results;
  Attributes attributes;
};

using Handler = Error *(CallFrame *);

} // namespace mfa::python::xla

#endif // MFA_PYTHON_XLAFFI_H
