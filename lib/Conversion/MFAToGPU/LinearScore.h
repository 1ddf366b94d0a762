//===- LinearScore.h - Regions linear in score and position -----*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Many regions `score` are
//
//   score * slope + distance * weight + bias,
//   distance = query * i + key * n + rest          (an integer)
//
// for query i and key n, where all else is the same for the pairs of a head:
// ALiBi, a temperature, a penalty for keys further on. Of a tile whose rows and
// columns begin at i0 and n0, with row r and column c in it, the exponent is
//
//   product * (scale slope log2 e) + c * (key weight log2 e) + shift[r]
//   shift[r] = (query (i0 + r) + key n0 + rest) * (weight log2 e)
//              + bias log2 e - base[r]
//
// which is one fma for each score more than without a region. The distance of
// a row's first key is an integer, so that far from 0 nothing cancels.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_MFATOGPU_LINEARSCORE_H
#define MFA_LIB_CONVERSION_MFATOGPU_LINEARSCORE_H

#include "KernelBuilder.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/IR/IRMapping.h"
#include <optional>

namespace mlir::mfa {

/// Values of a kernel; null stands for 0.
struct LinearScore {
  /// As above; `rest` is an index.
  struct Distance {
    int64_t query = 0, key = 0;
    Value rest;
  };

  Value slope, weight, bias;
  Distance distance;
};

/// The region `score` of the op in that form, where it has it. `mapping` has
/// the arguments that all pairs have alike. Writes the numbers where `b` is.
std::optional<LinearScore>
getLinearScore(KernelBuilder &b, MaskedAttentionOp op, IRMapping mapping);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_MFATOGPU_LINEARSCORE_H
