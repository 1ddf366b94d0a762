//===- CUDATensorMap.cpp - Tensor maps that lowered host code asks for ----===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CUDACall.h"
#include "mfa/Runtime/CUDARuntime.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <type_traits>

using namespace mfa::runtime;

static constexpr uint32_t kMaxRank = 5, kTwoPerDim = 2 * kMaxRank;

namespace {
/// All that a map is made of: words, without bytes between them.
struct MapSource {
  std::array<uint64_t, kTwoPerDim> sizesAndStrides = {};
  std::array<uint32_t, kTwoPerDim> boxAndSteps = {};
  uint64_t address = 0;
  std::array<int32_t, 6> options = {};

  bool operator==(const MapSource &other) const {
    return std::memcmp(this, &other, sizeof(*this)) == 0;
  }

  /// Of what tells the maps of a model apart, where an array is and how it is
  /// cut: to hash all words takes longer than to compare them.
  uint64_t getHash() const {
    constexpr uint64_t odd = 0x9e3779b97f4a7c15; // 2^64 by the golden ratio
    uint64_t hash = address;
    for (uint32_t dim = 0; dim < kMaxRank; ++dim) {
      uint64_t box = boxAndSteps[dim];
      hash = (hash ^ sizesAndStrides[dim] ^ box << 32) * odd;
    }
    return hash;
  }
};
static_assert(std::has_unique_object_representations_v<MapSource>,
              "compared as bytes");

/// The last maps of a thread. The driver takes most of a microsecond for one,
/// and a launch has up to five, often of the same arrays as one before. A map
/// says nothing but what it was encoded from: not who owns the memory, nor on
/// which GPU, so that it is good for whatever has that address by now.
class MapCache {
public:
  static MapCache &get() {
    static thread_local MapCache cache;
    return cache;
  }

  /// Where the map of `source` is or will be.
  struct Entry {
    MapSource source;
    CUtensorMap map;
    bool isValid = false;
  };
  Entry &lookup(const MapSource &source) {
    Set &set = sets[source.getHash() >> (64 - kLog2Sets)];
    for (Entry &entry : set.ways)
      if (entry.isValid && entry.source == source)
        return entry;
    return set.ways[set.oldest++ % kWays];
  }

private:
  /// Maps of one launch that shared a single place would be encoded each time.
  static constexpr size_t kWays = 4;
  /// Together as many as the layers of a large model ask for.
  static constexpr int kLog2Sets = 7;
  struct Set {
    std::array<Entry, kWays> ways;
    size_t oldest = 0;
  };

  std::unique_ptr<Set[]> sets{new Set[size_t(1) << kLog2Sets]};
};
} // namespace

/// Asks the driver. False after an error.
static bool encode(CUtensorMap *map, int dataType, uint32_t rank, void *address,
                   const uint64_t *sizes, const uint64_t *byteStrides,
                   const uint32_t *box, const uint32_t *elementStrides,
                   int interleave, int swizzle, int l2Promotion,
                   int outOfBoundsFill) {
  Call call;
  if (!call)
    return false;
  if (!call->cuTensorMapEncodeTiled) {
    failed(makeError("mgpuTensorMapEncodeTiled",
                     "the CUDA driver has no cuTensorMapEncodeTiled: tensor "
                     "maps need a driver of CUDA 12.0 or newer"));
    return false;
  }
  return call.succeeded(
      "cuTensorMapEncodeTiled",
      call->cuTensorMapEncodeTiled(map, dataType, rank, address, sizes,
                                   byteStrides, box, elementStrides, interleave,
                                   swizzle, l2Promotion, outOfBoundsFill));
}

/// Looks the map up, or asks the driver and keeps it. False after an error.
static bool getMap(CUtensorMap *map, int dataType, uint32_t rank, void *address,
                   const uint64_t *sizes, const uint64_t *byteStrides,
                   const uint32_t *box, const uint32_t *elementStrides,
                   int interleave, int swizzle, int l2Promotion,
                   int outOfBoundsFill) {
  auto encodeTo = [&](CUtensorMap *target) {
    return encode(target, dataType, rank, address, sizes, byteStrides, box,
                  elementStrides, interleave, swizzle, l2Promotion,
                  outOfBoundsFill);
  };
  // Of ranks that there are not, the driver says so.
  if (rank < 1 || rank > kMaxRank)
    return encodeTo(map);
  MapSource source;
  std::copy_n(sizes, rank, source.sizesAndStrides.begin());
  std::copy_n(byteStrides, rank - 1, source.sizesAndStrides.begin() + kMaxRank);
  std::copy_n(box, rank, source.boxAndSteps.begin());
  std::copy_n(elementStrides, rank, source.boxAndSteps.begin() + kMaxRank);
  source.address = reinterpret_cast<uintptr_t>(address);
  source.options = {dataType,    static_cast<int32_t>(rank),
                    interleave,  swizzle,
                    l2Promotion, outOfBoundsFill};
  MapCache::Entry &entry = MapCache::get().lookup(source);
  if (!entry.isValid || !(entry.source == source)) {
    entry.isValid = encodeTo(&entry.map);
    if (!entry.isValid)
      return false;
    entry.source = source;
  }
  std::memcpy(map, &entry.map, sizeof(*map));
  return true;
}

MFA_ENTRY void
mgpuTensorMapEncodeTiled(CUtensorMap *map, int dataType, uint32_t rank,
                         void *address, const uint64_t *sizes,
                         const uint64_t *byteStrides, const uint32_t *box,
                         const uint32_t *elementStrides, int interleave,
                         int swizzle, int l2Promotion, int outOfBoundsFill) {
  getMap(map, dataType, rank, address, sizes, byteStrides, box, elementStrides,
         interleave, swizzle, l2Promotion, outOfBoundsFill);
}

/// Encodes a tensor map for a buffer in device memory and returns a copy of it
/// in device memory, which the caller owns; null on error. The driver counts
/// dimensions from the innermost, MLIR from the outermost.
MFA_ENTRY void *mgpuTensorMapEncodeTiledMemref(
    int64_t rank, MemRefDescriptor *descriptor, int dataType, int interleave,
    int swizzle, int l2Promotion, int outOfBoundsFill, int64_t *boxSizes) {
  // In the order of the driver's CUtensorMapDataType: u8, u16, u32, s32, u64,
  // s64, f16, f32, f64, bf16, f32 with flush to zero, tf32, tf32 with flush.
  static constexpr int64_t elementBytes[] = {1, 2, 4, 4, 8, 8, 2,
                                             4, 8, 2, 4, 4, 4};
  constexpr int numTypes = sizeof(elementBytes) / sizeof(elementBytes[0]);
  const char *entry = "mgpuTensorMapEncodeTiledMemref";
  if (rank < 1 || rank > kMaxRank) {
    failed(makeError(entry, "expected a rank from 1 to 5 but got " +
                                std::to_string(rank)));
    return nullptr;
  }
  if (dataType < 0 || dataType >= numTypes) {
    failed(makeError(entry, "expected a data type from 0 to 12 but got " +
                                std::to_string(dataType)));
    return nullptr;
  }

  const int64_t *sizes = descriptor->sizesAndStrides;
  const int64_t *strides = descriptor->sizesAndStrides + rank;
  uint64_t mapSizes[kMaxRank], mapStrides[kMaxRank];
  uint32_t box[kMaxRank], elementStrides[kMaxRank];
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t source = rank - 1 - dim;
    mapSizes[dim] = sizes[source];
    box[dim] = boxSizes[source];
    elementStrides[dim] = 1;
    // The innermost stride is one element and not passed.
    if (dim > 0)
      mapStrides[dim - 1] = strides[source] * elementBytes[dataType];
  }

  CUtensorMap map = {};
  char *address =
      descriptor->aligned + descriptor->offset * elementBytes[dataType];
  if (!getMap(&map, dataType, rank, address, mapSizes, mapStrides, box,
              elementStrides, interleave, swizzle, l2Promotion,
              outOfBoundsFill))
    return nullptr;
  void *copy = mgpuMemAlloc(sizeof(map), /*stream=*/nullptr,
                            /*isHostShared=*/false);
  if (!copy)
    return nullptr;
  Call call;
  if (call &&
      call.succeeded("cuMemcpyHtoD",
                     call->cuMemcpyHtoD(toDevice(copy), &map, sizeof(map))))
    return copy;
  mgpuMemFree(copy, /*stream=*/nullptr);
  return nullptr;
}
