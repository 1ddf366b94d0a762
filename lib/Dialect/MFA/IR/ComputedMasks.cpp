//===- ComputedMasks.cpp - Masks that are computed from positions ---------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mask that is computed in front of the op, from positions and from arrays
// that are smaller than it, is an array of B * Sq * Sk elements that need not
// be. Its element at a position is computed in a region instead:
//
//   %m = linalg.generic outs(%e : tensor<128x256xi1>) {
//     %q = linalg.index 0
//     %k = linalg.index 1
//     %c = arith.cmpi sle, %k, %q : index
//     linalg.yield %c : i1
//   }
//   mfa.masked_attention ... mask(%m)     ->     keep { k <= q }
//
// A mask of i1 without a region `score` goes to `keep`; a mask of numbers, or
// one that `score` sees the effect of, is added in front of `score`.
//
//===----------------------------------------------------------------------===//

#include "CanonicalizationPatterns.h"
#include "ElementEmitter.h"

using namespace mlir;
using namespace mlir::mfa;

namespace {
struct FoldComputedMask : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getMask() || !op.hasTensorSemantics())
      return rewriter.notifyMatchFailure(op, "no mask on tensors");
    ElementEmitter check(nullptr);
    if (failed(check.emit(op.getMask(), getMaskIndices(op, nullptr))))
      return rewriter.notifyMatchFailure(
          op, "mask is not computed from positions and smaller arrays");
    if (!check.hasComputed())
      return rewriter.notifyMatchFailure(op, "mask is a copy");
    if (!check.hasUsedPositions() && (op.isMaskBroadcast(ScoreDim::Query) ||
                                      op.isMaskBroadcast(ScoreDim::Key)))
      return rewriter.notifyMatchFailure(op, "mask is a small array");

    rewriter.modifyOpInPlace(op, [&] {
      bool isBoolean = op.getMaskType().getElementType().isInteger(1);
      addMaskElement(op, isBoolean, [&](RegionBuilder &b) {
        return *ElementEmitter(&b).emit(op.getMask(), getMaskIndices(op, &b));
      });
      op.getMaskMutable().clear();
    });
    return success();
  }
};
} // namespace

void mfa::populateComputedMaskPatterns(RewritePatternSet &patterns) {
  patterns.add<FoldComputedMask>(patterns.getContext());
}
