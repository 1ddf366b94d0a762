//===- Products.cpp - The two products of a tile --------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Products.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace mlir::mfa;

namespace {
/// Sums of register rows x some vectors: in each step one element of each row,
/// in all lanes, times one vector of each column. Or, in tile registers, a step
/// multiplies matrices: 16 rows of as many elements as lanes, and as many rows
/// of a vector.
class RegisterTile {
public:
  RegisterTile(VectorBuilder &b, const KernelShape &shape, int64_t columns)
      : b(b), shape(shape), rows(shape.rows / shape.sumRows), columns(columns) {
  }

  /// Sums so far, row by row: of nothing, or from memory, in all of which
  /// `array` is [row, column].
  SmallVector<Value> createZeros();
  SmallVector<Value> load(Value array, Value firstRow, Value firstColumn);
  void store(ValueRange sums, Value array, Value firstRow, Value firstColumn);
  /// Multiplies sums in vectors by a factor of each row.
  void scaleRows(MutableArrayRef<Value> sums, Value factors);
  /// The sums after steps from `first` on, below `end`. `left` is [row, step],
  /// `right` [step, column], both packed.
  SmallVector<Value> multiply(Value left, Value firstRow, Value right,
                              Value firstColumn, Value first, Value end,
                              ValueRange sums);

private:
  /// `body` for row and column of each sum.
  void forEachSum(Value firstRow, Value firstColumn,
                  function_ref<void(Value, Value)> body);
  Type getSumType();
  /// 16 rows of 16 lanes.
  amx::TileType getTileType(Type element) {
    return amx::TileType::get(
        {shape.sumRows,
         shape.lanes * (element.isF32() ? int64_t(1) : shape.perLane)},
        element);
  }
  /// The factors of a row, in all lanes; or of rows, as a matrix.
  Value loadLeft(Value left, Value row, Value step);
  Value loadRight(Value right, Value step, Value column);
  Value multiplyAdd(Value left, Value right, Value sum);

  VectorBuilder &b;
  const KernelShape &shape;
  int64_t rows, columns;
};
} // namespace

Type RegisterTile::getSumType() {
  return shape.multipliesMatrices() ? Type(getTileType(b.getF32Type()))
                                    : b.vectorOfF32();
}

SmallVector<Value> RegisterTile::createZeros() {
  SmallVector<Value> zeros;
  for (int64_t i = 0; i < rows * columns; ++i)
    zeros.push_back(shape.multipliesMatrices()
                        ? amx::TileZeroOp::create(b, getSumType()).getResult()
                        : b.zero(b.vectorOfF32()));
  return zeros;
}

void RegisterTile::forEachSum(Value firstRow, Value firstColumn,
                              function_ref<void(Value, Value)> body) {
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      body(b.add(firstRow, b.index(row * shape.sumRows)),
           b.add(firstColumn, b.index(column * shape.lanes)));
}

SmallVector<Value> RegisterTile::load(Value array, Value firstRow,
                                      Value firstColumn) {
  SmallVector<Value> sums;
  forEachSum(firstRow, firstColumn, [&](Value row, Value column) {
    sums.push_back(
        shape.multipliesMatrices()
            ? amx::TileLoadOp::create(b, getSumType(), array, {row, column})
                  .getResult()
            : b.load(b.vectorOfF32(), array, {row, column}));
  });
  return sums;
}

void RegisterTile::store(ValueRange sums, Value array, Value firstRow,
                         Value firstColumn) {
  auto sum = sums.begin();
  forEachSum(firstRow, firstColumn, [&](Value row, Value column) {
    if (shape.multipliesMatrices())
      amx::TileStoreOp::create(b, array, {row, column}, *sum++);
    else
      b.store(*sum++, array, {row, column});
  });
}

void RegisterTile::scaleRows(MutableArrayRef<Value> sums, Value factors) {
  for (int64_t row = 0; row < rows; ++row) {
    Value factor =
        b.splat(memref::LoadOp::create(b, factors, ValueRange{b.index(row)}));
    for (Value &sum : sums.slice(row * columns, columns))
      sum = b.multiply(sum, factor);
  }
}

Value RegisterTile::loadLeft(Value left, Value row, Value step) {
  if (!shape.multipliesPairs())
    return b.splat(memref::LoadOp::create(b, left, ValueRange{row, step}));
  Value element = b.multiply(step, b.index(2));
  if (shape.multipliesMatrices())
    return amx::TileLoadOp::create(b, getTileType(shape.factor), left,
                                   {row, element});
  Value pair = b.load(VectorType::get({2}, shape.factor), left, {row, element});
  Value word =
      vector::BitCastOp::create(b, VectorType::get({1}, b.getI32Type()), pair);
  Value all = b.splat(vector::ExtractOp::create(b, word, 0));
  return vector::BitCastOp::create(b, b.vectorOf(shape.factor, 2), all);
}

Value RegisterTile::loadRight(Value right, Value step, Value column) {
  if (shape.multipliesMatrices())
    return amx::TileLoadOp::create(b, getTileType(shape.factor), right,
                                   {step, column});
  return b.load(b.vectorOf(shape.factor, shape.perLane), right, {step, column});
}

Value RegisterTile::multiplyAdd(Value left, Value right, Value sum) {
  if (shape.multipliesMatrices())
    return amx::TileMulFOp::create(b, sum.getType(), left, right, sum);
  if (shape.multipliesPairs())
    return x86vector::DotBF16Op::create(b, sum, left, right);
  return b.fma(left, right, sum);
}

SmallVector<Value> RegisterTile::multiply(Value left, Value firstRow,
                                          Value right, Value firstColumn,
                                          Value first, Value end,
                                          ValueRange sums) {
  SmallVector<Value> leftRows, rightColumns;
  for (int64_t row = 0; row < rows; ++row)
    leftRows.push_back(b.add(firstRow, b.index(row * shape.sumRows)));
  for (int64_t column = 0; column < columns; ++column) {
    Value vector = b.add(firstColumn, b.index(column * shape.lanes));
    rightColumns.push_back(b.multiply(vector, b.index(shape.perLane)));
  }
  return b.forEach(
      first, end, shape.sumRows, sums, [&](Value step, ValueRange sums) {
        SmallVector<Value> rights, next;
        for (Value column : rightColumns)
          rights.push_back(loadRight(right, step, column));
        for (auto [row, leftRow] : llvm::enumerate(leftRows)) {
          Value factors = loadLeft(left, leftRow, step);
          for (auto [column, vector] : llvm::enumerate(rights))
            next.push_back(
                multiplyAdd(factors, vector, sums[row * columns + column]));
        }
        return next;
      });
}

void mfa::createScores(VectorBuilder &b, const KernelShape &shape, Value query,
                       Value key, Value firstRow, const KeyRange &keys,
                       Value scores) {
  // What follows the last dimension up to a step is 0.
  Value steps =
      b.index(llvm::alignTo(shape.headDim, shape.stepSize()) / shape.perLane);
  Value zero = b.index(0);
  b.forEach(keys.begin, keys.end, shape.blockKeys(), [&](Value firstKey) {
    RegisterTile tile(b, shape, shape.columns);
    SmallVector<Value> sums = tile.multiply(query, firstRow, key, firstKey,
                                            zero, steps, tile.createZeros());
    tile.store(sums, scores, zero, firstKey);
  });
}

/// Multiplies the output of the register rows by a factor of each, in memory:
/// tile registers know nothing but products of matrices.
static void scaleOutput(VectorBuilder &b, const KernelShape &shape,
                        Value firstRow, Value factors, Value output) {
  b.forEach(b.index(shape.rows), [&](Value row) {
    Value factor = b.splat(memref::LoadOp::create(b, factors, row));
    Value tileRow = b.add(firstRow, row);
    for (int64_t dim = 0; dim < shape.paddedValueDim(); dim += shape.lanes) {
      Value old = b.load(b.vectorOfF32(), output, {tileRow, b.index(dim)});
      b.store(b.multiply(old, factor), output, {tileRow, b.index(dim)});
    }
  });
}

/// Of some columns of the output.
static void addWeightedValues(VectorBuilder &b, const KernelShape &shape,
                              Value weights, Value value, Value firstRow,
                              const KeyRange &steps, Value factors,
                              Value output, Value firstDim, int64_t columns) {
  RegisterTile tile(b, shape, columns);
  SmallVector<Value> sums = tile.load(output, firstRow, firstDim);
  if (!shape.multipliesMatrices())
    tile.scaleRows(sums, factors);
  sums = tile.multiply(weights, b.index(0), value, firstDim, steps.begin,
                       steps.end, sums);
  tile.store(sums, output, firstRow, firstDim);
}

/// Whether registers hold one more column of sums than the schedule says, with
/// a vector for each column and a factor: CPUs have 16 registers of vectors or
/// 32, and the schedule fits.
static bool hasRoomForColumn(const KernelShape &shape) {
  if (shape.multipliesMatrices())
    return false;
  auto countRegisters = [&](int64_t columns) {
    return shape.rows * columns + columns + 1;
  };
  return countRegisters(shape.columns + 1) <=
         (countRegisters(shape.columns) > 16 ? 32 : 16);
}

void mfa::addWeightedValues(VectorBuilder &b, const KernelShape &shape,
                            Value weights, Value value, Value firstRow,
                            const KeyRange &keys, Value factors, Value output) {
  KeyRange steps{b.ceilDiv(keys.begin, shape.perLane),
                 b.ceilDiv(keys.end, shape.perLane)};
  if (shape.multipliesMatrices())
    scaleOutput(b, shape, firstRow, factors, output);
  int64_t columns = shape.paddedValueDim() / shape.lanes;
  int64_t rest = columns % shape.columns;
  // One column by itself has so few sums that its products wait for each other.
  if (rest == 1 && columns > 1 && hasRoomForColumn(shape))
    rest += shape.columns;
  int64_t whole = (columns - rest) * shape.lanes;
  auto add = [&](Value firstDim, int64_t columns) {
    ::addWeightedValues(b, shape, weights, value, firstRow, steps, factors,
                        output, firstDim, columns);
  };
  if (whole > 0)
    b.forEach(b.index(0), b.index(whole), shape.columns * shape.lanes,
              [&](Value dim) { add(dim, shape.columns); });
  if (rest > 0)
    add(b.index(whole), rest);
}
