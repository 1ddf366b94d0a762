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

Knowledge *KnowledgePool::create(uint32_t count) {
  if (unused.empty()) {
    owned.push_back(std::make_unique<Knowledge>());
    unused.push_back(owned.back().get());
  }
  Knowledge *knowledge = unused.back();
  unused.pop_back();
  knowledge->clocks.resize(count);
  knowledge->fenced.clear();
  return knowledge;
}

Knowledge *KnowledgePool::copy(const Knowledge &other) {
  Knowledge *knowledge = create(0);
  knowledge->clocks = other.clocks;
  knowledge->fenced = other.fenced;
  return knowledge;
}

void KnowledgePool::assign(Knowledge *&slot, Knowledge *knowledge) {
  if (knowledge)
    ++knowledge->uses;
  if (slot && --slot->uses == 0)
    unused.push_back(slot);
  slot = knowledge;
}

void Shadow::begin(uint32_t bytes, uint32_t readers, uint32_t first) {
  // Clocks go on from block to block, which makes older accesses irrelevant
  // without touching them.
  size_t size = size_t(bytes) * (readers + 1);
  if (size > accesses.size() || bytes != stride)
    accesses.assign(size, Access{});
  stride = bytes;
  floor = first;
}

//===----------------------------------------------------------------------===//
// Happens-before
//===----------------------------------------------------------------------===//

/// Raises clocks to those of `from`, which may be missing.
static void raise(std::vector<uint32_t> &to,
                  const std::vector<uint32_t> &from) {
  to.resize(std::max(to.size(), from.size()));
  for (size_t i = 0, e = from.size(); i < e; ++i)
    to[i] = std::max(to[i], from[i]);
}

/// Raises the clocks of `to` to those of `from`.
static void mergeInto(Knowledge &to, const Knowledge &from) {
  raise(to.clocks, from.clocks);
  raise(to.fenced, from.fenced);
}

void Block::tick(Thread &self) { cluster.raiseClock(++self.clock); }

void Block::synchronize(const std::vector<Thread *> &group,
                        const Knowledge *released) {
  Knowledge *merged = pool.copy(*group.front()->knows);
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
    merged->clocks[thread->agent] = thread->clock;
  for (Thread *thread : group) {
    pool.assign(thread->knows, merged);
    tick(*thread);
  }
}

void Block::release(Thread &self, Knowledge *&channel) {
  Knowledge *merged = pool.copy(*self.knows);
  merged->clocks[self.agent] = self.clock;
  if (channel)
    mergeInto(*merged, *channel);
  pool.assign(channel, merged);
  tick(self);
}

void Block::keepFence(Thread &self) {
  if (!hasChecks())
    return;
  // The clock goes on at the release, since a thread that goes on with its
  // mbarriers must not hide that it initialized them.
  Knowledge *fenced = pool.copy(*self.knows);
  fenced->clocks[self.agent] = self.clock;
  pool.assign(self.fencedMBarriers, fenced);
}

void Block::releaseFenced(Thread &self, Knowledge *&channel) {
  if (!self.fencedMBarriers)
    return;
  Knowledge *merged = pool.copy(*self.fencedMBarriers);
  if (channel)
    mergeInto(*merged, *channel);
  pool.assign(channel, merged);
  tick(self);
}

void Block::acquire(Thread &self, const Knowledge *channel) {
  if (!channel || channel == self.knows)
    return;
  Knowledge *merged = pool.copy(*self.knows);
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

void Block::fenceProxy(Thread &self) {
  if (!hasChecks())
    return;
  Knowledge *merged = pool.copy(*self.knows);
  merged->clocks[self.agent] = self.clock;
  raise(merged->fenced, merged->clocks);
  pool.assign(self.knows, merged);
  tick(self);
  fenceMBarriers(self);
}

bool Block::isFenced(const Access &earlier, const Thread &self) const {
  const std::vector<uint32_t> &fenced = self.knows->fenced;
  return earlier.is(AccessMode::Async) ||
         (!fenced.empty() && earlier.clock <= fenced[earlier.thread]);
}

bool Block::areOrdered(const Access &earlier, const Thread &self,
                       AccessMode mode) const {
  const std::vector<uint32_t> &clocks = self.knows->clocks;
  if (earlier.is(AccessMode::Async) && isProductAgent(earlier.thread))
    return std::all_of(clocks.begin() + earlier.thread,
                       clocks.begin() + earlier.thread + kWarpsOfGroup,
                       [&](uint32_t clock) { return earlier.clock <= clock; });
  return earlier.thread == self.agent ||
         earlier.clock <= clocks[earlier.thread] ||
         (mode == AccessMode::Atomic && earlier.is(AccessMode::Atomic));
}

std::string Block::describeAccess(const Thread &self, const Access &access,
                                  const char *verb) const {
  if (access.is(AccessMode::Async))
    return std::string("the async proxy ") + verb + ": " +
           launch->describeSite(access.site);
  const Block &block = cluster.getOwner(access.thread);
  const Thread &thread = block.threads[access.thread - block.firstAgent];
  const std::string owner = &block == self.block ? "" : block.describe() + ", ";
  return owner +
         format("thread (%u, %u, %u) %s: ", thread.threadId[0],
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

std::string Block::describeBytes(const Thread &self, uint32_t offset,
                                 uint32_t bytes) const {
  return format("%u bytes at shared memory offset %u", bytes,
                offset - kSharedBase) +
         describeOwner(self);
}

void Block::checkWrites(Thread &self, uint32_t offset, uint32_t bytes,
                        const char *verb, AccessMode mode, bool isAsync,
                        uint32_t site) {
  const uint32_t floor = shadow.getFloor();
  auto describe = [&](const char *what, const Access &write,
                      const char *writeVerb) {
    return verb + (" " + describeBytes(self, offset, bytes)) + what + "\n  " +
           describeAccess(self, write, writeVerb);
  };
  forEachRun(shadow.getWrites(offset), bytes, [&](const Access &write) {
    if (write.clock < floor)
      return;
    if (write.is(AccessMode::Pending))
      report(FaultKind::InFlight, self, site, [&] {
        return describe(", which a copy may still be filling", write,
                        "started the copy");
      });
    else if (areOrdered(write, self, mode)) {
      if (isAsync && !isFenced(write, self))
        report(FaultKind::MissingFence, self, site, [&] {
          return describe(" by the async proxy, with no proxy fence behind a "
                          "write of the generic proxy",
                          write, "wrote");
        });
    } else if (write.is(AccessMode::Async))
      report(FaultKind::InFlight, self, site, [&] {
        return describe(", by a thread that did not wait for what fills them",
                        write, "wrote");
      });
    else
      report(FaultKind::Race, self, site, [&] {
        return describe(", not ordered with a write", write, "wrote");
      });
  });
}

void Block::checkInitialized(Thread &self, uint32_t offset, uint32_t bytes,
                             uint32_t site) {
  const uint32_t floor = shadow.getFloor();
  const Access *writes = shadow.getWrites(offset);
  if (std::all_of(writes, writes + bytes,
                  [&](const Access &write) { return write.clock >= floor; }))
    return;
  report(FaultKind::Uninitialized, self, site, [&] {
    return "read of " + describeBytes(self, offset, bytes) +
           ", some of which were never written";
  });
}

void Block::recordRead(Thread &self, uint32_t offset, uint32_t bytes,
                       AccessMode mode, uint32_t site) {
  checkInitialized(self, offset, bytes, site);
  checkWrites(self, offset, bytes, "read of", mode, /*isAsync=*/false, site);
  std::fill_n(shadow.getReads(self.warpId, offset), bytes,
              self.getAccess(mode, site));
}

void Block::recordAsyncRead(Thread &self, uint32_t offset, uint32_t bytes,
                            uint32_t reader, const Access &access) {
  checkInitialized(self, offset, bytes, access.site);
  checkWrites(self, offset, bytes, "read of", AccessMode::Async,
              /*isAsync=*/true, access.site);
  std::fill_n(shadow.getReads(reader, offset), bytes, access);
}

void Block::recordWrite(Thread &self, uint32_t offset, uint32_t bytes,
                        AccessMode mode, uint32_t site, bool isAsync) {
  const uint32_t floor = shadow.getFloor();
  checkWrites(self, offset, bytes, "write to", mode, isAsync, site);
  auto describe = [&](const char *what, const Access &read) {
    return "write to " + describeBytes(self, offset, bytes) + what + "\n  " +
           describeAccess(self, read, "read");
  };
  for (uint32_t reader = 0, e = getReaderCount(); reader < e; ++reader)
    forEachRun(shadow.getReads(reader, offset), bytes, [&](const Access &read) {
      if (read.clock < floor || areOrdered(read, self, mode))
        return;
      if (read.is(AccessMode::Async))
        report(FaultKind::InFlight, self, site,
               [&] { return describe(", which may still be read", read); });
      else
        report(FaultKind::Race, self, site,
               [&] { return describe(", not ordered with a read", read); });
    });
  // An atomic access must not hide a plain one that others have to be ordered
  // with just as well.
  Access *writes = shadow.getWrites(offset);
  const Access access = self.getAccess(mode, site);
  for (uint32_t i = 0; i < bytes; ++i)
    if (mode != AccessMode::Atomic || !writes[i].is(AccessMode::Plain) ||
        writes[i].thread != access.thread || writes[i].clock != access.clock)
      writes[i] = access;
}

void Block::completeWrite(uint32_t offset, uint32_t bytes,
                          const Access &access) {
  std::fill_n(shadow.getWrites(offset), bytes, access);
}
