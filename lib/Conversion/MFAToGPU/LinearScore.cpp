//===- LinearScore.cpp - Regions linear in score and position -------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearScore.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::mfa;

namespace {

/// Reads a region op by op: what is the same for all pairs is computed at once,
/// the rest stays a sum.
class LinearReader {
public:
  using Distance = LinearScore::Distance;

  LinearReader(KernelBuilder &b, MaskedAttentionOp op, IRMapping mapping)
      : b(b), mapping(std::move(mapping)) {
    Region &score = op.getScore();
    LinearScore itself;
    itself.slope = b.constant(1);
    sums[score.getArgument(0)] = itself;
    auto positions = op.getPositions(score);
    distances[positions[2]] = Distance{1, 0, Value()};
    distances[positions[3]] = Distance{0, 1, Value()};
  }

  std::optional<LinearScore> read(Block &block) {
    for (Operation &op : block.without_terminator())
      if (!isa<cf::AssertOp>(op) && failed(read(op)))
        return std::nullopt;
    return getSum(block.getTerminator()->getOperand(0));
  }

private:
  //===--- Values of the region -------------------------------------------===//

  std::optional<Distance> getDistance(Value value) {
    if (auto found = distances.find(value); found != distances.end())
      return found->second;
    if (Value uniform = mapping.lookupOrNull(value);
        uniform && value.getType().isIntOrIndex())
      return Distance{0, 0, toIndex(uniform)};
    return std::nullopt;
  }

  std::optional<LinearScore> getSum(Value value) {
    if (auto found = sums.find(value); found != sums.end())
      return found->second;
    Value uniform = mapping.lookupOrNull(value);
    if (!uniform || !value.getType().isF32())
      return std::nullopt;
    LinearScore sum;
    sum.bias = uniform;
    return sum;
  }

  Value toIndex(Value value) {
    if (value.getType().isIndex())
      return value;
    return arith::IndexCastOp::create(b, b.getIndexType(), value);
  }

  //===--- Sums -----------------------------------------------------------===//

  /// The sum of two values of which either may be null, for 0.
  template <typename Op>
  Value add(Value lhs, Value rhs) {
    return lhs && rhs ? Op::create(b, lhs, rhs).getResult() : lhs ? lhs : rhs;
  }

  Value multiply(Value lhs, Value rhs) {
    return lhs && rhs ? arith::MulFOp::create(b, lhs, rhs).getResult()
                      : Value();
  }

  Value negate(Value value) {
    return value ? arith::NegFOp::create(b, value).getResult() : Value();
  }

  Distance scale(const Distance &distance, int64_t factor) {
    Distance result{factor * distance.query, factor * distance.key, Value()};
    if (distance.rest)
      result.rest = arith::MulIOp::create(b, distance.rest, b.index(factor));
    return result;
  }

  Distance add(const Distance &lhs, const Distance &rhs) {
    return {lhs.query + rhs.query, lhs.key + rhs.key,
            add<arith::AddIOp>(lhs.rest, rhs.rest)};
  }

  LinearScore scale(const LinearScore &sum, Value factor) {
    LinearScore result = sum;
    result.slope = multiply(sum.slope, factor);
    result.weight = multiply(sum.weight, factor);
    result.bias = multiply(sum.bias, factor);
    return result;
  }

  /// There is but one distance in a sum.
  std::optional<LinearScore> add(const LinearScore &lhs,
                                 const LinearScore &rhs) {
    if (lhs.weight && rhs.weight)
      return std::nullopt;
    LinearScore result = lhs.weight ? lhs : rhs;
    result.slope = add<arith::AddFOp>(lhs.slope, rhs.slope);
    result.bias = add<arith::AddFOp>(lhs.bias, rhs.bias);
    return result;
  }

  //===--- Ops ------------------------------------------------------------===//

  LogicalResult set(Value value, std::optional<Distance> distance) {
    if (!distance)
      return failure();
    distances[value] = *distance;
    return success();
  }
  LogicalResult set(Value value, std::optional<LinearScore> sum) {
    if (!sum)
      return failure();
    sums[value] = *sum;
    return success();
  }

  bool isUniform(Operation &op) {
    return op.getNumRegions() == 0 &&
           (isPure(&op) || isa<memref::LoadOp>(op)) &&
           llvm::all_of(op.getOperands(), [&](Value operand) {
             return mapping.contains(operand);
           });
  }

  LogicalResult read(Operation &op) {
    if (isUniform(op)) {
      b.clone(op, mapping);
      return success();
    }
    return llvm::TypeSwitch<Operation *, LogicalResult>(&op)
        .Case<arith::IndexCastOp, arith::ExtSIOp, arith::TruncIOp>(
            [&](auto cast) { return readCast(cast.getIn(), cast.getResult()); })
        .Case([&](arith::AddIOp sum) {
          return readDistanceSum(sum.getLhs(), sum.getRhs(), 1,
                                 sum.getResult());
        })
        .Case([&](arith::SubIOp sum) {
          return readDistanceSum(sum.getLhs(), sum.getRhs(), -1,
                                 sum.getResult());
        })
        .Case([&](arith::SIToFPOp cast) -> LogicalResult {
          std::optional<Distance> distance = getDistance(cast.getIn());
          if (!distance || !cast.getType().isF32())
            return failure();
          LinearScore sum;
          sum.weight = b.constant(1);
          sum.distance = *distance;
          return set(cast.getResult(), sum);
        })
        .Case([&](arith::AddFOp sum) {
          return readSum(sum.getLhs(), sum.getRhs(), 1, sum.getResult());
        })
        .Case([&](arith::SubFOp sum) {
          return readSum(sum.getLhs(), sum.getRhs(), -1, sum.getResult());
        })
        .Case([&](arith::NegFOp negated) {
          std::optional<LinearScore> sum = getSum(negated.getOperand());
          return sum ? set(negated.getResult(), std::optional(negateAll(*sum)))
                     : failure();
        })
        .Case([&](arith::MulFOp product) {
          return readProduct(product.getLhs(), product.getRhs(),
                             product.getResult());
        })
        .Default([](Operation *) { return failure(); });
  }

  /// Positions and their differences have 32 bits.
  LogicalResult readCast(Value from, Value to) {
    auto isWide = [](Type type) {
      return type.isIndex() || type.getIntOrFloatBitWidth() >= 32;
    };
    if (!isWide(from.getType()) || !isWide(to.getType()))
      return failure();
    return set(to, getDistance(from));
  }

  LogicalResult readDistanceSum(Value lhs, Value rhs, int64_t sign,
                                Value result) {
    std::optional<Distance> first = getDistance(lhs), second = getDistance(rhs);
    if (!first || !second)
      return failure();
    return set(result, std::optional(add(
                           *first, sign == 1 ? *second : scale(*second, -1))));
  }

  LinearScore negateAll(const LinearScore &sum) {
    LinearScore result = sum;
    result.slope = negate(sum.slope);
    result.weight = negate(sum.weight);
    result.bias = negate(sum.bias);
    return result;
  }

  LogicalResult readSum(Value lhs, Value rhs, int64_t sign, Value result) {
    std::optional<LinearScore> first = getSum(lhs), second = getSum(rhs);
    if (!first || !second)
      return failure();
    return set(result, add(*first, sign == 1 ? *second : negateAll(*second)));
  }

  LogicalResult readProduct(Value lhs, Value rhs, Value result) {
    Value factor = mapping.lookupOrNull(rhs);
    std::optional<LinearScore> sum = getSum(factor ? lhs : rhs);
    if (!factor)
      factor = mapping.lookupOrNull(lhs);
    if (!factor || !sum)
      return failure();
    return set(result, std::optional(scale(*sum, factor)));
  }

  KernelBuilder &b;
  IRMapping mapping;
  llvm::DenseMap<Value, Distance> distances;
  llvm::DenseMap<Value, LinearScore> sums;
};

} // namespace

std::optional<LinearScore>
mfa::getLinearScore(KernelBuilder &b, MaskedAttentionOp op, IRMapping mapping) {
  if (op.getScore().empty())
    return std::nullopt;
  std::optional<LinearScore> score =
      LinearReader(b, op, std::move(mapping)).read(op.getScore().front());
  // What does not depend on the score is no matter of speed.
  if (!score || !score->slope)
    return std::nullopt;
  return score;
}
