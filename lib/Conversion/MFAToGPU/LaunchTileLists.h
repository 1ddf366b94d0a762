//===- LaunchTileLists.h - Launches that list key tiles ---------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_LAUNCHTILELISTS_H
#define MFA_LIB_CONVERSION_MFATOGPU_LAUNCHTILELISTS_H

#include "Kernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mfa {

/// A constant of the host code in front of launches.
inline Value createIndex(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

/// A list of key tiles (TileList.h), and what it is there after.
struct LaunchedTileList {
  Value list, token;
};

/// Allocates the list of `op` and launches the kernels that make it, after
/// `token`. Its rows have a step for each of `parts` parts of the keys, as far
/// as there are tiles.
LaunchedTileList launchTileList(ImplicitLocOpBuilder &b, Kernels &kernels,
                                MaskedAttentionOp op, Value parts, Value token);

/// Whether reading the mask of `op` once for a list costs next to nothing, by
/// the sizes of the launch.
Value isTileListCheap(ImplicitLocOpBuilder &b, MaskedAttentionOp op);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_LAUNCHTILELISTS_H
