//===- AttentionLoops.cpp - An op as loops over vectors -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionLoops.h"
#include "DirectProducts.h"
#include "KeySteps.h"
#include "Packing.h"
#include "Partials.h"
#include "Products.h"
#include "ScoreRows.h"
#include "mfa/Dialect/MFA/IR/Sinks.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace mlir::mfa;

namespace {
/// The loops of one op.
class AttentionLoops {
public:
  AttentionLoops(VectorBuilder &b, const KernelShape &shape)
      : b(b), shape(shape), op(shape.op), steps(b, shape) {}

  void create();

private:
  Value size(Value array, int64_t dim) {
    return b.createOrFold<memref::DimOp>(array, dim);
  }
  /// Writes sizes, and how the work is shared.
  void divideWork();
  /// A loop over tiles of rows, and over `parts` of their keys, that runs in
  /// parallel.
  void forEachTile(
      Value parts,
      function_ref<void(const RowTile &, const RowTilePlace &, const Part &)>
          body);
  Value getUnit(const RowTile &rows, const RowTilePlace &place,
                const Part &part);
  /// The rows of one tile, with a part of the keys that they visit.
  void computeRows(const RowTile &rows, const RowTilePlace &place,
                   const Part &part, Partials &partials);
  void combineRows(const RowTile &rows, const RowTilePlace &place,
                   const Part &part, Partials &partials);
  /// Output and lse of one row.
  void finishRow(const RowTile &rows, Value row, const RowResult &result);
  void storeOutput(const RowTile &rows, const RowTile::Place &place,
                   const RowResult &result, Value factor, Value isMasked);
  /// `body` for the numbers of a tile's rows.
  void forEachRow(const RowTile &rows, function_ref<void(Value)> body) {
    b.forEach(b.subtract(rows.end, rows.first), body);
  }

  VectorBuilder &b;
  const KernelShape &shape;
  MaskedAttentionOp op;
  KeySteps steps;
  Value numBatches, numQueries;
  /// Query heads for each key head; of those that share a tile of rows; tiles
  /// of heads, and of rows for each.
  Value group, sharedHeads, numHeadTiles, numRowTiles;
  /// Parts of the keys.
  Value numParts, isSplit;
};
} // namespace

//===----------------------------------------------------------------------===//
// Who does what
//===----------------------------------------------------------------------===//

void AttentionLoops::divideWork() {
  // Of a head; more queries fill registers and keep threads busy by themselves.
  constexpr int64_t kFewQueries = 8;
  // Iterations in parallel, and tiles of keys that are worth one of them. They
  // do not depend on the number of threads, and neither do results.
  constexpr int64_t kFewTiles = 32, kLeastKeyTiles = 4;
  // What is interrupted ends with the iterations that have begun.
  constexpr int64_t kMostKeyTiles = 1024;

  Value one = b.index(1);
  numBatches = size(op.getQuery(), MaskedAttentionOp::kBatch);
  numQueries = size(op.getQuery(), MaskedAttentionOp::kSequence);
  Value heads = size(op.getQuery(), MaskedAttentionOp::kHead);
  Value keyHeads = size(op.getKey(), MaskedAttentionOp::kHead);
  group = b.createOrFold<arith::DivUIOp>(heads, keyHeads);
  auto isAtMost = [&](Value value, int64_t most) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ule, value,
                                 b.index(most));
  };
  Value haveFewQueries = isAtMost(numQueries, kFewQueries);
  sharedHeads = one;
  if (steps.areOfAllHeads()) {
    Value fit = arith::AndIOp::create(
        b, haveFewQueries,
        isAtMost(b.multiply(numQueries, group), shape.tileRows));
    sharedHeads = b.createOrFold<arith::SelectOp>(fit, group, one);
  }
  numHeadTiles = b.createOrFold<arith::DivUIOp>(heads, sharedHeads);
  numRowTiles = b.ceilDiv(b.multiply(numQueries, sharedHeads), shape.tileRows);

  Value tiles = b.multiply(b.multiply(numBatches, numHeadTiles), numRowTiles);
  Value wanted = b.createOrFold<arith::CeilDivUIOp>(
      b.index(kFewTiles), b.createOrFold<arith::MaxUIOp>(tiles, one));
  Value worth = b.createOrFold<arith::DivUIOp>(steps.getNumTiles(),
                                               b.index(kLeastKeyTiles));
  // The results of few rows are small, and heads of the same keys have these in
  // the same pages of memory at the same time.
  wanted = b.createOrFold<arith::SelectOp>(haveFewQueries, worth, wanted);
  numParts = b.createOrFold<arith::MaxUIOp>(b.least(wanted, worth), one);
  numParts = b.createOrFold<arith::MaxUIOp>(
      numParts, b.ceilDiv(steps.getNumTiles(), kMostKeyTiles));
  isSplit = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, numParts, one);
}

void AttentionLoops::forEachTile(
    Value parts,
    function_ref<void(const RowTile &, const RowTilePlace &, const Part &)>
        body) {
  Value zero = b.index(0), one = b.index(1);
  auto loop = scf::ParallelOp::create(
      b, ValueRange{zero, zero, zero, zero},
      ValueRange{numBatches, parts, numHeadTiles, numRowTiles},
      ValueRange{one, one, one, one}, ValueRange{});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  ValueRange numbers = loop.getInductionVars();
  // Heads of the same keys come one after another, as their rows are side by
  // side in memory. Rows that visit most tiles of keys, with a causal rule,
  // come first.
  Value rowTile = b.subtract(b.subtract(numRowTiles, one), numbers[3]);
  RowTile rows;
  rows.batch = numbers[0];
  rows.firstHead = b.multiply(numbers[2], sharedHeads);
  rows.numQueries = numQueries;
  rows.first = b.multiply(rowTile, b.index(shape.tileRows));
  rows.end = b.least(b.add(rows.first, b.index(shape.tileRows)),
                     b.multiply(numQueries, sharedHeads));
  body(rows, {rows.batch, rows.firstHead, rowTile}, {numbers[1], parts});
}

Value AttentionLoops::getUnit(const RowTile &rows, const RowTilePlace &place,
                              const Part &part) {
  Value headTile = b.createOrFold<arith::DivUIOp>(rows.firstHead, sharedHeads);
  Value tile = b.add(b.multiply(rows.batch, numHeadTiles), headTile);
  tile = b.add(b.multiply(tile, numRowTiles), place.rowTile);
  return b.add(b.multiply(tile, numParts), part.number);
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

void AttentionLoops::computeRows(const RowTile &rows, const RowTilePlace &place,
                                 const Part &part, Partials &partials) {
  // Measured (docs/performance.md).
  constexpr int64_t kMostDirectRows = 2;

  Value scale = op.getScale();
  if (!scale)
    scale = b.f32(1.0 / std::sqrt(double(op.getHeadDim())));
  Packing packing(b, shape);
  ScoreRows scoreRows(b, shape, scale);
  Value output =
      b.scratch({shape.tileRows, shape.paddedValueDim()}, b.getF32Type());
  Value numRows = b.subtract(rows.end, rows.first);
  Value keyHead = b.createOrFold<arith::DivUIOp>(rows.firstHead, group);
  Value isOneHead = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                          sharedHeads, b.index(1));
  // Register rows go on behind the last row.
  Value computed =
      b.multiply(b.ceilDiv(numRows, shape.rows), b.index(shape.rows));
  Value zero = b.zero(b.vectorOfF32());
  scoreRows.reset(computed);
  b.forEach(computed, [&](Value row) {
    auto clear = [&](Value dim) { b.store(zero, output, {row, dim}); };
    b.forEach(b.index(0), b.index(shape.paddedValueDim()), shape.lanes, clear);
  });
  packing.packQuery(rows);
  // Few rows are worth no copies of keys and values.
  Value isDirect =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ule, numRows,
                            b.index(std::min(kMostDirectRows, shape.rows)));
  Value registerRows =
      arith::SelectOp::create(b, isDirect, numRows, b.index(shape.rows));
  auto compute = [&](const KeyTile &tile, Value isTested) {
    DirectProducts direct(b, shape, packing, rows.batch, keyHead, tile);
    KeyRange visited = steps.getRange(place, isOneHead, tile);
    b.ifElse(
        isDirect, [] {},
        [&] {
          packing.packKey(rows.batch, keyHead, tile, visited);
          packing.packValue(rows.batch, keyHead, tile, visited);
        });
    b.forEach(b.index(0), numRows, shape.rows, [&](Value firstRow) {
      KeyRange keys = steps.getRange(place, firstRow, isOneHead, tile, visited);
      Value hasKeys = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                            keys.begin, keys.end);
      b.ifElse(hasKeys, [&] {
        b.ifElse(
            isDirect,
            [&] { direct.createScores(numRows, keys, scoreRows.scores); },
            [&] {
              createScores(b, shape, packing.query, packing.key, firstRow, keys,
                           scoreRows.scores);
            });
        // Tile registers have many rows: the softmax is of those there are.
        Value numUpdated = registerRows;
        if (shape.multipliesMatrices())
          numUpdated = b.least(registerRows, b.subtract(numRows, firstRow));
        scoreRows.update(rows, firstRow, numUpdated, tile, keys, isTested);
        b.ifElse(
            isDirect,
            [&] {
              direct.addWeightedValues(scoreRows.weights, numRows, keys,
                                       scoreRows.factors, output);
            },
            [&] {
              addWeightedValues(b, shape, scoreRows.weights, packing.value,
                                firstRow, keys, scoreRows.factors, output);
            });
      });
    });
  };
  steps.forEach(place, part, [&](const KeyTile &tile, Value isTested) {
    if (!shape.looksAtTiles())
      return compute(tile, isTested);
    Value isKept = b.choose(
        isTested, [&] { return scoreRows.isAnyKept(rows, tile); },
        [&]() -> Value { return arith::ConstantIntOp::create(b, 1, 1); },
        b.getI1Type());
    b.ifElse(isKept, [&] { compute(tile, isTested); });
  });
  auto getResult = [&](Value row) {
    return RowResult{scoreRows.getMaximum(row), scoreRows.getSum(row), output,
                     row};
  };
  b.ifElse(
      isSplit,
      [&] {
        Value unit = getUnit(rows, place, part);
        forEachRow(rows, [&](Value row) {
          partials.store(unit, row, getResult(row));
        });
      },
      [&] {
        forEachRow(rows,
                   [&](Value row) { finishRow(rows, row, getResult(row)); });
      });
}

void AttentionLoops::combineRows(const RowTile &rows, const RowTilePlace &place,
                                 const Part &part, Partials &partials) {
  Value output = b.scratch({1, shape.paddedValueDim()}, b.getF32Type());
  Value first = getUnit(rows, place, part);
  forEachRow(rows, [&](Value row) {
    finishRow(rows, row, partials.combine(first, numParts, row, output));
  });
}

void AttentionLoops::storeOutput(const RowTile &rows,
                                 const RowTile::Place &place,
                                 const RowResult &result, Value factor,
                                 Value isMasked) {
  Value factors = b.splat(factor);
  VectorType type = b.vectorOfF32();
  auto storePart = [&](Value dim, int64_t count) {
    Value sum = b.load(type, result.output, {result.outputRow, dim});
    Value part = b.multiply(sum, factors);
    part = arith::SelectOp::create(b, isMasked, b.zero(type), part);
    if (count < shape.lanes)
      part = vector::ExtractStridedSliceOp::create(
          b, part, /*offsets=*/ArrayRef<int64_t>{0},
          /*sizes=*/ArrayRef<int64_t>{count}, /*strides=*/ArrayRef<int64_t>{1});
    b.store(roundTo(b, shape.element, part), op.getOutput(),
            {rows.batch, place.query, place.head, dim});
  };
  int64_t whole = shape.valueDim / shape.lanes * shape.lanes;
  b.forEach(b.index(0), b.index(whole), shape.lanes,
            [&](Value dim) { storePart(dim, shape.lanes); });
  if (whole < shape.valueDim)
    storePart(b.index(whole), shape.valueDim - whole);
}

void AttentionLoops::finishRow(const RowTile &rows, Value row,
                               const RowResult &result) {
  RowTile::Place place = rows.locate(b, row);
  Value sum = result.sum, top = result.maximum;
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
    Value sink = memref::LoadOp::create(
        b, op.getSinks(), getSinkIndices(op, place.head, place.query));
    Value largest = b.larger(top, sink);
    Value base = arith::SelectOp::create(b, isEqual(largest, -kInfinity),
                                         b.f32(0), largest);
    auto exp = [&](Value logit) -> Value {
      return math::ExpOp::create(b, b.subtract(logit, base));
    };
    shrink = exp(top);
    total = b.add(b.multiply(total, shrink), exp(sink));
    hasNothing = isEqual(total, 0);
    top = largest;
  }
  Value factor =
      arith::DivFOp::create(b, b.multiply(shrink, b.f32(0x1p16f)), total);
  storeOutput(rows, place, result, factor, isMasked);
  if (!op.getLse())
    return;
  Value lse = b.add(top, math::LogOp::create(b, total));
  lse = arith::SelectOp::create(b, hasNothing, b.f32(-kInfinity), lse);
  memref::StoreOp::create(b, lse, op.getLse(),
                          ValueRange{rows.batch, place.head, place.query});
}

//===----------------------------------------------------------------------===//
// All rows
//===----------------------------------------------------------------------===//

void AttentionLoops::create() {
  divideWork();
  Value units = b.multiply(b.multiply(numBatches, numHeadTiles),
                           b.multiply(numRowTiles, numParts));
  Value rowsOfTile =
      b.least(b.multiply(numQueries, sharedHeads), b.index(shape.tileRows));
  Partials partials(b, shape,
                    b.createOrFold<arith::SelectOp>(isSplit, units, b.index(0)),
                    rowsOfTile);
  forEachTile(numParts, [&](const RowTile &rows, const RowTilePlace &place,
                            const Part &part) {
    computeRows(rows, place, part, partials);
  });
  b.ifElse(isSplit, [&] {
    forEachTile(b.index(1), [&](const RowTile &rows, const RowTilePlace &place,
                                const Part &part) {
      combineRows(rows, place, part, partials);
    });
  });
  partials.free();
}

void mfa::createAttentionLoops(OpBuilder &builder, MaskedAttentionOp op,
                               ScheduleAttr schedule) {
  KernelShape shape(op, schedule);
  VectorBuilder b(op.getLoc(), builder, shape.lanes);
  AttentionLoops(b, shape).create();
}
