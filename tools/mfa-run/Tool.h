//===- Tool.h - mfa-run as a function ---------------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_RUN_TOOL_H
#define MFA_RUN_TOOL_H

#include "llvm/ADT/ArrayRef.h"

namespace mfa::run {

/// What mfa-run does with a command line, without its own name; returns the
/// exit status.
int runTool(llvm::ArrayRef<const char *> args);

} // namespace mfa::run

#endif // MFA_RUN_TOOL_H
