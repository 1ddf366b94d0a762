//===- ElementType.cpp - Element types of arrays --------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/ElementType.h"
#include "llvm/ADT/StringSwitch.h"

#include <limits>

using namespace mfa::runtime;

llvm::StringRef mfa::runtime::getName(ElementType type) {
  switch (type) {
  case ElementType::F16:
    return "f16";
  case ElementType::BF16:
    return "bf16";
  case ElementType::F32:
    return "f32";
  case ElementType::I1:
    return "i1";
  case ElementType::I32:
    return "i32";
  case ElementType::I64:
    return "i64";
  }
  return "";
}

std::optional<ElementType>
mfa::runtime::parseElementType(llvm::StringRef name) {
  return llvm::StringSwitch<std::optional<ElementType>>(name)
      .Case("f16", ElementType::F16)
      .Case("bf16", ElementType::BF16)
      .Case("f32", ElementType::F32)
      .Case("i1", ElementType::I1)
      .Case("i32", ElementType::I32)
      .Case("i64", ElementType::I64)
      .Default(std::nullopt);
}

int mfa::runtime::getFractionBits(ElementType type) {
  switch (type) {
  case ElementType::F16:
    return 10;
  case ElementType::BF16:
    return 7;
  case ElementType::F32:
    return 23;
  case ElementType::I1:
  case ElementType::I32:
  case ElementType::I64:
    return 0;
  }
  return 0;
}

float mfa::runtime::getLowest(ElementType type) {
  switch (type) {
  case ElementType::F16:
    return -65504.0f;
  case ElementType::BF16:
    return fromBF16(0xff7f);
  case ElementType::F32:
    return std::numeric_limits<float>::lowest();
  case ElementType::I1:
  case ElementType::I32:
  case ElementType::I64:
    return 0.0f;
  }
  return 0.0f;
}
