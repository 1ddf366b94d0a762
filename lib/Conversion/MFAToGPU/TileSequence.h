//===- TileSequence.h - Which tiles of keys rows take -----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The steps that a tile of query rows takes over keys: how many there are, of
// each where its tile of keys begins, and whether its scores have to be tested
// one by one. Who loads tiles and who computes with them ask the same sequence,
// each for itself, so that nothing but tiles goes from one to the other.
//
// Whatever makes a sequence promises that
//
//   - no key that a row keeps is left out, and no tile comes twice;
//   - a step that needs no test has a whole tile of keys, which all of the rows
//     keep;
//   - there is a step, even if no row keeps a key, unless there are no keys.
//
// Kernels by wgmma take the first step out of their loop, as it has no maximum
// before it, and test no other: with all tiles there is no more to test. Where
// there is, steps with a test come first, so that most of the loop does
// without.
//
// `AllTiles` needs nothing but the number of keys. Others depend on the rows,
// which a round stands for:
//
//   - closed form (KeyTileRanges.h): tiles [first, end), where each bound is
//     computed from the place of the rows;
//   - a list in memory (KeyTileList.h), a row of it for each tile of rows:
//     `countSteps` and `getFirstKey` load from it. It may know that the mask
//     changes nothing in a tile, too.
//
// With what needs a test before the rest, `needsTest` of both compares a step
// with the number of those.
//
// Where keys are split, each block has a part of the sequence of its rows
// (`getPartOfBlock`).
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_TILESEQUENCE_H
#define MFA_LIB_CONVERSION_MFATOGPU_TILESEQUENCE_H

#include "KernelProblem.h"
#include "RowSchedule.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::mfa {

class TileSequence {
public:
  /// Steps are numbers of `stepType`, an index or in 32 bits.
  TileSequence(const KernelProblem &problem, Type stepType)
      : problem(problem), b(problem.b), stepType(stepType) {}
  virtual ~TileSequence() = default;

  /// Writes what all rounds have in common, in front of the loop over them: out
  /// of that nothing is moved. Each role of a block has such a loop.
  virtual void prepare() = 0;
  /// How many steps a round has, whose end is not known yet.
  virtual Value countSteps(const Round &round) = 0;
  /// The first key of a step's tile.
  virtual Value getFirstKey(const Round &round, Value step) = 0;
  /// Whether the step's scores have to be tested, which may be known.
  /// `isFirst` where it is known to be the first of its round.
  virtual OpFoldResult needsTest(const Round &round, Value step,
                                 bool isFirst) = 0;
  /// Whether the step's tile of a mask in shared memory changes any score:
  /// where it does not, that is not loaded.
  virtual OpFoldResult needsMask(const Round &round, Value step) {
    return b.getBoolAttr(true);
  }
  /// Whether the first key of a step is read from memory, so that kernels had
  /// better ask for it early and only where they need it.
  virtual bool isInMemory() const { return false; }
  /// The first key of a step, any number where it is not needed.
  Value getFirstKeyIf(OpFoldResult isNeeded, const Round &round, Value step);

  /// A step that is known.
  Value getStep(int64_t number) const;
  Value stepAfter(Value step) const;
  Value stepBefore(Value step) const;
  /// A loop over the steps of a round from `first` on.
  scf::ForOp createLoop(const Round &round, Value first,
                        ValueRange state = {}) const;

protected:
  /// Some steps of a sequence, from 0 where `first` is null.
  struct Part {
    Value first, count;
  };
  /// Those of `count` steps that this block has: all, or, where the schedule
  /// splits keys, the y-th of as many parts as the grid is high. There are no
  /// more parts than steps, so that each has one.
  Part getPartOfBlock(Value count) const;

  const KernelProblem &problem;
  KernelBuilder &b;
  Type stepType;
};

/// Tiles that depend on the rows, of which a block may have a part.
class TilesOfRows : public TileSequence {
public:
  using TileSequence::TileSequence;

protected:
  /// The number of a step among those of all parts of the rows' keys.
  Value getNumber(const Round &round, Value step);
  /// Whether that is below `end`.
  Value isBefore(const Round &round, Value step, Value end);

  // Of the round whose steps were counted last: the number of the block's first
  // step, null where it has all, and how many steps of all need a test.
  Value firstNumber, numTested;
};

/// All tiles of keys, from the first to the last, which may be short.
class AllTiles : public TileSequence {
public:
  /// Writes how many there are, for all of the block's threads.
  AllTiles(const KernelProblem &problem, Type stepType);

  void prepare() override;
  Value countSteps(const Round &) override { return numSteps; }
  Value getFirstKey(const Round &round, Value step) override;
  OpFoldResult needsTest(const Round &round, Value step, bool isFirst) override;

protected:
  /// The first key of the tile with that number among the block's.
  Value getFirstKeyOf(Value tile) const;

private:
  Part part;
  Value numSteps;
};

/// The last tile of keys, which may be short, then the others from the first
/// on: only the first step knows of keys past the end. With a causal mask, and
/// with padding on either side, all rows know a key after two steps.
class AllTilesLastFirst final : public AllTiles {
public:
  using AllTiles::AllTiles;

  Value getFirstKey(const Round &round, Value step) override;
  OpFoldResult needsTest(const Round &round, Value step, bool isFirst) override;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_TILESEQUENCE_H
