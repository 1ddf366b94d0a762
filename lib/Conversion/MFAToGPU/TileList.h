//===- TileList.h - Lists of key tiles in memory ----------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Which tiles of keys rows visit where only the arrays that a rule reads, or a
// mask, can tell. The list is a memref [B|1, H|1, row tiles, columns] of i32,
// with one row for the query rows that share a sequence:
//
//   0      1       2       3 ...           3 + tiles ...
//   steps  tested  masked  tiles by steps  classes by tiles  and bits of a rule
//
// Steps are in the order of their classes (TileClasses.h), each from the last
// tile to the first: `tested` of them are tested, and `masked` of them need the
// mask, those with a test included. A row has as many steps as there are parts
// of the keys, if need be with tiles that no row keeps a key of.
//
// Kernels make it on the stream of the attention kernel, in front of that. One
// finds the class of each tile, a warp for a tile (MaskFacts.h); another puts
// the tiles of a row in order, a warp for a row. Where there is a mask, a third
// one looks for infinities and NaN, with which no tile may be skipped for what
// the mask has (Magnitudes.h). A list is shared by all heads, or batches, where
// neither rule nor mask tells them apart. Bits (KeepBits.h) are there where
// they are worth it.

#ifndef MFA_LIB_CONVERSION_MFATOGPU_TILELIST_H
#define MFA_LIB_CONVERSION_MFATOGPU_TILELIST_H

#include "AttentionKernel.h"
#include "KernelProblem.h"

namespace mlir::mfa {

/// Columns of a row of the list.
enum TileListColumn : int64_t { kNumSteps, kNumTested, kNumMasked, kFirstTile };

/// Threads of a block of the kernels that make a list.
constexpr int64_t kListThreads = 128;

/// Loads of a thread of theirs that are on their way at a time.
constexpr int64_t kLoadsAtOnce = 16;

/// The list of an op with a schedule, whose size is 1 in batch or head where
/// all share it.
MemRefType getTileListType(MaskedAttentionOp op);

/// How many tiles of keys a list of the op has.
Value countTilesOf(KernelBuilder &b, MaskedAttentionOp op, Value list);

/// The indices of the row of the list for those query rows.
SmallVector<Value> getTileListRow(KernelBuilder &b,
                                  const KernelProblem &problem,
                                  const RowTile &rows);

/// Whether a step of that may have to be tested.
bool mayHaveTests(MaskedAttentionOp op);

/// Whether the mask excludes any tile of the list by itself, for all threads of
/// a block of so many, which come here together.
Value createHasExcluded(KernelBuilder &b, MaskedAttentionOp op, Value list,
                        Value thread, int64_t threads);

/// Writes the body of the kernel that finds classes: from query and key, for
/// their sizes, a mask that is listed, and captures to the list. A counter of
/// rows, if there is one, is set to 0.
void buildTileClassesKernel(OpBuilder &builder, MaskedAttentionOp op,
                            const KernelOperands &operands);
/// Writes the body of the kernel that puts tiles in order, by the classes in
/// `classes`, which may be the list itself. Rows have `minSteps` steps or more.
/// `magnitudes` (Magnitudes.h) and scale are those of an op whose mask is
/// listed.
void buildTileOrderKernel(OpBuilder &builder, MaskedAttentionOp op,
                          const KernelOperands &operands, Value classes,
                          Value minSteps, Value magnitudes);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_TILELIST_H
