//===- XLAReader.h - Read the calls of XLA ----------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PYTHON_XLAREADER_H
#define MFA_PYTHON_XLAREADER_H

#include "Kernel.h"
#include "Operands.h"
#include "XLAFFI.h"

#include <optional>
#include <string_view>

namespace mfa::python {

/// Reads attributes. Throws ValueError for one that is missing or of another
/// type.
class AttributeReader {
public:
  explicit AttributeReader(const xla::Attributes &attributes)
      : attributes(attributes) {}

  /// A text; nullopt for an empty one.
  std::optional<std::string_view> readText(std::string_view name) const {
    auto *text = static_cast<const xla::ByteSpan *>(
        get(name, xla::AttributeType::String, "a text"));
    if (text->size == 0)
      return std::nullopt;
    return std::string_view(text->data, text->size);
  }

  bool has(std::string_view name) const { return find(name) >= 0; }

  bool readFlag(std::string_view name) const {
    return *static_cast<const bool *>(
        getScalar(name, xla::DataType::Pred, "a bool"));
  }

  std::optional<float> readFloat(std::string_view name) const {
    if (!has(name))
      return std::nullopt;
    return *static_cast<const float *>(
        getScalar(name, xla::DataType::F32, "an f32"));
  }

  /// The elements of an array, which need not be there.
  template <typename T>
  std::pair<const T *, size_t> readArray(std::string_view name,
                                         xla::DataType type,
                                         const char *expected) const {
    if (!has(name))
      return {nullptr, 0};
    auto *array = static_cast<const xla::ArrayAttribute *>(
        get(name, xla::AttributeType::Array, expected));
    if (array->type != type)
      fail(name, expected);
    return {static_cast<const T *>(array->data), array->size};
  }

private:
  [[noreturn]] static void fail(std::string_view name, const char *expected) {
    throwError(PyExc_ValueError, "expected an attribute '" + std::string(name) +
                                     "', " + expected + ", as mfa.jax writes");
  }

  int64_t find(std::string_view name) const {
    for (int64_t index = 0; index < attributes.size; ++index) {
      const xla::ByteSpan &known = *attributes.names[index];
      if (std::string_view(known.data, known.size) == name)
        return index;
    }
    return -1;
  }

  const void *get(std::string_view name, xla::AttributeType type,
                  const char *expected) const {
    int64_t index = find(name);
    if (index < 0 || attributes.types[index] != type)
      fail(name, expected);
    return attributes.values[index];
  }

  const void *getScalar(std::string_view name, xla::DataType type,
                        const char *expected) const {
    auto *scalar = static_cast<const xla::Scalar *>(
        get(name, xla::AttributeType::Scalar, expected));
    if (scalar->type != type)
      fail(name, expected);
    return scalar->value;
  }

  const xla::Attributes &attributes;
};

/// Buffers of arrays that are not there, by their forms: for each its type, its
/// rank and its sizes.
class BufferForms {
public:
  explicit BufferForms(std::pair<const int64_t *, size_t> forms);
  BufferForms(const BufferForms &) = delete;
  BufferForms &operator=(const BufferForms &) = delete;

  const xla::Buffers &get() const { return buffers; }

private:
  std::vector<int64_t> sizes;
  std::vector<xla::Buffer> each;
  std::vector<int> types;
  std::vector<void *> values;
  xla::Buffers buffers = {};
};

/// Reads the arguments, or the results, of a call in their order.
class BufferReader {
public:
  BufferReader(const xla::Buffers &buffers, const char *what,
               dlpack::DeviceType deviceType, int32_t deviceId)
      : buffers(buffers), what(what), deviceType(deviceType),
        deviceId(deviceId) {}

  /// Throws TypeError or ValueError for one that is missing or has another
  /// form.
  void read(const char *name, const ReadOptions &options, Array &array);

  int64_t getNumLeft() const { return buffers.size - next; }

  /// Throws ValueError where there are more.
  void checkEnd() const;

private:
  const xla::Buffers &buffers;
  const char *what;
  dlpack::DeviceType deviceType;
  int32_t deviceId;
  int64_t next = 0;
};

/// Reads the captures of the rules: arrays, integers and numbers, in this
/// order. Throws ValueError where there are not as many as the rules have.
void readCaptures(const Rules *rules, BufferReader &buffers,
                  const AttributeReader &attributes, Operands &operands);

} // namespace mfa::python

#endif // MFA_PYTHON_XLAREADER_H
