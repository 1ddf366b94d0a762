//===- mfa-c/Passes.h - The project's passes and pipelines ------*- C -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registration makes passes known by name, so that mlirParsePassPipeline and
// mlirOpPassManagerAddPipeline find them. MLIR keeps one registry for the
// process; registering again changes nothing.
//
//===----------------------------------------------------------------------===//

#ifndef MFA_C_PASSES_H
#define MFA_C_PASSES_H

#include "mlir-c/Pass.h"

// mlirRegisterMFATransformsPasses, mlirRegisterMFAConversionPasses, and for
// each pass mlirRegister<Set><Pass> and mlirCreate<Set><Pass>.
#include "mfa/Conversion/Passes.capi.h.inc"
#include "mfa/Dialect/MFA/Transforms/Passes.capi.h.inc"

#ifdef __cplusplus
extern "C" {
#endif

/// Registers the pipelines mfa-to-cpu, mfa-to-nvvm and mfa-to-sim.
MLIR_CAPI_EXPORTED void mlirRegisterMFAPipelines(void);

/// Registers all passes and pipelines of the project.
MLIR_CAPI_EXPORTED void mlirRegisterAllMFAPasses(void);

#ifdef __cplusplus
}
#endif

#endif // MFA_C_PASSES_H
