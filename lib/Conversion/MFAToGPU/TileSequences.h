//===- TileSequences.h - The tile sequence of a kernel ----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_TILESEQUENCES_H
#define MFA_LIB_CONVERSION_MFATOGPU_TILESEQUENCES_H

#include "KeyTileList.h"
#include "KeyTileRanges.h"
#include <memory>

namespace mlir::mfa {

/// The sequence of a kernel: by its list, where it has one; `AllKeys` unless
/// regions leave keys out.
template <typename AllKeys>
std::unique_ptr<TileSequence> makeTileSequence(const KernelProblem &problem,
                                               const RowSchedule &rowSchedule,
                                               Type stepType) {
  if (problem.operands.tileList)
    return std::make_unique<KeyTileList>(problem, rowSchedule, stepType);
  if (leavesKeysOut(problem))
    return std::make_unique<KeyTileRanges>(problem, rowSchedule, stepType);
  return std::make_unique<AllKeys>(problem, stepType);
}

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_TILESEQUENCES_H
