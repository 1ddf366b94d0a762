//===- Tiles.h - Tiles that a problem's kernel visits -----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_TILES_H
#define MFA_RUN_TILES_H

#include "Options.h"
#include "Report.h"

namespace mlir {
class MLIRContext;
} // namespace mlir

namespace mfa::run {

/// Counts the tiles of keys that the problem's GPU kernel visits, over all
/// batches, heads and tiles of rows. It takes no GPU: what a kernel decides at
/// run time is decided on the CPU.
llvm::Expected<TileCounts> countTiles(mlir::MLIRContext &context,
                                      const Options &options,
                                      const Problem &problem);

} // namespace mfa::run

#endif // MFA_RUN_TILES_H
