//===- RowSchedule.cpp - Which query rows a block takes -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowSchedule.h"
#include "KeyTileRanges.h"
#include "TileSequence.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::mfa;

SmallVector<Value> RowNumber::toValues() const {
  return hasPlace() ? SmallVector<Value>{number, batch, head, row}
                    : SmallVector<Value>{number};
}

RowNumber RowNumber::fromValues(ValueRange values) {
  RowNumber rows;
  rows.number = values[0];
  if (values.size() > 1)
    std::tie(rows.batch, rows.head, rows.row) =
        std::tuple(values[1], values[2], values[3]);
  return rows;
}

RowSchedule::RowSchedule(const KernelProblem &problem)
    : problem(problem), b(problem.b),
      // What a list has is not known here: most masks are causal in part.
      isReversed(problem.operands.tileList || growsWithRows(problem.keyTiles)) {
  Value queries = problem.numQueries();
  tilesOfHead =
      b.createOrFold<arith::CeilDivUIOp>(queries, b.index(problem.tileRows));
  if (problem.schedule.getAdjacentHeads())
    adjacentHeads = countAdjacentHeads();
}

Value RowSchedule::getBlock() const {
  return b.toI32(gpu::BlockIdOp::create(b, gpu::Dimension::x));
}

bool RowSchedule::isOfListedRule() const {
  return problem.operands.tileList && isKeepListed(problem.getOp());
}

bool RowSchedule::hasPlaces() const {
  return problem.schedule.getRowCounter() && !problem.getOp().getMask();
}

RowNumber RowSchedule::getFirst(const GetNext &getNext) const {
  if (getNext && hasPlaces())
    return find(getBlock());
  RowNumber first;
  first.number = getBlock();
  return first;
}

Value RowSchedule::countTiles() const {
  Value heads = b.dim(problem.operands.query, 2);
  return b.toI32(
      arith::MulIOp::create(b, b.dim(problem.operands.query, 0),
                            arith::MulIOp::create(b, tilesOfHead, heads)));
}

RowNumber RowSchedule::addGrid(const RowNumber &number) const {
  Value width = gpu::GridDimOp::create(b, gpu::Dimension::x);
  RowNumber next;
  next.number = arith::AddIOp::create(b, number.number, b.toI32(width));
  return next;
}

void RowSchedule::forEachRound(TileSequence &sequence,
                               function_ref<void(const Round &)> body,
                               const GetNext &getNext) const {
  sequence.prepare();
  RowNumber first = getFirst(getNext);
  Value zero = sequence.getStep(0);
  if (!problem.schedule.getPersistent()) {
    Round only;
    only.number = first;
    only.firstStep = zero;
    only.endStep = sequence.countSteps(only);
    return body(only);
  }
  Value count = countTiles();
  // No scf.for, whose step would live through the loop over keys as well.
  auto toState = [](const RowNumber &number, Value firstStep, Value index) {
    SmallVector<Value> state = number.toValues();
    state.insert(state.begin() + 1, {firstStep, index});
    return state;
  };
  SmallVector<Value> state = toState(first, zero, b.i32(0));
  SmallVector<Type> types(ValueRange(state).getTypes());
  auto loop = scf::WhileOp::create(b, types, state);
  // Addresses of an output tile, say, computed before this loop would live, or
  // be spilled, through the one over keys.
  keepInvariantsInside(loop);
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Location> locations(types.size(), b.getLoc());
  Block *test = b.createBlock(&loop.getBefore(), {}, types, locations);
  Value isTile = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                       test->getArgument(0), count);
  scf::ConditionOp::create(b, isTile, test->getArguments());
  SmallVector<Value> values(
      b.createBlock(&loop.getAfter(), {}, types, locations)->getArguments());
  Round round;
  round.firstStep = values[1];
  round.index = values[2];
  values.erase(values.begin() + 1, values.begin() + 3);
  round.number = RowNumber::fromValues(values);
  round.endStep =
      arith::AddIOp::create(b, round.firstStep, sequence.countSteps(round));
  RowNumber heard;
  auto getNextRows = [&]() -> RowNumber {
    // Computed where it is needed, so that it does not live in between.
    if (!getNext)
      return addGrid(round.number);
    if (!heard.number)
      heard = getNext(round);
    return heard;
  };
  round.isLast = [&] {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::uge,
                                 getNextRows().number, count);
  };
  body(round);
  RowNumber next = getNextRows();
  Value nextIndex = arith::AddIOp::create(b, round.index, b.i32(1));
  scf::YieldOp::create(b, toState(next, round.endStep, nextIndex));
}

void RowSchedule::pipelineRounds(TileSequence &sequence,
                                 const RoundPipeline &pipeline,
                                 const GetNext &getNext) const {
  sequence.prepare();
  Value count = countTiles();
  Value one = b.i32(1);
  auto makeRound = [&](const RowNumber &number, Value firstStep, Value endStep,
                       Value index) {
    Round round;
    round.number = number;
    round.firstStep = firstStep;
    round.endStep = endStep;
    round.index = index;
    return round;
  };
  // What is done, as it is handed on: end and index, which rows these and the
  // next are, and the state.
  auto runRound = [&](Round round, ValueRange started) {
    round.endStep =
        arith::AddIOp::create(b, round.firstStep, sequence.countSteps(round));
    SmallVector<Value> state = pipeline.run(round, started);
    RowNumber next = getNext ? getNext(round) : addGrid(round.number);
    SmallVector<Value> done{round.endStep, round.index};
    llvm::append_range(done, round.number.toValues());
    llvm::append_range(done, next.toValues());
    llvm::append_range(done, state);
    return done;
  };
  size_t numRowValues = getNext ? countRowValues() : 1;
  auto getRows = [&](ValueRange done) {
    return RowNumber::fromValues(done.slice(2, numRowValues));
  };
  auto getNextRows = [&](ValueRange done) {
    return RowNumber::fromValues(done.slice(2 + numRowValues, numRowValues));
  };
  auto getState = [&](ValueRange done) {
    return done.drop_front(2 + 2 * numRowValues);
  };
  // Each block has a first tile: the grid is no wider than there are tiles. It
  // is in front of the loop, which asks first: of one that asks last ptxas
  // takes steps to differ between lanes, and has them in registers of each,
  // from where every product takes descriptors anew.
  Round first =
      makeRound(getFirst(getNext), sequence.getStep(0), Value(), b.i32(0));
  SmallVector<Value> done = runRound(first, pipeline.start(first));
  SmallVector<Type> types(ValueRange(done).getTypes());
  SmallVector<Location> locations(types.size(), b.getLoc());
  auto loop = scf::WhileOp::create(b, types, done);
  keepInvariantsInside(loop);
  {
    OpBuilder::InsertionGuard guard(b);
    Block *test = b.createBlock(&loop.getBefore(), {}, types, locations);
    Value isTile =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                              getNextRows(test->getArguments()).number, count);
    scf::ConditionOp::create(b, isTile, test->getArguments());
    ValueRange values =
        b.createBlock(&loop.getAfter(), {}, types, locations)->getArguments();
    // Steps of the next are behind those of the last.
    Round next = makeRound(getNextRows(values), values[0], Value(),
                           arith::AddIOp::create(b, values[1], one));
    SmallVector<Value> started = pipeline.change(
        makeRound(getRows(values), Value(), values[0], values[1]),
        getState(values), next);
    scf::YieldOp::create(b, runRound(next, started));
  }
  ValueRange last = loop.getResults();
  pipeline.end(makeRound(getRows(last), Value(), last[0], last[1]),
               getState(last));
}

Value RowSchedule::multiply(Value lhs, Value rhs) const {
  return b.createOrFold<arith::MulIOp>(lhs, rhs);
}

std::pair<Value, Value> RowSchedule::divide(Value value, Value by,
                                            Value limit) const {
  if (limit && isConstantIntValue(limit, 1))
    return {b.i32(0), value};
  Value rest = b.createOrFold<arith::RemUIOp>(value, by);
  return {b.createOrFold<arith::DivUIOp>(value, by), rest};
}

RowNumber RowSchedule::findFirstRowsLast(Value number) const {
  auto subtract = [&](Value lhs, Value rhs) -> Value {
    return b.createOrFold<arith::SubIOp>(lhs, rhs);
  };
  const KernelOperands &operands = problem.operands;
  Value headsOfBatch = b.toI32(b.dim(operands.query, 2));
  Value numHeads = multiply(b.toI32(b.dim(operands.query, 0)), headsOfBatch);
  Value tiles = b.toI32(tilesOfHead);
  Value length = headsOfBatch;
  if (adjacentHeads)
    length = b.createOrFold<arith::MinUIOp>(adjacentHeads, numHeads);
  // Two parts, in each of which runs of heads have some of their rows.
  constexpr int64_t kShare = 4;
  Value numFirst = b.createOrFold<arith::DivUIOp>(tiles, b.i32(kShare));
  Value numOthers = subtract(tiles, numFirst);
  Value others = multiply(numOthers, numHeads);
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::uge, number, others);
  auto select = [&](Value ofFirst, Value ofOthers) -> Value {
    return arith::SelectOp::create(b, isFirst, ofFirst, ofOthers);
  };
  Value inPart = select(subtract(number, others), number);
  tiles = select(numFirst, numOthers);
  length = select(numHeads, length);
  auto [run, inRun] = divide(inPart, multiply(tiles, length));
  Value firstHead = multiply(run, length);
  auto [before, nth] = divide(
      inRun,
      b.createOrFold<arith::MinUIOp>(subtract(numHeads, firstHead), length));
  // The last rows of a part come first.
  Value row = subtract(
      subtract(select(numFirst, b.toI32(tilesOfHead)), b.i32(1)), before);
  auto [batch, head] =
      divide(b.createOrFold<arith::AddIOp>(firstHead, nth), headsOfBatch);
  return {number, batch, head, row};
}

RowNumber RowSchedule::find(Value number) const {
  if (problem.schedule.getRowCounter()) {
    Value last = b.createOrFold<arith::SubIOp>(countTiles(), b.i32(1));
    RowNumber rows = findInGrid(b.createOrFold<arith::MinUIOp>(number, last));
    rows.number = number;
    return rows;
  }
  return findInGrid(number);
}

Value RowSchedule::countAdjacentHeads() const {
  int64_t adjacent = problem.schedule.getAdjacentHeads();
  if (!problem.schedule.getRowCounter() || problem.operands.tileList)
    return b.i32(adjacent);
  constexpr int64_t kMaxBytes = 16 << 20, kMinHeads = 2;
  MaskedAttentionOp op = problem.getOp();
  int64_t bytesOfKey = (op.getHeadDim() + op.getValueDim()) *
                       problem.element.getIntOrFloatBitWidth() / 8;
  Value group =
      b.createOrFold<arith::DivUIOp>(b.toI32(b.dim(problem.operands.query, 2)),
                                     b.toI32(b.dim(problem.operands.key, 2)));
  Value numKeys =
      b.createOrFold<arith::MaxUIOp>(b.toI32(problem.numKeys()), b.i32(1));
  Value inCache = b.createOrFold<arith::DivUIOp>(
      b.createOrFold<arith::MulIOp>(b.i32(kMaxBytes / bytesOfKey), group),
      numKeys);
  return b.createOrFold<arith::MinUIOp>(
      b.i32(adjacent),
      b.createOrFold<arith::MaxUIOp>(b.i32(kMinHeads), inCache));
}

RowNumber RowSchedule::findInGrid(Value number) const {
  if (problem.schedule.getRowCounter() && isOfListedRule())
    return findFirstRowsLast(number);
  const KernelOperands &operands = problem.operands;
  Value numHeads = b.toI32(b.dim(operands.query, 2));
  Value tiles = b.toI32(tilesOfHead);
  auto [inBatch, rest] = divide(number, multiply(tiles, numHeads),
                                b.toI32(b.dim(operands.query, 0)));
  Value heads = numHeads, firstHead;
  if (adjacentHeads) {
    // Heads in runs, of which the last may be shorter. Runs longer than all
    // heads would take more than 32 bits.
    Value length = b.createOrFold<arith::MinUIOp>(adjacentHeads, numHeads);
    Value run;
    std::tie(run, rest) = divide(rest, multiply(tiles, length));
    firstHead = multiply(run, length);
    heads = b.createOrFold<arith::MinUIOp>(
        b.createOrFold<arith::SubIOp>(numHeads, firstHead), length);
  }
  auto [row, inRun] = divide(rest, heads, tiles);
  if (isReversed)
    row = b.createOrFold<arith::SubIOp>(
        b.createOrFold<arith::SubIOp>(tiles, b.i32(1)), row);
  Value head =
      firstHead ? b.createOrFold<arith::AddIOp>(firstHead, inRun) : inRun;
  return {number, inBatch, head, row};
}

RowTile RowSchedule::locate(const RowNumber &number) const {
  if (!number.hasPlace())
    return locate(find(number.number));
  Value group =
      b.createOrFold<arith::DivUIOp>(b.toI32(b.dim(problem.operands.query, 2)),
                                     b.toI32(b.dim(problem.operands.key, 2)));
  RowTile tile;
  tile.batch = b.toIndex(number.batch);
  tile.head = b.toIndex(number.head);
  tile.keyHead = b.toIndex(b.createOrFold<arith::DivUIOp>(number.head, group));
  tile.firstRow = arith::MulIOp::create(b, b.toIndex(number.row),
                                        b.index(problem.tileRows));
  tile.rows = b.tileSize(problem.numQueries(), tile.firstRow, problem.tileRows);
  return tile;
}
