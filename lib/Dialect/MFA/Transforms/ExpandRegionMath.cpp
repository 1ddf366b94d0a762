//===- ExpandRegionMath.cpp - Functions of regions, for GPUs --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/IR/MFA.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Approximation.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFAEXPANDREGIONMATHPASS
#include "mfa/Dialect/MFA/Transforms/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

static constexpr double kLog2E = 1.4426950408889634;
static constexpr double kLn2 = 0.6931471805599453;

static Value createConstant(ImplicitLocOpBuilder &b, double value) {
  return arith::ConstantOp::create(
      b, b.getF32FloatAttr(static_cast<float>(value)));
}

/// exp2 of `value` times log2 e times `factor`.
static Value createExp(ImplicitLocOpBuilder &b, Value value, double factor) {
  return math::Exp2Op::create(
      b, arith::MulFOp::create(b, value, createConstant(b, kLog2E * factor)));
}

namespace {

/// 1 - 2 / (exp(2 x) + 1): right at +-inf as well.
struct ExpandTanh : OpRewritePattern<math::TanhOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::TanhOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "needs f32");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value one = createConstant(b, 1);
    Value sum = arith::AddFOp::create(b, createExp(b, op.getOperand(), 2), one);
    Value rest = arith::DivFOp::create(b, createConstant(b, 2), sum,
                                       arith::FastMathFlags::afn);
    rewriter.replaceOpWithNewOp<arith::SubFOp>(op, one, rest);
    return success();
  }
};

struct ExpandExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "needs f32");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, createExp(b, op.getOperand(), 1));
    return success();
  }
};

struct ExpandLog : OpRewritePattern<math::LogOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::LogOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "needs f32");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value log2 = math::Log2Op::create(b, op.getOperand());
    rewriter.replaceOpWithNewOp<arith::MulFOp>(op, log2,
                                               createConstant(b, kLn2));
    return success();
  }
};

/// A quotient of a few instructions: the exact one is a function call, around
/// which the tiles that a kernel has in registers would be spilled.
struct ApproximateQuotient : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::DivFOp op,
                                PatternRewriter &rewriter) const override {
    arith::FastMathFlags flags = op.getFastmath();
    if (!op.getType().isF32() ||
        bitEnumContainsAll(flags, arith::FastMathFlags::afn))
      return rewriter.notifyMatchFailure(op, "nothing to change");
    rewriter.modifyOpInPlace(
        op, [&] { op.setFastmath(flags | arith::FastMathFlags::afn); });
    return success();
  }
};

struct ExpandRegionMathPass
    : mfa::impl::MFAExpandRegionMathPassBase<ExpandRegionMathPass> {
  using MFAExpandRegionMathPassBase::MFAExpandRegionMathPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    set.add<ExpandTanh, ExpandExp, ExpandLog, ApproximateQuotient>(context);
    math::populateExpansionPatterns(set,
                                    {"sinh", "cosh", "tan", "asinh", "acosh",
                                     "atanh", "powf", "fpowi", "rsqrt"});
    auto isApproximated = [](StringRef name) {
      return llvm::is_contained(
          {StringRef("math.erf"), StringRef("math.erfc"), StringRef("math.sin"),
           StringRef("math.cos"), StringRef("math.atan"),
           StringRef("math.atan2"), StringRef("math.log1p"),
           StringRef("math.expm1"), StringRef("math.asin"),
           StringRef("math.acos"), StringRef("math.cbrt")},
          name);
    };
    populateMathF32ExpansionPatterns(
        set, [](StringRef name) { return name.starts_with("math."); });
    populateMathPolynomialApproximationPatterns(set, isApproximated);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    getOperation()->walk([&](mfa::MaskedAttentionOp op) {
      for (Region *region : {&op.getScore(), &op.getKeep()})
        if (!region->empty())
          (void)applyPatternsGreedily(*region, patterns);
    });
  }

private:
  FrozenRewritePatternSet patterns;
};

} // namespace
