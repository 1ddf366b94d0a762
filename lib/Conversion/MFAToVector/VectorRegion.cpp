//===- VectorRegion.cpp - Regions for several keys at once ----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorRegion.h"
#include "VectorMath.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

using namespace mlir;
using namespace mlir::mfa;

Value mfa::keepLanes(VectorBuilder &b, const KeyLanes &lanes, Value vector,
                     Value rest) {
  if (!lanes.count)
    return vector;
  return arith::SelectOp::create(b, createLaneMask(b, lanes), vector, rest);
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

void VectorRegion::setResults(Operation &op, Lanes::Kind kind,
                              ValueRange results) {
  for (auto [result, value] : llvm::zip_equal(op.getResults(), results))
    values[result] = {kind, value};
}

void VectorRegion::evaluateUniform(Operation &op, Lanes::Kind kind) {
  IRMapping mapping;
  for (Value operand : op.getOperands())
    mapping.map(operand, values.lookup(operand).value);
  setResults(op, kind, b.clone(op, mapping)->getResults());
}

/// Bits of an integer or an index.
static unsigned getWidth(Type type) {
  return type.isIndex() ? IndexType::kInternalStorageBitWidth
                        : type.getIntOrFloatBitWidth();
}

/// Whether the result is consecutive wherever one operand is. Not so where more
/// bits are made: consecutive numbers wrap around, and those with more bits do
/// not.
static bool keepsConsecutive(Operation &op) {
  if (isa<arith::AddIOp, arith::SubIOp, arith::TruncIOp>(op))
    return true;
  return isa<arith::IndexCastOp, arith::IndexCastUIOp>(op) &&
         getWidth(op.getResult(0).getType()) <=
             getWidth(op.getOperand(0).getType());
}

bool VectorRegion::evaluateConsecutive(Operation &op) {
  if (!keepsConsecutive(op))
    return false;
  unsigned numConsecutive = 0;
  for (Value operand : op.getOperands()) {
    Lanes::Kind kind = values.lookup(operand).kind;
    if (kind == Lanes::Any)
      return false;
    numConsecutive += kind == Lanes::Consecutive;
  }
  bool falls = isa<arith::SubIOp>(op) &&
               values.lookup(op.getOperand(1)).kind == Lanes::Consecutive;
  if (numConsecutive != 1 || falls)
    return false;
  evaluateUniform(op, Lanes::Consecutive);
  return true;
}

bool VectorRegion::evaluateLoad(memref::LoadOp op) {
  ValueRange indices = op.getIndices();
  if (indices.empty() ||
      values.lookup(indices.back()).kind != Lanes::Consecutive)
    return false;
  for (Value index : indices.drop_back())
    if (values.lookup(index).kind != Lanes::Uniform)
      return false;
  SmallVector<Value> firsts;
  for (Value index : indices)
    firsts.push_back(values.lookup(index).value);
  Value array = values.lookup(op.getMemRef()).value;
  setResults(*op, Lanes::Any, loadLanes(b, keys, array, firsts));
  return true;
}

/// The op with vectors in the place of numbers.
void VectorRegion::evaluateElements(Operation &op) {
  OperationState state(b.getLoc(), op.getName());
  for (Value operand : op.getOperands())
    state.operands.push_back(toVector(values.lookup(operand)));
  if (isOfScore)
    if (Value result = createVectorFunction(b, op, state.operands))
      return setResults(op, Lanes::Any, result);
  for (Type type : op.getResultTypes())
    state.types.push_back(b.vectorOf(type));
  state.addAttributes(llvm::to_vector(op.getDiscardableAttrs()));
  state.propertiesAttr = op.getPropertiesAsAttribute();
  setResults(op, Lanes::Any, b.create(state)->getResults());
}

void VectorRegion::evaluateEachLane(Operation &op) {
  SmallVector<SmallVector<Value>> elements(op.getNumResults());
  for (int64_t lane = 0; lane < b.lanes; ++lane) {
    IRMapping mapping;
    for (Value operand : op.getOperands()) {
      Lanes lanes = values.lookup(operand);
      Value element = lanes.value;
      if (lanes.kind != Lanes::Uniform)
        element = vector::ExtractOp::create(b, toVector(lanes), lane);
      mapping.map(operand, element);
    }
    Operation *ofLane = b.clone(op, mapping);
    for (auto [all, result] : llvm::zip_equal(elements, ofLane->getResults()))
      all.push_back(result);
  }
  SmallVector<Value> results;
  for (ArrayRef<Value> all : elements)
    results.push_back(vector::FromElementsOp::create(
        b, b.vectorOf(all.front().getType()), all));
  setResults(op, Lanes::Any, results);
}

void VectorRegion::evaluateAssert(Operation &op) {
  auto check = cast<cf::AssertOp>(op);
  Lanes condition = values.lookup(check.getArg());
  Value holds = condition.value;
  if (condition.kind != Lanes::Uniform)
    holds = vector::ReductionOp::create(b, vector::CombiningKind::AND,
                                        toVector(condition));
  // Its message says where it is.
  cf::AssertOp::create(b, op.getLoc(), holds, check.getMsgAttr());
}

void VectorRegion::evaluate(Operation &op) {
  if (isa<cf::AssertOp>(op))
    return evaluateAssert(op);
  bool isUniform = llvm::all_of(op.getOperands(), [&](Value operand) {
    return values.lookup(operand).kind == Lanes::Uniform;
  });
  if (isUniform)
    return evaluateUniform(op, Lanes::Uniform);
  if (evaluateConsecutive(op))
    return;
  if (auto load = dyn_cast<memref::LoadOp>(op); load && evaluateLoad(load))
    return;
  if (OpTrait::hasElementwiseMappableTraits(&op))
    return evaluateElements(op);
  evaluateEachLane(op);
}

Value VectorRegion::evaluate(Region &region, Value score, Value batch,
                             Value head, Value query, ValueRange captures) {
  Block &block = region.front();
  SmallVector<Lanes> arguments;
  isOfScore = static_cast<bool>(score);
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
  for (Operation &op : block.without_terminator())
    evaluate(op);
  return toVector(values.lookup(block.getTerminator()->getOperand(0)));
}
