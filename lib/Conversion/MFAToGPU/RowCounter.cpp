//===- RowCounter.cpp - Query rows that a counter hands out ---------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowCounter.h"
#include "Warpgroups.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::mfa;

RowCounter::RowCounter(const KernelProblem &problem,
                       const Warpgroups &warpgroups, int64_t listeners)
    : problem(problem), b(problem.b), warpgroups(warpgroups),
      listeners(listeners), told(b, 1), heard(b, 1) {
  auto kernel = b.getInsertionBlock()->getParentOp();
  auto function = dyn_cast<gpu::GPUFuncOp>(kernel);
  if (!function)
    function = kernel->getParentOfType<gpu::GPUFuncOp>();
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  number = function.addWorkgroupAttribution(
      MemRefType::get({1}, b.getI32Type(), AffineMap(), space), b.getLoc());
}

void RowCounter::initialize() {
  told.init(b, 1);
  heard.init(b, listeners);
}

/// Of one stage, each round has the other phase.
Value RowCounter::isOdd(const Round &round) {
  return arith::TruncIOp::create(b, b.getI1Type(), round.index);
}

Value RowCounter::draw(const Round &round) {
  Value zero = b.index(0);
  Value drawn =
      memref::AtomicRMWOp::create(b, arith::AtomicRMWKind::addi, b.i32(1),
                                  problem.operands.rowCounter, zero);
  // The first rows are those of the blocks' own numbers.
  Value width = gpu::GridDimOp::create(b, gpu::Dimension::x);
  Value next = arith::AddIOp::create(b, drawn, b.toI32(width));
  heard.waitForPrevious(b, {zero, isOdd(round)});
  memref::StoreOp::create(b, next, number, zero);
  told.arrive(b, zero);
  return next;
}

Value RowCounter::hear(const Round &round) {
  told.wait(b, {b.index(0), isOdd(round)});
  return read();
}

Value RowCounter::hearAsWarp(const Round &round) {
  told.wait(b, {b.index(0), isOdd(round)});
  // By lane 0 for all of them, which says so itself; and what all lanes have
  // from one can be in uniform registers.
  Value lane = warpgroups.getLane();
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, b.index(0));
  Value next = b.choose(
      isFirst, [&]() -> SmallVector<Value> { return {read()}; },
      [&]() -> SmallVector<Value> { return {b.i32(0)}; })[0];
  return gpu::ShuffleOp::create(b, next, b.i32(0), b.i32(kWarpSize),
                                gpu::ShuffleMode::IDX)
      .getShuffleResult();
}

Value RowCounter::read() {
  Value zero = b.index(0);
  Value next = memref::LoadOp::create(b, number, zero);
  heard.arrive(b, zero);
  return next;
}
