//===- Block.cpp - Threads and barriers of a block ------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

using namespace mfa::sim;

/// A stack and the page below it that catches its overflow. Pages that are
/// never touched cost nothing.
static constexpr size_t kStackBytes = 1 << 20;
static constexpr size_t kGuardBytes = 4096;

/// Stacks begin at different offsets into their pages, or the frames of all
/// threads would compete for the same cache sets.
static size_t getStackShift(uint32_t thread) { return thread % 61 * 192; }

void Block::AlignedDelete::operator()(char *memory) const { free(memory); }

Block::~Block() {
  threads.reset();
  if (stacks)
    munmap(stacks, stackCount * (kStackBytes + kGuardBytes));
}

void Block::reserveStacks(uint32_t count) {
  if (count <= stackCount)
    return;
  constexpr size_t stride = kStackBytes + kGuardBytes;
  if (stacks)
    munmap(stacks, stackCount * stride);
  void *memory =
      mmap(nullptr, count * stride, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) {
    fprintf(stderr, "mfa-sim: no memory for the stacks of %u threads\n", count);
    std::abort();
  }
  stacks = static_cast<char *>(memory);
  stackCount = count;
  for (uint32_t i = 0; i < count; ++i)
    mprotect(stacks + i * stride, kGuardBytes, PROT_NONE);
}

void Block::prepare(Launch &newLaunch, Dim3 newId, uint32_t newRank) {
  launch = &newLaunch;
  id = newId;
  rank = newRank;
  threadCount = launch->block.count();
  if (threadCapacity < threadCount) {
    threads = std::make_unique<Thread[]>(threadCount);
    threadCapacity = threadCount;
  }
  reserveStacks(threadCount);
  if (windowBytes < getSharedEnd()) {
    // A tile that a descriptor addresses may have to be 1024-byte aligned.
    windowBytes = (getSharedEnd() + 1023) / 1024 * 1024;
    window.reset(static_cast<char *>(aligned_alloc(1024, windowBytes)));
  }
  // What was not written is a NaN in every floating-point type.
  memset(window.get(), 0xff, windowBytes);

  warps.resize((threadCount + kWarpSize - 1) / kWarpSize);
  for (uint32_t i = 0; i < warps.size(); ++i) {
    Warp &warp = warps[i];
    warp.block = this;
    warp.index = i;
    warp.present = getFirstLanes(threadCount - i * kWarpSize);
    warp.live = warp.ready = warp.present;
    warp.meets.clear();
    warp.threads = &threads[i * kWarpSize];
  }
  for (uint32_t i = 0; i < threadCount; ++i)
    prepareThread(i);
  prepareWarpgroups();
  liveThreads = threadCount;
}

static void copyExtents(uint32_t (&to)[3], Dim3 from) {
  const uint32_t values[3] = {from.x, from.y, from.z};
  memcpy(to, values, sizeof(values));
}

void Block::prepareThread(uint32_t index) {
  Thread &thread = threads[index];
  const Dim3 &dim = launch->cluster;
  thread.sharedWindow = window.get();
  copyExtents(thread.threadId, getPosition(index, launch->block));
  copyExtents(thread.blockDim, launch->block);
  copyExtents(thread.blockId, id);
  copyExtents(thread.gridDim, launch->grid);
  copyExtents(thread.clusterId, {id.x / dim.x, id.y / dim.y, id.z / dim.z});
  copyExtents(thread.clusterGridDim, launch->getClusters());
  copyExtents(thread.blockInCluster, getPosition(rank, dim));
  copyExtents(thread.clusterDim, dim);
  thread.clusterRank = rank;
  thread.clusterBlocks = dim.count();
  thread.laneId = index % kWarpSize;
  thread.warpId = index / kWarpSize;
  thread.block = this;
  thread.warp = &warps[index / kWarpSize];
  thread.status = Thread::Status::Runs;
  thread.waitSite = kNoSite;
  thread.copies.clear();
  thread.log.clear();
  thread.closedGroups = 0;
  thread.stores.clear();
  thread.closedStoreGroups = 0;
  thread.closedProductGroups = thread.completedProductGroups = 0;
  thread.hasRegisterFence = false;
  thread.isAtCluster = false;
  char *stack = stacks + index * (kStackBytes + kGuardBytes) + kGuardBytes;
  thread.prepare(stack, stack + kStackBytes - getStackShift(index),
                 &Cluster::threadMain);
}

void Block::prepareBarriers(uint32_t newFirstAgent) {
  firstAgent = newFirstAgent;
  for (Barrier &barrier : barriers) {
    pool.assign(barrier.released, nullptr);
    barrier = Barrier();
  }
  clearMBarriers();
  for (auto &[offset, channel] : channels)
    pool.assign(channel, nullptr);
  channels.clear();
  remoteArrivals.clear();
  hasAsyncReads = false;
  nextLoadAgent = 0;
  for (uint32_t i = 0; i < threadCount; ++i) {
    threads[i].agent = firstAgent + i;
    pool.assign(threads[i].fencedMBarriers, nullptr);
  }
}

void Block::prepareShadow(uint32_t clock, Knowledge *initial) {
  uint32_t readers = warps.size() + 1 + getWarpgroupCount();
  shadow.begin(getSharedEnd(), readers, clock);
  for (uint32_t i = 0; i < threadCount; ++i) {
    threads[i].clock = clock;
    pool.assign(threads[i].knows, initial);
  }
}

void Block::finish() {
  if (!launch->counting)
    return;
  ++counters.blocks;
  counters.threads += threadCount;
  for (Warp &warp : warps)
    flushLog(warp);
}

void Block::flushLog(Warp &warp) {
  std::vector<LoggedAccess> *logs[kWarpSize];
  uint32_t lanes = __builtin_popcount(warp.present);
  for (uint32_t i = 0; i < lanes; ++i)
    logs[i] = &warp.lane(i).log;
  counters.countPasses(logs, lanes);
}

//===----------------------------------------------------------------------===//
// Switching
//===----------------------------------------------------------------------===//

void Block::suspend(Thread &self, Thread::Status status, uint32_t site) {
  self.status = status;
  self.waitSite = site;
  if (status == Thread::Status::AtBarrier)
    ++counters.barrierWaits;
  else
    ++counters.warpWaits;
  cluster.suspend(self);
  self.status = Thread::Status::Runs;
}

void Block::exit(Thread &self) {
  completeCopies(self, self.closedGroups + 1);
  exitStores(self);
  self.status = Thread::Status::Exited;
  --liveThreads;
  cluster.notice();
  self.warp->exit(self);
  exitWarpgroup(self);
  exitBarriers(self);
  if (!liveThreads)
    leave();
  cluster.exit(self);
}

void Block::leave() {
  reportLoads();
  checkRemoteArrivals();
}

/// Another block has to have arrived at an mbarrier before the last thread
/// leaves, by what orders the two and not by chance.
void Block::checkRemoteArrivals() {
  for (const auto &remote : remoteArrivals) {
    const RemoteArrival &arrival = remote.second;
    auto knows = [agent = remote.first,
                  clock = arrival.clock](const Thread &other) {
      return clock <= other.knows->clocks[agent];
    };
    if (std::any_of(threads.get(), threads.get() + threadCount, knows))
      continue;
    report(FaultKind::EarlyExit, *arrival.thread, arrival.site, [&] {
      return format("arrival at the mbarrier at shared memory offset %u of ",
                    arrival.offset - kSharedBase) +
             describe() +
             ", which does not wait for it before it leaves the kernel";
    });
  }
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

void Block::failBarrier(Thread &self, uint32_t barrierId, uint32_t site) {
  fail(FaultKind::InvalidOperand, self, site,
       format("expected a barrier from 0 to 15 but got %u", barrierId));
}

void Block::barrier(Thread &self, uint32_t barrierId, uint32_t count,
                    uint32_t site, bool waits, bool holds) {
  if (barrierId >= 16)
    failBarrier(self, barrierId, site);
  if (count % kWarpSize || count > 1024)
    fail(FaultKind::InvalidOperand, self, site,
         format("expected a number of threads that is a multiple of the warp "
                "size but got %u",
                count));
  Warp &warp = *self.warp;
  Barrier &barrier = barriers[barrierId];
  if (warp.live != warp.present)
    fail(FaultKind::Divergence, self, site,
         format("barrier %u is reached after ", barrierId) +
             describeLanes(warp, warp.present & ~warp.live) +
             " left the kernel");
  if (barrier.arrived && barrier.count != count)
    fail(FaultKind::Divergence, self, site,
         format("barrier %u is reached with %u threads expected, but others "
                "wait there for %u",
                barrierId, count, barrier.count));
  uint32_t &waiting = barrier.waiting[warp.index];
  if (waiting && barrier.warpSite[warp.index] != site)
    fail(FaultKind::Divergence, self, site,
         format("barrier %u is reached while ", barrierId) +
             describeLanes(warp, waiting) + " wait there at " +
             launch->describeSite(barrier.warpSite[warp.index]));
  barrier.count = count;
  barrier.site = site;
  ++barrier.arrived;
  barrier.holding += holds;
  if (waits) {
    waiting |= 1u << self.laneId;
    barrier.warpSite[warp.index] = site;
  } else if (hasChecks()) {
    release(self, barrier.released);
  }
  if (barrier.arrived == (count ? count : liveThreads)) {
    completeBarrier(barrier, barrierId);
    warp.ready &= ~(1u << self.laneId);
    return;
  }
  if (waits)
    suspend(self, Thread::Status::AtBarrier, site);
}

void Block::completeBarrier(Barrier &barrier, uint32_t barrierId) {
  cluster.notice();
  std::vector<Thread *> &group = getGroup();
  for (Warp &warp : warps) {
    warp.ready |= barrier.waiting[warp.index];
    for (uint32_t lanes = barrier.waiting[warp.index]; lanes;
         lanes &= lanes - 1) {
      Thread &thread = warp.lane(__builtin_ctz(lanes));
      thread.barrierArrived = barrier.arrived;
      thread.barrierHolding = barrier.holding;
      group.push_back(&thread);
    }
  }
  if (hasChecks() && !group.empty())
    synchronize(group, barrier.released);
  pool.assign(barrier.released, nullptr);
  barrier = Barrier();
}

void Block::exitBarriers(Thread &self) {
  for (uint32_t i = 0; i < 16; ++i) {
    Barrier &barrier = barriers[i];
    if (uint32_t waiting = barrier.waiting[self.warp->index])
      fail(FaultKind::Divergence, self, barrier.site,
           format("the thread leaves the kernel while ") +
               describeLanes(*self.warp, waiting) +
               format(" wait for it at barrier %u", i));
    if (barrier.arrived && !barrier.count && barrier.arrived == liveThreads)
      completeBarrier(barrier, i);
  }
}

//===----------------------------------------------------------------------===//
// Faults
//===----------------------------------------------------------------------===//

std::string Block::describe() const {
  return format("block (%u, %u, %u)", id.x, id.y, id.z);
}

std::string Block::describeThread(const Thread &self) {
  return self.block->describe() + format(", thread (%u, %u, %u)",
                                         self.threadId[0], self.threadId[1],
                                         self.threadId[2]);
}

void Block::fail(FaultKind kind, const Thread &self, uint32_t site,
                 const std::string &what) {
  launch->report(kind, site, describeThread(self), what);
  launch->aborted = true;
  cluster.abandon();
}

std::string Block::describeLanes(const Warp &warp, uint32_t lanes) const {
  uint32_t first = __builtin_ctz(lanes);
  uint32_t count = __builtin_popcount(lanes);
  if (count == 1)
    return format("lane %u of warp %u", first, warp.index);
  if ((lanes >> first) == getFirstLanes(count))
    return format("lanes %u to %u of warp %u", first, first + count - 1,
                  warp.index);
  return format("lanes 0x%08x of warp %u", lanes, warp.index);
}

std::string Block::describeBarrier(uint32_t barrierId) const {
  const Barrier &barrier = barriers[barrierId];
  std::string text =
      format("\n  barrier %u: %u of %u threads arrived", barrierId,
             barrier.arrived, barrier.count ? barrier.count : liveThreads);
  for (const Warp &warp : warps)
    if (uint32_t waiting = barrier.waiting[warp.index])
      text += "\n    " + describeLanes(warp, waiting) + " wait at " +
              launch->describeSite(barrier.warpSite[warp.index]);
  return text;
}

std::string Block::describeWaits(uint32_t &site) const {
  std::string text;
  for (uint32_t i = 0; i < 16; ++i) {
    if (!barriers[i].arrived)
      continue;
    text += describeBarrier(i);
    site = barriers[i].site;
  }
  text += describeMBarriers();
  text += describeWarpgroups();
  for (const Warp &warp : warps) {
    for (const Meet &meet : warp.meets) {
      text += "\n  " + describeLanes(warp, meet.arrived) + " wait for " +
              describeLanes(warp, meet.mask & warp.live & ~meet.arrived) +
              " at " + launch->describeSite(meet.site);
      site = meet.site;
    }
    if (uint32_t exited = warp.present & ~warp.live)
      text += "\n  " + describeLanes(warp, exited) + " left the kernel";
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

void mfaSimCountBlock(ThreadState *state, uint32_t number) {
  Block &block = *getThread(state).block;
  if (block.getLaunch().counting)
    block.countBlock(number);
}

void mfaSimBarrier(ThreadState *state, uint32_t id, uint32_t count,
                   uint32_t site) {
  Thread &self = getThread(state);
  self.block->barrier(self, id, count, site, /*waits=*/true);
}

uint32_t mfaSimBarrierReduce(ThreadState *state, uint32_t id, uint32_t count,
                             uint32_t predicate, uint32_t kind, uint32_t site) {
  Thread &self = getThread(state);
  self.block->barrier(self, id, count, site, /*waits=*/true, predicate != 0);
  switch (static_cast<BarrierReduction>(kind)) {
  case BarrierReduction::Count:
    return self.barrierHolding;
  case BarrierReduction::All:
    return self.barrierHolding == self.barrierArrived;
  case BarrierReduction::Any:
    break;
  }
  return self.barrierHolding != 0;
}

/// The lanes of a warp arrive together, as in the hardware: one that has not
/// got there yet must not find that another has left the kernel.
static void computeArrive(Warp &warp, uint32_t lanes, uint32_t parameter,
                          uint32_t site) {
  for (; lanes; lanes &= lanes - 1)
    warp.block->barrier(warp.lane(__builtin_ctz(lanes)), parameter & 0xff,
                        parameter >> 8, site, /*waits=*/false);
}

void mfaSimBarrierArrive(ThreadState *state, uint32_t id, uint32_t count,
                         uint32_t site) {
  Thread &self = getThread(state);
  if (id >= 16)
    self.block->failBarrier(self, id, site);
  self.warp->meet(self, self.warp->present, computeArrive, id | count << 8,
                  site);
}

void mfaSimExit(ThreadState *state, uint32_t site) {
  Thread &self = getThread(state);
  self.block->exit(self);
}

void mfaSimTrap(ThreadState *state, uint32_t site) {
  Thread &self = getThread(state);
  self.block->fail(FaultKind::Trap, self, site, "the kernel trapped");
}
