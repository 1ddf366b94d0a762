//===- Rules.h - Common regions of masked attention -------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the regions of mfa.masked_attention are made of, as values that can be
// combined: a rule says which pairs of a query and a key are kept, a score
// function changes a score. Numbers and arrays that they are given are values
// from outside the op; what is used of them is captured.
//
//   addKeep(op, rules::allOf({rules::causal(), rules::window(1023, 0)}));
//   addScore(op, rules::softcap(30));
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_IR_RULES_H
#define MFA_DIALECT_MFA_IR_RULES_H

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <functional>
#include <vector>

namespace mlir::mfa {

/// Builds the block of a region of `op`, in front of its terminator if it has
/// one. Values that the region gets from outside go through `capture`.
class RegionBuilder : public ImplicitLocOpBuilder {
public:
  RegionBuilder(MaskedAttentionOp op, Region &region);

  /// Positions of the pair in the arrays; the head is the query head.
  Value getBatch() { return getPosition(ScoreDim::Batch); }
  Value getHead() { return getPosition(ScoreDim::Head); }
  Value getQuery() { return getPosition(ScoreDim::Query); }
  Value getKey() { return getPosition(ScoreDim::Key); }
  Value getPosition(ScoreDim dim);

  /// The region's argument for `value`, a new one unless it is captured yet; a
  /// value of the region is itself.
  Value capture(Value value);
  /// A number that is known, or captured.
  Value capture(OpFoldResult value);
  /// The size of the scores over `dim`, captured where it is dynamic.
  Value getSize(ScoreDim dim);
  /// An element of an array from outside.
  Value read(Value array, ValueRange indices);
  Value getIndex(int64_t value);

private:
  MaskedAttentionOp op;
  Region &region;
};

/// Returns an i1, true where the pair is kept.
using KeepRule = std::function<Value(RegionBuilder &)>;
/// Returns the new score, an f32.
using ScoreFunction = std::function<Value(RegionBuilder &, Value score)>;

/// Keeps the pairs that `rule` keeps, of those that `op` keeps already.
void addKeep(MaskedAttentionOp op, const KeepRule &rule);
/// Applies `function` to the score that `op` has already.
void addScore(MaskedAttentionOp op, const ScoreFunction &function);

namespace rules {

/// Which positions of queries and keys are the same time.
enum class Alignment {
  /// Query 0 and key 0.
  Start,
  /// The last query and the last key.
  End
};

/// k <= q + offset; with Alignment::End k <= q + (Sk - Sq) + offset.
KeepRule causal(Alignment alignment = Alignment::Start, int64_t offset = 0);

/// q - left <= k <= q + right, of numbers or of index values.
KeepRule window(OpFoldResult left, OpFoldResult right);
KeepRule window(int64_t left, int64_t right);

/// k < lengths[b], or k <= q (prefix-LM). `lengths` is a number or an index
/// value, the same for all batches, or an array [B] of integers.
KeepRule prefix(OpFoldResult lengths);

/// k < lengths[b]: keys that are padding are left out. As in `prefix`.
KeepRule lengths(OpFoldResult lengths);

/// queryIds[b, q] == keyIds[b, k]. Arrays of numbers, [B, S] or, the same for
/// all batches, [S]; without `keyIds` those of the queries.
KeepRule documents(Value queryIds, Value keyIds = {});

/// (q - k) is a multiple of `step`, which is positive.
KeepRule dilated(int64_t step);

/// table[q / querySize, k / keySize], an array of i1: [Q, K], [H, Q, K] or
/// [B, H, Q, K].
KeepRule blocks(int64_t querySize, int64_t keySize, Value table);

KeepRule allOf(std::vector<KeepRule> rules);
KeepRule anyOf(std::vector<KeepRule> rules);
KeepRule noneOf(std::vector<KeepRule> rules);

/// limit * tanh(s / limit).
ScoreFunction softcap(double limit);

/// s + slopes[h] * (k - q). `slopes` is an array [H] of f32.
ScoreFunction alibi(Value slopes);

/// s + table[h, bucket]. `table` is an array [H, buckets] of f32, and `bucket`
/// returns an index of it.
ScoreFunction relativeBias(Value table,
                           std::function<Value(RegionBuilder &)> bucket);

/// The bucket of each distance k - q from -limit to limit, those beyond in the
/// outermost ones: 2 * limit + 1 buckets.
std::function<Value(RegionBuilder &)> clippedDistance(int64_t limit);

} // namespace rules
} // namespace mlir::mfa

#endif // MFA_DIALECT_MFA_IR_RULES_H
