//===- NarrowComparisons.h - Comparisons in 32 bits -------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Rules compute with indices, which are of 64 bits, but a lane of a GPU
// computes with 32: it takes two instructions for a difference of indices and
// two more for a comparison. Positions are below 2^31, so most numbers that are
// made of them are, and a pair is tested with half of the instructions:
//
//   q / 64 - k / 64 <= n       in 32 bits but for n, which somebody outside
//                              chose: n is brought into the range of 32 bits
//                              once, and is beyond the left side as before
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_NARROWCOMPARISONS_H
#define MFA_LIB_CONVERSION_MFATOGPU_NARROWCOMPARISONS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/InferIntRangeInterface.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::mfa {

/// Clones conditions out of a region, with comparisons of indices in 32 bits
/// where these hold all that is compared.
class NarrowComparisons {
public:
  /// `positions` are values from 0 to 2^31 - 2. What depends on `innermost`,
  /// one of them, is computed most often: it is given no instruction more.
  NarrowComparisons(OpBuilder &b, IRMapping &mapping, ValueRange positions,
                    Value innermost);

  /// The clone of a value of the region, whose arguments are mapped.
  Value clone(Value value);

private:
  ConstantIntRanges getRange(Value value);
  /// Whether 32 bits hold the value, and there is one more on either side.
  bool isNarrow(Value value);
  /// Whether the op, of indices, does the same in 32 bits.
  bool isNarrowOp(Operation *op);
  /// Its name there: of numbers that are not negative the unsigned one, for
  /// which a power of two to divide by takes one instruction.
  StringAttr getNarrowName(Operation *op);
  /// The clone of a narrow value, of type i32.
  Value cloneNarrow(Value value);
  /// The clone of any value, or the nearest that 32 bits hold, as i32.
  Value cloneClamped(Value value);
  /// The clone of a comparison in 32 bits, or null.
  Value cloneComparison(Operation *op);

  OpBuilder &b;
  IRMapping &mapping;
  SmallVector<Value> positions;
  llvm::SetVector<Operation *> ofInnermost;
  llvm::DenseMap<Value, ConstantIntRanges> ranges;
  IRMapping narrow;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_NARROWCOMPARISONS_H
