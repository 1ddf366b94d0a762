//===- KeepRegion.cpp - A region `keep` in a kernel -----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeepRegion.h"
#include "NarrowComparisons.h"
#include "RegionSlices.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include <limits>

using namespace mlir;
using namespace mlir::mfa;

//===----------------------------------------------------------------------===//
// What a region is
//===----------------------------------------------------------------------===//

KeepRegion::KeepRegion(MaskedAttentionOp op) {
  Region &keep = op.getKeep();
  if (keep.empty())
    return;
  block = &keep.front();
  llvm::append_range(positions, op.getPositions(keep));
  key = positions.back();
  getForwardSlice(key, &ofKey);
  SmallVector<Value> open{block->getTerminator()->getOperand(0)};
  while (!open.empty()) {
    Value condition = open.pop_back_val();
    if (auto both = condition.getDefiningOp<arith::AndIOp>()) {
      llvm::append_range(open, both->getOperands());
      continue;
    }
    std::optional<Bound> bound = getBound(condition, /*isNegated=*/false);
    if (!bound)
      rest.push_back(condition);
    else if (bound->side == Side::Low)
      lows.push_back(std::move(*bound));
    else
      highs.push_back(std::move(*bound));
  }
}

bool KeepRegion::dependsOnKey(Value value) const {
  return value == key || ofKey.contains(value.getDefiningOp());
}

bool KeepRegion::readsByKey() const {
  return llvm::any_of(rest, [&](Value condition) {
    return llvm::any_of(getSlice(condition), [&](Operation *op) {
      return isa<memref::LoadOp>(op) && ofKey.contains(op);
    });
  });
}

int64_t KeepRegion::countRestOps() const {
  llvm::SetVector<Operation *> ops;
  for (Value condition : rest)
    ops.insert_range(getSlice(condition));
  return llvm::count_if(ops, [&](Operation *op) { return ofKey.contains(op); });
}

std::optional<int64_t> KeepRegion::getKeyCoefficient(Value number) const {
  if (!dependsOnKey(number))
    return 0;
  if (number == key)
    return 1;
  // Numbers of fewer bits may wrap.
  Operation *op = number.getDefiningOp();
  if (!isa<IndexType>(number.getType()) && !number.getType().isInteger(64))
    return std::nullopt;
  if (isa<arith::IndexCastOp>(op))
    return getKeyCoefficient(op->getOperand(0));
  if (!isa<arith::AddIOp, arith::SubIOp>(op))
    return std::nullopt;
  std::optional<int64_t> lhs = getKeyCoefficient(op->getOperand(0));
  std::optional<int64_t> rhs = getKeyCoefficient(op->getOperand(1));
  if (!lhs || !rhs)
    return std::nullopt;
  return isa<arith::AddIOp>(op) ? *lhs + *rhs : *lhs - *rhs;
}

namespace {
/// A comparison as `less` < or <= `more`.
struct Order {
  Value less, more;
  bool isStrict;
};
} // namespace

static std::optional<Order> getOrder(Value condition, bool isNegated) {
  auto compare = condition.getDefiningOp<arith::CmpIOp>();
  if (!compare)
    return std::nullopt;
  Value lhs = compare.getLhs(), rhs = compare.getRhs();
  arith::CmpIPredicate predicate = compare.getPredicate();
  if (isNegated)
    predicate = arith::invertPredicate(predicate);
  switch (predicate) {
  case arith::CmpIPredicate::sle:
    return Order{lhs, rhs, false};
  case arith::CmpIPredicate::slt:
    return Order{lhs, rhs, true};
  case arith::CmpIPredicate::sge:
    return Order{rhs, lhs, false};
  case arith::CmpIPredicate::sgt:
    return Order{rhs, lhs, true};
  default:
    return std::nullopt;
  }
}

std::optional<KeepRegion::Bound>
KeepRegion::getComparison(Value condition, bool isNegated) const {
  std::optional<Order> order = getOrder(condition, isNegated);
  if (!order)
    return std::nullopt;
  std::optional<int64_t> ofLess = getKeyCoefficient(order->less);
  std::optional<int64_t> ofMore = getKeyCoefficient(order->more);
  if (!ofLess || !ofMore || std::abs(*ofLess - *ofMore) != 1)
    return std::nullopt;
  Bound bound{condition, isNegated, std::nullopt, false, {}};
  bound.side = *ofLess - *ofMore == 1 ? Side::High : Side::Low;
  return bound;
}

std::optional<KeepRegion::Bound> KeepRegion::getBound(Value condition,
                                                      bool isNegated) const {
  if (!dependsOnKey(condition))
    return Bound{condition, isNegated, std::nullopt, false, {}};
  Operation *op = condition.getDefiningOp();
  if (isa<arith::XOrIOp>(op) && matchPattern(op->getOperand(1), m_One()))
    return getBound(op->getOperand(0), !isNegated);
  if (!isa<arith::AndIOp, arith::OrIOp>(op))
    return getComparison(condition, isNegated);
  Bound bound{condition, isNegated, std::nullopt, false, {}};
  bound.isAny = isa<arith::OrIOp>(op) != isNegated;
  for (Value operand : op->getOperands()) {
    std::optional<Bound> part = getBound(operand, isNegated);
    if (!part || (part->side && bound.side && part->side != bound.side))
      return std::nullopt;
    if (part->side)
      bound.side = part->side;
    bound.parts.push_back(std::move(*part));
  }
  return bound;
}

//===----------------------------------------------------------------------===//
// What is written for it
//===----------------------------------------------------------------------===//

Value KeepRegion::inlineValue(KernelBuilder &b, IRMapping &mapping,
                              Value value) const {
  cloneSlices(b, mapping, value);
  return mapping.lookup(value);
}

Value KeepRegion::inlineBound(KernelBuilder &b, IRMapping &mapping,
                              const Bound &bound, Side side) const {
  bool isHigh = side == Side::High;
  if (!bound.parts.empty()) {
    Value result;
    for (const Bound &part : bound.parts) {
      Value value = inlineBound(b, mapping, part, side);
      if (!result)
        result = value;
      else if (isHigh == bound.isAny)
        result = arith::MaxSIOp::create(b, result, value);
      else
        result = arith::MinSIOp::create(b, result, value);
    }
    return result;
  }
  if (!bound.side) {
    // All keys or none, by bounds that no key is beyond.
    constexpr int64_t kFar = int64_t(1) << 40;
    Value isKept = inlineValue(b, mapping, bound.condition);
    if (bound.isNegated)
      isKept = b.negate(isKept);
    return arith::SelectOp::create(b, isKept, b.index(isHigh ? kFar : -kFar),
                                   b.index(isHigh ? -kFar : kFar));
  }
  // Where the key is 0, less + key < more, or less < more + key.
  Order order = *getOrder(bound.condition, bound.isNegated);
  auto toIndex = [&](Value number) {
    Value value = inlineValue(b, mapping, number);
    return value.getType().isIndex()
               ? value
               : arith::IndexCastOp::create(b, b.getIndexType(), value);
  };
  Value less = toIndex(order.less), more = toIndex(order.more);
  Value result =
      arith::SubIOp::create(b, isHigh ? more : less, isHigh ? less : more);
  if (!order.isStrict)
    return result;
  return arith::AddIOp::create(b, result, b.index(isHigh ? -1 : 1));
}

Value KeepRegion::inlineBounds(KernelBuilder &b, const IRMapping &mapping,
                               ArrayRef<Bound> bounds, Side side) const {
  IRMapping atFirstKey = mapping;
  atFirstKey.map(key, b.index(0));
  Value result;
  for (const Bound &bound : bounds) {
    Value value = inlineBound(b, atFirstKey, bound, side);
    if (!result)
      result = value;
    else if (side == Side::High)
      result = arith::MinSIOp::create(b, result, value);
    else
      result = arith::MaxSIOp::create(b, result, value);
  }
  return result;
}

Value KeepRegion::inlineLow(KernelBuilder &b, const IRMapping &mapping) const {
  return inlineBounds(b, mapping, lows, Side::Low);
}

Value KeepRegion::inlineHigh(KernelBuilder &b, const IRMapping &mapping) const {
  return inlineBounds(b, mapping, highs, Side::High);
}

Value KeepRegion::inlineRest(KernelBuilder &b, IRMapping mapping) const {
  NarrowComparisons comparisons(b, mapping, positions, key);
  Value result;
  for (Value condition : rest) {
    Value isKept = comparisons.clone(condition);
    result =
        result ? arith::AndIOp::create(b, result, isKept).getResult() : isKept;
  }
  return result;
}
