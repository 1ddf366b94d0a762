//===- ScoreFunction.h - Scores from products of query and key --*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Scores are t = query . key^T * scale + mask, with -inf past the last key. A
// kernel asks for them in one of two forms: as a tile, whose row maximum it
// takes; or as exponents relative to a maximum that it has, (t - m) log2 e, in
// one pass over the products.
//
// What a score depends on besides its product is here, and nowhere else: scale,
// mask, and which keys are left out. The last is a test of its own, so that
// kernels run it for those tiles alone that their tile sequence says need it
// (TileSequence.h). The op's region `keep` belongs to that test, and its region
// `score` to both forms: each is one map over the tile, which knows the
// coordinates within it, and `enterRows`, `enterKeys` and `Test` know where it
// begins.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_SCOREFUNCTION_H
#define MFA_LIB_CONVERSION_MFATOGPU_SCOREFUNCTION_H

#include "KeepRegion.h"
#include "KernelProblem.h"
#include "ScoreRegion.h"
#include <optional>

namespace mlir::mfa {

/// A tile of t, or of t / scale.
struct Scores {
  Value tile;
  /// What gives t; null where the tile is t.
  Value scale;
  /// What gives t log2 e.
  Value factor;
};

class ScoreFunction {
public:
  /// For a kernel that asks for exponents in most steps, or for scores alone.
  enum class Form { Exponents, Scores };

  ScoreFunction(const KernelProblem &problem, Form form);

  /// Whether what holds for all keys of a row is part of its scores.
  bool dependsOnRows() const;
  /// Loads that: scores from here on are those of `rows`.
  void enterRows(const RowTile &rows);
  /// Whether scores before any test depend on the place of their keys.
  bool dependsOnKeys() const { return bool(scoreRegion); }
  /// Whether each score takes a result of the special function unit.
  bool hasSpecialFunctions() const { return scoreRegion.hasSpecialFunctions(); }
  /// Scores from here on are those of the tile that begins there.
  void enterKeys(Value key) { firstKey = key; }
  /// Whether what the mask excludes stays so.
  bool keepsExcluded() const { return !scoreRegion; }
  /// The part of the mask that is in shared memory, in registers as it is.
  Value loadMask(Value shared);

  /// `mask` may be null.
  Scores getScores(Value products, Value mask);
  /// The same with the mask that `load` gives, or null, where it is needed.
  Scores getScores(Value products, OpFoldResult needsMask,
                   function_ref<Value()> load);
  /// What `finish` makes of (t - `rowMax`) log2 e. `mask` may be null.
  Value mapExponents(Value products, Value mask, Value rowMax,
                     function_ref<Value(Value exponent)> finish);
  /// The product of scale and log2 e, if that is known where the program runs
  /// only, else null.
  Value getOpenFactor() const { return isScaleKnown ? Value() : scaleToLog2; }

  /// What decides which scores of a step to leave out: comes from the place of
  /// its tile, so that it can be computed ahead of the scores.
  struct Test {
    OpFoldResult isNeeded;
    Value firstKey, keysLeft;
  };
  Test getTest(OpFoldResult isNeeded, Value firstKey);
  Test getNoTest() { return {b.getBoolAttr(false), Value(), Value()}; }
  /// Whether a step had better leave products out before it weighs them, by
  /// whatever maximum: where products become scores by a positive factor alone,
  /// so that -inf stays what it is, and steps behind the first are tested
  /// often.
  bool mayExcludeProducts() const;
  /// A tile of products, scores or exponents with -inf for those that are left
  /// out.
  Value exclude(Value tile, const Test &test);

private:
  /// A 16-bit mask as f32.
  Value widenMask(Value mask);
  Value toF32(Value maskElement);
  // Arguments of a region: those that all pairs of the rows have alike, and
  // those of the pair at row and column of the tile that begins at `firstKey`,
  // without the score, or, where `col` is null, the key. Keys of a tile that
  // `mayBeLast` may be past the end.
  IRMapping mapUniform(Region &region);
  IRMapping mapPair(Region &region, Value row, Value col, Value firstKey,
                    bool mayBeLast = false);
  /// `body` for each pair, with all arguments of the region `score`, and with
  /// `form` as far as scores are of it.
  Value
  mapScoreRegion(Value products, Value mask, ScoreRegion::Form form,
                 function_ref<Value(IRMapping, ScoreRegion::Form form)> body);

  /// The bounds of a region `keep` for each row, as columns of the tile that is
  /// tested, null where there is none. The high one knows the end of the keys.
  struct ColumnBounds {
    Value low, high;
  };
  ColumnBounds getColumnBounds(const Test &test);
  Value excludeByBounds(Value tile, const ColumnBounds &bounds);
  /// By what a region `keep` is besides bounds.
  Value excludeByRest(Value tile, const Test &test, bool mayBeLast);
  /// By the bits of a list.
  Value excludeByBits(Value tile, const Test &test);
  // `exclude` where the test is needed, with a region `keep` and without one.
  Value excludeByRegion(Value tile, const Test &test);
  Value excludePastEnd(Value tile, const Test &test);
  /// `mapExponents` of a region that is linear, unmasked scores alone; else
  /// null.
  Value mapLinearExponents(Value products, Value mask, Value rowMax,
                           function_ref<Value(Value exponent)> finish);

  const KernelProblem &problem;
  KernelBuilder &b;
  ScoreRegion scoreRegion;
  KeepRegion keepRegion;
  /// The product of scale and log2 e, where it is known or exponents are asked
  /// for.
  Value toLog2, scaleToLog2;
  bool isScaleKnown = false;
  /// Without a mask, and with a positive scale that is known, scores may stay
  /// unscaled up to the exponent in kernels that ask for scores alone.
  bool canScaleLate = false;
  // A mask that is not in shared memory: row tile or scalar.
  Value rowMask, scalarMask;
  // Where the tile begins, for regions.
  std::optional<RowTile> rowTile;
  Value firstKey;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_SCOREFUNCTION_H
