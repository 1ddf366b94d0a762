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

/// Runs a kernel over a grid and returns when the last block has ended.
MFA_SIM_EXPORT void mfaSimLaunch(const mfa::sim::KernelInfo *kernel,
                                 int64_t gridX, int64_t gridY, int64_t gridZ,
                                 int64_t blockX, int64_t blockY, int64_t blockZ,
                                 int32_t dynamicShared, void **arguments,
                                 const mfa::sim::MemrefArgument *memrefs,
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
MFA_SIM_EXPORT void mfaSimBarrierArrive(mfa::sim::ThreadState *state,
                                        uint32_t id, uint32_t count,
                                        uint32_t site);

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

/// Ends the thread.
MFA_SIM_EXPORT void mfaSimExit(mfa::sim::ThreadState *state, uint32_t site);
/// Faults with a trap.
MFA_SIM_EXPORT void mfaSimTrap(mfa::sim::ThreadState *state, uint32_t site);

/// The approximate functions of the GPU, here as exact as the C library's;
/// `flush` makes denormal operands and results zero.
MFA_SIM_EXPORT float mfaSimExp2(float x, uint32_t flush);
MFA_SIM_EXPORT float mfaSimLog2(float x, uint32_t flush);

#endif // MFA_RUNTIME_SIM_SIM_H
