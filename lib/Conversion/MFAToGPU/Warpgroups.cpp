//===- Warpgroups.cpp - Warpgroups of a block -----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Warpgroups.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::mfa;

/// Barriers of the block, beside 0 for all of its threads: of each kind one for
/// each consumer warpgroup.
enum NamedBarrier : int32_t {
  kOneConsumer = 1,
  kTurnOfConsumer = 4,
};

static Value barrierOf(KernelBuilder &b, NamedBarrier first, Value consumer) {
  return arith::AddIOp::create(b, b.toI32(consumer), b.i32(first));
}

/// Waits at a barrier for `threads` of the block.
static void synchronize(KernelBuilder &b, Value barrier, int64_t threads) {
  NVVM::BarrierOp::create(b, TypeRange(), barrier, b.i32(threads),
                          NVVM::BarrierReductionAttr(), Value());
}

//===----------------------------------------------------------------------===//
// Warpgroups
//===----------------------------------------------------------------------===//

Warpgroups::Warpgroups(const KernelProblem &problem)
    : b(problem.b),
      numConsumers(problem.schedule.getWarps() * kWarpSize / kWarpgroupSize),
      thread(gpu::ThreadIdOp::create(b, gpu::Dimension::x)) {
  // From lane 0: what all lanes have alike can be in uniform registers.
  Value warpgroup =
      b.toI32(arith::DivUIOp::create(b, thread, b.index(kWarpgroupSize)));
  Value zero = b.i32(0);
  Value width = b.i32(kWarpSize);
  consumer = b.toIndex(
      gpu::ShuffleOp::create(b, warpgroup, zero, width, gpu::ShuffleMode::IDX)
          .getShuffleResult());
}

Value Warpgroups::isThread(int64_t number) const {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread,
                               b.index(number));
}

Value Warpgroups::isProducer() const {
  Value first = b.index(numConsumers * kWarpgroupSize);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::uge, thread, first);
}

Value Warpgroups::isFirstOfWarpgroup() const {
  Value number = arith::RemUIOp::create(b, thread, b.index(kWarpgroupSize));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, number, b.index(0));
}

Value Warpgroups::getLane() const {
  return arith::RemUIOp::create(b, thread, b.index(kWarpSize));
}

Value Warpgroups::getConsumerBarrier() const {
  return barrierOf(b, kOneConsumer, consumer);
}

void Warpgroups::synchronizeConsumer(Value barrier) const {
  synchronize(b, barrier, kWarpgroupSize);
}

//===----------------------------------------------------------------------===//
// Turns
//===----------------------------------------------------------------------===//

void Turns::start() {
  if (!isPingPong)
    return;
  Value consumer = warpgroups.getConsumer();
  Value one = b.index(1), count = b.index(warpgroups.getNumConsumers());
  Value following =
      arith::RemUIOp::create(b, arith::AddIOp::create(b, consumer, one), count);
  own = barrierOf(b, kTurnOfConsumer, consumer);
  next = barrierOf(b, kTurnOfConsumer, following);
  isLastConsumer =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, following, b.index(0));
  b.guarded(isLastConsumer, [&] { pass(); });
}

void Turns::take() {
  if (isPingPong)
    synchronize(b, own, 2 * kWarpgroupSize);
}

void Turns::pass() {
  if (isPingPong)
    NVVM::BarrierArriveOp::create(b, next, b.i32(2 * kWarpgroupSize));
}

void Turns::passLast(Value isLast) {
  if (!isPingPong)
    return;
  Value isAwaited = b.negate(isLastConsumer);
  if (isLast)
    isAwaited = arith::OrIOp::create(b, isAwaited, b.negate(isLast));
  b.guarded(isAwaited, [&] { pass(); });
}
