//===- RegionMath.h - Functions in regions, for GPUs ------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_TRANSFORMS_REGIONMATH_H
#define MFA_DIALECT_MFA_TRANSFORMS_REGIONMATH_H

#include "mfa/Dialect/MFA/IR/MFA.h"

namespace mlir::mfa {

/// Reports the first op in the regions of `op` that GPU kernels have no
/// instruction for, as most of `math` before `mfa-expand-region-math`.
LogicalResult checkRegionMath(MaskedAttentionOp op);

} // namespace mlir::mfa

#endif // MFA_DIALECT_MFA_TRANSFORMS_REGIONMATH_H
