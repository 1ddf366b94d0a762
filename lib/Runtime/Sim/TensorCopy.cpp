//===- TensorCopy.cpp - Copies between tensors and shared memory ----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "cp.async.bulk.tensor", tiled mode. A load completes transactions of
// an mbarrier, a store is waited for by its group. Both belong to the async
// proxy; see Shadow.h.
//
//===----------------------------------------------------------------------===//

#include "Block.h"
#include <algorithm>
#include <cstring>

using namespace mfa::sim;

/// Alignment of a box in shared memory.
static constexpr uint32_t kBoxAlignment = 128;

//===----------------------------------------------------------------------===//
// Rows of a box
//===----------------------------------------------------------------------===//

namespace {
/// What lies along the innermost dimension of a box: consecutive bytes in
/// shared memory, before the swizzle, and in global memory.
struct Row {
  uint32_t offset;
  uint32_t bytes;
  /// The bytes of the row that the tensor has, [first, end), and where they
  /// are. None if the row lies outside.
  uint32_t first;
  uint32_t end;
  char *global;
};
} // namespace

/// Calls `visit` with each row of the box of `copy`.
template <typename Function>
static void forEachRow(const TensorCopy &copy, Function &&visit) {
  const TensorMap &map = copy.map;
  const uint32_t width = map.getElementBytes();
  const int64_t inner = copy.coordinates[0];
  const int64_t count = map.getCount(0);
  Row row;
  row.offset = copy.offset;
  row.bytes = count * width;
  const int64_t size = int64_t(map.lastIndex[0]) + 1;
  const int64_t first = std::clamp<int64_t>(-inner, 0, count);
  const int64_t end = std::clamp<int64_t>(size - inner, first, count);
  uint32_t indices[kMaxTensorRank] = {};
  for (;;) {
    int64_t distance = (inner + first) * width;
    bool isInside = true;
    for (uint32_t dim = 1; dim < map.rank; ++dim) {
      int64_t index = copy.coordinates[dim] +
                      int64_t(indices[dim]) * map.elementStrides[dim];
      isInside &= index >= 0 && index <= int64_t(map.lastIndex[dim]);
      distance += index * static_cast<int64_t>(map.byteStrides[dim - 1]);
    }
    row.first = isInside ? first * width : 0;
    row.end = isInside ? end * width : 0;
    row.global = reinterpret_cast<char *>(map.address + distance);
    visit(row);
    row.offset += row.bytes;
    uint32_t dim = 1;
    while (dim < map.rank && ++indices[dim] == map.getCount(dim))
      indices[dim++] = 0;
    if (dim >= map.rank)
      return;
  }
}

/// Bytes that the longest row has, 256 elements of 8 bytes.
static constexpr uint32_t kMaxRowBytes = 2048;
/// Bytes that a swizzle moves together.
static constexpr uint32_t kChunkBytes = 16;

/// Calls `visit(in row, in window)` for each chunk of a row.
template <typename Function>
static void forEachChunk(const TensorMap &map, const Row &row,
                         Function &&visit) {
  for (uint32_t byte = 0; byte < row.bytes; byte += kChunkBytes)
    visit(byte, map.swizzleOffset(row.offset + byte));
}

/// Fills bytes as the map wants those outside of the tensor.
static void fillOutside(const TensorMap &map, char *begin, uint32_t bytes) {
  if (!map.fillsWithNaN) {
    memset(begin, 0, bytes);
    return;
  }
  // All bits but the sign: a NaN of every floating-point type.
  memset(begin, 0xff, bytes);
  const uint32_t width = map.getElementBytes();
  for (uint32_t byte = width - 1; byte < bytes; byte += width)
    begin[byte] = 0x7f;
}

/// Returns the bytes that were read from global memory.
static uint64_t performLoad(const TensorCopy &copy, char *window) {
  uint64_t moved = 0;
  forEachRow(copy, [&](const Row &row) {
    char bytes[kMaxRowBytes];
    fillOutside(copy.map, bytes, row.bytes);
    if (row.first < row.end)
      memcpy(bytes + row.first, row.global, row.end - row.first);
    moved += row.end - row.first;
    forEachChunk(copy.map, row, [&](uint32_t inRow, uint32_t inWindow) {
      memcpy(window + inWindow, bytes + inRow, kChunkBytes);
    });
  });
  return moved;
}

/// Returns the bytes that were written to global memory.
static uint64_t performStore(const TensorCopy &copy, const char *window) {
  uint64_t moved = 0;
  forEachRow(copy, [&](const Row &row) {
    char bytes[kMaxRowBytes];
    forEachChunk(copy.map, row, [&](uint32_t inRow, uint32_t inWindow) {
      memcpy(bytes + inRow, window + inWindow, kChunkBytes);
    });
    if (row.first < row.end)
      memcpy(row.global, bytes + row.first, row.end - row.first);
    moved += row.end - row.first;
  });
  return moved;
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

/// Checks what a copy does to global memory. Where the buffer of the tensor is
/// unknown, the map alone says what may be accessed.
static void checkGlobal(Thread &self, const TensorCopy &copy,
                        const char *verb) {
  const Launch &launch = self.block->getLaunch();
  if (!launch.isAccessible(copy.map.address, copy.map.getElementBytes()))
    return;
  forEachRow(copy, [&](const Row &row) {
    uint32_t bytes = row.end - row.first;
    if (bytes &&
        !launch.isAccessible(reinterpret_cast<uintptr_t>(row.global), bytes))
      self.block->fail(
          FaultKind::OutOfBounds, self, copy.site,
          format("%s %u bytes at global address 0x%llx, which are within the "
                 "tensor map but not within its buffer",
                 verb, bytes,
                 static_cast<unsigned long long>(
                     reinterpret_cast<uintptr_t>(row.global))));
  });
}

void Block::startLoad(Thread &self, const TensorCopy &copy, uint32_t mbarrier) {
  const uint32_t bytes = copy.map.getBoxBytes();
  const uint32_t alignment = kBoxAlignment << kAlignShift;
  MBarrier &barrier = getMBarrier(self, mbarrier, copy.site);
  if (!barrier.isFenced)
    report(FaultKind::MissingFence, self, copy.site, [&] {
      return "use of an mbarrier" + describeOwner(self) +
             " by the async proxy, with no fence behind its initialization\n "
             " " +
             describeAccess(self, barrier.initialization, "initialized it");
    });
  checkShared(self, copy.offset, bytes, kShared | kWrite | alignment,
              copy.site);
  checkGlobal(self, copy, "read of");
  if (hasChecks())
    recordWrite(self, copy.offset, bytes, AccessMode::Pending, copy.site,
                /*isAsync=*/true);
  barrier.loads.push_back(copy);
  completePhase(barrier);
}

void Block::completeLoads(MBarrier &barrier) {
  for (const TensorCopy &copy : barrier.loads) {
    const uint32_t bytes = copy.map.getBoxBytes();
    const uint64_t moved = performLoad(copy, window.get());
    if (!copy.isCounted) {
      counters.tensorRead += moved;
      counters.globalRead += moved;
    }
    counters.sharedWritten += bytes;
    barrier.transactions -= bytes;
    if (!hasChecks())
      continue;
    Access access =
        getAgentAccess(barrier.agent, cluster.tickAgent(), copy.site);
    completeWrite(copy.offset, bytes, access);
    Knowledge *merged = barrier.arriving ? pool.copy(*barrier.arriving)
                                         : pool.create(cluster.getClockCount());
    if (!barrier.arriving)
      std::fill(merged->clocks.begin(), merged->clocks.end(), 0);
    merged->clocks[barrier.agent] = access.clock;
    pool.assign(barrier.arriving, merged);
  }
  barrier.loads.clear();
}

void Block::reportLoads() {
  for (const auto &[offset, barrier] : mbarriers)
    for (const TensorCopy &copy : barrier.loads)
      report(FaultKind::InFlight, *copy.thread, copy.site, [&] {
        return (copy.thread->block == this ? "the block" : describe()) +
               std::string(" ends, but no thread waited for the copy");
      });
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

void Block::startStore(Thread &self, TensorCopy copy) {
  const uint32_t bytes = copy.map.getBoxBytes();
  const uint32_t alignment = kBoxAlignment << kAlignShift;
  checkShared(self, copy.offset, bytes, kShared | alignment, copy.site);
  checkGlobal(self, copy, "write to");
  copy.group = self.closedStoreGroups;
  copy.clock = cluster.tickAgent();
  if (hasChecks()) {
    hasAsyncReads = true;
    auto record = [&](uint32_t offset, uint32_t size) {
      recordAsyncRead(
          self, offset, size, getStoreReader(),
          getAgentAccess(getStoreAgent(*self.warp), copy.clock, copy.site));
    };
    // Of a box that reaches beyond the array, what is dropped does not count.
    bool isInside = true;
    forEachRow(copy, [&](const Row &row) {
      isInside &= row.first == 0 && row.end == row.bytes;
    });
    if (isInside)
      record(copy.offset, bytes);
    else
      forEachRow(copy, [&](const Row &row) {
        forEachChunk(copy.map, row, [&](uint32_t byte, uint32_t offset) {
          if (byte < row.end && byte + kChunkBytes > row.first)
            record(offset, kChunkBytes);
        });
      });
  }
  self.stores.push_back(copy);
}

void Block::completeStores(Thread &self, uint32_t end) {
  // The last one done is the last in order of issue, which is that of clocks.
  uint32_t clock = 0;
  size_t done = 0;
  for (; done < self.stores.size() && self.stores[done].group < end; ++done) {
    const TensorCopy &copy = self.stores[done];
    const uint64_t moved = performStore(copy, window.get());
    counters.tensorWritten += moved;
    counters.globalWritten += moved;
    counters.sharedRead += copy.map.getBoxBytes();
    clock = copy.clock;
  }
  self.stores.erase(self.stores.begin(), self.stores.begin() + done);
  if (!done || !hasChecks())
    return;
  Knowledge *merged = pool.copy(*self.knows);
  merged->clocks[getStoreAgent(*self.warp)] = clock;
  pool.assign(self.knows, merged);
}

void Block::exitStores(Thread &self) {
  if (self.stores.empty())
    return;
  report(FaultKind::InFlight, self, self.stores.front().site, [&] {
    return std::string("the thread leaves the kernel while its copy may still "
                       "read shared memory");
  });
  completeStores(self, self.closedStoreGroups + 1);
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

/// The copy that a call asks for, with the coordinates in the slot.
static TensorCopy getCopy(Thread &self, uint32_t offset, uint64_t address,
                          uint32_t rank, uint32_t site) {
  Block &block = *self.block;
  if (address % alignof(TensorMap))
    block.fail(FaultKind::Misaligned, self, site,
               format("tensor map at 0x%llx, which is not a multiple of %zu",
                      static_cast<unsigned long long>(address),
                      alignof(TensorMap)));
  if (!address || !block.getLaunch().isAccessible(address, sizeof(TensorMap)))
    block.fail(FaultKind::OutOfBounds, self, site,
               format("there is no memory for a tensor map at 0x%llx",
                      static_cast<unsigned long long>(address)));
  TensorCopy copy = {};
  memcpy(&copy.map, reinterpret_cast<const void *>(address), sizeof(TensorMap));
  if (!copy.map.isValid())
    block.fail(FaultKind::InvalidOperand, self, site,
               format("there is no encoded tensor map at 0x%llx",
                      static_cast<unsigned long long>(address)));
  if (rank && copy.map.rank != rank)
    block.fail(FaultKind::InvalidOperand, self, site,
               format("expected a tensor map of %u dimensions but got one of "
                      "%u",
                      rank, copy.map.rank));
  memcpy(copy.coordinates, self.words(), rank * sizeof(int32_t));
  copy.offset = offset;
  copy.thread = &self;
  copy.site = site;
  return copy;
}

/// The offset that an address in the shared memory of the cluster stands for. A
/// load into another block, other than by a mask, is not simulated.
static uint32_t getOwnOffset(Thread &self, uint64_t address, uint32_t site) {
  const uint64_t mapped = address >> kClusterRankShift;
  if (mapped && mapped - 1 != self.clusterRank)
    self.block->fail(FaultKind::InvalidOperand, self, site,
                     "expected a destination in the block's own shared memory; "
                     "a mask names other blocks");
  return static_cast<uint32_t>(address);
}

void mfaSimTensorLoad(ThreadState *state, uint64_t destination, uint64_t map,
                      uint32_t mbarrier, uint32_t rank, uint32_t site) {
  Thread &self = getThread(state);
  TensorCopy copy =
      getCopy(self, getOwnOffset(self, destination, site), map, rank, site);
  self.block->startLoad(self, copy, mbarrier);
}

void mfaSimTensorLoadMulticast(ThreadState *state, uint64_t destination,
                               uint64_t map, uint32_t mbarrier, uint32_t rank,
                               uint32_t mask, uint32_t site) {
  Thread &self = getThread(state);
  Cluster &cluster = self.block->getCluster();
  TensorCopy copy =
      getCopy(self, getOwnOffset(self, destination, site), map, rank, site);
  if (cluster.getSize() == 1)
    self.block->fail(FaultKind::InvalidOperand, self, site,
                     "a copy to several blocks needs a launch with a cluster");
  if (!mask)
    self.block->fail(FaultKind::InvalidOperand, self, site,
                     "expected a mask that names a block of the cluster but "
                     "got 0");
  for (; mask; mask &= mask - 1) {
    Block &block = cluster.getBlock(self, __builtin_ctz(mask), "copy to", site);
    block.startLoad(self, copy, mbarrier);
    copy.isCounted = true;
  }
}

void mfaSimTensorStore(ThreadState *state, uint64_t map, uint32_t source,
                       uint32_t rank, uint32_t site) {
  Thread &self = getThread(state);
  TensorCopy copy = getCopy(self, source, map, rank, site);
  // An H100 takes such a store for an illegal instruction, though not a load.
  for (uint32_t dim = 0; dim < rank; ++dim)
    if (copy.coordinates[dim] < 0)
      self.block->fail(FaultKind::InvalidOperand, self, site,
                       format("expected coordinates of at least 0 for a store, "
                              "but got %d for dimension %u",
                              copy.coordinates[dim], dim));
  self.block->startStore(self, copy);
}

void mfaSimTensorPrefetch(ThreadState *state, uint64_t map, uint32_t rank,
                          uint32_t site) {
  getCopy(getThread(state), /*offset=*/0, map, rank, site);
}

void mfaSimBulkCommit(ThreadState *state, uint32_t site) {
  ++getThread(state).closedStoreGroups;
}

void mfaSimBulkWait(ThreadState *state, uint32_t pending, uint32_t site) {
  Thread &self = getThread(state);
  if (self.closedStoreGroups > pending)
    self.block->completeStores(self, self.closedStoreGroups - pending);
}

void mfaSimFenceProxy(ThreadState *state, uint32_t site) {
  Thread &self = getThread(state);
  self.block->fenceProxy(self);
}

void mfaSimFenceMBarrierInit(ThreadState *state, uint32_t site) {
  Thread &self = getThread(state);
  self.block->fenceMBarriers(self);
  self.block->keepFence(self);
}
