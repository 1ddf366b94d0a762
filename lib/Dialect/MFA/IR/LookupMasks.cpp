//===- LookupMasks.cpp - Arrays that regions add become masks -------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A region `score` whose first step adds an element of an array at the pair's
// own place,
//
//   %x = tensor.extract %bias[%b, %q, %k]
//   %y = arith.addf %s, %x
//   ...
//
// is the region from there on, of an op with that array as its mask: kernels
// bring tiles of a mask through shared memory, where what a region reads is
// loaded pair by pair.
//
//===----------------------------------------------------------------------===//

#include "CanonicalizationPatterns.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

using namespace mlir;
using namespace mlir::mfa;

/// An element of an array.
namespace {
struct Lookup {
  Value array;
  SmallVector<Value> indices;
};
} // namespace

static std::optional<Lookup> getLookup(Value value) {
  if (auto extract = value.getDefiningOp<tensor::ExtractOp>())
    return Lookup{extract.getTensor(), extract.getIndices()};
  if (auto load = value.getDefiningOp<memref::LoadOp>())
    return Lookup{load.getMemRef(), load.getIndices()};
  return std::nullopt;
}

/// Whether the array has the size of the scores there, for certain.
static bool hasSizeOf(MaskedAttentionOp op, Value array, unsigned dim,
                      ScoreDim scoreDim) {
  int64_t size = cast<ShapedType>(array.getType()).getDimSize(dim);
  int64_t expected = op.getScoreSize(scoreDim);
  if (ShapedType::isStatic(size) && ShapedType::isStatic(expected))
    return size == expected;
  auto source = [&]() -> std::pair<Value, int64_t> {
    switch (scoreDim) {
    case ScoreDim::Batch:
      return {op.getQuery(), MaskedAttentionOp::kBatch};
    case ScoreDim::Head:
      return {op.getQuery(), MaskedAttentionOp::kHead};
    case ScoreDim::Query:
      return {op.getQuery(), MaskedAttentionOp::kSequence};
    case ScoreDim::Key:
      return {op.getKey(), MaskedAttentionOp::kSequence};
    }
    llvm_unreachable("unknown dimension");
  }();
  FailureOr<bool> areEqual = ValueBoundsConstraintSet::areEqual(
      {array, static_cast<int64_t>(dim)}, {source.first, source.second});
  return succeeded(areEqual) && *areEqual;
}

namespace {
struct FoldLookup : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getMask() || op.getScore().empty())
      return rewriter.notifyMatchFailure(op, "has a mask or no score");
    Value score = op.getScore().getArgument(0);
    auto sum = score.hasOneUse()
                   ? dyn_cast<arith::AddFOp>(*score.getUsers().begin())
                   : arith::AddFOp();
    if (!sum)
      return rewriter.notifyMatchFailure(op, "nothing is added first");
    Value added = sum.getLhs() == score ? sum.getRhs() : sum.getLhs();
    if (auto widened = added.getDefiningOp<arith::ExtFOp>())
      added = widened.getIn();
    std::optional<Lookup> lookup = getLookup(added);
    if (!lookup)
      return rewriter.notifyMatchFailure(op, "no element is added");
    Value mask = getCapture(op, lookup->array);
    if (!mask || !isAtPlace(op, mask, lookup->indices))
      return rewriter.notifyMatchFailure(
          op, "not the element at the pair's own place");
    rewriter.modifyOpInPlace(op, [&] {
      rewriter.replaceOp(sum, score);
      op.getMaskMutable().assign(mask);
    });
    return success();
  }

private:
  static Value getCapture(MaskedAttentionOp op, Value argument) {
    auto arguments = op.getCaptureArguments(op.getScore());
    auto found = llvm::find(arguments, argument);
    return found == arguments.end()
               ? Value()
               : op.getCaptures()[std::distance(arguments.begin(), found)];
  }

  /// Whether `mask` may be the mask, and `indices` are those of the pair in it:
  /// each the position of the pair, or 0 where the mask has a size of 1.
  static bool isAtPlace(MaskedAttentionOp op, Value mask,
                        ArrayRef<Value> indices) {
    auto type = cast<ShapedType>(mask.getType());
    Type element = type.getElementType();
    if (!element.isF16() && !element.isBF16() && !element.isF32())
      return false;
    SmallVector<ScoreDim> dims{ScoreDim::Batch, ScoreDim::Query, ScoreDim::Key};
    if (type.getRank() == 4)
      dims.insert(dims.begin() + 1, ScoreDim::Head);
    if (static_cast<size_t>(type.getRank()) != dims.size())
      return false;
    auto positions = op.getPositions(op.getScore());
    return llvm::all_of(llvm::enumerate(dims), [&](auto it) {
      auto [dim, scoreDim] = it;
      if (isConstantIntValue(indices[dim], 0))
        return type.getDimSize(dim) == 1;
      return indices[dim] == positions[static_cast<unsigned>(scoreDim)] &&
             hasSizeOf(op, mask, dim, scoreDim);
    });
  }
};
} // namespace

void mfa::populateLookupMaskPatterns(RewritePatternSet &patterns) {
  patterns.add<FoldLookup>(patterns.getContext());
}
