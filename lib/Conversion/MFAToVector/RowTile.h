//===- RowTile.h - Rows that share a tile --------------------- -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOVECTOR_ROWTILE_H
#define MFA_LIB_CONVERSION_MFATOVECTOR_ROWTILE_H

#include "VectorBuilder.h"

namespace mlir::mfa {

/// A tile of rows, each of which is a query of a head. Where a head's queries
/// are few, heads that read the same keys share a tile, one after another.
struct RowTile {
  Value batch, firstHead, numQueries;
  /// Of the rows of all these heads; `end` is that of the tile.
  Value first, end;

  struct Place {
    Value head, query;
  };
  /// Rows past the last are as if they were that.
  Place locate(VectorBuilder &b, Value row) const;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOVECTOR_ROWTILE_H
