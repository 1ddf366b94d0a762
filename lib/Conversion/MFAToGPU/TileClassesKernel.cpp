//===- TileClassesKernel.cpp - What has to be done with each tile ---------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeepBits.h"
#include "ListKernel.h"
#include "MaskFacts.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mfa;

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
