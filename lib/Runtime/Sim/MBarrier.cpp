//===- MBarrier.cpp - Barriers that are objects in shared memory ----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "mbarrier". The eight bytes of the object are opaque to kernels, so
// its state is kept aside. A phase completes when no arrival and no transaction
// is pending; an arrival releases, and a wait acquires what was released in the
// phase that it waited for.
//
//===----------------------------------------------------------------------===//

#include "Block.h"

using namespace mfa::sim;

/// Largest count of arrivals, by the PTX ISA.
static constexpr uint32_t kMostArrivals = (1u << 20) - 1;

static constexpr uint32_t kObjectFlags = kShared | 8u << kAlignShift;

static uint32_t toUserOffset(uint32_t offset) { return offset - kSharedBase; }

MBarrier &Block::getMBarrier(Thread &self, uint32_t offset, uint32_t site) {
  auto it = mbarriers.find(offset);
  if (it == mbarriers.end())
    fail(FaultKind::InvalidOperand, self, site,
         format("there is no initialized mbarrier at shared memory offset %d",
                static_cast<int32_t>(toUserOffset(offset))) +
             describeOwner(self));
  // The object has to be initialized before, as far as this thread knows.
  accessShared(self, offset, 8, kObjectFlags | kWrite | kAtomic, site);
  return it->second;
}

bool MBarrier::isAwaited() const {
  return std::any_of(std::begin(waiting), std::end(waiting),
                     [](uint32_t lanes) { return lanes; });
}

void Block::completePhase(MBarrier &barrier) {
  // Copies arrive as late as the kernel allows: when nothing else is missing
  // for a phase that a thread waits for.
  if (!barrier.pending && barrier.isAwaited())
    completeLoads(barrier);
  if (barrier.pending || barrier.transactions)
    return;
  ++barrier.phase;
  cluster.notice();
  barrier.pending = barrier.expected;
  pool.assign(barrier.completed, barrier.arriving);
  for (Warp &warp : warps) {
    warp.ready |= barrier.waiting[warp.index];
    barrier.waiting[warp.index] = 0;
  }
}

void mfaSimMBarrierInit(ThreadState *state, uint32_t offset, uint32_t count,
                        uint32_t site) {
  Thread &self = getThread(state);
  if (!count || count > kMostArrivals)
    self.block->fail(FaultKind::InvalidOperand, self, site,
                     format("expected a count of arrivals from 1 to %u but got "
                            "%u",
                            kMostArrivals, count));
  self.block->accessShared(self, offset, 8, kObjectFlags | kWrite, site);
  self.block->initMBarrier(self, offset, count, site);
}

void Block::initMBarrier(Thread &self, uint32_t offset, uint32_t count,
                         uint32_t site) {
  eraseMBarrier(offset);
  MBarrier &barrier = mbarriers[offset];
  barrier.expected = barrier.pending = count;
  barrier.agent = getLoadAgent(nextLoadAgent++);
  barrier.initialization = self.getAccess(AccessMode::Plain, site);
  barrier.isFenced = !hasChecks();
}

void Block::fenceMBarriers(Thread &self) {
  for (auto &[offset, barrier] : mbarriers)
    if (!barrier.isFenced)
      barrier.isFenced =
          areOrdered(barrier.initialization, self, AccessMode::Plain);
}

void Block::clearMBarriers() {
  for (auto &[offset, barrier] : mbarriers) {
    pool.assign(barrier.arriving, nullptr);
    pool.assign(barrier.completed, nullptr);
  }
  mbarriers.clear();
}

void mfaSimMBarrierInvalidate(ThreadState *state, uint32_t offset,
                              uint32_t site) {
  Thread &self = getThread(state);
  self.block->getMBarrier(self, offset, site);
  self.block->eraseMBarrier(offset);
}

void Block::eraseMBarrier(uint32_t offset) {
  auto it = mbarriers.find(offset);
  if (it == mbarriers.end())
    return;
  pool.assign(it->second.arriving, nullptr);
  pool.assign(it->second.completed, nullptr);
  mbarriers.erase(it);
}

uint64_t Block::arrive(Thread &self, uint32_t offset, uint32_t count,
                       int32_t transactions, uint32_t site) {
  MBarrier &barrier = getMBarrier(self, offset, site);
  barrier.transactions += transactions;
  if (count > barrier.pending)
    fail(FaultKind::PhaseOverrun, self, site,
         format("%u arrivals at the mbarrier at shared memory offset %u", count,
                toUserOffset(offset)) +
             describeOwner(self) +
             format(", but its phase %u expects %u, of which %u are pending",
                    barrier.phase, barrier.expected, barrier.pending));
  barrier.pending -= count;
  if (hasChecks() && self.block != this)
    remoteArrivals[self.agent] = {&self, self.clock, offset, site};
  if (hasChecks() && count)
    release(self, barrier.arriving);
  uint64_t phase = barrier.phase;
  completePhase(barrier);
  return phase;
}

void mfaSimMBarrierArriveCluster(ThreadState *state, uint64_t address,
                                 uint32_t count, uint32_t transactions,
                                 uint32_t site) {
  Thread &self = getThread(state);
  Block *block = self.block;
  if (uint32_t mapped = address >> kClusterRankShift)
    block = &block->getCluster().getBlock(self, mapped - 1,
                                          "arrival at an mbarrier of", site);
  block->arrive(self, static_cast<uint32_t>(address), count, transactions,
                site);
}

uint64_t mfaSimMBarrierArrive(ThreadState *state, uint32_t offset,
                              uint32_t count, uint32_t transactions,
                              uint32_t site) {
  Thread &self = getThread(state);
  return self.block->arrive(self, offset, count, transactions, site);
}

void mfaSimMBarrierExpect(ThreadState *state, uint32_t offset,
                          uint32_t transactions, uint32_t site) {
  Thread &self = getThread(state);
  self.block->arrive(self, offset, /*count=*/0, transactions, site);
}

void mfaSimMBarrierComplete(ThreadState *state, uint32_t offset,
                            uint32_t transactions, uint32_t site) {
  Thread &self = getThread(state);
  self.block->arrive(self, offset, /*count=*/0, -transactions, site);
}

bool Block::waitPhase(Thread &self, uint32_t offset, uint64_t phase,
                      uint64_t mask, bool blocks, uint32_t site) {
  // Phases go by, and objects move, while the thread is suspended.
  for (bool suspended = false;; suspended = true) {
    MBarrier &barrier = getMBarrier(self, offset, site);
    if ((barrier.phase & mask) != (phase & mask)) {
      if (hasChecks())
        acquire(self, barrier.completed);
      return true;
    }
    if (!blocks && suspended)
      return false;
    const uint32_t lane = 1u << self.laneId;
    barrier.waiting[self.warpId] |= lane;
    completePhase(barrier);
    if (!barrier.waiting[self.warpId]) {
      self.warp->ready &= ~lane;
      continue;
    }
    if (!blocks) {
      barrier.waiting[self.warpId] &= ~lane;
      self.warp->ready |= 1u << self.laneId;
      cluster.leaveWarp();
      if (cluster.countIdleTest())
        failIdle(self, site);
    }
    suspend(self, Thread::Status::AtBarrier, site);
  }
}

void mfaSimMBarrierWait(ThreadState *state, uint32_t offset, uint64_t phase,
                        uint32_t parity, uint32_t site) {
  Thread &self = getThread(state);
  self.block->waitPhase(self, offset, phase, parity ? 1 : ~uint64_t(0),
                        /*blocks=*/true, site);
}

uint32_t mfaSimMBarrierTest(ThreadState *state, uint32_t offset, uint64_t phase,
                            uint32_t parity, uint32_t site) {
  Thread &self = getThread(state);
  return self.block->waitPhase(self, offset, phase, parity ? 1 : ~uint64_t(0),
                               /*blocks=*/false, site);
}

void Block::failIdle(Thread &self, uint32_t site) {
  fail(FaultKind::Deadlock, self, site,
       format("threads test mbarriers again and again, but no other thread of "
              "the %s can go on",
              cluster.getNoun()) +
           cluster.describeMBarriers());
}

/// How many bytes an mbarrier still waits for.
static std::string describeMissingBytes(int64_t transactions) {
  if (transactions < 0)
    return format(", and got %lld bytes too many",
                  static_cast<long long>(-transactions));
  return format(" and %lld bytes", static_cast<long long>(transactions));
}

std::string Block::describeMBarriers() const {
  std::string text;
  for (const auto &[offset, barrier] : mbarriers) {
    std::string waiters;
    for (const Warp &warp : warps)
      if (uint32_t lanes = barrier.waiting[warp.index])
        waiters +=
            "\n    " + describeLanes(warp, lanes) + " wait at " +
            launch->describeSite(warp.lane(__builtin_ctz(lanes)).waitSite);
    if (waiters.empty())
      continue;
    text += format("\n  mbarrier at shared memory offset %u: phase %u lacks %u "
                   "of %u arrivals",
                   toUserOffset(offset), barrier.phase, barrier.pending,
                   barrier.expected) +
            describeMissingBytes(barrier.transactions) + waiters;
  }
  return text;
}
