//===- GroupHeadsAsQueries.cpp - Heads of a group as queries --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFAGROUPHEADSASQUERIESPASS
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using namespace mlir::mfa;

/// Sees `array` without dimension `unit`, of size 1, and with dimension
/// `heads` of the rest as key heads and heads of a group.
static Value splitHeads(OpBuilder &builder, Location loc, Value array,
                        unsigned unit, unsigned heads, int64_t keyHeads) {
  auto type = cast<MemRefType>(array.getType());
  // The unit dimension joins the one before it.
  SmallVector<ReassociationIndices> collapsed;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (dim != unit)
      collapsed.emplace_back();
    collapsed.back().push_back(dim);
  }
  array = memref::CollapseShapeOp::create(builder, loc, array, collapsed);

  type = cast<MemRefType>(array.getType());
  SmallVector<ReassociationIndices> expanded;
  SmallVector<int64_t> shape;
  for (auto [dim, size] : llvm::enumerate(type.getShape())) {
    expanded.emplace_back();
    auto append = [&](int64_t size) {
      expanded.back().push_back(shape.size());
      shape.push_back(size);
    };
    if (dim == heads) {
      append(keyHeads);
      append(size / keyHeads);
    } else {
      append(size);
    }
  }
  return memref::ExpandShapeOp::create(builder, loc, shape, array, expanded);
}

/// Sees the sinks of heads as those of key heads and heads of a group.
static Value splitSinks(OpBuilder &builder, Location loc, Value sinks,
                        int64_t keyHeads) {
  auto type = cast<MemRefType>(sinks.getType());
  SmallVector<ReassociationIndices> groups{{0, 1}};
  if (type.getRank() == 2)
    sinks = memref::CollapseShapeOp::create(builder, loc, sinks, groups);
  SmallVector<int64_t> shape{keyHeads, type.getDimSize(0) / keyHeads};
  return memref::ExpandShapeOp::create(builder, loc, shape, sinks, groups);
}

/// The positions before: head a * G + g of query g of head a, and query 0.
static void remapPositions(PatternRewriter &rewriter, MaskedAttentionOp op,
                           Region &region) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToStart(&region.front());
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  auto positions = op.getPositions(region);
  Value head = positions[static_cast<unsigned>(ScoreDim::Head)];
  Value query = positions[static_cast<unsigned>(ScoreDim::Query)];
  Value size = arith::ConstantIndexOp::create(b, op.getGroupSize());
  Value first = arith::MulIOp::create(b, head, size);
  Value number = arith::AddIOp::create(b, first, query);
  rewriter.replaceUsesWithIf(
      query, arith::ConstantIndexOp::create(b, 0),
      [&](OpOperand &use) { return use.getOwner() != number.getDefiningOp(); });
  rewriter.replaceAllUsesExcept(head, number, first.getDefiningOp());
}

namespace {

struct GroupHeadsAsQueries : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (op.hasTensorSemantics())
      return rewriter.notifyMatchFailure(op, "needs buffers");
    if (ShapedType::isDynamic(op.getGroupSize()) || op.getGroupSize() == 1)
      return rewriter.notifyMatchFailure(op, "no groups of a known size");
    // A size that is 1 by another operand's type alone would have to be G.
    for (const SizeUse &use : op.getSizeUses(SharedSize::QueryLength))
      if (use.getStaticSize() != 1)
        return rewriter.notifyMatchFailure(op, "more than one query");
    for (const SizeUse &use : op.getSizeUses(SharedSize::Heads))
      if (ShapedType::isDynamic(use.getStaticSize()))
        return rewriter.notifyMatchFailure(op, "heads of unknown number");

    Location loc = op.getLoc();
    int64_t keyHeads = op.getNumKVHeads();
    auto viewMatrix = [&](Value array) -> Value {
      Value split = splitHeads(rewriter, loc, array, op.kSequence, 1, keyHeads);
      auto order = AffineMap::getPermutationMap(ArrayRef<int64_t>{0, 2, 1, 3},
                                                rewriter.getContext());
      return memref::TransposeOp::create(rewriter, loc, split,
                                         AffineMapAttr::get(order));
    };
    Value query = viewMatrix(op.getQuery()),
          output = viewMatrix(op.getOutput());
    Value mask = op.getMask();
    if (op.getMaskDim(ScoreDim::Head))
      mask = splitHeads(rewriter, loc, mask, 2, 1, keyHeads);
    Value lse = op.getLse();
    if (lse)
      lse = splitHeads(rewriter, loc, lse, 2, 1, keyHeads);
    Value sinks = op.getSinks();
    if (sinks)
      sinks = splitSinks(rewriter, loc, sinks, keyHeads);
    for (Region *region : {&op.getScore(), &op.getKeep()})
      if (!region->empty())
        remapPositions(rewriter, op, *region);
    rewriter.modifyOpInPlace(op, [&] {
      op.getQueryMutable().assign(query);
      op.getOutputMutable().assign(output);
      if (mask)
        op.getMaskMutable().assign(mask);
      if (lse)
        op.getLseMutable().assign(lse);
      if (sinks)
        op.getSinksMutable().assign(sinks);
    });
    return success();
  }
};

struct GroupHeadsAsQueriesPass
    : mfa::impl::MFAGroupHeadsAsQueriesPassBase<GroupHeadsAsQueriesPass> {
  using MFAGroupHeadsAsQueriesPassBase::MFAGroupHeadsAsQueriesPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<GroupHeadsAsQueries>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace
