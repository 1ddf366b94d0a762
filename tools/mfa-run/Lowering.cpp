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

/// What comes before all stages.
static mlir::LogicalResult prepare(ModuleOp module,
                                   const LoweringOptions &options) {
  if (!options.raise)
    return mlir::success();
  mlir::mfa::MFARaiseAttentionPassOptions raise;
  raise.rowsWithoutKeys = *options.raise;
  return mfa::exec::lower(module, [&](mlir::OpPassManager &pm) {
    pm.addPass(mlir::mfa::createMFARaiseAttentionPass(raise));
    pm.addPass(mlir::createCanonicalizerPass());
  });
}

mlir::LogicalResult mfa::run::lower(ModuleOp module, const Target &target,
                                    const LoweringOptions &options) {
  if (failed(prepare(module, options)))
    return mlir::failure();
  return mfa::exec::lower(module, [&](mlir::OpPassManager &pm) {
    target.buildPipeline(pm, options);
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
  if (failed(prepare(module, options)))
    return mlir::failure();
  LoweringOptions lowering = options;
  lowering.reference |= stage == "linalg";
  return exec::printStage(
      module, stage,
      [&](mlir::OpPassManager &pm) { target.buildPipeline(pm, lowering); }, os);
}
