//===- MFAToCPU.cpp - The pipeline mfa-to-cpu -----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Pipelines/Pipelines.h"

using namespace mlir;

void mfa::buildMFAToCPUPipeline(OpPassManager &pm, const MFAToCPUOptions &) {
  pm.addPass(createMFADecomposeAttentionPass());
}
