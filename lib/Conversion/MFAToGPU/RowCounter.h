//===- RowCounter.h - Query rows that a counter hands out -------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Where tiles of query rows take other times, blocks that take them in steps of
// the grid end at other times. So a persistent block draws its next tile from a
// counter in global memory, which was 0 before the launch: the first that no
// block has yet. One thread, which loads the query, draws, and tells the other
// roles of the block, each of which hears it when it is done with its round:
//
//   loads queries | query 0, draw 1 | query 1, draw 2  | query 2, ...
//   loads keys    | keys of 0       | hear 1, keys     | hear 2, ...
//   consumers     | rows 0                 | hear 1, rows | hear 2, ...
//
// The number is in shared memory, between a barrier that says that it is there
// and one that says that all have heard it.

#ifndef MFA_LIB_CONVERSION_MFATOGPU_ROWCOUNTER_H
#define MFA_LIB_CONVERSION_MFATOGPU_ROWCOUNTER_H

#include "Barriers.h"
#include "KernelProblem.h"
#include "RowSchedule.h"

namespace mlir::mfa {

class RowCounter {
public:
  /// Writes what all threads have in common. `listeners` hear: a consumer warp
  /// is one of them, and so is a thread that loads.
  RowCounter(const KernelProblem &problem, const Warpgroups &warpgroups,
             int64_t listeners);

  /// Its barriers, by one thread before the others know of them.
  void initialize();
  /// The number of the tile after that of `round`, or one past the last. Of
  /// each round one thread draws, all others hear: threads that load each for
  /// itself, consumers as warps.
  Value draw(const Round &round);
  Value hear(const Round &round);
  Value hearAsWarp(const Round &round);

private:
  Value isOdd(const Round &round);
  /// By this thread, for which it has heard.
  Value read();

  const KernelProblem &problem;
  KernelBuilder &b;
  const Warpgroups &warpgroups;
  int64_t listeners;
  Barriers told, heard;
  /// In shared memory.
  Value number;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_ROWCOUNTER_H
