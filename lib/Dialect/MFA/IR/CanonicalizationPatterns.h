//===- CanonicalizationPatterns.h - Parts of canonicalization ---*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_IR_CANONICALIZATIONPATTERNS_H
#define MFA_DIALECT_MFA_IR_CANONICALIZATIONPATTERNS_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::mfa {

/// The one value that all elements of a tensor have, as far as known; else
/// null.
TypedAttr getSplatValue(Value array);

/// Regions that change nothing or keep nothing, and simpler captures.
void populateRegionCanonicalizationPatterns(RewritePatternSet &patterns);

/// Masks that are computed from positions become regions.
void populateComputedMaskPatterns(RewritePatternSet &patterns);

/// Regions that add an element of an array become masks.
void populateLookupMaskPatterns(RewritePatternSet &patterns);

} // namespace mlir::mfa

#endif // MFA_DIALECT_MFA_IR_CANONICALIZATIONPATTERNS_H
