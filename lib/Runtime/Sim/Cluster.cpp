//===- Cluster.cpp - Switching between the threads of a cluster -----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Cluster.h"
#include "Block.h"
#include <utility>

using namespace mfa::sim;

/// Failed tests of mbarriers in a row after which nothing is expected to happen
/// any more.
static constexpr uint64_t kMostIdleTests = 1 << 20;

/// Switches of threads, some 0.1 ms, between two looks at whether the launch is
/// interrupted.
static constexpr uint32_t kMostSwitches = 1 << 12;

Cluster::Cluster() = default;
Cluster::~Cluster() = default;

void Cluster::prepare(Launch &newLaunch, Dim3 id) {
  launch = &newLaunch;
  const Dim3 dim = launch->cluster;
  size = dim.count();
  while (blocks.size() < size)
    blocks.push_back(std::make_unique<Block>(*this));
  warps.clear();
  liveThreads = clockCount = 0;
  for (uint32_t rank = 0; rank < size; ++rank) {
    Block &block = *blocks[rank];
    const Dim3 inCluster = getPosition(rank, dim);
    block.prepare(*launch,
                  {id.x * dim.x + inCluster.x, id.y * dim.y + inCluster.y,
                   id.z * dim.z + inCluster.z},
                  rank);
    block.prepareBarriers(clockCount);
    clockCount += block.getClockCount();
    liveThreads += block.getLiveThreads();
    for (Warp &warp : block.getWarps())
      warps.push_back(&warp);
  }
  pool.assign(arriving, nullptr);
  pool.assign(completed, nullptr);
  waiting.clear();
  arrived = phase = 0;
  idleTests = 0;
  abandoned = false;
  currentWarp = 0;
  currentLane = kWarpSize - 1;
  if (launch->kernel.checks)
    prepareClocks();
}

void Cluster::prepareClocks() {
  // Clocks go on from one cluster to the next until they no longer fit.
  if (maxClock >= kClockLimit / 2) {
    for (std::unique_ptr<Block> &block : blocks)
      block->clearShadow();
    maxClock = 0;
  }
  const uint32_t first = maxClock + 1;
  maxClock = agentClock = first;
  Knowledge *initial = pool.create(clockCount);
  std::fill(initial->clocks.begin(), initial->clocks.end(), first - 1);
  for (uint32_t rank = 0; rank < size; ++rank)
    blocks[rank]->prepareShadow(first, initial);
}

void Cluster::run(Launch &newLaunch, Dim3 id) {
  prepare(newLaunch, id);
  Fiber *next = &pickNext();
  do {
    resumed = nullptr;
    home.switchTo(*next);
    next = resumed;
    if (next && launch->isInterrupted())
      return;
  } while (next);
  // Back here, all threads have exited, or one failed, or none can go on.
  if (!abandoned && liveThreads)
    reportDeadlock();
  for (uint32_t rank = 0; rank < size; ++rank)
    blocks[rank]->finish();
}

Counters Cluster::takeCounters() {
  Counters counters;
  for (std::unique_ptr<Block> &block : blocks)
    counters.add(block->takeCounters());
  return counters;
}

Block &Cluster::getBlock(Thread &self, uint32_t rank, const char *verb,
                         uint32_t site) {
  if (rank >= size)
    self.block->fail(
        FaultKind::InvalidOperand, self, site,
        format("%s block %u of a cluster of %u", verb, rank, size));
  Block &block = *blocks[rank];
  if (!block.getLiveThreads())
    self.block->fail(FaultKind::EarlyExit, self, site,
                     verb + (" " + block.describe()) +
                         ", which has left the kernel");
  return block;
}

const Block &Cluster::getOwner(uint32_t agent) const {
  auto it = std::find_if(blocks.begin(), blocks.begin() + size,
                         [&](const std::unique_ptr<Block> &block) {
                           return block->isOwnerOf(agent);
                         });
  return **it;
}

//===----------------------------------------------------------------------===//
// Switching
//===----------------------------------------------------------------------===//

void Cluster::threadMain(Fiber &fiber) {
  Thread &self = static_cast<Thread &>(fiber);
  Launch &launch = self.block->getLaunch();
  launch.kernel.entry(&self, launch.arguments);
  self.block->exit(self);
}

/// What runs next: the worker itself where no thread can go on.
Fiber &Cluster::pickNext() {
  // Staying in a warp keeps its stacks in the cache; going around its lanes
  // lets each of them run.
  for (size_t i = 0, e = warps.size(); i < e; ++i) {
    Warp &warp = *warps[currentWarp];
    if (warp.ready) {
      uint32_t above = warp.ready & ~getFirstLanes(currentLane + 1);
      currentLane = __builtin_ctz(above ? above : warp.ready);
      warp.ready &= ~(1u << currentLane);
      running = &warp.lane(currentLane);
      return *running;
    }
    leaveWarp();
  }
  running = &home;
  return home;
}

void Cluster::suspend(Thread &self) {
  Fiber *next = &pickNext();
  // Who is asked whether to go on expects a stack of the system's.
  if (++switches >= kMostSwitches && launch->interrupts && next != &home) {
    switches = 0;
    resumed = std::exchange(next, &home);
  }
  // It may be the only one that is ready.
  if (next != &self)
    self.switchTo(*next);
}

void Cluster::exit(Thread &self) {
  --liveThreads;
  if (self.isAtCluster && self.clusterPhase == phase)
    --arrived;
  if (arrived && arrived == liveThreads)
    completeBarrier();
  self.leaveFor(pickNext());
}

void Cluster::abandon() {
  abandoned = true;
  std::exchange(running, &home)->leaveFor(home);
}

bool Cluster::countIdleTest() { return ++idleTests > kMostIdleTests; }

//===----------------------------------------------------------------------===//
// The barrier
//===----------------------------------------------------------------------===//

void Cluster::arrive(Thread &self, bool isRelaxed, uint32_t site) {
  Block &block = *self.block;
  if (self.isAtCluster)
    block.fail(FaultKind::InvalidOperand, self, site,
               "the thread arrives at the barrier of the cluster again, with "
               "no wait behind its arrival before");
  self.isAtCluster = true;
  self.clusterPhase = phase;
  ++arrived;
  if (block.hasChecks()) {
    if (isRelaxed)
      block.releaseFenced(self, arriving);
    else
      block.release(self, arriving);
  }
  if (arrived == liveThreads)
    completeBarrier();
}

void Cluster::completeBarrier() {
  ++phase;
  arrived = 0;
  notice();
  pool.assign(completed, arriving);
  pool.assign(arriving, nullptr);
  for (Thread *thread : waiting)
    thread->warp->ready |= 1u << thread->laneId;
  waiting.clear();
}

void Cluster::wait(Thread &self, uint32_t site) {
  Block &block = *self.block;
  if (!self.isAtCluster)
    block.fail(FaultKind::InvalidOperand, self, site,
               "the thread waits at the barrier of the cluster, with no "
               "arrival before");
  if (self.clusterPhase == phase) {
    waiting.push_back(&self);
    block.suspend(self, Thread::Status::AtBarrier, site);
  }
  self.isAtCluster = false;
  // The next phase cannot complete before this thread has arrived again.
  if (block.hasChecks())
    block.acquire(self, completed);
}

//===----------------------------------------------------------------------===//
// Faults
//===----------------------------------------------------------------------===//

/// The lanes of each warp that wait at the barrier of the cluster.
std::string Cluster::describeBarrier() const {
  if (!arrived)
    return {};
  std::string text = format("\n  barrier of the cluster: %u of %u threads "
                            "arrived",
                            arrived, liveThreads);
  for (const Warp *warp : warps) {
    uint32_t lanes = 0;
    uint32_t site = kNoSite;
    for (const Thread *thread : waiting)
      if (thread->warp == warp) {
        lanes |= 1u << thread->laneId;
        site = thread->waitSite;
      }
    if (lanes)
      text += "\n    " + warp->block->describeLanes(*warp, lanes) + " of " +
              warp->block->describe() + " wait at " +
              launch->describeSite(site);
  }
  return text;
}

std::string Cluster::describeMBarriers() const {
  std::string text;
  for (uint32_t rank = 0; rank < size; ++rank) {
    std::string waits = blocks[rank]->describeMBarriers();
    if (size > 1 && !waits.empty())
      text += "\n  " + blocks[rank]->describe() + ":";
    text += waits;
  }
  return text;
}

void Cluster::reportDeadlock() {
  std::string text = format("no thread of the %s can go on", getNoun());
  uint32_t site = kNoSite;
  for (uint32_t rank = 0; rank < size; ++rank) {
    std::string waits = blocks[rank]->describeWaits(site);
    if (size > 1 && !waits.empty())
      text += "\n  " + blocks[rank]->describe() + ":";
    text += waits;
  }
  text += describeBarrier();
  std::string where = blocks[0]->describe();
  if (size > 1)
    where = "cluster from " + where + " to " + blocks[size - 1]->describe();
  launch->report(FaultKind::Deadlock, site, where, text);
  launch->aborted = true;
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

/// Reports a warp that has not all of its lanes for an aligned operation.
static void checkAligned(Thread &self, uint32_t site) {
  const Warp &warp = *self.warp;
  if (warp.live != warp.present)
    self.block->fail(
        FaultKind::Divergence, self, site,
        "all lanes of a warp have to execute it, but " +
            self.block->describeLanes(warp, warp.present & ~warp.live) +
            " left the kernel");
}

static void computeArrive(Warp &warp, uint32_t lanes, uint32_t parameter,
                          uint32_t site) {
  for (; lanes; lanes &= lanes - 1)
    warp.block->getCluster().arrive(warp.lane(__builtin_ctz(lanes)), parameter,
                                    site);
}

void mfaSimClusterArrive(ThreadState *state, uint32_t relaxed, uint32_t aligned,
                         uint32_t site) {
  Thread &self = getThread(state);
  if (!aligned)
    return self.block->getCluster().arrive(self, relaxed, site);
  checkAligned(self, site);
  self.warp->meet(self, self.warp->present, computeArrive, relaxed, site);
}

/// The lanes of a warp begin to wait together: one that goes on at once must
/// not have left the kernel when another one gets there.
static void computeWait(Warp &warp, uint32_t lanes, uint32_t parameter,
                        uint32_t site) {}

void mfaSimClusterWait(ThreadState *state, uint32_t aligned, uint32_t site) {
  Thread &self = getThread(state);
  if (aligned) {
    checkAligned(self, site);
    self.warp->meet(self, self.warp->present, computeWait, 0, site);
  }
  self.block->getCluster().wait(self, site);
}
