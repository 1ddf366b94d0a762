//===- Kernel.h - Problems and kernels of the C API in Python ---*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_KERNEL_H
#define MFA_PYTHON_KERNEL_H

#include "mfa-c/Kernel.h"

#include <nanobind/nanobind.h>

namespace mfa::python {

/// Owns a kernel of the C API.
struct Kernel {
  explicit Kernel(MfaKernel handle) : handle(handle) {}
  Kernel(const Kernel &) = delete;
  Kernel &operator=(const Kernel &) = delete;
  ~Kernel() { mfaKernelDestroy(handle); }

  MfaKernel handle;
};

/// A problem as a value that Python compares and hashes.
struct Problem {
  MfaProblem problem;
};

/// Throws an error of the C API, which is destroyed: ValueError for arguments
/// that cannot be and for failed checks of the compiled program, else
/// RuntimeError.
[[noreturn]] void raise(MfaError error);

/// Throws if there is an error.
inline void check(MfaError error) {
  if (!mfaErrorIsNull(error))
    raise(error);
}

/// Adds the classes Problem and Kernel, and the functions that make kernels.
void bindKernel(nanobind::module_ &m);

/// Adds calls on arrays.
void bindCall(nanobind::module_ &m);

} // namespace mfa::python

#endif // MFA_PYTHON_KERNEL_H
