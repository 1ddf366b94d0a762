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
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::mfa;

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

TileRings::Place TileRings::placeOf(Value step) {
  Value stages = b.i32(problem.schedule.getStages());
  Value round = arith::DivUIOp::create(b, step, stages);
  return {b.toIndex(arith::RemUIOp::create(b, step, stages)),
          arith::TruncIOp::create(b, b.getI1Type(), round)};
}

TileRings::Place TileRings::placeOfQuery(const Round &round) {
  if (!round.index)
    return {b.index(0), arith::ConstantIntOp::create(b, false, 1)};
  int64_t stages = query.buffer.getMatrix().stages;
  auto isOdd = [&](Value number) {
    return arith::TruncIOp::create(b, b.getI1Type(), number);
  };
  if (stages == 1)
    return {b.index(0), isOdd(round.index)};
  Value count = b.i32(stages);
  return {b.toIndex(arith::RemUIOp::create(b, round.index, count)),
          isOdd(arith::DivUIOp::create(b, round.index, count))};
}

//===----------------------------------------------------------------------===//
// Rings
//===----------------------------------------------------------------------===//

TileRings::TileRings(const KernelProblem &problem, const BlockMemory &memory,
                     const Warpgroups &warpgroups)
    : problem(problem), b(problem.b), memory(memory), warpgroups(warpgroups) {
  const KernelOperands &operands = problem.operands;
  const SharedMemory &shared = problem.memory;
  TensorBoxes boxes = getTensorBoxes(problem.getOp());
  query =
      createRing(shared.query, {operands.query, operands.queryMap, boxes.query},
                 problem.schedule.getPersistent());
  key = createRing(shared.key, {operands.key, operands.keyMap, boxes.key});
  value = createRing(shared.value,
                     {operands.value, operands.valueMap, boxes.value});
  if (shared.mask.rows)
    mask =
        createRing(shared.mask, {operands.mask, operands.maskMap, boxes.mask});
}

void TileRings::initialize(function_ref<void()> initOthers) {
  b.guarded(warpgroups.isFirstOfBlock(), [&] {
    for (const Ring &ring : {query, key, value, mask})
      if (ring)
        initRing(ring);
    initOthers();
    NVVM::FenceMbarrierInitOp::create(b);
  });
  gpu::BarrierOp::create(b);
}

TileRings::Ring TileRings::createRing(const SharedMatrix &matrix,
                                      const Ring::Source &source,
                                      bool isRefilled) {
  Ring ring;
  ring.source = source;
  ring.full = Barriers(b, matrix.stages);
  ring.buffer = memory.getBuffer(matrix);
  if (isRefilled)
    ring.empty = Barriers(b, matrix.stages);
  return ring;
}

void TileRings::initRing(const Ring &ring) {
  ring.full.init(b, 1);
  if (ring.empty)
    ring.empty.init(b, problem.schedule.getWarps());
}

SmallVector<Value> TileRings::coordinatesOf(const Ring::Source &source,
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
  const SharedMatrix &matrix = ring.buffer.getMatrix();
  nvgpu::MBarrierArriveExpectTxOp::create(
      b, ring.full.getGroup(), b.index(matrix.getTileBytes()), stage, Value());
  SmallVector<Value> coordinates = coordinatesOf(ring.source, first);
  Value column = coordinates.back();
  for (int64_t panel = 0, e = std::max<int64_t>(matrix.panels, 1); panel < e;
       ++panel) {
    coordinates.back() =
        b.createOrFold<arith::AddIOp>(column, b.index(panel * matrix.pitch));
    Value place = ring.buffer.getPanel(b, stage, panel);
    mfa_gpu::TensorLoadOp::create(b, ring.source.map, coordinates, place,
                                  ring.full.getGroup(), stage);
  }
}

//===----------------------------------------------------------------------===//
// The producers
//===----------------------------------------------------------------------===//

void TileRings::produceQuery(const Round &round, const RowTile &rows) {
  Place place = placeOfQuery(round);
  if (round.index)
    query.empty.waitForPrevious(b, place);
  loadTile(query, {rows.batch, rows.firstRow, rows.head, b.getIndexAttr(0)},
           place.stage);
}

void TileRings::produce(const Ring &ring, const RowTile &rows, Value firstKey,
                        Value step) {
  Place place = placeOf(step);
  ring.empty.waitForPrevious(b, place);
  bool isMask = &ring == &mask;
  loadTile(ring,
           isMask ? problem.maskOffsets(rows, firstKey)
                  : SmallVector<OpFoldResult>{rows.batch, firstKey,
                                              rows.keyHead, b.getIndexAttr(0)},
           place.stage);
}

void TileRings::skip(const Ring &ring, Value step) {
  Place place = placeOf(step);
  ring.empty.waitForPrevious(b, place);
  ring.full.arrive(b, place.stage);
}

//===----------------------------------------------------------------------===//
// The consumers
//===----------------------------------------------------------------------===//

void TileRings::waitForQuery(const Round &round) {
  query.full.wait(b, placeOfQuery(round));
}

void TileRings::wait(const Ring &ring, Value step) {
  if (ring)
    ring.full.wait(b, placeOf(step));
}

Value TileRings::getTile(const Ring &ring, Value step) {
  return ring.buffer.getTile(b, stageOf(step));
}

Value TileRings::consume(const Ring &ring, Value step) {
  wait(ring, step);
  return getTile(ring, step);
}

void TileRings::release(const Ring &ring, Value step) {
  if (ring)
    ring.empty.arriveAsWarp(b, warpgroups, stageOf(step));
}

Value TileRings::getQuery(const Round &round) {
  return query.buffer.getTile(b, placeOfQuery(round).stage);
}

void TileRings::releaseQuery(const Round &round) {
  query.empty.arriveAsWarp(b, warpgroups, placeOfQuery(round).stage);
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
  boxes.key = ofRows(schedule.getTileKeys(), memory.key);
  boxes.value = ofRows(schedule.getTileKeys(), memory.value);
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
