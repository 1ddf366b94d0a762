//===- ScoreRegion.h - A region `score` in a kernel -------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Every score goes through a region `score`, so that each instruction of it
// counts. Many are f(score * inner) * outer, with factors that are the same for
// all pairs, such as a soft-cap's 1 / limit and limit. The product with scale
// is there anyway, and that with log2 e of the exponent: with `inner` and
// `outer` in these a soft-cap is nothing but its tanh.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_SCOREREGION_H
#define MFA_LIB_CONVERSION_MFATOGPU_SCOREREGION_H

#include "KernelBuilder.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::mfa {

/// A region `score`, taken apart as f(score * inner) * outer. Without a region
/// it is false.
class ScoreRegion {
public:
  explicit ScoreRegion(MaskedAttentionOp op);

  explicit operator bool() const { return block; }
  /// Values of the region that no pair changes; null stands for 1.
  Value getInner() const { return inner; }
  Value getOuter() const { return outer; }

  /// Whether a pair takes a result of the special function unit.
  bool hasSpecialFunctions() const;

  /// What is written for it, which other code does the rest of.
  struct Form {
    /// The score has `inner` in it, or the result is to be without `outer`.
    bool hasInner = false, leavesOuter = false;
  };
  /// What the region yields. `mapping` has all of its arguments.
  Value inlineWhole(KernelBuilder &b, IRMapping mapping, Form form) const;
  /// A factor. `mapping` has the arguments that no pair changes.
  Value inlineFactor(KernelBuilder &b, IRMapping mapping, Value factor) const;

private:
  bool isInnerProduct(Operation &op) const;

  Block *block = nullptr;
  Value inner, outer;
  /// The product with `outer`.
  Operation *last = nullptr;
};

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_SCOREREGION_H
