//===- RowTileChoice.cpp - How many rows tiles have in a launch -----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowTileChoice.h"
#include "LaunchTileLists.h"
#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::mfa;

/// What rows of large and of small tiles take, which read keys more often:
/// measured at B8 H32 S2048 D64 (docs/performance.md).
static constexpr int64_t kLargeCost = 16, kSmallCost = 17;

Value mfa::areLargeTilesBetter(ImplicitLocOpBuilder &b, MaskedAttentionOp op,
                               const Chip &chip) {
  ScheduleAttr schedule = *op.getSchedule();
  auto multiply = [&](Value lhs, Value rhs) {
    return b.createOrFold<arith::MulIOp>(lhs, rhs);
  };
  Value batch = b.createOrFold<memref::DimOp>(op.getQuery(), 0);
  Value queries = b.createOrFold<memref::DimOp>(op.getQuery(), 1);
  Value heads = b.createOrFold<memref::DimOp>(op.getQuery(), 2);
  bool isKnown =
      llvm::all_of(ArrayRef({batch, queries, heads}), [](Value size) {
        return getConstantIntValue(size).has_value();
      });
  Value places = isKnown ? createIndex(b, chip.multiprocessors)
                         : Value(mfa_gpu::MultiprocessorsOp::create(b));
  auto costOf = [&](int64_t rows, int64_t costOfRow) {
    Value tiles = multiply(
        multiply(batch, heads),
        b.createOrFold<arith::CeilDivUIOp>(queries, createIndex(b, rows)));
    Value rounds = schedule.getRowCounter()
                       ? b.createOrFold<arith::MaxUIOp>(tiles, places)
                       : b.createOrFold<arith::CeilDivUIOp>(tiles, places);
    return multiply(rounds, createIndex(b, rows * costOfRow));
  };
  Value ofLarge = costOf(schedule.getTileRows(), kLargeCost);
  Value ofSmall = costOf(schedule.getSmallTileRows(), kSmallCost);
  return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ule, ofLarge,
                                       ofSmall);
}
