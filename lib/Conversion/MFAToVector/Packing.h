//===- Packing.h - Copies of tiles for vectors ---------------- -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOVECTOR_PACKING_H
#define MFA_LIB_CONVERSION_MFATOVECTOR_PACKING_H

#include "KernelShape.h"
#include "RowTile.h"

namespace mlir::mfa {

/// A row of an operand: [batch, row, head].
struct RowPlace {
  Value batch, row, head;
};

/// Copies of tiles, with factors as products read them. With f32 factors, of 4
/// dimensions and n keys:
///
///     query             key               value
///     q0: d0 d1 d2 d3   d0: k0 k1 .. kn   k0: d0 d1 d2 d3
///     q1: d0 d1 d2 d3   d1: k0 k1 .. kn   k1: d0 d1 d2 d3
///                       d2: k0 k1 .. kn
///                       d3: k0 k1 .. kn
///
/// and with pairs of bf16, where d01 stands for d0 and d1, and k0d0 for an
/// element of a row:
///
///     query             key                       value
///     q0: d0 d1 d2 d3   d01: k0d0 k0d1 k1d0 k1d1  k01: k0d0 k1d0 k0d1 k1d1 ..
///     q1: d0 d1 d2 d3   d23: k0d2 k0d3 k1d2 k1d3
class Packing {
public:
  /// Allocates the copies.
  Packing(VectorBuilder &b, const KernelShape &shape);

  Value query, key, value;

  /// A tile of rows; copies of the last one follow up to a multiple of the
  /// register rows.
  void packQuery(const RowTile &rows);
  /// Some whole blocks of a tile. Keys past the end of a tile are copies of the
  /// last one.
  void packKey(Value batch, Value head, const KeyTile &tile,
               const KeyRange &keys);
  /// With pairs, a key past the end of a tile is 0; with matrices, keys up to a
  /// whole step are.
  void packValue(Value batch, Value head, const KeyTile &tile,
                 const KeyRange &keys);

  /// A vector of `count` elements from memory as factors, with zeros up to
  /// `perLane` elements in each lane.
  Value loadFactors(Value array, const RowPlace &place, Value first,
                    int64_t count);
  /// One element in each lane, as f32, whatever factors are.
  Value loadF32(Value array, const RowPlace &place, Value first, int64_t count);
  /// Asks for an element of a row that is read soon: rows of one head are far
  /// apart, in pages of their own, and processors do not see them coming.
  void prefetch(Value array, const RowPlace &place, Value dim);
  /// Rows of values that are asked for before their turn.
  static constexpr int64_t kRowsAhead = 16;

private:
  /// A vector of `size` elements, of which `count` are from memory and the
  /// others are 0.
  Value loadElements(Value array, const RowPlace &place, Value first,
                     int64_t count, int64_t size);
  /// `body` for each block of `width` elements along a dimension of `size`: in
  /// a loop for those that are whole, with the size of the block.
  void forEachBlock(int64_t size, int64_t width,
                    function_ref<void(Value, int64_t)> body);
  void packValueRow(Value batch, Value head, const KeyTile &tile, Value key);
  void packValuePair(Value batch, Value head, const KeyTile &tile, Value pair,
                     bool isWhole);
  /// Behind the keys of a tile, up to the end of a step.
  void clearValues(const KeyTile &tile);

  VectorBuilder &b;
  const KernelShape &shape;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOVECTOR_PACKING_H
