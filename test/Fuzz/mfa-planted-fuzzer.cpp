//===- mfa-planted-fuzzer.cpp - Faults that the driver has to find --------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each input is the name of a fault, or of none. The mutator goes through them.
//
//===----------------------------------------------------------------------===//

#include "Fuzzer.h"
#include "llvm/ADT/StringRef.h"
#include <cstdlib>
#include <limits>
#include <memory>
#include <vector>

using llvm::StringRef;

/// Most take no time.
static constexpr llvm::StringLiteral kFaults[] = {
    "none",     "none",     "none",     "heap", "heap", "heap",   "overflow",
    "overflow", "overflow", "overflow", "exit", "exit", "memory", "hang"};

int LLVMFuzzerInitialize(int *, char ***) { return 0; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  StringRef fault(reinterpret_cast<const char *>(data), size);
  if (fault == "heap") {
    auto bytes = std::make_unique<char[]>(size);
    volatile char *end = bytes.get() + size;
    *end = 0;
  } else if (fault == "overflow") {
    volatile int large = std::numeric_limits<int>::max();
    large = large + static_cast<int>(size);
  } else if (fault == "hang") {
    for (volatile bool forever = true; forever;) {
    }
  } else if (fault == "exit") {
    std::exit(EXIT_FAILURE);
  } else if (fault == "memory") {
    for (std::vector<std::vector<char>> kept;;)
      kept.emplace_back(1 << 20, 'x');
  }
  return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                               unsigned seed) {
  mfa::fuzz::Random random(seed);
  return mfa::fuzz::copyOut(random.pick(kFaults), data, maxSize);
}
