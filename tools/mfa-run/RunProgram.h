//===- RunProgram.h - Run a program on arrays from files --------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_RUNPROGRAM_H
#define MFA_RUN_RUNPROGRAM_H

#include "Options.h"
#include "Report.h"
#include "Target.h"
#include "mlir/IR/MLIRContext.h"

namespace mfa::run {

/// Runs the entry function of `options.program` on the given arrays and writes
/// the results.
llvm::Expected<Report> runProgram(mlir::MLIRContext &context,
                                  const Options &options, const Target &target,
                                  Device &device);

/// Prints a stage of the lowering of the program.
llvm::Error emitProgram(mlir::MLIRContext &context, const Options &options,
                        const Target &target);

} // namespace mfa::run

#endif // MFA_RUN_RUNPROGRAM_H
