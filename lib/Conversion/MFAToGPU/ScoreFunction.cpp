//===- ScoreFunction.cpp - Scores from products of query and key ----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScoreFunction.h"
#include "KeepBits.h"
#include "LinearScore.h"
#include "OnlineSoftmax.h"
#include "TileList.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::mfa;
using mfa_gpu::TileType;

/// Columns of an output tile beside which few registers are left.
static constexpr int64_t kWide = 128;

ScoreFunction::ScoreFunction(const KernelProblem &problem, Form form)
    : problem(problem), b(problem.b), scoreRegion(problem.getOp()),
      keepRegion(problem.getOp()), toLog2(b.constant(kLog2E)) {
  Value scale = problem.operands.scale;
  FloatAttr known;
  isScaleKnown = matchPattern(scale, m_Constant(&known)) &&
                 std::abs(known.getValueAsDouble() * kLog2E) <=
                     std::numeric_limits<float>::max();
  if (isScaleKnown)
    scaleToLog2 = b.constant(known.getValueAsDouble() * kLog2E);
  else if (form == Form::Exponents)
    scaleToLog2 = arith::MulFOp::create(b, scale, toLog2);
  canScaleLate = !scoreRegion && problem.maskForm == MaskForm::None &&
                 isScaleKnown && known.getValueAsDouble() > 0;
}

//===----------------------------------------------------------------------===//
// The mask
//===----------------------------------------------------------------------===//

bool ScoreFunction::dependsOnRows() const {
  return problem.maskForm == MaskForm::QueryVector ||
         problem.maskForm == MaskForm::Scalar || problem.getOp().hasRegions();
}

void ScoreFunction::enterRows(const RowTile &rows) {
  if (problem.getOp().hasRegions())
    rowTile = rows;
  if (problem.maskForm != MaskForm::QueryVector &&
      problem.maskForm != MaskForm::Scalar)
    return;
  Value view = problem.maskTile(rows, b.index(0));
  if (problem.maskForm == MaskForm::Scalar) {
    Value zero = b.index(0);
    scalarMask = toF32(memref::LoadOp::create(b, view, ValueRange{zero, zero}));
    return;
  }
  Type element = cast<MemRefType>(view.getType()).getElementType();
  OpFoldResult zero = b.getIndexAttr(0);
  Value vector =
      b.vectorView(view, {zero, zero}, {rows.rows, b.getIndexAttr(1)}, 0);
  Value loaded = mfa_gpu::LoadOp::create(b, problem.rowTile(element), vector);
  rowMask = b.map(problem.rowTile(problem.f32), loaded,
                  [&](ValueRange args) { return toF32(args[0]); });
}

Value ScoreFunction::loadMask(Value shared) {
  Type element = cast<MemRefType>(shared.getType()).getElementType();
  return mfa_gpu::LoadOp::create(b, problem.scoreTile(element), shared);
}

Value ScoreFunction::widenMask(Value mask) {
  Type element = cast<TileType>(mask.getType()).getElementType();
  if (!element.isF16() && !element.isBF16())
    return mask;
  return mfa_gpu::ConvertOp::create(b, problem.scoreTile(problem.f32), mask);
}

Value ScoreFunction::toF32(Value maskElement) {
  Type type = maskElement.getType();
  if (type.isF32())
    return maskElement;
  if (type.isInteger(1))
    return arith::SelectOp::create(b, maskElement, b.constant(0),
                                   b.negativeInfinity());
  return arith::ExtFOp::create(b, problem.f32, maskElement);
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

IRMapping ScoreFunction::mapUniform(Region &region) {
  IRMapping mapping;
  MaskedAttentionOp op = problem.getOp();
  mapping.map(op.getPositions(region).take_front(2),
              ValueRange{rowTile->batch, rowTile->head});
  mapping.map(op.getCaptureArguments(region), problem.operands.captures);
  return mapping;
}

/// Whether it is part of where a region reads.
static bool readsBy(Value position) {
  llvm::SetVector<Operation *> users;
  getForwardSlice(position, &users);
  return llvm::any_of(users, llvm::IsaPred<memref::LoadOp>);
}

IRMapping ScoreFunction::mapPair(Region &region, Value row, Value col,
                                 Value firstKey, bool mayBeLast) {
  auto position = [&](Value argument, Value first, Value offset, Value size,
                      bool mayBeLast) -> Value {
    Value place = arith::AddIOp::create(b, first, b.toIndex(offset));
    // Tiles have rows and columns past the last, whose scores nobody looks at.
    // They must not read where there is nothing, though.
    if (!mayBeLast || !readsBy(argument))
      return place;
    Value last = b.createOrFold<arith::SubIOp>(size, b.index(1));
    return arith::MinUIOp::create(b, place, last);
  };
  IRMapping mapping = mapUniform(region);
  auto positions = problem.getOp().getPositions(region).drop_front(2);
  mapping.map(positions[0], position(positions[0], rowTile->firstRow, row,
                                     problem.numQueries(), /*mayBeLast=*/true));
  if (col)
    mapping.map(positions[1], position(positions[1], firstKey, col,
                                       problem.numKeys(), mayBeLast));
  return mapping;
}

Value ScoreFunction::mapScoreRegion(
    Value products, Value mask, ScoreRegion::Form form,
    function_ref<Value(IRMapping, ScoreRegion::Form)> body) {
  Region &region = problem.getOp().getScore();
  SmallVector<Value> inputs{products};
  if (mask)
    inputs.push_back(widenMask(mask));
  if (rowMask)
    inputs.push_back(rowMask);
  bool isMasked = inputs.size() > 1 || scalarMask;
  Value scale = problem.operands.scale;
  form.hasInner = scoreRegion.getInner() && !isMasked;
  if (form.hasInner)
    scale =
        arith::MulFOp::create(b, scale,
                              scoreRegion.inlineFactor(b, mapUniform(region),
                                                       scoreRegion.getInner()));
  return b.map(
      problem.scoreTile(problem.f32), inputs,
      [&](ValueRange args) -> Value {
        Value score;
        if (isMasked)
          score = math::FmaOp::create(b, args[0], scale,
                                      inputs.size() > 1 ? toF32(args[1])
                                                        : scalarMask);
        else
          score = arith::MulFOp::create(b, args[0], scale);
        IRMapping mapping =
            mapPair(region, args.drop_back().back(), args.back(), firstKey,
                    /*mayBeLast=*/true);
        mapping.map(region.getArgument(0), score);
        return body(mapping, form);
      },
      /*coordinates=*/true);
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

Scores ScoreFunction::getScores(Value products, Value mask) {
  Value scale = problem.operands.scale;
  if (canScaleLate)
    return {products, scale, scaleToLog2};
  if (scoreRegion) {
    Value scores = mapScoreRegion(
        products, mask, ScoreRegion::Form(),
        [&](IRMapping mapping, ScoreRegion::Form form) {
          return scoreRegion.inlineWhole(b, std::move(mapping), form);
        });
    return {scores, Value(), toLog2};
  }
  SmallVector<Value> inputs{products};
  if (mask)
    inputs.push_back(widenMask(mask));
  if (rowMask)
    inputs.push_back(rowMask);
  Value scores = b.map(
      problem.scoreTile(problem.f32), inputs, [&](ValueRange args) -> Value {
        Value added = inputs.size() > 1 ? toF32(args[1]) : scalarMask;
        if (!added)
          return arith::MulFOp::create(b, args[0], scale);
        return math::FmaOp::create(b, args[0], scale, added);
      });
  return {scores, Value(), toLog2};
}

Scores ScoreFunction::getScores(Value products, OpFoldResult needsMask,
                                function_ref<Value()> load) {
  if (isa<Attribute>(needsMask))
    return getScores(products, load());
  // With a mask scores are scaled.
  Value tile = b.choose(
      needsMask,
      [&]() -> SmallVector<Value> {
        return {getScores(products, load()).tile};
      },
      [&]() -> SmallVector<Value> {
        return {getScores(products, Value()).tile};
      })[0];
  return {tile, Value(), toLog2};
}

Value ScoreFunction::mapLinearExponents(
    Value products, Value mask, Value rowMax,
    function_ref<Value(Value exponent)> finish) {
  if (!scoreRegion || mask || rowMask || scalarMask)
    return {};
  std::optional<LinearScore> score = getLinearScore(
      b, problem.getOp(), mapUniform(problem.getOp().getScore()));
  if (!score)
    return {};
  auto multiply = [&](Value lhs, Value rhs) -> Value {
    return arith::MulFOp::create(b, lhs, rhs);
  };
  Value factor = multiply(scaleToLog2, score->slope);
  const LinearScore::Distance &distance = score->distance;
  Value weight = score->weight ? multiply(score->weight, toLog2) : Value();
  Value bias = score->bias ? multiply(score->bias, toLog2) : Value();
  auto toFloat = [&](Value index) -> Value {
    Value number = arith::IndexCastOp::create(b, b.getI64Type(), index);
    return arith::SIToFPOp::create(b, problem.f32, number);
  };
  // Of the first key of each row.
  auto distanceOf = [&](Value row) -> Value {
    auto scaled = [&](Value position, int64_t factor) {
      return arith::MulIOp::create(b, position, b.index(factor)).getResult();
    };
    Value query = arith::AddIOp::create(b, rowTile->firstRow, b.toIndex(row));
    Value sum = arith::AddIOp::create(b, scaled(query, distance.query),
                                      scaled(firstKey, distance.key));
    if (distance.rest)
      sum = arith::AddIOp::create(b, sum, distance.rest);
    return toFloat(sum);
  };
  Value shift = b.map(
      problem.rowTile(problem.f32), rowMax,
      [&](ValueRange args) -> Value {
        Value base = getBase(b, args[0], problem.weightBits);
        Value shift = bias ? arith::SubFOp::create(b, bias, base).getResult()
                           : arith::NegFOp::create(b, base).getResult();
        if (!weight)
          return shift;
        return math::FmaOp::create(b, distanceOf(args[1]), weight, shift);
      },
      /*coordinates=*/bool(weight));
  Value ofColumn =
      weight && distance.key
          ? multiply(weight, b.constant(static_cast<double>(distance.key)))
          : Value();
  return b.map(
      problem.scoreTile(problem.f32), {products, shift},
      [&](ValueRange args) -> Value {
        Value shift = args[1];
        if (ofColumn) {
          Value column = arith::SIToFPOp::create(b, problem.f32, args[3]);
          shift = math::FmaOp::create(b, column, ofColumn, shift);
        }
        return finish(math::FmaOp::create(b, args[0], factor, shift));
      },
      /*coordinates=*/bool(ofColumn));
}

Value ScoreFunction::mapExponents(Value products, Value mask, Value rowMax,
                                  function_ref<Value(Value exponent)> finish) {
  auto fma = [&](Value lhs, Value rhs, Value sum) -> Value {
    return math::FmaOp::create(b, lhs, rhs, sum);
  };
  if (Value linear = mapLinearExponents(products, mask, rowMax, finish))
    return linear;
  if (scoreRegion) {
    Value shift = b.map(problem.rowTile(problem.f32), rowMax,
                        [&](ValueRange args) -> Value {
                          return arith::NegFOp::create(
                              b, getBase(b, args[0], problem.weightBits));
                        });
    ScoreRegion::Form form;
    Value factor = toLog2;
    if (Value outer = scoreRegion.getOuter()) {
      form.leavesOuter = true;
      Region &region = problem.getOp().getScore();
      factor = arith::MulFOp::create(
          b, toLog2, scoreRegion.inlineFactor(b, mapUniform(region), outer));
    }
    Value scores = mapScoreRegion(
        products, mask, form, [&](IRMapping mapping, ScoreRegion::Form form) {
          return scoreRegion.inlineWhole(b, std::move(mapping), form);
        });
    return b.map(
        problem.scoreTile(problem.f32), {scores, shift},
        [&](ValueRange args) { return finish(fma(args[0], factor, args[1])); });
  }
  // In an order that has all of a row first.
  SmallVector<Value> ofRow{rowMax};
  if (rowMask)
    ofRow.push_back(rowMask);
  Value shift =
      b.map(problem.rowTile(problem.f32), ofRow, [&](ValueRange args) -> Value {
        Value base = getBase(b, args[0], problem.weightBits);
        Value shift = arith::NegFOp::create(b, base);
        Value mask = args.size() > 1 ? args[1] : scalarMask;
        return mask ? fma(mask, toLog2, shift) : shift;
      });
  SmallVector<Value> inputs{products, shift};
  if (mask)
    inputs.push_back(widenMask(mask));
  return b.map(
      problem.scoreTile(problem.f32), inputs, [&](ValueRange args) -> Value {
        Value shift = args[1];
        if (mask && args[2].getType().isInteger(1))
          shift =
              arith::SelectOp::create(b, args[2], shift, b.negativeInfinity());
        else if (mask)
          shift = fma(args[2], toLog2, shift);
        return finish(fma(args[0], scaleToLog2, shift));
      });
}

ScoreFunction::Test ScoreFunction::getTest(OpFoldResult isNeeded,
                                           Value firstKey) {
  return {isNeeded, firstKey,
          arith::SubIOp::create(b, problem.numKeys(), firstKey)};
}

ScoreFunction::ColumnBounds ScoreFunction::getColumnBounds(const Test &test) {
  Region &keep = problem.getOp().getKeep();
  TileType row = problem.rowTile(problem.f32);
  auto mapRows = [&](function_ref<Value(const IRMapping &)> body) {
    return b.map(
        row, ValueRange(),
        [&](ValueRange args) -> Value {
          Value column = arith::SubIOp::create(
              b, body(mapPair(keep, args[0], /*col=*/Value(), test.firstKey)),
              test.firstKey);
          // Few numbers, which an f32 holds.
          column = arith::MaxSIOp::create(b, column, b.index(-1));
          column = arith::MinSIOp::create(b, column, b.index(problem.tileKeys));
          Value number = arith::IndexCastOp::create(b, b.getI32Type(), column);
          return arith::SIToFPOp::create(b, problem.f32, number);
        },
        /*coordinates=*/true);
  };
  ColumnBounds bounds;
  if (keepRegion.hasLow())
    bounds.low = mapRows([&](const IRMapping &mapping) -> Value {
      // That of a window without an end may be as far away as numbers go.
      return arith::MaxSIOp::create(b, keepRegion.inlineLow(b, mapping),
                                    b.index(0));
    });
  if (!keepRegion.hasHigh())
    return bounds;
  bounds.high = mapRows([&](const IRMapping &mapping) -> Value {
    Value high = keepRegion.inlineHigh(b, mapping);
    if (!problem.hasTail())
      return high;
    Value last = arith::SubIOp::create(b, problem.numKeys(), b.index(1));
    return arith::MinSIOp::create(b, high, last);
  });
  return bounds;
}

Value ScoreFunction::excludeByBounds(Value tile, const ColumnBounds &bounds) {
  auto excludeBeyond = [&](Value bound, arith::CmpFPredicate kept) {
    return b.map(
        cast<TileType>(tile.getType()), {tile, bound},
        [&](ValueRange args) -> Value {
          Value column = arith::SIToFPOp::create(b, problem.f32, args.back());
          Value isKept = arith::CmpFOp::create(b, kept, column, args[1]);
          return arith::SelectOp::create(b, isKept, args[0],
                                         b.negativeInfinity());
        },
        /*coordinates=*/true);
  };
  // Of a window or of documents one end of the keys is in another tile than the
  // other: most tiles are within one of the bounds, for all rows of a warp.
  bool isOnly = bool(bounds.low) + bool(bounds.high) + keepRegion.hasRest() < 2;
  auto exclude = [&](Value bound, arith::CmpFPredicate kept, int64_t farthest) {
    if (!bound)
      return;
    if (isOnly) {
      tile = excludeBeyond(bound, kept);
      return;
    }
    Value leavesOut = b.map(
        problem.rowTile(b.getI1Type()), bound, [&](ValueRange args) -> Value {
          return b.negate(arith::CmpFOp::create(
              b, kept, b.constant(static_cast<double>(farthest)), args[0]));
        });
    tile = b.choose(
        mfa_gpu::AnyOp::create(b, leavesOut).getResult(),
        [&]() -> SmallVector<Value> { return {excludeBeyond(bound, kept)}; },
        [&]() -> SmallVector<Value> { return {tile}; })[0];
  };
  exclude(bounds.low, arith::CmpFPredicate::OGE, /*farthest=*/0);
  exclude(bounds.high, arith::CmpFPredicate::OLE,
          /*farthest=*/problem.tileKeys - 1);
  return tile;
}

Value ScoreFunction::excludeByRest(Value tile, const Test &test,
                                   bool mayBeLast) {
  Region &keep = problem.getOp().getKeep();
  // High bounds know the end of the keys.
  Value limit =
      mayBeLast && !keepRegion.hasHigh() ? b.toI32(test.keysLeft) : Value();
  return b.map(
      cast<TileType>(tile.getType()), tile,
      [&](ValueRange args) -> Value {
        Value isKept = keepRegion.inlineRest(
            b, mapPair(keep, args[1], args[2], test.firstKey, mayBeLast));
        if (limit)
          isKept = arith::AndIOp::create(
              b,
              arith::CmpIOp::create(b, arith::CmpIPredicate::ult, args[2],
                                    limit),
              isKept);
        return arith::SelectOp::create(b, isKept, args[0],
                                       b.negativeInfinity());
      },
      /*coordinates=*/true);
}

Value ScoreFunction::excludeByBits(Value tile, const Test &test) {
  Value list = problem.operands.tileList;
  KeepWords words = getKeepWords(
      b, problem.getOp(), list, getTileListRow(b, problem, *rowTile),
      countTilesOf(b, problem.getOp(), list),
      arith::DivUIOp::create(b, test.firstKey, b.index(problem.tileKeys)));
  return b.map(
      cast<TileType>(tile.getType()), tile,
      [&](ValueRange args) -> Value {
        return arith::SelectOp::create(
            b, loadIsKept(b, problem, words, args[1], args[2]), args[0],
            b.negativeInfinity());
      },
      /*coordinates=*/true);
}

Value ScoreFunction::excludePastEnd(Value tile, const Test &test) {
  Value limit = b.toI32(test.keysLeft);
  return b.map(
      cast<TileType>(tile.getType()), tile,
      [&](ValueRange args) -> Value {
        Value isLeft =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ult, args[2], limit);
        return arith::SelectOp::create(b, isLeft, args[0],
                                       b.negativeInfinity());
      },
      /*coordinates=*/true);
}

Value ScoreFunction::excludeByRegion(Value tile, const Test &test) {
  if (hasKeepBits(problem.getOp()))
    return excludeByBits(tile, test);
  tile = excludeByBounds(tile, getColumnBounds(test));
  if (!keepRegion.hasRest())
    return problem.hasTail() && !keepRegion.hasHigh()
               ? excludePastEnd(tile, test)
               : tile;
  auto excludeRest = [&](bool mayBeLast) -> SmallVector<Value> {
    return {excludeByRest(tile, test, mayBeLast)};
  };
  if (!problem.hasTail() || !keepRegion.readsByKey())
    return excludeRest(problem.hasTail())[0];
  // Both ways would be too much beside the output tile of a wide head.
  if (problem.memory.output.cols > kWide)
    return excludeRest(/*mayBeLast=*/true)[0];
  // Most tiles are whole, and read without a look at the end.
  Value isShort = arith::CmpIOp::create(
      b, arith::CmpIPredicate::ult, test.keysLeft, b.index(problem.tileKeys));
  return b.choose(
      isShort, [&] { return excludeRest(true); },
      [&] { return excludeRest(false); })[0];
}

bool ScoreFunction::mayExcludeProducts() const {
  // Beside the output tile of a wide head it spilled, and of a causal rule,
  // which tests first steps, it made the loop slower.
  bool isTestedOften = problem.operands.tileList ||
                       (keepRegion.hasLow() && keepRegion.hasHigh());
  return canScaleLate && isTestedOften && problem.memory.output.cols <= kWide;
}

Value ScoreFunction::exclude(Value tile, const Test &test) {
  return b.choose(
      test.isNeeded,
      [&]() -> SmallVector<Value> {
        return {keepRegion ? excludeByRegion(tile, test)
                           : excludePastEnd(tile, test)};
      },
      [&]() -> SmallVector<Value> { return {tile}; })[0];
}
