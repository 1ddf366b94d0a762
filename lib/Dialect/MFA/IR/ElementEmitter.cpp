//===- ElementEmitter.cpp - Elements of tensors in regions ----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementEmitter.h"
#include "CanonicalizationPatterns.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/SmallPtrSet.h"
#include <limits>

using namespace mlir;
using namespace mlir::mfa;

FailureOr<Value> ElementEmitter::emit(Value array,
                                      ArrayRef<ElementIndex> indices) {
  if (TypedAttr value = getSplatValue(array))
    return b ? arith::ConstantOp::create(*b, value).getResult() : Value();
  Operation *producer = array.getDefiningOp();
  if (auto cast = dyn_cast_or_null<tensor::CastOp>(producer))
    return emit(cast.getSource(), indices);
  if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(producer)) {
    FailureOr<SmallVector<ElementIndex>> source =
        getIndicesBefore(expand, indices);
    if (failed(source))
      return failure();
    return emit(expand.getSrc(), *source);
  }
  if (auto broadcast = dyn_cast_or_null<linalg::BroadcastOp>(producer)) {
    SmallVector<ElementIndex> source;
    for (auto [dim, index] : llvm::enumerate(indices))
      if (!llvm::is_contained(broadcast.getDimensions(), dim))
        source.push_back(index);
    return emit(broadcast.getInput(), source);
  }
  if (auto generic = dyn_cast_or_null<linalg::GenericOp>(producer)) {
    if (!isMap(generic))
      return failure();
    Value yielded = generic.getBody()->getTerminator()->getOperand(0);
    return emitInBody(generic, yielded, indices);
  }
  if (auto generate = dyn_cast_or_null<tensor::GenerateOp>(producer))
    return emitGenerate(generate, indices);
  if (producer && OpTrait::hasElementwiseMappableTraits(producer))
    return emitElementwise(producer, indices);
  return read(array, indices);
}

/// An element of an array that stays one. It is not worth while if it is as
/// large as the mask.
FailureOr<Value> ElementEmitter::read(Value array,
                                      ArrayRef<ElementIndex> indices) {
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

ElementIndex ElementEmitter::getZero() {
  return {b ? b->getIndex(0) : Value(), false, false};
}

FailureOr<SmallVector<ElementIndex>>
ElementEmitter::getIndicesBefore(tensor::ExpandShapeOp expand,
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
  return source;
}

bool ElementEmitter::isMap(linalg::GenericOp generic) {
  return generic.getNumResults() == 1 &&
         generic.getNumParallelLoops() == generic.getNumLoops() &&
         generic.getIndexingMapsArray().back().isIdentity() &&
         // What is in the destination.
         generic.getBody()->getArguments().back().use_empty();
}

static bool isZeroIndex(AffineExpr expr) {
  auto constant = dyn_cast<AffineConstantExpr>(expr);
  return constant && constant.getValue() == 0;
}

FailureOr<Value> ElementEmitter::emitInput(linalg::GenericOp generic,
                                           unsigned number,
                                           ArrayRef<ElementIndex> indices) {
  OpOperand *input = generic.getDpsInputOperand(number);
  if (!isa<RankedTensorType>(input->get().getType()))
    return failure();
  SmallVector<ElementIndex> source;
  for (AffineExpr expr : generic.getMatchingIndexingMap(input).getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim && !isZeroIndex(expr))
      return failure();
    source.push_back(dim ? indices[dim.getPosition()] : getZero());
  }
  return emit(input->get(), source);
}

using OpSet = llvm::SmallPtrSet<Operation *, 16>;

/// The ops of `body` that `value` is computed by.
static OpSet getSlice(Block &body, Value value) {
  OpSet slice;
  SmallVector<Value> stack{value};
  while (!stack.empty()) {
    Operation *op = stack.pop_back_val().getDefiningOp();
    if (op && op->getBlock() == &body && slice.insert(op).second)
      llvm::append_range(stack, op->getOperands());
  }
  return slice;
}

FailureOr<Value> ElementEmitter::emitInBody(linalg::GenericOp generic,
                                            Value value,
                                            ArrayRef<ElementIndex> indices) {
  Block &body = *generic.getBody();
  // Only of inputs that the value is made of.
  OpSet slice = getSlice(body, value);
  auto isUsed = [&](BlockArgument argument) {
    return argument == value ||
           llvm::any_of(argument.getUsers(),
                        [&](Operation *user) { return slice.contains(user); });
  };
  IRMapping mapping;
  for (unsigned number : llvm::seq(generic.getNumDpsInputs())) {
    BlockArgument argument = body.getArgument(number);
    if (!isUsed(argument))
      continue;
    FailureOr<Value> element = emitInput(generic, number, indices);
    if (failed(element))
      return failure();
    mapping.map(argument, *element);
  }
  if (failed(emitOps(body, value, indices, mapping)))
    return failure();
  return b ? mapping.lookup(value) : Value();
}

/// The arguments of the body are the indices.
FailureOr<Value> ElementEmitter::emitGenerate(tensor::GenerateOp generate,
                                              ArrayRef<ElementIndex> indices) {
  Block &body = generate.getBody().front();
  IRMapping mapping;
  for (auto [argument, index] : llvm::zip_equal(body.getArguments(), indices))
    mapping.map(argument, index.value);
  usesPositions = true;
  Value yielded = body.getTerminator()->getOperand(0);
  if (failed(emitOps(body, yielded, indices, mapping)))
    return failure();
  return b ? mapping.lookup(yielded) : Value();
}

/// Captures, where there is a builder, a value from outside of a body.
static bool mapOutside(Value value, Block &body, RegionBuilder *b,
                       IRMapping &mapping) {
  if (value.getParentBlock() == &body || mapping.contains(value))
    return true;
  Type type = value.getType();
  if (!type.isIntOrIndexOrFloat() && !isa<RankedTensorType>(type))
    return false;
  if (b)
    mapping.map(value, b->capture(value));
  return true;
}

/// Computes `result`, of whose ops in `body` the operands from there are
/// mapped.
LogicalResult ElementEmitter::emitOps(Block &body, Value result,
                                      ArrayRef<ElementIndex> indices,
                                      IRMapping &mapping) {
  OpSet slice = getSlice(body, result);
  for (Operation &op : body.without_terminator()) {
    if (!slice.contains(&op))
      continue;
    if (auto index = dyn_cast<linalg::IndexOp>(op)) {
      mapping.map(index.getResult(), indices[index.getDim()].value);
      usesPositions = true;
      continue;
    }
    if (!isAllowedInRegions(&op) ||
        !llvm::all_of(op.getOperands(), [&](Value operand) {
          return mapOutside(operand, body, b, mapping);
        }))
      return failure();
    computes = true;
    if (b)
      b->clone(op, mapping);
  }
  return success(mapOutside(result, body, b, mapping));
}

/// An op on whole tensors, as the op on their elements.
FailureOr<Value>
ElementEmitter::emitElementwise(Operation *producer,
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

SmallVector<ElementIndex> mfa::getMaskIndices(MaskedAttentionOp op,
                                              RegionBuilder *b) {
  SmallVector<ElementIndex> indices;
  for (int64_t dim = 0; dim < op.getMaskType().getRank(); ++dim)
    indices.push_back({b ? b->getIndex(0) : Value(), false, false});
  for (ScoreDim dim :
       {ScoreDim::Batch, ScoreDim::Head, ScoreDim::Query, ScoreDim::Key})
    if (std::optional<unsigned> maskDim = op.getMaskDim(dim))
      indices[*maskDim] = {b ? b->getPosition(dim) : Value(),
                           dim == ScoreDim::Query, dim == ScoreDim::Key};
  return indices;
}

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

void mfa::addMaskElement(MaskedAttentionOp op, bool isBoolean,
                         function_ref<Value(RegionBuilder &)> emit) {
  if (isBoolean && op.getScore().empty())
    return addKeep(op, [&](RegionBuilder &b) { return emit(b); });
  addInFront(op, [&](RegionBuilder &b, Value score) -> Value {
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
  });
}
