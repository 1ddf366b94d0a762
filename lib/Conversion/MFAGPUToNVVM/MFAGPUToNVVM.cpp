//===- MFAGPUToNVVM.cpp - Register tiles as nvvm and llvm ops -------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A tile becomes the registers a lane holds of it (one value each), through
// control flow too; what is left is scalar code that upstream's passes lower.
//
//===----------------------------------------------------------------------===//

#include "Fragments.h"
#include "mfa/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_CONVERTMFAGPUTONVVMPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using namespace mlir::mfa_gpu;

namespace {

/// A loop that carries tiles, with what is said of it: upstream's pattern
/// leaves attributes behind.
struct ConvertAnnotatedWhile : OpConversionPattern<scf::WhileOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(scf::WhileOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Value> operands;
    for (ValueRange values : adaptor.getOperands())
      llvm::append_range(operands, values);
    SmallVector<Type> types;
    SmallVector<unsigned> ends;
    for (Type type : op.getResultTypes()) {
      if (failed(typeConverter->convertType(type, types)))
        return rewriter.notifyMatchFailure(op, "has a type that stays");
      ends.push_back(types.size());
    }
    auto loop = scf::WhileOp::create(rewriter, op.getLoc(), types, operands);
    loop->setAttrs(op->getAttrs());
    for (auto [from, to] :
         llvm::zip_equal(op->getRegions(), loop->getRegions())) {
      rewriter.inlineRegionBefore(from, to, to.end());
      if (failed(rewriter.convertRegionTypes(&to, *typeConverter)))
        return failure();
    }
    SmallVector<ValueRange> results;
    unsigned first = 0;
    for (unsigned end : ends) {
      results.push_back(loop.getResults().slice(first, end - first));
      first = end;
    }
    rewriter.replaceOpWithMultiple(op, results);
    return success();
  }
};

struct ConvertMFAGPUToNVVMPass
    : mfa::impl::ConvertMFAGPUToNVVMPassBase<ConvertMFAGPUToNVVMPass> {
  void runOnOperation() override {
    MLIRContext &context = getContext();
    TypeConverter converter;
    converter.addConversion([](Type type) { return type; });
    converter.addConversion([](TileType tile, SmallVectorImpl<Type> &types) {
      types.append(getNumRegisters(tile), getRegisterType(tile));
      return success();
    });

    ConversionTarget target(context);
    target.addIllegalDialect<MFAGPUDialect>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    target.addDynamicallyLegalOp<math::AbsFOp, math::CeilOp, math::CopySignOp,
                                 math::Exp2Op, math::FloorOp, math::FmaOp,
                                 math::Log2Op, math::RoundEvenOp, math::RoundOp,
                                 math::SqrtOp, math::TanhOp, math::TruncOp>(
        [](Operation *op) { return !op->getResult(0).getType().isF32(); });

    RewritePatternSet patterns(&context);
    populateCopyPatterns(converter, patterns);
    populateElementPatterns(converter, patterns);
    populateLoadStorePatterns(converter, patterns);
    populateMmaPatterns(converter, patterns);
    populatePlainProductPatterns(converter, patterns);
    populateTensorCopyPatterns(converter, patterns);
    populateWarpgroupPatterns(converter, patterns);
    scf::populateSCFStructuralTypeConversionsAndLegality(converter, patterns,
                                                         target);
    patterns.add<ConvertAnnotatedWhile>(converter, &context, /*benefit=*/2);
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
