//===- BuildAttention.cpp - The op in place of what was matched -----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Attention.h"
#include "EmitElements.h"
#include "Layouts.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

namespace {
class AttentionBuilder {
public:
  AttentionBuilder(Elements &elements, const Attention &attention,
                   const RaiseOptions &options)
      : elements(elements), space(elements.getSpace()), attention(attention),
        roles(attention.roles), options(options),
        b(attention.product->getLoc(), attention.product) {}

  Operation *build();

private:
  Value buildMask();
  Value buildSinks();
  Value buildScale(Value query);
  Value buildFactor(Node *factor);
  Value buildEmpty(Value query, Value value);
  /// The log-sum-exp is what tells rows without keys.
  Value buildEmptyLse(Value query);
  void addScores(MaskedAttentionOp op);
  Value buildStep(RegionBuilder &region, ElementEmitter &emitter,
                  const ScoreStep &step, Value score);
  void addRules(MaskedAttentionOp op);
  Value replaceRows(MaskedAttentionOp op, double of, double number);
  void replaceResult(Value output);

  Elements &elements;
  AxisSpace &space;
  const Attention &attention;
  const Roles &roles;
  const RaiseOptions &options;
  ImplicitLocOpBuilder b;
};
} // namespace

Value AttentionBuilder::buildMask() {
  const std::optional<Operand> &mask = attention.scores.mask;
  if (!mask)
    return {};
  Layout layout;
  for (const AxisList *role :
       {&roles.batch, &roles.heads, &roles.queries, &roles.keys}) {
    bool isPresent =
        !role->empty() && llvm::any_of(mask->layout, [&](const AxisList &axes) {
          return llvm::is_contained(axes, role->front());
        });
    layout.push_back(isPresent ? *role : AxisList());
  }
  return changeLayout(b, *mask, layout, space);
}

/// Null where there are none.
Value AttentionBuilder::buildSinks() {
  const Scores &scores = attention.scores;
  Type f32 = b.getF32Type();
  if (auto number = dyn_cast_or_null<FloatAttr>(scores.sink)) {
    auto type = RankedTensorType::get({space.getSize(roles.heads)}, f32);
    auto value = static_cast<float>(number.getValueAsDouble());
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, value));
  }
  if (!scores.sinks)
    return {};
  Value sinks = changeLayout(b, *scores.sinks, {roles.heads}, space);
  if (getElementTypeOrSelf(sinks) == f32)
    return sinks;
  Value empty = tensor::EmptyOp::create(
      b, tensor::getMixedSizes(b, b.getLoc(), sinks), f32);
  AffineMap all = b.getMultiDimIdentityMap(1);
  return linalg::GenericOp::create(
             b, empty.getType(), sinks, empty, ArrayRef<AffineMap>{all, all},
             utils::IteratorType::parallel,
             [&](OpBuilder &nested, Location loc, ValueRange arguments) {
               Value wide =
                   arith::ExtFOp::create(nested, loc, f32, arguments[0]);
               linalg::YieldOp::create(nested, loc, wide);
             })
      .getResult(0);
}

/// A number that all scores are multiplied with, as an f32.
Value AttentionBuilder::buildFactor(Node *factor) {
  factor = elements.resolve(factor);
  if (factor->is<arith::ExtFOp>() || factor->is<arith::TruncFOp>())
    return buildFactor(factor->operands[0]);
  Value value = factor->value;
  if (factor->isElement()) {
    SmallVector<Value> indices;
    for (const Index &index : factor->indices)
      indices.push_back(arith::ConstantIndexOp::create(b, index.offset));
    value = tensor::ExtractOp::create(b, value, indices);
  }
  auto type = cast<FloatType>(value.getType());
  if (type.getWidth() < 32)
    return arith::ExtFOp::create(b, b.getF32Type(), value);
  if (type.getWidth() > 32)
    return arith::TruncFOp::create(b, b.getF32Type(), value);
  return value;
}

/// Null for the op's own scale, 1/sqrt(D).
Value AttentionBuilder::buildScale(Value query) {
  const Scores &scores = attention.scores;
  auto scale = static_cast<float>(scores.scale);
  int64_t headDim =
      cast<ShapedType>(query.getType()).getDimSize(MaskedAttentionOp::kDim);
  auto own = static_cast<float>(1 / std::sqrt(static_cast<double>(headDim)));
  if (scores.scaleFactors.empty() && scale == own)
    return {};
  Value product;
  if (scores.scaleFactors.empty() || scale != 1)
    product = arith::ConstantOp::create(b, b.getF32FloatAttr(scale));
  for (Node *node : scores.scaleFactors) {
    Value factor = buildFactor(node);
    product = product ? arith::MulFOp::create(b, product, factor).getResult()
                      : factor;
  }
  return product;
}

Value AttentionBuilder::buildEmpty(Value query, Value value) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), query);
  sizes[MaskedAttentionOp::kDim] =
      tensor::getMixedSize(b, b.getLoc(), value, MaskedAttentionOp::kDim);
  return tensor::EmptyOp::create(b, sizes, attention.elementType);
}

Value AttentionBuilder::buildEmptyLse(Value query) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), query);
  return tensor::EmptyOp::create(
      b,
      ArrayRef<OpFoldResult>{sizes[MaskedAttentionOp::kBatch],
                             sizes[MaskedAttentionOp::kHead],
                             sizes[MaskedAttentionOp::kSequence]},
      b.getF32Type());
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

Value AttentionBuilder::buildStep(RegionBuilder &region,
                                  ElementEmitter &emitter,
                                  const ScoreStep &step, Value score) {
  switch (step.kind) {
  case ScoreStep::Add:
    return arith::AddFOp::create(region, score, emitter.emitFloat(step.node));
  case ScoreStep::Function:
    return emitter.emitFunction(step.node, step.hole, score);
  case ScoreStep::Exclude: {
    Value kept = emitter.emit(step.node);
    auto number = cast<FloatAttr>(step.fill);
    Value fill = emitter.emitConstant(
        region.getF32FloatAttr(static_cast<float>(number.getValueAsDouble())));
    if (step.replaces)
      return arith::SelectOp::create(region, kept, score, fill);
    Value zero = emitter.emitConstant(region.getF32FloatAttr(0));
    Value addend = arith::SelectOp::create(region, kept, zero, fill);
    return arith::AddFOp::create(region, score, addend);
  }
  }
  llvm_unreachable("a kind of step");
}

void AttentionBuilder::addScores(MaskedAttentionOp op) {
  const Scores &scores = attention.scores;
  if (scores.steps.empty() && !scores.whole && scores.factor == 1)
    return;
  addScore(op, [&](RegionBuilder &region, Value score) -> Value {
    ElementEmitter emitter(region, space, roles);
    if (scores.whole) {
      emitter.set(scores.product, score);
      score = emitter.emitFloat(scores.whole);
    }
    for (const ScoreStep &step : scores.steps)
      score = buildStep(region, emitter, step, score);
    if (scores.factor == 1)
      return score;
    Value factor = arith::ConstantOp::create(
        region, region.getF32FloatAttr(static_cast<float>(scores.factor)));
    return arith::MulFOp::create(region, score, factor);
  });
}

void AttentionBuilder::addRules(MaskedAttentionOp op) {
  if (attention.scores.keep.empty())
    return;
  addKeep(op, [&](RegionBuilder &region) -> Value {
    ElementEmitter emitter(region, space, roles);
    Value kept;
    for (Node *rule : attention.scores.keep) {
      Value truth = emitter.emit(rule);
      kept =
          kept ? arith::AndIOp::create(region, kept, truth).getResult() : truth;
    }
    return kept;
  });
}

//===----------------------------------------------------------------------===//
// The result
//===----------------------------------------------------------------------===//

/// The output with `number` in rows whose lse is `of`, or with NaN where that
/// is NaN.
Value AttentionBuilder::replaceRows(MaskedAttentionOp op, double of,
                                    double number) {
  Value output = op.getResult(0), lse = op.getResult(1);
  auto type = cast<RankedTensorType>(output.getType());
  MLIRContext *context = b.getContext();
  AffineMap all = b.getMultiDimIdentityMap(type.getRank());
  AffineMap rows =
      AffineMap::get(type.getRank(), 0,
                     {b.getAffineDimExpr(MaskedAttentionOp::kBatch),
                      b.getAffineDimExpr(MaskedAttentionOp::kHead),
                      b.getAffineDimExpr(MaskedAttentionOp::kSequence)},
                     context);
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  Value empty = tensor::EmptyOp::create(
      b, tensor::getMixedSizes(b, b.getLoc(), output), type.getElementType());
  auto generic = linalg::GenericOp::create(
      b, type, ValueRange{output, lse}, ValueRange{empty},
      ArrayRef<AffineMap>{all, rows, all}, loops,
      [&](OpBuilder &nested, Location loc, ValueRange arguments) {
        ImplicitLocOpBuilder body(loc, nested);
        auto constant = [&](Type type, double value) -> Value {
          return arith::ConstantOp::create(body, FloatAttr::get(type, value));
        };
        Value found = arith::CmpFOp::create(
            body,
            std::isnan(of) ? arith::CmpFPredicate::UNO
                           : arith::CmpFPredicate::OEQ,
            arguments[1],
            std::isnan(of) ? arguments[1] : constant(body.getF32Type(), of));
        Value replacement = constant(type.getElementType(), number);
        Value chosen =
            arith::SelectOp::create(body, found, replacement, arguments[0]);
        linalg::YieldOp::create(body, chosen);
      });
  return generic.getResult(0);
}

void AttentionBuilder::replaceResult(Value output) {
  const Operand &result = attention.result;
  Value changed =
      changeLayout(b, {output, roles.getOutputLayout()}, result.layout, space);
  if (changed.getType() != result.array.getType())
    changed = tensor::CastOp::create(b, result.array.getType(), changed);
  Value replaced = result.array;
  replaced.replaceAllUsesWith(changed);
}

Operation *AttentionBuilder::build() {
  // In front of the op whose result is replaced, which may be a view behind the
  // product.
  b.setInsertionPoint(attention.result.array.getDefiningOp());
  Value query = changeLayout(b, attention.query, roles.getQueryLayout(), space);
  Value key = changeLayout(b, attention.key, roles.getKeyLayout(), space);
  Value value = changeLayout(b, attention.value, roles.getValueLayout(), space);
  Value mask = buildMask();
  Value scale = buildScale(query);
  Value sinks = buildSinks();
  // The program divides 0 by 0 in rows without keys, which have an lse of -inf.
  bool restoresNaN = attention.scores.mayLoseRows && !options.zeroesRows;
  bool zeroesNaN = attention.softmax.zeroesNaN;
  Value output = buildEmpty(query, value);
  Value lse = restoresNaN || zeroesNaN ? buildEmptyLse(query) : Value();
  auto op =
      MaskedAttentionOp::create(b, query, key, value, mask, scale, output, lse);
  if (sinks)
    op.getSinksMutable().assign(sinks);
  addScores(op);
  addRules(op);
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  if (restoresNaN)
    replaceResult(replaceRows(op, kMinusInfinity, kNaN));
  else if (zeroesNaN)
    replaceResult(replaceRows(op, kNaN, 0));
  else
    replaceResult(op.getResult(0));
  return op;
}

Operation *raising::buildAttention(Elements &elements,
                                   const Attention &attention,
                                   const RaiseOptions &options) {
  return AttentionBuilder(elements, attention, options).build();
}
