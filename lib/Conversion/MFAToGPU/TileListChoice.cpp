//===- TileListChoice.cpp - Whether a list is worth its making ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileListChoice.h"
#include "LaunchTileLists.h"
#include "TileList.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mfa;

Value mfa::isTileListWorthIt(ImplicitLocOpBuilder &b, MaskedAttentionOp op) {
  auto sizeOf = [&](Value array, unsigned dim) {
    return b.createOrFold<memref::DimOp>(array, dim);
  };
  auto multiply = [&](Value lhs, Value rhs) {
    return b.createOrFold<arith::MulIOp>(lhs, rhs);
  };
  auto divide = [&](Value value, int64_t by) {
    return b.createOrFold<arith::DivUIOp>(value, createIndex(b, by));
  };
  Value queries = sizeOf(op.getQuery(), 1), keys = sizeOf(op.getKey(), 1);
  ScheduleAttr schedule = *op.getSchedule();
  auto countTiles = [&](Value size, int64_t of) {
    return b.createOrFold<arith::CeilDivUIOp>(size, createIndex(b, of));
  };
  Value listed = multiply(queries, keys), computed = listed;
  Value rowTiles = countTiles(queries, schedule.getTileRows());
  Value keyTiles = countTiles(keys, schedule.getTileKeys());
  Value tiles = multiply(rowTiles, keyTiles);
  MemRefType type = getTileListType(op);
  for (auto [dim, queryDim] : {std::pair(0, 0), std::pair(1, 2)}) {
    Value size = sizeOf(op.getQuery(), queryDim);
    computed = multiply(computed, size);
    if (type.getDimSize(dim) == 1)
      continue;
    listed = multiply(listed, size);
    tiles = multiply(tiles, size);
  }
  int64_t bytes =
      llvm::divideCeil(op.getMaskType().getElementTypeBitWidth(), 8);
  Value reading = divide(multiply(listed, createIndex(b, bytes)),
                         TileListCost::kPartRead * TileListCost::kBytesPerNs);
  Value finding =
      divide(multiply(tiles, createIndex(b, TileListCost::kTile)), 1000);
  Value making = b.createOrFold<arith::AddIOp>(
      b.createOrFold<arith::AddIOp>(reading, finding),
      createIndex(b, TileListCost::kLaunches));
  int64_t flops = 2 * (op.getHeadDim() + op.getValueDim());
  Value kernel = divide(multiply(computed, createIndex(b, flops)),
                        TileListCost::kFlopsPerNs);
  return b.createOrFold<arith::CmpIOp>(
      arith::CmpIPredicate::ule,
      multiply(making, createIndex(b, TileListCost::kPartOfKernel)), kernel);
}
