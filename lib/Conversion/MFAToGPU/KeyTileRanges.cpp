//===- KeyTileRanges.cpp - The key tiles that a rule leaves ---------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeyTileRanges.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mfa;

static SmallVector<KeyTileRange> getRanges(ArrayAttr sets) {
  return llvm::map_to_vector(
      sets.getAsRange<IntegerSetAttr>(),
      [](IntegerSetAttr set) { return getKeyTileRange(set.getValue()); });
}

bool mfa::leavesKeysOut(const KernelProblem &problem) {
  return problem.keyTiles && !problem.keyTiles.getTest().empty();
}

bool mfa::growsWithRows(KeyTilesAttr tiles) {
  if (!tiles)
    return false;
  auto dependOnRows = [](ArrayRef<AffineExpr> bounds) {
    return llvm::any_of(bounds, [](AffineExpr bound) {
      return bound.isFunctionOfDim(kRowTile);
    });
  };
  SmallVector<KeyTileRange> ranges = getRanges(tiles.getVisit());
  return llvm::any_of(
             ranges,
             [&](const KeyTileRange &r) { return dependOnRows(r.end); }) &&
         llvm::none_of(ranges, [&](const KeyTileRange &r) {
           return dependOnRows(r.first);
         });
}

KeyTileRanges::KeyTileRanges(const KernelProblem &problem,
                             const RowSchedule &rowSchedule, Type stepType)
    : TileSequence(problem, stepType), rowSchedule(rowSchedule),
      visit(getRanges(problem.keyTiles.getVisit())),
      test(getRanges(problem.keyTiles.getTest())) {}

void KeyTileRanges::prepare() {
  symbols = {problem.numQueries(), problem.numKeys()};
  if (DenseI64ArrayAttr sources = problem.keyTiles.getSymbols())
    for (int64_t i = 0; i < sources.size(); i += 2) {
      Value capture = problem.operands.captures[sources[i]];
      if (sources[i + 1] >= 0)
        capture = b.dim(capture, sources[i + 1]);
      else if (!capture.getType().isIndex())
        capture = arith::IndexCastOp::create(b, b.getIndexType(), capture);
      symbols.push_back(capture);
    }
  numTiles = b.createOrFold<arith::CeilDivUIOp>(problem.numKeys(),
                                                b.index(problem.tileKeys));
  // Each part of the keys has one.
  Value parts = b.index(1);
  if (problem.schedule.getSplitsKeys())
    parts = gpu::GridDimOp::create(b, gpu::Dimension::y);
  minSteps = b.createOrFold<arith::MinUIOp>(numTiles, parts);
}

KeyTileRanges::Range KeyTileRanges::evaluate(const KeyTileRange &range,
                                             ValueRange dims) {
  auto expand = [&](AffineExpr bound) {
    return affine::expandAffineExpr(b, b.getLoc(), bound, dims, symbols);
  };
  Range result{b.index(0), numTiles};
  for (AffineExpr bound : range.first)
    result.first = b.createOrFold<arith::MaxSIOp>(result.first, expand(bound));
  for (AffineExpr bound : range.end)
    result.end = b.createOrFold<arith::MinSIOp>(result.end, expand(bound));
  return result;
}

Value KeyTileRanges::toStep(Value number) {
  return stepType.isIndex() ? number : b.toI32(number);
}

Value KeyTileRanges::countSteps(const Round &round) {
  RowTile rows = rowSchedule.locate(round.number);
  Value rowTile = b.createOrFold<arith::DivUIOp>(
      rows.firstRow, b.index(problem.keyTiles.getRows()));
  Value zero = b.index(0);
  Value dims[] = {rows.batch, rows.head, rowTile, /*key tile=*/zero};
  auto least = [&](Value lhs, Value rhs) {
    return b.createOrFold<arith::MinSIOp>(lhs, rhs);
  };
  auto most = [&](Value lhs, Value rhs) {
    return b.createOrFold<arith::MaxSIOp>(lhs, rhs);
  };
  auto add = [&](Value lhs, Value rhs) {
    return b.createOrFold<arith::AddIOp>(lhs, rhs);
  };
  auto subtract = [&](Value lhs, Value rhs) {
    return b.createOrFold<arith::SubIOp>(lhs, rhs);
  };

  // What holds all sets.
  Value first = visit.empty() ? zero : numTiles, end = zero;
  for (const KeyTileRange &range : visit) {
    Range tiles = evaluate(range, dims);
    first = least(first, tiles.first);
    end = most(end, tiles.end);
  }
  first = least(first, subtract(numTiles, minSteps));
  end = most(end, add(first, minSteps));
  Value count = subtract(end, first);

  // A set that ends by itself is at the beginning of the range, if nothing
  // bounds it below.
  Value high = end, low = first;
  for (const KeyTileRange &range : test) {
    Range tiles = evaluate(range, dims);
    if (range.first.empty() && !range.end.empty())
      low = most(low, tiles.end);
    else
      high = least(high, tiles.first);
  }
  Value down = most(subtract(end, most(high, first)), b.index(1));
  Value tested = add(down, subtract(least(low, end), first));
  Value areAll =
      b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sge, tested, count);
  down = b.createOrFold<arith::SelectOp>(areAll, count, down);

  Part part = getPartOfBlock(count);
  firstNumber = part.first ? toStep(part.first) : Value();
  numDown = toStep(down);
  lastTile = toStep(subtract(end, b.index(1)));
  upBase = toStep(subtract(first, down));
  numTested = toStep(tested);
  return toStep(part.count);
}

Value KeyTileRanges::getNumber(const Round &round, Value step) {
  Value number = b.createOrFold<arith::SubIOp>(step, round.firstStep);
  return firstNumber ? arith::AddIOp::create(b, firstNumber, number) : number;
}

Value KeyTileRanges::getFirstKey(const Round &round, Value step) {
  Value number = getNumber(round, step);
  Value isDown =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ult, number, numDown);
  Value tile = arith::SelectOp::create(
      b, isDown, arith::SubIOp::create(b, lastTile, number),
      arith::AddIOp::create(b, upBase, number));
  return arith::MulIOp::create(b, b.toIndex(tile), b.index(problem.tileKeys));
}

OpFoldResult KeyTileRanges::needsTest(const Round &round, Value step,
                                      bool isFirst) {
  if (isFirst && !firstNumber)
    return b.getBoolAttr(true);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                               getNumber(round, step), numTested)
      .getResult();
}
