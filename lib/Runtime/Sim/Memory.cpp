//===- Memory.cpp - Accesses to shared and global memory ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include <algorithm>
#include <cstring>

using namespace mfa::sim;

static const char *getVerb(uint32_t flags) {
  if (flags & kAtomic)
    return "atomic access to";
  return flags & kWrite ? "write to" : "read of";
}

void Block::checkShared(Thread &self, uint64_t offset, uint64_t bytes,
                        uint32_t flags, uint32_t site) {
  uint32_t alignment = flags >> kAlignShift;
  if (alignment > 1 && offset % alignment)
    fail(FaultKind::Misaligned, self, site,
         format("%s %llu bytes at shared memory offset %llu, which is not a "
                "multiple of %u",
                getVerb(flags), static_cast<unsigned long long>(bytes),
                static_cast<long long>(offset - kSharedBase), alignment));
  if (offset < kSharedBase || offset > getSharedEnd() ||
      bytes > getSharedEnd() - offset)
    fail(FaultKind::OutOfBounds, self, site,
         format("%s %llu bytes at shared memory offset %lld, but the block has "
                "%u bytes",
                getVerb(flags), static_cast<unsigned long long>(bytes),
                static_cast<long long>(offset - kSharedBase),
                launch->sharedBytes));
}

char *Block::accessShared(Thread &self, uint64_t offset, uint64_t bytes,
                          uint32_t flags, uint32_t site, AccessMode mode) {
  checkShared(self, offset, bytes, flags, site);
  if (launch->counting) {
    (flags & kWrite ? counters.sharedWritten : counters.sharedRead) += bytes;
    self.log.push_back(
        {site, static_cast<uint32_t>(offset), static_cast<uint32_t>(bytes)});
  }
  if (!hasChecks() || !bytes)
    return window.get() + offset;
  if (flags & kAtomic)
    mode = AccessMode::Atomic;
  if (flags & kWrite)
    recordWrite(self, offset, bytes, mode, site);
  else
    recordRead(self, offset, bytes, mode, site);
  if (flags & kAtomic)
    orderAtomic(self, offset, flags);
  return window.get() + offset;
}

void Block::accessGlobal(Thread &self, uint64_t address, uint64_t bytes,
                         uint32_t flags, uint32_t site) {
  uint32_t alignment = flags >> kAlignShift;
  if (alignment > 1 && address % alignment)
    fail(FaultKind::Misaligned, self, site,
         format("%s %llu bytes at global address 0x%llx, which is not a "
                "multiple of %u",
                getVerb(flags), static_cast<unsigned long long>(bytes),
                static_cast<unsigned long long>(address), alignment));
  (flags & kWrite ? counters.globalWritten : counters.globalRead) += bytes;
  if (launch->isAccessible(address, bytes))
    return;
  std::string text =
      format("%s %llu bytes at global address 0x%llx", getVerb(flags),
             static_cast<unsigned long long>(bytes),
             static_cast<unsigned long long>(address));
  auto distance = [&](const MemoryRange &range) -> uint64_t {
    return address < range.begin ? range.begin - address : address - range.end;
  };
  auto nearest =
      std::min_element(launch->ranges.begin(), launch->ranges.end(),
                       [&](const MemoryRange &a, const MemoryRange &b) {
                         return distance(a) < distance(b);
                       });
  text +=
      format(", %llu bytes %s the nearest buffer, which has %llu bytes",
             static_cast<unsigned long long>(distance(*nearest)),
             address < nearest->begin ? "before" : "after the end of",
             static_cast<unsigned long long>(nearest->end - nearest->begin));
  fail(FaultKind::OutOfBounds, self, site, text);
}

void *mfaSimAccess(ThreadState *state, uint64_t address, uint64_t bytes,
                   uint32_t flags, uint32_t site) {
  Thread &self = getThread(state);
  Block &block = *self.block;
  uint32_t space = flags & kSpaceMask;
  if (space == kShared)
    return block.accessShared(self, address, bytes, flags, site);
  if (space == kGeneric) {
    uint64_t window = reinterpret_cast<uintptr_t>(block.getWindow());
    if (address - window < block.getSharedEnd())
      return block.accessShared(self, address - window, bytes, flags, site);
    if (self.isOnStack(address))
      return reinterpret_cast<void *>(address);
  }
  block.accessGlobal(self, address, bytes, flags, site);
  return reinterpret_cast<void *>(address);
}

//===----------------------------------------------------------------------===//
// Asynchronous copies
//===----------------------------------------------------------------------===//

void mfaSimCopyAsync(ThreadState *state, uint32_t destination, uint64_t source,
                     uint32_t bytes, uint32_t sourceBytes, uint32_t site) {
  Thread &self = getThread(state);
  Block &block = *self.block;
  if (sourceBytes > bytes)
    block.fail(FaultKind::InvalidOperand, self, site,
               format("expected at most %u source bytes but got %u", bytes,
                      sourceBytes));
  uint32_t alignment = bytes << kAlignShift;
  block.accessShared(self, destination, bytes, kShared | kWrite | alignment,
                     site, AccessMode::Pending);
  // Of a copy that only fills with zeros, the source is not read.
  if (sourceBytes)
    block.accessGlobal(self, source, sourceBytes, kGlobal | alignment, site);
  self.copies.push_back({destination, bytes, sourceBytes, self.closedGroups,
                         reinterpret_cast<const void *>(source), site});
}

void mfaSimCopyAsyncCommit(ThreadState *state, uint32_t site) {
  ++getThread(state).closedGroups;
}

void Block::completeCopies(Thread &self, uint32_t end) {
  // Copies become visible as late as the kernel allows, so that one that
  // relies on an earlier arrival computes with what was there before.
  size_t done = 0;
  for (; done < self.copies.size() && self.copies[done].group < end; ++done) {
    const PendingCopy &copy = self.copies[done];
    char *destination = window.get() + copy.destination;
    memcpy(destination, copy.source, copy.sourceBytes);
    memset(destination + copy.sourceBytes, 0, copy.bytes - copy.sourceBytes);
    if (hasChecks())
      completeWrite(copy.destination, copy.bytes,
                    self.getAccess(AccessMode::Plain, copy.site));
  }
  self.copies.erase(self.copies.begin(), self.copies.begin() + done);
}

void mfaSimCopyAsyncWait(ThreadState *state, uint32_t pending, uint32_t site) {
  Thread &self = getThread(state);
  if (self.closedGroups > pending)
    self.block->completeCopies(self, self.closedGroups - pending);
}
