//===- KeyMask.h - What a mask of keys does to a step -----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_KEYMASK_H
#define MFA_LIB_CONVERSION_MFATOGPU_KEYMASK_H

#include "KernelProblem.h"
#include "SharedBuffers.h"

namespace mlir::mfa {

/// What a step's tile of a mask does that is a vector of keys (padding, say):
/// whether it changes any score, and whether it leaves any key.
struct KeyMask {
  Value changesAny, leavesAny;
};

/// Looks at the tile in `stage`, which is there. All lanes of a warp do.
KeyMask lookAtKeyMask(const KernelProblem &problem, const BlockMemory &memory,
                      Value stage, Value lane);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_KEYMASK_H
