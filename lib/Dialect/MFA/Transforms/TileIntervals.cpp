//===- TileIntervals.cpp - What intervals say of a tile -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileIntervals.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mfa;

namespace {

/// What a number is at least and at most, of its own type; both are the same
/// value where it is the same for all pairs. Its magnitude is below 2^bits, so
/// that sums are known not to wrap.
struct Interval {
  Value low, high;
  int64_t bits;

  bool isPoint() const { return low == high; }
};

/// The intervals of the values of a region, written where they are asked for.
class TileIntervals {
public:
  TileIntervals(ImplicitLocOpBuilder &b, const PairSources &sources,
                Value batch, Value head, const KeyTileSpan &queries,
                const KeyTileSpan &keys, const TileLanes &lanes);

  std::optional<TileTruth> getTruth(Value condition);

private:
  std::optional<Interval> getInterval(Value number);
  std::optional<Interval> compute(Value number);
  std::optional<TileTruth> computeTruth(Value condition);

  std::optional<Interval> add(Operation *op, bool isDifference);
  std::optional<Interval> scale(arith::MulIOp op);
  std::optional<Interval> divide(Operation *op);
  std::optional<Interval> takeRemainder(arith::RemSIOp op);
  std::optional<Interval> select(arith::SelectOp op);
  std::optional<Interval> cast(Operation *op);
  std::optional<Interval> read(memref::LoadOp op);
  std::optional<TileTruth> compare(arith::CmpIOp op);

  /// That of an operand that is a positive constant, else nothing.
  std::optional<Interval> getDivisor(Operation *op);
  /// The least and the greatest element, in 32 bits or more.
  std::pair<Value, Value> findExtremes(memref::LoadOp op, ValueRange indices,
                                       unsigned dim, const KeyTileSpan &span);

  Value either(Value lhs, Value rhs) {
    return b.createOrFold<arith::OrIOp>(lhs, rhs);
  }
  Value both(Value lhs, Value rhs) {
    return b.createOrFold<arith::AndIOp>(lhs, rhs);
  }
  Value is(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
    return b.createOrFold<arith::CmpIOp>(predicate, lhs, rhs);
  }
  Value selectIf(Value condition, Value then, Value otherwise) {
    return b.createOrFold<arith::SelectOp>(condition, then, otherwise);
  }
  Value truth(bool value) { return arith::ConstantIntOp::create(b, value, 1); }

  ImplicitLocOpBuilder &b;
  const TileLanes &lanes;
  DenseMap<Value, std::optional<Interval>> intervals;
  DenseMap<Value, std::optional<TileTruth>> truths;
  /// Of the positions that vary over the tile.
  DenseMap<Value, KeyTileSpan> spans;
  /// What captures are outside of the region.
  DenseMap<Value, Value> captured;
};

} // namespace

/// Positions count elements in memory, and what an index that is captured is
/// compared with is such a number (PairSets.h takes it to be one, too).
static constexpr int64_t kPositionBits = 48;

static int64_t getWidth(Type type) {
  return type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
}

/// An integer that is compared as a signed number.
static bool isNumber(Type type) {
  return type.isIndex() ||
         (isa<IntegerType>(type) && getWidth(type) <= 64 && getWidth(type) > 1);
}

TileIntervals::TileIntervals(ImplicitLocOpBuilder &b,
                             const PairSources &sources, Value batch,
                             Value head, const KeyTileSpan &queries,
                             const KeyTileSpan &keys, const TileLanes &lanes)
    : b(b), lanes(lanes) {
  MaskedAttentionOp op = sources.op;
  Block &block = op.getKeep().front();
  Value one = arith::ConstantIndexOp::create(b, 1);
  auto arguments = block.getArguments();
  const Value places[] = {batch, head};
  for (auto [argument, place] : llvm::zip(arguments.take_front(2), places))
    intervals[argument] = Interval{place, place, kPositionBits};
  const KeyTileSpan varied[] = {queries, keys};
  for (auto [argument, span] : llvm::zip(arguments.slice(2, 2), varied)) {
    spans[argument] = span;
    Value last = b.createOrFold<arith::SubIOp>(span.end, one);
    intervals[argument] = Interval{span.first, last, kPositionBits};
  }
  for (auto [argument, value] :
       llvm::zip_equal(arguments.drop_front(4), sources.captures)) {
    captured[argument] = value;
    Type type = value.getType();
    if (isNumber(type))
      intervals[argument] = Interval{
          value, value, type.isIndex() ? kPositionBits : getWidth(type)};
  }
}

std::optional<Interval> TileIntervals::getInterval(Value number) {
  if (auto found = intervals.find(number); found != intervals.end())
    return found->second;
  std::optional<Interval> interval;
  if (isNumber(number.getType()) && number.getDefiningOp())
    interval = compute(number);
  intervals[number] = interval;
  return interval;
}

std::optional<Interval> TileIntervals::compute(Value number) {
  APInt constant;
  if (matchPattern(number, m_ConstantInt(&constant))) {
    Value value = b.clone(*number.getDefiningOp())->getResult(0);
    return Interval{value, value, constant.getSignificantBits()};
  }
  auto order = [&](Operation *op, auto select) -> std::optional<Interval> {
    std::optional<Interval> lhs = getInterval(op->getOperand(0));
    std::optional<Interval> rhs = getInterval(op->getOperand(1));
    if (!lhs || !rhs)
      return std::nullopt;
    return Interval{select(lhs->low, rhs->low), select(lhs->high, rhs->high),
                    std::max(lhs->bits, rhs->bits)};
  };
  return llvm::TypeSwitch<Operation *, std::optional<Interval>>(
             number.getDefiningOp())
      .Case([&](arith::AddIOp op) { return add(op, false); })
      .Case([&](arith::SubIOp op) { return add(op, true); })
      .Case([&](arith::MulIOp op) { return scale(op); })
      .Case<arith::DivSIOp, arith::FloorDivSIOp>(
          [&](auto op) { return divide(op); })
      .Case([&](arith::RemSIOp op) { return takeRemainder(op); })
      .Case([&](arith::SelectOp op) { return select(op); })
      .Case<arith::IndexCastOp, arith::ExtSIOp, arith::TruncIOp>(
          [&](auto op) { return cast(op); })
      .Case([&](arith::MinSIOp op) {
        return order(op, [&](Value lhs, Value rhs) {
          return b.createOrFold<arith::MinSIOp>(lhs, rhs);
        });
      })
      .Case([&](arith::MaxSIOp op) {
        return order(op, [&](Value lhs, Value rhs) {
          return b.createOrFold<arith::MaxSIOp>(lhs, rhs);
        });
      })
      .Case([&](memref::LoadOp op) { return read(op); })
      .Default(std::nullopt);
}

std::optional<Interval> TileIntervals::add(Operation *op, bool isDifference) {
  std::optional<Interval> lhs = getInterval(op->getOperand(0));
  std::optional<Interval> rhs = getInterval(op->getOperand(1));
  if (!lhs || !rhs)
    return std::nullopt;
  int64_t bits = std::max(lhs->bits, rhs->bits) + 1;
  if (bits >= getWidth(op->getResult(0).getType()))
    return std::nullopt;
  auto combine = [&](Value lhs, Value rhs) -> Value {
    return isDifference ? b.createOrFold<arith::SubIOp>(lhs, rhs)
                        : b.createOrFold<arith::AddIOp>(lhs, rhs);
  };
  Value low = combine(lhs->low, isDifference ? rhs->high : rhs->low);
  bool isPoint = lhs->isPoint() && rhs->isPoint();
  Value high =
      isPoint ? low : combine(lhs->high, isDifference ? rhs->low : rhs->high);
  return Interval{low, high, bits};
}

std::optional<Interval> TileIntervals::scale(arith::MulIOp op) {
  APInt factor;
  std::optional<Interval> number = getInterval(op.getLhs());
  std::optional<Interval> by = getInterval(op.getRhs());
  if (!number || !by || !matchPattern(op.getRhs(), m_ConstantInt(&factor)))
    return std::nullopt;
  int64_t bits = number->bits + by->bits;
  if (bits >= getWidth(op.getType()))
    return std::nullopt;
  Value low = b.createOrFold<arith::MulIOp>(number->low, by->low);
  Value high = number->isPoint()
                   ? low
                   : b.createOrFold<arith::MulIOp>(number->high, by->low);
  if (factor.isNegative())
    std::swap(low, high);
  return Interval{low, high, bits};
}

std::optional<Interval> TileIntervals::getDivisor(Operation *op) {
  APInt divisor;
  if (!matchPattern(op->getOperand(1), m_ConstantInt(&divisor)) ||
      !divisor.isStrictlyPositive())
    return std::nullopt;
  return getInterval(op->getOperand(1));
}

std::optional<Interval> TileIntervals::divide(Operation *op) {
  // Both round alike at either end.
  std::optional<Interval> number = getInterval(op->getOperand(0));
  std::optional<Interval> by = getDivisor(op);
  if (!number || !by)
    return std::nullopt;
  auto quotient = [&](Value value) -> Value {
    return isa<arith::DivSIOp>(op)
               ? b.createOrFold<arith::DivSIOp>(value, by->low)
               : b.createOrFold<arith::FloorDivSIOp>(value, by->low);
  };
  Value low = quotient(number->low);
  return Interval{low, number->isPoint() ? low : quotient(number->high),
                  number->bits};
}

std::optional<Interval> TileIntervals::takeRemainder(arith::RemSIOp op) {
  std::optional<Interval> number = getInterval(op.getLhs());
  std::optional<Interval> by = getDivisor(op);
  if (!number || !by)
    return std::nullopt;
  Value low = b.createOrFold<arith::RemSIOp>(number->low, by->low);
  if (number->isPoint())
    return Interval{low, low, number->bits};
  // Of numbers with one quotient the remainders are in the same order. Others
  // have any remainder of their sign.
  Value high = b.createOrFold<arith::RemSIOp>(number->high, by->low);
  Value isOrdered = is(arith::CmpIPredicate::eq,
                       b.createOrFold<arith::DivSIOp>(number->low, by->low),
                       b.createOrFold<arith::DivSIOp>(number->high, by->low));
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getIntegerAttr(op.getType(), value));
  };
  Value zero = constant(0);
  Value most = b.createOrFold<arith::SubIOp>(by->low, constant(1));
  Value least = b.createOrFold<arith::SubIOp>(zero, most);
  Value isNegative = is(arith::CmpIPredicate::slt, number->low, zero);
  Value isPositive = is(arith::CmpIPredicate::sgt, number->high, zero);
  return Interval{selectIf(isOrdered, low, selectIf(isNegative, least, zero)),
                  selectIf(isOrdered, high, selectIf(isPositive, most, zero)),
                  number->bits};
}

std::optional<Interval> TileIntervals::select(arith::SelectOp op) {
  std::optional<Interval> then = getInterval(op.getTrueValue());
  std::optional<Interval> otherwise = getInterval(op.getFalseValue());
  std::optional<TileTruth> by = getTruth(op.getCondition());
  if (!then || !otherwise)
    return std::nullopt;
  // Of both, where either may be taken.
  Value low = b.createOrFold<arith::MinSIOp>(then->low, otherwise->low);
  Value high = b.createOrFold<arith::MaxSIOp>(then->high, otherwise->high);
  if (by) {
    low = selectIf(by->mayHold, selectIf(by->mayFail, low, then->low),
                   otherwise->low);
    high = selectIf(by->mayHold, selectIf(by->mayFail, high, then->high),
                    otherwise->high);
  }
  return Interval{low, high, std::max(then->bits, otherwise->bits)};
}

std::optional<Interval> TileIntervals::cast(Operation *op) {
  std::optional<Interval> number = getInterval(op->getOperand(0));
  Type type = op->getResult(0).getType();
  // One that may lose bits is no order any more.
  if (!number || std::min(number->bits, getWidth(number->low.getType()) - 1) >=
                     getWidth(type))
    return std::nullopt;
  auto convert = [&](Value value) -> Value {
    IRMapping mapping;
    mapping.map(op->getOperand(0), value);
    return b.clone(*op, mapping)->getResult(0);
  };
  Value low = convert(number->low);
  return Interval{low, number->isPoint() ? low : convert(number->high),
                  number->bits};
}

std::pair<Value, Value> TileIntervals::findExtremes(memref::LoadOp op,
                                                    ValueRange indices,
                                                    unsigned dim,
                                                    const KeyTileSpan &span) {
  Type type = op.getType();
  bool isShort = getWidth(type) < 32, isBit = type.isInteger(1);
  Type wide = isShort ? b.getI32Type() : type.isIndex() ? b.getI64Type() : type;
  unsigned width = getWidth(wide);
  auto extreme = [&](const APInt &value) -> Value {
    return arith::ConstantOp::create(b, b.getIntegerAttr(wide, value));
  };
  // Past the last element it is that one again. Loads wait for nothing, so that
  // all of a tile's are on their way at a time.
  constexpr int64_t kLoadsAtOnce = 4;
  Value last = b.createOrFold<arith::SubIOp>(
      span.end, arith::ConstantIndexOp::create(b, 1));
  auto loop = scf::ForOp::create(
      b, b.createOrFold<arith::AddIOp>(span.first, lanes.number), span.end,
      arith::ConstantIndexOp::create(b, kLoadsAtOnce * lanes.count),
      ValueRange{extreme(APInt::getSignedMaxValue(width)),
                 extreme(APInt::getSignedMinValue(width))});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value low = loop.getRegionIterArg(0), high = loop.getRegionIterArg(1);
    for (int64_t i = 0; i < kLoadsAtOnce; ++i) {
      SmallVector<Value> place(indices);
      place[dim] = b.createOrFold<arith::MinUIOp>(
          b.createOrFold<arith::AddIOp>(
              loop.getInductionVar(),
              arith::ConstantIndexOp::create(b, i * lanes.count)),
          last);
      Value element =
          memref::LoadOp::create(b, captured.lookup(op.getMemref()), place);
      if (isBit)
        element = arith::ExtUIOp::create(b, wide, element);
      else if (isShort)
        element = arith::ExtSIOp::create(b, wide, element);
      else if (type.isIndex())
        element = arith::IndexCastOp::create(b, wide, element);
      low = arith::MinSIOp::create(b, low, element);
      high = arith::MaxSIOp::create(b, high, element);
    }
    scf::YieldOp::create(b, ValueRange{low, high});
  }
  return {lanes.extreme(loop.getResult(0), Extreme::Least),
          lanes.extreme(loop.getResult(1), Extreme::Greatest)};
}

std::optional<Interval> TileIntervals::read(memref::LoadOp op) {
  if (!captured.contains(op.getMemref()))
    return std::nullopt;
  SmallVector<Value> indices;
  std::optional<unsigned> dim;
  for (auto [position, index] : llvm::enumerate(op.getIndices())) {
    auto known = getInterval(index);
    if (spans.contains(index)) {
      // Along a diagonal, say.
      if (dim)
        return std::nullopt;
      dim = position;
    } else if (!known || !known->isPoint()) {
      return std::nullopt;
    }
    indices.push_back(known->low);
  }
  Type type = op.getType();
  if (!dim) {
    Value element =
        memref::LoadOp::create(b, captured.lookup(op.getMemref()), indices);
    if (type.isInteger(1))
      element = arith::ExtUIOp::create(b, b.getI32Type(), element);
    return Interval{element, element, getWidth(type)};
  }
  auto [low, high] =
      findExtremes(op, indices, *dim, spans.lookup(op.getIndices()[*dim]));
  if (getWidth(type) < 32 && !type.isInteger(1)) {
    low = arith::TruncIOp::create(b, type, low);
    high = arith::TruncIOp::create(b, type, high);
  } else if (type.isIndex()) {
    low = arith::IndexCastOp::create(b, type, low);
    high = arith::IndexCastOp::create(b, type, high);
  }
  return Interval{low, high, getWidth(type)};
}

std::optional<TileTruth> TileIntervals::getTruth(Value condition) {
  if (auto found = truths.find(condition); found != truths.end())
    return found->second;
  std::optional<TileTruth> truth;
  if (condition.getDefiningOp())
    truth = computeTruth(condition);
  truths[condition] = truth;
  return truth;
}

std::optional<TileTruth> TileIntervals::computeTruth(Value condition) {
  APInt constant;
  if (matchPattern(condition, m_ConstantInt(&constant)))
    return TileTruth{truth(constant.isOne()), truth(constant.isZero())};
  // One operand may be all that is known.
  TileTruth unknown{truth(true), truth(true)};
  Operation *op = condition.getDefiningOp();
  auto operand = [&](unsigned number) {
    return getTruth(op->getOperand(number));
  };
  if (isa<arith::AndIOp, arith::OrIOp>(op)) {
    std::optional<TileTruth> lhs = operand(0), rhs = operand(1);
    if (!lhs && !rhs)
      return std::nullopt;
    TileTruth l = lhs.value_or(unknown), r = rhs.value_or(unknown);
    if (isa<arith::AndIOp>(op))
      return TileTruth{both(l.mayHold, r.mayHold),
                       either(l.mayFail, r.mayFail)};
    return TileTruth{either(l.mayHold, r.mayHold), both(l.mayFail, r.mayFail)};
  }
  if (isa<arith::XOrIOp>(op) && matchPattern(op->getOperand(1), m_One())) {
    std::optional<TileTruth> of = operand(0);
    if (!of)
      return std::nullopt;
    return TileTruth{of->mayFail, of->mayHold};
  }
  if (isa<arith::SelectOp>(op)) {
    TileTruth by = operand(0).value_or(unknown);
    std::optional<TileTruth> then = operand(1), otherwise = operand(2);
    if (!then && !otherwise)
      return std::nullopt;
    TileTruth t = then.value_or(unknown), o = otherwise.value_or(unknown);
    return TileTruth{
        either(both(by.mayHold, t.mayHold), both(by.mayFail, o.mayHold)),
        either(both(by.mayHold, t.mayFail), both(by.mayFail, o.mayFail))};
  }
  if (auto compared = dyn_cast<arith::CmpIOp>(op))
    return compare(compared);
  if (auto load = dyn_cast<memref::LoadOp>(op)) {
    std::optional<Interval> bit = read(load);
    if (!bit)
      return std::nullopt;
    Value zero = arith::ConstantIntOp::create(b, 0, 32);
    return TileTruth{is(arith::CmpIPredicate::ne, bit->high, zero),
                     is(arith::CmpIPredicate::eq, bit->low, zero)};
  }
  return std::nullopt;
}

std::optional<TileTruth> TileIntervals::compare(arith::CmpIOp op) {
  using Predicate = arith::CmpIPredicate;
  if (op.getLhs().getType().isInteger(1)) {
    std::optional<TileTruth> l = getTruth(op.getLhs());
    std::optional<TileTruth> r = getTruth(op.getRhs());
    bool isEqual = op.getPredicate() == Predicate::eq;
    if (!l || !r || !(isEqual || op.getPredicate() == Predicate::ne))
      return std::nullopt;
    Value agree =
        either(both(l->mayHold, r->mayHold), both(l->mayFail, r->mayFail));
    Value differ =
        either(both(l->mayHold, r->mayFail), both(l->mayFail, r->mayHold));
    return isEqual ? TileTruth{agree, differ} : TileTruth{differ, agree};
  }
  std::optional<Interval> lhs = getInterval(op.getLhs());
  std::optional<Interval> rhs = getInterval(op.getRhs());
  if (!lhs || !rhs)
    return std::nullopt;
  Predicate predicate = op.getPredicate();
  switch (predicate) {
  case Predicate::eq:
  case Predicate::ne: {
    Value meet = both(is(Predicate::sle, lhs->low, rhs->high),
                      is(Predicate::sle, rhs->low, lhs->high));
    // Some two are not the same.
    Value differ = either(is(Predicate::ne, lhs->low, rhs->high),
                          is(Predicate::ne, lhs->high, rhs->low));
    return predicate == Predicate::eq ? TileTruth{meet, differ}
                                      : TileTruth{differ, meet};
  }
  case Predicate::slt:
  case Predicate::sle:
    return TileTruth{
        is(predicate, lhs->low, rhs->high),
        is(arith::invertPredicate(predicate), lhs->high, rhs->low)};
  case Predicate::sgt:
  case Predicate::sge:
    return TileTruth{
        is(predicate, lhs->high, rhs->low),
        is(arith::invertPredicate(predicate), lhs->low, rhs->high)};
  default:
    return std::nullopt;
  }
}

std::optional<TileTruth>
mfa::createKeepTruth(ImplicitLocOpBuilder &b, const PairSources &sources,
                     Value batch, Value head, const KeyTileSpan &queries,
                     const KeyTileSpan &keys, const TileLanes &lanes) {
  MaskedAttentionOp op = sources.op;
  return TileIntervals(b, sources, batch, head, queries, keys, lanes)
      .getTruth(op.getKeep().front().getTerminator()->getOperand(0));
}
