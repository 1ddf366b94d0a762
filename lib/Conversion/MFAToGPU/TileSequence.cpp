//===- TileSequence.cpp - Which tiles of keys rows take -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileSequence.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;
using namespace mlir::mfa;

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

Value TileSequence::getStep(int64_t number) const {
  return arith::ConstantOp::create(b, b.getIntegerAttr(stepType, number));
}

Value TileSequence::stepAfter(Value step) const {
  return arith::AddIOp::create(b, step, getStep(1));
}

Value TileSequence::stepBefore(Value step) const {
  return arith::SubIOp::create(b, step, getStep(1));
}

scf::ForOp TileSequence::createLoop(const Round &round, Value first,
                                    ValueRange state) const {
  return scf::ForOp::create(b, first, round.endStep, getStep(1), state);
}

TileSequence::Part TileSequence::getPartOfBlock(Value count) const {
  if (!problem.schedule.getSplitsKeys())
    return {Value(), count};
  Value number = gpu::BlockIdOp::create(b, gpu::Dimension::y);
  Value parts = gpu::GridDimOp::create(b, gpu::Dimension::y);
  auto firstOf = [&](Value number) -> Value {
    return arith::DivUIOp::create(b, arith::MulIOp::create(b, number, count),
                                  parts);
  };
  Value first = firstOf(number);
  Value end = firstOf(arith::AddIOp::create(b, number, b.index(1)));
  return {first, arith::SubIOp::create(b, end, first)};
}

Value TileSequence::getFirstKeyIf(OpFoldResult isNeeded, const Round &round,
                                  Value step) {
  if (!isInMemory())
    return getFirstKey(round, step);
  return b.choose(
      isNeeded,
      [&]() -> SmallVector<Value> { return {getFirstKey(round, step)}; },
      [&]() -> SmallVector<Value> { return {b.index(0)}; })[0];
}

//===----------------------------------------------------------------------===//
// Tiles that depend on the rows
//===----------------------------------------------------------------------===//

Value TilesOfRows::getNumber(const Round &round, Value step) {
  Value number = b.createOrFold<arith::SubIOp>(step, round.firstStep);
  return firstNumber ? arith::AddIOp::create(b, firstNumber, number) : number;
}

Value TilesOfRows::isBefore(const Round &round, Value step, Value end) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                               getNumber(round, step), end);
}

//===----------------------------------------------------------------------===//
// All tiles
//===----------------------------------------------------------------------===//

AllTiles::AllTiles(const KernelProblem &problem, Type stepType)
    : TileSequence(problem, stepType) {
  part = getPartOfBlock(b.createOrFold<arith::CeilDivUIOp>(
      problem.numKeys(), b.index(problem.tileKeys)));
}

void AllTiles::prepare() {
  numSteps = stepType.isIndex() ? part.count : b.toI32(part.count);
}

Value AllTiles::getFirstKeyOf(Value tile) const {
  if (part.first)
    tile = arith::AddIOp::create(b, part.first, tile);
  return arith::MulIOp::create(b, tile, b.index(problem.tileKeys));
}

Value AllTiles::getFirstKey(const Round &round, Value step) {
  return getFirstKeyOf(
      b.toIndex(b.createOrFold<arith::SubIOp>(step, round.firstStep)));
}

OpFoldResult AllTiles::needsTest(const Round &round, Value step, bool) {
  if (!problem.hasTail())
    return b.getBoolAttr(false);
  Value keysLeft =
      arith::SubIOp::create(b, problem.numKeys(), getFirstKey(round, step));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, keysLeft,
                               b.index(problem.tileKeys))
      .getResult();
}

Value AllTilesLastFirst::getFirstKey(const Round &round, Value step) {
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, step, round.firstStep);
  Value after = arith::SelectOp::create(b, isFirst, round.endStep, step);
  return getFirstKeyOf(
      b.toIndex(arith::SubIOp::create(b, stepBefore(after), round.firstStep)));
}

OpFoldResult AllTilesLastFirst::needsTest(const Round &, Value, bool isFirst) {
  return b.getBoolAttr(isFirst && problem.hasTail());
}
