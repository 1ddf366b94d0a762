//===- Schedules.h - Schedules of GPU kernels -------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_TRANSFORMS_SCHEDULES_H
#define MFA_DIALECT_MFA_TRANSFORMS_SCHEDULES_H

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Dialect/MFA/Transforms/ScheduleTable.h"
#include "mfa/Support/Chip.h"

namespace mlir::mfa {

/// The mma_sync schedule for `op`, which every operand can take and whose tiles
/// fit the chip's shared memory. `tiles` are those that it will visit.
ScheduleAttr getMmaSyncSchedule(MaskedAttentionOp op,
                                const ScheduleTable &table, const Chip &chip,
                                F32Product product, bool splitsKeys,
                                TileChoice tiles);

/// What a list of key tiles is made from: the region `keep`; a mask that varies
/// over keys, unless a region `score` has the last word on what it excludes.
bool isKeepListed(MaskedAttentionOp op);
bool isMaskListed(MaskedAttentionOp op);
/// Whether a region `keep` reads arrays, of which its closed form knows
/// nothing.
bool readsArrays(Region &keep);
/// Whether the kernel of the op's schedule reads one.
bool hasTileList(MaskedAttentionOp op);

/// What kernels copy at a time, and where rows have to start for it.
constexpr int64_t kAlignedRowBytes = 16;
/// Whether all rows of an array may start on 16-byte boundaries, by what its
/// type says: the unit stride of the last dimension, and the others that are
/// constant. Kernels copy such rows by 16 bytes.
bool mayHaveAlignedRows(MemRefType type);
/// Whether a tensor map of the mask may exist, if its kernel has one.
bool mayHaveMaskMap(MaskedAttentionOp op);
/// Whether a mask that has no tensor map is copied to one that has
/// (MaskCopy.h). To a few query rows it is not worth a launch, and of no keys
/// there is nothing to copy.
bool copiesMask(MaskedAttentionOp op);

} // namespace mlir::mfa

#endif // MFA_DIALECT_MFA_TRANSFORMS_SCHEDULES_H
