//===- WgmmaKernel.cpp - The kernel by wgmma and tensor maps --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Threads of an extra warpgroup, the producers, start all loads: one those of
// query and key, one those of the value, one those of the mask. The other
// warpgroups, the consumers, have 64 query rows each. Key, value and mask tiles
// go through rings of stages, each with a barrier that says it is full (its
// bytes arrived) and one that says it is empty (every consumer warp read it).
// A consumer keeps two products going (Shah et al., "FlashAttention-3", 2024):
//
//   product of query and key i           |
//   product of weights and value i - 1   |  softmax of i, when its scores are
//   wait for the latter, rescale         |  there
//
// With ping-pong, a consumer starts its products when the scores of the one
// before it are there, so that the softmax of one runs under the products of
// the others. (Started as soon as those of the other are only under way, they
// share the tensor cores with them, and all wait for their scores at once.)
//
// Tiles of keys go from the last to the first, so that only the first step
// knows of keys past the end.
//
// A persistent block does this for one tile of query rows after another. All
// roles go through the same tiles; rings and turns just go on. What comes first
// for the next rows is loaded while these are still computed, but for their
// query, which waits until its place is free: when all consumers have their
// last scores, or, where the output takes that place, when it was stored.
//
//===----------------------------------------------------------------------===//

#include "AttentionBuilder.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <functional>

using namespace mlir;
using namespace mlir::mfa;
using mfa_gpu::TileType;

static constexpr int64_t kWarpgroupSize = 128;
static constexpr int64_t kWarpgroupRows = 64;

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

class WgmmaKernel : public AttentionBuilder {
public:
  WgmmaKernel(OpBuilder &builder, MaskedAttentionOp op,
              const KernelOperands &operands)
      : AttentionBuilder(builder, op, operands),
        numConsumers(schedule.getWarps() * kWarpSize / kWarpgroupSize) {}

  void build();

private:
  /// What tiles of an operand are copied by: the array, its tensor map, and how
  /// much of it that takes at once.
  struct Source {
    Value array, map;
    TensorBox box;
  };
  /// Tiles of one operand in shared memory.
  struct Ring {
    Source source;
    Value full, empty, buffer;
    const SharedMatrix *matrix = nullptr;
  };
  /// Where a ring keeps its tile of a step.
  struct Place {
    Value stage, parity;
  };

  //===--- Values ---------------------------------------------------------===//

  Value negate(Value condition) {
    return arith::XOrIOp::create(b, condition,
                                 arith::ConstantIntOp::create(b, true, 1));
  }

  //===--- Tiles of query rows --------------------------------------------===//

  /// `body` for each tile of query rows that the block has: one, or, of a
  /// persistent block, those from its own number in steps of the grid.
  void forEachRowTile(function_ref<void()> body);

  //===--- Barriers -------------------------------------------------------===//

  Value createBarriers(int64_t count);
  void initBarriers(Value barriers, int64_t count, int64_t arrivals);
  /// Of a step with the rows at hand, and of their query tile.
  Place placeOf(Value step);
  Place placeOfQuery();
  void wait(Value barriers, Place place);
  /// Waits for the phase before: of a fresh barrier it counts as over.
  void waitForPrevious(Value barriers, Place place);
  /// The lanes of this warp are done with what a barrier guards.
  void arriveAsWarp(Value barriers, Value stage);

  //===--- Rings ----------------------------------------------------------===//

  /// Of one that is filled but once, nobody says that it is empty.
  Ring createRing(const SharedMatrix &matrix, const Source &source,
                  bool isRefilled = true);
  void initRing(const Ring &ring, int64_t emptyArrivals);
  /// Where a map has the element at `first` of its array: dimensions of stride
  /// 0, in which all indices are one, have but that one in the map.
  SmallVector<Value> coordinatesOf(const Source &source,
                                   ArrayRef<OpFoldResult> first);
  /// `first` are the indices in the array, with those of the last dimension
  /// growing from panel to panel.
  void loadTile(const Ring &ring, ArrayRef<OpFoldResult> first, Value stage);
  void produce(const Ring &ring, Value step, ArrayRef<OpFoldResult> first);
  /// The tile of a step, when it is there.
  Value consume(const Ring &ring, Value step);
  /// Done with reading it.
  void release(const Ring &ring, Value step);
  Value tilePanel(Value buffer, const SharedMatrix &matrix, Value stage,
                  int64_t panel);

  //===--- The roles ------------------------------------------------------===//

  Value stepAfter(Value step) {
    return arith::AddIOp::create(b, step,
                                 arith::ConstantIntOp::create(b, 1, 32));
  }
  Value stepBefore(Value step) {
    return arith::SubIOp::create(b, step,
                                 arith::ConstantIntOp::create(b, 1, 32));
  }
  /// A loop from a step to the last one of these rows.
  scf::ForOp forEachStep(Value first, ValueRange state = {});
  Value firstKeyOf(Value step);
  /// The tile of a step, and those from a step to the last of these rows.
  void produceTile(const Ring &ring, Value step);
  void produceTiles(const Ring &ring, Value first);
  void produceQuery();
  void produceQueryAndKeys();
  void runProducers();

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
  /// The softmax of a step from its products of query and key, while `others`
  /// may be going. Passes the turn as soon as they are there.
  SoftmaxStep finishScores(Value products, Value step, int64_t others,
                           const Softmax &state, Value keysLeft);
  Value startOutput(Value weights, Value step, Value output);
  void finish(Value output, const Softmax &state);
  /// Stores the warpgroup's rows of the output tile in shared memory.
  void storeRows(Value buffer);
  /// Waits until stores of the output that this thread started have read shared
  /// memory.
  void waitForStores();
  void consumeRows();

  /// Consumer warpgroups.
  int64_t numConsumers;
  /// `consumer` counts the warpgroups.
  Value thread, consumer;
  // Barriers, null without ping-pong.
  Value ownTurn, nextTurn, isLastConsumer;
  // The tile of query rows at hand, and its steps among all of the block's: in
  // 32 bits, as they live through the loop over keys.
  Value rowTile, firstStep, endStep;
  // Of a persistent block, else null: whether an odd number of tiles of rows
  // came before, and, asked where it is needed, whether none comes after.
  Value isOddRound;
  std::function<Value()> isLastRound;
  /// The query is one of a single stage: its tile of a round.
  Ring query, key, value, mask;
};

} // namespace

//===----------------------------------------------------------------------===//
// Tiles of query rows
//===----------------------------------------------------------------------===//

/// What LLVM is not to do with a loop, as it would take registers that are few.
static void limitLoop(Operation *loop, LLVM::LoopUnrollAttr unroll,
                      LLVM::LoopLICMAttr licm) {
  loop->setAttr(LLVM::LoopAnnotationAttr::getMnemonic(),
                LLVM::LoopAnnotationAttr::get(
                    loop->getContext(), /*disableNonforced=*/{},
                    /*vectorize=*/{}, /*interleave=*/{}, unroll,
                    /*unrollAndJam=*/{}, licm, /*distribute=*/{},
                    /*pipeline=*/{}, /*peeled=*/{}, /*unswitch=*/{},
                    /*mustProgress=*/{}, /*isVectorized=*/{}, /*startLoc=*/{},
                    /*endLoc=*/{}, /*parallelAccesses=*/{}));
}

/// Addresses of an output tile, say, computed before the loop over tiles of
/// rows would live, or be spilled, through the loop over keys.
static void keepInvariantsInside(Operation *loop) {
  Builder b(loop->getContext());
  limitLoop(loop, /*unroll=*/{},
            LLVM::LoopLICMAttr::get(b.getContext(), b.getBoolAttr(true),
                                    /*versioningDisable=*/{}));
}

/// Unrolled, the loops of the producers would spill.
static void keepRolled(Operation *loop) {
  Builder b(loop->getContext());
  limitLoop(loop,
            LLVM::LoopUnrollAttr::get(
                b.getContext(), b.getBoolAttr(true), /*count=*/{},
                /*runtimeDisable=*/{}, /*full=*/{}, /*followupUnrolled=*/{},
                /*followupRemainder=*/{}, /*followupAll=*/{}),
            /*licm=*/{});
}

void WgmmaKernel::forEachRowTile(function_ref<void()> body) {
  Value zero = arith::ConstantIntOp::create(b, 0, 32);
  Value numSteps = toI32(numTiles);
  Value block = gpu::BlockIdOp::create(b, gpu::Dimension::x);
  if (!schedule.getPersistent()) {
    rowTile = block;
    firstStep = zero;
    endStep = numSteps;
    return body();
  }
  Value count = toI32(arith::MulIOp::create(
      b, dim(operands.query, 0),
      arith::MulIOp::create(b, rowTiles, dim(operands.query, 2))));
  Value isOdd = arith::ConstantIntOp::create(b, false, 1);
  // No scf.for, whose step would live through the loop over keys as well.
  SmallVector<Value> state{toI32(block), zero, isOdd};
  SmallVector<Type> types(ValueRange(state).getTypes());
  auto loop = scf::WhileOp::create(b, types, state);
  keepInvariantsInside(loop);
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Location> locations(3, b.getLoc());
  Block *test = b.createBlock(&loop.getBefore(), {}, types, locations);
  Value isTile = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                       test->getArgument(0), count);
  scf::ConditionOp::create(b, isTile, test->getArguments());
  Block *rows = b.createBlock(&loop.getAfter(), {}, types, locations);
  Value number = rows->getArgument(0);
  rowTile = toIndex(number);
  firstStep = rows->getArgument(1);
  endStep = arith::AddIOp::create(b, firstStep, numSteps);
  isOddRound = rows->getArgument(2);
  auto nextRowTile = [=, this]() -> Value {
    return arith::AddIOp::create(
        b, number, toI32(gpu::GridDimOp::create(b, gpu::Dimension::x)));
  };
  isLastRound = [=, this] {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::uge, nextRowTile(),
                                 count);
  };
  body();
  scf::YieldOp::create(b,
                       ValueRange{nextRowTile(), endStep, negate(isOddRound)});
}

scf::ForOp WgmmaKernel::forEachStep(Value first, ValueRange state) {
  auto loop = scf::ForOp::create(b, first, endStep,
                                 arith::ConstantIntOp::create(b, 1, 32), state);
  keepRolled(loop);
  return loop;
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

Value WgmmaKernel::createBarriers(int64_t count) {
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  return nvgpu::MBarrierCreateOp::create(
      b, nvgpu::MBarrierGroupType::get(b.getContext(), space, count));
}

void WgmmaKernel::initBarriers(Value barriers, int64_t count,
                               int64_t arrivals) {
  for (int64_t i = 0; i < count; ++i)
    nvgpu::MBarrierInitOp::create(b, barriers, index(arrivals), index(i),
                                  Value());
}

void WgmmaKernel::wait(Value barriers, Place place) {
  // Nanoseconds before the instruction gives up and is tried again.
  constexpr int64_t kPatience = 10'000'000;
  nvgpu::MBarrierTryWaitParityOp::create(b, barriers, place.parity,
                                         index(kPatience), place.stage);
}

WgmmaKernel::Place WgmmaKernel::placeOf(Value step) {
  Value stages = arith::ConstantIntOp::create(b, schedule.getStages(), 32);
  Value round = arith::DivUIOp::create(b, step, stages);
  return {toIndex(arith::RemUIOp::create(b, step, stages)),
          arith::TruncIOp::create(b, b.getI1Type(), round)};
}

WgmmaKernel::Place WgmmaKernel::placeOfQuery() {
  Value isOdd =
      isOddRound ? isOddRound : arith::ConstantIntOp::create(b, false, 1);
  return {index(0), isOdd};
}

void WgmmaKernel::waitForPrevious(Value barriers, Place place) {
  wait(barriers, {place.stage, negate(place.parity)});
}

void WgmmaKernel::arriveAsWarp(Value barriers, Value stage) {
  // The warp's lanes are done before its first lane says so.
  NVVM::SyncWarpOp::create(b,
                           arith::ConstantIntOp::create(b, b.getI32Type(), -1));
  Value lane = arith::RemUIOp::create(b, thread, index(kWarpSize));
  guarded(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, index(0)),
          [&] { nvgpu::MBarrierArriveOp::create(b, barriers, stage); });
}

//===----------------------------------------------------------------------===//
// Rings
//===----------------------------------------------------------------------===//

WgmmaKernel::Ring WgmmaKernel::createRing(const SharedMatrix &matrix,
                                          const Source &source,
                                          bool isRefilled) {
  Ring ring{source, createBarriers(matrix.stages), Value(),
            allocateShared(matrix), &matrix};
  if (isRefilled)
    ring.empty = createBarriers(matrix.stages);
  return ring;
}

void WgmmaKernel::initRing(const Ring &ring, int64_t emptyArrivals) {
  initBarriers(ring.full, ring.matrix->stages, 1);
  if (ring.empty)
    initBarriers(ring.empty, ring.matrix->stages, emptyArrivals);
}

Value WgmmaKernel::tilePanel(Value buffer, const SharedMatrix &matrix,
                             Value stage, int64_t panel) {
  Value tile = sharedMatrix(buffer, matrix, stage);
  if (!matrix.panels)
    return tile;
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  return matrixView(
      tile, {b.getIndexAttr(panel), zero, zero},
      {one, b.getIndexAttr(matrix.rows), b.getIndexAttr(matrix.pitch)}, 1, 2);
}

SmallVector<Value> WgmmaKernel::coordinatesOf(const Source &source,
                                              ArrayRef<OpFoldResult> first) {
  SmallVector<Value> coordinates =
      getValueOrCreateConstantIndexOp(b, b.getLoc(), first);
  auto type = cast<MemRefType>(source.array.getType());
  SmallVector<int64_t> strides = type.getStridesAndOffset().first;
  auto mayBeBroadcast = [&](unsigned dim) {
    return source.box[dim] == 1 && dim + 1 < strides.size() &&
           (strides[dim] == 0 || ShapedType::isDynamic(strides[dim])) &&
           !isConstantIntValue(first[dim], 0);
  };
  auto dims = llvm::to_vector(llvm::make_filter_range(
      llvm::seq<unsigned>(strides.size()), mayBeBroadcast));
  if (dims.empty())
    return coordinates;
  Value zero = index(0);
  auto metadata = memref::ExtractStridedMetadataOp::create(b, source.array);
  for (unsigned dim : dims) {
    Value stride = getValueOrCreateConstantIndexOp(
        b, b.getLoc(), metadata.getConstifiedMixedStrides()[dim]);
    coordinates[dim] = b.createOrFold<arith::SelectOp>(
        b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, stride, zero),
        zero, coordinates[dim]);
  }
  return coordinates;
}

void WgmmaKernel::loadTile(const Ring &ring, ArrayRef<OpFoldResult> first,
                           Value stage) {
  const SharedMatrix &matrix = *ring.matrix;
  nvgpu::MBarrierArriveExpectTxOp::create(
      b, ring.full, index(matrix.getTileBytes()), stage, Value());
  SmallVector<Value> coordinates = coordinatesOf(ring.source, first);
  Value column = coordinates.back();
  for (int64_t panel = 0, e = std::max<int64_t>(matrix.panels, 1); panel < e;
       ++panel) {
    coordinates.back() =
        b.createOrFold<arith::AddIOp>(column, index(panel * matrix.pitch));
    mfa_gpu::TensorLoadOp::create(b, ring.source.map, coordinates,
                                  tilePanel(ring.buffer, matrix, stage, panel),
                                  ring.full, stage);
  }
}

void WgmmaKernel::produce(const Ring &ring, Value step,
                          ArrayRef<OpFoldResult> first) {
  Place place = placeOf(step);
  waitForPrevious(ring.empty, place);
  loadTile(ring, first, place.stage);
}

Value WgmmaKernel::consume(const Ring &ring, Value step) {
  Place place = placeOf(step);
  wait(ring.full, place);
  return sharedMatrix(ring.buffer, *ring.matrix, place.stage);
}

void WgmmaKernel::release(const Ring &ring, Value step) {
  arriveAsWarp(ring.empty, placeOf(step).stage);
}

//===----------------------------------------------------------------------===//
// The producers
//===----------------------------------------------------------------------===//

Value WgmmaKernel::firstKeyOf(Value step) {
  return firstKeyOfTile(
      toIndex(arith::SubIOp::create(b, stepBefore(endStep), step)));
}

void WgmmaKernel::produceTile(const Ring &ring, Value step) {
  Value firstKey = firstKeyOf(step);
  bool isMask = &ring == &mask;
  produce(ring, step,
          isMask ? maskOffsets(firstKey)
                 : SmallVector<OpFoldResult>{batch, firstKey, keyHead,
                                             b.getIndexAttr(0)});
}

void WgmmaKernel::produceQuery() {
  Place place = placeOfQuery();
  if (isOddRound)
    waitForPrevious(query.empty, place);
  loadTile(query, {batch, firstRow, head, b.getIndexAttr(0)}, place.stage);
}

void WgmmaKernel::produceTiles(const Ring &ring, Value first) {
  auto loop = forEachStep(first);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  produceTile(ring, loop.getInductionVar());
}

void WgmmaKernel::produceQueryAndKeys() {
  locateRows(rowTile);
  // The place of the query may be taken for long; that of the first key tile is
  // not.
  produceTile(key, firstStep);
  produceQuery();
  produceTiles(key, stepAfter(firstStep));
}

void WgmmaKernel::runProducers() {
  auto runOne = [&](int64_t warp, function_ref<void()> body) {
    int64_t number = numConsumers * kWarpgroupSize + warp * kWarpSize;
    guarded(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread,
                                  index(number)),
            [&] { forEachRowTile(body); });
  };
  auto runRing = [&](int64_t warp, const Ring &ring) {
    runOne(warp, [&] {
      locateRows(rowTile);
      produceTiles(ring, firstStep);
    });
  };
  runOne(0, [&] { produceQueryAndKeys(); });
  runRing(1, value);
  if (mask.buffer)
    runRing(2, mask);
}

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
                          const Softmax &state, Value keysLeft) {
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
    return updateSoftmax(state, finish(addScaleAndMask(products, Value())));
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
    SoftmaxStep result = updateSoftmax(state, isMasked, getMasked, getUnmasked);
    release(mask, step);
    return result;
  }
  // Under the product, but where its registers would be too many.
  bool loadsFirst =
      numConsumers < 3 && mask.matrix->element.getIntOrFloatBitWidth() <= 16;
  if (!loadsFirst)
    waitForProducts();
  Value registers = loadMaskTile(shared);
  release(mask, step);
  if (loadsFirst)
    waitForProducts();
  return updateSoftmax(state, finish(addScaleAndMask(products, registers)));
}

Value WgmmaKernel::startOutput(Value weights, Value step, Value output) {
  return mfa_gpu::WarpgroupMmaOp::create(b, output.getType(), weights,
                                         consume(value, step), output,
                                         /*transpose_rhs=*/false);
}

void WgmmaKernel::consumeRows() {
  if (maskForm == MaskForm::QueryVector || maskForm == MaskForm::Scalar)
    locateRows(rowTile);
  loadRowMask();
  wait(query.full, placeOfQuery());

  takeTurn();
  Value products = startScores(firstStep);
  Value keysLeft;
  if (hasTail())
    keysLeft = arith::SubIOp::create(b, numKeys, firstKeyOf(firstStep));
  SoftmaxStep first =
      finishScores(products, firstStep, 0, initialSoftmax(), keysLeft);
  Value output = splat(matrixTile(memory.output.cols, f32), constant(0));

  auto loop =
      forEachStep(stepAfter(firstStep), {output, toFactor(first.weights),
                                         first.next.rowMax, first.next.rowSum});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value step = loop.getInductionVar(), before = stepBefore(step);
    takeTurn();
    products = startScores(step);
    Value next =
        startOutput(loop.getRegionIterArg(1), before, loop.getRegionIterArg(0));
    SoftmaxStep softmax = finishScores(
        products, step, 1, {loop.getRegionIterArg(2), loop.getRegionIterArg(3)},
        Value());
    next = waitFor(next, 0);
    release(value, before);
    scf::YieldOp::create(
        b, ValueRange{rescale(next, softmax), toFactor(softmax.weights),
                      softmax.next.rowMax, softmax.next.rowSum});
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
  locateRows(rowTile);
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
  TensorBoxes boxes = getTensorBoxes(op);
  query =
      createRing(memory.query, {operands.query, operands.queryMap, boxes.query},
                 schedule.getPersistent());
  key = createRing(memory.key, {operands.key, operands.keyMap, boxes.key});
  value = createRing(memory.value,
                     {operands.value, operands.valueMap, boxes.value});
  if (memory.mask.rows)
    mask =
        createRing(memory.mask, {operands.mask, operands.maskMap, boxes.mask});

  guarded(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread, index(0)),
          [&] {
            // Whoever is the last to use its place says that it is free: of an
            // output in it the thread that stores that, else every warp.
            initRing(query, memory.hasOutputInPlaceOfQuery()
                                ? numConsumers
                                : schedule.getWarps());
            for (const Ring &ring : {key, value, mask})
              if (ring.buffer)
                initRing(ring, schedule.getWarps());
            NVVM::FenceMbarrierInitOp::create(b);
          });
  gpu::BarrierOp::create(b);

  auto registers = kRegisters[numConsumers - 1];
  Value producer = index(numConsumers * kWarpgroupSize);
  auto roles = scf::IfOp::create(
      b, arith::CmpIOp::create(b, arith::CmpIPredicate::uge, thread, producer),
      /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
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
}

void mfa::buildWgmmaKernel(OpBuilder &builder, MaskedAttentionOp op,
                           const KernelOperands &operands) {
  WgmmaKernel(builder, op, operands).build();
}

TensorBoxes mfa::getTensorBoxes(MaskedAttentionOp op) {
  ScheduleAttr schedule = *op.getSchedule();
  SharedMemory memory = getSharedMemory(op, schedule);
  auto ofRows = [](int64_t rows, const SharedMatrix &matrix) {
    return TensorBox{1, rows, 1, matrix.pitch};
  };
  TensorBoxes boxes;
  boxes.query = ofRows(schedule.getTileRows(), memory.query);
  boxes.key = ofRows(schedule.getTileKeys(), memory.key);
  boxes.value = ofRows(schedule.getTileKeys(), memory.value);
  if (!schedule.getSplitsKeys())
    boxes.output = ofRows(kWarpgroupRows, memory.output);
  if (memory.mask.rows) {
    boxes.mask.assign(op.getMaskType().getRank(), 1);
    boxes.mask[*op.getMaskDim(ScoreDim::Key)] =
        memory.mask.panels ? memory.mask.pitch : memory.mask.cols;
    if (std::optional<unsigned> query = op.getMaskDim(ScoreDim::Query))
      boxes.mask[*query] = schedule.getTileRows();
  }
  return boxes;
}
