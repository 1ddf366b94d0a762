//===- KeyTileList.cpp - Key tiles by a list in memory --------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeyTileList.h"
#include "TileList.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mfa;

Value KeyTileList::load(Value column) {
  SmallVector<Value> place(row);
  place.push_back(column);
  return memref::LoadOp::create(b, problem.operands.tileList, place);
}

Value KeyTileList::countSteps(const Round &round) {
  RowTile rows = rowSchedule.locate(round.number);
  row = getTileListRow(b, problem, rows);
  auto toStep = [&](Value count) {
    return stepType.isIndex() ? b.toIndex(count) : b.toI32(count);
  };
  Part part = getPartOfBlock(b.toIndex(load(b.index(kNumSteps))));
  numTested = toStep(load(b.index(kNumTested)));
  if (isMaskListed(problem.getOp()))
    numMasked = toStep(load(b.index(kNumMasked)));
  firstNumber = part.first ? toStep(part.first) : Value();
  return toStep(part.count);
}

Value KeyTileList::getFirstKey(const Round &round, Value step) {
  Value number = b.toIndex(getNumber(round, step));
  Value tile = load(arith::AddIOp::create(b, number, b.index(kFirstTile)));
  return arith::MulIOp::create(b, b.toIndex(tile), b.index(problem.tileKeys));
}

OpFoldResult KeyTileList::needsTest(const Round &round, Value step, bool) {
  if (!mayHaveTests(problem.getOp()))
    return b.getBoolAttr(false);
  return isBefore(round, step, numTested);
}

OpFoldResult KeyTileList::needsMask(const Round &round, Value step) {
  if (!numMasked)
    return b.getBoolAttr(true);
  return isBefore(round, step, numMasked);
}
