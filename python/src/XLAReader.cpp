//===- XLAReader.cpp - Read the calls of XLA ------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "XLAReader.h"

#include <algorithm>

using namespace mfa::python;

static std::optional<MfaElementType> getElementType(xla::DataType type) {
  switch (type) {
  case xla::DataType::F16:
    return MfaElementF16;
  case xla::DataType::BF16:
    return MfaElementBF16;
  case xla::DataType::F32:
    return MfaElementF32;
  case xla::DataType::Pred:
    return MfaElementI1;
  case xla::DataType::S32:
    return MfaElementI32;
  case xla::DataType::S64:
    return MfaElementI64;
  default:
    return std::nullopt;
  }
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

BufferForms::BufferForms(std::pair<const int64_t *, size_t> forms)
    : sizes(forms.first, forms.first + forms.second) {
  for (size_t next = 0; next < sizes.size();) {
    if (next + 2 > sizes.size() || sizes[next + 1] < 0 ||
        static_cast<size_t>(sizes[next + 1]) > sizes.size() - next - 2)
      throwError(PyExc_ValueError,
                 "expected forms of a type, a rank and as many "
                 "sizes, as mfa.jax writes");
    auto type = static_cast<xla::DataType>(sizes[next]);
    int64_t rank = sizes[next + 1];
    each.push_back(
        {sizeof(xla::Buffer), nullptr, type, nullptr, rank, &sizes[next + 2]});
    next += 2 + static_cast<size_t>(rank);
  }
  types.assign(each.size(), xla::Buffers::kBuffer);
  for (xla::Buffer &buffer : each)
    values.push_back(&buffer);
  buffers = {sizeof(buffers), nullptr, static_cast<int64_t>(each.size()),
             types.data(), values.data()};
}

void BufferReader::read(const char *name, const ReadOptions &options,
                        Array &array) {
  if (next >= buffers.size || buffers.types[next] != xla::Buffers::kBuffer)
    throwError(PyExc_ValueError,
               std::string(name) + ": expected it among the " + what +
                   " but got " + std::to_string(buffers.size));
  const auto &buffer =
      *static_cast<const xla::Buffer *>(buffers.values[next++]);
  std::optional<MfaElementType> type = getElementType(buffer.type);
  checkForm(name, type,
            "XLA's type " + std::to_string(static_cast<int>(buffer.type)),
            buffer.rank, options);
  array.name = name;
  array.isOutput = options.isOutput;
  array.elementType = *type;
  array.deviceType = deviceType;
  array.deviceId = deviceId;
  array.data = buffer.data;
  array.rank = static_cast<int>(buffer.rank);
  std::copy_n(buffer.sizes, array.rank, array.sizes.begin());
  setContiguous(array);
}

void BufferReader::checkEnd() const {
  if (next != buffers.size)
    throwError(PyExc_ValueError, "expected " + std::to_string(next) + " " +
                                     what + " but got " +
                                     std::to_string(buffers.size));
}

void mfa::python::readCaptures(const Rules *rules, BufferReader &buffers,
                               const AttributeReader &attributes,
                               Operands &operands) {
  auto [integers, numIntegers] = attributes.readArray<int64_t>(
      "integers", xla::DataType::S64, "an array of i64");
  auto [numbers, numNumbers] = attributes.readArray<double>(
      "numbers", xla::DataType::F64, "an array of f64");
  size_t numArrays = buffers.getNumLeft(),
         count = numArrays + numIntegers + numNumbers,
         expected = rules ? rules->names.size() : 0;
  if (count != expected)
    throwError(PyExc_ValueError, "expected " + std::to_string(expected) +
                                     " captures, as the rules have, but got " +
                                     std::to_string(count));
  operands.captures.resize(count);
  for (size_t index = 0; index < count; ++index) {
    Capture &capture = operands.captures[index];
    capture.name = rules->names[index].c_str();
    if (index < numArrays) {
      buffers.read(capture.name, kCaptureOptions, capture.array);
    } else if (index < numArrays + numIntegers) {
      capture.isInteger = true;
      capture.integer = integers[index - numArrays];
    } else {
      capture.number = numbers[index - numArrays - numIntegers];
    }
  }
}
