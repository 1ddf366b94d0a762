//===- TileCopies.h - Tiles that all threads copy ---------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The tiles of a block whose threads all copy and compute, by cp.async. A copy
// belongs to the group of its thread that is committed next.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_TILECOPIES_H
#define MFA_LIB_CONVERSION_MFATOGPU_TILECOPIES_H

#include "KernelProblem.h"
#include "SharedBuffers.h"

namespace mlir::mfa {

class TileCopies {
public:
  TileCopies(const KernelProblem &problem, const BlockMemory &memory);

  //===--- Copies that start ----------------------------------------------===//

  void copyQuery(const RowTile &rows);
  /// Those of a step whose tile begins at `firstKey`, the mask's if it is
  /// needed.
  void copyKeyAndMask(const RowTile &rows, Value firstKey, Value step,
                      OpFoldResult needsMask);
  void copyValue(const RowTile &rows, Value firstKey, Value step);
  /// A group of what `copies` starts where `condition` holds.
  void commit(Value condition, function_ref<void()> copies);
  void commit();

  //===--- Tiles that are there -------------------------------------------===//

  /// Waits until all threads' copies are there, and all threads are here.
  void wait();
  Value getQuery() const { return query.getTile(b); }
  Value getKey(Value step) const { return key.getTile(b, stageOf(step)); }
  Value getValue(Value step) const { return value.getTile(b, stageOf(step)); }
  /// Null where the mask is not in shared memory.
  Value getMask(Value step) const {
    return mask ? mask.getTile(b, stageOf(step)) : Value();
  }

private:
  /// Of the query, which has no steps, a null one.
  void copy(Value view, const SharedBuffer &buffer, Value step);
  Value stageOf(Value step) const;

  const KernelProblem &problem;
  KernelBuilder &b;
  SharedBuffer query, key, value, mask;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_TILECOPIES_H
