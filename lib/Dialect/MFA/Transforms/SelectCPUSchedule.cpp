//===- SelectCPUSchedule.cpp - Schedules of CPU code ----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Dialect/MFA/Transforms/Schedules.h"
#include "mfa/Support/CPU.h"
#include "mfa/Support/OptionCheck.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFASELECTCPUSCHEDULEPASS
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using namespace mlir::mfa;

namespace {
/// Tiles for vectors of `lanes` elements in so many registers, and heads of up
/// to `maxDim`. Copies of a tile stay in the second cache. With R register rows
/// of C vectors, C vectors and R single elements are loaded for R x C
/// multiply-adds, which are to be more than are in flight; few rows make few
/// queries cheap.
struct Tiles {
  int64_t lanes, registers, maxDim, rows, keys, registerRows, registerColumns;
};
} // namespace

// Measured (docs/performance.md).
static constexpr Tiles kTiles[] = {
    {16, 32, 128, 192, 192, 4, 4}, {16, 32, 256, 96, 128, 4, 4},
    {8, 16, 128, 192, 192, 6, 2},  {8, 16, 256, 96, 128, 6, 2},
    {4, 32, 128, 192, 192, 4, 4},  {4, 32, 256, 96, 128, 4, 4},
    {4, 16, 128, 192, 192, 4, 2},  {4, 16, 256, 96, 128, 4, 2},
};

// Where products are of matrices: two by two tile registers of sums. Those of
// wide heads are as above, and have not been measured.
static constexpr Tiles kMatrixTiles[] = {
    {16, 32, 128, 192, 192, 32, 2},
    {16, 32, 256, 96, 128, 32, 2},
};

static ScheduleAttr getSchedule(MaskedAttentionOp op, const CPU &cpu) {
  int64_t dim = std::max(op.getHeadDim(), op.getValueDim());
  bool isBF16 = op.getElementType().isBF16();
  bool multipliesPairs = cpu.hasBF16Products && isBF16;
  bool multipliesMatrices = cpu.hasMatrixProducts && isBF16;
  ArrayRef<Tiles> table = kTiles;
  if (multipliesMatrices)
    table = kMatrixTiles;
  const Tiles &tiles = *llvm::find_if(table, [&](const Tiles &tiles) {
    return tiles.lanes <= cpu.lanes && tiles.registers <= cpu.registers &&
           dim <= tiles.maxDim;
  });
  return ScheduleAttr::get(
      op.getContext(), tiles.rows, tiles.keys, tiles.lanes, tiles.registerRows,
      tiles.registerColumns, multipliesPairs, multipliesMatrices,
      readsArrays(op.getKeep()) ? TileChoice::List : TileChoice::Ranges);
}

/// That a schedule of the user is for this CPU: any has vectors of all widths,
/// if in several instructions each.
static LogicalResult checkCPU(MaskedAttentionOp op, ScheduleAttr schedule,
                              const CPU &cpu) {
  if (schedule.getDotProducts() && !cpu.hasBF16Products)
    return op.emitOpError("expected no 'dot_products' in a schedule for the "
                          "CPU '")
           << cpu.name << "', which has no AVX512-BF16";
  if (!schedule.getMatrixProducts() || cpu.hasMatrixProducts)
    return success();
  auto error = op.emitOpError("expected no 'matrix_products' in a schedule for "
                              "the CPU '");
  if (cpu.tileRefusal.empty())
    return error << cpu.name << "', which has no AMX-BF16";
  return error << cpu.name << "': " << cpu.tileRefusal;
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
    WalkResult result = getOperation()->walk([&](MaskedAttentionOp op) {
      std::optional<ScheduleAttr> schedule = op.getSchedule();
      if (schedule && schedule->isForCPU())
        return WalkResult(checkCPU(op, *schedule, known));
      if (schedule)
        op.emitRemark("the schedule is for a GPU; one for the CPU takes its "
                      "place");
      op.setScheduleAttr(isEmpty(op) ? ScheduleAttr() : getSchedule(op, known));
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
