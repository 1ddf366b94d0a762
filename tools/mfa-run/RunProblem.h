//===- RunProblem.h - Run a generated problem -------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_RUNPROBLEM_H
#define MFA_RUN_RUNPROBLEM_H

#include "Options.h"
#include "Report.h"
#include "Target.h"
#include "mlir/IR/BuiltinOps.h"

namespace mfa::run {

/// The program of a problem, with the schedule that the options give, if any.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
buildVerifiedProgram(mlir::MLIRContext &context, const Options &options,
                     const Problem &problem, const Operands &operands);

/// Compiles a problem for the target, runs it as the options say (once, or
/// `repeat` times with equal results), checks it and measures it. An error says
/// what went wrong before there was a result; a wrong result is in the report.
llvm::Expected<Report> runProblem(mlir::MLIRContext &context,
                                  const Options &options,
                                  const Problem &problem, const Target &target,
                                  Device &device);

/// Prints a stage of the lowering of a problem.
llvm::Error emitProblem(mlir::MLIRContext &context, const Options &options,
                        const Target &target);

/// Runs and checks every problem of the table `options.problems`, a line for
/// each, and says how many passed. False unless all did.
llvm::Expected<bool> runTable(mlir::MLIRContext &context,
                              const Options &options, const Target &target,
                              Device &device);

} // namespace mfa::run

#endif // MFA_RUN_RUNPROBLEM_H
