//===- Packing.cpp - Copies of tiles for vectors --------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Packing.h"

using namespace mlir;
using namespace mlir::mfa;

Packing::Packing(VectorBuilder &b, const KernelShape &shape)
    : b(b), shape(shape) {
  int64_t perLane = shape.perLane;
  query = b.scratch({shape.tileRows, shape.paddedHeadDim()}, shape.factor);
  key = b.scratch({shape.paddedHeadDim() / perLane, shape.tileKeys * perLane},
                  shape.factor);
  value =
      b.scratch({shape.tileKeys / perLane, shape.paddedValueDim() * perLane},
                shape.factor);
}

Value Packing::loadElements(Value array, const RowPlace &place, Value first,
                            int64_t count, int64_t size) {
  auto load = [&](Value at, int64_t count) -> Value {
    return b.load(VectorType::get({count}, shape.element), array,
                  {place.batch, place.row, place.head, at});
  };
  if (count == size)
    return load(first, count);
  // CPUs load as many elements as powers of two; of others LLVM makes loads of
  // single ones, for which it also takes long.
  Value elements = b.zero(VectorType::get({size}, shape.element));
  for (int64_t done = 0; done < count;) {
    int64_t piece = llvm::bit_floor<uint64_t>(count - done);
    elements = vector::InsertStridedSliceOp::create(
        b, load(b.add(first, b.index(done)), piece), elements,
        /*offsets=*/ArrayRef<int64_t>{done}, /*strides=*/ArrayRef<int64_t>{1});
    done += piece;
  }
  return elements;
}

Value Packing::loadFactors(Value array, const RowPlace &place, Value first,
                           int64_t count) {
  Value elements =
      loadElements(array, place, first, count, shape.perLane * shape.lanes);
  return shape.multipliesPairs() ? elements : extendToF32(b, elements);
}

Value Packing::loadF32(Value array, const RowPlace &place, Value first,
                       int64_t count) {
  return extendToF32(b, loadElements(array, place, first, count, shape.lanes));
}

void Packing::prefetch(Value array, const RowPlace &place, Value dim) {
  constexpr int32_t keepInAllCaches = 3;
  memref::PrefetchOp::create(
      b, array, ValueRange{place.batch, place.row, place.head, dim},
      /*isWrite=*/false, keepInAllCaches, /*isDataCache=*/true);
}

void Packing::forEachBlock(int64_t size, int64_t width,
                           function_ref<void(Value, int64_t)> body) {
  int64_t whole = size / width * width;
  if (whole > 0)
    b.forEach(b.index(0), b.index(whole), width,
              [&](Value first) { body(first, width); });
  if (whole < size)
    body(b.index(whole), size - whole);
}

void Packing::packQuery(const RowTile &rows) {
  Value count =
      b.multiply(b.ceilDiv(b.subtract(rows.end, rows.first), shape.rows),
                 b.index(shape.rows));
  b.forEach(count, [&](Value row) {
    RowTile::Place place = rows.locate(b, row);
    RowPlace source{rows.batch, place.query, place.head};
    forEachBlock(shape.headDim, shape.perLane * shape.lanes,
                 [&](Value dim, int64_t size) {
                   b.store(loadFactors(shape.op.getQuery(), source, dim, size),
                           query, {row, dim});
                 });
  });
}

/// The transpose of a square of as many vectors as each has lanes. In each of
/// log2(lanes) rounds the vectors of the two halves are shuffled together like
/// cards:
///
///     a0 a1 a2 a3      a0 c0 a1 c1      a0 b0 c0 d0
///     b0 b1 b2 b3  ->  a2 c2 a3 c3  ->  a1 b1 c1 d1
///     c0 c1 c2 c3      b0 d0 b1 d1      a2 b2 c2 d2
///     d0 d1 d2 d3      b2 d2 b3 d3      a3 b3 c3 d3
static void transpose(VectorBuilder &b, MutableArrayRef<Value> rows) {
  int64_t size = rows.size();
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < size / 2; ++i) {
    low.append({i, size + i});
    high.append({size / 2 + i, size + size / 2 + i});
  }
  for (int64_t round = 1; round < size; round *= 2) {
    SmallVector<Value> next;
    for (int64_t i = 0; i < size / 2; ++i)
      for (ArrayRef<int64_t> lanes : {ArrayRef(low), ArrayRef(high)})
        next.push_back(
            vector::ShuffleOp::create(b, rows[i], rows[size / 2 + i], lanes));
    llvm::copy(next, rows.begin());
  }
}

void Packing::packKey(Value batch, Value head, const KeyTile &tile,
                      const KeyRange &keys) {
  int64_t lanes = shape.lanes, perLane = shape.perLane;
  Value last = b.subtract(tile.count, b.index(1));
  VectorType factors = b.vectorOf(shape.factor, perLane);
  VectorType words = b.vectorOf(b.getI32Type());
  b.forEach(keys.begin, keys.end, lanes, [&](Value firstKey) {
    SmallVector<RowPlace> places;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      Value key = b.least(b.add(firstKey, b.index(lane)), last);
      places.push_back({batch, b.add(tile.first, key), head});
    }
    SmallVector<RowPlace> nextPlaces;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      Value key = b.least(b.add(firstKey, b.index(lanes + lane)), last);
      nextPlaces.push_back({batch, b.add(tile.first, key), head});
    }
    forEachBlock(shape.headDim, perLane * lanes, [&](Value dim, int64_t size) {
      SmallVector<Value> rows;
      for (const RowPlace &place : places)
        rows.push_back(vector::BitCastOp::create(
            b, words, loadFactors(shape.op.getKey(), place, dim, size)));
      for (const RowPlace &place : nextPlaces)
        prefetch(shape.op.getKey(), place, dim);
      transpose(b, rows);
      Value firstRow = b.createOrFold<arith::DivUIOp>(dim, b.index(perLane));
      Value column = b.multiply(firstKey, b.index(perLane));
      // Steps that multiply matrices go on behind the last dimension, where
      // all is 0.
      int64_t count = shape.multipliesMatrices() ? lanes : size / perLane;
      for (int64_t i = 0; i < count; ++i)
        b.store(vector::BitCastOp::create(b, factors, rows[i]), key,
                {b.add(firstRow, b.index(i)), column});
    });
  });
}

void Packing::packValueRow(Value batch, Value head, const KeyTile &tile,
                           Value key) {
  RowPlace place{batch, b.add(tile.first, key), head};
  Value ahead = b.least(b.add(key, b.index(kRowsAhead)),
                        b.subtract(tile.count, b.index(1)));
  RowPlace next{batch, b.add(tile.first, ahead), head};
  forEachBlock(shape.valueDim, shape.lanes, [&](Value dim, int64_t size) {
    prefetch(shape.op.getValue(), next, dim);
    b.store(loadFactors(shape.op.getValue(), place, dim, size), value,
            {key, dim});
  });
}

void Packing::packValuePair(Value batch, Value head, const KeyTile &tile,
                            Value pair, bool isWhole) {
  Value first = b.add(tile.first, b.multiply(pair, b.index(2)));
  RowPlace even{batch, first, head};
  RowPlace odd{batch, b.add(first, b.index(1)), head};
  forEachBlock(shape.valueDim, 2 * shape.lanes, [&](Value dim, int64_t size) {
    VectorType whole = b.vectorOf(shape.factor, 2);
    Value evens = loadFactors(shape.op.getValue(), even, dim, size);
    Value odds = isWhole ? loadFactors(shape.op.getValue(), odd, dim, size)
                         : b.zero(whole);
    SmallVector<int64_t> low, high;
    int64_t count = whole.getNumElements();
    for (int64_t i = 0; i < count / 2; ++i) {
      low.append({i, count + i});
      high.append({count / 2 + i, count + count / 2 + i});
    }
    Value column = b.multiply(dim, b.index(2));
    b.store(vector::ShuffleOp::create(b, evens, odds, low), value,
            {pair, column});
    if (size > shape.lanes)
      b.store(vector::ShuffleOp::create(b, evens, odds, high), value,
              {pair, b.add(column, b.index(count))});
  });
}

void Packing::clearValues(const KeyTile &tile) {
  VectorType type = b.vectorOf(shape.factor, 2);
  Value first = b.ceilDiv(tile.count, 2);
  Value end = b.multiply(b.ceilDiv(first, shape.lanes), b.index(shape.lanes));
  b.forEach(first, end, 1, [&](Value pair) {
    for (int64_t dim = 0; dim < shape.paddedValueDim(); dim += shape.lanes)
      b.store(b.zero(type), value, {pair, b.index(2 * dim)});
  });
}

void Packing::packValue(Value batch, Value head, const KeyTile &tile,
                        const KeyRange &keys) {
  if (!shape.multipliesPairs())
    return b.forEach(keys.begin, keys.end, 1,
                     [&](Value key) { packValueRow(batch, head, tile, key); });
  auto half = [&](Value number) {
    return b.createOrFold<arith::DivUIOp>(number, b.index(2));
  };
  Value pairs = half(keys.end);
  b.forEach(half(keys.begin), pairs, 1, [&](Value pair) {
    packValuePair(batch, head, tile, pair, /*isWhole=*/true);
  });
  Value isOdd = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                      b.multiply(pairs, b.index(2)), keys.end);
  b.ifElse(isOdd,
           [&] { packValuePair(batch, head, tile, pairs, /*isWhole=*/false); });
  if (shape.multipliesMatrices())
    clearValues(tile);
}
