//===- MFAToVector.cpp - Masked attention on buffers to vectors -----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionLoops.h"
#include "KernelShape.h"
#include "LaneLoads.h"
#include "mfa/Conversion/Passes.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Approximation.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_CONVERTMFATOVECTORPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

static bool isLowered(mfa::MaskedAttentionOp op) {
  std::optional<mfa::ScheduleAttr> schedule = op.getSchedule();
  return schedule && schedule->isForCPU() && !op.hasTensorSemantics();
}

/// What a schedule can be right for, with this op.
static LogicalResult checkSchedule(mfa::MaskedAttentionOp op) {
  // Of a thread's stack, which may be that of a thread of the caller.
  constexpr int64_t kMostScratchBytes = 1 << 20;
  mfa::KernelShape shape(op, *op.getSchedule());
  if (shape.multipliesPairs() && !op.getElementType().isBF16())
    return op.emitOpError("expected no 'dot_products' in a schedule for ")
           << op.getElementType() << "; they are for bf16";
  if (int64_t bytes = shape.scratchBytes(); bytes > kMostScratchBytes)
    return op.emitOpError("expected a schedule whose copies of tiles take up "
                          "to ")
           << kMostScratchBytes << " bytes of a thread's stack, but got "
           << bytes << "; choose a smaller 'tile_rows' or 'tile_keys'";
  return success();
}

namespace {
struct LowerToVectors : OpRewritePattern<mfa::MaskedAttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(mfa::MaskedAttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (!isLowered(op))
      return rewriter.notifyMatchFailure(
          op, "expected buffers, and a schedule of a CPU");
    knowUnitStrides(op, rewriter);
    mfa::createAttentionLoops(rewriter, op, *op.getSchedule());
    rewriter.eraseOp(op);
    return success();
  }

private:
  /// Vectors are of arrays whose type says that elements are side by side, as
  /// those of an op are.
  static void knowUnitStrides(mfa::MaskedAttentionOp op,
                              PatternRewriter &rewriter) {
    for (OpOperand *operand : {&op.getQueryMutable(), &op.getKeyMutable(),
                               &op.getValueMutable(), &op.getOutputMutable()}) {
      Value view = mfa::withUnitStride(rewriter, op.getLoc(), operand->get());
      if (view == operand->get())
        continue;
      rewriter.modifyOpInPlace(op, [&] { operand->set(view); });
    }
  }
};

struct ConvertMFAToVectorPass
    : mfa::impl::ConvertMFAToVectorPassBase<ConvertMFAToVectorPass> {
  using ConvertMFAToVectorPassBase::ConvertMFAToVectorPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet functions(context);
    populateMathPolynomialApproximationPatterns(functions, isApproximated);
    scoreFunctions = std::move(functions);
    RewritePatternSet set(context);
    set.add<LowerToVectors>(context);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    WalkResult result = getOperation()->walk([&](mfa::MaskedAttentionOp op) {
      if (!isLowered(op))
        return WalkResult::advance();
      if (!op.getScore().empty())
        (void)applyPatternsGreedily(op.getScore(), scoreFunctions);
      return WalkResult(checkSchedule(op));
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    walkAndApplyPatterns(getOperation(), patterns);
  }

private:
  /// Functions of f32 that are polynomials in vectors; of others, the C library
  /// has one for each element. Those of `keep` stay exact next to whole
  /// numbers.
  static bool isApproximated(StringRef name) {
    return llvm::is_contained({StringRef("math.erf"), StringRef("math.exp"),
                               StringRef("math.expm1"), StringRef("math.log"),
                               StringRef("math.log1p"), StringRef("math.log2"),
                               StringRef("math.tanh")},
                              name);
  }

  FrozenRewritePatternSet scoreFunctions, patterns;
};
} // namespace
