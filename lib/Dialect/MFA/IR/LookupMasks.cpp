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
// loaded pair by pair. The array has dimensions for query and key, and may have
// such for batch and head.
//
// A region `keep` that reads an array of i1 stays as it is. A key that is not
// kept is as if it were not there, whatever its score; one that a mask of i1
// forbids makes its row NaN where its score is NaN or inf. So does a `score`
// that is -inf where an array is false.
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
    if (!mask)
      return rewriter.notifyMatchFailure(op, "not of a captured array");
    SmallVector<ScoreDim> dims = getPlace(op, mask, lookup->indices);
    if (dims.empty())
      return rewriter.notifyMatchFailure(
          op, "not the element at the pair's own place");
    mask = expandToMask(rewriter, op.getLoc(), mask, dims);
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

  /// The dimensions of the scores that those of `mask` are, in their order,
  /// where `indices` are those of the pair in it: each the position of the
  /// pair, or 0 where the array has a size of 1. None where it may not be the
  /// mask.
  static SmallVector<ScoreDim> getPlace(MaskedAttentionOp op, Value mask,
                                        ArrayRef<Value> indices) {
    auto type = cast<ShapedType>(mask.getType());
    Type element = type.getElementType();
    if (!element.isF16() && !element.isBF16() && !element.isF32())
      return {};
    const ScoreDim all[] = {ScoreDim::Batch, ScoreDim::Head, ScoreDim::Query,
                            ScoreDim::Key};
    const ScoreDim noHeads[] = {ScoreDim::Batch, ScoreDim::Query,
                                ScoreDim::Key};
    const ScoreDim noBatch[] = {ScoreDim::Head, ScoreDim::Query, ScoreDim::Key};
    const ScoreDim pairs[] = {ScoreDim::Query, ScoreDim::Key};
    for (ArrayRef<ScoreDim> dims :
         {ArrayRef(all), ArrayRef(noHeads), ArrayRef(noBatch), ArrayRef(pairs)})
      if (isAtPlace(op, mask, indices, dims))
        return llvm::to_vector(dims);
    return {};
  }

  static bool isAtPlace(MaskedAttentionOp op, Value mask,
                        ArrayRef<Value> indices, ArrayRef<ScoreDim> dims) {
    auto type = cast<ShapedType>(mask.getType());
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

  /// The array with a size of 1 for the batch, where that is not in `dims`.
  static Value expandToMask(PatternRewriter &rewriter, Location loc,
                            Value array, ArrayRef<ScoreDim> dims) {
    if (dims.front() == ScoreDim::Batch)
      return array;
    auto type = cast<ShapedType>(array.getType());
    SmallVector<int64_t> shape{1};
    llvm::append_range(shape, type.getShape());
    SmallVector<ReassociationIndices> groups{{0, 1}};
    for (size_t dim = 1; dim < dims.size(); ++dim)
      groups.push_back({static_cast<int64_t>(dim) + 1});
    SmallVector<OpFoldResult> sizes{rewriter.getIndexAttr(1)};
    if (auto tensor = dyn_cast<RankedTensorType>(type)) {
      llvm::append_range(sizes, tensor::getMixedSizes(rewriter, loc, array));
      return tensor::ExpandShapeOp::create(rewriter, loc, tensor.clone(shape),
                                           array, groups, sizes);
    }
    llvm::append_range(sizes, memref::getMixedSizes(rewriter, loc, array));
    return memref::ExpandShapeOp::create(rewriter, loc, shape, array, groups,
                                         sizes);
  }
};
} // namespace

void mfa::populateLookupMaskPatterns(RewritePatternSet &patterns) {
  patterns.add<FoldLookup>(patterns.getContext());
}
