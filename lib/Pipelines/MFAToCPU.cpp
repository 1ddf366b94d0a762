//===- MFAToCPU.cpp - The pipeline mfa-to-cpu -----------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bufferization.h"
#include "HostToLLVM.h"
#include "NestedModules.h"
#include "mfa/Conversion/Passes.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Pipelines/Pipelines.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/LLVMIR/Transforms/RequestCWrappers.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

/// Buffers and linalg to the llvm dialect.
static void addLoweringToLLVM(OpPassManager &pm, bool threads) {
  pm.addPass(mfa::createMFAExpandCopiesPass());
  pm.addPass(createConvertLinalgToLoopsPass());
  // From here on there are functions that no one calls from outside.
  pm.addNestedPass<func::FuncOp>(LLVM::createLLVMRequestCWrappersPass());
  pm.addPass(mfa::createMFAOutlineParallelLoopsPass({threads}));
  pm.addPass(mfa::createMFACheckAllocationsPass());
  pm.addPass(mfa::createMFALowerExpandShapesPass());
  pm.addPass(createConvertVectorToSCFPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createConvertComplexToStandardPass());
  mfa::addHostArithmetic(pm);
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(mfa::createMFALowerAssertsPass());
  ConvertVectorToLLVMPassOptions vectors;
  vectors.x86Vector = true;
  pm.addPass(createConvertVectorToLLVMPass(vectors));
  pm.addPass(createConvertToLLVMPass());
  pm.addPass(mfa::createMFABooleansToBytesPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

/// The pipeline for the functions of one module.
static void addModuleToCPU(OpPassManager &pm,
                           const mfa::MFAToCPUOptions &options) {
  pm.addPass(createGenerateRuntimeVerificationPass());
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(mfa::createMFADecomposeLinalgPass());
  mfa::addBufferization(pm);
  mfa::addHostDeallocation(pm);
  if (options.vectors) {
    pm.addPass(mfa::createMFASelectCPUSchedulePass({options.cpu}));
    pm.addPass(mfa::createConvertMFAToVectorPass());
  }
  pm.addPass(mfa::createMFATileAttentionPass({options.tileRows}));
  pm.addPass(mfa::createMFADecomposeAttentionPass());
  pm.addPass(createForallToParallelLoopPass());
  addLoweringToLLVM(pm, options.parallel);
}

void mfa::buildMFAToCPUPipeline(OpPassManager &pm,
                                const MFAToCPUOptions &options) {
  addForEachModule(pm, [&](OpPassManager &pm) { addModuleToCPU(pm, options); });
}
