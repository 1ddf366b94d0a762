//===- TensorMap.h - Descriptors of tensors in global memory ----*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor map is 128 bytes that only the driver and the GPU understand. Here
// they hold the arguments of cuTensorMapEncodeTiled, dimensions counted from
// the innermost as there.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_RUNTIME_SIM_TENSORMAP_H
#define MFA_LIB_RUNTIME_SIM_TENSORMAP_H

#include <cstdint>
#include <string>

namespace mfa::sim {

/// Most dimensions of a tensor map.
constexpr uint32_t kMaxTensorRank = 5;

/// The arguments of cuTensorMapEncodeTiled, with the driver's numbering of
/// data types, interleaves, swizzles, promotions and fills.
struct TensorMapArguments {
  int dataType;
  uint32_t rank;
  void *address;
  const uint64_t *sizes;
  /// Of all dimensions but the innermost, in bytes.
  const uint64_t *byteStrides;
  const uint32_t *box;
  const uint32_t *elementStrides;
  int interleave;
  int swizzle;
  int l2Promotion;
  int outOfBoundsFill;
};

/// What the simulator keeps in the 128 bytes of a tensor map.
struct alignas(64) TensorMap {
  uint64_t magic;
  uint64_t address;
  uint64_t byteStrides[kMaxTensorRank - 1];
  /// One less than the size, which may be 2^32.
  uint32_t lastIndex[kMaxTensorRank];
  uint16_t box[kMaxTensorRank];
  uint8_t elementStrides[kMaxTensorRank];
  uint8_t dataType;
  uint8_t rank;
  uint8_t swizzle;
  uint8_t fillsWithNaN;

  /// Fills in the map. Returns what the driver refuses about the arguments, or
  /// nothing.
  std::string encode(const TensorMapArguments &arguments);

  /// Whether `encode` made these bytes.
  bool isValid() const;

  uint32_t getElementBytes() const;

  /// Elements that the box covers along a dimension; those between two steps
  /// of its element stride are left out.
  uint32_t getCount(uint32_t dim) const {
    return (box[dim] + elementStrides[dim] - 1u) / elementStrides[dim];
  }

  /// Bytes of the box in shared memory.
  uint32_t getBoxBytes() const;

  /// Where the 16 bytes at a shared memory offset go: a swizzle of 32, 64 or
  /// 128 bytes exchanges such chunks within lines of 128 bytes, by the number
  /// of the line (PTX ISA, "Tensor swizzling modes").
  uint32_t swizzleOffset(uint32_t offset) const {
    uint32_t mask = (1u << swizzle) - 1;
    return offset ^ ((offset >> 7 & mask) << 4);
  }
};
static_assert(sizeof(TensorMap) == 128, "size fixed by the driver");

} // namespace mfa::sim

#endif // MFA_LIB_RUNTIME_SIM_TENSORMAP_H
