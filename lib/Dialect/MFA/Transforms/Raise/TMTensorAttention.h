//===- TMTensorAttention.h - torch-mlir's op of attention -------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// torch-mlir keeps torch's attention as one op of a dialect of its own, which
// LLVM does not have: it is known by its name. Operands are query, key and
// value [batch..., sequence, dimension], a mask or none, and the destination:
//
//   %o = "tm_tensor.attention"(%q, %k, %v, %mask, %init)
//          <{operandSegmentSizes = array<i32: 4, 1>, scale = 0.2 : f64}>
//
// How the mask was computed, and what of the operands is repeated, is found in
// the same way as in other programs: the op is written out as linalg ops, and
// these are raised.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_TMTENSORATTENTION_H
#define MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_TMTENSORATTENTION_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::mfa::raising {

bool isTMTensorAttention(Operation *op);

/// The op written out, in its place. It stays, without uses, until it is known
/// whether the ops that took its place are raised.
struct WrittenOut {
  Operation *original;
  /// In the order of the program.
  SmallVector<Operation *> ops;
  /// The product of weights and value, and the sum of the exponentials.
  linalg::LinalgOp product, sum;

  /// Puts the op back.
  void undo();
};

/// Fails with a reason for forms that are not known.
FailureOr<WrittenOut> writeOutTMTensorAttention(Operation *op,
                                                std::string &reason);

} // namespace mlir::mfa::raising

#endif // MFA_LIB_DIALECT_MFA_TRANSFORMS_RAISE_TMTENSORATTENTION_H
