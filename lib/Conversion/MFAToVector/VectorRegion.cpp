//===- VectorRegion.cpp - Regions for several keys at once ----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorRegion.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

using namespace mlir;
using namespace mlir::mfa;

/// Which lanes have a key.
static Value createLaneMask(VectorBuilder &b, const KeyLanes &lanes) {
  return vector::CreateMaskOp::create(b, b.vectorOf(b.getI1Type()),
                                      lanes.count);
}

Value mfa::keepLanes(VectorBuilder &b, const KeyLanes &lanes, Value vector,
                     Value rest) {
  if (!lanes.count)
    return vector;
  return arith::SelectOp::create(b, createLaneMask(b, lanes), vector, rest);
}

Value mfa::loadLanes(VectorBuilder &b, const KeyLanes &lanes, Value array,
                     ValueRange indices) {
  VectorType type =
      b.vectorOf(cast<MemRefType>(array.getType()).getElementType());
  if (!lanes.count)
    return b.load(type, array, indices);
  return vector::MaskedLoadOp::create(b, type, array, indices,
                                      createLaneMask(b, lanes), b.zero(type));
}

Value VectorRegion::toVector(const Lanes &lanes) {
  if (lanes.kind == Lanes::Any)
    return lanes.value;
  Value vector = b.splat(lanes.value);
  if (lanes.kind == Lanes::Uniform)
    return vector;
  Value step = vector::StepOp::create(b, b.vectorOf(b.getIndexType()));
  if (keys.count) {
    // Lanes past the last key do as if they had that.
    Value last = b.subtract(keys.count, b.index(1));
    step = arith::MinSIOp::create(b, step, b.splat(last));
  }
  Type type = vector.getType();
  if (step.getType() != type)
    step = arith::IndexCastOp::create(b, type, step);
  return arith::AddIOp::create(b, vector, step);
}

VectorRegion::Lanes VectorRegion::evaluateUniform(Operation &op) {
  IRMapping mapping;
  for (Value operand : op.getOperands())
    mapping.map(operand, values.lookup(operand).value);
  return {Lanes::Uniform, b.clone(op, mapping)->getResult(0)};
}

std::optional<VectorRegion::Lanes>
VectorRegion::evaluateConsecutive(Operation &op) {
  if (!isa<arith::AddIOp, arith::SubIOp, arith::IndexCastOp,
           arith::IndexCastUIOp, arith::ExtSIOp, arith::ExtUIOp,
           arith::TruncIOp>(op))
    return std::nullopt;
  unsigned numConsecutive = 0;
  for (Value operand : op.getOperands()) {
    Lanes::Kind kind = values.lookup(operand).kind;
    if (kind == Lanes::Any)
      return std::nullopt;
    numConsecutive += kind == Lanes::Consecutive;
  }
  bool falls = isa<arith::SubIOp>(op) &&
               values.lookup(op.getOperand(1)).kind == Lanes::Consecutive;
  if (numConsecutive != 1 || falls)
    return std::nullopt;
  return Lanes{Lanes::Consecutive, evaluateUniform(op).value};
}

std::optional<VectorRegion::Lanes>
VectorRegion::evaluateLoad(memref::LoadOp op) {
  MemRefType type = op.getMemRefType();
  ValueRange indices = op.getIndices();
  // A boolean is a byte, and a vector of them is not.
  if (indices.empty() || type.getElementType().isInteger(1) ||
      !VectorType::isValidElementType(type.getElementType()) ||
      type.getStridesAndOffset().first.back() != 1 ||
      values.lookup(indices.back()).kind != Lanes::Consecutive)
    return std::nullopt;
  for (Value index : indices.drop_back())
    if (values.lookup(index).kind != Lanes::Uniform)
      return std::nullopt;
  SmallVector<Value> firsts;
  for (Value index : indices)
    firsts.push_back(values.lookup(index).value);
  Value array = values.lookup(op.getMemRef()).value;
  return Lanes{Lanes::Any, loadLanes(b, keys, array, firsts)};
}

/// The op with vectors in the place of numbers.
VectorRegion::Lanes VectorRegion::evaluateElements(Operation &op) {
  OperationState state(b.getLoc(), op.getName());
  for (Value operand : op.getOperands())
    state.operands.push_back(toVector(values.lookup(operand)));
  for (Type type : op.getResultTypes())
    state.types.push_back(b.vectorOf(type));
  state.addAttributes(llvm::to_vector(op.getDiscardableAttrs()));
  state.propertiesAttr = op.getPropertiesAsAttribute();
  return {Lanes::Any, b.create(state)->getResult(0)};
}

VectorRegion::Lanes VectorRegion::evaluateEachLane(Operation &op) {
  SmallVector<Value> results;
  for (int64_t lane = 0; lane < b.lanes; ++lane) {
    IRMapping mapping;
    for (Value operand : op.getOperands()) {
      Lanes lanes = values.lookup(operand);
      Value element = lanes.value;
      if (lanes.kind != Lanes::Uniform)
        element = vector::ExtractOp::create(b, toVector(lanes), lane);
      mapping.map(operand, element);
    }
    results.push_back(b.clone(op, mapping)->getResult(0));
  }
  return {Lanes::Any, vector::FromElementsOp::create(
                          b, b.vectorOf(op.getResult(0).getType()), results)};
}

void VectorRegion::evaluateAssert(Operation &op) {
  auto check = cast<cf::AssertOp>(op);
  Lanes condition = values.lookup(check.getArg());
  Value holds = condition.value;
  if (condition.kind != Lanes::Uniform)
    holds = vector::ReductionOp::create(b, vector::CombiningKind::AND,
                                        toVector(condition));
  cf::AssertOp::create(b, holds, check.getMsgAttr());
}

VectorRegion::Lanes VectorRegion::evaluate(Operation &op) {
  bool isUniform = llvm::all_of(op.getOperands(), [&](Value operand) {
    return values.lookup(operand).kind == Lanes::Uniform;
  });
  if (isUniform)
    return evaluateUniform(op);
  if (std::optional<Lanes> lanes = evaluateConsecutive(op))
    return *lanes;
  if (auto load = dyn_cast<memref::LoadOp>(op))
    if (std::optional<Lanes> lanes = evaluateLoad(load))
      return *lanes;
  if (OpTrait::hasElementwiseMappableTraits(&op))
    return evaluateElements(op);
  return evaluateEachLane(op);
}

Value VectorRegion::evaluate(Region &region, Value score, Value batch,
                             Value head, Value query, ValueRange captures) {
  Block &block = region.front();
  SmallVector<Lanes> arguments;
  if (score)
    arguments.push_back({Lanes::Any, score});
  for (Value value : {batch, head, query})
    arguments.push_back({Lanes::Uniform, value});
  arguments.push_back({Lanes::Consecutive, keys.first});
  for (Value capture : captures)
    arguments.push_back({Lanes::Uniform, capture});
  for (auto [parameter, argument] :
       llvm::zip_equal(block.getArguments(), arguments)) {
    // The capture may be known better than the region has it.
    if (isa<MemRefType>(parameter.getType()) &&
        argument.value.getType() != parameter.getType())
      argument.value =
          memref::CastOp::create(b, parameter.getType(), argument.value);
    values[parameter] = argument;
  }
  for (Operation &op : block.without_terminator()) {
    if (isa<cf::AssertOp>(op))
      evaluateAssert(op);
    else
      values[op.getResult(0)] = evaluate(op);
  }
  return toVector(values.lookup(block.getTerminator()->getOperand(0)));
}
