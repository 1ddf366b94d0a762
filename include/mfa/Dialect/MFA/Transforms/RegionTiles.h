//===- RegionTiles.h - Which key tiles an op's regions leave ----*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_TRANSFORMS_REGIONTILES_H
#define MFA_DIALECT_MFA_TRANSFORMS_REGIONTILES_H

#include "mfa/Dialect/MFA/IR/MFA.h"

namespace mlir::mfa {

/// The attribute of an op that `mfa-analyze-key-tiles` attaches.
constexpr StringLiteral kKeyTilesName = "mfa.key_tiles";

/// What its regions leave of tiles of that size: as its attribute says, if that
/// is of the same size, else by the analysis. Null of an op without regions.
KeyTilesAttr getKeyTiles(MaskedAttentionOp op, int64_t rows, int64_t keys);

} // namespace mlir::mfa

#endif // MFA_DIALECT_MFA_TRANSFORMS_REGIONTILES_H
