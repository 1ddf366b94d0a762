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

#include <cstdint>
#include <memory>
#include <nanobind/nanobind.h>
#include <string>
#include <unordered_map>
#include <vector>

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
  explicit Problem(const MfaProblem &fields, std::string text)
      : problem(fields), rules(std::move(text)) {
    problem.rules = mlirStringRefCreate(rules.data(), rules.size());
  }
  Problem(const Problem &) = delete;
  Problem &operator=(const Problem &) = delete;

  MfaProblem problem;
  std::string rules;
};

/// Kernels of this process, by a key of what else makes them differ. Who reads
/// or changes them holds the GIL.
using KernelsByKey = std::unordered_map<uint64_t, std::shared_ptr<Kernel>>;

/// A dimension of a captured array, by their numbers, that is indexed by a
/// position: of batch 0, head 1, query 2 or key 3.
struct PositionRead {
  unsigned capture, dim, position;
};

/// Regions as text, with the names of their captures and the kernels that have
/// them.
struct Rules {
  std::string text;
  std::vector<std::string> names;
  /// What mfa._rules wrote as the text; None where it came as one.
  nanobind::object expressions;
  /// Captured arrays that are read at the positions of all pairs.
  std::vector<PositionRead> reads;
  KernelsByKey kernels;
  /// The number of times that kernels had been forgotten.
  uint64_t generation = 0;
};

/// Lists of key tiles that calls share.
struct TileLists {
  explicit TileLists(bool assumesFinite)
      : handle(mfaKeptTileListsCreate(assumesFinite)) {}
  ~TileLists() { mfaKeptTileListsDestroy(handle); }
  TileLists(const TileLists &) = delete;
  TileLists &operator=(const TileLists &) = delete;

  MfaKeptTileLists handle;
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
