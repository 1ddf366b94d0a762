//===- TileClasses.h - What has to be done with a key tile ------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What the closed form of a rule cannot say (KeyTiles.h) is found out where the
// program runs: by the region `keep` and the mask for each pair of a tile of
// query rows and a tile of keys, until no further pair can change the answer.
//
//   skipped   no pair takes part
//   free      all pairs are kept, and the mask adds 0 to each
//   masked    all pairs are kept by the rule: the mask has to be added
//   tested    some pair is not kept by the rule, or there is none at its place
//
// A mask of i1 excludes pairs as a rule does. So does one of floats with -inf,
// but not where a score is no number: what is NaN with it is NaN in the output.

#ifndef MFA_DIALECT_MFA_TRANSFORMS_TILECLASSES_H
#define MFA_DIALECT_MFA_TRANSFORMS_TILECLASSES_H

#include "mfa/Dialect/MFA/Transforms/KeyTileSteps.h"

namespace mlir::mfa {

enum class TileClass : int32_t { Skipped, Free, Masked, Tested };

/// What is known of pairs that were looked at, each an i1: whether any takes
/// part, is dropped by the rule, or is changed by the mask.
struct PairFacts {
  Value anyKept, anyDropped, anyMasked;
};

/// What decides: an op that is on buffers or was, by its region `keep`, and
/// where these are not null by its mask and a condition.
struct PairSources {
  MaskedAttentionOp op;
  ValueRange captures;
  /// The op's mask, where that takes part.
  Value mask;
  /// Whether a mask of floats may exclude pairs: no score is NaN or inf.
  Value areScoresFinite;
};

/// Those of a single pair.
PairFacts createPairFacts(ImplicitLocOpBuilder &b, const PairSources &sources,
                          Value batch, Value head, Value query, Value key);

/// Who looks at a tile together: of `count` the one with that number looks at
/// each `count`-th key. `any` is whether an i1 is true for one of them.
struct TileLanes {
  Value number;
  int64_t count;
  function_ref<Value(Value condition)> any;
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
