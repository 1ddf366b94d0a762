//===- SharedMemory.h - Shared memory of a schedule -------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_TRANSFORMS_SHAREDMEMORY_H
#define MFA_DIALECT_MFA_TRANSFORMS_SHAREDMEMORY_H

#include "mfa/Dialect/MFA/IR/MFA.h"

namespace mlir::mfa {

/// How a kernel reads a mask, by the dimensions it varies over.
enum class MaskForm {
  None,
  /// Over queries and keys: a tile in shared memory for each tile of scores.
  Matrix,
  /// Over keys: one row in shared memory for each tile of scores.
  KeyVector,
  /// Over queries: a value for each row, in registers.
  QueryVector,
  /// Over neither: one value for the block.
  Scalar
};
MaskForm getMaskForm(MaskedAttentionOp op);

/// A matrix, or `stages` of them one after another, in shared memory.
struct SharedMatrix {
  /// From the start of the block's shared memory, in bytes.
  int64_t offset = 0;
  int64_t stages = 0;
  /// Sizes that hold values, and elements from one row to the next.
  int64_t rows = 0, cols = 0, pitch = 0;
  Type element;
  /// Where not 0, the columns are in as many panels of `pitch` columns each, in
  /// the order that tensor maps write (see `mfa_gpu.warpgroup_mma`).
  int64_t panels = 0;

  int64_t getStageElements() const {
    return std::max<int64_t>(panels, 1) * rows * pitch;
  }
  int64_t getBytes() const;
  /// Of one stage, without what is there to keep rows apart.
  int64_t getTileBytes() const;
};

/// Everything that a block keeps in shared memory. Rows are padded apart so
/// that neither `ldmatrix` nor a fragment's accesses conflict in a bank:
///
/// | access | rows and bytes at once | pitch |
/// |---|---|---|
/// | `ldmatrix` | 8 rows, 16 bytes each | an odd number of 16-byte chunks |
/// | V of f32: lanes read rows 2t, columns g | 4 rows, 32 bytes | the same |
/// | pairs of 1-byte elements | 8 rows, 8 bytes | the same |
/// | pairs of f32: row g, columns 2t | 4 rows, 32 bytes | 2 chunks mod 8 |
///
/// A wgmma schedule has panels instead.
struct SharedMemory {
  /// Of the query two stages in a persistent block with room for them: one is
  /// loaded while the other is read.
  SharedMatrix query, key, value;
  /// Without rows where the mask is not kept in shared memory.
  SharedMatrix mask;
  /// Of an mma_sync schedule it takes the place of the query tile when the loop
  /// over keys is done. A wgmma schedule has it in persistent blocks with room
  /// for both; it is without rows in others, which store it from registers.
  SharedMatrix output;
  /// Of all of these, which are in dynamic shared memory.
  int64_t bytes = 0;
  /// Of barriers, up to where dynamic shared memory can start.
  int64_t staticBytes = 0;

  int64_t getTotalBytes() const { return staticBytes + bytes; }
};
SharedMemory getSharedMemory(MaskedAttentionOp op, ScheduleAttr schedule);

/// Columns of D or Dv as a tile has them: rounded up to what one `mma.sync`
/// takes of the summed dimension, and `ldmatrix` of the other.
int64_t getPaddedDim(int64_t dim, Type element);

} // namespace mlir::mfa

#endif // MFA_DIALECT_MFA_TRANSFORMS_SHAREDMEMORY_H
