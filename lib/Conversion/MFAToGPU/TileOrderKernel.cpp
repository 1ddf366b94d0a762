//===- TileOrderKernel.cpp - The tiles of a row in order ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeepBits.h"
#include "ListKernel.h"
#include "Magnitudes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::mfa;

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

void mfa::buildTileOrderKernel(OpBuilder &builder, MaskedAttentionOp op,
                               const KernelOperands &operands, Value classes,
                               Value minSteps, Value magnitudes) {
  KernelBuilder b(op.getLoc(), builder);
  TileOrderKernel(b, op, operands, classes, minSteps, magnitudes).build();
}
