//===- KeyTileList.h - Key tiles by a list in memory ------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_KEYTILELIST_H
#define MFA_LIB_CONVERSION_MFATOGPU_KEYTILELIST_H

#include "TileSequence.h"

namespace mlir::mfa {

/// The steps that a row of the list has (TileList.h). How many of them there
/// are, and need a test or the mask, is loaded once for all.
class KeyTileList final : public TilesOfRows {
public:
  KeyTileList(const KernelProblem &problem, const RowSchedule &rowSchedule,
              Type stepType)
      : TilesOfRows(problem, stepType), rowSchedule(rowSchedule) {}

  void prepare() override {}
  Value countSteps(const Round &round) override;
  Value getFirstKey(const Round &round, Value step) override;
  OpFoldResult needsTest(const Round &round, Value step, bool isFirst) override;
  OpFoldResult needsMask(const Round &round, Value step) override;
  bool isInMemory() const override { return true; }

private:
  Value load(Value column);

  const RowSchedule &rowSchedule;
  // Of the round whose steps were counted last: its row of the list, and how
  // many steps need the mask.
  SmallVector<Value> row;
  Value numMasked;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_KEYTILELIST_H
