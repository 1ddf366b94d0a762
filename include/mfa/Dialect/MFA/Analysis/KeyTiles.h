//===- KeyTiles.h - Which key tiles a row tile visits -----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel computes scores by tiles of query rows and keys. From the pairs that
// a rule keeps (PairSets.h) follows which tiles it has to visit, and in which
// of them it has to test each pair:
//
//   visit   a pair of the tile may be kept      superset: what it lacks is
//   skipped test    a pair of the tile may be dropped   superset: what it lacks
//   is free
//
//            keys                  visit, and test: the diagonal (D), of a
//            causal
//          D . . .   . skipped     rule. Both are the same question, of the
//          rule
//   rows   F D . .   F free        and of its negation.
//          F F D .
//
// Query and key are eliminated from the constraints by Fourier and Motzkin's
// method, exactly where a coefficient is 1, and else over the rationals, which
// gives a superset. A quotient of what is eliminated stays, as a floor
// division, where one bound determines it. So "every fourth block" stays exact.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_ANALYSIS_KEYTILES_H
#define MFA_DIALECT_MFA_ANALYSIS_KEYTILES_H

#include "mfa/Dialect/MFA/Analysis/PairSets.h"
#include "mlir/IR/IntegerSet.h"

namespace mlir::mfa {

/// Dimensions and first symbols of the sets of a `KeyTiles`.
enum TileDim : unsigned {
  kTileBatch,
  kTileHead,
  kRowTile,
  kKeyTile,
  kNumTileDims
};
enum TileSymbol : unsigned { kQueryLength, kKeyLength, kNumTileSymbols };

/// Unions of affine sets over [batch, head, row tile, key tile], whose symbols
/// are Sq, Sk, and then those of the pairs. An empty union holds nowhere.
struct KeyTiles {
  SmallVector<IntegerSet> visit, test;
};

/// Sizes of tiles in rows and keys, and what is known of Sq and Sk (or
/// ShapedType::kDynamic).
struct TileShape {
  int64_t rows, keys;
  int64_t queryLength, keyLength;
};

KeyTiles findKeyTiles(const PairSets &pairs, const TileShape &shape,
                      MLIRContext *context);

/// A set of key tiles of a row tile as a range, and what of it no range can
/// say.
struct KeyTileRange {
  /// The range starts at the largest of `first` and ends in front of the
  /// smallest of `end`: over batch, head and row tile, and the symbols of the
  /// set.
  SmallVector<AffineExpr> first, end;
  /// Constraints that a tile of the range has to meet as well.
  Constraints rest;
};

KeyTileRange getKeyTileRange(IntegerSet set);

} // namespace mlir::mfa

#endif // MFA_DIALECT_MFA_ANALYSIS_KEYTILES_H
