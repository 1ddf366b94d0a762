//===- Fiber.h - Contexts that a worker switches between --------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Switching uses the low-level interface of Boost.Context, because a thread
// that cannot go on after a fault is abandoned, which the classes above it do
// by unwinding. The sanitizers (MFA_SANITIZE) are told of each switch, or they
// would take one stack for another.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_RUNTIME_SIM_FIBER_H
#define MFA_LIB_RUNTIME_SIM_FIBER_H

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <cstdint>

namespace mfa::sim {

/// A worker's own context, or one with a stack and an entry of its own.
class Fiber {
public:
  using EntryFn = void (*)(Fiber &self);

  Fiber() = default;
  ~Fiber() { forget(); }
  Fiber(const Fiber &) = delete;
  Fiber &operator=(const Fiber &) = delete;

  /// Makes ready to run `entry`, which must not return, on a stack. What ran on
  /// it before is abandoned.
  void prepare(char *stackBegin, char *stackEnd, EntryFn entry);

  /// Goes on with `next` until something switches back to this one, which is
  /// the one that runs.
  void switchTo(Fiber &next);

  /// The same for good.
  [[noreturn]] void leaveFor(Fiber &next);

  /// Whether an address is on its stack.
  bool isOnStack(uint64_t address) const {
    return address - reinterpret_cast<uintptr_t>(stackBegin) < stackBytes;
  }

private:
  static void start(boost::context::detail::transfer_t transfer);
  void jump(Fiber &next);
  void forget();

  boost::context::detail::fcontext_t context = nullptr;
  EntryFn entry = nullptr;
  /// Where it switched to last.
  Fiber *next = nullptr;
  /// Of a worker they are not known, but to AddressSanitizer.
  const void *stackBegin = nullptr;
  size_t stackBytes = 0;
#if defined(MFA_SANITIZE_THREAD)
  void *thread = nullptr;
#endif
};

} // namespace mfa::sim

#endif // MFA_LIB_RUNTIME_SIM_FIBER_H
