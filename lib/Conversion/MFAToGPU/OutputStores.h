//===- OutputStores.h - Output tiles that tensor maps store -----*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_OUTPUTSTORES_H
#define MFA_LIB_CONVERSION_MFATOGPU_OUTPUTSTORES_H

#include "KernelProblem.h"
#include "SharedBuffers.h"
#include "TileRings.h"
#include "Warpgroups.h"

namespace mlir::mfa {

/// The way of an output tile through shared memory. In place of the query tile
/// a warpgroup writes but the rows that it alone reads, where rows of both have
/// one width; in a place of its own those that it stored the tile before from.
class OutputStores {
public:
  OutputStores(const KernelProblem &problem, const BlockMemory &memory,
               const Warpgroups &warpgroups, TileRings &rings)
      : problem(problem), b(problem.b), memory(memory), warpgroups(warpgroups),
        rings(rings), replacesQuery(problem.memory.hasOutputInPlaceOfQuery()) {}

  /// Stores the thread's consumer's rows of a round.
  void store(const Round &round, const RowTile &rows, Value rounded);
  /// After the last round: shared memory lives until it is read.
  void finish();

private:
  /// Stores the warpgroup's rows of the tile in shared memory.
  void storeRows(const RowTile &rows, const SharedBuffer &buffer);
  /// Waits until stores that this thread started have read shared memory.
  void waitForStores();

  const KernelProblem &problem;
  KernelBuilder &b;
  const BlockMemory &memory;
  const Warpgroups &warpgroups;
  TileRings &rings;
  bool replacesQuery;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_OUTPUTSTORES_H
