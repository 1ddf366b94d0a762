//===- NPY.cpp - NumPy's array files --------------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/NPY.h"
#include "mfa/Support/Files.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;
using namespace mfa::runtime;

static constexpr StringLiteral kMagic("\x93NUMPY");

/// As many dimensions as NumPy has.
static constexpr size_t kMaxRank = 64;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

namespace {
struct TypeInfo {
  NPYArray::Type type;
  StringLiteral name;
  int64_t byteWidth;
};
} // namespace

static constexpr TypeInfo kTypes[] = {
    {NPYArray::B1, "|b1", 1}, {NPYArray::I1, "|i1", 1},
    {NPYArray::I2, "<i2", 2}, {NPYArray::I4, "<i4", 4},
    {NPYArray::I8, "<i8", 8}, {NPYArray::U1, "|u1", 1},
    {NPYArray::U2, "<u2", 2}, {NPYArray::U4, "<u4", 4},
    {NPYArray::U8, "<u8", 8}, {NPYArray::F2, "<f2", 2},
    {NPYArray::F4, "<f4", 4}, {NPYArray::F8, "<f8", 8},
    {NPYArray::V2, "<V2", 2}};

StringRef NPYArray::getTypeName(Type type) { return kTypes[type].name; }

int64_t NPYArray::getByteWidth(Type type) { return kTypes[type].byteWidth; }

int64_t NPYArray::getNumElements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

/// The type that a header names, in either byte order ('<' or '>', '|' where
/// there is none); null if it is not one of the types above.
static const TypeInfo *findType(StringRef name, bool &isBigEndian) {
  if (name.size() < 2)
    return nullptr;
  char order = name[0];
  const TypeInfo *info = find_if(kTypes, [&](const TypeInfo &type) {
    return type.name.drop_front() == name.drop_front();
  });
  if (info == std::end(kTypes))
    return nullptr;
  // Bits that are no number have no byte order.
  bool isOrdered = info->byteWidth > 1 && info->type != NPYArray::V2;
  isBigEndian = isOrdered && order == '>';
  bool isKnown = order == '<' || (order == '|' && !isOrdered) ||
                 (order == '>' && info->type != NPYArray::V2);
  return isKnown ? info : nullptr;
}

static std::string getTypeNames() {
  return join(map_range(kTypes, [](const TypeInfo &type) { return type.name; }),
              ", ");
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

template <typename... Args>
static Error makeError(const Args &...args) {
  std::string message;
  raw_string_ostream os(message);
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

  /// Error unless the text is such a dictionary.
  Error parse() {
    if (!consume("{"))
      return makeError("expected a dictionary as the header");
    SmallVector<StringRef> keys;
    while (!consume("}")) {
      StringRef key;
      if (!parseString(key) || !consume(":"))
        return makeError("expected a key, such as 'shape':, in the header");
      if (is_contained(keys, key))
        return makeError("expected each key once in the header but got '",
                         printable(key), "' again");
      keys.push_back(key);
      if (Error error = parseValue(key))
        return error;
      if (!consume(",") && !rest.ltrim().starts_with("}"))
        return makeError("expected ',' or '}' after the value of '", key,
                         "' in the header");
    }
    for (StringRef key : {"descr", "fortran_order", "shape"})
      if (!is_contained(keys, key))
        return makeError("expected '", key, "' in the header");
    if (!rest.trim().empty())
      return makeError("expected nothing after the dictionary in the header");
    return Error::success();
  }

  /// Text from a file, for a message.
  static std::string printable(StringRef text) {
    constexpr size_t maxLength = 40;
    std::string result;
    raw_string_ostream os(result);
    printEscapedString(text.take_front(maxLength), os);
    if (text.size() > maxLength)
      os << "...";
    return result;
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

  Error parseValue(StringRef key) {
    if (key == "descr") {
      // Records have a list of fields here.
      if (!parseString(descr))
        return makeError(
            "expected one of the types ", getTypeNames(),
            " as 'descr' in the header but got '",
            printable(rest.ltrim().take_until([](char c) { return c == '}'; })),
            "'");
      return Error::success();
    }
    if (key == "fortran_order") {
      fortranOrder = consume("True");
      if (!fortranOrder && !consume("False"))
        return makeError(
            "expected True or False as 'fortran_order' in the header");
      return Error::success();
    }
    if (key == "shape")
      return parseShape();
    return makeError("expected the keys 'descr', 'fortran_order' and 'shape' "
                     "in the header but got '",
                     printable(key), "'");
  }

  /// A tuple of sizes; one of a single size has a comma.
  Error parseShape() {
    auto fail = [] {
      return makeError("expected a tuple of sizes from 0 to ", INT64_MAX,
                       " as 'shape' in the header");
    };
    if (!consume("("))
      return fail();
    bool hasComma = false;
    while (!consume(")")) {
      int64_t size;
      rest = rest.ltrim();
      if (rest.consumeInteger(10, size) || size < 0)
        return fail();
      if (shape.size() == kMaxRank)
        return makeError("expected at most ", kMaxRank, " dimensions");
      shape.push_back(size);
      hasComma = consume(",");
      if (!hasComma && !rest.ltrim().starts_with(")"))
        return fail();
    }
    return shape.size() == 1 && !hasComma ? fail() : Error::success();
  }

  StringRef rest;
};
} // namespace

/// Elements in row-major order, from column-major order.
static std::vector<char> toRowMajor(StringRef data, ArrayRef<int64_t> shape,
                                    int64_t width) {
  SmallVector<int64_t> strides;
  int64_t stride = width;
  for (int64_t size : shape) {
    strides.push_back(stride);
    stride *= size;
  }
  std::vector<char> bytes(data.size());
  SmallVector<int64_t> index(shape.size(), 0);
  int64_t source = 0;
  for (size_t target = 0; target < bytes.size(); target += width) {
    std::memcpy(bytes.data() + target, data.data() + source, width);
    // The next index, the last dimension fastest.
    for (size_t dim = shape.size(); dim-- > 0;) {
      source += strides[dim];
      if (++index[dim] < shape[dim])
        break;
      source -= strides[dim] * shape[dim];
      index[dim] = 0;
    }
  }
  return bytes;
}

/// Takes what comes before the elements from the beginning of `data`: magic,
/// version (2 bytes), length of the header (2 bytes in version 1, then 4),
/// header.
static Expected<StringRef> takeHeader(StringRef &data) {
  if (!data.consume_front(kMagic) || data.size() < 2)
    return makeError("expected a .npy file");
  unsigned version = static_cast<unsigned char>(data[0]);
  data = data.drop_front(2);
  if (version < 1 || version > 3)
    return makeError("expected version 1, 2 or 3 of the .npy format but got ",
                     version);
  size_t lengthBytes = version == 1 ? 2 : 4;
  if (data.size() < lengthBytes)
    return makeError("the file ends in the header");
  size_t headerSize = version == 1 ? support::endian::read16le(data.data())
                                   : support::endian::read32le(data.data());
  data = data.drop_front(lengthBytes);
  if (data.size() < headerSize)
    return makeError("the file ends in the header");
  StringRef header = data.take_front(headerSize);
  data = data.drop_front(headerSize);
  return header;
}

Expected<NPYArray> mfa::runtime::parseNPY(StringRef data) {
  Expected<StringRef> text = takeHeader(data);
  if (!text)
    return text.takeError();
  HeaderParser header(*text);
  if (Error error = header.parse())
    return std::move(error);
  bool isBigEndian;
  const TypeInfo *info = findType(header.descr, isBigEndian);
  if (!info)
    return makeError("expected elements of one of the types ", getTypeNames(),
                     " but got ", HeaderParser::printable(header.descr));

  NPYArray array;
  array.type = info->type;
  array.shape = header.shape;
  // Zero sizes last, so that no product of the others overflows unseen.
  int64_t width = info->byteWidth, expectedBytes = width;
  for (int64_t size : array.shape)
    if (size != 0 && MulOverflow(expectedBytes, size, expectedBytes))
      return makeError("the shape has too many elements");
  if (is_contained(array.shape, 0))
    expectedBytes = 0;
  if (static_cast<int64_t>(data.size()) != expectedBytes)
    return makeError("expected ", expectedBytes, " bytes of elements but got ",
                     data.size());
  if (header.fortranOrder && array.shape.size() > 1)
    array.bytes = toRowMajor(data, array.shape, width);
  else
    array.bytes.assign(data.begin(), data.end());
  if (isBigEndian)
    for (auto *element = array.bytes.data(), *end = element + expectedBytes;
         element != end; element += width)
      std::reverse(element, element + width);
  // For NumPy any other byte than 0 is true as well.
  if (array.type == NPYArray::B1)
    for (char &element : array.bytes)
      element = element != 0;
  return array;
}

Expected<NPYArray> mfa::runtime::readNPY(StringRef path) {
  auto fail = [&](Error error) {
    return makeError("'", path, "': ", toString(std::move(error)));
  };
  Expected<std::unique_ptr<MemoryBuffer>> file = readFile(path);
  if (!file)
    return fail(file.takeError());
  Expected<NPYArray> array = parseNPY((*file)->getBuffer());
  if (!array)
    return fail(array.takeError());
  return array;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

void mfa::runtime::writeNPY(raw_ostream &out, const NPYArray &array) {
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

  char length[2];
  support::endian::write16le(length, header.size());
  out << kMagic << '\x01' << '\0' << StringRef(length, 2) << header;
  out.write(array.bytes.data(), array.bytes.size());
}
