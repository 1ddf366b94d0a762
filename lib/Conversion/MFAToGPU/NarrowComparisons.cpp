//===- NarrowComparisons.cpp - Comparisons in 32 bits ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NarrowComparisons.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <limits>

using namespace mlir;
using namespace mlir::mfa;

static constexpr int64_t kLeast = std::numeric_limits<int32_t>::min(),
                         kMost = std::numeric_limits<int32_t>::max();

NarrowComparisons::NarrowComparisons(OpBuilder &b, IRMapping &mapping,
                                     ValueRange positions, Value innermost)
    : b(b), mapping(mapping), positions(positions) {
  getForwardSlice(innermost, &ofInnermost);
}

ConstantIntRanges NarrowComparisons::getRange(Value value) {
  if (auto known = ranges.find(value); known != ranges.end())
    return known->second;
  unsigned width = ConstantIntRanges::getStorageBitwidth(value.getType());
  ConstantIntRanges range = ConstantIntRanges::maxRange(width);
  if (llvm::is_contained(positions, value)) {
    range =
        ConstantIntRanges::fromSigned(APInt(width, 0), APInt(width, kMost - 1));
  } else if (auto op = value.getDefiningOp<InferIntRangeInterface>()) {
    SmallVector<ConstantIntRanges> ofOperands;
    for (Value operand : op->getOperands())
      ofOperands.push_back(getRange(operand));
    op.inferResultRanges(ofOperands,
                         [&](Value result, const ConstantIntRanges &found) {
                           if (result == value)
                             range = found;
                         });
  }
  ranges.try_emplace(value, range);
  return range;
}

bool NarrowComparisons::isNarrow(Value value) {
  if (!value.getType().isIndex())
    return false;
  ConstantIntRanges range = getRange(value);
  return range.smin().sgt(kLeast) && range.smax().slt(kMost);
}

bool NarrowComparisons::isNarrowOp(Operation *op) {
  if (!llvm::all_of(op->getOperands(), [&](Value x) { return isNarrow(x); }))
    return false;
  if (isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivSIOp,
          arith::FloorDivSIOp, arith::CeilDivSIOp, arith::RemSIOp,
          arith::MaxSIOp, arith::MinSIOp, arith::AndIOp, arith::OrIOp,
          arith::XOrIOp>(op))
    return true;
  // More than 31 places are too many.
  if (isa<arith::ShLIOp, arith::ShRSIOp>(op)) {
    ConstantIntRanges places = getRange(op->getOperand(1));
    return places.smin().sge(0) && places.smax().slt(32);
  }
  // What is negative is a large number to the others.
  return isa<arith::DivUIOp, arith::RemUIOp, arith::CeilDivUIOp, arith::MaxUIOp,
             arith::MinUIOp>(op) &&
         llvm::all_of(op->getOperands(),
                      [&](Value x) { return getRange(x).smin().sge(0); });
}

StringAttr NarrowComparisons::getNarrowName(Operation *op) {
  StringRef name = op->getName().getStringRef();
  if (llvm::all_of(op->getOperands(),
                   [&](Value x) { return getRange(x).smin().sge(0); }))
    name = llvm::TypeSwitch<Operation *, StringRef>(op)
               .Case<arith::DivSIOp, arith::FloorDivSIOp>(
                   [](auto) { return arith::DivUIOp::getOperationName(); })
               .Case([](arith::RemSIOp) {
                 return arith::RemUIOp::getOperationName();
               })
               .Case([](arith::ShRSIOp) {
                 return arith::ShRUIOp::getOperationName();
               })
               .Default(name);
  return b.getStringAttr(name);
}

Value NarrowComparisons::cloneNarrow(Value value) {
  if (Value known = narrow.lookupOrNull(value))
    return known;
  Type i32 = b.getI32Type();
  Operation *op = value.getDefiningOp();
  Value result;
  APInt constant;
  if (op && matchPattern(value, m_ConstantInt(&constant))) {
    result = arith::ConstantIntOp::create(b, op->getLoc(), i32,
                                          constant.getSExtValue());
  } else if (auto cast = dyn_cast_or_null<arith::IndexCastOp>(op);
             cast && cast.getIn().getType().isInteger(32)) {
    result = clone(cast.getIn());
  } else if (op && isNarrowOp(op)) {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(cloneNarrow(operand));
    // Without what was known of overflows in 64 bits.
    result = b.create(op->getLoc(), getNarrowName(op), operands, TypeRange(i32))
                 ->getResult(0);
  } else {
    Value whole = clone(value);
    result = arith::IndexCastOp::create(b, whole.getLoc(), i32, whole);
  }
  narrow.map(value, result);
  return result;
}

Value NarrowComparisons::cloneClamped(Value value) {
  Value whole = clone(value);
  Location loc = whole.getLoc();
  auto limit = [&](int64_t number) -> Value {
    return arith::ConstantIndexOp::create(b, loc, number);
  };
  Value clamped = arith::MaxSIOp::create(
      b, loc, arith::MinSIOp::create(b, loc, whole, limit(kMost)),
      limit(kLeast));
  return arith::IndexCastOp::create(b, loc, b.getI32Type(), clamped);
}

Value NarrowComparisons::cloneComparison(Operation *op) {
  auto compare = dyn_cast<arith::CmpIOp>(op);
  if (!compare || !compare.getLhs().getType().isIndex())
    return {};
  bool isSigned = compare.getPredicate() <= arith::CmpIPredicate::sge;
  auto mayClamp = [&](Value value) {
    return isSigned && !ofInnermost.contains(value.getDefiningOp());
  };
  Value lhs = compare.getLhs(), rhs = compare.getRhs();
  bool isLhsNarrow = isNarrow(lhs), isRhsNarrow = isNarrow(rhs);
  if ((!isLhsNarrow && (!isRhsNarrow || !mayClamp(lhs))) ||
      (!isRhsNarrow && (!isLhsNarrow || !mayClamp(rhs))))
    return {};
  // In 32 bits a negative number is above all others to an unsigned comparison,
  // as in 64, and so are the smaller of two negative ones below the other.
  Value left = isLhsNarrow ? cloneNarrow(lhs) : cloneClamped(lhs);
  Value right = isRhsNarrow ? cloneNarrow(rhs) : cloneClamped(rhs);
  return arith::CmpIOp::create(b, op->getLoc(), compare.getPredicate(), left,
                               right);
}

Value NarrowComparisons::clone(Value value) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  assert(op && "all arguments of the region are mapped");
  if (Value compared = cloneComparison(op)) {
    mapping.map(value, compared);
    return compared;
  }
  for (Value operand : op->getOperands())
    clone(operand);
  b.clone(*op, mapping);
  return mapping.lookup(value);
}
