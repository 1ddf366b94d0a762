//===- Sim.h - Running GPU kernels on the CPU -------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The runtime behind `mfa-simulate-gpu`. It depends on neither MLIR nor LLVM.
// Code that the pass wrote calls the `mfaSim*` functions of this header that
// take a ThreadState; a program that embeds the simulator uses the others.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUNTIME_SIM_SIM_H
#define MFA_RUNTIME_SIM_SIM_H

#include "mfa/Runtime/EntryPoint.h"
#include "mfa/Runtime/Sim/ABI.h"

#include <string>
#include <vector>

#define MFA_SIM_EXPORT extern "C" __attribute__((visibility("default")))

namespace mfa::sim {

/// Told of every fault of a launch as a text of several lines that ends with
/// a line break.
using FaultHandler = void (*)(const char *report, void *user);

/// The functions that rewritten kernels and their launches call, for a JIT that
/// resolves them without a shared library.
std::vector<runtime::EntryPoint> getEntryPoints();

/// What the kernels launched while counting was on did, in numbers: as a table
/// to read, or as a JSON array with one object a kernel. Operations are counted
/// for kernels that were lowered with the pass option `count`.
std::string getReport(bool json);

} // namespace mfa::sim

/// Switches counting on or off.
MFA_SIM_EXPORT void mfaSimEnableReport(bool enabled);

/// Prints getReport to the standard output. With MFA_SIM_REPORT=table or json
/// in the environment, counting is on from the start and this happens at the
/// end of the process.
MFA_SIM_EXPORT void mfaSimPrintReport(bool json);

/// Replaces what happens when a kernel faults: by default the report goes to
/// the standard error stream and the process exits with status 1 once the
/// launch has ended. With a handler, the launch returns to its caller. A null
/// handler restores the default.
MFA_SIM_EXPORT void mfaSimSetFaultHandler(mfa::sim::FaultHandler handler,
                                          void *user);

/// As mfaSimSetFaultHandler, for launches of the calling thread alone: while it
/// has a handler of its own, that of the process is not asked.
MFA_SIM_EXPORT void mfaSimSetThreadFaultHandler(mfa::sim::FaultHandler handler,
                                                void *user);

/// Makes the bytes [begin, begin + bytes) accessible to kernels. A launch also
/// makes the bytes of its memref arguments accessible; while there are no
/// others, and the launch has no memref argument, global accesses are only
/// checked for alignment.
MFA_SIM_EXPORT void mfaSimRegisterMemory(const void *begin, uint64_t bytes);

/// Undoes mfaSimRegisterMemory for the range that begins at `begin`.
MFA_SIM_EXPORT void mfaSimUnregisterMemory(const void *begin);

/// Runs blocks on `count` host threads; 0, the default, means one a core.
MFA_SIM_EXPORT void mfaSimSetWorkers(uint32_t count);

/// cuTensorMapEncodeTiled for simulated kernels: the same arguments, written as
/// 128 bytes to `map`. What the driver would refuse is reported as a fault is.
/// A JIT knows it as mgpuTensorMapEncodeTiled, as it does for kernels on a GPU.
MFA_SIM_EXPORT void
mfaSimTensorMapEncodeTiled(void *map, int dataType, uint32_t rank,
                           void *address, const uint64_t *sizes,
                           const uint64_t *byteStrides, const uint32_t *box,
                           const uint32_t *elementStrides, int interleave,
                           int swizzle, int l2Promotion, int outOfBoundsFill);

/// The same for a memref descriptor, dimensions counted from the outermost.
/// Returns a map that lives until the end of the process. A JIT knows it as
/// mgpuTensorMapEncodeTiledMemref.
MFA_SIM_EXPORT void *mfaSimTensorMapEncodeTiledMemref(
    int64_t rank, const void *descriptor, int dataType, int interleave,
    int swizzle, int l2Promotion, int outOfBoundsFill, const int64_t *boxSizes);

/// How many multiprocessors the simulated GPU has: 16, few enough that small
/// problems fill it and many enough that they are split. A JIT knows it as
/// mfaGetMultiprocessorCount.
MFA_SIM_EXPORT int64_t mfaSimGetMultiprocessorCount();

/// A number for the next launch of this thread, 0, and its end. A JIT knows
/// them as mfaAcquireRowCounter and mfaReleaseRowCounter.
MFA_SIM_EXPORT void *mfaSimAcquireRowCounter();
MFA_SIM_EXPORT void mfaSimReleaseRowCounter(void *counter);

/// Nothing: a launch has ended when the next one begins. A JIT knows it as
/// mfaOverlapLaunch.
MFA_SIM_EXPORT void mfaSimOverlapLaunch();

/// Runs a kernel over a grid and returns when the last block has ended.
MFA_SIM_EXPORT void mfaSimLaunch(const mfa::sim::KernelInfo *kernel,
                                 int64_t gridX, int64_t gridY, int64_t gridZ,
                                 int64_t blockX, int64_t blockY, int64_t blockZ,
                                 int32_t dynamicShared, void **arguments,
                                 const mfa::sim::MemrefArgument *memrefs,
                                 int64_t memrefCount);

/// The same with the blocks of the grid in clusters.
MFA_SIM_EXPORT void
mfaSimLaunchCluster(const mfa::sim::KernelInfo *kernel, int64_t clusterX,
                    int64_t clusterY, int64_t clusterZ, int64_t gridX,
                    int64_t gridY, int64_t gridZ, int64_t blockX,
                    int64_t blockY, int64_t blockZ, int32_t dynamicShared,
                    void **arguments, const mfa::sim::MemrefArgument *memrefs,
                    int64_t memrefCount);

//===----------------------------------------------------------------------===//
// Called by rewritten kernels; `site` numbers the operation in KernelInfo.
//===----------------------------------------------------------------------===//

/// Checks an access of `bytes` bytes at `address`, an offset if the flags say
/// shared memory, and returns the host address.
MFA_SIM_EXPORT void *mfaSimAccess(mfa::sim::ThreadState *state,
                                  uint64_t address, uint64_t bytes,
                                  uint32_t flags, uint32_t site);

/// Counts an execution of basic block `number`.
MFA_SIM_EXPORT void mfaSimCountBlock(mfa::sim::ThreadState *state,
                                     uint32_t number);

/// Waits at barrier `id` for `count` threads, 0 meaning all of the block.
MFA_SIM_EXPORT void mfaSimBarrier(mfa::sim::ThreadState *state, uint32_t id,
                                  uint32_t count, uint32_t site);
/// The same, and reduces the threads' predicates; `kind` is a BarrierReduction.
MFA_SIM_EXPORT uint32_t mfaSimBarrierReduce(mfa::sim::ThreadState *state,
                                            uint32_t id, uint32_t count,
                                            uint32_t predicate, uint32_t kind,
                                            uint32_t site);
MFA_SIM_EXPORT void mfaSimBarrierArrive(mfa::sim::ThreadState *state,
                                        uint32_t id, uint32_t count,
                                        uint32_t site);

/// Arrives or waits at the barrier of the cluster; not all of a warp's lanes
/// have to do so together unless `aligned`.
MFA_SIM_EXPORT void mfaSimClusterArrive(mfa::sim::ThreadState *state,
                                        uint32_t relaxed, uint32_t aligned,
                                        uint32_t site);
MFA_SIM_EXPORT void mfaSimClusterWait(mfa::sim::ThreadState *state,
                                      uint32_t aligned, uint32_t site);

/// Operations of mbarriers at an offset into shared memory. Transactions are
/// bytes; a phase is numbered from 0, or named by its parity.
MFA_SIM_EXPORT void mfaSimMBarrierInit(mfa::sim::ThreadState *state,
                                       uint32_t offset, uint32_t count,
                                       uint32_t site);
MFA_SIM_EXPORT void mfaSimMBarrierInvalidate(mfa::sim::ThreadState *state,
                                             uint32_t offset, uint32_t site);
MFA_SIM_EXPORT uint64_t mfaSimMBarrierArrive(mfa::sim::ThreadState *state,
                                             uint32_t offset, uint32_t count,
                                             uint32_t transactions,
                                             uint32_t site);
/// The same at an address in the shared memory of the cluster (see
/// kClusterRankShift), where arrivals have no result and there may be none but
/// transactions.
MFA_SIM_EXPORT void mfaSimMBarrierArriveCluster(mfa::sim::ThreadState *state,
                                                uint64_t address,
                                                uint32_t count,
                                                uint32_t transactions,
                                                uint32_t site);
MFA_SIM_EXPORT void mfaSimMBarrierExpect(mfa::sim::ThreadState *state,
                                         uint32_t offset, uint32_t transactions,
                                         uint32_t site);
MFA_SIM_EXPORT void mfaSimMBarrierComplete(mfa::sim::ThreadState *state,
                                           uint32_t offset,
                                           uint32_t transactions,
                                           uint32_t site);
MFA_SIM_EXPORT void mfaSimMBarrierWait(mfa::sim::ThreadState *state,
                                       uint32_t offset, uint64_t phase,
                                       uint32_t parity, uint32_t site);
/// Lets other threads run and returns whether the phase has ended.
MFA_SIM_EXPORT uint32_t mfaSimMBarrierTest(mfa::sim::ThreadState *state,
                                           uint32_t offset, uint64_t phase,
                                           uint32_t parity, uint32_t site);

MFA_SIM_EXPORT void mfaSimWarpSync(mfa::sim::ThreadState *state, uint32_t mask,
                                   uint32_t site);
/// Leaves 1 or 0, whether the source lane is valid, in the first slot word.
MFA_SIM_EXPORT uint32_t mfaSimShuffle(mfa::sim::ThreadState *state,
                                      uint32_t mask, uint32_t value,
                                      uint32_t offset, uint32_t clamp,
                                      uint32_t kind, uint32_t site);
MFA_SIM_EXPORT uint32_t mfaSimVote(mfa::sim::ThreadState *state, uint32_t mask,
                                   uint32_t predicate, uint32_t kind,
                                   uint32_t site);
MFA_SIM_EXPORT uint32_t mfaSimReduce(mfa::sim::ThreadState *state,
                                     uint32_t value, uint32_t mask,
                                     uint32_t kind, uint32_t site);
MFA_SIM_EXPORT uint32_t mfaSimElect(mfa::sim::ThreadState *state, uint32_t mask,
                                    uint32_t site);

/// Leaves `count` words in the slot.
MFA_SIM_EXPORT void mfaSimLoadMatrix(mfa::sim::ThreadState *state,
                                     uint32_t address, uint32_t count,
                                     uint32_t transposed, uint32_t site);
/// Takes `count` words from the slot.
MFA_SIM_EXPORT void mfaSimStoreMatrix(mfa::sim::ThreadState *state,
                                      uint32_t address, uint32_t count,
                                      uint32_t transposed, uint32_t site);
/// Slot words 0 to 3 hold A, 4 and 5 hold B, 6 to 9 the accumulators; leaves
/// the new accumulators in words 0 to 3.
MFA_SIM_EXPORT void mfaSimMma(mfa::sim::ThreadState *state, uint32_t kind,
                              uint32_t site);

/// Starts copying `sourceBytes` bytes and as many zeros as make `bytes`.
MFA_SIM_EXPORT void mfaSimCopyAsync(mfa::sim::ThreadState *state,
                                    uint32_t destination, uint64_t source,
                                    uint32_t bytes, uint32_t sourceBytes,
                                    uint32_t site);
MFA_SIM_EXPORT void mfaSimCopyAsyncCommit(mfa::sim::ThreadState *state,
                                          uint32_t site);
/// Waits until at most `pending` of the thread's latest groups are in flight.
MFA_SIM_EXPORT void mfaSimCopyAsyncWait(mfa::sim::ThreadState *state,
                                        uint32_t pending, uint32_t site);

/// Starts a copy between shared memory and the box of the tensor map at `map`,
/// whose `rank` coordinates are in the slot. A load completes as many
/// transactions of an mbarrier as it writes bytes; its destination is an
/// address in the shared memory of the cluster, of the block itself.
MFA_SIM_EXPORT void mfaSimTensorLoad(mfa::sim::ThreadState *state,
                                     uint64_t destination, uint64_t map,
                                     uint32_t mbarrier, uint32_t rank,
                                     uint32_t site);
/// The same for each block of the cluster whose rank is a bit of `mask`, at the
/// same places of its shared memory.
MFA_SIM_EXPORT void mfaSimTensorLoadMulticast(mfa::sim::ThreadState *state,
                                              uint64_t destination,
                                              uint64_t map, uint32_t mbarrier,
                                              uint32_t rank, uint32_t mask,
                                              uint32_t site);
MFA_SIM_EXPORT void mfaSimTensorStore(mfa::sim::ThreadState *state,
                                      uint64_t map, uint32_t source,
                                      uint32_t rank, uint32_t site);
/// Only checks the map; a rank of 0 means any.
MFA_SIM_EXPORT void mfaSimTensorPrefetch(mfa::sim::ThreadState *state,
                                         uint64_t map, uint32_t rank,
                                         uint32_t site);
MFA_SIM_EXPORT void mfaSimBulkCommit(mfa::sim::ThreadState *state,
                                     uint32_t site);
/// Waits until at most `pending` of the thread's latest groups of stores are in
/// flight.
MFA_SIM_EXPORT void mfaSimBulkWait(mfa::sim::ThreadState *state,
                                   uint32_t pending, uint32_t site);

/// Orders accesses to shared memory, or the initialization of mbarriers, with
/// operations of the async proxy.
MFA_SIM_EXPORT void mfaSimFenceProxy(mfa::sim::ThreadState *state,
                                     uint32_t site);
MFA_SIM_EXPORT void mfaSimFenceMBarrierInit(mfa::sim::ThreadState *state,
                                            uint32_t site);

/// Starts a product of the warpgroup: slot words from 0 hold accumulators,
/// those from kProductAWord registers of A; leaves what stands for the
/// accumulators in words from 0. `a` and `b` are descriptors, `form` is made of
/// ProductType and ProductFlags. The accumulators before count if `accumulates`
/// is not 0.
MFA_SIM_EXPORT void mfaSimProduct(mfa::sim::ThreadState *state, uint64_t a,
                                  uint64_t b, uint32_t accumulates,
                                  uint32_t form, uint32_t site);
MFA_SIM_EXPORT void mfaSimProductFence(mfa::sim::ThreadState *state,
                                       uint32_t site);
MFA_SIM_EXPORT void mfaSimProductCommit(mfa::sim::ThreadState *state,
                                        uint32_t site);
MFA_SIM_EXPORT void mfaSimProductWait(mfa::sim::ThreadState *state,
                                      uint32_t pending, uint32_t site);
/// The value of a register that an operation computes with and that may stand
/// for an accumulator.
MFA_SIM_EXPORT float mfaSimAccumulator(mfa::sim::ThreadState *state,
                                       float value, uint32_t site);

/// Changes the number of registers of each thread of the warpgroup.
MFA_SIM_EXPORT void mfaSimSetRegisters(mfa::sim::ThreadState *state,
                                       uint32_t count, uint32_t increases,
                                       uint32_t site);

/// Ends the thread.
MFA_SIM_EXPORT void mfaSimExit(mfa::sim::ThreadState *state, uint32_t site);
/// Faults with a trap.
MFA_SIM_EXPORT void mfaSimTrap(mfa::sim::ThreadState *state, uint32_t site);

/// The approximate functions of the GPU, here as exact as the C library's;
/// `flush` makes denormal operands and results zero.
MFA_SIM_EXPORT float mfaSimExp2(float x, uint32_t flush);
MFA_SIM_EXPORT float mfaSimLog2(float x, uint32_t flush);

#endif // MFA_RUNTIME_SIM_SIM_H
