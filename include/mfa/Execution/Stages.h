//===- Stages.h - A program on its way through a pipeline -------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_EXECUTION_STAGES_H
#define MFA_EXECUTION_STAGES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"

namespace mfa::exec {

/// Everything that a program may hold and that the pipelines make of it.
void registerDialects(mlir::DialectRegistry &registry);

/// Stages of the pipelines, in their order.
inline constexpr llvm::StringRef kCPUStages[] = {"mfa", "linalg", "vector",
                                                 "llvm"};
inline constexpr llvm::StringRef kSimStages[] = {"mfa", "gpu", "nvvm", "llvm"};
inline constexpr llvm::StringRef kCUDAStages[] = {"mfa", "gpu", "nvvm", "llvm",
                                                  "ptx"};

/// Lowers the module by the pipeline, to be executed: a release build leaves it
/// to tests to verify what passes make. `notes`, if given, is called for
/// passes.
mlir::LogicalResult
lower(mlir::ModuleOp module,
      llvm::function_ref<void(mlir::OpPassManager &)> buildPipeline,
      std::unique_ptr<mlir::PassInstrumentation> notes = nullptr);

/// Lowers the module by the pipeline and prints it at `stage`, for `ptx` only
/// the kernels' assembly. A stage that was reached is printed even if a later
/// one fails.
mlir::LogicalResult
printStage(mlir::ModuleOp module, llvm::StringRef stage,
           llvm::function_ref<void(mlir::OpPassManager &)> buildPipeline,
           llvm::raw_ostream &os);

} // namespace mfa::exec

#endif // MFA_EXECUTION_STAGES_H
