//===- LowerExpandShapes.cpp - Dimensions that become several dynamic -----===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upstream's expand-strided-metadata (LLVM 22) takes a memref.expand_shape with
// one dynamic size at most for each dimension of its source, which it computes
// from the others, and crashes at more of them. Here the sizes are those that
// the op names.
//
//===----------------------------------------------------------------------===//

#include "mfa/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFALOWEREXPANDSHAPESPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

namespace {

struct ExpandToSeveralDynamic : OpRewritePattern<memref::ExpandShapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(memref::ExpandShapeOp op,
                                PatternRewriter &rewriter) const override {
    MemRefType type = op.getResultType();
    auto hasSeveralDynamic = [&](const ReassociationIndices &group) {
      return llvm::count_if(group, [&](int64_t dim) {
               return type.isDynamicDim(dim);
             }) > 1;
    };
    SmallVector<ReassociationIndices> groups = op.getReassociationIndices();
    if (llvm::none_of(groups, hasSeveralDynamic))
      return rewriter.notifyMatchFailure(
          op, "expected several dynamic sizes in place of one");

    Location loc = op.getLoc();
    auto source =
        memref::ExtractStridedMetadataOp::create(rewriter, loc, op.getSrc());
    SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
    SmallVector<OpFoldResult> strides(type.getRank());
    for (auto [group, stride] :
         llvm::zip_equal(groups, source.getConstifiedMixedStrides())) {
      OpFoldResult next = stride;
      for (int64_t dim : llvm::reverse(group)) {
        strides[dim] = next;
        if (dim != group.front())
          next = multiply(rewriter, loc, next, sizes[dim]);
      }
    }
    // Where the type knows a stride, so must the op.
    auto [typeStrides, typeOffset] = type.getStridesAndOffset();
    for (auto [stride, known] : llvm::zip_equal(strides, typeStrides))
      stride = ShapedType::isDynamic(known)
                   ? getValueOrCreateConstantIndexOp(rewriter, loc, stride)
                   : OpFoldResult(rewriter.getIndexAttr(known));
    OpFoldResult offset = source.getConstifiedMixedOffset();
    offset = ShapedType::isDynamic(typeOffset)
                 ? getValueOrCreateConstantIndexOp(rewriter, loc, offset)
                 : OpFoldResult(rewriter.getIndexAttr(typeOffset));
    rewriter.replaceOpWithNewOp<memref::ReinterpretCastOp>(
        op, type, source.getBaseBuffer(), offset, sizes, strides);
    return success();
  }

private:
  static OpFoldResult multiply(OpBuilder &b, Location loc, OpFoldResult lhs,
                               OpFoldResult rhs) {
    std::optional<int64_t> left = getConstantIntValue(lhs);
    std::optional<int64_t> right = getConstantIntValue(rhs);
    if (left && right)
      return b.getIndexAttr(*left * *right);
    return b.createOrFold<arith::MulIOp>(
        loc, getValueOrCreateConstantIndexOp(b, loc, lhs),
        getValueOrCreateConstantIndexOp(b, loc, rhs));
  }
};

struct LowerExpandShapesPass
    : mfa::impl::MFALowerExpandShapesPassBase<LowerExpandShapesPass> {
  using MFALowerExpandShapesPassBase::MFALowerExpandShapesPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandToSeveralDynamic>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace
