//===- BooleansToBytes.cpp - Booleans in memory ---------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// LLVM says nothing about an i1 whose byte in memory is neither 0 nor 1, and
// backends test its lowest bit. Arrays come from NumPy, PyTorch and C, where
// such a byte is true.
//
//===----------------------------------------------------------------------===//

#include "mfa/Conversion/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFABOOLEANSTOBYTESPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

namespace {

/// Rewrites in place, which keeps alignment, volatility and metadata.
struct LoadByte : OpRewritePattern<LLVM::LoadOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LLVM::LoadOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isInteger(1))
      return rewriter.notifyMatchFailure(op, "not a boolean");
    Type byte = rewriter.getI8Type();
    rewriter.modifyOpInPlace(op, [&] { op.getResult().setType(byte); });
    rewriter.setInsertionPointAfter(op);
    Value zero = LLVM::ConstantOp::create(rewriter, op.getLoc(), byte,
                                          rewriter.getI8IntegerAttr(0));
    auto isTrue = LLVM::ICmpOp::create(
        rewriter, op.getLoc(), LLVM::ICmpPredicate::ne, op.getResult(), zero);
    rewriter.replaceAllUsesExcept(op.getResult(), isTrue, isTrue);
    return success();
  }
};

struct StoreByte : OpRewritePattern<LLVM::StoreOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LLVM::StoreOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getValue().getType().isInteger(1))
      return rewriter.notifyMatchFailure(op, "not a boolean");
    Value byte = LLVM::ZExtOp::create(rewriter, op.getLoc(),
                                      rewriter.getI8Type(), op.getValue());
    rewriter.modifyOpInPlace(op, [&] { op.getValueMutable().assign(byte); });
    return success();
  }
};

struct BooleansToBytesPass
    : mfa::impl::MFABooleansToBytesPassBase<BooleansToBytesPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<LoadByte, StoreByte>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace
