//===- TensorMap.cpp - Descriptors of tensors in global memory ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorMap.h"
#include "Launch.h"
#include <cstdlib>
#include <cstring>

using namespace mfa::sim;

/// Bytes of an element, in the order of the driver's CUtensorMapDataType: u8,
/// u16, u32, s32, u64, s64, f16, f32, f64, bf16, f32 with flush to zero, tf32,
/// tf32 with flush.
static constexpr uint32_t kElementBytes[] = {1, 2, 4, 4, 8, 8, 2,
                                             4, 8, 2, 4, 4, 4};
static constexpr int kTypeCount = sizeof(kElementBytes) / sizeof(uint32_t);
static constexpr int kFirstFloatType = 6;

/// Tells a map from other bytes; the value has no meaning.
static constexpr uint64_t kMagic = 0x70616d726f736e74;

bool TensorMap::isValid() const { return magic == kMagic; }

uint32_t TensorMap::getElementBytes() const { return kElementBytes[dataType]; }

uint32_t TensorMap::getBoxBytes() const {
  uint32_t bytes = getElementBytes();
  for (uint32_t dim = 0; dim < rank; ++dim)
    bytes *= getCount(dim);
  return bytes;
}

static std::string expected(const char *what, uint64_t value) {
  return format("expected %s but got %llu", what,
                static_cast<unsigned long long>(value));
}

/// What is wrong with one dimension, or nothing.
static std::string checkDimension(const TensorMapArguments &arguments,
                                  uint32_t dim) {
  uint64_t size = arguments.sizes[dim];
  if (!size || size > uint64_t(1) << 32)
    return format("dimension %u: ", dim) +
           expected("a size from 1 to 2^32", size);
  uint32_t box = arguments.box[dim];
  if (!box || box > 256)
    return format("dimension %u: ", dim) + expected("a box from 1 to 256", box);
  uint32_t step = arguments.elementStrides[dim];
  if (!step || step > 8)
    return format("dimension %u: ", dim) +
           expected("an element stride from 1 to 8", step);
  if (!dim)
    return {};
  uint64_t stride = arguments.byteStrides[dim - 1];
  if (stride % 16 || stride >= uint64_t(1) << 40)
    return format("dimension %u: ", dim) +
           expected("a stride below 2^40 that is a multiple of 16 bytes",
                    stride);
  return {};
}

/// CUDA driver API reference, "cuTensorMapEncodeTiled".
static std::string checkArguments(const TensorMapArguments &arguments) {
  if (arguments.dataType < 0 || arguments.dataType >= kTypeCount)
    return expected("a data type from 0 to 12", arguments.dataType);
  if (arguments.rank < 1 || arguments.rank > kMaxTensorRank)
    return expected("a rank from 1 to 5", arguments.rank);
  if (arguments.interleave != 0)
    return "interleaved layouts are not simulated";
  if (arguments.swizzle < 0 || arguments.swizzle > 3)
    return expected("a swizzle from 0 to 3", arguments.swizzle);
  if (arguments.l2Promotion < 0 || arguments.l2Promotion > 3)
    return expected("an L2 promotion from 0 to 3", arguments.l2Promotion);
  if (arguments.outOfBoundsFill < 0 || arguments.outOfBoundsFill > 1)
    return expected("a fill of 0 or 1", arguments.outOfBoundsFill);
  if (arguments.outOfBoundsFill == 1 && arguments.dataType < kFirstFloatType)
    return "a fill with NaN takes a floating-point type";
  uintptr_t address = reinterpret_cast<uintptr_t>(arguments.address);
  if (!address || address % 16)
    return format("expected an address that is a multiple of 16 but got 0x%llx",
                  static_cast<unsigned long long>(address));
  for (uint32_t dim = 0; dim < arguments.rank; ++dim) {
    std::string wrong = checkDimension(arguments, dim);
    if (!wrong.empty())
      return wrong;
  }
  uint32_t inner = arguments.box[0] * kElementBytes[arguments.dataType];
  if (inner % 16)
    return expected("an inner box of a multiple of 16 bytes", inner);
  if (arguments.swizzle && inner > 16u << arguments.swizzle)
    return expected("an inner box no larger than the swizzle", inner);
  return {};
}

std::string TensorMap::encode(const TensorMapArguments &arguments) {
  memset(this, 0, sizeof(*this));
  std::string wrong = checkArguments(arguments);
  if (!wrong.empty())
    return wrong;
  magic = kMagic;
  address = reinterpret_cast<uintptr_t>(arguments.address);
  dataType = arguments.dataType;
  rank = arguments.rank;
  swizzle = arguments.swizzle;
  fillsWithNaN = arguments.outOfBoundsFill;
  for (uint32_t dim = 0; dim < rank; ++dim) {
    lastIndex[dim] = arguments.sizes[dim] - 1;
    box[dim] = arguments.box[dim];
    // The hardware has no stride within the innermost dimension.
    elementStrides[dim] = dim ? arguments.elementStrides[dim] : 1;
    if (dim)
      byteStrides[dim - 1] = arguments.byteStrides[dim - 1];
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

void mfaSimTensorMapEncodeTiled(void *map, int dataType, uint32_t rank,
                                void *address, const uint64_t *sizes,
                                const uint64_t *byteStrides,
                                const uint32_t *box,
                                const uint32_t *elementStrides, int interleave,
                                int swizzle, int l2Promotion,
                                int outOfBoundsFill) {
  TensorMap encoded;
  std::string wrong = encoded.encode(
      {dataType, rank, address, sizes, byteStrides, box, elementStrides,
       interleave, swizzle, l2Promotion, outOfBoundsFill});
  if (wrong.empty() && reinterpret_cast<uintptr_t>(map) % 64)
    wrong = "expected memory for the map at a multiple of 64 bytes";
  if (wrong.empty())
    memcpy(map, &encoded, sizeof(encoded));
  else
    deliver({"mfa-sim: invalid tensor map: " + wrong + "\n"});
}

void *mfaSimTensorMapEncodeTiledMemref(int64_t rank, const void *descriptor,
                                       int dataType, int interleave,
                                       int swizzle, int l2Promotion,
                                       int outOfBoundsFill,
                                       const int64_t *boxSizes) {
  // The driver counts dimensions from the innermost, MLIR from the outermost.
  uint64_t sizes[kMaxTensorRank] = {}, strides[kMaxTensorRank] = {};
  uint32_t box[kMaxTensorRank] = {}, steps[kMaxTensorRank] = {};
  const int64_t *fields = static_cast<const int64_t *>(descriptor);
  uint64_t width =
      dataType >= 0 && dataType < kTypeCount ? kElementBytes[dataType] : 0;
  for (int64_t dim = 0; dim < rank && dim < int64_t(kMaxTensorRank); ++dim) {
    int64_t source = rank - 1 - dim;
    sizes[dim] = fields[3 + source];
    box[dim] = boxSizes[source];
    steps[dim] = 1;
    if (dim)
      strides[dim - 1] = fields[3 + rank + source] * width;
  }
  void *map = aligned_alloc(alignof(TensorMap), sizeof(TensorMap));
  memset(map, 0, sizeof(TensorMap));
  mfaSimTensorMapEncodeTiled(
      map, dataType, rank < 0 ? 0 : rank,
      reinterpret_cast<void *>(fields[1] + fields[2] * width), sizes, strides,
      box, steps, interleave, swizzle, l2Promotion, outOfBoundsFill);
  addReadable(map, sizeof(TensorMap));
  return map;
}
