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
                       const RowSchedule &rowSchedule,
                       const Warpgroups &warpgroups, int64_t listeners)
    : problem(problem), rowSchedule(rowSchedule), b(problem.b),
      warpgroups(warpgroups), listeners(listeners), asked(b, 1), told(b, 1),
      heard(b, 1) {
  auto kernel = b.getInsertionBlock()->getParentOp();
  auto function = dyn_cast<gpu::GPUFuncOp>(kernel);
  if (!function)
    function = kernel->getParentOfType<gpu::GPUFuncOp>();
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  rows = function.addWorkgroupAttribution(
      MemRefType::get({rowSchedule.countRowValues()}, b.getI32Type(),
                      AffineMap(), space),
      b.getLoc());
}

void RowCounter::initialize() {
  asked.init(b, 1);
  told.init(b, 1);
  heard.init(b, listeners);
}

/// Of one stage, each round has the other phase.
Value RowCounter::isOdd(const Round &round) {
  return arith::TruncIOp::create(b, b.getI1Type(), round.index);
}

RowNumber RowCounter::draw(const Round &round) {
  Value zero = b.index(0);
  asked.wait(b, {zero, isOdd(round)});
  heard.waitForPrevious(b, {zero, isOdd(round)});
  Value drawn =
      memref::AtomicRMWOp::create(b, arith::AtomicRMWKind::addi, b.i32(1),
                                  problem.operands.rowCounter, zero);
  // Each block draws until there is none left: with the rows that are its own,
  // as many numbers as there are rows. Whoever draws the last of these leaves
  // the counter to the next launch. (With a list, beside wide heads, ptxas
  // would spill: that launch has a counter of its own.)
  if (!problem.operands.tileList) {
    Value last =
        b.createOrFold<arith::SubIOp>(rowSchedule.countTiles(), b.i32(1));
    b.guarded(
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, drawn, last), [&] {
          memref::AtomicRMWOp::create(b, arith::AtomicRMWKind::assign, b.i32(0),
                                      problem.operands.rowCounter, zero);
        });
  }
  // The first rows are those of the blocks' own numbers.
  Value width = gpu::GridDimOp::create(b, gpu::Dimension::x);
  RowNumber next;
  next.number = arith::AddIOp::create(b, drawn, b.toI32(width));
  if (rowSchedule.hasPlaces())
    next = rowSchedule.find(next.number);
  for (auto [i, value] : llvm::enumerate(next.toValues()))
    memref::StoreOp::create(b, value, rows, b.index(i));
  told.arrive(b, zero);
  return next;
}

RowNumber RowCounter::askAndHear(const Round &round) {
  asked.arrive(b, b.index(0));
  return hear(round);
}

RowNumber RowCounter::hear(const Round &round) {
  told.wait(b, {b.index(0), isOdd(round)});
  return RowNumber::fromValues(read());
}

RowNumber RowCounter::hearAsWarp(const Round &round) {
  told.wait(b, {b.index(0), isOdd(round)});
  // By lane 0 for all of them, which says so itself; and what all lanes have
  // from one can be in uniform registers.
  Value lane = warpgroups.getLane();
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, b.index(0));
  SmallVector<Value> next = b.choose(
      isFirst, [&] { return read(); },
      [&] {
        return SmallVector<Value>(rowSchedule.countRowValues(), b.i32(0));
      });
  for (Value &value : next)
    value = gpu::ShuffleOp::create(b, value, b.i32(0), b.i32(kWarpSize),
                                   gpu::ShuffleMode::IDX)
                .getShuffleResult();
  return RowNumber::fromValues(next);
}

SmallVector<Value> RowCounter::read() {
  SmallVector<Value> values;
  for (int64_t i : llvm::seq(rowSchedule.countRowValues()))
    values.push_back(memref::LoadOp::create(b, rows, b.index(i)));
  heard.arrive(b, b.index(0));
  return values;
}
