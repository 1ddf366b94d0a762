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

using namespace mfa::runtime;

static constexpr uint32_t kMaxRank = 5;

namespace {
/// All that a map is made of, as the driver's function takes it.
struct MapSource {
  int dataType;
  uint32_t rank;
  void *address;
  const uint64_t *sizes, *byteStrides;
  const uint32_t *box, *elementStrides;
  int interleave, swizzle, l2Promotion, outOfBoundsFill;

  /// Of what tells the maps of a model apart, where an array is and how it is
  /// cut: to hash all words takes longer than to compare them.
  uint64_t getHash() const {
    constexpr uint64_t odd = 0x9e3779b97f4a7c15; // 2^64 by the golden ratio
    uint64_t hash = reinterpret_cast<uintptr_t>(address);
    for (uint32_t dim = 0; dim < rank; ++dim) {
      uint64_t boxSize = box[dim];
      hash = (hash ^ sizes[dim] ^ boxSize << 32) * odd;
    }
    return hash;
  }
};

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

  /// A map and what it was encoded from; of rank 0 where there is none.
  class Entry {
  public:
    CUtensorMap map;

    // Word by word, each as wide as it was written a moment ago: the CPU would
    // wait for wider reads of such memory.
    bool isOf(const MapSource &source) const {
      if (rank != source.rank || address != source.address ||
          dataType != source.dataType || interleave != source.interleave ||
          swizzle != source.swizzle || l2Promotion != source.l2Promotion ||
          outOfBoundsFill != source.outOfBoundsFill)
        return false;
      for (uint32_t dim = 0; dim < source.rank; ++dim)
        if (sizes[dim] != source.sizes[dim] || box[dim] != source.box[dim] ||
            elementStrides[dim] != source.elementStrides[dim])
          return false;
      for (uint32_t dim = 0; dim + 1 < source.rank; ++dim)
        if (byteStrides[dim] != source.byteStrides[dim])
          return false;
      return true;
    }

    void setSource(const MapSource &source) {
      rank = source.rank;
      dataType = source.dataType;
      interleave = source.interleave;
      swizzle = source.swizzle;
      l2Promotion = source.l2Promotion;
      outOfBoundsFill = source.outOfBoundsFill;
      address = source.address;
      std::copy_n(source.sizes, rank, sizes.begin());
      std::copy_n(source.byteStrides, rank - 1, byteStrides.begin());
      std::copy_n(source.box, rank, box.begin());
      std::copy_n(source.elementStrides, rank, elementStrides.begin());
    }

    void clear() { rank = 0; }

  private:
    uint32_t rank = 0;
    int dataType, interleave, swizzle, l2Promotion, outOfBoundsFill;
    void *address;
    std::array<uint64_t, kMaxRank> sizes;
    std::array<uint64_t, kMaxRank - 1> byteStrides;
    std::array<uint32_t, kMaxRank> box, elementStrides;
  };

  /// The map of the source, or null.
  Entry *find(const MapSource &source) {
    for (Entry &entry : getSet(source).ways)
      if (entry.isOf(source))
        return &entry;
    return nullptr;
  }

  /// The place of a map that is not there.
  Entry &replace(const MapSource &source) {
    Set &set = getSet(source);
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
  Set &getSet(const MapSource &source) {
    return sets[source.getHash() >> (64 - kLog2Sets)];
  }

  std::unique_ptr<Set[]> sets{new Set[size_t(1) << kLog2Sets]};
};
} // namespace

/// Asks the driver. False after an error.
static bool encode(CUtensorMap *map, const MapSource &source) {
  Call call;
  if (!call)
    return false;
  if (!call->cuTensorMapEncodeTiled) {
    failed(makeError("mgpuTensorMapEncodeTiled",
                     "the CUDA driver has no cuTensorMapEncodeTiled: tensor "
                     "maps need a driver of CUDA 12.0 or newer"));
    return false;
  }
  return call.succeeded("cuTensorMapEncodeTiled",
                        call->cuTensorMapEncodeTiled(
                            map, source.dataType, source.rank, source.address,
                            source.sizes, source.byteStrides, source.box,
                            source.elementStrides, source.interleave,
                            source.swizzle, source.l2Promotion,
                            source.outOfBoundsFill));
}

/// Looks the map up, or asks the driver and keeps it. False after an error.
static bool getMap(CUtensorMap *map, const MapSource &source) {
  // Of ranks that there are not, the driver says so.
  if (source.rank < 1 || source.rank > kMaxRank)
    return encode(map, source);
  MapCache &cache = MapCache::get();
  MapCache::Entry *entry = cache.find(source);
  if (!entry) {
    entry = &cache.replace(source);
    entry->clear();
    if (!encode(&entry->map, source))
      return false;
    entry->setSource(source);
  }
  std::memcpy(map, &entry->map, sizeof(*map));
  return true;
}

MFA_ENTRY void
mgpuTensorMapEncodeTiled(CUtensorMap *map, int dataType, uint32_t rank,
                         void *address, const uint64_t *sizes,
                         const uint64_t *byteStrides, const uint32_t *box,
                         const uint32_t *elementStrides, int interleave,
                         int swizzle, int l2Promotion, int outOfBoundsFill) {
  getMap(map, {dataType, rank, address, sizes, byteStrides, box, elementStrides,
               interleave, swizzle, l2Promotion, outOfBoundsFill});
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
  if (!getMap(&map, {dataType, static_cast<uint32_t>(rank), address, mapSizes,
                     mapStrides, box, elementStrides, interleave, swizzle,
                     l2Promotion, outOfBoundsFill}))
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
