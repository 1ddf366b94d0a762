//===- Lowering.h - From a program to the llvm dialect ----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_LOWERING_H
#define MFA_RUN_LOWERING_H

#include "Target.h"
#include "mlir/IR/BuiltinOps.h"

namespace mfa::run {

/// Lowers the module to host code in the llvm dialect; the diagnostics say why
/// if that fails.
mlir::LogicalResult lower(mlir::ModuleOp module, const Target &target,
                          const LoweringOptions &options);

/// Checks that the lowering to `target` passes the stage.
llvm::Error checkStage(llvm::StringRef stage, const Target &target);

/// Lowers the module and prints it at `stage`, for `ptx` only the kernels'
/// assembly. A stage that was reached is printed even if a later one fails.
mlir::LogicalResult emitStage(mlir::ModuleOp module, llvm::StringRef stage,
                              const Target &target,
                              const LoweringOptions &options,
                              llvm::raw_ostream &os);

} // namespace mfa::run

#endif // MFA_RUN_LOWERING_H
