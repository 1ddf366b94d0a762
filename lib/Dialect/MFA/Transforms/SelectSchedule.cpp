//===- SelectSchedule.cpp - Schedules of GPU kernels ----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Dialect/MFA/Transforms/SharedMemory.h"
#include "mfa/Support/Chip.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFASELECTSCHEDULEPASS
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using namespace mlir::mfa;

namespace {

/// Tiles of the mma_sync kernel, for heads of up to `maxDim` elements. A lane's
/// part of the score and output tiles must fit its 255 registers, which sets
/// the rows of a warp; the rest was measured (docs/performance.md).
struct TileSizes {
  int64_t maxDim, rows, keys, warps, stages;
};

// A mask takes shared memory and registers, so it wants smaller tiles. Four
// warps leave few registers at heads of 128: the widest mask, and heads of 120
// with a boolean one, would spill there.
constexpr TileSizes kMaskedTiles[] = {
    {128, 128, 32, 4, 2},
    {192, 128, 64, 8, 1},
    {256, 64, 64, 4, 1},
};

constexpr TileSizes kBooleanMaskedTiles[] = {
    {112, 128, 32, 4, 2}, {120, 128, 64, 8, 1}, {128, 128, 32, 4, 2},
    {192, 128, 64, 8, 1}, {256, 64, 64, 4, 1},
};

constexpr TileSizes kF32MaskedTiles[] = {
    {120, 128, 32, 4, 2},
    {192, 128, 64, 8, 1},
    {256, 64, 64, 4, 1},
};

constexpr TileSizes kUnmaskedTiles[] = {
    {64, 128, 64, 4, 2},
    {128, 128, 32, 4, 1},
    {192, 128, 64, 8, 1},
    {256, 128, 64, 8, 1},
};

constexpr TileSizes kF32Tiles[] = {
    {64, 128, 64, 8, 1},
    {128, 128, 48, 8, 1},
    {256, 64, 16, 4, 1},
};

TileSizes lookupTileSizes(MaskedAttentionOp op) {
  ArrayRef<TileSizes> table = kUnmaskedTiles;
  if (op.getElementType().isF32())
    table = kF32Tiles;
  else if (op.getMask() && op.getMaskType().getElementType().isInteger(1))
    table = kBooleanMaskedTiles;
  else if (op.getMask() && op.getMaskType().getElementType().isF32())
    table = kF32MaskedTiles;
  else if (op.getMask())
    table = kMaskedTiles;
  int64_t dim = std::max(op.getHeadDim(), op.getValueDim());
  return *llvm::find_if(
      table, [&](const TileSizes &sizes) { return dim <= sizes.maxDim; });
}

ScheduleAttr getSchedule(MaskedAttentionOp op, const TileSizes &sizes,
                         F32Product product) {
  return ScheduleAttr::get(op.getContext(), KernelKind::MmaSync, sizes.rows,
                           sizes.keys, sizes.warps, sizes.stages, product);
}

/// The next smaller tiles, or false where there are none.
bool shrink(TileSizes &sizes) {
  if (sizes.keys > 16)
    sizes.keys -= 16;
  else if (sizes.stages > 1)
    --sizes.stages;
  else if (sizes.rows > 16 * sizes.warps)
    sizes.rows /= 2;
  else if (sizes.warps > 1)
    sizes.rows /= 2, sizes.warps /= 2;
  else
    return false;
  return true;
}

struct SelectSchedulePass
    : mfa::impl::MFASelectSchedulePassBase<SelectSchedulePass> {
  using MFASelectSchedulePassBase::MFASelectSchedulePassBase;

  void runOnOperation() override {
    std::optional<Chip> known = lookupChip(chip);
    if (!known) {
      emitError(getOperation()->getLoc())
          << "expected 'chip' to be one of " << getChipNames() << ", but got '"
          << chip << "'";
      return signalPassFailure();
    }
    WalkResult result = getOperation()->walk([&](MaskedAttentionOp op) {
      if (op.getSchedule())
        return WalkResult::advance();
      return WalkResult(select(op, *known));
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  LogicalResult select(MaskedAttentionOp op, const Chip &known) {
    TileSizes sizes = lookupTileSizes(op);
    // Rows past the last query would be computed for nothing.
    int64_t queries = op.getScoreSize(ScoreDim::Query);
    while (!ShapedType::isDynamic(queries) && sizes.rows > 16 * sizes.warps &&
           queries <= sizes.rows / 2)
      sizes.rows /= 2;
    ScheduleAttr schedule = getSchedule(op, sizes, f32Product);
    while (getSharedMemory(op, schedule).bytes > known.maxSharedBytes) {
      if (!shrink(sizes))
        return op.emitOpError("expected the tiles to fit ")
               << known.maxSharedBytes << " bytes of shared memory on '"
               << known.name << "', but the smallest take "
               << getSharedMemory(op, schedule).bytes;
      schedule = getSchedule(op, sizes, f32Product);
    }
    op.setScheduleAttr(schedule);
    ++numSelected;
    return success();
  }
};

} // namespace
