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
//===----------------------------------------------------------------------===//

#include "Epilogue.h"
#include "OnlineSoftmax.h"
#include "RowSchedule.h"
#include "ScoreFunction.h"
#include "SharedBuffers.h"
#include "TileCopies.h"
#include "TileSequence.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

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
        sequence(problem, b.getIndexType()), memory(b), copies(problem, memory),
        epilogue(problem) {}

  void build() {
    rowSchedule.forEachRound(sequence,
                             [&](const Round &round) { computeRows(round); });
  }

private:
  void computeRows(const Round &round);
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
  AllTiles sequence;
  BlockMemory memory;
  TileCopies copies;
  Epilogue epilogue;
};
} // namespace

Value MmaSyncKernel::multiply(Value lhs, Value rhs, Value sum,
                              bool transposeRhs) {
  bool splitsFactors = problem.element.isF32() &&
                       problem.schedule.getF32Product() == F32Product::TF32x3;
  return mfa_gpu::MmaOp::create(b, sum.getType(), lhs, rhs, sum, transposeRhs,
                                splitsFactors);
}

Scores MmaSyncKernel::getScores(const Round &round, Value step) {
  Value zero = b.splat(problem.scoreTile(problem.f32), b.constant(0));
  Value products = multiply(copies.getQuery(), copies.getKey(step), zero,
                            /*transposeRhs=*/true);
  Value mask = copies.getMask(step);
  if (mask)
    mask = function.loadMask(mask);
  Scores scores = function.getScores(products, mask);
  OpFoldResult needsTest = sequence.needsTest(round, step, /*isFirst=*/false);
  return function.exclude(
      scores, function.getTest(needsTest, sequence.getFirstKey(round, step)));
}

void MmaSyncKernel::computeRows(const Round &round) {
  RowTile rows = rowSchedule.locate(round.number);
  auto copyKeyAndMask = [&](Value step) {
    copies.copyKeyAndMask(rows, sequence.getFirstKey(round, step), step);
  };
  auto copyValue = [&](Value step) {
    copies.copyValue(rows, sequence.getFirstKey(round, step), step);
  };
  auto isThere = [&](Value step) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, step,
                                 round.endStep);
  };
  bool prefetchesAll = problem.schedule.getStages() > 1;
  copies.copyQuery(rows);
  Value hasKeys = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt,
                                        problem.numKeys(), b.index(0));
  copies.commit(hasKeys, [&] {
    copyKeyAndMask(round.firstStep);
    if (prefetchesAll)
      copyValue(round.firstStep);
  });
  function.enterRows(rows);

  OnlineSoftmax::State initial = softmax.getInitialState();
  Value noOutput = b.splat(problem.outputTile(problem.f32), b.constant(0));
  auto loop = sequence.createLoop(round, round.firstStep,
                                  {noOutput, initial.rowMax, initial.rowSum});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value step = loop.getInductionVar();
    // Key and mask tile are there, and the last tile's reads are done.
    copies.wait();
    if (prefetchesAll) {
      Value next = sequence.stepAfter(step);
      copies.commit(isThere(next), [&] {
        copyKeyAndMask(next);
        copyValue(next);
      });
    } else {
      copyValue(step);
      copies.commit();
    }
    Scores scores = getScores(round, step);
    if (!prefetchesAll) {
      // The value tile is there, and key and mask tile are free.
      copies.wait();
      Value next = sequence.stepAfter(step);
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
  epilogue.store(rows, loop.getResult(0),
                 {loop.getResult(1), loop.getResult(2)},
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
