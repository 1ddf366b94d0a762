//===- SelectCPUSchedule.cpp - Schedules of CPU code ----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Support/CPU.h"
#include "mfa/Support/OptionCheck.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFASELECTCPUSCHEDULEPASS
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using namespace mlir::mfa;

namespace {
/// Tiles for vectors of up to `lanes` elements in so many registers. The sums
/// of a product take nearly all of them: with R rows of C vectors, C vectors
/// and R single elements are loaded for R x C multiply-adds.
struct Tiles {
  int64_t lanes, registers, rows, keys, registerRows, registerColumns;
};
} // namespace

// Measured (docs/performance.md).
static constexpr Tiles kTiles[] = {
    {16, 32, 96, 128, 12, 2},
    {8, 16, 96, 128, 6, 2},
    {4, 32, 96, 128, 12, 2},
    {4, 16, 96, 128, 6, 2},
};

static ScheduleAttr getSchedule(MaskedAttentionOp op, const CPU &cpu) {
  const Tiles &tiles = *llvm::find_if(kTiles, [&](const Tiles &tiles) {
    return tiles.lanes <= cpu.lanes && tiles.registers <= cpu.registers;
  });
  bool multipliesPairs = cpu.hasBF16Products && op.getElementType().isBF16();
  return ScheduleAttr::get(op.getContext(), tiles.rows, tiles.keys, tiles.lanes,
                           tiles.registerRows, tiles.registerColumns,
                           multipliesPairs);
}

/// A view of an array without elements may not begin anywhere.
static bool isEmpty(MaskedAttentionOp op) {
  return llvm::any_of(op->getOperandTypes(), [](Type type) {
    auto shaped = dyn_cast<ShapedType>(type);
    return shaped && llvm::is_contained(shaped.getShape(), 0);
  });
}

namespace {
struct SelectCPUSchedulePass
    : mfa::impl::MFASelectCPUSchedulePassBase<SelectCPUSchedulePass> {
  using MFASelectCPUSchedulePassBase::MFASelectCPUSchedulePassBase;

  LogicalResult initialize(MLIRContext *context) override {
    return checkPassOptions(*this, context, [&](const OptionCheck &check) {
      return check.cpu(cpu);
    });
  }

  void runOnOperation() override {
    CPU known = llvm::cantFail(lookupCPU(cpu));
    getOperation()->walk([&](MaskedAttentionOp op) {
      std::optional<ScheduleAttr> schedule = op.getSchedule();
      if (schedule && schedule->isForCPU())
        return;
      op.setScheduleAttr(isEmpty(op) ? ScheduleAttr() : getSchedule(op, known));
    });
  }
};
} // namespace
