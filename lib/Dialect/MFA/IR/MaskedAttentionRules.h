//===- MaskedAttentionRules.h - Rules of masked attention -------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rules that a more exact type of an operand can break: the verifier asks
// for the op as it is, canonicalisation for the op as it would be.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_DIALECT_MFA_IR_MASKEDATTENTIONRULES_H
#define MFA_LIB_DIALECT_MFA_IR_MASKEDATTENTIONRULES_H

#include "mfa/Dialect/MFA/IR/MFA.h"

namespace mlir::mfa {

/// What takes the place of an operand.
using OperandMap = function_ref<Value(Value)>;

/// The first rule about shared sizes and numbers of heads that `op` would break
/// with other operands in place of its own, as the text of an error. A mask
/// size that is a static 1 in `op` broadcasts; one that is 1 in the other mask
/// alone is a size like any other.
std::optional<std::string> findSizeConflict(MaskedAttentionOp op,
                                            OperandMap operands);

/// The same for strides of buffers and for destinations that are other operands
/// as well.
std::optional<std::string> findStorageConflict(MaskedAttentionOp op,
                                               OperandMap operands);

} // namespace mlir::mfa

#endif // MFA_LIB_DIALECT_MFA_IR_MASKEDATTENTIONRULES_H
