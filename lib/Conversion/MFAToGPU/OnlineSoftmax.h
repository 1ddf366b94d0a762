//===- OnlineSoftmax.h - Weights from scores, step by step ------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// FlashAttention-2 (Dao, "FlashAttention-2: Faster attention with better
// parallelism and work partitioning", 2023) over register tiles. For each tile
// of keys j, with m the row maximum and l the row sum so far:
//
//   t  = query . key_j^T * scale + mask_j        (ScoreFunction.h)
//   m' = max(m, rowmax t)
//   p  = exp2((t - m') log2 e)
//   a  = exp2((m - m') log2 e)
//   l' = a l + rowsum p
//   o' = a o + p . value_j
//
// and in the end o / l and m + ln l. l = 0 marks a row without any key.
//
// Any m near the row maximum will do. So it stays as it is, and a is 1, while
// the maximum has not grown by more than a limit (FlashAttention-4, 2025). Most
// steps then leave o alone. (Kernels that try the old maximum, as follows, take
// the exact one when they do a step again.)
//
// Nor need the maximum of j be known before p. With m' = m, a maximum that has
// grown too far shows in p itself: in each lane's part of rowsum p, which is
// wanted anyway. Where it shows in any lane of a warp, p is forgotten and the
// step done again as above; so it is while a row has had no key, and m is -inf.
//
// f32 and bf16 hold values whose mean is finite while a sum of them, weighed by
// numbers up to 1, is not. So all weights of a row are 2^c smaller than said
// above, l and o with them, and only ln l shows it: p = exp2(t log2 e - base)
// with base = m' log2 e + c, and m + ln l + c ln 2. For f16 c is 0.
//
// Where keys are split, each block has m, l and o of its own keys, and what is
// said of two steps above holds for two blocks: with m' the largest m of all,
//
//   o' = sum of exp2((m - m') log2 e) o,   l' likewise.
//
// The log-sum-exp of a block would not do in the place of m and l: next to a
// mask of -1e4 or the lowest finite value, an f32 has no digits left for ln l.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_ONLINESOFTMAX_H
#define MFA_LIB_CONVERSION_MFATOGPU_ONLINESOFTMAX_H

#include "KernelProblem.h"
#include "ScoreFunction.h"

namespace mlir::mfa {

constexpr double kLog2E = 1.4426950408889634;

/// The recurrence but for its products: from scores to the left factor of the
/// product with the value.
class OnlineSoftmax {
public:
  /// By how much m may stay behind the row maximum.
  enum class Growth {
    /// Until weights might be too large for 16 bits.
    Limited,
    /// Not at all: for kernels that try the old maximum.
    None
  };

  OnlineSoftmax(const KernelProblem &problem, Growth growth);

  /// What of the loop's state is not the output: m and l above.
  struct State {
    Value rowMax, rowSum;
  };
  State getInitialState();

  //===--- A step by its own maximum --------------------------------------===//

  /// A step up to the maximum: weights are exp2(scores factor - base), and
  /// `correction` is the factor of what was summed before, 1 but for rows whose
  /// maximum has grown.
  struct Step {
    Value scores, factor, base;
    Value rowMax, hasGrown, correction;
  };
  Step updateRowMax(Value rowMax, const Scores &scores);
  /// The weights of a step. Adds them to the row sum.
  Value weigh(const Step &step, Value &rowSum);
  /// The output so far, in units of the step.
  Value rescale(Value output, const Step &step);

  //===--- A step by the maximum so far -----------------------------------===//

  /// Whether weights of all rows may be computed with this maximum as the base:
  /// a finite one, whose product with log2 e is exact enough.
  Value areBases(Value rowMax, const ScoreFunction &function);
  /// The weights of a step with the maximum of the steps before as the base,
  /// the row sums with these, and whether no weight of the warp's is too large:
  /// what can be told without the other lanes' scores.
  struct EarlyWeights {
    Value weights, rowSum, areGood;
  };
  /// `mask` may be null.
  EarlyWeights tryOldMax(ScoreFunction &function, Value products, Value mask,
                         const State &state);
  /// The same where the mask excludes all keys of the step: weights of 0,
  /// unless a score is no finite number.
  EarlyWeights excludeAll(Value products, const State &state);

  //===--- Either way -----------------------------------------------------===//

  /// The left factor of the product with the value.
  Value toFactor(Value weights);
  /// Whether the numbers of all of the warp's rows, each lane's part of them,
  /// are finite.
  Value areFinite(Value numbers);

private:
  /// Whether the numbers of all of the warp's rows, each lane's part of them,
  /// are within +-limit. NaN is not.
  Value areWithin(Value numbers, double limit);

  const KernelProblem &problem;
  KernelBuilder &b;
  double maxGrowth;
  Value toLog2;
};

/// Whether a maximum's product with log2 e is too inexact for a base.
Value isHugeMax(KernelBuilder &b, Value rowMax);
/// c above: by how many bits weights are kept small, for 2^16 keys and more, as
/// 16-bit weights may grow to 2^8. No more than that, as weights below 2^-126
/// are 0. f16 has neither the range nor the need.
double getWeightBits(Type element);
/// What is taken from scores log2 e, for weights relative to a maximum.
Value getBase(KernelBuilder &b, Value rowMax, double weightBits);
/// What a sum that is relative to `rowMax` is multiplied by to be relative to
/// `base`, which is finite and no smaller.
Value getWeight(KernelBuilder &b, Value rowMax, Value base, double weightBits);
/// The weight of a sink relative to `base`, as small as all weights are.
Value getSinkWeight(KernelBuilder &b, Value sink, Value base,
                    double weightBits);
/// A maximum as a base: 0 where it is -inf, of a row without a key. Any finite
/// base keeps exp2 free of NaN.
Value getFiniteBase(KernelBuilder &b, Value rowMax);
/// The natural log-sum-exp from maximum and sum of weights.
Value getLogSumExp(KernelBuilder &b, Value rowMax, Value rowSum,
                   double weightBits);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_ONLINESOFTMAX_H
