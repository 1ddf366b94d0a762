//===- Interrupt.h - Ending long work early ---------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Work on the host that may take seconds, a parallel loop or a simulated
// launch, asks from time to time whether it shall end. Only the thread that
// began it asks, since an embedding program (Python) knows of signals in one
// thread alone.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUNTIME_INTERRUPT_H
#define MFA_RUNTIME_INTERRUPT_H

#include <atomic>
#include <chrono>

namespace mfa::runtime {

/// Returns true where the work of the calling thread shall end.
using InterruptHandler = bool (*)(void *user);

/// While one lives, work that the thread begins asks its handler. What has been
/// interrupted leaves its results unspecified, and work that begins afterwards
/// in the scope ends at once.
class InterruptScope {
public:
  /// Without a handler the scope is as if it were not there.
  InterruptScope(InterruptHandler handler, void *user);
  ~InterruptScope();
  InterruptScope(const InterruptScope &) = delete;
  InterruptScope &operator=(const InterruptScope &) = delete;

  /// The thread's innermost scope with a handler, or null.
  static InterruptScope *getCurrent();

  /// Asks the handler where it has not been asked for a while; true once it
  /// said that the work shall end. Only for the thread of the scope.
  bool poll();

  /// What poll returned last, for any thread.
  bool isInterrupted() const {
    return interrupted.load(std::memory_order_relaxed);
  }

  /// poll in the thread of the scope, isInterrupted in those that help it.
  bool shouldStop() { return getCurrent() == this ? poll() : isInterrupted(); }

  /// How often the handler is asked.
  static constexpr std::chrono::milliseconds kInterval{50};

private:
  using Clock = std::chrono::steady_clock;

  InterruptHandler handler;
  void *user;
  InterruptScope *previous;
  /// When to ask next; short work never does.
  Clock::time_point next;
  std::atomic<bool> interrupted{false};
};

} // namespace mfa::runtime

#endif // MFA_RUNTIME_INTERRUPT_H
