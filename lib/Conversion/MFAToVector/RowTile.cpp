//===- RowTile.cpp - Rows that share a tile -------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowTile.h"

using namespace mlir;
using namespace mlir::mfa;

RowTile::Place RowTile::locate(VectorBuilder &b, Value row) const {
  Value number = b.least(b.add(first, row), b.subtract(end, b.index(1)));
  Value head = b.createOrFold<arith::DivUIOp>(number, numQueries);
  return {b.add(firstHead, head),
          b.createOrFold<arith::RemUIOp>(number, numQueries)};
}
