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
#include "llvm/Support/raw_ostream.h"
#include <vector>

namespace mfa::runtime {

/// An array in row-major order, its elements little-endian.
struct NPYArray {
  /// Booleans (bytes of 0 and 1), signed and unsigned integers, floating-point
  /// numbers, by their bytes. NumPy has no type for bf16: `V2` are its bits as
  /// ml_dtypes saves them, and `U2` may be.
  enum Type { B1, I1, I2, I4, I8, U1, U2, U4, U8, F2, F4, F8, V2 };

  Type type = F4;
  llvm::SmallVector<int64_t> shape;
  std::vector<char> bytes;

  /// The type as NumPy writes it, such as `<f4`.
  static llvm::StringRef getTypeName(Type type);
  static int64_t getByteWidth(Type type);
  int64_t getNumElements() const;
};

/// Reads an array from the bytes of a file: version 1, 2 or 3 of the format,
/// elements of either byte order, in row-major or column-major order. An error
/// says which rule of the format is broken, or what is not supported.
llvm::Expected<NPYArray> parseNPY(llvm::StringRef data);

/// Reads an array from a file; every error names it.
llvm::Expected<NPYArray> readNPY(llvm::StringRef path);

/// Writes an array in version 1 of the format.
void writeNPY(llvm::raw_ostream &os, const NPYArray &array);

} // namespace mfa::runtime

#endif // MFA_RUNTIME_NPY_H
