//===- Check.cpp - Results against the reference --------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <random>

using namespace llvm;
using namespace mfa::run;
using namespace mfa::runtime;

/// Work that is compared in full, and rows.
static constexpr double kMaxFlops = 1e9;
static constexpr int64_t kMaxRows = int64_t{1} << 20;
/// Largest error of a log-sum-exp, relative beyond 1.
static constexpr double kLSETolerance = 1e-3;

/// The rows to compare, in order: all, or one at random in each of as many
/// equal parts as there is time for.
static std::vector<int64_t> chooseRows(const Problem &problem) {
  int64_t total = problem.shape.getNumRows();
  double share = kMaxFlops / std::max(problem.shape.getFlops(), 1.0);
  int64_t count = std::min(total, kMaxRows);
  if (share < 1.0)
    count = std::clamp<int64_t>(static_cast<int64_t>(total * share),
                                std::min<int64_t>(64, total), count);
  std::mt19937_64 random(problem.seed);
  std::vector<int64_t> rows;
  for (int64_t part = 0; part < count; ++part) {
    int64_t begin = total * part / count;
    int64_t end = total * (part + 1) / count;
    rows.push_back(begin + static_cast<int64_t>(random() % (end - begin)));
  }
  if (!rows.empty()) {
    rows.front() = 0;
    rows.back() = total - 1;
  }
  return rows;
}

static AttentionRow getRow(const AttentionShape &shape, int64_t linear) {
  return {linear / shape.seqQ / shape.heads, linear / shape.seqQ % shape.heads,
          linear % shape.seqQ};
}

namespace {
/// The comparison of one row.
struct RowResult {
  double maxError = 0.0, lowPrecisionError = 0.0;
  /// Of the output, and of the mean of its values' magnitudes.
  double maxMagnitude = 0.0, maxMeanMagnitude = 0.0;
  /// The same as that mean, with the products of scores.
  double maxProducts = 0.0;
  double lseError = 0.0;
  /// Element with the largest error, or with a NaN or infinity out of place.
  int64_t worst = 0;
  double expected = 0.0, actual = 0.0;
  bool misplaced = false;
  bool lseMisplaced = false;
  double expectedLSE = 0.0, actualLSE = 0.0;
};
} // namespace

/// Unit in the last place of a type at a magnitude.
static double getUlp(ElementType type, double magnitude) {
  constexpr int minExponent = -14;
  int exponent = magnitude > 0.0 ? std::max(std::ilogb(magnitude), minExponent)
                                 : minExponent;
  return std::ldexp(1.0, exponent - getFractionBits(type));
}

/// What a kernel may be off by beside what the plain computation is.
///
/// A 16-bit result is rounded once more; all else is below what probabilities
/// of 16 bits cost the plain computation as well.
///
/// In f32 a kernel's weights are less exact than those of the plain
/// computation, whose exponential is right to half an ulp. Relative to a
/// weight, in ulps of 2^-23:
///   2      ex2.approx.ftz.f32 is right to 2^-22 (PTX ISA)
///   3      its argument, (score - max) log2(e), is rounded where it is up to 8
///          (smaller weights hardly count), and so is the factor log2(e) scale
///   3      sums that are rescaled with each tile, the reciprocal of the sum,
///          and products on tensor cores, each of which is the sum of three
/// Errors of weights add up to one of the result that is relative to the mean
/// of the values' magnitudes, not to the mean of the values, which may cancel.
///
/// A score is off by half an ulp of the sum of its products' magnitudes, which
/// is relative to the weight as well. That of the plain computation is no bound
/// where few scores are large.
static double getExtraTolerance(ElementType type, double maxMagnitude,
                                double maxMeanMagnitude, double maxProducts) {
  if (type == ElementType::F32)
    return 8.0 * getUlp(type, maxMeanMagnitude) + 0x1p-24 * maxProducts;
  return 2.0 * getUlp(type, maxMagnitude);
}

/// True if one of two numbers is NaN or infinite and the other is not the same.
static bool isMisplaced(double expected, double actual) {
  if (std::isnan(expected) || std::isnan(actual))
    return std::isnan(expected) != std::isnan(actual);
  if (std::isinf(expected) || std::isinf(actual))
    return expected != actual;
  return false;
}

/// Whether the row attends to some key, and a key that it does not keep has a
/// NaN or an infinity in column `d` of its value, which may be seen or not.
static bool mayBeNaN(const AttentionInputs &inputs, AttentionRow row,
                     int64_t d) {
  if (!inputs.keep)
    return false;
  const AttentionShape &shape = inputs.shape;
  int64_t kvHead = row.head / (shape.heads / shape.kvHeads);
  bool hasKept = false, hasNaN = false;
  for (int64_t key = 0; key < shape.seqK; ++key) {
    if (inputs.keep(row, key)) {
      hasKept = true;
      continue;
    }
    int64_t position = (row.batch * shape.seqK + key) * shape.kvHeads + kvHead;
    hasNaN |= !std::isfinite(inputs.value[position * shape.valueDim + d]);
  }
  return hasKept && hasNaN;
}

static RowResult compareRow(const Operands &operands, AttentionRow row,
                            LowPrecision precision, ArrayRef<float> output,
                            ArrayRef<float> lse) {
  const AttentionShape &shape = operands.inputs.shape;
  RowResult result;
  std::vector<double> expected(shape.valueDim), magnitudes(shape.valueDim),
      products(shape.valueDim);
  std::vector<float> plain(shape.valueDim);
  double expectedLSE =
      computeReferenceRow(operands.inputs, row, expected, magnitudes, products);
  computeLowPrecisionRow(operands.inputs, row, precision, plain);

  ArrayRef<float> actual = output.slice(
      ((row.batch * shape.seqQ + row.query) * shape.heads + row.head) *
          shape.valueDim,
      shape.valueDim);
  for (int64_t d = 0; d < shape.valueDim; ++d) {
    if (std::isnan(actual[d]) && mayBeNaN(operands.inputs, row, d))
      continue;
    if (isMisplaced(expected[d], actual[d])) {
      if (!result.misplaced) {
        result.misplaced = true;
        result.worst = d;
        result.expected = expected[d];
        result.actual = actual[d];
      }
      continue;
    }
    if (!std::isfinite(expected[d]))
      continue;
    double error = std::fabs(actual[d] - expected[d]);
    if (error > result.maxError && !result.misplaced) {
      result.worst = d;
      result.expected = expected[d];
      result.actual = actual[d];
    }
    result.maxError = std::max(result.maxError, error);
    result.maxMagnitude = std::max(result.maxMagnitude, std::fabs(expected[d]));
    result.maxMeanMagnitude = std::max(result.maxMeanMagnitude, magnitudes[d]);
    result.maxProducts = std::max(result.maxProducts, products[d]);
    if (std::isfinite(plain[d]))
      result.lowPrecisionError =
          std::max(result.lowPrecisionError, std::fabs(plain[d] - expected[d]));
  }
  if (lse.empty())
    return result;
  result.expectedLSE = expectedLSE;
  result.actualLSE =
      lse[(row.batch * shape.heads + row.head) * shape.seqQ + row.query];
  result.lseMisplaced = isMisplaced(expectedLSE, result.actualLSE);
  if (!result.lseMisplaced && std::isfinite(expectedLSE))
    result.lseError = std::fabs(result.actualLSE - expectedLSE) /
                      std::max(1.0, std::fabs(expectedLSE));
  return result;
}

CheckResult mfa::run::checkResult(const Problem &problem,
                                  const Operands &operands,
                                  ArrayRef<float> output, ArrayRef<float> lse,
                                  bool tf32) {
  const AttentionShape &shape = problem.shape;
  std::vector<int64_t> rows = chooseRows(problem);
  std::vector<RowResult> results(rows.size());
  LowPrecision precision{problem.type,
                         tf32 && problem.type == ElementType::F32};
  parallelFor(0, rows.size(), [&](size_t index) {
    results[index] = compareRow(operands, getRow(shape, rows[index]), precision,
                                output, lse);
  });

  CheckResult check;
  check.rows = rows.size();
  check.totalRows = shape.getNumRows();
  double maxMagnitude = 0.0, maxMeanMagnitude = 0.0, maxProducts = 0.0;
  for (const RowResult &row : results) {
    check.maxAbsError = std::max(check.maxAbsError, row.maxError);
    check.lowPrecisionError =
        std::max(check.lowPrecisionError, row.lowPrecisionError);
    check.maxLSEError = std::max(check.maxLSEError, row.lseError);
    maxMagnitude = std::max(maxMagnitude, row.maxMagnitude);
    maxMeanMagnitude = std::max(maxMeanMagnitude, row.maxMeanMagnitude);
    maxProducts = std::max(maxProducts, row.maxProducts);
  }
  check.tolerance = 2.0 * check.lowPrecisionError +
                    getExtraTolerance(problem.type, maxMagnitude,
                                      maxMeanMagnitude, maxProducts);

  raw_string_ostream os(check.failure);
  for (auto [linear, row] : zip_equal(rows, results)) {
    AttentionRow position = getRow(shape, linear);
    if (row.misplaced || row.maxError > check.tolerance)
      os << "output[" << position.batch << ", " << position.query << ", "
         << position.head << ", " << row.worst << "]: expected " << row.expected
         << " but got " << row.actual;
    else if (row.lseMisplaced || row.lseError > kLSETolerance)
      os << "lse[" << position.batch << ", " << position.head << ", "
         << position.query << "]: expected " << row.expectedLSE << " but got "
         << row.actualLSE;
    else
      continue;
    check.pass = false;
    return check;
  }

  // Rows that were not compared must at least have been written.
  if (check.rows < check.totalRows && !problem.nan && !problem.inf)
    for (float element : output)
      if (std::isnan(element)) {
        check.pass = false;
        os << "the output has a NaN in a row that was not compared";
        return check;
      }
  return check;
}
