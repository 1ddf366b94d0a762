//===- WgmmaKernel.cpp - The kernel by wgmma and tensor maps --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Threads of an extra warpgroup, the producers, start all loads (TileRings.h).
// The other warpgroups, the consumers, have 64 query rows each. In a turn a
// consumer has the tensor cores: it starts two products, that of the weights of
// a step with its value and that of the query with the next key, and waits for
// both.
//
//   consumer 0  | products i - 1, i | softmax i         | products i, i + 1
//   consumer 1  | softmax j         | products j, j + 1 | softmax j + 1
//
// With ping-pong a consumer waits for its turn, so that the softmax of one runs
// under the products of the others, and nothing is multiplied while rows are
// rescaled. (Without turns the consumers share the tensor cores evenly, and all
// of them have their scores at once.) The turns of a persistent block go on
// from tile to tile of its rows.
//
// For this a softmax must take no longer than the products of the others. Most
// of what it takes is the way to the row maximum and back: all scores of a row,
// then two exchanges between lanes, and only then the first weight. So a step
// does without: its weights are tried with the maximum of the steps before,
// each as soon as its score is there, and the few sums that a lane has tell
// whether that was good enough (AttentionBuilder.h).
//
//===----------------------------------------------------------------------===//

#include "TileRings.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

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
  /// What the loop over keys hands on: the output so far, the left factor of
  /// the product that comes to it next, maximum and sum of weights, and whether
  /// the maxima of all of the warp's rows will do as bases.
  struct State {
    Value output, factor;
    Softmax softmax;
    Value hasBases;

    SmallVector<Value> toValues() const {
      return {output, factor, softmax.rowMax, softmax.rowSum, hasBases};
    }
    static State fromValues(ValueRange values) {
      return {values[0], values[1], {values[2], values[3]}, values[4]};
    }
  };
  Value startScores(Value step);
  Value startOutput(Value step, const State &state);
  /// Products when all, or all but the latest `pending`, of those started are
  /// there.
  SmallVector<Value> waitFor(ValueRange products, int64_t pending = 0);
  /// The products of a turn, scores last, when they are there. Passes the turn.
  SmallVector<Value> finishTurn(ValueRange products);
  /// The mask's tile of a step, where one is in shared memory: waits until it
  /// is there; loads it, null without one; is done with it.
  void waitForMask(Value step);
  Value loadMask(Value step);
  void releaseMask(Value step);
  /// A step of the recurrence from its products of query and key: by its own
  /// maximum, with -inf for all but `keysLeft` keys if that is given. The first
  /// has no output to rescale.
  State weighByNewMax(Value scores, Value step, State state, Value keysLeft);
  /// What a step's tile of a mask does that is a vector of keys, null of
  /// others: whether it changes any score, and whether it leaves any key.
  struct KeyMask {
    Value changesAny, leavesAny;
  };
  KeyMask lookAtMask(Value step);
  /// By the maximum so far where that will do, else by its own.
  State weighStep(Value scores, Value step, const KeyMask &keyMask,
                  State state);
  /// The weights by the maximum so far as a factor, their sums, and whether
  /// they will do.
  SmallVector<Value> weighByOldMax(Value scores, Value step,
                                   const KeyMask &keyMask, const State &state);
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
// Turns
//===----------------------------------------------------------------------===//

Value WgmmaKernel::barrierOf(NamedBarrier first, Value consumer) {
  return arith::AddIOp::create(b, b.toI32(consumer), b.i32(first));
}

void WgmmaKernel::synchronize(Value barrier, int64_t threads) {
  NVVM::BarrierOp::create(b, TypeRange(), barrier, b.i32(threads),
                          NVVM::BarrierReductionAttr(), Value());
}

void WgmmaKernel::startTurns() {
  if (!schedule.getPingPong())
    return;
  Value one = b.index(1), count = b.index(numConsumers);
  Value next =
      arith::RemUIOp::create(b, arith::AddIOp::create(b, consumer, one), count);
  ownTurn = barrierOf(kTurnOfConsumer, consumer);
  nextTurn = barrierOf(kTurnOfConsumer, next);
  isLastConsumer =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, next, b.index(0));
  b.guarded(isLastConsumer, [&] { passTurn(); });
}

void WgmmaKernel::takeTurn() {
  if (ownTurn)
    synchronize(ownTurn, 2 * kWarpgroupSize);
}

void WgmmaKernel::passTurn() {
  if (nextTurn)
    NVVM::BarrierArriveOp::create(b, nextTurn, b.i32(2 * kWarpgroupSize));
}

void WgmmaKernel::passLastTurn() {
  if (!nextTurn)
    return;
  Value isAwaited = b.negate(isLastConsumer);
  if (isLastRound)
    isAwaited = arith::OrIOp::create(b, isAwaited, b.negate(isLastRound()));
  b.guarded(isAwaited, [&] { passTurn(); });
}

Value WgmmaKernel::startScores(Value step) {
  Value keys = consume(key, step);
  // In steps of 16 elements of the head; of a single one nothing is early.
  IntegerAttr split;
  int64_t steps = memory.query.panels * memory.query.pitch / 16;
  if (schedule.getEarlyTurns() && steps > 1)
    split = b.getI64IntegerAttr(16 * (steps - std::max<int64_t>(steps / 4, 1)));
  return mfa_gpu::WarpgroupMmaOp::create(
      b, matrixTile(tileKeys, f32),
      sharedMatrix(query.buffer, memory.query, Value()), keys,
      /*accumulator=*/Value(), /*transpose_rhs=*/true, split);
}

Value WgmmaKernel::startOutput(Value step, const State &state) {
  return mfa_gpu::WarpgroupMmaOp::create(
      b, state.output.getType(), state.factor, consume(value, step),
      state.output, /*transpose_rhs=*/false, /*split=*/IntegerAttr());
}

SmallVector<Value> WgmmaKernel::waitFor(ValueRange products, int64_t pending) {
  auto finished = mfa_gpu::WarpgroupWaitOp::create(b, products.getTypes(),
                                                   pending, products);
  return SmallVector<Value>(finished.getResults());
}

SmallVector<Value> WgmmaKernel::finishTurn(ValueRange products) {
  if (!schedule.getEarlyTurns()) {
    SmallVector<Value> finished = waitFor(products);
    passTurn();
    return finished;
  }
  // All but the last part of the scores.
  SmallVector<Value> finished = waitFor(products.drop_back(), 1);
  passTurn();
  finished.append(waitFor(products.back()));
  return finished;
}

//===----------------------------------------------------------------------===//
// The softmax
//===----------------------------------------------------------------------===//

void WgmmaKernel::waitForMask(Value step) {
  if (mask.buffer)
    wait(mask.full, placeOf(step));
}

void WgmmaKernel::releaseMask(Value step) {
  if (mask.buffer)
    release(mask, step);
}

Value WgmmaKernel::loadMask(Value step) {
  return mask.buffer ? loadMaskTile(tileOf(mask, step)) : Value();
}

WgmmaKernel::State WgmmaKernel::weighByNewMax(Value scores, Value step,
                                              State state, Value keysLeft) {
  Scores masked = addScaleAndMask(scores, loadMask(step));
  if (keysLeft)
    masked = keepKeys(masked, keysLeft);
  SoftmaxStep softmax = updateRowMax(state.softmax.rowMax, masked);
  if (state.output)
    state.output = rescale(state.output, softmax);
  state.softmax.rowMax = softmax.rowMax;
  state.factor = toFactor(weigh(softmax, state.softmax.rowSum));
  state.hasBases = areBases(softmax.rowMax);
  return state;
}

WgmmaKernel::KeyMask WgmmaKernel::lookAtMask(Value step) {
  if (maskForm != MaskForm::KeyVector)
    return {};
  // As words, so that each lane of a warp has a part of the tile: the registers
  // of a fragment have all of it four times in each row.
  struct Pattern {
    uint32_t noMask, noMaskBits, excluded;
  };
  Type type = memory.mask.element;
  Pattern pattern = type.isInteger(1) ? Pattern{0x01010101, ~0u, 0}
                    : type.isF32()    ? Pattern{0, 0x7fffffff, 0xff800000}
                    : type.isBF16()   ? Pattern{0, 0x7fff7fff, 0xff80ff80}
                                      : Pattern{0, 0x7fff7fff, 0xfc00fc00};
  constexpr int64_t kWordBytes = 4;
  int64_t count = memory.mask.getTileBytes() / kWordBytes;
  SharedMatrix matrix = memory.mask;
  matrix.pitch = memory.mask.getBytes() / matrix.stages / kWordBytes;
  matrix.cols = count;
  matrix.element = b.getI32Type();
  Value words =
      sharedMatrix(allocateShared(matrix), matrix, placeOf(step).stage);
  Value lane = arith::RemUIOp::create(b, thread, b.index(kWarpSize));
  auto number = [&](uint32_t bits) -> Value {
    return arith::ConstantIntOp::create(b, b.getI32Type(),
                                        static_cast<int32_t>(bits));
  };
  Value changed = number(0), left = number(0);
  for (int64_t first = 0; first < count; first += kWarpSize) {
    // Lanes past the last word have that one too.
    Value place = arith::AddIOp::create(b, lane, b.index(first));
    if (first + kWarpSize > count)
      place = arith::MinUIOp::create(b, place, b.index(count - 1));
    Value word =
        memref::LoadOp::create(b, words, ValueRange{b.index(0), place});
    auto collect = [&](Value &into, uint32_t expected) {
      Value difference = arith::XOrIOp::create(b, word, number(expected));
      into = arith::OrIOp::create(b, into, difference);
    };
    collect(changed, pattern.noMask);
    collect(left, pattern.excluded);
  }
  auto anyBit = [&](Value bits) -> Value {
    Value isAny =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bits, number(0));
    return NVVM::VoteSyncOp::create(b, b.getI1Type(), number(~0u), isAny,
                                    NVVM::VoteSyncKind::any);
  };
  // A sign alone is no number.
  changed = arith::AndIOp::create(b, changed, number(pattern.noMaskBits));
  return {anyBit(changed), anyBit(left)};
}

SmallVector<Value> WgmmaKernel::weighByOldMax(Value scores, Value step,
                                              const KeyMask &keyMask,
                                              const State &state) {
  auto toValues = [&](const EarlyWeights &weights) -> SmallVector<Value> {
    return {toFactor(weights.weights), weights.rowSum, weights.areGood};
  };
  auto tryWith = [&](Value maskRegisters) {
    return toValues(tryOldMax(scores, maskRegisters, state.softmax));
  };
  auto tryMasked = [&] { return tryWith(loadMask(step)); };
  if (maskForm != MaskForm::KeyVector)
    return tryMasked();
  // Padding leaves most tiles of keys as they are, and excludes all of others.
  auto excludeKeys = [&] {
    return toValues(excludeAll(scores, state.softmax));
  };
  return b.choose(
      keyMask.changesAny,
      [&] { return b.choose(keyMask.leavesAny, tryMasked, excludeKeys); },
      [&] { return tryWith(Value()); });
}

WgmmaKernel::State WgmmaKernel::weighStep(Value scores, Value step,
                                          const KeyMask &keyMask, State state) {
  auto early = b.choose(
      state.hasBases,
      [&] { return weighByOldMax(scores, step, keyMask, state); },
      [&]() -> SmallVector<Value> {
        return {state.factor, state.softmax.rowSum,
                arith::ConstantIntOp::create(b, false, 1)};
      });
  State good = state;
  good.factor = early[0];
  good.softmax.rowSum = early[1];
  return State::fromValues(b.choose(
      early[2], [&] { return good.toValues(); },
      [&] {
        return weighByNewMax(scores, step, state, /*keysLeft=*/Value())
            .toValues();
      }));
}

//===----------------------------------------------------------------------===//
// The consumers
//===----------------------------------------------------------------------===//

void WgmmaKernel::consumeRows() {
  if (maskForm == MaskForm::QueryVector || maskForm == MaskForm::Scalar)
    locateRows(rowTileNumber);
  loadRowMask();
  wait(query.full, placeOfQuery());

  // The first step has no maximum before it, and may have keys past the last.
  takeTurn();
  Value scores = finishTurn(startScores(firstStep))[0];
  release(key, firstStep);
  Value keysLeft;
  if (hasTail())
    keysLeft = arith::SubIOp::create(b, numKeys, firstKeyOf(firstStep));
  waitForMask(firstStep);
  State state;
  state.softmax = initialSoftmax();
  state = weighByNewMax(scores, firstStep, state, keysLeft);
  state.output = b.splat(matrixTile(memory.output.cols, f32), b.constant(0));
  releaseMask(firstStep);

  auto loop = forEachStep(stepAfter(firstStep), state.toValues());
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value step = loop.getInductionVar(), before = stepBefore(step);
    state = State::fromValues(loop.getRegionIterArgs());
    takeTurn();
    Value output = startOutput(before, state), scores = startScores(step);
    // Under the products.
    waitForMask(step);
    KeyMask keyMask = lookAtMask(step);
    SmallVector<Value> products = finishTurn({output, scores});
    release(value, before);
    release(key, step);
    state.output = products[0];
    state = weighStep(products[1], step, keyMask, state);
    releaseMask(step);
    scf::YieldOp::create(b, state.toValues());
  }
  state = State::fromValues(loop.getResults());
  bool isPersistent = schedule.getPersistent();
  if (isPersistent && !memory.hasOutputInPlaceOfQuery())
    arriveAsWarp(query.empty, b.index(0));
  Value last = stepBefore(endStep);
  takeTurn();
  Value output = startOutput(last, state);
  passLastTurn();
  output = waitFor(output)[0];
  if (isPersistent)
    release(value, last);
  finish(output, state.softmax);
}

void WgmmaKernel::finish(Value output, const Softmax &state) {
  locateRows(rowTileNumber);
  Value rowSum =
      mfa_gpu::AllReduceOp::create(b, mfa_gpu::ReduceKind::Add, state.rowSum);
  if (schedule.getSplitsKeys())
    return storePartial(output, {state.rowMax, rowSum});
  Value rounded = normalize(output, rowSum);

  Value threadOfWarpgroup =
      arith::RemUIOp::create(b, thread, b.index(kWarpgroupSize));
  Value isFirstThread = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                              threadOfWarpgroup, b.index(0));
  // Through shared memory. In place of the query tile a warpgroup writes but
  // the rows that it alone reads, where rows of both have one width; in a place
  // of its own those that it stored the tile before from.
  Value ownBarrier = barrierOf(kOneConsumer, consumer);
  bool replacesQuery = memory.hasOutputInPlaceOfQuery();
  if (!replacesQuery)
    b.guarded(isFirstThread, [&] { waitForStores(); });
  if (!replacesQuery || memory.output.pitch == memory.query.pitch)
    synchronize(ownBarrier, kWarpgroupSize);
  else
    synchronize(b.i32(kAllConsumers), schedule.getWarps() * kWarpSize);
  Value buffer = allocateShared(memory.output);
  mfa_gpu::StoreOp::create(b, rounded,
                           sharedMatrix(buffer, memory.output, Value()));
  NVVM::FenceProxyOp::create(
      b,
      NVVM::ProxyKindAttr::get(b.getContext(), NVVM::ProxyKind::async_shared),
      NVVM::SharedSpaceAttr::get(b.getContext(),
                                 NVVM::SharedSpace::shared_cta));
  synchronize(ownBarrier, kWarpgroupSize);
  b.guarded(isFirstThread, [&] {
    storeRows(buffer);
    // Shared memory lives until it is read, and the next query tile waits.
    if (replacesQuery)
      waitForStores();
    if (replacesQuery && isOddRound)
      nvgpu::MBarrierArriveOp::create(b, query.empty, b.index(0));
  });
  storeLse({state.rowMax, rowSum});
}

void WgmmaKernel::storeRows(Value buffer) {
  Value row = arith::MulIOp::create(b, consumer, b.index(kWarpgroupRows));
  Value place = arith::AddIOp::create(b, firstRow, row);
  OpFoldResult zero = b.getIndexAttr(0);
  for (int64_t panel = 0; panel < memory.output.panels; ++panel) {
    Value rows = b.matrixView(
        tilePanel(buffer, memory.output, Value(), panel), {row, zero},
        {b.getIndexAttr(kWarpgroupRows), b.getIndexAttr(memory.output.pitch)},
        0, 1);
    mfa_gpu::TensorStoreOp::create(
        b, rows, operands.outputMap,
        ValueRange{batch, place, head, b.index(panel * memory.output.pitch)});
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
      b.toI32(arith::DivUIOp::create(b, thread, b.index(kWarpgroupSize)));
  Value zero = b.i32(0);
  Value width = b.i32(kWarpSize);
  consumer = b.toIndex(
      gpu::ShuffleOp::create(b, warpgroup, zero, width, gpu::ShuffleMode::IDX)
          .getShuffleResult());
  createRings();
  initRings();

  auto registers = kRegisters[numConsumers - 1];
  Value producer = b.index(numConsumers * kWarpgroupSize);
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
