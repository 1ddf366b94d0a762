//===- TileRings.cpp - Tiles that tensor maps bring -----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileRings.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::mfa;

//===----------------------------------------------------------------------===//
// Tiles of query rows
//===----------------------------------------------------------------------===//

void TileRings::forEachRowTile(function_ref<void()> body) {
  Value zero = b.i32(0);
  Value numSteps = b.toI32(numTiles);
  // Blocks of a cluster share a number.
  auto x = gpu::Dimension::x;
  Value block = clusterBlocks > 1 ? gpu::ClusterIdOp::create(b, x).getResult()
                                  : gpu::BlockIdOp::create(b, x);
  if (!schedule.getPersistent()) {
    rowTileNumber = block;
    firstStep = zero;
    endStep = numSteps;
    return body();
  }
  Value count = b.toI32(arith::MulIOp::create(
      b, b.dim(operands.query, 0),
      arith::MulIOp::create(b, rowTiles, b.dim(operands.query, 2))));
  Value isOdd = arith::ConstantIntOp::create(b, false, 1);
  // No scf.for, whose step would live through the loop over keys as well.
  SmallVector<Value> state{b.toI32(block), zero, isOdd};
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
  rowTileNumber = b.toIndex(number);
  firstStep = rows->getArgument(1);
  endStep = arith::AddIOp::create(b, firstStep, numSteps);
  isOddRound = rows->getArgument(2);
  auto nextRowTile = [=]() -> Value {
    Value width = clusterBlocks > 1
                      ? gpu::ClusterDimOp::create(b, x).getResult()
                      : gpu::GridDimOp::create(b, x);
    return arith::AddIOp::create(b, number, b.toI32(width));
  };
  isLastRound = [=] {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::uge, nextRowTile(),
                                 count);
  };
  body();
  scf::YieldOp::create(
      b, ValueRange{nextRowTile(), endStep, b.negate(isOddRound)});
}

scf::ForOp TileRings::forEachStep(Value first, ValueRange state) {
  auto loop = scf::ForOp::create(b, first, endStep, b.i32(1), state);
  keepRolled(loop);
  return loop;
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

Value TileRings::createBarriers(int64_t count) {
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  return nvgpu::MBarrierCreateOp::create(
      b, nvgpu::MBarrierGroupType::get(b.getContext(), space, count));
}

void TileRings::initBarriers(Value barriers, int64_t count, int64_t arrivals) {
  for (int64_t i = 0; i < count; ++i)
    nvgpu::MBarrierInitOp::create(b, barriers, b.index(arrivals), b.index(i),
                                  Value());
}

void TileRings::wait(Value barriers, Place place) {
  // Nanoseconds before the instruction gives up and is tried again.
  constexpr int64_t kPatience = 10'000'000;
  nvgpu::MBarrierTryWaitParityOp::create(b, barriers, place.parity,
                                         b.index(kPatience), place.stage);
}

TileRings::Place TileRings::placeOf(Value step) {
  Value stages = b.i32(schedule.getStages());
  Value round = arith::DivUIOp::create(b, step, stages);
  return {b.toIndex(arith::RemUIOp::create(b, step, stages)),
          arith::TruncIOp::create(b, b.getI1Type(), round)};
}

TileRings::Place TileRings::placeOfQuery() {
  Value isOdd =
      isOddRound ? isOddRound : arith::ConstantIntOp::create(b, false, 1);
  return {b.index(0), isOdd};
}

void TileRings::waitForPrevious(Value barriers, Place place) {
  wait(barriers, {place.stage, b.negate(place.parity)});
}

void TileRings::arriveAsWarp(Value barriers, Value stage, bool inCluster) {
  // The warp's lanes are done before one of them says so.
  NVVM::SyncWarpOp::create(b,
                           arith::ConstantIntOp::create(b, b.getI32Type(), -1));
  Value lane = arith::RemUIOp::create(b, thread, b.index(kWarpSize));
  if (!inCluster)
    return b.guarded(
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, b.index(0)),
        [&] { nvgpu::MBarrierArriveOp::create(b, barriers, stage); });
  Value isRank = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, lane,
                                       b.index(clusterBlocks));
  b.guarded(isRank, [&] {
    mfa_gpu::RemoteArriveOp::create(b, barriers, stage, b.toI32(lane),
                                    /*block_scope=*/true);
  });
}

//===----------------------------------------------------------------------===//
// Rings
//===----------------------------------------------------------------------===//

void TileRings::createRings() {
  TensorBoxes boxes = getTensorBoxes(op);
  query =
      createRing(memory.query, {operands.query, operands.queryMap, boxes.query},
                 schedule.getPersistent());
  key = createRing(memory.key, {operands.key, operands.keyMap, boxes.key});
  value = createRing(memory.value,
                     {operands.value, operands.valueMap, boxes.value});
  key.isOfCluster = value.isOfCluster = clusterBlocks > 1;
  if (memory.mask.rows)
    mask =
        createRing(memory.mask, {operands.mask, operands.maskMap, boxes.mask});
}

void TileRings::initRings() {
  b.guarded(
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread, b.index(0)),
      [&] {
        // Whoever is the last to use its place says that it is free: of an
        // output in it the thread that stores that, else every warp.
        initRing(query, memory.hasOutputInPlaceOfQuery() ? numConsumers
                                                         : schedule.getWarps());
        for (const Ring &ring : {key, value, mask})
          if (ring.buffer)
            initRing(ring, (ring.isOfCluster ? clusterBlocks : 1) *
                               schedule.getWarps());
        NVVM::FenceMbarrierInitOp::create(b);
      });
  if (clusterBlocks == 1) {
    gpu::BarrierOp::create(b);
    return;
  }
  // What others need to see is behind the fence.
  NVVM::ClusterArriveRelaxedOp::create(b, /*aligned=*/b.getUnitAttr());
  NVVM::ClusterWaitOp::create(b, /*aligned=*/b.getUnitAttr());
}

void TileRings::waitForCluster() {
  if (clusterBlocks == 1)
    return;
  NVVM::ClusterArriveOp::create(b, /*aligned=*/UnitAttr());
  NVVM::ClusterWaitOp::create(b, /*aligned=*/UnitAttr());
}

TileRings::Ring TileRings::createRing(const SharedMatrix &matrix,
                                      const Source &source, bool isRefilled) {
  Ring ring{source, createBarriers(matrix.stages), Value(),
            allocateShared(matrix), &matrix};
  if (isRefilled)
    ring.empty = createBarriers(matrix.stages);
  return ring;
}

void TileRings::initRing(const Ring &ring, int64_t emptyArrivals) {
  initBarriers(ring.full, ring.matrix->stages, 1);
  if (ring.empty)
    initBarriers(ring.empty, ring.matrix->stages, emptyArrivals);
}

Value TileRings::tilePanel(Value buffer, const SharedMatrix &matrix,
                           Value stage, int64_t panel) {
  Value tile = sharedMatrix(buffer, matrix, stage);
  if (!matrix.panels)
    return tile;
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  return b.matrixView(
      tile, {b.getIndexAttr(panel), zero, zero},
      {one, b.getIndexAttr(matrix.rows), b.getIndexAttr(matrix.pitch)}, 1, 2);
}

SmallVector<Value> TileRings::coordinatesOf(const Source &source,
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
  Value zero = b.index(0);
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

void TileRings::loadTile(const Ring &ring, ArrayRef<OpFoldResult> first,
                         Value stage) {
  const SharedMatrix &matrix = *ring.matrix;
  nvgpu::MBarrierArriveExpectTxOp::create(
      b, ring.full, b.index(matrix.getTileBytes()), stage, Value());
  SmallVector<Value> coordinates = coordinatesOf(ring.source, first);
  Value column = coordinates.back();
  int64_t rows = matrix.rows;
  Value firstOfPart, allBlocks;
  if (ring.isOfCluster) {
    rows /= clusterBlocks;
    firstOfPart = arith::MulIOp::create(
        b, gpu::ClusterBlockIdOp::create(b, gpu::Dimension::x), b.index(rows));
    coordinates[1] = arith::AddIOp::create(b, coordinates[1], firstOfPart);
    allBlocks = arith::ConstantIntOp::create(b, (1 << clusterBlocks) - 1, 16);
  }
  for (int64_t panel = 0, e = std::max<int64_t>(matrix.panels, 1); panel < e;
       ++panel) {
    coordinates.back() =
        b.createOrFold<arith::AddIOp>(column, b.index(panel * matrix.pitch));
    Value place = tilePanel(ring.buffer, matrix, stage, panel);
    if (ring.isOfCluster)
      place = b.matrixView(place, {firstOfPart, b.getIndexAttr(0)},
                           {b.getIndexAttr(rows), b.getIndexAttr(matrix.pitch)},
                           0, 1);
    mfa_gpu::TensorLoadOp::create(b, ring.source.map, coordinates, place,
                                  ring.full, stage, allBlocks);
  }
}

void TileRings::produce(const Ring &ring, Value step,
                        ArrayRef<OpFoldResult> first) {
  Place place = placeOf(step);
  waitForPrevious(ring.empty, place);
  loadTile(ring, first, place.stage);
}

Value TileRings::tileOf(const Ring &ring, Value step) {
  return sharedMatrix(ring.buffer, *ring.matrix, placeOf(step).stage);
}

Value TileRings::consume(const Ring &ring, Value step) {
  wait(ring.full, placeOf(step));
  return tileOf(ring, step);
}

void TileRings::release(const Ring &ring, Value step) {
  arriveAsWarp(ring.empty, placeOf(step).stage, ring.isOfCluster);
}

//===----------------------------------------------------------------------===//
// The producers
//===----------------------------------------------------------------------===//

Value TileRings::firstKeyOf(Value step) {
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, step, firstStep);
  Value tile = arith::SelectOp::create(b, isFirst, endStep, step);
  return firstKeyOfTile(
      b.toIndex(arith::SubIOp::create(b, stepBefore(tile), firstStep)));
}

void TileRings::produceTile(const Ring &ring, Value step) {
  Value firstKey = firstKeyOf(step);
  bool isMask = &ring == &mask;
  produce(ring, step,
          isMask ? maskOffsets(firstKey)
                 : SmallVector<OpFoldResult>{batch, firstKey, keyHead,
                                             b.getIndexAttr(0)});
}

void TileRings::produceQuery() {
  Place place = placeOfQuery();
  if (isOddRound)
    waitForPrevious(query.empty, place);
  loadTile(query, {batch, firstRow, head, b.getIndexAttr(0)}, place.stage);
}

void TileRings::produceTiles(const Ring &ring) {
  auto loop = forEachStep(firstStep);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  produceTile(ring, loop.getInductionVar());
}

void TileRings::runProducers() {
  int64_t warp = 0;
  auto runOne = [&](function_ref<void()> produceOfRows) {
    int64_t number = numConsumers * kWarpgroupSize + warp++ * kWarpSize;
    b.guarded(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread,
                                    b.index(number)),
              [&] {
                forEachRowTile([&] {
                  locateRows(rowTileNumber);
                  produceOfRows();
                });
              });
  };
  runOne([&] { produceQuery(); });
  for (const Ring *ring : {&key, &value, &mask})
    if (ring->buffer)
      runOne([&] { produceTiles(*ring); });
}

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

TensorBoxes mfa::getTensorBoxes(MaskedAttentionOp op) {
  ScheduleAttr schedule = *op.getSchedule();
  SharedMemory memory = getSharedMemory(op, schedule);
  auto ofRows = [](int64_t rows, const SharedMatrix &matrix) {
    return TensorBox{1, rows, 1, matrix.pitch};
  };
  TensorBoxes boxes;
  boxes.query = ofRows(schedule.getTileRows(), memory.query);
  int64_t keys = schedule.getTileKeys() / schedule.getClusterBlocks();
  boxes.key = ofRows(keys, memory.key);
  boxes.value = ofRows(keys, memory.value);
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
