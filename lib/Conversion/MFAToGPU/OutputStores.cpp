//===- OutputStores.cpp - How output tiles are stored ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OutputStores.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::mfa;

void OutputStores::store(const RowTile &rows, Value rounded) {
  if (!useTensorMap(problem.memory)) {
    mfa_gpu::StoreOp::create(b, rounded,
                             problem.queryRows(problem.operands.output, rows));
    return;
  }
  Value isFirstThread = warpgroups.isFirstOfWarpgroup();
  Value barrier = warpgroups.getConsumerBarrier();
  b.guarded(isFirstThread, [&] { waitForStores(); });
  warpgroups.synchronizeConsumer(barrier);
  SharedBuffer buffer = memory.getBuffer(problem.memory.output);
  mfa_gpu::StoreOp::create(b, rounded, buffer.getTile(b));
  NVVM::FenceProxyOp::create(
      b,
      NVVM::ProxyKindAttr::get(b.getContext(), NVVM::ProxyKind::async_shared),
      NVVM::SharedSpaceAttr::get(b.getContext(),
                                 NVVM::SharedSpace::shared_cta));
  warpgroups.synchronizeConsumer(barrier);
  b.guarded(isFirstThread, [&] { storeRows(rows, buffer); });
}

void OutputStores::storeRows(const RowTile &rows, const SharedBuffer &buffer) {
  const SharedMatrix &matrix = buffer.getMatrix();
  Value row = arith::MulIOp::create(b, warpgroups.getConsumer(),
                                    b.index(kWarpgroupRows));
  Value place = arith::AddIOp::create(b, rows.firstRow, row);
  for (int64_t panel = 0; panel < matrix.panels; ++panel) {
    Value part = b.matrixView(
        buffer.getPanel(b, Value(), panel), {row, b.getIndexAttr(0)},
        {b.getIndexAttr(kWarpgroupRows), b.getIndexAttr(matrix.pitch)}, 0, 1);
    mfa_gpu::TensorStoreOp::create(b, part, problem.operands.outputMap,
                                   ValueRange{rows.batch, place, rows.head,
                                              b.index(panel * matrix.pitch)});
  }
  NVVM::CpAsyncBulkCommitGroupOp::create(b);
}

void OutputStores::waitForStores() {
  NVVM::CpAsyncBulkWaitGroupOp::create(b, 0, b.getUnitAttr());
}

void OutputStores::finish() {
  if (useTensorMap(problem.memory))
    waitForStores();
}

bool mfa::takesOutputMap(MaskedAttentionOp op) {
  ScheduleAttr schedule = *op.getSchedule();
  return !schedule.getSplitsKeys() &&
         OutputStores::useTensorMap(getSharedMemory(op, schedule));
}
