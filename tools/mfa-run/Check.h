//===- Check.h - Results against the reference ------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_CHECK_H
#define MFA_RUN_CHECK_H

#include "Operands.h"

namespace mfa::run {

/// What a comparison with the f64 reference found.
struct CheckResult {
  bool pass = true;
  /// Largest error of the result where reference and result are finite.
  double maxAbsError = 0.0;
  /// The largest error allowed: twice that of the plain low-precision
  /// computation, and a few ulps of the result or, in f32, of its terms.
  double tolerance = 0.0;
  double lowPrecisionError = 0.0;
  /// Largest error of the log-sum-exp, relative where it is beyond 1.
  double maxLSEError = 0.0;
  /// Rows compared, of how many.
  int64_t rows = 0, totalRows = 0;
  /// The first thing that is wrong, empty if nothing is.
  std::string failure;
};

/// Compares a result (dense, [B, Sq, H, Dv]) and log-sum-exp (dense, [B, H,
/// Sq], empty unless asked for). Of a large problem a random choice of rows,
/// with the first and the last one, is compared.
CheckResult checkResult(const Problem &problem, const Operands &operands,
                        llvm::ArrayRef<float> output, llvm::ArrayRef<float> lse,
                        bool tf32);

} // namespace mfa::run

#endif // MFA_RUN_CHECK_H
