//===- Warpgroups.h - Warpgroups of a block ---------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_WARPGROUPS_H
#define MFA_LIB_CONVERSION_MFATOGPU_WARPGROUPS_H

#include "KernelProblem.h"
#include "RowSchedule.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

namespace mlir::mfa {

constexpr int64_t kWarpgroupSize = 128;
constexpr int64_t kWarpgroupRows = 64;

/// The warpgroups of a block: consumers, each with 64 query rows, then one of
/// producers. Those of consumers meet at named barriers.
class Warpgroups {
public:
  /// Writes which of them a thread is in.
  explicit Warpgroups(const KernelProblem &problem);

  int64_t getNumConsumers() const { return numConsumers; }
  Value getThread() const { return thread; }
  /// The number of the thread's warpgroup, the same for all of a warp's lanes.
  Value getConsumer() const { return consumer; }
  Value isProducer() const;
  /// Whether the thread is the first one of the block, or of its warpgroup.
  Value isFirstOfBlock() const { return isThread(0); }
  Value isFirstOfWarpgroup() const;
  /// Whether it is the first one of a producer warp.
  Value isFirstOfProducer(int64_t warp) const {
    return isThread(numConsumers * kWarpgroupSize + warp * kWarpSize);
  }
  Value getLane() const;

  /// The barrier of the thread's consumer.
  Value getConsumerBarrier() const;
  /// Waits for the other threads of the consumer at that.
  void synchronizeConsumer(Value barrier) const;

private:
  Value isThread(int64_t number) const;

  KernelBuilder &b;
  int64_t numConsumers;
  Value thread, consumer;
};

/// Turns to have the tensor cores, which a block without ping-pong does
/// without: the first consumer's is the first, and a turn that is passed is
/// that of the next one.
class Turns {
public:
  Turns(const KernelProblem &problem, const Warpgroups &warpgroups)
      : b(problem.b), warpgroups(warpgroups),
        isPingPong(problem.schedule.getPingPong()) {}

  /// Before all turns of a consumer.
  void start();
  void take();
  void pass();
  /// The last turn of a round: passes it on, but behind the block's last
  /// product. `isLast` of the round, null if it is known to be.
  void passLast(Value isLast);

private:
  KernelBuilder &b;
  const Warpgroups &warpgroups;
  bool isPingPong;
  // Barriers.
  Value own, next, isLastConsumer;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_WARPGROUPS_H
