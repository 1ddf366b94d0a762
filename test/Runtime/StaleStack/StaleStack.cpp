//===- StaleStack.cpp - Stacks that hold NaN before they are used ---------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tests preload it: what code reads of its stack, and nobody wrote, is NaN in
// every type of floats then, in the first thread and in those that begin later.
// No sanitizer sees such reads of compiled programs.
//
//===----------------------------------------------------------------------===//

#include <cstring>
#include <dlfcn.h>
#include <memory>
#include <pthread.h>

namespace {
/// All of a thread's stack below this function, but a little for memset's own
/// use; of the first thread as much as others usually have.
[[gnu::noinline]] void fillStack() {
  constexpr size_t kMost = size_t(7) << 20, kRest = size_t(32) << 10;
  pthread_attr_t attributes;
  void *base = nullptr;
  size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0)
    return;
  pthread_attr_getstack(&attributes, &base, &size);
  pthread_attr_destroy(&attributes);
  char here = 0;
  size_t left = &here - static_cast<char *>(base);
  if (left > kMost)
    left = kMost;
  if (left <= kRest)
    return;
  left -= kRest;
  void *memory = __builtin_alloca(left);
  memset(memory, 0xff, left);
  // The compiler does not know that nobody reads it.
  asm volatile("" : : "r"(memory) : "memory");
}

struct Start {
  void *(*function)(void *);
  void *argument;
};

void *run(void *argument) {
  std::unique_ptr<Start> start(static_cast<Start *>(argument));
  fillStack();
  return start->function(start->argument);
}

[[gnu::constructor]] void fillFirstStack() { fillStack(); }
} // namespace

extern "C" [[gnu::visibility("default")]] int
pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
               void *(*function)(void *), void *argument) {
  static auto *create = reinterpret_cast<decltype(&pthread_create)>(
      dlsym(RTLD_NEXT, "pthread_create"));
  auto start = std::make_unique<Start>(Start{function, argument});
  int status = create(thread, attributes, run, start.get());
  if (status == 0)
    (void)start.release();
  return status;
}
