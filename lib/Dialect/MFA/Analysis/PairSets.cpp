//===- PairSets.cpp - Which pairs a region keeps, as affine sets ----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Integers are affine functions by cases (max, select, remainders of negative
// numbers), truth values two unions: where they may be true, and where they may
// be false. Cases multiply; past a limit a value is unknown.
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Analysis/PairSets.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mfa;

/// More cases than this make a value unknown.
static constexpr size_t kMaxCases = 32;

namespace {

/// An integer where `condition` holds; unknown there where it is null.
struct Case {
  Constraints condition;
  AffineExpr value;
};
/// Conditions of the cases cover all positions.
using Integer = SmallVector<Case>;

/// A truth value: supersets of where it is true, and of where it is false.
struct Truth {
  ConstraintUnion whenTrue, whenFalse;
};

class RegionReader {
public:
  RegionReader(Block &block, ValueRange positions)
      : block(block), context(block.getParentOp()->getContext()) {
    for (auto [number, position] : llvm::enumerate(positions))
      integers[position] = makeCase(getAffineDimExpr(number, context));
  }

  Truth readTruth(Value value);
  /// Where a score is a constant of -inf.
  Truth readExclusion(Value score);

  static Truth conjunction(const Truth &a, const Truth &b);

  SmallVector<Value> symbols;

private:
  static Integer makeCase(AffineExpr value) { return {{{}, value}}; }
  static Truth makeUnknown() { return {{Constraints()}, {Constraints()}}; }
  static Truth makeConstant(bool value) {
    Truth truth;
    (value ? truth.whenTrue : truth.whenFalse).emplace_back();
    return truth;
  }
  static ConstraintUnion unite(const ConstraintUnion &a,
                               const ConstraintUnion &b);
  static ConstraintUnion intersect(const ConstraintUnion &a,
                                   const ConstraintUnion &b);
  static Truth negation(const Truth &a) { return {a.whenFalse, a.whenTrue}; }
  static Truth disjunction(const Truth &a, const Truth &b) {
    return negation(conjunction(negation(a), negation(b)));
  }
  static Truth select(const Truth &condition, const Truth &a, const Truth &b);

  const Integer &readInteger(Value value);
  Integer computeInteger(Value value);
  Truth computeTruth(Value value);
  Integer readSymbol(Value value);
  /// `combine` of each pair of cases, which may split one further.
  Integer combine(
      Value a, Value b,
      function_ref<void(AffineExpr, AffineExpr, const Constraints &, Integer &)>
          append);
  Integer combinePlainly(Value a, Value b,
                         function_ref<AffineExpr(AffineExpr, AffineExpr)> make);
  Integer readExtremum(Value a, Value b, bool isMax);
  /// Division by a constant, and what it leaves: rounded to zero, down or up.
  enum class Rounding { ToZero, Down, Up };
  Integer readDivision(Value a, Value b, Rounding rounding, bool remainder,
                       bool isUnsigned);
  Truth readComparison(arith::CmpIOp op);
  /// The same, but unknown where it is negative.
  Integer whereNonNegative(Value value);

  Block &block;
  MLIRContext *context;
  llvm::DenseMap<Value, Integer> integers;
  llvm::DenseMap<Value, Truth> truths;
};

} // namespace

//===----------------------------------------------------------------------===//
// Truth values
//===----------------------------------------------------------------------===//

ConstraintUnion RegionReader::unite(const ConstraintUnion &a,
                                    const ConstraintUnion &b) {
  ConstraintUnion all = a;
  all.append(b);
  if (all.size() > kMaxCases)
    return {Constraints()};
  return all;
}

ConstraintUnion RegionReader::intersect(const ConstraintUnion &a,
                                        const ConstraintUnion &b) {
  if (a.size() * b.size() > kMaxCases) // Either is a superset as well.
    return a.size() < b.size() ? a : b;
  ConstraintUnion all;
  for (const Constraints &left : a)
    for (const Constraints &right : b)
      all.emplace_back(left).append(right);
  return all;
}

Truth RegionReader::conjunction(const Truth &a, const Truth &b) {
  return {intersect(a.whenTrue, b.whenTrue), unite(a.whenFalse, b.whenFalse)};
}

Truth RegionReader::select(const Truth &condition, const Truth &a,
                           const Truth &b) {
  auto choose = [&](const ConstraintUnion &left, const ConstraintUnion &right) {
    return unite(intersect(condition.whenTrue, left),
                 intersect(condition.whenFalse, right));
  };
  return {choose(a.whenTrue, b.whenTrue), choose(a.whenFalse, b.whenFalse)};
}

Truth RegionReader::readTruth(Value value) {
  if (auto found = truths.find(value); found != truths.end())
    return found->second;
  Truth truth = computeTruth(value);
  truths[value] = truth;
  return truth;
}

Truth RegionReader::computeTruth(Value value) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return makeConstant(!constant.isZero());
  Operation *op = value.getDefiningOp();
  if (!op) // A captured truth value.
    return makeUnknown();
  auto operand = [&](unsigned number) {
    return readTruth(op->getOperand(number));
  };
  return llvm::TypeSwitch<Operation *, Truth>(op)
      .Case<arith::AndIOp, arith::MulIOp, arith::MinUIOp, arith::MaxSIOp>(
          [&](auto) { return conjunction(operand(0), operand(1)); })
      .Case<arith::OrIOp, arith::MaxUIOp, arith::MinSIOp>(
          [&](auto) { return disjunction(operand(0), operand(1)); })
      .Case<arith::XOrIOp, arith::AddIOp, arith::SubIOp>([&](auto) {
        return select(operand(0), negation(operand(1)), operand(1));
      })
      .Case<arith::SelectOp>(
          [&](auto) { return select(operand(0), operand(1), operand(2)); })
      .Case([&](arith::CmpIOp compare) { return readComparison(compare); })
      .Default([](Operation *) { return makeUnknown(); });
}

Truth RegionReader::readComparison(arith::CmpIOp op) {
  using Predicate = arith::CmpIPredicate;
  Predicate predicate = op.getPredicate();
  Value lhs = op.getLhs(), rhs = op.getRhs();
  if (lhs.getType().isInteger(1)) {
    Truth a = readTruth(lhs), b = readTruth(rhs);
    if (predicate == Predicate::eq)
      return select(a, b, negation(b));
    if (predicate == Predicate::ne)
      return select(a, negation(b), b);
    return makeUnknown();
  }
  bool isUnsigned = predicate >= Predicate::ult;
  Integer left = isUnsigned ? whereNonNegative(lhs) : readInteger(lhs);
  Integer right = isUnsigned ? whereNonNegative(rhs) : readInteger(rhs);
  if (left.size() * right.size() > kMaxCases)
    return makeUnknown();

  Truth truth;
  for (const Case &a : left)
    for (const Case &b : right) {
      Constraints condition = a.condition;
      condition.append(b.condition);
      auto add = [&](ConstraintUnion &to, AffineExpr expression,
                     bool isEquality = false) {
        to.emplace_back(condition).add(expression, isEquality);
      };
      if (!a.value || !b.value) {
        truth.whenTrue.push_back(condition);
        truth.whenFalse.push_back(condition);
        continue;
      }
      AffineExpr aMinusB = a.value - b.value, bMinusA = b.value - a.value;
      switch (predicate) {
      case Predicate::eq:
      case Predicate::ne: {
        bool isEqual = predicate == Predicate::eq;
        add(isEqual ? truth.whenTrue : truth.whenFalse, aMinusB, true);
        ConstraintUnion &others = isEqual ? truth.whenFalse : truth.whenTrue;
        add(others, aMinusB - 1);
        add(others, bMinusA - 1);
        break;
      }
      case Predicate::slt:
      case Predicate::ult:
        add(truth.whenTrue, bMinusA - 1);
        add(truth.whenFalse, aMinusB);
        break;
      case Predicate::sle:
      case Predicate::ule:
        add(truth.whenTrue, bMinusA);
        add(truth.whenFalse, aMinusB - 1);
        break;
      case Predicate::sgt:
      case Predicate::ugt:
        add(truth.whenTrue, aMinusB - 1);
        add(truth.whenFalse, bMinusA);
        break;
      case Predicate::sge:
      case Predicate::uge:
        add(truth.whenTrue, aMinusB);
        add(truth.whenFalse, bMinusA - 1);
        break;
      }
    }
  return truth;
}

Truth RegionReader::readExclusion(Value score) {
  APFloat constant(0.0f);
  if (matchPattern(score, m_ConstantFloat(&constant)))
    return makeConstant(constant.isInfinity() && constant.isNegative());
  if (auto select = score.getDefiningOp<arith::SelectOp>())
    return RegionReader::select(readTruth(select.getCondition()),
                                readExclusion(select.getTrueValue()),
                                readExclusion(select.getFalseValue()));
  // Whatever it is, it has to be computed.
  return makeConstant(false);
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

/// What a shift by `distance` multiplies by, if that is a small constant.
static std::optional<int64_t> getPowerOfTwo(AffineExpr distance) {
  auto constant = dyn_cast<AffineConstantExpr>(distance);
  if (!constant || constant.getValue() < 0 || constant.getValue() > 30)
    return std::nullopt;
  return int64_t(1) << constant.getValue();
}

const Integer &RegionReader::readInteger(Value value) {
  if (auto found = integers.find(value); found != integers.end())
    return found->second;
  Integer integer = computeInteger(value);
  if (integer.size() > kMaxCases)
    integer = makeCase(AffineExpr());
  return integers[value] = std::move(integer);
}

Integer RegionReader::readSymbol(Value value) {
  symbols.push_back(value);
  return makeCase(getAffineSymbolExpr(symbols.size() - 1, context));
}

Integer RegionReader::combine(
    Value a, Value b,
    function_ref<void(AffineExpr, AffineExpr, const Constraints &, Integer &)>
        append) {
  Integer result, left = readInteger(a), right = readInteger(b);
  if (left.size() * right.size() > kMaxCases)
    return makeCase(AffineExpr());
  for (const Case &one : left)
    for (const Case &other : right) {
      Constraints condition = one.condition;
      condition.append(other.condition);
      if (one.value && other.value)
        append(one.value, other.value, condition, result);
      else
        result.push_back({std::move(condition), AffineExpr()});
    }
  return result;
}

Integer RegionReader::combinePlainly(
    Value a, Value b, function_ref<AffineExpr(AffineExpr, AffineExpr)> make) {
  return combine(a, b,
                 [&](AffineExpr left, AffineExpr right,
                     const Constraints &condition, Integer &result) {
                   result.push_back({condition, make(left, right)});
                 });
}

Integer RegionReader::readExtremum(Value a, Value b, bool isMax) {
  return combine(a, b,
                 [&](AffineExpr left, AffineExpr right,
                     const Constraints &condition, Integer &result) {
                   AffineExpr lead = isMax ? left - right : right - left;
                   result.push_back({condition, left});
                   result.back().condition.add(lead);
                   result.push_back({condition, right});
                   result.back().condition.add(-lead - 1);
                 });
}

Integer RegionReader::readDivision(Value a, Value b, Rounding rounding,
                                   bool remainder, bool isUnsigned) {
  return combine(
      a, b,
      [&](AffineExpr dividend, AffineExpr divisor, const Constraints &condition,
          Integer &result) {
        auto constant = dyn_cast<AffineConstantExpr>(divisor);
        if (!constant || constant.getValue() <= 0) {
          result.push_back({condition, AffineExpr()});
          return;
        }
        int64_t number = constant.getValue();
        auto append = [&](AffineExpr quotient) -> Case & {
          result.push_back(
              {condition, remainder ? dividend - quotient * number : quotient});
          return result.back();
        };
        if (rounding == Rounding::Down) {
          append(dividend.floorDiv(number));
          return;
        }
        if (rounding == Rounding::Up) {
          append(dividend.ceilDiv(number));
          return;
        }
        append(dividend.floorDiv(number)).condition.add(dividend);
        Case &negative = append(dividend.ceilDiv(number));
        negative.condition.add(-dividend - 1);
        if (isUnsigned)
          negative.value = AffineExpr();
      });
}

Integer RegionReader::whereNonNegative(Value value) {
  Integer result;
  for (const Case &one : readInteger(value)) {
    if (!one.value) {
      result.push_back(one);
      continue;
    }
    result.push_back(one);
    result.back().condition.add(one.value);
    result.push_back({one.condition, AffineExpr()});
    result.back().condition.add(-one.value - 1);
  }
  return result;
}

Integer RegionReader::computeInteger(Value value) {
  Integer unknown = makeCase(AffineExpr());
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant))) {
    if (constant.getSignificantBits() > 32) // Coefficients must not overflow.
      return unknown;
    return makeCase(getAffineConstantExpr(constant.getSExtValue(), context));
  }
  if (!value.getType().isIndex() && !value.getType().isInteger())
    return unknown;
  if (value.getType().isInteger(1))
    return unknown;
  Operation *op = value.getDefiningOp();
  if (!op)
    return readSymbol(value);

  auto operand = [&](unsigned number) { return op->getOperand(number); };
  return llvm::TypeSwitch<Operation *, Integer>(op)
      .Case<tensor::DimOp, memref::DimOp>([&](auto size) {
        bool isKnown = size.getConstantIndex().has_value() &&
                       isa<BlockArgument>(size.getSource());
        return isKnown ? readSymbol(value) : unknown;
      })
      .Case<arith::IndexCastOp, arith::ExtSIOp, arith::TruncIOp>(
          [&](auto) -> Integer {
            if (operand(0).getType().isInteger(1))
              return unknown;
            return readInteger(operand(0));
          })
      .Case<arith::IndexCastUIOp, arith::ExtUIOp>([&](auto) -> Integer {
        if (!operand(0).getType().isInteger(1))
          return whereNonNegative(operand(0));
        // 0 or 1.
        Truth truth = readTruth(operand(0));
        Integer result;
        for (Constraints &condition : truth.whenTrue)
          result.push_back({condition, getAffineConstantExpr(1, context)});
        for (Constraints &condition : truth.whenFalse)
          result.push_back({condition, getAffineConstantExpr(0, context)});
        return result;
      })
      .Case([&](arith::AddIOp) {
        return combinePlainly(operand(0), operand(1),
                              [](AffineExpr a, AffineExpr b) { return a + b; });
      })
      .Case([&](arith::SubIOp) {
        return combinePlainly(operand(0), operand(1),
                              [](AffineExpr a, AffineExpr b) { return a - b; });
      })
      .Case([&](arith::MulIOp) {
        return combinePlainly(operand(0), operand(1),
                              [](AffineExpr a, AffineExpr b) {
                                bool isAffine = isa<AffineConstantExpr>(a) ||
                                                isa<AffineConstantExpr>(b);
                                return isAffine ? a * b : AffineExpr();
                              });
      })
      .Case([&](arith::ShLIOp) {
        return combinePlainly(
            operand(0), operand(1), [](AffineExpr a, AffineExpr b) {
              std::optional<int64_t> factor = getPowerOfTwo(b);
              return factor ? a * *factor : AffineExpr();
            });
      })
      .Case([&](arith::ShRSIOp) {
        return combinePlainly(
            operand(0), operand(1), [](AffineExpr a, AffineExpr b) {
              std::optional<int64_t> divisor = getPowerOfTwo(b);
              return divisor ? a.floorDiv(*divisor) : AffineExpr();
            });
      })
      .Case([&](arith::AndIOp) {
        return combinePlainly(
            operand(0), operand(1), [](AffineExpr a, AffineExpr b) {
              auto mask = dyn_cast<AffineConstantExpr>(b);
              bool isLowBits =
                  mask && mask.getValue() > 0 &&
                  llvm::isPowerOf2_64(mask.getValue() + uint64_t(1));
              return isLowBits ? a % (mask.getValue() + 1) : AffineExpr();
            });
      })
      .Case<arith::MaxSIOp, arith::MinSIOp>([&](auto extremum) {
        return readExtremum(operand(0), operand(1),
                            isa<arith::MaxSIOp>(extremum));
      })
      .Case([&](arith::SelectOp select) {
        Truth truth = readTruth(select.getCondition());
        Integer result;
        auto append = [&](const ConstraintUnion &conditions, Value chosen) {
          for (const Constraints &condition : conditions)
            for (const Case &one : readInteger(chosen)) {
              result.push_back(one);
              result.back().condition.append(condition);
            }
        };
        append(truth.whenTrue, select.getTrueValue());
        append(truth.whenFalse, select.getFalseValue());
        return result;
      })
      .Case([&](arith::DivSIOp) {
        return readDivision(operand(0), operand(1), Rounding::ToZero, false,
                            false);
      })
      .Case([&](arith::RemSIOp) {
        return readDivision(operand(0), operand(1), Rounding::ToZero, true,
                            false);
      })
      .Case([&](arith::DivUIOp) {
        return readDivision(operand(0), operand(1), Rounding::ToZero, false,
                            true);
      })
      .Case([&](arith::RemUIOp) {
        return readDivision(operand(0), operand(1), Rounding::ToZero, true,
                            true);
      })
      .Case([&](arith::FloorDivSIOp) {
        return readDivision(operand(0), operand(1), Rounding::Down, false,
                            false);
      })
      .Case([&](arith::CeilDivSIOp) {
        return readDivision(operand(0), operand(1), Rounding::Up, false, false);
      })
      .Default([&](Operation *) { return unknown; });
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

PairSets mfa::findKeptPairs(Block &keep, ValueRange positions) {
  RegionReader reader(keep, positions);
  Truth truth = reader.readTruth(keep.getTerminator()->getOperand(0));
  return {truth.whenTrue, truth.whenFalse, std::move(reader.symbols)};
}

PairSets mfa::findScoredPairs(Block &score, ValueRange positions) {
  RegionReader reader(score, positions);
  Truth excluded = reader.readExclusion(score.getTerminator()->getOperand(0));
  return {excluded.whenFalse, excluded.whenTrue, std::move(reader.symbols)};
}

PairSets mfa::intersect(const PairSets &a, const PairSets &b) {
  // Symbols of b follow those of a.
  auto shift = [&](const ConstraintUnion &constraints) {
    ConstraintUnion shifted = constraints;
    for (Constraints &all : shifted)
      for (AffineExpr &expression : all.expressions)
        expression =
            expression.shiftSymbols(b.symbols.size(), a.symbols.size());
    return shifted;
  };
  PairSets result;
  result.symbols = a.symbols;
  llvm::append_range(result.symbols, b.symbols);
  Truth both = RegionReader::conjunction({a.kept, a.dropped},
                                         {shift(b.kept), shift(b.dropped)});
  result.kept = std::move(both.whenTrue);
  result.dropped = std::move(both.whenFalse);
  return result;
}
