//===- Operands.h - Operands of a generated problem -------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_OPERANDS_H
#define MFA_RUN_OPERANDS_H

#include "Problem.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace mfa::run {

/// Calls `visit` with the offset of each element of a strided array, in
/// row-major order.
void forEachOffset(llvm::ArrayRef<int64_t> shape,
                   llvm::ArrayRef<int64_t> strides,
                   llvm::function_ref<void(int64_t offset)> visit);

/// Elements of NaN before and after each operand.
inline constexpr int64_t kGuardElements = 512;

/// The memory of one operand, or of several that share it: guard band,
/// elements, guard band. What is not an element of an operand holds NaN (bytes
/// of 0xff), outputs too, so that a read beyond an operand or a missing write
/// shows in the result, and a write beyond one in `hasStrayWrite`.
struct Buffer {
  std::vector<char> bytes;
  /// Bytes of the whole buffer.
  int64_t size = 0;
  /// Byte of element 0 of the operands in it.
  int64_t begin = 0;
};

/// A strided array in a buffer, as a memref descriptor says it.
struct Operand {
  ElementType type = ElementType::F32;
  llvm::SmallVector<int64_t> shape, strides;
  /// In elements, from the beginning of the buffer's elements.
  int64_t offset = 0;
  /// Index of the buffer.
  unsigned buffer = 0;

  /// False for a contiguous array at offset 0, which needs no layout.
  bool isStrided() const;
  /// Calls `visit` with the byte in the buffer of each element, in row-major
  /// order.
  void forEachElement(const Buffer &buffer,
                      llvm::function_ref<void(int64_t byte)> visit) const;
};

/// A problem's operands with their data.
struct Operands {
  std::vector<Buffer> buffers;
  Operand query, key, value, output;
  std::optional<Operand> mask, sinks, lse;
  /// What the regions capture, in order; arrays have an operand each.
  std::vector<RuleCapture> captures;
  std::vector<Operand> capturedArrays;
  /// The same values as dense arrays.
  runtime::AttentionInputs inputs;
};

/// Makes the operands of a problem without their data: buffers and inputs stay
/// empty.
Operands layOutOperands(const Problem &problem);

/// Bytes that a run takes of the host's memory: operands as they are laid out,
/// on the host, on a device that may be the host, and as results of one run or
/// two; and the same values as floats.
uint64_t getRequiredBytes(const Problem &problem, const Operands &layout);

/// Makes the operands of a problem; the same problem always gives the same
/// bits.
Operands makeOperands(const Problem &problem);

/// The elements of `operand` in row-major order, from a copy of its buffer.
std::vector<float> gather(const Operand &operand, const Buffer &buffer);

/// True if `after` differs from `before` anywhere but in the elements of
/// `output`, which may be null.
bool hasStrayWrite(const Buffer &before, const Buffer &after,
                   const Operand *output);

} // namespace mfa::run

#endif // MFA_RUN_OPERANDS_H
