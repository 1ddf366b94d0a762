//===- OnlineSoftmax.cpp - Weights from scores, a step after another ------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OnlineSoftmax.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::mfa;
using mfa_gpu::FragmentKind;
using mfa_gpu::ReduceKind;
using mfa_gpu::TileType;

static constexpr double kLn2 = 0.6931471805599453;
/// By how much the row maximum may exceed m where weights are rounded to 16
/// bits: they are 2^8 at most, far from the largest f16. An f32 exponent of 8
/// has lost three bits, which f32 operands would show.
static constexpr double kMaxGrowth = 8 * kLn2;
/// A lane's sum of a row's weights, in a step whose maximum it does not know:
/// no weight is larger, far from the largest f16.
static constexpr double kMaxEarlySum = 0x1p10;
/// The product of a maximum with log2 e is rounded: here by 4 at most, which
/// all weights of the row have in common. Past it they might be infinite.
static constexpr double kMaxBase = 0x1p26;

/// Whether a number is outside of +-limit, or none.
static Value isOutside(KernelBuilder &b, Value number, double limit) {
  Value isHigh = arith::CmpFOp::create(b, arith::CmpFPredicate::UGT, number,
                                       b.constant(limit));
  Value isLow = arith::CmpFOp::create(b, arith::CmpFPredicate::ULT, number,
                                      b.constant(-limit));
  return arith::OrIOp::create(b, isHigh, isLow);
}

Value mfa::isHugeMax(KernelBuilder &b, Value rowMax) {
  return isOutside(b, rowMax, kMaxBase);
}

OnlineSoftmax::OnlineSoftmax(const KernelProblem &problem, Growth growth)
    : problem(problem), b(problem.b),
      maxGrowth(problem.element.isF32() || growth == Growth::None ? 0
                                                                  : kMaxGrowth),
      toLog2(b.constant(kLog2E)) {}

OnlineSoftmax::State OnlineSoftmax::getInitialState() {
  return {b.splat(problem.rowTile(problem.f32), b.negativeInfinity()),
          b.splat(problem.rowTile(problem.f32), b.constant(0))};
}

OnlineSoftmax::Step OnlineSoftmax::updateRowMax(Value oldMax,
                                                const Scores &scores) {
  TileType row = problem.rowTile(problem.f32);
  auto scoreType = cast<TileType>(scores.tile.getType());
  Value tileMax;
  if (!scores.scale) {
    tileMax = mfa_gpu::ReduceOp::create(b, ReduceKind::Max, scores.tile, oldMax,
                                        /*partial=*/false);
  } else {
    Value lowest = b.splat(row, b.negativeInfinity());
    Value unscaled = mfa_gpu::ReduceOp::create(b, ReduceKind::Max, scores.tile,
                                               lowest, /*partial=*/false);
    tileMax = b.map(row, {unscaled, oldMax}, [&](ValueRange args) -> Value {
      Value scaled = arith::MulFOp::create(b, args[0], scores.scale);
      Value isMore =
          arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, scaled, args[1]);
      return arith::SelectOp::create(b, isMore, scaled, args[1]);
    });
  }
  // From -inf it grows by inf, which is more than any limit.
  Value hasGrown =
      b.map(problem.rowTile(b.getI1Type()), {tileMax, oldMax},
            [&](ValueRange args) -> Value {
              Value growth = arith::SubFOp::create(b, args[0], args[1]);
              return arith::CmpFOp::create(b, arith::CmpFPredicate::UGT, growth,
                                           b.constant(maxGrowth));
            });
  Value rowMax =
      b.map(row, {hasGrown, tileMax, oldMax}, [&](ValueRange args) -> Value {
        return arith::SelectOp::create(b, args[0], args[1], args[2]);
      });
  // A row without a key so far: any finite base keeps exp2 free of NaN.
  Value base = b.map(row, rowMax, [&](ValueRange args) -> Value {
    Value isEmpty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, args[0],
                                          b.negativeInfinity());
    return arith::SelectOp::create(b, isEmpty, b.constant(0), args[0]);
  });
  // Rows whose maximum is too large for a base (by a mask of -1e9, say) are
  // moved to one of 0 first. Rare, so behind a branch.
  Value areHuge = b.map(problem.rowTile(b.getI1Type()), base,
                        [&](ValueRange args) { return isHugeMax(b, args[0]); });
  auto moved = b.choose(
      mfa_gpu::AnyOp::create(b, areHuge).getResult(),
      [&]() -> SmallVector<Value> {
        auto select = [&](bool ofHuge) {
          return b.map(row, {areHuge, base}, [&](ValueRange args) -> Value {
            Value zero = b.constant(0);
            return arith::SelectOp::create(b, args[0], ofHuge ? args[1] : zero,
                                           ofHuge ? zero : args[1]);
          });
        };
        Value origin = select(/*ofHuge=*/true);
        auto move = [&](ValueRange args) -> Value {
          Value score = args[0];
          if (scores.scale)
            score = arith::MulFOp::create(b, score, scores.scale);
          return arith::SubFOp::create(b, score, args[1]);
        };
        Value movedMax =
            b.map(row, {oldMax, origin}, [&](ValueRange args) -> Value {
              return arith::SubFOp::create(b, args[0], args[1]);
            });
        return {b.map(scoreType, {scores.tile, origin}, move), toLog2, movedMax,
                select(/*ofHuge=*/false)};
      },
      [&]() -> SmallVector<Value> {
        return {scores.tile, scores.factor, oldMax, base};
      });
  oldMax = moved[2];
  Value baseLog2 = b.map(row, moved[3], [&](ValueRange args) {
    return getBase(b, args[0], problem.weightBits);
  });
  Value correction =
      b.map(row, {hasGrown, oldMax, baseLog2}, [&](ValueRange args) -> Value {
        // Rounded like the base of the earlier tiles.
        Value old = getBase(b, args[1], problem.weightBits);
        Value ratio =
            math::Exp2Op::create(b, arith::SubFOp::create(b, old, args[2]));
        return arith::SelectOp::create(b, args[0], ratio, b.constant(1));
      });
  return {moved[0], moved[1], baseLog2, rowMax, hasGrown, correction};
}

Value OnlineSoftmax::weigh(const Step &step, Value &rowSum) {
  auto type = cast<TileType>(step.scores.getType());
  Value weights = b.map(type, {step.scores, step.base}, [&](ValueRange args) {
    Value exponent = math::FmaOp::create(b, args[0], step.factor,
                                         arith::NegFOp::create(b, args[1]));
    return math::Exp2Op::create(b, exponent);
  });
  rowSum = mfa_gpu::ReduceOp::create(b, ReduceKind::Add, weights,
                                     b.scaleRows(rowSum, step.correction),
                                     /*partial=*/true);
  return weights;
}

Value OnlineSoftmax::areWithin(Value numbers, double limit) {
  Value areOutside =
      b.map(problem.rowTile(b.getI1Type()), numbers,
            [&](ValueRange args) { return isOutside(b, args[0], limit); });
  return b.negate(mfa_gpu::AnyOp::create(b, areOutside));
}

Value OnlineSoftmax::areFinite(Value numbers) {
  return areWithin(numbers, std::numeric_limits<float>::max());
}

Value OnlineSoftmax::areBases(Value rowMax, const ScoreFunction &function) {
  Value areSmall = areWithin(rowMax, kMaxBase);
  Value factor = function.getOpenFactor();
  if (!factor)
    return areSmall;
  // By an infinite factor scores lose more than their maximum can show.
  return arith::AndIOp::create(
      b, areSmall,
      b.negate(isOutside(b, factor, std::numeric_limits<float>::max())));
}

/// How many of 8 weights are polynomials (`mfa_gpu.exp2`). Where scores have
/// functions of their own, steps of small heads wait for the special function
/// unit; those of large ones do not, and are slower by more instructions.
static int64_t countPolynomials(const KernelProblem &problem,
                                const ScoreFunction &function) {
  // By summed elements of a score and of its row of the output.
  static constexpr struct {
    int64_t elements, polynomials;
  } kMeasured[] = {{128, 4}, {192, 2}};
  if (!function.hasSpecialFunctions() || problem.element.isF32())
    return 0;
  MaskedAttentionOp op = problem.getOp();
  int64_t elements = op.getHeadDim() + op.getValueDim();
  for (auto [most, polynomials] : kMeasured)
    if (elements <= most)
      return polynomials;
  return 0;
}

OnlineSoftmax::EarlyWeights OnlineSoftmax::tryOldMax(ScoreFunction &function,
                                                     Value products, Value mask,
                                                     const State &state) {
  TileType row = problem.rowTile(problem.f32);
  int64_t polynomials = countPolynomials(problem, function);
  Value weights = function.mapExponents(
      products, mask, state.rowMax, [&](Value exponent) -> Value {
        if (polynomials)
          return exponent;
        return math::Exp2Op::create(b, exponent);
      });
  // A weight of no number is one that is too large, also by a polynomial.
  if (polynomials)
    weights = mfa_gpu::Exp2Op::create(b, weights, polynomials);
  Value rowSum = mfa_gpu::ReduceOp::create(b, ReduceKind::Add, weights,
                                           b.splat(row, b.constant(0)),
                                           /*partial=*/true);
  Value areGood =
      areWithin(rowSum, std::ldexp(kMaxEarlySum, -problem.weightBits));
  rowSum = b.map(row, {rowSum, state.rowSum}, [&](ValueRange args) -> Value {
    return arith::AddFOp::create(b, args[0], args[1]);
  });
  return {weights, rowSum, areGood};
}

OnlineSoftmax::EarlyWeights OnlineSoftmax::excludeAll(Value products,
                                                      const State &state) {
  Value sums = mfa_gpu::ReduceOp::create(
      b, ReduceKind::Add, products,
      b.splat(problem.rowTile(problem.f32), b.constant(0)),
      /*partial=*/true);
  return {b.splat(problem.scoreTile(problem.f32), b.constant(0)), state.rowSum,
          areFinite(sums)};
}

Value OnlineSoftmax::rescale(Value output, const Step &step) {
  return b.choose(
      mfa_gpu::AnyOp::create(b, step.hasGrown).getResult(),
      [&]() -> SmallVector<Value> {
        return {b.scaleRows(output, step.correction)};
      },
      [&]() -> SmallVector<Value> { return {output}; })[0];
}

Value OnlineSoftmax::toFactor(Value weights) {
  return mfa_gpu::ConvertOp::create(
      b, problem.scoreTile(problem.element, FragmentKind::Operand), weights);
}

double mfa::getWeightBits(Type element) {
  if (element.isF16())
    return 0;
  return element.isF32() ? 20 : 24;
}

Value mfa::getBase(KernelBuilder &b, Value rowMax, double weightBits) {
  Value toLog2 = b.constant(kLog2E);
  if (!weightBits)
    return arith::MulFOp::create(b, rowMax, toLog2);
  return math::FmaOp::create(b, rowMax, toLog2, b.constant(weightBits));
}

Value mfa::getWeight(KernelBuilder &b, Value rowMax, Value base,
                     double weightBits) {
  // Rounded like the weights of the attention kernel.
  Value exponent = arith::SubFOp::create(b, getBase(b, rowMax, weightBits),
                                         getBase(b, base, weightBits));
  // Which there, too, are relative to the maximum itself in these rows.
  Value exact = arith::MulFOp::create(b, arith::SubFOp::create(b, rowMax, base),
                                      b.constant(kLog2E));
  exponent = arith::SelectOp::create(b, isHugeMax(b, base), exact, exponent);
  return math::Exp2Op::create(b, exponent);
}

Value mfa::getSinkWeight(KernelBuilder &b, Value sink, Value base,
                         double weightBits) {
  Value weight = getWeight(b, sink, base, weightBits);
  if (!weightBits)
    return weight;
  return arith::MulFOp::create(b, weight,
                               b.constant(std::ldexp(1.0, -weightBits)));
}

Value mfa::getFiniteBase(KernelBuilder &b, Value rowMax) {
  Value isEmpty = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, rowMax,
                                        b.negativeInfinity());
  return arith::SelectOp::create(b, isEmpty, b.constant(0), rowMax);
}

Value mfa::getLogSumExp(KernelBuilder &b, Value rowMax, Value rowSum,
                        double weightBits) {
  Value logSum = math::Log2Op::create(b, rowSum);
  if (weightBits)
    logSum = arith::AddFOp::create(b, logSum, b.constant(weightBits));
  Value sum = math::FmaOp::create(b, logSum, b.constant(kLn2), rowMax);
  return arith::SelectOp::create(b, b.isZero(rowSum), b.negativeInfinity(),
                                 sum);
}
