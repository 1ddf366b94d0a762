//===- ElementType.h - Element types of arrays ------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The element types that arrays at run time can have, and conversions between
// them and f32, which holds every value of the other types exactly (of I32
// those up to 2^24).
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUNTIME_ELEMENTTYPE_H
#define MFA_RUNTIME_ELEMENTTYPE_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <cstring>
#include <optional>

namespace mfa::runtime {

/// I1 is one byte, true unless it is 0. I32 and I64 are for arrays that regions
/// read, such as numbers of documents.
enum class ElementType { F16, BF16, F32, I1, I32, I64 };

/// Bytes of one element in memory.
inline int64_t getByteWidth(ElementType type) {
  switch (type) {
  case ElementType::F16:
  case ElementType::BF16:
    return 2;
  case ElementType::F32:
  case ElementType::I32:
    return 4;
  case ElementType::I64:
    return 8;
  case ElementType::I1:
    return 1;
  }
  return 0;
}

/// Name as in MLIR: `f16`, `bf16`, `f32`, `i1`, `i32`,
/// `i64`.
llvm::StringRef getName(ElementType type);
std::optional<ElementType> parseElementType(llvm::StringRef name);

/// Bits after the leading one of a significand: 10, 7 and 23.
int getFractionBits(ElementType type);

/// The lowest finite value of a floating-point type.
float getLowest(ElementType type);

inline uint32_t getBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

inline float getFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

inline float fromBF16(uint16_t bits) {
  return getFloat(static_cast<uint32_t>(bits) << 16);
}

/// Rounds to nearest even; a NaN stays one.
inline uint16_t toBF16(float value) {
  uint32_t bits = getBits(value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return static_cast<uint16_t>(bits >> 16) | 0x40;
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline float fromF16(uint16_t bits) {
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  uint32_t magnitude = bits & 0x7fff;
  if (magnitude >= 0x7c00)
    return getFloat(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  // Moving the exponent by a multiplication makes denormals right as well.
  float scaled = getFloat(magnitude << 13) * 0x1p112f;
  return getFloat(sign | getBits(scaled));
}

/// Rounds to nearest even; beyond the range to infinity; a NaN stays one.
inline uint16_t toF16(float value) {
  uint32_t bits = getBits(value);
  uint16_t sign = static_cast<uint16_t>(bits >> 16) & 0x8000;
  uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return sign | 0x7e00;
  // 65520 and above round to infinity.
  if (magnitude >= 0x477ff000)
    return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Denormal in f16: adding 0.5 leaves the multiples of 2^-24 in the low
    // bits.
    uint32_t sum = getBits(getFloat(magnitude) + 0.5f);
    return sign | static_cast<uint16_t>(sum - 0x3f000000);
  }
  uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
  return sign | static_cast<uint16_t>((rounded - 0x38000000) >> 13);
}

/// Rounds to the 10 fraction bits that a tensor core multiplies of an f32,
/// ties away from zero, as `cvt.rna.tf32.f32` does.
inline float roundToTF32(float value) {
  uint32_t bits = getBits(value);
  if ((bits & 0x7f800000) == 0x7f800000)
    return value;
  return getFloat((bits + 0x1000) & ~uint32_t{0x1fff});
}

/// The element at `address` as f32; I1 as 0 or 1.
inline float loadElement(ElementType type, const char *address) {
  uint16_t bits16;
  float value;
  int32_t integer;
  int64_t wide;
  switch (type) {
  case ElementType::F16:
    std::memcpy(&bits16, address, sizeof(bits16));
    return fromF16(bits16);
  case ElementType::BF16:
    std::memcpy(&bits16, address, sizeof(bits16));
    return fromBF16(bits16);
  case ElementType::F32:
    std::memcpy(&value, address, sizeof(value));
    return value;
  case ElementType::I1:
    return *address != 0 ? 1.0f : 0.0f;
  case ElementType::I32:
    std::memcpy(&integer, address, sizeof(integer));
    return static_cast<float>(integer);
  case ElementType::I64:
    std::memcpy(&wide, address, sizeof(wide));
    return static_cast<float>(wide);
  }
  return 0.0f;
}

/// Stores `value`, rounded to the type, at `address`; I1 as 1 unless zero.
inline void storeElement(ElementType type, char *address, float value) {
  uint16_t bits16;
  int32_t integer;
  int64_t wide;
  switch (type) {
  case ElementType::F16:
    bits16 = toF16(value);
    std::memcpy(address, &bits16, sizeof(bits16));
    return;
  case ElementType::BF16:
    bits16 = toBF16(value);
    std::memcpy(address, &bits16, sizeof(bits16));
    return;
  case ElementType::F32:
    std::memcpy(address, &value, sizeof(value));
    return;
  case ElementType::I1:
    *address = value != 0.0f;
    return;
  case ElementType::I32:
    integer = static_cast<int32_t>(value);
    std::memcpy(address, &integer, sizeof(integer));
    return;
  case ElementType::I64:
    wide = static_cast<int64_t>(value);
    std::memcpy(address, &wide, sizeof(wide));
    return;
  }
}

/// `value` rounded to the type and back.
inline float roundTo(ElementType type, float value) {
  char bytes[sizeof(int64_t)];
  storeElement(type, bytes, value);
  return loadElement(type, bytes);
}

} // namespace mfa::runtime

#endif // MFA_RUNTIME_ELEMENTTYPE_H
