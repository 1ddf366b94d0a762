//===- MFAToSim.cpp - The pipeline mfa-to-sim -----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostToLLVM.h"
#include "NestedModules.h"
#include "mfa/Conversion/Passes.h"
#include "mfa/Pipelines/Pipelines.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void mfa::addSimulation(OpPassManager &pm, const MFAToSimOptions &options) {
  pm.addPass(createSimulateGPUPass({options.checks, options.count}));
  addHostControlFlow(pm);
  pm.addPass(createMFALowerAssertsPass());
  pm.addPass(createConvertToLLVMPass());
  pm.addPass(createMFABooleansToBytesPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

void mfa::buildMFAToSimPipeline(OpPassManager &pm,
                                const MFAToSimOptions &options) {
  MFAToNVVMOptions kernels;
  kernels.chip = options.chip;
  kernels.f32Product = options.f32Product;
  kernels.tiles = options.tiles;
  kernels.schedules = options.schedules;
  addForEachModule(pm, [&](OpPassManager &pm) {
    addMFAToGPUKernels(pm, kernels);
    addGPUKernelsToNVVM(pm);
    addSimulation(pm, options);
  });
}
