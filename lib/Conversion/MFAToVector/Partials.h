//===- Partials.h - Sums over parts of the keys --------------- -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOVECTOR_PARTIALS_H
#define MFA_LIB_CONVERSION_MFATOVECTOR_PARTIALS_H

#include "KernelShape.h"

namespace mlir::mfa {

/// What is known of a row when all of its keys have been seen.
struct RowResult {
  /// Of scores; of weights, times 2^-16.
  Value maximum, sum;
  /// Array and row in it of the weighted sum of values, times 2^-16.
  Value output, outputRow;
};

/// Where the keys of the same rows are shared between iterations that run in
/// parallel, the results of each part, in memory: for units, which are parts of
/// tiles of rows.
class Partials {
public:
  Partials(VectorBuilder &b, const KernelShape &shape, Value numUnits);

  void store(Value unit, Value row, const RowResult &result);
  /// The result of the units from `first` on, in `output`, which is [1, padded
  /// dimension of the value].
  RowResult combine(Value first, Value count, Value row, Value output);
  void free();

private:
  VectorBuilder &b;
  const KernelShape &shape;
  /// [unit, row of tile] and, in `outputs`, [.., dim].
  Value maximums, sums, outputs;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOVECTOR_PARTIALS_H
