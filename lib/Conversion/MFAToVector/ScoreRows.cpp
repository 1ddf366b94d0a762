//===- ScoreRows.cpp - The online softmax of rows -------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScoreRows.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace mlir::mfa;

//===----------------------------------------------------------------------===//
// exp
//===----------------------------------------------------------------------===//

Value mfa::createScaledExp(VectorBuilder &b, Value x) {
  // exp(x) = 2^n * exp(x - n * ln 2), where n is x / ln 2, rounded. Adding 1.5
  // * 2^23 rounds, and leaves n in the low bits of the sum. ln 2 is in two
  // parts, the first with few bits, so that its product with n is exact.
  constexpr float kRounding = 12582912.0f, kLog2E = 1.44269504f,
                  kLn2High = 0.693145752f, kLn2Low = 1.42860677e-6f;
  // The polynomial of degree 6 with the least relative error on [-ln 2 / 2,
  // ln 2 / 2] among those that are 1 at 0, times 2^-16.
  constexpr float kCoefficients[] = {
      0x1.6ae6e0p-10f, 0x1.1267d8p-7f, 0x1.555824p-5f, 0x1.555418p-3f,
      0x1.fffffcp-2f,  0x1.000000p+0f, 0x1.000000p+0f};
  constexpr float kFactor = 0x1p-16f, kLeast = -76.0f;
  constexpr int64_t kMantissaBits = 23;

  Value rounding = b.splat(kRounding);
  Value rounded = b.fma(x, b.splat(kLog2E), rounding);
  Value n = b.subtract(rounded, rounding);
  Value rest = b.fma(n, b.splat(-kLn2High), x);
  rest = b.fma(n, b.splat(-kLn2Low), rest);
  Value result;
  for (float coefficient : kCoefficients) {
    Value term = b.splat(coefficient * kFactor);
    result = result ? b.fma(result, rest, term) : term;
  }
  VectorType bits = b.vectorOf(b.getI32Type());
  Value shift = arith::ConstantOp::create(
      b, DenseElementsAttr::get(bits, b.getI32IntegerAttr(kMantissaBits)));
  Value exponent = arith::ShLIOp::create(
      b, vector::BitCastOp::create(b, bits, rounded), shift);
  Value scaled = arith::AddIOp::create(
      b, vector::BitCastOp::create(b, bits, result), exponent);
  result = vector::BitCastOp::create(b, b.vectorOfF32(), scaled);
  // Not that of a NaN, whose low bits may be any: then the exponent that was
  // added may have made a number of it.
  Value isNumber =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, x, b.splat(kLeast));
  Value otherwise = b.larger(b.zero(b.vectorOfF32()), x);
  return arith::SelectOp::create(b, isNumber, result, otherwise);
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

ScoreRows::ScoreRows(VectorBuilder &b, const KernelShape &shape, Value scale)
    : b(b), shape(shape), scale(scale) {
  Type f32 = b.getF32Type();
  scores = b.scratch({shape.rows, shape.tileKeys}, f32);
  weights = shape.multipliesPairs()
                ? b.scratch({shape.rows, shape.tileKeys}, shape.factor)
                : scores;
  factors = b.scratch({shape.paddedRows()}, f32);
  newMaximums = b.scratch({shape.paddedRows()}, f32);
  bases = b.scratch({shape.paddedRows()}, f32);
  // Vectors of the last register rows end behind them.
  maximums = b.scratch({shape.tileRows + shape.paddedRows()}, f32);
  sums = b.scratch({shape.tileRows, shape.lanes}, f32);
}

void ScoreRows::reset(Value numRows) {
  Value minusInfinity = b.f32(-kInfinity), zero = b.zero(b.vectorOfF32());
  b.forEach(numRows, [&](Value row) {
    memref::StoreOp::create(b, minusInfinity, maximums, row);
    b.store(zero, sums, {row, b.index(0)});
  });
}

Value ScoreRows::loadMask(Value batch, const RowTile::Place &place,
                          const KeyLanes &lanes) {
  Value mask = shape.op.getMask();
  auto type = cast<MemRefType>(mask.getType());
  SmallVector<Value> indices(type.getRank(), b.index(0));
  for (auto [dim, position] : {std::pair(ScoreDim::Batch, batch),
                               std::pair(ScoreDim::Head, place.head),
                               std::pair(ScoreDim::Query, place.query),
                               std::pair(ScoreDim::Key, lanes.first)})
    if (std::optional<unsigned> maskDim = shape.op.getMaskDim(dim))
      indices[*maskDim] = position;
  auto toF32 = [&](Value elements) -> Value {
    if (!type.getElementType().isInteger(1))
      return extendToF32(b, elements);
    auto number = [&](float value) {
      bool areSeveral = isa<VectorType>(elements.getType());
      return areSeveral ? b.splat(value) : b.f32(value);
    };
    return arith::SelectOp::create(b, elements, number(0), number(-kInfinity));
  };
  std::optional<unsigned> keyDim = shape.op.getMaskDim(ScoreDim::Key);
  if (!keyDim)
    return b.splat(toF32(memref::LoadOp::create(b, mask, indices)));
  Value elements = loadLanes(b, lanes, mask, indices);
  // Masks are read once, from memory, in rows that are far apart.
  constexpr unsigned kInSecondCache = 2;
  indices[*keyDim] = b.add(lanes.first, b.index(shape.tileKeys));
  memref::PrefetchOp::create(b, mask, indices, /*isWrite=*/false,
                             kInSecondCache, /*isDataCache=*/true);
  return toF32(elements);
}

Value ScoreRows::finishVector(Value batch, const RowTile::Place &place,
                              const KeyLanes &lanes, Value score,
                              bool isTested) {
  MaskedAttentionOp op = shape.op;
  Value factor = b.splat(scale);
  score = op.getMask() ? b.fma(score, factor, loadMask(batch, place, lanes))
                       : b.multiply(score, factor);
  if (!op.getScore().empty())
    score = VectorRegion(b, lanes).evaluate(
        op.getScore(), score, batch, place.head, place.query, op.getCaptures());
  Value minusInfinity = b.splat(-kInfinity);
  if (isTested && !op.getKeep().empty()) {
    Value isKept = VectorRegion(b, lanes).evaluate(
        op.getKeep(), /*score=*/{}, batch, place.head, place.query,
        op.getCaptures());
    score = arith::SelectOp::create(b, isKept, score, minusInfinity);
  }
  return keepLanes(b, lanes, score, minusInfinity);
}

void ScoreRows::finishScores(const RowTile &rows, Value firstRow, Value row,
                             const KeyTile &tile, const KeyRange &keys,
                             Value isTested) {
  RowTile::Place place = rows.locate(b, b.add(firstRow, row));
  VectorType type = b.vectorOfF32();
  auto finish = [&](bool isTested) {
    Value largest =
        b.forEach(keys.begin, keys.end, shape.lanes, b.splat(-kInfinity),
                  [&](Value key, ValueRange state) -> SmallVector<Value> {
                    KeyLanes lanes{b.add(tile.first, key), {}};
                    if (isTested)
                      lanes.count = b.subtract(tile.count, key);
                    Value score = finishVector(rows.batch, place, lanes,
                                               b.load(type, scores, {row, key}),
                                               isTested);
                    b.store(score, scores, {row, key});
                    return {b.larger(score, state.front())};
                  })[0];
    memref::StoreOp::create(b, b.largestOf(largest), newMaximums, row);
  };
  auto finishTested = [&] { finish(true); };
  auto finishFree = [&] { finish(false); };
  b.ifElse(isTested, finishTested, finishFree);
}

Value ScoreRows::isAnyKept(const RowTile &rows, const KeyTile &tile) {
  MaskedAttentionOp op = shape.op;
  Value none = b.zero(b.vectorOf(b.getI1Type()));
  Value numRows = b.subtract(rows.end, rows.first);
  Value kept =
      b.forEach(b.index(0), numRows, 1, none,
                [&](Value row, ValueRange state) -> SmallVector<Value> {
                  RowTile::Place place = rows.locate(b, row);
                  return b.forEach(
                      b.index(0), tile.count, shape.lanes, state,
                      [&](Value key, ValueRange state) -> SmallVector<Value> {
                        KeyLanes lanes{b.add(tile.first, key),
                                       b.subtract(tile.count, key)};
                        Value isKept = VectorRegion(b, lanes).evaluate(
                            op.getKeep(), /*score=*/{}, rows.batch, place.head,
                            place.query, op.getCaptures());
                        isKept = keepLanes(b, lanes, isKept, none);
                        return {arith::OrIOp::create(b, state.front(), isKept)};
                      });
                })[0];
  return vector::ReductionOp::create(b, vector::CombiningKind::OR, kept);
}

void ScoreRows::updateFactors(Value firstRow) {
  VectorType type = b.vectorOfF32();
  Value minusInfinity = b.splat(-kInfinity), zero = b.zero(type);
  // A row's weights are 2^-16 of what they are called.
  Value unscale = b.splat(0x1p16f);
  for (int64_t row = 0; row < shape.rows; row += shape.lanes) {
    Value place = b.index(row);
    Value old = b.load(type, maximums, b.add(firstRow, place));
    Value maximum = b.larger(b.load(type, newMaximums, place), old);
    Value hasNone = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, maximum,
                                          minusInfinity);
    Value base = arith::SelectOp::create(b, hasNone, zero, maximum);
    Value factor = createScaledExp(b, b.subtract(old, base));
    b.store(maximum, newMaximums, place);
    b.store(base, bases, place);
    b.store(b.multiply(factor, unscale), factors, place);
  }
}

void ScoreRows::computeWeights(Value firstRow, Value row,
                               const KeyRange &keys) {
  VectorType type = b.vectorOfF32();
  auto load = [&](Value array) -> Value {
    return memref::LoadOp::create(b, array, row);
  };
  Value base = b.splat(load(bases)), factor = b.splat(load(factors));
  Value tileRow = b.add(firstRow, row);
  memref::StoreOp::create(b, load(newMaximums), maximums, tileRow);
  Value old = b.load(type, sums, {tileRow, b.index(0)});
  Value sum =
      b.forEach(keys.begin, keys.end, shape.lanes, b.multiply(old, factor),
                [&](Value key, ValueRange state) -> SmallVector<Value> {
                  Value score = b.load(type, scores, {row, key});
                  Value weight = createScaledExp(b, b.subtract(score, base));
                  Value factors = shape.multipliesPairs()
                                      ? x86vector::CvtPackedF32ToBF16Op::create(
                                            b, type.clone(shape.factor), weight)
                                            .getResult()
                                      : weight;
                  b.store(factors, weights, {row, key});
                  return {b.add(state.front(), weight)};
                })[0];
  b.store(sum, sums, {tileRow, b.index(0)});
  if (shape.multipliesMatrices())
    clearWeights(row, keys);
}

void ScoreRows::clearWeights(Value row, const KeyRange &keys) {
  // A step has two vectors of keys.
  Value vectors = b.ceilDiv(keys.end, shape.lanes);
  Value end = b.multiply(vectors, b.index(shape.lanes));
  Value rest = arith::RemUIOp::create(b, end, b.index(shape.stepSize()));
  Value isOpen =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne, rest, b.index(0));
  b.ifElse(isOpen, [&] {
    b.store(b.zero(b.vectorOf(shape.factor)), weights, {row, end});
  });
}

void ScoreRows::update(const RowTile &rows, Value firstRow, Value numRows,
                       const KeyTile &tile, const KeyRange &keys,
                       Value isTested) {
  b.forEach(numRows, [&](Value row) {
    finishScores(rows, firstRow, row, tile, keys, isTested);
  });
  updateFactors(firstRow);
  b.forEach(numRows, [&](Value row) { computeWeights(firstRow, row, keys); });
}

Value ScoreRows::getSum(Value row) {
  return b.sumOf(b.load(b.vectorOfF32(), sums, {row, b.index(0)}));
}

Value ScoreRows::getMaximum(Value row) {
  return memref::LoadOp::create(b, maximums, row);
}
