//===- Arguments.cpp - Arrays from and to files ---------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "Options.h"
#include "mfa/Execution/AttentionProgram.h"
#include "mfa/Runtime/NPY.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;
using namespace mfa::run;
using namespace mfa::runtime;

std::optional<ElementType> mfa::run::getArrayElementType(mlir::Type type) {
  auto shaped = dyn_cast<mlir::ShapedType>(type);
  if (!shaped || !shaped.hasRank())
    return std::nullopt;
  return exec::getElementType(shaped.getElementType());
}

/// An MLIR type or value as text.
template <typename T>
static std::string toText(const T &value) {
  std::string text;
  raw_string_ostream(text) << value;
  return text;
}

/// True where the layout of a buffer admits row-major order.
static bool admitsContiguous(mlir::MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return false;
  if (offset != 0 && !mlir::ShapedType::isDynamic(offset))
    return false;
  int64_t contiguous = 1;
  for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
    if (!mlir::ShapedType::isDynamic(strides[dim]) &&
        !mlir::ShapedType::isDynamic(contiguous) && strides[dim] != contiguous)
      return false;
    int64_t size = type.getDimSize(dim);
    contiguous = mlir::ShapedType::isDynamic(size) ||
                         mlir::ShapedType::isDynamic(contiguous)
                     ? mlir::ShapedType::kDynamic
                     : contiguous * size;
  }
  return true;
}

Error mfa::run::checkArgumentType(StringRef what, mlir::Type type) {
  if (type.isF32())
    return Error::success();
  if (!getArrayElementType(type))
    return makeError(what,
                     ": expected an f32, or a ranked tensor or memref of "
                     "f16, bf16, f32 or i1 but got ",
                     toText(type));
  if (auto memref = dyn_cast<mlir::MemRefType>(type))
    if (!admitsContiguous(memref))
      return makeError(what, ": expected a contiguous memref but got ",
                       toText(type));
  return Error::success();
}

/// The value at an index of a floating-point file.
static float loadNPY(const NPYArray &array, int64_t index) {
  const char *address =
      array.bytes.data() + index * NPYArray::getByteWidth(array.type);
  if (array.type == NPYArray::F2)
    return loadElement(ElementType::F16, address);
  if (array.type == NPYArray::F4)
    return loadElement(ElementType::F32, address);
  double value;
  std::memcpy(&value, address, sizeof(value));
  return static_cast<float>(value);
}

static std::string shapeToText(ArrayRef<int64_t> shape) {
  std::string text;
  raw_string_ostream os(text);
  os << "[";
  for (auto [index, size] : enumerate(shape)) {
    os << (index == 0 ? "" : ", ");
    if (mlir::ShapedType::isDynamic(size))
      os << "?";
    else
      os << size;
  }
  os << "]";
  return text;
}

/// Type of a file that carries the bits of elements of `type`.
static NPYArray::Type getFileType(ElementType type) {
  switch (type) {
  case ElementType::F16:
    return NPYArray::F2;
  case ElementType::BF16:
    return NPYArray::U2;
  case ElementType::F32:
    return NPYArray::F4;
  case ElementType::I1:
    return NPYArray::B1;
  case ElementType::I32:
    // No parameter of a program has it.
    break;
  }
  return NPYArray::F4;
}

/// Converts the elements of a file to `type`. `what` names the argument.
static Expected<std::vector<char>> convert(const Twine &what, StringRef path,
                                           const NPYArray &file,
                                           ElementType type) {
  NPYArray::Type sameBits = getFileType(type);
  if (file.type == sameBits)
    return file.bytes;
  bool isFloat = file.type == NPYArray::F2 || file.type == NPYArray::F4 ||
                 file.type == NPYArray::F8;
  if (type == ElementType::I1 || !isFloat)
    return makeError(what, " ('", path, "'): expected elements of type ",
                     NPYArray::getTypeName(sameBits),
                     type == ElementType::I1 ? "" : " (or floating-point)",
                     " for ", getName(type), " but got ",
                     NPYArray::getTypeName(file.type));
  int64_t count = file.getNumElements(), width = getByteWidth(type);
  std::vector<char> bytes(count * width);
  for (int64_t index = 0; index < count; ++index)
    storeElement(type, bytes.data() + index * width, loadNPY(file, index));
  bool exact = file.type == NPYArray::F2 && type == ElementType::F32;
  if (!exact)
    WithColor::note(errs(), "mfa-run")
        << what << " ('" << path << "'): rounded from "
        << NPYArray::getTypeName(file.type) << " to " << getName(type) << "\n";
  return bytes;
}

Expected<Array> mfa::run::readArgument(unsigned index, mlir::Type type,
                                       StringRef text) {
  std::string what = ("argument " + Twine(index + 1)).str();
  Array array;
  array.isScalar = type.isF32();
  double number;
  if (array.isScalar && !text.getAsDouble(number)) {
    auto value = static_cast<float>(number);
    array.bytes.resize(sizeof(value));
    std::memcpy(array.bytes.data(), &value, sizeof(value));
    return array;
  }

  Expected<NPYArray> file = readNPY(text);
  if (!file)
    return makeError(what, ": ", toString(file.takeError()));
  SmallVector<int64_t> expected;
  if (!array.isScalar) {
    auto shaped = cast<mlir::ShapedType>(type);
    array.type = *getArrayElementType(type);
    llvm::append_range(expected, shaped.getShape());
  }
  if (file->shape.size() != expected.size())
    return makeError(what, " ('", text, "'): expected rank ", expected.size(),
                     " for ", toText(type), " but got rank ",
                     file->shape.size());
  for (auto [size, actual] : zip_equal(expected, file->shape))
    if (!mlir::ShapedType::isDynamic(size) && size != actual)
      return makeError(what, " ('", text, "'): expected shape ",
                       shapeToText(expected), " but got ",
                       shapeToText(file->shape));
  Expected<std::vector<char>> bytes = convert(what, text, *file, array.type);
  if (!bytes)
    return bytes.takeError();
  array.shape = file->shape;
  array.bytes = std::move(*bytes);
  return array;
}

Error mfa::run::writeArray(StringRef path, const Array &array) {
  NPYArray file;
  file.type = getFileType(array.type);
  file.shape = array.shape;
  file.bytes = array.bytes;
  return writeNPY(path, file);
}
