//===- Symbols.cpp - What a JIT has to know of the runtime ----------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Math.h"
#include "mfa/Runtime/KeptTileLists.h"
#include "mfa/Runtime/Sim/Sim.h"

std::vector<mfa::runtime::EntryPoint> mfa::sim::getEntryPoints() {
#define MFA_SIM_SYMBOL(name)                                                   \
  runtime::EntryPoint({#name, reinterpret_cast<void *>(&name)})
  std::vector<runtime::EntryPoint> entryPoints = {
      MFA_SIM_SYMBOL(mfaSimLaunch),
      MFA_SIM_SYMBOL(mfaSimLaunchCluster),
      MFA_SIM_SYMBOL(mfaSimAccess),
      MFA_SIM_SYMBOL(mfaSimCountBlock),
      MFA_SIM_SYMBOL(mfaSimBarrier),
      MFA_SIM_SYMBOL(mfaSimBarrierReduce),
      MFA_SIM_SYMBOL(mfaSimBarrierArrive),
      MFA_SIM_SYMBOL(mfaSimClusterArrive),
      MFA_SIM_SYMBOL(mfaSimClusterWait),
      MFA_SIM_SYMBOL(mfaSimMBarrierInit),
      MFA_SIM_SYMBOL(mfaSimMBarrierInvalidate),
      MFA_SIM_SYMBOL(mfaSimMBarrierArrive),
      MFA_SIM_SYMBOL(mfaSimMBarrierArriveCluster),
      MFA_SIM_SYMBOL(mfaSimMBarrierExpect),
      MFA_SIM_SYMBOL(mfaSimMBarrierComplete),
      MFA_SIM_SYMBOL(mfaSimMBarrierWait),
      MFA_SIM_SYMBOL(mfaSimMBarrierTest),
      MFA_SIM_SYMBOL(mfaSimWarpSync),
      MFA_SIM_SYMBOL(mfaSimShuffle),
      MFA_SIM_SYMBOL(mfaSimVote),
      MFA_SIM_SYMBOL(mfaSimReduce),
      MFA_SIM_SYMBOL(mfaSimElect),
      MFA_SIM_SYMBOL(mfaSimLoadMatrix),
      MFA_SIM_SYMBOL(mfaSimStoreMatrix),
      MFA_SIM_SYMBOL(mfaSimMma),
      MFA_SIM_SYMBOL(mfaSimCopyAsync),
      MFA_SIM_SYMBOL(mfaSimCopyAsyncCommit),
      MFA_SIM_SYMBOL(mfaSimCopyAsyncWait),
      MFA_SIM_SYMBOL(mfaSimTensorLoad),
      MFA_SIM_SYMBOL(mfaSimTensorLoadMulticast),
      MFA_SIM_SYMBOL(mfaSimTensorStore),
      MFA_SIM_SYMBOL(mfaSimTensorPrefetch),
      MFA_SIM_SYMBOL(mfaSimBulkCommit),
      MFA_SIM_SYMBOL(mfaSimBulkWait),
      MFA_SIM_SYMBOL(mfaSimFenceProxy),
      MFA_SIM_SYMBOL(mfaSimFenceMBarrierInit),
      MFA_SIM_SYMBOL(mfaSimProduct),
      MFA_SIM_SYMBOL(mfaSimProductFence),
      MFA_SIM_SYMBOL(mfaSimProductCommit),
      MFA_SIM_SYMBOL(mfaSimProductWait),
      MFA_SIM_SYMBOL(mfaSimAccumulator),
      MFA_SIM_SYMBOL(mfaSimSetRegisters),
      MFA_SIM_SYMBOL(mfaSimExit),
      MFA_SIM_SYMBOL(mfaSimTrap),
      MFA_SIM_SYMBOL(mfaSimExp2),
      MFA_SIM_SYMBOL(mfaSimLog2),
      {"mfaGetMultiprocessorCount",
       reinterpret_cast<void *>(&mfaSimGetMultiprocessorCount)},
      {"mfaAcquireRowCounter",
       reinterpret_cast<void *>(&mfaSimAcquireRowCounter)},
      {"mfaReleaseRowCounter",
       reinterpret_cast<void *>(&mfaSimReleaseRowCounter)},
      {"mfaOverlapLaunch", reinterpret_cast<void *>(&mfaSimOverlapLaunch)},
      {"mgpuTensorMapEncodeTiled",
       reinterpret_cast<void *>(&mfaSimTensorMapEncodeTiled)},
      {"mgpuTensorMapEncodeTiledMemref",
       reinterpret_cast<void *>(&mfaSimTensorMapEncodeTiledMemref)},
  };
  for (const runtime::EntryPoint &entry : runtime::getTileListEntryPoints())
    entryPoints.push_back(entry);
#if defined(__x86_64__)
  entryPoints.push_back(MFA_SIM_SYMBOL(__truncsfbf2));
#endif
#undef MFA_SIM_SYMBOL
  return entryPoints;
}
