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
#include <chrono>
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
  /// Makes the calls that a thread takes at once; false where none is left or
  /// the loop is interrupted.
  bool workOnPiece();

  int64_t getCount() const { return count; }
  /// Of the thread that made the loop; may be null.
  InterruptScope *getInterrupts() const { return interrupts; }

private:
  friend class ThreadPool;

  const int64_t count;
  void (*const body)(int64_t, void *);
  void *const context;
  InterruptScope *const interrupts;
  /// Indices that a thread takes at once.
  const int64_t grain;
  /// The first index that no thread has taken.
  std::atomic<int64_t> next{0};
  /// Threads of the pool at work; guarded by the pool's mutex.
  unsigned numHelpers = 0;
};

/// Threads that help those that begin parallel loops, together as many as the
/// hardware has, or as the environment variable MFA_NUM_THREADS says. A forked
/// process has none of its parent's threads: it gets a pool of its own.
class ThreadPool {
public:
  /// The pool of this process. Never destroyed: its threads end with the
  /// process.
  static ThreadPool &get();

  /// Runs the loop; returns when no thread works on it any more. It begins in
  /// this thread, and others help where what is left is worth waking them.
  void run(ParallelLoop &loop);

  /// How many threads work on a loop, the one that began it included.
  unsigned getNumThreads() const { return 1 + mostHelpers; }
  /// `count` is at least 1. Loops that have begun keep their threads.
  void setNumThreads(unsigned count) { mostHelpers = count - 1; }

private:
  ThreadPool();
  void startThreads(unsigned count);
  /// Threads that shall help with what is left of a loop of which a piece took
  /// so long.
  unsigned countHelpers(const ParallelLoop &loop,
                        std::chrono::nanoseconds piece) const;
  void help();
  void remove(const ParallelLoop &loop);

  std::atomic<unsigned> mostHelpers;
  std::mutex mutex;
  std::condition_variable hasLoops, hasFewerHelpers;
  // Guarded by the mutex.
  unsigned numThreads = 0;
  /// Loops that may have calls left, in the order in which they began.
  std::vector<ParallelLoop *> loops;
};

} // namespace mfa::runtime

#endif // MFA_LIB_RUNTIME_THREADPOOL_H
