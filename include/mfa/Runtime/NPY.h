//===- NPY.h - NumPy's array files ------------------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads and writes `.npy` files, versions 1 to 3 of the format described in
// numpy.lib.format: row-major arrays of the little-endian types below.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUNTIME_NPY_H
#define MFA_RUNTIME_NPY_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace mfa::runtime {

/// An array in row-major order. `U2` carries the bits of bf16 values, for which
/// NumPy has no type.
struct NPYArray {
  enum Type { F2, F4, F8, U2, B1 };

  Type type = F4;
  llvm::SmallVector<int64_t> shape;
  std::vector<char> bytes;

  /// The type as NumPy writes it, such as `<f4`.
  static llvm::StringRef getTypeName(Type type);
  static int64_t getByteWidth(Type type);
  int64_t getNumElements() const;
};

/// Reads an array. Every error names the file: not there, no `.npy` file, a
/// type or order that is not supported, fewer or more bytes than the shape
/// says.
llvm::Expected<NPYArray> readNPY(llvm::StringRef path);

/// Writes an array to a temporary file in the same folder and renames it, so
/// that `path` is either complete or untouched.
llvm::Error writeNPY(llvm::StringRef path, const NPYArray &array);

} // namespace mfa::runtime

#endif // MFA_RUNTIME_NPY_H
