//===- Shadow.h - Who accessed shared memory, and when ----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Races are found with vector clocks. A thread counts its clock up whenever it
// synchronises, and knows of each other thread the last clock whose accesses
// happened before its own next one. Every byte of shared memory remembers its
// last write and, for each warp, its last read. An access races with a
// remembered one whose clock the thread does not know.
//
// Operations of the async proxy (tensor copies, products of a warpgroup) go on
// while their thread does. They count as accesses of agents, threads that exist
// only here: a thread learns their clocks by waiting for them. What a thread
// wrote through the generic proxy is ordered with the async proxy only behind a
// proxy fence, so knowledge has a second half: the clocks up to which accesses
// are fenced.
//
// Only the last reader of each warp is remembered, so a race of a write with
// several reads of one warp may be reported for one of them alone, or missed
// if that one happened before the write.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_RUNTIME_SIM_SHADOW_H
#define MFA_LIB_RUNTIME_SIM_SHADOW_H

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

namespace mfa::sim {

/// The clocks of all threads and agents of a cluster that one thread knows.
/// Threads that leave a barrier together share one; a use count keeps it alive.
struct Knowledge {
  std::vector<uint32_t> clocks;
  /// Clocks whose accesses are ordered with the async proxy too; empty if there
  /// was no fence.
  std::vector<uint32_t> fenced;
  uint32_t uses = 0;
};

/// Owns the knowledge of the threads of a cluster.
class KnowledgePool {
public:
  /// Returns knowledge that nobody uses yet, of `count` clocks, or equal to
  /// another.
  Knowledge *create(uint32_t count);
  Knowledge *copy(const Knowledge &other);

  /// Makes `slot` refer to `knowledge`, which may be null.
  void assign(Knowledge *&slot, Knowledge *knowledge);

private:
  std::vector<std::unique_ptr<Knowledge>> owned;
  std::vector<Knowledge *> unused;
};

/// How memory is accessed, as far as later accesses are concerned.
enum class AccessMode : uint32_t {
  Plain,
  Atomic,
  /// Written by a copy that may still be in flight.
  Pending,
  /// Made by an agent of the async proxy.
  Async,
};

/// A remembered access: thread or agent, clock, mode and operation. Of a
/// cluster of 16 blocks there are 16 x 1120 threads and agents.
struct Access {
  uint64_t thread : 15;
  uint64_t clock : 19;
  uint64_t mode : 2;
  uint64_t site : 28;

  bool is(AccessMode other) const {
    return mode == static_cast<uint32_t>(other);
  }
  uint64_t getBits() const {
    uint64_t bits;
    memcpy(&bits, this, sizeof(bits));
    return bits;
  }
};
static_assert(sizeof(Access) == 8);

/// Largest clock that an Access can hold.
constexpr uint32_t kClockLimit = (1u << 19) - 1;

/// The remembered accesses to the shared memory of a block.
class Shadow {
public:
  /// Makes accesses with a clock below `first` those of earlier blocks, and
  /// those of the new one begin there. There is a row of last reads for each of
  /// `readers`.
  void begin(uint32_t bytes, uint32_t readers, uint32_t first);

  /// Forgets all accesses, so that clocks may start again.
  void clear() { accesses.clear(); }

  /// Accesses with a clock below this one belong to earlier blocks.
  uint32_t getFloor() const { return floor; }

  Access *getWrites(uint32_t offset) { return &accesses[offset]; }
  Access *getReads(uint32_t reader, uint32_t offset) {
    return &accesses[(reader + size_t(1)) * stride + offset];
  }

private:
  std::vector<Access> accesses;
  size_t stride = 0;
  uint32_t floor = 1;
};

} // namespace mfa::sim

#endif // MFA_LIB_RUNTIME_SIM_SHADOW_H
