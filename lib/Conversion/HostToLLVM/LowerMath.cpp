//===- LowerMath.cpp - Math ops that LLVM has no intrinsic for ------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Conversion/Passes.h"
#include "mfa/Dialect/MFA/Transforms/MathExpansions.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/DialectConversion.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFALOWERMATHPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

namespace {
struct LowerMathPass : mfa::impl::MFALowerMathPassBase<LowerMathPass> {
  using MFALowerMathPassBase::MFALowerMathPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathToLibmConversionPatterns(patterns);
    mfa::populateClassExpansionPatterns(patterns);
    ConversionTarget target(getContext());
    target.addLegalDialect<arith::ArithDialect, func::FuncDialect,
                           math::MathDialect, vector::VectorDialect>();
    // With an intrinsic, but computed from exp and log: near 0 nothing is left
    // of the result.
    target.addIllegalOp<math::ExpM1Op, math::Log1pOp>();
    target.addIllegalOp<math::AcoshOp, math::AsinhOp, math::AtanhOp,
                        math::CbrtOp, math::ClampFOp, math::ErfOp, math::ErfcOp,
                        math::IsInfOp, math::IsNormalOp>();
    if (failed(checkVectors()))
      return signalPassFailure();
    // Kernels call other functions.
    target.addLegalOp<gpu::GPUModuleOp>();
    target.markOpRecursivelyLegal<gpu::GPUModuleOp>();
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }

private:
  /// Of vectors each element has a call, or a loop of math-to-funcs, which
  /// comes next.
  LogicalResult checkVectors() {
    constexpr int64_t kMostElements = 4096;
    WalkResult result =
        getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
          if (isa<gpu::GPUModuleOp>(op))
            return WalkResult::skip();
          bool isOfElements =
              isa<math::AcoshOp, math::AsinhOp, math::AtanhOp, math::CbrtOp,
                  math::ErfOp, math::ErfcOp, math::ExpM1Op, math::Log1pOp,
                  math::IPowIOp, math::FPowIOp>(op);
          if (!isOfElements)
            return WalkResult::advance();
          auto type = dyn_cast<VectorType>(op->getResult(0).getType());
          if (!type || type.getNumElements() <= kMostElements)
            return WalkResult::advance();
          op->emitOpError("expected vectors of at most ")
              << kMostElements << " elements, as each has a call, but got "
              << type;
          return WalkResult::interrupt();
        });
    return failure(result.wasInterrupted());
  }
};
} // namespace
