//===- MathExpansions.h - Math ops by those of arith ------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_TRANSFORMS_MATHEXPANSIONS_H
#define MFA_DIALECT_MFA_TRANSFORMS_MATHEXPANSIONS_H

namespace mlir {
class RewritePatternSet;
namespace mfa {

/// Writes `math.clampf` and the classes of numbers, `math.isfinite`, `isinf`,
/// `isnan` and `isnormal`, as comparisons and, at most, an `math.absf`.
void populateClassExpansionPatterns(RewritePatternSet &patterns);

} // namespace mfa
} // namespace mlir

#endif // MFA_DIALECT_MFA_TRANSFORMS_MATHEXPANSIONS_H
