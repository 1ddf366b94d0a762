//===- block-opt.cpp - A compiler that embeds MFA -------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tool like mlir-opt whose programs call attention by a function of its own,
// @attend(query, key, value, mask, output). One pass writes the calls as
// mfa.masked_attention, and the pipeline `block-to-gpu` goes on to the kernels.
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/InitAll.h"
#include "mfa/Pipelines/Pipelines.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

using namespace mlir;

namespace {
/// call @attend(%q, %k, %v, %mask, %out) -> mfa.masked_attention
struct RaiseCall : OpRewritePattern<func::CallOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(func::CallOp call,
                                PatternRewriter &rewriter) const override {
    if (call.getCallee() != "attend" || call.getNumOperands() != 5 ||
        call.getNumResults() != 0)
      return rewriter.notifyMatchFailure(call, "is not a call of attention");
    mfa::MaskedAttentionOp::create(
        rewriter, call.getLoc(), call.getOperand(0), call.getOperand(1),
        call.getOperand(2), call.getOperand(3), /*scale=*/Value(),
        call.getOperand(4), /*lse=*/Value(), /*schedule=*/mfa::ScheduleAttr());
    rewriter.eraseOp(call);
    return success();
  }
};

struct RaiseCallsPass : PassWrapper<RaiseCallsPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RaiseCallsPass)

  StringRef getArgument() const override { return "raise-attention-calls"; }
  StringRef getDescription() const override {
    return "Write calls of @attend as masked attention";
  }

  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<mfa::MFADialect>();
  }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RaiseCall>(&getContext());
    ModuleOp module = getOperation();
    walkAndApplyPatterns(module, std::move(patterns));
    // Nothing is left that calls it.
    Operation *attend = SymbolTable::lookupSymbolIn(module, "attend");
    if (attend && SymbolTable::symbolKnownUseEmpty(attend, module))
      attend->erase();
  }
};
} // namespace

int main(int argc, char **argv) {
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerAllGPUToLLVMIRTranslations(registry);
  mfa::registerAllDialects(registry);
  mfa::registerAllPasses();

  PassRegistration<RaiseCallsPass>();
  PassPipelineRegistration<mfa::MFAToNVVMOptions>(
      "block-to-gpu", "Raise calls of @attend and lower them to GPU kernels",
      [](OpPassManager &pm, const mfa::MFAToNVVMOptions &options) {
        pm.addPass(std::make_unique<RaiseCallsPass>());
        mfa::buildMFAToNVVMPipeline(pm, options);
      });
  return asMainReturnCode(
      MlirOptMain(argc, argv, "A compiler of transformer blocks\n", registry));
}
