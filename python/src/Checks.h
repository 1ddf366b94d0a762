//===- Checks.h - What arguments must be ------------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each throws a Python exception that names the argument, the rule and what was
// found: TypeError for types, else ValueError.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_CHECKS_H
#define MFA_PYTHON_CHECKS_H

#include "Kernel.h"
#include "Operands.h"

namespace mfa::python {

/// Checks devices, libraries, types, sizes and strides of all that is read, and
/// returns the mask seen as rank 4.
MaskView checkArguments(const Operands &operands);

/// Checks that captured arrays have elements for all positions at which the
/// rules are known to read them.
void checkReads(const Rules &rules, const Operands &operands);

/// Fits the mask to a kernel that was compiled beforehand.
void fitMask(const Operands &operands, MaskView &view,
             const MfaProblem &problem);

/// Checks the outputs that the caller gave against q and `sizes` of out and
/// lse.
void checkOutputs(const Operands &operands, const int64_t *outSizes,
                  const int64_t *lseSizes);

} // namespace mfa::python

#endif // MFA_PYTHON_CHECKS_H
