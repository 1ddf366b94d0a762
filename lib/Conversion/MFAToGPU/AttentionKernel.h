//===- AttentionKernel.h - Kernels of masked attention ----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_ATTENTIONKERNEL_H
#define MFA_LIB_CONVERSION_MFATOGPU_ATTENTIONKERNEL_H

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/IR/Builders.h"

namespace mlir::mfa {

/// What a kernel computes from and into: memrefs as on the op; `mask`, `sinks`
/// and `lse` may be null, `scale` is an f32. A kernel that has but some of the
/// keys writes to `partial` (see `getPartialType`) in place of output and lse,
/// and leaves sinks to the kernel that adds them up.
struct KernelOperands {
  Value query, key, value, mask, scale, sinks, output, lse, partial;
  /// What the op's regions use of the outside.
  SmallVector<Value> captures;
  /// For wgmma kernels, the tensor maps of the operands whose boxes are given.
  Value queryMap, keyMap, valueMap, maskMap, outputMap;
  /// Of a schedule with one, the list of key tiles (TileList.h).
  Value tileList;
  /// Of a schedule with one, a memref [1] of i32 that is 0: which rows come
  /// next (RowCounter.h).
  Value rowCounter;
};

/// What a tensor map copies at once, in the order of the array's dimensions;
/// empty where a kernel uses none.
using TensorBox = SmallVector<int64_t, 4>;
struct TensorBoxes {
  TensorBox query, key, value, mask, output;
};
TensorBoxes getTensorBoxes(MaskedAttentionOp op);
/// Whether a wgmma kernel uses the map of the output. One without is written
/// for outputs that have a map all the same: rows start every 16 bytes.
bool takesOutputMap(MaskedAttentionOp op);

/// The buffer between the kernels of a schedule that splits keys, a memref
/// [splits, B, Sq, H, Dv + 2] of f32: for each range of keys and each row the
/// sum of the weighted values, the maximum m that weights are relative to, and
/// the sum of the weights.
MemRefType getPartialType(MaskedAttentionOp op);

/// These write the body of a kernel where `builder` stands. Block x of the grid
/// has `tile_rows` query rows of one head; `adjacent_heads` heads of the same
/// rows are adjacent, so that their mask tiles meet in the L2 cache. A
/// persistent block has those of blocks x, x + width of the grid, and so on, or
/// takes what a counter gives it.
/// Where the schedule splits keys, block y of the grid has the y-th of as many
/// ranges of key tiles as the grid is high.
void buildMmaSyncKernel(OpBuilder &builder, MaskedAttentionOp op,
                        const KernelOperands &operands);
void buildWgmmaKernel(OpBuilder &builder, MaskedAttentionOp op,
                      const KernelOperands &operands);

/// Writes the body of the kernel that adds the ranges of keys up. Block x has
/// one row of the output, thread x one column.
void buildCombineKernel(OpBuilder &builder, MaskedAttentionOp op,
                        const KernelOperands &operands);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_ATTENTIONKERNEL_H
