//===- TileCopies.cpp - Tiles that all threads copy -----------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileCopies.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::mfa;

TileCopies::TileCopies(const KernelProblem &problem, const BlockMemory &memory)
    : problem(problem), b(problem.b),
      query(memory.getBuffer(problem.memory.query)),
      key(memory.getBuffer(problem.memory.key)),
      value(memory.getBuffer(problem.memory.value)) {
  if (problem.memory.mask.rows)
    mask = memory.getBuffer(problem.memory.mask);
}

Value TileCopies::stageOf(Value step) const {
  int64_t stages = problem.schedule.getStages();
  if (!step || stages == 1)
    return {};
  return arith::RemUIOp::create(b, step, b.index(stages));
}

void TileCopies::copy(Value view, const SharedBuffer &buffer, Value step) {
  mfa_gpu::CopyAsyncOp::create(b, view, buffer.getTile(b, stageOf(step)));
}

void TileCopies::copyQuery(const RowTile &rows) {
  copy(problem.queryRows(problem.operands.query, rows), query, Value());
}

void TileCopies::copyKeyAndMask(const RowTile &rows, Value firstKey, Value step,
                                OpFoldResult needsMask) {
  copy(problem.keyRows(problem.operands.key, rows, firstKey), key, step);
  if (!mask)
    return;
  auto copyMask = [&]() -> SmallVector<Value> {
    copy(problem.maskTile(rows, firstKey), mask, step);
    return {};
  };
  b.choose(needsMask, copyMask, [] { return SmallVector<Value>(); });
}

void TileCopies::copyValue(const RowTile &rows, Value firstKey, Value step) {
  copy(problem.keyRows(problem.operands.value, rows, firstKey), value, step);
}

void TileCopies::commit(Value condition, function_ref<void()> copies) {
  b.guarded(condition, copies);
  commit();
}

void TileCopies::commit() { NVVM::CpAsyncCommitGroupOp::create(b); }

void TileCopies::wait() {
  NVVM::CpAsyncWaitGroupOp::create(b, 0);
  gpu::BarrierOp::create(b);
}
