//===- ThreadPool.cpp - The threads of parallel loops ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadPool.h"
#include "ThreadStack.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Threading.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <pthread.h>

using namespace mfa::runtime;

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

ParallelLoop::ParallelLoop(int64_t count, void (*body)(int64_t, void *),
                           void *context)
    : count(count), body(body), context(context),
      interrupts(InterruptScope::getCurrent()),
      grain(std::max<int64_t>(count / 1024, 1)) {}

void ParallelLoop::work() {
  while (workOnPiece())
    continue;
}

bool ParallelLoop::workOnPiece() {
  int64_t begin = next.fetch_add(grain, std::memory_order_relaxed);
  int64_t end = std::min(begin + grain, count);
  if (begin >= end)
    return false;
  for (int64_t index = begin; index < end; ++index) {
    if (interrupts && interrupts->shouldStop())
      return false;
    body(index, context);
  }
  return true;
}

//===----------------------------------------------------------------------===//
// The pool
//===----------------------------------------------------------------------===//

static std::atomic<ThreadPool *> currentPool{nullptr};

ThreadPool &ThreadPool::get() {
  // Not a static variable of this function: after a fork while another thread
  // initialises it, the child would wait for that thread.
  if (ThreadPool *pool = currentPool.load(std::memory_order_acquire))
    return *pool;
  static std::atomic<bool> isRegistered{false};
  if (!isRegistered.exchange(true))
    pthread_atfork(/*prepare=*/nullptr, /*parent=*/nullptr, [] {
      // A pool whose threads are gone and whose mutex may be locked.
      currentPool.store(nullptr, std::memory_order_relaxed);
    });
  ThreadPool *pool = nullptr;
  auto *made = new ThreadPool;
  if (currentPool.compare_exchange_strong(pool, made))
    return *made;
  // Another thread was faster; this pool has no threads yet.
  delete made;
  return *pool;
}

/// What MFA_NUM_THREADS says, or the number of hardware threads.
static unsigned getDefaultNumThreads() {
  unsigned hardware = llvm::hardware_concurrency().compute_thread_count();
  const char *text = std::getenv("MFA_NUM_THREADS");
  if (!text || !*text)
    return hardware;
  unsigned count;
  if (!llvm::StringRef(text).getAsInteger(10, count) && count >= 1)
    return count;
  std::fprintf(
      stderr,
      "warning: expected MFA_NUM_THREADS to be a number from 1 on, but "
      "got '%s'; there are %u threads\n",
      text, hardware);
  return hardware;
}

ThreadPool::ThreadPool() : mostHelpers(getDefaultNumThreads() - 1) {}

/// Where the system refuses a thread, there are fewer.
void ThreadPool::startThreads(unsigned count) {
  for (; numThreads < count; ++numThreads) {
    pthread_t thread;
    auto main = [](void *pool) -> void * {
      static_cast<ThreadPool *>(pool)->help();
      return nullptr;
    };
    if (startLoopThread(thread, main, this) != 0)
      break;
    pthread_detach(thread);
  }
}

void ThreadPool::help() {
  std::unique_lock<std::mutex> lock(mutex);
  while (true) {
    hasLoops.wait(lock, [&] { return !loops.empty(); });
    ParallelLoop &loop = *loops.front();
    ++loop.numHelpers;
    lock.unlock();
    loop.work();
    lock.lock();
    remove(loop);
    if (--loop.numHelpers == 0)
      hasFewerHelpers.notify_all();
  }
}

void ThreadPool::remove(const ParallelLoop &loop) {
  loops.erase(std::remove(loops.begin(), loops.end(), &loop), loops.end());
}

unsigned ThreadPool::countHelpers(const ParallelLoop &loop,
                                  std::chrono::nanoseconds piece) const {
  // About what it takes until a thread that sleeps is at work.
  constexpr std::chrono::microseconds worthWaking{20};
  int64_t left = loop.count - loop.next.load(std::memory_order_relaxed);
  int64_t pieces = left <= 0 ? 0 : (left - 1) / loop.grain + 1;
  // Each has work for so long, and so has this thread.
  int64_t worthy =
      pieces * (piece / std::chrono::duration<double>(worthWaking));
  return std::min<int64_t>({pieces, worthy, mostHelpers});
}

void ThreadPool::run(ParallelLoop &loop) {
  using Clock = std::chrono::steady_clock;
  if (mostHelpers == 0)
    return loop.work();
  Clock::time_point begin = Clock::now();
  if (!loop.workOnPiece())
    return;
  unsigned helpers = countHelpers(loop, Clock::now() - begin);
  if (helpers == 0)
    return loop.work();
  {
    std::lock_guard<std::mutex> lock(mutex);
    startThreads(helpers);
    loops.push_back(&loop);
  }
  for (unsigned i = 0; i < helpers; ++i)
    hasLoops.notify_one();
  loop.work();
  std::unique_lock<std::mutex> lock(mutex);
  remove(loop);
  auto isLeft = [&] { return loop.numHelpers == 0; };
  if (!loop.interrupts)
    return hasFewerHelpers.wait(lock, isLeft);
  while (!hasFewerHelpers.wait_for(lock, InterruptScope::kInterval, isLeft)) {
    lock.unlock();
    (void)loop.interrupts->shouldStop();
    lock.lock();
  }
}
