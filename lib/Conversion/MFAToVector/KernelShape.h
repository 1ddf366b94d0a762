//===- KernelShape.h - What the loops of an op are made of ---- -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOVECTOR_KERNELSHAPE_H
#define MFA_LIB_CONVERSION_MFATOVECTOR_KERNELSHAPE_H

#include "VectorBuilder.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::mfa {

/// An op, its schedule, and the sizes that follow from both.
///
/// Factors of products are packed in 32 bits for each lane: one f32, or a pair
/// of bf16 that are neighbours along the summed dimension.
struct KernelShape {
  KernelShape(MaskedAttentionOp op, ScheduleAttr schedule)
      : op(op), lanes(schedule.getLanes()), tileRows(schedule.getTileRows()),
        tileKeys(schedule.getTileKeys()), rows(schedule.getRegisterRows()),
        columns(schedule.getRegisterColumns()),
        perLane(schedule.getDotProducts() ? 2 : 1),
        sumRows(schedule.getMatrixProducts() ? lanes : 1),
        headDim(op.getHeadDim()), valueDim(op.getValueDim()),
        element(op.getElementType()),
        factor(schedule.getDotProducts()
                   ? element
                   : Type(Float32Type::get(op.getContext()))),
        looks(schedule.getTiles() == TileChoice::List &&
              !op.getKeep().empty()) {}

  // Accessors of ops are not const.
  mutable MaskedAttentionOp op;
  int64_t lanes;
  int64_t tileRows, tileKeys;
  /// Of what is summed up in registers: rows, and vectors of each.
  int64_t rows, columns;
  /// Factors in a lane.
  int64_t perLane;
  /// Of a sum in a register: one, or in a tile register as many as lanes. A
  /// step of products then is of as many lanes of factors, too.
  int64_t sumRows;
  int64_t headDim, valueDim;
  /// Of the operands in memory, and of the factors of products.
  Type element, factor;
  bool looks;

  /// Whether tiles are looked at for pairs that are kept.
  bool looksAtTiles() const { return looks; }
  bool multipliesPairs() const { return perLane == 2; }
  bool multipliesMatrices() const { return sumRows > 1; }
  /// Keys of a block, whose scores are summed up at a time. A tile has whole
  /// blocks.
  int64_t blockKeys() const { return columns * lanes; }
  int64_t paddedHeadDim() const {
    return llvm::alignTo(headDim, perLane * lanes);
  }
  int64_t paddedValueDim() const { return llvm::alignTo(valueDim, lanes); }
  /// Of the head's dimensions or keys that a step of products sums up.
  int64_t stepSize() const { return perLane * sumRows; }
  /// What the copies of tiles take of a thread's stack, with their results.
  int64_t scratchBytes() const {
    int64_t factors = tileRows * paddedHeadDim() +
                      tileKeys * (paddedHeadDim() + paddedValueDim());
    int64_t numbers = tileRows * (paddedValueDim() + lanes) + rows * tileKeys;
    int64_t weights = multipliesPairs() ? rows * tileKeys : 0;
    return (factors + weights) * (multipliesPairs() ? 2 : 4) + numbers * 4;
  }
  /// Rows in registers, as numbers of which a vector each is computed.
  int64_t paddedRows() const { return llvm::alignTo(rows, lanes); }
};

/// A tile of keys: the first, and how many there are in it.
struct KeyTile {
  Value first, count;
};

/// Keys of a tile, by their numbers in it, from the first of a block on.
struct KeyRange {
  Value begin, end;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOVECTOR_KERNELSHAPE_H
