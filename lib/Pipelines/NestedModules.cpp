//===- NestedModules.cpp - Modules in modules, for every pipeline ---------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NestedModules.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;

namespace {
struct NestedModulesPass
    : PassWrapper<NestedModulesPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(NestedModulesPass)

  NestedModulesPass() = default;
  explicit NestedModulesPass(const OpPassManager &pipeline) {
    pipelines = ArrayRef(pipeline);
  }
  NestedModulesPass(const NestedModulesPass &other) : PassWrapper(other) {}

  StringRef getArgument() const override { return "mfa-nested-modules"; }
  StringRef getDescription() const override {
    return "Run pipelines on each module inside of the module, innermost first";
  }

  void getDependentDialects(DialectRegistry &registry) const override {
    for (const OpPassManager &pipeline : pipelines)
      pipeline.getDependentDialects(registry);
  }

  void runOnOperation() override {
    if (failed(runInside(getOperation())))
      signalPassFailure();
  }

private:
  LogicalResult runInside(ModuleOp parent) {
    for (auto module : llvm::make_early_inc_range(parent.getOps<ModuleOp>())) {
      if (failed(runInside(module)))
        return failure();
      for (OpPassManager &pipeline : pipelines)
        if (failed(runPipeline(pipeline, module)))
          return failure();
    }
    return success();
  }

  ListOption<OpPassManager> pipelines{
      *this, "pipelines",
      llvm::cl::desc("What to run, in the form of `builtin.module(...)`")};
};
} // namespace

void mfa::addForEachModule(OpPassManager &pm,
                           function_ref<void(OpPassManager &)> build) {
  OpPassManager pipeline(ModuleOp::getOperationName());
  build(pipeline);
  pm.addPass(std::make_unique<NestedModulesPass>(pipeline));
  build(pm);
}

void mfa::registerNestedModulesPass() { PassRegistration<NestedModulesPass>(); }
