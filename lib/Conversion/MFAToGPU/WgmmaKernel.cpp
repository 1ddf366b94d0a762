//===- WgmmaKernel.cpp - The kernel by wgmma and tensor maps --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// One thread of an extra warpgroup, the producer, starts all loads; the other
// warpgroups, the consumers, have 64 query rows each. Key, value and mask tiles
// go through rings of stages, each with a barrier that says it is full (its
// bytes arrived) and one that says it is empty (every consumer warp read it).
// A consumer keeps two products going (Shah et al., "FlashAttention-3", 2024):
//
//   product of query and key i           |
//   product of weights and value i - 1   |  softmax of i, when its scores are
//   wait for the latter, rescale         |  there
//
// With ping-pong, consumers start their products one after the other, so that
// the softmax of one runs under the products of the others.
//
// Tiles of keys go from the last to the first, so that only the first step
// knows of keys past the end.
//
//===----------------------------------------------------------------------===//

#include "AttentionBuilder.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

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
  /// Tiles of one operand in shared memory.
  struct Ring {
    Value map, full, empty, buffer;
    const SharedMatrix *matrix = nullptr;
  };
  /// Where a ring keeps its tile of a step.
  struct Place {
    Value stage, parity;
  };

  //===--- Barriers -------------------------------------------------------===//

  Value createBarriers(int64_t count);
  void initBarriers(Value barriers, int64_t count, int64_t arrivals);
  void wait(Value barriers, Value stage, Value parity);
  Place placeOf(Value step);

  //===--- Rings ----------------------------------------------------------===//

  Ring createRing(const SharedMatrix &matrix, Value map);
  /// `first` are the indices in the array, with those of the last dimension
  /// growing from panel to panel.
  void loadTile(Value map, ArrayRef<OpFoldResult> first, Value buffer,
                const SharedMatrix &matrix, Value stage, Value full);
  void produce(const Ring &ring, Value step, ArrayRef<OpFoldResult> first);
  /// The tile of a step, when it is there.
  Value consume(const Ring &ring, Value step);
  /// Done with reading it.
  void release(const Ring &ring, Value step);
  Value tilePanel(Value buffer, const SharedMatrix &matrix, Value stage,
                  int64_t panel);

  //===--- The two roles --------------------------------------------------===//

  Value firstKeyOf(Value step);
  void produceKeyAndMask(Value step);
  void produceValue(Value step);
  void runProducer();

  /// Waits at a barrier for `threads` of the block.
  void synchronize(Value barrier, int64_t threads);
  Value barrierOf(NamedBarrier first, Value consumer);
  /// Turns to start products, with ping-pong: the first consumer's is the
  /// first, and the last one's ends them.
  void startTurns();
  void takeTurn();
  void passTurn();
  void endTurns();
  /// The product, when it and all but `others` of those started are there.
  Value waitFor(Value product, int64_t others);
  Value startScores(Value step);
  /// The softmax of a step from its products of query and key, while `others`
  /// may be going.
  SoftmaxStep finishScores(Value products, Value step, int64_t others,
                           const Softmax &state, Value keysLeft);
  Value startOutput(Value weights, Value step, Value output);
  void finish(Value output, const Softmax &state);
  void runConsumer();

  /// Consumer warpgroups.
  int64_t numConsumers;
  /// `consumer` counts the warpgroups.
  Value thread, consumer, queryFull, queryBuffer;
  // Barriers, null without ping-pong.
  Value ownTurn, nextTurn, isLastConsumer;
  Ring key, value, mask;
};

} // namespace

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

void WgmmaKernel::wait(Value barriers, Value stage, Value parity) {
  // Nanoseconds before the instruction gives up and is tried again.
  constexpr int64_t kPatience = 10'000'000;
  nvgpu::MBarrierTryWaitParityOp::create(b, barriers, parity, index(kPatience),
                                         stage);
}

WgmmaKernel::Place WgmmaKernel::placeOf(Value step) {
  Value stages = index(schedule.getStages());
  Value round = arith::DivUIOp::create(b, step, stages);
  return {arith::RemUIOp::create(b, step, stages),
          arith::TruncIOp::create(
              b, b.getI1Type(),
              arith::IndexCastUIOp::create(b, b.getI32Type(), round))};
}

//===----------------------------------------------------------------------===//
// Rings
//===----------------------------------------------------------------------===//

WgmmaKernel::Ring WgmmaKernel::createRing(const SharedMatrix &matrix,
                                          Value map) {
  int64_t stages = schedule.getStages();
  return {map, createBarriers(stages), createBarriers(stages),
          allocateShared(matrix), &matrix};
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

void WgmmaKernel::loadTile(Value map, ArrayRef<OpFoldResult> first,
                           Value buffer, const SharedMatrix &matrix,
                           Value stage, Value full) {
  nvgpu::MBarrierArriveExpectTxOp::create(b, full, index(matrix.getTileBytes()),
                                          stage, Value());
  for (int64_t panel = 0, e = std::max<int64_t>(matrix.panels, 1); panel < e;
       ++panel) {
    SmallVector<Value> coordinates =
        getValueOrCreateConstantIndexOp(b, b.getLoc(), first);
    coordinates.back() = b.createOrFold<arith::AddIOp>(
        coordinates.back(), index(panel * matrix.pitch));
    mfa_gpu::TensorLoadOp::create(b, map, coordinates,
                                  tilePanel(buffer, matrix, stage, panel), full,
                                  stage);
  }
}

void WgmmaKernel::produce(const Ring &ring, Value step,
                          ArrayRef<OpFoldResult> first) {
  Place place = placeOf(step);
  // A fresh barrier counts as one whose phase of parity 1 is over.
  Value isOdd = arith::XOrIOp::create(b, place.parity,
                                      arith::ConstantIntOp::create(b, true, 1));
  wait(ring.empty, place.stage, isOdd);
  loadTile(ring.map, first, ring.buffer, *ring.matrix, place.stage, ring.full);
}

Value WgmmaKernel::consume(const Ring &ring, Value step) {
  Place place = placeOf(step);
  wait(ring.full, place.stage, place.parity);
  return sharedMatrix(ring.buffer, *ring.matrix, place.stage);
}

void WgmmaKernel::release(const Ring &ring, Value step) {
  // The warp's lanes are done before its first lane says so.
  NVVM::SyncWarpOp::create(b,
                           arith::ConstantIntOp::create(b, b.getI32Type(), -1));
  Value lane = arith::RemUIOp::create(b, thread, index(kWarpSize));
  guarded(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, index(0)),
          [&] {
            nvgpu::MBarrierArriveOp::create(b, ring.empty, placeOf(step).stage);
          });
}

//===----------------------------------------------------------------------===//
// The producer
//===----------------------------------------------------------------------===//

Value WgmmaKernel::firstKeyOf(Value step) {
  Value last = arith::SubIOp::create(b, numTiles, index(1));
  return firstKeyOfTile(arith::SubIOp::create(b, last, step));
}

void WgmmaKernel::produceKeyAndMask(Value step) {
  Value firstKey = firstKeyOf(step);
  OpFoldResult zero = b.getIndexAttr(0);
  produce(key, step, {batch, firstKey, keyHead, zero});
  if (mask.buffer)
    produce(mask, step, maskOffsets(firstKey));
}

void WgmmaKernel::produceValue(Value step) {
  produce(value, step, {batch, firstKeyOf(step), keyHead, b.getIndexAttr(0)});
}

void WgmmaKernel::runProducer() {
  Value zero = index(0), one = index(1);
  loadTile(operands.queryMap, {batch, firstRow, head, b.getIndexAttr(0)},
           queryBuffer, memory.query, zero, queryFull);
  produceKeyAndMask(zero);
  auto loop = scf::ForOp::create(b, one, numTiles, one);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value step = loop.getInductionVar();
    produceKeyAndMask(step);
    produceValue(arith::SubIOp::create(b, step, one));
  }
  produceValue(arith::SubIOp::create(b, numTiles, one));
}

//===----------------------------------------------------------------------===//
// The consumers
//===----------------------------------------------------------------------===//

Value WgmmaKernel::barrierOf(NamedBarrier first, Value consumer) {
  return arith::AddIOp::create(
      b, arith::IndexCastUIOp::create(b, b.getI32Type(), consumer),
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

void WgmmaKernel::endTurns() {
  if (!nextTurn)
    return;
  Value isNotLast = arith::XOrIOp::create(
      b, isLastConsumer, arith::ConstantIntOp::create(b, true, 1));
  guarded(isNotLast, [&] { passTurn(); });
}

Value WgmmaKernel::waitFor(Value product, int64_t others) {
  return mfa_gpu::WarpgroupWaitOp::create(b, product.getType(), others, product)
      .getResult(0);
}

Value WgmmaKernel::startScores(Value step) {
  Value keys = consume(key, step);
  return mfa_gpu::WarpgroupMmaOp::create(
      b, matrixTile(tileKeys, f32),
      sharedMatrix(queryBuffer, memory.query, Value()), keys,
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

void WgmmaKernel::runConsumer() {
  loadRowMask();
  Value zero = index(0), one = index(1);
  startTurns();
  wait(queryFull, zero, arith::ConstantIntOp::create(b, false, 1));

  takeTurn();
  Value products = startScores(zero);
  passTurn();
  Value keysLeft;
  if (hasTail())
    keysLeft = arith::SubIOp::create(b, numKeys, firstKeyOf(zero));
  SoftmaxStep first =
      finishScores(products, zero, 0, initialSoftmax(), keysLeft);
  Value output = splat(matrixTile(memory.output.cols, f32), constant(0));

  auto loop =
      scf::ForOp::create(b, one, numTiles, one,
                         ValueRange{output, toFactor(first.weights),
                                    first.next.rowMax, first.next.rowSum});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value step = loop.getInductionVar();
    Value before = arith::SubIOp::create(b, step, one);
    takeTurn();
    products = startScores(step);
    Value next =
        startOutput(loop.getRegionIterArg(1), before, loop.getRegionIterArg(0));
    passTurn();
    SoftmaxStep softmax = finishScores(
        products, step, 1, {loop.getRegionIterArg(2), loop.getRegionIterArg(3)},
        Value());
    next = waitFor(next, 0);
    release(value, before);
    scf::YieldOp::create(
        b, ValueRange{rescale(next, softmax), toFactor(softmax.weights),
                      softmax.next.rowMax, softmax.next.rowSum});
  }
  Value last = arith::SubIOp::create(b, numTiles, one);
  takeTurn();
  output = startOutput(loop.getResult(1), last, loop.getResult(0));
  endTurns();
  output = waitFor(output, 0);
  finish(output, {loop.getResult(2), loop.getResult(3)});
}

void WgmmaKernel::finish(Value output, const Softmax &state) {
  Value rowSum =
      mfa_gpu::AllReduceOp::create(b, mfa_gpu::ReduceKind::Add, state.rowSum);
  if (schedule.getSplitsKeys())
    return storePartial(output, {state.rowMax, rowSum});
  Value rounded = normalize(output, rowSum);

  // Through shared memory, in place of the query tile. Where rows of both have
  // one width, a warpgroup writes but the rows that it alone reads.
  Value ownBarrier = barrierOf(kOneConsumer, consumer);
  if (memory.output.pitch == memory.query.pitch)
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
  Value threadOfWarpgroup =
      arith::RemUIOp::create(b, thread, index(kWarpgroupSize));
  guarded(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, threadOfWarpgroup,
                                index(0)),
          [&] {
            Value row =
                arith::MulIOp::create(b, consumer, index(kWarpgroupRows));
            Value place = arith::AddIOp::create(b, firstRow, row);
            OpFoldResult zero = b.getIndexAttr(0);
            for (int64_t panel = 0; panel < memory.output.panels; ++panel) {
              Value rows = matrixView(
                  tilePanel(buffer, memory.output, Value(), panel), {row, zero},
                  {b.getIndexAttr(kWarpgroupRows),
                   b.getIndexAttr(memory.output.pitch)},
                  0, 1);
              mfa_gpu::TensorStoreOp::create(
                  b, rows, operands.outputMap,
                  ValueRange{batch, place, head,
                             index(panel * memory.output.pitch)});
            }
            NVVM::CpAsyncBulkCommitGroupOp::create(b);
            // Shared memory lives until it is read.
            NVVM::CpAsyncBulkWaitGroupOp::create(b, 0, b.getUnitAttr());
          });
  storeLse({state.rowMax, rowSum});
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void WgmmaKernel::build() {
  locateBlock();
  thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
  consumer = arith::DivUIOp::create(b, thread, index(kWarpgroupSize));
  queryFull = createBarriers(1);
  queryBuffer = allocateShared(memory.query);
  key = createRing(memory.key, operands.keyMap);
  value = createRing(memory.value, operands.valueMap);
  if (memory.mask.rows)
    mask = createRing(memory.mask, operands.maskMap);

  guarded(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread, index(0)),
          [&] {
            initBarriers(queryFull, 1, 1);
            for (const Ring &ring : {key, value, mask}) {
              if (!ring.buffer)
                continue;
              initBarriers(ring.full, schedule.getStages(), 1);
              initBarriers(ring.empty, schedule.getStages(),
                           schedule.getWarps());
            }
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
  guarded(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread, producer),
          [&] { runProducer(); });
  b.setInsertionPointToStart(roles.elseBlock());
  if (registers.consumer)
    NVVM::SetMaxRegisterOp::create(b, registers.consumer,
                                   NVVM::SetMaxRegisterAction::increase);
  runConsumer();
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
