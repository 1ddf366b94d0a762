//===- mfa-c/Support.h - Errors and versions --------------------*- C -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_C_SUPPORT_H
#define MFA_C_SUPPORT_H

#include "mlir-c/Support.h"

#ifdef __cplusplus
extern "C" {
#endif

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

/// What went wrong in a call, or null where nothing did. An error that is not
/// null belongs to the caller, who destroys it.
struct MfaError {
  void *ptr;
};
typedef struct MfaError MfaError;

/// What an error is about.
typedef enum MfaErrorKind {
  /// A problem, an option or an argument of a launch that cannot be.
  MfaErrorInvalidArgument,
  /// The compiler refused the program; the message carries its diagnostics.
  MfaErrorCompilation,
  /// A check of the compiled program failed: sizes or strides of the arguments
  /// do not fit together. Nothing was computed.
  MfaErrorRuntimeCheck,
  /// The CUDA driver failed or is not there; the message names the call, the
  /// code, and the log of its compiler.
  MfaErrorDriver,
  /// A simulated kernel faulted; the message is the simulator's report.
  MfaErrorSimulation,
  /// A serialized kernel is damaged, or was made by another version or for
  /// another machine.
  MfaErrorSerialization,
  /// The handler of mfaSetInterruptHandler ended the call.
  MfaErrorInterrupted,
} MfaErrorKind;

/// Returns true where there is no error.
static inline bool mfaErrorIsNull(MfaError error) { return !error.ptr; }

/// Returns what the error, which is not null, is about.
MLIR_CAPI_EXPORTED MfaErrorKind mfaErrorGetKind(MfaError error);

/// Returns the message, one or more lines without a final line break, followed
/// by a zero byte. It lives as long as the error.
MLIR_CAPI_EXPORTED MlirStringRef mfaErrorGetMessage(MfaError error);

/// Destroys an error; a null one is let pass.
MLIR_CAPI_EXPORTED void mfaErrorDestroy(MfaError error);

//===----------------------------------------------------------------------===//
// Versions
//===----------------------------------------------------------------------===//

/// Returns the project's version, such as `0.1.0`.
MLIR_CAPI_EXPORTED MlirStringRef mfaGetVersion(void);

/// Returns a text that differs between any two builds of the compiler, and
/// between machines with different CPUs: a key for caches of serialized
/// kernels. It lives as long as the process.
MLIR_CAPI_EXPORTED MlirStringRef mfaGetCompilerId(void);

#ifdef __cplusplus
}
#endif

#endif // MFA_C_SUPPORT_H
