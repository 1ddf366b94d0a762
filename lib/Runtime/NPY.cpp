//===- NPY.cpp - NumPy's array files --------------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/NPY.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace mfa::runtime;

static constexpr StringLiteral kMagic("\x93NUMPY");

namespace {
struct TypeInfo {
  NPYArray::Type type;
  StringLiteral name;
  int64_t byteWidth;
};
} // namespace

static constexpr TypeInfo kTypes[] = {{NPYArray::F2, "<f2", 2},
                                      {NPYArray::F4, "<f4", 4},
                                      {NPYArray::F8, "<f8", 8},
                                      {NPYArray::U2, "<u2", 2},
                                      {NPYArray::B1, "|b1", 1}};

StringRef NPYArray::getTypeName(Type type) { return kTypes[type].name; }

int64_t NPYArray::getByteWidth(Type type) { return kTypes[type].byteWidth; }

int64_t NPYArray::getNumElements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

template <typename... Args>
static Error makeError(StringRef path, const Args &...args) {
  std::string message;
  raw_string_ostream os(message);
  os << "'" << path << "': ";
  (os << ... << args);
  return createStringError(message);
}

namespace {
/// The header: a Python dictionary with the keys descr, fortran_order and
/// shape, in any order.
class HeaderParser {
public:
  explicit HeaderParser(StringRef text) : rest(text) {}

  StringRef descr;
  bool fortranOrder = false;
  SmallVector<int64_t> shape;

  /// False unless the text is such a dictionary.
  bool parse() {
    bool hasDescr = false, hasOrder = false, hasShape = false;
    if (!consume("{"))
      return false;
    while (!consume("}")) {
      StringRef key;
      if (!parseString(key) || !consume(":"))
        return false;
      if (key == "descr" && !hasDescr)
        hasDescr = parseString(descr);
      else if (key == "fortran_order" && !hasOrder)
        hasOrder = parseBool();
      else if (key == "shape" && !hasShape)
        hasShape = parseShape();
      else
        return false;
      if (!consume(",") && !rest.ltrim().starts_with("}"))
        return false;
    }
    return hasDescr && hasOrder && hasShape && rest.trim().empty();
  }

private:
  bool consume(StringRef token) {
    rest = rest.ltrim();
    return rest.consume_front(token);
  }

  bool parseString(StringRef &value) {
    rest = rest.ltrim();
    if (rest.empty() || (rest[0] != '\'' && rest[0] != '"'))
      return false;
    size_t end = rest.find(rest[0], 1);
    if (end == StringRef::npos)
      return false;
    value = rest.slice(1, end);
    rest = rest.drop_front(end + 1);
    return true;
  }

  bool parseBool() {
    fortranOrder = consume("True");
    return fortranOrder || consume("False");
  }

  bool parseShape() {
    if (!consume("("))
      return false;
    while (!consume(")")) {
      int64_t size;
      rest = rest.ltrim();
      if (rest.consumeInteger(10, size) || size < 0)
        return false;
      shape.push_back(size);
      if (!consume(",") && !rest.ltrim().starts_with(")"))
        return false;
    }
    return true;
  }

  StringRef rest;
};
} // namespace

Expected<NPYArray> mfa::runtime::readNPY(StringRef path) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> file =
      MemoryBuffer::getFile(path, /*IsText=*/false,
                            /*RequiresNullTerminator=*/false);
  if (!file)
    return makeError(path, file.getError().message());
  StringRef data = (*file)->getBuffer();

  // Magic, version (2 bytes), length of the header (2 bytes in version 1, then
  // 4), header, elements.
  if (!data.consume_front(kMagic) || data.size() < 2)
    return makeError(path, "expected a .npy file");
  unsigned version = static_cast<unsigned char>(data[0]);
  data = data.drop_front(2);
  if (version < 1 || version > 3)
    return makeError(path,
                     "expected version 1, 2 or 3 of the .npy format but "
                     "got ",
                     version);
  size_t lengthBytes = version == 1 ? 2 : 4;
  if (data.size() < lengthBytes)
    return makeError(path, "the file ends in the header");
  size_t headerSize = version == 1 ? support::endian::read16le(data.data())
                                   : support::endian::read32le(data.data());
  data = data.drop_front(lengthBytes);
  if (data.size() < headerSize)
    return makeError(path, "the file ends in the header");
  HeaderParser header(data.take_front(headerSize));
  data = data.drop_front(headerSize);
  if (!header.parse())
    return makeError(path, "the header is not a dictionary of descr, "
                           "fortran_order and shape");

  const TypeInfo *info = find_if(
      kTypes, [&](const TypeInfo &type) { return type.name == header.descr; });
  if (info == std::end(kTypes))
    return makeError(path,
                     "expected elements of type <f2, <f4, <f8, <u2 or "
                     "|b1 but got ",
                     header.descr);
  if (header.fortranOrder)
    return makeError(path, "expected an array in row-major order but got "
                           "Fortran order; save numpy.ascontiguousarray of it");

  NPYArray array;
  array.type = info->type;
  array.shape = header.shape;
  // Zero sizes last, so that no product of the others overflows unseen.
  int64_t expectedBytes = info->byteWidth;
  for (int64_t size : array.shape)
    if (size != 0 && MulOverflow(expectedBytes, size, expectedBytes))
      return makeError(path, "the shape has too many elements");
  if (is_contained(array.shape, 0))
    expectedBytes = 0;
  if (static_cast<int64_t>(data.size()) != expectedBytes)
    return makeError(path, "expected ", expectedBytes,
                     " bytes of elements but "
                     "got ",
                     data.size());
  array.bytes.assign(data.begin(), data.end());
  return array;
}

Error mfa::runtime::writeNPY(StringRef path, const NPYArray &array) {
  std::string header;
  raw_string_ostream os(header);
  os << "{'descr': '" << NPYArray::getTypeName(array.type)
     << "', 'fortran_order': False, 'shape': (";
  for (int64_t size : array.shape)
    os << size << ", ";
  os << "), }";
  // NumPy aligns the elements to 64 bytes with spaces and a line end.
  constexpr size_t alignment = 64, prefix = 6 + 2 + 2;
  header.append(offsetToAlignment(prefix + header.size() + 1, Align(alignment)),
                ' ');
  header += '\n';

  Error error = writeToOutput(path, [&](raw_ostream &out) {
    char length[2];
    support::endian::write16le(length, header.size());
    out << kMagic << '\x01' << '\0' << StringRef(length, 2) << header;
    out.write(array.bytes.data(), array.bytes.size());
    return Error::success();
  });
  if (error)
    return makeError(path, toString(std::move(error)));
  return Error::success();
}
