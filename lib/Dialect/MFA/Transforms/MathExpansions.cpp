//===- MathExpansions.cpp - Math ops by those of arith --------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Dialect/MFA/Transforms/MathExpansions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

/// |x| `predicate` `bound`, of a float or a vector of floats.
static Value compareMagnitude(ImplicitLocOpBuilder &b,
                              arith::CmpFPredicate predicate, Value x,
                              const APFloat &bound) {
  Type type = x.getType();
  TypedAttr attr = b.getFloatAttr(getElementTypeOrSelf(type), bound);
  if (auto shaped = dyn_cast<ShapedType>(type))
    attr = DenseElementsAttr::get(shaped, attr);
  return arith::CmpFOp::create(b, predicate, math::AbsFOp::create(b, x),
                               arith::ConstantOp::create(b, attr));
}

static const llvm::fltSemantics &getSemantics(Value value) {
  return cast<FloatType>(getElementTypeOrSelf(value)).getFloatSemantics();
}

static Value isInfinite(ImplicitLocOpBuilder &b, Value x) {
  return compareMagnitude(b, arith::CmpFPredicate::OEQ, x,
                          APFloat::getInf(getSemantics(x)));
}

static Value isFinite(ImplicitLocOpBuilder &b, Value x) {
  return compareMagnitude(b, arith::CmpFPredicate::OLT, x,
                          APFloat::getInf(getSemantics(x)));
}

static Value isNaN(ImplicitLocOpBuilder &b, Value x) {
  return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
}

static Value isNormal(ImplicitLocOpBuilder &b, Value x) {
  Value finite = isFinite(b, x);
  Value isLarge =
      compareMagnitude(b, arith::CmpFPredicate::OGE, x,
                       APFloat::getSmallestNormalized(getSemantics(x)));
  return arith::AndIOp::create(b, finite, isLarge);
}

namespace {
/// min(max(x, least), most). (Upstream's expansion, in LLVM 22, takes least and
/// most the other way round.)
struct ExpandClamp : OpRewritePattern<math::ClampFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ClampFOp op,
                                PatternRewriter &rewriter) const override {
    Value raised = arith::MaximumFOp::create(
        rewriter, op.getLoc(), op.getValue(), op.getMin(), op.getFastmath());
    rewriter.replaceOpWithNewOp<arith::MinimumFOp>(op, raised, op.getMax(),
                                                   op.getFastmath());
    return success();
  }
};

template <typename Op>
struct ExpandClass : OpRewritePattern<Op> {
  using Test = Value (*)(ImplicitLocOpBuilder &, Value);

  ExpandClass(MLIRContext *context, Test test)
      : OpRewritePattern<Op>(context), test(test) {}

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, test(b, op.getOperand()));
    return success();
  }

private:
  Test test;
};
} // namespace

void mfa::populateClassExpansionPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<ExpandClamp>(context);
  patterns.add<ExpandClass<math::IsFiniteOp>>(context, isFinite);
  patterns.add<ExpandClass<math::IsInfOp>>(context, isInfinite);
  patterns.add<ExpandClass<math::IsNaNOp>>(context, isNaN);
  patterns.add<ExpandClass<math::IsNormalOp>>(context, isNormal);
}
