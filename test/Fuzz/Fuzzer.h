//===- Fuzzer.h - What a fuzz target defines --------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The interface of libFuzzer, so that a target links with it or with the driver
// in Driver.cpp; and what mutators share.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_TEST_FUZZ_FUZZER_H
#define MFA_TEST_FUZZ_FUZZER_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <string_view>

extern "C" {
/// Called once, before any input.
int LLVMFuzzerInitialize(int *argc, char ***argv);

/// Runs one input. What is wrong ends the process by a signal.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// Changes an input in place; returns its new size. Of an empty one it makes a
/// valid one first.
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                               unsigned seed);
}

namespace mfa::fuzz {

/// Choices of a mutator, the same ones for the same seed everywhere.
class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}

  /// A number below `end`, or 0.
  size_t below(size_t end) { return end ? engine() % end : 0; }
  /// True once in `n` times.
  bool oneIn(size_t n) { return below(n) == 0; }

  template <typename Range>
  auto &pick(const Range &range) {
    return *(std::begin(range) + below(std::size(range)));
  }

private:
  std::mt19937_64 engine;
};

/// Copies a mutated text to where the driver expects it.
inline size_t copyOut(std::string_view text, uint8_t *data, size_t maxSize) {
  size_t size = std::min(text.size(), maxSize);
  std::copy_n(text.begin(), size, data);
  return size;
}

} // namespace mfa::fuzz

#endif // MFA_TEST_FUZZ_FUZZER_H
