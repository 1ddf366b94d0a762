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
#include "mfa/Dialect/MFA/IR/Rules.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

using namespace mlir;
using namespace mlir::mfa;

namespace {
/// An index into an array, and which positions it is computed from.
struct ElementIndex {
  Value value;
  bool hasQuery = false, hasKey = false;
};

/// Computes an element of a tensor in a region. Without a builder it only says
/// whether it can, and values are null.
class ElementEmitter {
public:
  explicit ElementEmitter(RegionBuilder *b) : b(b) {}

  /// Whether elements are computed from their positions.
  bool hasUsedPositions() const { return usesPositions; }
  /// Whether elements are computed from positions or other elements, not
  /// copied.
  bool hasComputed() const { return usesPositions || computes; }

  FailureOr<Value> emit(Value array, ArrayRef<ElementIndex> indices) {
    if (TypedAttr value = getSplatValue(array))
      return b ? arith::ConstantOp::create(*b, value).getResult() : Value();
    Operation *producer = array.getDefiningOp();
    if (auto cast = dyn_cast_or_null<tensor::CastOp>(producer))
      return emit(cast.getSource(), indices);
    if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(producer))
      return emitExpanded(expand, indices);
    if (auto broadcast = dyn_cast_or_null<linalg::BroadcastOp>(producer)) {
      SmallVector<ElementIndex> source;
      for (auto [dim, index] : llvm::enumerate(indices))
        if (!llvm::is_contained(broadcast.getDimensions(), dim))
          source.push_back(index);
      return emit(broadcast.getInput(), source);
    }
    if (auto generic = dyn_cast_or_null<linalg::GenericOp>(producer))
      return emitGeneric(generic, indices);
    if (auto generate = dyn_cast_or_null<tensor::GenerateOp>(producer))
      return emitBody(generate.getBody().front(), indices, {});
    if (producer && OpTrait::hasElementwiseMappableTraits(producer))
      return emitElementwise(producer, indices);
    return read(array, indices);
  }

private:
  /// An element of an array that stays one. It is not worth while if it is as
  /// large as the mask.
  FailureOr<Value> read(Value array, ArrayRef<ElementIndex> indices) {
    auto has = [&](bool ElementIndex::*member) {
      return llvm::any_of(
          indices, [&](const ElementIndex &index) { return index.*member; });
    };
    if (has(&ElementIndex::hasQuery) && has(&ElementIndex::hasKey))
      return failure();
    if (!isa<RankedTensorType>(array.getType()))
      return failure();
    if (!b)
      return Value();
    SmallVector<Value> values;
    for (const ElementIndex &index : indices)
      values.push_back(index.value);
    return tensor::ExtractOp::create(*b, b->capture(array), values).getResult();
  }

  ElementIndex getZero() {
    return {b ? b->getIndex(0) : Value(), false, false};
  }

  /// Dimensions of size 1 that were added have index 0.
  FailureOr<Value> emitExpanded(tensor::ExpandShapeOp expand,
                                ArrayRef<ElementIndex> indices) {
    ArrayRef<int64_t> shape = expand.getResultType().getShape();
    SmallVector<ElementIndex> source;
    for (const ReassociationIndices &group : expand.getReassociationIndices()) {
      std::optional<ElementIndex> index;
      for (int64_t dim : group) {
        if (shape[dim] == 1)
          continue;
        if (index)
          return failure();
        index = indices[dim];
      }
      source.push_back(index ? *index : getZero());
    }
    return emit(expand.getSrc(), source);
  }

  FailureOr<Value> emitGeneric(linalg::GenericOp generic,
                               ArrayRef<ElementIndex> indices) {
    if (generic.getNumResults() != 1 ||
        generic.getNumParallelLoops() != generic.getNumLoops() ||
        !generic.getIndexingMapsArray().back().isIdentity())
      return failure();
    Block &body = *generic.getBody();
    // What is in the destination.
    if (!body.getArguments().back().use_empty())
      return failure();
    SmallVector<Value> elements;
    for (OpOperand *input : generic.getDpsInputOperands()) {
      if (!isa<RankedTensorType>(input->get().getType()))
        return failure();
      SmallVector<ElementIndex> source;
      for (AffineExpr expr :
           generic.getMatchingIndexingMap(input).getResults()) {
        auto dim = dyn_cast<AffineDimExpr>(expr);
        if (!dim && !isZero(expr))
          return failure();
        source.push_back(dim ? indices[dim.getPosition()] : getZero());
      }
      FailureOr<Value> element = emit(input->get(), source);
      if (failed(element))
        return failure();
      elements.push_back(*element);
    }
    elements.push_back(Value());
    return emitBody(body, indices, elements);
  }

  static bool isZero(AffineExpr expr) {
    auto constant = dyn_cast<AffineConstantExpr>(expr);
    return constant && constant.getValue() == 0;
  }

  /// What `body` yields. Its arguments are `elements`, or, of tensor.generate,
  /// the indices.
  FailureOr<Value> emitBody(Block &body, ArrayRef<ElementIndex> indices,
                            ArrayRef<Value> elements) {
    IRMapping mapping;
    usesPositions |= elements.empty();
    for (auto [number, argument] : llvm::enumerate(body.getArguments()))
      mapping.map(argument,
                  elements.empty() ? indices[number].value : elements[number]);
    for (Operation &op : body.without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(op)) {
        mapping.map(index.getResult(), indices[index.getDim()].value);
        usesPositions = true;
        continue;
      }
      if (!isAllowedInRegions(&op) || !mapOutside(op, body, mapping))
        return failure();
      computes = true;
      if (b)
        b->clone(op, mapping);
    }
    if (!mapOutside(*body.getTerminator(), body, mapping))
      return failure();
    Value yielded = body.getTerminator()->getOperand(0);
    return b ? mapping.lookup(yielded) : Value();
  }

  /// Captures what an op of a body uses of the outside.
  bool mapOutside(Operation &op, Block &body, IRMapping &mapping) {
    for (Value operand : op.getOperands()) {
      if (operand.getParentBlock() == &body || mapping.contains(operand))
        continue;
      Type type = operand.getType();
      if (!type.isIntOrIndexOrFloat() && !isa<RankedTensorType>(type))
        return false;
      if (b)
        mapping.map(operand, b->capture(operand));
    }
    return true;
  }

  /// An op on whole tensors, as the op on their elements.
  FailureOr<Value> emitElementwise(Operation *producer,
                                   ArrayRef<ElementIndex> indices) {
    if (producer->getNumResults() != 1 || producer->getNumRegions() != 0 ||
        !isa_and_nonnull<arith::ArithDialect>(producer->getDialect()))
      return failure();
    computes = true;
    SmallVector<Value> operands;
    for (Value operand : producer->getOperands()) {
      FailureOr<Value> element = isa<RankedTensorType>(operand.getType())
                                     ? emit(operand, indices)
                                     : FailureOr<Value>(failure());
      if (failed(element))
        return failure();
      operands.push_back(*element);
    }
    if (!b)
      return Value();
    Type type = getElementTypeOrSelf(producer->getResult(0));
    return mlir::clone(*b, producer, type, operands)->getResult(0);
  }

  RegionBuilder *b;
  bool usesPositions = false, computes = false;
};

struct FoldComputedMask : OpRewritePattern<MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getMask() || !op.hasTensorSemantics())
      return rewriter.notifyMatchFailure(op, "no mask on tensors");
    ElementEmitter check(nullptr);
    if (failed(check.emit(op.getMask(), getIndices(op, nullptr))))
      return rewriter.notifyMatchFailure(
          op, "mask is not computed from positions and smaller arrays");
    if (!check.hasComputed())
      return rewriter.notifyMatchFailure(op, "mask is a copy");
    if (!check.hasUsedPositions() && (op.isMaskBroadcast(ScoreDim::Query) ||
                                      op.isMaskBroadcast(ScoreDim::Key)))
      return rewriter.notifyMatchFailure(op, "mask is a small array");

    rewriter.startOpModification(op);
    bool isBoolean = op.getMaskType().getElementType().isInteger(1);
    auto emit = [&](RegionBuilder &b) {
      return *ElementEmitter(&b).emit(op.getMask(), getIndices(op, &b));
    };
    if (isBoolean && op.getScore().empty()) {
      addKeep(op, emit);
    } else {
      // In front of the region that there is.
      auto add = [&](RegionBuilder &b, Value score) -> Value {
        Value mask = emit(b);
        if (isBoolean) {
          Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
          Value minusInfinity = arith::ConstantOp::create(
              b, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
          mask = arith::SelectOp::create(b, mask, zero, minusInfinity);
        } else if (!mask.getType().isF32()) {
          mask = arith::ExtFOp::create(b, b.getF32Type(), mask);
        }
        return arith::AddFOp::create(b, score, mask);
      };
      addInFront(op, add);
    }
    op.getMaskMutable().clear();
    rewriter.finalizeOpModification(op);
    return success();
  }

private:
  /// Applies `function` to the score that the region `score` sees.
  static void addInFront(MaskedAttentionOp op, const ScoreFunction &function) {
    if (op.getScore().empty())
      return addScore(op, function);
    RegionBuilder b(op, op.getScore());
    b.setInsertionPointToStart(&op.getScore().front());
    Value score = op.getScore().getArgument(0);
    Value masked = function(b, score);
    score.replaceAllUsesExcept(masked, masked.getDefiningOp());
  }

  /// The indices of the mask at the position of a pair.
  static SmallVector<ElementIndex> getIndices(MaskedAttentionOp op,
                                              RegionBuilder *b) {
    auto zero = [&] {
      return ElementIndex{b ? b->getIndex(0) : Value(), false, false};
    };
    SmallVector<ElementIndex> indices(op.getMaskType().getRank());
    for (ElementIndex &index : indices)
      index = zero();
    auto set = [&](ScoreDim dim, Value position) {
      if (std::optional<unsigned> maskDim = op.getMaskDim(dim))
        indices[*maskDim] = {position, dim == ScoreDim::Query,
                             dim == ScoreDim::Key};
    };
    set(ScoreDim::Batch, b ? b->getBatch() : Value());
    set(ScoreDim::Head, b ? b->getHead() : Value());
    set(ScoreDim::Query, b ? b->getQuery() : Value());
    set(ScoreDim::Key, b ? b->getKey() : Value());
    return indices;
  }
};
} // namespace

void mfa::populateComputedMaskPatterns(RewritePatternSet &patterns) {
  patterns.add<FoldComputedMask>(patterns.getContext());
}
