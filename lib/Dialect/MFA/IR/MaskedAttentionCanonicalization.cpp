//===- MaskedAttentionCanonicalization.cpp - Simpler operands -------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CanonicalizationPatterns.h"
#include "MaskedAttentionRules.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::mfa;

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

static SharedSize getSharedSize(ScoreDim dim) {
  switch (dim) {
  case ScoreDim::Batch:
    return SharedSize::Batch;
  case ScoreDim::Head:
    return SharedSize::Heads;
  case ScoreDim::Query:
    return SharedSize::QueryLength;
  case ScoreDim::Key:
    return SharedSize::KeyLength;
  }
  llvm_unreachable("a dimension of the scores");
}

/// The size of the scores as far as operands other than the mask tell.
static int64_t getKnownSize(MaskedAttentionOp op, ScoreDim dim,
                            OperandMap operands) {
  for (SizeUse use : op.getSizeUses(getSharedSize(dim))) {
    if (use.operandName == "mask")
      continue;
    use.operand = operands(use.operand);
    if (ShapedType::isStatic(use.getStaticSize()))
      return use.getStaticSize();
  }
  return ShapedType::kDynamic;
}

/// A dimension of the scores over which the mask is as large as they are, by
/// its type, but of size 1 in `mask`: with that mask the op would broadcast it,
/// whatever the size of the scores. None where that is known to be 1.
static std::optional<ScoreDim> findHiddenBroadcast(MaskedAttentionOp op,
                                                   ShapedType mask,
                                                   OperandMap operands) {
  for (ScoreDim dim :
       {ScoreDim::Batch, ScoreDim::Head, ScoreDim::Query, ScoreDim::Key})
    if (std::optional<unsigned> position = op.getMaskDim(dim))
      if (mask.getDimSize(*position) == 1 &&
          getKnownSize(op, dim, operands) != 1)
        return dim;
  return std::nullopt;
}

/// True where every size of `mask` is one that the op's own mask may have at
/// run time. Sizes of 1 in `broadcast` were found to repeat.
static bool mayBeMask(MaskedAttentionOp op, ShapedType mask,
                      const llvm::SmallBitVector &broadcast) {
  auto asIs = [](Value operand) { return operand; };
  for (ScoreDim dim :
       {ScoreDim::Batch, ScoreDim::Head, ScoreDim::Query, ScoreDim::Key}) {
    std::optional<unsigned> position = op.getMaskDim(dim);
    if (!position || broadcast[*position])
      continue;
    int64_t size = mask.getDimSize(*position);
    int64_t known = getKnownSize(op, dim, asIs);
    if (ShapedType::isStatic(size) && size != known &&
        (size == 1 || ShapedType::isStatic(known)))
      return false;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

TypedAttr mfa::getSplatValue(Value array) {
  DenseElementsAttr elements;
  if (matchPattern(array, m_Constant(&elements)))
    return elements.isSplat() ? elements.getSplatValue<TypedAttr>()
                              : TypedAttr();
  Value scalar;
  if (auto fill = array.getDefiningOp<linalg::FillOp>())
    scalar = fill.value();
  else if (auto splat = array.getDefiningOp<tensor::SplatOp>())
    scalar = splat.getInput();
  TypedAttr value;
  if (!scalar || !matchPattern(scalar, m_Constant(&value)))
    return {};
  return value;
}

namespace {
/// Drops a mask that is 0.0 or true everywhere. On tensors only: a buffer's
/// content depends on where in the program it is read.
struct DropNeutralMask : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getMask() || !op.hasTensorSemantics())
      return rewriter.notifyMatchFailure(op, "no mask on tensors");
    TypedAttr value = getSplatValue(op.getMask());
    if (!value)
      return rewriter.notifyMatchFailure(op, "mask is not a known splat");
    if (!matchPattern(value, m_AnyZeroFloat()) && !matchPattern(value, m_One()))
      return rewriter.notifyMatchFailure(op, "mask is not neutral");
    rewriter.modifyOpInPlace(op, [&] { op.getMaskMutable().clear(); });
    return success();
  }
};
} // namespace

/// The shape of `input` with a size of 1 inserted for each dimension that
/// repeats; none where the op's mask may not be that.
static std::optional<SmallVector<int64_t>>
getReplacingShape(MaskedAttentionOp op, RankedTensorType inputType,
                  const BroadcastSource &source) {
  // A static 1 broadcasts in the op too; it must not turn into a dynamic size,
  // which does not.
  for (auto [dim, inputDim] : llvm::enumerate(source))
    if (inputDim && inputType.isDynamicDim(*inputDim) &&
        op.getMaskType().getDimSize(dim) == 1)
      return std::nullopt;
  SmallVector<int64_t> shape;
  llvm::SmallBitVector broadcast(source.size());
  for (auto [dim, inputDim] : llvm::enumerate(source)) {
    shape.push_back(inputDim ? inputType.getDimSize(*inputDim) : 1);
    broadcast[dim] = !inputDim;
  }
  if (!mayBeMask(op, inputType.clone(shape), broadcast))
    return std::nullopt;
  return shape;
}

bool mfa::canReplaceMask(MaskedAttentionOp op, Value input,
                         const BroadcastSource &source) {
  auto inputType = cast<RankedTensorType>(input.getType());
  return getReplacingShape(op, inputType, source).has_value();
}

LogicalResult mfa::replaceMask(MaskedAttentionOp op, Value input,
                               const BroadcastSource &source,
                               PatternRewriter &rewriter) {
  auto inputType = cast<RankedTensorType>(input.getType());
  std::optional<SmallVector<int64_t>> shape =
      getReplacingShape(op, inputType, source);
  if (!shape)
    return rewriter.notifyMatchFailure(op, "sizes of the input conflict");
  if (inputType.getRank() == op.getMaskType().getRank()) {
    rewriter.modifyOpInPlace(op, [&] { op.getMaskMutable().assign(input); });
    return success();
  }

  Location loc = op.getLoc();
  SmallVector<OpFoldResult> sizes;
  SmallVector<ReassociationIndices> groups(inputType.getRank());
  unsigned group = 0;
  for (auto [dim, inputDim] : llvm::enumerate(source)) {
    if (inputDim) {
      group = *inputDim;
      sizes.push_back(tensor::getMixedSize(rewriter, loc, input, group));
    } else {
      sizes.push_back(rewriter.getIndexAttr(1));
    }
    if (!groups.empty())
      groups[group].push_back(dim);
  }
  Value mask = tensor::ExpandShapeOp::create(
      rewriter, loc, inputType.clone(*shape), input, groups, sizes);
  rewriter.modifyOpInPlace(op, [&] { op.getMaskMutable().assign(mask); });
  return success();
}

namespace {
/// Reads the operand of a `linalg.broadcast` in place of its result:
///
///   %m = linalg.broadcast ins(%x : tensor<16x128xf16>) outs(...)
///          dimensions = [0]            // tensor<2x16x128xf16>
///
/// becomes the mask `tensor.expand_shape %x`, tensor<1x16x128xf16>.
struct FoldMaskBroadcast : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    auto broadcast = op.getMask()
                         ? op.getMask().getDefiningOp<linalg::BroadcastOp>()
                         : linalg::BroadcastOp();
    if (!broadcast)
      return rewriter.notifyMatchFailure(op, "mask is not a linalg.broadcast");
    BroadcastSource source(op.getMaskType().getRank());
    unsigned inputDim = 0;
    for (unsigned dim = 0, e = source.size(); dim < e; ++dim)
      if (!llvm::is_contained(broadcast.getDimensions(), dim))
        source[dim] = inputDim++;
    return replaceMask(op, broadcast.getInput(), source, rewriter);
  }
};

} // namespace

std::optional<BroadcastSource>
mfa::getBroadcastSource(MaskedAttentionOp op, AffineMap map,
                        RankedTensorType inputType) {
  BroadcastSource source(op.getMaskType().getRank());
  bool hasUnitDim = false;
  int64_t previous = -1;
  for (auto [inputDim, expr] : llvm::enumerate(map.getResults())) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      // In order, that is without a transposition.
      if (dim.getPosition() <= previous)
        return std::nullopt;
      previous = dim.getPosition();
      source[previous] = inputDim;
      continue;
    }
    auto constant = dyn_cast<AffineConstantExpr>(expr);
    if (!constant || constant.getValue() != 0 ||
        inputType.getDimSize(inputDim) != 1)
      return std::nullopt;
    hasUnitDim = true;
  }
  // With sizes of 1 in the input, only a map that keeps every place.
  if (hasUnitDim)
    for (auto [inputDim, expr] : llvm::enumerate(map.getResults()))
      if (inputType.getRank() != op.getMaskType().getRank() ||
          (isa<AffineDimExpr>(expr) && source[inputDim] != inputDim))
        return std::nullopt;
  return source;
}

namespace {
/// The same for a `linalg.generic` that copies one input. Its input map has
/// the dimensions of the result in order, each at most once, or 0 in their
/// place where the input has size 1:
///
///   (d0, d1, d2) -> (d1, d2)          tensor<16x128xf16>
///   (d0, d1, d2) -> (d0, 0, d2)       tensor<2x1x128xf16>
///
/// A transposition, another size under the 0, or a body that computes stays.
struct FoldMaskGeneric : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    auto generic = op.getMask()
                       ? op.getMask().getDefiningOp<linalg::GenericOp>()
                       : linalg::GenericOp();
    if (!generic)
      return rewriter.notifyMatchFailure(op, "mask is not a linalg.generic");
    if (generic.getNumDpsInputs() != 1 || generic.getNumResults() != 1 ||
        generic.getNumParallelLoops() != generic.getNumLoops())
      return rewriter.notifyMatchFailure(op, "not a map of one input");
    Value yielded = generic.getBody()->getTerminator()->getOperand(0);
    if (yielded != generic.getBody()->getArgument(0))
      return rewriter.notifyMatchFailure(op, "body is not a copy");
    SmallVector<AffineMap> maps = generic.getIndexingMapsArray();
    if (!maps[1].isIdentity())
      return rewriter.notifyMatchFailure(op, "result map is not the identity");
    Value input = generic.getInputs().front();
    auto inputType = dyn_cast<RankedTensorType>(input.getType());
    if (!inputType)
      return rewriter.notifyMatchFailure(op, "input is not a tensor");

    std::optional<BroadcastSource> source =
        getBroadcastSource(op, maps[0], inputType);
    if (!source)
      return rewriter.notifyMatchFailure(op, "input map is not a broadcast");
    return replaceMask(op, input, *source, rewriter);
  }
};

//===----------------------------------------------------------------------===//
// Casts and destinations
//===----------------------------------------------------------------------===//

/// Reads and writes the operand of a `tensor.cast` that only hides sizes. The
/// tensor dialect does so for every op in destination style, but by
/// mlir::clone, which cannot clone an empty region: this pattern comes first.
struct FoldTensorCast : OpRewritePattern<MaskedAttentionOp> {
  FoldTensorCast(MLIRContext *context)
      : OpRewritePattern(context, /*benefit=*/2) {}

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    bool changed = false;
    for (OpOperand &operand : op->getOpOperands()) {
      auto cast = operand.get().getDefiningOp<tensor::CastOp>();
      if (!cast || !tensor::canFoldIntoConsumerOp(cast))
        continue;
      rewriter.modifyOpInPlace(op, [&] { operand.set(cast.getSource()); });
      changed = true;
      if (!op.isDpsInit(&operand))
        continue;
      OpResult result = op.getTiedOpResult(&operand);
      Type type = result.getType();
      rewriter.modifyOpInPlace(
          op, [&] { result.setType(cast.getSource().getType()); });
      rewriter.setInsertionPointAfter(op);
      auto hidden = tensor::CastOp::create(rewriter, op.getLoc(), type, result);
      rewriter.replaceAllUsesExcept(result, hidden, hidden);
    }
    if (!changed)
      return rewriter.notifyMatchFailure(op, "no cast that hides sizes");
    return success();
  }
};

/// Reads and writes the operand of a `memref.cast` that only hides sizes or
/// strides, unless the op would then break a rule that may hold, or have to be
/// checked, at run time.
struct FoldMemRefCast : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (op.hasTensorSemantics())
      return rewriter.notifyMatchFailure(op, "expected buffers");
    bool changed = false;
    for (OpOperand &operand : op->getOpOperands()) {
      auto cast = operand.get().getDefiningOp<memref::CastOp>();
      if (!cast || !memref::CastOp::canFoldIntoConsumerOp(cast) ||
          !mayFold(op, cast))
        continue;
      rewriter.modifyOpInPlace(
          op, [&] { op->replaceUsesOfWith(cast, cast.getSource()); });
      changed = true;
    }
    if (!changed)
      return rewriter.notifyMatchFailure(op, "no cast that may be folded");
    return success();
  }

private:
  static bool mayFold(MaskedAttentionOp op, memref::CastOp cast) {
    auto folded = [&](Value operand) {
      return operand == cast.getResult() ? cast.getSource() : operand;
    };
    if (findSizeConflict(op, folded) || findStorageConflict(op, folded))
      return false;
    return op.getMask() != cast.getResult() ||
           !findHiddenBroadcast(
               op, llvm::cast<ShapedType>(cast.getSource().getType()), folded);
  }
};

/// Casts of tensors that hide sizes are folded into every op in destination
/// style, whatever its rules are, by the pattern above and by the tensor
/// dialect. This pattern comes before that where the sizes make a difference to
/// the op.
///
/// Sizes that conflict make the op undefined, or a failed check, where it is
/// reached: it becomes an assertion that fails, and the results are what is in
/// the destinations.
///
/// A mask size of 1 that the cast hides says that the size of the scores is 1.
/// It is written into the type of query or key, so that the rule stays checked
/// when the mask has become one that broadcasts.
struct ResolveHiddenSizes : OpRewritePattern<MaskedAttentionOp> {
  ResolveHiddenSizes(MLIRContext *context)
      : OpRewritePattern(context, /*benefit=*/3) {}

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasTensorSemantics() ||
        llvm::none_of(op->getOperands(), [](Value operand) {
          return seeThroughCast(operand) != operand;
        }))
      return rewriter.notifyMatchFailure(op, "no cast that hides sizes");
    if (std::optional<std::string> conflict =
            findSizeConflict(op, seeThroughCast)) {
      Value no = arith::ConstantIntOp::create(rewriter, op.getLoc(), 0, 1);
      cf::AssertOp::create(rewriter, op.getLoc(), no,
                           "'" + op.getOperationName().str() + "' op " +
                               *conflict);
      rewriter.replaceOp(
          op, llvm::map_to_vector(op.getDpsInitsMutable(),
                                  [](OpOperand &init) { return init.get(); }));
      return success();
    }
    if (!op.getMask())
      return rewriter.notifyMatchFailure(op, "sizes agree");
    auto mask = cast<ShapedType>(seeThroughCast(op.getMask()).getType());
    std::optional<ScoreDim> dim = findHiddenBroadcast(op, mask, seeThroughCast);
    if (!dim)
      return rewriter.notifyMatchFailure(op, "sizes agree");
    OpOperand &operand =
        *dim == ScoreDim::Key ? op.getKeyMutable() : op.getQueryMutable();
    unsigned position = op.getSizeUses(getSharedSize(*dim)).front().dim;
    Value array = seeThroughCast(operand.get());
    auto type = cast<RankedTensorType>(array.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape[position] = 1;
    Value refined =
        tensor::CastOp::create(rewriter, op.getLoc(), type.clone(shape), array);
    rewriter.modifyOpInPlace(op, [&] { operand.set(refined); });
    return success();
  }

private:
  static Value seeThroughCast(Value operand) {
    auto cast = operand.getDefiningOp<tensor::CastOp>();
    return cast && tensor::canFoldIntoConsumerOp(cast) ? cast.getSource()
                                                       : operand;
  }
};

/// What is in a destination before the op is never read, so what computes it
/// need not run: the destination of another op in destination style is used
/// directly, and a value made from nothing becomes `tensor.empty`.
struct DropDestinationContent : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.hasTensorSemantics())
      return rewriter.notifyMatchFailure(op, "buffers stay");
    bool changed = false;
    for (OpOperand &init : op.getDpsInitsMutable()) {
      Value bare = getBareDestination(init.get(), rewriter);
      if (!bare)
        continue;
      rewriter.modifyOpInPlace(op, [&] { init.set(bare); });
      changed = true;
    }
    if (!changed)
      return rewriter.notifyMatchFailure(op, "destinations have no content");
    return success();
  }

private:
  static Value getBareDestination(Value init, PatternRewriter &rewriter) {
    Operation *producer = init.getDefiningOp();
    if (auto dpsOp = dyn_cast_or_null<DestinationStyleOpInterface>(producer))
      return dpsOp.getTiedOpOperand(cast<OpResult>(init))->get();
    if (!isa_and_nonnull<arith::ConstantOp, tensor::FromElementsOp,
                         tensor::GenerateOp, tensor::SplatOp>(producer))
      return {};
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, init.getLoc(), init);
    auto type = cast<RankedTensorType>(init.getType());
    return tensor::EmptyOp::create(rewriter, init.getLoc(), sizes,
                                   type.getElementType());
  }
};

/// Does not compute a log-sum-exp that nobody reads.
struct DropUnusedLse : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getLse() || !op.hasTensorSemantics() ||
        !op.getResult(1).use_empty())
      return rewriter.notifyMatchFailure(op, "lse is absent or used");
    auto newOp = MaskedAttentionOp::create(
        rewriter, op.getLoc(), op.getResult(0).getType(), op.getQuery(),
        op.getKey(), op.getValue(), op.getMask(), op.getScale(), op.getSinks(),
        op.getCaptures(), op.getOutput(), /*lse=*/Value(),
        op.getScheduleAttr());
    rewriter.inlineRegionBefore(op.getScore(), newOp.getScore(),
                                newOp.getScore().end());
    rewriter.inlineRegionBefore(op.getKeep(), newOp.getKeep(),
                                newOp.getKeep().end());
    newOp->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.replaceAllUsesWith(op.getResult(0), newOp.getResult(0));
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void MaskedAttentionOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                                    MLIRContext *context) {
  patterns.add<DropDestinationContent, DropNeutralMask, DropUnusedLse,
               FoldMaskBroadcast, FoldMaskGeneric, FoldMemRefCast,
               FoldTensorCast, ResolveHiddenSizes>(context);
  populateComputedMaskPatterns(patterns);
  populateLookupMaskPatterns(patterns);
  populateRegionCanonicalizationPatterns(patterns);
  populateSplitMaskPatterns(patterns);
}
