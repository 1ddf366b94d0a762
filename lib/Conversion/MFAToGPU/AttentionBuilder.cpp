//===- AttentionBuilder.cpp - What attention kernels share ----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionBuilder.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::mfa;
using mfa_gpu::FragmentAttr;
using mfa_gpu::FragmentKind;
using mfa_gpu::TileType;

static constexpr double kLog2E = 1.4426950408889634;

static gpu::AddressSpaceAttr getSharedSpace(MLIRContext *context) {
  return gpu::AddressSpaceAttr::get(context, gpu::AddressSpace::Workgroup);
}

AttentionBuilder::AttentionBuilder(OpBuilder &builder, MaskedAttentionOp op,
                                   const KernelOperands &operands)
    : b(op.getLoc(), builder), op(op), operands(operands),
      schedule(*op.getSchedule()), memory(getSharedMemory(op, schedule)),
      maskForm(getMaskForm(op)), element(op.getElementType()),
      f32(b.getF32Type()), tileRows(schedule.getTileRows()),
      tileKeys(schedule.getTileKeys()),
      clusterBlocks(schedule.getClusterBlocks()),
      triesOldMax(schedule.getKind() == KernelKind::Wgmma) {
  toLog2 = b.constant(kLog2E);
  if (!operands.scale)
    return;
  FloatAttr scale;
  isScaleKnown = matchPattern(operands.scale, m_Constant(&scale)) &&
                 std::abs(scale.getValueAsDouble() * kLog2E) <=
                     std::numeric_limits<float>::max();
  if (isScaleKnown)
    scaleToLog2 = b.constant(scale.getValueAsDouble() * kLog2E);
  else if (triesOldMax)
    scaleToLog2 = arith::MulFOp::create(b, operands.scale, toLog2);
  canScaleLate = !triesOldMax && isScaleKnown && scale.getValueAsDouble() > 0;
}

//===----------------------------------------------------------------------===//
// Values and types
//===----------------------------------------------------------------------===//

TileType AttentionBuilder::matrixTile(int64_t cols, Type type,
                                      FragmentKind kind) {
  return TileType::get(
      b.getContext(), {tileRows, cols}, type,
      FragmentAttr::get(b.getContext(), kind, schedule.getWarps()));
}

TileType AttentionBuilder::rowTile(Type type) {
  return TileType::get(b.getContext(), {tileRows}, type,
                       FragmentAttr::get(b.getContext(), FragmentKind::Row,
                                         schedule.getWarps()));
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

Value AttentionBuilder::rowsOfHead(Value array, Value head, Value first,
                                   OpFoldResult rows) {
  OpFoldResult one = b.getIndexAttr(1), zero = b.getIndexAttr(0);
  int64_t cols = cast<MemRefType>(array.getType()).getDimSize(3);
  return b.matrixView(array, {batch, first, head, zero},
                      {one, rows, one, b.getIndexAttr(cols)}, 1, 3);
}

SmallVector<OpFoldResult> AttentionBuilder::maskOffsets(Value firstKey) {
  SmallVector<OpFoldResult> offsets(op.getMaskType().getRank(),
                                    b.getIndexAttr(0));
  std::pair<ScoreDim, Value> places[] = {{ScoreDim::Batch, batch},
                                         {ScoreDim::Head, head},
                                         {ScoreDim::Query, firstRow},
                                         {ScoreDim::Key, firstKey}};
  for (auto [dim, offset] : places)
    if (std::optional<unsigned> position = op.getMaskDim(dim))
      offsets[*position] = offset;
  return offsets;
}

Value AttentionBuilder::maskView(Value firstKey, OpFoldResult keys) {
  unsigned rank = op.getMaskType().getRank();
  SmallVector<OpFoldResult> sizes(rank, b.getIndexAttr(1));
  if (std::optional<unsigned> position = op.getMaskDim(ScoreDim::Query))
    sizes[*position] = rows;
  if (std::optional<unsigned> position = op.getMaskDim(ScoreDim::Key))
    sizes[*position] = keys;
  return b.matrixView(operands.mask, maskOffsets(firstKey), sizes, rank - 2,
                      rank - 1);
}

Value AttentionBuilder::allocateShared(const SharedMatrix &matrix) {
  SmallVector<int64_t> shape{matrix.stages};
  if (matrix.panels)
    shape.push_back(matrix.panels);
  shape.append({matrix.rows, matrix.pitch});
  auto type = MemRefType::get(shape, matrix.element, AffineMap(),
                              getSharedSpace(b.getContext()));
  return memref::ViewOp::create(b, type, sharedBytes, b.index(matrix.offset),
                                ValueRange());
}

Value AttentionBuilder::sharedMatrix(Value buffer, const SharedMatrix &matrix,
                                     Value stage) {
  auto type = cast<MemRefType>(buffer.getType());
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  SmallVector<OpFoldResult> offsets(type.getRank(), zero);
  SmallVector<OpFoldResult> steps(type.getRank(), one);
  SmallVector<OpFoldResult> sizes{one};
  if (matrix.stages > 1)
    offsets[0] = stage;
  if (matrix.panels)
    sizes.push_back(b.getIndexAttr(matrix.panels));
  sizes.push_back(b.getIndexAttr(matrix.rows));
  sizes.push_back(b.getIndexAttr(matrix.panels ? matrix.pitch : matrix.cols));
  SmallVector<int64_t> shape;
  for (OpFoldResult size : ArrayRef(sizes).drop_front())
    shape.push_back(*getConstantIntValue(size));
  auto viewType =
      cast<MemRefType>(memref::SubViewOp::inferRankReducedResultType(
          shape, type, offsets, sizes, steps));
  return memref::SubViewOp::create(b, viewType, buffer, offsets, sizes, steps);
}

//===----------------------------------------------------------------------===//
// Parts of the kernel
//===----------------------------------------------------------------------===//

void AttentionBuilder::locateBlock() {
  numKeys = b.dim(operands.key, 1);
  rowTiles = b.createOrFold<arith::CeilDivUIOp>(
      b.dim(operands.query, 1), b.index(clusterBlocks * tileRows));
  numTiles = b.createOrFold<arith::CeilDivUIOp>(numKeys, b.index(tileKeys));
  if (schedule.getSplitsKeys()) {
    split = gpu::BlockIdOp::create(b, gpu::Dimension::y);
    Value splits = gpu::GridDimOp::create(b, gpu::Dimension::y);
    // There are no more ranges than tiles, so that each has one.
    auto firstOf = [&](Value range) -> Value {
      return arith::DivUIOp::create(
          b, arith::MulIOp::create(b, range, numTiles), splits);
    };
    firstTile = firstOf(split);
    Value end = firstOf(arith::AddIOp::create(b, split, b.index(1)));
    numTiles = arith::SubIOp::create(b, end, firstTile);
  }
  sharedBytes = gpu::DynamicSharedMemoryOp::create(
      b, MemRefType::get({ShapedType::kDynamic}, b.getI8Type(), AffineMap(),
                         getSharedSpace(b.getContext())));
}

void AttentionBuilder::locateRows(Value number) {
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
  Value numHeads = b.toI32(b.dim(operands.query, 2));
  Value tiles = b.toI32(rowTiles);
  auto [inBatch, rest] = divide(b.toI32(number), multiply(tiles, numHeads),
                                b.toI32(b.dim(operands.query, 0)));
  Value heads = numHeads, firstHead;
  if (int64_t adjacent = schedule.getAdjacentHeads()) {
    // Heads in runs of `adjacent`, of which the last may be shorter.
    Value length = b.i32(adjacent);
    Value run;
    std::tie(run, rest) = divide(rest, multiply(tiles, length));
    firstHead = multiply(run, length);
    heads = b.createOrFold<arith::MinUIOp>(
        b.createOrFold<arith::SubIOp>(numHeads, firstHead), length);
  }
  auto [row, inRun] = divide(rest, heads, tiles);
  Value headOfRow =
      firstHead ? b.createOrFold<arith::AddIOp>(firstHead, inRun) : inRun;
  Value group =
      b.createOrFold<arith::DivUIOp>(numHeads, b.toI32(b.dim(operands.key, 2)));
  batch = b.toIndex(inBatch);
  head = b.toIndex(headOfRow);
  keyHead = b.toIndex(b.createOrFold<arith::DivUIOp>(headOfRow, group));
  int64_t clusterRows = clusterBlocks * tileRows;
  Value queries = b.dim(operands.query, 1);
  firstRow = arith::MulIOp::create(b, b.toIndex(row), b.index(clusterRows));
  if (clusterBlocks > 1) {
    Value rank = gpu::ClusterBlockIdOp::create(b, gpu::Dimension::x);
    firstRow = arith::AddIOp::create(
        b, firstRow, arith::MulIOp::create(b, rank, b.index(tileRows)));
  }
  if (clusterBlocks == 1 || isMultiple(queries, clusterRows)) {
    rows = b.tileSize(queries, firstRow, tileRows);
    return;
  }
  // The last cluster of a head may have blocks without any row, which load
  // their part of keys and values for the others.
  firstRow = arith::MinUIOp::create(b, firstRow, queries);
  Value left = arith::SubIOp::create(b, queries, firstRow);
  rows = arith::MinUIOp::create(b, left, b.index(tileRows)).getResult();
}

void AttentionBuilder::loadRowMask() {
  if (maskForm != MaskForm::QueryVector && maskForm != MaskForm::Scalar)
    return;
  Value view = maskView(b.index(0), b.getIndexAttr(1));
  if (maskForm == MaskForm::Scalar) {
    Value zero = b.index(0);
    scalarMask = toF32(memref::LoadOp::create(b, view, ValueRange{zero, zero}));
    return;
  }
  auto matrix = cast<MemRefType>(view.getType());
  OpFoldResult zero = b.getIndexAttr(0);
  Value vector = b.vectorView(view, {zero, zero}, {rows, b.getIndexAttr(1)}, 0);
  Value loaded =
      mfa_gpu::LoadOp::create(b, rowTile(matrix.getElementType()), vector);
  rowMask = b.map(rowTile(f32), loaded,
                  [&](ValueRange args) { return toF32(args[0]); });
}

Value AttentionBuilder::firstKeyOfTile(Value tile) {
  if (firstTile)
    tile = arith::AddIOp::create(b, firstTile, tile);
  return arith::MulIOp::create(b, tile, b.index(tileKeys));
}

Value AttentionBuilder::loadMaskTile(Value shared) {
  Type type = cast<MemRefType>(shared.getType()).getElementType();
  return mfa_gpu::LoadOp::create(b, matrixTile(tileKeys, type), shared);
}

bool AttentionBuilder::hasTail() {
  std::optional<int64_t> known = getConstantIntValue(numKeys);
  return !known || *known % tileKeys != 0;
}

void AttentionBuilder::storeLse(const Softmax &state) {
  if (!operands.lse)
    return;
  Value lse =
      b.map(rowTile(f32), {state.rowMax, state.rowSum},
            [&](ValueRange args) { return logSumExp(args[0], args[1]); });
  OpFoldResult one = b.getIndexAttr(1);
  mfa_gpu::StoreOp::create(
      b, lse,
      b.vectorView(operands.lse, {batch, head, firstRow}, {one, one, rows}, 2));
}

void AttentionBuilder::storePartial(Value output, const Softmax &state) {
  OpFoldResult one = b.getIndexAttr(1);
  int64_t valueDim = op.getValueDim();
  auto offsetsOf = [&](int64_t col) -> SmallVector<OpFoldResult> {
    return {split, batch, firstRow, head, b.getIndexAttr(col)};
  };
  auto store = [&](Value tile, Value view) {
    mfa_gpu::StoreOp::create(b, tile, view);
  };
  store(output,
        b.matrixView(operands.partial, offsetsOf(0),
                     {one, one, rows, one, b.getIndexAttr(valueDim)}, 2, 4));
  SmallVector<OpFoldResult> column{one, one, rows, one, one};
  store(state.rowMax,
        b.vectorView(operands.partial, offsetsOf(valueDim), column, 2));
  store(state.rowSum,
        b.vectorView(operands.partial, offsetsOf(valueDim + 1), column, 2));
}

Value AttentionBuilder::toF32(Value value) {
  if (value.getType().isF32())
    return value;
  if (value.getType().isInteger(1))
    return arith::SelectOp::create(b, value, b.constant(0),
                                   b.negativeInfinity());
  return arith::ExtFOp::create(b, f32, value);
}
