//===- mfa-npy-fuzzer.cpp - Reads mutated .npy files ----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An input is a file, which becomes an argument of each of some types. What was
// read has as many bytes as its shape says, and is the same when it is written
// and read again.
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "Folder.h"
#include "Fuzzer.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/MLIRContext.h"

using namespace llvm;
using mfa::fuzz::Random;
using mfa::run::Array;

static mfa::fuzz::Folder &getFolder() {
  static mfa::fuzz::Folder folder;
  return folder;
}

/// Ends the process unless a property of what was read holds.
static void require(bool holds, StringRef what) {
  if (holds)
    return;
  errs() << "expected " << what << "\n";
  std::abort();
}

static void checkArray(const Array &array, mlir::Type type) {
  int64_t count = 1;
  for (int64_t size : array.shape)
    count *= size;
  int64_t width = mfa::run::getByteWidth(array.type);
  require(array.isScalar ||
              static_cast<int64_t>(array.bytes.size()) == count * width,
          "as many bytes as the shape says");
  if (array.isScalar)
    return;
  std::string text;
  raw_string_ostream os(text);
  mfa::run::writeArray(os, array);
  std::string path = getFolder().write("written.npy", text);
  Expected<Array> again = mfa::run::readArgument(0, type, path);
  require(static_cast<bool>(again), "what was written to be read");
  require(again->shape == array.shape && again->bytes == array.bytes,
          "what was written and read to be the same");
}

int LLVMFuzzerInitialize(int *, char ***) {
  getFolder();
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  std::string path = getFolder().write(
      "read.npy", StringRef(reinterpret_cast<const char *>(data), size));
  constexpr int64_t any = mlir::ShapedType::kDynamic;
  const mlir::Type elements[] = {
      mlir::Float16Type::get(&context),     mlir::BFloat16Type::get(&context),
      mlir::Float32Type::get(&context),     mlir::Float64Type::get(&context),
      mlir::IntegerType::get(&context, 1),  mlir::IntegerType::get(&context, 8),
      mlir::IntegerType::get(&context, 64), mlir::IndexType::get(&context)};
  const SmallVector<int64_t> shapes[] = {
      {}, {any}, {2, any}, {any, any, any}, {1, 2, 3, 4}};
  auto readAs = [&](mlir::Type type) {
    Expected<Array> array = mfa::run::readArgument(0, type, path);
    if (array)
      checkArray(*array, type);
    else
      require(!toString(array.takeError()).empty(), "an error with a message");
  };
  for (mlir::Type element : elements) {
    readAs(element);
    for (const SmallVector<int64_t> &shape : shapes) {
      readAs(mlir::RankedTensorType::get(shape, element));
      readAs(mlir::MemRefType::get(shape, element));
    }
  }
  return 0;
}

static constexpr const char *kTypes[] = {"<f2",
                                         "<f4",
                                         "<f8",
                                         "<u2",
                                         "|b1",
                                         "<V2",
                                         "|V2",
                                         "<i4",
                                         "<i8",
                                         "|u1",
                                         ">f4",
                                         "=f4",
                                         "<f16",
                                         "|O",
                                         "<c8",
                                         "<M8[ns]",
                                         "f4",
                                         "",
                                         "<f99999999999999999999"};

static constexpr const char *kSizes[] = {"0",
                                         "1",
                                         "2",
                                         "2",
                                         "3",
                                         "3",
                                         "4",
                                         "7",
                                         "-1",
                                         "65536",
                                         "2147483648",
                                         "4611686018427387904",
                                         "9223372036854775807",
                                         "18446744073709551616",
                                         "99999999999999999999999",
                                         "0x10",
                                         "1.5",
                                         "",
                                         "1L",
                                         "None"};
/// Those of kSizes that are small.
static constexpr size_t kSmallSizes = 8;

/// A file that is valid but for a few choices.
static std::string makeFile(Random &random) {
  bool isOdd = random.oneIn(2);
  std::string text = "{'descr': '";
  text += kTypes[random.below(isOdd ? std::size(kTypes) : 5)];
  text += "', 'fortran_order': ";
  text += isOdd && random.oneIn(4) ? "True" : "False";
  text += ", 'shape': (";
  size_t elements = 1;
  for (size_t rank = random.below(5); rank; --rank) {
    size_t choice = random.below(isOdd ? std::size(kSizes) : kSmallSizes);
    text += kSizes[choice] + std::string(", ");
    if (choice < kSmallSizes)
      elements *= kSizes[choice][0] - '0';
  }
  text += "), }";
  while ((text.size() + 11) % 64)
    text += ' ';
  text += '\n';
  unsigned version = random.oneIn(4) ? random.below(5) : 1;
  std::string file = "\x93NUMPY";
  file += static_cast<char>(version);
  file += '\0';
  for (int byte = 0; byte < (version > 1 ? 4 : 2); ++byte)
    file += static_cast<char>(text.size() >> 8 * byte);
  file += text;
  const size_t widths[] = {2, 4, 8, 1};
  size_t bytes = elements * random.pick(widths);
  for (size_t i = 0; i < bytes; ++i)
    file += static_cast<char>(random.below(256));
  return file;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize,
                               unsigned seed) {
  Random random(seed);
  std::string file(reinterpret_cast<char *>(data), size);
  if (file.empty())
    file = makeFile(random);
  // Most changes go to the header, where there is something to find.
  for (size_t changes = random.below(4); changes && !file.empty(); --changes) {
    size_t at = random.below(
        random.oneIn(4) ? file.size() : std::min<size_t>(file.size(), 96));
    switch (random.below(6)) {
    case 0:
      file[at] = static_cast<char>(random.below(256));
      break;
    case 1:
      file.resize(at);
      break;
    case 2:
      file.erase(at, 1 + random.below(8));
      break;
    case 3:
      file.insert(at, random.pick(kSizes));
      break;
    case 4:
      file.insert(at, file.substr(random.below(file.size()), 16));
      break;
    case 5:
      file.insert(at, 1, "(){}[]',: \0\xff\n"[random.below(13)]);
      break;
    }
  }
  return mfa::fuzz::copyOut(file, data, maxSize);
}
