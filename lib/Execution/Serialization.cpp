//===- Serialization.cpp - Kernels as bytes -------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The bytes are a magic number, then strings and integers of 8 bytes, each
// string behind its length: the compiler's id, the checksum of all that
// follows, and the kernel. The host code holds the device code as a constant.
//
//===----------------------------------------------------------------------===//

#include "mfa/Execution/Kernel.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/xxhash.h"

using namespace llvm;
using namespace mfa::exec;

static constexpr StringLiteral kMagic = "MFAKERN1";

namespace {
class Writer {
public:
  void write(int64_t value) {
    char bytes[sizeof(value)];
    support::endian::write64le(bytes, value);
    text.append(bytes, sizeof(bytes));
  }
  void write(StringRef value) {
    write(static_cast<int64_t>(value.size()));
    text += value;
  }
  void write(ArrayRef<int64_t> values) {
    write(static_cast<int64_t>(values.size()));
    for (int64_t value : values)
      write(value);
  }

  std::string text;
};

/// Reads what a Writer wrote; once something is missing, only zeros.
class Reader {
public:
  explicit Reader(StringRef text) : text(text) {}

  int64_t readInteger() {
    if (text.size() < sizeof(int64_t)) {
      isDamaged = true;
      return 0;
    }
    int64_t value = support::endian::read64le(text.data());
    text = text.drop_front(sizeof(value));
    return value;
  }

  /// A number of things of which each takes at least a byte.
  size_t readCount() {
    int64_t count = readInteger();
    if (count >= 0 && static_cast<uint64_t>(count) <= text.size())
      return count;
    isDamaged = true;
    return 0;
  }

  StringRef readString() {
    size_t size = readCount();
    StringRef value = text.take_front(size);
    text = text.drop_front(size);
    return value;
  }

  SmallVector<int64_t, 4> readIntegers() {
    SmallVector<int64_t, 4> values;
    for (size_t count = readCount(); count != 0 && !isDamaged; --count)
      values.push_back(readInteger());
    return values;
  }

  StringRef text;
  bool isDamaged = false;
};
} // namespace

std::string Kernel::serialize() const {
  Writer body;
  body.write(static_cast<int64_t>(options.target));
  body.write(options.chip);
  body.write(static_cast<int64_t>(options.f32Product));
  body.write(options.schedule);
  body.write(source);
  body.write(entry);
  body.write(schedule);
  body.write(static_cast<int64_t>(parameters.size()));
  for (const Parameter &parameter : parameters) {
    body.write(parameter.name);
    body.write(static_cast<int64_t>(parameter.isNumber));
    body.write(static_cast<int64_t>(parameter.type));
    body.write(ArrayRef<int64_t>(parameter.sizes));
    body.write(ArrayRef<int64_t>(parameter.strides));
    body.write(static_cast<int64_t>(parameter.isContiguous));
    body.write(parameter.offset);
  }
  body.write(static_cast<int64_t>(functions.size()));
  for (const GPUFunction &function : functions) {
    body.write(function.name);
    body.write(function.threads);
    body.write(function.dynamicSharedBytes);
  }
  body.write(static_cast<int64_t>(images.size()));
  for (const auto &image : images)
    body.write(StringRef(image->saveCubin()));
  body.write(object);

  Writer file;
  file.text = kMagic;
  file.write(getCompilerId());
  file.write(static_cast<int64_t>(xxh3_64bits(body.text)));
  return file.text + body.text;
}

Expected<std::unique_ptr<Kernel>> Kernel::deserialize(StringRef bytes) {
  auto refuse = [](const auto &...args) {
    return makeError(ErrorKind::Serialization, args...);
  };
  if (!bytes.consume_front(kMagic))
    return refuse("expected a serialized kernel");
  Reader reader(bytes);
  StringRef id = reader.readString();
  int64_t checksum = reader.readInteger();
  if (reader.isDamaged)
    return refuse("the serialized kernel is damaged");
  if (id != getCompilerId())
    return refuse("expected a kernel serialized by '", getCompilerId(),
                  "' but got one by '", id, "'");
  if (checksum != static_cast<int64_t>(xxh3_64bits(reader.text)))
    return refuse("the serialized kernel is damaged");

  std::unique_ptr<Kernel> kernel(new Kernel);
  kernel->options.target = static_cast<Target>(reader.readInteger());
  kernel->options.chip = reader.readString().str();
  kernel->options.f32Product =
      static_cast<mlir::mfa::F32Product>(reader.readInteger());
  kernel->options.schedule = reader.readString().str();
  kernel->source = reader.readString().str();
  kernel->entry = reader.readString().str();
  kernel->schedule = reader.readString().str();
  kernel->parameters.resize(reader.readCount());
  for (Parameter &parameter : kernel->parameters) {
    parameter.name = reader.readString().str();
    parameter.isNumber = reader.readInteger() != 0;
    parameter.type = static_cast<ElementType>(reader.readInteger());
    parameter.sizes = reader.readIntegers();
    parameter.strides = reader.readIntegers();
    parameter.isContiguous = reader.readInteger() != 0;
    parameter.offset = reader.readInteger();
  }
  kernel->functions.resize(reader.readCount());
  for (GPUFunction &function : kernel->functions) {
    function.name = reader.readString().str();
    function.threads = reader.readInteger();
    function.dynamicSharedBytes = reader.readInteger();
  }
  std::vector<std::string> cubins(reader.readCount());
  for (std::string &cubin : cubins)
    cubin = reader.readString().str();
  kernel->object = reader.readString().str();
  if (reader.isDamaged)
    return refuse("the serialized kernel is damaged");

  if (Error error = kernel->link())
    return refuse(toString(std::move(error)));
  if (cubins.size() != kernel->images.size())
    return refuse("the serialized kernel is damaged");
  for (auto [image, cubin] : zip_equal(kernel->images, cubins))
    if (!cubin.empty())
      image->setCubin(std::move(cubin));
  return kernel;
}
