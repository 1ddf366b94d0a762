//===- Softmax.h - Weights that are a softmax -------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_SOFTMAX_H
#define MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_SOFTMAX_H

#include "Reductions.h"

namespace mlir::mfa::raising {

/// Why a softmax is not raised, and the op that shows it.
struct Refusal {
  Location where;
  std::string reason;
};

/// weights = exp(factor * (score - max)) / sum, over the keys and a sink.
struct Softmax {
  /// The op that sums up, or is a softmax, which names it in the report.
  Operation *sum = nullptr;
  Node *score = nullptr;
  /// ln(2) for exponentials of base 2, times a number in front of these.
  double factor = 1;
  /// One more score of each row, of which no weight is taken.
  Node *sink = nullptr;
  /// Whether rows whose scores are all -inf have weights of 0.
  bool zeroesRows = false;
  /// What -inf is looked for in to find these rows, if not in the score.
  Node *zeroedBy = nullptr;
  /// Whether rows whose weights are NaN have weights of 0.
  bool zeroesNaN = false;
};

/// Whether an op sums up exponentials.
bool isSumOfExponentials(Elements &elements, linalg::LinalgOp op);

/// Reads `weights` as a softmax over the axes `keys`. `softmax.sum` stays null
/// where there is none at all; where there is one that cannot be read, that is
/// set, and `refusal`.
LogicalResult matchSoftmax(Elements &elements, Node *weights,
                           const AxisList &keys, Softmax &softmax,
                           std::optional<Refusal> &refusal);

} // namespace mlir::mfa::raising

#endif // MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_SOFTMAX_H
