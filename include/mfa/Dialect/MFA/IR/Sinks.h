//===- Sinks.h - Sinks of rows ----------------------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_IR_SINKS_H
#define MFA_DIALECT_MFA_IR_SINKS_H

#include "mfa/Dialect/MFA/IR/MFA.h"

namespace mlir::mfa {

/// The indices of the sink of a row, of sinks [H] or [H, Sq].
inline SmallVector<Value> getSinkIndices(MaskedAttentionOp op, Value head,
                                         Value query) {
  SmallVector<Value> indices{head};
  if (op.getSinksType().getRank() == 2)
    indices.push_back(query);
  return indices;
}

} // namespace mlir::mfa

#endif // MFA_DIALECT_MFA_IR_SINKS_H
