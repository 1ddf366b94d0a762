//===- Report.h - What a kernel did, in numbers -----------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_RUNTIME_SIM_REPORT_H
#define MFA_LIB_RUNTIME_SIM_REPORT_H

#include "mfa/Runtime/Sim/Sim.h"
#include <map>
#include <string>
#include <vector>

namespace mfa::sim {

/// One access of a lane to shared memory, kept until the accesses of the other
/// lanes to the same place of the program are known.
struct LoggedAccess {
  uint32_t site;
  uint32_t offset;
  uint32_t bytes;
};

/// What the blocks of a kernel did so far.
struct Counters {
  uint64_t launches = 0;
  uint64_t blocks = 0;
  uint64_t threads = 0;
  /// Bytes moved, all threads together.
  uint64_t globalRead = 0, globalWritten = 0;
  uint64_t sharedRead = 0, sharedWritten = 0;
  /// Bytes of tensors moved by tensor copies.
  uint64_t tensorRead = 0, tensorWritten = 0;
  /// Products of warpgroups, and the multiplications that they make.
  uint64_t products = 0, productMultiplications = 0;
  /// Passes of a warp through the banks of shared memory, and those of them
  /// that conflicts add.
  uint64_t sharedPasses = 0, bankConflicts = 0;
  /// Times that a thread waited at a barrier of the block, and that one of a
  /// warp waited for other lanes.
  uint64_t barrierWaits = 0, warpWaits = 0;
  /// Executions of each basic block by a thread, by its number in
  /// KernelInfo::blocks.
  std::vector<uint64_t> basicBlocks;

  void add(const Counters &other);

  /// Counts what the lanes of a warp accessed, and empties their logs.
  void countPasses(std::vector<LoggedAccess> *logs[], uint32_t lanes);

  /// Counts one access of several lanes at once.
  void countPass(const std::vector<LoggedAccess> &accesses);
};

/// Instructions by operation, from counts of basic blocks and the table of
/// what they contain.
std::map<std::string, uint64_t> countInstructions(const char *blocks,
                                                  const Counters &counters);

/// Adds to the counts of the process for `kernel`.
void addToReport(const KernelInfo &kernel, const Counters &counters);

/// Whether counting is switched on.
bool isReporting();

} // namespace mfa::sim

#endif // MFA_LIB_RUNTIME_SIM_REPORT_H
