//===- EmulateBF16.cpp - Arithmetic of bf16 in f32 ------------------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mfa/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/DialectConversion.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFAEMULATEBF16PASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;

namespace {
struct EmulateBF16Pass : mfa::impl::MFAEmulateBF16PassBase<EmulateBF16Pass> {
  using MFAEmulateBF16PassBase::MFAEmulateBF16PassBase;

  void runOnOperation() override {
    if (failed(emulateArith()) || failed(emulateMath()))
      return signalPassFailure();
    // Upstream's patterns let rounding to bf16 and back fold away between two
    // ops; each op of bf16 rounds.
    getOperation()->walk([](Operation *op) {
      if (isa<arith::ExtFOp>(op) && isBF16(op->getOperand(0).getType()))
        cast<arith::ExtFOp>(op).setFastmath(std::nullopt);
      if (isa<arith::TruncFOp>(op) && isBF16(op->getResult(0).getType()))
        cast<arith::TruncFOp>(op).setFastmath(std::nullopt);
    });
  }

private:
  static bool isBF16(Type type) { return getElementTypeOrSelf(type).isBF16(); }

  LogicalResult emulateArith() {
    MLIRContext *context = &getContext();
    TypeConverter converter;
    arith::populateEmulateUnsupportedFloatsConversions(
        converter, {BFloat16Type::get(context)}, Float32Type::get(context));
    RewritePatternSet patterns(context);
    arith::populateEmulateUnsupportedFloatsPatterns(patterns, converter);
    ConversionTarget target(*context);
    arith::populateEmulateUnsupportedFloatsLegality(target, converter);
    return convert(target, std::move(patterns));
  }

  LogicalResult emulateMath() {
    MLIRContext *context = &getContext();
    SetVector<Type> supported;
    supported.insert_range(
        ArrayRef<Type>{Float16Type::get(context), Float32Type::get(context),
                       Float64Type::get(context), Float80Type::get(context),
                       Float128Type::get(context)});
    TypeConverter converter;
    math::populateExtendToSupportedTypesTypeConverter(
        converter, supported, Float32Type::get(context));
    RewritePatternSet patterns(context);
    math::populateExtendToSupportedTypesPatterns(patterns, converter);
    ConversionTarget target(*context);
    math::populateExtendToSupportedTypesConversionTarget(target, converter);
    return convert(target, std::move(patterns));
  }

  LogicalResult convert(ConversionTarget &target, RewritePatternSet patterns) {
    // GPUs have bf16.
    target.addLegalOp<gpu::GPUModuleOp>();
    target.markOpRecursivelyLegal<gpu::GPUModuleOp>();
    return applyPartialConversion(getOperation(), target, std::move(patterns));
  }
};
} // namespace
