//===- mfa-c/Dialects.h - The project's dialects ----------------*- C -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_C_DIALECTS_H
#define MFA_C_DIALECTS_H

#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(MFA, mfa);
MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(MFAGPU, mfa_gpu);

/// Adds both dialects and the implementations of upstream's interfaces for
/// their ops. The pipelines need those; a dialect handle alone brings none.
MLIR_CAPI_EXPORTED void mfaRegisterAllDialects(MlirDialectRegistry registry);

#ifdef __cplusplus
}
#endif

#endif // MFA_C_DIALECTS_H
