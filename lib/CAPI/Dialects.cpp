//===- Dialects.cpp - The project's dialects in C -------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa-c/Dialects.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mfa/InitAll.h"
#include "mlir/CAPI/Registration.h"

MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(MFA, mfa, mlir::mfa::MFADialect)
MLIR_DEFINE_CAPI_DIALECT_REGISTRATION(MFAGPU, mfa_gpu,
                                      mlir::mfa_gpu::MFAGPUDialect)

void mfaRegisterAllDialects(MlirDialectRegistry registry) {
  mlir::mfa::registerAllDialects(*unwrap(registry));
}
