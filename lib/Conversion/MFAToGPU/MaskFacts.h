//===- MaskFacts.h - What a mask does to a key tile -------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The facts of a tile (TileClasses.h) that a mask without a rule tells are
// those of its elements, whatever their order. So lanes take 16 bytes each, of
// a mask whose rows are aligned, and facts are of words, not of elements:
//
//                 left                      masked
//   booleans      any bit                   any byte without a bit
//   floats        any bit besides -inf's    any bit but the sign
//
// A warp's load covers whole rows of a tile where these are shorter:
//
//   16-bit floats, 128 keys:  lanes 0-15 row 0, lanes 16-31 row 1

#ifndef MFA_LIB_CONVERSION_MFATOGPU_MASKFACTS_H
#define MFA_LIB_CONVERSION_MFATOGPU_MASKFACTS_H

#include "WideLoads.h"
#include "mfa/Dialect/MFA/Transforms/TileClasses.h"

namespace mlir::mfa {

/// Whether the mask of an op without a rule may be read so, in tiles of that
/// many keys.
bool mayHaveWideMaskTiles(MaskedAttentionOp op, int64_t tileKeys);

/// The facts of a tile, for a warp; the mask is aligned.
PairFacts createWideMaskFacts(KernelBuilder &b, const PairSources &sources,
                              const WideArray &mask, Value batch, Value head,
                              const KeyTileSpan &queries,
                              const KeyTileSpan &keys, int64_t tileKeys,
                              const TileLanes &lanes);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_MASKFACTS_H
