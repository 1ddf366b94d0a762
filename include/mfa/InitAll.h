//===- InitAll.h - Register everything -------------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_INITALL_H
#define MFA_INITALL_H

#include "mlir/IR/DialectRegistry.h"

namespace mlir::mfa {

/// Registers the project's dialects and their interface implementations; the
/// upstream dialects that the passes produce are loaded by the passes.
void registerAllDialects(DialectRegistry &registry);

/// Registers the project's passes and pipelines with the pass registry.
void registerAllPasses();

} // namespace mlir::mfa

#endif // MFA_INITALL_H
