//===- Barriers.h - Barriers in the shared memory of a block ----*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_BARRIERS_H
#define MFA_LIB_CONVERSION_MFATOGPU_BARRIERS_H

#include "KernelBuilder.h"

namespace mlir::mfa {

class Warpgroups;

/// mbarriers, one for each of `count` stages of what they guard. Each counts
/// arrivals, and its phase ends when all have come. Null by default.
class Barriers {
public:
  /// A stage, and whether it is there for an odd time.
  struct Place {
    Value stage, parity;
  };

  Barriers() = default;
  Barriers(KernelBuilder &b, int64_t count);

  explicit operator bool() const { return bool(group); }
  Value getGroup() const { return group; }

  /// By one thread, before any other knows of them.
  void init(KernelBuilder &b, int64_t arrivals) const;
  /// Until that phase is over.
  void wait(KernelBuilder &b, Place place) const;
  /// Until the phase before is: of a fresh barrier it counts as over.
  void waitForPrevious(KernelBuilder &b, Place place) const;
  void arrive(KernelBuilder &b, Value stage) const;
  /// Once for this warp, when all of its lanes have come here.
  void arriveAsWarp(KernelBuilder &b, const Warpgroups &warpgroups,
                    Value stage) const;

private:
  Value group;
  int64_t count = 0;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_BARRIERS_H
