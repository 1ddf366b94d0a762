//===- ScoreFunction.cpp - Scores from products of query and key ----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScoreFunction.h"
#include "OnlineSoftmax.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::mfa;
using mfa_gpu::TileType;

ScoreFunction::ScoreFunction(const KernelProblem &problem, Form form)
    : problem(problem), b(problem.b), toLog2(b.constant(kLog2E)) {
  Value scale = problem.operands.scale;
  FloatAttr known;
  isScaleKnown = matchPattern(scale, m_Constant(&known)) &&
                 std::abs(known.getValueAsDouble() * kLog2E) <=
                     std::numeric_limits<float>::max();
  if (isScaleKnown)
    scaleToLog2 = b.constant(known.getValueAsDouble() * kLog2E);
  else if (form == Form::Exponents)
    scaleToLog2 = arith::MulFOp::create(b, scale, toLog2);
  canScaleLate = form == Form::Scores && !hasScoreRegion() &&
                 problem.maskForm == MaskForm::None && isScaleKnown &&
                 known.getValueAsDouble() > 0;
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

bool ScoreFunction::hasScoreRegion() const {
  return !problem.getOp().getScore().empty();
}

bool ScoreFunction::hasKeepRegion() const {
  return !problem.getOp().getKeep().empty();
}

Value ScoreFunction::inlineRegion(Region &region, Value score, Value row,
                                  Value col, Value firstKey) {
  Block &block = region.front();
  // Tiles have rows and columns past the last, whose scores nobody looks at.
  // They must not read where there is nothing, though.
  bool reads = !block.getOps<memref::LoadOp>().empty();
  auto position = [&](Value first, Value offset, Value size) -> Value {
    Value place = arith::AddIOp::create(b, first, b.toIndex(offset));
    if (!reads)
      return place;
    Value last = b.createOrFold<arith::SubIOp>(size, b.index(1));
    return arith::MinUIOp::create(b, place, last);
  };
  SmallVector<Value> arguments;
  if (score)
    arguments.push_back(score);
  arguments.append({rowTile->batch, rowTile->head,
                    position(rowTile->firstRow, row, problem.numQueries()),
                    position(firstKey, col, problem.numKeys())});
  llvm::append_range(arguments, problem.operands.captures);
  IRMapping mapping;
  mapping.map(block.getArguments(), arguments);
  // A kernel cannot stop the program: what is checked where it runs is checked
  // for other targets.
  for (Operation &op : block.without_terminator())
    if (!isa<cf::AssertOp>(op))
      b.clone(op, mapping);
  return mapping.lookup(block.getTerminator()->getOperand(0));
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

Scores ScoreFunction::getScores(Value products, Value mask) {
  Value scale = problem.operands.scale;
  if (canScaleLate)
    return {products, scale, scaleToLog2};
  SmallVector<Value> inputs{products};
  if (mask)
    inputs.push_back(widenMask(mask));
  if (rowMask)
    inputs.push_back(rowMask);
  Value scores = b.map(
      problem.scoreTile(problem.f32), inputs,
      [&](ValueRange args) -> Value {
        Value added = inputs.size() > 1 ? toF32(args[1]) : scalarMask;
        Value score =
            added ? math::FmaOp::create(b, args[0], scale, added).getResult()
                  : arith::MulFOp::create(b, args[0], scale).getResult();
        if (!hasScoreRegion())
          return score;
        return inlineRegion(problem.getOp().getScore(), score,
                            args.drop_back().back(), args.back(), firstKey);
      },
      /*coordinates=*/hasScoreRegion());
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

Value ScoreFunction::mapExponents(Value products, Value mask, Value rowMax,
                                  function_ref<Value(Value exponent)> finish) {
  auto fma = [&](Value lhs, Value rhs, Value sum) -> Value {
    return math::FmaOp::create(b, lhs, rhs, sum);
  };
  if (hasScoreRegion()) {
    Value shift = b.map(problem.rowTile(problem.f32), rowMax,
                        [&](ValueRange args) -> Value {
                          return arith::NegFOp::create(
                              b, getBase(b, args[0], problem.weightBits));
                        });
    return b.map(
        problem.scoreTile(problem.f32), {getScores(products, mask).tile, shift},
        [&](ValueRange args) { return finish(fma(args[0], toLog2, args[1])); });
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

Scores ScoreFunction::exclude(Scores scores, const Test &test) {
  scores.tile = b.choose(
      test.isNeeded,
      [&]() -> SmallVector<Value> {
        Value limit = b.toI32(test.keysLeft);
        auto keep = [&](ValueRange args) -> Value {
          Value isLeft = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                               args[2], limit);
          if (hasKeepRegion()) {
            Value isKept =
                inlineRegion(problem.getOp().getKeep(), /*score=*/Value(),
                             args[1], args[2], test.firstKey);
            isLeft = arith::AndIOp::create(b, isLeft, isKept);
          }
          return arith::SelectOp::create(b, isLeft, args[0],
                                         b.negativeInfinity());
        };
        return {b.map(cast<TileType>(scores.tile.getType()), scores.tile, keep,
                      /*coordinates=*/true)};
      },
      [&]() -> SmallVector<Value> { return {scores.tile}; })[0];
  return scores;
}
