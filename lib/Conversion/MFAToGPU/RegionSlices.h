//===- RegionSlices.h - Parts of the op's regions ---------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_REGIONSLICES_H
#define MFA_LIB_CONVERSION_MFATOGPU_REGIONSLICES_H

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::mfa {

/// The ops of its region that a value comes from. They have no regions.
llvm::SetVector<Operation *> getSlice(Value value);

/// Writes what values come from, but for what `mapping` has already, and adds
/// that. Assertions are not of a slice: a kernel cannot stop the program, and
/// what is checked where it runs is checked for other targets.
void cloneSlices(OpBuilder &b, IRMapping &mapping, ValueRange values);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_REGIONSLICES_H
