//===- KernelProblem.h - What a kernel computes, and where ------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_KERNELPROBLEM_H
#define MFA_LIB_CONVERSION_MFATOGPU_KERNELPROBLEM_H

#include "AttentionKernel.h"
#include "KernelBuilder.h"
#include "mfa/Dialect/MFA/Transforms/SharedMemory.h"

namespace mlir::mfa {

/// Query rows of one head that are computed together: where they begin, how
/// many they are, and which head has their keys and values.
struct RowTile {
  Value batch, head, keyHead, firstRow;
  OpFoldResult rows;
};

/// What a kernel computes and by which schedule: types of its tiles, and views
/// of its operands. Writes no op but what it is asked for.
class KernelProblem {
public:
  KernelProblem(KernelBuilder &b, MaskedAttentionOp op,
                const KernelOperands &operands);

  MaskedAttentionOp getOp() const { return op; }

  //===--- Sizes and types ------------------------------------------------===//

  Value numQueries() const { return b.dim(operands.query, 1); }
  Value numKeys() const { return b.dim(operands.key, 1); }
  /// Whether the last tile of keys may have fewer than `tileKeys`.
  bool hasTail() const;

  mfa_gpu::TileType rowTile(Type type) const;
  mfa_gpu::TileType scoreTile(
      Type type,
      mfa_gpu::FragmentKind kind = mfa_gpu::FragmentKind::Accumulator) const {
    return matrixTile(tileKeys, type, kind);
  }
  mfa_gpu::TileType outputTile(Type type) const {
    return matrixTile(memory.output.cols, type,
                      mfa_gpu::FragmentKind::Accumulator);
  }

  //===--- Views ----------------------------------------------------------===//

  /// Those rows of query or output.
  Value queryRows(Value array, const RowTile &rows) const;
  /// Rows of key or value from `firstKey`, as many as a tile has.
  Value keyRows(Value array, const RowTile &rows, Value firstKey) const;
  /// The first indices of the mask for rows and keys from `firstKey`, 0 where
  /// it does not vary.
  SmallVector<OpFoldResult> maskOffsets(const RowTile &rows,
                                        Value firstKey) const;
  /// That part of the mask, with one row or column where it does not vary.
  Value maskTile(const RowTile &rows, Value firstKey) const;

  KernelBuilder &b;
  KernelOperands operands;
  ScheduleAttr schedule;
  SharedMemory memory;
  MaskForm maskForm;
  Type element;
  Type f32;
  int64_t tileRows, tileKeys;
  /// By how many bits weights are kept small (OnlineSoftmax.h).
  double weightBits;
  /// Which key tiles the op's regions leave of the rows of a tile; null without
  /// regions.
  KeyTilesAttr keyTiles;

private:
  MaskedAttentionOp op;

  mfa_gpu::TileType matrixTile(int64_t cols, Type type,
                               mfa_gpu::FragmentKind kind) const;
  Value rowsOfHead(Value array, Value batch, Value head, Value first,
                   OpFoldResult rows) const;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_KERNELPROBLEM_H
