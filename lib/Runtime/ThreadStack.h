//===- ThreadStack.h - The stacks of threads --------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_RUNTIME_THREADSTACK_H
#define MFA_LIB_RUNTIME_THREADSTACK_H

#include "mfa/Runtime/Interrupt.h"

#include <cstddef>
#include <pthread.h>

namespace mfa::runtime {

/// What the body of a parallel loop may take of a thread's stack: the copies of
/// tiles, up to 1 MiB by the verification of schedules, and its own frames.
constexpr size_t kLoopStackBytes = (size_t(1) << 20) + (size_t(1) << 17);

/// Whether the calling thread has so many bytes of its stack left. False where
/// it runs on a stack that the system knows nothing of, such as a fiber's.
bool hasStackLeft(size_t bytes);

/// Starts a thread, in which no signal is handled, with a stack for the bodies
/// of parallel loops. Returns an error number where the system refuses it.
int startLoopThread(pthread_t &thread, void *(*main)(void *), void *argument);

/// Calls `work(argument)` in such a thread and returns when it has returned;
/// meanwhile `interrupts`, if there are any, are polled in this thread. A
/// system that refuses the thread ends the process, with a message.
void runInLoopThread(void (*work)(void *), void *argument,
                     InterruptScope *interrupts);

} // namespace mfa::runtime

#endif // MFA_LIB_RUNTIME_THREADSTACK_H
