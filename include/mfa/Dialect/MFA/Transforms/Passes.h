//===- Passes.h - Passes on the mfa dialect ---------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_TRANSFORMS_PASSES_H
#define MFA_DIALECT_MFA_TRANSFORMS_PASSES_H

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Pass/Pass.h"

namespace mlir::mfa {

/// Adds the pattern that writes a masked attention, on tensors or on buffers,
/// as the linalg ops that define it (see `mfa-decompose-attention`).
void populateDecomposeAttentionPatterns(RewritePatternSet &patterns);

/// Which ops have a list of key tiles made at run time (see
/// `mfa-select-schedule`).
enum class TileLists { Rules, Auto, Always, Never };

/// What a raised attention has in rows all of whose keys are excluded (see
/// `mfa-raise-attention`).
enum class RowsWithoutKeys { Exact, Zero, Ignored };

#define GEN_PASS_DECL
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"

} // namespace mlir::mfa

#endif // MFA_DIALECT_MFA_TRANSFORMS_PASSES_H
