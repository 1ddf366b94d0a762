//===- KernelProblem.cpp - What a kernel computes, and where it is --------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelProblem.h"
#include "OnlineSoftmax.h"
#include "mfa/Dialect/MFA/Transforms/RegionTiles.h"

using namespace mlir;
using namespace mlir::mfa;
using mfa_gpu::FragmentAttr;
using mfa_gpu::FragmentKind;
using mfa_gpu::TileType;

KernelProblem::KernelProblem(KernelBuilder &b, MaskedAttentionOp op,
                             const KernelOperands &operands)
    : b(b), operands(operands), schedule(*op.getSchedule()),
      memory(getSharedMemory(op, schedule)), maskForm(getMaskForm(op)),
      element(op.getElementType()), f32(b.getF32Type()),
      tileRows(schedule.getTileRows()), tileKeys(schedule.getTileKeys()),
      weightBits(getWeightBits(element)),
      keyTiles(getKeyTiles(op, tileRows, tileKeys)), op(op) {}

bool KernelProblem::hasTail() const {
  int64_t keys = cast<MemRefType>(operands.key.getType()).getDimSize(1);
  return ShapedType::isDynamic(keys) || keys % tileKeys != 0;
}

TileType KernelProblem::matrixTile(int64_t cols, Type type,
                                   FragmentKind kind) const {
  return TileType::get(
      b.getContext(), {tileRows, cols}, type,
      FragmentAttr::get(b.getContext(), kind, schedule.getWarps()));
}

TileType KernelProblem::rowTile(Type type) const {
  return TileType::get(b.getContext(), {tileRows}, type,
                       FragmentAttr::get(b.getContext(), FragmentKind::Row,
                                         schedule.getWarps()));
}

Value KernelProblem::rowsOfHead(Value array, Value batch, Value head,
                                Value first, OpFoldResult rows) const {
  OpFoldResult one = b.getIndexAttr(1), zero = b.getIndexAttr(0);
  int64_t cols = cast<MemRefType>(array.getType()).getDimSize(3);
  return b.matrixView(array, {batch, first, head, zero},
                      {one, rows, one, b.getIndexAttr(cols)}, 1, 3);
}

Value KernelProblem::queryRows(Value array, const RowTile &rows) const {
  return rowsOfHead(array, rows.batch, rows.head, rows.firstRow, rows.rows);
}

Value KernelProblem::keyRows(Value array, const RowTile &rows,
                             Value firstKey) const {
  return rowsOfHead(array, rows.batch, rows.keyHead, firstKey,
                    b.tileSize(numKeys(), firstKey, tileKeys));
}

SmallVector<OpFoldResult> KernelProblem::maskOffsets(const RowTile &rows,
                                                     Value firstKey) const {
  SmallVector<OpFoldResult> offsets(getOp().getMaskType().getRank(),
                                    b.getIndexAttr(0));
  std::pair<ScoreDim, Value> places[] = {{ScoreDim::Batch, rows.batch},
                                         {ScoreDim::Head, rows.head},
                                         {ScoreDim::Query, rows.firstRow},
                                         {ScoreDim::Key, firstKey}};
  for (auto [dim, offset] : places)
    if (std::optional<unsigned> position = getOp().getMaskDim(dim))
      offsets[*position] = offset;
  return offsets;
}

Value KernelProblem::maskTile(const RowTile &rows, Value firstKey) const {
  unsigned rank = getOp().getMaskType().getRank();
  SmallVector<OpFoldResult> sizes(rank, b.getIndexAttr(1));
  if (std::optional<unsigned> position = getOp().getMaskDim(ScoreDim::Query))
    sizes[*position] = rows.rows;
  if (std::optional<unsigned> position = getOp().getMaskDim(ScoreDim::Key))
    sizes[*position] = b.tileSize(numKeys(), firstKey, tileKeys);
  return b.matrixView(operands.mask, maskOffsets(rows, firstKey), sizes,
                      rank - 2, rank - 1);
}
