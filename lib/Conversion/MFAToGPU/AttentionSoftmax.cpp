//===- OnlineSoftmax.cpp - Weights of attention kernels -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The recurrence of AttentionBuilder.h but for its products: from the products
// of query and key to the left factor of the product with the value.
//
//===----------------------------------------------------------------------===//

#include "AttentionBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
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

AttentionBuilder::Softmax AttentionBuilder::initialSoftmax() {
  return {b.splat(rowTile(f32), b.negativeInfinity()),
          b.splat(rowTile(f32), b.constant(0))};
}

Value AttentionBuilder::widenMask(Value maskRegisters) {
  Type type = cast<TileType>(maskRegisters.getType()).getElementType();
  if (!type.isF16() && !type.isBF16())
    return maskRegisters;
  return mfa_gpu::ConvertOp::create(b, matrixTile(tileKeys, f32),
                                    maskRegisters);
}

AttentionBuilder::Scores
AttentionBuilder::addScaleAndMask(Value products, Value maskRegisters) {
  if (maskForm == MaskForm::None && canScaleLate)
    return {products, /*isScaled=*/false};
  SmallVector<Value> inputs{products};
  if (maskRegisters)
    inputs.push_back(widenMask(maskRegisters));
  if (rowMask)
    inputs.push_back(rowMask);
  Value scores =
      b.map(matrixTile(tileKeys, f32), inputs, [&](ValueRange args) -> Value {
        Value mask = args.size() > 1 ? toF32(args[1]) : scalarMask;
        if (!mask)
          return arith::MulFOp::create(b, args[0], operands.scale);
        return math::FmaOp::create(b, args[0], operands.scale, mask);
      });
  return {scores, /*isScaled=*/true};
}

AttentionBuilder::Scores AttentionBuilder::keepKeys(Scores scores,
                                                    Value count) {
  Value limit = arith::IndexCastUIOp::create(b, b.getI32Type(), count);
  scores.tile = b.map(
      cast<TileType>(scores.tile.getType()), scores.tile,
      [&](ValueRange args) -> Value {
        Value inside =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ult, args[2], limit);
        return arith::SelectOp::create(b, inside, args[0],
                                       b.negativeInfinity());
      },
      /*coordinates=*/true);
  return scores;
}

AttentionBuilder::SoftmaxStep AttentionBuilder::updateRowMax(Value oldMax,
                                                             Scores scores) {
  TileType row = rowTile(f32);
  auto scoreType = cast<TileType>(scores.tile.getType());
  Value tileMax;
  if (scores.isScaled) {
    tileMax = mfa_gpu::ReduceOp::create(b, ReduceKind::Max, scores.tile, oldMax,
                                        /*partial=*/false);
  } else {
    Value lowest = b.splat(row, b.negativeInfinity());
    Value unscaled = mfa_gpu::ReduceOp::create(b, ReduceKind::Max, scores.tile,
                                               lowest, /*partial=*/false);
    tileMax = b.map(row, {unscaled, oldMax}, [&](ValueRange args) -> Value {
      Value scaled = arith::MulFOp::create(b, args[0], operands.scale);
      Value isMore =
          arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, scaled, args[1]);
      return arith::SelectOp::create(b, isMore, scaled, args[1]);
    });
  }
  // From -inf it grows by inf, which is more than any limit.
  Value hasGrown = b.map(
      rowTile(b.getI1Type()), {tileMax, oldMax}, [&](ValueRange args) -> Value {
        Value growth = arith::SubFOp::create(b, args[0], args[1]);
        return arith::CmpFOp::create(
            b, arith::CmpFPredicate::UGT, growth,
            b.constant(element.isF32() || triesOldMax ? 0 : kMaxGrowth));
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
  Value areHuge = b.map(rowTile(b.getI1Type()), base,
                        [&](ValueRange args) { return isHuge(args[0]); });
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
          if (!scores.isScaled)
            score = arith::MulFOp::create(b, score, operands.scale);
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
        return {scores.tile, scores.isScaled ? toLog2 : scaleToLog2, oldMax,
                base};
      });
  oldMax = moved[2];
  Value baseLog2 = b.map(row, moved[3], [&](ValueRange args) -> Value {
    return arith::MulFOp::create(b, args[0], toLog2);
  });
  Value correction =
      b.map(row, {hasGrown, oldMax, baseLog2}, [&](ValueRange args) -> Value {
        // Rounded like the base of the earlier tiles.
        Value old = arith::MulFOp::create(b, args[1], toLog2);
        Value ratio =
            math::Exp2Op::create(b, arith::SubFOp::create(b, old, args[2]));
        return arith::SelectOp::create(b, args[0], ratio, b.constant(1));
      });
  return {moved[0], moved[1], baseLog2, rowMax, hasGrown, correction};
}

Value AttentionBuilder::weigh(const SoftmaxStep &step, Value &rowSum) {
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

Value AttentionBuilder::areWithin(Value numbers, double limit) {
  Value areOutside =
      b.map(rowTile(b.getI1Type()), numbers,
            [&](ValueRange args) { return isOutside(args[0], limit); });
  return b.negate(mfa_gpu::AnyOp::create(b, areOutside));
}

Value AttentionBuilder::areBases(Value rowMax) {
  Value areSmall = areWithin(rowMax, kMaxBase);
  if (isScaleKnown)
    return areSmall;
  // By an infinite factor scores lose more than their maximum can show.
  return arith::AndIOp::create(
      b, areSmall,
      b.negate(isOutside(scaleToLog2, std::numeric_limits<float>::max())));
}

AttentionBuilder::EarlyWeights
AttentionBuilder::tryOldMax(Value products, Value maskRegisters,
                            const Softmax &state) {
  TileType row = rowTile(f32), tile = matrixTile(tileKeys, f32);
  auto fma = [&](Value lhs, Value rhs, Value sum) -> Value {
    return math::FmaOp::create(b, lhs, rhs, sum);
  };
  // (s scale + mask - m) log2 e, in an order that has all of a row first.
  SmallVector<Value> ofRow{state.rowMax};
  if (rowMask)
    ofRow.push_back(rowMask);
  Value shift = b.map(row, ofRow, [&](ValueRange args) -> Value {
    Value base = arith::MulFOp::create(b, args[0], toLog2);
    Value shift = arith::NegFOp::create(b, base);
    Value mask = args.size() > 1 ? args[1] : scalarMask;
    return mask ? fma(mask, toLog2, shift) : shift;
  });
  SmallVector<Value> inputs{products, shift};
  if (maskRegisters)
    inputs.push_back(widenMask(maskRegisters));
  Value weights = b.map(tile, inputs, [&](ValueRange args) -> Value {
    Value shift = args[1];
    if (maskRegisters && args[2].getType().isInteger(1))
      shift = arith::SelectOp::create(b, args[2], shift, b.negativeInfinity());
    else if (maskRegisters)
      shift = fma(args[2], toLog2, shift);
    return math::Exp2Op::create(b, fma(args[0], scaleToLog2, shift));
  });
  Value rowSum = mfa_gpu::ReduceOp::create(b, ReduceKind::Add, weights,
                                           b.splat(row, b.constant(0)),
                                           /*partial=*/true);
  Value areGood = areWithin(rowSum, kMaxEarlySum);
  rowSum = b.map(row, {rowSum, state.rowSum}, [&](ValueRange args) -> Value {
    return arith::AddFOp::create(b, args[0], args[1]);
  });
  return {weights, rowSum, areGood};
}

AttentionBuilder::EarlyWeights
AttentionBuilder::excludeAll(Value products, const Softmax &state) {
  Value sums = mfa_gpu::ReduceOp::create(b, ReduceKind::Add, products,
                                         b.splat(rowTile(f32), b.constant(0)),
                                         /*partial=*/true);
  return {b.splat(matrixTile(tileKeys, f32), b.constant(0)), state.rowSum,
          areWithin(sums, std::numeric_limits<float>::max())};
}

Value AttentionBuilder::rescale(Value output, const SoftmaxStep &step) {
  return b.choose(
      mfa_gpu::AnyOp::create(b, step.hasGrown).getResult(),
      [&]() -> SmallVector<Value> {
        return {b.scaleRows(output, step.correction)};
      },
      [&]() -> SmallVector<Value> { return {output}; })[0];
}

Value AttentionBuilder::toFactor(Value weights) {
  return mfa_gpu::ConvertOp::create(
      b, matrixTile(tileKeys, element, FragmentKind::Operand), weights);
}

Value AttentionBuilder::normalize(Value output, Value rowSum) {
  TileType row = rowTile(f32);
  Value inverse = b.map(row, rowSum, [&](ValueRange args) -> Value {
    // A reciprocal of one instruction, good to 1 ulp. The exact one calls a
    // function, around which the whole output tile would be spilled.
    return arith::DivFOp::create(b, b.constant(1), args[0],
                                 arith::FastMathFlags::afn);
  });
  Value divided =
      b.map(cast<TileType>(output.getType()), {output, inverse, rowSum},
            [&](ValueRange args) -> Value {
              Value scaled = arith::MulFOp::create(b, args[0], args[1]);
              return arith::SelectOp::create(b, b.isZero(args[2]),
                                             b.constant(0), scaled);
            });
  return mfa_gpu::ConvertOp::create(b, matrixTile(memory.output.cols, element),
                                    divided);
}

Value AttentionBuilder::logSumExp(Value rowMax, Value rowSum) {
  Value logSum = math::Log2Op::create(b, rowSum);
  Value sum = math::FmaOp::create(b, logSum, b.constant(kLn2), rowMax);
  return arith::SelectOp::create(b, b.isZero(rowSum), b.negativeInfinity(),
                                 sum);
}

Value AttentionBuilder::isOutside(Value number, double limit) {
  Value isHigh = arith::CmpFOp::create(b, arith::CmpFPredicate::UGT, number,
                                       b.constant(limit));
  Value isLow = arith::CmpFOp::create(b, arith::CmpFPredicate::ULT, number,
                                      b.constant(-limit));
  return arith::OrIOp::create(b, isHigh, isLow);
}

Value AttentionBuilder::isHuge(Value rowMax) {
  return isOutside(rowMax, kMaxBase);
}
