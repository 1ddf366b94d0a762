//===- Products.cpp - The two products of a tile --------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Products.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace mlir::mfa;

namespace {
/// Sums of register rows x some vectors: in each step one element of each row,
/// in all lanes, times one vector of each column.
class RegisterTile {
public:
  RegisterTile(VectorBuilder &b, const KernelShape &shape, int64_t columns)
      : b(b), shape(shape), columns(columns) {}

  /// The sums after steps from `first` on, below `end`. `left` is [row, step],
  /// `right` [step, column], both packed; the sums begin with `sums`, row by
  /// row.
  SmallVector<Value> multiply(Value left, Value firstRow, Value right,
                              Value firstColumn, Value first, Value end,
                              ValueRange sums);

private:
  /// The factors of a row, in all lanes.
  Value loadLeft(Value left, Value row, Value step);

  VectorBuilder &b;
  const KernelShape &shape;
  int64_t columns;
};
} // namespace

Value RegisterTile::loadLeft(Value left, Value row, Value step) {
  if (!shape.multipliesPairs())
    return b.splat(memref::LoadOp::create(b, left, ValueRange{row, step}));
  Value element = b.multiply(step, b.index(2));
  Value pair = b.load(VectorType::get({2}, shape.factor), left, {row, element});
  Value word =
      vector::BitCastOp::create(b, VectorType::get({1}, b.getI32Type()), pair);
  Value all = b.splat(vector::ExtractOp::create(b, word, 0));
  return vector::BitCastOp::create(b, b.vectorOf(shape.factor, 2), all);
}

SmallVector<Value> RegisterTile::multiply(Value left, Value firstRow,
                                          Value right, Value firstColumn,
                                          Value first, Value end,
                                          ValueRange sums) {
  SmallVector<Value> leftRows, rightColumns;
  for (int64_t row = 0; row < shape.rows; ++row)
    leftRows.push_back(b.add(firstRow, b.index(row)));
  for (int64_t column = 0; column < columns; ++column) {
    Value vector = b.add(firstColumn, b.index(column * shape.lanes));
    rightColumns.push_back(b.multiply(vector, b.index(shape.perLane)));
  }
  VectorType factors = b.vectorOf(shape.factor, shape.perLane);
  return b.forEach(first, end, 1, sums, [&](Value step, ValueRange sums) {
    SmallVector<Value> rights, next;
    for (Value column : rightColumns)
      rights.push_back(b.load(factors, right, {step, column}));
    for (auto [row, leftRow] : llvm::enumerate(leftRows)) {
      Value element = loadLeft(left, leftRow, step);
      for (auto [column, vector] : llvm::enumerate(rights)) {
        Value sum = sums[row * columns + column];
        next.push_back(shape.multipliesPairs() ? x86vector::DotBF16Op::create(
                                                     b, sum, element, vector)
                                                     .getResult()
                                               : b.fma(element, vector, sum));
      }
    }
    return next;
  });
}

void mfa::createScores(VectorBuilder &b, const KernelShape &shape, Value query,
                       Value key, Value firstRow, const KeyRange &keys,
                       Value scores) {
  int64_t columns = shape.columns;
  Value steps = b.index(shape.headDim / shape.perLane);
  SmallVector<Value> zeros(shape.rows * columns, b.zero(b.vectorOfF32()));
  b.forEach(keys.begin, keys.end, shape.blockKeys(), [&](Value firstKey) {
    SmallVector<Value> sums =
        RegisterTile(b, shape, columns)
            .multiply(query, firstRow, key, firstKey, b.index(0), steps, zeros);
    for (auto [number, sum] : llvm::enumerate(sums)) {
      Value place = b.add(firstKey, b.index(number % columns * shape.lanes));
      b.store(sum, scores, {b.index(number / columns), place});
    }
  });
}

/// Of some columns of the output.
static void addWeightedValues(VectorBuilder &b, const KernelShape &shape,
                              Value weights, Value value, Value firstRow,
                              const KeyRange &steps, Value factors,
                              Value output, Value firstDim, int64_t columns) {
  SmallVector<Value> sums;
  SmallVector<SmallVector<Value>> places;
  for (int64_t row = 0; row < shape.rows; ++row) {
    Value factor =
        b.splat(memref::LoadOp::create(b, factors, ValueRange{b.index(row)}));
    for (int64_t column = 0; column < columns; ++column) {
      places.push_back({b.add(firstRow, b.index(row)),
                        b.add(firstDim, b.index(column * shape.lanes))});
      Value old = b.load(b.vectorOfF32(), output, places.back());
      sums.push_back(b.multiply(old, factor));
    }
  }
  sums = RegisterTile(b, shape, columns)
             .multiply(weights, b.index(0), value, firstDim, steps.begin,
                       steps.end, sums);
  for (auto [sum, place] : llvm::zip_equal(sums, places))
    b.store(sum, output, place);
}

void mfa::addWeightedValues(VectorBuilder &b, const KernelShape &shape,
                            Value weights, Value value, Value firstRow,
                            const KeyRange &keys, Value factors, Value output) {
  KeyRange steps{b.ceilDiv(keys.begin, shape.perLane),
                 b.ceilDiv(keys.end, shape.perLane)};
  int64_t width = shape.columns * shape.lanes;
  int64_t dims = shape.paddedValueDim(), whole = dims / width * width;
  auto add = [&](Value firstDim, int64_t columns) {
    ::addWeightedValues(b, shape, weights, value, firstRow, steps, factors,
                        output, firstDim, columns);
  };
  if (whole > 0)
    b.forEach(b.index(0), b.index(whole), width,
              [&](Value dim) { add(dim, shape.columns); });
  if (whole < dims)
    add(b.index(whole), (dims - whole) / shape.lanes);
}
