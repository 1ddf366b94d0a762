//===- Numbers.cpp - Numbers of programs and of files ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Numbers.h"
#include "Options.h"
#include "mfa/Runtime/ElementType.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace llvm;
using namespace mfa::run;
using namespace mfa::runtime;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

namespace {
struct NumberInfo {
  NumberType type;
  StringLiteral name;
  NPYArray::Type fileType;
  bool isFloat;
};
} // namespace

static constexpr NumberInfo kNumbers[] = {
    {NumberType::F16, "f16", NPYArray::F2, true},
    {NumberType::BF16, "bf16", NPYArray::U2, true},
    {NumberType::F32, "f32", NPYArray::F4, true},
    {NumberType::F64, "f64", NPYArray::F8, true},
    {NumberType::I1, "i1", NPYArray::B1, false},
    {NumberType::I8, "i8", NPYArray::I1, false},
    {NumberType::I16, "i16", NPYArray::I2, false},
    {NumberType::I32, "i32", NPYArray::I4, false},
    {NumberType::I64, "i64", NPYArray::I8, false},
    {NumberType::Index, "index", NPYArray::I8, false}};

static const NumberInfo &getInfo(NumberType type) {
  return kNumbers[static_cast<size_t>(type)];
}

std::string mfa::run::getNumberTypeNames() {
  return join(map_range(drop_end(kNumbers),
                        [](const NumberInfo &info) { return info.name; }),
              ", ") +
         " or " + kNumbers[std::size(kNumbers) - 1].name.str();
}

std::optional<NumberType> mfa::run::getNumberType(mlir::Type type) {
  std::string name;
  raw_string_ostream(name) << type;
  for (const NumberInfo &info : kNumbers)
    if (info.name == name)
      return info.type;
  return std::nullopt;
}

StringRef mfa::run::getName(NumberType type) { return getInfo(type).name; }

int64_t mfa::run::getByteWidth(NumberType type) {
  return NPYArray::getByteWidth(getInfo(type).fileType);
}

NPYArray::Type mfa::run::getFileType(NumberType type) {
  return getInfo(type).fileType;
}

static bool isFloat(NPYArray::Type type) {
  return type == NPYArray::F2 || type == NPYArray::F4 || type == NPYArray::F8;
}

static bool isUnsigned(NPYArray::Type type) {
  return type == NPYArray::U1 || type == NPYArray::U2 || type == NPYArray::U4 ||
         type == NPYArray::U8 || type == NPYArray::B1;
}

//===----------------------------------------------------------------------===//
// Floating-point numbers
//===----------------------------------------------------------------------===//

/// Stores a number, rounded to the type.
static void storeFloat(NumberType type, char *address, double value) {
  if (type == NumberType::F64) {
    std::memcpy(address, &value, sizeof(value));
    return;
  }
  ElementType element = type == NumberType::F16    ? ElementType::F16
                        : type == NumberType::BF16 ? ElementType::BF16
                                                   : ElementType::F32;
  storeElement(element, address, static_cast<float>(value));
}

static double loadFloat(NPYArray::Type type, const char *address) {
  if (type == NPYArray::F2)
    return loadElement(ElementType::F16, address);
  if (type == NPYArray::F4)
    return loadElement(ElementType::F32, address);
  double value;
  std::memcpy(&value, address, sizeof(value));
  return value;
}

static Expected<ConvertedNumbers> convertToFloat(const NPYArray &file,
                                                 NumberType type) {
  if (file.type == NPYArray::V2)
    return makeError("expected elements of a floating-point type of NumPy for ",
                     getName(type),
                     " but got <V2, which is read as bf16 for "
                     "bf16 only; save array.astype(numpy.float32)");
  if (!isFloat(file.type))
    return makeError("expected elements of type ",
                     NPYArray::getTypeName(getFileType(type)),
                     " (or floating-point) for ", getName(type), " but got ",
                     NPYArray::getTypeName(file.type));
  int64_t count = file.getNumElements(), width = getByteWidth(type);
  int64_t fileWidth = NPYArray::getByteWidth(file.type);
  ConvertedNumbers result;
  result.bytes.resize(count * width);
  for (int64_t index = 0; index < count; ++index)
    storeFloat(type, result.bytes.data() + index * width,
               loadFloat(file.type, file.bytes.data() + index * fileWidth));
  // Every f16 is an f32, but no bf16.
  result.isRounded = width <= fileWidth;
  return result;
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

/// The least and the greatest value of a type; the greatest of a boolean is 1.
static std::pair<int64_t, int64_t> getRange(NumberType type) {
  if (type == NumberType::I1)
    return {0, 1};
  return {minIntN(8 * getByteWidth(type)), maxIntN(8 * getByteWidth(type))};
}

static int64_t loadInteger(const char *address, int64_t width,
                           bool isUnsigned) {
  uint64_t bits = 0;
  std::memcpy(&bits, address, width);
  return isUnsigned ? static_cast<int64_t>(bits)
                    : SignExtend64(bits, 8 * width);
}

static Expected<ConvertedNumbers> convertToInteger(const NPYArray &file,
                                                   NumberType type) {
  bool isBits = isFloat(file.type) || file.type == NPYArray::V2;
  if (isBits)
    return makeError("expected elements of type ",
                     NPYArray::getTypeName(getFileType(type)),
                     " (or integers) for ", getName(type), " but got ",
                     NPYArray::getTypeName(file.type));
  auto [min, max] = getRange(type);
  int64_t count = file.getNumElements(), width = getByteWidth(type);
  int64_t fileWidth = NPYArray::getByteWidth(file.type);
  bool hasSign = !isUnsigned(file.type);
  ConvertedNumbers result;
  if (fileWidth == width && !hasSign && type != NumberType::I1) {
    result.bytes = file.bytes;
    return result;
  }
  result.bytes.resize(count * width);
  for (int64_t index = 0; index < count; ++index) {
    int64_t value =
        loadInteger(file.bytes.data() + index * fileWidth, fileWidth, !hasSign);
    // An unsigned value beyond those of int64_t is negative here.
    bool isHuge = !hasSign && value < 0;
    if (isHuge || value < min || value > max)
      return makeError("expected elements from ", min, " to ", max, " for ",
                       getName(type), " but got ",
                       isHuge ? std::to_string(static_cast<uint64_t>(value))
                              : std::to_string(value),
                       " at position ", index);
    std::memcpy(result.bytes.data() + index * width, &value, width);
  }
  return result;
}

Expected<ConvertedNumbers> mfa::run::convertNumbers(const NPYArray &file,
                                                    NumberType type) {
  bool isBF16 = type == NumberType::BF16 && file.type == NPYArray::V2;
  if (file.type == getFileType(type) || isBF16)
    return ConvertedNumbers{file.bytes};
  return getInfo(type).isFloat ? convertToFloat(file, type)
                               : convertToInteger(file, type);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

Expected<std::optional<std::vector<char>>>
mfa::run::parseNumber(StringRef text, NumberType type) {
  std::vector<char> bytes(getByteWidth(type));
  if (getInfo(type).isFloat) {
    double number;
    if (text.getAsDouble(number))
      return std::nullopt;
    storeFloat(type, bytes.data(), number);
    NPYArray::Type fileType = getFileType(type);
    double stored = type == NumberType::BF16
                        ? loadElement(ElementType::BF16, bytes.data())
                        : loadFloat(fileType, bytes.data());
    if (std::isinf(stored) && !std::isinf(number))
      return makeError("expected a number within ", getName(type), " but got ",
                       text);
    return bytes;
  }
  if (type == NumberType::I1 && (text == "true" || text == "false")) {
    bytes[0] = text == "true";
    return bytes;
  }
  // Any digits are a number, however many.
  StringRef digits = text;
  digits.consume_front("-");
  if (digits.empty() || !all_of(digits, isDigit))
    return std::nullopt;
  auto [min, max] = getRange(type);
  int64_t value;
  if (text.getAsInteger(10, value) || value < min || value > max)
    return makeError("expected an integer from ", min, " to ", max, " for ",
                     getName(type), " but got ", text);
  std::memcpy(bytes.data(), &value, bytes.size());
  return bytes;
}
