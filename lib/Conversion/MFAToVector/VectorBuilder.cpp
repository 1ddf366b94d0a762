//===- VectorBuilder.cpp - Loops and vectors in few words -----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorBuilder.h"

using namespace mlir;
using namespace mlir::mfa;

Value VectorBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

Value VectorBuilder::f32(float value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}

Value VectorBuilder::splat(Value scalar, int64_t perLane) {
  return vector::BroadcastOp::create(*this, vectorOf(scalar.getType(), perLane),
                                     scalar);
}

Value VectorBuilder::zero(VectorType type) {
  return arith::ConstantOp::create(*this, getZeroAttr(type));
}

static bool isFloat(Value value) {
  return isa<FloatType>(getElementTypeOrSelf(value));
}

Value VectorBuilder::add(Value lhs, Value rhs) {
  return isFloat(lhs) ? createOrFold<arith::AddFOp>(lhs, rhs)
                      : createOrFold<arith::AddIOp>(lhs, rhs);
}

Value VectorBuilder::subtract(Value lhs, Value rhs) {
  return isFloat(lhs) ? createOrFold<arith::SubFOp>(lhs, rhs)
                      : createOrFold<arith::SubIOp>(lhs, rhs);
}

Value VectorBuilder::multiply(Value lhs, Value rhs) {
  return isFloat(lhs) ? createOrFold<arith::MulFOp>(lhs, rhs)
                      : createOrFold<arith::MulIOp>(lhs, rhs);
}

Value VectorBuilder::least(Value lhs, Value rhs) {
  return createOrFold<arith::MinSIOp>(lhs, rhs);
}

Value VectorBuilder::ceilDiv(Value lhs, int64_t rhs) {
  return createOrFold<arith::CeilDivUIOp>(lhs, index(rhs));
}

Value VectorBuilder::larger(Value lhs, Value rhs) {
  // In this form it is one instruction, where that of maximumf is several.
  Value isLarger =
      arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, lhs, rhs);
  return arith::SelectOp::create(*this, isLarger, lhs, rhs);
}

Value VectorBuilder::fma(Value lhs, Value rhs, Value sum) {
  return vector::FMAOp::create(*this, lhs, rhs, sum);
}

Value VectorBuilder::sumOf(Value vector) {
  return vector::ReductionOp::create(*this, vector::CombiningKind::ADD, vector,
                                     arith::FastMathFlags::reassoc);
}

Value VectorBuilder::largestOf(Value vector) {
  int64_t size = cast<VectorType>(vector.getType()).getNumElements();
  for (; size > 1; size /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < size / 2; ++i) {
      low.push_back(i);
      high.push_back(size / 2 + i);
    }
    auto half = [&](ArrayRef<int64_t> lanes) -> Value {
      return vector::ShuffleOp::create(*this, vector, vector, lanes);
    };
    vector = larger(half(low), half(high));
  }
  return vector::ExtractOp::create(*this, vector, 0);
}

Value VectorBuilder::scratch(ArrayRef<int64_t> shape, Type element) {
  constexpr int64_t cacheLine = 64;
  return memref::AllocaOp::create(*this, MemRefType::get(shape, element),
                                  getI64IntegerAttr(cacheLine));
}

Value VectorBuilder::load(VectorType type, Value array, ValueRange indices) {
  return vector::LoadOp::create(*this, type, array, indices);
}

void VectorBuilder::store(Value vector, Value array, ValueRange indices) {
  vector::StoreOp::create(*this, vector, array, indices);
}

void VectorBuilder::forEach(Value first, Value end, int64_t step,
                            function_ref<void(Value)> body) {
  forEach(first, end, step, {}, [&](Value number, ValueRange) {
    body(number);
    return SmallVector<Value>();
  });
}

SmallVector<Value> VectorBuilder::forEach(
    Value first, Value end, int64_t step, ValueRange state,
    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(*this, first, end, index(step), state);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!state.empty())
    scf::YieldOp::create(*this, next);
  return loop.getResults();
}

void VectorBuilder::ifElse(Value condition, function_ref<void()> then,
                           function_ref<void()> otherwise) {
  auto op = scf::IfOp::create(*this, condition,
                              /*withElseRegion=*/static_cast<bool>(otherwise));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  then();
  if (!otherwise)
    return;
  setInsertionPointToStart(op.elseBlock());
  otherwise();
}

Value VectorBuilder::choose(Value condition, function_ref<Value()> then,
                            function_ref<Value()> otherwise, Type type) {
  auto op = scf::IfOp::create(*this, type, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  scf::YieldOp::create(*this, then());
  setInsertionPointToStart(op.elseBlock());
  scf::YieldOp::create(*this, otherwise());
  return op.getResult(0);
}

Value mfa::roundTo(VectorBuilder &b, Type element, Value vector) {
  if (getElementTypeOrSelf(vector) == element)
    return vector;
  auto type = dyn_cast<VectorType>(vector.getType());
  return arith::TruncFOp::create(b, type ? type.clone(element) : element,
                                 vector);
}

Value mfa::extendToF32(VectorBuilder &b, Value value) {
  Type f32 = b.getF32Type();
  if (getElementTypeOrSelf(value) == f32)
    return value;
  auto type = dyn_cast<VectorType>(value.getType());
  return arith::ExtFOp::create(b, type ? Type(type.clone(f32)) : f32, value);
}
