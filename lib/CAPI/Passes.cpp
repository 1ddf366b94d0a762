//===- Passes.cpp - The project's passes in C -----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa-c/Passes.h"
#include "mfa/Conversion/Passes.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/InitAll.h"
#include "mfa/Pipelines/Pipelines.h"
#include "mlir/CAPI/Pass.h"

// The generated functions refer to the passes by bare name.
using namespace mlir;
using namespace mlir::mfa;

extern "C" {

#include "mfa/Conversion/Passes.capi.cpp.inc"
#include "mfa/Dialect/MFA/Transforms/Passes.capi.cpp.inc"
}

void mlirRegisterMFAPipelines(void) { registerPipelines(); }

void mlirRegisterAllMFAPasses(void) { registerAllPasses(); }
