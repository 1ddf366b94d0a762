//===- LowerDeviceQueries.cpp - Questions about the GPU -------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Conversion/Passes.h"
#include "mfa/Dialect/MFAGPU/IR/MFAGPU.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFALOWERDEVICEQUERIESPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using mfa_gpu::MultiprocessorsOp;

/// The runtime's function.
static constexpr StringLiteral kCount = "mfaGetMultiprocessorCount";

namespace {

struct CallRuntime : OpRewritePattern<MultiprocessorsOp> {
  CallRuntime(LLVM::LLVMFuncOp count)
      : OpRewritePattern(count.getContext()), count(count) {}

  LogicalResult matchAndRewrite(MultiprocessorsOp op,
                                PatternRewriter &rewriter) const override {
    auto call =
        LLVM::CallOp::create(rewriter, op.getLoc(), count, ValueRange());
    rewriter.replaceOpWithNewOp<arith::IndexCastOp>(op, rewriter.getIndexType(),
                                                    call.getResult());
    return success();
  }

private:
  mutable LLVM::LLVMFuncOp count;
};

struct LowerDeviceQueriesPass
    : mfa::impl::MFALowerDeviceQueriesPassBase<LowerDeviceQueriesPass> {
  using MFALowerDeviceQueriesPassBase::MFALowerDeviceQueriesPassBase;

  void runOnOperation() override {
    WalkResult result = getOperation().walk([&](ModuleOp module) {
      return failed(lower(module)) ? WalkResult::interrupt()
                                   : WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  /// The queries of `module` itself: those of modules in it have been lowered.
  LogicalResult lower(ModuleOp module) {
    // A program that asks nothing needs no declaration.
    bool asks =
        module.walk([](MultiprocessorsOp) { return WalkResult::interrupt(); })
            .wasInterrupted();
    if (!asks)
      return success();
    OpBuilder builder(&getContext());
    FailureOr<LLVM::LLVMFuncOp> count = LLVM::lookupOrCreateFn(
        builder, module, kCount, {}, builder.getI64Type());
    if (failed(count))
      return failure();
    RewritePatternSet patterns(&getContext());
    patterns.add<CallRuntime>(*count);
    walkAndApplyPatterns(module, std::move(patterns));
    return success();
  }
};

} // namespace
