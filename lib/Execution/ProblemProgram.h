//===- ProblemProgram.h - The program of a problem --------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_EXECUTION_PROBLEMPROGRAM_H
#define MFA_LIB_EXECUTION_PROBLEMPROGRAM_H

#include "mfa/Execution/Kernel.h"

namespace mfa::exec {

/// Writes the problem as a function `masked_attention` on buffers with open
/// sizes and strides. The location of each parameter is its name.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
buildProgram(mlir::MLIRContext &context, const Problem &problem,
             llvm::StringRef schedule);

} // namespace mfa::exec

#endif // MFA_LIB_EXECUTION_PROBLEMPROGRAM_H
