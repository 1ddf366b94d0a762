//===- KeySteps.h - Which tiles of keys rows take ------------- -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOVECTOR_KEYSTEPS_H
#define MFA_LIB_CONVERSION_MFATOVECTOR_KEYSTEPS_H

#include "KernelShape.h"
#include "mfa/Dialect/MFA/Transforms/KeyTileSteps.h"

namespace mlir::mfa {

/// One of `count` parts of the steps that rows take.
struct Part {
  Value number, count;
};

/// The tiles of keys that rows take, one a step: all, or those that the closed
/// form of the regions leaves.
class KeySteps {
public:
  /// Writes what all rows have in common.
  KeySteps(VectorBuilder &b, const KernelShape &shape);

  /// How many tiles there are of all keys.
  Value getNumTiles() const { return numTiles; }
  /// Whether the tiles are the same for all heads.
  bool areOfAllHeads() const;

  /// `body` for each tile of a part that the rows of `place` visit, with
  /// whether a row may drop a key of it, or it ends early.
  void forEach(const RowTilePlace &place, const Part &part,
               function_ref<void(const KeyTile &, Value isTested)> body);
  /// The keys of a tile that any row of `place` visits, which may be none.
  KeyRange getRange(const RowTilePlace &place, Value isOneHead,
                    const KeyTile &tile);
  /// The keys of a tile that register rows visit, the first of which is number
  /// `firstRow` of the rows of `place`: of one head where `isOneHead`. Those of
  /// `ofTile`, the range of all rows, at most: what is said of fewer rows may
  /// be less exact, where a rule divides.
  KeyRange getRange(const RowTilePlace &place, Value firstRow, Value isOneHead,
                    const KeyTile &tile, const KeyRange &ofTile);

private:
  /// The keys of a tile in the blocks that `rows` visit by `blocks`, or where
  /// these are not of one head, all.
  KeyRange getRangeOfBlocks(KeyTilesAttr blocks, const RowTilePlace &rows,
                            Value isOneHead, const KeyTile &tile);

  VectorBuilder &b;
  const KernelShape &shape;
  /// For tiles of the schedule, and for blocks of keys with tiles of rows and
  /// register rows.
  KeyTilesAttr tiles, blocksOfTile, blocks;
  Value numKeys, numTiles;
  SmallVector<Value> symbols;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOVECTOR_KEYSTEPS_H
