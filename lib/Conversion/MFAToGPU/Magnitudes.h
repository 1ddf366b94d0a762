//===- Magnitudes.h - Whether all scores are finite -------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A key that a mask excludes is not out of reach: what is NaN with -inf is NaN
// in the output, and so is 0 times an infinity in its value. Its tile may be
// skipped where nothing of the kind can be, which the largest magnitudes of
// query, key and value tell for all tiles at once:
//
//   max |query| max |key| D max(|scale|, 1) and max |value| are finite.
//
// They are computed as bits without the sign, of which those of an infinity are
// larger than those of any number, and those of NaN larger still.

#ifndef MFA_LIB_CONVERSION_MFATOGPU_MAGNITUDES_H
#define MFA_LIB_CONVERSION_MFATOGPU_MAGNITUDES_H

#include "AttentionKernel.h"
#include "KernelBuilder.h"

namespace mlir::mfa {

/// Threads of a block of the kernel that computes them.
constexpr int64_t kMagnitudeThreads = 512;

/// Magnitudes of query, key and value, of parts of each, [3, parts] of i32.
MemRefType getMagnitudesType(MaskedAttentionOp op);

/// Writes the body of the kernel, each of whose blocks has a part of each
/// array. Where the list of key tiles has none that only the mask excludes,
/// nobody will ask, and all magnitudes are 0.
void buildMagnitudesKernel(OpBuilder &builder, MaskedAttentionOp op,
                           const KernelOperands &operands, Value magnitudes);

/// Whether all scores and values are finite, for all lanes of a warp, each of
/// which comes here.
Value createAreFinite(KernelBuilder &b, MaskedAttentionOp op, Value magnitudes,
                      Value scale, Value lane);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_MAGNITUDES_H
