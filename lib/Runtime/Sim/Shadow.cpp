//===- Shadow.cpp - Who accessed shared memory, and when ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Shadow.h"
#include "Block.h"
#include <algorithm>

using namespace mfa::sim;

//===----------------------------------------------------------------------===//
// Knowledge and shadow
//===----------------------------------------------------------------------===//

Knowledge *KnowledgePool::create(uint32_t threads) {
  if (unused.empty()) {
    owned.push_back(std::make_unique<Knowledge>());
    unused.push_back(owned.back().get());
  }
  Knowledge *knowledge = unused.back();
  unused.pop_back();
  knowledge->clocks.resize(threads);
  return knowledge;
}

void KnowledgePool::assign(Knowledge *&slot, Knowledge *knowledge) {
  if (knowledge)
    ++knowledge->uses;
  if (slot && --slot->uses == 0)
    unused.push_back(slot);
  slot = knowledge;
}

uint32_t Shadow::begin(uint32_t bytes, uint32_t warps, uint32_t maxClock) {
  size_t size = size_t(bytes) * (warps + 1);
  // Clocks go on from block to block, which makes older accesses irrelevant
  // without touching them, until they no longer fit.
  if (size <= accesses.size() && bytes == stride &&
      maxClock < kClockLimit / 2) {
    floor = maxClock + 1;
    return floor;
  }
  accesses.assign(size, Access{});
  stride = bytes;
  floor = 1;
  return floor;
}

//===----------------------------------------------------------------------===//
// Happens-before
//===----------------------------------------------------------------------===//

/// Raises the clocks of `to` to those of `from`.
static void mergeInto(Knowledge &to, const Knowledge &from) {
  for (size_t i = 0, e = to.clocks.size(); i < e; ++i)
    to.clocks[i] = std::max(to.clocks[i], from.clocks[i]);
}

void Block::tick(Thread &self) { maxClock = std::max(maxClock, ++self.clock); }

void Block::synchronize(const std::vector<Thread *> &group,
                        const Knowledge *released) {
  Knowledge *merged = pool.create(threadCount);
  merged->clocks = group.front()->knows->clocks;
  // Threads that synchronised before share what they know.
  const Knowledge *last = group.front()->knows;
  for (Thread *thread : group) {
    if (thread->knows != last)
      mergeInto(*merged, *thread->knows);
    last = thread->knows;
  }
  if (released)
    mergeInto(*merged, *released);
  for (Thread *thread : group)
    merged->clocks[thread->getIndex()] = thread->clock;
  for (Thread *thread : group) {
    pool.assign(thread->knows, merged);
    tick(*thread);
  }
}

void Block::release(Thread &self, Knowledge *&channel) {
  Knowledge *merged = pool.create(threadCount);
  merged->clocks = self.knows->clocks;
  merged->clocks[self.getIndex()] = self.clock;
  if (channel)
    mergeInto(*merged, *channel);
  pool.assign(channel, merged);
  tick(self);
}

void Block::acquire(Thread &self, const Knowledge *channel) {
  if (!channel || channel == self.knows)
    return;
  Knowledge *merged = pool.create(threadCount);
  merged->clocks = self.knows->clocks;
  mergeInto(*merged, *channel);
  pool.assign(self.knows, merged);
}

void Block::orderAtomic(Thread &self, uint32_t offset, uint32_t flags) {
  if (!(flags & (kAcquire | kRelease)))
    return;
  Knowledge *&channel = channels[offset];
  if (flags & kAcquire)
    acquire(self, channel);
  if (flags & kRelease)
    release(self, channel);
}

bool Block::areOrdered(const Access &earlier, const Thread &self,
                       AccessMode mode) const {
  return earlier.thread == self.getIndex() ||
         earlier.clock <= self.knows->clocks[earlier.thread] ||
         (mode == AccessMode::Atomic && earlier.is(AccessMode::Atomic));
}

std::string Block::describeAccess(const Access &access,
                                  const char *verb) const {
  const Thread &thread = threads[access.thread];
  return format("thread (%u, %u, %u) %s: ", thread.threadId[0],
                thread.threadId[1], thread.threadId[2], verb) +
         launch->describeSite(access.site);
}

/// Calls `check` with one access of each run of equal ones.
template <typename Function>
static void forEachRun(const Access *first, uint32_t count, Function &&check) {
  // Most of what is accessed together was accessed together before.
  uint64_t difference = 0;
  for (uint32_t i = 1; i < count; ++i)
    difference |= first[i].getBits() ^ first[0].getBits();
  if (!difference)
    return check(first[0]);
  for (uint32_t i = 0; i < count; ++i)
    if (!i || first[i].getBits() != first[i - 1].getBits())
      check(first[i]);
}

static std::string describeBytes(uint32_t offset, uint32_t bytes) {
  return format("%u bytes at shared memory offset %u", bytes,
                offset - kSharedBase);
}

void Block::recordRead(Thread &self, uint32_t offset, uint32_t bytes,
                       AccessMode mode, uint32_t site) {
  const uint32_t floor = shadow.getFloor();
  forEachRun(shadow.getWrites(offset), bytes, [&](const Access &write) {
    if (write.clock < floor)
      report(FaultKind::Uninitialized, self, site, [&] {
        return "read of " + describeBytes(offset, bytes) +
               ", some of which were never written";
      });
    else if (write.is(AccessMode::Pending))
      report(FaultKind::InFlight, self, site, [&] {
        return "read of " + describeBytes(offset, bytes) +
               ", which a copy may still be filling\n  " +
               describeAccess(write, "started the copy");
      });
    else if (!areOrdered(write, self, mode))
      report(FaultKind::Race, self, site, [&] {
        return "read of " + describeBytes(offset, bytes) +
               ", not ordered with a write\n  " +
               describeAccess(write, "wrote");
      });
  });
  Access *reads = shadow.getReads(self.warpId, offset);
  std::fill_n(reads, bytes, self.getAccess(mode, site));
}

void Block::recordWrite(Thread &self, uint32_t offset, uint32_t bytes,
                        AccessMode mode, uint32_t site) {
  const uint32_t floor = shadow.getFloor();
  Access *writes = shadow.getWrites(offset);
  forEachRun(writes, bytes, [&](const Access &write) {
    if (write.clock < floor)
      return;
    if (write.is(AccessMode::Pending))
      report(FaultKind::InFlight, self, site, [&] {
        return "write to " + describeBytes(offset, bytes) +
               ", which a copy may still be filling\n  " +
               describeAccess(write, "started the copy");
      });
    else if (!areOrdered(write, self, mode))
      report(FaultKind::Race, self, site, [&] {
        return "write to " + describeBytes(offset, bytes) +
               ", not ordered with another write\n  " +
               describeAccess(write, "wrote");
      });
  });
  for (uint32_t warp = 0; warp < warps.size(); ++warp)
    forEachRun(shadow.getReads(warp, offset), bytes, [&](const Access &read) {
      if (read.clock >= floor && !areOrdered(read, self, mode))
        report(FaultKind::Race, self, site, [&] {
          return "write to " + describeBytes(offset, bytes) +
                 ", not ordered with a read\n  " + describeAccess(read, "read");
        });
    });
  // An atomic access must not hide a plain one that others have to be ordered
  // with just as well.
  const Access access = self.getAccess(mode, site);
  for (uint32_t i = 0; i < bytes; ++i)
    if (mode != AccessMode::Atomic || !writes[i].is(AccessMode::Plain) ||
        writes[i].thread != access.thread || writes[i].clock != access.clock)
      writes[i] = access;
}

void Block::completeWrite(Thread &self, uint32_t offset, uint32_t bytes,
                          uint32_t site) {
  std::fill_n(shadow.getWrites(offset), bytes,
              self.getAccess(AccessMode::Plain, site));
}
