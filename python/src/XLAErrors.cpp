//===- XLAErrors.cpp - Python and errors in calls of XLA ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "XLAErrors.h"

#include <condition_variable>
#include <mutex>
#include <nanobind/stl/string.h>

using namespace mfa::python;
namespace nb = nanobind;

//===----------------------------------------------------------------------===//
// The gate
//===----------------------------------------------------------------------===//

namespace {
struct GateState {
  std::mutex mutex;
  std::condition_variable isEmpty;
  unsigned numInside = 0;
  bool isClosed = false;

  static GateState &get() {
    // Never destroyed, as threads of XLA may outlive this module's variables.
    static auto *state = new GateState;
    return *state;
  }
};
} // namespace

void PythonGate::enter() {
  GateState &state = GateState::get();
  std::lock_guard<std::mutex> lock(state.mutex);
  if (state.isClosed)
    throw Failure{xla::ErrorCode::Cancelled,
                  "expected a kernel that is known, as Python is ending, but "
                  "got a call that needs another one"};
  ++state.numInside;
}

void PythonGate::leave() {
  GateState &state = GateState::get();
  std::lock_guard<std::mutex> lock(state.mutex);
  if (--state.numInside == 0)
    state.isEmpty.notify_all();
}

void PythonGate::close() {
  nb::gil_scoped_release release;
  GateState &state = GateState::get();
  std::unique_lock<std::mutex> lock(state.mutex);
  state.isClosed = true;
  state.isEmpty.wait(lock, [&] { return state.numInside == 0; });
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

Failure mfa::python::takePythonError(nb::python_error &error) {
  if (error.matches(PyExc_KeyboardInterrupt)) {
    PyErr_SetInterrupt();
    return {xla::ErrorCode::Cancelled, "interrupted"};
  }
  bool isValue =
      error.matches(PyExc_ValueError) || error.matches(PyExc_TypeError);
  auto message = nb::cast<std::string>(nb::str(error.value()));
  if (!isValue && !error.matches(PyExc_RuntimeError))
    message =
        nb::cast<std::string>(error.type().attr("__name__")) + ": " + message;
  return {isValue ? xla::ErrorCode::InvalidArgument : xla::ErrorCode::Internal,
          message};
}

Failure mfa::python::takeError(MfaError error) {
  MfaErrorKind kind = mfaErrorGetKind(error);
  MlirStringRef text = mfaErrorGetMessage(error);
  std::string message(text.data, text.length);
  mfaErrorDestroy(error);
  if (kind == MfaErrorInterrupted) {
    // By what Python's handler of a signal has raised in this thread.
    PythonAccess access;
    if (PyErr_Occurred()) {
      nb::python_error raised;
      return takePythonError(raised);
    }
    return {xla::ErrorCode::Cancelled, message};
  }
  bool isValue =
      kind == MfaErrorInvalidArgument || kind == MfaErrorRuntimeCheck;
  return {isValue ? xla::ErrorCode::InvalidArgument : xla::ErrorCode::Internal,
          message};
}
