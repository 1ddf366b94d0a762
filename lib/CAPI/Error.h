//===- Error.h - Errors across the C API ------------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_LIB_CAPI_ERROR_H
#define MFA_LIB_CAPI_ERROR_H

#include "mfa-c/Support.h"
#include "mfa/Execution/Kernel.h"

namespace mfa::capi {

/// The error for C; null for success.
MfaError wrap(llvm::Error error);

} // namespace mfa::capi

#endif // MFA_LIB_CAPI_ERROR_H
