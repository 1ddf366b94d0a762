//===- Arguments.h - Arrays from and to files -------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_ARGUMENTS_H
#define MFA_RUN_ARGUMENTS_H

#include "mfa/Runtime/ElementType.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace mfa::run {

/// A dense row-major array, or a number where `isScalar`.
struct Array {
  runtime::ElementType type = runtime::ElementType::F32;
  llvm::SmallVector<int64_t> shape;
  std::vector<char> bytes;
  bool isScalar = false;
};

/// Element type of an array that a function takes or returns; none where the
/// type is not one that files can carry.
std::optional<runtime::ElementType> getArrayElementType(mlir::Type type);

/// Error unless `type` is an f32, or a ranked tensor or contiguous memref of
/// f16, bf16, f32 or i1. `what` names it in the message.
llvm::Error checkArgumentType(llvm::StringRef what, mlir::Type type);

/// Reads an argument of the given type: a `.npy` file whose values are rounded
/// to the type (with a notice on stderr), or for an f32 a number.
llvm::Expected<Array> readArgument(unsigned index, mlir::Type type,
                                   llvm::StringRef text);

/// Writes an array as `.npy`; bf16 as `<u2`.
llvm::Error writeArray(llvm::StringRef path, const Array &array);

} // namespace mfa::run

#endif // MFA_RUN_ARGUMENTS_H
