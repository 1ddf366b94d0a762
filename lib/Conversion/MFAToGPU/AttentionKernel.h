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

/// What a kernel computes from and into: memrefs as on the op; `mask` and `lse`
/// may be null, `scale` is an f32.
struct KernelOperands {
  Value query, key, value, mask, scale, output, lse;
  /// For wgmma kernels, the tensor maps of the operands whose boxes are given.
  Value queryMap, keyMap, valueMap, maskMap, outputMap;
};

/// What a tensor map copies at once, in the order of the array's dimensions;
/// empty where a kernel uses none.
using TensorBox = SmallVector<int64_t, 4>;
struct TensorBoxes {
  TensorBox query, key, value, mask, output;
};
TensorBoxes getTensorBoxes(MaskedAttentionOp op);

/// These write the body of a kernel where `builder` stands. Block x of the grid
/// has `tile_rows` query rows of one head; heads of the same rows are adjacent,
/// so that their mask tiles meet in the L2 cache.
void buildMmaSyncKernel(OpBuilder &builder, MaskedAttentionOp op,
                        const KernelOperands &operands);
void buildWgmmaKernel(OpBuilder &builder, MaskedAttentionOp op,
                      const KernelOperands &operands);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_ATTENTIONKERNEL_H
