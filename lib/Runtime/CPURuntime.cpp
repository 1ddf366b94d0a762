//===- CPURuntime.cpp - What host code for the CPU calls ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/CPURuntime.h"
#include "ThreadPool.h"
#include "ThreadStack.h"
#include "mfa/Support/TileRegisters.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace mfa::runtime;

static void run(ParallelLoop &loop) {
  if (loop.getCount() == 1)
    return loop.work();
  ThreadPool::get().run(loop);
}

void mfaParallelFor(int64_t count, void (*body)(int64_t, void *),
                    void *context) {
  if (count <= 0)
    return;
  ParallelLoop loop(count, body, context);
  if (hasStackLeft(kLoopStackBytes))
    return run(loop);
  // The thread that takes this one's place begins the loop, and this one waits.
  runInLoopThread([](void *loop) { run(*static_cast<ParallelLoop *>(loop)); },
                  &loop, loop.getInterrupts());
}

void mfaUseTileRegisters() {
  if (const std::string &refusal = mlir::mfa::requestTileRegisters();
      !refusal.empty())
    mfaReportError(refusal.c_str());
}

void mfaReportError(const char *message) {
  std::fflush(stdout);
  std::fprintf(stderr, "error: %s\n", message);
  std::fflush(stderr);
  std::_Exit(1);
}

unsigned mfa::runtime::getNumThreads() {
  return ThreadPool::get().getNumThreads();
}

void mfa::runtime::setNumThreads(unsigned count) {
  ThreadPool::get().setNumThreads(std::max(count, 1u));
}

const std::vector<EntryPoint> &mfa::runtime::getCPUEntryPoints() {
  static const std::vector<EntryPoint> entryPoints = {
      {"mfaParallelFor", reinterpret_cast<void *>(mfaParallelFor)},
      {"mfaUseTileRegisters", reinterpret_cast<void *>(mfaUseTileRegisters)},
      {"mfaReportError", reinterpret_cast<void *>(mfaReportError)}};
  return entryPoints;
}
