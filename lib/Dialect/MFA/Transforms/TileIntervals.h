//===- TileIntervals.h - What intervals say of a tile -----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A rule need not be asked for each pair of a tile: mostly the least and the
// greatest position, and the least and the greatest element of each array,
// among the rows and among the keys of the tile, are enough to know. That of
// documents, id[q] == id[k], and that of neighbours in an image with rows of
// 64, |q / 64 - k / 64| <= 3, of tiles of 128:
//
//   ids of the rows   of the keys
//   3 .. 3            1 .. 2         no pair is kept
//   3 .. 3            3 .. 3         all are
//   2 .. 3            3 .. 4         who knows: each pair is to be looked at
//
//   rows of the image
//   10 .. 11          4 .. 5         no pair is kept: 5 to 7 rows are between
//   10 .. 11          8 .. 9         all are: 1 to 3
//   10 .. 11          6 .. 7         who knows: 3 to 5
//
// Each number of the region has an interval that holds it for all pairs of the
// tile, and each condition whether it may hold and may fail (interval
// arithmetic). What two numbers have to do with each other is lost, so both may
// be said of a tile of which one is true, but never less.

#ifndef MFA_LIB_DIALECT_MFA_TRANSFORMS_TILEINTERVALS_H
#define MFA_LIB_DIALECT_MFA_TRANSFORMS_TILEINTERVALS_H

#include "mfa/Dialect/MFA/Transforms/TileClasses.h"

namespace mlir::mfa {

/// Whether a condition may hold, and may fail, for some pair of a tile.
struct TileTruth {
  Value mayHold, mayFail;
};

/// Of what the region `keep` yields, for a tile whose spans are not empty, the
/// same for all lanes; nothing where intervals say nothing.
std::optional<TileTruth>
createKeepTruth(ImplicitLocOpBuilder &b, const PairSources &sources,
                Value batch, Value head, const KeyTileSpan &queries,
                const KeyTileSpan &keys, const TileLanes &lanes);

} // namespace mlir::mfa

#endif // MFA_LIB_DIALECT_MFA_TRANSFORMS_TILEINTERVALS_H
