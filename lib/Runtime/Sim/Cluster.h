//===- Cluster.h - Blocks that run together ---------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A launch without clusters is one whose clusters have one block each. The
// threads of all blocks of a cluster are switched between as those of one, and
// share one set of clocks (see Shadow.h); shared memory and what lies in it
// belong to the blocks.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_RUNTIME_SIM_CLUSTER_H
#define MFA_LIB_RUNTIME_SIM_CLUSTER_H

#include "Fiber.h"
#include "Launch.h"
#include "Shadow.h"
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace mfa::sim {

class Block;
class Warp;
struct Thread;

/// The cluster that a worker runs; its blocks are kept from one to the next.
class Cluster {
public:
  Cluster();
  ~Cluster();
  Cluster(const Cluster &) = delete;
  Cluster &operator=(const Cluster &) = delete;

  /// Runs cluster `id` to its end or to its first fault that stops it, or until
  /// the launch is interrupted.
  void run(Launch &launch, Dim3 id);

  Launch &getLaunch() const { return *launch; }
  /// Number of its blocks.
  uint32_t getSize() const { return size; }

  /// The block with a rank that `self` names; reports one that there is not, or
  /// that has left the kernel. `verb` says what for.
  Block &getBlock(Thread &self, uint32_t rank, const char *verb, uint32_t site);

  /// What was counted since the last call.
  Counters takeCounters();

  /// Lets other threads run until `self` is made ready.
  void suspend(Thread &self);

  /// Lets the threads of another warp run next.
  void leaveWarp() {
    currentWarp = currentWarp + 1 == warps.size() ? 0 : currentWarp + 1;
    currentLane = kWarpSize - 1;
  }

  /// Takes a thread that left the kernel out of the barrier, and lets others
  /// run.
  [[noreturn]] void exit(Thread &self);

  /// Ends the run without waiting for any thread.
  [[noreturn]] void abandon();

  /// Arrives at the barrier of the cluster. A relaxed arrival orders nothing
  /// but what a fence of mbarriers released before.
  void arrive(Thread &self, bool isRelaxed, uint32_t site);

  /// Waits until all threads that have not left the kernel have arrived.
  void wait(Thread &self, uint32_t site);

  /// Counts a test of an mbarrier that failed, and returns whether so many did
  /// in a row that nothing is expected to happen any more.
  bool countIdleTest();
  /// Something happened that a thread may wait for.
  void notice() { idleTests = 0; }

  /// What threads wait for at mbarriers.
  std::string describeMBarriers() const;

  /// What reports call it.
  const char *getNoun() const { return getSize() == 1 ? "block" : "cluster"; }

  /// The block that a thread or agent belongs to, by its number among the
  /// clocks.
  const Block &getOwner(uint32_t agent) const;

  /// Number of the clocks of all threads and agents.
  uint32_t getClockCount() const { return clockCount; }
  /// Keeps track of the largest clock.
  void raiseClock(uint32_t clock) { maxClock = std::max(maxClock, clock); }
  /// The clock of the next access of an agent.
  uint32_t tickAgent() {
    raiseClock(++agentClock);
    return agentClock;
  }

  /// Where the fiber of each thread begins.
  static void threadMain(Fiber &fiber);

  KnowledgePool pool;

private:
  void prepare(Launch &launch, Dim3 id);
  void prepareClocks();
  Fiber &pickNext();
  void completeBarrier();
  void reportDeadlock();
  std::string describeBarrier() const;

  Launch *launch = nullptr;
  /// The first `size` of them run, the others were needed before.
  std::vector<std::unique_ptr<Block>> blocks;
  uint32_t size = 0;
  /// Those of all blocks that run.
  std::vector<Warp *> warps;
  uint32_t liveThreads = 0;
  bool abandoned = false;

  // The barrier: threads that arrived in this phase and have not left, those
  // of them that wait, and what was released in this phase and the one before.
  uint32_t arrived = 0;
  uint32_t phase = 0;
  std::vector<Thread *> waiting;
  Knowledge *arriving = nullptr;
  Knowledge *completed = nullptr;

  uint32_t clockCount = 0;
  uint32_t maxClock = 0;
  uint32_t agentClock = 0;

  /// Tests of mbarriers that failed since anything else happened.
  uint64_t idleTests = 0;

  /// The worker's own context, and the one that runs.
  Fiber home;
  Fiber *running = &home;
  uint32_t currentWarp = 0;
  uint32_t currentLane = 0;

  /// Switches since the worker asked whether the launch is interrupted, and
  /// the thread that runs next after it did.
  uint32_t switches = 0;
  Fiber *resumed = nullptr;
};

} // namespace mfa::sim

#endif // MFA_LIB_RUNTIME_SIM_CLUSTER_H
