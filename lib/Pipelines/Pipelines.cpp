//===- Pipelines.cpp - Registration of the pipelines ---------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Pipelines/Pipelines.h"
#include "NestedModules.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

LogicalResult mfa::MFAToCPUOptions::check(const OptionCheck &check) const {
  if (failed(check.cpu(cpu)))
    return failure();
  return check.range("tile-rows", tileRows, 1, kMaxTileRows);
}

LogicalResult mfa::MFAToNVVMOptions::check(const OptionCheck &check) const {
  if (failed(KernelOptions::check(check)))
    return failure();
  return check.choice("format", format, kKernelFormats);
}

/// As PassPipelineRegistration, and checks the options.
template <typename Options>
static void registerPipeline(StringRef name, StringRef description,
                             void (*build)(OpPassManager &, const Options &)) {
  registerPassPipeline(
      name, description,
      [name, build](OpPassManager &pm, StringRef text,
                    mfa::OptionCheck::ErrorHandler errorHandler) {
        Options options;
        if (failed(options.parseFromString(text)) ||
            failed(options.check(mfa::OptionCheck(name, errorHandler))))
          return failure();
        build(pm, options);
        return success();
      },
      [](function_ref<void(const detail::PassOptions &)> optionHandler) {
        optionHandler(Options());
      });
}

void mfa::registerPipelines() {
  registerNestedModulesPass();
  registerPipeline(
      "mfa-to-cpu",
      "Lower masked attention through linalg to the llvm dialect, for the CPU",
      buildMFAToCPUPipeline);
  registerPipeline(
      "mfa-to-nvvm",
      "Lower masked attention to GPU kernels as PTX and the host code that "
      "launches them",
      buildMFAToNVVMPipeline);
  registerPipeline(
      "mfa-to-sim",
      "Lower masked attention to GPU kernels and the host code that simulates "
      "them",
      buildMFAToSimPipeline);
}
