//===- AttentionLoops.cpp - An op as loops over vectors -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionLoops.h"
#include "Packing.h"
#include "Products.h"
#include "ScoreRows.h"
#include "mfa/Dialect/MFA/Transforms/KeyTileSteps.h"
#include "mfa/Dialect/MFA/Transforms/RegionTiles.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mlir::mfa;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();

namespace {
/// All tiles of keys that rows take, in the order of the steps.
class KeySteps {
public:
  /// Writes what all rows have in common.
  KeySteps(VectorBuilder &b, const KernelShape &shape);

  /// `body` for each tile that rows of `place` visit, with whether a row may
  /// drop a key of it, or a vector of keys ends behind the last.
  void forEach(const RowTilePlace &place,
               function_ref<void(const KeyTile &, Value isTested)> body);

private:
  VectorBuilder &b;
  const KernelShape &shape;
  KeyTilesAttr tiles;
  Value numKeys, numTiles;
  SmallVector<Value> symbols;
};

/// The loops of one op.
class AttentionLoops {
public:
  AttentionLoops(VectorBuilder &b, const KernelShape &shape)
      : b(b), shape(shape), op(shape.op) {}

  void create();

private:
  Value size(Value array, int64_t dim) {
    return b.createOrFold<memref::DimOp>(array, dim);
  }
  /// The rows of one tile, with all keys that they visit.
  void computeRows(const QueryTile &queries, const RowTilePlace &place,
                   Value keyHead, KeySteps &steps);
  /// Output and lse of one row.
  void finishRow(const QueryTile &queries, Value row, ScoreRows &scoreRows);
  void storeOutput(const QueryTile &queries, Value query, Value row,
                   Value factor, Value isMasked);

  VectorBuilder &b;
  const KernelShape &shape;
  MaskedAttentionOp op;
  Value output;
};
} // namespace

//===----------------------------------------------------------------------===//
// Tiles of keys
//===----------------------------------------------------------------------===//

KeySteps::KeySteps(VectorBuilder &b, const KernelShape &shape)
    : b(b), shape(shape),
      tiles(getKeyTiles(shape.op, shape.tileRows, shape.tileKeys)) {
  Value numQueries = b.createOrFold<memref::DimOp>(shape.op.getQuery(), 1);
  numKeys = b.createOrFold<memref::DimOp>(shape.op.getKey(), 1);
  numTiles = b.ceilDiv(numKeys, shape.tileKeys);
  if (tiles)
    symbols = createKeyTileSymbols(b, tiles, numQueries, numKeys,
                                   shape.op.getCaptures());
}

void KeySteps::forEach(
    const RowTilePlace &place,
    function_ref<void(const KeyTile &, Value isTested)> body) {
  std::optional<KeyTileSteps> steps;
  if (tiles)
    steps = createKeyTileSteps(b, tiles, symbols, place, numTiles,
                               /*minSteps=*/b.index(0));
  b.forEach(steps ? steps->count : numTiles, [&](Value step) {
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

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

void AttentionLoops::computeRows(const QueryTile &queries,
                                 const RowTilePlace &place, Value keyHead,
                                 KeySteps &steps) {
  Value scale = op.getScale();
  if (!scale)
    scale = b.f32(1.0 / std::sqrt(double(op.getHeadDim())));
  Packing packing(b, shape);
  ScoreRows scoreRows(b, shape, scale);
  output = b.scratch({shape.tileRows, shape.paddedValueDim()}, b.getF32Type());

  Value rows =
      b.least(b.subtract(queries.end, queries.first), b.index(shape.tileRows));
  QueryTile tile = queries;
  tile.end = b.add(queries.first, rows);
  scoreRows.reset();
  Value zero = b.zero(b.vectorOfF32());
  b.forEach(b.index(shape.tileRows), [&](Value row) {
    b.forEach(b.index(0), b.index(shape.paddedValueDim()), shape.lanes,
              [&](Value dim) { b.store(zero, output, {row, dim}); });
  });
  packing.packQuery(tile.batch, tile.head, tile.first, tile.end);
  steps.forEach(place, [&](const KeyTile &keys, Value isTested) {
    packing.packKey(tile.batch, keyHead, keys);
    packing.packValue(tile.batch, keyHead, keys);
    b.forEach(b.index(0), rows, shape.rows, [&](Value firstRow) {
      createScores(b, shape, packing.query, packing.key, firstRow, keys.count,
                   scoreRows.scores);
      scoreRows.update(tile, firstRow, keys, isTested);
      addWeightedValues(b, shape, scoreRows.weights, packing.value, firstRow,
                        keys.count, scoreRows.factors, output);
    });
  });
  b.forEach(rows, [&](Value row) { finishRow(tile, row, scoreRows); });
}

void AttentionLoops::storeOutput(const QueryTile &queries, Value query,
                                 Value row, Value factor, Value isMasked) {
  Value factors = b.splat(factor);
  VectorType type = b.vectorOfF32();
  auto storePart = [&](Value dim, int64_t count) {
    Value part = b.multiply(b.load(type, output, {row, dim}), factors);
    part = arith::SelectOp::create(b, isMasked, b.zero(type), part);
    if (count < shape.lanes)
      part = vector::ExtractStridedSliceOp::create(
          b, part, /*offsets=*/ArrayRef<int64_t>{0},
          /*sizes=*/ArrayRef<int64_t>{count}, /*strides=*/ArrayRef<int64_t>{1});
    b.store(roundTo(b, shape.element, part), op.getOutput(),
            {queries.batch, query, queries.head, dim});
  };
  int64_t whole = shape.valueDim / shape.lanes * shape.lanes;
  b.forEach(b.index(0), b.index(whole), shape.lanes,
            [&](Value dim) { storePart(dim, shape.lanes); });
  if (whole < shape.valueDim)
    storePart(b.index(whole), shape.valueDim - whole);
}

void AttentionLoops::finishRow(const QueryTile &queries, Value row,
                               ScoreRows &scoreRows) {
  Value query = b.add(queries.first, row);
  Value sum = scoreRows.getSum(row), top = scoreRows.getMaximum(row);
  auto isEqual = [&](Value value, float number) -> Value {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, value,
                                 b.f32(number));
  };
  // A row with a key has a weight of 1; the sum of one with NaN is NaN.
  Value isMasked = isEqual(sum, 0);
  // Sums are 2^-16 of what they are called.
  Value total = b.multiply(sum, b.f32(0x1p16f)), shrink = b.f32(1);
  Value hasNothing = isMasked;
  if (op.getSinks()) {
    Value sink = memref::LoadOp::create(b, op.getSinks(), queries.head);
    Value largest = b.larger(top, sink);
    hasNothing = isEqual(largest, -kInfinity);
    Value base = arith::SelectOp::create(b, hasNothing, b.f32(0), largest);
    auto exp = [&](Value logit) -> Value {
      return math::ExpOp::create(b, b.subtract(logit, base));
    };
    shrink = exp(top);
    total = b.add(b.multiply(total, shrink), exp(sink));
    top = largest;
  }
  Value factor =
      arith::DivFOp::create(b, b.multiply(shrink, b.f32(0x1p16f)), total);
  storeOutput(queries, query, row, factor, isMasked);
  if (!op.getLse())
    return;
  Value lse = b.add(top, math::LogOp::create(b, total));
  lse = arith::SelectOp::create(b, hasNothing, b.f32(-kInfinity), lse);
  memref::StoreOp::create(b, lse, op.getLse(),
                          ValueRange{queries.batch, queries.head, query});
}

//===----------------------------------------------------------------------===//
// All rows
//===----------------------------------------------------------------------===//

void AttentionLoops::create() {
  Value batches = size(op.getQuery(), MaskedAttentionOp::kBatch);
  Value queries = size(op.getQuery(), MaskedAttentionOp::kSequence);
  Value heads = size(op.getQuery(), MaskedAttentionOp::kHead);
  Value keyHeads = size(op.getKey(), MaskedAttentionOp::kHead);
  Value group = b.createOrFold<arith::DivUIOp>(heads, keyHeads);
  Value rowTiles = b.ceilDiv(queries, shape.tileRows);
  KeySteps steps(b, shape);
  Value zero = b.index(0), one = b.index(1);
  auto loop = scf::ParallelOp::create(b, ValueRange{zero, zero, zero},
                                      ValueRange{batches, heads, rowTiles},
                                      ValueRange{one, one, one}, ValueRange{});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  // Loops that are not outlined do not grow the stack.
  auto scope = memref::AllocaScopeOp::create(b, TypeRange{});
  b.createBlock(&scope.getBodyRegion());
  ValueRange numbers = loop.getInductionVars();
  // Those that visit most tiles of keys, with a causal rule, come first.
  Value rowTile = b.subtract(b.subtract(rowTiles, one), numbers[2]);
  RowTilePlace place{numbers[0], numbers[1], rowTile};
  QueryTile tile{place.batch, place.head,
                 b.multiply(rowTile, b.index(shape.tileRows)), queries};
  Value keyHead = b.createOrFold<arith::DivUIOp>(place.head, group);
  computeRows(tile, place, keyHead, steps);
  memref::AllocaScopeReturnOp::create(b, ValueRange());
}

void mfa::createAttentionLoops(OpBuilder &builder, MaskedAttentionOp op,
                               ScheduleAttr schedule) {
  KernelShape shape(op, schedule);
  VectorBuilder b(op.getLoc(), builder, shape.lanes);
  AttentionLoops(b, shape).create();
}
