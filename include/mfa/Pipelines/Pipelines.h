//===- Pipelines.h - Pass pipelines ----------------------------*- C++ -*-===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MFA_PIPELINES_PIPELINES_H
#define MFA_PIPELINES_PIPELINES_H

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace mlir::mfa {

/// Options of the pipeline `mfa-to-cpu`.
struct MFAToCPUOptions : public PassPipelineOptions<MFAToCPUOptions> {};

/// Options of the pipeline `mfa-to-nvvm`.
struct MFAToNVVMOptions : public PassPipelineOptions<MFAToNVVMOptions> {
  PassOptions::Option<std::string> chip{
      *this, "chip",
      llvm::cl::desc("GPU architecture to compile for, such as sm_80"),
      llvm::cl::init("sm_80")};
};

/// Options of the pipeline `mfa-to-sim`.
struct MFAToSimOptions : public PassPipelineOptions<MFAToSimOptions> {
  PassOptions::Option<std::string> chip{
      *this, "chip",
      llvm::cl::desc("GPU architecture whose kernels are simulated"),
      llvm::cl::init("sm_80")};
  PassOptions::Option<bool> checks{
      *this, "checks",
      llvm::cl::desc("Check every access of the kernels to memory"),
      llvm::cl::init(true)};
};

/// From masked attention on tensors or buffers to the llvm dialect, through
/// linalg: the reference, run by a JIT on the CPU.
void buildMFAToCPUPipeline(OpPassManager &pm, const MFAToCPUOptions &options);

/// From masked attention on tensors or buffers to host code in the llvm
/// dialect that launches kernels embedded as PTX.
void buildMFAToNVVMPipeline(OpPassManager &pm, const MFAToNVVMOptions &options);

/// From masked attention on buffers to host code in the llvm dialect that
/// executes the GPU kernels through the simulator's runtime.
void buildMFAToSimPipeline(OpPassManager &pm, const MFAToSimOptions &options);

/// Registers the pipelines by name.
void registerPipelines();

} // namespace mlir::mfa

#endif // MFA_PIPELINES_PIPELINES_H
