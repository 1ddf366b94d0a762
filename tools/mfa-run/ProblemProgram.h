//===- ProblemProgram.h - The program of a generated problem ----*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_PROBLEMPROGRAM_H
#define MFA_RUN_PROBLEMPROGRAM_H

#include "Operands.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mfa::run {

/// Name of the generated function.
inline constexpr llvm::StringLiteral kProblemEntry = "attention";

/// Writes the problem as a function on buffers with the layout of `operands`:
/// query, key, value, the mask if there is one, the scale if it is given in a
/// dynamic problem, the sinks if there are some, what regions capture, output,
/// log-sum-exp if it is asked for. A dynamic problem leaves open every size but
/// the head sizes and the mask's broadcast ones, and the numbers of rules.
mlir::OwningOpRef<mlir::ModuleOp>
buildProgram(mlir::MLIRContext &context, const Problem &problem,
             const Operands &operands, mlir::mfa::ScheduleAttr schedule);

} // namespace mfa::run

#endif // MFA_RUN_PROBLEMPROGRAM_H
