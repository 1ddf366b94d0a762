//===- HostToLLVM.h - Host code, for every pipeline -------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_PIPELINES_HOSTTOLLVM_H
#define MFA_LIB_PIPELINES_HOSTTOLLVM_H

#include "mlir/Pass/PassManager.h"

namespace mlir::mfa {

/// Ops of arith and math that have no lowering to the llvm dialect, or one that
/// calls functions that a JIT does not have, to others.
void addHostArithmetic(OpPassManager &pm);

/// Views, affine ops and structured control flow of the functions beside
/// kernels.
void addHostControlFlow(OpPassManager &pm);

} // namespace mlir::mfa

#endif // MFA_LIB_PIPELINES_HOSTTOLLVM_H
