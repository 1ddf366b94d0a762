//===- Warpgroup.h - What four warps do together ----------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A matrix product of a warpgroup goes on while its threads do. Its
// accumulators are kept here until they are used: the registers of the kernel
// hold handles instead, NaNs with a pattern that no operation produces, which
// the kernel may move around as it likes. An operation that computes with one
// has it resolved before, which is a fault unless the thread waited for the
// product.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_RUNTIME_SIM_WARPGROUP_H
#define MFA_LIB_RUNTIME_SIM_WARPGROUP_H

#include "mfa/Runtime/Sim/ABI.h"
#include <cstdint>
#include <utility>
#include <vector>

namespace mfa::sim {

class Block;
struct Thread;
struct Warpgroup;

/// Warps and threads of a warpgroup.
constexpr uint32_t kWarpsOfGroup = 4;
constexpr uint32_t kThreadsOfGroup = kWarpsOfGroup * kWarpSize;

/// Rows of a product.
constexpr uint32_t kProductRows = 64;

/// A product that was started, with its accumulators, row by row.
struct Product {
  /// Products of the warpgroup are numbered from 1.
  uint32_t number = 0;
  /// Groups of the thread that were closed before it.
  uint32_t group = 0;
  uint32_t site = 0;
  uint32_t columns = 0;
  std::vector<float> values;
};

/// Accumulator `index` of a product by its number, in a 32-bit register.
struct Handle {
  static constexpr uint32_t kIndexBits = 7;
  static constexpr uint32_t kNumberBits = 13;
  static constexpr uint32_t kPattern = 0xffd;

  static uint32_t encode(uint32_t number, uint32_t index) {
    return kPattern << 20 | (number & ((1u << kNumberBits) - 1)) << kIndexBits |
           index;
  }
  static bool isHandle(uint32_t bits) { return bits >> 20 == kPattern; }
  static uint32_t getNumber(uint32_t bits) {
    return bits >> kIndexBits & ((1u << kNumberBits) - 1);
  }
  static uint32_t getIndex(uint32_t bits) {
    return bits & ((1u << kIndexBits) - 1);
  }
};

/// What the threads that met compute; runs once, on the one that came last.
/// Returns false if none of them can go on yet.
using GroupMeetFn = bool (*)(Warpgroup &group, uint32_t parameter,
                             uint32_t site);

/// Four consecutive warps.
struct Warpgroup {
  Block *block = nullptr;
  Thread *threads = nullptr;
  uint32_t index = 0;

  /// Lanes of each warp that wait for the others, and where.
  uint32_t arrived[kWarpsOfGroup] = {};
  uint32_t site = 0;

  /// The latest products, at their number modulo the size.
  static constexpr uint32_t kKept = 128;
  std::vector<Product> products;
  uint32_t lastNumber = 0;
  /// The clocks of the latest groups with a product, by group.
  std::vector<std::pair<uint32_t, uint32_t>> groupClocks;

  /// Registers that each thread may use, and that it waits for if not 0.
  uint32_t registers = 0;
  uint32_t wantedRegisters = 0;

  /// The product that a handle names, or null if the bits are no handle of this
  /// warpgroup or its product was forgotten.
  Product *find(uint32_t bits);
};

} // namespace mfa::sim

#endif // MFA_LIB_RUNTIME_SIM_WARPGROUP_H
