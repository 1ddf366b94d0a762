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
    knowUnitStrides(op, rewriter);
    mfa::createAttentionLoops(rewriter, op, *schedule);
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
      auto type = cast<MemRefType>(operand->get().getType());
      auto [strides, offset] = type.getStridesAndOffset();
      if (strides.back() == 1)
        continue;
      strides.back() = 1;
      auto layout = StridedLayoutAttr::get(op.getContext(), offset, strides);
      auto known = MemRefType::get(type.getShape(), type.getElementType(),
                                   layout, type.getMemorySpace());
      Value cast =
          memref::CastOp::create(rewriter, op.getLoc(), known, operand->get());
      rewriter.modifyOpInPlace(op, [&] { operand->set(cast); });
    }
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
