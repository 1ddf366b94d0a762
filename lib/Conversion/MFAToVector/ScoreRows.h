//===- ScoreRows.h - The online softmax of rows --------------- -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOVECTOR_SCOREROWS_H
#define MFA_LIB_CONVERSION_MFATOVECTOR_SCOREROWS_H

#include "KernelShape.h"
#include "RowTile.h"
#include "VectorRegion.h"

namespace mlir::mfa {

/// exp(x) * 2^-16 of an f32 vector whose elements are 0 or less, and 0 below
/// -76: good to 1.5 * 2^-24 of the result. exp(-inf) is 0, that of NaN NaN.
///
/// The factor keeps sums of weighted values, of up to 2^16 keys, in range
/// wherever their mean is.
Value createScaledExp(VectorBuilder &b, Value x);

/// Scores of the register rows and weights in their place, and of all rows of
/// the tile what the online softmax knows of the keys so far: the maximum of
/// the scores, and the sum of the weights, lane by lane.
class ScoreRows {
public:
  /// Allocates what is said above.
  ScoreRows(VectorBuilder &b, const KernelShape &shape, Value scale);

  /// [register row, key]: f32 scores, and weights as factors of a product.
  Value scores, weights;
  /// [register row]: what sums so far have to be multiplied by.
  Value factors;

  /// No key so far, of the first rows of the tile.
  void reset(Value numRows);
  /// Whether the region `keep` keeps a pair of the tiles.
  Value isAnyKept(const RowTile &rows, const KeyTile &tile);
  /// From the scores of some keys of a tile to weights, of the first `numRows`
  /// register rows. `isTested` says whether a row may drop a key of the tile,
  /// or that ends early.
  void update(const RowTile &rows, Value firstRow, Value numRows,
              const KeyTile &tile, const KeyRange &keys, Value isTested);
  /// The sum of a row's weights, times 2^-16.
  Value getSum(Value row);
  Value getMaximum(Value row);

private:
  /// Scale, mask and regions; keeps the maximum.
  void finishScores(const RowTile &rows, Value firstRow, Value row,
                    const KeyTile &tile, const KeyRange &keys, Value isTested);
  Value finishVector(Value batch, const RowTile::Place &place,
                     const KeyLanes &lanes, Value score, bool isTested);
  Value loadMask(Value batch, const RowTile::Place &place,
                 const KeyLanes &lanes);
  void updateFactors(Value firstRow);
  void computeWeights(Value firstRow, Value row, const KeyRange &keys);
  /// Behind the keys, up to the end of a step of products of matrices.
  void clearWeights(Value row, const KeyRange &keys);

  VectorBuilder &b;
  const KernelShape &shape;
  Value scale;
  Value maximums, sums;
  /// [register row]: the new maximum, and what weights are relative to.
  Value newMaximums, bases;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOVECTOR_SCOREROWS_H
