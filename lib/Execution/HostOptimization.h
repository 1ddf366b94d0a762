//===- HostOptimization.h - LLVM's passes on host code ----------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_EXECUTION_HOSTOPTIMIZATION_H
#define MFA_LIB_EXECUTION_HOSTOPTIMIZATION_H

#include "mfa/Execution/HostCode.h"

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace mfa::exec {

/// Optimises the module for the machine, and for what it is for. Once
/// `shouldStop`, if given, returns true, no more passes are begun.
void optimizeHostCode(llvm::Module &module, llvm::TargetMachine &machine,
                      HostCodeUse use, const std::function<bool()> &shouldStop);

} // namespace mfa::exec

#endif // MFA_LIB_EXECUTION_HOSTOPTIMIZATION_H
