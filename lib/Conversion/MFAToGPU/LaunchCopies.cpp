//===- LaunchCopies.cpp - Copies between layouts on the GPU ---------------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The driver copies ranges of bytes. A copy between buffers of other layouts,
// and one of a number to all elements of a buffer, is a kernel with a thread
// for each element, the last dimension fastest.
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
#include "mlir/Dialect/Linalg/IR/Linalg.h"
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

static std::pair<Value, Value> getOperands(memref::CopyOp op) {
  return {op.getSource(), op.getTarget()};
}

static std::pair<Value, Value> getOperands(linalg::FillOp op) {
  return {op.value(), op.output()};
}

namespace {
/// The kernels of a module that copy to buffers.
class CopyKernels {
public:
  CopyKernels(ModuleOp module, const Chip &chip) : module(module), chip(chip) {}

  /// Launches the kernel that copies `source`, a buffer or a number, to
  /// `target`.
  void launch(ImplicitLocOpBuilder &b, StringRef name, Value source,
              Value target) {
    gpu::GPUFuncOp kernel =
        getKernel(b, name, source.getType(), target.getType());
    Value count = createCount(b, createSizes(b, target));
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
  }

private:
  /// The kernel for values of these types.
  gpu::GPUFuncOp getKernel(ImplicitLocOpBuilder &b, StringRef name, Type source,
                           Type target) {
    gpu::GPUFuncOp &kernel = kernels[{source, target}];
    if (kernel)
      return kernel;
    OpBuilder::InsertionGuard guard(b);
    kernel = createKernel(b, b.getLoc(), module, chip, name,
                          b.getFunctionType({source, target}, {}), kThreads);
    b.setInsertionPointToStart(&kernel.getBody().front());
    Value from = kernel.getArgument(0), to = kernel.getArgument(1);
    SmallVector<Value> sizes = createSizes(b, to);
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
      Value value = from;
      if (isa<MemRefType>(source))
        value = memref::LoadOp::create(b, from, indices);
      memref::StoreOp::create(b, value, to, indices);
    }
    gpu::ReturnOp::create(b);
    return kernel;
  }

  ModuleOp module;
  const Chip &chip;
  DenseMap<std::pair<Type, Type>, gpu::GPUFuncOp> kernels;
};

template <typename Op>
struct LaunchCopy : OpRewritePattern<Op> {
  LaunchCopy(MLIRContext *context, StringRef name, CopyKernels &kernels)
      : OpRewritePattern<Op>(context), name(name), kernels(kernels) {}

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    if (!op->template getParentOfType<func::FuncOp>())
      return rewriter.notifyMatchFailure(op, "expected an op of a func.func");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto [source, target] = getOperands(op);
    kernels.launch(b, name, source, target);
    rewriter.eraseOp(op);
    return success();
  }

private:
  StringRef name;
  CopyKernels &kernels;
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
      CopyKernels kernels(module, *known);
      RewritePatternSet patterns(&getContext());
      patterns.add<LaunchCopy<memref::CopyOp>>(&getContext(), "copy", kernels);
      patterns.add<LaunchCopy<linalg::FillOp>>(&getContext(), "fill", kernels);
      walkAndApplyPatterns(module, std::move(patterns));
    });
  }

private:
  LogicalResult checkTypes() {
    WalkResult result = getOperation().walk([](Operation *op) {
      if (!isa<memref::CopyOp, linalg::FillOp>(op))
        return WalkResult::advance();
      for (Type buffer : op->getOperandTypes()) {
        auto type = dyn_cast<MemRefType>(buffer);
        if (!isa<ShapedType>(buffer) || (type && type.isStrided()))
          continue;
        op->emitOpError("expected ranked buffers with a strided layout, which "
                        "a kernel can copy, but got ")
            << buffer;
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }
};
} // namespace
