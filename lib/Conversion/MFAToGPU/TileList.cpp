//===- TileList.cpp - Lists of key tiles in memory ------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileList.h"
#include "KeepBits.h"
#include "mfa/Dialect/MFA/Transforms/RegionTiles.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mfa/Dialect/MFA/Transforms/TileClasses.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mfa;

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
