//===- Launch.h - One run of a kernel over a grid ---------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_RUNTIME_SIM_LAUNCH_H
#define MFA_LIB_RUNTIME_SIM_LAUNCH_H

#include "Report.h"
#include "mfa/Runtime/Interrupt.h"
#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace mfa::sim {

/// What can be wrong with a kernel or a launch.
enum class FaultKind {
  InvalidLaunch,
  OutOfBounds,
  Misaligned,
  Uninitialized,
  Race,
  InFlight,
  MissingFence,
  Deadlock,
  Divergence,
  PhaseOverrun,
  EarlyExit,
  InvalidOperand,
  Trap,
};

/// Bytes [begin, end) that a kernel may access.
struct MemoryRange {
  uintptr_t begin;
  uintptr_t end;
};

/// Three extents or coordinates, x first.
struct Dim3 {
  uint32_t x, y, z;
  uint64_t count() const { return uint64_t(x) * y * z; }
};

/// The coordinates of number `index` within an extent, x running fastest.
inline Dim3 getPosition(uint64_t index, Dim3 extent) {
  return {static_cast<uint32_t>(index % extent.x),
          static_cast<uint32_t>(index / extent.x % extent.y),
          static_cast<uint32_t>(index / extent.x / extent.y)};
}

/// State shared by the workers that run the blocks of one launch.
class Launch {
public:
  Launch(const KernelInfo &kernel, Dim3 grid, Dim3 cluster, Dim3 block,
         uint32_t sharedBytes, void **arguments)
      : kernel(kernel), grid(grid), cluster(cluster), block(block),
        sharedBytes(sharedBytes), arguments(arguments) {}

  const KernelInfo &kernel;
  const Dim3 grid;
  /// Blocks of a cluster; one without clusters.
  const Dim3 cluster;
  const Dim3 block;
  /// Static and dynamic shared memory of a block.
  const uint32_t sharedBytes;
  void **const arguments;

  /// Accessible global memory, sorted and disjoint; empty means unknown.
  std::vector<MemoryRange> ranges;

  /// Whether to count, and what was counted; guarded by `mutex`.
  const bool counting = isReporting();
  Counters counters;

  /// Number of the next cluster that has no worker yet.
  std::atomic<uint64_t> nextCluster{0};
  /// Set by the first fault after which a block cannot go on.
  std::atomic<bool> aborted{false};

  /// Of the thread that launches; may be null.
  runtime::InterruptScope *const interrupts =
      runtime::InterruptScope::getCurrent();

  /// Whether the work of the launch shall end, without a fault.
  bool isInterrupted() const { return interrupts && interrupts->shouldStop(); }

  /// Clusters of the grid.
  Dim3 getClusters() const {
    return {grid.x / cluster.x, grid.y / cluster.y, grid.z / cluster.z};
  }

  /// True if [address, address + bytes) lies in one accessible range.
  bool isAccessible(uintptr_t address, uint64_t bytes) const;

  /// The name and location of an instrumented operation.
  std::string describeSite(uint32_t site) const;

  /// Whether a fault of this kind has not been reported for the operation yet
  /// and should be: after many reports, further ones are dropped.
  bool isNew(FaultKind kind, uint32_t site);

  /// Keeps a report, once for each kind and operation. `where` names the block
  /// and thread and may be empty.
  void report(FaultKind kind, uint32_t site, const std::string &where,
              const std::string &what);

  /// Adds what one worker counted.
  void addCounters(const Counters &other);

  /// The reports in the order of their arrival.
  const std::vector<std::string> &getReports() const { return reports; }

private:
  std::mutex mutex;
  std::set<std::pair<FaultKind, uint32_t>> seen;
  std::vector<std::string> reports;
};

/// Hands reports to the handler, or prints them and ends the process.
void deliver(const std::vector<std::string> &reports);

/// Makes bytes accessible to every launch that knows what it may access.
void addReadable(const void *begin, uint64_t bytes);

/// Stands for a fault that belongs to no operation.
constexpr uint32_t kNoSite = ~0u;

/// printf into a string.
__attribute__((format(printf, 1, 2))) std::string format(const char *text, ...);

} // namespace mfa::sim

#endif // MFA_LIB_RUNTIME_SIM_LAUNCH_H
