//===- KeyTileRanges.cpp - The key tiles that a rule leaves ---------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeyTileRanges.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;
using namespace mlir::mfa;

bool mfa::leavesKeysOut(const KernelProblem &problem) {
  return problem.keyTiles && !problem.keyTiles.getTest().empty();
}

KeyTileRanges::KeyTileRanges(const KernelProblem &problem,
                             const RowSchedule &rowSchedule, Type stepType)
    : TilesOfRows(problem, stepType), rowSchedule(rowSchedule) {}

void KeyTileRanges::prepare() {
  symbols = createKeyTileSymbols(b, problem.keyTiles, problem.numQueries(),
                                 problem.numKeys(), problem.operands.captures);
  numTiles = b.createOrFold<arith::CeilDivUIOp>(problem.numKeys(),
                                                b.index(problem.tileKeys));
  // Each part of the keys has one.
  Value parts = b.index(1);
  if (problem.schedule.getSplitsKeys())
    parts = gpu::GridDimOp::create(b, gpu::Dimension::y);
  minSteps = b.createOrFold<arith::MinUIOp>(numTiles, parts);
}

Value KeyTileRanges::toStep(Value number) {
  return stepType.isIndex() ? number : b.toI32(number);
}

Value KeyTileRanges::countSteps(const Round &round) {
  RowTile rows = rowSchedule.locate(round.number);
  Value rowTile = b.createOrFold<arith::DivUIOp>(
      rows.firstRow, b.index(problem.keyTiles.getRows()));
  KeyTileSteps steps =
      createKeyTileSteps(b, problem.keyTiles, symbols,
                         {rows.batch, rows.head, rowTile}, numTiles, minSteps);
  Part part = getPartOfBlock(steps.count);
  firstNumber = part.first ? toStep(part.first) : Value();
  numDown = toStep(steps.down);
  lastTile = toStep(b.createOrFold<arith::SubIOp>(steps.end, b.index(1)));
  upBase = toStep(b.createOrFold<arith::SubIOp>(steps.first, steps.down));
  numTested = toStep(steps.tested);
  return toStep(part.count);
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
  return isBefore(round, step, numTested);
}
