//===- Lowering.cpp - From a program to the llvm dialect ------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "Options.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Execution/Stages.h"
#include "mlir/Transforms/Passes.h"

using namespace llvm;
using namespace mfa::run;
using mlir::ModuleOp;

static void buildPipeline(mlir::OpPassManager &pm, const Target &target,
                          const LoweringOptions &options) {
  if (options.raise) {
    mlir::mfa::MFARaiseAttentionPassOptions raise;
    raise.rowsWithoutKeys = *options.raise;
    pm.addPass(mlir::mfa::createMFARaiseAttentionPass(raise));
    pm.addPass(mlir::createCanonicalizerPass());
  }
  target.buildPipeline(pm, options);
}

mlir::LogicalResult mfa::run::lower(ModuleOp module, const Target &target,
                                    const LoweringOptions &options) {
  return exec::lower(module, [&](mlir::OpPassManager &pm) {
    buildPipeline(pm, target, options);
  });
}

Error mfa::run::checkStage(StringRef stage, const Target &target) {
  if (is_contained(target.stages, stage))
    return Error::success();
  for (const Target &other : getTargets())
    if (is_contained(other.stages, stage))
      return makeError("--emit: stage '", stage,
                       "' is not on the way to target '", target.name,
                       "' but to '", other.name, "'");
  SmallVector<StringRef> stages;
  for (const Target &other : getTargets())
    for (StringRef name : other.stages)
      if (!is_contained(stages, name))
        stages.push_back(name);
  return makeChoiceError("--emit", stages, stage);
}

mlir::LogicalResult mfa::run::emitStage(ModuleOp module, StringRef stage,
                                        const Target &target,
                                        const LoweringOptions &options,
                                        raw_ostream &os) {
  return exec::printStage(
      module, stage,
      [&](mlir::OpPassManager &pm) { buildPipeline(pm, target, options); }, os);
}
