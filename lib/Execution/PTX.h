//===- PTX.h - PTX texts ----------------------------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_EXECUTION_PTX_H
#define MFA_LIB_EXECUTION_PTX_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace mfa::exec {

/// Puts the PTX of several modules together: one text that can be assembled, in
/// which the directives at the head (`.version`, `.target`, `.address_size`)
/// stand once. Symbols must differ between the modules. A module with another
/// head follows as it is.
std::string joinPTX(llvm::ArrayRef<llvm::StringRef> texts);

} // namespace mfa::exec

#endif // MFA_LIB_EXECUTION_PTX_H
