//===- SharedBuffers.h - Tiles in the shared memory of a block --*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_SHAREDBUFFERS_H
#define MFA_LIB_CONVERSION_MFATOGPU_SHAREDBUFFERS_H

#include "KernelBuilder.h"
#include "mfa/Dialect/MFA/Transforms/SharedMemory.h"

namespace mlir::mfa {

/// A matrix in shared memory, or as many as it has stages. Null by default.
class SharedBuffer {
public:
  SharedBuffer() = default;
  SharedBuffer(Value buffer, const SharedMatrix &matrix)
      : buffer(buffer), matrix(matrix) {}

  explicit operator bool() const { return bool(buffer); }
  const SharedMatrix &getMatrix() const { return matrix; }

  /// The matrix of a stage; null for the only one.
  Value getTile(KernelBuilder &b, Value stage = {}) const;
  /// One of its panels, or all of it where it has none.
  Value getPanel(KernelBuilder &b, Value stage, int64_t panel) const;

private:
  Value buffer;
  SharedMatrix matrix;
};

/// The dynamic shared memory of a block.
class BlockMemory {
public:
  explicit BlockMemory(KernelBuilder &b);

  /// The place of `matrix` in it, its stages the first dimension.
  SharedBuffer getBuffer(const SharedMatrix &matrix) const;

private:
  KernelBuilder &b;
  Value bytes;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_SHAREDBUFFERS_H
