//===- OutputStores.h - How output tiles are stored -------------*- C++ -*-===//
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
#include "Warpgroups.h"

namespace mlir::mfa {

/// The way of an output tile to memory: through its place in shared memory, of
/// which a warpgroup writes but the rows that it stored the tile before from,
/// or from registers where there is none.
class OutputStores {
public:
  OutputStores(const KernelProblem &problem, const BlockMemory &memory,
               const Warpgroups &warpgroups)
      : problem(problem), b(problem.b), memory(memory), warpgroups(warpgroups) {
  }

  /// Stores the thread's consumer's rows of a tile.
  void store(const RowTile &rows, Value rounded);
  /// After the last round: shared memory lives until it is read.
  void finish();

  /// Whether tensor maps store tiles.
  static bool useTensorMap(const SharedMemory &memory) {
    return memory.output.rows != 0;
  }

private:
  /// Stores the warpgroup's rows of the tile in shared memory.
  void storeRows(const RowTile &rows, const SharedBuffer &buffer);
  /// Waits until stores that this thread started have read shared memory.
  void waitForStores();

  const KernelProblem &problem;
  KernelBuilder &b;
  const BlockMemory &memory;
  const Warpgroups &warpgroups;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_OUTPUTSTORES_H
