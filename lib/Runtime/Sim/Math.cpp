//===- Math.cpp - Approximate functions of the GPU ------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Math.h"
#include "mfa/Runtime/Sim/Sim.h"
#include <cfloat>
#include <cmath>
#include <cstring>

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

#if defined(__x86_64__)
/// What LLVM calls to round an f32 to bf16, to the nearest and ties to even, on
/// hosts that have no instruction for it: also where it only hands on bf16
/// vectors. C libraries have it since GCC 13. The result is in the lower half
/// of xmm0.
__m128i __truncsfbf2(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof(bits));
  if (std::isnan(x))
    return _mm_cvtsi32_si128(static_cast<int>(bits >> 16 | 0x40));
  bits += 0x7fff + (bits >> 16 & 1);
  return _mm_cvtsi32_si128(static_cast<int>(bits >> 16));
}
#endif
