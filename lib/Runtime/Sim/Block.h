//===- Block.h - Threads, warps and barriers of a block ---------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_RUNTIME_SIM_BLOCK_H
#define MFA_LIB_RUNTIME_SIM_BLOCK_H

#include "Cluster.h"
#include "Fiber.h"
#include "Launch.h"
#include "Shadow.h"
#include "TensorMap.h"
#include "Warpgroup.h"
#include <algorithm>
#include <map>
#include <memory>
#include <utility>

namespace mfa::sim {

/// A copy that a thread started and did not wait for yet.
struct PendingCopy {
  uint32_t destination;
  uint32_t bytes;
  uint32_t sourceBytes;
  uint32_t group;
  const void *source;
  uint32_t site;
};

/// A copy between a tensor in global memory and a box of it in shared memory.
struct TensorCopy {
  TensorMap map;
  int32_t coordinates[kMaxTensorRank];
  /// The box in shared memory.
  uint32_t offset;
  /// The thread that started it, and the operation.
  const Thread *thread;
  uint32_t site;
  /// Of a load that several blocks get: whether what it reads counts for
  /// another one of them.
  bool isCounted;
  /// Of a store: its group, and its clock as an agent.
  uint32_t group;
  uint32_t clock;
};

/// Lanes 0 to count - 1, at most a warp.
inline uint32_t getFirstLanes(uint32_t count) {
  return count >= kWarpSize ? ~0u : (1u << count) - 1;
}

/// One thread of a block: a fiber on a stack of its own.
struct Thread : ThreadState, Fiber {
  enum class Status { Runs, AtWarp, AtBarrier, Exited };

  Block *block = nullptr;
  Warp *warp = nullptr;
  Status status = Status::Runs;
  /// Operation at which the thread waits.
  uint32_t waitSite = kNoSite;
  /// Asynchronous copies in order of issue, and the number of closed groups.
  std::vector<PendingCopy> copies;
  uint32_t closedGroups = 0;
  /// Tensor stores, likewise.
  std::vector<TensorCopy> stores;
  uint32_t closedStoreGroups = 0;
  /// Products of the warpgroup: closed groups, those of them known to be done,
  /// and whether a fence is behind what the thread wrote to registers.
  uint32_t closedProductGroups = 0;
  uint32_t completedProductGroups = 0;
  bool hasRegisterFence = false;

  /// Accesses to shared memory not yet counted with those of other lanes.
  std::vector<LoggedAccess> log;
  /// Counts up when the thread synchronises; see Shadow.h.
  uint32_t clock = 0;
  Knowledge *knows = nullptr;
  /// Its number among the clocks.
  uint32_t agent = 0;

  /// Of the barrier that the thread last waited at: threads that arrived, and
  /// those of them whose predicate held.
  uint32_t barrierArrived = 0, barrierHolding = 0;

  /// What a fence of mbarriers released to those behind a relaxed arrival at
  /// the barrier of the cluster; the phase of that barrier at which the thread
  /// arrived, if it did not wait since.
  Knowledge *fencedMBarriers = nullptr;
  uint32_t clusterPhase = 0;
  bool isAtCluster = false;

  uint32_t getIndex() const { return warpId * kWarpSize + laneId; }
  Access getAccess(AccessMode mode, uint32_t site) const {
    return {agent, clock, static_cast<uint32_t>(mode), site};
  }
  uint32_t *words() { return reinterpret_cast<uint32_t *>(slot); }
  float *floats() { return reinterpret_cast<float *>(slot); }
};

/// What the lanes that met compute; runs once, on the lane that came last.
using MeetFn = void (*)(Warp &warp, uint32_t lanes, uint32_t parameter,
                        uint32_t site);

/// An operation at which lanes of a warp wait for each other.
struct Meet {
  uint32_t mask;
  uint32_t arrived;
  uint32_t site;
  uint32_t parameter;
  MeetFn compute;
  /// All lanes of the warp have to execute this very operation.
  bool aligned;
};

/// The lanes of one warp; a set of lanes is a bit mask.
class Warp {
public:
  Block *block = nullptr;
  uint32_t index = 0;
  /// Lanes that exist, have not exited and can run, respectively.
  uint32_t present = 0;
  uint32_t live = 0;
  uint32_t ready = 0;
  std::vector<Meet> meets;

  Thread &lane(uint32_t id) const { return threads[id]; }

  /// Waits until every lane of `mask` that has not exited has called meet
  /// with the same operation; the last one runs `compute` before all go on.
  /// Operands and results travel through the slots of the lanes.
  void meet(Thread &self, uint32_t mask, MeetFn compute, uint32_t parameter,
            uint32_t site);

  /// The same for an operation that all lanes have to execute together.
  void meetAligned(Thread &self, MeetFn compute, uint32_t parameter,
                   uint32_t site);

  /// Takes a lane out of the operations that wait for it.
  void exit(Thread &self);

  Thread *threads = nullptr;

private:
  void arrive(Thread &self, uint32_t mask, MeetFn compute, uint32_t parameter,
              uint32_t site, bool aligned);
  void finish(Meet &meet, uint32_t running);
};

/// One of the sixteen barriers of a block.
struct Barrier {
  uint32_t arrived = 0;
  /// Number of threads waited for, 0 meaning all that have not exited.
  uint32_t count = 0;
  uint32_t site = kNoSite;
  /// Lanes of each warp that wait, and the operation that brought them here.
  uint32_t waiting[kWarpSize] = {};
  uint32_t warpSite[kWarpSize] = {};
  /// What the threads know that arrived without waiting.
  Knowledge *released = nullptr;
  /// Threads that arrived with a predicate that holds.
  uint32_t holding = 0;
};

/// A barrier that is an object in shared memory.
struct MBarrier {
  /// Arrivals that make a phase, and those missing in the current one.
  uint32_t expected = 0;
  uint32_t pending = 0;
  /// Bytes that asynchronous copies still have to deliver in this phase.
  int64_t transactions = 0;
  uint32_t phase = 0;
  /// Tensor copies that will complete transactions of this phase, and the
  /// agent that they count as.
  std::vector<TensorCopy> loads;
  uint32_t agent = 0;
  /// The initialization, and whether a fence ordered it with tensor copies.
  Access initialization = {};
  bool isFenced = false;
  /// What was released up to now, and up to the end of the last phase.
  Knowledge *arriving = nullptr;
  Knowledge *completed = nullptr;
  /// Lanes of each warp that wait for the current phase.
  uint32_t waiting[kWarpSize] = {};

  bool isAwaited() const;
};

/// An arrival of a thread of another block at an mbarrier.
struct RemoteArrival {
  const Thread *thread;
  uint32_t clock;
  uint32_t offset;
  uint32_t site;
};

/// A block of a cluster; stacks and buffers are kept from one block to the
/// next.
class Block {
public:
  explicit Block(Cluster &cluster) : cluster(cluster), pool(cluster.pool) {}
  ~Block();
  Block(const Block &) = delete;
  Block &operator=(const Block &) = delete;

  /// Makes ready to run block `id`, whose rank in the cluster is `rank`.
  void prepare(Launch &launch, Dim3 id, uint32_t rank);

  /// Makes its barriers ready. The threads and agents get numbers among the
  /// clocks from `firstAgent` on.
  void prepareBarriers(uint32_t firstAgent);

  /// Makes the checks of accesses ready. The threads start with the clock
  /// `clock`, which is above those of earlier blocks, and know `initial`.
  void prepareShadow(uint32_t clock, Knowledge *initial);

  /// Forgets the accesses of earlier blocks, so that clocks may start again.
  void clearShadow() { shadow.clear(); }

  /// Counts what the block did, at its end.
  void finish();

  Launch &getLaunch() const { return *launch; }
  Cluster &getCluster() const { return cluster; }
  std::string describe() const;
  uint32_t getLiveThreads() const { return liveThreads; }
  std::vector<Warp> &getWarps() { return warps; }
  bool isOwnerOf(uint32_t agent) const {
    return agent - firstAgent < getClockCount();
  }
  char *getWindow() const { return window.get(); }
  uint32_t getSharedEnd() const { return kSharedBase + launch->sharedBytes; }
  bool hasChecks() const { return launch->kernel.checks; }
  /// Number of the clocks of the threads and agents of the block.
  uint32_t getClockCount() const {
    return threadCount + kLoadAgents + 2 * warps.size();
  }
  /// An empty list of threads for synchronize, which outlives an abandoned
  /// fiber.
  std::vector<Thread *> &getGroup() {
    group.clear();
    return group;
  }

  /// What was counted since the last call.
  Counters takeCounters() { return std::exchange(counters, Counters()); }

  /// Counts the accesses that the lanes of a warp logged.
  void flushLog(Warp &warp);

  /// Counts an execution of a basic block.
  void countBlock(uint32_t number) {
    if (counters.basicBlocks.size() <= number)
      counters.basicBlocks.resize(number + 1);
    ++counters.basicBlocks[number];
  }

  /// Lets other threads run until `self` is made ready.
  void suspend(Thread &self, Thread::Status status, uint32_t site);

  /// Waits at a barrier, or only counts as arrived. `holds` is what the thread
  /// has for a reduction.
  void barrier(Thread &self, uint32_t id, uint32_t count, uint32_t site,
               bool waits, bool holds = false);

  /// Checks an access of `self` to shared memory, remembers it, and returns its
  /// address on the host. `flags` are AccessFlags.
  char *accessShared(Thread &self, uint64_t offset, uint64_t bytes,
                     uint32_t flags, uint32_t site,
                     AccessMode mode = AccessMode::Plain);

  /// Checks alignment and bounds of such an access alone.
  void checkShared(Thread &self, uint64_t offset, uint64_t bytes,
                   uint32_t flags, uint32_t site);

  /// Checks an access of `self` to global memory.
  void accessGlobal(Thread &self, uint64_t address, uint64_t bytes,
                    uint32_t flags, uint32_t site);

  /// Orders what each thread of a group did before with what all of them do
  /// from now on, behind what was released to them, if anything.
  void synchronize(const std::vector<Thread *> &group,
                   const Knowledge *released = nullptr);

  /// Orders what `self` did before with what threads do that acquire the
  /// channel later.
  void release(Thread &self, Knowledge *&channel);
  void acquire(Thread &self, const Knowledge *channel);

  /// Keeps what a fence of `self` released, for a relaxed arrival behind it;
  /// and the same as release for what the fence kept, if there was one.
  void keepFence(Thread &self);
  void releaseFenced(Thread &self, Knowledge *&channel);

  /// Performs an atomic access, as far as it orders others.
  void orderAtomic(Thread &self, uint32_t offset, uint32_t flags);

  /// Performs the copies of `self` whose group is below `end`.
  void completeCopies(Thread &self, uint32_t end);

  /// Starts a copy of a box into shared memory that completes transactions of
  /// the mbarrier at offset `mbarrier`, and of one from shared memory. The
  /// thread may be of another block.
  void startLoad(Thread &self, const TensorCopy &copy, uint32_t mbarrier);
  void startStore(Thread &self, TensorCopy copy);

  /// Performs the tensor stores of `self` whose group is below `end`.
  void completeStores(Thread &self, uint32_t end);

  /// Reports the stores of a thread that is about to leave.
  void exitStores(Thread &self);

  /// The warpgroup of a thread, which has to be complete.
  Warpgroup &getWarpgroup(Thread &self, uint32_t site);

  /// Waits until all threads of the warpgroup have called it with the same
  /// operation; the last one runs `compute`.
  void meetWarpgroup(Thread &self, GroupMeetFn compute, uint32_t parameter,
                     uint32_t site);

  /// Makes room among the clocks for the reads of a product; returns theirs.
  uint32_t startProduct(Warpgroup &group);

  /// Checks and remembers a read of 16 bytes by a product, and returns their
  /// address on the host.
  const char *accessProduct(Warpgroup &group, uint32_t offset, uint32_t clock,
                            uint32_t site);

  /// The accumulator of a thread that a handle stands for.
  float readHandle(Thread &self, uint32_t bits, uint32_t site);
  static float getAccumulator(const Product &product, const Thread &thread,
                              uint32_t index);

  /// Waits for the products of `self` whose group is below `end`.
  void completeProducts(Thread &self, uint32_t end, uint32_t site);

  void countProduct(uint64_t multiplications) {
    ++counters.products;
    counters.productMultiplications += multiplications;
  }

  /// Gives the threads of a warpgroup as many registers each, or returns false
  /// and lets them wait until others have given theirs back.
  bool setRegisters(Warpgroup &group, uint32_t count);

  /// Orders what `self` knows with operations of the async proxy.
  void fenceProxy(Thread &self);

  /// Orders the initialization of mbarriers, as far as `self` knows of it, with
  /// operations of the async proxy.
  void fenceMBarriers(Thread &self);

  /// The mbarrier at an offset, which has to be initialized.
  MBarrier &getMBarrier(Thread &self, uint32_t offset, uint32_t site);
  void initMBarrier(Thread &self, uint32_t offset, uint32_t count,
                    uint32_t site);
  void eraseMBarrier(uint32_t offset);

  /// Counts arrivals and expected bytes, and returns the phase they are for.
  /// The thread may be of another block.
  uint64_t arrive(Thread &self, uint32_t offset, uint32_t count,
                  int32_t transactions, uint32_t site);

  /// Waits for the end of the phase that `phase` names in its `mask` bits, or,
  /// unless `blocks`, lets other threads run once and tells whether it ended.
  bool waitPhase(Thread &self, uint32_t offset, uint64_t phase, uint64_t mask,
                 bool blocks, uint32_t site);

  /// Reports a number that names no barrier.
  [[noreturn]] void failBarrier(Thread &self, uint32_t id, uint32_t site);

  /// Ends `self` and never returns.
  [[noreturn]] void exit(Thread &self);

  /// Reports a fault of `self` and keeps the block running; `describe` makes
  /// the text when it is needed.
  template <typename Function>
  void report(FaultKind kind, const Thread &self, uint32_t site,
              Function &&describe) {
    if (launch->isNew(kind, site))
      launch->report(kind, site, describeThread(self), describe());
  }

  /// Reports a fault of `self` and abandons the block.
  [[noreturn]] void fail(FaultKind kind, const Thread &self, uint32_t site,
                         const std::string &what);

  /// Lanes of a warp, in words.
  std::string describeLanes(const Warp &warp, uint32_t lanes) const;

  /// What threads wait for at mbarriers, and at anything of the block; that
  /// raises `site` to an operation where one waits.
  std::string describeMBarriers() const;
  std::string describeWaits(uint32_t &site) const;

private:
  void prepareThread(uint32_t index);
  void reserveStacks(uint32_t count);
  void leave();
  void checkRemoteArrivals();
  void completeBarrier(Barrier &barrier, uint32_t id);
  void exitBarriers(Thread &self);
  void prepareWarpgroups();
  void release(Warpgroup &group);
  void exitWarpgroup(Thread &self);
  std::string describeWarpgroups() const;
  static std::string describeThread(const Thread &self);
  void completePhase(MBarrier &barrier);
  void completeLoads(MBarrier &barrier);
  void reportLoads();
  [[noreturn]] void failIdle(Thread &self, uint32_t site);
  void clearMBarriers();
  std::string describeBarrier(uint32_t id) const;

  void tick(Thread &self);
  bool areOrdered(const Access &earlier, const Thread &self,
                  AccessMode mode) const;
  /// Whose shared memory it is, for a report about a thread of another block.
  std::string describeOwner(const Thread &self) const {
    return self.block == this ? "" : " of " + describe();
  }
  std::string describeBytes(const Thread &self, uint32_t offset,
                            uint32_t bytes) const;
  std::string describeAccess(const Thread &self, const Access &access,
                             const char *verb) const;
  bool isFenced(const Access &earlier, const Thread &self) const;
  void checkWrites(Thread &self, uint32_t offset, uint32_t bytes,
                   const char *verb, AccessMode mode, bool isAsync,
                   uint32_t site);
  void checkInitialized(Thread &self, uint32_t offset, uint32_t bytes,
                        uint32_t site);
  void recordRead(Thread &self, uint32_t offset, uint32_t bytes,
                  AccessMode mode, uint32_t site);
  void recordAsyncRead(Thread &self, uint32_t offset, uint32_t bytes,
                       uint32_t reader, const Access &access);
  void recordWrite(Thread &self, uint32_t offset, uint32_t bytes,
                   AccessMode mode, uint32_t site, bool isAsync = false);
  void completeWrite(uint32_t offset, uint32_t bytes, const Access &access);

  // Agents, numbered behind the threads of the block: one for the loads of each
  // mbarrier (several share one if there are many), one for the stores of each
  // warp, and for the products of a warpgroup four, of which the first makes
  // the accesses and each is known from the wait of one of the warps: a product
  // may go on for the others. The stores of the block have one row of last
  // reads behind those of the warps, each warpgroup another one.
  static constexpr uint32_t kLoadAgents = 32;
  uint32_t getWarpgroupCount() const {
    return (warps.size() + kWarpsOfGroup - 1) / kWarpsOfGroup;
  }
  uint32_t getLoadAgent(uint32_t number) const {
    return firstAgent + threadCount + number % kLoadAgents;
  }
  uint32_t getStoreAgent(const Warp &warp) const {
    return firstAgent + threadCount + kLoadAgents + warp.index;
  }
  uint32_t getFirstProductAgent() const {
    return firstAgent + threadCount + kLoadAgents + warps.size();
  }
  uint32_t getProductAgent(const Warpgroup &group) const {
    return getFirstProductAgent() + group.index * kWarpsOfGroup;
  }
  /// Only agents of this block access its shared memory.
  bool isProductAgent(uint32_t agent) const {
    return agent >= getFirstProductAgent();
  }
  uint32_t getStoreReader() const { return warps.size(); }
  uint32_t getProductReader(const Warpgroup &group) const {
    return warps.size() + 1 + group.index;
  }
  uint32_t getReaderCount() const {
    return warps.size() + (hasAsyncReads ? 1 + getWarpgroupCount() : 0);
  }
  /// An access of an agent.
  static Access getAgentAccess(uint32_t agent, uint32_t clock, uint32_t site) {
    return {agent, clock, static_cast<uint32_t>(AccessMode::Async), site};
  }

  Cluster &cluster;
  Launch *launch = nullptr;
  Dim3 id = {};
  uint32_t rank = 0;
  std::unique_ptr<Thread[]> threads;
  uint32_t threadCapacity = 0;
  uint32_t threadCount = 0;
  std::vector<Warp> warps;
  std::vector<Warpgroup> warpgroups;
  int64_t freeRegisters = 0;
  Barrier barriers[16];
  std::map<uint32_t, MBarrier> mbarriers;
  uint32_t nextLoadAgent = 0;
  uint32_t liveThreads = 0;

  struct AlignedDelete {
    void operator()(char *memory) const;
  };
  std::unique_ptr<char, AlignedDelete> window;
  uint32_t windowBytes = 0;

  char *stacks = nullptr;
  uint32_t stackCount = 0;

  /// Where accesses are checked: remembered ones, the first number among the
  /// clocks, and what was released through atomic accesses, by offset.
  Shadow shadow;
  KnowledgePool &pool;
  uint32_t firstAgent = 0;
  bool hasAsyncReads = false;
  std::map<uint32_t, Knowledge *> channels;
  /// The latest arrival of each thread of another block, by its number among
  /// the clocks.
  std::map<uint32_t, RemoteArrival> remoteArrivals;
  std::vector<Thread *> group;
  Counters counters;
};

/// The thread that a call from a kernel is made for.
inline Thread &getThread(ThreadState *state) {
  return *static_cast<Thread *>(state);
}

} // namespace mfa::sim

#endif // MFA_LIB_RUNTIME_SIM_BLOCK_H
