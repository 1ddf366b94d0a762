//===- ExpandRegionMath.cpp - Functions of regions, for GPUs --------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/MathExpansions.h"
#include "mfa/Dialect/MFA/Transforms/Passes.h"
#include "mfa/Dialect/MFA/Transforms/RegionMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
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
static constexpr double kLog10Of2 = 0.3010299956639812;

/// Whether scores are of f32 operands, and good to more digits than those of
/// f16 and bf16.
static bool isOfF32(mfa::MaskedAttentionOp attention) {
  return attention.getElementType().isF32();
}

/// Whether an op is one of many for each score, as those of `keep` are not:
/// these are for few tiles, and had better be exact next to whole numbers.
static bool isOfScore(Operation *op) {
  auto attention = op->getParentOfType<mfa::MaskedAttentionOp>();
  return op->getParentRegion() == &attention.getScore();
}

/// Functions of f32 that kernels have instructions for. That of tanh is good to
/// 2^-11, as f16 is.
static bool hasInstruction(Operation *op, mfa::MaskedAttentionOp attention) {
  if (isa<math::TanhOp>(op) && isOfF32(attention))
    return false;
  return isa<math::AbsFOp, math::CeilOp, math::CopySignOp, math::Exp2Op,
             math::FloorOp, math::FmaOp, math::Log2Op, math::RoundOp,
             math::RoundEvenOp, math::SqrtOp, math::TanhOp, math::TruncOp>(
             op) &&
         op->getResult(0).getType().isF32();
}

LogicalResult mfa::checkRegionMath(MaskedAttentionOp op) {
  for (Region *region : {&op.getScore(), &op.getKeep()})
    for (Operation &nested : region->getOps()) {
      if (!isa_and_nonnull<math::MathDialect, index::IndexDialect>(
              nested.getDialect()) ||
          hasInstruction(&nested, op))
        continue;
      InFlightDiagnostic diag =
          op.emitOpError("expected regions with functions that GPU kernels "
                         "have instructions for (mfa-expand-region-math "
                         "writes most others by these), but got '");
      diag << nested.getName() << "'; run it on the CPU (mfa-to-cpu)";
      diag.attachNote(nested.getLoc()) << "the op is here";
      return diag;
    }
  return success();
}

static Value createConstant(ImplicitLocOpBuilder &b, double value) {
  return arith::ConstantOp::create(
      b, b.getF32FloatAttr(static_cast<float>(value)));
}

/// exp2 of `value` times log2 e times `factor`.
static Value createExp(ImplicitLocOpBuilder &b, Value value, double factor) {
  return math::Exp2Op::create(
      b, arith::MulFOp::create(b, value, createConstant(b, kLog2E * factor)));
}

/// x + x^3 p(x^2), where p is fitted to (tanh(x) / x - 1) / x^2 in Chebyshev
/// points of x^2 up to 0.6^2; good to a unit in the last place up to there.
static Value createSmallTanh(ImplicitLocOpBuilder &b, Value x) {
  constexpr double coefficients[] = {-0.006276391, 0.021116218, -0.053875137,
                                     0.13332924, -0.33333331};
  Value square = arith::MulFOp::create(b, x, x);
  Value sum = createConstant(b, coefficients[0]);
  for (double coefficient : ArrayRef(coefficients).drop_front())
    sum = math::FmaOp::create(b, sum, square, createConstant(b, coefficient));
  return math::FmaOp::create(b, arith::MulFOp::create(b, square, sum), x, x);
}

namespace {
/// 1 - 2 / (exp(2 x) + 1) of an op on f32: right at +-inf as well. Near 0 that
/// has the error of numbers near 1.
struct ExpandTanh : OpRewritePattern<math::TanhOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::TanhOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF32() ||
        !isOfF32(op->getParentOfType<mfa::MaskedAttentionOp>()))
      return rewriter.notifyMatchFailure(op, "needs f32, also of the operands");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value x = op.getOperand();
    Value one = createConstant(b, 1);
    Value sum = arith::AddFOp::create(b, createExp(b, x, 2), one);
    Value rest = arith::DivFOp::create(b, createConstant(b, 2), sum,
                                       arith::FastMathFlags::afn);
    Value result = arith::SubFOp::create(b, one, rest);
    Value isSmall = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT,
                                          math::AbsFOp::create(b, x),
                                          createConstant(b, 0.6));
    result = arith::SelectOp::create(b, isSmall, createSmallTanh(b, x), result);
    rewriter.replaceOp(op, result);
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

/// A logarithm by the binary one, which is multiplied by `factor`.
template <typename Op>
struct ExpandLog : OpRewritePattern<Op> {
  ExpandLog(MLIRContext *context, double factor)
      : OpRewritePattern<Op>(context), factor(factor) {}

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "needs f32");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value log2 = math::Log2Op::create(b, op.getOperand());
    rewriter.replaceOpWithNewOp<arith::MulFOp>(op, log2,
                                               createConstant(b, factor));
    return success();
  }

private:
  double factor;
};

/// The root of |x|, with the sign of x; right at 0 and infinity as well. Of
/// numbers below 2^-126 it is 0.
struct ExpandCbrt : OpRewritePattern<math::CbrtOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::CbrtOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "needs f32");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value x = op.getOperand();
    Value log2 = math::Log2Op::create(b, math::AbsFOp::create(b, x));
    Value third = arith::MulFOp::create(b, log2, createConstant(b, 1.0 / 3));
    rewriter.replaceOpWithNewOp<math::CopySignOp>(
        op, math::Exp2Op::create(b, third), x);
    return success();
  }
};

struct ExpandAbsI : OpRewritePattern<math::AbsIOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::AbsIOp op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value x = op.getOperand();
    Value zero = arith::ConstantOp::create(b, b.getIntegerAttr(x.getType(), 0));
    Value negated = arith::SubIOp::create(b, zero, x);
    rewriter.replaceOpWithNewOp<arith::MaxSIOp>(op, x, negated);
    return success();
  }
};

/// The remainder with the sign of x. The quotient, whose approximation may be
/// one off next to a whole number, is put right; it is exact up to 2^22.
struct ExpandRemF : OpRewritePattern<arith::RemFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::RemFOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "needs f32");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value x = math::AbsFOp::create(b, op.getLhs());
    Value y = math::AbsFOp::create(b, op.getRhs());
    auto choose = [&](arith::CmpFPredicate predicate, Value lhs, Value rhs,
                      Value yes, Value no) -> Value {
      Value condition = arith::CmpFOp::create(b, predicate, lhs, rhs);
      return arith::SelectOp::create(b, condition, yes, no);
    };
    Value quotient = math::FloorOp::create(b, arith::DivFOp::create(b, x, y));
    Value rest =
        math::FmaOp::create(b, arith::NegFOp::create(b, quotient), y, x);
    rest = choose(arith::CmpFPredicate::OLT, rest, createConstant(b, 0),
                  arith::AddFOp::create(b, rest, y), rest);
    rest = choose(arith::CmpFPredicate::OGE, rest, y,
                  arith::SubFOp::create(b, rest, y), rest);
    // Also where y is infinite.
    rest = choose(arith::CmpFPredicate::OLT, x, y, x, rest);
    rewriter.replaceOpWithNewOp<math::CopySignOp>(op, rest, op.getLhs());
    return success();
  }
};

/// A quotient of a few instructions: the exact one is a function call, around
/// which the tiles that a kernel has in registers would be spilled. By what is
/// the same for all pairs it is a product, with a reciprocal that a kernel
/// computes once.
struct ApproximateQuotient : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::DivFOp op,
                                PatternRewriter &rewriter) const override {
    arith::FastMathFlags flags = op.getFastmath();
    if (!op.getType().isF32() ||
        bitEnumContainsAll(flags, arith::FastMathFlags::afn))
      return rewriter.notifyMatchFailure(op, "nothing to change");
    auto approximate = flags | arith::FastMathFlags::afn;
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    if (!isOfScore(op) || !hasReciprocal(op.getRhs()) ||
        matchPattern(op.getLhs(), m_OneFloat())) {
      rewriter.modifyOpInPlace(op, [&] { op.setFastmath(approximate); });
      return success();
    }
    Value reciprocal = arith::DivFOp::create(b, createConstant(b, 1),
                                             op.getRhs(), approximate);
    rewriter.replaceOpWithNewOp<arith::MulFOp>(op, op.getLhs(), reciprocal);
    return success();
  }

private:
  /// Constants whose reciprocal is a normal number, and captured scalars. (Of a
  /// captured one that is not, scores differ by what a quotient of GPUs, too,
  /// is not exact in.)
  static bool hasReciprocal(Value divisor) {
    FloatAttr constant;
    if (!matchPattern(divisor, m_Constant(&constant)))
      return isa<BlockArgument>(divisor) &&
             cast<BlockArgument>(divisor).getArgNumber() != 0;
    APFloat value = constant.getValue();
    return value.isNormal() && (APFloat(1.0f) / value).isNormal();
  }
};

/// Products and sums that may be one instruction.
template <typename Op>
struct ContractProducts : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    arith::FastMathFlags flags = op.getFastmath();
    if (!isOfScore(op) ||
        bitEnumContainsAll(flags, arith::FastMathFlags::contract))
      return rewriter.notifyMatchFailure(op, "nothing to change");
    rewriter.modifyOpInPlace(
        op, [&] { op.setFastmath(flags | arith::FastMathFlags::contract); });
    return success();
  }
};

struct ExpandRegionMathPass
    : mfa::impl::MFAExpandRegionMathPassBase<ExpandRegionMathPass> {
  using MFAExpandRegionMathPassBase::MFAExpandRegionMathPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    set.add<ExpandAbsI, ExpandCbrt, ExpandTanh, ExpandExp, ExpandRemF,
            ApproximateQuotient, ContractProducts<arith::AddFOp>,
            ContractProducts<arith::MulFOp>, ContractProducts<arith::SubFOp>>(
        context);
    set.add<ExpandLog<math::LogOp>>(context, kLn2);
    set.add<ExpandLog<math::Log10Op>>(context, kLog10Of2);
    mfa::populateClassExpansionPatterns(set);
    populateMathAlgebraicSimplificationPatterns(set);
    math::populateExpansionPatterns(set, {"sinh", "cosh", "tan", "asinh",
                                          "acosh", "atanh", "powf", "fpowi",
                                          "rsqrt", "ctlz"});
    auto isApproximated = [](StringRef name) {
      return llvm::is_contained(
          {StringRef("math.erf"), StringRef("math.erfc"), StringRef("math.sin"),
           StringRef("math.cos"), StringRef("math.atan"),
           StringRef("math.atan2"), StringRef("math.log1p"),
           StringRef("math.expm1"), StringRef("math.asin"),
           StringRef("math.acos")},
          name);
    };
    populateMathF32ExpansionPatterns(
        set, [](StringRef name) { return name.starts_with("math."); });
    populateMathPolynomialApproximationPatterns(set, isApproximated);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    WalkResult result =
        getOperation()->walk([&](mfa::MaskedAttentionOp op) -> WalkResult {
          for (Region *region : {&op.getScore(), &op.getKeep()})
            if (!region->empty())
              (void)applyPatternsGreedily(*region, patterns);
          return mfa::checkRegionMath(op);
        });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  FrozenRewritePatternSet patterns;
};

} // namespace
