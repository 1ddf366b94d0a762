//===- KeyTileSteps.h - Key tiles in numbers --------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The arithmetic of `#mfa.key_tiles`: which tiles of keys the rows of a tile
// visit, and how many of them need a test, as ops on index. Kernels have it for
// their steps, and whoever counts tiles the same.

#ifndef MFA_DIALECT_MFA_TRANSFORMS_KEYTILESTEPS_H
#define MFA_DIALECT_MFA_TRANSFORMS_KEYTILESTEPS_H

#include "mfa/Dialect/MFA/Analysis/KeyTiles.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mfa {

/// The sets of `visit` or `test` of an attribute, as ranges.
SmallVector<KeyTileRange> getKeyTileRanges(ArrayAttr sets);

/// Whether rows further on visit more tiles of keys, by `tiles`, which may be
/// null.
bool growsWithRows(KeyTilesAttr tiles);

/// The values of the symbols of its sets.
SmallVector<Value> createKeyTileSymbols(ImplicitLocOpBuilder &b,
                                        KeyTilesAttr tiles, Value numQueries,
                                        Value numKeys, ValueRange captures);

/// Where a tile of rows is: batch, head and its number among the head's tiles
/// are dimensions of the sets.
struct RowTilePlace {
  Value batch, head, rowTile;
};

/// Tiles from the first on, in front of the end.
struct KeyTileSpan {
  Value first, end;
};

/// The tiles that hold all that `tiles` says rows visit: none are
/// [numTiles, 0).
KeyTileSpan createVisitedSpan(ImplicitLocOpBuilder &b, KeyTilesAttr tiles,
                              ValueRange symbols, const RowTilePlace &place,
                              Value numTiles);

/// Steps over [first, end), `minSteps` of them or more. Those that need a test
/// come first: `down` steps from the last tile on, then those from the first
/// tile on.
struct KeyTileSteps {
  Value first, end, count, down, tested;
};
KeyTileSteps createKeyTileSteps(ImplicitLocOpBuilder &b, KeyTilesAttr tiles,
                                ValueRange symbols, const RowTilePlace &place,
                                Value numTiles, Value minSteps);

} // namespace mlir::mfa

#endif // MFA_DIALECT_MFA_TRANSFORMS_KEYTILESTEPS_H
