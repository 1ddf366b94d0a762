//===- Numbers.h - Numbers of programs and of files -------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_NUMBERS_H
#define MFA_RUN_NUMBERS_H

#include "mfa/Runtime/NPY.h"
#include "mlir/IR/Types.h"
#include <optional>

namespace mfa::run {

/// Types of the numbers that programs take and return. I1 is a byte of 0 or 1,
/// Index has 64 bits.
enum class NumberType { F16, BF16, F32, F64, I1, I8, I16, I32, I64, Index };

/// The types, for messages: "f16, bf16, ...".
std::string getNumberTypeNames();

std::optional<NumberType> getNumberType(mlir::Type type);

/// Name as in MLIR.
llvm::StringRef getName(NumberType type);
int64_t getByteWidth(NumberType type);

/// Type of a file that numbers of `type` are written to.
runtime::NPYArray::Type getFileType(NumberType type);

/// Numbers of a file as numbers of another type.
struct ConvertedNumbers {
  std::vector<char> bytes;
  /// Whether some may have been rounded.
  bool isRounded = false;
};

/// Converts the elements of a file:
/// - floating-point numbers are rounded to a floating-point type; bf16, for
///   which NumPy has no type, is `<V2` or `<u2` of its bits;
/// - integers and booleans become integers, or booleans, of the same value, and
///   unsigned integers as wide as the type keep their bits.
/// The error says what was expected, what was found and what to do.
llvm::Expected<ConvertedNumbers> convertNumbers(const runtime::NPYArray &file,
                                                NumberType type);

/// Reads a number as a command line has it: none where it is not one, an error
/// where it is beyond the type.
llvm::Expected<std::optional<std::vector<char>>>
parseNumber(llvm::StringRef text, NumberType type);

} // namespace mfa::run

#endif // MFA_RUN_NUMBERS_H
