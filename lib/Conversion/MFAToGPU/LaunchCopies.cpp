//===- LaunchCopies.cpp - Copies between layouts on the GPU ---------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The driver copies ranges of bytes. A copy between buffers of other layouts is
// a kernel with a thread for each element, the last dimension fastest.
//
//===----------------------------------------------------------------------===//

#include "KernelModules.h"
#include "mfa/Conversion/Passes.h"
#include "mfa/Support/OptionCheck.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::mfa {
#define GEN_PASS_DEF_MFALAUNCHCOPIESPASS
#include "mfa/Conversion/Passes.h.inc"
} // namespace mlir::mfa

using namespace mlir;
using namespace mlir::mfa;

static constexpr int64_t kThreads = 256;

/// The sizes of a buffer, those that its type has as constants.
static SmallVector<Value> createSizes(ImplicitLocOpBuilder &b, Value buffer) {
  SmallVector<Value> sizes;
  for (int64_t dim = 0, rank = cast<MemRefType>(buffer.getType()).getRank();
       dim < rank; ++dim)
    sizes.push_back(b.createOrFold<memref::DimOp>(buffer, dim));
  return sizes;
}

static Value createCount(ImplicitLocOpBuilder &b, ValueRange sizes) {
  Value count = arith::ConstantIndexOp::create(b, 1);
  for (Value size : sizes)
    count = b.createOrFold<arith::MulIOp>(count, size);
  return count;
}

namespace {
struct LaunchCopy : OpRewritePattern<memref::CopyOp> {
  LaunchCopy(ModuleOp module, const Chip &chip)
      : OpRewritePattern(module.getContext()), module(module), chip(chip) {}

  LogicalResult matchAndRewrite(memref::CopyOp op,
                                PatternRewriter &rewriter) const override {
    if (!op->getParentOfType<func::FuncOp>())
      return rewriter.notifyMatchFailure(op, "expected a copy in a func.func");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value source = op.getSource(), target = op.getTarget();
    gpu::GPUFuncOp kernel = getKernel(b, source.getType(), target.getType());
    Value count = createCount(b, createSizes(b, source));
    Value one = arith::ConstantIndexOp::create(b, 1);
    Value threads = arith::ConstantIndexOp::create(b, kThreads);
    Value blocks = b.createOrFold<arith::CeilDivUIOp>(count, threads);
    // A grid of no blocks is an error to the driver.
    Value isNeeded = b.createOrFold<arith::CmpIOp>(
        arith::CmpIPredicate::ne, count, arith::ConstantIndexOp::create(b, 0));
    auto guarded = scf::IfOp::create(b, isNeeded);
    b.setInsertionPointToStart(guarded.thenBlock());
    gpu::LaunchFuncOp::create(b, kernel, gpu::KernelDim3{blocks, one, one},
                              gpu::KernelDim3{threads, one, one},
                              /*dynamicSharedMemorySize=*/Value(),
                              ValueRange{source, target});
    rewriter.eraseOp(op);
    return success();
  }

private:
  /// The kernel for buffers of these types.
  gpu::GPUFuncOp getKernel(ImplicitLocOpBuilder &b, Type source,
                           Type target) const {
    gpu::GPUFuncOp &kernel = kernels[{source, target}];
    if (kernel)
      return kernel;
    OpBuilder::InsertionGuard guard(b);
    kernel = createKernel(b, b.getLoc(), module, chip, "copy",
                          b.getFunctionType({source, target}, {}), kThreads);
    b.setInsertionPointToStart(&kernel.getBody().front());
    Value from = kernel.getArgument(0), to = kernel.getArgument(1);
    SmallVector<Value> sizes = createSizes(b, from);
    Value block = gpu::BlockIdOp::create(b, gpu::Dimension::x);
    Value thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
    Value first = arith::MulIOp::create(
        b, block, arith::ConstantIndexOp::create(b, kThreads));
    Value element = arith::AddIOp::create(b, first, thread);
    Value isInside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                           element, createCount(b, sizes));
    auto guarded = scf::IfOp::create(b, isInside);
    {
      OpBuilder::InsertionGuard bodyGuard(b);
      b.setInsertionPointToStart(guarded.thenBlock());
      SmallVector<Value> indices;
      if (!sizes.empty())
        llvm::append_range(
            indices, affine::AffineDelinearizeIndexOp::create(b, element, sizes)
                         .getResults());
      Value value = memref::LoadOp::create(b, from, indices);
      memref::StoreOp::create(b, value, to, indices);
    }
    gpu::ReturnOp::create(b);
    return kernel;
  }

  mutable ModuleOp module;
  const Chip &chip;
  mutable DenseMap<std::pair<Type, Type>, gpu::GPUFuncOp> kernels;
};

struct LaunchCopiesPass : mfa::impl::MFALaunchCopiesPassBase<LaunchCopiesPass> {
  using MFALaunchCopiesPassBase::MFALaunchCopiesPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    return mfa::checkPassOptions(
        *this, context,
        [&](const mfa::OptionCheck &check) { return check.chip(chip); });
  }

  void runOnOperation() override {
    std::optional<Chip> known = lookupChip(chip);
    if (failed(checkTypes()))
      return signalPassFailure();
    getOperation().walk([&](ModuleOp module) {
      RewritePatternSet patterns(&getContext());
      patterns.add<LaunchCopy>(module, *known);
      walkAndApplyPatterns(module, std::move(patterns));
    });
  }

private:
  LogicalResult checkTypes() {
    WalkResult result = getOperation().walk([](memref::CopyOp op) {
      for (Value buffer : {op.getSource(), op.getTarget()}) {
        auto type = dyn_cast<MemRefType>(buffer.getType());
        if (type && type.isStrided())
          continue;
        op.emitOpError("expected ranked buffers with a strided layout, which a "
                       "kernel can copy, but got ")
            << buffer.getType();
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }
};
} // namespace
