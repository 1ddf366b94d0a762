//===- Arguments.h - Arrays from and to files -------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_ARGUMENTS_H
#define MFA_RUN_ARGUMENTS_H

#include "Numbers.h"
#include "mfa/Support/Files.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mfa::run {

/// A dense row-major array, or a number where `isScalar`.
struct Array {
  NumberType type = NumberType::F32;
  llvm::SmallVector<int64_t> shape;
  std::vector<char> bytes;
  bool isScalar = false;
};

/// Type of the elements of an array that a function takes or returns; none
/// where the type is not one that files can carry.
std::optional<NumberType> getArrayElementType(mlir::Type type);

/// Error unless `type` is a number, or a ranked tensor or contiguous memref of
/// numbers. `what` names it in the message.
llvm::Error checkArgumentType(llvm::StringRef what, mlir::Type type);

/// Error unless `type` is an array as above.
llvm::Error checkResultType(llvm::StringRef what, mlir::Type type);

/// Reads an argument of the given type: a `.npy` file whose values are
/// converted to the type (with a notice on stderr where that rounds), or for a
/// number its text or a file without dimensions.
llvm::Expected<Array> readArgument(unsigned index, mlir::Type type,
                                   llvm::StringRef text);

/// Writes an array as `.npy`; bf16 as `<u2`.
void writeArray(llvm::raw_ostream &os, const Array &array);

/// A shape for messages: "[2, ?]".
std::string shapeToText(llvm::ArrayRef<int64_t> shape);

} // namespace mfa::run

#endif // MFA_RUN_ARGUMENTS_H
