//===- SelectSchedule.cpp - Schedules of GPU kernels ----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Analysis/KeyTiles.h"
#include "mfa/Dialect/MFA/Transforms/KeyTileSteps.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Dialect/MFA/Transforms/RegionTiles.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mfa/Dialect/MFA/Transforms/SharedMemory.h"
#include "mfa/Support/OptionCheck.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

namespace mlir::mfa {
#define GEN_PASS_DEF_MFASELECTSCHEDULEPASS
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using namespace mlir::mfa;

namespace {
/// Tiles for heads of up to `maxDim` elements. A lane's part of the score and
/// output tiles must fit its registers, which sets the rows of a warp; the rest
/// was measured (docs/performance.md).
struct TileSizes {
  int64_t maxDim, rows, keys, warps, stages;
  bool pingPong = false, persistent = false;
  int64_t adjacentHeads = 0, clusterBlocks = 1;
  bool earlyTurns = false;
};
} // namespace

//===--- mma_sync ---------------------------------------------------------===//

// A mask takes shared memory and registers, so it wants smaller tiles. Four
// warps leave few registers at heads of 128: the widest mask, and heads of 120
// with a boolean one, would spill there.
static constexpr TileSizes kMaskedTiles[] = {
    {128, 128, 32, 4, 2},
    {192, 128, 64, 8, 1},
    {256, 64, 64, 4, 1},
};

static constexpr TileSizes kBooleanMaskedTiles[] = {
    {112, 128, 32, 4, 2}, {120, 128, 64, 8, 1}, {128, 128, 32, 4, 2},
    {192, 128, 64, 8, 1}, {256, 64, 64, 4, 1},
};

static constexpr TileSizes kF32MaskedTiles[] = {
    {120, 128, 32, 4, 2},
    {192, 128, 64, 8, 1},
    {256, 64, 64, 4, 1},
};

static constexpr TileSizes kUnmaskedTiles[] = {
    {64, 128, 64, 4, 2},
    {128, 128, 32, 4, 1},
    {192, 128, 64, 8, 1},
    {256, 128, 64, 8, 1},
};

static constexpr TileSizes kF32Tiles[] = {
    {64, 128, 64, 8, 1},
    {128, 128, 48, 8, 1},
    {256, 64, 16, 4, 1},
};

// Eight warps would spill on chips of 100 KB of shared memory, and most of
// their rows are past the last.
static constexpr TileSizes kFewRowsF32Tiles[] = {
    {128, 64, 32, 4, 2},
    {256, 64, 16, 4, 1},
};

//===--- wgmma ------------------------------------------------------------===//

// All multiprocessors together read K and V of as many heads as are adjacent,
// and mask tiles of the rest of them: about the number for which both are
// least.
static constexpr TileSizes kMaskedWgmmaTiles[] = {
    {64, 192, 112, 12, 2, true, true, 16},
    {128, 128, 128, 8, 2, true, true, 8},
    {256, 128, 64, 8, 2, true, false, 8, 1, true},
};

// Where the mask of a tile of keys is a vector as well, which takes next to
// nothing.
static constexpr TileSizes kUnmaskedWgmmaTiles[] = {
    {64, 192, 128, 12, 2, true, true, 1},
    {128, 128, 128, 8, 2, true, true, 1, 1, true},
    {192, 128, 112, 8, 2, true, false, 1, 1, true},
    {256, 128, 80, 8, 2, true, false, 1, 1, true},
};

// Few query rows, where keys and values stream through: many bytes of them in
// flight.
static constexpr TileSizes kFewRowsWgmmaTiles[] = {
    {64, 64, 128, 4, 4},
    {128, 64, 32, 4, 4},
    {256, 64, 64, 4, 4},
};

//===----------------------------------------------------------------------===//

/// Query rows that one warpgroup has, and that no kernel has fewer tiles for.
static constexpr int64_t kFewRows = 64;

static bool hasFewRows(MaskedAttentionOp op) {
  int64_t queries = op.getScoreSize(ScoreDim::Query);
  return ShapedType::isStatic(queries) && queries <= kFewRows;
}

static TileSizes lookupTileSizes(ArrayRef<TileSizes> table,
                                 MaskedAttentionOp op) {
  int64_t dim = std::max(op.getHeadDim(), op.getValueDim());
  return *llvm::find_if(
      table, [&](const TileSizes &sizes) { return dim <= sizes.maxDim; });
}

static TileSizes lookupMmaSyncTiles(MaskedAttentionOp op) {
  ArrayRef<TileSizes> table = kUnmaskedTiles;
  if (op.getElementType().isF32())
    table = hasFewRows(op) ? ArrayRef<TileSizes>(kFewRowsF32Tiles)
                           : ArrayRef<TileSizes>(kF32Tiles);
  else if (op.getMask() && op.getMaskType().getElementType().isInteger(1))
    table = kBooleanMaskedTiles;
  else if (op.getMask() && op.getMaskType().getElementType().isF32())
    table = kF32MaskedTiles;
  else if (op.getMask())
    table = kMaskedTiles;
  return lookupTileSizes(table, op);
}

static ScheduleAttr getSchedule(MaskedAttentionOp op, KernelKind kind,
                                const TileSizes &sizes, bool splitsKeys,
                                F32Product product = F32Product::TF32x3) {
  return ScheduleAttr::get(
      op.getContext(), kind, sizes.rows, sizes.keys, sizes.warps, sizes.stages,
      product, sizes.pingPong, splitsKeys, sizes.persistent && !splitsKeys,
      /*rowCounter=*/false, sizes.adjacentHeads,
      splitsKeys ? 1 : sizes.clusterBlocks, sizes.earlyTurns,
      TileChoice::Ranges, /*lanes=*/0, /*registerRows=*/0,
      /*registerColumns=*/0, /*dotProducts=*/false,
      /*matrixProducts=*/false);
}

/// Keys below which a second kernel costs more than idle multiprocessors do:
/// with few rows, and with more.
static constexpr int64_t kFewKeys = 512, kFewKeysOfManyRows = 2048;

static bool mayHaveManyKeys(MaskedAttentionOp op) {
  int64_t keys = op.getScoreSize(ScoreDim::Key);
  return ShapedType::isDynamic(keys) ||
         keys >= (hasFewRows(op) ? kFewKeys : kFewKeysOfManyRows);
}

/// How many tiles of `tileRows` rows the heads of all batches have, or nothing
/// where a size is open. Types may hold sizes whose product no integer holds.
static std::optional<double> countRowTiles(MaskedAttentionOp op,
                                           int64_t tileRows) {
  double tiles = 1;
  for (auto [dim, of] : {std::pair(ScoreDim::Batch, int64_t{1}),
                         std::pair(ScoreDim::Head, int64_t{1}),
                         std::pair(ScoreDim::Query, tileRows)}) {
    int64_t size = op.getScoreSize(dim);
    if (ShapedType::isDynamic(size))
      return std::nullopt;
    tiles *= llvm::divideCeil(size, of);
  }
  return tiles;
}

/// Whether a grid of one block for each tile of `tileRows` rows leaves too many
/// of the chip's multiprocessors idle: as far as sizes are known, or as it may
/// with few rows.
static bool shouldSplitKeys(MaskedAttentionOp op, const Chip &chip,
                            int64_t tileRows) {
  int64_t queries = op.getScoreSize(ScoreDim::Query);
  bool isKnown = ShapedType::isStatic(queries) &&
                 ShapedType::isStatic(op.getScoreSize(ScoreDim::Key));
  if (!mayHaveManyKeys(op) || (!isKnown && !hasFewRows(op)))
    return false;
  std::optional<double> blocks = countRowTiles(op, tileRows);
  if (!blocks)
    return hasFewRows(op);
  double places = chip.multiprocessors;
  if (!hasFewRows(op))
    return 2 * *blocks < places;
  // Sums of few rows are small: that the last round of blocks leaves
  // multiprocessors idle is worth them too.
  return 8 * *blocks < 7 * places || (*blocks > places && *blocks < 4 * places);
}

/// Whether a tensor map of `array` may exist, by what its type says: for tiles
/// with several indices of `tileDims`, which must not all be one.
static bool mayHaveTensorMap(Value array, ArrayRef<unsigned> tileDims) {
  auto type = cast<MemRefType>(array.getType());
  SmallVector<int64_t> strides = type.getStridesAndOffset().first;
  return mayHaveAlignedRows(type) &&
         llvm::all_of(llvm::enumerate(strides), [&](auto dim) {
           auto [i, stride] = dim;
           if (type.getDimSize(i) == 1 || ShapedType::isDynamic(stride))
             return true;
           return llvm::is_contained(tileDims, i) ? stride > 0 : stride >= 0;
         });
}

bool mfa::mayHaveMaskMap(MaskedAttentionOp op) {
  MaskForm form = getMaskForm(op);
  if (form != MaskForm::Matrix && form != MaskForm::KeyVector)
    return true;
  SmallVector<unsigned> tileDims;
  for (ScoreDim dim : {ScoreDim::Query, ScoreDim::Key})
    if (std::optional<unsigned> position = op.getMaskDim(dim))
      tileDims.push_back(*position);
  return mayHaveTensorMap(op.getMask(), tileDims);
}

bool mfa::copiesMask(MaskedAttentionOp op) {
  return !hasFewRows(op) && op.getScoreSize(ScoreDim::Key) != 0;
}

/// Whether all operands have one that a wgmma kernel copies by, or may.
static bool mayHaveTensorMaps(MaskedAttentionOp op) {
  for (Value array :
       {op.getQuery(), op.getKey(), op.getValue(), op.getOutput()})
    if (!mayHaveTensorMap(array, {1, 3}))
      return false;
  return mayHaveMaskMap(op) || copiesMask(op);
}

/// The wgmma schedule, or null where another kind is better or the only one.
static ScheduleAttr getWgmmaSchedule(MaskedAttentionOp op, const Chip &chip) {
  if (!chip.hasWgmma || op.getElementType().isF32() || op.hasTensorSemantics())
    return {};
  // Most of a warpgroup's 64 rows would be computed for nothing, which is free
  // where the kernel waits for long keys and values.
  if (hasFewRows(op) && !mayHaveManyKeys(op))
    return {};
  if (!mayHaveTensorMaps(op))
    return {};
  ArrayRef<TileSizes> table = kUnmaskedWgmmaTiles;
  if (getMaskForm(op) == MaskForm::Matrix)
    table = kMaskedWgmmaTiles;
  // Ranges of tiles and positions take registers, of which a thread of three
  // warpgroups has too few: tiles as of larger heads.
  if (op.hasRegions())
    table = table.drop_front();
  TileSizes sizes = lookupTileSizes(table, op);
  if (hasFewRows(op))
    sizes = lookupTileSizes(kFewRowsWgmmaTiles, op);
  bool splitsKeys = shouldSplitKeys(op, chip, sizes.rows);
  ScheduleAttr schedule = getSchedule(op, KernelKind::Wgmma, sizes, splitsKeys);
  while (getSharedMemory(op, schedule).getTotalBytes() > chip.maxSharedBytes) {
    if (sizes.stages > 2)
      --sizes.stages;
    else if (sizes.keys > 16)
      sizes.keys -= 16;
    else
      return {};
    schedule = getSchedule(op, KernelKind::Wgmma, sizes, splitsKeys);
  }
  return schedule;
}

/// The next smaller tiles, or false where there are none.
static bool shrink(TileSizes &sizes) {
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

bool mfa::isKeepListed(MaskedAttentionOp op) { return !op.getKeep().empty(); }

bool mfa::isMaskListed(MaskedAttentionOp op) {
  MaskForm form = getMaskForm(op);
  return (form == MaskForm::Matrix || form == MaskForm::KeyVector) &&
         op.getScore().empty();
}

bool mfa::hasTileList(MaskedAttentionOp op) {
  return op.getSchedule()->getTiles() == TileChoice::List &&
         (isKeepListed(op) || isMaskListed(op));
}

bool mfa::mayHaveAlignedRows(MemRefType type) {
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  SmallVector<int64_t> strides = type.getStridesAndOffset().first;
  auto mayStep = [](int64_t size, int64_t stride, auto isGood) {
    return size == 1 || ShapedType::isDynamic(stride) || isGood(stride);
  };
  if (!mayStep(type.getShape().back(), strides.back(),
               [](int64_t stride) { return stride == 1; }))
    return false;
  return llvm::all_of(llvm::drop_end(llvm::zip_equal(type.getShape(), strides)),
                      [&](auto dim) {
                        auto [size, stride] = dim;
                        return mayStep(size, stride, [&](int64_t stride) {
                          return stride * bytes % kAlignedRowBytes == 0;
                        });
                      });
}

ScheduleAttr mfa::getMmaSyncSchedule(MaskedAttentionOp op, const Chip &chip,
                                     F32Product product, bool splitsKeys) {
  TileSizes sizes = lookupMmaSyncTiles(op);
  // Rows past the last query would be computed for nothing.
  int64_t queries = op.getScoreSize(ScoreDim::Query);
  while (!ShapedType::isDynamic(queries) && sizes.rows > 16 * sizes.warps &&
         queries <= sizes.rows / 2)
    sizes.rows /= 2;
  ScheduleAttr schedule =
      getSchedule(op, KernelKind::MmaSync, sizes, splitsKeys, product);
  while (getSharedMemory(op, schedule).getTotalBytes() > chip.maxSharedBytes) {
    [[maybe_unused]] bool isSmaller = shrink(sizes);
    assert(isSmaller && "the smallest tiles fit every chip");
    schedule = getSchedule(op, KernelKind::MmaSync, sizes, splitsKeys, product);
  }
  return schedule;
}

bool mfa::readsArrays(Region &keep) {
  return llvm::any_of(keep.getOps(), [](Operation &op) {
    return isa<memref::LoadOp, tensor::ExtractOp>(op);
  });
}

/// Whether a list of tiles can tell what a range of them cannot: where the
/// closed form of a rule is no range, or says nothing of keys. Of a rule that
/// batches and heads have in common it is made once for all of them, at a small
/// part of what attention takes; of others it would cost as much as each head's
/// tests, and to a few query rows it is not worth its launches.
static bool isListedBetter(MaskedAttentionOp op, ScheduleAttr schedule) {
  ArrayRef<BlockArgument> positions = op.getPositions(op.getKeep());
  if (hasFewRows(op) || positions.back().use_empty() ||
      !positions[0].use_empty() || !positions[1].use_empty())
    return false;
  KeyTilesAttr tiles =
      getKeyTiles(op, schedule.getClusterBlocks() * schedule.getTileRows(),
                  schedule.getTileKeys());
  int64_t keys = op.getScoreSize(ScoreDim::Key);
  int64_t numTiles = ShapedType::isDynamic(keys)
                         ? std::numeric_limits<int64_t>::max()
                         : llvm::divideCeil(keys, schedule.getTileKeys());
  // Whether a bound is one that all tiles keep.
  auto keepsAll = [&](AffineExpr bound, bool isEnd) {
    auto constant = dyn_cast<AffineConstantExpr>(bound);
    return constant &&
           (isEnd ? constant.getValue() >= numTiles : constant.getValue() <= 0);
  };
  return llvm::any_of(
      tiles.getVisit().getAsRange<IntegerSetAttr>(), [&](IntegerSetAttr set) {
        KeyTileRange range = getKeyTileRange(set.getValue());
        bool isWhole =
            llvm::all_of(range.first,
                         [&](AffineExpr e) { return keepsAll(e, false); }) &&
            llvm::all_of(range.end,
                         [&](AffineExpr e) { return keepsAll(e, true); });
        return isWhole ||
               llvm::any_of(range.rest.expressions, [](AffineExpr expression) {
                 return expression.isFunctionOfDim(kKeyTile);
               });
      });
}

static TileChoice chooseTiles(MaskedAttentionOp op, ScheduleAttr schedule,
                              TileLists lists) {
  bool fromKeep = isKeepListed(op), fromMask = isMaskListed(op);
  switch (lists) {
  case TileLists::Never:
    return TileChoice::Ranges;
  case TileLists::Always:
    return fromKeep || fromMask ? TileChoice::List : TileChoice::Ranges;
  case TileLists::Rules:
  case TileLists::Auto:
    break;
  }
  if (fromKeep && (readsArrays(op.getKeep()) || isListedBetter(op, schedule)))
    return TileChoice::List;
  return fromMask && lists == TileLists::Auto ? TileChoice::Auto
                                              : TileChoice::Ranges;
}

/// Whether tiles of rows visit tiles of keys in other numbers, which grow with
/// the place of the rows or are those of a list. Persistent blocks that take
/// rows in steps of the grid would be done at other times: the rows that one of
/// them gets, of 64 tiles and 132 multiprocessors, are a 16th of the heads.
static bool haveRowsOwnNumbers(MaskedAttentionOp op, ScheduleAttr schedule) {
  if (schedule.getTiles() == TileChoice::List && isKeepListed(op))
    return true;
  return growsWithRows(
      getKeyTiles(op, schedule.getClusterBlocks() * schedule.getTileRows(),
                  schedule.getTileKeys()));
}

/// Where rows have their own numbers of key tiles, those that take longest are
/// to come first for so many heads at a time: with all heads, keys and values
/// would come from memory, and with one the last rows of all are long ones.
static constexpr int64_t kHeadsOfCounter = 8;

/// The schedule, with a counter that hands out rows where they differ: but not
/// where each block has one tile of them anyway, nor where masks of large heads
/// leave no register for going on from rows to rows.
static ScheduleAttr balanceRows(MaskedAttentionOp op, ScheduleAttr schedule,
                                const Chip &chip) {
  if (schedule.getKind() != KernelKind::Wgmma || schedule.getSplitsKeys() ||
      schedule.getClusterBlocks() > 1 || !haveRowsOwnNumbers(op, schedule))
    return schedule;
  constexpr int64_t kLargeHead = 128;
  if (op.getMask() && std::max(op.getHeadDim(), op.getValueDim()) > kLargeHead)
    return schedule;
  std::optional<double> tiles = countRowTiles(op, schedule.getTileRows());
  return !tiles || *tiles > chip.multiprocessors
             ? schedule.withRowCounter(kHeadsOfCounter)
             : schedule;
}

namespace {
struct SelectSchedulePass
    : mfa::impl::MFASelectSchedulePassBase<SelectSchedulePass> {
  using MFASelectSchedulePassBase::MFASelectSchedulePassBase;

  LogicalResult initialize(MLIRContext *context) override {
    return checkPassOptions(*this, context, [&](const OptionCheck &check) {
      return check.chip(chip);
    });
  }

  void runOnOperation() override {
    std::optional<Chip> known = lookupChip(chip);
    getOperation()->walk([&](MaskedAttentionOp op) {
      if (op.getSchedule())
        return;
      ScheduleAttr schedule = select(op, *known);
      schedule = schedule.withTiles(chooseTiles(op, schedule, tiles));
      op.setScheduleAttr(balanceRows(op, schedule, *known));
      ++numSelected;
    });
  }

private:
  ScheduleAttr select(MaskedAttentionOp op, const Chip &known) {
    if (ScheduleAttr schedule = getWgmmaSchedule(op, known))
      return schedule;
    ScheduleAttr schedule =
        getMmaSyncSchedule(op, known, f32Product, /*splitsKeys=*/false);
    if (!shouldSplitKeys(op, known, schedule.getTileRows()))
      return schedule;
    return getMmaSyncSchedule(op, known, f32Product, /*splitsKeys=*/true);
  }
};

} // namespace
