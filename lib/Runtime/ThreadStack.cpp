//===- ThreadStack.cpp - The stacks of threads ----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ThreadStack.h"
#include "mfa/Runtime/CPURuntime.h"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>

using namespace mfa::runtime;

namespace {
/// Addresses of a stack; empty where nothing is known of it.
struct StackRange {
  uintptr_t begin = 0, end = 0;
  bool isLookedUp = false;
};
} // namespace

static thread_local StackRange currentStack;

/// Of the main thread this takes some 20 us, as the system reads its mappings.
static StackRange lookUpStack() {
  StackRange range;
  range.isLookedUp = true;
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0)
    return range;
  void *begin;
  size_t size, guard;
  if (pthread_attr_getstack(&attributes, &begin, &size) == 0 &&
      pthread_attr_getguardsize(&attributes, &guard) == 0 && guard < size) {
    // Some C libraries count the guard among the bytes of the stack.
    range.begin = reinterpret_cast<uintptr_t>(begin) + guard;
    range.end = reinterpret_cast<uintptr_t>(begin) + size;
  }
  pthread_attr_destroy(&attributes);
  return range;
}

bool mfa::runtime::hasStackLeft(size_t bytes) {
  if (!currentStack.isLookedUp)
    currentStack = lookUpStack();
  auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  return here < currentStack.end && here >= currentStack.begin &&
         here - currentStack.begin >= bytes;
}

int mfa::runtime::startLoopThread(pthread_t &thread, void *(*main)(void *),
                                  void *argument) {
  // The frames of the runtime, and of the C library's functions.
  constexpr size_t reserve = size_t(1) << 19;
  pthread_attr_t attributes;
  if (int error = pthread_attr_init(&attributes))
    return error;
  size_t size = 0;
  (void)pthread_attr_getstacksize(&attributes, &size);
  int error = pthread_attr_setstacksize(
      &attributes, std::max(size, kLoopStackBytes + reserve));
  if (!error) {
    // Signals are for the threads of the program.
    sigset_t all, previous;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    error = pthread_create(&thread, &attributes, main, argument);
    pthread_sigmask(SIG_SETMASK, &previous, /*old=*/nullptr);
  }
  pthread_attr_destroy(&attributes);
  return error;
}

namespace {
/// Work of a thread that another one waits for.
struct LentWork {
  void (*work)(void *);
  void *argument;
  std::mutex mutex = {};
  std::condition_variable isOver = {};
  bool hasReturned = false;

  void run() {
    work(argument);
    std::lock_guard<std::mutex> lock(mutex);
    hasReturned = true;
    isOver.notify_all();
  }
  void wait(InterruptScope &interrupts) {
    std::unique_lock<std::mutex> lock(mutex);
    while (!isOver.wait_for(lock, InterruptScope::kInterval,
                            [&] { return hasReturned; })) {
      lock.unlock();
      interrupts.poll();
      lock.lock();
    }
  }
};
} // namespace

void mfa::runtime::runInLoopThread(void (*work)(void *), void *argument,
                                   InterruptScope *interrupts) {
  LentWork lent{work, argument};
  pthread_t thread;
  auto main = [](void *lent) -> void * {
    static_cast<LentWork *>(lent)->run();
    return nullptr;
  };
  if (int error = startLoopThread(thread, main, &lent)) {
    std::string message =
        "expected a thread with " + std::to_string(kLoopStackBytes) +
        " bytes of stack for a parallel loop, but the one that calls has less "
        "and the system refuses to start another: ";
    mfaReportError((message + std::strerror(error)).c_str());
  }
  if (interrupts)
    lent.wait(*interrupts);
  pthread_join(thread, /*result=*/nullptr);
}
