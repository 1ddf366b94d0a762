//===- Fiber.cpp - Contexts that a worker switches between ----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fiber.h"

#if defined(MFA_SANITIZE_ADDRESS)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(MFA_SANITIZE_THREAD)
#include <sanitizer/tsan_interface.h>
#endif

using namespace mfa::sim;
using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

void Fiber::forget() {
#if defined(MFA_SANITIZE_ADDRESS)
  // An abandoned fiber leaves the gaps between its variables poisoned, from
  // where it stopped, which is what its context points to.
  if (entry && context) {
    const char *end = static_cast<const char *>(stackBegin) + stackBytes;
    __asan_unpoison_memory_region(context, end - static_cast<char *>(context));
  }
#elif defined(MFA_SANITIZE_THREAD)
  if (entry && thread)
    __tsan_destroy_fiber(thread);
#endif
}

void Fiber::prepare(char *newStackBegin, char *stackEnd, EntryFn newEntry) {
  forget();
  entry = newEntry;
  stackBegin = newStackBegin;
  stackBytes = stackEnd - newStackBegin;
#if defined(MFA_SANITIZE_THREAD)
  // A new one each time: the calls of one that was abandoned never return.
  thread = __tsan_create_fiber(0);
#endif
  context = make_fcontext(stackEnd, stackBytes, &Fiber::start);
}

void Fiber::start(transfer_t transfer) {
  Fiber &from = *static_cast<Fiber *>(transfer.data);
  from.context = transfer.fctx;
#if defined(MFA_SANITIZE_ADDRESS)
  // This is how the stack of the worker becomes known.
  __sanitizer_finish_switch_fiber(nullptr, &from.stackBegin, &from.stackBytes);
#endif
  Fiber &self = *from.next;
  self.entry(self);
  __builtin_unreachable();
}

void Fiber::jump(Fiber &to) {
  next = &to;
#if defined(MFA_SANITIZE_THREAD)
  if (!entry)
    thread = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(to.thread, 0);
#endif
  transfer_t transfer = jump_fcontext(to.context, this);
  static_cast<Fiber *>(transfer.data)->context = transfer.fctx;
}

void Fiber::switchTo(Fiber &to) {
#if defined(MFA_SANITIZE_ADDRESS)
  void *fakeStack;
  __sanitizer_start_switch_fiber(&fakeStack, to.stackBegin, to.stackBytes);
#endif
  jump(to);
#if defined(MFA_SANITIZE_ADDRESS)
  __sanitizer_finish_switch_fiber(fakeStack, nullptr, nullptr);
#endif
}

void Fiber::leaveFor(Fiber &to) {
#if defined(MFA_SANITIZE_ADDRESS)
  __sanitizer_start_switch_fiber(nullptr, to.stackBegin, to.stackBytes);
#endif
  jump(to);
  __builtin_unreachable();
}
