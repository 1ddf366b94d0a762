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
// follows, and the kernel: its description, the machine code of GPU kernels,
// and the host code, which holds the device code as a constant.
//
// Who writes the checksum can write anything behind it. The description is
// therefore checked field by field, and as a whole against its digest in the
// host code, which would read arguments by it that are not there. The code
// itself is run as it is.
//
//===----------------------------------------------------------------------===//

#include "CompilerScope.h"
#include "mfa/Execution/Kernel.h"
#include "mfa/Support/Chip.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/xxhash.h"

using namespace llvm;
using namespace mfa::exec;
using mlir::ShapedType;

static constexpr StringLiteral kMagic = "MFAKERN5";

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

/// Reads what a Writer wrote. The first thing that is wrong is kept, and from
/// there on only zeros are read.
class Reader {
public:
  explicit Reader(StringRef text) : text(text) {}

  /// Notes what is wrong with the part called `name`.
  template <typename... Args>
  void refuse(StringRef name, const Args &...args) {
    if (isDamaged())
      return;
    raw_string_ostream os(problem);
    os << name << ": ";
    (os << ... << args);
    text = "";
  }

  int64_t readInteger(StringRef name) {
    if (text.size() < sizeof(int64_t)) {
      refuse(name, "expected 8 bytes but got ", text.size());
      return 0;
    }
    int64_t value = support::endian::read64le(text.data());
    text = text.drop_front(sizeof(value));
    return value;
  }

  int64_t readInteger(StringRef name, int64_t least, int64_t most) {
    return check(name, readInteger(name), least, most);
  }

  bool readBool(StringRef name) { return readInteger(name, 0, 1) != 0; }

  /// A number of things of which each takes at least `bytes`.
  size_t readCount(StringRef name, size_t bytes) {
    int64_t count = readInteger(name);
    return check(name, count, 0, text.size() / bytes);
  }

  StringRef readString(StringRef name) {
    size_t size = readCount(name, 1);
    StringRef value = text.take_front(size);
    text = text.drop_front(size);
    return value;
  }

  /// One of the values of an enum, from its first to `last`.
  template <typename Enum>
  Enum readEnum(StringRef name, Enum last) {
    return static_cast<Enum>(readInteger(name, 0, static_cast<int64_t>(last)));
  }

  SmallVector<int64_t, 4> readIntegers(StringRef name) {
    SmallVector<int64_t, 4> values(readCount(name, sizeof(int64_t)));
    for (int64_t &value : values)
      value = readInteger(name);
    return values;
  }

  bool isDamaged() const { return !problem.empty(); }

  StringRef text;
  std::string problem;

private:
  int64_t check(StringRef name, int64_t value, int64_t least, int64_t most) {
    if (value >= least && value <= most)
      return value;
    refuse(name, "expected a number from ", least, " to ", most, " but got ",
           value);
    return 0;
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

static void write(Writer &writer, const Parameter &parameter) {
  writer.write(parameter.name);
  writer.write(static_cast<int64_t>(parameter.isNumber));
  writer.write(static_cast<int64_t>(parameter.type));
  writer.write(ArrayRef<int64_t>(parameter.sizes));
  writer.write(ArrayRef<int64_t>(parameter.strides));
  writer.write(static_cast<int64_t>(parameter.isContiguous));
  writer.write(parameter.offset);
}

static Parameter readParameter(Reader &reader) {
  Parameter parameter;
  parameter.name = reader.readString("name of a parameter").str();
  parameter.isNumber = reader.readBool("kind of a parameter");
  parameter.type = reader.readEnum("type of a parameter", ElementType::I64);
  parameter.sizes = reader.readIntegers("sizes of a parameter");
  for (int64_t size : parameter.sizes)
    if (ShapedType::isStatic(size) && size < 0)
      reader.refuse("sizes of a parameter", "expected 0 or more but got ",
                    size);
  parameter.strides = reader.readIntegers("strides of a parameter");
  size_t rank = parameter.sizes.size();
  if (parameter.strides.size() != rank)
    reader.refuse("strides of a parameter", "expected as many as the ", rank,
                  " sizes but got ", parameter.strides.size());
  if (parameter.isNumber && rank != 0)
    reader.refuse("sizes of a parameter", "expected none of a number but got ",
                  rank);
  parameter.isContiguous = reader.readBool("layout of a parameter");
  // An address is computed from it.
  parameter.offset = reader.readInteger("offset of a parameter", 0,
                                        std::numeric_limits<int32_t>::max());
  return parameter;
}

static void write(Writer &writer, const GPUFunction &function) {
  writer.write(function.name);
  writer.write(function.threads);
  writer.write(function.dynamicSharedBytes);
}

static GPUFunction readFunction(Reader &reader) {
  GPUFunction function;
  function.name = reader.readString("name of a GPU kernel").str();
  function.threads = reader.readInteger("threads of a GPU kernel", -1, 1024);
  function.dynamicSharedBytes = reader.readInteger(
      "shared memory of a GPU kernel", -1, std::numeric_limits<int32_t>::max());
  return function;
}

/// Reads how many of the last parameters are outputs, which are arrays.
static size_t readNumOutputs(Reader &reader, ArrayRef<Parameter> parameters) {
  auto most = static_cast<int64_t>(parameters.size());
  size_t count = reader.readInteger("number of outputs", 0, most);
  if (any_of(parameters.take_back(count),
             [](const Parameter &parameter) { return parameter.isNumber; }))
    reader.refuse("number of outputs", "expected arrays but got a number");
  return count;
}

/// Reads the options. The chip is one of those that can be compiled for.
static Options readOptions(Reader &reader) {
  Options options;
  options.target = reader.readEnum("target", Target::CUDA);
  options.chip = reader.readString("chip").str();
  bool isKnown = options.target == Target::CPU
                     ? options.chip.empty()
                     : mlir::mfa::lookupChip(options.chip).has_value();
  if (!isKnown)
    reader.refuse("chip", "expected one of the target but got '", options.chip,
                  "'");
  options.f32Product =
      reader.readEnum("f32 product", mlir::mfa::F32Product::TF32);
  options.schedule = reader.readString("schedule option").str();
  options.tileLists =
      reader.readEnum("tile lists", mlir::mfa::TileLists::Never);
  options.schedules = reader.readString("file of schedules").str();
  options.countTilesFor = reader.readString("chip to count for").str();
  return options;
}

/// Reads as many as the number in front of them, each of at least `bytes`.
template <typename T>
static std::vector<T> readAll(Reader &reader, StringRef name, size_t bytes,
                              T (*readOne)(Reader &)) {
  std::vector<T> all;
  for (size_t count = reader.readCount(name, bytes);
       all.size() < count && !reader.isDamaged();)
    all.push_back(readOne(reader));
  return all;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

std::string Kernel::serializeDescription() const {
  Writer writer;
  writer.write(static_cast<int64_t>(options.target));
  writer.write(options.chip);
  writer.write(static_cast<int64_t>(options.f32Product));
  writer.write(options.schedule);
  writer.write(static_cast<int64_t>(options.tileLists));
  writer.write(options.schedules);
  writer.write(options.countTilesFor);
  writer.write(source);
  writer.write(entry);
  writer.write(schedule);
  writer.write(static_cast<int64_t>(parameters.size()));
  for (const Parameter &parameter : parameters)
    ::write(writer, parameter);
  writer.write(static_cast<int64_t>(numOutputs));
  writer.write(static_cast<int64_t>(functions.size()));
  for (const GPUFunction &function : functions)
    ::write(writer, function);
  return std::move(writer.text);
}

uint64_t Kernel::getDigest() const {
  return xxh3_64bits(serializeDescription());
}

std::string Kernel::serialize() const {
  Writer body;
  body.text = serializeDescription();
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
  auto damaged = [&](const auto &...args) {
    return refuse("the serialized kernel is damaged: ", args...);
  };
  if (!bytes.consume_front(kMagic))
    return refuse("expected a serialized kernel");
  Reader reader(bytes);
  StringRef id = reader.readString("compiler");
  int64_t checksum = reader.readInteger("checksum");
  if (reader.isDamaged())
    return damaged(reader.problem);
  if (id != getCompilerId())
    return refuse("expected a kernel serialized by '", getCompilerId(),
                  "' but got one by '", id, "'");
  if (checksum != static_cast<int64_t>(xxh3_64bits(reader.text)))
    return damaged("its checksum is that of other bytes");

  std::unique_ptr<Kernel> kernel(new Kernel);
  kernel->options = readOptions(reader);
  kernel->source = reader.readString("program").str();
  kernel->entry = reader.readString("entry").str();
  kernel->schedule = reader.readString("schedules").str();
  constexpr size_t word = sizeof(int64_t);
  kernel->parameters =
      readAll(reader, "number of parameters", 7 * word, readParameter);
  kernel->numOutputs = readNumOutputs(reader, kernel->parameters);
  kernel->functions =
      readAll(reader, "number of GPU kernels", 3 * word, readFunction);
  std::vector<StringRef> cubins =
      readAll<StringRef>(reader, "number of cubins", word, [](Reader &reader) {
        return reader.readString("cubin");
      });
  kernel->object = reader.readString("host code").str();
  if (!reader.isDamaged() && !reader.text.empty())
    reader.refuse("host code", "expected nothing behind it but got ",
                  reader.text.size(), " bytes");
  if (reader.isDamaged())
    return damaged(reader.problem);

  CompilerScope scope;
  if (Error error = kernel->link())
    return damaged("host code: ", toString(std::move(error)));
  if (cubins.size() != kernel->images.size())
    return damaged("number of cubins: expected ", kernel->images.size(),
                   " but got ", cubins.size());
  for (auto [image, cubin] : zip_equal(kernel->images, cubins))
    if (!cubin.empty())
      image->setCubin(cubin.str());
  return kernel;
}
