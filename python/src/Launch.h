//===- Launch.h - From checked arguments to a launch ------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What calls from Python and those of XLA have in common. Nothing here touches
// Python.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_LAUNCH_H
#define MFA_PYTHON_LAUNCH_H

#include "Kernel.h"
#include "Operands.h"

#include <optional>

namespace mfa::python {

/// The target of this name, or without one that of q's device. Throws
/// ValueError for one that is unknown or cannot read q.
MfaTarget getTarget(const std::optional<std::string> &name, const Array &q);

/// Sets the scale, 1/sqrt(D) by default.
void setScale(std::optional<float> scale, Operands &operands);

/// Kernels have head sizes that are multiples of 8.
bool needsPadding(const Operands &operands);

/// The kernel that a call needs, and how it sees the arrays.
struct Plan {
  MaskView mask;
  MfaProblem problem = {};
  /// For groupHeads, where it is not 0.
  int64_t groupedQueries = 0;
};
Plan makePlan(const Operands &operands, const MaskView &mask, MfaTarget target,
              bool lse);

/// Checks captures against the parameters of the kernel, which reads them by
/// these. Throws TypeError.
void checkCaptures(const Kernel &kernel, bool hasLSE, Operands &operands);

/// Lists that a call shares with others, if there are any.
struct SharedLists {
  const TileLists *lists = nullptr;
  /// The call makes the list and does nothing else.
  bool listsOnly = false;
};

/// Launches the kernel on arguments whose outputs are there and share no memory
/// with others.
MfaError launch(const Kernel &kernel, const Operands &operands,
                const MaskView &mask, void *stream, SharedLists shared = {});

} // namespace mfa::python

#endif // MFA_PYTHON_LAUNCH_H
