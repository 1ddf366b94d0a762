//===- DirectProducts.h - Products of few rows ---------------- -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOVECTOR_DIRECTPRODUCTS_H
#define MFA_LIB_CONVERSION_MFATOVECTOR_DIRECTPRODUCTS_H

#include "Packing.h"

namespace mlir::mfa {

/// The two products of a tile of keys for rows that are too few for copies of
/// keys and values to pay: a row reads both where they are in memory.
class DirectProducts {
public:
  /// `query` is packed, as `packing` has it.
  DirectProducts(VectorBuilder &b, const KernelShape &shape, Packing &packing,
                 Value batch, Value keyHead, const KeyTile &tile)
      : b(b), shape(shape), packing(packing), batch(batch), keyHead(keyHead),
        tile(tile) {}

  /// scores[r, k] = sum over d of query[r, d] * key[k, d], for the first rows
  /// and the keys k, and for more keys up to a whole vector.
  void createScores(Value numRows, const KeyRange &keys, Value scores);

  /// output[r, d] = output[r, d] * factors[r]
  ///                + sum over k of weights[r, k] * value[k, d]
  void addWeightedValues(Value weights, Value numRows, const KeyRange &keys,
                         Value factors, Value output);

private:
  RowPlace getPlace(Value key) {
    return {batch, b.add(tile.first, key), keyHead};
  }
  /// The scores of a row with a vector of keys.
  Value createScoreVector(Value row, Value firstKey);
  void addToColumns(Value weights, Value row, const KeyRange &keys,
                    Value factors, Value output, Value firstDim,
                    ArrayRef<int64_t> columns);

  VectorBuilder &b;
  const KernelShape &shape;
  Packing &packing;
  Value batch, keyHead;
  KeyTile tile;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOVECTOR_DIRECTPRODUCTS_H
