//===- Interrupt.cpp - Ending long work early -----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/Interrupt.h"

using namespace mfa::runtime;

static thread_local InterruptScope *current = nullptr;

InterruptScope::InterruptScope(InterruptHandler handler, void *user)
    : handler(handler), user(user), previous(current) {
  if (!handler)
    return;
  next = Clock::now() + kInterval;
  current = this;
}

InterruptScope::~InterruptScope() { current = previous; }

InterruptScope *InterruptScope::getCurrent() { return current; }

bool InterruptScope::poll() {
  if (isInterrupted())
    return true;
  if (Clock::now() < next)
    return false;
  if (handler(user))
    interrupted.store(true, std::memory_order_relaxed);
  next = Clock::now() + kInterval;
  return isInterrupted();
}
