//===- Convert.h - Elements of matrices as f32 ------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_RUNTIME_SIM_CONVERT_H
#define MFA_LIB_RUNTIME_SIM_CONVERT_H

#include <cstdint>
#include <cstring>

namespace mfa::sim {

inline float toFloat(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

inline float convertF16(uint32_t half) {
  uint32_t sign = (half & 0x8000) << 16;
  uint32_t magnitude = (half & 0x7fff) << 13;
  // The scaling by 2^112 moves the exponent bias, and is exact for denormals.
  float value = toFloat(magnitude) * 0x1p112f;
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  if ((half & 0x7c00) == 0x7c00)
    bits = magnitude | 0x7f800000;
  return toFloat(bits | sign);
}

inline float convertBF16(uint32_t bits) { return toFloat(bits << 16); }

/// The hardware ignores the bits that tf32 does not have.
inline float convertTF32(uint32_t bits) { return toFloat(bits & 0xffffe000); }

} // namespace mfa::sim

#endif // MFA_LIB_RUNTIME_SIM_CONVERT_H
