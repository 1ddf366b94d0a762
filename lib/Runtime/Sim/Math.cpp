//===- Math.cpp - Approximate functions of the GPU ------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/Sim/Sim.h"
#include <cfloat>
#include <cmath>

/// A denormal becomes a zero of its sign.
static float flushDenormal(float x, bool flush) {
  return flush && std::fabs(x) < FLT_MIN ? std::copysign(0.0f, x) : x;
}

float mfaSimExp2(float x, uint32_t flush) {
  return flushDenormal(std::exp2(flushDenormal(x, flush)), flush);
}

float mfaSimLog2(float x, uint32_t flush) {
  return std::log2(flushDenormal(x, flush));
}
