//===- MaskCopy.h - Copies of masks with aligned rows -----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A mask has no tensor map where its rows do not all start on 16-byte
// boundaries, as those of an odd number of keys. A kernel copies it then, in
// front of the attention kernel, to rows that do. Of 13 keys of 16 bits:
//
//   k0 k1 k2 k3 k4 k5 k6 k7  k8 k9 k10 k11 k12 -- -- --
//   k0 k1 k2 k3 k4 k5 k6 k7  k8 k9 k10 k11 k12 -- -- --
//
// What is behind the last key is never read. Batches or heads that share their
// elements, as strides of 0 say, share the copies.

#ifndef MFA_LIB_CONVERSION_MFATOGPU_MASKCOPY_H
#define MFA_LIB_CONVERSION_MFATOGPU_MASKCOPY_H

#include "Kernels.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mfa {

/// Threads of a block of the kernel that copies, which has a row.
constexpr int64_t kMaskCopyThreads = 128;

/// The type of a mask that is `mask` or a copy of it.
MemRefType getMaskOrCopyType(MemRefType mask);

/// Launches a copy of the op's mask after `token`, which becomes that of the
/// launch. The result has the type above, and memory that the caller frees.
Value launchMaskCopy(ImplicitLocOpBuilder &b, Kernels &kernels,
                     MaskedAttentionOp op, Value &token);

/// Writes the body of the kernel: from a mask to one of the same sizes, but for
/// the last, which may be larger.
void buildMaskCopyKernel(OpBuilder &builder, Location loc, Value source,
                         Value target);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_MASKCOPY_H
