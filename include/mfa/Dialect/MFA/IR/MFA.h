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
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "mfa/Dialect/MFA/IR/MFADialect.h.inc"

#include "mfa/Dialect/MFA/IR/MFAEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "mfa/Dialect/MFA/IR/MFAAttrs.h.inc"

#define GET_OP_CLASSES
#include "mfa/Dialect/MFA/IR/MFAOps.h.inc"

#endif // MFA_DIALECT_MFA_IR_MFA_H
