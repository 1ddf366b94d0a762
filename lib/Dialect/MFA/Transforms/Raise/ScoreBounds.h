//===- ScoreBounds.h - How low a step may make a score ----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_SCOREBOUNDS_H
#define MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_SCOREBOUNDS_H

#include "Attention.h"

namespace mlir::mfa::raising {

/// Whether a step may make a score `least` or less, where the score is not. An
/// array that is added as it is may hold any number.
bool mayMake(Elements &elements, const ScoreStep &step, double least);

} // namespace mlir::mfa::raising

#endif // MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_SCOREBOUNDS_H
