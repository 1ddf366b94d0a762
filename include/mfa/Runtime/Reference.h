//===- Reference.h - What attention should give -----------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Masked attention written plainly, one row at a time, independent of every
// lowering: in f64, which is taken for the truth, and in the problem's own
// precision without any of the tricks of a fused kernel, whose error says how
// far from the truth a correct result may be.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUNTIME_REFERENCE_H
#define MFA_RUNTIME_REFERENCE_H

#include "mfa/Runtime/ElementType.h"
#include "llvm/ADT/ArrayRef.h"
#include <array>
#include <functional>
#include <vector>

namespace mfa::runtime {

/// Sizes of a problem; the names are those of the op: query [B, Sq, H, D], key
/// [B, Sk, h, D], value [B, Sk, h, Dv].
struct AttentionShape {
  int64_t batch = 1, seqQ = 1, seqK = 1, heads = 1, kvHeads = 1;
  int64_t headDim = 8, valueDim = 8;
  bool hasMask = false;
  /// Sizes of the mask as [B|1, H|1, Sq|1, Sk|1].
  std::array<int64_t, 4> maskShape = {1, 1, 1, 1};

  /// Floating-point operations of the two products.
  double getFlops() const {
    return 2.0 * batch * heads * seqQ * seqK * (headDim + valueDim);
  }
  /// Rows of the result: one for each batch, head and query.
  int64_t getNumRows() const { return batch * heads * seqQ; }
};

/// Position of one row of the result.
struct AttentionRow {
  int64_t batch, head, query;
};

/// Operands as dense row-major arrays of values that are already rounded to the
/// problem's types. The mask is additive: 0 and -inf for one of type i1.
struct AttentionInputs {
  AttentionShape shape;
  float scale = 1.0f;
  std::vector<float> query, key, value, mask;
  /// What is made of the masked score of a key; null for nothing.
  std::function<double(double score, AttentionRow row, int64_t key)> score;
  /// Whether the key takes part; null where all do.
  std::function<bool(AttentionRow row, int64_t key)> keep;
  /// One more logit for each head; empty without.
  std::vector<float> sinks;
};

/// Computes a row in f64 into `output` (valueDim elements) and returns its
/// natural log-sum-exp. Keys that are not kept are left out. `magnitudes`, of
/// as many elements unless it is empty, becomes the weighted mean of the
/// values' magnitudes: what a relative error of the weights is an error of,
/// which is more than the output where values of both signs meet. `products`,
/// of as many or none, becomes that mean with each weight times the sum of the
/// magnitudes of its score's products, scaled: what a relative error of those
/// products is an error of. Sums beyond 128 count as 128, as weights of such
/// scores are 0 or 1 but for a few. Masked scores are defined as f32 numbers.
/// So products, scores and their sums with the mask are infinite where an f32
/// would be, and a mask value beyond 1e30, which absorbs the score, is added in
/// f32.
double computeReferenceRow(const AttentionInputs &inputs, AttentionRow row,
                           llvm::MutableArrayRef<double> output,
                           llvm::MutableArrayRef<double> magnitudes = {},
                           llvm::MutableArrayRef<double> products = {});

/// How the plain low-precision computation rounds.
struct LowPrecision {
  /// Type of the result and of the probabilities before they meet the values.
  ElementType type = ElementType::F32;
  /// Round the factors of both products to tf32 first.
  bool tf32 = false;
};

/// Computes a row step by step: scores, scale, mask and softmax in f32, the
/// probabilities rounded to `precision.type`, the product in f32, the result
/// rounded.
void computeLowPrecisionRow(const AttentionInputs &inputs, AttentionRow row,
                            LowPrecision precision,
                            llvm::MutableArrayRef<float> output);

} // namespace mfa::runtime

#endif // MFA_RUNTIME_REFERENCE_H
