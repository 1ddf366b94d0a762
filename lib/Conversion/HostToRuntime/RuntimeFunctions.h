//===- RuntimeFunctions.h - Functions of the runtime -----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CONVERSION_HOSTTORUNTIME_RUNTIMEFUNCTIONS_H
#define MFA_LIB_CONVERSION_HOSTTORUNTIME_RUNTIMEFUNCTIONS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::mfa {

/// The declaration of the runtime function `name` in `module`, created if it is
/// not there. Fails, with a diagnostic, where the name stands for something
/// else.
FailureOr<func::FuncOp> declareRuntimeFunction(ModuleOp module, StringRef name,
                                               FunctionType type);

/// A position in the source as the end of a message, ` (file:line:column)`;
/// empty where there is none.
std::string formatPosition(Location loc);

} // namespace mlir::mfa

#endif // MFA_LIB_CONVERSION_HOSTTORUNTIME_RUNTIMEFUNCTIONS_H
