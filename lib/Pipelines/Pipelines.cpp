//===- Pipelines.cpp - Registration of the pipelines ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Pipelines/Pipelines.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

void mfa::registerPipelines() {
  PassPipelineRegistration<MFAToCPUOptions>(
      "mfa-to-cpu",
      "Lower masked attention through linalg to the llvm dialect, for the CPU",
      buildMFAToCPUPipeline);
  PassPipelineRegistration<MFAToNVVMOptions>(
      "mfa-to-nvvm",
      "Lower masked attention to GPU kernels as PTX and the host code that "
      "launches them",
      buildMFAToNVVMPipeline);
  PassPipelineRegistration<MFAToSimOptions>(
      "mfa-to-sim",
      "Lower masked attention to GPU kernels and the host code that simulates "
      "them",
      buildMFAToSimPipeline);
}
