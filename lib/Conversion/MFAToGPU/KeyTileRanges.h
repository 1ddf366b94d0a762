//===- KeyTileRanges.h - The key tiles that a rule leaves -------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Which tiles of keys the rows of a tile visit where the regions of the op
// leave keys out: tiles [first, end), each bound computed from the place of the
// rows by what the analysis found (KeyTiles.h). Tiles that need a test come
// first, those at the end from the last on, then those at the beginning:
//
//   keys    first                                end
//           | low | free                  | high |
//   steps     3 4   5 6 7 ...               2 1 0
//
// With a causal rule the diagonal is high, with a window its other edge is low.
// The last tile of keys, which may be short, is the first step.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_KEYTILERANGES_H
#define MFA_LIB_CONVERSION_MFATOGPU_KEYTILERANGES_H

#include "TileSequence.h"
#include "mfa/Dialect/MFA/Transforms/KeyTileSteps.h"

namespace mlir::mfa {

class KeyTileRanges final : public TilesOfRows {
public:
  KeyTileRanges(const KernelProblem &problem, const RowSchedule &rowSchedule,
                Type stepType);

  void prepare() override;
  Value countSteps(const Round &round) override;
  Value getFirstKey(const Round &round, Value step) override;
  OpFoldResult needsTest(const Round &round, Value step, bool isFirst) override;

private:
  Value toStep(Value number);

  const RowSchedule &rowSchedule;
  // Of all rounds.
  SmallVector<Value> symbols;
  Value numTiles, minSteps;
  // Of the round whose steps were counted last: how many steps go down from the
  // last tile, and where the others begin.
  Value numDown, lastTile, upBase;
};

/// Whether regions of the op leave keys out.
bool leavesKeysOut(const KernelProblem &problem);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_KEYTILERANGES_H
