//===- NestedModules.h - Modules in modules, for every pipeline -*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_PIPELINES_NESTEDMODULES_H
#define MFA_LIB_PIPELINES_NESTEDMODULES_H

#include "mlir/Pass/PassManager.h"

namespace mlir::mfa {

/// Adds the passes of `build` for the module that `pm` runs on and, before
/// them, a pass that runs the same on each module in it, as on a program of its
/// own: with its own kernels and declarations of runtime functions.
void addForEachModule(OpPassManager &pm,
                      function_ref<void(OpPassManager &)> build);

void registerNestedModulesPass();

} // namespace mlir::mfa

#endif // MFA_LIB_PIPELINES_NESTEDMODULES_H
