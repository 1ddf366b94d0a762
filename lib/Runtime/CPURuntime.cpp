//===- CPURuntime.cpp - What host code for the CPU calls ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/CPURuntime.h"
#include "llvm/Support/Parallel.h"

#include <cstdio>
#include <cstdlib>

using namespace mfa::runtime;

void mfaParallelFor(int64_t count, void (*body)(int64_t, void *),
                    void *context) {
  if (count <= 0)
    return;
  llvm::parallelFor(0, static_cast<size_t>(count), [&](size_t index) {
    body(static_cast<int64_t>(index), context);
  });
}

void mfaReportError(const char *message) {
  std::fflush(stdout);
  std::fprintf(stderr, "error: %s\n", message);
  std::fflush(stderr);
  std::_Exit(1);
}

const std::vector<EntryPoint> &mfa::runtime::getCPUEntryPoints() {
  static const std::vector<EntryPoint> entryPoints = {
      {"mfaParallelFor", reinterpret_cast<void *>(mfaParallelFor)},
      {"mfaReportError", reinterpret_cast<void *>(mfaReportError)}};
  return entryPoints;
}
