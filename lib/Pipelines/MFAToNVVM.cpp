//===- MFAToNVVM.cpp - The pipeline mfa-to-nvvm ---------------------------===//
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
#include "mlir/Dialect/Affine/Transforms/Passes.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/Transforms/RequestCWrappers.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

static void addSimplification(OpPassManager &pm) {
  // From users to what they use: much of what a kernel's patterns write is not
  // used in the end, and simplifying it first takes several times as long.
  GreedyRewriteConfig config;
  config.setUseTopDownTraversal(false);
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Normal);
  pm.addPass(createCanonicalizerPass(config));
  pm.addPass(createCSEPass());
}

void mfa::addMFAToGPUKernels(OpPassManager &pm,
                             const MFAToNVVMOptions &options) {
  // Kernels that are there already are no concern of the host's assertions.
  pm.addNestedPass<func::FuncOp>(createGenerateRuntimeVerificationPass());
  addBufferization(pm);
  pm.addNestedPass<func::FuncOp>(createMFAMoveBuffersToGPUPass());
  pm.addPass(createMFALaunchCopiesPass({options.chip}));
  pm.addNestedPass<func::FuncOp>(createMFAGroupHeadsAsQueriesPass());
  // From here on there are functions that no one calls from outside.
  pm.addNestedPass<func::FuncOp>(LLVM::createLLVMRequestCWrappersPass());
  // Before functions of the host become calls.
  pm.addPass(createMFAExpandRegionMathPass());
  // By the rules as they are: what a quotient is expanded to says less.
  pm.addPass(createMFASelectSchedulePass(
      {options.chip, options.f32Product, options.tiles, options.schedules}));
  // Before kernels are there, which this is no concern of, and which it would
  // have to go through.
  addHostArithmetic(pm);
  pm.addPass(createConvertMFAToGPUPass({options.chip, options.schedules}));
  addSimplification(pm);
}

void mfa::addKeyTileCount(OpPassManager &pm, const MFAToNVVMOptions &options) {
  pm.addNestedPass<func::FuncOp>(createMFAGroupHeadsAsQueriesPass());
  // The table tells scores apart by the operations that they are computed by.
  pm.addPass(createMFAExpandRegionMathPass());
  pm.addPass(createMFASelectSchedulePass(
      {options.chip, options.f32Product, options.tiles, options.schedules}));
  pm.addNestedPass<func::FuncOp>(createMFACountKeyTilesPass());
}

void mfa::addGPUKernelsToNVVM(OpPassManager &pm) {
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(createConvertMFAGPUToNVVMPass());
  kernels.addPass(createConvertNVGPUToNVVMPass());
  // Simplifying what these leave here as well gives the same PTX, and takes a
  // tenth of the time.
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(affine::createAffineExpandIndexOpsPass());
  kernels.addPass(createLowerAffinePass());
  addSimplification(kernels);
  // Without rollback this conversion is faster.
  SCFToControlFlowPassOptions controlFlow;
  controlFlow.allowPatternRollback = false;
  kernels.addPass(createSCFToControlFlowPass(controlFlow));
  // Here rollback stays: without it the constant index of a memref.dim has been
  // converted before it, and sizes would be looked up in a copy of the
  // descriptor in memory.
  kernels.addPass(createConvertGpuOpsToNVVMOps());
  kernels.addPass(createMFABooleansToBytesPass());
  addSimplification(kernels);
  kernels.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createMFALowerTensorMapsPass());
  pm.addPass(createMFALowerDeviceQueriesPass());
}

void mfa::addGPUHostToLLVM(OpPassManager &pm, const MFAToNVVMOptions &options) {
  addHostControlFlow(pm);
  pm.addPass(createMFALowerAssertsPass());
  // Ops without an intrinsic of LLVM become inline assembly.
  pm.addNestedPass<gpu::GPUModuleOp>(createConvertNVVMToLLVMPass());
  pm.addPass(createMFADropUnusedKernelArgumentsPass());
  pm.addPass(createMFASerializeKernelsPass({options.format}));
  // A conversion of the whole module, without the kernels by now.
  pm.addPass(createGpuToLLVMConversionPass());
  pm.addPass(createConvertToLLVMPass());
  pm.addPass(createMFABooleansToBytesPass());
  addSimplification(pm);
  pm.addPass(createReconcileUnrealizedCastsPass());
}

void mfa::buildMFAToNVVMPipeline(OpPassManager &pm,
                                 const MFAToNVVMOptions &options) {
  addForEachModule(pm, [&](OpPassManager &pm) {
    addMFAToGPUKernels(pm, options);
    addGPUKernelsToNVVM(pm);
    addGPUHostToLLVM(pm, options);
  });
}
