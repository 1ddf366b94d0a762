//===- KeySteps.cpp - Which tiles of keys rows take -----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeySteps.h"
#include "mfa/Dialect/MFA/Transforms/RegionTiles.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"

using namespace mlir;
using namespace mlir::mfa;

KeySteps::KeySteps(VectorBuilder &b, const KernelShape &shape)
    : b(b), shape(shape),
      tiles(getKeyTiles(shape.op, shape.tileRows, shape.tileKeys)),
      blocksOfTile(getKeyTiles(shape.op, shape.tileRows, shape.blockKeys())),
      blocks(getKeyTiles(shape.op, shape.rows, shape.blockKeys())) {
  Value numQueries = b.createOrFold<memref::DimOp>(shape.op.getQuery(), 1);
  numKeys = b.createOrFold<memref::DimOp>(shape.op.getKey(), 1);
  numTiles = b.ceilDiv(numKeys, shape.tileKeys);
  if (tiles)
    symbols = createKeyTileSymbols(b, tiles, numQueries, numKeys,
                                   shape.op.getCaptures());
}

bool KeySteps::areOfAllHeads() const {
  if (!tiles)
    return true;
  return llvm::all_of(
      llvm::concat<const Attribute>(tiles.getVisit(), tiles.getTest()),
      [](Attribute set) {
        return llvm::none_of(
            cast<IntegerSetAttr>(set).getValue().getConstraints(),
            [](AffineExpr bound) { return bound.isFunctionOfDim(kTileHead); });
      });
}

void KeySteps::forEach(
    const RowTilePlace &place, const Part &part,
    function_ref<void(const KeyTile &, Value isTested)> body) {
  std::optional<KeyTileSteps> steps;
  if (tiles)
    steps = createKeyTileSteps(b, tiles, symbols, place, numTiles,
                               /*minSteps=*/b.index(0));
  Value count = steps ? steps->count : numTiles;
  auto getStart = [&](Value number) {
    return b.createOrFold<arith::DivUIOp>(b.multiply(count, number),
                                          part.count);
  };
  Value first = getStart(part.number);
  Value end = getStart(b.add(part.number, b.index(1)));
  b.forEach(first, end, 1, [&](Value step) {
    Value number = step;
    if (steps) {
      Value isDown = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, step,
                                           steps->down);
      Value down = b.subtract(b.subtract(steps->end, b.index(1)), step);
      Value up = b.add(steps->first, b.subtract(step, steps->down));
      number = arith::SelectOp::create(b, isDown, down, up);
    }
    KeyTile tile;
    tile.first = b.multiply(number, b.index(shape.tileKeys));
    Value left = b.subtract(numKeys, tile.first);
    tile.count = b.least(left, b.index(shape.tileKeys));
    Value isTested = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, left,
                                           b.index(shape.tileKeys));
    if (steps) {
      Value mayDrop = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, step,
                                            steps->tested);
      isTested = arith::OrIOp::create(b, isTested, mayDrop);
    }
    body(tile, isTested);
  });
}

KeyRange KeySteps::getRange(const RowTilePlace &place, Value isOneHead,
                            const KeyTile &tile) {
  KeyRange keys = getRangeOfBlocks(blocksOfTile, place, isOneHead, tile);
  // Of the tiles that rows take, some may have no block for any of them.
  return {keys.begin, arith::MaxSIOp::create(b, keys.begin, keys.end)};
}

KeyRange KeySteps::getRange(const RowTilePlace &place, Value firstRow,
                            Value isOneHead, const KeyTile &tile,
                            const KeyRange &ofTile) {
  int64_t rowsOfTile = shape.tileRows / shape.rows;
  RowTilePlace rows = place;
  rows.rowTile =
      b.add(b.multiply(place.rowTile, b.index(rowsOfTile)),
            b.createOrFold<arith::DivUIOp>(firstRow, b.index(shape.rows)));
  KeyRange keys = getRangeOfBlocks(blocks, rows, isOneHead, tile);
  return {arith::MaxSIOp::create(b, keys.begin, ofTile.begin),
          b.least(keys.end, ofTile.end)};
}

KeyRange KeySteps::getRangeOfBlocks(KeyTilesAttr blocks,
                                    const RowTilePlace &rows, Value isOneHead,
                                    const KeyTile &tile) {
  KeyRange all{b.index(0), tile.count};
  if (!blocks)
    return all;
  KeyTileSpan visited = createVisitedSpan(
      b, blocks, symbols, rows, b.ceilDiv(numKeys, shape.blockKeys()));
  auto toKey = [&](Value block) {
    return b.subtract(b.multiply(block, b.index(shape.blockKeys())),
                      tile.first);
  };
  auto choose = [&](Value ofRows, Value ofAll) -> Value {
    return arith::SelectOp::create(b, isOneHead, ofRows, ofAll);
  };
  Value begin = arith::MaxSIOp::create(b, toKey(visited.first), all.begin);
  Value end = b.least(toKey(visited.end), all.end);
  return {choose(begin, all.begin), choose(end, all.end)};
}
