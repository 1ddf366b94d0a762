//===- CPURuntime.h - What host code for the CPU calls ----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions that host code lowered by `mfa-outline-parallel-loops` and
// `mfa-lower-asserts` calls by name. A program that embeds such code links or
// defines them; a JIT takes them from getCPUEntryPoints.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUNTIME_CPURUNTIME_H
#define MFA_RUNTIME_CPURUNTIME_H

#include "mfa/Runtime/EntryPoint.h"

#include <cstdint>
#include <vector>

extern "C" {
/// Calls `body(index, context)` for every index from 0 to `count` - 1, on as
/// many threads as getNumThreads says where there is work for them, and returns
/// when all calls have returned. In an InterruptScope (mfa/Runtime/Interrupt.h)
/// it may return without some of them. A forked process may call it whatever
/// its parent was doing.
void mfaParallelFor(int64_t count, void (*body)(int64_t, void *),
                    void *context);

/// Code that is called next uses tile registers (AMX), on any thread: asks the
/// system to let this process do so, and reports an error where it does not.
void mfaUseTileRegisters();

/// A run-time check of the compiled program failed: prints `error: message` on
/// stderr and ends the process with status 1, without running destructors, as
/// the caller has no way to go on.
[[noreturn]] void mfaReportError(const char *message);
}

namespace mfa::runtime {

/// How many threads work on a parallel loop, the one that calls mfaParallelFor
/// included: as the environment variable MFA_NUM_THREADS says, or else as many
/// as the hardware has, until it is set for this process. At least 1. Threads
/// without work sleep.
unsigned getNumThreads();
void setNumThreads(unsigned count);

/// The functions above, for a JIT's table of symbols.
const std::vector<EntryPoint> &getCPUEntryPoints();

} // namespace mfa::runtime

#endif // MFA_RUNTIME_CPURUNTIME_H
