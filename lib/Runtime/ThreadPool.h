//===- ThreadPool.h - The threads of parallel loops -------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_RUNTIME_THREADPOOL_H
#define MFA_LIB_RUNTIME_THREADPOOL_H

#include "mfa/Runtime/Interrupt.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace mfa::runtime {

/// Calls of a function for the indices from 0 to `count` - 1, each by one of
/// the threads that work on the loop.
class ParallelLoop {
public:
  ParallelLoop(int64_t count, void (*body)(int64_t, void *), void *context);

  /// Makes calls until none is left or the loop is interrupted.
  void work();

private:
  friend class ThreadPool;

  const int64_t count;
  void (*const body)(int64_t, void *);
  void *const context;
  /// Of the thread that began the loop; may be null.
  InterruptScope *const interrupts;
  /// Indices that a thread takes at once.
  const int64_t grain;
  /// The first index that no thread has taken.
  std::atomic<int64_t> next{0};
  /// Threads of the pool at work; guarded by the pool's mutex.
  unsigned numHelpers = 0;
};

/// Threads that help those that begin parallel loops, together as many as the
/// hardware has. A forked process has none of its parent's threads: it gets a
/// pool of its own.
class ThreadPool {
public:
  /// The pool of this process. Never destroyed: its threads end with the
  /// process.
  static ThreadPool &get();

  /// Runs the loop; returns when no thread works on it any more.
  void run(ParallelLoop &loop);

private:
  ThreadPool();
  void startThreads(unsigned count);
  void help();
  void remove(const ParallelLoop &loop);

  const unsigned mostThreads;
  std::mutex mutex;
  std::condition_variable hasLoops, hasFewerHelpers;
  // Guarded by the mutex.
  unsigned numThreads = 0;
  /// Loops that may have calls left, in the order in which they began.
  std::vector<ParallelLoop *> loops;
};

} // namespace mfa::runtime

#endif // MFA_LIB_RUNTIME_THREADPOOL_H
