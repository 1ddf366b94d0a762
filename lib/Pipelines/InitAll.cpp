//===- InitAll.cpp - Register everything --------------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/InitAll.h"
#include "Bufferization.h"
#include "mfa/Conversion/Passes.h"
#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Dialect/MFA/Transforms/BufferDeallocationOpInterfaceImpl.h"
#include "mfa/Dialect/MFA/Transforms/BufferizableOpInterfaceImpl.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Dialect/MFA/Transforms/RuntimeOpVerification.h"
#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mfa/Pipelines/Pipelines.h"

using namespace mlir;

void mfa::registerAllDialects(DialectRegistry &registry) {
  registry.insert<MFADialect, mfa_gpu::MFAGPUDialect>();
  registerBufferDeallocationOpInterfaceExternalModels(registry);
  registerBufferizableOpInterfaceExternalModels(registry);
  registerRuntimeVerifiableOpInterfaceExternalModels(registry);
  registerLaunchEffects(registry);
}

void mfa::registerAllPasses() {
  registerMFATransformsPasses();
  registerMFAConversionPasses();
  registerPipelines();
}
