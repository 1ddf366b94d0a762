//===- SplitMasks.cpp - Masks of a computed part and an array -------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mask that is made of an array and of what is computed from positions is
// the array as the mask, and the rest as a region:
//
//   %c = linalg.generic { k <= q ? 0 : -inf }
//   %m = arith.addf %bias, %c              mask(%bias)
//   mfa.masked_attention ... mask(%m)  ->  score { s + (k <= q ? 0 : -inf) }
//
//   %m = arith.andi %pairs, %causal        mask(%pairs)
//   mfa.masked_attention ... mask(%m)  ->  keep { k <= q }
//
// The results are the same: a mask of i1 is a sum of 0 or -inf, and sums with
// such are not rounded. So other sums stay as they are, since s + (a + b) and
// (s + a) + b are rounded differently. A selection, `c ? a : -inf`, stays too:
// it hides what is NaN or +inf in `a`, which a sum does not.
//
//===----------------------------------------------------------------------===//

#include "CanonicalizationPatterns.h"
#include "ElementEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::mfa;

/// Whether a number, or each element of a tensor, is 0 or -inf for certain.
static bool isExclusion(Value value) {
  if (isa<RankedTensorType>(value.getType()))
    if (auto number = dyn_cast_or_null<FloatAttr>(getSplatValue(value)))
      return number.getValue().isZero() || number.getValue().isNegInfinity();
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto generic =
        dyn_cast<linalg::GenericOp>(argument.getOwner()->getParentOp());
    return generic && argument.getArgNumber() < generic.getNumDpsInputs() &&
           isExclusion(
               generic.getDpsInputOperand(argument.getArgNumber())->get());
  }
  Operation *op = value.getDefiningOp();
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto number = dyn_cast<FloatAttr>(constant.getValue());
    return number &&
           (number.getValue().isZero() || number.getValue().isNegInfinity());
  }
  if (auto select = dyn_cast<arith::SelectOp>(op))
    return isExclusion(select.getTrueValue()) &&
           isExclusion(select.getFalseValue());
  if (auto sum = dyn_cast<arith::AddFOp>(op))
    return isExclusion(sum.getLhs()) && isExclusion(sum.getRhs());
  if (isa<arith::ExtFOp, arith::TruncFOp, tensor::CastOp,
          tensor::ExpandShapeOp>(op))
    return isExclusion(op->getOperand(0));
  if (auto broadcast = dyn_cast<linalg::BroadcastOp>(op))
    return isExclusion(broadcast.getInput());
  if (auto generate = dyn_cast<tensor::GenerateOp>(op))
    return isExclusion(
        generate.getBody().front().getTerminator()->getOperand(0));
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    return ElementEmitter::isMap(generic) &&
           isExclusion(generic.getBody()->getTerminator()->getOperand(0));
  return false;
}

/// The two sides of a sum of numbers or a conjunction of conditions.
static std::optional<std::pair<Value, Value>> getSides(Value value) {
  Operation *op = value.getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::AndIOp>(op))
    return std::nullopt;
  return std::pair(op->getOperand(0), op->getOperand(1));
}

namespace {
struct SplitMask : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getMask() || !op.hasTensorSemantics())
      return rewriter.notifyMatchFailure(op, "no mask on tensors");
    Value mask = op.getMask();
    auto expand = mask.getDefiningOp<tensor::ExpandShapeOp>();
    if (expand)
      mask = expand.getSrc();
    if (succeeded(splitTensors(op, mask, expand, rewriter)))
      return success();
    if (auto generic = mask.getDefiningOp<linalg::GenericOp>())
      return splitBody(op, generic, expand, rewriter);
    return rewriter.notifyMatchFailure(op, "mask is not made of two parts");
  }

private:
  /// Computes an element of one part.
  using EmitPart =
      function_ref<FailureOr<Value>(ElementEmitter &, ArrayRef<ElementIndex>)>;

  /// An op on whole arrays.
  static LogicalResult splitTensors(MaskedAttentionOp op, Value mask,
                                    tensor::ExpandShapeOp expand,
                                    PatternRewriter &rewriter) {
    std::optional<std::pair<Value, Value>> sides = getSides(mask);
    if (!sides)
      return failure();
    for (auto [array, computed] :
         {*sides, std::pair(sides->second, sides->first)}) {
      auto emit = [&, computed = computed](ElementEmitter &emitter,
                                           ArrayRef<ElementIndex> indices) {
        return emitter.emit(computed, indices);
      };
      if (!isWorthwhile(op, computed, expand, emit))
        continue;
      addPart(op, expand, emit, rewriter);
      assignMask(op, array, expand, rewriter);
      return success();
    }
    return failure();
  }

  /// The end of the body of a `linalg.generic`, one side of which is an input.
  static LogicalResult splitBody(MaskedAttentionOp op,
                                 linalg::GenericOp generic,
                                 tensor::ExpandShapeOp expand,
                                 PatternRewriter &rewriter) {
    Block &body = *generic.getBody();
    std::optional<std::pair<Value, Value>> sides =
        getSides(body.getTerminator()->getOperand(0));
    if (!sides || !ElementEmitter::isMap(generic))
      return rewriter.notifyMatchFailure(op, "no map of two parts");
    for (auto [array, computed] :
         {*sides, std::pair(sides->second, sides->first)}) {
      auto argument = dyn_cast<BlockArgument>(array);
      if (!argument || argument.getOwner() != &body)
        continue;
      OpOperand *operand = generic.getDpsInputOperand(argument.getArgNumber());
      Value input = operand->get();
      auto inputType = dyn_cast<RankedTensorType>(input.getType());
      AffineMap map = generic.getMatchingIndexingMap(operand);
      std::optional<BroadcastSource> source;
      if (!inputType)
        continue;
      if (!expand)
        source = getBroadcastSource(op, map, inputType);
      bool fits = expand ? map.isIdentity() &&
                               inputType == generic.getResult(0).getType()
                         : source && canReplaceMask(op, input, *source);
      auto emit = [&, computed = computed](ElementEmitter &emitter,
                                           ArrayRef<ElementIndex> indices) {
        return emitter.emitInBody(generic, computed, indices);
      };
      if (!fits || !isWorthwhile(op, computed, expand, emit))
        continue;
      addPart(op, expand, emit, rewriter);
      if (expand)
        assignMask(op, input, expand, rewriter);
      else
        (void)replaceMask(op, input, *source, rewriter);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no part is computed exactly");
  }

  static FailureOr<Value> emitPart(MaskedAttentionOp op, RegionBuilder *b,
                                   tensor::ExpandShapeOp expand,
                                   ElementEmitter &emitter, EmitPart emit) {
    SmallVector<ElementIndex> indices = getMaskIndices(op, b);
    if (!expand)
      return emit(emitter, indices);
    FailureOr<SmallVector<ElementIndex>> before =
        emitter.getIndicesBefore(expand, indices);
    if (failed(before))
      return failure();
    return emit(emitter, *before);
  }

  /// Whether the part can be computed from positions in a region, for the same
  /// result.
  static bool isWorthwhile(MaskedAttentionOp op, Value computed,
                           tensor::ExpandShapeOp expand, EmitPart emit) {
    bool isBoolean = op.getMaskType().getElementType().isInteger(1);
    if (!isBoolean && !isExclusion(computed))
      return false;
    ElementEmitter check(nullptr);
    return succeeded(emitPart(op, nullptr, expand, check, emit)) &&
           check.hasUsedPositions();
  }

  static void addPart(MaskedAttentionOp op, tensor::ExpandShapeOp expand,
                      EmitPart emit, PatternRewriter &rewriter) {
    bool isBoolean = op.getMaskType().getElementType().isInteger(1);
    rewriter.modifyOpInPlace(op, [&] {
      addMaskElement(op, isBoolean, [&](RegionBuilder &b) {
        ElementEmitter emitter(&b);
        return *emitPart(op, &b, expand, emitter, emit);
      });
    });
  }

  /// Makes `array`, of the type of what `expand` expands, the mask.
  static void assignMask(MaskedAttentionOp op, Value array,
                         tensor::ExpandShapeOp expand,
                         PatternRewriter &rewriter) {
    if (expand)
      array = tensor::ExpandShapeOp::create(
          rewriter, expand.getLoc(), expand.getResultType(), array,
          expand.getReassociationIndices(), expand.getMixedOutputShape());
    rewriter.modifyOpInPlace(op, [&] { op.getMaskMutable().assign(array); });
  }
};
} // namespace

void mfa::populateSplitMaskPatterns(RewritePatternSet &patterns) {
  patterns.add<SplitMask>(patterns.getContext());
}
