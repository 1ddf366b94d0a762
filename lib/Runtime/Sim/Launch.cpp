//===- Launch.cpp - Launches, workers and fault reports -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Launch.h"
#include "Cluster.h"
#include <algorithm>
#include <condition_variable>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <thread>

using namespace mfa::sim;

//===----------------------------------------------------------------------===//
// State of the process
//===----------------------------------------------------------------------===//

namespace {
/// What the embedding program configured, and the clusters kept for reuse.
struct Simulator {
  Simulator();

  std::mutex mutex;
  FaultHandler handler = nullptr;
  void *handlerUser = nullptr;
  uint32_t workers = 0;
  std::vector<MemoryRange> registered;
  std::vector<MemoryRange> readable;
  std::vector<std::unique_ptr<Cluster>> idle;
};
} // namespace

/// What mfaSimSetThreadFaultHandler sets.
static thread_local FaultHandler threadHandler = nullptr;
static thread_local void *threadHandlerUser = nullptr;

static Simulator &getSimulator() {
  static Simulator simulator;
  return simulator;
}

/// No thread is in the middle of a change when the process is forked.
Simulator::Simulator() {
  auto unlock = [] { getSimulator().mutex.unlock(); };
  pthread_atfork([] { getSimulator().mutex.lock(); }, unlock, unlock);
}

static std::unique_ptr<Cluster> takeCluster() {
  Simulator &simulator = getSimulator();
  std::lock_guard<std::mutex> lock(simulator.mutex);
  if (simulator.idle.empty())
    return std::make_unique<Cluster>();
  std::unique_ptr<Cluster> cluster = std::move(simulator.idle.back());
  simulator.idle.pop_back();
  return cluster;
}

static void giveBack(std::unique_ptr<Cluster> cluster) {
  Simulator &simulator = getSimulator();
  std::lock_guard<std::mutex> lock(simulator.mutex);
  simulator.idle.push_back(std::move(cluster));
}

void mfaSimSetFaultHandler(FaultHandler handler, void *user) {
  Simulator &simulator = getSimulator();
  std::lock_guard<std::mutex> lock(simulator.mutex);
  simulator.handler = handler;
  simulator.handlerUser = user;
}

void mfaSimSetThreadFaultHandler(FaultHandler handler, void *user) {
  threadHandler = handler;
  threadHandlerUser = user;
}

void mfaSimSetWorkers(uint32_t count) {
  Simulator &simulator = getSimulator();
  std::lock_guard<std::mutex> lock(simulator.mutex);
  simulator.workers = count;
}

void mfaSimRegisterMemory(const void *begin, uint64_t bytes) {
  Simulator &simulator = getSimulator();
  std::lock_guard<std::mutex> lock(simulator.mutex);
  uintptr_t address = reinterpret_cast<uintptr_t>(begin);
  simulator.registered.push_back({address, address + bytes});
}

void mfaSimUnregisterMemory(const void *begin) {
  Simulator &simulator = getSimulator();
  std::lock_guard<std::mutex> lock(simulator.mutex);
  uintptr_t address = reinterpret_cast<uintptr_t>(begin);
  auto &ranges = simulator.registered;
  auto it = std::find_if(ranges.begin(), ranges.end(), [&](MemoryRange range) {
    return range.begin == address;
  });
  if (it != ranges.end())
    ranges.erase(it);
}

void mfa::sim::addReadable(const void *begin, uint64_t bytes) {
  Simulator &simulator = getSimulator();
  std::lock_guard<std::mutex> lock(simulator.mutex);
  uintptr_t address = reinterpret_cast<uintptr_t>(begin);
  simulator.readable.push_back({address, address + bytes});
}

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

std::string mfa::sim::format(const char *text, ...) {
  va_list arguments;
  va_start(arguments, text);
  char buffer[512];
  vsnprintf(buffer, sizeof(buffer), text, arguments);
  va_end(arguments);
  return buffer;
}

bool Launch::isAccessible(uintptr_t address, uint64_t bytes) const {
  if (ranges.empty())
    return true;
  auto after = std::upper_bound(ranges.begin(), ranges.end(), address,
                                [](uintptr_t value, const MemoryRange &range) {
                                  return value < range.begin;
                                });
  if (after == ranges.begin())
    return false;
  const MemoryRange &range = *(after - 1);
  return address < range.end && bytes <= range.end - address;
}

std::string Launch::describeSite(uint32_t site) const {
  const char *line = kernel.sites;
  for (; site && line; --site) {
    line = strchr(line, '\n');
    line = line ? line + 1 : nullptr;
  }
  if (!line)
    return "unknown operation";
  const char *end = strchr(line, '\n');
  std::string text(line, end ? end - line : strlen(line));
  size_t tab = text.find('\t');
  if (tab == std::string::npos)
    return text;
  return text.substr(0, tab) + " at " + text.substr(tab + 1);
}

static const char *getFaultName(FaultKind kind) {
  switch (kind) {
  case FaultKind::InvalidLaunch:
    return "invalid launch";
  case FaultKind::OutOfBounds:
    return "out-of-bounds access";
  case FaultKind::Misaligned:
    return "misaligned access";
  case FaultKind::Uninitialized:
    return "uninitialized shared memory";
  case FaultKind::Race:
    return "data race";
  case FaultKind::InFlight:
    return "access to bytes in flight";
  case FaultKind::MissingFence:
    return "missing fence";
  case FaultKind::Deadlock:
    return "deadlock";
  case FaultKind::Divergence:
    return "divergent arrival";
  case FaultKind::PhaseOverrun:
    return "phase overrun";
  case FaultKind::EarlyExit:
    return "early exit";
  case FaultKind::InvalidOperand:
    return "invalid operand";
  case FaultKind::Trap:
    return "trap";
  }
  return "fault";
}

bool Launch::isNew(FaultKind kind, uint32_t site) {
  constexpr size_t kMostReports = 32;
  std::lock_guard<std::mutex> lock(mutex);
  return seen.size() < kMostReports && !seen.count({kind, site});
}

void Launch::report(FaultKind kind, uint32_t site, const std::string &where,
                    const std::string &what) {
  std::lock_guard<std::mutex> lock(mutex);
  if (!seen.insert({kind, site}).second)
    return;
  std::string text = format("mfa-sim: %s: ", getFaultName(kind)) + what + "\n";
  text += std::string("  kernel ") + kernel.name;
  if (!where.empty())
    text += ", " + where;
  text += "\n";
  if (site != kNoSite)
    text += "  " + describeSite(site) + "\n";
  reports.push_back(std::move(text));
}

void Launch::addCounters(const Counters &other) {
  std::lock_guard<std::mutex> lock(mutex);
  counters.add(other);
}

/// The bytes between the first and the last element of a strided memref, or
/// those of a parameter.
static MemoryRange getRange(const MemrefArgument &memref) {
  if (memref.rank == kByValue) {
    uintptr_t begin = reinterpret_cast<uintptr_t>(memref.descriptor);
    return {begin, begin + memref.elementBytes};
  }
  const int64_t *fields = static_cast<const int64_t *>(memref.descriptor);
  const int64_t *sizes = fields + 3;
  const int64_t *strides = sizes + memref.rank;
  int64_t first = 0, last = 0;
  for (uint32_t i = 0; i < memref.rank; ++i) {
    if (sizes[i] == 0)
      return {0, 0};
    int64_t extent = (sizes[i] - 1) * strides[i];
    (extent < 0 ? first : last) += extent;
  }
  uintptr_t base = fields[1] + fields[2] * int64_t(memref.elementBytes);
  return {base + first * int64_t(memref.elementBytes),
          base + (last + 1) * int64_t(memref.elementBytes)};
}

/// Sorts ranges and joins those that overlap.
static void normalize(std::vector<MemoryRange> &ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](MemoryRange a, MemoryRange b) { return a.begin < b.begin; });
  size_t kept = 0;
  for (const MemoryRange &range : ranges) {
    if (kept && range.begin < ranges[kept - 1].end)
      ranges[kept - 1].end = std::max(ranges[kept - 1].end, range.end);
    else
      ranges[kept++] = range;
  }
  ranges.resize(kept);
}

/// Checks what the driver would refuse; returns a description or nothing.
static std::string checkLaunch(const KernelInfo &kernel, const int64_t grid[3],
                               const int64_t block[3], int64_t dynamicShared) {
  constexpr int64_t kGridLimit[3] = {0x7fffffff, 65535, 65535};
  constexpr int64_t kBlockLimit[3] = {1024, 1024, 64};
  for (int i = 0; i < 3; ++i) {
    if (grid[i] < 1 || grid[i] > kGridLimit[i])
      return format("expected grid dimension %c from 1 to %lld but got %lld",
                    'x' + i, static_cast<long long>(kGridLimit[i]),
                    static_cast<long long>(grid[i]));
    if (block[i] < 1 || block[i] > kBlockLimit[i])
      return format("expected block dimension %c from 1 to %lld but got %lld",
                    'x' + i, static_cast<long long>(kBlockLimit[i]),
                    static_cast<long long>(block[i]));
  }
  int64_t threads = block[0] * block[1] * block[2];
  if (threads > 1024)
    return format("expected at most 1024 threads a block but got %lld",
                  static_cast<long long>(threads));
  int64_t shared = kernel.staticShared + dynamicShared;
  if (dynamicShared < 0 || shared > kernel.sharedLimit)
    return format("expected at most %u bytes of shared memory a block but got "
                  "%lld",
                  kernel.sharedLimit, static_cast<long long>(shared));
  return {};
}

/// What the driver would refuse about clusters, in a grid that is valid; the
/// kernel may ask for those of one size.
static std::string checkClusters(const KernelInfo &kernel,
                                 const int64_t grid[3],
                                 const int64_t cluster[3]) {
  constexpr int64_t kMostBlocks = 16;
  for (int i = 0; i < 3; ++i) {
    if (cluster[i] < 1 || cluster[i] > kMostBlocks)
      return format("expected cluster dimension %c from 1 to %lld but got %lld",
                    'x' + i, static_cast<long long>(kMostBlocks),
                    static_cast<long long>(cluster[i]));
    if (kernel.cluster[0] && cluster[i] != kernel.cluster[i])
      return format("expected cluster dimension %c to be %u, as the kernel "
                    "says, but got %lld",
                    'x' + i, kernel.cluster[i],
                    static_cast<long long>(cluster[i]));
    if (grid[i] % cluster[i])
      return format("expected grid dimension %c to be a multiple of the "
                    "cluster's, %lld, but got %lld",
                    'x' + i, static_cast<long long>(cluster[i]),
                    static_cast<long long>(grid[i]));
  }
  int64_t blocks = cluster[0] * cluster[1] * cluster[2];
  if (blocks > kMostBlocks)
    return format("expected at most %lld blocks a cluster but got %lld",
                  static_cast<long long>(kMostBlocks),
                  static_cast<long long>(blocks));
  return {};
}

/// Takes clusters in order until there are none left or the launch fails.
static void work(Launch &launch) {
  std::unique_ptr<Cluster> cluster = takeCluster();
  const Dim3 clusters = launch.getClusters();
  while (!launch.aborted && !launch.isInterrupted()) {
    uint64_t number = launch.nextCluster++;
    if (number >= clusters.count())
      break;
    cluster->run(launch, getPosition(number, clusters));
  }
  if (launch.counting)
    launch.addCounters(cluster->takeCounters());
  giveBack(std::move(cluster));
}

static void runClusters(Launch &launch, uint32_t workers) {
  if (!workers)
    workers = std::max(1u, std::thread::hardware_concurrency());
  workers = std::min<uint64_t>(workers, launch.getClusters().count());
  std::mutex mutex;
  std::condition_variable isDone;
  uint32_t running = workers - 1;
  auto help = [&] {
    work(launch);
    std::lock_guard<std::mutex> lock(mutex);
    if (--running == 0)
      isDone.notify_one();
  };
  std::vector<std::thread> helpers;
  for (uint32_t i = 1; i < workers; ++i)
    helpers.emplace_back(help);
  work(launch);
  std::unique_lock<std::mutex> lock(mutex);
  while (!isDone.wait_for(lock, mfa::runtime::InterruptScope::kInterval,
                          [&] { return running == 0; })) {
    lock.unlock();
    launch.isInterrupted();
    lock.lock();
  }
  lock.unlock();
  for (std::thread &helper : helpers)
    helper.join();
}

void mfa::sim::deliver(const std::vector<std::string> &reports) {
  if (reports.empty())
    return;
  FaultHandler handler = threadHandler;
  void *user = threadHandlerUser;
  if (!handler) {
    Simulator &simulator = getSimulator();
    std::lock_guard<std::mutex> lock(simulator.mutex);
    handler = simulator.handler;
    user = simulator.handlerUser;
  }
  for (const std::string &report : reports) {
    if (handler)
      handler(report.c_str(), user);
    else
      fputs(report.c_str(), stderr);
  }
  if (!handler) {
    fflush(stdout);
    std::exit(EXIT_FAILURE);
  }
}

int64_t mfaSimGetMultiprocessorCount() { return 16; }

/// As on a GPU, a launch finds what the one before it has left.
static thread_local uint32_t rowCounter = 0;
/// Whether the last launch of this thread went through all of its kernel.
static thread_local bool reachedEnd = true;

void *mfaSimAcquireRowCounter() { return &rowCounter; }

void mfaSimReleaseRowCounter(void *counter) {
  if (!reachedEnd)
    *static_cast<uint32_t *>(counter) = 0;
}

void mfaSimOverlapLaunch() {}

static void launchKernel(const KernelInfo *kernel, const int64_t grid[3],
                         const int64_t cluster[3], const int64_t block[3],
                         int32_t dynamicShared, void **arguments,
                         const MemrefArgument *memrefs, int64_t memrefCount) {
  auto toDim3 = [](const int64_t *extents) {
    return Dim3{static_cast<uint32_t>(extents[0]),
                static_cast<uint32_t>(extents[1]),
                static_cast<uint32_t>(extents[2])};
  };
  reachedEnd = false;
  Launch launch(*kernel, toDim3(grid), toDim3(cluster), toDim3(block),
                kernel->staticShared + dynamicShared, arguments);
  std::string invalid = checkLaunch(*kernel, grid, block, dynamicShared);
  if (invalid.empty())
    invalid = checkClusters(*kernel, grid, cluster);
  if (!invalid.empty()) {
    launch.report(FaultKind::InvalidLaunch, kNoSite, {}, invalid);
    return deliver(launch.getReports());
  }
  std::vector<MemoryRange> readable;
  for (int64_t i = 0; i < memrefCount; ++i)
    (memrefs[i].rank == kByValue ? readable : launch.ranges)
        .push_back(getRange(memrefs[i]));
  uint32_t workers;
  {
    Simulator &simulator = getSimulator();
    std::lock_guard<std::mutex> lock(simulator.mutex);
    launch.ranges.insert(launch.ranges.end(), simulator.registered.begin(),
                         simulator.registered.end());
    readable.insert(readable.end(), simulator.readable.begin(),
                    simulator.readable.end());
    workers = simulator.workers;
  }
  // These say nothing about what else the kernel may access.
  if (!launch.ranges.empty())
    launch.ranges.insert(launch.ranges.end(), readable.begin(), readable.end());
  normalize(launch.ranges);
  runClusters(launch, workers);
  if (launch.counting) {
    launch.counters.launches = 1;
    addToReport(*kernel, launch.counters);
  }
  reachedEnd = launch.getReports().empty() && !launch.isInterrupted();
  deliver(launch.getReports());
}

void mfaSimLaunch(const KernelInfo *kernel, int64_t gridX, int64_t gridY,
                  int64_t gridZ, int64_t blockX, int64_t blockY, int64_t blockZ,
                  int32_t dynamicShared, void **arguments,
                  const MemrefArgument *memrefs, int64_t memrefCount) {
  const int64_t grid[3] = {gridX, gridY, gridZ};
  const int64_t block[3] = {blockX, blockY, blockZ};
  // The kernel may say what the launch does not.
  int64_t cluster[3] = {1, 1, 1};
  if (kernel->cluster[0])
    std::copy_n(kernel->cluster, 3, cluster);
  launchKernel(kernel, grid, cluster, block, dynamicShared, arguments, memrefs,
               memrefCount);
}

void mfaSimLaunchCluster(const KernelInfo *kernel, int64_t clusterX,
                         int64_t clusterY, int64_t clusterZ, int64_t gridX,
                         int64_t gridY, int64_t gridZ, int64_t blockX,
                         int64_t blockY, int64_t blockZ, int32_t dynamicShared,
                         void **arguments, const MemrefArgument *memrefs,
                         int64_t memrefCount) {
  const int64_t grid[3] = {gridX, gridY, gridZ};
  const int64_t cluster[3] = {clusterX, clusterY, clusterZ};
  const int64_t block[3] = {blockX, blockY, blockZ};
  launchKernel(kernel, grid, cluster, block, dynamicShared, arguments, memrefs,
               memrefCount);
}
