//===- CanonicalizationPatterns.h - Parts of canonicalization ---*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_IR_CANONICALIZATIONPATTERNS_H
#define MFA_DIALECT_MFA_IR_CANONICALIZATIONPATTERNS_H

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::mfa {

/// The one value that all elements of a tensor have, as far as known; else
/// null.
TypedAttr getSplatValue(Value array);

/// Where each dimension of a broadcast result comes from: the dimension of the
/// input, or none where the result repeats.
using BroadcastSource = SmallVector<std::optional<unsigned>>;

/// What the mask of `op`, read through `map` from an array of `inputType`, is
/// broadcast from. The map has the dimensions of the mask in order, each at
/// most once, or 0 in their place where the array has size 1; else there is
/// none.
std::optional<BroadcastSource> getBroadcastSource(MaskedAttentionOp op,
                                                  AffineMap map,
                                                  RankedTensorType inputType);

/// Whether `input`, with a size of 1 inserted for each repeated dimension, may
/// be the mask.
bool canReplaceMask(MaskedAttentionOp op, Value input,
                    const BroadcastSource &source);
/// Makes it the mask; fails, without a change, where it may not be.
LogicalResult replaceMask(MaskedAttentionOp op, Value input,
                          const BroadcastSource &source,
                          PatternRewriter &rewriter);

/// Regions that change nothing or keep nothing, and simpler captures.
void populateRegionCanonicalizationPatterns(RewritePatternSet &patterns);

/// Masks that are computed from positions become regions.
void populateComputedMaskPatterns(RewritePatternSet &patterns);

/// Masks that are made of a computed one and another become a region and that
/// mask.
void populateSplitMaskPatterns(RewritePatternSet &patterns);

/// Regions that add an element of an array become masks.
void populateLookupMaskPatterns(RewritePatternSet &patterns);

} // namespace mlir::mfa

#endif // MFA_DIALECT_MFA_IR_CANONICALIZATIONPATTERNS_H
