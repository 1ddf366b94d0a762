//===- WgmmaKernel.cpp - The kernel by wgmma and tensor maps --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Threads of an extra warpgroup, the producers, start all loads (TileRings.h).
// The other warpgroups, the consumers, have 64 query rows each. A consumer
// keeps two products going (Shah et al., "FlashAttention-3", 2024):
//
//   product of query and key i           |
//   product of weights and value i - 1   |  softmax of i, when its scores are
//   wait for the latter, rescale         |  there
//
// With ping-pong, a consumer starts its products when the scores of the one
// before it are there, so that the softmax of one runs under the products of
// the others. (Started as soon as those of the other are only under way, they
// share the tensor cores with them, and all wait for their scores at once.)
// The turns of a persistent block go on from tile to tile of its rows.
//
//===----------------------------------------------------------------------===//

#include "TileRings.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::mfa;

/// Registers of a thread, by number of consumer warpgroups: they share the 64K
/// of a multiprocessor, and the producer needs few. For one consumer there are
/// as many as a thread can have from the start: 0 stands for no change.
static constexpr struct {
  int32_t producer, consumer;
} kRegisters[] = {{0, 0}, {24, 240}, {32, 160}};

/// Barriers of the block, beside 0 for all of its threads. The last two kinds
/// have one for each consumer warpgroup.
enum NamedBarrier : int32_t {
  kAllConsumers = 1,
  kOneConsumer = 2,
  kTurnOfConsumer = 5,
};

namespace {

class WgmmaKernel : public TileRings {
public:
  using TileRings::TileRings;

  void build();

private:
  /// Waits at a barrier for `threads` of the block.
  void synchronize(Value barrier, int64_t threads);
  Value barrierOf(NamedBarrier first, Value consumer);
  /// Turns to start products, with ping-pong: the first consumer's is the
  /// first.
  void startTurns();
  void takeTurn();
  void passTurn();
  /// Passes the turn on, but behind the block's last product.
  void passLastTurn();
  /// The product, when it and all but `others` of those started are there.
  Value waitFor(Value product, int64_t others);
  Value startScores(Value step);
  /// The row maximum of a step from its products of query and key, while
  /// `others` may be going. Passes the turn as soon as they are there.
  SoftmaxStep finishScores(Value products, Value step, int64_t others,
                           Value rowMax, Value keysLeft);
  Value startOutput(Value weights, Value step, Value output);
  void finish(Value output, const Softmax &state);
  /// Stores the warpgroup's rows of the output tile in shared memory.
  void storeRows(Value buffer);
  /// Waits until stores of the output that this thread started have read shared
  /// memory.
  void waitForStores();
  void consumeRows();

  /// Counts the consumer warpgroups.
  Value consumer;
  // Barriers, null without ping-pong.
  Value ownTurn, nextTurn, isLastConsumer;
};

} // namespace

//===----------------------------------------------------------------------===//
// The consumers
//===----------------------------------------------------------------------===//

Value WgmmaKernel::barrierOf(NamedBarrier first, Value consumer) {
  return arith::AddIOp::create(b, toI32(consumer),
                               arith::ConstantIntOp::create(b, first, 32));
}

void WgmmaKernel::synchronize(Value barrier, int64_t threads) {
  NVVM::BarrierOp::create(b, TypeRange(), barrier,
                          arith::ConstantIntOp::create(b, threads, 32),
                          NVVM::BarrierReductionAttr(), Value());
}

void WgmmaKernel::startTurns() {
  if (!schedule.getPingPong())
    return;
  Value one = index(1), count = index(numConsumers);
  Value next =
      arith::RemUIOp::create(b, arith::AddIOp::create(b, consumer, one), count);
  ownTurn = barrierOf(kTurnOfConsumer, consumer);
  nextTurn = barrierOf(kTurnOfConsumer, next);
  isLastConsumer =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, next, index(0));
  guarded(isLastConsumer, [&] { passTurn(); });
}

void WgmmaKernel::takeTurn() {
  if (ownTurn)
    synchronize(ownTurn, 2 * kWarpgroupSize);
}

void WgmmaKernel::passTurn() {
  if (nextTurn)
    NVVM::BarrierArriveOp::create(
        b, nextTurn, arith::ConstantIntOp::create(b, 2 * kWarpgroupSize, 32));
}

void WgmmaKernel::passLastTurn() {
  if (!nextTurn)
    return;
  Value isAwaited = negate(isLastConsumer);
  if (isLastRound)
    isAwaited = arith::OrIOp::create(b, isAwaited, negate(isLastRound()));
  guarded(isAwaited, [&] { passTurn(); });
}

Value WgmmaKernel::waitFor(Value product, int64_t others) {
  return mfa_gpu::WarpgroupWaitOp::create(b, product.getType(), others, product)
      .getResult(0);
}

Value WgmmaKernel::startScores(Value step) {
  Value keys = consume(key, step);
  return mfa_gpu::WarpgroupMmaOp::create(
      b, matrixTile(tileKeys, f32),
      sharedMatrix(query.buffer, memory.query, Value()), keys,
      /*accumulator=*/Value(), /*transpose_rhs=*/true);
}

AttentionBuilder::SoftmaxStep
WgmmaKernel::finishScores(Value products, Value step, int64_t others,
                          Value rowMax, Value keysLeft) {
  auto finish = [&](Scores scores) {
    return keysLeft ? keepKeys(scores, keysLeft) : scores;
  };
  auto waitForProducts = [&] {
    products = waitFor(products, others);
    passTurn();
    release(key, step);
  };
  if (!mask.buffer) {
    waitForProducts();
    return updateRowMax(rowMax, finish(addScaleAndMask(products, Value())));
  }
  Value shared = consume(mask, step);
  if (maskForm == MaskForm::KeyVector && canScaleLate) {
    // Padding leaves most tiles of keys as they are. Registers that held the
    // mask for longer than it takes to see that would be spilled.
    Value isMasked = changesScores(loadMaskTile(shared));
    waitForProducts();
    auto getMasked = [&] {
      return finish(addScaleAndMask(products, loadMaskTile(shared)));
    };
    Scores unmasked{products, /*isScaled=*/false};
    auto getUnmasked = [&] { return finish(unmasked); };
    SoftmaxStep result = updateRowMax(rowMax, isMasked, getMasked, getUnmasked);
    release(mask, step);
    return result;
  }
  // Under the product where its registers are few. Else what follows would be
  // scheduled before the turn is passed, as all of it is ready at once.
  constexpr int64_t kFewBytesOfRow = 128;
  bool loadsFirst = numConsumers < 3 &&
                    mask.matrix->getTileBytes() <= tileRows * kFewBytesOfRow;
  if (!loadsFirst)
    waitForProducts();
  Value registers = loadMaskTile(shared);
  release(mask, step);
  if (loadsFirst)
    waitForProducts();
  return updateRowMax(rowMax, finish(addScaleAndMask(products, registers)));
}

Value WgmmaKernel::startOutput(Value weights, Value step, Value output) {
  return mfa_gpu::WarpgroupMmaOp::create(b, output.getType(), weights,
                                         consume(value, step), output,
                                         /*transpose_rhs=*/false);
}

void WgmmaKernel::consumeRows() {
  if (maskForm == MaskForm::QueryVector || maskForm == MaskForm::Scalar)
    locateRows(rowTileNumber);
  loadRowMask();
  wait(query.full, placeOfQuery());

  takeTurn();
  Value products = startScores(firstStep);
  Value keysLeft;
  if (hasTail())
    keysLeft = arith::SubIOp::create(b, numKeys, firstKeyOf(firstStep));
  Softmax initial = initialSoftmax();
  SoftmaxStep first =
      finishScores(products, firstStep, 0, initial.rowMax, keysLeft);
  Value firstSum = initial.rowSum, firstWeights = weigh(first, firstSum);
  Value output = splat(matrixTile(memory.output.cols, f32), constant(0));

  auto loop = forEachStep(stepAfter(firstStep), {output, toFactor(firstWeights),
                                                 first.rowMax, firstSum});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value step = loop.getInductionVar(), before = stepBefore(step);
    takeTurn();
    products = startScores(step);
    Value next =
        startOutput(loop.getRegionIterArg(1), before, loop.getRegionIterArg(0));
    SoftmaxStep softmax =
        finishScores(products, step, 1, loop.getRegionIterArg(2), Value());
    next = waitFor(next, 0);
    release(value, before);
    next = rescale(next, softmax);
    Value rowSum = loop.getRegionIterArg(3), weights = weigh(softmax, rowSum);
    scf::YieldOp::create(
        b, ValueRange{next, toFactor(weights), softmax.rowMax, rowSum});
  }
  bool isPersistent = schedule.getPersistent();
  if (isPersistent && !memory.hasOutputInPlaceOfQuery())
    arriveAsWarp(query.empty, index(0));
  Value last = stepBefore(endStep);
  takeTurn();
  output = startOutput(loop.getResult(1), last, loop.getResult(0));
  passLastTurn();
  output = waitFor(output, 0);
  if (isPersistent)
    release(value, last);
  finish(output, {loop.getResult(2), loop.getResult(3)});
}

void WgmmaKernel::finish(Value output, const Softmax &state) {
  locateRows(rowTileNumber);
  Value rowSum =
      mfa_gpu::AllReduceOp::create(b, mfa_gpu::ReduceKind::Add, state.rowSum);
  if (schedule.getSplitsKeys())
    return storePartial(output, {state.rowMax, rowSum});
  Value rounded = normalize(output, rowSum);

  Value threadOfWarpgroup =
      arith::RemUIOp::create(b, thread, index(kWarpgroupSize));
  Value isFirstThread = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                              threadOfWarpgroup, index(0));
  // Through shared memory. In place of the query tile a warpgroup writes but
  // the rows that it alone reads, where rows of both have one width; in a place
  // of its own those that it stored the tile before from.
  Value ownBarrier = barrierOf(kOneConsumer, consumer);
  bool replacesQuery = memory.hasOutputInPlaceOfQuery();
  if (!replacesQuery)
    guarded(isFirstThread, [&] { waitForStores(); });
  if (!replacesQuery || memory.output.pitch == memory.query.pitch)
    synchronize(ownBarrier, kWarpgroupSize);
  else
    synchronize(arith::ConstantIntOp::create(b, kAllConsumers, 32),
                schedule.getWarps() * kWarpSize);
  Value buffer = allocateShared(memory.output);
  mfa_gpu::StoreOp::create(b, rounded,
                           sharedMatrix(buffer, memory.output, Value()));
  NVVM::FenceProxyOp::create(
      b,
      NVVM::ProxyKindAttr::get(b.getContext(), NVVM::ProxyKind::async_shared),
      NVVM::SharedSpaceAttr::get(b.getContext(),
                                 NVVM::SharedSpace::shared_cta));
  synchronize(ownBarrier, kWarpgroupSize);
  guarded(isFirstThread, [&] {
    storeRows(buffer);
    // Shared memory lives until it is read, and the next query tile waits.
    if (replacesQuery)
      waitForStores();
    if (replacesQuery && isOddRound)
      nvgpu::MBarrierArriveOp::create(b, query.empty, index(0));
  });
  storeLse({state.rowMax, rowSum});
}

void WgmmaKernel::storeRows(Value buffer) {
  Value row = arith::MulIOp::create(b, consumer, index(kWarpgroupRows));
  Value place = arith::AddIOp::create(b, firstRow, row);
  OpFoldResult zero = b.getIndexAttr(0);
  for (int64_t panel = 0; panel < memory.output.panels; ++panel) {
    Value rows = matrixView(
        tilePanel(buffer, memory.output, Value(), panel), {row, zero},
        {b.getIndexAttr(kWarpgroupRows), b.getIndexAttr(memory.output.pitch)},
        0, 1);
    mfa_gpu::TensorStoreOp::create(
        b, rows, operands.outputMap,
        ValueRange{batch, place, head, index(panel * memory.output.pitch)});
  }
  NVVM::CpAsyncBulkCommitGroupOp::create(b);
}

void WgmmaKernel::waitForStores() {
  NVVM::CpAsyncBulkWaitGroupOp::create(b, 0, b.getUnitAttr());
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void WgmmaKernel::build() {
  locateBlock();
  thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
  // From lane 0: what all lanes have alike can be in uniform registers.
  Value warpgroup =
      toI32(arith::DivUIOp::create(b, thread, index(kWarpgroupSize)));
  Value zero = arith::ConstantIntOp::create(b, 0, 32);
  Value width = arith::ConstantIntOp::create(b, kWarpSize, 32);
  consumer = toIndex(
      gpu::ShuffleOp::create(b, warpgroup, zero, width, gpu::ShuffleMode::IDX)
          .getShuffleResult());
  createRings();
  initRings();

  auto registers = kRegisters[numConsumers - 1];
  Value producer = index(numConsumers * kWarpgroupSize);
  auto roles = scf::IfOp::create(
      b, arith::CmpIOp::create(b, arith::CmpIPredicate::uge, thread, producer),
      /*withElseRegion=*/true);
  b.setInsertionPointToStart(roles.thenBlock());
  if (registers.producer)
    NVVM::SetMaxRegisterOp::create(b, registers.producer,
                                   NVVM::SetMaxRegisterAction::decrease);
  runProducers();
  b.setInsertionPointToStart(roles.elseBlock());
  if (registers.consumer)
    NVVM::SetMaxRegisterOp::create(b, registers.consumer,
                                   NVVM::SetMaxRegisterAction::increase);
  startTurns();
  forEachRowTile([&] { consumeRows(); });
  // Shared memory lives until it is read.
  if (!memory.hasOutputInPlaceOfQuery())
    waitForStores();
  b.setInsertionPointAfter(roles);
  waitForCluster();
}

void mfa::buildWgmmaKernel(OpBuilder &builder, MaskedAttentionOp op,
                           const KernelOperands &operands) {
  WgmmaKernel(builder, op, operands).build();
}
