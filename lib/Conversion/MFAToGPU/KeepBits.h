//===- KeepBits.h - What a rule keeps, as bits in memory --------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A rule that is no bounds of the key takes many instructions for each pair of
// a tile that is tested, or reads arrays for each key, and all heads that share
// it repeat that. Where it is worth it, the kernel that finds the classes of
// tiles (TileList.h) writes down which pairs of tested tiles are kept, and the
// attention kernel reads that in place of the rule. A row of the list has
// behind its classes, tile by tile, a word of 32 bits for 32 keys of a row; bit
// i is that of the i-th:
//
//   tiles of 2 rows and 64 keys
//     tile 0:  row 0: keys 0-31, 32-63;  row 1: keys 0-31, 32-63
//     tile 1:  row 0: keys 64-95, ...
//
// Only the words of tiles that are tested are written. Keys past the last are
// not kept.

#ifndef MFA_LIB_CONVERSION_MFATOGPU_KEEPBITS_H
#define MFA_LIB_CONVERSION_MFATOGPU_KEEPBITS_H

#include "KernelProblem.h"
#include "mfa/Dialect/MFA/Transforms/KeyTileSteps.h"

namespace mlir::mfa {

struct KeepBitsCost {
  /// Operations of a pair from which on a word is cheaper, where nothing is
  /// read by the key: neighbours in an image have 8.
  static constexpr int64_t kLeastOps = 8;
  /// Heads, of all batches, that share a bit: a rule is worked out once more
  /// for them, by a kernel that has nothing else to do. Of documents 32 gained
  /// 8 %, and 16 lost 2.
  static constexpr int64_t kLeastSharing = 8, kLeastSharingOfReads = 32;
};

/// Whether the list of `op`, which has a schedule with one, may have bits: not
/// beside a mask that is listed.
bool mayHaveKeepBits(MaskedAttentionOp op);
/// Whether they are worth their making, by the sizes of the launch, and take no
/// more memory than the queries.
Value areKeepBitsWorthIt(ImplicitLocOpBuilder &b, MaskedAttentionOp op);

/// Says of a copy of an op, which is launched in its place, that its list has
/// bits.
void setKeepBits(MaskedAttentionOp op);
bool hasKeepBits(MaskedAttentionOp op);

/// Columns that the list of `op` has for each tile: its place among the steps,
/// its class, and its words.
int64_t countTileColumns(MaskedAttentionOp op);

/// The words of a tile in a row of the list.
struct KeepWords {
  Value list;
  /// The row's indices.
  SmallVector<Value> row;
  /// The column of the first of them.
  Value first;
};
/// Those of the tile with that number among `numTiles`.
KeepWords getKeepWords(KernelBuilder &b, MaskedAttentionOp op, Value list,
                       ValueRange row, Value numTiles, Value tile);

/// Whether the pair at that row and column of the tile is kept; both are of 32
/// bits.
Value loadIsKept(KernelBuilder &b, const KernelProblem &problem,
                 const KeepWords &words, Value row, Value col);
/// Writes the words of 32 rows of a tile from `firstRow` on, by a warp whose
/// lanes come here together.
void storeKeepWords(KernelBuilder &b, const KernelProblem &problem,
                    const KeepWords &words, Value batch, Value head,
                    const KeyTileSpan &queries, const KeyTileSpan &keys,
                    Value firstRow, Value lane);
/// Those of a tile of which nothing is kept.
void clearKeepWords(KernelBuilder &b, MaskedAttentionOp op,
                    const KeepWords &words, Value lane);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_KEEPBITS_H
