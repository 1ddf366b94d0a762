//===- RandomRule.h - Rules made of a number --------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A rule for tests of whatever reads rules: a tree of and, or, xor, not and
// select over comparisons of integers, which are sums, multiples, quotients and
// remainders of the pair's position, sizes, a captured number and elements of
// captured arrays. The same number makes the same rule, for any sizes.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_RANDOMRULE_H
#define MFA_RUN_RANDOMRULE_H

#include "mfa/Dialect/MFA/IR/Rules.h"
#include "mfa/Runtime/Reference.h"
#include <memory>

namespace mfa::run {

/// What a random rule reads from outside, in this order. Arrays hold integers.
struct RandomRuleData {
  /// A number, and arrays [B, Sq], [B, Sk] and [H].
  int64_t number;
  std::vector<float> ofQueries, ofKeys, ofHeads;
};

class RandomRule {
public:
  explicit RandomRule(uint64_t seed);
  ~RandomRule();

  RandomRuleData makeData(const runtime::AttentionShape &shape) const;

  /// The rule as IR. `captures` are the values of what `makeData` makes.
  mlir::mfa::KeepRule build(llvm::ArrayRef<mlir::OpFoldResult> captures) const;

  /// The rule as a plain function.
  std::function<bool(runtime::AttentionRow, int64_t)>
  makeReference(const runtime::AttentionShape &shape,
                RandomRuleData data) const;

  struct Node;

private:
  uint64_t seed;
  std::shared_ptr<const Node> root;
};

} // namespace mfa::run

#endif // MFA_RUN_RANDOMRULE_H
