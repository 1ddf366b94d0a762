//===- MFAToNVVM.cpp - The pipeline mfa-to-nvvm ---------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Conversion/Passes.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Pipelines/Pipelines.h"

using namespace mlir;

void mfa::buildMFAToNVVMPipeline(OpPassManager &pm,
                                 const MFAToNVVMOptions &options) {
  pm.addPass(createMFASelectSchedulePass({options.chip}));
  pm.addPass(createConvertMFAToGPUPass({options.chip}));
  pm.addNestedPass<gpu::GPUModuleOp>(createConvertMFAGPUToNVVMPass());
}
