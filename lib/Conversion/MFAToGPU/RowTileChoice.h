//===- RowTileChoice.h - How many rows tiles have in a launch ---*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Large tiles of query rows read keys less often, small ones leave fewer rows
// past the last query, and less of the GPU idle in the last round of blocks. As
// sequences and their numbers are known in a launch alone, it is the launch
// that chooses:
//
//   B1 H20 S1500, 132 multiprocessors      tiles   rounds   rows of the rounds
//     tiles of 192 rows                      160        2                  384
//     tiles of 128 rows                      240        2                  256
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_ROWTILECHOICE_H
#define MFA_LIB_CONVERSION_MFATOGPU_ROWTILECHOICE_H

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Support/Chip.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::mfa {

/// Whether tiles of `tile_rows` rows take the GPU less time than those of
/// `small_tile_rows`, which the op's schedule has, by the numbers of both: a
/// constant where all sizes are known.
Value areLargeTilesBetter(ImplicitLocOpBuilder &b, MaskedAttentionOp op,
                          const Chip &chip);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_ROWTILECHOICE_H
