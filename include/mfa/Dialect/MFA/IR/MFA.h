//===- MFA.h - The masked attention dialect ---------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_DIALECT_MFA_IR_MFA_H
#define MFA_DIALECT_MFA_IR_MFA_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/RuntimeVerifiableOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/TilingInterface.h"

#include "mfa/Dialect/MFA/IR/MFADialect.h.inc"

namespace mlir::mfa {
/// The dimensions of the scores, which are those of a mask of rank 4. Used to
/// ask about a mask without regard to its rank.
enum class ScoreDim { Batch, Head, Query, Key };

/// The sizes of a problem that several operands share. Grouped heads make the
/// heads of key and value (h) a size of their own.
enum class SharedSize { Batch, Heads, KVHeads, QueryLength, KeyLength };

/// A dimension of an operand that has to have a shared size.
struct SizeUse {
  Value operand;
  StringRef operandName;
  unsigned dim;

  int64_t getStaticSize() const {
    return cast<ShapedType>(operand.getType()).getDimSize(dim);
  }
};

/// What `size` is called in diagnostics.
StringRef stringifySharedSize(SharedSize size);

/// Whether the regions of masked attention may have such an op.
bool isAllowedInRegions(Operation *op);
} // namespace mlir::mfa

#include "mfa/Dialect/MFA/IR/MFAEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "mfa/Dialect/MFA/IR/MFAAttrs.h.inc"

#define GET_OP_CLASSES
#include "mfa/Dialect/MFA/IR/MFAOps.h.inc"

#endif // MFA_DIALECT_MFA_IR_MFA_H
