//===- TileClasses.h - What has to be done with a key tile ------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What the closed form of a rule cannot say (KeyTiles.h) is found out where the
// program runs: where least and greatest elements of the arrays that the rule
// reads do not tell, by the region `keep` and the mask for each pair of a tile
// of query rows and a tile of keys, until no further pair can change the
// answer.
//
//   skipped   no pair is kept by the rule
//   excluded  the mask excludes all that are: skipped where all scores and
//             values are finite, since what is NaN stays NaN by a mask
//   free      all pairs are kept, and the mask adds 0 to each
//   masked    all pairs are kept by the rule: the mask has to be added
//   tested    some pair is not kept by the rule, or there is none at its place

#ifndef MFA_DIALECT_MFA_TRANSFORMS_TILECLASSES_H
#define MFA_DIALECT_MFA_TRANSFORMS_TILECLASSES_H

#include "mfa/Dialect/MFA/Transforms/KeyTileSteps.h"

namespace mlir::mfa {

enum class TileClass : int32_t { Skipped, Excluded, Free, Masked, Tested };

/// What is known of pairs that were looked at, each an i1: whether any is kept
/// by the rule, left by rule and mask, dropped by the rule, or changed by the
/// mask. Without a mask, what is kept is left.
struct PairFacts {
  Value anyKept, anyLeft, anyDropped, anyMasked;
};

/// What decides: the region `keep` of an op on buffers, if there is one, and
/// its mask where that is not null.
struct PairSources {
  MaskedAttentionOp op;
  ValueRange captures;
  Value mask;
};

/// Those of a single pair.
PairFacts createPairFacts(ImplicitLocOpBuilder &b, const PairSources &sources,
                          Value batch, Value head, Value query, Value key);

enum class Extreme { Least, Greatest };

/// Who looks at a tile together: of `count` the one with that number looks at
/// each `count`-th key. `any` is whether an i1 is true for one of them, and
/// `extreme` the least or the greatest of their signed numbers of 32 bits or
/// more.
struct TileLanes {
  Value number;
  int64_t count;
  function_ref<Value(Value condition)> any;
  function_ref<Value(Value number, Extreme which)> extreme;
};

/// Those of a tile of `tileKeys` keys or less, none of whose spans is empty.
PairFacts createTileFacts(ImplicitLocOpBuilder &b, const PairSources &sources,
                          Value batch, Value head, const KeyTileSpan &queries,
                          const KeyTileSpan &keys, int64_t tileKeys,
                          const TileLanes &lanes);

/// The class as an i32; `isShort` of a tile with fewer keys than others.
Value createTileClass(ImplicitLocOpBuilder &b, const PairFacts &facts,
                      Value isShort);

} // namespace mlir::mfa

#endif // MFA_DIALECT_MFA_TRANSFORMS_TILECLASSES_H
