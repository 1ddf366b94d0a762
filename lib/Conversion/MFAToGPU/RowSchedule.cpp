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
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::mfa;

RowSchedule::RowSchedule(const KernelProblem &problem)
    : problem(problem), b(problem.b),
      isReversed(growsWithRows(problem.keyTiles)) {
  Value queries = problem.numQueries();
  tilesOfHead = b.createOrFold<arith::CeilDivUIOp>(
      queries, b.index(problem.clusterBlocks * problem.tileRows));
}

Value RowSchedule::getBlock() const {
  auto x = gpu::Dimension::x;
  return problem.clusterBlocks > 1 ? gpu::ClusterIdOp::create(b, x).getResult()
                                   : gpu::BlockIdOp::create(b, x);
}

Value RowSchedule::countTiles() const {
  Value heads = b.dim(problem.operands.query, 2);
  return b.toI32(
      arith::MulIOp::create(b, b.dim(problem.operands.query, 0),
                            arith::MulIOp::create(b, tilesOfHead, heads)));
}

Value RowSchedule::addGrid(Value number) const {
  auto x = gpu::Dimension::x;
  Value width = problem.clusterBlocks > 1
                    ? gpu::ClusterDimOp::create(b, x).getResult()
                    : gpu::GridDimOp::create(b, x);
  return arith::AddIOp::create(b, number, b.toI32(width));
}

void RowSchedule::forEachRound(TileSequence &sequence,
                               function_ref<void(const Round &)> body,
                               const GetNext &getNext) const {
  sequence.prepare();
  Value block = getBlock();
  Value zero = sequence.getStep(0);
  if (!problem.schedule.getPersistent()) {
    Round only;
    only.number = block;
    only.firstStep = zero;
    only.endStep = sequence.countSteps(only);
    return body(only);
  }
  Value count = countTiles();
  // No scf.for, whose step would live through the loop over keys as well.
  SmallVector<Value> state{b.toI32(block), zero, b.i32(0)};
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
  Block *rows = b.createBlock(&loop.getAfter(), {}, types, locations);
  Value number = rows->getArgument(0);
  Round round;
  round.number = b.toIndex(number);
  round.firstStep = rows->getArgument(1);
  round.endStep =
      arith::AddIOp::create(b, round.firstStep, sequence.countSteps(round));
  round.index = rows->getArgument(2);
  Value heard;
  auto nextNumber = [&]() -> Value {
    // Computed where it is needed, so that it does not live in between.
    if (!getNext)
      return addGrid(number);
    if (!heard)
      heard = getNext(round);
    return heard;
  };
  round.isLast = [&] {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::uge, nextNumber(),
                                 count);
  };
  body(round);
  scf::YieldOp::create(
      b, ValueRange{nextNumber(), round.endStep,
                    arith::AddIOp::create(b, round.index, b.i32(1))});
}

void RowSchedule::pipelineRounds(TileSequence &sequence,
                                 const RoundPipeline &pipeline,
                                 const GetNext &getNext) const {
  sequence.prepare();
  Value count = countTiles();
  Value one = b.i32(1);
  auto makeRound = [&](Value number, Value firstStep, Value endStep,
                       Value index) {
    Round round;
    round.number = b.toIndex(number);
    round.firstStep = firstStep;
    round.endStep = endStep;
    round.index = index;
    return round;
  };
  // What is done, as it is handed on: number, end and index, the next number,
  // and the state.
  auto runRound = [&](Round round, ValueRange started) {
    round.endStep =
        arith::AddIOp::create(b, round.firstStep, sequence.countSteps(round));
    SmallVector<Value> state = pipeline.run(round, started);
    Value number = b.toI32(round.number);
    Value next = getNext ? getNext(round) : addGrid(number);
    SmallVector<Value> done{number, round.endStep, round.index, next};
    llvm::append_range(done, state);
    return done;
  };
  // Each block has a first tile: the grid is no wider than there are tiles. It
  // is in front of the loop, which asks first: of one that asks last ptxas
  // takes steps to differ between lanes, and has them in registers of each,
  // from where every product takes descriptors anew.
  Round first =
      makeRound(b.toI32(getBlock()), sequence.getStep(0), Value(), b.i32(0));
  SmallVector<Value> done = runRound(first, pipeline.start(first));
  SmallVector<Type> types(ValueRange(done).getTypes());
  SmallVector<Location> locations(types.size(), b.getLoc());
  auto loop = scf::WhileOp::create(b, types, done);
  keepInvariantsInside(loop);
  {
    OpBuilder::InsertionGuard guard(b);
    Block *test = b.createBlock(&loop.getBefore(), {}, types, locations);
    Value isTile = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                         test->getArgument(3), count);
    scf::ConditionOp::create(b, isTile, test->getArguments());
    auto values =
        b.createBlock(&loop.getAfter(), {}, types, locations)->getArguments();
    // Steps of the next are behind those of the last.
    Round next = makeRound(values[3], values[1], Value(),
                           arith::AddIOp::create(b, values[2], one));
    SmallVector<Value> started =
        pipeline.change(makeRound(values[0], Value(), values[1], values[2]),
                        values.drop_front(4), next);
    scf::YieldOp::create(b, runRound(next, started));
  }
  ValueRange last = loop.getResults();
  pipeline.end(makeRound(last[0], Value(), last[1], last[2]),
               last.drop_front(4));
}

RowTile RowSchedule::locate(Value number) const {
  // In 32 bits, which count all tiles that any memory holds: of sizes that are
  // not known, a division in 64 takes a hundred instructions.
  Value zero = b.i32(0);
  auto divide = [&](Value value, Value by, Value limit = Value()) {
    // The quotient is less than `limit`.
    if (limit && isConstantIntValue(limit, 1))
      return std::pair(zero, value);
    return std::pair(b.createOrFold<arith::DivUIOp>(value, by),
                     b.createOrFold<arith::RemUIOp>(value, by));
  };
  auto multiply = [&](Value lhs, Value rhs) {
    return b.createOrFold<arith::MulIOp>(lhs, rhs);
  };
  const KernelOperands &operands = problem.operands;
  Value numHeads = b.toI32(b.dim(operands.query, 2));
  Value tiles = b.toI32(tilesOfHead);
  auto [inBatch, rest] = divide(b.toI32(number), multiply(tiles, numHeads),
                                b.toI32(b.dim(operands.query, 0)));
  Value heads = numHeads, firstHead;
  if (int64_t adjacent = problem.schedule.getAdjacentHeads()) {
    // Heads in runs of `adjacent`, of which the last may be shorter. Runs
    // longer than all heads would take more than 32 bits.
    Value length = b.createOrFold<arith::MinUIOp>(b.i32(adjacent), numHeads);
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
  Value group =
      b.createOrFold<arith::DivUIOp>(numHeads, b.toI32(b.dim(operands.key, 2)));
  RowTile tile;
  tile.batch = b.toIndex(inBatch);
  tile.head = b.toIndex(head);
  tile.keyHead = b.toIndex(b.createOrFold<arith::DivUIOp>(head, group));
  int64_t clusterBlocks = problem.clusterBlocks, tileRows = problem.tileRows;
  int64_t clusterRows = clusterBlocks * tileRows;
  Value queries = problem.numQueries();
  tile.firstRow =
      arith::MulIOp::create(b, b.toIndex(row), b.index(clusterRows));
  if (clusterBlocks > 1) {
    Value rank = gpu::ClusterBlockIdOp::create(b, gpu::Dimension::x);
    tile.firstRow = arith::AddIOp::create(
        b, tile.firstRow, arith::MulIOp::create(b, rank, b.index(tileRows)));
  }
  if (clusterBlocks == 1 || isMultiple(queries, clusterRows)) {
    tile.rows = b.tileSize(queries, tile.firstRow, tileRows);
    return tile;
  }
  // The last cluster of a head may have blocks without any row, which load
  // their part of keys and values for the others.
  tile.firstRow = arith::MinUIOp::create(b, tile.firstRow, queries);
  Value left = arith::SubIOp::create(b, queries, tile.firstRow);
  tile.rows = arith::MinUIOp::create(b, left, b.index(tileRows)).getResult();
  return tile;
}
