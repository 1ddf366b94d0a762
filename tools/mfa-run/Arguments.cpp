//===- Arguments.cpp - Arrays from and to files ---------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "Options.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;
using namespace mfa;
using namespace mfa::run;
using namespace mfa::runtime;

std::optional<NumberType> mfa::run::getArrayElementType(mlir::Type type) {
  auto shaped = dyn_cast<mlir::ShapedType>(type);
  if (!shaped || !shaped.hasRank() ||
      !isa<mlir::RankedTensorType, mlir::MemRefType>(type))
    return std::nullopt;
  return getNumberType(shaped.getElementType());
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

/// Error unless `type` is an array of numbers. `isNumberToo` says whether the
/// place may have a number as well.
static Error checkArrayType(StringRef what, mlir::Type type, bool isNumberToo) {
  if (!getArrayElementType(type))
    return makeError(what, ": expected a ",
                     isNumberToo ? "number, or a ranked tensor or memref of "
                                   "numbers, "
                                 : "ranked tensor or memref ",
                     "of type ", getNumberTypeNames(), " but got ",
                     toText(type));
  if (auto memref = dyn_cast<mlir::MemRefType>(type))
    if (!admitsContiguous(memref))
      return makeError(what, ": expected a contiguous memref but got ",
                       toText(type));
  return Error::success();
}

Error mfa::run::checkArgumentType(StringRef what, mlir::Type type) {
  if (getNumberType(type))
    return Error::success();
  return checkArrayType(what, type, /*isNumberToo=*/true);
}

Error mfa::run::checkResultType(StringRef what, mlir::Type type) {
  if (getNumberType(type))
    return makeError(what, ": expected a ranked tensor or memref but got ",
                     toText(type), "; return it as tensor<", toText(type),
                     "> (tensor.from_elements)");
  return checkArrayType(what, type, /*isNumberToo=*/false);
}

std::string mfa::run::shapeToText(ArrayRef<int64_t> shape) {
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

/// Reads the elements of an array, or a number, from a file.
static Expected<Array> readArray(StringRef what, mlir::Type type,
                                 StringRef path) {
  Array array;
  std::optional<NumberType> scalar = getNumberType(type);
  array.isScalar = scalar.has_value();
  array.type = scalar ? *scalar : *getArrayElementType(type);
  Expected<NPYArray> file = readNPY(path);
  if (!file)
    return makeError(what, ": ", toString(file.takeError()));
  SmallVector<int64_t> expected;
  if (!scalar)
    llvm::append_range(expected, cast<mlir::ShapedType>(type).getShape());
  if (file->shape.size() != expected.size())
    return makeError(what, " ('", path, "'): expected rank ", expected.size(),
                     " for ", toText(type), " but got rank ",
                     file->shape.size());
  for (auto [size, actual] : zip_equal(expected, file->shape))
    if (!mlir::ShapedType::isDynamic(size) && size != actual)
      return makeError(what, " ('", path, "'): expected shape ",
                       shapeToText(expected), " but got ",
                       shapeToText(file->shape));
  Expected<ConvertedNumbers> numbers = convertNumbers(*file, array.type);
  if (!numbers)
    return makeError(what, " ('", path, "'): ", toString(numbers.takeError()));
  if (numbers->isRounded)
    WithColor::note(errs(), "mfa-run")
        << what << " ('" << path << "'): rounded from "
        << NPYArray::getTypeName(file->type) << " to " << getName(array.type)
        << "\n";
  array.shape = file->shape;
  array.bytes = std::move(numbers->bytes);
  return array;
}

Expected<Array> mfa::run::readArgument(unsigned index, mlir::Type type,
                                       StringRef text) {
  std::string what = ("argument " + Twine(index + 1)).str();
  std::optional<NumberType> scalar = getNumberType(type);
  if (!scalar)
    return readArray(what, type, text);
  Expected<std::optional<std::vector<char>>> number =
      parseNumber(text, *scalar);
  if (!number)
    return makeError(what, ": ", toString(number.takeError()));
  if (*number) {
    Array array;
    array.isScalar = true;
    array.type = *scalar;
    array.bytes = std::move(**number);
    return array;
  }
  if (!sys::fs::exists(text))
    return makeError(what, ": expected a number or a .npy file for ",
                     getName(*scalar), " but got '", text, "'");
  return readArray(what, type, text);
}

void mfa::run::writeArray(raw_ostream &os, const Array &array) {
  NPYArray file;
  file.type = getFileType(array.type);
  file.shape = array.shape;
  file.bytes = array.bytes;
  writeNPY(os, file);
}
