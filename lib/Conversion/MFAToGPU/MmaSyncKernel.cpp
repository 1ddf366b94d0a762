//===- MmaSyncKernel.cpp - The kernel by mma.sync and cp.async ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// All threads copy tiles and compute. With two stages, all tiles of a step
// arrive while the step before is computed; with one, the value tile arrives
// during the product of query and key, and the next key tile during the rest.
//
// Factors of f32 are split into tf32 numbers, which infinities and numbers near
// the end of the range do not survive: the rest of an infinity is NaN, and so
// is 0 times it. What comes of them is no finite number, and stays so to the
// end, where one look at the output tells. Then the block does all again by
// plain multiply-adds.
//
//===----------------------------------------------------------------------===//

#include "Epilogue.h"
#include "OnlineSoftmax.h"
#include "RowSchedule.h"
#include "ScoreFunction.h"
#include "SharedBuffers.h"
#include "TileCopies.h"
#include "TileSequences.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <limits>

using namespace mlir;
using namespace mlir::mfa;
using mfa_gpu::TileType;

namespace {
class MmaSyncKernel {
public:
  MmaSyncKernel(OpBuilder &builder, MaskedAttentionOp op,
                const KernelOperands &operands)
      : b(op.getLoc(), builder), problem(b, op, operands),
        function(problem, ScoreFunction::Form::Scores),
        softmax(problem, OnlineSoftmax::Growth::Limited), rowSchedule(problem),
        sequence(
            makeTileSequence<AllTiles>(problem, rowSchedule, b.getIndexType())),
        memory(b), copies(problem, memory), epilogue(problem) {}

  void build() {
    rowSchedule.forEachRound(*sequence,
                             [&](const Round &round) { computeRows(round); });
  }

private:
  void computeRows(const Round &round);
  bool splitsFactors() const {
    return problem.element.isF32() &&
           problem.schedule.getF32Product() == F32Product::TF32x3;
  }
  /// Output and state after all steps.
  struct Sums {
    Value output;
    OnlineSoftmax::State softmax;
  };
  Sums sumKeys(const Round &round, const RowTile &rows);
  /// The same, by plain multiply-adds where split factors gave what is not
  /// finite.
  Sums sumKeysInRange(const Round &round, const RowTile &rows);
  /// Whether a number of any thread of the block is infinite or NaN.
  Value isOutOfRange(Value output);
  Scores getScores(const Round &round, Value step);
  Value multiply(Value lhs, Value rhs, Value sum, bool transposeRhs);
  /// Through shared memory, in place of the query tile, to whole rows.
  void storeOutput(const RowTile &rows, Value rounded);

  // Each writes what all rows have in common where it is constructed.
  KernelBuilder b;
  KernelProblem problem;
  ScoreFunction function;
  OnlineSoftmax softmax;
  RowSchedule rowSchedule;
  std::unique_ptr<TileSequence> sequence;
  BlockMemory memory;
  TileCopies copies;
  Epilogue epilogue;
  /// Whether products are of plain multiply-adds.
  bool isPlain = false;
};
} // namespace

Value MmaSyncKernel::multiply(Value lhs, Value rhs, Value sum,
                              bool transposeRhs) {
  return mfa_gpu::MmaOp::create(b, sum.getType(), lhs, rhs, sum, transposeRhs,
                                /*f32_split=*/splitsFactors() && !isPlain,
                                /*f32_plain=*/isPlain);
}

Scores MmaSyncKernel::getScores(const Round &round, Value step) {
  Value zero = b.splat(problem.scoreTile(problem.f32), b.constant(0));
  Value products = multiply(copies.getQuery(), copies.getKey(step), zero,
                            /*transposeRhs=*/true);
  Value firstKey;
  if (function.dependsOnKeys())
    function.enterKeys(firstKey = sequence->getFirstKey(round, step));
  Scores scores = function.getScores(
      products, sequence->needsMask(round, step), [&]() -> Value {
        Value mask = copies.getMask(step);
        return mask ? function.loadMask(mask) : Value();
      });
  OpFoldResult needsTest = sequence->needsTest(round, step, /*isFirst=*/false);
  if (!firstKey)
    firstKey = sequence->getFirstKeyIf(needsTest, round, step);
  scores.tile =
      function.exclude(scores.tile, function.getTest(needsTest, firstKey));
  return scores;
}

MmaSyncKernel::Sums MmaSyncKernel::sumKeys(const Round &round,
                                           const RowTile &rows) {
  auto copyKeyAndMask = [&](Value step) {
    Value firstKey = sequence->getFirstKey(round, step);
    copies.copyKeyAndMask(rows, firstKey, step,
                          sequence->needsMask(round, step));
    return firstKey;
  };
  auto copyAll = [&](Value step) {
    copies.copyValue(rows, copyKeyAndMask(step), step);
  };
  auto isThere = [&](Value step) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, step,
                                 round.endStep);
  };
  bool prefetchesAll = problem.schedule.getStages() > 1;
  Value hasKeys = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt,
                                        problem.numKeys(), b.index(0));
  copies.commit(hasKeys, [&] {
    if (prefetchesAll)
      copyAll(round.firstStep);
    else
      copyKeyAndMask(round.firstStep);
  });
  function.enterRows(rows);

  OnlineSoftmax::State initial = softmax.getInitialState();
  Value noOutput = b.splat(problem.outputTile(problem.f32), b.constant(0));
  auto loop = sequence->createLoop(round, round.firstStep,
                                   {noOutput, initial.rowMax, initial.rowSum});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value step = loop.getInductionVar();
    // Key and mask tile are there, and the last tile's reads are done.
    copies.wait();
    if (prefetchesAll) {
      Value next = sequence->stepAfter(step);
      copies.commit(isThere(next), [&] { copyAll(next); });
    } else {
      copies.copyValue(rows, sequence->getFirstKey(round, step), step);
      copies.commit();
    }
    Scores scores = getScores(round, step);
    if (!prefetchesAll) {
      // The value tile is there, and key and mask tile are free.
      copies.wait();
      Value next = sequence->stepAfter(step);
      copies.commit(isThere(next), [&] { copyKeyAndMask(next); });
    }
    OnlineSoftmax::Step weighed =
        softmax.updateRowMax(loop.getRegionIterArg(1), scores);
    Value rowSum = loop.getRegionIterArg(2);
    Value weights = softmax.weigh(weighed, rowSum);
    Value output = softmax.rescale(loop.getRegionIterArg(0), weighed);
    output = multiply(softmax.toFactor(weights), copies.getValue(step), output,
                      /*transposeRhs=*/false);
    scf::YieldOp::create(b, ValueRange{output, weighed.rowMax, rowSum});
  }
  return {loop.getResult(0), {loop.getResult(1), loop.getResult(2)}};
}

Value MmaSyncKernel::isOutOfRange(Value output) {
  Value isOutside = b.negate(softmax.areFinite(mfa_gpu::ReduceOp::create(
      b, mfa_gpu::ReduceKind::Add, output,
      b.splat(problem.rowTile(problem.f32), b.constant(0)),
      /*partial=*/true)));
  return b.isAnyOfBlock(isOutside);
}

MmaSyncKernel::Sums MmaSyncKernel::sumKeysInRange(const Round &round,
                                                  const RowTile &rows) {
  auto toValues = [](const Sums &sums) -> SmallVector<Value> {
    return {sums.output, sums.softmax.rowMax, sums.softmax.rowSum};
  };
  Sums sums = sumKeys(round, rows);
  // Behind a barrier: the last reads of shared memory are done.
  Value isOutside = isOutOfRange(sums.output);
  isPlain = true;
  SmallVector<Value> results = b.choose(
      isOutside, [&] { return toValues(sumKeys(round, rows)); },
      [&] { return toValues(sums); });
  return {results[0], {results[1], results[2]}};
}

void MmaSyncKernel::computeRows(const Round &round) {
  RowTile rows = rowSchedule.locate(round.number);
  copies.copyQuery(rows);
  Sums sums =
      splitsFactors() ? sumKeysInRange(round, rows) : sumKeys(round, rows);
  epilogue.store(rows, sums.output, sums.softmax,
                 [&](Value rounded) { storeOutput(rows, rounded); });
}

void MmaSyncKernel::storeOutput(const RowTile &rows, Value rounded) {
  copies.wait();
  Value buffer = memory.getBuffer(problem.memory.output).getTile(b);
  mfa_gpu::StoreOp::create(b, rounded, buffer);
  gpu::BarrierOp::create(b);
  mfa_gpu::CopyOp::create(b, buffer,
                          problem.queryRows(problem.operands.output, rows));
}

void mfa::buildMmaSyncKernel(OpBuilder &builder, MaskedAttentionOp op,
                             const KernelOperands &operands) {
  MmaSyncKernel(builder, op, operands).build();
}
