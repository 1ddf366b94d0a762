//===- CompilerScope.cpp - A thread in the compiler -----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompilerScope.h"
#include "mfa/Execution/Kernel.h"

#include <condition_variable>
#include <mutex>
#include <pthread.h>

using namespace mfa::exec;
using mfa::runtime::InterruptHandler;

//===----------------------------------------------------------------------===//
// Forks
//===----------------------------------------------------------------------===//

namespace {
/// Compilations and forks exclude each other, but for a thread that forks in
/// the middle of its own compilation: it was asked for by the interrupt
/// handler, and the child is free to go on with it.
class ForkGate {
public:
  static ForkGate &get();

  void enter() {
    std::lock_guard<std::mutex> lock(mutex);
    ++inside;
    ++insideOfThread;
  }
  void leave() {
    std::lock_guard<std::mutex> lock(mutex);
    --inside;
    --insideOfThread;
    isEmptier.notify_all();
  }

private:
  ForkGate() { pthread_atfork(beforeFork, inParent, inChild); }

  static void beforeFork() {
    ForkGate &gate = get();
    std::unique_lock<std::mutex> lock(gate.mutex);
    gate.isEmptier.wait(lock, [&] { return gate.inside == insideOfThread; });
    // Held until after the fork.
    lock.release();
  }
  static void inParent() { get().mutex.unlock(); }
  static void inChild() {
    // Those who waited are not here.
    new (&get().isEmptier) std::condition_variable;
    get().mutex.unlock();
  }

  std::mutex mutex;
  std::condition_variable isEmptier;
  unsigned inside = 0;
  static thread_local unsigned insideOfThread;
};
} // namespace

thread_local unsigned ForkGate::insideOfThread = 0;

ForkGate &ForkGate::get() {
  // Never destroyed: a process may fork while it ends.
  static auto *gate = new ForkGate;
  return *gate;
}

//===----------------------------------------------------------------------===//
// Interrupts
//===----------------------------------------------------------------------===//

static std::atomic<InterruptHandler> theHandler{nullptr};
static std::atomic<void *> theUser{nullptr};

void mfa::exec::setInterruptHandler(InterruptHandler handler, void *user) {
  theUser = user;
  theHandler = handler;
}

InterruptHandler mfa::exec::getInterruptHandler() { return theHandler; }

void *mfa::exec::getInterruptUser() { return theUser; }

llvm::Error mfa::exec::makeInterruptError() {
  return makeError(ErrorKind::Interrupted,
                   "interrupted by the program's handler");
}

bool CompilerScope::askHandler(void *) {
  // A handler may wait for another thread, and that one for a fork.
  ForkGate::get().leave();
  InterruptHandler handler = getInterruptHandler();
  bool stops = handler && handler(getInterruptUser());
  ForkGate::get().enter();
  return stops;
}

CompilerScope::CompilerScope()
    : interrupts(getInterruptHandler() ? askHandler : nullptr, nullptr) {
  ForkGate::get().enter();
}

CompilerScope::~CompilerScope() { ForkGate::get().leave(); }

bool CompilerScope::isInterrupted() {
  // Without a handler the scope is never the current one.
  return runtime::InterruptScope::getCurrent() == &interrupts &&
         interrupts.poll();
}
