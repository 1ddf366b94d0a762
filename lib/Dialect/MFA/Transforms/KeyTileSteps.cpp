//===- KeyTileSteps.cpp - Key tiles in numbers ----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/KeyTileSteps.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mfa;

static Value createIndex(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

static Value least(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return b.createOrFold<arith::MinSIOp>(lhs, rhs);
}

static Value most(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return b.createOrFold<arith::MaxSIOp>(lhs, rhs);
}

/// What a set's bounds are for the rows; no less than 0, no more than there are
/// tiles.
static KeyTileSpan evaluate(ImplicitLocOpBuilder &b, const KeyTileRange &range,
                            ValueRange dims, ValueRange symbols,
                            Value numTiles) {
  auto expand = [&](AffineExpr bound) {
    return affine::expandAffineExpr(b, b.getLoc(), bound, dims, symbols);
  };
  KeyTileSpan result{createIndex(b, 0), numTiles};
  for (AffineExpr bound : range.first)
    result.first = most(b, result.first, expand(bound));
  for (AffineExpr bound : range.end)
    result.end = least(b, result.end, expand(bound));
  return result;
}

/// The dimensions of sets: that of the key tile is in no bound.
static SmallVector<Value> getDims(ImplicitLocOpBuilder &b,
                                  const RowTilePlace &place) {
  return {place.batch, place.head, place.rowTile, createIndex(b, 0)};
}

SmallVector<KeyTileRange> mfa::getKeyTileRanges(ArrayAttr sets) {
  return llvm::map_to_vector(
      sets.getAsRange<IntegerSetAttr>(),
      [](IntegerSetAttr set) { return getKeyTileRange(set.getValue()); });
}

bool mfa::growsWithRows(KeyTilesAttr tiles) {
  if (!tiles)
    return false;
  auto dependOnRows = [](ArrayRef<AffineExpr> bounds) {
    return llvm::any_of(bounds, [](AffineExpr bound) {
      return bound.isFunctionOfDim(kRowTile);
    });
  };
  SmallVector<KeyTileRange> ranges = getKeyTileRanges(tiles.getVisit());
  return llvm::any_of(
             ranges,
             [&](const KeyTileRange &r) { return dependOnRows(r.end); }) &&
         llvm::none_of(ranges, [&](const KeyTileRange &r) {
           return dependOnRows(r.first);
         });
}

SmallVector<Value> mfa::createKeyTileSymbols(ImplicitLocOpBuilder &b,
                                             KeyTilesAttr tiles,
                                             Value numQueries, Value numKeys,
                                             ValueRange captures) {
  SmallVector<Value> symbols = {numQueries, numKeys};
  if (DenseI64ArrayAttr sources = tiles.getSymbols())
    for (int64_t i = 0; i < sources.size(); i += 2) {
      Value capture = captures[sources[i]];
      if (sources[i + 1] >= 0)
        capture = b.createOrFold<memref::DimOp>(capture, sources[i + 1]);
      else if (!capture.getType().isIndex())
        capture = arith::IndexCastOp::create(b, b.getIndexType(), capture);
      symbols.push_back(capture);
    }
  return symbols;
}

KeyTileSpan mfa::createVisitedSpan(ImplicitLocOpBuilder &b, KeyTilesAttr tiles,
                                   ValueRange symbols,
                                   const RowTilePlace &place, Value numTiles) {
  SmallVector<Value> dims = getDims(b, place);
  SmallVector<KeyTileRange> visit = getKeyTileRanges(tiles.getVisit());
  KeyTileSpan span{visit.empty() ? dims[kKeyTile] : numTiles, dims[kKeyTile]};
  for (const KeyTileRange &range : visit) {
    KeyTileSpan tiles = evaluate(b, range, dims, symbols, numTiles);
    span.first = least(b, span.first, tiles.first);
    span.end = most(b, span.end, tiles.end);
  }
  return span;
}

KeyTileSteps mfa::createKeyTileSteps(ImplicitLocOpBuilder &b,
                                     KeyTilesAttr tiles, ValueRange symbols,
                                     const RowTilePlace &place, Value numTiles,
                                     Value minSteps) {
  auto add = [&](Value lhs, Value rhs) {
    return b.createOrFold<arith::AddIOp>(lhs, rhs);
  };
  auto subtract = [&](Value lhs, Value rhs) {
    return b.createOrFold<arith::SubIOp>(lhs, rhs);
  };
  KeyTileSpan visited = createVisitedSpan(b, tiles, symbols, place, numTiles);
  KeyTileSteps steps;
  steps.first = least(b, visited.first, subtract(numTiles, minSteps));
  steps.end = most(b, visited.end, add(steps.first, minSteps));
  steps.count = subtract(steps.end, steps.first);

  // A set that ends by itself is at the beginning of the range, if nothing
  // bounds it below.
  SmallVector<Value> dims = getDims(b, place);
  Value high = steps.end, low = steps.first;
  for (const KeyTileRange &range : getKeyTileRanges(tiles.getTest())) {
    KeyTileSpan tested = evaluate(b, range, dims, symbols, numTiles);
    if (range.first.empty() && !range.end.empty())
      low = most(b, low, tested.end);
    else
      high = least(b, high, tested.first);
  }
  steps.down = most(b, subtract(steps.end, most(b, high, steps.first)),
                    createIndex(b, 1));
  steps.tested =
      add(steps.down, subtract(least(b, low, steps.end), steps.first));
  Value areAll = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::sge,
                                               steps.tested, steps.count);
  steps.down = b.createOrFold<arith::SelectOp>(areAll, steps.count, steps.down);
  return steps;
}
