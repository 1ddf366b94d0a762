//===- Partials.cpp - Sums over parts of the keys -------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Partials.h"
#include "ScoreRows.h"

using namespace mlir;
using namespace mlir::mfa;

Partials::Partials(VectorBuilder &b, const KernelShape &shape, Value numUnits,
                   Value numRows)
    : b(b), shape(shape) {
  auto allocate = [&](ArrayRef<int64_t> ofRow) -> Value {
    SmallVector<int64_t> sizes(2, ShapedType::kDynamic);
    llvm::append_range(sizes, ofRow);
    return memref::AllocOp::create(b, MemRefType::get(sizes, b.getF32Type()),
                                   ValueRange{numUnits, numRows});
  };
  maximums = allocate({});
  sums = allocate({});
  outputs = allocate({shape.paddedValueDim()});
}

void Partials::free() {
  for (Value array : {maximums, sums, outputs})
    memref::DeallocOp::create(b, array);
}

void Partials::store(Value unit, Value row, const RowResult &result) {
  memref::StoreOp::create(b, result.maximum, maximums, ValueRange{unit, row});
  memref::StoreOp::create(b, result.sum, sums, ValueRange{unit, row});
  b.forEach(
      b.index(0), b.index(shape.paddedValueDim()), shape.lanes, [&](Value dim) {
        Value part =
            b.load(b.vectorOfF32(), result.output, {result.outputRow, dim});
        b.store(part, outputs, {unit, row, dim});
      });
}

RowResult Partials::combine(Value first, Value count, Value row, Value output) {
  Value zero = b.index(0), end = b.add(first, count);
  auto loadMaximum = [&](Value unit) -> Value {
    return memref::LoadOp::create(b, maximums, ValueRange{unit, row});
  };
  Value maximum =
      b.forEach(first, end, 1, b.f32(-kInfinity),
                [&](Value unit, ValueRange state) -> SmallVector<Value> {
                  return {b.larger(loadMaximum(unit), state.front())};
                })[0];
  Value hasNone = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, maximum,
                                        b.f32(-kInfinity));
  Value base = arith::SelectOp::create(b, hasNone, b.f32(0), maximum);
  VectorType type = b.vectorOfF32();
  auto clear = [&](Value dim) { b.store(b.zero(type), output, {zero, dim}); };
  b.forEach(zero, b.index(shape.paddedValueDim()), shape.lanes, clear);
  Value sum = b.forEach(
      first, end, 1, b.f32(0),
      [&](Value unit, ValueRange state) -> SmallVector<Value> {
        Value distance = b.splat(b.subtract(loadMaximum(unit), base));
        Value factor =
            b.multiply(createScaledExp(b, distance), b.splat(0x1p16f));
        b.forEach(zero, b.index(shape.paddedValueDim()), shape.lanes,
                  [&](Value dim) {
                    Value part = b.load(type, outputs, {unit, row, dim});
                    Value sum = b.load(type, output, {zero, dim});
                    b.store(b.fma(part, factor, sum), output, {zero, dim});
                  });
        Value part = memref::LoadOp::create(b, sums, ValueRange{unit, row});
        Value first = vector::ExtractOp::create(b, factor, 0);
        return {b.add(state.front(), b.multiply(part, first))};
      })[0];
  return {maximum, sum, output, zero};
}
