//===- TileList.cpp - Lists of key tiles in memory ------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileList.h"
#include "KeepBits.h"
#include "Magnitudes.h"
#include "MaskFacts.h"
#include "mfa/Dialect/MFA/Transforms/RegionTiles.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mfa/Dialect/MFA/Transforms/TileClasses.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::mfa;

//===----------------------------------------------------------------------===//
// The list
//===----------------------------------------------------------------------===//

/// What has an entry of its own in the list.
static bool variesOver(MaskedAttentionOp op, KeyTilesAttr tiles, ScoreDim dim,
                       TileDim tileDim) {
  if (isMaskListed(op) && op.getMaskDim(dim))
    return true;
  if (!isKeepListed(op))
    return false;
  unsigned position = dim == ScoreDim::Batch ? 0 : 1;
  if (!op.getPositions(op.getKeep())[position].use_empty())
    return true;
  // What is read off a region score, or somebody wrote.
  return llvm::any_of(
      tiles.getVisit().getAsRange<IntegerSetAttr>(), [&](IntegerSetAttr set) {
        return llvm::any_of(set.getValue().getConstraints(),
                            [&](AffineExpr constraint) {
                              return constraint.isFunctionOfDim(tileDim);
                            });
      });
}

MemRefType mfa::getTileListType(MaskedAttentionOp op) {
  ScheduleAttr schedule = *op.getSchedule();
  int64_t rows = schedule.getTileRows();
  KeyTilesAttr tiles = getKeyTiles(op, rows, schedule.getTileKeys());
  auto sizeOf = [&](ScoreDim dim, TileDim tileDim) -> int64_t {
    return variesOver(op, tiles, dim, tileDim) ? op.getScoreSize(dim) : 1;
  };
  auto countTiles = [&](ScoreDim dim, int64_t of) -> int64_t {
    int64_t size = op.getScoreSize(dim);
    return ShapedType::isDynamic(size) ? size : llvm::divideCeil(size, of);
  };
  int64_t columns = countTiles(ScoreDim::Key, schedule.getTileKeys());
  if (ShapedType::isStatic(columns))
    columns = kFirstTile + countTileColumns(op) * columns;
  return MemRefType::get({sizeOf(ScoreDim::Batch, kTileBatch),
                          sizeOf(ScoreDim::Head, kTileHead),
                          countTiles(ScoreDim::Query, rows), columns},
                         IntegerType::get(op.getContext(), 32));
}

bool mfa::mayHaveTests(MaskedAttentionOp op) {
  int64_t keys = op.getScoreSize(ScoreDim::Key);
  return isKeepListed(op) || ShapedType::isDynamic(keys) ||
         keys % op.getSchedule()->getTileKeys() != 0;
}

Value mfa::countTilesOf(KernelBuilder &b, MaskedAttentionOp op, Value list) {
  Value columns =
      b.createOrFold<arith::SubIOp>(b.dim(list, 3), b.index(kFirstTile));
  return b.createOrFold<arith::DivUIOp>(columns, b.index(countTileColumns(op)));
}

SmallVector<Value> mfa::getTileListRow(KernelBuilder &b,
                                       const KernelProblem &problem,
                                       const RowTile &rows) {
  auto type = cast<MemRefType>(problem.operands.tileList.getType());
  auto indexOf = [&](unsigned dim, Value position) {
    return type.getDimSize(dim) == 1 ? b.index(0) : position;
  };
  Value rowTile =
      arith::DivUIOp::create(b, rows.firstRow, b.index(problem.tileRows));
  return {indexOf(0, rows.batch), indexOf(1, rows.head), rowTile};
}

/// Whether the mask excludes a tile by itself, for the thread's part of the
/// list: each `threads`-th tile, rows one behind another. Or for no more than
/// the first of the thread's tiles.
static Value findExcluded(KernelBuilder &b, MaskedAttentionOp op, Value list,
                          Value thread, int64_t threads, bool onlyFirst) {
  // Divided is in front of the loop only: a step is so many rows and tiles.
  // All of it are numbers of 32 bits, as a list has no more tiles.
  Value numTiles = b.toI32(countTilesOf(b, op, list));
  Value firstClass = b.createOrFold<arith::AddIOp>(numTiles, b.i32(kFirstTile));
  SmallVector<ReassociationIndices> groups{{0, 1, 2}, {3}};
  Value matrix = memref::CollapseShapeOp::create(b, list, groups);
  Value numRows = b.toI32(b.dim(matrix, 0));
  Value lastRow = arith::SubIOp::create(b, numRows, b.i32(1));
  // No keys are no tiles, by which nothing can be divided.
  Value divisor = b.createOrFold<arith::MaxUIOp>(numTiles, b.i32(1));
  Value stride = b.i32(threads), number = b.toI32(thread);
  Value excluded = b.i32(static_cast<int64_t>(TileClass::Excluded));
  Value rowStep = arith::DivUIOp::create(b, stride, divisor);
  Value tileStep = arith::RemUIOp::create(b, stride, divisor);
  Value numSteps = arith::CeilDivUIOp::create(
      b, arith::MulIOp::create(b, numRows, numTiles), stride);
  if (onlyFirst)
    numSteps = arith::MinUIOp::create(b, numSteps, b.i32(1));
  auto loop = scf::ForOp::create(b, b.index(0), b.toIndex(numSteps), b.index(1),
                                 {arith::ConstantIntOp::create(b, false, 1),
                                  arith::DivUIOp::create(b, number, divisor),
                                  arith::RemUIOp::create(b, number, divisor)});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value found = loop.getRegionIterArg(0), row = loop.getRegionIterArg(1),
          tile = loop.getRegionIterArg(2);
    // Behind the last row it is that one again.
    Value loaded = b.toIndex(arith::MinUIOp::create(b, row, lastRow));
    Value column = b.toIndex(arith::AddIOp::create(b, firstClass, tile));
    Value isExcluded = arith::CmpIOp::create(
        b, arith::CmpIPredicate::eq,
        memref::LoadOp::create(b, matrix, ValueRange{loaded, column}),
        excluded);
    Value next = arith::AddIOp::create(b, tile, tileStep);
    Value isNextRow =
        arith::CmpIOp::create(b, arith::CmpIPredicate::uge, next, numTiles);
    Value rows = arith::AddIOp::create(b, row, rowStep);
    scf::YieldOp::create(
        b,
        ValueRange{
            arith::OrIOp::create(b, found, isExcluded),
            arith::SelectOp::create(
                b, isNextRow, arith::AddIOp::create(b, rows, b.i32(1)), rows),
            arith::SelectOp::create(
                b, isNextRow, arith::SubIOp::create(b, next, numTiles), next)});
  }
  if (!onlyFirst)
    unroll(loop, kLoadsAtOnce);
  return loop.getResult(0);
}

Value mfa::createHasExcluded(KernelBuilder &b, MaskedAttentionOp op, Value list,
                             Value thread, int64_t threads) {
  // Most masks that exclude tiles do so in the first rows.
  Value found = b.isAnyOfBlock(
      findExcluded(b, op, list, thread, threads, /*onlyFirst=*/true));
  return b.choose(
      found, [&]() -> SmallVector<Value> { return {found}; },
      [&]() -> SmallVector<Value> {
        return {b.isAnyOfBlock(
            findExcluded(b, op, list, thread, threads, /*onlyFirst=*/false))};
      })[0];
}

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

static constexpr int64_t kListWarps = kListThreads / kWarpSize;

namespace {

/// The warps of a kernel, each with a task of its own.
class ListKernel {
public:
  ListKernel(KernelBuilder &b, MaskedAttentionOp op, Value list)
      : b(b), op(op), list(list) {
    thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
    lane = arith::RemUIOp::create(b, thread, b.index(kWarpSize));
    warp = arith::DivUIOp::create(b, thread, b.index(kWarpSize));
    numTiles = countTilesOf(b, op, list);
  }

protected:
  /// `body` for the indices of the warp's task, if there is one, among those
  /// below the bounds.
  void forTask(ArrayRef<OpFoldResult> bounds,
               function_ref<void(ValueRange task)> body);
  /// The same for the task of the block's warp with that number.
  void forTaskOf(Value warp, ArrayRef<OpFoldResult> bounds,
                 function_ref<void(ValueRange task)> body);
  Value vote(Value condition, NVVM::VoteSyncKind kind);
  /// Of the lanes' numbers.
  Value findExtreme(Value number, Extreme which);
  Value toNumber(TileClass tileClass) {
    return b.i32(static_cast<int64_t>(tileClass));
  }
  Value isFirstLane() {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, b.index(0));
  }
  /// Where the row of a task has the class of a tile.
  Value classColumn(Value tile) {
    return arith::AddIOp::create(
        b, arith::AddIOp::create(b, numTiles, b.index(kFirstTile)), tile);
  }

  KernelBuilder &b;
  MaskedAttentionOp op;
  Value list, thread, lane, warp, numTiles;
};

} // namespace

void ListKernel::forTask(ArrayRef<OpFoldResult> bounds,
                         function_ref<void(ValueRange task)> body) {
  forTaskOf(warp, bounds, body);
}

void ListKernel::forTaskOf(Value warp, ArrayRef<OpFoldResult> bounds,
                           function_ref<void(ValueRange task)> body) {
  Value number = arith::AddIOp::create(
      b,
      arith::MulIOp::create(b, gpu::BlockIdOp::create(b, gpu::Dimension::x),
                            b.index(kListWarps)),
      warp);
  Value count = b.index(1);
  SmallVector<Value> sizes =
      getValueOrCreateConstantIndexOp(b, b.getLoc(), bounds);
  for (Value size : sizes)
    count = b.createOrFold<arith::MulIOp>(count, size);
  b.guarded(
      arith::CmpIOp::create(b, arith::CmpIPredicate::ult, number, count), [&] {
        // A list of more tiles would have 32 GiB; a division of 32 bits by what
        // is not known takes a fifth of the instructions.
        SmallVector<Value> task(sizes.size());
        Value rest = b.toI32(number);
        for (size_t dim = sizes.size(); --dim > 0;) {
          Value size = b.toI32(sizes[dim]);
          task[dim] = b.toIndex(b.createOrFold<arith::RemUIOp>(rest, size));
          rest = b.createOrFold<arith::DivUIOp>(rest, size);
        }
        task[0] = b.toIndex(rest);
        body(task);
      });
}

Value ListKernel::vote(Value condition, NVVM::VoteSyncKind kind) {
  Type type =
      kind == NVVM::VoteSyncKind::ballot ? b.getI32Type() : b.getI1Type();
  return NVVM::VoteSyncOp::create(b, type, b.i32(-1), condition, kind);
}

Value ListKernel::findExtreme(Value number, Extreme which) {
  for (int64_t offset = kWarpSize / 2; offset > 0; offset /= 2) {
    Value other =
        gpu::ShuffleOp::create(b, number, b.i32(offset), b.i32(kWarpSize),
                               gpu::ShuffleMode::XOR)
            .getShuffleResult();
    number = which == Extreme::Least
                 ? arith::MinSIOp::create(b, number, other).getResult()
                 : arith::MaxSIOp::create(b, number, other).getResult();
  }
  return number;
}

//===----------------------------------------------------------------------===//
// Classes
//===----------------------------------------------------------------------===//

namespace {
class TileClassesKernel : public ListKernel {
public:
  TileClassesKernel(KernelBuilder &b, const KernelProblem &problem)
      : ListKernel(b, problem.getOp(), problem.operands.tileList),
        problem(problem) {}

  void build();

private:
  /// Whether the closed form of the rule leaves a tile.
  Value isVisited(const RowTilePlace &place, Value tile);
  /// The queries or the keys of a tile of so many.
  KeyTileSpan getSpan(Value number, int64_t size, Value end);
  Value findClass(const RowTilePlace &place, Value tile);
  /// The bits of tiles that are tested.
  void storeWords(ArrayRef<OpFoldResult> bounds);

  const KernelProblem &problem;
};
} // namespace

Value TileClassesKernel::isVisited(const RowTilePlace &place, Value tile) {
  KeyTilesAttr tiles = problem.keyTiles;
  SmallVector<Value> symbols =
      createKeyTileSymbols(b, tiles, problem.numQueries(), problem.numKeys(),
                           problem.operands.captures);
  KeyTileSpan span = createVisitedSpan(b, tiles, symbols, place, numTiles);
  // The first of none is behind the last.
  return arith::AndIOp::create(
      b, arith::CmpIOp::create(b, arith::CmpIPredicate::sge, tile, span.first),
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, tile, span.end));
}

KeyTileSpan TileClassesKernel::getSpan(Value number, int64_t size, Value end) {
  Value first = arith::MulIOp::create(b, number, b.index(size));
  Value behind = arith::AddIOp::create(b, first, b.index(size));
  return {first, b.createOrFold<arith::MinUIOp>(behind, end)};
}

Value TileClassesKernel::findClass(const RowTilePlace &place, Value tile) {
  KeyTileSpan queries =
      getSpan(place.rowTile, problem.tileRows, problem.numQueries());
  KeyTileSpan keys = getSpan(tile, problem.tileKeys, problem.numKeys());
  auto any = [&](Value condition) {
    return vote(condition, NVVM::VoteSyncKind::any);
  };
  auto extreme = [&](Value number, Extreme which) {
    return findExtreme(number, which);
  };
  auto findFacts = [&](Value mask) {
    return createTileFacts(b,
                           {problem.getOp(), problem.operands.captures, mask},
                           place.batch, place.head, queries, keys,
                           problem.tileKeys, {lane, kWarpSize, any, extreme});
  };
  Value isShort = arith::ConstantIntOp::create(b, false, 1);
  if (problem.hasTail())
    isShort =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                              arith::SubIOp::create(b, keys.end, keys.first),
                              b.index(problem.tileKeys));
  auto classify = [&](const PairFacts &facts) {
    return createTileClass(b, facts, isShort);
  };
  Value mask = problem.operands.mask;
  if (!mask)
    return classify(findFacts(mask));
  if (!isKeepListed(problem.getOp())) {
    if (!mayHaveWideMaskTiles(problem.getOp(), problem.tileKeys))
      return classify(findFacts(mask));
    WideArray wide(b, mask);
    return b.choose(
        wide.isAligned(),
        [&]() -> SmallVector<Value> {
          return {classify(createWideMaskFacts(
              b, {problem.getOp(), problem.operands.captures, mask}, wide,
              place.batch, place.head, queries, keys, problem.tileKeys,
              {lane, kWarpSize, any, extreme}))};
        },
        [&]() -> SmallVector<Value> { return {classify(findFacts(mask))}; })[0];
  }
  // The mask is read where the rule keeps a pair.
  PairFacts ofRule = findFacts(Value());
  return b.choose(
      ofRule.anyKept,
      [&]() -> SmallVector<Value> { return {classify(findFacts(mask))}; },
      [&]() -> SmallVector<Value> {
        return {toNumber(TileClass::Skipped)};
      })[0];
}

void TileClassesKernel::build() {
  if (Value counter = problem.operands.rowCounter) {
    Value block = gpu::BlockIdOp::create(b, gpu::Dimension::x);
    Value isFirst = arith::CmpIOp::create(
        b, arith::CmpIPredicate::eq, arith::OrIOp::create(b, block, thread),
        b.index(0));
    b.guarded(isFirst, [&] {
      memref::StoreOp::create(b, b.i32(0), counter, b.index(0));
    });
  }
  SmallVector<OpFoldResult> bounds{b.dim(list, 0), b.dim(list, 1),
                                   b.dim(list, 2), numTiles};
  forTask(bounds, [&](ValueRange task) {
    RowTilePlace place{task[0], task[1], task[2]};
    Value tile = task[3], found;
    if (isKeepListed(problem.getOp())) {
      found = b.choose(
          isVisited(place, tile),
          [&]() -> SmallVector<Value> { return {findClass(place, tile)}; },
          [&]() -> SmallVector<Value> {
            return {toNumber(TileClass::Skipped)};
          })[0];
    } else {
      found = findClass(place, tile);
    }
    b.guarded(isFirstLane(), [&] {
      memref::StoreOp::create(
          b, found, list,
          ValueRange{task[0], task[1], task[2], classColumn(tile)});
    });
  });
  if (hasKeepBits(op))
    storeWords(bounds);
}

void TileClassesKernel::storeWords(ArrayRef<OpFoldResult> bounds) {
  // The block's warps share the tested tiles of all of them, each so many rows
  // of a tile. They have come here with the classes.
  gpu::BarrierOp::create(b);
  auto warps =
      scf::ForOp::create(b, b.index(0), b.index(kListWarps), b.index(1));
  keepRolled(warps);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(warps.getBody());
  forTaskOf(warps.getInductionVar(), bounds, [&](ValueRange task) {
    ValueRange row = task.drop_back();
    Value tile = task.back();
    SmallVector<Value> place(row);
    place.push_back(classColumn(tile));
    Value isTested = arith::CmpIOp::create(
        b, arith::CmpIPredicate::eq, memref::LoadOp::create(b, list, place),
        toNumber(TileClass::Tested));
    b.guarded(isTested, [&] {
      auto rows = scf::ForOp::create(
          b, arith::MulIOp::create(b, warp, b.index(kWarpSize)),
          b.index(problem.tileRows), b.index(kListThreads));
      keepRolled(rows);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(rows.getBody());
      storeKeepWords(b, problem, getKeepWords(b, op, list, row, numTiles, tile),
                     row[0], row[1],
                     getSpan(row[2], problem.tileRows, problem.numQueries()),
                     getSpan(tile, problem.tileKeys, problem.numKeys()),
                     rows.getInductionVar(), lane);
    });
  });
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

namespace {
class TileOrderKernel : public ListKernel {
public:
  TileOrderKernel(KernelBuilder &b, MaskedAttentionOp op,
                  const KernelOperands &operands, Value classes, Value minSteps,
                  Value magnitudes)
      : ListKernel(b, op, operands.tileList), scale(operands.scale),
        classes(classes), minSteps(minSteps), magnitudes(magnitudes),
        hasTests(mayHaveTests(op)) {}

  void build();

private:
  using TileBody = function_ref<SmallVector<Value>(
      Value firstLanesTile, Value tile, Value tileClass, ValueRange)>;
  /// `body` for the lanes' tiles, a chunk of them after another, from the last
  /// tile to the first; classes in front of the first tile are none. Lanes
  /// without a tile of their own have the first tile, too; lane i of the others
  /// has the i-th before that of the first lane.
  SmallVector<Value> overTiles(ValueRange row, ValueRange state, TileBody body);
  /// What tiles of the row are that a mask excludes.
  Value findClassOfExcluded(ValueRange row);
  /// The lanes with a tile of that class, as bits.
  Value lanesOf(Value tileClass, TileClass which);
  void store(Value value, ValueRange row, Value column);
  void order(ValueRange row);

  Value scale, classes, minSteps, magnitudes;
  bool hasTests;
  /// What tiles are that a mask excludes; null without one.
  Value excluded;
};
} // namespace

SmallVector<Value> TileOrderKernel::overTiles(ValueRange row, ValueRange state,
                                              TileBody body) {
  auto loop =
      scf::ForOp::create(b, b.index(0), numTiles, b.index(kWarpSize), state);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value number = arith::AddIOp::create(b, loop.getInductionVar(), lane);
  Value isThere =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ult, number, numTiles);
  Value last = arith::SubIOp::create(b, numTiles, b.index(1));
  Value tile = arith::SubIOp::create(
      b, last, b.createOrFold<arith::MinUIOp>(number, last));
  SmallVector<Value> place(row);
  place.push_back(classColumn(tile));
  Value tileClass = memref::LoadOp::create(b, classes, place);
  if (excluded) {
    Value isExcluded = arith::CmpIOp::create(
        b, arith::CmpIPredicate::eq, tileClass, toNumber(TileClass::Excluded));
    tileClass = arith::SelectOp::create(b, isExcluded, excluded, tileClass);
  }
  tileClass = arith::SelectOp::create(b, isThere, tileClass, b.i32(-1));
  Value firstLanesTile = arith::SubIOp::create(b, last, loop.getInductionVar());
  scf::YieldOp::create(
      b, body(firstLanesTile, tile, tileClass, loop.getRegionIterArgs()));
  return SmallVector<Value>(loop.getResults());
}

Value TileOrderKernel::lanesOf(Value tileClass, TileClass which) {
  Value isOne = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, tileClass,
                                      toNumber(which));
  return vote(isOne, NVVM::VoteSyncKind::ballot);
}

void TileOrderKernel::store(Value value, ValueRange row, Value column) {
  SmallVector<Value> place(row);
  place.push_back(column);
  memref::StoreOp::create(b, value, list, place);
}

Value TileOrderKernel::findClassOfExcluded(ValueRange row) {
  // The magnitudes are many: they are looked up where that decides something.
  Value isAny =
      overTiles(row, arith::ConstantIntOp::create(b, false, 1).getResult(),
                [&](Value, Value, Value tileClass,
                    ValueRange found) -> SmallVector<Value> {
                  Value isOne = arith::CmpIOp::create(
                      b, arith::CmpIPredicate::eq, tileClass,
                      toNumber(TileClass::Excluded));
                  return {arith::OrIOp::create(b, found[0], isOne)};
                })[0];
  return b.choose(
      vote(isAny, NVVM::VoteSyncKind::any),
      [&]() -> SmallVector<Value> {
        return {arith::SelectOp::create(
            b, createAreFinite(b, op, magnitudes, scale, lane),
            toNumber(TileClass::Skipped),
            toNumber(hasTests ? TileClass::Tested : TileClass::Masked))};
      },
      [&]() -> SmallVector<Value> {
        return {toNumber(TileClass::Skipped)};
      })[0];
}

void TileOrderKernel::order(ValueRange row) {
  constexpr TileClass kInOrder[] = {TileClass::Tested, TileClass::Masked,
                                    TileClass::Free};
  auto add = [&](Value lhs, Value rhs) -> Value {
    return arith::AddIOp::create(b, lhs, rhs);
  };
  auto countOf = [&](Value lanes) -> Value {
    return LLVM::CtPopOp::create(b, lanes.getType(), lanes);
  };
  if (magnitudes)
    excluded = findClassOfExcluded(row);
  // How many there are of each class, and a tile that is skipped.
  SmallVector<Value> found = overTiles(
      row, SmallVector<Value>(4, b.i32(0)),
      [&](Value firstLanesTile, Value, Value tileClass, ValueRange sums) {
        SmallVector<Value> next;
        for (auto [sum, which] : llvm::zip(sums, kInOrder))
          next.push_back(add(sum, countOf(lanesOf(tileClass, which))));
        Value skipped = lanesOf(tileClass, TileClass::Skipped);
        Value isAny = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                            skipped, b.i32(0));
        Value one = arith::SubIOp::create(
            b, b.toI32(firstLanesTile),
            LLVM::CountTrailingZerosOp::create(b, skipped.getType(), skipped,
                                               /*is_zero_poison=*/false));
        next.push_back(arith::SelectOp::create(b, isAny, one, sums[3]));
        return next;
      });
  Value numTested = found[0];
  Value sum = add(add(found[0], found[1]), found[2]);
  Value least = b.toI32(minSteps);
  Value numSteps = arith::MaxUIOp::create(b, sum, least);
  Value numMore = arith::SubIOp::create(b, numSteps, sum);
  // Tiles that no row keeps a key of are behind those with a test: rules and
  // masks exclude all of them, as they do where they are looked at.
  Value endOfMore = add(numTested, numMore);
  Value endOfMasked = add(endOfMore, found[1]);
  auto columnOf = [&](Value step) -> Value {
    return arith::AddIOp::create(b, b.toIndex(step), b.index(kFirstTile));
  };
  b.guarded(isFirstLane(), [&] {
    store(numSteps, row, b.index(kNumSteps));
    store(hasTests ? endOfMore : numTested, row, b.index(kNumTested));
    store(endOfMasked, row, b.index(kNumMasked));
  });
  auto more =
      scf::ForOp::create(b, lane, b.toIndex(numMore), b.index(kWarpSize));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(more.getBody());
    store(found[3], row,
          columnOf(add(numTested, b.toI32(more.getInductionVar()))));
  }
  // They are tested by their bits, which nobody has written.
  if (hasKeepBits(op))
    b.guarded(
        arith::CmpIOp::create(b, arith::CmpIPredicate::ne, numMore, b.i32(0)),
        [&] {
          clearKeepWords(
              b, op,
              getKeepWords(b, op, list, row, numTiles, b.toIndex(found[3])),
              lane);
        });
  Value before = arith::SubIOp::create(
      b, arith::ShLIOp::create(b, b.i32(1), b.toI32(lane)), b.i32(1));
  overTiles(
      row, {b.i32(0), endOfMore, endOfMasked},
      [&](Value, Value tile, Value tileClass, ValueRange firsts) {
        SmallVector<Value> next;
        for (auto [first, which] : llvm::zip(firsts, kInOrder)) {
          Value lanes = lanesOf(tileClass, which);
          Value isOne = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                              tileClass, toNumber(which));
          Value step =
              add(first, countOf(arith::AndIOp::create(b, lanes, before)));
          b.guarded(isOne, [&] { store(b.toI32(tile), row, columnOf(step)); });
          next.push_back(add(first, countOf(lanes)));
        }
        return next;
      });
}

void TileOrderKernel::build() {
  forTask({b.dim(list, 0), b.dim(list, 1), b.dim(list, 2)},
          [&](ValueRange row) { order(row); });
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

void mfa::buildTileClassesKernel(OpBuilder &builder, MaskedAttentionOp op,
                                 const KernelOperands &operands) {
  KernelBuilder b(op.getLoc(), builder);
  KernelProblem problem(b, op, operands);
  if (operands.mask && mayHaveWideMaskTiles(op, problem.tileKeys))
    keepLoadsTogether(
        cast<gpu::GPUFuncOp>(b.getInsertionBlock()->getParentOp()),
        kListThreads);
  TileClassesKernel(b, problem).build();
}

void mfa::buildTileOrderKernel(OpBuilder &builder, MaskedAttentionOp op,
                               const KernelOperands &operands, Value classes,
                               Value minSteps, Value magnitudes) {
  KernelBuilder b(op.getLoc(), builder);
  TileOrderKernel(b, op, operands, classes, minSteps, magnitudes).build();
}
