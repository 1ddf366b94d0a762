//===- SharedLibrary.cpp - Entry points under the names of upstream -------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Host code that encodes tensor maps or asks about the GPU calls the same
// functions whether its kernels run on a GPU or here. A program that links both
// runtimes finds those of the simulator through mfa::sim::getEntryPoints
// instead.
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/Sim/Sim.h"

MFA_SIM_EXPORT int64_t mfaGetMultiprocessorCount() {
  return mfaSimGetMultiprocessorCount();
}

MFA_SIM_EXPORT void *mfaAcquireRowCounter() {
  return mfaSimAcquireRowCounter();
}

MFA_SIM_EXPORT void mfaReleaseRowCounter(void *counter) {
  mfaSimReleaseRowCounter(counter);
}

MFA_SIM_EXPORT void mfaOverlapLaunch() { mfaSimOverlapLaunch(); }

MFA_SIM_EXPORT void
mgpuTensorMapEncodeTiled(void *map, int dataType, uint32_t rank, void *address,
                         const uint64_t *sizes, const uint64_t *byteStrides,
                         const uint32_t *box, const uint32_t *elementStrides,
                         int interleave, int swizzle, int l2Promotion,
                         int outOfBoundsFill) {
  mfaSimTensorMapEncodeTiled(map, dataType, rank, address, sizes, byteStrides,
                             box, elementStrides, interleave, swizzle,
                             l2Promotion, outOfBoundsFill);
}

MFA_SIM_EXPORT void *
mgpuTensorMapEncodeTiledMemref(int64_t rank, const void *descriptor,
                               int dataType, int interleave, int swizzle,
                               int l2Promotion, int outOfBoundsFill,
                               const int64_t *boxSizes) {
  return mfaSimTensorMapEncodeTiledMemref(rank, descriptor, dataType,
                                          interleave, swizzle, l2Promotion,
                                          outOfBoundsFill, boxSizes);
}
