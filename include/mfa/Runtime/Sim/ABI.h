//===- ABI.h - What kernels and the simulator agree on ----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Structures and constants shared by the pass `mfa-simulate-gpu`, which writes
// kernels as host code, and the runtime that executes them. The pass addresses
// the fields by offset, so their layout is fixed by assertions below.
//
// A pointer into shared memory keeps the value that it has on the GPU: an
// offset into the window of the block. The first `kSharedBase` bytes of the
// window belong to the system, as on sm_80 and newer, and are never accessed.
// A pointer into the shared memory of the cluster that `mapa` made has one more
// than the rank of the block in its upper half; one that it did not make is an
// offset into the block's own.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUNTIME_SIM_ABI_H
#define MFA_RUNTIME_SIM_ABI_H

#include <cstddef>
#include <cstdint>

namespace mfa::sim {

/// Lanes of a warp.
constexpr uint32_t kWarpSize = 32;

/// Offset of the first byte of shared memory that a kernel may use.
constexpr uint32_t kSharedBase = 1024;

/// Where an address in the shared memory of the cluster has the block.
constexpr uint32_t kClusterRankShift = 32;

/// Bytes through which a lane passes the operands and results of an operation
/// that concerns the whole warp.
constexpr uint32_t kSlotBytes = 1024;

/// What the code of one simulated thread sees of itself.
struct ThreadState {
  /// Host address of offset 0 of the block's shared memory window.
  char *sharedWindow;
  uint32_t threadId[3];
  uint32_t blockDim[3];
  uint32_t blockId[3];
  uint32_t gridDim[3];
  uint32_t laneId;
  uint32_t warpId;
  /// The cluster in the grid of clusters, and the block in the cluster.
  uint32_t clusterId[3];
  uint32_t clusterGridDim[3];
  uint32_t blockInCluster[3];
  uint32_t clusterDim[3];
  uint32_t clusterRank;
  uint32_t clusterBlocks;
  alignas(16) char slot[kSlotBytes];
};

constexpr uint32_t kThreadIdOffset = 8;
constexpr uint32_t kBlockDimOffset = 20;
constexpr uint32_t kBlockIdOffset = 32;
constexpr uint32_t kGridDimOffset = 44;
constexpr uint32_t kLaneIdOffset = 56;
constexpr uint32_t kWarpIdOffset = 60;
constexpr uint32_t kClusterIdOffset = 64;
constexpr uint32_t kClusterGridDimOffset = 76;
constexpr uint32_t kBlockInClusterOffset = 88;
constexpr uint32_t kClusterDimOffset = 100;
constexpr uint32_t kClusterRankOffset = 112;
constexpr uint32_t kClusterBlocksOffset = 116;
constexpr uint32_t kSlotOffset = 128;

static_assert(offsetof(ThreadState, threadId) == kThreadIdOffset);
static_assert(offsetof(ThreadState, blockDim) == kBlockDimOffset);
static_assert(offsetof(ThreadState, blockId) == kBlockIdOffset);
static_assert(offsetof(ThreadState, gridDim) == kGridDimOffset);
static_assert(offsetof(ThreadState, laneId) == kLaneIdOffset);
static_assert(offsetof(ThreadState, warpId) == kWarpIdOffset);
static_assert(offsetof(ThreadState, clusterId) == kClusterIdOffset);
static_assert(offsetof(ThreadState, clusterGridDim) == kClusterGridDimOffset);
static_assert(offsetof(ThreadState, blockInCluster) == kBlockInClusterOffset);
static_assert(offsetof(ThreadState, clusterDim) == kClusterDimOffset);
static_assert(offsetof(ThreadState, clusterRank) == kClusterRankOffset);
static_assert(offsetof(ThreadState, clusterBlocks) == kClusterBlocksOffset);
static_assert(offsetof(ThreadState, slot) == kSlotOffset);

/// A kernel as the pass describes it to the runtime, one constant a kernel.
struct KernelInfo {
  const char *name;
  /// Runs one thread to its end; `arguments[i]` points to argument i.
  void (*entry)(ThreadState *state, void **arguments);
  /// One line an instrumented operation: its name, a tab and its location.
  const char *sites;
  /// One line a basic block: operations and how many of each it contains, as
  /// "operation count" pairs with tabs between them. Null if the kernel does
  /// not count.
  const char *blocks;
  /// Bytes of shared memory that the kernel declares itself.
  uint32_t staticShared;
  /// Most bytes of shared memory a block may have on the kernel's target.
  uint32_t sharedLimit;
  /// Not 0 if every access to memory calls mfaSimAccess, so that accesses to
  /// shared memory can be checked against each other.
  uint32_t checks;
  /// Registers of a thread when the kernel starts, or 0 if it has no bound that
  /// would let it change their number.
  uint32_t registers;
  /// Blocks of the clusters that the kernel has to be launched with, or 0 if it
  /// does not say.
  uint32_t cluster[3];
};

/// Stands for the rank of a parameter that the kernel has the address of.
constexpr uint32_t kByValue = ~0u;

/// A memref descriptor passed to a kernel, with what is needed to know the
/// bytes that it covers; or, with the rank kByValue, the bytes themselves, of
/// which there are `elementBytes`.
struct MemrefArgument {
  /// Allocated pointer, aligned pointer, offset, sizes, strides.
  const void *descriptor;
  uint32_t rank;
  uint32_t elementBytes;
};

/// How an operation touches memory: the low bits name the address space, the
/// next ones what is done, and the bits from `kAlignShift` the alignment.
enum AccessFlags : uint32_t {
  kGeneric = 0,
  kGlobal = 1,
  kShared = 3,
  kSpaceMask = 3,
  kWrite = 4,
  kAtomic = 8,
  kAcquire = 16,
  kRelease = 32,
};
constexpr uint32_t kAlignShift = 8;

/// Source lane of a shuffle, numbered as the upstream attribute.
enum class ShuffleKind : uint32_t { Bfly, Up, Down, Idx };

/// What a vote computes, numbered as the upstream attribute.
enum class VoteKind : uint32_t { Any, All, Ballot, Uniform };

/// What a barrier makes of the threads' predicates, numbered as the upstream
/// attribute: how many hold, whether all, whether any.
enum class BarrierReduction : uint32_t { Count, All, Any };

/// What a warp reduction computes.
enum class ReduceKind : uint32_t {
  Add = 1,
  And,
  Max,
  Min,
  Or,
  UMax,
  UMin,
  Xor,
  FMin,
  FMax,
};
constexpr uint32_t kReduceAbs = 0x100;
constexpr uint32_t kReduceNaN = 0x200;

/// Multiplicands of a matrix product; products with f32 accumulators only.
enum class MmaKind : uint32_t {
  F16K16,
  BF16K16,
  TF32K8,
  F16K8,
  BF16K8,
  TF32K4
};

/// A product of a warpgroup as one word: the type of the multiplicands, flags,
/// and above them a eighth of the columns.
enum class ProductType : uint32_t { F16, BF16, TF32 };
constexpr uint32_t kProductTypeMask = 3;
enum ProductFlags : uint32_t {
  /// A comes from registers.
  kProductARegisters = 4,
  /// The matrix lies along M or N in shared memory rather than along K.
  kProductAMNMajor = 8,
  kProductBMNMajor = 16,
  kProductNegatesA = 32,
  kProductNegatesB = 64,
};
constexpr uint32_t kProductColumnsShift = 8;

/// Words of the slot that hold the accumulators of a product before and after,
/// and the registers of A.
constexpr uint32_t kProductAWord = 128;
constexpr uint32_t kProductMaxColumns = 256;

} // namespace mfa::sim

#endif // MFA_RUNTIME_SIM_ABI_H
