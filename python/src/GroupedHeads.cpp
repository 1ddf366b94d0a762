//===- GroupedHeads.cpp - Heads of a group as queries ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GroupedHeads.h"

using namespace mfa::python;

/// Queries of up to this number are known in the code of the kernel.
static constexpr int64_t kMaxKnownQueries = 64;

int64_t mfa::python::getGroupedQueries(const Operands &operands,
                                       MfaTarget target) {
  int64_t size = operands.getHeads() / operands.getKVHeads();
  bool isGrouped = operands.getSeqQ() == 1 && target != MfaTargetCPU &&
                   size <= kMaxKnownQueries;
  return isGrouped ? size : 0;
}

void mfa::python::groupMask(MaskView &view, int64_t size) {
  constexpr int heads = 1, queries = 2;
  bool isBroadcast = view.broadcast & MfaMaskHeads;
  view.sizes[heads] /= size;
  view.sizes[queries] = size;
  view.strides[queries] = view.strides[heads];
  view.strides[heads] *= size;
  view.broadcast &= ~MfaMaskQueries;
  if (isBroadcast)
    view.broadcast |= MfaMaskQueries;
}

void mfa::python::groupHeads(Operands &operands, int64_t size) {
  for (Array *array : {&operands.q, &operands.out}) {
    array->sizes[1] = size;
    array->sizes[2] /= size;
    array->strides[1] = array->strides[2];
    array->strides[2] *= size;
  }
  if (Array &sinks = operands.sinks; operands.hasSinks()) {
    sinks.rank = 2;
    sinks.sizes[1] = size;
    sinks.sizes[0] /= size;
    sinks.strides[1] = sinks.strides[0];
    sinks.strides[0] *= size;
  }
  Array &lse = operands.lse;
  lse.sizes[1] /= size;
  lse.sizes[2] = size;
  lse.strides[2] = lse.strides[1];
  lse.strides[1] *= size;
}
