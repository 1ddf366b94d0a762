//===- RegionCanonicalization.cpp - Simpler regions and captures ----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CanonicalizationPatterns.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"
#include <limits>

using namespace mlir;
using namespace mlir::mfa;

/// What a region yields; null where the op has no such region.
static Value getYielded(Region &region) {
  if (region.empty())
    return {};
  return cast<YieldOp>(region.front().getTerminator()).getValue();
}

/// The regions that the op has.
static SmallVector<Region *, 2> getRegions(MaskedAttentionOp op) {
  SmallVector<Region *, 2> regions;
  for (Region *region : {&op.getScore(), &op.getKeep()})
    if (!region->empty())
      regions.push_back(region);
  return regions;
}

namespace {
/// Drops a region `score` that yields the score, and a region `keep` that
/// yields true.
struct DropNeutralRegion : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    Value score = getYielded(op.getScore()), keep = getYielded(op.getKeep());
    bool isSame = score && score == op.getScore().getArgument(0);
    bool keepsAll = keep && matchPattern(keep, m_One());
    if (!isSame && !keepsAll)
      return rewriter.notifyMatchFailure(op, "regions are not neutral");
    rewriter.modifyOpInPlace(op, [&] {
      if (isSame)
        rewriter.eraseBlock(&op.getScore().front());
      if (keepsAll)
        rewriter.eraseBlock(&op.getKeep().front());
    });
    return success();
  }
};

/// Without any pair that is kept, the output is 0 and the log-sum-exp that of
/// the sinks, or -inf.
struct FoldNothingKept : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    Value keep = getYielded(op.getKeep());
    if (!keep || !matchPattern(keep, m_Zero()))
      return rewriter.notifyMatchFailure(op, "something may be kept");
    Location loc = op.getLoc();
    SmallVector<Value> results;
    auto fill = [&](Value destination, double value) {
      Value scalar = arith::ConstantOp::create(
          rewriter, loc,
          rewriter.getFloatAttr(getElementTypeOrSelf(destination), value));
      auto filled = linalg::FillOp::create(rewriter, loc, scalar, destination);
      llvm::append_range(results, filled->getResults());
    };
    fill(op.getOutput(), 0);
    if (Value lse = op.getLse()) {
      if (op.getSinks()) {
        SmallVector<int64_t> dims{0, 2};
        dims.resize(3 - op.getSinksType().getRank());
        auto broadcast = linalg::BroadcastOp::create(rewriter, loc,
                                                     op.getSinks(), lse, dims);
        llvm::append_range(results, broadcast->getResults());
      } else {
        fill(lse, -std::numeric_limits<double>::infinity());
      }
    }
    if (op.hasTensorSemantics())
      rewriter.replaceOp(op, results);
    else
      rewriter.eraseOp(op);
    return success();
  }
};

/// Drops captures that no region uses, and those that are captured twice.
struct DropCaptures : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    SmallVector<Region *, 2> regions = getRegions(op);
    OperandRange captures = op.getCaptures();
    for (auto [index, capture] : llvm::enumerate(captures)) {
      auto argument = [&, index = index](Region *region, size_t other) {
        return op.getCaptureArguments(*region)[other];
      };
      size_t first =
          std::distance(captures.begin(), llvm::find(captures, capture));
      bool isRepeated = first != index;
      bool isUsed = llvm::any_of(regions, [&, index = index](Region *region) {
        return !argument(region, index).use_empty();
      });
      if (isUsed && !isRepeated)
        continue;
      rewriter.modifyOpInPlace(op, [&, index = index] {
        for (Region *region : regions) {
          BlockArgument dropped = argument(region, index);
          if (isRepeated)
            rewriter.replaceAllUsesWith(dropped, argument(region, first));
          region->eraseArgument(dropped.getArgNumber());
        }
        op.getCapturesMutable().erase(index);
      });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "all captures are used");
  }
};

/// Makes a captured number that is known a constant of the region, and so an
/// element of a captured array that has one value.
struct FoldConstantCaptures : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    bool changed = false;
    for (auto [index, capture] : llvm::enumerate(op.getCaptures())) {
      bool isArray = isa<ShapedType>(capture.getType());
      TypedAttr value;
      if (isArray)
        value = getSplatValue(capture);
      else
        matchPattern(capture, m_Constant(&value));
      if (!value)
        continue;
      for (Region *region : getRegions(op)) {
        BlockArgument argument = op.getCaptureArguments(*region)[index];
        SetVector<Operation *> users(argument.user_begin(),
                                     argument.user_end());
        for (Operation *user : users) {
          if (isArray && !isa<tensor::ExtractOp>(user))
            continue;
          OpBuilder::InsertionGuard guard(rewriter);
          rewriter.setInsertionPointToStart(&region->front());
          auto constant =
              arith::ConstantOp::create(rewriter, op.getLoc(), value);
          if (isArray)
            rewriter.replaceOp(user, constant);
          else
            rewriter.modifyOpInPlace(
                user, [&] { user->replaceUsesOfWith(argument, constant); });
          changed = true;
        }
      }
    }
    if (!changed)
      return rewriter.notifyMatchFailure(op, "no captured constant");
    return success();
  }
};

/// Gives the regions what is known of a captured array's type: folding a cast
/// into the operand leaves them as they were.
struct RefineCaptureTypes : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    bool changed = false;
    for (Region *region : getRegions(op))
      for (auto [argument, capture] :
           llvm::zip_equal(op.getCaptureArguments(*region), op.getCaptures())) {
        if (argument.getType() == capture.getType())
          continue;
        rewriter.modifyOpInPlace(
            op, [&, argument = argument, type = capture.getType()]() mutable {
              argument.setType(type);
            });
        changed = true;
      }
    if (!changed)
      return rewriter.notifyMatchFailure(op, "types are the same");
    return success();
  }
};
} // namespace

void mfa::populateRegionCanonicalizationPatterns(RewritePatternSet &patterns) {
  patterns.add<DropCaptures, DropNeutralRegion, FoldConstantCaptures,
               FoldNothingKept, RefineCaptureTypes>(patterns.getContext());
}
