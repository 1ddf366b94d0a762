//===- XLAErrors.h - Python and errors in calls of XLA ----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_XLAERRORS_H
#define MFA_PYTHON_XLAERRORS_H

#include "Kernel.h"
#include "XLAFFI.h"

#include <string>

namespace mfa::python {

/// What becomes an error of XLA.
struct Failure {
  xla::ErrorCode code;
  std::string message;
};

/// Behind which Python is. A thread that asks for the GIL of an interpreter
/// that has ended is ended by that, whatever C++ it is in; so none asks any
/// more once the end has been announced.
class PythonGate {
public:
  /// Throws a Failure where it is closed.
  static void enter();
  static void leave();
  /// Waits for those inside, who may need the GIL, and lets no more in.
  static void close();
};

/// The GIL, for a thread of XLA: taken behind the gate, and given back before.
struct PythonAccess {
  struct Visit {
    Visit() { PythonGate::enter(); }
    ~Visit() { PythonGate::leave(); }
  } visit;
  nanobind::gil_scoped_acquire acquire;
};

/// What is said of a Python error of this thread, which holds the GIL.
/// KeyboardInterrupt is left to Python: it is raised again in the main thread
/// once XLA has come back.
Failure takePythonError(nanobind::python_error &error);

/// Calls a function with the GIL, and throws its Python error as a Failure.
template <typename Function>
auto callPython(Function function) {
  PythonAccess access;
  try {
    return function();
  } catch (nanobind::python_error &error) {
    throw takePythonError(error);
  }
}

/// What is said of an error of the C API, which is destroyed.
Failure takeError(MfaError error);

} // namespace mfa::python

#endif // MFA_PYTHON_XLAERRORS_H
