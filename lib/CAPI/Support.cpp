//===- Support.cpp - Errors and versions in C -----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/CAPI/Support.h"
#include "Error.h"

using namespace llvm;
using mfa::exec::ErrorKind;
using mfa::exec::KernelError;

namespace {
struct ErrorText {
  MfaErrorKind kind;
  std::string text;
};
} // namespace

static MfaErrorKind toC(ErrorKind kind) {
  switch (kind) {
  case ErrorKind::InvalidArgument:
    return MfaErrorInvalidArgument;
  case ErrorKind::Compilation:
    return MfaErrorCompilation;
  case ErrorKind::RuntimeCheck:
    return MfaErrorRuntimeCheck;
  case ErrorKind::Driver:
    return MfaErrorDriver;
  case ErrorKind::Simulation:
    return MfaErrorSimulation;
  case ErrorKind::Serialization:
    return MfaErrorSerialization;
  case ErrorKind::Interrupted:
    return MfaErrorInterrupted;
  }
  return MfaErrorCompilation;
}

MfaError mfa::capi::wrap(Error error) {
  if (!error)
    return {nullptr};
  auto *wrapped = new ErrorText{MfaErrorCompilation, ""};
  handleAllErrors(
      std::move(error),
      [&](const KernelError &error) {
        wrapped->kind = toC(error.getKind());
        wrapped->text = error.message();
      },
      [&](const ErrorInfoBase &error) { wrapped->text = error.message(); });
  return {wrapped};
}

MfaErrorKind mfaErrorGetKind(MfaError error) {
  return static_cast<const ErrorText *>(error.ptr)->kind;
}

MlirStringRef mfaErrorGetMessage(MfaError error) {
  return wrap(StringRef(static_cast<const ErrorText *>(error.ptr)->text));
}

void mfaErrorDestroy(MfaError error) {
  delete static_cast<ErrorText *>(error.ptr);
}

MlirStringRef mfaGetVersion(void) { return wrap(StringRef(MFA_VERSION)); }

MlirStringRef mfaGetCompilerId(void) {
  return wrap(mfa::exec::getCompilerId());
}
