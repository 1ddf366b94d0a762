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
// block has yet. Without a list of key tiles it is 0 after the launch as well.
// The thread that loads keys asks for it when it has started the last load of a
// round; the one that loads queries, which has registers left, draws, and tells
// the other roles of the block, each of which hears it when it is done with its
// round:
//
//   loads keys    | keys of 0, ask | hear 1, keys of 1, ask | hear 2, ...
//   loads queries | query 0          | draw 1, query 1        | draw 2, ...
//   consumers     | rows 0                      | hear 1, rows 1        | ...
//
// Not earlier: what a block has drawn no other block can take. With two tiles
// ahead of their rows blocks ended 5 to 12 % after the mean.
//
// The number is in shared memory, between a barrier that says that it is there
// and one that says that all have heard it. With it is the place of the tile,
// if the kernel has registers for that: three divisions by sizes that are not
// known take 400 cycles, which the thread that draws has, and consumers between
// two rows have not.

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
  RowCounter(const KernelProblem &problem, const RowSchedule &rowSchedule,
             const Warpgroups &warpgroups, int64_t listeners);

  /// Its barriers, by one thread before the others know of them.
  void initialize();
  /// The tile after that of `round`, or one past the last. Of each round one
  /// thread asks and one draws, all but that hear: threads that load each for
  /// itself, consumers as warps.
  RowNumber askAndHear(const Round &round);
  RowNumber draw(const Round &round);
  RowNumber hear(const Round &round);
  RowNumber hearAsWarp(const Round &round);

private:
  Value isOdd(const Round &round);
  /// By this thread, for which it has heard.
  SmallVector<Value> read();

  const KernelProblem &problem;
  const RowSchedule &rowSchedule;
  KernelBuilder &b;
  const Warpgroups &warpgroups;
  int64_t listeners;
  Barriers asked, told, heard;
  /// In shared memory: the number, and the place if there is one.
  Value rows;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_ROWCOUNTER_H
