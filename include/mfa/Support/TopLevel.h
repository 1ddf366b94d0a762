//===- TopLevel.h - What modules have outside of functions ------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_SUPPORT_TOPLEVEL_H
#define MFA_SUPPORT_TOPLEVEL_H

#include "mlir/IR/Operation.h"

namespace mlir::mfa {

/// Checks that a module of the llvm dialect has nothing outside of functions
/// but symbols, other modules, constants, and what is said of the whole module:
/// MLIR verifies other ops there, and crashes where it translates them to LLVM
/// IR, which has no place for them.
LogicalResult checkTopLevel(Operation *module);

} // namespace mlir::mfa

#endif // MFA_SUPPORT_TOPLEVEL_H
