//===- CompilerRuntime.cpp - What a compiler calls by itself --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/CompilerRuntime.h"
#include "mfa/Runtime/ElementType.h"

#include <cmath>
#include <cstdint>
#include <cstring>

using namespace mfa::runtime;

//===----------------------------------------------------------------------===//
// 16-bit floats
//===----------------------------------------------------------------------===//

// The x86-64 and AArch64 ABIs pass f16 and bf16 in the low bits of the register
// that would hold an f32, so that an f32 with these bits stands for one.

static float toRegister(uint16_t bits) {
  return getFloat(static_cast<uint32_t>(bits));
}

static uint16_t fromRegister(float value) {
  return static_cast<uint16_t>(getBits(value));
}

/// Rounds so that rounding the result to fewer bits gives what rounding `value`
/// would: toward zero, with the last bit set where that is inexact.
static float roundToOdd(double value) {
  auto nearest = static_cast<float>(value);
  if (std::isnan(value) || static_cast<double>(nearest) == value)
    return nearest;
  uint32_t bits = getBits(nearest);
  if (std::fabs(static_cast<double>(nearest)) > std::fabs(value))
    --bits;
  return getFloat(bits | 1);
}

static float truncateToBF16(float value) { return toRegister(toBF16(value)); }

static float truncateDoubleToBF16(double value) {
  return toRegister(toBF16(roundToOdd(value)));
}

static float truncateToF16(float value) { return toRegister(toF16(value)); }

static float truncateDoubleToF16(double value) {
  return toRegister(toF16(roundToOdd(value)));
}

static float extendF16(float value) { return fromF16(fromRegister(value)); }

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

namespace {
/// An unranked memref: its rank and the descriptor of that rank.
struct UnrankedDescriptor {
  int64_t rank;
  const int64_t *words;

  char *getData(int64_t elementBytes) const {
    return reinterpret_cast<char *>(words[1]) + words[2] * elementBytes;
  }
  int64_t getSize(int64_t dim) const { return words[3 + dim]; }
  int64_t getStride(int64_t dim) const { return words[3 + rank + dim]; }
};
} // namespace

static void copyFrom(int64_t dim, int64_t elementBytes,
                     const UnrankedDescriptor &source, const char *from,
                     const UnrankedDescriptor &target, char *to) {
  if (dim == source.rank) {
    std::memcpy(to, from, elementBytes);
    return;
  }
  for (int64_t index = 0; index < source.getSize(dim); ++index)
    copyFrom(dim + 1, elementBytes, source,
             from + index * source.getStride(dim) * elementBytes, target,
             to + index * target.getStride(dim) * elementBytes);
}

/// MLIR's lowering of a memref.copy that is not one range of bytes.
static void copyMemRef(int64_t elementBytes, const UnrankedDescriptor *source,
                       const UnrankedDescriptor *target) {
  copyFrom(0, elementBytes, *source, source->getData(elementBytes), *target,
           target->getData(elementBytes));
}

const std::vector<EntryPoint> &mfa::runtime::getCompilerEntryPoints() {
  static const std::vector<EntryPoint> entryPoints = {
      {"__truncsfbf2", reinterpret_cast<void *>(truncateToBF16)},
      {"__truncdfbf2", reinterpret_cast<void *>(truncateDoubleToBF16)},
      {"__truncsfhf2", reinterpret_cast<void *>(truncateToF16)},
      {"__truncdfhf2", reinterpret_cast<void *>(truncateDoubleToF16)},
      {"__extendhfsf2", reinterpret_cast<void *>(extendF16)},
      {"memrefCopy", reinterpret_cast<void *>(copyMemRef)}};
  return entryPoints;
}
