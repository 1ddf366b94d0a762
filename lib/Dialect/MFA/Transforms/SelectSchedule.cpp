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
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

namespace mlir::mfa {
#define GEN_PASS_DEF_MFASELECTSCHEDULEPASS
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using namespace mlir::mfa;

/// Query rows that one warpgroup has, and that no kernel has fewer tiles for.
static constexpr int64_t kFewRows = 64;

static bool hasFewRows(MaskedAttentionOp op) {
  int64_t queries = op.getScoreSize(ScoreDim::Query);
  return ShapedType::isStatic(queries) && queries <= kFewRows;
}

//===--- The table --------------------------------------------------------===//

/// Tiles by which rules are told apart. A row of the table is chosen by the
/// rule, and the tiles by the row, so these cannot be the row's own; the tiles
/// of most rows are these or nearly so.
static constexpr int64_t kRuleTileRows = 128, kRuleTileKeys = 128;

/// Whether a list of tiles can tell what a range of them cannot: where the
/// closed form of a rule is no range, or says nothing of keys. Of a rule that
/// batches and heads have in common it is made once for all of them, at a small
/// part of what attention takes; of others it would cost as much as each head's
/// tests, and to a few query rows it is not worth its launches.
static bool isListedBetter(MaskedAttentionOp op, int64_t tileRows,
                           int64_t tileKeys) {
  ArrayRef<BlockArgument> positions = op.getPositions(op.getKeep());
  if (hasFewRows(op) || positions.back().use_empty() ||
      !positions[0].use_empty() || !positions[1].use_empty())
    return false;
  KeyTilesAttr tiles = getKeyTiles(op, tileRows, tileKeys);
  int64_t keys = op.getScoreSize(ScoreDim::Key);
  int64_t numTiles = ShapedType::isDynamic(keys)
                         ? std::numeric_limits<int64_t>::max()
                         : llvm::divideCeil(keys, tileKeys);
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

/// What depends on the query or the key in a region, and so is there for each
/// pair of them, as is all that depends on `alsoOf`.
static llvm::SetVector<Operation *>
getOpsOfPairs(MaskedAttentionOp op, Region &region, ValueRange alsoOf = {}) {
  llvm::SetVector<Operation *> ofPairs;
  for (BlockArgument position : op.getPositions(region).drop_front(2))
    getForwardSlice(position, &ofPairs);
  for (Value value : alsoOf)
    getForwardSlice(value, &ofPairs);
  return ofPairs;
}

/// Whether the region reads arrays where the query or the key is.
static bool readsArraysByPosition(MaskedAttentionOp op, Region &region) {
  return llvm::any_of(getOpsOfPairs(op, region), [](Operation *user) {
    return isa<memref::LoadOp, tensor::ExtractOp>(user);
  });
}

/// What rule and mask mean for the work of tiles of rows. Of a rule that reads
/// arrays for the batch or the head alone, as prefixes are, there is a list,
/// but its tiles are a range, of a length that nobody knows here.
static row::Rule getRule(MaskedAttentionOp op, TileChoice tiles) {
  if (op.getKeep().empty())
    return tiles != TileChoice::Ranges && isMaskListed(op) &&
                   getMaskForm(op) == MaskForm::Matrix
               ? row::MaskList
               : row::NoRule;
  if (tiles == TileChoice::List)
    return readsArraysByPosition(op, op.getKeep()) ||
                   isListedBetter(op, kRuleTileRows, kRuleTileKeys)
               ? row::List
               : row::Uneven;
  return growsWithRows(getKeyTiles(op, kRuleTileRows, kRuleTileKeys))
             ? row::Uneven
             : row::Even;
}

static row::Mask getMask(MaskedAttentionOp op) {
  switch (getMaskForm(op)) {
  case MaskForm::None:
    return row::NoMask;
  case MaskForm::Scalar:
    return row::Scalar;
  case MaskForm::QueryVector:
    return row::QueryVector;
  case MaskForm::KeyVector:
    return row::KeyVector;
  case MaskForm::Matrix:
    return row::Matrix;
  }
  llvm_unreachable("all forms are above");
}

/// Operations for each pair that a short score has at most: one that depends on
/// the score, the query or the key counts, since others are done once for many.
/// With tiles of 192 rows, whose three warpgroups have 160 registers a lane, a
/// soft-cap (3) leaves enough of them; ALiBi (5, or 6 with another cast) spills
/// where sizes are open, and both joined (8) everywhere. The table that is
/// built in has the same schedules for both, as these tiles were no faster.
static constexpr int64_t kMostOpsOfShortScore = 4;

/// A read by position takes registers for addresses and for what is on its way.
static row::Score getScore(MaskedAttentionOp op) {
  Region &score = op.getScore();
  if (score.empty())
    return row::NoScore;
  if (readsArraysByPosition(op, score))
    return row::LongScore;
  int64_t count =
      llvm::count_if(getOpsOfPairs(op, score, score.getArgument(0)),
                     [](Operation *user) { return !isa<YieldOp>(user); });
  return count <= kMostOpsOfShortScore ? row::ShortScore : row::LongScore;
}

/// What the table is asked for an op, whose kernel visits these tiles.
static RowKey getRowKey(MaskedAttentionOp op, row::Kernel kernel,
                        TileChoice tiles) {
  RowKey key;
  key.kernel = kernel;
  key.elements = op.getElementType().isF32() ? row::F32 : row::Bits16;
  key.queries = hasFewRows(op) ? row::Few : row::Many;
  key.mask = getMask(op);
  if (op.getMask() && op.getMaskType().getElementType().isInteger(1))
    key.maskElements = row::MaskI1;
  if (op.getMask() && op.getMaskType().getElementType().isF32())
    key.maskElements = row::MaskF32;
  key.rule = getRule(op, tiles);
  key.score = getScore(op);
  key.headDim = std::max(op.getHeadDim(), op.getValueDim());
  return key;
}

static ScheduleAttr getSchedule(MaskedAttentionOp op, KernelKind kind,
                                const TableSchedule &of, bool splitsKeys,
                                F32Product product = F32Product::TF32x3) {
  return ScheduleAttr::get(
      op.getContext(), kind, of.tileRows, of.tileKeys,
      splitsKeys ? 0 : of.smallTileRows, of.warps, of.stages, product,
      of.pingPong, splitsKeys, of.persistent && !splitsKeys,
      of.rowCounter && !splitsKeys, of.adjacentHeads, of.earlyTurns,
      TileChoice::Ranges, /*lanes=*/0, /*registerRows=*/0,
      /*registerColumns=*/0, /*dotProducts=*/false, /*matrixProducts=*/false);
}

//===--- Kernels ----------------------------------------------------------===//

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

/// The table's wgmma schedule. A counter of rows is for blocks that have
/// several tiles of them: the others' schedule is that of an even rule.
static TableSchedule lookupWgmmaSchedule(MaskedAttentionOp op,
                                         const ScheduleTable &table,
                                         const Chip &chip, TileChoice tiles) {
  RowKey key = getRowKey(op, row::Wgmma, tiles);
  TableSchedule found = table.lookup(key);
  if (!found.rowCounter)
    return found;
  std::optional<double> rowTiles = countRowTiles(op, found.tileRows);
  if (!shouldSplitKeys(op, chip, found.tileRows) &&
      (!rowTiles || *rowTiles > chip.multiprocessors))
    return found;
  key.rule = op.getKeep().empty() ? row::NoRule : row::Even;
  found = table.lookup(key);
  found.rowCounter = false;
  return found;
}

/// The wgmma schedule, or null where another kind is better or the only one.
static ScheduleAttr getWgmmaSchedule(MaskedAttentionOp op,
                                     const ScheduleTable &table,
                                     const Chip &chip, TileChoice tiles) {
  if (!chip.hasWgmma || op.getElementType().isF32() || op.hasTensorSemantics())
    return {};
  // Most of a warpgroup's 64 rows would be computed for nothing, which is free
  // where the kernel waits for long keys and values.
  if (hasFewRows(op) && !mayHaveManyKeys(op))
    return {};
  if (!mayHaveTensorMaps(op))
    return {};
  TableSchedule sizes = lookupWgmmaSchedule(op, table, chip, tiles);
  bool splitsKeys = shouldSplitKeys(op, chip, sizes.tileRows);
  ScheduleAttr schedule = getSchedule(op, KernelKind::Wgmma, sizes, splitsKeys);
  while (getSharedMemory(op, schedule).getTotalBytes() > chip.maxSharedBytes) {
    if (sizes.stages > 2)
      --sizes.stages;
    else if (sizes.tileKeys > 16)
      sizes.tileKeys -= 16;
    else
      return {};
    schedule = getSchedule(op, KernelKind::Wgmma, sizes, splitsKeys);
  }
  return schedule;
}

/// The next smaller tiles, or false where there are none.
static bool shrink(TableSchedule &sizes) {
  if (sizes.tileKeys > 16)
    sizes.tileKeys -= 16;
  else if (sizes.stages > 1)
    --sizes.stages;
  else if (sizes.tileRows > 16 * sizes.warps)
    sizes.tileRows /= 2;
  else if (sizes.warps > 1)
    sizes.tileRows /= 2, sizes.warps /= 2;
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

ScheduleAttr mfa::getMmaSyncSchedule(MaskedAttentionOp op,
                                     const ScheduleTable &table,
                                     const Chip &chip, F32Product product,
                                     bool splitsKeys, TileChoice tiles) {
  TableSchedule sizes = table.lookup(getRowKey(op, row::MmaSync, tiles));
  // Rows past the last query would be computed for nothing.
  int64_t queries = op.getScoreSize(ScoreDim::Query);
  while (!ShapedType::isDynamic(queries) && sizes.tileRows > 16 * sizes.warps &&
         queries <= sizes.tileRows / 2)
    sizes.tileRows /= 2;
  ScheduleAttr schedule =
      getSchedule(op, KernelKind::MmaSync, sizes, splitsKeys, product);
  while (getSharedMemory(op, schedule).getTotalBytes() > chip.maxSharedBytes) {
    [[maybe_unused]] bool isSmaller = shrink(sizes);
    assert(isSmaller && "the smallest tiles fit every chip");
    schedule = getSchedule(op, KernelKind::MmaSync, sizes, splitsKeys, product);
  }
  return schedule.withTiles(tiles);
}

bool mfa::readsArrays(Region &keep) {
  return llvm::any_of(keep.getOps(), [](Operation &op) {
    return isa<memref::LoadOp, tensor::ExtractOp>(op);
  });
}

/// By tiles of these sizes.
static TileChoice chooseTiles(MaskedAttentionOp op, TileLists lists,
                              int64_t tileRows, int64_t tileKeys) {
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
  if (fromKeep &&
      (readsArrays(op.getKeep()) || isListedBetter(op, tileRows, tileKeys)))
    return TileChoice::List;
  return fromMask && lists == TileLists::Auto ? TileChoice::Auto
                                              : TileChoice::Ranges;
}

namespace {
struct SelectSchedulePass
    : mfa::impl::MFASelectSchedulePassBase<SelectSchedulePass> {
  using MFASelectSchedulePassBase::MFASelectSchedulePassBase;

  LogicalResult initialize(MLIRContext *context) override {
    return checkPassOptions(*this, context, [&](const OptionCheck &check) {
      if (failed(check.chip(chip)))
        return failure();
      return readScheduleTable(schedules, check, &table);
    });
  }

  void runOnOperation() override {
    std::optional<Chip> known = lookupChip(chip);
    getOperation()->walk([&](MaskedAttentionOp op) {
      if (op.getSchedule())
        return;
      op.setScheduleAttr(select(op, *known));
      ++numSelected;
    });
  }

private:
  ScheduleAttr select(MaskedAttentionOp op, const Chip &known) {
    TileChoice choice = chooseTiles(op, tiles, kRuleTileRows, kRuleTileKeys);
    ScheduleAttr schedule = getWgmmaSchedule(op, *table, known, choice);
    if (!schedule) {
      schedule = getMmaSyncSchedule(op, *table, known, f32Product,
                                    /*splitsKeys=*/false, choice);
      if (shouldSplitKeys(op, known, schedule.getTileRows()))
        schedule = getMmaSyncSchedule(op, *table, known, f32Product,
                                      /*splitsKeys=*/true, choice);
    }
    // What a list is worth is up to the tiles that are to be in it.
    return schedule.withTiles(
        chooseTiles(op, tiles, schedule.getTileRows(), schedule.getTileKeys()));
  }

  std::shared_ptr<const ScheduleTable> table;
};

} // namespace
