//===- MutateNPY.cpp - Read mutated .npy files ----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//     mfa-npy-test [COUNT [SEED]]
//
// Reads COUNT mutations of right files from memory: bytes changed, inserted,
// removed and moved, words of headers put in others' places. What is read must
// be a whole array, and come back the same when it is written and read again;
// what is refused must say why in one line. Exits with status 1 at the first
// file that breaks that, which it writes to `npy-test-failure.npy`.
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/NPY.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Format.h"

#include <random>

using namespace llvm;
using mfa::runtime::NPYArray;
using mfa::runtime::parseNPY;
using mfa::runtime::writeNPY;

static constexpr StringLiteral kTypes[] = {
    "|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8",
    "<f2", "<f4", "<f8", "<V2", ">f4", ">i8", "|V2", ">u2"};

static constexpr StringLiteral kShapes[] = {
    "()", "(0,)", "(1,)", "(3,)", "(2, 3)", "(2, 0, 3)", "(1, 2, 3, 2)"};

/// What takes the place of a piece of a header.
static constexpr StringLiteral kWords[] = {"()",
                                           "(,)",
                                           "(3)",
                                           "(-1,)",
                                           "(3, )",
                                           "(9223372036854775807,)",
                                           "(4611686018427387904, 4)",
                                           "(99999999999999999999,)",
                                           "(0, 1e3)",
                                           "(4294967296, 4294967296, 0)",
                                           "'descr'",
                                           "'shape'",
                                           "'fortran_order'",
                                           "'<f4'",
                                           "'>f8'",
                                           "'=f4'",
                                           "'|O'",
                                           "'<c8'",
                                           "'<U5'",
                                           "'f4'",
                                           "'<V2'",
                                           "'<V1'",
                                           "[('a', '<f4')]",
                                           "''",
                                           "True",
                                           "False",
                                           "None",
                                           "1",
                                           "{",
                                           "}",
                                           ",",
                                           ":",
                                           "'",
                                           "\"",
                                           "\\",
                                           "(",
                                           ")",
                                           "\n",
                                           "\t",
                                           " ",
                                           "L",
                                           "#"};

/// Every right file, by type, shape, order and version.
static std::vector<std::string> makeFiles() {
  std::vector<std::string> files;
  unsigned next = 0;
  for (StringRef type : kTypes)
    for (StringRef shape : kShapes)
      for (StringRef order : {"False", "True"}) {
        int64_t bytes = type.back() - '0';
        StringRef sizes = shape;
        while (!sizes.empty()) {
          int64_t size;
          if (sizes.consumeInteger(10, size))
            sizes = sizes.drop_front();
          else
            bytes *= size;
        }
        std::string header =
            ("{'descr': '" + type + "', 'fortran_order': " + order +
             ", 'shape': " + shape + ", }\n")
                .str();
        char version = static_cast<char>(1 + next % 3), length[4];
        support::endian::write32le(length, header.size());
        std::string file = "\x93NUMPY";
        file += {version, '\0'};
        file.append(length, version == 1 ? 2 : 4);
        file += header;
        for (int64_t byte = 0; byte < bytes; ++byte)
          file += static_cast<char>(next++ * 37);
        files.push_back(file);
      }
  return files;
}

namespace {
/// Changes files at random.
class Mutator {
public:
  explicit Mutator(uint64_t seed) : random(seed) {}

  std::string make(ArrayRef<std::string> files) {
    std::string file = files[below(files.size())];
    size_t changes = 1 + below(2);
    for (size_t change = 0; change < changes; ++change)
      mutate(file);
    return file;
  }

private:
  size_t below(size_t count) { return random() % count; }

  void mutate(std::string &file) {
    if (file.empty())
      return;
    size_t position = below(file.size());
    // Magic, version and length are few bytes of a long file.
    if (below(8) == 0)
      position = below(std::min<size_t>(file.size(), 12));
    switch (below(8)) {
    case 0:
      file[position] ^= static_cast<char>(1 << below(8));
      return;
    case 1:
      file[position] = static_cast<char>(random());
      return;
    case 2:
      file.resize(position);
      return;
    case 3:
      file.erase(position, 1 + below(8));
      return;
    case 4:
      file.insert(position, file.substr(below(file.size()), below(40)));
      return;
    default:
      replaceWord(file);
      return;
    }
  }

  /// Replaces a value, or any piece, of the header, and most times mends the
  /// length of the header.
  void replaceWord(std::string &file) {
    size_t begin = file.find('{');
    size_t end = begin == std::string::npos ? begin : file.find('\n', begin);
    if (end == std::string::npos || end == begin)
      return;
    size_t from = begin + below(end - begin);
    size_t count = std::min<size_t>(below(12), end - from);
    for (StringRef key : {"'descr': ", "'fortran_order': ", "'shape': "}) {
      size_t found = file.find(key);
      if (found == std::string::npos || below(4) == 0)
        continue;
      from = found + key.size();
      count = std::min(file.find(key == "'shape': " ? ", }" : ", '", from),
                       file.size()) -
              from;
    }
    StringRef word = kWords[below(std::size(kWords))];
    file.replace(from, count, word.str());
    end = file.find('\n', begin);
    size_t lengthBytes = begin - std::min<size_t>(begin, 8);
    if (end == std::string::npos || below(8) == 0)
      return;
    if (lengthBytes == 2)
      support::endian::write16le(file.data() + 8, end + 1 - begin);
    if (lengthBytes == 4)
      support::endian::write32le(file.data() + 8, end + 1 - begin);
  }

  std::mt19937_64 random;
};
} // namespace

/// Why what was read, or the error, is not as it has to be; empty if it is.
static std::string check(Expected<NPYArray> array, bool &isRead) {
  isRead = static_cast<bool>(array);
  if (!isRead) {
    std::string message = toString(array.takeError());
    return message.empty() || !all_of(message, isPrint)
               ? "expected an error in one line but got '" + message + "'"
               : "";
  }
  int64_t bytes = array->getNumElements() * NPYArray::getByteWidth(array->type);
  if (static_cast<int64_t>(array->bytes.size()) != bytes)
    return "expected " + std::to_string(bytes) + " bytes of elements but got " +
           std::to_string(array->bytes.size());
  std::string text;
  raw_string_ostream os(text);
  writeNPY(os, *array);
  Expected<NPYArray> again = parseNPY(text);
  if (!again)
    return "written and read again: " + toString(again.takeError());
  if (again->type != array->type || again->shape != array->shape ||
      again->bytes != array->bytes)
    return "written and read again it is another array";
  return "";
}

int main(int argc, char **argv) {
  uint64_t count = 1000, seed = 0;
  if ((argc > 1 && StringRef(argv[1]).getAsInteger(10, count)) ||
      (argc > 2 && StringRef(argv[2]).getAsInteger(10, seed))) {
    errs() << "usage: mfa-npy-test [COUNT [SEED]]\n";
    return 1;
  }
  std::vector<std::string> files = makeFiles();
  bool isRead;
  for (const std::string &file : files) {
    std::string problem = check(parseNPY(file), isRead);
    if (problem.empty() && isRead)
      continue;
    errs() << "a right file: " << (isRead ? problem : "refused") << "\n";
    return 1;
  }
  Mutator mutator(seed);
  uint64_t numRead = 0;
  for (uint64_t index = 0; index < count; ++index) {
    std::string file = mutator.make(files);
    std::string problem = check(parseNPY(file), isRead);
    numRead += isRead;
    if (problem.empty())
      continue;
    std::error_code error;
    raw_fd_ostream("npy-test-failure.npy", error) << file;
    errs() << "file " << index << ": " << problem << "\n";
    return 1;
  }
  outs() << count << " files: " << numRead << " read, " << count - numRead
         << " refused\n";
  return 0;
}
