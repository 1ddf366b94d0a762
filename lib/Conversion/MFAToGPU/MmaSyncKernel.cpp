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

#include "AttentionBuilder.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mfa;
using mfa_gpu::TileType;

namespace {
class MmaSyncKernel : public AttentionBuilder {
public:
  using AttentionBuilder::AttentionBuilder;

  void build();

private:
  Value stageOf(Value tile) {
    if (schedule.getStages() == 1)
      return {};
    return arith::RemUIOp::create(b, tile, b.index(schedule.getStages()));
  }
  void copyTile(Value view, Value buffer, const SharedMatrix &matrix,
                Value tile) {
    mfa_gpu::CopyAsyncOp::create(b, view,
                                 sharedMatrix(buffer, matrix, stageOf(tile)));
  }
  void copyKeyAndMask(Value tile);
  void copyValue(Value tile);
  /// `body(next)` where there is a tile after `tile`; one `cp.async` group.
  void copyNext(Value tile, function_ref<void(Value)> body);
  void waitForCopies() {
    NVVM::CpAsyncWaitGroupOp::create(b, 0);
    gpu::BarrierOp::create(b);
  }
  bool splitsFactors() {
    return element.isF32() && schedule.getF32Product() == F32Product::TF32x3;
  }
  Scores maskTail(Scores scores, Value tile);
  Scores scores(Value tile);
  void finish(Value output, const Softmax &state);

  Value queryBuffer, keyBuffer, valueBuffer, maskBuffer;
};
} // namespace

void MmaSyncKernel::copyKeyAndMask(Value tile) {
  Value firstKey = firstKeyOfTile(tile);
  OpFoldResult keys = b.tileSize(numKeys, firstKey, tileKeys);
  copyTile(rowsOfHead(operands.key, keyHead, firstKey, keys), keyBuffer,
           memory.key, tile);
  if (maskBuffer)
    copyTile(maskView(firstKey, keys), maskBuffer, memory.mask, tile);
}

void MmaSyncKernel::copyValue(Value tile) {
  Value firstKey = firstKeyOfTile(tile);
  copyTile(rowsOfHead(operands.value, keyHead, firstKey,
                      b.tileSize(numKeys, firstKey, tileKeys)),
           valueBuffer, memory.value, tile);
}

void MmaSyncKernel::copyNext(Value tile, function_ref<void(Value)> body) {
  Value next = arith::AddIOp::create(b, tile, b.index(1));
  b.guarded(arith::CmpIOp::create(b, arith::CmpIPredicate::ult, next, numTiles),
            [&] { body(next); });
  NVVM::CpAsyncCommitGroupOp::create(b);
}

MmaSyncKernel::Scores MmaSyncKernel::maskTail(Scores scores, Value number) {
  if (!hasTail())
    return scores;
  Value firstKey = firstKeyOfTile(number);
  Value keysLeft = arith::SubIOp::create(b, numKeys, firstKey);
  Value isTail = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, keysLeft,
                                       b.index(tileKeys));
  Value tile = b.choose(
      isTail,
      [&]() -> SmallVector<Value> { return {keepKeys(scores, keysLeft).tile}; },
      [&]() -> SmallVector<Value> { return {scores.tile}; })[0];
  return {tile, scores.isScaled};
}

MmaSyncKernel::Scores MmaSyncKernel::scores(Value tile) {
  TileType type = matrixTile(tileKeys, f32);
  Value products = mfa_gpu::MmaOp::create(
      b, type, sharedMatrix(queryBuffer, memory.query, Value()),
      sharedMatrix(keyBuffer, memory.key, stageOf(tile)),
      b.splat(type, b.constant(0)), /*transpose_rhs=*/true, splitsFactors());
  Value mask;
  if (maskBuffer)
    mask = loadMaskTile(sharedMatrix(maskBuffer, memory.mask, stageOf(tile)));
  return maskTail(addScaleAndMask(products, mask), tile);
}

void MmaSyncKernel::finish(Value output, const Softmax &state) {
  Value rowSum =
      mfa_gpu::AllReduceOp::create(b, mfa_gpu::ReduceKind::Add, state.rowSum);
  if (schedule.getSplitsKeys())
    return storePartial(output, {state.rowMax, rowSum});
  Value rounded = normalize(output, rowSum);

  // Through shared memory, in place of the query tile, to whole rows.
  waitForCopies();
  Value buffer =
      sharedMatrix(allocateShared(memory.output), memory.output, Value());
  mfa_gpu::StoreOp::create(b, rounded, buffer);
  gpu::BarrierOp::create(b);
  mfa_gpu::CopyOp::create(b, buffer,
                          rowsOfHead(operands.output, head, firstRow, rows));
  storeLse({state.rowMax, rowSum});
}

void MmaSyncKernel::build() {
  locateBlock();
  locateRows(gpu::BlockIdOp::create(b, gpu::Dimension::x));
  queryBuffer = allocateShared(memory.query);
  keyBuffer = allocateShared(memory.key);
  valueBuffer = allocateShared(memory.value);
  if (memory.mask.rows)
    maskBuffer = allocateShared(memory.mask);

  bool prefetchesAll = schedule.getStages() > 1;
  Value zero = b.index(0), one = b.index(1);
  mfa_gpu::CopyAsyncOp::create(
      b, rowsOfHead(operands.query, head, firstRow, rows),
      sharedMatrix(queryBuffer, memory.query, Value()));
  b.guarded(arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, numKeys, zero),
            [&] {
              copyKeyAndMask(zero);
              if (prefetchesAll)
                copyValue(zero);
            });
  NVVM::CpAsyncCommitGroupOp::create(b);
  loadRowMask();

  TileType outputType = matrixTile(memory.output.cols, f32);
  Softmax initial = initialSoftmax();
  auto loop = scf::ForOp::create(b, zero, numTiles, one,
                                 ValueRange{b.splat(outputType, b.constant(0)),
                                            initial.rowMax, initial.rowSum});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value tile = loop.getInductionVar();
    // Key and mask tile are there, and the last tile's reads are done.
    waitForCopies();
    if (prefetchesAll) {
      copyNext(tile, [&](Value next) {
        copyKeyAndMask(next);
        copyValue(next);
      });
    } else {
      copyValue(tile);
      NVVM::CpAsyncCommitGroupOp::create(b);
    }
    Scores tileScores = scores(tile);
    if (!prefetchesAll) {
      // The value tile is there, and key and mask tile are free.
      waitForCopies();
      copyNext(tile, [&](Value next) { copyKeyAndMask(next); });
    }
    SoftmaxStep step = updateRowMax(loop.getRegionIterArg(1), tileScores);
    Value rowSum = loop.getRegionIterArg(2);
    Value weights = weigh(step, rowSum);
    Value output = rescale(loop.getRegionIterArg(0), step);
    output = mfa_gpu::MmaOp::create(
        b, outputType, toFactor(weights),
        sharedMatrix(valueBuffer, memory.value, stageOf(tile)), output,
        /*transpose_rhs=*/false, splitsFactors());
    scf::YieldOp::create(b, ValueRange{output, step.rowMax, rowSum});
  }
  finish(loop.getResult(0), {loop.getResult(1), loop.getResult(2)});
}

void mfa::buildMmaSyncKernel(OpBuilder &builder, MaskedAttentionOp op,
                             const KernelOperands &operands) {
  MmaSyncKernel(builder, op, operands).build();
}
