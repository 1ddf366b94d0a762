//===- DirectProducts.cpp - Products of few rows --------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DirectProducts.h"

using namespace mlir;
using namespace mlir::mfa;

/// The sums of as many vectors as each has lanes, as one vector. In each round
/// neighbours are added up, and vectors become half as many; first in groups of
/// four lanes, within which CPUs shuffle fastest:
///
///     a0 a1 a2 a3 a4 a5 a6 a7
///     b0 b1 b2 b3 b4 b5 b6 b7  ->  a01 a23 b01 b23 a45 a67 b45 b67
///     ...                      ->  a03 b03 c03 d03 a47 b47 c47 d47
///     ...                      ->  a07 b07 c07 d07 e07 f07 g07 h07
static Value sumLanes(VectorBuilder &b, SmallVector<Value> vectors) {
  constexpr int64_t kGroup = 4;
  int64_t lanes = vectors.size();
  SmallVector<int64_t> even, odd, evenGroups, oddGroups;
  for (int64_t group = 0; group < lanes; group += kGroup)
    for (int64_t first : {group, lanes + group}) {
      even.append({first, first + 2});
      odd.append({first + 1, first + 3});
    }
  for (int64_t group = 0; group < 2 * lanes; group += 2 * kGroup)
    for (int64_t lane = group; lane < group + kGroup; ++lane) {
      evenGroups.push_back(lane);
      oddGroups.push_back(lane + kGroup);
    }
  for (int64_t width = 1; width < lanes; width *= 2) {
    bool inGroups = width < kGroup;
    SmallVector<Value> next;
    for (size_t i = 0; i < vectors.size(); i += 2) {
      auto shuffle = [&](ArrayRef<int64_t> lanes) -> Value {
        return vector::ShuffleOp::create(b, vectors[i], vectors[i + 1], lanes);
      };
      next.push_back(b.add(shuffle(inGroups ? even : evenGroups),
                           shuffle(inGroups ? odd : oddGroups)));
    }
    vectors = std::move(next);
  }
  return vectors.front();
}

Value DirectProducts::createScoreVector(Value row, Value firstKey) {
  constexpr int64_t kCacheLine = 64;
  int64_t lanes = shape.lanes;
  Value key = shape.op.getKey();
  Value last = b.subtract(tile.count, b.index(1));
  SmallVector<RowPlace> places, nextPlaces;
  for (int64_t lane = 0; lane < lanes; ++lane)
    places.push_back(getPlace(b.least(b.add(firstKey, b.index(lane)), last)));
  for (int64_t lane = 0; lane < lanes; ++lane)
    nextPlaces.push_back(
        getPlace(b.least(b.add(firstKey, b.index(lanes + lane)), last)));

  auto addDims = [&](ValueRange sums, Value dim, int64_t count) {
    Value query = extendToF32(
        b, b.load(b.vectorOf(shape.factor), packing.query, {row, dim}));
    SmallVector<Value> next;
    for (auto [place, sum] : llvm::zip_equal(places, sums))
      next.push_back(
          b.fma(packing.loadF32(key, place, dim, count), query, sum));
    return next;
  };
  SmallVector<Value> sums(lanes, b.zero(b.vectorOfF32()));
  int64_t step =
      std::max(lanes, kCacheLine * 8 / shape.element.getIntOrFloatBitWidth());
  int64_t whole = shape.headDim / step * step;
  if (whole > 0)
    sums = b.forEach(b.index(0), b.index(whole), step, sums,
                     [&](Value dim, ValueRange before) {
                       for (const RowPlace &place : nextPlaces)
                         packing.prefetch(key, place, dim);
                       SmallVector<Value> sums(before);
                       for (int64_t offset = 0; offset < step; offset += lanes)
                         sums =
                             addDims(sums, b.add(dim, b.index(offset)), lanes);
                       return sums;
                     });
  for (int64_t dim = whole; dim < shape.headDim; dim += lanes)
    sums = addDims(sums, b.index(dim), std::min(lanes, shape.headDim - dim));
  return sumLanes(b, std::move(sums));
}

void DirectProducts::createScores(Value numRows, const KeyRange &keys,
                                  Value scores) {
  b.forEach(numRows, [&](Value row) {
    b.forEach(keys.begin, keys.end, shape.lanes, [&](Value key) {
      b.store(createScoreVector(row, key), scores, {row, key});
    });
  });
}

/// `columns` are the elements of each vector.
void DirectProducts::addToColumns(Value weights, Value row,
                                  const KeyRange &keys, Value factors,
                                  Value output, Value firstDim,
                                  ArrayRef<int64_t> columns) {
  Value factor = b.splat(memref::LoadOp::create(b, factors, row));
  Value last = b.subtract(tile.count, b.index(1));
  SmallVector<Value> dims, sums;
  for (size_t column = 0; column < columns.size(); ++column) {
    dims.push_back(b.add(firstDim, b.index(column * shape.lanes)));
    Value old = b.load(b.vectorOfF32(), output, {row, dims.back()});
    sums.push_back(b.multiply(old, factor));
  }
  sums =
      b.forEach(keys.begin, keys.end, 1, sums, [&](Value key, ValueRange sums) {
        Value weight = b.splat(extendToF32(
            b, memref::LoadOp::create(b, weights, ValueRange{row, key})));
        RowPlace place = getPlace(key);
        RowPlace ahead =
            getPlace(b.least(b.add(key, b.index(Packing::kRowsAhead)), last));
        SmallVector<Value> next;
        for (auto [dim, count, sum] : llvm::zip_equal(dims, columns, sums)) {
          packing.prefetch(shape.op.getValue(), ahead, dim);
          Value part = packing.loadF32(shape.op.getValue(), place, dim, count);
          next.push_back(b.fma(part, weight, sum));
        }
        return next;
      });
  for (auto [sum, dim] : llvm::zip_equal(sums, dims))
    b.store(sum, output, {row, dim});
}

void DirectProducts::addWeightedValues(Value weights, Value numRows,
                                       const KeyRange &keys, Value factors,
                                       Value output) {
  // As many as multiply-adds are in flight.
  constexpr int64_t kColumns = 8;
  int64_t width = kColumns * shape.lanes;
  int64_t whole = shape.valueDim / width * width;
  b.forEach(numRows, [&](Value row) {
    auto add = [&](Value firstDim, ArrayRef<int64_t> columns) {
      addToColumns(weights, row, keys, factors, output, firstDim, columns);
    };
    if (whole > 0)
      b.forEach(b.index(0), b.index(whole), width, [&](Value dim) {
        add(dim, SmallVector<int64_t>(kColumns, shape.lanes));
      });
    SmallVector<int64_t> rest;
    for (int64_t dim = whole; dim < shape.valueDim; dim += shape.lanes)
      rest.push_back(std::min(shape.lanes, shape.valueDim - dim));
    if (!rest.empty())
      add(b.index(whole), rest);
  });
}
