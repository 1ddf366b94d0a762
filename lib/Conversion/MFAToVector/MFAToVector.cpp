//===- MFAToVector.cpp - Masked attention on buffers to vectors -----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionLoops.h"
#include "mfa/Conversion/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_CONVERTMFATOVECTORPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

namespace {
struct LowerToVectors : OpRewritePattern<mfa::MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(mfa::MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<mfa::ScheduleAttr> schedule = op.getSchedule();
    if (!schedule || !schedule->isForCPU())
      return rewriter.notifyMatchFailure(op, "no schedule of a CPU");
    if (op.hasTensorSemantics())
      return rewriter.notifyMatchFailure(op, "expected buffers");
    mfa::createAttentionLoops(rewriter, op, *schedule);
    rewriter.eraseOp(op);
    return success();
  }
};

struct ConvertMFAToVectorPass
    : mfa::impl::ConvertMFAToVectorPassBase<ConvertMFAToVectorPass> {
  using ConvertMFAToVectorPassBase::ConvertMFAToVectorPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<LowerToVectors>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
