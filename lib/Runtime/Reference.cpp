//===- Reference.cpp - What attention should give -------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Runtime/Reference.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace llvm;
using namespace mfa::runtime;

namespace {
/// Reads the operands that one row of the result depends on.
class RowOperands {
public:
  RowOperands(const AttentionInputs &inputs, AttentionRow row)
      : inputs(inputs), shape(inputs.shape), row(row),
        kvHead(row.head / (shape.heads / shape.kvHeads)) {}

  const float *query() const {
    return inputs.query.data() +
           ((row.batch * shape.seqQ + row.query) * shape.heads + row.head) *
               shape.headDim;
  }
  const float *key(int64_t position) const {
    return inputs.key.data() +
           ((row.batch * shape.seqK + position) * shape.kvHeads + kvHead) *
               shape.headDim;
  }
  const float *value(int64_t position) const {
    return inputs.value.data() +
           ((row.batch * shape.seqK + position) * shape.kvHeads + kvHead) *
               shape.valueDim;
  }
  /// What is added to the score of a key; 0 without a mask.
  float mask(int64_t position) const {
    if (!shape.hasMask)
      return 0.0f;
    const int64_t indices[] = {row.batch, row.head, row.query, position};
    int64_t linear = 0;
    for (int dim = 0; dim < 4; ++dim) {
      int64_t size = shape.maskShape[dim];
      linear = linear * size + (size == 1 ? 0 : indices[dim]);
    }
    return inputs.mask[linear];
  }
  bool isKept(int64_t position) const {
    return !inputs.keep || inputs.keep(row, position);
  }
  /// What the score of a key becomes.
  double change(double score, int64_t position) const {
    return inputs.score ? inputs.score(score, row, position) : score;
  }
  /// The logit without a value; -inf stands for none.
  float sink() const {
    return inputs.sinks.empty() ? -std::numeric_limits<float>::infinity()
                                : inputs.sinks[row.head];
  }

private:
  const AttentionInputs &inputs;
  const AttentionShape &shape;
  AttentionRow row;
  int64_t kvHead;
};
} // namespace

/// The largest score, the sink's included, or 0 where it is -inf, which no
/// difference may meet.
template <typename T>
static T getBase(ArrayRef<T> scores, T sink) {
  T base = sink;
  for (T score : scores)
    base = std::max(base, score);
  return std::isinf(base) && base < 0 ? T(0) : base;
}

/// True where no key takes part; an empty row is one.
template <typename T>
static bool isFullyMasked(ArrayRef<T> scores) {
  return std::all_of(scores.begin(), scores.end(),
                     [](T score) { return std::isinf(score) && score < 0; });
}

/// An infinity where an f32 would be one.
static double toRangeOfF32(double value) {
  constexpr double limit = 0x1p128 - 0x1p103;
  if (std::fabs(value) < limit || std::isnan(value))
    return value;
  return std::copysign(std::numeric_limits<double>::infinity(), value);
}

/// See computeReferenceRow.
static constexpr double kMostOfProducts = 128.0;

double mfa::runtime::computeReferenceRow(const AttentionInputs &inputs,
                                         AttentionRow row,
                                         MutableArrayRef<double> output,
                                         MutableArrayRef<double> magnitudes,
                                         MutableArrayRef<double> products) {
  const AttentionShape &shape = inputs.shape;
  RowOperands operands(inputs, row);
  std::vector<double> scores(shape.seqK), sums(shape.seqK);
  for (int64_t key = 0; key < shape.seqK; ++key) {
    if (!operands.isKept(key)) {
      scores[key] = -std::numeric_limits<double>::infinity();
      continue;
    }
    double product = 0.0, sum = 0.0;
    for (int64_t d = 0; d < shape.headDim; ++d) {
      double term = static_cast<double>(operands.query()[d]) *
                    static_cast<double>(operands.key(key)[d]);
      product += term;
      sum += std::fabs(term);
    }
    sum *= std::fabs(static_cast<double>(inputs.scale));
    sums[key] = sum < kMostOfProducts ? sum : kMostOfProducts;
    double scaled =
        toRangeOfF32(toRangeOfF32(product) * static_cast<double>(inputs.scale));
    float mask = operands.mask(key);
    scores[key] = std::isfinite(mask) && std::fabs(mask) > 1e30f
                      ? static_cast<double>(static_cast<float>(scaled) + mask)
                      : toRangeOfF32(scaled + static_cast<double>(mask));
    scores[key] = operands.change(scores[key], key);
  }

  std::fill(output.begin(), output.end(), 0.0);
  std::fill(magnitudes.begin(), magnitudes.end(), 0.0);
  std::fill(products.begin(), products.end(), 0.0);
  auto sink = static_cast<double>(operands.sink());
  if (isFullyMasked<double>(scores))
    return sink;
  double base = getBase<double>(scores, sink);
  double sum = std::exp(sink - base);
  for (int64_t key = 0; key < shape.seqK; ++key) {
    if (!operands.isKept(key))
      continue;
    double weight = std::exp(scores[key] - base);
    sum += weight;
    for (int64_t d = 0; d < shape.valueDim; ++d)
      output[d] += weight * static_cast<double>(operands.value(key)[d]);
    for (size_t d = 0; d < magnitudes.size(); ++d) {
      double magnitude =
          weight * std::fabs(static_cast<double>(operands.value(key)[d]));
      magnitudes[d] += magnitude;
      if (!products.empty())
        products[d] += magnitude * sums[key];
    }
  }
  for (double &element : output)
    element /= sum;
  for (double &element : magnitudes)
    element /= sum;
  for (double &element : products)
    element /= sum;
  return base + std::log(sum);
}

void mfa::runtime::computeLowPrecisionRow(const AttentionInputs &inputs,
                                          AttentionRow row,
                                          LowPrecision precision,
                                          MutableArrayRef<float> output) {
  const AttentionShape &shape = inputs.shape;
  RowOperands operands(inputs, row);
  auto factor = [&](float value) {
    return precision.tf32 ? roundToTF32(value) : value;
  };
  std::vector<float> weights(shape.seqK);
  for (int64_t key = 0; key < shape.seqK; ++key) {
    if (!operands.isKept(key)) {
      weights[key] = -std::numeric_limits<float>::infinity();
      continue;
    }
    float product = 0.0f;
    for (int64_t d = 0; d < shape.headDim; ++d)
      product += factor(operands.query()[d]) * factor(operands.key(key)[d]);
    float score = product * inputs.scale + operands.mask(key);
    weights[key] = static_cast<float>(operands.change(score, key));
  }

  std::fill(output.begin(), output.end(), 0.0f);
  if (isFullyMasked<float>(weights))
    return;
  float base = getBase<float>(weights, operands.sink());
  float sum = std::exp(operands.sink() - base);
  for (float &weight : weights) {
    weight = std::exp(weight - base);
    sum += weight;
  }
  for (int64_t key = 0; key < shape.seqK; ++key) {
    if (!operands.isKept(key))
      continue;
    float probability = factor(roundTo(precision.type, weights[key] / sum));
    for (int64_t d = 0; d < shape.valueDim; ++d)
      output[d] += probability * factor(operands.value(key)[d]);
  }
  for (float &element : output)
    element = roundTo(precision.type, element);
}
